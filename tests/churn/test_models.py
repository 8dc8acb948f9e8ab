"""What every churn model promises, whatever its kind.

- Nobody is judged by a model that saw them.
- A constant and one contribution a feature are the log-odds (of a forest the probability), exactly.
- Missing is not zero.
- A model is its content, and the same seed makes the same one.
- Too few listeners, or one class, are refused in one line.
"""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from tests.churn.saved_models import read_back, saved

from counterpoint.churn.models.crossfit import cross_fit, fit_whole
from counterpoint.churn.models.forest import ForestKind
from counterpoint.churn.models.logistic import LogisticKind
from counterpoint.churn.models.registry import MODELS as NAMED_MODELS
from counterpoint.churn.models.registry import SEARCHED_FOREST
from counterpoint.churn.training_set import FOLDS, Examples
from counterpoint.errors import CounterpointError
from counterpoint.stats.classification import auc

LISTENERS = 1000
MODELS = {**NAMED_MODELS, SEARCHED_FOREST: ForestKind(trees=40, depth=15, leaf=2)}  # fewer trees than its 200
SIGNAL, HALF_MISSING, CONSTANT, NEVER_KNOWN, NOISE = range(5)


FORESTS = ("random-forest", SEARCHED_FOREST)
GREEDY = ("gradient-boosting", SEARCHED_FOREST)  # the published settings learn much by heart of a thousand listeners


def examples(x, y, bucket=None):
    names = tuple(f"x{at}" for at in range(x.shape[1]))
    return Examples(names, x, y, np.arange(len(y)), np.arange(len(y)) if bucket is None else bucket)


def fitted_on(kind, x, y, *, seed=0):
    return MODELS[kind].fit(examples(x, y), seed=seed)


def crossed(kind, x, y, bucket):
    return cross_fit(MODELS[kind], examples(x, y, bucket), seed=0)


@pytest.fixture(params=MODELS)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def x():
    """Counts: one that tells, one that tells where it is known, one constant, one never known, and noise."""
    rng = np.random.default_rng(1)
    columns = [rng.poisson(9, LISTENERS), rng.poisson(9, LISTENERS), np.full(LISTENERS, 3), np.zeros(LISTENERS)]
    x = np.column_stack([*columns, rng.exponential(100, LISTENERS)]).astype(np.float64)
    x[rng.random(LISTENERS) < 0.5, HALF_MISSING] = np.nan
    x[:, NEVER_KNOWN] = np.nan
    return x


def true_log_odds(x):
    return 9 - x[:, SIGNAL] + np.where(np.isnan(x[:, HALF_MISSING]), 3, 0)


@pytest.fixture(scope="module")
def y(x):
    coins = np.random.default_rng(2).random(LISTENERS)
    return (coins < 1 / (1 + np.exp(-true_log_odds(x)))).astype(np.int64)


@pytest.fixture(scope="module")
def bucket():
    return np.random.default_rng(3).integers(0, 10_000, LISTENERS)


@pytest.fixture(scope="module")
def fits(x, y):
    return {kind: fitted_on(kind, x, y, seed=4) for kind in MODELS}


@pytest.fixture(scope="module")
def crossed_fits(x, y, bucket):
    """Each kind of model, fitted to everybody and once without each fold."""
    return {kind: crossed(kind, x, y, bucket) for kind in MODELS}


# Cross-fitting


class Remembering:
    """A model that knows whom it saw (feature 0 is their number) and refuses to judge them."""

    def __init__(self, seen):
        self.seen = seen

    @classmethod
    def fit(cls, examples, **_seed):
        return cls(frozenset(examples.x[:, 0]))

    def probability(self, x):
        assert not self.seen & set(x[:, 0]), "it saw them"
        return np.full(len(x), 0.5)

    def contributions(self, x):
        assert not self.seen & set(x[:, 0]), "it saw them"
        return np.zeros_like(x)


def test_nobody_is_judged_out_of_fold_by_a_model_that_saw_them(y, bucket):
    x = np.arange(LISTENERS, dtype=np.float64)[:, None]
    fitted = cross_fit(Remembering, examples(x, y, bucket), seed=0)
    assert (fitted.out_of_fold(x, bucket % FOLDS) == 0.5).all()
    assert (fitted.out_of_fold_contributions(x, bucket % FOLDS) == 0).all()


def test_each_part_learns_from_everybody_it_does_not_judge(y, bucket):
    x = np.arange(LISTENERS, dtype=np.float64)[:, None]
    fitted = cross_fit(Remembering, examples(x, y, bucket), seed=0)
    assert fitted.whole.seen == set(x[:, 0])
    for fold, part in enumerate(fitted.folds):
        assert part.seen == set(x[bucket % FOLDS != fold, 0])


def test_out_of_fold_nothing_is_foreseen_where_there_is_nothing_to_foresee(kind, x, bucket):
    coins = np.random.default_rng(8).integers(0, 2, LISTENERS)
    fitted = crossed(kind, x, coins, bucket)
    by_chance = np.sqrt((LISTENERS + 1) / (12 * coins.sum() * (LISTENERS - coins.sum())))  # Mann and Whitney 1947
    assert abs(auc(coins, fitted.out_of_fold(x, bucket % FOLDS)) - 0.5) < 4 * by_chance
    # What was learned by heart shows on those learned from; the blend weighs its members on others.
    assert kind == "blend" or auc(coins, fitted.whole.probability(x)) > 0.5 + 2 * by_chance


def test_what_can_be_predicted_is(kind, crossed_fits, x, y, bucket):
    found = auc(y, crossed_fits[kind].out_of_fold(x, bucket % FOLDS))
    assert auc(y, true_log_odds(x)) - 0.03 < found < 1


def test_out_of_fold_each_listener_is_judged_by_the_part_of_their_fold(kind, crossed_fits, x, bucket):
    fitted, fold = crossed_fits[kind], bucket % FOLDS
    probability, contributions = fitted.out_of_fold(x, fold), fitted.out_of_fold_contributions(x, fold)
    for at in range(20):
        part = fitted.folds[bucket[at] % FOLDS]
        assert probability[at] == pytest.approx(part.probability(x[at : at + 1])[0], abs=1e-12)
        np.testing.assert_allclose(contributions[at], part.contributions(x[at : at + 1])[0], atol=1e-9)
    assert (probability != fitted.whole.probability(x)).any()


def test_a_fold_of_nobody_is_no_trouble(x, y, bucket):
    four = bucket - bucket % FOLDS + bucket % FOLDS % 4
    probability = crossed("lightgbm", x, y, four).out_of_fold(x, four % FOLDS)
    assert ((probability >= 0) & (probability <= 1)).all()


# Exact reasons


def test_a_constant_and_the_contributions_are_the_log_odds(kind, fits, x):
    probability, contributions = fits[kind].probability(x), fits[kind].contributions(x)
    assert contributions.shape == x.shape
    telling = np.minimum(probability, 1 - probability) > 1e-4  # nearer to 0 or 1 the odds lose their digits
    probability, summed = probability[telling], contributions[telling].sum(axis=1)
    whole = probability if kind in FORESTS else np.log(probability / (1 - probability))
    np.testing.assert_allclose(whole - summed, (whole - summed)[0], rtol=0, atol=1e-9)


def test_the_constant_of_a_logistic_regression_is_what_it_says(fits, x):
    fitted = fits["logistic"]
    log_odds = fitted.contributions(x).sum(axis=1) + fitted.constant
    np.testing.assert_array_equal(fitted.probability(x), 1 / (1 + np.exp(-log_odds)))


def test_what_tells_nothing_contributes_less_than_what_tells(kind, fits, x):
    size = np.abs(fits[kind].contributions(x)).mean(axis=0)
    assert size[SIGNAL] > (3 if kind in GREEDY else 5) * size[NOISE]


@pytest.mark.parametrize("value", [0.0, 1.0, 3.0, 0.1, 12345.6])
def test_a_feature_that_never_varies_contributes_nothing(kind, x, y, value):
    known = np.column_stack([x[:, SIGNAL], np.full(LISTENERS, value)])
    fitted = fitted_on(kind, known, y)
    np.testing.assert_allclose(fitted.contributions(known)[:, 1], 0, atol=1e-9)


def test_a_feature_that_never_varied_says_nothing_when_it_does(kind, x, y):
    known = np.column_stack([x[:, SIGNAL], np.full(LISTENERS, 3.0)])
    fitted = fitted_on(kind, known, y)
    later = known + np.array([0, 1])
    np.testing.assert_allclose(fitted.probability(later), fitted.probability(known), atol=1e-9)


def test_a_feature_that_was_never_known_contributes_nothing(kind, fits, x):
    np.testing.assert_allclose(fits[kind].contributions(x)[:, NEVER_KNOWN], 0, atol=1e-3)


def test_contributions_of_a_logistic_regression_are_zero_on_average_where_known(fits, x):
    known = x[~np.isnan(x[:, HALF_MISSING])]
    assert fits["logistic"].contributions(known)[:, HALF_MISSING].mean() == pytest.approx(0, abs=1e-9)


def test_logistic_regression_is_scikit_learns_on_standardised_features_or_their_logarithms(x, y):
    complete = x[:, [SIGNAL, NOISE]]
    for logged in (True, False):
        first = FunctionTransformer(np.log1p if logged else None)
        theirs = make_pipeline(first, StandardScaler(), LogisticRegression(C=1.0, tol=1e-10)).fit(complete, y)
        ours = LogisticKind(logged=logged).fit(examples(complete, y), seed=0)
        np.testing.assert_allclose(ours.probability(complete), theirs.predict_proba(complete)[:, 1], atol=1e-3)


# Missing


def test_missing_is_not_zero(kind):
    x = np.tile([[0.0, 1.0], [np.nan, 1.0], [5.0, 2.0], [9.0, 1.0]], (250, 1))
    y = np.tile([0, 1, 0, 0], 250)
    zero, missing = fitted_on(kind, x, y).probability(np.array([[0.0, 1.0], [np.nan, 1.0]]))
    assert zero < 0.1
    assert missing > 0.9


def test_missing_where_nothing_was_missing_before_is_still_a_probability(kind, x, y):
    fitted = fitted_on(kind, x[:, [SIGNAL, NOISE]], y)
    probability = fitted.probability(np.array([[np.nan, np.nan], [np.nan, 1.0]]))
    assert ((probability >= 0) & (probability <= 1)).all()


@pytest.mark.parametrize("value", [3.0, np.nan])
def test_features_that_never_vary_leave_the_share_that_left(kind, y, value):
    alike = np.full((LISTENERS, 2), value)
    np.testing.assert_allclose(fitted_on(kind, alike, y).probability(alike), y.mean(), atol=0.01)


# Content and seed


def test_a_model_is_its_content(kind, fits, x):
    again = read_back(fits[kind])
    np.testing.assert_array_equal(again.probability(x), fits[kind].probability(x))
    np.testing.assert_array_equal(again.contributions(x), fits[kind].contributions(x))
    assert saved(again) == saved(fits[kind])


def test_importances_are_shares(kind, fits):
    assert fits[kind].importance.sum() == pytest.approx(1)
    assert fits[kind].importance.argmax() == SIGNAL


def test_the_same_seed_makes_the_same_model(kind, fits, x, y):
    assert saved(fitted_on(kind, x, y, seed=4)) == saved(fits[kind])


def test_another_seed_grows_other_trees(kind, fits, x, y):
    assert kind == "logistic" or (fitted_on(kind, x, y, seed=5).probability(x) != fits[kind].probability(x)).any()


# Refusals


def refusal(kind, x, y, bucket):
    with pytest.raises(CounterpointError) as refused:
        crossed(kind, x, y, bucket)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_fewer_than_fifty_listeners_are_too_few(kind, x, y, bucket):
    assert refusal(kind, x[:49], y[:49], bucket[:49]) == "49 listeners are too few to learn from: 50 would be the least"
    assert refusal(kind, x[:0], y[:0], bucket[:0]).startswith("0 listeners are too few")
    fit_whole(MODELS[kind], examples(x[:50], y[:50]), seed=0)


def test_fewer_than_fifty_listeners_outside_a_fold_are_too_few(kind, x, y):
    fold = np.arange(60)
    assert refusal(kind, x[:60], y[:60], fold).startswith("48 listeners are too few to learn from")
    crossed(kind, x[:63], y[:63], np.arange(63))


@pytest.mark.parametrize(("label", "word"), [(0, "stayed"), (1, "left")])
def test_one_class_alone_is_nothing_to_learn_from(kind, x, y, bucket, label, word):
    message = refusal(kind, x, np.full_like(y, label), bucket)
    assert message.startswith(f"all 1,000 listeners of a training set {word}: a model needs both")


def test_a_class_that_only_one_fold_has_is_refused(kind, x, bucket):
    message = refusal(kind, x, (bucket % FOLDS == 3).astype(np.int64), bucket)
    assert message.startswith(f"all {(bucket % FOLDS != 3).sum()} listeners of a training set stayed")


def test_features_that_nobody_has_are_nothing_to_learn_from(kind, x, y, bucket):
    message = refusal(kind, np.full_like(x, np.nan), y, bucket)
    assert message == "all 5 features are missing for all 1,000 listeners: there is nothing to learn"


@pytest.mark.parametrize("kind", ["logistic", "blend"])  # trees see a part of the rows only, and there all is chance
def test_where_leavers_and_stayers_are_alike_nothing_is_said_but_the_share_that_left(kind):
    x = np.tile(np.arange(60.0), 4)[:, None]
    y = np.repeat([0, 1], 120)
    np.testing.assert_allclose(fitted_on(kind, x, y).probability(x), 0.5, atol=0.02)

"""The churn report's trees, kept as arrays, say exactly what scikit-learn's say, and why.

- Probabilities are scikit-learn's own, with what is missing as 0 beside an indicator.
- A constant and the contributions are the probability (forest) or the log-odds (boosting).
- A forest is its bytes; a file whose nodes go in circles is refused.
"""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from tests.churn.saved_models import read_back, saved
from tests.logs import refusal

from counterpoint.churn.models.forest import NO_CHILD, ForestKind, GradientBoostingKind, with_indicators
from counterpoint.churn.models.registry import MODELS
from counterpoint.churn.training_set import Examples

ROWS, SEED = 400, 7
TELLING, HALF_MISSING, CONSTANT, NEVER_KNOWN, NOISE = range(5)
HOLES = np.array([HALF_MISSING, NEVER_KNOWN])
FOREST, BOOSTING = ForestKind(trees=20, depth=6, leaf=5), GradientBoostingKind()


@pytest.fixture(scope="module")
def learned():
    """Counts: one that tells, one that tells by its absence too, one constant, one never known, and noise."""
    rng = np.random.default_rng(1)
    columns = [rng.poisson(9, ROWS), rng.poisson(9, ROWS), np.full(ROWS, 3), np.zeros(ROWS), rng.exponential(9, ROWS)]
    x = np.column_stack(columns).astype(np.float64)
    x[rng.random(ROWS) < 0.5, HALF_MISSING] = np.nan
    x[:, NEVER_KNOWN] = np.nan
    log_odds = 9 - x[:, TELLING] + np.where(np.isnan(x[:, HALF_MISSING]), 2, 0)
    y = (rng.random(ROWS) < 1 / (1 + np.exp(-log_odds))).astype(np.int64)
    return Examples(tuple("abcde"), x, y, np.arange(ROWS), np.arange(ROWS))


@pytest.fixture(scope="module", params=[FOREST, BOOSTING], ids=["forest", "boosting"])
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def ours(kind, learned):
    return kind.fit(learned, seed=SEED)


@pytest.fixture(scope="module")
def theirs(kind, learned):
    """scikit-learn's own, fitted to the same."""
    return fitted_by_scikit_learn(kind, learned)


def fitted_by_scikit_learn(kind, learned):
    if kind is BOOSTING:
        model = GradientBoostingClassifier(
            n_estimators=200, max_depth=3, learning_rate=0.2, subsample=0.8, max_features=0.7, random_state=SEED
        )
    else:
        model = RandomForestClassifier(
            n_estimators=kind.trees, max_depth=kind.depth, min_samples_leaf=kind.leaf, random_state=SEED
        )
    return model.fit(with_indicators(learned.x, np.flatnonzero(np.isnan(learned.x).any(axis=0))), learned.y)


@pytest.fixture(scope="module")
def strangers():
    """Rows that no tree has seen, with holes where there were some."""
    rng = np.random.default_rng(2)
    x = rng.normal(9, 6, (ROWS, 5))
    x[rng.random(ROWS) < 0.3, HALF_MISSING] = np.nan
    x[rng.random(ROWS) < 0.7, NEVER_KNOWN] = np.nan
    return x


def told(model, x):
    """What a constant and the contributions must add up to."""
    probability = model.probability(x)
    return np.log(probability / (1 - probability)) if model.is_log_odds[0] else probability


# Probabilities


def test_what_is_missing_is_0_with_an_indicator_after_all_features():
    x = np.array([[1.0, np.nan, 3.0], [np.nan, 5.0, 6.0]])
    np.testing.assert_array_equal(with_indicators(x, np.array([1])), [[1, 0, 3, 1], [0, 5, 6, 0]])


def test_probabilities_are_scikit_learns_own(ours, theirs, learned, strangers):
    for x in (learned.x, strangers):
        np.testing.assert_allclose(
            ours.probability(x), theirs.predict_proba(with_indicators(x, HOLES))[:, 1], atol=1e-12
        )


@pytest.mark.parametrize("name", ["random-forest", "random-forest-searched"])
def test_probabilities_of_the_named_forests_are_scikit_learns_own(name, learned):
    found = MODELS[name].fit(learned, seed=SEED).probability(learned.x)
    expected = fitted_by_scikit_learn(MODELS[name], learned).predict_proba(with_indicators(learned.x, HOLES))
    np.testing.assert_allclose(found, expected[:, 1], atol=1e-12)


def test_numbers_at_a_threshold_go_where_scikit_learn_sends_them(ours, theirs, learned):
    at = np.unique(ours.threshold[(ours.feature == NOISE) & (ours.left != NO_CHILD)])
    x = np.repeat(learned.x[:1], 3 * len(at), axis=0)
    x[:, NOISE] = np.concatenate([np.nextafter(at, -np.inf), at, np.nextafter(at, np.inf)])
    np.testing.assert_allclose(ours.probability(x), theirs.predict_proba(with_indicators(x, HOLES))[:, 1], atol=1e-12)


def test_the_order_of_the_rows_judged_changes_nothing_and_nobody_is_no_trouble(ours, strangers):
    order = np.random.default_rng(3).permutation(ROWS)
    np.testing.assert_array_equal(ours.probability(strangers[order]), ours.probability(strangers)[order])
    assert ours.probability(strangers[:0]).shape == (0,)
    assert ours.contributions(strangers[:0]).shape == (0, 5)


def test_missing_is_not_zero(kind):
    x, y = np.tile([[0.0, 1.0], [np.nan, 1.0], [5.0, 2.0], [9.0, 1.0]], (50, 1)), np.tile([0, 1, 0, 0], 50)
    model = kind.fit(Examples(("a", "b"), x, y, np.arange(200), np.arange(200)), seed=0)
    zero, missing = model.probability(np.array([[0.0, 1.0], [np.nan, 1.0]]))
    assert zero < 0.2
    assert missing > 0.8


def test_what_was_never_missing_before_counts_as_zero_when_it_is(ours, strangers):
    missing, zero = strangers.copy(), strangers.copy()
    missing[:, TELLING], zero[:, TELLING] = np.nan, 0
    np.testing.assert_array_equal(ours.probability(missing), ours.probability(zero))


def test_features_that_never_vary_leave_the_share_that_left(kind, learned):
    alike = replace(learned, x=np.full((ROWS, 5), 3.0))
    found = kind.fit(alike, seed=0).probability(alike.x)
    # A forest draws its rows with replacement, a boosted tree some of them: the share wavers around the whole one's.
    np.testing.assert_allclose(found, found[0])
    assert found[0] == pytest.approx(learned.y.mean(), abs=4 * 0.5 / np.sqrt(ROWS))


def test_the_same_seed_grows_the_same_trees_and_another_seed_others(kind, ours, learned, strangers):
    again, other = (kind.fit(learned, seed=seed).probability(strangers) for seed in (SEED, SEED + 1))
    np.testing.assert_array_equal(again, ours.probability(strangers))
    assert (other != again).any()


# Reasons


def test_a_constant_and_the_contributions_are_the_sum_exactly(ours, learned, strangers):
    for x in (learned.x, strangers):
        constant = told(ours, x) - ours.contributions(x).sum(axis=1)
        np.testing.assert_allclose(constant, ours.constant[0] + ours.value[ours.roots].sum(), rtol=0, atol=1e-9)


def test_the_constant_of_a_forest_is_the_mean_share_that_left_of_its_trees(learned):
    ours, theirs = FOREST.fit(learned, seed=SEED), fitted_by_scikit_learn(FOREST, learned)
    roots = [tree.tree_.value[0, 0, 1] for tree in theirs.estimators_]
    assert ours.value[ours.roots].sum() == pytest.approx(np.mean(roots))


def test_every_node_of_a_forest_holds_the_share_that_scikit_learn_counted_there(learned):
    ours, theirs = FOREST.fit(learned, seed=SEED), fitted_by_scikit_learn(FOREST, learned)
    counted = np.concatenate([tree.tree_.value[:, 0, 1] for tree in theirs.estimators_])
    np.testing.assert_allclose(ours.value * FOREST.trees, counted, atol=1e-12)


def walked(tree, row, share, features):
    """One row's way down one of scikit-learn's trees: what each question changes, slowly."""
    found, node = np.zeros(features), 0
    while tree.children_left[node] != NO_CHILD:
        left = np.float32(row[tree.feature[node]]) <= tree.threshold[node]
        child = tree.children_left[node] if left else tree.children_right[node]
        found[tree.feature[node]] += share * (tree.value[child, 0, 1] - tree.value[node, 0, 1])
        node = child
    return found


def test_contributions_of_a_forest_are_those_of_walking_each_tree_slowly(learned, strangers):
    ours, theirs = FOREST.fit(learned, seed=SEED), fitted_by_scikit_learn(FOREST, learned)
    for x in strangers[:20]:
        row = with_indicators(x[None], HOLES)[0]
        slow = sum(walked(tree.tree_, row, 1 / FOREST.trees, len(row)) for tree in theirs.estimators_)
        slow[HOLES] += slow[5:]
        np.testing.assert_allclose(ours.contributions(x[None])[0], slow[:5], atol=1e-12)


def test_what_never_varied_and_what_was_never_known_contribute_nothing(ours, learned):
    found = ours.contributions(learned.x)
    assert (found[:, [CONSTANT, NEVER_KNOWN]] == 0).all()


def test_absence_is_its_features_own_reason(ours, learned):
    absent = np.isnan(learned.x[:, HALF_MISSING])
    found = ours.contributions(learned.x)[:, HALF_MISSING]
    assert found[absent].mean() > 0 > found[~absent].mean()


def test_importance_is_scikit_learns_with_an_indicators_share_given_to_its_feature(ours, theirs):
    expected = theirs.feature_importances_[:5].copy()
    expected[HOLES] += theirs.feature_importances_[5:]
    np.testing.assert_allclose(ours.importance, expected)
    assert ours.importance.sum() == pytest.approx(1)
    assert ours.importance.argmax() == TELLING


# Keeping


def test_a_forest_is_read_back_as_it_was(ours, strangers):
    again = read_back(ours)
    np.testing.assert_array_equal(again.probability(strangers), ours.probability(strangers))
    np.testing.assert_array_equal(again.contributions(strangers), ours.contributions(strangers))
    np.testing.assert_array_equal(again.importance, ours.importance)


def test_the_same_forest_has_the_same_bytes(kind, ours, learned):
    assert saved(read_back(ours)) == saved(ours) == saved(kind.fit(learned, seed=SEED))


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("child", ["itself", "its parent", "beyond the last", "nowhere"])
def test_children_that_do_not_come_after_their_parents_are_refused(ours, side, child):
    node = int(np.flatnonzero(ours.left != NO_CHILD)[1])
    wrong = {"itself": node, "its parent": 0, "beyond the last": len(ours.left), "nowhere": -2}[child]
    children = getattr(ours, side).copy()
    children[node] = wrong
    assert "do not come after it" in refusal(lambda: replace(ours, **{side: children}))

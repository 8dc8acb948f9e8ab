"""A table of your own: any frame, the same models, the same judging.

- Every frame gives the same model, in whatever order its columns stand.
- What cannot be learned from or judged is refused in one line.
- A model that was saved is the same model, and a changed byte is refused.
- Nobody is judged by a model that saw them, a classifier of your own included.
"""

import shutil

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.tree import DecisionTreeClassifier
from tests.churn.saved_models import saved
from tests.logs import refusal

from counterpoint.churn.estimator import BootstrapSettings, ChurnModel, evaluate_table
from counterpoint.churn.models.registry import MODELS
from counterpoint.churn.models.sklearn_adapter import SklearnKind
from counterpoint.churn.training_set import FOLDS, examples_from_table
from counterpoint.stats.classification import METRICS

FEATURES = ["plays", "idle", "phone"]
FRAMES = [pl.DataFrame, pl.DataFrame.to_arrow, pl.DataFrame.to_pandas]
RESAMPLES = 50
BOOTSTRAP = BootstrapSettings(resamples=RESAMPLES)


def invented(rows=400, seed=1):
    """Listeners with two rows each: who is idle leaves, and so does who plays little where that is known."""
    rng = np.random.default_rng(seed)
    idle, plays = rng.integers(0, 30, rows) / 2, rng.poisson(9, rows)
    left = rng.random(rows) < 1 / (1 + np.exp(plays - idle))
    known = pl.Series(plays).set(pl.Series(rng.random(rows) < 0.3), None)
    who = [f"listener {at // 2}" for at in range(rows)]
    return pl.DataFrame({"plays": known, "idle": idle, "phone": rng.random(rows) < 0.5, "who": who, "left": left})


TABLE = invented()
SIMPLE = TABLE.select(*FEATURES, "left")


@pytest.fixture(scope="module", params=list(MODELS))
def model(request):
    return ChurnModel(request.param, rng=3).fit(TABLE, label="left", listener="who")


@pytest.fixture(scope="module")
def small():
    return ChurnModel("logistic").fit(SIMPLE, label="left")


# Fit and predict


@pytest.mark.parametrize("kind", ["lightgbm", "logistic", "random-forest"])
def test_every_frame_gives_the_same_model_and_the_same_probabilities(kind):
    found = [
        ChurnModel(kind).fit(frame(SIMPLE), label="left").predict_proba(frame(SIMPLE.select(FEATURES)))
        for frame in FRAMES
    ]
    np.testing.assert_array_equal(found[1], found[0])
    np.testing.assert_array_equal(found[2], found[0])


def test_probabilities_to_stay_and_to_leave_are_one_together(model):
    found = model.predict_proba(TABLE.select(FEATURES))
    assert found.shape == (TABLE.height, 2)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert metrics.roc_auc_score(TABLE["left"], found[:, 1]) > 0.8


@given(st.permutations(FEATURES))
def test_the_order_of_the_columns_does_not_matter(model, order):
    expected = model.predict_proba(TABLE.select(FEATURES))
    np.testing.assert_array_equal(model.predict_proba(TABLE.select(order)), expected)
    assert model.contributions(TABLE.select(order)).columns == FEATURES


def test_constant_and_contributions_add_up_to_the_log_odds_or_a_forests_probability(model):
    left = model.predict_proba(TABLE.select(FEATURES))[:, 1]
    total = model.contributions(TABLE.select(FEATURES)).to_numpy().sum(axis=1)
    told = left if "forest" in model.kind else np.log(left / (1 - left))
    np.testing.assert_allclose(told - total, (told - total)[0], atol=1e-6)


def test_the_same_seed_gives_the_same_model_and_another_seed_another():
    first, same, other = (
        ChurnModel(rng=seed).fit(SIMPLE, label="left").predict_proba(SIMPLE.select(FEATURES)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, same)
    assert (first != other).any()


def test_a_table_of_nobody_has_no_probabilities_and_no_reasons(model):
    nobody = TABLE.select(FEATURES).head(0)
    assert model.predict_proba(nobody).shape == (0, 2)
    assert model.contributions(nobody).shape == (0, 3)


# Refusals


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (SIMPLE.rename({"left": "gone"}), "the table has no column 'left'"),
        (SIMPLE.with_columns(idle=pl.lit("long")), "the column 'idle' holds String"),
        (SIMPLE.with_columns(idle=pl.lit(float("inf"))), "the column 'idle' holds an infinite number"),
        (SIMPLE.with_columns(left=pl.lit(2)), "must hold 1 (left) or 0 (stayed)"),
        (SIMPLE.head(10), "10 listeners are too few to learn from: 50 would be the least"),
        (SIMPLE.filter("left"), "of a training set left: a model needs both"),
        (SIMPLE.filter(~pl.col("left")), "of a training set stayed: a model needs both"),
        (SIMPLE.with_columns(pl.lit(None).alias(name) for name in FEATURES), "all 3 features are missing"),
        (SIMPLE.select("left"), "there is nothing to learn"),
        (SIMPLE.rows(), "list is no table"),
    ],
)
@pytest.mark.parametrize("learn", [ChurnModel("logistic").fit, evaluate_table])
def test_what_cannot_be_learned_from_is_refused_in_one_line(learn, table, says):
    assert says in refusal(lambda: learn(table, label="left"))


@pytest.mark.parametrize("learn", [ChurnModel("logistic").fit, evaluate_table])
def test_rows_of_nobody_are_refused(learn):
    nobody = TABLE.with_columns(who=pl.Series([None, *TABLE["who"][1:]]))
    assert "'who' must say whose row it is" in refusal(lambda: learn(nobody, label="left", listener="who"))
    assert "no column 'uid'" in refusal(lambda: learn(TABLE, label="left", listener="uid"))


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (SIMPLE.select("plays", "idle"), "the table has no column 'phone', which the model learned from"),
        (SIMPLE, "the table has a column 'left', which the model has not seen"),
        (SIMPLE.select("plays", "idle", pl.lit("ar").alias("phone")), "the column 'phone' holds String"),
        (SIMPLE.select("plays", pl.lit(float("inf")).alias("idle"), "phone"), "holds an infinite number"),
        ([1, 2, 3], "list is no table"),
    ],
)
@pytest.mark.parametrize("frame", FRAMES)
def test_a_table_that_does_not_fit_the_model_is_refused_by_name(small, table, says, frame):
    table = frame(table) if isinstance(table, pl.DataFrame) else table
    assert says in refusal(lambda: small.predict_proba(table))
    assert says in refusal(lambda: small.contributions(table))


@pytest.mark.parametrize("kind", ["random-forest", "gradient-boosting"])
@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
def test_a_number_too_large_for_the_trees_of_32_bits_is_refused_in_one_line(kind):
    huge = SIMPLE.with_columns(idle=pl.col("idle") * 1e39)
    assert refusal(lambda: ChurnModel(kind).fit(huge, label="left"))


def test_a_model_that_has_learned_nothing_says_so(tmp_path):
    model = ChurnModel()
    for act in (lambda: model.predict_proba(SIMPLE), lambda: model.save(tmp_path)):
        assert refusal(act) == "the model has learned nothing yet: call fit first"


def test_a_kind_or_a_seed_that_there_is_none_of_is_refused_before_anything_is_learned():
    assert refusal(lambda: ChurnModel("lightgmb")).startswith("no model 'lightgmb'; ")
    assert "got -1" in refusal(lambda: ChurnModel(rng=-1))
    assert "got -1" in refusal(lambda: evaluate_table(SIMPLE, label="left", bootstrap=BootstrapSettings(rng=-1)))
    assert refusal(lambda: evaluate_table(SIMPLE, label="left", models=["forest"])).startswith("no model 'forest'; ")
    assert refusal(lambda: evaluate_table(SIMPLE, label="left", models=[])) == "name a model or more to judge"


# Save and load


def test_a_model_that_was_saved_is_the_same_model(model, tmp_path):
    model.save(tmp_path / "kept" / "model")
    again, table = ChurnModel.load(tmp_path / "kept" / "model"), TABLE.select(FEATURES)
    assert (again.kind, again.seed, again.features) == (model.kind, 3, tuple(FEATURES))
    np.testing.assert_array_equal(again.predict_proba(table), model.predict_proba(table))
    assert again.contributions(table).equals(model.contributions(table))
    again.save(tmp_path / "again")
    for file in (tmp_path / "again").iterdir():
        assert file.read_bytes() == (tmp_path / "kept" / "model" / file.name).read_bytes()


@pytest.fixture(scope="module")
def folder(small, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    small.save(home / "model")
    return home / "model"


@given(part=st.integers(0, 10), place=st.integers(0, 10_000), step=st.integers(1, 255))
@settings(max_examples=60)
def test_one_changed_byte_is_refused_wherever_it_is(folder, part, place, step):
    files = sorted(folder.iterdir())
    file = files[part % len(files)]
    content = file.read_bytes()
    place %= len(content)
    try:
        file.write_bytes(content[:place] + bytes([(content[place] + step) % 256]) + content[place + 1 :])
        assert refusal(lambda: ChurnModel.load(folder))
    finally:
        file.write_bytes(content)


def test_a_folder_without_one_of_its_files_holds_no_model(folder, tmp_path):
    for file in folder.iterdir():
        copy = shutil.copytree(folder, tmp_path / file.name)
        (copy / file.name).unlink()
        assert refusal(lambda copy=copy: ChurnModel.load(copy))


def test_a_model_is_not_written_over_anything_but_into_an_empty_folder(small, tmp_path):
    (tmp_path / "empty").mkdir()
    small.save(tmp_path / "empty")
    before = {file.name: file.read_bytes() for file in (tmp_path / "empty").iterdir()}
    assert "is there already: name a new" in refusal(lambda: small.save(tmp_path / "empty"))
    assert {file.name: file.read_bytes() for file in (tmp_path / "empty").iterdir()} == before
    assert refusal(lambda: small.save(tmp_path / "empty" / "result.json"))


# Judging


class Remembering(ClassifierMixin, BaseEstimator):
    """A classifier that is sure of those it saw (feature 0 is their number) and knows nothing of others."""

    def fit(self, x, y):
        self.classes_, self.seen_ = np.unique(y), dict(zip(x[:, 0], y, strict=True))
        return self

    def predict_proba(self, x):
        left = np.array([float(self.seen_.get(number, 0.5)) for number in x[:, 0]])
        return np.column_stack([1 - left, left])


def test_nobody_is_judged_by_a_model_that_saw_them_in_any_of_their_rows():
    number = TABLE["who"].str.extract(r"(\d+)").cast(pl.Int64)
    table = pl.DataFrame({"number": number, "who": TABLE["who"], "left": [0, 0, 1, 1] * 100})  # two rows, one truth
    of = {"label": "left", "models": {"mine": Remembering()}, "bootstrap": BOOTSTRAP}
    (judged,) = evaluate_table(table, listener="who", **of).predictors
    assert judged.auc.value == 0.5
    assert judged.training_metrics["auc"] == 1
    (careless,) = evaluate_table(table.drop("who"), **of).predictors
    assert careless.auc.value > 0.8  # without its listener each row is somebody else's, and the other row tells


MINE = DecisionTreeClassifier(max_depth=4, max_features=2, random_state=99)  # it takes what is missing as it is


def test_a_classifier_of_your_own_is_judged_as_you_would_have_judged_it():
    made, said = examples_from_table(TABLE, label="left", listener="who"), np.empty(TABLE.height)
    for fold in range(FOLDS):
        here = made.fold == fold
        fitted = clone(MINE).set_params(random_state=5).fit(made.x[~here], made.y[~here])
        said[here] = fitted.predict_proba(made.x[here])[:, 1]
    (judged,) = evaluate_table(
        TABLE, label="left", listener="who", models={"mine": MINE}, bootstrap=BootstrapSettings(5, RESAMPLES)
    ).predictors
    found = {name: estimate.value for name, estimate in judged.metrics.items()}
    assert found["auc"] == pytest.approx(metrics.roc_auc_score(made.y, said))
    assert found["pr_auc"] == pytest.approx(metrics.average_precision_score(made.y, said))
    assert found["brier"] == pytest.approx(metrics.brier_score_loss(made.y, said))
    assert found["f1"] == pytest.approx(metrics.f1_score(made.y, said >= 0.5))
    assert not hasattr(MINE, "classes_")  # a clone learned, not the user's own


@pytest.fixture(scope="module")
def split():
    return evaluate_table(
        TABLE,
        label="left",
        listener="who",
        models={"ours": "logistic", "mine": MINE},
        scores={"idle": TABLE["idle"].to_numpy(), "nothing": np.zeros(TABLE.height)},
        bootstrap=BOOTSTRAP,
    )


def test_models_and_scores_are_judged_on_the_same_listeners(split):
    assert [one.predictor for one in split.predictors] == ["ours", "mine", "idle", "nothing"]
    assert (split.listeners, split.churn_rate) == (TABLE.height // 2, TABLE["left"].mean())
    assert {one.auc.count for one in split.predictors} == {TABLE.height // 2}


def test_a_model_has_all_metrics_and_a_score_those_of_its_ranking(split):
    assert [tuple(one.metrics) for one in split.predictors] == [METRICS, METRICS, METRICS[:3], METRICS[:3]]
    assert [one.calibration is None for one in split.predictors] == [False, False, True, True]
    assert split.best.predictor in ("ours", "mine")


def test_a_score_is_worth_what_scikit_learn_says_and_one_that_says_nothing_one_half(split):
    *_, idle, nothing = split.predictors
    assert idle.auc.value == pytest.approx(metrics.roc_auc_score(TABLE["left"], TABLE["idle"]))
    assert idle.metrics["pr_auc"].value == pytest.approx(metrics.average_precision_score(TABLE["left"], TABLE["idle"]))
    assert (nothing.auc.value, nothing.auc.low, nothing.auc.high) == (0.5, 0.5, 0.5)


def test_gaps_are_taken_against_the_first_model_and_the_first_score(split):
    auc = {one.predictor: one.auc.value for one in split.predictors}
    for one in split.predictors:
        assert set(one.auc_gain) == {"ours", "idle"} - {one.predictor}
        for other, gap in one.auc_gain.items():
            assert gap.value == pytest.approx(auc[one.predictor] - auc[other])


def test_importances_are_of_every_feature_and_the_one_that_tells_comes_first(split):
    for found in split.importance.values():
        assert {one.feature for one in found} == set(FEATURES)
        assert found[0].feature == "idle"
        assert [one.auc_loss.value for one in found] == sorted((one.auc_loss.value for one in found), reverse=True)


@pytest.mark.parametrize("frame", FRAMES)
def test_of_any_frame_the_judgement_is_the_same(frame):
    of = {"label": "left", "listener": "who", "models": ["logistic"], "bootstrap": BOOTSTRAP}
    assert evaluate_table(frame(TABLE), **of).predictors == evaluate_table(TABLE, **of).predictors


@pytest.mark.parametrize("order", [FEATURES, FEATURES[::-1]])
def test_on_a_later_table_models_are_judged_that_learned_from_the_earlier_one(order):
    later = invented(rows=200, seed=2)
    split = evaluate_table(
        TABLE,
        label="left",
        listener="who",
        later=later.select("left", *order, "who"),
        models=["logistic"],
        scores={"idle": later["idle"].to_numpy()},
        bootstrap=BOOTSTRAP,
    )
    said = ChurnModel("logistic").fit(TABLE, label="left", listener="who").predict_proba(later.select(FEATURES))[:, 1]
    assert split.predictors[0].auc.value == pytest.approx(metrics.roc_auc_score(later["left"], said))
    assert split.predictors[1].auc.value == pytest.approx(metrics.roc_auc_score(later["left"], later["idle"]))
    assert (split.name, split.listeners) == ("time split", 100)


@pytest.mark.parametrize(
    ("later", "says"),
    [
        (TABLE.drop("phone"), "the table has no column 'phone'"),
        (TABLE.with_columns(new=pl.lit(1)), "the table has a column 'new'"),
        (TABLE.drop("left"), "the table has no column 'left'"),
        (TABLE.filter("left"), "have truth 1: a ranking needs rows of both classes"),
    ],
)
def test_a_later_table_that_does_not_fit_is_refused_by_name(later, says):
    of = {"label": "left", "listener": "who", "models": ["logistic"], "bootstrap": BOOTSTRAP}
    assert says in refusal(lambda: evaluate_table(TABLE, later=later, **of))


@pytest.mark.parametrize(
    ("scores", "says"),
    [
        ({"short": np.zeros(3)}, "equal length"),
        ({"odd": np.full(TABLE.height, np.nan)}, "row 0 holds nan"),
        ({"logistic": np.zeros(TABLE.height)}, "'logistic'"),
    ],
    ids=["short", "nan", "named as a model"],
)
def test_scores_that_cannot_be_judged_are_refused(scores, says):
    of = {"label": "left", "models": ["logistic"], "bootstrap": BOOTSTRAP}
    assert says in refusal(lambda: evaluate_table(SIMPLE, scores=scores, **of))


@pytest.mark.parametrize("mine", [LogisticRegression(), RidgeClassifier()], ids=["no holes", "no probabilities"])
def test_a_classifier_that_cannot_take_the_table_or_says_no_probability_is_refused_by_name(mine):
    name = type(mine).__name__
    table = SIMPLE if isinstance(mine, LogisticRegression) else SIMPLE.fill_null(0)
    assert name in refusal(lambda: evaluate_table(table, label="left", models={"mine": mine}, bootstrap=BOOTSTRAP))


def test_a_classifier_of_your_own_gives_no_reasons_and_is_not_saved():
    examples = examples_from_table(SIMPLE, label="left")
    fitted = SklearnKind(MINE).fit(examples, seed=0)
    assert refusal(lambda: fitted.contributions(examples.x)).startswith("DecisionTreeClassifier ")
    assert "cannot be kept" in refusal(lambda: saved(fitted))

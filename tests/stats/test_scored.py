"""One pass over the rows gives every metric, and each is the one that scikit-learn gives.

- Every metric agrees with scikit-learn, with ties and with weights.
- A weight of two is the row written twice; a weight of none is the row left out; the scale of weights is nothing.
- What has no whole is undefined (nan), and so is what asks for a probability where there is none.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from counterpoint.errors import CounterpointError
from counterpoint.stats.classification import METRICS, RankedTruth, Scored, lift_at

RANKING, AT_THRESHOLD = METRICS[:3], METRICS[3:7]


@st.composite
def two_classes(draw):
    """Rows of both classes, with few distinct scores (.5 among them) so that ties are common, and whole weights."""
    rows = draw(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 6), st.integers(1, 3)), min_size=2, max_size=40))
    truth, score, weights = (np.array(column) for column in zip(*rows, strict=True))
    truth[:2] = 0, 1
    return truth, score / 8, weights.astype(np.float64)


def measured(truth, score, weights=None, *, is_probability=True):
    return dict(zip(METRICS, Scored.of(truth, score, is_probability=is_probability).measure(weights), strict=True))


def by_scikit_learn(truth, score, weights):
    called, how = score >= 0.5, {"sample_weight": weights}
    return {
        "auc": metrics.roc_auc_score(truth, score, **how),
        "pr_auc": metrics.average_precision_score(truth, score, **how),
        "lift": lift_at(truth, score, 0.1, weights),  # scikit-learn has none
        "accuracy": metrics.accuracy_score(truth, called, **how),
        "precision": metrics.precision_score(truth, called, zero_division=np.nan, **how),
        "recall": metrics.recall_score(truth, called, zero_division=np.nan, **how),
        "f1": metrics.f1_score(truth, called, zero_division=np.nan, **how),
        "brier": metrics.brier_score_loss(truth, score, **how),
        "log_loss": metrics.log_loss(truth, score, labels=[0, 1], **how),
    }


def same(found, expected):
    assert list(found.values()) == pytest.approx([expected[name] for name in found], abs=1e-9, nan_ok=True)


@given(two_classes())
def test_every_metric_of_few_rows_with_ties_is_that_of_scikit_learn(rows):
    same(measured(*rows), by_scikit_learn(*rows))


def test_every_metric_of_many_rows_is_that_of_scikit_learn():
    rng = np.random.default_rng(1)
    score = np.round(rng.random(5000), 2)
    rows = (rng.random(5000) < score).astype(int), score, rng.integers(0, 4, 5000).astype(np.float64)
    same(measured(*rows), by_scikit_learn(*rows))


@given(two_classes())
def test_a_weight_of_two_is_the_row_written_twice(rows):
    truth, score, weights = rows
    again = [np.repeat(column, weights.astype(int)) for column in (truth, score)]
    same(measured(*rows), measured(*again))


@given(two_classes(), st.floats(0.01, 100))
def test_the_scale_of_the_weights_changes_nothing(rows, scale):
    truth, score, weights = rows
    same(measured(truth, score, scale * weights), measured(*rows))


@given(two_classes(), two_classes())
def test_a_row_without_weight_is_not_there(rows, others):
    truth, score, weights = (np.concatenate(both) for both in zip(rows, others, strict=True))
    weights[len(rows[0]) :] = 0
    same(measured(truth, score, weights), measured(*rows))


@given(two_classes(), st.randoms())
def test_the_order_of_the_rows_changes_nothing(rows, random):
    shuffled = np.array(random.sample(range(len(rows[0])), len(rows[0])))
    same(measured(*(column[shuffled] for column in rows)), measured(*rows))


@given(two_classes())
def test_no_weights_are_weights_of_one(rows):
    truth, score, _ = rows
    same(measured(truth, score), measured(truth, score, np.ones(len(truth))))


@given(two_classes())
def test_average_precision_looks_at_the_order_of_scores_only(rows):
    truth, score, weights = rows
    found = RankedTruth.of(truth, np.exp(3 * score) - 7).average_precision(weights)
    assert found == pytest.approx(RankedTruth.of(truth, score).average_precision(weights))


@given(two_classes())
def test_average_precision_is_the_share_of_ones_for_equal_scores_and_one_if_perfect(rows):
    truth, score, weights = rows
    assert RankedTruth.of(truth, 0 * score).average_precision(weights) == pytest.approx(
        np.average(truth, weights=weights)
    )
    assert RankedTruth.of(truth, truth).average_precision(weights) == pytest.approx(1)


@given(two_classes())
def test_a_score_that_is_no_probability_has_the_metrics_of_the_ranking_and_no_others(rows):
    truth, score, weights = rows
    found = measured(truth, 100 * score - 30, weights, is_probability=False)
    expected = by_scikit_learn(*rows)
    same(found, {name: expected[name] if name in RANKING else np.nan for name in METRICS})


def test_a_ranking_of_zeros_alone_is_undefined_but_their_losses_are_not():
    truth, score = np.array([0, 0, 1]), np.array([0.25, 0.75, 0.9])
    found = measured(truth, score, np.array([1.0, 1.0, 0.0]))
    assert np.isnan([found[name] for name in (*RANKING, "recall")]).all()
    assert (found["accuracy"], found["precision"], found["brier"]) == (0.5, 0, (0.25**2 + 0.75**2) / 2)


def test_precision_is_undefined_where_nobody_is_called_one_and_f1_is_nought():
    found = measured(np.array([0, 1, 1]), np.array([0.1, 0.2, 0.4]))
    assert np.isnan(found["precision"])
    assert (found["recall"], found["f1"]) == (0, 0)


def test_a_probability_of_exactly_one_half_is_called_one():
    assert [measured(np.array([0, 1]), np.array([0.4, 0.5]))[name] for name in AT_THRESHOLD] == [1, 1, 1, 1]


def test_rows_without_any_weight_leave_everything_undefined():
    found = Scored.of(np.array([0, 1]), np.array([0.1, 0.9]), is_probability=True).measure(np.zeros(2))
    assert np.isnan(found).all()


def test_what_is_called_a_probability_must_be_one():
    with pytest.raises(CounterpointError, match=r"within \[0, 1\], row 1 holds 1.7"):
        Scored.of(np.array([0, 1]), np.array([0.5, 1.7]), is_probability=True)


@pytest.mark.parametrize("is_probability", [True, False])
def test_one_class_alone_is_refused(is_probability):
    with pytest.raises(CounterpointError, match="all 2 rows have truth 1"):
        Scored.of(np.array([1, 1]), np.array([0.5, 0.7]), is_probability=is_probability)


def test_ten_thousand_cuts_move_an_auc_by_less_than_a_millionth_and_nothing_at_the_threshold():
    rng = np.random.default_rng(4)
    said = rng.random(100_000)
    truth = (rng.random(100_000) < said).astype(int)
    exact, weights = Scored.of(truth, said, is_probability=True), rng.poisson(1, 100_000).astype(float)
    coarse = exact.coarse(10_000)
    assert exact.ranked.cuts == len(np.unique(said))
    assert coarse.ranked.cuts <= 10_002
    found, wanted = coarse.measure(weights), exact.measure(weights)
    assert abs(found[0] - wanted[0]) < 1e-6
    np.testing.assert_allclose(found[1:3], wanted[1:3], atol=1e-3)
    np.testing.assert_allclose(found[3:], wanted[3:], rtol=1e-12)


def test_few_cuts_stay_as_they_are():
    scored = Scored.of(np.array([0, 1, 0, 1]), np.array([3, 3, 1, 9]), is_probability=False)
    assert scored.coarse(10).ranked is scored.ranked

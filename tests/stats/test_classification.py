"""Metrics agree with scikit-learn and with the slow, obvious way, and obey their laws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from counterpoint.errors import CounterpointError
from counterpoint.stats.classification import (
    Confusion,
    RankedTruth,
    auc,
    brier,
    confusion,
    lift_at,
    log_loss,
    roc_points,
)


@st.composite
def two_classes(draw):
    """Rows of both classes, with few distinct scores so that ties are common, and whole weights."""
    rows = draw(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 6), st.integers(1, 3)), min_size=2, max_size=40))
    truth, score, weights = (np.array(column) for column in zip(*rows, strict=True))
    truth[:2] = 0, 1
    return truth, score / 8, weights.astype(np.float64)


def by_counting_pairs(truth, score, weights):
    """The definition: over all pairs of a one and a zero, won counts 1 and tied counts 1/2."""
    won = (score[:, None] > score) + 0.5 * (score[:, None] == score)
    pairs = np.outer(weights * (truth == 1), weights * (truth == 0))
    return (won * pairs).sum() / pairs.sum()


def random_rows(count, seed=1):
    rng = np.random.default_rng(seed)
    probability = np.round(rng.random(count), 2)
    return (rng.random(count) < probability).astype(np.int64), probability, rng.integers(0, 4, count).astype(np.float64)


@given(two_classes())
def test_auc_is_the_share_of_pairs_ranked_right_with_ties_half(rows):
    assert auc(*rows) == pytest.approx(by_counting_pairs(*rows), abs=1e-12)


@given(two_classes())
def test_auc_looks_at_the_order_of_scores_only(rows):
    truth, score, weights = rows
    assert auc(truth, np.exp(3 * score) - 7, weights) == auc(truth, score, weights)


@given(two_classes())
def test_auc_of_the_opposite_truth_or_the_opposite_score_is_the_complement(rows):
    truth, score, weights = rows
    assert auc(1 - truth, score, weights) == pytest.approx(1 - auc(truth, score, weights), abs=1e-12)
    assert auc(truth, -score, weights) == pytest.approx(1 - auc(truth, score, weights), abs=1e-12)


@given(two_classes(), st.floats(0.01, 1))
def test_a_weight_of_two_is_the_row_written_twice(rows, top):
    truth, score, weights = rows
    again = [np.repeat(column, weights.astype(int)) for column in (truth, score)]
    assert auc(*rows) == pytest.approx(auc(*again), abs=1e-12)
    assert lift_at(truth, score, top, weights) == pytest.approx(lift_at(*again, top), abs=1e-9)
    assert brier(*rows) == pytest.approx(brier(*again))
    assert log_loss(*rows) == pytest.approx(log_loss(*again))
    assert confusion(truth, score, 0.5, weights) == confusion(*again, 0.5)


@given(two_classes(), st.randoms())
def test_the_order_of_the_rows_changes_nothing(rows, random):
    truth, score, weights = rows
    shuffled = np.array(random.sample(range(len(truth)), len(truth)))
    assert auc(*rows) == auc(*(column[shuffled] for column in rows))
    assert lift_at(truth, score, 0.3, weights) == pytest.approx(
        lift_at(truth[shuffled], score[shuffled], 0.3, weights[shuffled])
    )


def test_every_metric_agrees_with_scikit_learn():
    truth, probability, weights = random_rows(3000)
    assert auc(truth, probability, weights) == pytest.approx(
        metrics.roc_auc_score(truth, probability, sample_weight=weights), abs=1e-12
    )
    assert brier(truth, probability, weights) == pytest.approx(
        metrics.brier_score_loss(truth, probability, sample_weight=weights)
    )
    assert log_loss(truth, probability, weights) == pytest.approx(
        metrics.log_loss(truth, probability, sample_weight=weights)
    )


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 1.0])
def test_answers_at_a_threshold_agree_with_scikit_learn(threshold):
    truth, probability, weights = random_rows(3000)
    called = probability >= threshold
    ours = confusion(truth, probability, threshold, weights)
    for name in ("accuracy", "precision", "recall", "f1"):
        theirs = getattr(metrics, f"{name}_score")(truth, called, sample_weight=weights)
        assert getattr(ours, name) == pytest.approx(theirs), name


def test_a_share_of_nothing_is_undefined_and_not_zero():
    nobody_called = Confusion(true_positive=0, false_positive=0, true_negative=9, false_negative=1)
    assert np.isnan(nobody_called.precision)
    assert nobody_called.recall == 0


def test_lift_of_a_perfect_ranking_is_one_over_the_share_of_ones_and_of_everyone_is_one():
    truth = np.array([1] * 20 + [0] * 80)
    assert lift_at(truth, truth, 0.1) == 5
    assert lift_at(truth, truth, 0.2) == 5
    assert lift_at(truth, truth, 1) == 1


def test_lift_of_scores_that_are_all_equal_is_one_whatever_the_order_of_the_rows():
    truth = np.array([1] * 20 + [0] * 80)
    assert lift_at(truth, np.zeros(100), 0.1) == pytest.approx(1)


def test_a_short_curve_is_the_whole_curve_of_scikit_learn():
    truth, probability, weights = random_rows(500)
    weights += 1  # scikit-learn leaves out rows of no weight, which changes the points but not the curve
    theirs = metrics.roc_curve(truth, probability, sample_weight=weights, drop_intermediate=False)
    ours = roc_points(truth, probability, weights)
    np.testing.assert_allclose(ours.false_positive_rate, theirs[0], atol=1e-12)
    np.testing.assert_allclose(ours.true_positive_rate, theirs[1], atol=1e-12)


def test_a_long_curve_is_thinned_without_changing_the_picture():
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 2, 50_000)
    score = rng.normal(size=50_000) + truth
    whole, thin = metrics.roc_curve(truth, score, drop_intermediate=False), roc_points(truth, score)
    assert len(thin.true_positive_rate) <= 400
    assert (thin.false_positive_rate[0], thin.true_positive_rate[0]) == (0, 0)
    assert (thin.false_positive_rate[-1], thin.true_positive_rate[-1]) == (1, 1)
    # The points a diagonal away: along rises strictly, so the two curves can be compared at the same place.
    drawn = np.interp(whole[0] + whole[1], sum(thin), thin.true_positive_rate)
    assert np.abs(drawn - whole[1]).max() < 0.005


def test_weights_that_leave_one_class_make_every_ranking_undefined():
    ranked, only_ones = RankedTruth.of(np.array([0, 1, 1]), np.array([0.1, 0.2, 0.3])), np.array([0.0, 1.0, 1.0])
    assert np.isnan(ranked.auc(only_ones))
    assert np.isnan(ranked.lift_at(0.5, np.array([1.0, 0.0, 0.0])))
    with pytest.raises(CounterpointError, match="one class only"):
        ranked.roc(only_ones)


def test_certainty_that_was_wrong_costs_much_but_not_infinity():
    assert 30 < log_loss(np.array([1, 1]), np.array([0.0, 0.0])) < 40


@pytest.mark.parametrize(
    ("truth", "score", "says"),
    [
        ([0, 0], [0.1, 0.2], "all 2 rows have truth 0"),
        ([0, 2], [0.1, 0.2], "row 1 holds 2"),
        ([0, 1], [0.1, np.nan], "row 1 holds nan"),
        ([0, 1], [0.1], "equal length"),
        ([], [], "at least one row"),
    ],
)
def test_rows_that_cannot_be_ranked_are_refused(truth, score, says):
    with pytest.raises(CounterpointError, match=says):
        auc(np.array(truth, dtype=int), np.array(score))


def test_weights_that_do_not_fit_are_refused():
    truth, score = np.array([0, 1]), np.array([0.1, 0.2])
    with pytest.raises(CounterpointError, match="2 rows"):
        auc(truth, score, np.ones(3))
    with pytest.raises(CounterpointError, match="at least 0"):
        auc(truth, score, np.array([1.0, -1.0]))
    with pytest.raises(CounterpointError, match="at least 0"):
        auc(truth, score, np.array([1.0, np.nan]))


@pytest.mark.parametrize("metric", [brier, log_loss, confusion])
def test_a_probability_of_1_7_is_refused(metric):
    with pytest.raises(CounterpointError, match=r"within \[0, 1\], row 1 holds 1.7"):
        metric(np.array([0, 1]), np.array([0.5, 1.7]))


@pytest.mark.parametrize("top", [0, -0.1, 1.1])
def test_a_top_share_of_nobody_or_more_than_everybody_is_refused(top):
    with pytest.raises(CounterpointError, match="top share"):
        lift_at(np.array([0, 1]), np.array([0.5, 0.7]), top)

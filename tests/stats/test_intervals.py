"""Intervals cover what they claim to cover, and groups are drawn whole."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from counterpoint.errors import CounterpointError
from counterpoint.stats.classification import RankedTruth
from counterpoint.stats.intervals import Estimate, bootstrap, paired_difference, wilson


def mean_of(values):
    return lambda weights: float(np.dot(weights, values) / weights.sum())


def test_the_value_is_the_statistic_of_the_data_as_they_are():
    values = np.random.default_rng(1).normal(size=50)
    assert bootstrap(mean_of(values), np.arange(50), rng=1).value == pytest.approx(values.mean())


def test_the_interval_of_a_mean_is_the_one_theory_gives():
    values = np.random.default_rng(1).normal(size=2000)
    estimate = bootstrap(mean_of(values), np.arange(2000), rng=1, resamples=2000)
    half = 1.96 * values.std() / np.sqrt(2000)
    # The end of a percentile interval of 2,000 resamples moves by about 3 % of its half width.
    assert estimate.low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert estimate.high == pytest.approx(values.mean() + half, abs=0.1 * half)


def test_an_interval_of_95_percent_covers_the_truth_in_about_95_of_100_worlds():
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(300):
        values = rng.normal(size=100)
        estimate = bootstrap(mean_of(values), np.arange(100), rng=rng, resamples=200)
        covered += estimate.low <= 0 <= estimate.high
    assert 0.91 < covered / 300 < 0.98  # three sigmas of 300 worlds, and a little less cover at n = 100


def test_rows_of_one_group_are_drawn_together():
    groups = np.array(["b", "a", "b", "c", "a", "b"])

    def same_within(weights):
        assert {label: len(set(weights[groups == label])) for label in "abc"} == {"a": 1, "b": 1, "c": 1}
        assert weights[[0, 1, 3]].sum() == 3
        return weights[0]

    assert bootstrap(same_within, groups, rng=1, resamples=50).count == 3


def test_writing_every_row_four_times_does_not_make_anyone_surer():
    values = np.random.default_rng(1).normal(size=200)
    once = bootstrap(mean_of(values), np.arange(200), rng=1)
    often = bootstrap(mean_of(np.repeat(values, 4)), np.repeat(np.arange(200), 4), rng=1)
    assert (often.low, often.high) == pytest.approx((once.low, once.high))


def test_the_same_seed_gives_the_same_interval_and_another_seed_another():
    values = np.random.default_rng(1).normal(size=100)
    first, same, other = (bootstrap(mean_of(values), np.arange(100), rng=seed) for seed in (1, 1, 2))
    assert first == same
    assert first != other


def test_a_higher_level_gives_a_wider_interval():
    values = np.random.default_rng(1).normal(size=100)
    narrow, wide = (bootstrap(mean_of(values), np.arange(100), rng=1, level=level) for level in (0.5, 0.99))
    assert wide.low < narrow.low < narrow.high < wide.high


def test_a_paired_difference_is_narrower_than_the_intervals_it_compares():
    rng = np.random.default_rng(1)
    easy = rng.normal(size=500)
    better = easy + 0.1 + 0.05 * rng.normal(size=500)
    alone = bootstrap(mean_of(easy), np.arange(500), rng=1)
    difference = paired_difference(mean_of(better), mean_of(easy), np.arange(500), rng=1)
    assert 0 < difference.low < 0.1 < difference.high
    assert difference.high - difference.low < (alone.high - alone.low) / 5


def test_few_undefined_resamples_are_left_out():
    ranked = RankedTruth.of(np.array([0] * 4 + [1] * 16), np.arange(20) % 7)
    estimate = bootstrap(ranked.auc, np.arange(20), rng=1)
    assert estimate.low < estimate.value < estimate.high


def test_many_undefined_resamples_are_an_error_and_not_an_interval():
    ranked = RankedTruth.of(np.array([0] + [1] * 19), np.arange(20))
    with pytest.raises(CounterpointError, match="too few of one class"):
        bootstrap(ranked.auc, np.arange(20), rng=1)


def test_a_statistic_that_is_undefined_on_the_data_has_no_interval():
    with pytest.raises(CounterpointError, match="undefined"):
        bootstrap(lambda _: float("nan"), np.arange(3), rng=1)


@given(st.integers(0, 60), st.integers(1, 60), st.sampled_from([0.8, 0.95, 0.99]))
def test_wilson_agrees_with_scipy(hits, more, level):
    count = hits + more - 1 or 1
    ours, theirs = (
        wilson(min(hits, count), count, level),
        binomtest(min(hits, count), count).proportion_ci(level, "wilson"),
    )
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
    assert 0 <= ours.low <= ours.value <= ours.high <= 1


def test_wilson_counts_nobody_as_unlikely_and_not_as_impossible():
    none, everyone = wilson(0, 20), wilson(20, 20)
    assert (none.low, everyone.high) == (0, 1)
    assert none.high == pytest.approx(1 - everyone.low) == pytest.approx(0.1611, abs=1e-4)


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (Estimate(0.8712, 0.8621, 0.8804, 8700), "0.871 [0.862, 0.880] (n = 8,700)"),
        (Estimate(1234.5, 1187.2, 1290.8, 12), "1,234 [1,187, 1,291] (n = 12)"),
        (Estimate(0.00031, 0.00012, 0.00052, 9), "0.00031 [0.00012, 0.00052] (n = 9)"),
        (Estimate(-0.00001, -0.1, 0.1, 9), "0.00 [-0.10, 0.10] (n = 9)"),
        (Estimate(0.5, 0.5, 0.5, 9), "0.500 [0.500, 0.500] (n = 9)"),
        (Estimate(0.5, 0.42, 0.58, 9, 0.9), "0.50 [0.42, 0.58] (90 % interval, n = 9)"),
    ],
)
def test_an_estimate_shows_the_digits_that_its_interval_deserves(estimate, text):
    assert str(estimate) == text


@pytest.mark.parametrize(("hits", "count"), [(-1, 5), (6, 5), (0, 0)])
def test_a_share_of_more_than_all_or_of_nothing_is_refused(hits, count):
    with pytest.raises(CounterpointError, match=f"got {hits} of {count}"):
        wilson(hits, count)


@pytest.mark.parametrize("level", [0, 1, 95])
def test_a_level_of_95_is_refused_because_it_must_be_a_share(level):
    with pytest.raises(CounterpointError, match=r"0\.95 is usual"):
        wilson(1, 2, level)


def test_nothing_cannot_be_resampled_and_not_zero_times():
    with pytest.raises(CounterpointError, match="at least one row"):
        bootstrap(mean_of(np.array([])), np.array([]), rng=1)
    with pytest.raises(CounterpointError, match="resamples must be at least 1"):
        bootstrap(mean_of(np.ones(2)), np.arange(2), rng=1, resamples=0)

"""Calibration is judged against what chance alone would show."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoint.errors import CounterpointError
from counterpoint.stats.calibration import calibration_table


def perfect(count, seed):
    rng = np.random.default_rng(seed)
    probability = rng.random(count)
    return (rng.random(count) < probability).astype(np.int64), probability


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 10)), min_size=1, max_size=60), st.integers(1, 12))
def test_every_row_is_in_one_bin_and_the_bins_rise(rows, bins):
    truth, tenths = (np.array(column) for column in zip(*rows, strict=True))
    table = calibration_table(truth, tenths / 10, bins=min(bins, len(rows)), rng=1)
    means = [each.mean_probability for each in table.bins]
    assert sum(each.count for each in table.bins) == len(rows)
    assert len(table.bins) <= bins
    assert sum(each.observed.value * each.count for each in table.bins) == pytest.approx(truth.sum())
    assert means == sorted(means)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 3)), min_size=4, max_size=40), st.randoms())
def test_the_order_of_the_rows_changes_nothing(rows, random):
    shuffled = random.sample(rows, len(rows))
    one, other = (
        calibration_table(np.array([t for t, _ in each]), np.array([p / 4 for _, p in each]), bins=4, rng=1)
        for each in (rows, shuffled)
    )
    assert one.bins == other.bins
    assert one.error == pytest.approx(other.error)


def test_bins_hold_equal_counts_where_probabilities_differ():
    truth, probability = perfect(1000, seed=1)
    assert [each.count for each in calibration_table(truth, probability, rng=1).bins] == [100] * 10


def test_the_error_is_the_mean_distance_of_said_from_happened():
    truth, probability = np.array([0, 1, 1, 1]), np.array([0.2, 0.2, 0.6, 0.6])
    # |0.2 - 0.5| on half of the rows and |0.6 - 1| on the other half.
    assert calibration_table(truth, probability, bins=2, rng=1).error == pytest.approx(0.35)


def test_a_perfect_model_shows_an_error_of_about_076_at_250_rows_and_15_bins():
    errors = [calibration_table(*perfect(250, seed), bins=15, rng=1).error for seed in range(100)]
    assert np.mean(errors) == pytest.approx(0.076, abs=0.005)  # three sigmas of the mean of 100


def test_the_expected_noise_is_the_error_of_perfect_models():
    tables = [calibration_table(*perfect(250, seed), bins=15, rng=seed) for seed in range(40)]
    noise = np.mean([table.expected_noise.value for table in tables])
    assert noise == pytest.approx(np.mean([table.error for table in tables]), abs=0.005)
    within = [table.expected_noise.low <= table.error <= table.expected_noise.high for table in tables]
    assert np.mean(within) > 0.8


def test_an_overconfident_model_stands_out_of_the_noise():
    truth, probability = perfect(2000, seed=1)
    table = calibration_table(truth, np.clip(2 * probability - 0.5, 0, 1), rng=1)
    assert table.error > 2 * table.expected_noise.high


def test_the_same_seed_gives_the_same_table():
    rows = perfect(300, seed=1)
    assert calibration_table(*rows, rng=5) == calibration_table(*rows, rng=5)


@pytest.mark.parametrize("bins", [0, 4])
def test_more_bins_than_rows_are_refused(bins):
    with pytest.raises(CounterpointError, match=r"bins must lie within \[1, 3\]"):
        calibration_table(np.array([0, 1, 1]), np.array([0.1, 0.5, 0.9]), bins=bins, rng=1)


def test_a_score_that_is_no_probability_is_refused():
    with pytest.raises(CounterpointError, match=r"row 0 holds -2\.0"):
        calibration_table(np.array([0, 1]), np.array([-2.0, 0.5]), bins=1, rng=1)

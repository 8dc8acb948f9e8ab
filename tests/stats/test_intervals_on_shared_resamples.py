"""Many statistics on the same resamples, and the difference of two shares, as published.

- All statistics see the same draws, so one alone gives what it gives in company.
- What is undefined has no estimate, and the others keep theirs.
- The difference of two shares is Newcombe's (1998), turns its sign when the shares are swapped, and covers the truth.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoint.errors import CounterpointError
from counterpoint.stats.intervals import bootstrap, bootstrap_each, difference_of_shares, wilson

VALUES = np.random.default_rng(1).normal(size=80)
GROUPS = np.repeat(np.arange(40), 2)


def mean(weights):
    return float(np.dot(weights, VALUES) / weights.sum())


def highest(weights):
    return float(VALUES[weights > 0].max())


def each(*statistics):
    return lambda weights: np.array([statistic(weights) for statistic in statistics])


def known_where(*rows):
    """A statistic that is undefined on a resample without one of these rows."""
    return lambda weights: mean(weights) if weights[list(rows)].all() else np.nan


# Many at once


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.5, 0.8, 0.95]))
def test_one_statistic_is_what_the_bootstrap_gives(seed, level):
    (alone,) = bootstrap_each(each(mean), GROUPS, rng=seed, resamples=20, level=level)
    assert alone == bootstrap(mean, GROUPS, rng=seed, resamples=20, level=level)


def test_a_statistic_gives_the_same_alone_as_in_company():
    both = bootstrap_each(each(mean, highest), GROUPS, rng=1, resamples=100)
    assert both == tuple(bootstrap(one, GROUPS, rng=1, resamples=100) for one in (mean, highest))


def test_all_statistics_see_the_same_resamples():
    mirrored = each(mean, lambda weights: 1 - mean(weights))
    one, other = bootstrap_each(mirrored, GROUPS, rng=1, resamples=200)
    assert (other.low, other.high) == pytest.approx((1 - one.high, 1 - one.low))


def test_the_same_seed_gives_the_same_estimates_and_another_seed_others():
    first, same, other = (bootstrap_each(each(mean, highest), GROUPS, rng=seed, resamples=50) for seed in (1, 1, 2))
    assert first == same
    assert first[0] != other[0]


def test_what_is_undefined_on_the_rows_has_no_estimate_and_the_others_keep_theirs():
    # Each row once is what the resamples never are.
    on_the_rows = each(mean, lambda weights: np.nan if (weights == 1).all() else mean(weights), highest)
    first, undefined, last = bootstrap_each(on_the_rows, GROUPS, rng=1, resamples=50)
    assert undefined is None
    assert (first, last) == bootstrap_each(each(mean, highest), GROUPS, rng=1, resamples=50)


def test_what_is_undefined_on_more_than_5_percent_of_the_resamples_has_no_estimate():
    # A resample lacks one group of 40 with a chance of (1 - 1/40)^40 = 36 %, and all of the first 20 never.
    often, seldom = known_where(0), lambda weights: np.nan if not weights[:40].any() else mean(weights)
    undefined, defined = bootstrap_each(each(often, seldom), GROUPS, rng=1, resamples=100)
    assert undefined is None
    assert defined == bootstrap(mean, GROUPS, rng=1, resamples=100)


def test_the_count_is_the_number_of_groups_and_rows_of_one_are_drawn_together():
    drawn = []
    (estimate,) = bootstrap_each(lambda weights: drawn.append(weights) or np.ones(1), GROUPS, rng=1, resamples=50)
    assert estimate.count == 40
    assert all((weights[::2] == weights[1::2]).all() and weights.sum() == 80 for weights in drawn)


def test_nothing_cannot_be_resampled_at_once_either():
    with pytest.raises(CounterpointError, match="at least one row"):
        bootstrap_each(each(mean), np.array([]), rng=1)
    with pytest.raises(CounterpointError, match=r"0\.95 is usual"):
        bootstrap_each(each(mean), GROUPS, rng=1, level=95)


# The difference of two shares


@pytest.mark.parametrize(
    ("hits", "count", "other_hits", "other_count", "low", "high"),
    [
        (56, 70, 48, 80, 0.0524, 0.3339),
        (9, 10, 3, 10, 0.1705, 0.8090),
        (6, 7, 2, 7, 0.0582, 0.8062),
        (5, 56, 0, 29, -0.0381, 0.1926),
        (0, 10, 0, 20, -0.1611, 0.2775),
        (0, 10, 0, 10, -0.2775, 0.2775),
        (10, 10, 0, 20, 0.6791, 1.0000),
        (10, 10, 0, 10, 0.6075, 1.0000),
    ],
)
def test_intervals_are_those_of_table_ii_of_newcombe_1998_method_10(hits, count, other_hits, other_count, low, high):
    found = difference_of_shares(hits, count, other_hits, other_count)
    assert found.value == hits / count - other_hits / other_count
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)
    assert found.count == count + other_count


@st.composite
def shares(draw):
    count = draw(st.integers(1, 200))
    return draw(st.integers(0, count)), count


@given(shares(), shares(), st.sampled_from([0.8, 0.95, 0.99]))
def test_swapping_the_shares_turns_the_sign(one, other, level):
    found, swapped = difference_of_shares(*one, *other, level), difference_of_shares(*other, *one, level)
    assert (swapped.value, swapped.low, swapped.high) == pytest.approx((-found.value, -found.high, -found.low))


@given(shares(), shares())
def test_no_difference_is_larger_than_one_and_its_interval_holds_it(one, other):
    found = difference_of_shares(*one, *other)
    assert -1 - 1e-12 <= found.low <= found.value <= found.high <= 1 + 1e-12


@given(shares(), shares())
def test_a_higher_level_gives_a_wider_interval(one, other):
    narrow, wide = (difference_of_shares(*one, *other, level) for level in (0.8, 0.99))
    assert wide.low <= narrow.low <= narrow.high <= wide.high


def test_against_a_share_known_for_sure_the_difference_is_as_unsure_as_the_other():
    found, alone = difference_of_shares(30, 100, 50_000_000, 100_000_000), wilson(30, 100)
    assert (found.low, found.high) == pytest.approx((alone.low - 0.5, alone.high - 0.5), abs=1e-4)


@pytest.mark.parametrize(("one", "other"), [(0.5, 0.4), (0.9, 0.7), (0.1, 0.1)])
def test_an_interval_of_95_percent_covers_the_truth_in_about_95_of_100_worlds(one, other):
    rng = np.random.default_rng(1)
    drawn = zip(rng.binomial(60, one, 2000), rng.binomial(40, other, 2000), strict=True)
    found = [difference_of_shares(int(hits), 60, int(others), 40) for hits, others in drawn]
    covered = np.mean([estimate.low <= one - other <= estimate.high for estimate in found])
    assert 0.935 < covered < 0.985  # three sigmas of 2,000 worlds are .015; at few hits Newcombe's is a little wide


def test_a_share_of_more_than_all_is_refused():
    with pytest.raises(CounterpointError, match="got 11 of 10"):
        difference_of_shares(1, 10, 11, 10)

"""What shuffling a column costs: nothing where it tells nothing, all where it alone tells.

- A column that the prediction does not look at costs exactly nothing.
- The only column that tells costs the AUC but one half, for a shuffled one ranks by chance.
- The interval is that of a bootstrap over the rows, and covers the true cost.
- The same seed gives the same numbers.
"""

import numpy as np
import pytest

from counterpoint.errors import CounterpointError
from counterpoint.stats.classification import RankedTruth, auc
from counterpoint.stats.importance import permutation_importance
from counterpoint.stats.intervals import bootstrap

TELLING, HALF_TELLING, USELESS = range(3)


def rows(count, seed=1):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 3))
    truth = (x[:, TELLING] + x[:, HALF_TELLING] / 2 + rng.normal(size=count) > 0).astype(np.int64)
    return truth, x


def weighed(x):
    return 2 * x[:, TELLING] + x[:, HALF_TELLING]


def test_a_column_that_is_not_looked_at_costs_exactly_nothing():
    useless = permutation_importance(*rows(500), weighed, rng=1)[USELESS]
    assert (useless.value, useless.low, useless.high) == (0, 0, 0)


def test_the_only_column_that_is_looked_at_costs_the_auc_but_one_half():
    truth, x = rows(4000)
    told = permutation_importance(truth, x, lambda x: x[:, TELLING], rng=1, repeats=10)[TELLING]
    by_chance = np.sqrt(4001 / (12 * truth.sum() * (1 - truth).sum()) / 10)  # Mann and Whitney 1947, of ten shuffles
    assert told.value == pytest.approx(auc(truth, x[:, TELLING]) - 0.5, abs=4 * by_chance)


def test_what_tells_more_costs_more():
    told, half_told, useless = permutation_importance(*rows(2000), weighed, rng=1)
    assert told.low > half_told.high
    assert half_told.low > useless.high


def test_the_value_is_the_mean_fall_of_the_auc_over_the_shuffles():
    (truth, x), seen = rows(300), []
    found = permutation_importance(truth, x, lambda x: seen.append(x.copy()) or weighed(x), rng=1, repeats=4)
    whole, *shuffled = (auc(truth, weighed(x)) for x in seen)
    np.testing.assert_allclose([one.value for one in found], whole - np.reshape(shuffled, (3, 4)).mean(axis=1))


def test_one_column_is_shuffled_at_a_time_and_the_table_is_left_as_it_was():
    (truth, x), seen = rows(100), []
    before = x.copy()
    permutation_importance(truth, x, lambda x: seen.append(x.copy()) or weighed(x), rng=1, repeats=2)
    np.testing.assert_array_equal(x, before)
    for at, shuffled in enumerate(seen[1:]):
        assert ((shuffled != before).any(axis=0) == (np.arange(3) == at // 2)).all()
        np.testing.assert_array_equal(np.sort(shuffled, axis=0), np.sort(before, axis=0))


@pytest.mark.parametrize("column", [TELLING, HALF_TELLING])
def test_the_interval_is_that_of_a_bootstrap_of_the_paired_difference(column):
    (truth, x), seen = rows(800), []
    found = permutation_importance(truth, x, lambda x: seen.append(weighed(x)) or seen[-1], rng=1)[column]
    ranked = [RankedTruth.of(truth, score) for score in (seen[0], *seen[1 + 3 * column :][:3])]

    def fall(weights):
        before, *after = (one.auc(weights) for one in ranked)
        return before - np.mean(after)

    drawn = bootstrap(fall, np.arange(800), rng=1, resamples=2000)
    assert found.value == pytest.approx(drawn.value)
    # The end of a percentile interval of 2,000 resamples moves by about 3 % of its half width.
    half = (found.high - found.low) / 2
    assert (found.low, found.high) == pytest.approx((drawn.low, drawn.high), abs=0.12 * half)


def test_an_interval_covers_the_cost_that_endless_rows_would_show_in_about_95_of_100_worlds():
    truth, x = rows(200_000, seed=0)
    true = auc(truth, x[:, TELLING]) - 0.5
    found = [permutation_importance(*rows(200, seed), lambda x: x[:, TELLING], rng=seed) for seed in range(1, 301)]
    # Of a shuffled column only some shuffles are seen, so a world's value strays by a third of its chance too.
    assert np.mean([one[TELLING].low <= true <= one[TELLING].high for one in found]) > 0.91


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others():
    first, same, other = (permutation_importance(*rows(200), weighed, rng=seed) for seed in (1, 1, 2))
    assert first == same
    assert first[TELLING] != other[TELLING]


def test_ties_count_half():
    truth, x = np.array([0, 0, 1, 1] * 50), np.zeros((200, 1))
    (found,) = permutation_importance(truth, x, lambda x: x[:, 0], rng=1)
    assert (found.value, found.low, found.high, found.count) == (0, 0, 0, 200)


def test_what_is_missing_is_shuffled_like_anything_else():
    truth, x = rows(400)
    x[:, TELLING] = np.where(truth == 1, np.nan, 1.0)
    told = permutation_importance(truth, x, lambda x: np.isnan(x[:, TELLING]).astype(float), rng=1)[TELLING]
    assert told.value == pytest.approx(0.5, abs=0.1)


def test_one_class_alone_is_refused():
    with pytest.raises(CounterpointError, match="all 3 rows have truth 1"):
        permutation_importance(np.ones(3, dtype=int), np.zeros((3, 1)), lambda x: x[:, 0], rng=1)

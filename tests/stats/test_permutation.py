"""A permutation test counts orders: exactly those that keep each stratum's labels within it, and the one that was seen.

- Against all orders of a few units, its p value is the share of orders that lie as far out.
- Labels that differ between strata only are no evidence.
- Where nothing is planted, p values are uniform; where something is, they are small.
"""

from itertools import permutations, product

import numpy as np
import pytest
from tests.logs import refusal

from counterpoint.stats.permutation import linear_test


def orders(labels, strata):
    """All orders of the labels that keep each stratum's within it."""
    inside = [np.flatnonzero(strata == stratum) for stratum in np.unique(strata)]
    for parts in product(*(set(permutations(labels[rows].tolist())) for rows in inside)):
        order = np.zeros(len(labels), bool)
        for rows, part in zip(inside, parts, strict=True):
            order[rows] = part
        yield order


def slow(weights, labels, strata):
    sums = np.array([weights[order].sum() for order in orders(labels, strata)])
    far = np.abs(sums - sums.mean())
    return np.mean(far >= abs(weights[labels].sum() - sums.mean()) - 1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_it_is_the_share_of_all_orders_that_lie_as_far_out(seed):
    rng = np.random.default_rng(seed)
    weights = rng.choice([0.0, 0.5, 1.0, rng.normal()], 9)
    labels, strata = rng.random(9) < 0.5, rng.integers(2, size=9)
    p = linear_test(weights, labels, strata, rng=seed, permutations=40_000)
    assert p == pytest.approx(slow(weights, labels, strata), abs=4 * 0.5 / 200)


def test_labels_that_differ_between_strata_only_are_no_evidence():
    strata = np.repeat([0, 1], 500)
    labels = np.append(np.zeros(500, bool), np.ones(500, bool))
    assert linear_test(strata.astype(float), labels, strata, rng=1) == 1
    assert linear_test(strata.astype(float), labels, np.zeros(1000, int), rng=1) == 1 / 10_000


def test_where_nothing_is_planted_p_values_are_uniform():
    rng = np.random.default_rng(7)
    strata = rng.integers(5, size=300)
    p = [
        linear_test(rng.pareto(1, 300), rng.random(300) < 0.1 + 0.15 * strata, strata, rng=rng, permutations=199)
        for _ in range(400)
    ]
    assert np.mean(np.array(p) <= 0.05) == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / 400))
    assert np.mean(p) == pytest.approx(0.5, abs=4 * np.sqrt(1 / 12 / 400))


def test_what_is_planted_is_found():
    rng = np.random.default_rng(3)
    weights = rng.normal(size=400)
    assert linear_test(weights, weights + rng.normal(size=400) > 0, np.zeros(400, int), rng=1) == 1 / 10_000


def test_it_is_never_zero_and_the_same_seed_says_the_same():
    weights, labels = np.arange(30.0), np.arange(30) > 15
    one, other = (linear_test(weights, labels, np.zeros(30, int), rng=5, permutations=99) for _ in range(2))
    assert one == other == 0.01


@pytest.mark.parametrize("lengths", [(2, 3, 3), (3, 2, 3), (3, 3, 2)])
def test_columns_of_different_length_are_refused(lengths):
    arrays = [np.zeros(lengths[0]), np.zeros(lengths[1], bool), np.zeros(lengths[2], int)]
    assert "one weight, label and stratum a unit" in refusal(lambda: linear_test(*arrays, rng=0))

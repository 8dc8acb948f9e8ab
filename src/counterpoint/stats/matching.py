"""Are the exposed worse off than those like them? Matched comparisons of many items at once: an association, no cause.

Units are compared within strata of units that are alike. Of each item only the strata with somebody exposed count.
"""

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from counterpoint.errors import CounterpointError

Floats = NDArray[np.float64]
SHRINKAGE_STEPS = 500
"""Steps of the expectation-maximisation that fits the prior; it moves by less than 1e-6 long before."""


@dataclass(frozen=True, eq=False)
class Cells:
    """One entry an item and stratum with somebody exposed; all arrays are of one length.

    item          : int64, which item, from 0, in rising order; each number up to the last has at least one entry
    exposed_cases : how many of the exposed were hit, or the sum of their chances
    exposed       : how many were exposed
    cases         : how many of the whole stratum were hit
    total         : how many units it has
    """

    item: NDArray[np.int64]
    exposed_cases: Floats
    exposed: Floats
    cases: Floats
    total: Floats


@dataclass(frozen=True, eq=False)
class Association:
    """What was found of each item, float64[items]; nan where one side of the comparison is empty.

    observed, expected : exposed units that were hit, and as many as would be if being exposed meant nothing
    log_odds, error    : the matched log odds ratio (Mantel & Haenszel 1959), and its standard error (Robins, Breslow &
                         Greenland 1986)
    z                  : of the test that being exposed means nothing, corrected for skewness (Cornish & Fisher 1938)
    """

    observed: Floats
    expected: Floats
    log_odds: Floats
    error: Floats
    z: Floats

    @property
    def p(self) -> Floats:
        """One-sided p values of "the exposed are hit no more often"."""
        below = NormalDist().cdf
        return np.array([below(-z) for z in self.z.tolist()])


def mantel_haenszel(cells: Cells) -> Association:
    """Compare the exposed of every item with those of their strata who were not.

    Raises CounterpointError if the entries are not in the order of items.

    >>> one = Cells(np.array([0]), np.array([30.0]), np.array([50.0]), np.array([40.0]), np.array([100.0]))
    >>> result = mantel_haenszel(one)  # the table 30 20 / 10 40: odds ratio 6
    >>> float(np.exp(result.log_odds[0]).round(9)), float(result.expected[0])
    (6.0, 20.0)
    """
    if len(cells.item) and (np.diff(cells.item, prepend=0) < 0).any():
        raise CounterpointError("the entries of a matched comparison must be in the order of their items")
    n, a, b, c = (
        cells.total,
        cells.exposed_cases,
        cells.exposed - cells.exposed_cases,
        cells.cases - cells.exposed_cases,
    )
    d = n - a - b - c
    starts = np.flatnonzero(np.diff(cells.item, prepend=-1))

    def summed(values: Floats) -> Floats:
        return np.add.reduceat(values, starts) if len(values) else values

    share = cells.cases / n
    expected, observed = summed(cells.exposed * share), summed(a)
    # A unit alone in its stratum says nothing, and has no variance.
    spread = cells.exposed * (n - cells.exposed) * share * (1 - share) / np.maximum(n - 1, 1)
    skew = summed(spread * (1 - 2 * share) * (n - 2 * cells.exposed) / np.maximum(n - 2, 1))
    for_, against = a * d / n, b * c / n
    agree, differ = (a + d) / n, (b + c) / n
    with np.errstate(divide="ignore", invalid="ignore"):
        r, s, variance = summed(for_), summed(against), summed(spread)
        log_odds = np.log(r / s)
        error = np.sqrt(
            summed(agree * for_) / (2 * r**2)
            + summed(agree * against + differ * for_) / (2 * r * s)
            + summed(differ * against) / (2 * s**2)
        )
        z = _corrected((observed - expected) / np.sqrt(variance), skew / variance**1.5)
    undefined = (r == 0) | (s == 0)
    log_odds[undefined] = error[undefined] = np.nan
    return Association(observed, expected, log_odds, error, z)


def _corrected(z: Floats, skewness: Floats) -> Floats:
    """Return z with the skewness of rare exposures taken out; far to the left, where it bends back, as it is."""
    near = np.clip(z, -8, 8)
    corrected = z - skewness * (near**2 - 1) / 6 + skewness**2 * (4 * near**3 - 7 * near) / 36
    return np.where(z > -1, corrected, z)


def risk_difference(cells: Cells) -> Floats:
    """Return each item's matched difference of the shares hit, exposed minus not (Greenland & Robins 1985)."""
    starts = np.flatnonzero(np.diff(cells.item, prepend=-1))
    others = cells.total - cells.exposed
    gap = (cells.exposed_cases * others - (cells.cases - cells.exposed_cases) * cells.exposed) / cells.total
    weight = cells.exposed * others / cells.total
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.add.reduceat(gap, starts) / np.add.reduceat(weight, starts))


def false_discovery(p: Floats) -> Floats:
    """Return for each p value the least rate of false discoveries at which it is one (Benjamini & Hochberg 1995).

    >>> false_discovery(np.array([0.01, 0.04, 0.03, 0.5])).round(4).tolist()
    [0.04, 0.0533, 0.0533, 0.5]
    """
    order = np.argsort(-p, kind="stable")
    ranked = p[order] * len(p) / np.arange(len(p), 0, -1)
    rates = np.empty_like(p)
    rates[order] = np.minimum(1, np.minimum.accumulate(ranked))
    return rates


def shrink(values: Floats, errors: Floats) -> Floats:
    """Return estimates drawn to their common mean, the more the less sure they are: the posterior means (Morris 1983).

    The prior is normal, its mean and spread fitted to all of them by expectation-maximisation.

    >>> shrink(np.array([0.0, 1.0, -1.0, 0.1]), np.array([0.1, 1.0, 1.0, 0.1])).round(2).tolist()
    [0.05, 0.05, 0.05, 0.05]
    """
    mean, spread = float(np.mean(values)), max(float(np.var(values)), 1e-8)
    for _ in range(SHRINKAGE_STEPS):
        precise = 1 / (1 / errors**2 + 1 / spread)
        posterior = precise * (values / errors**2 + mean / spread)
        mean, spread = float(posterior.mean()), max(float((precise + (posterior - mean) ** 2).mean()), 1e-8)
    precise = 1 / (1 / errors**2 + 1 / spread)
    return np.asarray(precise * (values / errors**2 + mean / spread))


def jackknife_error(left_out: Floats) -> float:
    """Return a statistic's standard error from its values with each of several groups left out (Quenouille 1956)."""
    groups = len(left_out)
    return sqrt((groups - 1) / groups * float(((left_out - left_out.mean()) ** 2).sum()))

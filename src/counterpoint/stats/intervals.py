"""An estimate is three numbers and a count: resample whole groups, and say how far the value would move."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import floor, log10, sqrt
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counterpoint.errors import CounterpointError
from counterpoint.rng import generator
from counterpoint.stats.labels import Weights

MAX_UNDEFINED_SHARE = 0.05
"""The share of resamples that may be undefined before an interval would be a guess."""
Z = NormalDist().inv_cdf(0.975)
"""Standard errors to each side that a 95 % interval reaches, of what is normal."""
THREADS = os.cpu_count() or 1
"""That share the resamples."""


@dataclass(frozen=True)
class Estimate:
    """A value, the interval [low, high] that covers it at `level`, and how many independent units are behind it.

    >>> print(Estimate(0.8712, 0.8621, 0.8804, 8700))
    0.871 [0.862, 0.880] (n = 8,700)
    """

    value: float
    low: float
    high: float
    count: int
    level: float = 0.95

    @property
    def brief(self) -> str:
        """Value and interval, with as many decimals as the interval's width deserves.

        >>> Estimate(0.8712, 0.8621, 0.8804, 8700).brief
        '0.871 [0.862, 0.880]'
        """
        width = self.high - self.low
        # Two significant digits of the width; more would be digits of noise, fewer would hide the interval.
        decimals = max(0, 1 - floor(log10(width))) if width > 0 else 3
        value, low, high = (f"{number:z,.{decimals}f}" for number in (self.value, self.low, self.high))
        return f"{value} [{low}, {high}]"

    def __str__(self) -> str:
        """Show the count too, and the level where it is not 95 %."""
        level = "" if self.level == 0.95 else f"{100 * self.level:.3g} % interval, "
        return f"{self.brief} ({level}n = {self.count:,})"


def bootstrap(
    statistic: Callable[[Weights], float],
    groups: NDArray[Any],
    *,
    rng: int | np.random.Generator,
    resamples: int = 1000,
    level: float = 0.95,
) -> Estimate:
    """Estimate `statistic` with a percentile interval, drawing whole groups with replacement (Efron 1979).

    `groups` has one label a row: a person with several rows is drawn with all of them or not at all. `statistic`
    takes one weight a row, how often the row was drawn; its first call, with ones, gives the value. A resample on
    which it is nan (one class only, say) is left out. The count is the number of groups.

    Raises CounterpointError if the value itself is undefined, or more than 5 % of the resamples are.

    >>> seconds = np.array([10.0, 12.0, 30.0, 8.0])
    >>> listeners = np.array(["ann", "ann", "bob", "eve"])
    >>> print(bootstrap(lambda weights: np.average(seconds, weights=weights), listeners, rng=1))
    15 [8, 30] (n = 3)
    """
    _check(groups, resamples, level)
    value, values, count = _resampled(lambda weights: np.array([statistic(weights)]), groups, rng, resamples)
    if np.isnan(value[0]):
        raise CounterpointError(f"the statistic is undefined (nan) on all {len(groups):,} rows, so it has no interval")
    defined = _defined(values[:, 0])
    if defined is None:
        raise CounterpointError(
            f"the statistic is undefined (nan) on {int(np.isnan(values).sum()):,} of {resamples:,} resamples, more "
            f"than {MAX_UNDEFINED_SHARE:.0%}: too few rows, or too few of one class, for an interval",
        )
    return Estimate(float(value[0]), *_percentiles(defined, level), count, level)


def bootstrap_each(
    statistics: Callable[[Weights], NDArray[np.float64]],
    groups: NDArray[Any],
    *,
    rng: int | np.random.Generator,
    resamples: int = 1000,
    level: float = 0.95,
    values: NDArray[np.float64] | None = None,
) -> tuple[Estimate | None, ...]:
    """Estimate all that `statistics` returns, float64[k], on the same resamples; otherwise as `bootstrap`.

    What is undefined (nan) on the rows as they are, or on more than 5 % of the resamples, has no estimate: None.
    `values` are the statistics of the rows as they are, if those of the resamples are made in a shorter way.

    >>> seconds = np.array([10.0, 12.0, 30.0, 8.0])
    >>> both = lambda w: np.array([np.average(seconds, weights=w), seconds[w > 0].max()])
    >>> mean, most = bootstrap_each(both, np.arange(4), rng=1)
    >>> mean.value, most.value
    (15.0, 30.0)
    """
    _check(groups, resamples, level)
    computed, by_resample, count = _resampled(statistics, groups, rng, resamples)
    values = computed if values is None else values
    estimates: list[Estimate | None] = []
    for value, column in zip(values.tolist(), by_resample.T, strict=True):
        defined = None if np.isnan(value) else _defined(column)
        estimates.append(None if defined is None else Estimate(value, *_percentiles(defined, level), count, level))
    return tuple(estimates)


def paired_difference(
    first: Callable[[Weights], float],
    second: Callable[[Weights], float],
    groups: NDArray[Any],
    *,
    rng: int | np.random.Generator,
    resamples: int = 1000,
    level: float = 0.95,
) -> Estimate:
    """Estimate `first - second` on the same resamples, so that what moves both cancels.

    Far narrower than two separate intervals when both statistics judge the same rows; otherwise as `bootstrap`.

    >>> old, new = np.array([1.0, 5.0, 9.0]), np.array([1.5, 5.5, 9.5])
    >>> gain = paired_difference(lambda w: np.average(new, weights=w), lambda w: np.average(old, weights=w),
    ...                          np.arange(3), rng=1)
    >>> round(gain.low, 3), gain.value, round(gain.high, 3)
    (0.5, 0.5, 0.5)
    """
    return bootstrap(
        lambda weights: first(weights) - second(weights), groups, rng=rng, resamples=resamples, level=level
    )


def wilson(hits: int, count: int, level: float = 0.95) -> Estimate:
    """Estimate the share of `hits` among `count` independent trials by the score interval (Wilson 1927).

    The interval stays within [0, 1] and is not empty at 0 or `count` hits.
    Raises CounterpointError unless 0 <= hits <= count and count > 0.

    >>> print(wilson(8, 10))
    0.80 [0.49, 0.94] (n = 10)
    """
    _check_level(level)
    if not 0 <= hits <= count or not count:
        raise CounterpointError(f"a share needs 0 <= hits <= count and a count above 0, got {hits} of {count}")
    z, share = NormalDist().inv_cdf((1 + level) / 2), hits / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    # At the edges the formula is exact only up to rounding, and a low of 1e-17 for no hits would look like a find.
    low = max(0.0, middle - half) if hits else 0.0
    high = min(1.0, middle + half) if hits < count else 1.0
    return Estimate(share, low, high, int(count), level)


def difference_of_shares(hits: int, count: int, other_hits: int, other_count: int, level: float = 0.95) -> Estimate:
    """Estimate the share of `hits` minus another, independent share, from two Wilson intervals (Newcombe 1998, no. 10).

    The count is of both together. Raises CounterpointError as `wilson` does.

    >>> print(difference_of_shares(56, 70, 48, 80))
    0.20 [0.05, 0.33] (n = 150)
    """
    one, other = wilson(hits, count, level), wilson(other_hits, other_count, level)
    value = one.value - other.value
    low = value - sqrt((one.value - one.low) ** 2 + (other.high - other.value) ** 2)
    high = value + sqrt((one.high - one.value) ** 2 + (other.value - other.low) ** 2)
    return Estimate(value, low, high, count + other_count, level)


def _check(groups: NDArray[Any], resamples: int, level: float) -> None:
    _check_level(level)
    if groups.ndim != 1 or not len(groups):
        raise CounterpointError(f"groups must be one label a row with at least one row, got shape {groups.shape}")
    if resamples < 1:
        raise CounterpointError(f"resamples must be at least 1 (1,000 is usual), got {resamples}")


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise CounterpointError(f"level must lie strictly between 0 and 1 (0.95 is usual), got {level}")


def _resampled(
    statistics: Callable[[Weights], NDArray[np.float64]],
    groups: NDArray[Any],
    rng: int | np.random.Generator,
    resamples: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Return the statistics of the rows as they are, float64[k], of each resample, float64[resamples, k], and groups.

    Each resample has a generator of its own: how many threads share the work changes nothing.
    """
    labels, row_group = np.unique(groups, return_inverse=True)
    values = np.asarray(statistics(np.ones(len(groups))), np.float64)
    by_resample, generators = np.empty((resamples, len(values))), generator(rng).spawn(resamples)

    def draw(first: int) -> None:
        for number in range(first, resamples, THREADS):
            by_resample[number] = statistics(_weights(len(labels), row_group, generators[number]))

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(draw, range(THREADS)))
    return values, by_resample, len(labels)


def _weights(groups: int, row_group: NDArray[np.intp], rng: np.random.Generator) -> Weights:
    # Counting uniform draws is the multinomial, many times faster than asking for a binomial for each group.
    times = np.bincount(rng.integers(groups, size=groups), minlength=groups).astype(np.float64)
    return times[row_group]


def _defined(values: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return the values that are defined, or None if too few are."""
    defined = values[~np.isnan(values)]
    return None if len(defined) < (1 - MAX_UNDEFINED_SHARE) * len(values) else defined


def _percentiles(defined: NDArray[np.float64], level: float) -> tuple[float, float]:
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)

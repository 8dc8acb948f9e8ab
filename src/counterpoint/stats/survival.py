"""How long do they last? The share still there after so many days, where for some we only know that they were there."""

from dataclasses import dataclass
from fractions import Fraction
from math import exp, log, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from counterpoint.errors import CounterpointError
from counterpoint.stats.intervals import Estimate


@dataclass(frozen=True)
class Step:
    """The share still there after a day: of those at risk, who were there on it, so many ended."""

    day: int
    at_risk: int
    share: Estimate
    ended: int


def kaplan_meier(days: NDArray[np.int64], ended: NDArray[np.bool_], *, level: float = 0.95) -> tuple[Step, ...]:
    """Return the survival curve at every day on which somebody's time ended (Kaplan & Meier 1958).

    days  : int64[people], how long each was followed, at least 0
    ended : bool[people], whether it ended then, or was only followed so far (censored)

    Intervals are Greenwood's on the scale log(-log) (Kalbfleisch & Prentice 1980), so they stay within [0, 1]; where
    nobody is left the share is 0 without an interval of its own: [0, the high end of the step before].

    Raises CounterpointError unless there is one of each a person and no day is below 0.

    >>> curve = kaplan_meier(np.array([1, 2, 2, 5]), np.array([True, True, False, True]))
    >>> [(step.day, round(step.share.value, 3)) for step in curve]
    [(1, 0.75), (2, 0.5), (5, 0.0)]
    """
    if days.shape != ended.shape or days.ndim != 1 or not len(days) or days.min() < 0:
        raise CounterpointError(
            "survival needs a number of days of at least 0, and whether they ended, for each person"
        )
    if not 0 < level < 1:
        raise CounterpointError(f"level must lie strictly between 0 and 1 (0.95 is usual), got {level}")
    z = NormalDist().inv_cdf((1 + level) / 2)
    end_days, events = np.unique(days[ended], return_counts=True)
    at_risk = len(days) - np.searchsorted(np.sort(days), end_days, side="left")
    share, variance, steps, high = 1.0, 0.0, list[Step](), 1.0
    for day, ended_now, present in zip(end_days.tolist(), events.tolist(), at_risk.tolist(), strict=True):
        share *= 1 - ended_now / present
        if present > ended_now:
            variance += ended_now / (present * (present - ended_now))
            low, high = _interval(share, variance, z)
            steps.append(Step(day, present, Estimate(share, low, high, len(days), level), ended_now))
        else:
            steps.append(Step(day, present, Estimate(0.0, 0.0, high, len(days), level), ended_now))
    return tuple(steps)


def _interval(share: float, variance: float, z: float) -> tuple[float, float]:
    """Return Greenwood's interval on the scale log(-log)."""
    far = z * sqrt(variance) / abs(log(share))
    ends = sorted(share ** exp(sign * far) for sign in (-1, 1))
    return ends[0], ends[1]


def median_survival(curve: tuple[Step, ...]) -> int | None:
    """Return the first day after which half or fewer are left, or None if more are left at the end.

    Counted in fractions: a product of floats that should be a half can be a little more.

    >>> days, ended = np.array([0, 0, 1, 1, *[2] * 6]), np.array([True] * 4 + [False] * 5 + [True])
    >>> median_survival(kaplan_meier(days, ended)), kaplan_meier(days, ended)[-1].share.value
    (2, 0.5000000000000001)
    """
    left = Fraction(1)
    for step in curve:
        left *= 1 - Fraction(step.ended, step.at_risk)
        if 2 * left <= 1:
            return step.day
    return None

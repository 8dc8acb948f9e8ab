"""Percentiles of whole numbers that were counted: exact, so that every engine and every order gives the same."""

from fractions import Fraction
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray


def percentile(values: NDArray[np.int64], counts: NDArray[np.int64], share: Fraction) -> Fraction:
    """Return the exact percentile of a histogram, linear between neighbours (Hyndman & Fan 1996, type 7).

    >>> float(percentile(np.array([1, 2, 10]), np.array([1, 1, 1]), Fraction(3, 4)))
    6.0
    """
    order = np.argsort(values)
    upto = np.cumsum(counts[order])
    place = share * (int(upto[-1]) - 1)
    low, high = (int(values[order][np.searchsorted(upto, rank, side="right")]) for rank in (floor(place), ceil(place)))
    return low + (high - low) * (place - floor(place))

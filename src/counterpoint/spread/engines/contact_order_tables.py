"""Which of two kinds of contact is the first to change somebody who meets them all in random order."""

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from counterpoint.spread.engines.contact_order_kernels import SMALL

POINTS: Final = SMALL  # of Gauss and Legendre: they integrate polynomials of degree 2 SMALL - 1 exactly


@lru_cache(maxsize=64)
def wins(p: float, q: float) -> NDArray[np.float64]:
    """Return P(a contact of the first kind is the one that counts), float64[SMALL, SMALL], by how many of either kind.

    p, q : P(change) of one contact of the first kind, and of the second

    It is a p * integral over s in [0, 1] of (1 - p s)^(a - 1) (1 - q s)^b: the kinds' contacts have uniform times, and
    those that would change somebody count if none did before.

    >>> float(wins(0.6, 0.5)[1, 1].round(6))  # half the time it is met first, half it has to be left over
    0.45
    """
    points, weight = np.polynomial.legendre.leggauss(POINTS)
    s, weight = (points + 1) / 2, weight / 2
    count = np.arange(SMALL)[:, None]
    first = count * p * (1 - p * s) ** np.maximum(count - 1, 0)
    return np.asarray((first * weight) @ ((1 - q * s) ** count).T)


def _changes(p: float) -> NDArray[np.float64]:
    """Return P(some contact of a kind changes somebody), by how many there are."""
    return np.asarray(1 - (1 - p) ** np.arange(SMALL, dtype=np.float64))


def earlier(p: float, q: float) -> NDArray[np.float64]:
    """Return P(the first kind's contact is the earlier | contacts of both kinds would change somebody)."""
    one, other = _changes(p)[:, None], _changes(q)
    return _over(wins(p, q) - one * (1 - other), one * other)


def counts(p: float, q: float) -> NDArray[np.float64]:
    """Return P(the first kind's contact counts | some contact changes somebody)."""
    one, other = _changes(p)[:, None], _changes(q)
    return _over(wins(p, q), 1 - (1 - one) * (1 - other))


def _over(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)

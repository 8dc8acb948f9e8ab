"""Snapshots as lists of suspects, and how much what detectors say of them is worth.

The loss is the cross-entropy of a softmax over one snapshot's suspects (Cao et al. 2007, ListNet).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax

Floats = NDArray[np.float64]
Group = tuple[NDArray[Any], NDArray[Any]]
LOOSE: Final = 0.5  # standard deviation of weights around what they are drawn towards
RISING: Final = 2.0  # as many times that of weights is the rise's
RISES: Final = -0.9, 5.0  # with -1 what is pooled would no longer rise with the probability


class Worth(NamedTuple):
    """What detectors are worth together.

    weights : what the logarithms of their probabilities are multiplied by, before these are added up
    rise    : how much of the probability that comes of it is added to its own logarithm: a weight is found by the many
              unlikely suspects, and the likeliest may deserve more, or less
    """

    weights: tuple[float, ...]
    rise: float = 0.0


@dataclass(frozen=True, eq=False)
class Lists:
    """Snapshots as groups of rows, one a suspect.

    features : float[rows, columns]
    true     : float64[rows], share of the sources; of every snapshot they add up to one
    sizes    : int64[snapshots]
    start    : int64[snapshots]
    """

    features: NDArray[Any]
    true: Floats
    sizes: NDArray[np.int64]
    start: NDArray[np.int64]

    @classmethod
    def of(cls, groups: Sequence[Group]) -> Self:
        """Return features and shares of the sources of those snapshots that `have_sources`, as one."""
        groups = have_sources(groups)
        sizes = np.array([len(y) for _, y in groups])
        features, true = (np.concatenate(each) for each in zip(*groups, strict=True))
        return cls(features, true.astype(np.float64), sizes, np.append(0, np.cumsum(sizes)[:-1]))

    def logs(self, raw: NDArray[Any]) -> Floats:
        """Return the logarithm of the softmax over each snapshot's suspects."""
        above = raw - np.repeat(np.maximum.reduceat(raw, self.start), self.sizes)
        return np.asarray(above - np.repeat(np.log(np.add.reduceat(np.exp(above), self.start)), self.sizes))

    def losses(self, logs: Floats) -> Floats:
        """Return the cross-entropy of probabilities, as logarithms (`logs`), to the sources of each snapshot."""
        return -np.add.reduceat(self.true * logs, self.start)

    def loss(self, raw: NDArray[Any]) -> float:
        """Return the mean cross-entropy of a softmax to the true sources."""
        return float(self.losses(self.logs(raw)).mean())

    def pooled(self, worth: Worth) -> Floats:
        """Return the logarithms of the probabilities that come of the features if that is what they are worth."""
        return pooled(self.features, worth, self.logs)

    def worth(self, towards: Sequence[float], spread: float = LOOSE) -> Worth:
        """Return what the features, logarithms of probabilities, are worth: that with which they predict best.

        The weights, 0 or more, are drawn `towards` some, by a normal prior of that `spread`, and the rise towards none,
        by one of twice that: without it a few snapshots whose source is always the likeliest would drive both beyond
        all bounds.

        >>> sure, other = np.log([0.9, 0.1]), np.log([0.5, 0.5])
        >>> snapshots = [(np.stack([sure, other], 1), np.eye(2)[int(at % 10 == 0)]) for at in range(1000)]
        >>> weights, rise = Lists.of(snapshots).worth([1, 0])
        >>> np.round(weights, 2).tolist(), round(abs(rise), 2)
        ([1.0, 0.0], 0.0)
        """
        middle = np.array([*towards, 0.0])
        firm = np.array([*[spread] * len(towards), RISING * spread]) ** -2

        def cost(found: Floats) -> tuple[float, Floats]:
            off, rise = found - middle, found[-1]
            mixed = self.logs(self.features @ found[:-1])
            chance = np.exp(mixed)
            logs = self.logs(mixed + rise * chance)
            over = np.exp(logs) - self.true
            by = over * (1 + rise * chance)  # the slope by mixed, and then by what it is the softmax of
            by -= chance * np.repeat(np.add.reduceat(by, self.start), self.sizes)
            total = self.losses(logs).sum() + float(firm @ off**2) / 2
            slope = firm * off + np.append(by @ self.features, over @ chance)
            return total / len(self.sizes), slope / len(self.sizes)

        bounds = [*[(0.0, None)] * len(towards), RISES]
        *weights, rise = minimize(cost, middle, jac=True, method="L-BFGS-B", bounds=bounds).x.round(4).tolist()
        return Worth(tuple(weights), rise)


def have_sources(groups: Sequence[Group]) -> list[Group]:
    """Return the snapshots that have a source among their suspects, with shares that add up to one."""
    return [(features, true / true.sum()) for features, true in groups if true.any()]


def pooled(logs: NDArray[Any], worth: Worth, softmax: Callable[[NDArray[Any]], Floats] = log_softmax) -> Floats:
    """Return the logarithms of the probabilities that come of float[suspects, detectors] of one snapshot."""
    mixed = softmax(logs @ np.array(worth.weights))
    return softmax(mixed + worth.rise * np.exp(mixed))

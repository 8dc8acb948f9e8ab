"""Snapshots as lists of suspects, and how probabilities of them are fitted to the sources.

The loss is the cross-entropy of a softmax over one snapshot's suspects (Cao et al. 2007, ListNet).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from counterpoint.trace.calibration import Calibration, calibrated

Floats = NDArray[np.float64]
Group = tuple[NDArray[Any], NDArray[Any]]
WEIGHT_SPREAD: Final = 0.5  # standard deviation of weights around what they are drawn towards
SHARPENING_SPREAD: Final = 2.0  # as many times that of weights is the sharpening's
SHARPENING_BOUNDS: Final = -0.9, 5.0  # with -1 what is pooled would no longer rise with the probability


@dataclass(frozen=True, eq=False)
class ListwiseData:
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

    def calibrated(self, calibration: Calibration) -> Floats:
        """Return the logarithms of the probabilities that come of the features, so calibrated."""
        return calibrated(self.features, calibration, self.logs)

    def fit_calibration(self, towards: Sequence[float], spread: float = WEIGHT_SPREAD) -> Calibration:
        """Return the calibration of the features, logarithms of probabilities, with which they predict best.

        The weights, 0 or more, are drawn `towards` some, by a normal prior of that `spread`, and the sharpening towards
        none, by one of twice that: without it a few snapshots whose source is always the likeliest would drive both
        beyond all bounds.

        >>> sure, other = np.log([0.9, 0.1]), np.log([0.5, 0.5])
        >>> snapshots = [(np.stack([sure, other], 1), np.eye(2)[int(at % 10 == 0)]) for at in range(1000)]
        >>> weights, sharpening = ListwiseData.of(snapshots).fit_calibration([1, 0])
        >>> np.round(weights, 2).tolist(), round(abs(sharpening), 2)
        ([1.0, 0.0], 0.0)
        """
        middle = np.array([*towards, 0.0])
        precision = np.array([*[spread] * len(towards), SHARPENING_SPREAD * spread]) ** -2

        def cost(parameters: Floats) -> tuple[float, Floats]:
            deviation, sharpening = parameters - middle, parameters[-1]
            mixed = self.logs(self.features @ parameters[:-1])
            chance = np.exp(mixed)
            logs = self.logs(mixed + sharpening * chance)
            error = np.exp(logs) - self.true
            mixed_slope = error * (1 + sharpening * chance)  # the slope by mixed, and then by what it is the softmax of
            mixed_slope -= chance * np.repeat(np.add.reduceat(mixed_slope, self.start), self.sizes)
            total = self.losses(logs).sum() + float(precision @ deviation**2) / 2
            slope = precision * deviation + np.append(mixed_slope @ self.features, error @ chance)
            return total / len(self.sizes), slope / len(self.sizes)

        bounds = [*[(0.0, None)] * len(towards), SHARPENING_BOUNDS]
        *weights, sharpening = minimize(cost, middle, jac=True, method="L-BFGS-B", bounds=bounds).x.round(4).tolist()
        return Calibration(tuple(weights), sharpening)


def have_sources(groups: Sequence[Group]) -> list[Group]:
    """Return the snapshots that have a source among their suspects, with shares that add up to one."""
    return [(features, true / true.sum()) for features, true in groups if true.any()]

"""Several detectors as one: their probabilities multiplied, each raised to what it turned out to be worth."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from counterpoint.rumours.trace.detector import Detector, Scores, probabilities
from counterpoint.rumours.trace.setting import Codes, Setting

FLOOR: Final = 1e-3  # of the probability is left for whoever a member rules out


def floored(scores: Scores, suspect: NDArray[np.bool_]) -> Scores:
    """Return ln of probabilities of which a small part is spread over all suspects, so that none is at zero."""
    even = suspect / suspect.sum()
    with np.errstate(divide="ignore"):
        return np.asarray(np.log((1 - FLOOR) * probabilities(scores) + FLOOR * even))


def fitted(scores: Sequence[NDArray[np.float64]], sources: Sequence[NDArray[np.int64]]) -> NDArray[np.float64]:
    """Return the weights, 0 or more, with which members' ln-probabilities, float64[members, suspects], predict best.

    One array a snapshot, and the places of its sources. The loss is convex in the weights.

    >>> sure, other = np.log([0.9, 0.1]), np.log([0.5, 0.5])
    >>> found = fitted([np.stack([sure, other])] * 10, [np.array([0])] * 9 + [np.array([1])])
    >>> float(found[0].round(2))
    1.0
    """

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        total, slope = 0.0, np.zeros(len(weights))
        for each, right in zip(scores, sources, strict=True):
            mixed = weights @ each
            chances = probabilities(mixed)
            total -= float(np.log(np.maximum(chances[right], 1e-300)).mean())
            slope -= each[:, right].mean(1) - each @ chances
        return total / len(scores), slope / len(scores)

    members = len(scores[0])
    best = minimize(loss, np.full(members, 1.0 / members), jac=True, method="L-BFGS-B", bounds=[(0.0, None)] * members)
    return np.asarray(best.x)

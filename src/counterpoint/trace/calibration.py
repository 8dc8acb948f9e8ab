"""Calibration: how sure the probabilities of one detector, or of several together, may be.

A weight for every detector multiplies the logarithms of its probabilities (of one alone that is a temperature; Guo et
al. 2017), and the likeliest may be raised or lowered beyond that. `listwise.ListwiseData.fit_calibration` finds both.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

Floats = NDArray[np.float64]


class Calibration(NamedTuple):
    """What detectors are worth together.

    weights : what the logarithms of their probabilities are multiplied by, before these are added up
    sharpening    : how much of the probability that comes of it is added to its own logarithm: a weight is found by
              the many unlikely suspects, and the likeliest may deserve more, or less
    """

    weights: tuple[float, ...]
    sharpening: float = 0.0


def calibrated(
    logs: NDArray[Any], calibration: Calibration, softmax: Callable[[NDArray[Any]], Floats] = log_softmax
) -> Floats:
    """Return the logarithms of the probabilities that come of float[suspects, detectors] of one snapshot."""
    mixed = softmax(logs @ np.array(calibration.weights))
    return softmax(mixed + calibration.sharpening * np.exp(mixed))

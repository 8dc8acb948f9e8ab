"""One step down a slope, each value at a pace of its own (Adam: Kingma & Ba 2015)."""

# mypy: ignore-errors

import numpy as np
from numba import njit

KEPT = np.float32(0.9)  # of the mean of the slopes
KEPT_SQUARE = np.float32(0.999)  # of the mean of their squares
TINY = np.float32(1e-8)


@njit(cache=True, fastmath={"reassoc", "contract", "nsz", "arcp"})
def adam_step(values, slope, mean, square, rate, step):
    """Move float32 values, and the means that say how fast; `step` counts from 1."""
    pace = np.float32(rate * np.sqrt(1 - KEPT_SQUARE**step) / (1 - KEPT**step))
    for at in range(len(values)):
        mean[at] += (1 - KEPT) * (slope[at] - mean[at])
        square[at] += (1 - KEPT_SQUARE) * (slope[at] * slope[at] - square[at])
        values[at] -= pace * mean[at] / (np.sqrt(square[at]) + TINY)

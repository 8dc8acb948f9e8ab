"""Random numbers by what they are for: the same seed, run, step and node give the same number, whoever asks when."""

# mypy: ignore-errors

import numpy as np
from numba import njit

STRIDE = np.uint64(0x9E3779B97F4A7C15)
FIRST = np.uint64(0xBF58476D1CE4E5B9)
SECOND = np.uint64(0x94D049BB133111EB)
UNIT = 2.0**-53


@njit(cache=True, inline="always")
def mixed(x):
    """Return x with its 64 bits mixed (splitmix64: Steele, Lea & Flood 2014)."""
    x = (x ^ (x >> np.uint64(30))) * FIRST
    x = (x ^ (x >> np.uint64(27))) * SECOND
    return x ^ (x >> np.uint64(31))


@njit(cache=True, inline="always")
def under(key, number):
    """Return the key of one of the things that a key is for: a run of a seed, a step of a run, a node of a step."""
    return mixed(key + (np.uint64(number) + np.uint64(1)) * STRIDE)


@njit(cache=True, inline="always")
def uniform(key):
    """Return the number in [0, 1) of a key."""
    return np.float64(key >> np.uint64(11)) * UNIT

"""The draws that every run begins with."""

# mypy: ignore-errors

import numpy as np
from numba import njit, prange

from counterpoint.counter_rng_kernels import mixed, under, uniform

PEOPLE = 1 << 62  # the draws of who is what; steps have their own numbers


@njit(cache=True)
def run_keys(seed, numbers):
    """Return uint64[runs], the key of each run of a seed."""
    keys = np.empty(len(numbers), np.uint64)
    for run in range(len(numbers)):
        keys[run] = under(mixed(np.uint64(seed) + np.uint64(1)), numbers[run])
    return keys


@njit(cache=True, parallel=True)
def drawn_kinds(keys, nodes, shares):
    """Return uint8[runs, nodes], the class of everybody: 0, or 1 + the first whose cumulated share exceeds a draw."""
    kinds = np.zeros((len(keys), nodes), np.uint8)
    if len(shares) == 0 or shares[-1] == 0.0:
        return kinds
    for run in prange(len(keys)):
        people = under(keys[run], PEOPLE)
        for v in range(nodes):
            r = uniform(under(people, v))
            if r < shares[-1]:
                kind = 0
                while r >= shares[kind]:
                    kind += 1
                kinds[run, v] = kind + 1
    return kinds

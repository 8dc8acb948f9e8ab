"""The place of each value among those of its row, equal ones sharing the mean of theirs."""

# mypy: ignore-errors

import numpy as np
from numba import njit, prange


@njit(cache=True, parallel=True)
def percentile_ranks(start, value, chunks):
    """Return the mean place from the least, counted from 1, divided by the row's number, float32[values]."""
    out = np.empty(len(value), np.float32)
    rows = len(start) - 1
    for chunk in prange(chunks):
        for row in range(rows * chunk // chunks, rows * (chunk + 1) // chunks):
            begin, end = start[row], start[row + 1]
            order = np.argsort(value[begin:end])
            at = 0
            while at < len(order):
                last = at
                while last + 1 < len(order) and value[begin + order[last + 1]] == value[begin + order[at]]:
                    last += 1
                for same in range(at, last + 1):
                    out[begin + order[same]] = (at + last + 2) / 2 / len(order)
                at = last + 1
    return out

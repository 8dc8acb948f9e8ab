"""The order in which contacts act: of several that would change a node in a step, one, any, does.

That is meeting them in random order: give each contact a time, uniform in [0, 1]; P(nothing by time s) = prod over
states j of (1 - p_j s)^n_j. The draw u is where that curve ends: if u is below its value at 1 nothing happens.
Otherwise it crosses u at the time of the contact that counts, which is with state j in proportion to
n_j p_j / (1 - p_j s). Of two states and few neighbours the shares come from a table (`contact_order_tables`).
"""

# mypy: ignore-errors

import numpy as np
from numba import njit

BROADCAST, ACTIVE_PULL, PULL = 0, 1, 2
END = 1.0 - 1e-12  # of time: a contact that is certain to change has its logarithm's pole at 1
SMALL = 64  # counts whose powers are tabulated
FIELD = np.uint64(0xFFFFFFFF)


@njit(cache=True, inline="always")
def count(counts, v, f):
    """Return how many contacts of a field a node has."""
    return (counts[v, f >> 1] >> np.uint64(32 * (f & 1))) & FIELD


@njit(cache=True)
def _crossing(law, c, s, counts, v, u):
    """Return the time at which P(nothing yet) falls to u, by Newton's steps; the curve's logarithm is concave."""
    goal, slope = np.log(max(u, 1e-300)), 0.0
    for f in range(law.chance.shape[2]):
        slope += count(counts, v, f) / law.unit * law.chance[c, s, f]
    at = min(-goal / slope, END)  # never short of it, and so is every step
    for _ in range(30):
        value, slope = -goal, 0.0
        for f in range(law.chance.shape[2]):
            p = law.chance[c, s, f]
            n = count(counts, v, f) / law.unit
            if p > 0.0 and n > 0.0:
                rest = max(1.0 - p * at, 1e-15)
                value += n * np.log(rest)
                slope -= n * p / rest
        step = value / slope
        at = min(max(at - step, 0.0), END)
        if abs(step) < 1e-12:
            break
    return at


@njit(cache=True)
def changing_field(law, c, s, counts, v, u, r):
    """Return the field of the contact that changed v, given the draw u that said so and another, r."""
    fields, tabulated = law.chance.shape[2], np.uint64(law.race.shape[2])
    if tabulated and law.unit == 1.0:
        one, other = count(counts, v, 0), count(counts, v, 1)
        if one < tabulated and other < tabulated:
            return 0 if r < law.race[c, s, one, other] else 1
    at = _crossing(law, c, s, counts, v, u) if law.contact == BROADCAST else 0.0
    whole = 0.0
    for f in range(fields):
        p = law.chance[c, s, f]
        whole += count(counts, v, f) * p / max(1.0 - p * at, 1e-15)
    r *= whole
    last = 0
    for f in range(fields):
        p = law.chance[c, s, f]
        share = count(counts, v, f) * p / max(1.0 - p * at, 1e-15)
        if share > 0.0:
            last = f
            if r < share:
                break
            r -= share
    return last

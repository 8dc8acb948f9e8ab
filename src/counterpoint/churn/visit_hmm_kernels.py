"""Forward and backward over listeners' visits, for a hidden Markov model whose kinds do not mix (Rabiner 1989, III).

Visits lie one listener after another. Between two of them a listener steps `gap` days through silence, all at once, by
matrices made ready; so the work grows with the visits, not with the days. Arrays, c kinds and s stages:

    first  : int64[listeners + 1], where each listener's visits begin
    gap    : int64[visits], days since the visit before; of a first visit anything
    quiet  : int64[listeners], days of silence after the last visit
    likely : float32[visits, c, s], how likely what a visit shows is, up to a factor
    visits : float64[c, s], chance of a visit a day; the first visit is given
    start  : float64[c, s], chances on the day of the first visit
    across : float64[gaps, c, s, s], from one visit to the next after so many days
    silent : float64[days, c, s], the chance of so many days of silence
"""

# mypy: ignore-errors

import numpy as np
from numba import njit, prange

CHUNKS = 8


@njit(cache=True)
def _forward(at, stop, gap, likely, visits, start, across, belief):
    """Fill `belief` from visit `at` up to `stop`, each normalised; return the logarithm of their chances."""
    kinds, stages = start.shape
    log = 0.0
    for visit in range(at, stop):
        total = 0.0
        for c in range(kinds):
            for s in range(stages):
                if visit == at:
                    reached = start[c, s]
                else:
                    reached = 0.0
                    for r in range(stages):
                        reached += belief[visit - 1, c, r] * across[gap[visit], c, r, s]
                    reached *= visits[c, s]
                belief[visit, c, s] = reached * likely[visit, c, s]
                total += belief[visit, c, s]
        for c in range(kinds):
            for s in range(stages):
                belief[visit, c, s] /= total
        log += np.log(total)
    return log


@njit(cache=True, parallel=True)
def expected(first, gap, quiet, likely, visits, start, across, silent):
    """Return what a listener's visits say of the hidden states, given everything known.

    belief  : float64[visits, c, s], the chance of each state at each visit
    between : float64[gaps, c, s, s], over visits that lie so many days apart, of the states before and after, divided
              by the chance of that step
    after   : float64[days, c, s], over last visits with so much silence after them, likewise
    log     : float64, the logarithm of the chance of it all, up to the factors of `likely`
    """
    kinds, stages = start.shape
    people = len(first) - 1
    belief = np.empty(likely.shape)
    between = np.zeros((CHUNKS, len(across), kinds, stages, stages))
    after = np.zeros((CHUNKS, len(silent), kinds, stages))
    logs = np.zeros(CHUNKS)
    for chunk in prange(CHUNKS):
        later = np.empty((kinds, stages))
        earlier = np.empty((kinds, stages))
        for person in range(chunk * people // CHUNKS, (chunk + 1) * people // CHUNKS):
            at, stop = first[person], first[person + 1]
            logs[chunk] += _forward(at, stop, gap, likely, visits, start, across, belief)
            total = 0.0
            for c in range(kinds):
                for s in range(stages):
                    later[c, s] = silent[quiet[person], c, s]
                    total += belief[stop - 1, c, s] * later[c, s]
            logs[chunk] += np.log(total)
            for c in range(kinds):
                for s in range(stages):
                    later[c, s] /= total
                    after[chunk, quiet[person], c, s] += belief[stop - 1, c, s] / total
            for visit in range(stop - 1, at, -1):
                days, total = gap[visit], 0.0
                for c in range(kinds):
                    for s in range(stages):
                        belief[visit, c, s] *= later[c, s]
                        later[c, s] *= visits[c, s] * likely[visit, c, s]
                    for r in range(stages):
                        back = 0.0
                        for s in range(stages):
                            back += across[days, c, r, s] * later[c, s]
                        earlier[c, r] = back
                        total += belief[visit - 1, c, r] * back
                for c in range(kinds):
                    for r in range(stages):
                        weight = belief[visit - 1, c, r] / total
                        for s in range(stages):
                            between[chunk, days, c, r, s] += weight * later[c, s]
                    for r in range(stages):
                        later[c, r] = earlier[c, r] / total
            for c in range(kinds):
                for s in range(stages):
                    belief[at, c, s] *= later[c, s]
    return belief, between.sum(axis=0), after.sum(axis=0), logs.sum()


@njit(cache=True, parallel=True)
def last_beliefs(first, gap, likely, visits, start, across):
    """Return each listener's chances of the states on the day of the last visit, float64[listeners, c, s]."""
    people = len(first) - 1
    found = np.empty((people, len(start), start.shape[1]))
    for person in prange(people):
        at, stop = first[person], first[person + 1]
        belief = np.empty((stop - at, len(start), start.shape[1]))
        own = likely[at:stop]
        _forward(0, stop - at, gap[at:stop], own, visits, start, across, belief)
        found[person] = belief[stop - at - 1]
    return found

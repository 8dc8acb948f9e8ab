"""Runs in which one meets one: in steps, or one meeting at a time in continuous time.

The order in which they meet is drawn here: `_partner` says whom, `_propose` which of several counts in a step.
"""

# mypy: ignore-errors

from collections import namedtuple

import numpy as np
from numba import njit, prange

from counterpoint.counter_rng_kernels import mixed, under, uniform
from counterpoint.spread.engines.by_counts_kernels import RunRecord, finish

Pairs = namedtuple("Pairs", "contact_chances joint_chances spontaneous_chances active")
"""A model as arrays, for c classes and k states.

contact_chances     : float64[2, c, k, k, k], P(becomes | a state meets another), cumulated; calling, called
joint_chances       : float64[k, k, k * k], P(both become | one calls another), cumulated
spontaneous_chances : float64[c, k, k], P or rate (becomes by itself), cumulated
active              : bool[k], who is in this state calls
"""
Calls = namedtuple("Calls", "start to weight")
"""Who may call whom: node i any of to[start[i]:start[i + 1]], in proportion to its cumulated weight; empty: alike."""

PARTNER, CALLER, CALLED, SELF, TURN = 0, 1, 2, 3, 4  # what the draws of a meeting are for
QUIET = 16  # steps without a change after which it is looked, again, whether there can be one


@njit(cache=True, inline="always")
def _become(cumulated, now, r):
    """Return the state that a draw leads to, or the one now."""
    if r >= cumulated[-1]:
        return now
    k = 0
    while r >= cumulated[k]:
        k += 1
    return k


@njit(cache=True)
def _partner(calls, u, r):
    """Return the neighbour that u calls, or -1 if it has none."""
    low, high = calls.start[u], calls.start[u + 1]
    if low == high:
        return np.int64(-1)
    if len(calls.weight) == 0:
        return np.int64(calls.to[low + np.int64(r * (high - low))])
    return np.int64(calls.to[low + np.searchsorted(calls.weight[low:high], r * calls.weight[high - 1], side="right")])


@njit(cache=True)
def _meeting(law, u, v, state, kind, key):
    """Return what becomes of u, who calls, and v, who is called."""
    s, j = state[u], state[v]
    together = law.joint_chances[s, j]
    r = uniform(under(key, CALLER))
    if together[-1] > 0.0:
        if r >= together[-1]:
            return s, j
        at = 0
        while r >= together[at]:
            at += 1
        return np.uint8(at // len(law.active)), np.uint8(at % len(law.active))
    one = _become(law.contact_chances[0, kind[u], s, j], np.int64(s), r)
    other = _become(law.contact_chances[1, kind[v], j, s], np.int64(j), uniform(under(key, CALLED)))
    return np.uint8(one), np.uint8(other)


@njit(cache=True)
def _frozen(law, calls, state, kind):
    """Return whether nobody can change any more."""
    for u in range(len(state)):
        s = state[u]
        if law.spontaneous_chances[kind[u], s, -1] > 0.0:
            return False
        if law.active[s]:
            for at in range(calls.start[u], calls.start[u + 1]):
                v = calls.to[at]
                j = state[v]
                if (
                    law.joint_chances[s, j, -1]
                    + law.contact_chances[0, kind[u], s, j, -1]
                    + law.contact_chances[1, kind[v], j, s, -1]
                    > 0.0
                ):
                    return False
    return True


@njit(cache=True)
def _propose(v, to, by, turn, wanted, turns, whose, touched, count):
    """Note what a meeting would make of v; of several the one with the lowest turn counts."""
    if wanted[v] == 255:
        touched[count] = v
        count += 1
    elif turn >= turns[v]:
        return count
    wanted[v], turns[v], whose[v] = to, turn, by
    return count


@njit(cache=True)
def _tell(v, old, new, by, t, record, state):
    """Write one change down."""
    state[v] = new
    record.stocks[t, old] -= 1
    record.stocks[t, new] += 1
    record.entries[t, new] += 1
    if len(record.first) and record.first[v] < 0:
        record.first[v] = t
        if len(record.parent):
            record.parent[v] = by


@njit(cache=True)
def _in_steps(law, calls, key, since, until, state, kind, record):
    """Let everybody who posts call one neighbour a step; of several meetings that would change one, any one does."""
    nodes = len(state)
    wanted, turns = np.full(nodes, 255, np.uint8), np.zeros(nodes, np.uint64)
    whose, touched = np.zeros(nodes, np.int32), np.empty(nodes, np.int32)
    last = since
    for t in range(since, until):
        if (t - last) % QUIET == 0 and _frozen(law, calls, state, kind):
            return last
        now, count = under(key, t), 0
        for u in range(nodes):
            s, own = state[u], under(now, u)
            if law.active[s]:
                v = _partner(calls, u, uniform(under(own, PARTNER)))
                if v >= 0:
                    one, other = _meeting(law, u, v, state, kind, own)
                    turn = under(own, TURN)
                    if one != s:
                        count = _propose(u, one, v, turn, wanted, turns, whose, touched, count)
                    if other != state[v]:
                        count = _propose(v, other, u, mixed(turn), wanted, turns, whose, touched, count)
        for u in range(nodes):
            if wanted[u] == 255 and law.spontaneous_chances[kind[u], state[u], -1] > 0.0:
                to = _become(
                    law.spontaneous_chances[kind[u], state[u]], np.int64(state[u]), uniform(under(under(now, u), SELF))
                )
                if to != state[u]:
                    wanted[u], whose[u], touched[count] = to, -1, u
                    count += 1
        record.stocks[t + 1] = record.stocks[t]
        for at in range(count):
            v = touched[at]
            _tell(v, state[v], wanted[v], whose[v], t + 1, record, state)
            wanted[v] = 255
        if count:
            last = t + 1
    return until


@njit(cache=True)
def _by_the_clock(law, calls, key, since, until, state, kind, record):
    """Let one meeting follow another: everybody who posts calls at rate 1, and changes alone at the model's rates."""
    nodes = len(state)
    busy, place, last = np.empty(nodes, np.int32), np.full(nodes, -1, np.int32), since
    fastest, count = 1.0 + law.spontaneous_chances[:, :, -1].max(), 0
    for u in range(nodes):
        if law.active[state[u]] or law.spontaneous_chances[kind[u], state[u], -1] > 0.0:
            busy[count], place[u] = u, count
            count += 1
    time, t, event, key = np.float64(since), since, 0, under(key, since)
    record.stocks[t + 1] = record.stocks[t]
    while count:
        own = under(key, event)
        event += 1
        time -= np.log(1.0 - uniform(under(own, TURN))) / (fastest * count)
        while t < until and time >= t + 1:
            if last <= t and _frozen(law, calls, state, kind):
                return last
            t += 1
            if t < until:
                record.stocks[t + 1] = record.stocks[t]
        if t == until:
            return until
        u = np.int64(busy[np.int64(uniform(own) * count)])
        s, c = state[u], kind[u]
        r = uniform(under(own, SELF)) * fastest
        v, one, other = np.int64(-1), np.int64(s), np.uint8(0)
        if r < law.spontaneous_chances[c, s, -1]:
            one = _become(law.spontaneous_chances[c, s], np.int64(s), r)
        elif law.active[s] and r - law.spontaneous_chances[c, s, -1] < 1.0:
            v = _partner(calls, u, uniform(under(own, PARTNER)))
            if v < 0:
                continue
            first, other = _meeting(law, u, v, state, kind, own)
            one = np.int64(first)
        if one != s:
            _tell(u, s, one, v, t + 1, record, state)
            last = t + 1
            count = _keep_busy(law, u, state, kind, busy, place, count)
        if v >= 0 and other != state[v]:
            _tell(v, state[v], other, u, t + 1, record, state)
            last = t + 1
            count = _keep_busy(law, v, state, kind, busy, place, count)
    return last


@njit(cache=True)
def _keep_busy(law, u, state, kind, busy, place, count):
    """Add u to those who do something, or take it out; return how many do."""
    does = law.active[state[u]] or law.spontaneous_chances[kind[u], state[u], -1] > 0.0
    if does and place[u] < 0:
        busy[count], place[u] = u, count
        return count + 1
    if not does and place[u] >= 0:
        last = busy[count - 1]
        busy[place[u]], place[last], place[u] = last, place[u], -1
        return count - 1
    return count


@njit(cache=True, parallel=True)
def advance(law, calls, clock, keys, since, until, states, kinds, record, ended):
    """Take every run on from `since` to `until`, a thread a run; with `clock` in continuous time."""
    for run in prange(len(keys)):
        own = RunRecord(record.stocks[run], record.entries[run], record.first[run], record.parent[run])
        if clock:
            end = _by_the_clock(law, calls, keys[run], since, until, states[run], kinds[run], own)
        else:
            end = _in_steps(law, calls, keys[run], since, until, states[run], kinds[run], own)
        finish(own.stocks, end, since, until, ended, run)

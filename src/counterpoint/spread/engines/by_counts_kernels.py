"""One run in steps, by the neighbours counted: what becomes of a node depends on how many are in which state.

Who changes pushes the news to the counts of those who hear; when many change at once, everybody counts anew instead
(Beamer, Asanovic & Patterson 2012). Both end in the same counts, and a node's draw is keyed by its run, step and
number, so an outbreak is the same whichever was done, on however many threads. Which of several contacts is the one
that changes a node, `contact_order_kernels` says.
"""

# mypy: ignore-errors

from collections import namedtuple

import numpy as np
from numba import njit, prange

from counterpoint.counter_rng_kernels import under, uniform
from counterpoint.spread.engines.contact_order_kernels import (
    ACTIVE_PULL,
    BROADCAST,
    FIELD,
    SMALL,
    changing_field,
)

Law = namedtuple("Law", "contact unit adds inert deaf chance loss power single race become spontaneous_chances")
"""A model as arrays: c classes, k states, and f of them (fields) that matter to those who meet them.

contact : BROADCAST, ACTIVE_PULL or PULL
unit    : what one contact adds to a count
adds    : uint64[k, w], what a neighbour in a state adds to the counts, two fields of 32 bits a word
inert   : bool[c, k], nothing can change who is in this state
deaf    : bool[c, k], no contact can, nor in any state that may follow
chance  : float64[c, k, f], P(change) of one contact; loss: ln(1 - chance); power: (1 - chance)^n for n < SMALL
single  : uint8[c, k], the one state that every contact leads to, or SEVERAL
race    : float32[c, k, m, m], of two fields in broadcast: P(the first is that of the contact that counts | change),
          by their counts below m = SMALL; of other laws m = 0
become  : float64[c, k, f, k], P(becomes | changed by that contact), cumulated
spontaneous_chances : float64[c, k, k], P(becomes by itself), cumulated
"""
Arcs = namedtuple("Arcs", "start to times heard_start heard heard_times strength")
"""Arcs by who speaks (start, to) and by who hears (heard_start, heard), nodes as uint32.

times    : uint32[arcs], what an arc adds to a count; empty: one
strength : float64[nodes], what all who are heard by a node add together
"""
Scratch = namedtuple("Scratch", "counts found live changed into by")
RunRecord = namedtuple("RunRecord", "stocks entries first parent")
"""What a run leaves.

stocks  : int32[steps + 1, k], how many are in a state after a step
entries : int32[steps + 1, k], how many came to it in the step
first   : int32[nodes], the step in which a node first changed, -1: never; or empty
parent  : int32[nodes], whose contact it was that first changed a node, -1: nobody's; or empty
"""

SEVERAL = 255
WHICH, INTO, SELF, WHO = 0, 1, 2, 3  # what a node's further draws of a step are for
PUSH = 8  # times dearer to push along an arc than to count it
SPARSE = 16  # below a 1/SPARSE share of nodes that may change, they are looked at one by one
FEW = 4096  # nodes that one thread looks at sooner than two


@njit(cache=True)
def _picked(cumulated, r):
    """Return the first place whose cumulated chance exceeds r."""
    last = 0
    for k in range(len(cumulated)):
        if r < cumulated[k]:
            return k
        if cumulated[k] > cumulated[last]:
            last = k
    return last


@njit(cache=True)
def _outcome(law, c, s, counts, v, key, u):
    """Return (what becomes of v, which a contact changed; the field of that contact)."""
    field = changing_field(law, c, s, counts, v, u, uniform(under(key, WHICH)))
    return _picked(law.become[c, s, field], uniform(under(key, INTO))), field


@njit(cache=True)
def _who(law, arcs, state, v, field, r):
    """Return the neighbour whose contact it was: any of those in the field, by what each adds."""
    left = np.uint64(r * np.float64(_heard_in(law, arcs, state, v, field)))
    total = np.uint64(0)
    for at in range(arcs.heard_start[v], arcs.heard_start[v + 1]):
        u = arcs.heard[at]
        if (law.adds[state[u], field >> 1] >> np.uint64(32 * (field & 1))) & FIELD:
            total += np.uint64(arcs.heard_times[at]) if len(arcs.heard_times) else np.uint64(1)
            if left < total:
                return np.int64(u)
    return np.int64(-1)


@njit(cache=True)
def _heard_in(law, arcs, state, v, field):
    total = np.uint64(0)
    for at in range(arcs.heard_start[v], arcs.heard_start[v + 1]):
        if (law.adds[state[arcs.heard[at]], field >> 1] >> np.uint64(32 * (field & 1))) & FIELD:
            total += np.uint64(arcs.heard_times[at]) if len(arcs.heard_times) else np.uint64(1)
    return total


@njit(cache=True)
def _recount(adds, heard, times, low, high, state, counts, v):
    for word in range(counts.shape[1]):
        total = np.uint64(0)
        if len(times):
            for at in range(low, high):
                total += adds[state[heard[at]], word] * np.uint64(times[at])
        else:
            at, a, b, c = low, np.uint64(0), np.uint64(0), np.uint64(0)
            while at + 4 <= high:  # four sums do not wait for each other
                total += adds[state[heard[at]], word]
                a += adds[state[heard[at + 1]], word]
                b += adds[state[heard[at + 2]], word]
                c += adds[state[heard[at + 3]], word]
                at += 4
            while at < high:
                total += adds[state[heard[at]], word]
                at += 1
            total += a + b + c
        counts[v, word] = total


@njit(cache=True)
def _look(law, arcs, nodes, low, high, state, kind, scratch, anew, key):
    """Look once at nodes[low:high], or at low to high if there are no nodes.

    Returns how many (change, may change), and how many hear who changes.

    Who changes is written to changed, into and by from place `low` on, who may change to live. Without `anew` those
    that nothing was found for are passed over.
    """
    # One loop over local names: taking an array out of a tuple within it counts a reference, and takes twice as long.
    counts, found, live = scratch.counts, scratch.found, scratch.live
    changed, into, by = scratch.changed, scratch.into, scratch.by
    inert, deaf, alone, power, loss, chance = (
        law.inert,
        law.deaf,
        law.spontaneous_chances,
        law.power,
        law.loss,
        law.chance,
    )
    unit, contact, adds, single = law.unit, law.contact, law.adds, law.single
    heard_start, heard, times, strength = arcs.heard_start, arcs.heard, arcs.heard_times, arcs.strength
    fields, tell = chance.shape[2], len(by) > 0
    changes, kept, spoken = 0, 0, 0
    start = arcs.start
    for place in range(low, high):
        v = np.int64(nodes[place]) if len(nodes) else place
        if not anew and not found[v]:
            continue
        c, s = kind[v], state[v]
        if inert[c, s]:
            found[v] = False
            continue
        if anew and not deaf[c, s]:
            _recount(adds, heard, times, heard_start[v], heard_start[v + 1], state, counts, v)
        stays, whole = 1.0, 0.0
        for f in range(fields):
            n = (counts[v, f >> 1] >> np.uint64(32 * (f & 1))) & FIELD
            if n:
                if contact != BROADCAST:
                    stays -= n * chance[c, s, f]
                    whole += n
                elif n < SMALL and unit == 1.0:
                    stays *= power[c, s, f, n]
                else:
                    stays *= np.exp(n / unit * loss[c, s, f])
        if contact != BROADCAST and stays < 1.0:
            stays = 1.0 - (1.0 - stays) / (whole if contact == ACTIVE_PULL else strength[v])
        if stays == 1.0 and alone[c, s, -1] == 0.0:
            found[v] = False
            continue
        found[v] = True
        live[low + kept] = v
        kept += 1
        own = under(key, v)
        u, to, field = uniform(own), np.int64(s), -1
        if u >= stays:
            if single[c, s] != SEVERAL and not tell:
                to = np.int64(single[c, s])
            else:
                to, field = _outcome(law, c, s, counts, v, own, u)
        elif alone[c, s, -1] > 0.0:
            r = uniform(under(own, SELF))
            if r < alone[c, s, -1]:
                to = _picked(alone[c, s], r)
        if to != s:
            changed[low + changes] = v
            into[low + changes] = to
            if tell:
                by[low + changes] = -1 if field < 0 else _who(law, arcs, state, v, field, uniform(under(own, WHO)))
            changes += 1
            spoken += start[v + 1] - start[v]
    return changes, kept, spoken


@njit(cache=True, parallel=True)
def _look_wide(law, arcs, nodes, cuts, state, kind, scratch, anew, key):
    """Do what `_look` does, a thread a piece, and bring what was found together at the front."""
    pieces = len(cuts) - 1
    changes, kept, spoken = np.zeros(pieces, np.int64), np.zeros(pieces, np.int64), np.zeros(pieces, np.int64)
    for piece in prange(pieces):
        found = _look(law, arcs, nodes, cuts[piece], cuts[piece + 1], state, kind, scratch, anew, key)
        changes[piece], kept[piece], spoken[piece] = found
    ends = _together(scratch.changed, cuts, changes), _together(scratch.live, cuts, kept)
    _together(scratch.into, cuts, changes)
    if len(scratch.by):
        _together(scratch.by, cuts, changes)
    return ends[0], ends[1], spoken.sum()


@njit(cache=True)
def _together(values, cuts, counted):
    end = 0
    for piece in range(len(counted)):
        for at in range(cuts[piece], cuts[piece] + counted[piece]):
            values[end] = values[at]
            end += 1
    return end


@njit(cache=True)
def _apply(law, arcs, t, changes, state, scratch, record, kept, anew):
    """Make the changes of step t, write them down, and unless all will count anew tell those who hear."""
    stocks, entries, first, parent = record.stocks, record.entries, record.first, record.parent
    counts, found, live = scratch.counts, scratch.found, scratch.live
    changed, into, by = scratch.changed, scratch.into, scratch.by
    adds, start, to, times = law.adds, arcs.start, arcs.to, arcs.times
    for k in range(stocks.shape[1]):
        stocks[t, k] = stocks[t - 1, k]
    for at in range(changes):
        v, new = changed[at], into[at]
        old = state[v]
        state[v] = new
        stocks[t, old] -= 1
        stocks[t, new] += 1
        entries[t, new] += 1
        if len(first) and first[v] < 0:
            first[v] = t
            if len(parent):
                parent[v] = by[at]
        if anew:
            continue
        for word in range(counts.shape[1]):
            more = adds[new, word] - adds[old, word]  # carries and borrows between the fields even out
            if more:
                for place in range(start[v], start[v + 1]):
                    u = to[place]
                    counts[u, word] += more * np.uint64(times[place]) if len(times) else more
                    if not found[u]:
                        found[u] = True
                        live[kept] = u
                        kept += 1
    return kept


@njit(cache=True)
def steps(law, arcs, cuts, wide, key, since, until, state, kind, scratch, record):
    """Go on from step `since` to `until`, or until nothing can change; return the step it stopped at.

    cuts        : int64[pieces + 1], nodes from one to the next are one piece of work, if `wide`
    key         : of the run
    state, kind : uint8[nodes]; state is changed in place
    """
    nobody, nodes = np.empty(0, np.int32), len(state)
    anew, low, kept = np.bool_(True), np.int64(0), np.int64(0)  # for constants all would be compiled once more
    for t in range(since, until):
        # Those who may change lie close together when they are many: then all are gone through, in order.
        dense = anew or kept * SPARSE > nodes
        looked, high, key_now = nobody if dense else scratch.live, nodes if dense else kept, under(key, t)
        if wide and high > FEW:
            pieces = cuts if dense else np.arange(len(cuts)) * high // (len(cuts) - 1)
            changes, kept, spoken = _look_wide(law, arcs, looked, pieces, state, kind, scratch, anew, key_now)
        else:
            changes, kept, spoken = _look(law, arcs, looked, low, high, state, kind, scratch, anew, key_now)
        if kept == 0:
            return t
        anew = PUSH * spoken > len(arcs.to)
        kept = _apply(law, arcs, t + 1, changes, state, scratch, record, kept, anew)
    return until


@njit(cache=True)
def room(nodes, words, tell):
    """Return the scratch that one run needs at a time."""
    counts, found = np.zeros((nodes, words), np.uint64), np.zeros(nodes, np.bool_)
    live, changed, into = np.empty(nodes, np.int32), np.empty(nodes, np.int32), np.empty(nodes, np.uint8)
    return Scratch(counts, found, live, changed, into, np.empty(nodes if tell else 0, np.int32))


@njit(cache=True, parallel=True)
def advance(law, arcs, keys, since, until, states, kinds, record, ended):
    """Take every run on from step `since` to `until`, a thread a run.

    keys          : uint64[runs]
    states, kinds : uint8[runs, nodes]; states change in place
    record          : as `RunRecord`, with a first axis of runs; first and parent may have no columns
    ended         : int64[runs], at least the step after which nothing could change
    """
    nodes, tell = states.shape[1], record.parent.shape[1] > 0
    whole = np.array([0, nodes])
    for run in prange(len(keys)):
        scratch = room(nodes, law.adds.shape[1], tell)
        own = RunRecord(record.stocks[run], record.entries[run], record.first[run], record.parent[run])
        end = steps(law, arcs, whole, False, keys[run], since, until, states[run], kinds[run], scratch, own)
        finish(own.stocks, end, since, until, ended, run)


@njit(cache=True)
def finish(stocks, end, since, until, ended, run):
    """Write what stays as it is after a run froze at step `end`."""
    if end > since or ended[run] < 0:
        ended[run] = end
    for t in range(end, until):
        for k in range(stocks.shape[1]):
            stocks[t + 1, k] = stocks[t, k]

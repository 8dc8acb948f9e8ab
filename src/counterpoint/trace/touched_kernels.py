"""Distances, shortest paths and mean fields, for many nodes that a rumour may have begun at.

Networks come as rows: node i is joined to, or hears, to[start[i]:start[i + 1]].
"""

# mypy: ignore-errors

from collections import namedtuple
from math import inf, lgamma, log

import numpy as np
from numba import njit, prange

from counterpoint.spread.engines.by_counts_kernels import ACTIVE_PULL, BROADCAST, PULL

LANES = 64  # origins that walk together, a bit each
TINY = 1e-9  # probability of what is seen of one node, at least: no node rules out a source by itself

Field = namedtuple("Field", "contact told contact_chances spontaneous_chances strength silent begin source")
"""A model, and what is known of each node, for `mean_field`; c classes, k states, f of them that others may meet.

contact  : BROADCAST, ACTIVE_PULL or PULL
told     : int64[f], which states those are
contact_chances     : float64[c, k, f, k], P(becomes | one contact)
spontaneous_chances : float64[c, k, k], P(becomes by itself)
strength : float64[nodes], how much contact a node has with all whom it hears
silent   : bool[nodes], who never left the first state
begin    : float64[nodes, c, k], what others than the origin begin in
source   : float64[c, k], what the origin begins in
"""


@njit(cache=True)
def reach(start, to, origins, goal):
    """Return how far the goals are from each origin: the greatest distance, the sum, and how many are not reached.

    Origins walk 64 at a time, as the bits of a word (Then et al. 2014).

    origins : int64[n]
    goal    : bool[nodes]
    """
    nodes, count = len(start) - 1, len(origins)
    far, total, missed = np.zeros(count, np.int64), np.zeros(count, np.int64), np.empty(count, np.int64)
    seen, front, news = np.empty(nodes, np.uint64), np.empty(nodes, np.uint64), np.empty(nodes, np.uint64)
    goals = goal.sum()
    for low in range(0, count, LANES):
        high = min(low + LANES, count)
        seen[:] = 0
        for at in range(low, high):
            seen[origins[at]] |= np.uint64(1) << np.uint64(at - low)
            missed[at] = goals - goal[origins[at]]
        front[:] = seen
        step, going = 0, True
        while going:
            step, going = step + 1, False
            news[:] = 0
            for v in range(nodes):
                if front[v]:
                    for arc in range(start[v], start[v + 1]):
                        news[to[arc]] |= front[v]
            for v in range(nodes):
                new = news[v] & ~seen[v]
                front[v] = new
                if not new:
                    continue
                going = True
                seen[v] |= new
                if goal[v]:
                    for at in range(low, high):
                        if (new >> np.uint64(at - low)) & np.uint64(1):
                            far[at] = step
                            total[at] += step
                            missed[at] -= 1
    return far, total, missed


@njit(cache=True, parallel=True)
def orderings(start, to, origins, goal):
    """Return ln(in how many orders the goals may have been reached from each origin, along shortest paths).

    On a tree that is n! over the product of the sizes of all subtrees, the origin's aside. Elsewhere it is so with
    subtrees' mean sizes over all trees of shortest paths: who has several neighbours one step closer belongs to each
    of them in equal parts. A goal out of reach counts as if all the others were below it.
    """
    nodes, goals = len(start) - 1, goal.sum()
    found = np.empty(len(origins))
    for at in prange(len(origins)):
        origin = origins[at]
        distance, queue, size = np.full(nodes, -1, np.int32), np.empty(nodes, np.int32), np.zeros(nodes)
        distance[origin], queue[0] = 0, origin
        head, tail = 0, 1
        while head < tail:
            v = queue[head]
            head += 1
            for arc in range(start[v], start[v + 1]):
                u = to[arc]
                if distance[u] < 0:
                    distance[u] = distance[v] + 1
                    queue[tail] = u
                    tail += 1
        others = goals - goal[origin]
        value, left = lgamma(others + 1.0), others
        for place in range(tail - 1, 0, -1):
            v = queue[place]
            if goal[v]:
                size[v] += 1.0
                value -= log(size[v])
                left -= 1
            if size[v] > 0.0:
                closer = 0
                for arc in range(start[v], start[v + 1]):
                    closer += distance[to[arc]] == distance[v] - 1
                for arc in range(start[v], start[v + 1]):
                    if distance[to[arc]] == distance[v] - 1:
                        size[to[arc]] += size[v] / closer
        found[at] = value - left * log(max(others, 1))
    return found


@njit(cache=True, parallel=True)
def mean_field(field, start, heard, weight, may, origins, asked):
    """Return ln P(what is seen) after the steps asked for, by origin, as if neighbours were independent.

    heard  : int32[arcs], whom a node hears, and weight, float64[arcs], how much
    may    : bool[nodes, k], the states that a node may be in, as it is seen
    asked  : bool[steps + 1]; what is not asked for is -inf

    Returns float64[origins, steps + 1].
    """
    nodes, steps = len(start) - 1, len(asked)
    fits = np.full((len(origins), steps), -inf)
    for at in prange(len(origins)):
        now, tell = field.begin.copy(), np.zeros((nodes, len(field.told)))
        now[origins[at]] = field.source
        for u in range(nodes):
            for f in range(len(field.told)):
                tell[u, f] = 1.0 if field.silent[u] and field.told[f] == 0 else 0.0
        for t in range(steps):
            if t > 0:
                _tell(field, now, tell)
                _step(field, start, heard, weight, tell, now)
            if asked[t]:
                fits[at, t] = _fit(now, may)
    return fits


@njit(cache=True)
def _tell(field, now, tell):
    for u in range(len(tell)):
        if not field.silent[u]:
            for f in range(len(field.told)):
                tell[u, f] = 0.0
                for c in range(now.shape[1]):
                    tell[u, f] += now[u, c, field.told[f]]


@njit(cache=True)
def _fit(now, may):
    value = 0.0
    for v in range(len(now)):
        chance = 0.0
        for k in range(now.shape[2]):
            if may[v, k]:
                for c in range(now.shape[1]):
                    chance += now[v, c, k]
        value += log(max(chance, TINY))
    return value


@njit(cache=True)
def _step(field, start, heard, weight, tell, now):
    """Take everybody's chances of their states, now[v, c, k], one step on."""
    nodes, classes, states = now.shape
    fields = len(field.told)
    met, gain = np.empty(fields), np.empty(states)
    chance = field.contact_chances.sum(3)
    restless = field.spontaneous_chances.any()
    for v in range(nodes):
        whole = _meet(field, start[v], start[v + 1], heard, weight, tell, v, met)
        if whole == 0.0 and not restless:
            continue
        for c in range(classes):
            gain[:] = 0.0
            for s in range(states):
                here = now[v, c, s]
                if here == 0.0:
                    continue
                changed = 0.0
                for f in range(fields):
                    changed += met[f] * chance[c, s, f]
                scale = 1.0
                if field.contact == BROADCAST and changed > 0.0:
                    scale = (1.0 - _nothing(chance[c, s], start[v], start[v + 1], heard, weight, tell)) / changed
                stays = max(1.0 - changed * scale, 0.0)
                for k in range(states):
                    into = stays * field.spontaneous_chances[c, s, k]
                    if changed > 0.0:
                        for f in range(fields):
                            into += scale * met[f] * field.contact_chances[c, s, f, k]
                    gain[k] += here * into
                    gain[s] -= here * into
            for k in range(states):
                now[v, c, k] = max(now[v, c, k] + gain[k], 0.0)


@njit(cache=True)
def _meet(field, low, high, heard, weight, tell, v, met):
    """Write how much v expects to meet of each kind, in a draw or a look the chance of it; return the sum."""
    met[:] = 0.0
    quiet = 1.0
    for arc in range(low, high):
        posts = 0.0
        for f in range(len(met)):
            met[f] += weight[arc] * tell[heard[arc], f]
            posts += tell[heard[arc], f]
        quiet *= max(1.0 - posts, 0.0)
    whole = met.sum()
    if whole > 0.0 and field.contact == ACTIVE_PULL:
        met *= (1.0 - quiet) / whole  # the shares of who posts, if anybody does
    elif whole > 0.0 and field.contact == PULL:
        met /= field.strength[v]
    return whole


@njit(cache=True)
def _nothing(chance, low, high, heard, weight, tell):
    """Return P(none of the posts of a step changes somebody), given what one does, chance[f]."""
    nothing = 1.0
    for arc in range(low, high):
        change = 0.0
        for f in range(len(chance)):
            if weight[arc] == 1.0:
                change += tell[heard[arc], f] * chance[f]
            elif chance[f] > 0.0:
                change += tell[heard[arc], f] * (1.0 - (1.0 - chance[f]) ** weight[arc])
        nothing *= max(1.0 - change, 0.0)
    return nothing

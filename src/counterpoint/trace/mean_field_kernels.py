"""The mean field of a network's nodes: everybody's chances of their states, step by step, from many origins.

Networks come as rows: node i is joined to, or hears, to[start[i]:start[i + 1]].
"""

# mypy: ignore-errors

from collections import namedtuple
from math import inf, log

import numpy as np
from numba import njit, prange

from counterpoint.spread.engines.contact_order_kernels import ACTIVE_PULL, BROADCAST, PULL

TINY = 1e-9  # probability of what is seen of one node, at least: no node rules out a source by itself

Field = namedtuple("Field", "contact active contact_chances spontaneous_chances strength silent begin source")
"""A model, and what is known of each node, for `mean_field`; c classes, k states, f of them that others may meet.

contact  : BROADCAST, ACTIVE_PULL or PULL
active   : int64[f], which states those are
contact_chances     : float64[c, k, f, k], P(becomes | one contact)
spontaneous_chances : float64[c, k, k], P(becomes by itself)
strength : float64[nodes], how much contact a node has with all whom it hears
silent   : bool[nodes], who never left the first state
begin    : float64[nodes, c, k], what others than the origin begin in
source   : float64[c, k], what the origin begins in
"""


@njit(cache=True, parallel=True)
def mean_field(field, start, heard, weight, possible, origins, wanted):
    """Return ln P(what is seen) after the steps asked for, by origin, as if neighbours were independent.

    heard  : int32[arcs], whom a node hears, and weight, float64[arcs], how much
    possible : bool[nodes, k], the states that a node may be in, as it is seen
    wanted  : bool[steps + 1]; what is not asked for is -inf

    Returns float64[origins, steps + 1].
    """
    nodes, steps = len(start) - 1, len(wanted)
    log_likelihood = np.full((len(origins), steps), -inf)
    for i in prange(len(origins)):
        now, posts = field.begin.copy(), np.zeros((nodes, len(field.active)))
        now[origins[i]] = field.source
        for u in range(nodes):
            for f in range(len(field.active)):
                posts[u, f] = 1.0 if field.silent[u] and field.active[f] == 0 else 0.0
        for t in range(steps):
            if t > 0:
                _fill_posts(field, now, posts)
                _step(field, start, heard, weight, posts, now)
            if wanted[t]:
                log_likelihood[i, t] = _log_likelihood(now, possible)
    return log_likelihood


@njit(cache=True)
def _fill_posts(field, now, posts):
    for u in range(len(posts)):
        if not field.silent[u]:
            for f in range(len(field.active)):
                posts[u, f] = 0.0
                for c in range(now.shape[1]):
                    posts[u, f] += now[u, c, field.active[f]]


@njit(cache=True)
def _log_likelihood(now, possible):
    value = 0.0
    for v in range(len(now)):
        chance = 0.0
        for k in range(now.shape[2]):
            if possible[v, k]:
                for c in range(now.shape[1]):
                    chance += now[v, c, k]
        value += log(max(chance, TINY))
    return value


@njit(cache=True)
def _step(field, start, heard, weight, posts, now):
    """Take everybody's chances of their states, now[v, c, k], one step on."""
    nodes, classes, states = now.shape
    fields = len(field.active)
    met, gain = np.empty(fields), np.empty(states)
    chance = field.contact_chances.sum(3)
    restless = field.spontaneous_chances.any()
    for v in range(nodes):
        whole = _contacts(field, start[v], start[v + 1], heard, weight, posts, v, met)
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
                    scale = (1.0 - _unchanged(chance[c, s], start[v], start[v + 1], heard, weight, posts)) / changed
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
def _contacts(field, low, high, heard, weight, posts, v, met):
    """Write how much v expects to meet of each kind, in active pull and pull the chance of it; return the sum."""
    met[:] = 0.0
    quiet = 1.0
    for arc in range(low, high):
        spoken = 0.0
        for f in range(len(met)):
            met[f] += weight[arc] * posts[heard[arc], f]
            spoken += posts[heard[arc], f]
        quiet *= max(1.0 - spoken, 0.0)
    whole = met.sum()
    if whole > 0.0 and field.contact == ACTIVE_PULL:
        met *= (1.0 - quiet) / whole  # the shares of who posts, if anybody does
    elif whole > 0.0 and field.contact == PULL:
        met /= field.strength[v]
    return whole


@njit(cache=True)
def _unchanged(chance, low, high, heard, weight, posts):
    """Return P(none of the posts of a step changes somebody), given what one does, chance[f]."""
    nothing = 1.0
    for arc in range(low, high):
        change = 0.0
        for f in range(len(chance)):
            if weight[arc] == 1.0:
                change += posts[heard[arc], f] * chance[f]
            elif chance[f] > 0.0:
                change += posts[heard[arc], f] * (1.0 - (1.0 - chance[f]) ** weight[arc])
        nothing *= max(1.0 - change, 0.0)
    return nothing

"""Whole histories of everybody that end in what is seen: redrawn node by node, each given its neighbours'.

A history is a node's state after every step. Given all others, a node's own history has the law of a hidden Markov
chain: its steps by its neighbours' states, and at every step what its own state tells of its neighbours' next ones.
So it is drawn exactly, by a backward and a forward pass (Chib 1996), together with its class.

A rumour may begin, and what no contact explains may happen, at a price: a factor `price` each. Histories that paid
once, and only for the beginning, have the law of the true ones, whatever the price.

At most two fields, states that matter to those who meet them, are counted. A step is a code: (class, state, state).
"""

# mypy: ignore-errors

from collections import namedtuple

import numpy as np
from numba import njit

from counterpoint.counter_rng_kernels import STRIDE, mixed, uniform

Rules = namedtuple("Rules", "steps table dimensions field possible reacts class_shares source")
"""A model as arrays: c classes, k states.

steps        : float64[c * k * k, 8], what `_odds` needs to know of a step, by its code
table        : float32[c * k * k, m, m], P(step) in broadcast, by counts below m; of other contacts m = 0
dimensions   : int64[2], how many classes and states there are
field        : int64[k], the field of a state, 0 or 1; -1: none
possible     : bool[c * k * k], whether a step is possible at all
reacts       : bool[c, k], whether contacts matter to who is in a state
class_shares : float64[c], of people in a class
source       : the state that a source is in; sources are of class 0
"""
Evidence = namedtuple("Evidence", "start to times strength redrawn silent possible_states begin_weights may_begin")
"""What is given: arcs by who is heard (start, to).

times           : int64[arcs], what an arc adds to a count; empty: one
strength        : float64[nodes], what all who are heard by a node add together; empty: those counted do
redrawn         : int64[m], the nodes whose history, or class, is not known
silent          : bool[nodes], nodes that were in the first state all the time: only their class is not known
possible_states : bool[nodes, k], the states that each may be in at the end
begin_weights   : float64[t + 1], the weights with which a rumour begins after step 0, 1, ...
may_begin       : bool[t + 1], whether it may have begun then, or that is only a way to get about
"""
Chain = namedtuple("Chain", "path kind codes counts")
"""Everybody's history.

path   : uint8[nodes, t + 1], states
kind   : uint8[nodes], classes
codes  : int16[nodes, t], steps; -1 if no contact matters
counts : int32[nodes, t, 2], contacts by field
"""
Scratch = namedtuple("Scratch", "prices neighbours chances backward weights scale")
"""What a sweep works in.

prices     : float64[c * k * k, t], what a step weighs that nothing explains
neighbours : float64[t, 3], weights of what a node's neighbours do if it is in no field, the first, the second
chances    : float64[c, t, k, k], weights of a step and of all that is seen later
backward   : float64[c, t + 1, k], the same of a state
weights    : float64[c], of a node's classes; scale: float64[c], ln of what the pass was divided by
"""

FIRST, SECOND, ALONE, CHANCE, OTHER, INTO, ELSE, UNIT = range(8)
"""Of a step: weights of contacts of either field in active pull and pull; P(by itself | no contact changes); P(a
contact of either field changes); P(it changes into this); what one contact adds to a count."""
KNOT, WEIGHT = np.polynomial.legendre.leggauss(24)
TINY = 1e-200


# How likely a step is.


@njit(cache=True)
def _first_field_wins(p, q, a, b):
    """Return P(the contact that counts is of the first field), of a and b contacts in random order, by quadrature."""
    end, total = min(1.0, 36.0 / (a * p + b * q)), 0.0  # beyond it hardly anybody is left over
    for i in range(len(KNOT)):
        x = (KNOT[i] + 1.0) / 2.0 * end
        total += WEIGHT[i] / 2.0 * end * max(1.0 - p * x, 1e-300) ** (a - 1.0) * max(1.0 - q * x, 1e-300) ** b
    return total * a * p


@njit(cache=True)
def broadcast_odds(step, first, second):
    """Return P(a step) in broadcast, of so many contacts of either field."""
    a, b, p, q = first / step[UNIT], second / step[UNIT], step[CHANCE], step[OTHER]
    stays = (1.0 - p) ** a * (1.0 - q) ** b
    into = 0.0
    if step[INTO] > 0.0 and a > 0.0:
        into += step[INTO] / p * (_first_field_wins(p, q, a, b) if b * q > 0.0 else 1.0 - stays)
    if step[ELSE] > 0.0 and b > 0.0:
        into += step[ELSE] / q * (_first_field_wins(q, p, b, a) if a * p > 0.0 else 1.0 - stays)
    return into + stays * step[ALONE]


@njit(cache=True)
def odds_table(steps, size):
    """Return the table of `Rules` for counts below `size`."""
    table = np.zeros((len(steps), size, size), np.float32)
    for code in range(len(steps)):
        for first in range(size):
            for second in range(size):
                table[code, first, second] = broadcast_odds(steps[code], first, second)
    return table


@njit(cache=True, inline="always")
def _odds(steps, table, code, first, second, whole):
    """Return P(a step | contacts by field, and what all who could be met add together; 0: those counted do)."""
    size = table.shape[1]
    if size:
        return (
            table[code, first, second] if first < size and second < size else broadcast_odds(steps[code], first, second)
        )
    met = first + second
    if whole == 0.0:
        whole = met
    if whole == 0.0:
        return steps[code, ALONE]
    return (first * steps[code, FIRST] + second * steps[code, SECOND] + (whole - met) * steps[code, ALONE]) / whole


# Random numbers.


@njit(cache=True, inline="always")
def _next(state):
    state[0] += STRIDE
    return uniform(mixed(state[0]))


@njit(cache=True, inline="always")
def _drawn_place(weights, total, state):
    """Draw a place in proportion to the weights, which add up to `total`."""
    r, place = _next(state) * total, 0
    while place < len(weights) - 1 and r >= weights[place]:
        r -= weights[place]
        place += 1
    return place


@njit(cache=True)
def _shuffle(nodes, state):
    for i in range(len(nodes) - 1, 0, -1):
        j = int(_next(state) * (i + 1))
        nodes[i], nodes[j] = nodes[j], nodes[i]


# A history, and what depends on it.


@njit(cache=True, inline="always")
def _add_contacts(rules, evidence, chain, v, sign):
    """Add v's history to what its neighbours count; take it away if the sign is -1."""
    path, counts, field = chain.path, chain.counts, rules.field
    start, to, times = evidence.start, evidence.to, evidence.times
    for arc in range(start[v], start[v + 1]):
        u, more = to[arc], sign * (times[arc] if len(times) else 1)
        for t in range(counts.shape[1]):
            f = field[path[v, t]]
            if f >= 0:
                counts[u, t, f] += more


@njit(cache=True, inline="always")
def _encode(path, kind, codes, reacts, v):
    states = reacts.shape[1]
    c = kind[v]
    for t in range(codes.shape[1]):
        s = path[v, t]
        codes[v, t] = (c * states + s) * states + path[v, t + 1] if reacts[c, s] else -1


@njit(cache=True)
def synchronise(rules, evidence, chain):
    """Make codes and counts those of path and kind."""
    chain.counts[:] = 0
    for v in range(len(chain.kind)):
        _encode(chain.path, chain.kind, chain.codes, rules.reacts, v)
        if chain.path[v].any():
            _add_contacts(rules, evidence, chain, v, 1)


# Redrawing a node.


@njit(cache=True, inline="always")
def _weigh_neighbours(rules, evidence, chain, v, scratch):
    """Fill `neighbours` with the weights of what v's neighbours do if v is in no field, the first, the second."""
    steps, table, start, to, times, strength = (
        rules.steps,
        rules.table,
        evidence.start,
        evidence.to,
        evidence.times,
        evidence.strength,
    )
    codes, counts, prices, neighbours = chain.codes, chain.counts, scratch.prices, scratch.neighbours
    neighbours[:] = 1.0
    low, high = start[v], start[v + 1]
    for arc in range(low, high):
        u = to[arc]
        more = times[arc] if len(times) else 1
        whole = strength[u] if len(strength) else 0.0
        for t in range(codes.shape[1]):
            code = codes[u, t]
            if code >= 0:
                first, second, price = counts[u, t, 0], counts[u, t, 1], prices[code, t]
                if_none = _odds(steps, table, code, first, second, whole)
                if_first = _odds(steps, table, code, first + more, second, whole)
                if_second = _odds(steps, table, code, first, second + more, whole)
                neighbours[t, 0] *= if_none if if_none > 0.0 else price
                neighbours[t, 1] *= if_first if if_first > 0.0 else price
                neighbours[t, 2] *= if_second if if_second > 0.0 else price
        if (arc - low) % 16 == 15:
            _rescale(neighbours)


@njit(cache=True, inline="always")
def _rescale(neighbours):
    """Divide each step's weights by the greatest, so that none becomes zero."""
    for t in range(len(neighbours)):
        most = max(neighbours[t, 0], neighbours[t, 1], neighbours[t, 2], 1e-300)
        for f in range(3):
            neighbours[t, f] /= most


@njit(cache=True, inline="always")
def _redraw_class(rules, evidence, chain, v, weights, state):
    """Draw the class of a node anew that nothing happened to; return whether it is another."""
    steps, table, shares, states = rules.steps, rules.table, rules.class_shares, rules.dimensions[1]
    counts, strength = chain.counts, evidence.strength
    total, whole = 0.0, strength[v] if len(strength) else 0.0
    for c in range(len(weights)):
        weights[c] = shares[c]
        for t in range(counts.shape[1]):
            code = c * states * states
            weights[c] *= _odds(steps, table, code, counts[v, t, 0], counts[v, t, 1], whole)
        total += weights[c]
    c = _drawn_place(weights, total, state)
    if total == 0.0 or chain.kind[v] == c:
        return False
    chain.kind[v] = c
    return True


@njit(cache=True, inline="always")
def _look_back(rules, evidence, chain, v, c, scratch):
    """Fill `chances` and `backward` of class c; return ln of what they were divided by."""
    steps, table, field, possible, counts = rules.steps, rules.table, rules.field, rules.possible, chain.counts
    prices, neighbours, chances, back = scratch.prices, scratch.neighbours, scratch.chances[c], scratch.backward[c]
    last, states = chances.shape[0], chances.shape[1]
    whole, scale = evidence.strength[v] if len(evidence.strength) else 0.0, 0.0
    for k in range(states):
        back[last, k] = 1.0 if evidence.possible_states[v, k] else 0.0
    for t in range(last - 1, -1, -1):
        first, second, most = counts[v, t, 0], counts[v, t, 1], 0.0
        for s in range(states):
            total = 0.0
            for k in range(states):
                code = (c * states + s) * states + k
                chances[t, s, k] = 0.0
                if possible[code] and back[t + 1, k] > 0.0:
                    chance = _odds(steps, table, code, first, second, whole)
                    chances[t, s, k] = (chance if chance > 0.0 else prices[code, t]) * back[t + 1, k]
                    total += chances[t, s, k]
            back[t, s] = total * neighbours[t, field[s] + 1]
            most = max(most, back[t, s])
        if 0.0 < most < TINY:
            for s in range(states):
                back[t, s] /= most
            scale += np.log(most)
    return scale


@njit(cache=True, inline="always")
def _weigh_classes(rules, evidence, chain, v, price, scratch):
    """Look back as each class; fill `weights` with how likely a node is of it, and return their sum."""
    weights, scale, back, shares = scratch.weights, scratch.scale, scratch.backward, rules.class_shares
    top = -np.inf
    for c in range(len(weights)):
        weights[c] = 0.0
        if shares[c] > 0.0:
            scale[c] = _look_back(rules, evidence, chain, v, c, scratch)
            weights[c] = back[c, 0, 0]
            if c == 0:
                weights[c] += back[c, 0, rules.source] * price * evidence.begin_weights[0]
            weights[c] *= shares[c]
            if weights[c] > 0.0:
                top = max(top, scale[c])
    total = 0.0
    for c in range(len(weights)):
        if weights[c] > 0.0:
            weights[c] *= np.exp(scale[c] - top)
            total += weights[c]
    return total


@njit(cache=True, inline="always")
def _draw_path(path, v, first, chances, state):
    """Draw v's history, which begins in a state, from the weights of its class."""
    s, states = first, chances.shape[1]
    path[v, 0] = s
    for t in range(chances.shape[0]):
        total = 0.0
        for k in range(states):
            total += chances[t, s, k]
        r, to = _next(state) * total, s
        for k in range(states):
            if chances[t, s, k] > 0.0:
                to = k
                if r < chances[t, s, k]:
                    break
                r -= chances[t, s, k]
        s = to
        path[v, t + 1] = s


@njit(cache=True, inline="always")
def _first_state(back, source, begin, state):
    """Draw the state in which a node of class 0 begins: that of a source, or the first."""
    begun = back[0, source] * begin
    return source if _next(state) * (begun + back[0, 0]) < begun else 0


@njit(cache=True, inline="always")
def _redraw_history(rules, evidence, chain, v, price, scratch, state):
    """Draw a node's class and history anew, given everybody else's."""
    _add_contacts(rules, evidence, chain, v, -1)
    _weigh_neighbours(rules, evidence, chain, v, scratch)
    total, weights = _weigh_classes(rules, evidence, chain, v, price, scratch), scratch.weights
    if total > 0.0:
        c = _drawn_place(weights, total, state)
        while weights[c] == 0.0:
            c -= 1
        chain.kind[v] = c
        begin = price * evidence.begin_weights[0]
        first = _first_state(scratch.backward[c], rules.source, begin, state) if c == 0 else 0
        _draw_path(chain.path, v, first, scratch.chances[c], state)
        _encode(chain.path, chain.kind, chain.codes, rules.reacts, v)
    _add_contacts(rules, evidence, chain, v, 1)


# Sweeps.


@njit(cache=True)
def _fill_prices(rules, evidence, price, prices):
    """Fill prices[code, t] with what a step weighs that nothing explains."""
    states = rules.dimensions[1]
    for code in range(len(rules.possible)):
        s, k = code // states % states, code % states
        for t in range(prices.shape[1]):
            prices[code, t] = price if rules.possible[code] else 0.0
            if s == 0 and k == rules.source:
                prices[code, t] = price * evidence.begin_weights[t + 1] if code < states else 0.0


@njit(cache=True)
def _count_paid(rules, evidence, chain, nodes):
    """Return how often a price was paid, how often for a true beginning, and at whom it last began."""
    path, kind, counts, states = chain.path, chain.kind, chain.counts, rules.dimensions[1]
    steps, table, source = rules.steps, rules.table, rules.source
    silent, strength, may_begin = evidence.silent, evidence.strength, evidence.may_begin
    paid, begun, origin = 0, 0, -1
    for i in range(len(nodes)):
        v = nodes[i]
        if silent[v]:
            continue
        whole = strength[v] if len(strength) else 0.0
        for t in range(-1, path.shape[1] - 1):
            s, k = path[v, t] if t >= 0 else 0, path[v, t + 1]
            if s == k:
                continue
            code = (kind[v] * states + s) * states + k
            if t < 0 or _odds(steps, table, code, counts[v, t, 0], counts[v, t, 1], whole) == 0.0:
                paid += 1
                if s == 0 and k == source and may_begin[t + 1]:
                    begun += 1
                    origin = v
    return paid, begun, origin


@njit(cache=True)
def _scratch(rules, last):
    classes, states = rules.dimensions[0], rules.dimensions[1]
    return Scratch(
        np.empty((len(rules.possible), last)),
        np.empty((last, 3)),
        np.empty((classes, last, states, states)),
        np.empty((classes, last + 1, states)),
        np.empty(classes),
        np.empty(classes),
    )


@njit(cache=True, nogil=True)
def sweep(rules, evidence, chain, state, price, cooling, count, exact_origins, origins):
    """Redraw everybody so many times in a chain; return (exact sweeps, the price at the end, the gain).

    state         : uint64[1], of the random numbers
    price         : multiplied by `cooling` after each sweep; the gain is ln of what that does to histories' weights
    exact_origins : int64[nodes], where exact histories began; added to
    origins       : int64[nodes], where one of the beginnings was in all sweeps that had any; added to
    """
    silent, nodes = evidence.silent, evidence.redrawn.copy()
    scratch, exact, gain = _scratch(rules, chain.codes.shape[1]), 0, 0.0
    for _ in range(count):
        _fill_prices(rules, evidence, price, scratch.prices)
        _shuffle(nodes, state)
        for i in range(len(nodes)):
            v = nodes[i]
            if not silent[v]:
                _redraw_history(rules, evidence, chain, v, price, scratch, state)
            elif _redraw_class(rules, evidence, chain, v, scratch.weights, state):
                _encode(chain.path, chain.kind, chain.codes, rules.reacts, v)
        price *= cooling
        paid, begun, origin = _count_paid(rules, evidence, chain, nodes)
        gain += paid * np.log(cooling)
        if begun:
            origins[origin] += 1  # one of them: the nodes are in random order
        if begun == 1 and paid == 1:
            exact += 1
            exact_origins[origin] += 1
    return exact, price, gain

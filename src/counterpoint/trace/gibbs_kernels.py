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

Rules = namedtuple("Rules", "steps table classes field can hears shares source")
"""A model as arrays: c classes, k states.

steps   : float64[c * k * k, 8], what `odds` is told of a step by its code
table   : float32[c * k * k, m, m], P(step) in broadcast, by counts below m; of other contacts m = 0
classes : int64[2], how many classes and states there are
field   : int64[k], the field of a state, 0 or 1; -1: none
can     : bool[c * k * k], whether a step is possible at all
hears   : bool[c, k], whether contacts matter to who is in a state
shares  : float64[c], of people in a class
source  : the state that a source is in; sources are of class 0
"""
Seen = namedtuple("Seen", "speak to times strength free silent possible_states begins truly")
"""What is given: arcs by who speaks (speak, to).

times    : int64[arcs], what an arc adds to a count; empty: one
strength : float64[nodes], what all who are heard by a node add together; empty: those counted do
free     : int64[m], the nodes whose history, or class, is not known
silent   : bool[nodes], nodes that were in the first state all the time: only their class is not known
possible_states : bool[nodes, k], the states that each may be in at the end
begins   : float64[t + 1], the weights with which a rumour begins after step 0, 1, ...
truly    : bool[t + 1], whether it may have begun then, or that is only a way to get about
"""
Chain = namedtuple("Chain", "path kind codes counts")
"""Everybody's history.

path   : uint8[nodes, t + 1], states
kind   : uint8[nodes], classes
codes  : int16[nodes, t], steps; -1 if no contact matters
counts : int32[nodes, t, 2], contacts by field
"""

FIRST, SECOND, ALONE, CHANCE, OTHER, INTO, ELSE, UNIT = range(8)
"""Of a step: weights of contacts of either field in draw and look; P(by itself | no contact changes); P(a contact of
either field changes); P(it changes into this); what one contact adds to a count."""
KNOT, WEIGHT = np.polynomial.legendre.leggauss(24)
TINY = 1e-200


@njit(cache=True)
def _raced(p, q, a, b):
    """Return P(the contact that counts is of the first kind), of a and b contacts in random order, by quadrature."""
    end, total = min(1.0, 36.0 / (a * p + b * q)), 0.0  # beyond it hardly anybody is left over
    for at in range(len(KNOT)):
        x = (KNOT[at] + 1.0) / 2.0 * end
        total += WEIGHT[at] / 2.0 * end * max(1.0 - p * x, 1e-300) ** (a - 1.0) * max(1.0 - q * x, 1e-300) ** b
    return total * a * p


@njit(cache=True)
def heard(step, one, other):
    """Return P(a step) in broadcast, of so many contacts of either field."""
    a, b, p, q = one / step[UNIT], other / step[UNIT], step[CHANCE], step[OTHER]
    stays = (1.0 - p) ** a * (1.0 - q) ** b
    into = 0.0
    if step[INTO] > 0.0 and a > 0.0:
        into += step[INTO] / p * (_raced(p, q, a, b) if b * q > 0.0 else 1.0 - stays)
    if step[ELSE] > 0.0 and b > 0.0:
        into += step[ELSE] / q * (_raced(q, p, b, a) if a * p > 0.0 else 1.0 - stays)
    return into + stays * step[ALONE]


@njit(cache=True)
def tabulated(steps, most):
    """Return the table of `Rules` for counts below `most`."""
    table = np.zeros((len(steps), most, most), np.float32)
    for code in range(len(steps)):
        for one in range(most):
            for other in range(most):
                table[code, one, other] = heard(steps[code], one, other)
    return table


@njit(cache=True, inline="always")
def _odds(steps, table, code, one, other, whole):
    """Return P(a step | contacts by field, and what all who could be met add together; 0: those counted do)."""
    most = table.shape[1]
    if most:
        return table[code, one, other] if one < most and other < most else heard(steps[code], one, other)
    met = one + other
    if whole == 0.0:
        whole = met
    if whole == 0.0:
        return steps[code, ALONE]
    return (one * steps[code, FIRST] + other * steps[code, SECOND] + (whole - met) * steps[code, ALONE]) / whole


@njit(cache=True, inline="always")
def _next(state):
    state[0] += STRIDE
    return uniform(mixed(state[0]))


@njit(cache=True)
def _tell(path, counts, field, speak, to, times, v, sign):
    """Add v's history to what its neighbours count, or take it away."""
    for at in range(speak[v], speak[v + 1]):
        u, more = to[at], sign * (times[at] if len(times) else 1)
        for t in range(counts.shape[1]):
            f = field[path[v, t]]
            if f >= 0:
                counts[u, t, f] += more


@njit(cache=True)
def _told(codes, counts, steps, table, speak, to, times, strength, v, prices, tells):
    """Fill tells[t] with the weights of what v's neighbours do in step t if v is in no field, the first, the second."""
    tells[:] = 1.0
    low, high = speak[v], speak[v + 1]
    for at in range(low, high):
        u = to[at]
        more = times[at] if len(times) else 1
        whole = strength[u] if len(strength) else 0.0
        for t in range(codes.shape[1]):
            code = codes[u, t]
            if code >= 0:
                one, other, price = counts[u, t, 0], counts[u, t, 1], prices[code, t]
                none = _odds(steps, table, code, one, other, whole)
                first = _odds(steps, table, code, one + more, other, whole)
                second = _odds(steps, table, code, one, other + more, whole)
                tells[t, 0] *= none if none > 0.0 else price
                tells[t, 1] *= first if first > 0.0 else price
                tells[t, 2] *= second if second > 0.0 else price
        if (at - low) % 16 == 15:
            for t in range(codes.shape[1]):
                most = max(tells[t, 0], tells[t, 1], tells[t, 2], 1e-300)
                for f in range(3):
                    tells[t, f] /= most


@njit(cache=True)
def _encode(path, kind, codes, hears, v):
    states = hears.shape[1]
    c = kind[v]
    for t in range(codes.shape[1]):
        s = path[v, t]
        codes[v, t] = (c * states + s) * states + path[v, t + 1] if hears[c, s] else -1


@njit(cache=True)
def _redraw_kind(kind, codes, counts, steps, table, strength, shares, states, v, state, weights):
    """Draw the class of a node anew that nothing happened to; return whether it is another."""
    total, whole = 0.0, strength[v] if len(strength) else 0.0
    for c in range(len(shares)):
        weights[c] = shares[c]
        for t in range(codes.shape[1]):
            weights[c] *= _odds(steps, table, c * states * states, counts[v, t, 0], counts[v, t, 1], whole)
        total += weights[c]
    r, c = _next(state) * total, 0
    while c < len(shares) - 1 and r >= weights[c]:
        r -= weights[c]
        c += 1
    if total == 0.0 or kind[v] == c:
        return False
    kind[v] = c
    return True


@njit(cache=True)
def _looked_back(counts, steps, table, strength, field, can, may, v, c, prices, tells, chances, back):
    """Fill chances[t, s, k] and back[t, s], of class c, with the weights of a step and of all that is seen later.

    Returns the logarithm of what they were divided by.
    """
    last, states = chances.shape[0], chances.shape[1]
    whole, scale = strength[v] if len(strength) else 0.0, 0.0
    for k in range(states):
        back[last, k] = 1.0 if may[v, k] else 0.0
    for t in range(last - 1, -1, -1):
        one, other, most = counts[v, t, 0], counts[v, t, 1], 0.0
        for s in range(states):
            total = 0.0
            for k in range(states):
                code = (c * states + s) * states + k
                chances[t, s, k] = 0.0
                if can[code] and back[t + 1, k] > 0.0:
                    chance = _odds(steps, table, code, one, other, whole)
                    chances[t, s, k] = (chance if chance > 0.0 else prices[code, t]) * back[t + 1, k]
                    total += chances[t, s, k]
            back[t, s] = total * tells[t, field[s] + 1]
            most = max(most, back[t, s])
        if 0.0 < most < TINY:
            for s in range(states):
                back[t, s] /= most
            scale += np.log(most)
    return scale


@njit(cache=True)
def _drawn(path, v, c, source, begins, chances, back, state):
    """Draw v's history from the weights of its class."""
    s, states = 0, chances.shape[1]
    if c == 0:
        begun = back[0, source] * begins
        if _next(state) * (begun + back[0, 0]) < begun:
            s = source
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


@njit(cache=True)
def _priced(rules, seen, price, prices):
    """Fill prices[code, t] with what a step weighs that nothing explains."""
    states = rules.classes[1]
    for code in range(len(rules.can)):
        s, k = code // states % states, code % states
        for t in range(prices.shape[1]):
            prices[code, t] = price if rules.can[code] else 0.0
            if s == 0 and k == rules.source:
                prices[code, t] = price * seen.begins[t + 1] if code < states else 0.0


@njit(cache=True)
def _paid(path, kind, counts, steps, table, strength, states, source, free, silent, truly):
    """Return how often a price was paid, how often for a true beginning, and at whom it last began."""
    paid, begun, origin = 0, 0, -1
    for at in range(len(free)):
        v = free[at]
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
                if s == 0 and k == source and truly[t + 1]:
                    begun += 1
                    origin = v
    return paid, begun, origin


@njit(cache=True)
def settle(rules, seen, chain):
    """Make codes and counts those of path and kind."""
    chain.counts[:] = 0
    for v in range(len(chain.kind)):
        _encode(chain.path, chain.kind, chain.codes, rules.hears, v)
        if chain.path[v].any():
            _tell(chain.path, chain.counts, rules.field, seen.speak, seen.to, seen.times, v, 1)


@njit(cache=True, nogil=True)
def advance(rules, seen, chain, state, price, cooling, count, found, began):
    """Redraw everybody so many times in a chain; return (exact sweeps, the price at the end, the gain).

    state : uint64[1], of the random numbers
    price : multiplied by `cooling` after each sweep; the gain is ln of what that multiplies the histories' weights by
    found : int64[nodes], where exact histories began; added to
    began : int64[nodes], where one of the beginnings was in all sweeps that had any; added to
    """
    steps, table, field, can, hears, shares = (
        rules.steps,
        rules.table,
        rules.field,
        rules.can,
        rules.hears,
        rules.shares,
    )
    speak, to, times, strength = seen.speak, seen.to, seen.times, seen.strength
    free, silent, may, begins, truly = seen.free.copy(), seen.silent, seen.possible_states, seen.begins, seen.truly
    path, kind, codes, counts = chain.path, chain.kind, chain.codes, chain.counts
    classes, states, source, last = rules.classes[0], rules.classes[1], rules.source, codes.shape[1]
    prices, tells = np.empty((len(can), last)), np.empty((last, 3))
    chances, back = np.empty((classes, last, states, states)), np.empty((classes, last + 1, states))
    weights, scale, exact, gain = np.empty(classes), np.empty(classes), 0, 0.0
    for _ in range(count):
        _priced(rules, seen, price, prices)
        for at in range(len(free) - 1, 0, -1):
            other = int(_next(state) * (at + 1))
            free[at], free[other] = free[other], free[at]
        for at in range(len(free)):
            v = free[at]
            if silent[v]:
                if _redraw_kind(kind, codes, counts, steps, table, strength, shares, states, v, state, weights):
                    _encode(path, kind, codes, hears, v)
                continue
            _tell(path, counts, field, speak, to, times, v, -1)
            _told(codes, counts, steps, table, speak, to, times, strength, v, prices, tells)
            top = -np.inf
            for c in range(classes):
                weights[c] = 0.0
                if shares[c] > 0.0:
                    scale[c] = _looked_back(
                        counts, steps, table, strength, field, can, may, v, c, prices, tells, chances[c], back[c]
                    )
                    weights[c] = back[c, 0, 0] + (back[c, 0, source] * price * begins[0] if c == 0 else 0.0)
                    weights[c] *= shares[c]
                    if weights[c] > 0.0:
                        top = max(top, scale[c])
            total = 0.0
            for c in range(classes):
                if weights[c] > 0.0:
                    weights[c] *= np.exp(scale[c] - top)
                    total += weights[c]
            if total > 0.0:
                r, c = _next(state) * total, 0
                while c < classes - 1 and r >= weights[c]:
                    r -= weights[c]
                    c += 1
                while weights[c] == 0.0:
                    c -= 1
                kind[v] = c
                _drawn(path, v, c, source, price * begins[0], chances[c], back[c], state)
                _encode(path, kind, codes, hears, v)
            _tell(path, counts, field, speak, to, times, v, 1)
        price *= cooling
        paid, begun, origin = _paid(path, kind, counts, steps, table, strength, states, source, free, silent, truly)
        gain += paid * np.log(cooling)
        if begun:
            began[origin] += 1  # one of them: the nodes are in random order
        if begun == 1 and paid == 1:
            exact += 1
            found[origin] += 1
    return exact, price, gain

"""Networks that grow a node at a time, or are rewired an edge at a time: pairs of ends, int32[edges, 2].

Random numbers are those of SplitMix64 (Steele, Lea and Flood 2014) after the seed.
"""

# mypy: ignore-errors

import numpy as np
from numba import njit

from counterpoint.counter_rng_kernels import STRIDE, mixed, uniform

U64 = np.uint64


@njit(cache=True)
def _chance(state):
    """Return the next number, uniform in [0, 1); state, uint64[1], moves on."""
    state[0] += STRIDE
    return uniform(mixed(state[0]))


@njit(cache=True)
def _below(state, count):
    """Return the next whole number, uniform in [0, count)."""
    return np.int64(_chance(state) * count)


@njit(cache=True)
def _star(ends, m):
    """Write the edges of a star into the flat list of ends: node 0 in the middle of m others."""
    for leaf in range(m):
        ends[2 * leaf], ends[2 * leaf + 1] = leaf + 1, 0


@njit(cache=True)
def preferential(nodes, m, seed):
    """Grow from a star of m + 1: each node joins m others, each as likely as it has edges (Barabasi, Albert 1999)."""
    state = np.full(1, seed, np.uint64)
    ends = np.empty(2 * m * (nodes - m), np.int32)
    joined = np.zeros(nodes, np.int32)  # the last node that joined this one
    _star(ends, m)
    end = 2 * m
    for node in range(m + 1, nodes):
        before = end  # as many ends of edges as stand in the list: an end drawn is a node drawn by its degree
        while end < before + 2 * m:
            other = ends[_below(state, before)]
            if joined[other] != node:
                joined[other] = node
                ends[end], ends[end + 1] = node, other
                end += 2
    return ends.reshape(-1, 2)


@njit(cache=True)
def _befriend(node, friend, pool, place, room, degree, used):
    """Write a friend into the node's part of the pool; a part that is full moves to one twice as large."""
    if degree[node] == room[node]:
        old = place[node]
        place[node] = used[0]
        room[node] *= 2
        used[0] += room[node]
        for at in range(degree[node]):
            pool[place[node] + at] = pool[old + at]
    pool[place[node] + degree[node]] = friend
    degree[node] += 1


@njit(cache=True)
def _stranger(state, friends, node, joined):
    """Return one of the friends that the node has not joined, any one; -1 if there is none."""
    strangers = 0
    for friend in friends:
        strangers += joined[friend] != node
    wanted = _below(state, strangers)
    for friend in friends:
        if joined[friend] != node:
            if wanted == 0:
                return friend
            wanted -= 1
    return -1


@njit(cache=True)
def _triad(state, friends, m, node, joined):
    """Return what `_stranger` does; of many friends one is drawn until it fits, as most do."""
    if len(friends) <= 4 * m:
        return _stranger(state, friends, node, joined)
    while True:
        friend = friends[_below(state, len(friends))]
        if joined[friend] != node:
            return friend


@njit(cache=True)
def clustered(nodes, m, p, seed):
    """Grow as `preferential` does, but after the first of its m a node joins a friend of the last one with chance p.

    If it has joined all of these friends, or else, it joins another by degree (Holme, Kim 2002).
    """
    state = np.full(1, seed, np.uint64)
    ends = np.empty(2 * m * (nodes - m), np.int32)
    joined = np.zeros(nodes, np.int32)
    place, used = np.arange(nodes) * 2 * m, np.full(1, 2 * m * nodes)
    room, degree = np.full(nodes, 2 * m, np.int32), np.zeros(nodes, np.int32)
    pool = np.empty(10 * m * nodes, np.int32)  # 2 m each, and less than 4 times the degree of who has more
    _star(ends, m)
    for leaf in range(1, m + 1):
        _befriend(leaf, 0, pool, place, room, degree, used)
        _befriend(0, leaf, pool, place, room, degree, used)
    end = 2 * m
    for node in range(m + 1, nodes):
        before, last = end, -1
        joined[node] = node
        while end < before + 2 * m:
            other = -1
            if last >= 0 and _chance(state) < p:
                other = _triad(state, pool[place[last] : place[last] + degree[last]], m, node, joined)
            if other < 0:
                other = ends[_below(state, before)]
                if joined[other] == node:
                    continue
                last = other
            joined[other] = node
            ends[end], ends[end + 1] = node, other
            end += 2
            _befriend(node, other, pool, place, room, degree, used)
            _befriend(other, node, pool, place, room, degree, used)
    return ends.reshape(-1, 2)


@njit(cache=True)
def _slot(made, one, other, nodes):
    """Return where an edge stands in the table of those made, or the free place where it would; its key too."""
    key = U64(min(one, other)) * U64(nodes) + U64(max(one, other)) + U64(1)
    mask = U64(len(made) - 1)
    at = mixed(key) & mask
    while made[at] != 0 and made[at] != key:
        at = (at + U64(1)) & mask
    return at, key


@njit(cache=True)
def _stands(gone, one, other):
    """Say whether the ring's own edge between two nodes is there still."""
    half, nodes = gone.shape
    there, back = (other - one) % nodes, (one - other) % nodes
    return (there <= half and not gone[there - 1, one]) or (back <= half and not gone[back - 1, other])


@njit(cache=True)
def rewired(nodes, half, p, room, seed):
    """Join every node of a ring to the `half` next ones; move each edge's far end with chance p (Watts, Strogatz 1998).

    room : a power of 2, at least twice the number of edges that move
    """
    state = np.full(1, seed, np.uint64)
    pairs = np.empty((half * nodes, 2), np.int32)
    gone = np.zeros((half, nodes), np.bool_)
    degree = np.full(nodes, 2 * half, np.int64)
    made = np.zeros(room, np.uint64)
    for step in range(1, half + 1):
        for node in range(nodes):
            other = (node + step) % nodes
            edge = (step - 1) * nodes + node
            if _chance(state) < p and degree[node] < nodes - 1:
                while True:
                    fresh = _below(state, nodes)
                    if fresh == node or _stands(gone, node, fresh):
                        continue
                    at, key = _slot(made, node, fresh, nodes)
                    if made[at] == 0:
                        break
                made[at] = key
                gone[step - 1, node] = True
                degree[other] -= 1
                degree[fresh] += 1
                other = fresh
            pairs[edge, 0], pairs[edge, 1] = node, other
    return pairs

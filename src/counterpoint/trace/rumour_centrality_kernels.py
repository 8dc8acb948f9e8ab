"""Rumour centrality (Shah & Zaman 2011): in how many orders nodes may have been reached from each origin.

Networks come as rows: node i is joined to, or hears, to[start[i]:start[i + 1]].
"""

# mypy: ignore-errors

from math import lgamma, log

import numpy as np
from numba import njit, prange


@njit(cache=True, parallel=True)
def log_orderings(start, to, origins, goal):
    """Return ln(in how many orders the goals may have been reached from each origin, along shortest paths).

    On a tree that is n! over the product of the sizes of all subtrees, the origin's aside. Elsewhere it is so with
    subtrees' mean sizes over all trees of shortest paths: who has several neighbours one step closer belongs to each
    of them in equal parts. A goal out of reach counts as if all the others were below it.
    """
    result = np.empty(len(origins))
    for i in prange(len(origins)):
        result[i] = _log_orderings_from(start, to, origins[i], goal)
    return result


@njit(cache=True)
def _log_orderings_from(start, to, origin, goal):
    nodes = len(start) - 1
    distance, queue, size = np.full(nodes, -1, np.int32), np.empty(nodes, np.int32), np.zeros(nodes)
    tail = _breadth_first(start, to, origin, distance, queue)
    others = goal.sum() - goal[origin]
    value, left = lgamma(others + 1.0), others
    for place in range(tail - 1, 0, -1):
        v = queue[place]
        if goal[v]:
            size[v] += 1.0
            value -= log(size[v])
            left -= 1
        if size[v] > 0.0:
            _pass_up(start, to, v, distance, size)
    return value - left * log(max(others, 1))


@njit(cache=True)
def _breadth_first(start, to, origin, distance, queue):
    """Fill distances, -1 so far, and the nodes in the order of them; return how many can be reached."""
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
    return tail


@njit(cache=True)
def _pass_up(start, to, v, distance, size):
    """Add the size of v's subtree to those of its neighbours one step closer, in equal parts."""
    closer = 0
    for arc in range(start[v], start[v + 1]):
        closer += distance[to[arc]] == distance[v] - 1
    for arc in range(start[v], start[v + 1]):
        if distance[to[arc]] == distance[v] - 1:
            size[to[arc]] += size[v] / closer

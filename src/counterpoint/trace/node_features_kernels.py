"""What a node's surroundings look like: sums and extremes over neighbours, and who is how far away.

Rows are those of an undirected network: to[start[v]:start[v + 1]] are the neighbours of v.
"""

# mypy: ignore-errors

import numpy as np
from numba import njit


@njit(cache=True)
def summed(start, to, values):
    """Return the sums of values over each node's neighbours, float32[nodes, columns]."""
    nodes, columns = values.shape
    out = np.zeros((nodes, columns), np.float32)
    for v in range(nodes):
        for at in range(start[v], start[v + 1]):
            u = to[at]
            for k in range(columns):
                out[v, k] += values[u, k]
    return out


@njit(cache=True)
def extremes(start, to, values, counted, nodes):
    """Return the mean, the least and the greatest value over those neighbours of some nodes that are counted.

    values  : float32[all nodes, columns]
    counted : bool[all nodes]
    nodes   : int64[n]

    Returns float32[n, 3, columns], zeros where no neighbour is counted.
    """
    columns = values.shape[1]
    out = np.zeros((len(nodes), 3, columns), np.float32)
    for row in range(len(nodes)):
        v, found = nodes[row], 0
        for at in range(start[v], start[v + 1]):
            u = to[at]
            if not counted[u]:
                continue
            for k in range(columns):
                value = values[u, k]
                out[row, 0, k] += value
                if found == 0 or value < out[row, 1, k]:
                    out[row, 1, k] = value
                if found == 0 or value > out[row, 2, k]:
                    out[row, 2, k] = value
            found += 1
        for k in range(columns):
            out[row, 0, k] /= max(found, 1)
    return out


@njit(cache=True)
def within(start, to, inside):
    """Return the part of a network that lies among some nodes: these nodes, and rows by their places among them.

    inside : bool[nodes]

    Returns int64[members], int64[members + 1], int32[arcs among them].
    """
    members = np.flatnonzero(inside)
    place = np.full(len(inside), -1, np.int32)
    most = 0
    for row in range(len(members)):
        place[members[row]] = row
        most += start[members[row] + 1] - start[members[row]]
    part, ends = np.zeros(len(members) + 1, np.int64), np.empty(most, np.int32)
    kept = 0
    for row in range(len(members)):
        v = members[row]
        for at in range(start[v], start[v + 1]):
            if place[to[at]] >= 0:
                ends[kept] = place[to[at]]
                kept += 1
        part[row + 1] = kept
    return members, part, ends[:kept].copy()


@njit(cache=True)
def shells(part, ends, kinds, many, depth, origins):
    """Count who is how far from each origin, by kind.

    part, ends : rows of a network, as `within` returns them
    kinds      : uint8[nodes], each below `many`
    origins    : int64[n]

    Returns int32[n, depth + 2, many]: at distance 0 to `depth`, and, last, farther or not to be reached.
    """
    nodes, count = len(kinds), len(origins)
    whole = np.zeros(many, np.int32)
    for u in range(nodes):
        whole[kinds[u]] += 1
    out = np.zeros((count, depth + 2, many), np.int32)
    seen, queue = np.full(nodes, -1, np.int32), np.empty(nodes, np.int32)
    for row in range(count):
        out[row, depth + 1] = whole
        seen[origins[row]], queue[0] = row, origins[row]
        first, last = 0, 1
        for d in range(depth + 1):
            end = last
            for place in range(first, last):
                v = queue[place]
                out[row, d, kinds[v]] += 1
                out[row, depth + 1, kinds[v]] -= 1
                if d == depth:
                    continue
                for at in range(part[v], part[v + 1]):
                    u = ends[at]
                    if seen[u] != row:
                        seen[u] = row
                        queue[end] = u
                        end += 1
            first, last = last, end
    return out

"""Breadth-first search from many nodes at once: how far each is from the nodes that a rumour reached.

Networks come as rows: node i is joined to, or hears, to[start[i]:start[i + 1]].
"""

# mypy: ignore-errors

import numpy as np
from numba import njit

LANES = 64  # origins that walk together, a bit each


@njit(cache=True)
def distances_to_goals(start, to, origins, goal):
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
        lanes = slice(low, min(low + LANES, count))
        seen[:] = 0
        for lane in range(low, lanes.stop):
            seen[origins[lane]] |= np.uint64(1) << np.uint64(lane - low)
            missed[lane] = goals - goal[origins[lane]]
        front[:] = seen
        step, going = 0, True
        while going:
            step += 1
            _look_around(start, to, front, news)
            going = _advance(seen, front, news, goal, step, far[lanes], total[lanes], missed[lanes])
    return far, total, missed


@njit(cache=True)
def _look_around(start, to, front, news):
    """Fill news with the lanes that come to each node from a neighbour."""
    news[:] = 0
    for v in range(len(front)):
        if front[v]:
            for arc in range(start[v], start[v + 1]):
                news[to[arc]] |= front[v]


@njit(cache=True)
def _advance(seen, front, news, goal, step, far, total, missed):
    """Let each lane go on to nodes that it has not seen, and note the goals among them; return whether any did."""
    going = False
    for v in range(len(front)):
        new = news[v] & ~seen[v]
        front[v] = new
        if not new:
            continue
        going = True
        seen[v] |= new
        if goal[v]:
            for lane in range(len(far)):
                if (new >> np.uint64(lane)) & np.uint64(1):
                    far[lane] = step
                    total[lane] += step
                    missed[lane] -= 1
    return going

"""Edges into sorted rows, by counting: two passes over the arcs, no comparison."""

# mypy: ignore-errors

import numpy as np
from numba import njit


@njit(cache=True)
def arcs(pairs, nodes, both):
    """Sort the arcs of edges by their tail, then their head, then the edge's place; leave loops out.

    pairs : int32[edges, 2], the numbers of each edge's ends
    both  : an edge is two arcs, one each way

    Returns start int64[nodes + 1], to int32[arcs] and the edge of each arc, int32[arcs].
    """
    coming, going = np.zeros(nodes + 1, np.int64), np.zeros(nodes + 1, np.int64)
    for edge in range(len(pairs)):
        tail, head = pairs[edge]
        if tail != head:
            going[tail + 1] += 1
            coming[head + 1] += 1
            if both:
                going[head + 1] += 1
                coming[tail + 1] += 1
    for node in range(nodes):
        going[node + 1] += going[node]
        coming[node + 1] += coming[node]
    tails, edges = np.empty(coming[nodes], np.int32), np.empty(coming[nodes], np.int32)
    at = coming[:-1].copy()
    for edge in range(len(pairs)):
        tail, head = pairs[edge]
        if tail != head:
            tails[at[head]], edges[at[head]] = tail, edge
            at[head] += 1
            if both:
                tails[at[tail]], edges[at[tail]] = head, edge
                at[tail] += 1
    to, made_of = np.empty_like(tails), np.empty_like(edges)
    at = going[:-1].copy()
    for head in range(nodes):
        for arc in range(coming[head], coming[head + 1]):
            tail = tails[arc]
            to[at[tail]], made_of[at[tail]] = head, edges[arc]
            at[tail] += 1
    return going, to, made_of

"""Several ranked lists become one: each place of a list is worth a weight over its rank."""

# mypy: ignore-errors

import numpy as np
from numba import njit, prange

from counterpoint.recommend.models.topk_kernels import key as key_of
from counterpoint.recommend.models.topk_kernels import write_best


@njit(cache=True, parallel=True)
def fuse_ranks(lists, weights, offset, min_lists, chunks, count):
    """Return the `count` songs of most worth for each listener, in order, and the worth; -1 and 0 for none.

    The worth of a song is the sum of weight / (offset + rank) over the lists that it is on, ranks from 1.

    lists   : int32[lists, listeners, depth], -1 for none
    weights : float32[listeners, lists]; a list of weight 0 is not looked at
    min_lists   : on how many lists a song must be
    chunks  : in how many pieces the listeners are shared out
    """
    members, listeners, depth = lists.shape
    songs = np.empty((listeners, count), np.int32)
    scores = np.empty((listeners, count), np.float32)
    slots = 1
    while slots < 2 * members * depth:
        slots *= 2
    for chunk in prange(chunks):
        key = np.full(slots, -1, np.int32)  # an open hash table from song to place
        place = np.empty(slots, np.int32)
        used = np.empty(members * depth, np.int32)
        song = np.empty(members * depth, np.int32)
        score = np.empty(members * depth, np.float32)
        times = np.empty(members * depth, np.int32)
        keys = np.empty(members * depth, np.uint64)
        for u in range(chunk, listeners, chunks):
            held = 0
            for m in range(members):
                weight = weights[u, m]
                if weight == 0:
                    continue
                for rank in range(depth):
                    i = lists[m, u, rank]
                    if i < 0:
                        break
                    slot = (i * 40503) & (slots - 1)
                    while key[slot] != i and key[slot] >= 0:
                        slot = (slot + 1) & (slots - 1)
                    if key[slot] < 0:
                        key[slot] = i
                        place[slot] = held
                        used[held] = slot
                        song[held] = i
                        score[held] = 0
                        times[held] = 0
                        held += 1
                    score[place[slot]] += weight / (offset + rank + 1)
                    times[place[slot]] += 1
            for n in range(held):
                key[used[n]] = -1
            left = 0
            for n in range(held):
                if times[n] >= min_lists:
                    keys[left] = key_of(score[n], song[n])
                    left += 1
            write_best(keys, left, songs[u], scores[u])
    return songs, scores

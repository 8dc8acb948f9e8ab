"""What each listener should hear: scores of songs, of which only the highest of each listener are kept.

A listener's history is start, song, weight; what they are not to hear are `out_start`, `out_song`, beside what is
excluded for everybody. Answers are int32[listeners, count] and float32[listeners, count]; -1 and 0 for none.
"""

# mypy: ignore-errors

import numpy as np
from numba import njit, prange

from counterpoint.recommend.models.topk_kernels import (
    F32,
    LOWEST,
    U32,
    best_of,
    key,
    prefetch,
    score_of,
    select,
    write_best,
)

PIECE = 512  # listeners that share the room they are scored in
ROWS = 16
ABOVE_0 = F32(1e-45)
NEVER = F32(-np.inf)
FINE = F32(1 << 16)  # parts of 1 in which means are compared: what is equal but for rounding is equal


@njit(cache=True)
def _open(row_start, row_song, row_value, excluded):
    """Return the matrix without what nobody is to hear."""
    if not excluded.any():
        return row_start, row_song, row_value
    kept = ~excluded[row_song]
    start = np.zeros(len(row_start), np.int64)
    for j in range(len(row_start) - 1):
        start[j + 1] = start[j] + kept[row_start[j] : row_start[j + 1]].sum()
    return start, row_song[kept], row_value[kept]


@njit(cache=True, parallel=True)
def top_sums(start, song, weight, row_start, row_song, row_value, out_start, out_song, excluded, count):
    """Return the songs with the highest sums, above 0, of weight[u, j] * value[j, i] over the songs j of a history."""
    listeners, songs = len(start) - 1, len(row_start) - 1
    found = np.empty((listeners, count), np.int32)
    scores = np.empty((listeners, count), np.float32)
    row_start, row_song, row_value = _open(row_start, row_song, row_value, excluded)
    for piece in prange((listeners + PIECE - 1) // PIECE):
        total = np.zeros(songs, np.float32)
        first = np.empty(songs // 16, np.float32)
        second = np.empty(songs // 256, np.float32)
        keys = np.empty(4 * count + 64 + songs // 256, np.uint64)
        few = songs // 8
        touched = np.empty(few + 1, np.int32)
        for u in range(piece * PIECE, min(listeners, (piece + 1) * PIECE)):
            work = 0
            for at in range(start[u], start[u + 1]):
                begin = np.int64(row_start[song[at]])
                work += row_start[song[at] + 1] - begin
                prefetch(row_song, begin)
                prefetch(row_value, begin)
            if work <= few:  # so few songs are reached that they are remembered
                reached = 0
                for at in range(start[u], start[u + 1]):
                    for near in range(row_start[song[at]], row_start[song[at] + 1]):
                        i = U32(row_song[near])
                        touched[reached] = i
                        reached += total[i] == F32(0)
                        total[i] += weight[at] * row_value[near]
                for at in range(out_start[u], out_start[u + 1]):
                    total[U32(out_song[at])] = F32(0)
                held, cut = 0, ABOVE_0
                for at in range(reached):
                    i = U32(touched[at])
                    value = total[i]
                    total[i] = F32(0)
                    if value >= cut:
                        keys[held] = key(value, i)
                        held += 1
                        if held == len(keys):
                            cut = score_of(select(keys, held, count))
                            held = count
            else:
                for at in range(start[u], start[u + 1]):
                    for near in range(row_start[song[at]], row_start[song[at] + 1]):
                        total[U32(row_song[near])] += weight[at] * row_value[near]
                for at in range(out_start[u], out_start[u + 1]):
                    total[U32(out_song[at])] = F32(0)
                held = best_of(total, ABOVE_0, count, keys, first, second)
                total[:] = F32(0)
            write_best(keys, held, found[u], scores[u])
    return found, scores


@njit(cache=True, parallel=True)
def top_means(start, song, weight, row_start, row_song, row_value, out_start, out_song, excluded, count):
    """Return the songs with the highest means of weight[u, j], weighted by |value[j, i]|, over a history's songs."""
    listeners, songs = len(start) - 1, len(row_start) - 1
    found = np.empty((listeners, count), np.int32)
    scores = np.empty((listeners, count), np.float32)
    row_start, row_song, row_value = _open(row_start, row_song, row_value, excluded)
    for piece in prange((listeners + PIECE - 1) // PIECE):
        total = np.zeros(songs, np.float32)
        size = np.zeros(songs, np.float32)
        first = np.empty(songs // 16, np.float32)
        second = np.empty(songs // 256, np.float32)
        keys = np.empty(4 * count + 64 + songs // 256, np.uint64)
        for u in range(piece * PIECE, min(listeners, (piece + 1) * PIECE)):
            total[:] = F32(0)
            size[:] = F32(0)
            for at in range(start[u], start[u + 1]):
                for near in range(row_start[song[at]], row_start[song[at] + 1]):
                    i = U32(row_song[near])
                    total[i] += weight[at] * row_value[near]
                    size[i] += abs(row_value[near])
            for at in range(out_start[u], out_start[u + 1]):
                size[U32(out_song[at])] = F32(0)
            for i in range(songs):
                total[i] = np.rint(total[i] / size[i] * FINE) / FINE if size[i] > F32(0) else NEVER
            held = best_of(total, LOWEST, count, keys, first, second)
            write_best(keys, held, found[u], scores[u])
    return found, scores


@njit(cache=True, parallel=True)
def top_of_rows(values, out_start, out_song, excluded, count):
    """Return the songs with the highest of float32[listeners, songs], whose values for other songs are overwritten."""
    listeners, songs = values.shape
    found = np.empty((listeners, count), np.int32)
    scores = np.empty((listeners, count), np.float32)
    shut = np.flatnonzero(excluded)
    for piece in prange((listeners + ROWS - 1) // ROWS):
        first = np.empty(songs // 16, np.float32)
        second = np.empty(songs // 256, np.float32)
        keys = np.empty(4 * count + 64 + songs // 256, np.uint64)
        for u in range(piece * ROWS, min(listeners, (piece + 1) * ROWS)):
            row = values[u]
            for at in range(out_start[u], out_start[u + 1]):
                row[U32(out_song[at])] = NEVER
            for at in range(len(shut)):
                row[shut[at]] = NEVER
            held = best_of(row, LOWEST, count, keys, first, second)
            write_best(keys, held, found[u], scores[u])
    return found, scores


@njit(cache=True, parallel=True)
def top_listed(order, values, group, out_start, out_song, excluded, count):
    """Return the first songs of each listener's group's list, and their values.

    order  : int32[groups, songs], the best first
    values : float32[groups, songs], of the songs by number
    group  : int64[listeners]
    """
    listeners, songs = len(group), order.shape[1]
    found = np.full((listeners, count), -1, np.int32)
    scores = np.zeros((listeners, count), np.float32)
    for piece in prange((listeners + PIECE - 1) // PIECE):
        out = np.full(songs, -1, np.int64)
        for u in range(piece * PIECE, min(listeners, (piece + 1) * PIECE)):
            for at in range(out_start[u], out_start[u + 1]):
                out[out_song[at]] = u
            own, held = group[u], 0
            for at in range(songs):
                i = order[own, at]
                if not excluded[i] and out[i] != u:
                    found[u, held] = i
                    scores[u, held] = values[own, i]
                    held += 1
                    if held == count:
                        break
    return found, scores

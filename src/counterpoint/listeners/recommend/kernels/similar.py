"""Which songs are alike: a sparse matrix times itself, of which only the largest of each row are kept.

Every product is made once, for the better known of two songs, and offered to both. The caller numbers songs from the
best known: then the rows that are written are short, and those that are read lie close together.
"""

import numpy as np
from numba import njit, prange

from counterpoint.listeners.recommend.kernels.best import F32, NO_NAN, U32, key, prefetch, score_of, select, told

FILLS = 4  # pieces of the transposition, each of which reads every pair
BLOCK = 32  # floats looked at at once
BELOW = 2048  # songs that are offered to by one thread
AHEAD = 8  # listeners whose pairs are asked for before they are needed
TILE = 64  # songs whose products are held together


@njit(cache=True)
def _whose(start, song, by_song, low, high, listener, place):
    """Write, for the songs in [low, high), their listeners in order, and where in each one's list the song is."""
    fill = by_song[low:high].copy()
    for u in range(len(start) - 1):
        for at in range(start[u], start[u + 1]):
            j = np.int64(song[at])
            if j >= high:
                break
            if j >= low:
                listener[fill[j - low]] = u
                place[fill[j - low]] = at - start[u]
                fill[j - low] += 1


@njit(cache=True)
def _by_song(song, songs):
    counts = np.zeros(songs + 1, np.int64)
    for at in range(len(song)):
        if song[at] < songs:
            counts[np.int64(song[at]) + 1] += 1
    return np.cumsum(counts)


@njit(cache=True)
def _cuts(by_song):
    cuts = np.searchsorted(by_song, np.arange(FILLS + 1) * by_song[-1] // FILLS)
    cuts[0], cuts[FILLS] = 0, len(by_song) - 1
    return cuts


@njit(cache=True)
def _add(total, i, start, song, weight, by_song, listener, place):
    """Add to total[j], for j <= i, the sum of weight[u, i] * weight[u, j] over the listeners u of i."""
    end = by_song[i + 1]
    for at in range(by_song[i], end):
        if at + AHEAD < end:
            prefetch(song, np.int64(start[listener[at + AHEAD]]))
            prefetch(weight, np.int64(start[listener[at + AHEAD]]))
        begin = start[listener[at]]
        own = weight[begin + place[at]]
        for near in range(begin, begin + place[at] + 1):
            total[U32(song[near])] += own * weight[near]


@njit(cache=True, fastmath=NO_NAN)
def _offer(total, scale, upto, keys, keep):
    """Offer total[j] * scale[j], j < upto, to one song's keys; return how many, and what the next must beat."""
    count, cut = 0, F32(0)
    for begin in range(0, upto, BLOCK):
        end = min(begin + BLOCK, upto)
        most = F32(0)
        if end - begin == BLOCK:
            row, own = total[begin : begin + BLOCK], scale[begin : begin + BLOCK]
            for q in range(BLOCK):
                value = row[q] * own[q]
                most = max(most, value)
        else:
            for j in range(begin, end):
                most = max(most, total[j] * scale[j])
        if most > cut:
            for j in range(begin, end):
                value = total[j] * scale[j]
                if value > cut:
                    keys[count] = key(value, j)
                    count += 1
                    if count == len(keys):
                        cut = score_of(select(keys, count, keep))
                        count = keep
    return count, cut


@njit(cache=True, fastmath=NO_NAN)
def _offer_below(row, own, i, low, high, keys, counts, cuts, keep):
    """Offer row[j] * own, from song i, to the keys of each j in [low, high)."""
    for begin in range(low, high, BLOCK):
        end = min(begin + BLOCK, high)
        any_beats = 1
        if end - begin == BLOCK:
            some, limits = row[begin : begin + BLOCK], cuts[begin : begin + BLOCK]
            any_beats = 0
            for q in range(BLOCK):
                any_beats |= np.int32(some[q] * own > limits[q])
        if any_beats:
            for j in range(begin, end):
                value = row[j] * own
                if value > cuts[j]:
                    count = counts[j]
                    keys[j, count] = key(value, i)
                    count += 1
                    if count == keys.shape[1]:
                        cuts[j] = score_of(select(keys[j], count, keep))
                        count = keep
                    counts[j] = count


@njit(cache=True, parallel=True)
def top_products(start, song, weight, scale, keep):
    """Return the `keep` largest products of each song with others, in order: int32[songs, keep], float32[songs, keep].

    The product of i and j is scale[j] times the sum over listeners u of weight[u, i] * weight[u, j]; only those above
    0 are kept, and -1 and 0 fill what is missing.

    start, song, weight : the pairs, ascending within a listener; float32 weights
    scale               : float32[songs], none below 0
    """
    songs = len(scale)
    by_song = _by_song(song, songs)
    listener = np.empty(len(song), np.int32)
    place = np.empty(len(song), np.int32)
    cuts = _cuts(by_song)
    for piece in prange(FILLS):
        _whose(start, song, by_song, cuts[piece], cuts[piece + 1], listener, place)
    tile = max(1, min(TILE, (1 << 24) // max(1, songs)))
    total = np.zeros((tile, songs), np.float32)
    keys = np.empty((songs, 2 * keep), np.uint64)
    counts = np.zeros(songs, np.int64)
    limits = np.zeros(songs, np.float32)
    for first in range(0, songs, tile):
        last = min(first + tile, songs)
        for i in prange(first, last):
            row = total[i - first]
            row[: i + 1] = F32(0)
            _add(row, i, start, song, weight, by_song, listener, place)
            counts[i], limits[i] = _offer(row, scale, i, keys[i], keep)
        for piece in prange((last + BELOW - 1) // BELOW):
            for i in range(max(first, piece * BELOW + 1), last):
                high = min((piece + 1) * BELOW, i)
                _offer_below(total[i - first], scale[i], i, piece * BELOW, high, keys, counts, limits, keep)
    found = np.empty((songs, keep), np.int32)
    size = np.empty((songs, keep), np.float32)
    for i in prange(songs):
        told(keys[i], counts[i], found[i], size[i])
    return found, size


@njit(cache=True, parallel=True)
def products(start, song, weight, songs, chunks):
    """Return all products of the first `songs` songs, of `weight`'s type, [songs, songs]."""
    by_song = _by_song(song, songs)
    listener = np.empty(by_song[songs], np.int32)
    place = np.empty(by_song[songs], np.int32)
    cuts = _cuts(by_song)
    for piece in prange(FILLS):
        _whose(start, song, by_song, cuts[piece], cuts[piece + 1], listener, place)
    total = np.zeros((songs, songs), weight.dtype)
    for chunk in prange(chunks):
        for i in range(chunk, songs, chunks):
            _add(total[i], i, start, song, weight, by_song, listener, place)
    for i in prange(songs):
        for j in range(i + 1, songs):
            total[i, j] = total[j, i]
    return total

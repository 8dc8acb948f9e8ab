"""Which songs are alike: a sparse matrix times itself, of which only the largest of each row are kept.

Every product is made once, for the better known of two songs, and offered to both. The caller numbers songs from the
best known: then the rows that are written are short, and those that are read lie close together.
"""

# mypy: ignore-errors

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numba import get_num_threads, njit, prange
from numpy.typing import NDArray

from counterpoint.recommend.models.topk_kernels import F32, NO_NAN, U32, key, prefetch, score_of, select, write_best

Floats = NDArray[np.float32]
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


@njit(cache=True, nogil=True)
def _begin(part, parts, start, song, by_song, cuts, listener, place):
    for piece in range(part, FILLS, parts):
        _whose(start, song, by_song, cuts[piece], cuts[piece + 1], listener, place)


@njit(cache=True, nogil=True)
def _above(part, parts, first, last, pairs, by, scale, total, best, keep):
    """Make the products of the songs in [first, last) with those better known, and offer them to the former."""
    keys, counts, limits = best
    for i in range(first + part, last, parts):
        row = total[i - first]
        row[: i + 1] = F32(0)
        _add(row, i, *pairs, *by)
        counts[i], limits[i] = _offer(row, scale, i, keys[i], keep)


@njit(cache=True, nogil=True)
def _below(part, parts, first, last, scale, total, best, keep):
    """Offer the same products to the better known songs."""
    keys, counts, limits = best
    for piece in range(part, (last + BELOW - 1) // BELOW, parts):
        for i in range(max(first, piece * BELOW + 1), last):
            high = min((piece + 1) * BELOW, i)
            _offer_below(total[i - first], scale[i], i, piece * BELOW, high, keys, counts, limits, keep)


@njit(cache=True, nogil=True)
def _end(part, parts, best, found, size):
    keys, counts, _ = best
    for i in range(part, len(counts), parts):
        write_best(keys[i], counts[i], found[i], size[i])


def top_products(
    start: NDArray[np.int64], song: NDArray[np.int32], weight: Floats, scale: Floats, keep: int
) -> tuple[NDArray[np.int32], Floats]:
    """Return the `keep` largest products of each song with others, in order: int32[songs, keep], float32[songs, keep].

    The product of i and j is scale[j] times the sum over listeners u of weight[u, i] * weight[u, j]; only those above
    0 are kept, and -1 and 0 fill what is missing.

    start, song, weight : the pairs, ascending within a listener; float32 weights
    scale               : float32[songs], none below 0
    """
    songs, parts = len(scale), get_num_threads()
    by_song = _by_song(song, songs)
    listener, place = np.empty(len(song), np.int32), np.empty(len(song), np.int32)
    tile = max(1, min(TILE, (1 << 24) // max(1, songs)))
    total = np.zeros((tile, songs), np.float32)
    best = np.empty((songs, 2 * keep), np.uint64), np.zeros(songs, np.int64), np.zeros(songs, np.float32)
    found, size = np.empty((songs, keep), np.int32), np.empty((songs, keep), np.float32)
    pairs, by = (start, song, weight), (by_song, listener, place)
    # There are thousands of turns. Threads of OpenMP spin from one to the next, and on busy cores keep each other from
    # working; those of a pool sleep.
    with ThreadPoolExecutor(parts) as pool:

        def shared(work, *given):
            list(pool.map(lambda part: work(part, parts, *given), range(parts)))

        shared(_begin, start, song, by_song, _cuts(by_song), listener, place)
        for first in range(0, songs, tile):
            last = min(first + tile, songs)
            shared(_above, first, last, pairs, by, scale, total, best, keep)
            shared(_below, first, last, scale, total, best, keep)
        shared(_end, best, found, size)
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

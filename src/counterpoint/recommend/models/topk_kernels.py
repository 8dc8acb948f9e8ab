"""The best of many, in order: a candidate is one number, so that comparing numbers compares candidates.

A key is a uint64: above, the bits of a float32 score, turned so that greater scores are greater whatever their sign;
below, the complement of the song's number, so that ties go to the smaller one.
"""

# mypy: ignore-errors

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

U64, U32, F32 = np.uint64, np.uint32, np.float32
SIGN = U64(0x80000000)
WORD = U64(0xFFFFFFFF)
LOWEST = F32(-3.4e38)
NO_NAN = {"nnan", "nsz"}  # lets maxima become vector instructions; never reorders a sum
STRIDES = 16


@intrinsic
def _bits(_, value):
    def generated(__, builder, ___, arguments):
        return builder.zext(builder.bitcast(arguments[0], ir.IntType(32)), ir.IntType(64))

    return types.uint64(types.float32), generated


@intrinsic
def _float(_, value):
    def generated(__, builder, ___, arguments):
        return builder.bitcast(builder.trunc(arguments[0], ir.IntType(32)), ir.FloatType())

    return types.float32(types.uint64), generated


@intrinsic
def prefetch(_, values, at):
    """Ask for the cache line of values[at] before it is needed."""

    def generated(context, builder, signature, arguments):
        held = context.make_array(signature.args[0])(context, builder, arguments[0])
        place = builder.bitcast(builder.gep(held.data, [arguments[1]]), ir.IntType(8).as_pointer())
        word = ir.IntType(32)
        call = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(ir.VoidType(), [ir.IntType(8).as_pointer(), word, word, word]),
            "llvm.prefetch.p0i8",
        )
        builder.call(call, [place, word(0), word(3), word(1)])
        return context.get_dummy_value()

    return types.void(values, types.int64), generated


@njit(inline="always")
def key(score, song):
    """Return the key of a candidate."""
    bits = _bits(F32(score) + F32(0))  # -0 becomes 0
    bits = bits ^ WORD if bits & SIGN else bits | SIGN
    return (bits << U64(32)) | U64(U32(~U32(song)))


@njit(inline="always")
def score_of(candidate):
    """Return the score of a key."""
    bits = candidate >> U64(32)
    return _float(bits ^ SIGN if bits & SIGN else bits ^ WORD)


@njit(inline="always")
def song_of(candidate):
    """Return the song of a key."""
    return np.int32(U32(~U32(candidate & WORD)))


@njit(inline="always")
def _middle(x, y, z):
    return max(min(x, y), min(max(x, y), z))


@njit(cache=True)
def select(keys, count, best):
    """Move the `best` largest of the first `count` to the front, in any order; return their least (Hoare 1961)."""
    low, high, wanted = 0, count - 1, best - 1
    while high > low:
        pivot = _middle(keys[low], keys[(low + high) >> 1], keys[high])
        left, right = low, high
        while left <= right:
            while keys[left] > pivot:
                left += 1
            while keys[right] < pivot:
                right -= 1
            if left <= right:
                keys[left], keys[right] = keys[right], keys[left]
                left += 1
                right -= 1
        if wanted <= right:
            high = right
        elif wanted >= left:
            low = left
        else:
            break
    return keys[wanted]


@njit(cache=True)
def write_best(keys, count, songs, scores):
    """Write the best of the first `count` keys into one row of an answer, in order; -1 and 0 fill what is missing."""
    places = len(songs)
    if count > places:
        select(keys, count, places)
        count = places
    kept = keys[:count]
    kept.sort()
    for at in range(count):
        candidate = kept[count - 1 - at]
        songs[at] = song_of(candidate)
        scores[at] = score_of(candidate)
    for at in range(count, places):
        songs[at] = -1
        scores[at] = F32(0)


@njit(cache=True, fastmath=NO_NAN)
def _maxima(values, width, largest):
    """Write into largest[q] the largest of values[q + width * r], r < 16."""
    for q in range(width):
        largest[q] = values[q]
    for r in range(1, STRIDES):
        own = values[r * width : (r + 1) * width]
        for q in range(width):
            largest[q] = max(largest[q], own[q])


@njit(cache=True)
def best_of(values, low, count, keys, first, second):
    """Write keys of all that may be among the `count` largest values of at least `low`; return how many.

    keys          : room for 4 * count + 64 + len(values) // 256
    first, second : room for len(values) // 16 and // 256 maxima: a value is looked at only if the maximum that stands
                    for it, and the one that stands for that, could be among the largest
    """
    wide = len(values) // STRIDES
    wider = wide // STRIDES
    cut = low
    _maxima(values, wide, first)
    _maxima(first, wider, second)
    if wider >= count:
        for q in range(wider):
            keys[q] = key(second[q], q)
        cut = max(cut, score_of(select(keys, wider, count)))
    found = 0
    for at in range(STRIDES * wide, len(values)):
        if values[at] >= cut:
            keys[found] = key(values[at], at)
            found += 1
    for group in range(wider + 1):
        if group < wider:
            if second[group] < cut:
                continue
            begin, end, step = group, STRIDES * wider, wider
        else:
            begin, end, step = STRIDES * wider, wide, 1  # the maxima that no second maximum stands for
        for q in range(begin, end, step):
            if first[q] >= cut:
                for at in range(q, STRIDES * wide, wide):
                    if values[at] >= cut:
                        keys[found] = key(values[at], at)
                        found += 1
                        if found == len(keys):
                            cut = max(cut, score_of(select(keys, found, count)))
                            found = count
    return found

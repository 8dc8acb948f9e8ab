"""Ridge regressions by the thousand, one a row, each by a few steps of conjugate gradients (Takacs et al. 2011).

All rows share what every absent pair costs: a square form of the other side. In the axes of its eigenvectors that form
is diagonal, so a step costs a row its own pairs and nothing else; and the diagonal is a good preconditioner.
"""

# mypy: ignore-errors

import numpy as np
from numba import njit, prange

BLOCK = 131_072  # floats of a row's columns that a thread keeps at hand
SUMS = {"reassoc", "contract", "nsz", "arcp"}  # what the compiler may do to sums; nan and inf stay what they are


@njit(cache=True, fastmath=SUMS)
def _gathered(column, begin, count, other, block):
    for at in range(count):
        place = np.int64(column[begin + at])
        for k in range(other.shape[1]):
            block[at, k] = other[place, k]


@njit(cache=True, fastmath=SUMS)
def _pull(block, count, weight, begin, target, point, out):
    """Add to `out` the sum of weight * (target - y.point) * y over the columns y in the block."""
    width = len(point)
    at = 0
    while at + 4 <= count:
        a, b, c, d = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
        for k in range(width):
            a += block[at, k] * point[k]
            b += block[at + 1, k] * point[k]
            c += block[at + 2, k] * point[k]
            d += block[at + 3, k] * point[k]
        a = weight[begin + at] * (target - a)
        b = weight[begin + at + 1] * (target - b)
        c = weight[begin + at + 2] * (target - c)
        d = weight[begin + at + 3] * (target - d)
        for k in range(width):
            out[k] += a * block[at, k] + b * block[at + 1, k] + c * block[at + 2, k] + d * block[at + 3, k]
        at += 4
    while at < count:
        a = np.float32(0)
        for k in range(width):
            a += block[at, k] * point[k]
        a = weight[begin + at] * (target - a)
        for k in range(width):
            out[k] += a * block[at, k]
        at += 1


@njit(cache=True, fastmath=SUMS)
def _row(begin, end, column, weight, other, base, x, steps, block, scale, rest, way, image):
    """Improve one row's solution x in place; `base` is the diagonal of what it pays anyway."""
    width, size = len(x), len(block)
    for k in range(width):
        rest[k] = -base[k] * x[k]
        scale[k] = base[k]
    for at in range(begin, end, size):
        count = min(size, end - at)
        _gathered(column, at, count, other, block)
        _pull(block, count, weight, at, np.float32(1), x, rest)
        for place in range(count):
            for k in range(width):
                scale[k] += weight[at + place] * block[place, k] * block[place, k]
    left = np.float32(0)
    for k in range(width):
        scale[k] = np.float32(1) / max(scale[k], np.float32(1e-30))
        way[k] = scale[k] * rest[k]
        left += rest[k] * way[k]
    for _ in range(steps):
        if not left > np.float32(1e-20):
            break
        for k in range(width):
            image[k] = -base[k] * way[k]
        for at in range(begin, end, size):
            count = min(size, end - at)
            if end - begin > size:
                _gathered(column, at, count, other, block)
            _pull(block, count, weight, at, np.float32(0), way, image)
        curve = np.float32(0)
        for k in range(width):
            curve -= way[k] * image[k]
        if not curve > np.float32(0):
            break
        step, following = left / curve, np.float32(0)
        for k in range(width):
            x[k] += step * way[k]
            rest[k] += step * image[k]
            following += rest[k] * rest[k] * scale[k]
        turn = following / left
        left = following
        for k in range(width):
            way[k] = scale[k] * rest[k] + turn * way[k]


@njit(cache=True, parallel=True)
def solved(start, column, weight, other, spectrum, ridge, first, cuts, steps):
    """Return float32[rows, f]: for each row the x that minimises sum w (1 - x.y)^2 + sum spectrum x^2 + ridge x.x.

    The sum is over the columns y of the row; a row without any is 0.

    start, column, weight : the sparse rows
    other                 : float32[columns, f]
    spectrum              : float32[f]
    ridge                 : float32[rows]
    first                 : float32[rows, f], where to begin
    cuts                  : int64[chunks + 1], rows from one to the next are one piece of work
    """
    width = other.shape[1]
    found = np.empty((len(start) - 1, width), np.float32)
    longest = 1
    for row in range(len(start) - 1):
        longest = max(longest, start[row + 1] - start[row])
    size = min(longest, max(1, BLOCK // width))
    for chunk in prange(len(cuts) - 1):
        block = np.empty((size, width), np.float32)
        base = np.empty(width, np.float32)
        scale = np.empty(width, np.float32)
        rest = np.empty(width, np.float32)
        way = np.empty(width, np.float32)
        image = np.empty(width, np.float32)
        x = np.empty(width, np.float32)
        for row in range(cuts[chunk], cuts[chunk + 1]):
            if start[row] == start[row + 1]:
                found[row] = 0
                continue
            for k in range(width):
                base[k] = spectrum[k] + ridge[row]
                x[k] = first[row, k]
            _row(start[row], start[row + 1], column, weight, other, base, x, steps, block, scale, rest, way, image)
            for k in range(width):
                found[row, k] = x[k]
    return found

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
def _gather(column, begin, count, other, block):
    """Copy the other side's rows of `count` pairs into the block."""
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
def _residual(column, weight, other, block, vectors):
    """Write what the first solution leaves, and (as yet not inverted) the diagonal of the row's equations."""
    diagonal, solution, inverse, residual, _, _ = vectors
    width, size, end = len(solution), len(block), len(column)
    for k in range(width):
        residual[k] = -diagonal[k] * solution[k]
        inverse[k] = diagonal[k]
    for begin in range(0, end, size):
        count = min(size, end - begin)
        _gather(column, begin, count, other, block)
        _pull(block, count, weight, begin, np.float32(1), solution, residual)
        for place in range(count):
            for k in range(width):
                inverse[k] += weight[begin + place] * block[place, k] * block[place, k]


@njit(cache=True, fastmath=SUMS)
def _write_image(column, weight, other, block, vectors):
    """Write what the row's equations make of the direction, with the other sign."""
    diagonal, _, _, _, direction, image = vectors
    width, size, end = len(direction), len(block), len(column)
    for k in range(width):
        image[k] = -diagonal[k] * direction[k]
    for begin in range(0, end, size):
        count = min(size, end - begin)
        if end > size:
            _gather(column, begin, count, other, block)
        _pull(block, count, weight, begin, np.float32(0), direction, image)


@njit(cache=True, fastmath=SUMS)
def _solve_row(column, weight, other, block, vectors, steps):
    """Improve one row's solution in place, by so many steps of conjugate gradients.

    vectors : diagonal (what the row pays anyway), solution, inverse, residual, direction, image; float32[f] each
    """
    _residual(column, weight, other, block, vectors)
    _, solution, inverse, residual, direction, image = vectors
    width, left = len(solution), np.float32(0)
    for k in range(width):
        inverse[k] = np.float32(1) / max(inverse[k], np.float32(1e-30))
        direction[k] = inverse[k] * residual[k]
        left += residual[k] * direction[k]
    for _ in range(steps):
        if not left > np.float32(1e-20):
            break
        _write_image(column, weight, other, block, vectors)
        curvature = np.float32(0)
        for k in range(width):
            curvature -= direction[k] * image[k]
        if not curvature > np.float32(0):
            break
        step, following = left / curvature, np.float32(0)
        for k in range(width):
            solution[k] += step * direction[k]
            residual[k] += step * image[k]
            following += residual[k] * residual[k] * inverse[k]
        turn = following / left
        left = following
        for k in range(width):
            direction[k] = inverse[k] * residual[k] + turn * direction[k]


@njit(cache=True, parallel=True)
def solve_rows(start, column, weight, other, spectrum, ridge, first, cuts, steps):
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
    solutions = np.empty((len(start) - 1, width), np.float32)
    longest = 1
    for row in range(len(start) - 1):
        longest = max(longest, start[row + 1] - start[row])
    size = min(longest, max(1, BLOCK // width))
    for chunk in prange(len(cuts) - 1):
        block = np.empty((size, width), np.float32)
        # Arrays of their own, not rows of one: of those the compiled sums would have another order.
        diagonal, solution = np.empty(width, np.float32), np.empty(width, np.float32)
        inverse, residual = np.empty(width, np.float32), np.empty(width, np.float32)
        direction, image = np.empty(width, np.float32), np.empty(width, np.float32)
        vectors = (diagonal, solution, inverse, residual, direction, image)
        for row in range(cuts[chunk], cuts[chunk + 1]):
            begin, end = start[row], start[row + 1]
            if begin == end:
                solutions[row] = 0
                continue
            for k in range(width):
                diagonal[k] = spectrum[k] + ridge[row]
                solution[k] = first[row, k]
            _solve_row(column[begin:end], weight[begin:end], other, block, vectors, steps)
            for k in range(width):
                solutions[row, k] = solution[k]
    return solutions

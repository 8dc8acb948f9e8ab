"""Truth beside prediction, checked once: what every metric in this room asks of its arrays."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from counterpoint.errors import CounterpointError

Truth: TypeAlias = NDArray[np.integer[Any] | np.bool_]
"""One 0 or 1 a row."""
Score: TypeAlias = NDArray[np.floating[Any] | np.integer[Any]]
"""One finite number a row; higher means 1 is likelier."""
Weights: TypeAlias = NDArray[np.float64]
"""One number of at least 0 a row; 2 means the same as the row written twice."""


def check_rows(truth: Truth, score: Score) -> None:
    """Raise CounterpointError unless `truth` holds only 0 and 1 and `score` one finite number for each.

    >>> check_rows(np.array([0, 2]), np.array([0.1, 0.9]))
    Traceback (most recent call last):
    counterpoint.errors.CounterpointError: truth must hold only 0 and 1, row 1 holds 2
    """
    if truth.ndim != 1 or truth.shape != score.shape or not len(truth):
        raise CounterpointError(
            f"truth and score must be two columns of equal length with at least one row, "
            f"got the shapes {truth.shape} and {score.shape}",
        )
    if (strange := (truth != 0) & (truth != 1)).any():
        row = int(strange.argmax())
        raise CounterpointError(f"truth must hold only 0 and 1, row {row} holds {truth[row]}")
    if not (finite := np.isfinite(score)).all():
        row = int(finite.argmin())
        raise CounterpointError(f"scores must be finite numbers, row {row} holds {score[row]}")


def check_probabilities(truth: Truth, probability: Score) -> None:
    """Raise CounterpointError unless the rows are sound and every probability lies within [0, 1].

    >>> check_probabilities(np.array([0, 1]), np.array([0.1, 1.7]))
    Traceback (most recent call last):
    counterpoint.errors.CounterpointError: probabilities must lie within [0, 1], row 1 holds 1.7
    """
    check_rows(truth, probability)
    if (outside := (probability < 0) | (probability > 1)).any():
        row = int(outside.argmax())
        raise CounterpointError(f"probabilities must lie within [0, 1], row {row} holds {probability[row]}")


def check_two_classes(truth: Truth) -> None:
    """Raise CounterpointError if `truth` is all 0 or all 1: a ranking of one class says nothing.

    >>> check_two_classes(np.array([0, 0, 0]))
    Traceback (most recent call last):
    counterpoint.errors.CounterpointError: all 3 rows have truth 0: a ranking needs rows of both classes
    """
    if truth.min() == truth.max():
        raise CounterpointError(
            f"all {len(truth):,} rows have truth {int(truth[0])}: a ranking needs rows of both classes",
        )


def weights_for(rows: int, weights: Weights | None) -> Weights:
    """Return `weights` checked to be one number of at least 0 a row, or ones where none are given.

    >>> weights_for(3, None)
    array([1., 1., 1.])
    """
    if weights is None:
        return np.ones(rows)
    if weights.shape != (rows,):
        raise CounterpointError(f"weights must be one number for each of the {rows:,} rows, got shape {weights.shape}")
    # Written so that a nan, which compares as false, is refused as well.
    if rows and not weights.min() >= 0:
        raise CounterpointError(f"weights must be at least 0, the smallest is {weights.min()}")
    return weights


def share(part: float, whole: float) -> float:
    """Return `part / whole`, or nan where there is no whole: undefined is not zero.

    >>> share(1.0, 4.0), share(0.0, 0.0)
    (0.25, nan)
    """
    return float(part / whole) if whole else float("nan")

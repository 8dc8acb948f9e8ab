"""What a prediction would lose if it could not know a column: shuffle it, and see how much worse the ranking gets."""

from collections.abc import Callable
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from counterpoint.rng import generator
from counterpoint.stats.intervals import Estimate, Z
from counterpoint.stats.labels import Truth, check_two_classes

Matrix = NDArray[np.float64]


def permutation_importance(
    truth: Truth,
    x: Matrix,
    predict: Callable[[Matrix], NDArray[np.float64]],
    *,
    rng: int | np.random.Generator,
    repeats: int = 3,
) -> tuple[Estimate, ...]:
    """Return by how much the AUC drops when one column of x is shuffled, for each column (Breiman 2001).

    `predict` returns the prediction for rows like those of x. The drop is the mean of `repeats` shuffles; its interval
    is over the rows, by the structural components of the two AUCs (DeLong, DeLong & Clarke-Pearson 1988).

    Columns that say the same can stand in for each other: each then looks unimportant alone.

    Raises CounterpointError if the truth is of one class only.

    >>> rows = np.random.default_rng(1).normal(size=(1000, 2))
    >>> signal, useless = permutation_importance((rows[:, 0] > 0).astype(int), rows, lambda x: x[:, 0], rng=1)
    >>> round(signal.value, 1), useless.value
    (0.5, 0.0)
    """
    check_two_classes(truth)
    rng, before = generator(rng), _components(truth, predict(x))
    drops: list[Estimate] = []
    for column in range(x.shape[1]):
        shuffled, lost = x.copy(), np.zeros(len(x))
        for _ in range(repeats):
            shuffled[:, column] = x[rng.permutation(len(x)), column]
            lost += before - _components(truth, predict(shuffled))
        drops.append(_mean_difference(truth, lost / repeats))
    return tuple(drops)


def _components(truth: Truth, score: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for each row the share of rows of the other class that it is ranked rightly against, a tie as half."""
    ones, zeros = np.sort(score[truth == 1]), np.sort(score[truth == 0])
    components = np.empty(len(truth))
    for of, others, sign in ((1, zeros, 1), (0, ones, -1)):
        scores = score[truth == of]
        below = (np.searchsorted(others, scores, "left") + np.searchsorted(others, scores, "right")) / (2 * len(others))
        components[truth == of] = below if sign == 1 else 1 - below
    return components


def _mean_difference(truth: Truth, difference: NDArray[np.float64]) -> Estimate:
    ones, zeros = difference[truth == 1], difference[truth == 0]
    value = float(ones.mean())
    error = sqrt(sum(float(part.var(ddof=1)) / len(part) if len(part) > 1 else 0.0 for part in (ones, zeros)))
    return Estimate(value, value - Z * error, value + Z * error, len(truth))

"""What a kind of model must do to be fitted, judged and explained like all others; a fitted one is a dataclass."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from counterpoint.churn.training_set import Examples, Matrix

Shares = NDArray[np.float64]


class FittedModel(Protocol):
    """A model that has learned."""

    @property
    def importance(self) -> Shares | None:
        """Shares of the decrease of impurity; of a logistic regression, of the sizes of its standardised terms.

        None if it tells nothing of what it looks at.
        """

    def probability(self, x: Matrix) -> NDArray[np.float64]:
        """Return P(churn), float64[n], of x, float64[n, features]."""

    def contributions(self, x: Matrix) -> Matrix:
        """Return what each feature adds to the model's sum, float64[n, features].

        A constant and the contributions of a listener add up, exactly, to the log-odds; of a random forest, to the
        probability.
        """


class ModelKind(Protocol):
    """A kind of model: how to fit one."""

    def fit(self, examples: Examples, *, seed: int) -> FittedModel:
        """Learn; the same examples and the same seed give the same model."""


def sigmoid(log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the probabilities of log-odds."""
    return np.asarray(1 / (1 + np.exp(-np.clip(log_odds, -500, 500))))


def as_shares(sizes: NDArray[np.float64]) -> Shares:
    """Return sizes as shares of their sum; zeros where all are zero."""
    return np.asarray(sizes / max(sizes.sum(), np.finfo(np.float64).tiny))

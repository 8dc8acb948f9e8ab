"""Logistic regression: one coefficient a feature, and one for its absence."""

from dataclasses import dataclass
from typing import Final
from warnings import catch_warnings, simplefilter

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from counterpoint.churn.models.protocol import Shares, as_shares, sigmoid
from counterpoint.churn.training_set import Examples, Matrix

MIN_RELATIVE_SCALE: Final = 1e-9  # of a feature, relative to its mean: below is the noise of adding numbers


@dataclass(frozen=True)
class Logistic:
    """Logistic regression (C = 1, L2), standardised, with an indicator for each missing feature.

    All tuples are float64[features]; `missing` holds the indicators' coefficients; `logged` says whether features
    enter as log(1 + x), a negative one as 0.
    """

    mean: tuple[float, ...]
    scale: tuple[float, ...]
    present: tuple[float, ...]
    missing: tuple[float, ...]
    constant: float
    logged: bool

    @property
    def importance(self) -> Shares:
        """Each feature's share of the absolute coefficients."""
        return as_shares(np.abs(np.array(self.present)))

    def log_odds(self, x: Matrix) -> NDArray[np.float64]:
        """Return the log-odds, float64[n], of x, float64[n, features]."""
        return np.asarray(self.contributions(x).sum(axis=1) + self.constant)

    def probability(self, x: Matrix) -> NDArray[np.float64]:
        """Return P(churn), float64[n], of x, float64[n, features]."""
        return sigmoid(self.log_odds(x))

    def contributions(self, x: Matrix) -> Matrix:
        """Return what each feature adds to the log-odds, float64[n, features]; 0 at the training mean."""
        transformed = _transformed(x, logged=self.logged)
        present = (transformed - np.array(self.mean)) / np.array(self.scale) * np.array(self.present)
        return np.where(np.isnan(transformed), np.array(self.missing), present)


@dataclass(frozen=True)
class LogisticKind:
    """Logistic regression on log(1 + x), or on the features as they are, as in the churn report."""

    logged: bool = True

    def fit(self, examples: Examples, *, seed: int) -> Logistic:
        """Learn by maximum penalised likelihood."""
        transformed = _transformed(examples.x, logged=self.logged)
        absent = np.isnan(transformed)
        known = np.maximum((~absent).sum(axis=0), 1)
        mean = np.where(absent, 0, transformed).sum(axis=0) / known
        centred = np.where(absent, 0, transformed - mean)
        scale = np.sqrt((centred**2).sum(axis=0) / known)
        # What never varies says nothing: its column is zero, and so is its coefficient.
        constant = scale <= MIN_RELATIVE_SCALE * np.maximum(1, np.abs(mean))
        scale[constant], centred[:, constant] = 1, 0
        has_indicator = absent.any(axis=0) & ~absent.all(axis=0)
        columns = np.hstack([centred / scale, absent[:, has_indicator]])
        model = LogisticRegression(C=1.0, tol=1e-6, max_iter=1000, random_state=seed, solver="newton-cholesky")
        with catch_warnings():
            # Where there is nothing to learn Newton's steps get lost in the last digits; scikit-learn then goes on with
            # another solver, and a penalised likelihood has one maximum.
            simplefilter("ignore", ConvergenceWarning)
            fitted = model.fit(columns, examples.y)
        present, indicated = np.split(fitted.coef_[0], [len(mean)])
        missing = np.zeros_like(mean)
        missing[has_indicator] = indicated
        return Logistic(
            mean=tuple(mean.tolist()),
            scale=tuple(scale.tolist()),
            present=tuple(present.tolist()),
            missing=tuple(missing.tolist()),
            constant=float(fitted.intercept_[0]),
            logged=self.logged,
        )


def _transformed(x: Matrix, *, logged: bool) -> Matrix:
    return np.log1p(np.maximum(x, 0)) if logged else x

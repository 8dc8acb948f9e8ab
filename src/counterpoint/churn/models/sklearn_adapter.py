"""A classifier of somebody else's, with the habits of scikit-learn, judged like our own."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from counterpoint.churn.models.protocol import Shares, as_shares
from counterpoint.churn.training_set import Examples, Matrix
from counterpoint.errors import CounterpointError


@dataclass(frozen=True)
class SklearnModel:
    """A fitted classifier: it says probabilities, but does not explain itself and is not kept."""

    estimator: Any

    @property
    def importance(self) -> Shares | None:
        """Its own `feature_importances_`, if it has any."""
        importances = getattr(self.estimator, "feature_importances_", None)
        return None if importances is None else as_shares(np.asarray(importances, np.float64))

    def probability(self, x: Matrix) -> NDArray[np.float64]:
        """Return P(churn), float64[n], of x, float64[n, features]."""
        try:
            return np.asarray(self.estimator.predict_proba(x), np.float64)[:, 1]
        except ValueError as error:
            first = str(error).strip().partition("\n")[0]
            raise CounterpointError(f"{type(self.estimator).__name__} does not judge this table: {first}") from error

    def contributions(self, x: Matrix) -> Matrix:  # noqa: ARG002
        """Refuse: nothing is known of how it adds up."""
        raise CounterpointError(f"{type(self.estimator).__name__} gives probabilities, but no reasons")


@dataclass(frozen=True)
class SklearnKind:
    """A classifier to be cloned and fitted; what is missing reaches it as nan, as is the habit of scikit-learn."""

    estimator: Any

    def fit(self, examples: Examples, *, seed: int) -> SklearnModel:
        """Fit a clone; the seed goes to every `random_state` it has."""
        if not hasattr(self.estimator, "fit") or not hasattr(self.estimator, "predict_proba"):
            raise CounterpointError(f"{type(self.estimator).__name__} is no classifier with fit and predict_proba")
        try:
            estimator = clone(self.estimator)
        except TypeError as error:
            raise CounterpointError(
                f"{type(self.estimator).__name__} cannot be cloned: scikit-learn's BaseEstimator would let it be"
            ) from error
        estimator.set_params(**{name: seed for name in estimator.get_params() if name.endswith("random_state")})
        try:
            return SklearnModel(estimator.fit(examples.x, examples.y))
        except ValueError as error:
            first = str(error).strip().partition("\n")[0]
            raise CounterpointError(f"{type(estimator).__name__} does not learn from this table: {first}") from error

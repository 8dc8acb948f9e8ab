"""Models that learn who leaves: arrays in, probabilities and exact additive reasons out; saved as plain text.

A fitted model explains itself: for every listener, its log-odds is a constant plus one contribution a feature. A model
never sees missing values filled with zero: trees keep them missing, the logistic regression has an indicator for them.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Protocol, Self

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from counterpoint.errors import CounterpointError

Matrix = NDArray[np.float64]
Labels = NDArray[np.int64]


class Fitted(Protocol):
    """A model that has learned."""

    def probability(self, x: Matrix) -> NDArray[np.float64]:
        """Return P(churn), float64[n], of x, float64[n, features]."""

    def contributions(self, x: Matrix) -> Matrix:
        """Return what each feature adds to the log-odds, float64[n, features]."""

    def text(self) -> str:
        """Return the model as a text that `read` of its kind understands."""


class Kind(Protocol):
    """A kind of model: how to fit one and how to read one."""

    def fit(self, x: Matrix, y: Labels, *, seed: int) -> Fitted:
        """Learn from features and labels."""

    def read(self, text: str) -> Fitted:
        """Read what `Fitted.text` wrote."""


@dataclass(frozen=True)
class Logistic:
    """Logistic regression (C = 1, L2) on log(1 + x), standardised, with an indicator for each missing feature.

    All arrays are float64[features]; `missing` holds the indicators' coefficients.
    """

    mean: tuple[float, ...]
    scale: tuple[float, ...]
    present: tuple[float, ...]
    missing: tuple[float, ...]
    constant: float

    @classmethod
    def fit(cls, x: Matrix, y: Labels, *, seed: int) -> Self:
        """Learn from features (a negative one counts as 0) and labels."""
        logged = np.log1p(np.maximum(x, 0))
        absent = np.isnan(logged)
        counted = np.maximum((~absent).sum(axis=0), 1)
        mean = np.where(absent, 0, logged).sum(axis=0) / counted
        centred = np.where(absent, 0, logged - mean)
        scale = np.sqrt((centred**2).sum(axis=0) / counted)
        # What never varies says nothing: its column is zero, and so is its coefficient.
        constant = scale <= NO_SPREAD * np.maximum(1, np.abs(mean))
        scale[constant], centred[:, constant] = 1, 0
        indicators = absent & ~absent.all(axis=0)
        columns = np.hstack([centred / scale, indicators])
        fitted = LogisticRegression(C=1.0, tol=1e-8, max_iter=1000, random_state=seed).fit(columns, y)
        present, missing = np.split(fitted.coef_[0], 2)
        return cls(_tuple(mean), _tuple(scale), _tuple(present), _tuple(missing), float(fitted.intercept_[0]))

    def probability(self, x: Matrix) -> NDArray[np.float64]:
        """Return P(churn), float64[n], of x, float64[n, features]."""
        return _logistic(self.contributions(x).sum(axis=1) + self.constant)

    def contributions(self, x: Matrix) -> Matrix:
        """Return what each feature adds to the log-odds, float64[n, features]; 0 at the training mean."""
        logged = np.log1p(np.maximum(x, 0))
        present = (logged - np.array(self.mean)) / np.array(self.scale) * np.array(self.present)
        return np.where(np.isnan(logged), np.array(self.missing), present)

    def text(self) -> str:
        """Return the model as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> Self:
        """Read what `text` wrote."""
        made: dict[str, Any] = json.loads(text)
        constant = float(made.pop("constant"))
        return cls(**{name: tuple(value) for name, value in made.items()}, constant=constant)


@dataclass(frozen=True)
class Boosted:
    """Gradient-boosted trees (LightGBM; Ke et al. 2017); missing values stay missing."""

    booster: lgb.Booster

    @classmethod
    def fit(cls, x: Matrix, y: Labels, *, seed: int) -> Self:
        """Learn from features and labels; the same seed gives the same trees."""
        threads = 1 if len(y) < ONE_THREAD_BELOW else 0
        leaf = max(5, min(LEAF, len(y) // 20))
        settings = {**BOOSTING, "seed": seed, "num_threads": threads, "min_data_in_leaf": leaf}
        return cls(lgb.train(settings, lgb.Dataset(x, y), num_boost_round=ROUNDS))

    def probability(self, x: Matrix) -> NDArray[np.float64]:
        """Return P(churn), float64[n], of x, float64[n, features]."""
        return np.asarray(self.booster.predict(x), dtype=np.float64)

    def contributions(self, x: Matrix) -> Matrix:
        """Return what each feature adds to the log-odds, float64[n, features] (Lundberg et al. 2020, exact)."""
        return np.asarray(self.booster.predict(x, pred_contrib=True), dtype=np.float64)[:, :-1]

    def text(self) -> str:
        """Return the trees as LightGBM's own text."""
        return str(self.booster.model_to_string())

    @classmethod
    def read(cls, text: str) -> Self:
        """Read what `text` wrote."""
        return cls(lgb.Booster(model_str=text))


ROUNDS: Final = 200
LEAF: Final = 100  # the fewest listeners in a leaf; of few listeners a twentieth, or trees would have no branches
ONE_THREAD_BELOW: Final = 20_000  # listeners: below, threads wait for each other longer than they work
BOOSTING: Final[Mapping[str, Any]] = {
    "objective": "binary",
    "learning_rate": 0.03,
    "num_leaves": 7,
    "feature_fraction": 0.7,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 10.0,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}
MODELS: Final[Mapping[str, Kind]] = {"lightgbm": Boosted, "logistic": Logistic}
FOLDS: Final = 5
FEWEST: Final = 50
NO_SPREAD: Final = 1e-9  # of a feature, relative to its mean: below is the noise of adding numbers


@dataclass(frozen=True)
class CrossFitted:
    """One model that learned from everybody, and one a fold that never saw the listeners of that fold.

    A listener's fold is bucket % 5. Whoever was learned from is scored by the model that did not see them.
    """

    whole: Fitted
    folds: tuple[Fitted, ...]

    @property
    def parts(self) -> tuple[Fitted, ...]:
        """The whole, then the folds."""
        return (self.whole, *self.folds)

    def out_of_fold(self, x: Matrix, bucket: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return each listener's probability by the model that did not see them."""
        found = np.empty(len(x))
        for fold, model in enumerate(self.folds):
            here = bucket % FOLDS == fold
            if here.any():
                found[here] = model.probability(x[here])
        return found

    def out_of_fold_contributions(self, x: Matrix, bucket: NDArray[np.int64]) -> Matrix:
        """Return each listener's contributions by the model that did not see them."""
        found = np.empty_like(x)
        for fold, model in enumerate(self.folds):
            here = bucket % FOLDS == fold
            if here.any():
                found[here] = model.contributions(x[here])
        return found


def cross_fit(name: str, x: Matrix, y: Labels, bucket: NDArray[np.int64], *, seed: int) -> CrossFitted:
    """Fit the model called `name` to everybody, and once without each fold.

    Raises
    ------
    CounterpointError
        With fewer than 50 listeners in some training set, or all of one class.
    """
    sets = [np.ones(len(y), bool), *(bucket % FOLDS != fold for fold in range(FOLDS))]
    whole, *folds = (fit_whole(name, x[rows], y[rows], seed=seed) for rows in sets)
    return CrossFitted(whole, tuple(folds))


def fit_whole(name: str, x: Matrix, y: Labels, *, seed: int) -> Fitted:
    """Fit the model called `name` to all rows.

    Raises
    ------
    CounterpointError
        With fewer than 50 listeners, or all of one class.
    """
    if len(y) < FEWEST:
        raise CounterpointError(f"{len(y)} listeners are too few to learn from: {FEWEST} would be the least")
    if len(np.unique(y)) < 2:
        raise CounterpointError(
            f"all {len(y):,} listeners of a training set {'left' if y[0] else 'stayed'}: a model needs both;"
            " choose another day or another length of outcome"
        )
    return MODELS[name].fit(x, y, seed=seed)


def _tuple(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _logistic(log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-np.clip(log_odds, -500, 500))))

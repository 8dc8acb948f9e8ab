"""Gradient-boosted trees by LightGBM: missing values stay missing."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from counterpoint.churn.models.protocol import Shares, as_shares
from counterpoint.churn.training_set import Examples, Matrix

BOOSTING_ROUNDS: Final = 100
MIN_LEAF: Final = 100  # the fewest listeners in a leaf; of few listeners a twentieth, or trees would have no branches
MIN_ROWS_FOR_THREADS: Final = 20_000  # listeners: below, threads wait for each other longer than they work
BOOSTING_PARAMS: Final[Mapping[str, Any]] = {
    "objective": "binary",
    "learning_rate": 0.1,
    "num_leaves": 7,
    "feature_fraction": 0.7,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 10.0,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}


@dataclass(frozen=True)
class Boosted:
    """Gradient-boosted trees (Ke et al. 2017), as LightGBM's own text."""

    text: str

    @cached_property
    def booster(self) -> lgb.Booster:
        """The trees as LightGBM has them."""
        return lgb.Booster(model_str=self.text)

    @property
    def importance(self) -> Shares:
        """Each feature's share of the gain of all splits."""
        return as_shares(self.booster.feature_importance("gain"))

    def log_odds(self, x: Matrix) -> NDArray[np.float64]:
        """Return the log-odds, float64[n], of x, float64[n, features]."""
        return np.asarray(self.booster.predict(x, raw_score=True), dtype=np.float64)

    def probability(self, x: Matrix) -> NDArray[np.float64]:
        """Return P(churn), float64[n], of x, float64[n, features]."""
        return np.asarray(self.booster.predict(x), dtype=np.float64)

    def contributions(self, x: Matrix) -> Matrix:
        """Return what each feature adds to the log-odds, float64[n, features] (Lundberg et al. 2020, exact)."""
        if not len(x):
            return np.empty_like(x)
        return np.asarray(self.booster.predict(x, pred_contrib=True), dtype=np.float64)[:, :-1]


@dataclass(frozen=True)
class BoostedKind:
    """LightGBM."""

    def fit(self, examples: Examples, *, seed: int) -> Boosted:
        """Learn from features and labels."""
        threads = 1 if len(examples.y) < MIN_ROWS_FOR_THREADS else 0
        leaf = max(5, min(MIN_LEAF, len(examples.y) // 20))
        params = {**BOOSTING_PARAMS, "seed": seed, "num_threads": threads, "min_data_in_leaf": leaf}
        booster = lgb.train(params, lgb.Dataset(examples.x, examples.y), num_boost_round=BOOSTING_ROUNDS)
        return Boosted(booster.model_to_string())

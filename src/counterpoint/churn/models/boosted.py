"""Gradient-boosted trees by LightGBM: missing values stay missing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from counterpoint.churn.models.protocol import Shares, shares
from counterpoint.churn.training_set import Examples, Matrix

ROUNDS: Final = 100
LEAF: Final = 100  # the fewest listeners in a leaf; of few listeners a twentieth, or trees would have no branches
ONE_THREAD_BELOW: Final = 20_000  # listeners: below, threads wait for each other longer than they work
BOOSTING: Final[Mapping[str, Any]] = {
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
    """Gradient-boosted trees (Ke et al. 2017)."""

    booster: lgb.Booster

    @property
    def importance(self) -> Shares:
        """Each feature's share of the gain of all splits."""
        return shares(self.booster.feature_importance("gain"))

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

    def content(self) -> bytes:
        """Return the trees as LightGBM's own text."""
        return str(self.booster.model_to_string()).encode()


@dataclass(frozen=True)
class BoostedKind:
    """LightGBM."""

    def fit(self, examples: Examples, *, seed: int) -> Boosted:
        """Learn from features and labels."""
        threads = 1 if len(examples.y) < ONE_THREAD_BELOW else 0
        leaf = max(5, min(LEAF, len(examples.y) // 20))
        settings = {**BOOSTING, "seed": seed, "num_threads": threads, "min_data_in_leaf": leaf}
        return Boosted(lgb.train(settings, lgb.Dataset(examples.x, examples.y), num_boost_round=ROUNDS))

    def read(self, content: bytes) -> Boosted:
        """Read what `Boosted.content` returned."""
        return Boosted(lgb.Booster(model_str=content.decode()))

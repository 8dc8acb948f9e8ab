"""Non-negative matrix factorisation (Lee & Seung 1999), by coordinate descent (Cichocki & Phan 2009)."""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import NMF
from sklearn.exceptions import ConvergenceWarning

from counterpoint.recommend.interactions import Interactions
from counterpoint.recommend.models.factors import Factors, limit_factors, top_by_inner_product
from counterpoint.recommend.models.protocol import Excluded, RankedLists


@dataclass(frozen=True, eq=False)
class NmfModel:
    """A listener is the non-negative mixture of factors that is nearest to a history.

    song_factors : float32[songs, f]
    """

    song_factors: Factors
    weighting: str
    iterations: int
    ridge: float

    def fold_in(self, histories: Interactions) -> Factors:
        """Return the mixtures, float32[listeners, f]."""
        factors = self.song_factors.shape[1]
        if not self.song_factors.any():
            return np.zeros((len(histories), factors), np.float32)
        # Without a tolerance: when to stop would depend on who else is asked for.
        solver = NMF(factors, max_iter=self.iterations, tol=0, alpha_W=self.ridge, alpha_H="same", random_state=0)
        solver.components_, solver.n_components_ = self.song_factors.T, factors
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return np.asarray(solver.transform(histories.liked.matrix(self.weighting)), np.float32)

    def top(self, histories: Interactions, count: int, *, excluded: Excluded, new: bool = True) -> RankedLists:
        """See `ListModel.top`."""
        return top_by_inner_product(self, histories, count, excluded=excluded, new=new)

    def explanation(self, history: Interactions, song: int) -> NDArray[np.float64] | None:
        """Return None: a mixture that cannot be negative is no sum over the history."""


@dataclass(frozen=True)
class Nmf:
    """Factorises; at most `iterations` sweeps over all factors."""

    factors: int = 64
    iterations: int = 60
    weighting: str = "one"
    ridge: float = 0.0

    def fit(self, seen: Interactions, *, seed: int) -> NmfModel:
        """Factorise."""
        model = NMF(
            limit_factors(self.factors, seen),
            init="nndsvda",
            max_iter=self.iterations,
            random_state=seed,
            alpha_W=self.ridge,
            alpha_H="same",
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the cap is the setting
            warnings.simplefilter("ignore", RuntimeWarning)  # of a start for very few listeners
            model.fit(seen.liked.matrix(self.weighting))
        return NmfModel(
            np.ascontiguousarray(model.components_.T, np.float32), self.weighting, self.iterations, self.ridge
        )

"""Non-negative matrix factorisation (Lee & Seung 1999), by coordinate descent (Cichocki & Phan 2009)."""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import NMF
from sklearn.exceptions import ConvergenceWarning

from counterpoint.recommend.interactions import Interactions
from counterpoint.recommend.models.factors import Factors, at_most, top_in_direction
from counterpoint.recommend.models.protocol import Barred, Ranked


@dataclass(frozen=True, eq=False)
class NonNegative:
    """A listener is the non-negative mixture of factors that is nearest to a history.

    songs : float32[songs, f]
    """

    songs: Factors
    weigh: str
    iterations: int
    ridge: float

    def placed(self, histories: Interactions) -> Factors:
        """Return the mixtures, float32[listeners, f]."""
        factors = self.songs.shape[1]
        if not self.songs.any():
            return np.zeros((len(histories), factors), np.float32)
        # Without a tolerance: when to stop would depend on who else is asked for.
        solver = NMF(factors, max_iter=self.iterations, tol=0, alpha_W=self.ridge, alpha_H="same", random_state=0)
        solver.components_, solver.n_components_ = self.songs.T, factors
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return np.asarray(solver.transform(histories.liked.matrix(self.weigh)), np.float32)

    def top(self, histories: Interactions, count: int, *, barred: Barred, new: bool = True) -> Ranked:
        """See `Model.top`."""
        return top_in_direction(self, histories, count, barred=barred, new=new)

    def because(self, history: Interactions, song: int) -> NDArray[np.float64] | None:
        """Return None: a mixture that cannot be negative is no sum over the history."""


@dataclass(frozen=True)
class NmfKind:
    """Factorises; at most `iterations` sweeps over all factors."""

    factors: int = 64
    iterations: int = 60
    weigh: str = "one"
    ridge: float = 0.0

    def fit(self, seen: Interactions, *, seed: int) -> NonNegative:
        """Factorise."""
        known = seen.liked
        model = NMF(
            at_most(self.factors, seen),
            init="nndsvda",
            max_iter=self.iterations,
            random_state=seed,
            alpha_W=self.ridge,
            alpha_H="same",
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the cap is the setting
            warnings.simplefilter("ignore", RuntimeWarning)  # of a start for very few listeners
            model.fit(known.matrix(self.weigh))
        return NonNegative(
            np.ascontiguousarray(model.components_.T, np.float32), self.weigh, self.iterations, self.ridge
        )

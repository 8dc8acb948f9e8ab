"""Truncated singular value decomposition of who knows which song, by degrees or as it is.

Dividing by powers of the degrees (Nikolakopoulos et al. 2019, EigenRec) keeps the first factors from being popularity.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array, diags_array
from sklearn.utils.extmath import randomized_svd

from counterpoint.recommend.interactions import Interactions
from counterpoint.recommend.models.factors import Projected, at_most


@dataclass(frozen=True)
class SvdKind:
    """Finds the leading right singular vectors (Halko, Martinsson & Tropp 2011).

    listeners, songs : the power of the degrees that rows and columns are divided by; 0 leaves them as they are
    """

    factors: int = 64
    iterations: int = 7
    listeners: float = 0.0
    songs: float = 0.0
    weigh: str = "one"

    def fit(self, seen: Interactions, *, seed: int) -> Projected:
        """Decompose."""
        known = seen.liked
        by_listener = np.maximum(known.counts, 1) ** -self.listeners
        by_song = np.maximum(known.known_by, 1) ** -self.songs
        scaled = csr_array(
            diags_array(by_listener.astype(np.float32))
            @ known.matrix(self.weigh)
            @ diags_array(by_song.astype(np.float32))
        )
        _, _, right = randomized_svd(scaled, at_most(self.factors, seen), n_iter=self.iterations, random_state=seed)
        return Projected(np.ascontiguousarray(right.T, np.float32), by_song.astype(np.float32), self.weigh)

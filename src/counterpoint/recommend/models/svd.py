"""Truncated singular value decomposition of who knows which song, by degrees or as it is.

Dividing by powers of the degrees (Nikolakopoulos et al. 2019, EigenRec) keeps the first factors from being popularity.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array, diags_array
from sklearn.utils.extmath import randomized_svd

from counterpoint.recommend.interactions import Interactions
from counterpoint.recommend.models.factors import ProjectionModel, limit_factors


@dataclass(frozen=True)
class TruncatedSvd:
    """Finds the leading right singular vectors (Halko, Martinsson & Tropp 2011).

    listener_exponent, song_exponent : the power of the degrees that rows and columns are divided by; 0 leaves them
    """

    factors: int = 64
    iterations: int = 7
    listener_exponent: float = 0.0
    song_exponent: float = 0.0
    weighting: str = "one"

    def fit(self, seen: Interactions, *, seed: int) -> ProjectionModel:
        """Decompose."""
        liked = seen.liked
        by_listener = np.maximum(liked.counts, 1) ** -self.listener_exponent
        by_song = np.maximum(liked.listener_counts, 1) ** -self.song_exponent
        scaled = csr_array(
            diags_array(by_listener.astype(np.float32))
            @ liked.matrix(self.weighting)
            @ diags_array(by_song.astype(np.float32))
        )
        _, _, right = randomized_svd(
            scaled, limit_factors(self.factors, seen), n_iter=self.iterations, random_state=seed
        )
        return ProjectionModel(np.ascontiguousarray(right.T, np.float32), by_song.astype(np.float32), self.weighting)

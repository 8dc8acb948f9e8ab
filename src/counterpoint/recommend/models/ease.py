"""EASE: the linear model from all songs to each, solved in closed form (Steck, WWW 2019), on the best known songs."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotri

from counterpoint.errors import CounterpointError
from counterpoint.recommend.interactions import Interactions
from counterpoint.recommend.models.item_similarity import ItemSimilarityModel
from counterpoint.recommend.models.similarity_kernels import products

CHUNKS: Final = 128


@dataclass(frozen=True)
class Ease:
    """Regresses each song on all others.

    ridge : what the squares of the weights are multiplied by
    power : songs are divided by this power of how many know them: the popular ones count less
    songs : how many of the best known songs take part: the time grows with their cube, the memory with their square
    keep  : how many weights are kept of each song, the largest by size
    """

    ridge: float = 30.0
    power: float = 0.3
    songs: int = 5000
    keep: int = 300
    weighting: str = "one"

    def fit(self, seen: Interactions, *, seed: int) -> ItemSimilarityModel:  # noqa: ARG002  nothing is drawn
        """Solve."""
        if not self.ridge > 0:
            raise CounterpointError(f"the ridge of EASE must be above 0, got {self.ridge}")
        liked = seen.liked
        count = min(self.songs, int((liked.listener_counts > 0).sum()), len(liked.songs))
        if not count:
            nothing = np.zeros(len(liked.songs) + 1, np.int64), np.empty(0, np.int32), np.empty(0, np.float32)
            return ItemSimilarityModel(*nothing, self.weighting, 1.0, mean=False)
        scale = np.maximum(liked.listener_counts[:count], 1.0) ** -self.power
        weight = liked.weights(self.weighting).astype(np.float64)
        weight /= max(weight.mean(), np.finfo(np.float32).tiny) if len(weight) else 1.0  # so a ridge means the same
        gram = products(liked.start, liked.song, weight, count, CHUNKS)
        gram *= scale[:, None] * scale
        gram[np.diag_indices(count)] += self.ridge
        factor, _ = dpotrf(gram, lower=1, overwrite_a=1)
        inverse, _ = dpotri(factor, lower=1, overwrite_c=1)
        inverse = np.tril(inverse) + np.tril(inverse, -1).T
        weights = -inverse / np.diag(inverse)
        np.fill_diagonal(weights, 0)
        keep = min(self.keep, count)
        place = np.sort(np.argpartition(-np.abs(weights), keep - 1, axis=1)[:, :keep], axis=1)
        start = np.minimum(np.arange(len(liked.songs) + 1), count) * keep
        value = np.take_along_axis(weights, place, axis=1) * scale[:, None]
        return ItemSimilarityModel(
            start.astype(np.int64),
            place.ravel().astype(np.int32),
            value.ravel().astype(np.float32),
            self.weighting,
            1.0,
            mean=False,
        )

"""Item-item neighbours (Sarwar et al. 2001; Deshpande & Karypis 2004): songs are alike that the same listeners know."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from counterpoint.errors import CounterpointError, suggestion
from counterpoint.recommend.interactions import Interactions
from counterpoint.recommend.models.item_similarity import ItemSimilarityModel, largest_products, transposed

SIMILARITIES: Final = ("cosine", "bm25", "tf-idf")


@dataclass(frozen=True)
class ItemKnn:
    """Compares songs as documents whose words are their listeners.

    similarity : cosine; tf-idf (cosine of sqrt(weight) * idf); bm25 (products of Okapi BM25 weights, `k1` and `b`)
    neighbours : how many are kept of each song
    shrink     : added to the denominator: what few listeners say counts less
    mean       : predict the mean rating of the neighbours that a listener knows, as in the churn report; not the sum
    """

    similarity: str = "cosine"
    neighbours: int = 75
    weighting: str = "one"
    shrink: float = 0.0
    mean: bool = False
    k1: float = 1.2
    b: float = 0.75

    def fit(self, seen: Interactions, *, seed: int) -> ItemSimilarityModel:  # noqa: ARG002  nothing is drawn
        """Compare all songs."""
        known = seen.liked
        weight = self._weights(known)
        norm = np.sqrt(np.bincount(known.song, weight.astype(np.float64) ** 2, minlength=len(known.songs)))
        if self.similarity == "bm25":
            norm = np.ones(len(known.songs))
        scale = 1 / (norm + self.shrink + (norm == 0))
        matrix = largest_products(known, weight, scale, scale, self.neighbours)
        # Where a mean is asked for, a neighbour gives to the song whose neighbour it is, as in the churn report.
        return ItemSimilarityModel(*(transposed(*matrix) if self.mean else matrix), self.weighting, 1.0, self.mean)

    def _weights(self, known: Interactions) -> NDArray[np.float32]:
        weight = known.weights(self.weighting)
        idf = np.log(max(2, len(known.songs))) - np.log1p(known.counts)
        match self.similarity:
            case "cosine":
                return weight
            case "tf-idf":
                return np.asarray(np.sqrt(weight) * np.maximum(idf, 0)[known.listener], np.float32)
            case "bm25":
                length = np.bincount(known.song, weight, minlength=len(known.songs))
                long = 1 - self.b + self.b * length / max(length.mean(), np.finfo(np.float32).tiny)
                full = weight * (self.k1 + 1) / (self.k1 * long[known.song] + weight)
                return np.asarray(full * np.maximum(idf, 0)[known.listener], np.float32)
        raise CounterpointError(
            f"songs are not compared by {self.similarity!r}; {suggestion(self.similarity, SIMILARITIES)}"
        )

"""Item-item neighbours (Sarwar et al. 2001; Deshpande & Karypis 2004): songs are alike that the same listeners know."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from counterpoint.errors import CounterpointError, suggestion
from counterpoint.recommend.interactions import Interactions
from counterpoint.recommend.models.item_similarity import SimilarSongs, largest_products, turned

LIKENESS: Final = ("cosine", "bm25", "tf-idf")


@dataclass(frozen=True)
class NeighboursKind:
    """Compares songs as documents whose words are their listeners.

    likeness   : cosine; tf-idf (cosine of sqrt(weight) * idf); bm25 (products of Okapi BM25 weights, `k1` and `b`)
    neighbours : how many are kept of each song
    shrink     : added to the denominator: what few listeners say counts less
    mean       : predict the mean rating of the neighbours that a listener knows, as the study did; not the sum
    """

    likeness: str = "cosine"
    neighbours: int = 75
    weigh: str = "one"
    shrink: float = 0.0
    mean: bool = False
    k1: float = 1.2
    b: float = 0.75

    def fit(self, seen: Interactions, *, seed: int) -> SimilarSongs:  # noqa: ARG002  nothing is drawn
        """Compare all songs."""
        known = seen.liked
        weight = self._weights(known)
        norm = np.sqrt(np.bincount(known.song, weight.astype(np.float64) ** 2, minlength=len(known.songs)))
        if self.likeness == "bm25":
            norm = np.ones(len(known.songs))
        scale = 1 / (norm + self.shrink + (norm == 0))
        matrix = largest_products(known, weight, scale, scale, self.neighbours)
        # A neighbour gives to the song whose neighbour it is where a mean is asked for, as the study has it.
        return SimilarSongs(*(turned(*matrix) if self.mean else matrix), self.weigh, 1.0, self.mean)

    def _weights(self, known: Interactions) -> NDArray[np.float32]:
        weight = known.weights(self.weigh)
        idf = np.log(max(2, len(known.songs))) - np.log1p(known.counts)
        match self.likeness:
            case "cosine":
                return weight
            case "tf-idf":
                return np.asarray(np.sqrt(weight) * np.maximum(idf, 0)[known.whose], np.float32)
            case "bm25":
                length = np.bincount(known.song, weight, minlength=len(known.songs))
                long = 1 - self.b + self.b * length / max(length.mean(), np.finfo(np.float32).tiny)
                full = weight * (self.k1 + 1) / (self.k1 * long[known.song] + weight)
                return np.asarray(full * np.maximum(idf, 0)[known.whose], np.float32)
        raise CounterpointError(f"songs are not compared by {self.likeness!r}; {suggestion(self.likeness, LIKENESS)}")

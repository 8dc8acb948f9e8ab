"""The churn report's recommenders with its settings, for comparison: popularity, item-item, NMF, SVD, their blend."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from counterpoint.recommend.interactions import TOP_RATING, Interactions
from counterpoint.recommend.models.blend import Blend
from counterpoint.recommend.models.factors import FactorModel
from counterpoint.recommend.models.item_knn import ItemKnn
from counterpoint.recommend.models.nmf import Nmf
from counterpoint.recommend.models.popularity import Popularity
from counterpoint.recommend.models.svd import TruncatedSvd

POPULAR: Final = Popularity()
ITEM_KNN: Final = ItemKnn(neighbours=75, weighting="rating", mean=True)
SVD: Final = TruncatedSvd(factors=700, iterations=7, weighting="rating")
NMF: Final = Nmf(factors=700, iterations=20, weighting="rating")  # the churn report does not say how many sweeps
POPULARITY, ITEM_ITEM, OVERLAP = 0.2, 0.2, 0.6
LISTENERS_PER_BLOCK: Final = 1000


@dataclass(frozen=True)
class PublishedBlend:
    """The churn report's blend: reciprocal ranks, .6 for what NMF and SVD both list, .2 popularity, .2 item-item."""

    popular: Popularity = POPULAR
    item_knn: ItemKnn = ITEM_KNN
    nmf: Nmf = NMF
    svd: TruncatedSvd = SVD

    def fit(self, seen: Interactions, *, seed: int) -> Blend:
        """Let all four learn."""
        both = tuple(estimator.fit(seen, seed=seed) for estimator in (self.nmf, self.svd))
        overlap = Blend(both, np.ones((1, 2), np.float32), min_lists=2)
        plain = tuple(estimator.fit(seen, seed=seed) for estimator in (self.popular, self.item_knn))
        return Blend((*plain, overlap), np.array([[POPULARITY, ITEM_ITEM, OVERLAP]], np.float32))


def train_errors(model: FactorModel, seen: Interactions) -> tuple[float, float]:
    """Return the root mean squared and the mean absolute error of ratings that the model was fitted to.

    The churn report's measure: it says how much of the table a model remembers, and nothing of what it predicts.
    """
    errors = []
    for first in range(0, len(seen), LISTENERS_PER_BLOCK):
        block = seen.rows(np.arange(first, min(first + LISTENERS_PER_BLOCK, len(seen)))).liked
        factors = model.fold_in(block)
        predicted = np.einsum("pf,pf->p", factors[block.listener], model.song_factors[block.song])
        errors.append(TOP_RATING * predicted.astype(np.float64) - block.rating)
    error = np.concatenate(errors)
    error = error[~np.isnan(error)]
    return float(np.sqrt(np.mean(error**2))), float(np.mean(np.abs(error)))

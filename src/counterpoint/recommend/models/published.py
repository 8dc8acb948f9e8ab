"""The study's recommenders with its settings, for comparison: popularity, item-item, NMF, SVD, and their blend."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from counterpoint.recommend.interactions import LOVED, Interactions
from counterpoint.recommend.models.blend import Blend
from counterpoint.recommend.models.factors import Placed
from counterpoint.recommend.models.neighbours import NeighboursKind
from counterpoint.recommend.models.nmf import NmfKind
from counterpoint.recommend.models.popular import PopularKind
from counterpoint.recommend.models.svd import SvdKind

POPULAR: Final = PopularKind()
NEIGHBOURS: Final = NeighboursKind(neighbours=75, weigh="rating", mean=True)
SVD: Final = SvdKind(factors=700, iterations=7, weigh="rating")
NMF: Final = NmfKind(factors=700, iterations=20, weigh="rating")  # the study does not say how many sweeps
POPULARITY, ITEM_ITEM, OVERLAP = 0.2, 0.2, 0.6
AT_ONCE: Final = 1000  # listeners


@dataclass(frozen=True)
class PublishedKind:
    """The study's blend by reciprocal ranks: what both NMF and SVD list counts .6, popularity and item-item .2 each."""

    popular: PopularKind = POPULAR
    neighbours: NeighboursKind = NEIGHBOURS
    nmf: NmfKind = NMF
    svd: SvdKind = SVD

    def fit(self, seen: Interactions, *, seed: int) -> Blend:
        """Let all four learn."""
        both = tuple(kind.fit(seen, seed=seed) for kind in (self.nmf, self.svd))
        overlap = Blend(both, np.ones((1, 2), np.float32), least=2)
        plain = tuple(kind.fit(seen, seed=seed) for kind in (self.popular, self.neighbours))
        return Blend((*plain, overlap), np.array([[POPULARITY, ITEM_ITEM, OVERLAP]], np.float32))


def train_errors(model: Placed, seen: Interactions) -> tuple[float, float]:
    """Return the root mean squared and the mean absolute error of ratings that the model was fitted to.

    The study's measure: it says how much of the table a model remembers, and nothing of what it foresees.
    """
    errors = []
    for first in range(0, len(seen), AT_ONCE):
        own = seen.rows(np.arange(first, min(first + AT_ONCE, len(seen)))).liked
        places = model.placed(own)
        said = np.einsum("pf,pf->p", places[own.whose], model.songs[own.song])
        errors.append(LOVED * said.astype(np.float64) - own.rating)
    known = np.concatenate(errors)
    known = known[~np.isnan(known)]
    return float(np.sqrt(np.mean(known**2))), float(np.mean(np.abs(known)))

"""Listeners of like taste: k-means over where a decomposition puts them; and what is popular among them."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from counterpoint.recommend.interactions import Interactions
from counterpoint.recommend.models.factors import Factors, Projected
from counterpoint.recommend.models.popular import largest_first
from counterpoint.recommend.models.protocol import Barred, Ranked, unwanted
from counterpoint.recommend.models.scoring_kernels import top_listed
from counterpoint.recommend.models.svd import SvdKind
from counterpoint.rng import generator

TEACHERS: Final = 50_000  # listeners that the centres are learned from


@dataclass(frozen=True, eq=False)
class Clusters:
    """Centres of taste, float32[clusters, f], of length 1: a listener belongs to the nearest by direction."""

    places: Projected
    centres: Factors

    def of(self, histories: Interactions) -> NDArray[np.int64]:
        """Return the cluster of each listener, int64[listeners]; of an empty history, the first."""
        return np.asarray((self.places.placed(histories) @ self.centres.T).argmax(axis=1), np.int64)


def clusters(seen: Interactions, count: int, *, factors: int, seed: int) -> Clusters:
    """Find so many clusters, or fewer where there are not so many listeners."""
    places = SvdKind(factors=factors, songs=0.3).fit(seen, seed=seed)
    some = seen
    if len(seen) > TEACHERS:
        some = seen.rows(np.sort(generator(seed).choice(len(seen), TEACHERS, replace=False)))
    directions = _unit(places.placed(some))
    distinct = len(np.unique(directions, axis=0))
    means = KMeans(min(count, distinct), n_init=2, random_state=seed).fit(directions)
    return Clusters(places, _unit(means.cluster_centers_.astype(np.float32)))


def _unit(points: Factors) -> Factors:
    return np.asarray(points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-12), np.float32)


@dataclass(frozen=True, eq=False)
class PopularInCluster:
    """What most listeners of a cluster know, float32[clusters, songs], drawn to what most know of all."""

    clusters: Clusters
    share: NDArray[np.float32]

    @cached_property
    def order(self) -> NDArray[np.int32]:
        """Each cluster's songs, int32[clusters, songs], the largest share first."""
        return largest_first(self.share)

    def top(self, histories: Interactions, count: int, *, barred: Barred, new: bool = True) -> Ranked:
        """See `Model.top`."""
        out = unwanted(histories, new=new)
        group = self.clusters.of(histories)
        return Ranked(*top_listed(self.order, self.share, group, out.start, out.song, barred, min(count, len(barred))))

    def because(self, history: Interactions, song: int) -> NDArray[np.float64] | None:
        """Return None: a history only chooses the cluster."""


@dataclass(frozen=True)
class PopularInClusterKind:
    """Counts in each cluster; so many listeners `drawn` from all stand beside its own."""

    clusters: int = 16
    factors: int = 16
    drawn: float = 30.0

    def fit(self, seen: Interactions, *, seed: int) -> PopularInCluster:
        """Find the clusters, then count."""
        found = clusters(seen, self.clusters, factors=self.factors, seed=seed)
        counted, group = seen.liked, found.of(seen)
        songs = len(seen.songs)
        own = np.bincount(group[counted.whose] * songs + counted.song, minlength=len(found.centres) * songs).reshape(
            -1, songs
        )
        size = np.bincount(group, minlength=len(found.centres))[:, None]
        share = (own + self.drawn * own.sum(axis=0) / max(1, len(seen))) / (size + self.drawn)
        return PopularInCluster(found, share.astype(np.float32))

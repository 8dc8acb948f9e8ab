"""Listeners of like taste: k-means over where a decomposition puts them; and what is popular among them."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from counterpoint.recommend.interactions import Interactions
from counterpoint.recommend.models.factors import Factors, ProjectionModel
from counterpoint.recommend.models.popularity import largest_first, top_of_groups
from counterpoint.recommend.models.protocol import Excluded, RankedLists, unwanted
from counterpoint.recommend.models.svd import TruncatedSvd
from counterpoint.rng import generator

MAX_LISTENERS: Final = 50_000  # that the centres are learned from


@dataclass(frozen=True, eq=False)
class Clusters:
    """Centres of taste, float32[clusters, f], of length 1: a listener belongs to the nearest by direction."""

    projection: ProjectionModel
    centres: Factors

    def assign(self, histories: Interactions) -> NDArray[np.int64]:
        """Return the cluster of each listener, int64[listeners]; of an empty history, the first."""
        return np.asarray((self.projection.fold_in(histories) @ self.centres.T).argmax(axis=1), np.int64)


def find_clusters(seen: Interactions, count: int, *, factors: int, seed: int) -> Clusters:
    """Find so many clusters, or fewer where there are not so many listeners."""
    projection = TruncatedSvd(factors=factors, song_exponent=0.3).fit(seen, seed=seed)
    sample = seen
    if len(seen) > MAX_LISTENERS:
        sample = seen.rows(np.sort(generator(seed).choice(len(seen), MAX_LISTENERS, replace=False)))
    directions = _unit(projection.fold_in(sample))
    distinct = len(np.unique(directions, axis=0))
    means = KMeans(min(count, distinct), n_init=2, random_state=seed).fit(directions)
    return Clusters(projection, _unit(means.cluster_centers_.astype(np.float32)))


def _unit(points: Factors) -> Factors:
    return np.asarray(points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-12), np.float32)


@dataclass(frozen=True, eq=False)
class ClusterPopularityModel:
    """What most listeners of a cluster know, float32[clusters, songs], shrunk towards what most know of all."""

    clusters: Clusters
    share: NDArray[np.float32]

    @cached_property
    def order(self) -> NDArray[np.int32]:
        """Each cluster's songs, int32[clusters, songs], the largest share first."""
        return largest_first(self.share)

    def top(self, histories: Interactions, count: int, *, excluded: Excluded, new: bool = True) -> RankedLists:
        """See `ListModel.top`."""
        group = self.clusters.assign(histories)
        return top_of_groups(self.order, self.share, group, unwanted(histories, new=new), excluded, count)

    def explanation(self, history: Interactions, song: int) -> NDArray[np.float64] | None:
        """Return None: a history only chooses the cluster."""


@dataclass(frozen=True)
class ClusterPopularity:
    """Counts in each cluster; `prior_listeners` of all stand beside a cluster's own."""

    clusters: int = 16
    factors: int = 16
    prior_listeners: float = 30.0

    def fit(self, seen: Interactions, *, seed: int) -> ClusterPopularityModel:
        """Find the clusters, then count."""
        clusters = find_clusters(seen, self.clusters, factors=self.factors, seed=seed)
        counted, group = seen.liked, clusters.assign(seen)
        shape = len(clusters.centres), len(seen.songs)
        key = group[counted.listener] * shape[1] + counted.song
        counts = np.bincount(key, minlength=shape[0] * shape[1]).reshape(shape)
        size, prior = np.bincount(group, minlength=shape[0])[:, None], self.prior_listeners
        share = (counts + prior * counts.sum(axis=0) / max(1, len(seen))) / (size + prior)
        return ClusterPopularityModel(clusters, share.astype(np.float32))

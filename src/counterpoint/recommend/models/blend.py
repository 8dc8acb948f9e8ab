"""Several recommenders as one, by weighted reciprocal ranks (Cormack, Clarke & Buettcher 2009).

Ranks, not scores: models whose scores have nothing in common can be added. Who knows few songs is served better by
other members than who knows many, so groups of listeners may have weights of their own; `blend_weights` fits them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from counterpoint.recommend.interactions import Interactions
from counterpoint.recommend.models.clusters import Clusters
from counterpoint.recommend.models.protocol import Excluded, ListModel, RankedLists, nothing_excluded
from counterpoint.recommend.models.reciprocal_rank_fusion_kernels import fuse_ranks
from counterpoint.stats.intervals import THREADS

Weights = NDArray[np.float32]
"""float32[groups, members]."""

DEPTH: Final = 100  # of the lists that are blended
RANK_OFFSET: Final = 10.0  # added to a rank
MIN_NET_SHARE: Final = 0.05  # of what speaks for and against a song, below which a member explains nothing
HISTORY_EDGES: Final = (5, 20, 80)  # songs in a history: where another group begins


@dataclass(frozen=True, eq=False)
class Blend:
    """Members with their weights.

    weights   : float32[groups, members]
    edges     : a listener is of the group whose edges the songs of the history reach; one more group than edges
    clusters  : if given, every cluster has such groups of its own, one cluster after another
    min_lists : on how many of the members' lists a song must be
    """

    members: tuple[ListModel, ...]
    weights: Weights
    edges: tuple[int, ...] = ()
    clusters: Clusters | None = None
    offset: float = RANK_OFFSET
    depth: int = DEPTH
    min_lists: int = 1

    def top(self, histories: Interactions, count: int, *, excluded: Excluded, new: bool = True) -> RankedLists:
        """Return the songs that the members rank highest together; see `ListModel.top`."""
        depth = max(self.depth, count)
        lists = member_lists(self.members, histories, depth, excluded=excluded, new=new)
        weights = self.weights[listener_groups(histories, self.edges, self.clusters)]
        return RankedLists(
            *fuse_ranks(lists, weights, np.float32(self.offset), self.min_lists, THREADS, min(count, len(excluded)))
        )

    def explanation(self, history: Interactions, song: int) -> NDArray[np.float64] | None:
        """Return what each pair of a history adds to a song's score, by way of the members that can tell.

        A member's part of the score is shared as it shares its own; the part of the others (popularity) is missing.
        """
        total, explained = np.zeros(len(history.song)), False
        for member, score in self._member_scores(history, song):
            parts = member.explanation(history, song)
            # A sum of what nearly cancels says nothing of its parts.
            if score and parts is not None and parts.sum() > MIN_NET_SHARE * np.abs(parts).sum():
                total += score * parts / parts.sum()
                explained = True
        return total if explained else None

    def score(self, history: Interactions, song: int) -> float:
        """Return the score of a song for one listener."""
        return sum(score for _, score in self._member_scores(history, song))

    def _member_scores(self, history: Interactions, song: int) -> list[tuple[ListModel, float]]:
        """Return what each member's list adds to the score of a song."""
        new, excluded = not (history.song == song).any(), nothing_excluded(history)
        [weights] = self.weights[listener_groups(history, self.edges, self.clusters)]
        scores = []
        for member, weight in zip(self.members, weights.tolist(), strict=True):
            [listed] = member.top(history, self.depth, excluded=excluded, new=new).song
            place = np.flatnonzero(listed == song)
            scores.append((member, weight / (self.offset + place[0] + 1) if len(place) else 0.0))
        return scores


def listener_groups(histories: Interactions, edges: tuple[int, ...], clusters: Clusters | None) -> NDArray[np.int64]:
    """Return the group of each listener, int64[listeners]."""
    band = np.searchsorted(edges, histories.liked.counts, side="right")
    return band if clusters is None else clusters.assign(histories) * (len(edges) + 1) + band


def member_lists(
    members: Sequence[ListModel], histories: Interactions, depth: int, *, excluded: Excluded, new: bool = True
) -> NDArray[np.int32]:
    """Return the members' lists, int32[members, listeners, depth]."""
    lists = np.full((len(members), len(histories), depth), -1, np.int32)
    for number, member in enumerate(members):
        song = member.top(histories, depth, excluded=excluded, new=new).song
        lists[number, :, : song.shape[1]] = song
    return lists

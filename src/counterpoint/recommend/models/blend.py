"""Several recommenders as one, by weighted reciprocal ranks (Cormack, Clarke & Buettcher 2009).

Ranks, not scores: models whose scores have nothing in common can be added. What each is worth is fitted on listeners'
choices that none of them has seen; a member that adds nothing is dropped, for a blend with weak members loses to its
best. Who knows few songs is served better by others than who knows many, so groups may have weights of their own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from counterpoint.recommend.interactions import Interactions
from counterpoint.recommend.models.clusters import Clusters
from counterpoint.recommend.models.protocol import Barred, Model, Ranked, nothing_barred
from counterpoint.recommend.models.reciprocal_rank_fusion_kernels import fused
from counterpoint.stats.intervals import THREADS
from counterpoint.stats.ranking import Relevant, hits, ndcg

Weights = NDArray[np.float32]
"""float32[groups, members]."""

DEPTH: Final = 100  # of the lists that are blended
OFFSET: Final = 10.0  # added to a rank
STEPS: Final = (0.0, 0.125, 0.25, 0.5, 1.0, 2.0)  # of a weight, beside the largest
ROUNDS: Final = 3
NEARLY: Final = 0.05
WORTH: Final = 0.002  # of the gain, relative, below which a member is dropped
EDGES: Final = (5, 20, 80)  # songs in a history: where another group begins
ENOUGH: Final = 200  # listeners of a group that weights are fitted on


@dataclass(frozen=True, eq=False)
class Blend:
    """Members with their weights.

    weights  : float32[groups, members]
    edges    : a listener is of the group whose edges the songs of the history reach; one more group than edges
    clusters : if given, every cluster has such groups of its own, one cluster after another
    least    : on how many of the members' lists a song must be
    """

    members: tuple[Model, ...]
    weights: Weights
    edges: tuple[int, ...] = ()
    clusters: Clusters | None = None
    offset: float = OFFSET
    depth: int = DEPTH
    least: int = 1

    def top(self, histories: Interactions, count: int, *, barred: Barred, new: bool = True) -> Ranked:
        """Return the songs that the members rank highest together; see `Model.top`."""
        depth = max(self.depth, count)
        lists = member_lists(self.members, histories, depth, barred=barred, new=new)
        weights = self.weights[groups(histories, self.edges, self.clusters)]
        return Ranked(*fused(lists, weights, np.float32(self.offset), self.least, THREADS, min(count, len(barred))))

    def because(self, history: Interactions, song: int) -> NDArray[np.float64] | None:
        """Return what each pair of a history adds to a song's score, by way of the members that can tell.

        A member's part of the score is shared as it shares its own; the part of the others (popularity) is missing.
        """
        total, told = np.zeros(len(history.song)), False
        for member, worth in self._parts(history, song):
            given = member.because(history, song)
            # A sum of what nearly cancels says nothing of its parts.
            if worth and given is not None and given.sum() > NEARLY * np.abs(given).sum():
                total += worth * given / given.sum()
                told = True
        return total if told else None

    def worth(self, history: Interactions, song: int) -> float:
        """Return the score of a song for one listener."""
        return sum(worth for _, worth in self._parts(history, song))

    def _parts(self, history: Interactions, song: int) -> list[tuple[Model, float]]:
        """Return what each member's list is worth to a song."""
        new, barred = not (history.song == song).any(), nothing_barred(history)
        [weights] = self.weights[groups(history, self.edges, self.clusters)]
        found = []
        for member, weight in zip(self.members, weights.tolist(), strict=True):
            [listed] = member.top(history, self.depth, barred=barred, new=new).song
            place = np.flatnonzero(listed == song)
            found.append((member, weight / (self.offset + place[0] + 1) if len(place) else 0.0))
        return found


def groups(histories: Interactions, edges: tuple[int, ...], by: Clusters | None) -> NDArray[np.int64]:
    """Return the group of each listener, int64[listeners]."""
    band = np.searchsorted(edges, histories.liked.counts, side="right")
    return band if by is None else by.of(histories) * (len(edges) + 1) + band


def member_lists(
    members: Sequence[Model], histories: Interactions, depth: int, *, barred: Barred, new: bool = True
) -> NDArray[np.int32]:
    """Return the members' lists, int32[members, listeners, depth]."""
    lists = np.full((len(members), len(histories), depth), -1, np.int32)
    for at, member in enumerate(members):
        song = member.top(histories, depth, barred=barred, new=new).song
        lists[at, :, : song.shape[1]] = song
    return lists


def gains(
    lists: NDArray[np.int32], weights: Weights, relevant: Relevant, offset: float = OFFSET
) -> NDArray[np.float64]:
    """Return the NDCG@10 of each listener with weights of their own, float64[listeners]; lists as `member_lists`."""
    song, _ = fused(lists, weights, np.float32(offset), 1, THREADS, 10)
    return ndcg(hits(song, relevant), relevant.counts, 10)


def fitted(
    lists: NDArray[np.int32], relevant: Relevant, offset: float = OFFSET, first: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Return the weights by which NDCG@10 is highest, float32[members]; they add up to 1.

    From the best member alone, and from all alike, or else from `first`, each weight in turn is tried at several sizes,
    a few times round; then the members are dropped that add less than .2 %.
    """
    listeners = lists.shape[1]

    def gain(weights: NDArray[np.float32]) -> float:
        return float(gains(lists, np.tile(weights, (listeners, 1)), relevant, offset).mean())

    alone = [gain(row) for row in np.eye(len(lists), dtype=np.float32)]

    def climbed(weights: NDArray[np.float32]) -> tuple[float, NDArray[np.float32]]:
        best = gain(weights)
        for _ in range(ROUNDS):
            before = best
            for at in np.argsort(alone)[::-1]:
                for step in STEPS:
                    tried = weights.copy()
                    tried[at] = step
                    if tried.any() and (found := gain(tried)) > best:
                        best, weights = found, tried
            if best <= before:
                break
        return best, weights

    lone, even = np.eye(len(lists), dtype=np.float32)[int(np.argmax(alone))], np.ones(len(lists), np.float32)
    starts = [lone, even] if first is None else [first / first.max()]
    best, weights = max(map(climbed, starts), key=lambda found: found[0])
    for at in np.argsort(weights):
        without = weights.copy()
        without[at] = 0
        if weights[at] and without.any() and gain(without) >= best * (1 - WORTH):
            weights = without
    return np.asarray(weights / weights.sum(), np.float32)


def fitted_by(
    group: NDArray[np.int64], count: int, lists: NDArray[np.int32], relevant: Relevant, whole: NDArray[np.float32]
) -> Weights:
    """Return weights for each of `count` groups: those of the `whole` where a group has too few to fit its own.

    group : int64[listeners]
    """
    found = np.tile(whole, (count, 1))
    for at in range(count):
        own = group == at
        if own.sum() >= ENOUGH:
            found[at] = fitted(lists[:, own], relevant.rows(own), first=whole)
    return found

"""The weights of a blend, fitted on listeners' choices that none of its members has seen.

A member that adds nothing is dropped, for a blend with weak members loses to its best. Groups of listeners get weights
of their own only where there are enough of them.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from counterpoint.recommend.models.blend import RANK_OFFSET, Weights
from counterpoint.recommend.models.reciprocal_rank_fusion_kernels import fuse_ranks
from counterpoint.stats.intervals import THREADS
from counterpoint.stats.ranking import Relevant, hits, ndcg

WEIGHT_STEPS: Final = (0.0, 0.125, 0.25, 0.5, 1.0, 2.0)  # that are tried of each weight, beside the largest
MAX_ROUNDS: Final = 3
MIN_MEMBER_GAIN: Final = 0.002  # relative, below which a member is dropped
MIN_GROUP_SIZE: Final = 200  # listeners of a group that weights are fitted on


def blended_ndcg(
    lists: NDArray[np.int32], weights: Weights, relevant: Relevant, offset: float = RANK_OFFSET
) -> NDArray[np.float64]:
    """Return the NDCG@10 of each listener with weights of their own, float64[listeners]; lists as `member_lists`."""
    song, _ = fuse_ranks(lists, weights, np.float32(offset), 1, THREADS, 10)
    return ndcg(hits(song, relevant), relevant.counts, 10)


def fit_weights(
    lists: NDArray[np.int32], relevant: Relevant, offset: float = RANK_OFFSET, first: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Return the weights by which NDCG@10 is highest, float32[members]; they add up to 1.

    From the best member alone, and from all alike, or else from `first`, each weight in turn is tried at several sizes,
    a few times round; then the members are dropped that add less than .2 %.
    """
    listeners = lists.shape[1]

    def mean_ndcg(weights: NDArray[np.float32]) -> float:
        return float(blended_ndcg(lists, np.tile(weights, (listeners, 1)), relevant, offset).mean())

    alone = [mean_ndcg(row) for row in np.eye(len(lists), dtype=np.float32)]
    order = np.argsort(alone)[::-1].tolist()
    best_alone, equal = np.eye(len(lists), dtype=np.float32)[int(np.argmax(alone))], np.ones(len(lists), np.float32)
    starts = [best_alone, equal] if first is None else [first / first.max()]
    best, weights = max((_climb(start, order, mean_ndcg) for start in starts), key=lambda climbed: climbed[0])
    for member in np.argsort(weights):
        without = weights.copy()
        without[member] = 0
        if weights[member] and without.any() and mean_ndcg(without) >= best * (1 - MIN_MEMBER_GAIN):
            weights = without
    return np.asarray(weights / weights.sum(), np.float32)


def _climb(
    weights: NDArray[np.float32], order: list[int], mean_ndcg: Callable[[NDArray[np.float32]], float]
) -> tuple[float, NDArray[np.float32]]:
    """Return the best weights found from these by changing one at a time, members in this order, and their gain."""
    best = mean_ndcg(weights)
    for _ in range(MAX_ROUNDS):
        before = best
        for member in order:
            for step in WEIGHT_STEPS:
                tried = weights.copy()
                tried[member] = step
                if tried.any() and (gain := mean_ndcg(tried)) > best:
                    best, weights = gain, tried
        if best <= before:
            break
    return best, weights


def fit_group_weights(
    group: NDArray[np.int64], count: int, lists: NDArray[np.int32], relevant: Relevant, overall: NDArray[np.float32]
) -> Weights:
    """Return weights for each of `count` groups: the `overall` ones where a group has too few to fit its own.

    group : int64[listeners]
    """
    weights = np.tile(overall, (count, 1))
    for number in range(count):
        members = group == number
        if members.sum() >= MIN_GROUP_SIZE:
            weights[number] = fit_weights(lists[:, members], relevant.rows(members), first=overall)
    return weights

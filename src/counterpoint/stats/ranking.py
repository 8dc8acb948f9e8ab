"""Ranked lists judged by what turned out to be right: one number a list, so that intervals can resample the lists.

A list holds item numbers, the best first; -1 fills what it is short of. What is right for a list is a set of items.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from counterpoint.errors import CounterpointError

Lists = NDArray[np.integer[Any]]
PerList = NDArray[np.float64]
"""One number a list."""

METRICS: Final = {
    "ndcg@10": "normalised discounted cumulative gain of the first 10 (Jarvelin & Kekalainen 2002)",
    "recall@10": "share of what is right that is among the first 10",
    "recall@20": "share of what is right that is among the first 20",
    "map@10": "mean precision at each hit among the first 10, over min(10, how many are right)",
}
DEEPEST: Final = 20


@dataclass(frozen=True, eq=False)
class Relevant:
    """What is right for each list: the items `item[start[n] : start[n + 1]]` for list n, ascending.

    start : int64[lists + 1]
    item  : int64[what is right for all lists together], no item twice in a list
    """

    start: NDArray[np.int64]
    item: NDArray[np.integer[Any]]

    @property
    def counts(self) -> NDArray[np.int64]:
        """How many are right for each list, int64[lists]."""
        return np.diff(self.start)

    def rows(self, chosen: NDArray[Any]) -> "Relevant":
        """Return what is right for some of the lists, by a mask or by their places."""
        rows = np.flatnonzero(chosen) if chosen.dtype == np.bool_ else chosen
        counts = self.counts[rows]
        start = np.append(0, np.cumsum(counts))
        offset = np.repeat(self.start[rows] - start[:-1], counts)
        return Relevant(start, self.item[np.arange(start[-1]) + offset])


def hits(lists: Lists, relevant: Relevant) -> NDArray[np.bool_]:
    """Return which places of the lists hold something right, bool[lists, places].

    Raises
    ------
    CounterpointError
        If a list names an item twice, which would count one hit as two.

    >>> hits(np.array([[3, 1], [2, -1]]), Relevant(np.array([0, 1, 2]), np.array([1, 5]))).tolist()
    [[False, True], [False, False]]
    """
    if len(lists) + 1 != len(relevant.start):
        raise CounterpointError(
            f"{len(lists):,} lists cannot be judged by what is right for {len(relevant.start) - 1:,}"
        )
    ordered = np.sort(lists, axis=1)
    if ((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)).any():
        raise CounterpointError("a list names an item twice: a ranking has every item at one place")
    if not len(relevant.item):
        return np.zeros(lists.shape, np.bool_)
    # A pair of list and item as one number: the pairs that are right are ascending.
    span = int(max(relevant.item.max(), lists.max(initial=0))) + 1
    right = np.repeat(np.arange(len(lists)), relevant.counts) * span + relevant.item
    asked = np.arange(len(lists))[:, None] * span + lists
    place = np.minimum(np.searchsorted(right, asked), len(right) - 1)
    return np.asarray((right[place] == asked) & (lists >= 0))


def ndcg(hit: NDArray[np.bool_], counts: NDArray[np.int64], depth: int) -> PerList:
    """Return the gain of each list's first `depth`, discounted by log2(place + 1), over that of a perfect list.

    nan where nothing is right.

    >>> ndcg(np.array([[True, False], [False, True]]), np.array([1, 1]), 2).round(3).tolist()
    [1.0, 0.631]
    """
    discount = 1 / np.log2(np.arange(2, depth + 2))
    ideal = np.append(0, np.cumsum(discount))[np.minimum(counts, depth)]
    gain = hit[:, :depth] @ discount[: hit.shape[1]]
    return _over(gain, ideal)


def recall(hit: NDArray[np.bool_], counts: NDArray[np.int64], depth: int) -> PerList:
    """Return the share of what is right that is among each list's first `depth`; nan where nothing is right."""
    return _over(hit[:, :depth].sum(axis=1).astype(np.float64), counts.astype(np.float64))


def average_precision(hit: NDArray[np.bool_], counts: NDArray[np.int64], depth: int) -> PerList:
    """Return the mean precision at the hits among each list's first `depth`, over min(depth, how many are right).

    >>> average_precision(np.array([[True, False, True]]), np.array([2]), 3).round(3).tolist()
    [0.833]
    """
    first = hit[:, :depth]
    precision = np.cumsum(first, axis=1) / np.arange(1, first.shape[1] + 1)
    return _over((precision * first).sum(axis=1), np.minimum(counts, depth).astype(np.float64))


def list_metrics(lists: Lists, relevant: Relevant) -> NDArray[np.float64]:
    """Return all METRICS of each list, float64[lists, metrics]; nan where nothing is right."""
    hit, counts = hits(lists[:, :DEEPEST], relevant), relevant.counts
    return np.stack(
        [
            ndcg(hit, counts, 10),
            recall(hit, counts, 10),
            recall(hit, counts, 20),
            average_precision(hit, counts, 10),
        ],
        axis=1,
    )


@dataclass(frozen=True)
class Reach:
    """What lists reach, whatever is right.

    coverage : share of the catalogue that is in the first 10 of some list
    novelty  : mean of -log2 of the share of listeners who know a listed item, in bits
    lift     : mean popularity of what is listed over that of what the listeners know (1 = as popular as their own)
    """

    coverage: float
    novelty: float
    lift: float


def measure_reach(lists: Lists, popularity: PerList, usual: PerList) -> Reach:
    """Return what the first 10 of all lists reach.

    popularity : float64[items], share of the listeners who know an item
    usual      : float64[lists], mean popularity of what each listener knows
    """
    listed = lists[:, :10]
    filled = listed >= 0
    known = popularity[listed[filled]]
    if not len(known):
        return Reach(0.0, np.nan, np.nan)
    bits = -np.log2(np.maximum(known, 1 / max(1, len(usual) * 10)))
    return Reach(
        len(np.unique(listed[filled])) / len(popularity),
        float(bits.mean()),
        float(known.mean() / usual.mean()) if usual.mean() > 0 else np.nan,
    )


def _over(value: PerList, total: PerList) -> PerList:
    return np.asarray(np.divide(value, total, out=np.full(len(total), np.nan), where=total > 0))

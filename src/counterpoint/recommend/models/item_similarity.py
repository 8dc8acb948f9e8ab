"""Songs that are alike: what every recommender learns that goes from song to song."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from counterpoint.recommend.interactions import Interactions
from counterpoint.recommend.models.protocol import Excluded, RankedLists, unwanted
from counterpoint.recommend.models.scoring_kernels import top_means, top_sums
from counterpoint.recommend.models.similarity_kernels import top_products


@dataclass(frozen=True, eq=False)
class ItemSimilarityModel:
    """Scores a song by what a history's songs give to it.

    start     : int64[songs + 1], song n gives to song[start[n]:start[n + 1]], float32 value each
    weighting : what a pair of the history counts (`Interactions.weights`), to the power of `power`
    mean      : the score is the mean of these weights, weighted by the values; otherwise their sum times the values
    """

    start: NDArray[np.int64]
    song: NDArray[np.int32]
    value: NDArray[np.float32]
    weighting: str
    power: float
    mean: bool

    def top(self, histories: Interactions, count: int, *, excluded: Excluded, new: bool = True) -> RankedLists:
        """Return the songs to which a history gives most; see `ListModel.top`."""
        liked = histories.liked
        history = (liked.start, liked.song, self._weights(liked))
        skipped, top = unwanted(histories, new=new), top_means if self.mean else top_sums
        matrix = (self.start, self.song, self.value)
        return RankedLists(*top(*history, *matrix, skipped.start, skipped.song, excluded, min(count, len(excluded))))

    def explanation(self, history: Interactions, song: int) -> NDArray[np.float64] | None:
        """Return what each song of a history gives; see `ListModel.explanation`."""
        values = np.array([self._value(int(each), song) for each in history.song]) * ~history.disliked
        total = np.abs(values).sum() if self.mean else 1.0
        return values * self._weights(history) / (total or 1.0)

    def most_similar(self, song: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return the songs that a song gives to, most first, and how much."""
        row = slice(self.start[song], self.start[song + 1])
        order = np.argsort(-self.value[row], kind="stable")
        return self.song[row][order], self.value[row][order]

    def _weights(self, histories: Interactions) -> NDArray[np.float32]:
        return histories.weights(self.weighting) ** np.float32(self.power)

    def _value(self, giver: int, song: int) -> float:
        row = slice(self.start[giver], self.start[giver + 1])
        return float(self.value[row][self.song[row] == song].sum())


def largest_products(
    seen: Interactions, weight: NDArray[np.float32], left: NDArray[np.float64], right: NDArray[np.float64], keep: int
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]:
    """Return the `keep` largest products of each song with others, as sparse rows (start, song, value).

    That of i and j is left[i] * right[j] times the sum over listeners of weight[u, i] * weight[u, j].
    """
    keep = min(keep, max(1, len(seen.songs) - 1))
    song, product = top_products(seen.start, seen.song, weight, right.astype(np.float32), keep)
    product *= left.astype(np.float32)[:, None]
    filled = song >= 0
    return np.append(0, np.cumsum(filled.sum(axis=1))).astype(np.int64), song[filled], product[filled]


def transposed(
    start: NDArray[np.int64], song: NDArray[np.int32], value: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]:
    """Return sparse square rows with rows and columns exchanged."""
    order = np.argsort(song, kind="stable")
    givers = np.repeat(np.arange(len(start) - 1, dtype=np.int32), np.diff(start))
    counts = np.bincount(song, minlength=len(start) - 1)
    return np.append(0, np.cumsum(counts)).astype(np.int64), givers[order], value[order]

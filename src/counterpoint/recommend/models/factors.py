"""Songs as vectors of factors: a listener is folded in from a history, and hears what has the largest products."""

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from counterpoint.errors import CounterpointError
from counterpoint.recommend.interactions import Interactions, positions_in
from counterpoint.recommend.models.protocol import Excluded, RankedLists, unwanted
from counterpoint.recommend.models.scoring_kernels import top_of_rows

Factors = NDArray[np.float32]
SCORES_PER_BLOCK: Final = 1 << 26  # more, and they leave the caches before they are read
LISTENERS_PER_BLOCK: Final = 20_000


class FactorModel(Protocol):
    """A model of factors, and a way to fold a listener in."""

    @property
    def song_factors(self) -> Factors:
        """The factors of songs, float32[n, f]: all, or the n best known, and no others are recommended."""

    def fold_in(self, histories: Interactions) -> Factors:
        """Return the factors of listeners, float32[listeners, f]."""


def top_by_inner_product(
    model: FactorModel, histories: Interactions, count: int, *, excluded: Excluded, new: bool
) -> RankedLists:
    """Return the songs with the largest products with each listener; see `ListModel.top`."""
    songs = len(model.song_factors)
    across, skipped, excluded = (
        np.ascontiguousarray(model.song_factors.T),
        unwanted(histories, new=new),
        excluded[:songs],
    )
    if len(excluded) < len(histories.songs):
        skipped = skipped.pairs(skipped.song < len(excluded))
    count = min(count, len(excluded))
    song = np.empty((len(histories), count), np.int32)
    score = np.empty((len(histories), count), np.float32)
    step = max(1, SCORES_PER_BLOCK // max(1, songs))
    room = np.empty((min(step, len(histories)), songs), np.float32)
    for first in range(0, len(histories), LISTENERS_PER_BLOCK):
        last = min(first + LISTENERS_PER_BLOCK, len(histories))
        factors = model.fold_in(histories.rows(np.arange(first, last)))
        for begin in range(first, last, step):
            block = slice(begin, min(begin + step, last))
            rows = block.stop - begin
            values = np.matmul(factors[begin - first : begin - first + rows], across, out=room[:rows])
            start = skipped.start[begin : block.stop + 1]
            song[block], score[block] = top_of_rows(values, start, skipped.song, excluded, count)
    return RankedLists(song, score)


@dataclass(frozen=True, eq=False)
class ProjectionModel:
    """A listener is the sum of the songs of a history, each weighed and scaled.

    song_factors : float32[songs, f]
    scale        : float32[songs], what a song counts in a history
    """

    song_factors: Factors
    scale: NDArray[np.float32]
    weighting: str

    def reindexed(self, songs: pl.Series, seen: Interactions) -> "ProjectionModel":
        """Return it for another catalogue than `songs`; the factors of songs that it has not seen are 0."""
        number = positions_in(seen.songs, songs)
        known = (number >= 0).astype(np.float32)
        return ProjectionModel(self.song_factors[number] * known[:, None], self.scale[number] * known, self.weighting)

    def fold_in(self, histories: Interactions) -> Factors:
        """Return the sums, float32[listeners, f]."""
        matrix = histories.liked.matrix(self.weighting)
        matrix.data *= self.scale[matrix.indices]
        return np.asarray(matrix @ self.song_factors, np.float32)

    def top(self, histories: Interactions, count: int, *, excluded: Excluded, new: bool = True) -> RankedLists:
        """See `ListModel.top`."""
        return top_by_inner_product(self, histories, count, excluded=excluded, new=new)

    def explanation(self, history: Interactions, song: int) -> NDArray[np.float64] | None:
        """Return each song's product with this one; see `ListModel.explanation`."""
        weight = np.where(history.disliked, 0, history.weights(self.weighting)) * self.scale[history.song]
        return np.asarray(weight * (self.song_factors[history.song] @ self.song_factors[song]), np.float64)


def limit_factors(factors: int, seen: Interactions) -> int:
    """Return so many factors, or a third of the listeners or songs there are, whichever are fewer; 1 at least.

    With as many factors as songs, a history says nothing of other songs.

    Raises
    ------
    CounterpointError
        If there is to be none.
    """
    if factors < 1:
        raise CounterpointError(f"{factors} factors are too few: 1 or more would be right")
    return max(1, min(factors, min(seen.shape) // 3))

"""Songs as points: a listener is put among them from a history, and hears what lies in the same direction."""

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from counterpoint.errors import CounterpointError
from counterpoint.recommend.interactions import Interactions, numbers_in
from counterpoint.recommend.models.protocol import Barred, Ranked, unwanted
from counterpoint.recommend.models.scoring_kernels import top_of_rows

Factors = NDArray[np.float32]
SCORES: Final = 1 << 26  # that are written at once: more, and they leave the caches before they are read
PLACED: Final = 20_000  # listeners that are placed at once


class Placed(Protocol):
    """A model of factors, and a way to place a listener."""

    @property
    def songs(self) -> Factors:
        """Where the songs are, float32[n, f]: all, or the n best known, and no others are recommended."""

    def placed(self, histories: Interactions) -> Factors:
        """Return where the listeners are, float32[listeners, f]."""


def top_in_direction(model: Placed, histories: Interactions, count: int, *, barred: Barred, new: bool) -> Ranked:
    """Return the songs with the largest products with each listener; see `Model.top`."""
    across, out, barred = np.ascontiguousarray(model.songs.T), unwanted(histories, new=new), barred[: len(model.songs)]
    if len(barred) < len(histories.songs):
        out = out.pairs(out.song < len(barred))
    count = min(count, len(barred))
    song = np.empty((len(histories), count), np.int32)
    score = np.empty((len(histories), count), np.float32)
    step = max(1, SCORES // max(1, len(model.songs)))
    room = np.empty((min(step, len(histories)), len(model.songs)), np.float32)
    for first in range(0, len(histories), PLACED):
        last = min(first + PLACED, len(histories))
        places = model.placed(histories.rows(np.arange(first, last)))
        for begin in range(first, last, step):
            end = min(begin + step, last)
            values = np.matmul(places[begin - first : end - first], across, out=room[: end - begin])
            song[begin:end], score[begin:end] = top_of_rows(values, out.start[begin : end + 1], out.song, barred, count)
    return Ranked(song, score)


@dataclass(frozen=True, eq=False)
class Projected:
    """A listener is the sum of the songs of a history, each weighed and scaled.

    songs : float32[songs, f]
    scale : float32[songs], what a song counts in a history
    """

    songs: Factors
    scale: NDArray[np.float32]
    weigh: str

    def over(self, songs: pl.Series, seen: Interactions) -> "Projected":
        """Return it for another catalogue than `songs`; songs that it has not seen lie nowhere."""
        number = numbers_in(seen.songs, songs)
        there = (number >= 0).astype(np.float32)
        return Projected(self.songs[number] * there[:, None], self.scale[number] * there, self.weigh)

    def placed(self, histories: Interactions) -> Factors:
        """Return the sums, float32[listeners, f]."""
        matrix = histories.liked.matrix(self.weigh)
        matrix.data *= self.scale[matrix.indices]
        return np.asarray(matrix @ self.songs, np.float32)

    def top(self, histories: Interactions, count: int, *, barred: Barred, new: bool = True) -> Ranked:
        """See `Model.top`."""
        return top_in_direction(self, histories, count, barred=barred, new=new)

    def because(self, history: Interactions, song: int) -> NDArray[np.float64] | None:
        """Return each song's product with this one; see `Model.because`."""
        weight = np.where(history.disliked, 0, history.weights(self.weigh)) * self.scale[history.song]
        return np.asarray(weight * (self.songs[history.song] @ self.songs[song]), np.float64)


def at_most(factors: int, seen: Interactions) -> int:
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

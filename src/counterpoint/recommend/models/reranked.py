"""A recommender's list in another order: what is like what a listener dislikes goes down, and songs by a factor each.

The worth of a place is that of a blend, one over its rank; so it is the same whatever the recommender's scores mean.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from counterpoint.recommend.interactions import Interactions
from counterpoint.recommend.models.protocol import Barred, Model, Ranked

DEPTH: Final = 100
OFFSET: Final = 10.0
AT_ONCE: Final = 1000  # listeners


@dataclass(frozen=True, eq=False)
class Styles:
    """Which songs have which style in common (tags, or the singer).

    number : int32[songs], a number for each style; -1 of a song without one
    count  : how many styles there are
    """

    number: NDArray[np.int32]
    count: int

    def aversion(self, histories: Interactions) -> NDArray[np.float64]:
        """Return the share of what each listener knows of each style that they dislike, float64[listeners, styles + 1].

        One song more is taken for not disliked; the last column, of no style, is 0.
        """
        number = np.where(self.number >= 0, self.number, self.count)
        every = (len(histories), self.count + 1)

        def counted(of: Interactions) -> NDArray[np.float64]:
            return np.asarray(csr_array((np.ones(len(of.song)), number[of.song], of.start), shape=every).toarray())

        share = counted(histories.pairs(histories.disliked)) / (counted(histories) + 1)
        share[:, self.count] = 0
        return share


@dataclass(frozen=True, eq=False)
class Reranked:
    """A model whose first hundred are put in another order.

    model   : whose lists these are
    factor  : float32[songs], what a song's worth is multiplied by
    styles  : if given, it is also multiplied by exp(-dislike * a listener's aversion to the song's style)
    """

    model: Model
    factor: NDArray[np.float32]
    styles: Styles | None = None
    dislike: float = 0.0

    def top(self, histories: Interactions, count: int, *, barred: Barred, new: bool = True) -> Ranked:
        """Return the songs of most worth; see `Model.top`."""
        count = min(count, len(barred))
        found = self.model.top(histories, max(count, DEPTH), barred=barred, new=new)
        factor = self.factor[found.song].astype(np.float64)
        if self.styles is not None and self.dislike:
            factor *= np.exp(-self.dislike * self._aversion(histories, found.song, self.styles))
        return reordered(found.song, factor, count)

    def because(self, history: Interactions, song: int) -> NDArray[np.float64] | None:
        """Return what speaks for a song in the model; see `Model.because`."""
        return self.model.because(history, song)

    def _aversion(self, histories: Interactions, songs: NDArray[np.int32], styles: Styles) -> NDArray[np.float64]:
        """Return the aversion to the style of each listed song, float64[listeners, places]."""
        found = np.zeros(songs.shape)
        rows = np.flatnonzero(histories.pairs(histories.disliked).counts)
        for first in range(0, len(rows), AT_ONCE):
            some = rows[first : first + AT_ONCE]
            of = styles.number[songs[some]]
            found[some] = np.take_along_axis(styles.aversion(histories.rows(some)), np.where(of >= 0, of, -1), axis=1)
        return found


def reordered(songs: NDArray[np.int32], factor: NDArray[np.float64], count: int) -> Ranked:
    """Return the `count` songs of most worth: one over the rank, times a factor; -1 in `songs` stays last.

    songs, factor : int32, float64[listeners, places]
    """
    there = songs >= 0
    worth = factor / (OFFSET + 1 + np.arange(songs.shape[1]))
    # Among equals the model's own order stays.
    order = np.argsort(-np.where(there, worth, -1), axis=1, kind="stable")[:, :count]
    song = np.take_along_axis(songs, order, axis=1)
    return Ranked(song, np.where(song >= 0, np.take_along_axis(worth, order, axis=1), 0).astype(np.float32))

"""A recommender's list in another order: what is like what a listener dislikes goes down, and songs by a factor each.

The worth of a place is that of a blend, one over its rank; so it is the same whatever the recommender's scores mean.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from counterpoint.recommend.interactions import Interactions
from counterpoint.recommend.models.protocol import Excluded, ListModel, RankedLists
from counterpoint.recommend.styles import Styles

DEPTH: Final = 100
RANK_OFFSET: Final = 10.0
LISTENERS_PER_BLOCK: Final = 1000


@dataclass(frozen=True, eq=False)
class Reranked:
    """A model whose first hundred are put in another order.

    model  : whose lists these are
    factor : float32[songs], what a song's worth is multiplied by
    styles : if given, it is also multiplied by exp(-dislike_strength * a listener's aversion to the song's style)
    """

    model: ListModel
    factor: NDArray[np.float32]
    styles: Styles | None = None
    dislike_strength: float = 0.0

    def top(self, histories: Interactions, count: int, *, excluded: Excluded, new: bool = True) -> RankedLists:
        """Return the songs of most worth; see `ListModel.top`."""
        count = min(count, len(excluded))
        song = self.model.top(histories, max(count, DEPTH), excluded=excluded, new=new).song
        factor = self.factor[song].astype(np.float64)
        if self.styles is not None and self.dislike_strength:
            factor *= np.exp(-self.dislike_strength * self._aversion(histories, song, self.styles))
        return reordered(song, factor, count)

    def explanation(self, history: Interactions, song: int) -> NDArray[np.float64] | None:
        """Return what speaks for a song in the model; see `ListModel.explanation`."""
        return self.model.explanation(history, song)

    def _aversion(self, histories: Interactions, songs: NDArray[np.int32], styles: Styles) -> NDArray[np.float64]:
        """Return the aversion to the style of each listed song, float64[listeners, places]."""
        aversion = np.zeros(songs.shape)
        rows = np.flatnonzero(histories.pairs(histories.disliked).counts)
        for first in range(0, len(rows), LISTENERS_PER_BLOCK):
            block = rows[first : first + LISTENERS_PER_BLOCK]
            style = styles.number[songs[block]]
            by_style = styles.aversion(histories.rows(block))
            aversion[block] = np.take_along_axis(by_style, np.where(style >= 0, style, -1), axis=1)
        return aversion


def reordered(songs: NDArray[np.int32], factor: NDArray[np.float64], count: int) -> RankedLists:
    """Return the `count` songs of most worth: one over the rank, times a factor; -1 in `songs` stays last.

    songs, factor : int32, float64[listeners, places]
    """
    filled = songs >= 0
    worth = factor / (RANK_OFFSET + 1 + np.arange(songs.shape[1]))
    # Among equals the model's own order stays.
    order = np.argsort(-np.where(filled, worth, -1), axis=1, kind="stable")[:, :count]
    song = np.take_along_axis(songs, order, axis=1)
    return RankedLists(song, np.where(song >= 0, np.take_along_axis(worth, order, axis=1), 0).astype(np.float32))

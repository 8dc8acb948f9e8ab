"""What every recommender can do. It knows songs, not listeners: a listener is a history, whoever it belongs to.

So somebody new is served like anybody else, nothing is kept of anyone, and a model is as large as its catalogue.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from counterpoint.recommend.interactions import Interactions

Excluded = NDArray[np.bool_]
"""bool[songs]: which songs are recommended to nobody."""


@dataclass(frozen=True, eq=False)
class RankedLists:
    """The songs that each listener should hear, the best first.

    song  : int32[listeners, count], numbers of songs; -1 fills what a list is short of
    score : float32[listeners, count], higher is better; 0 beside -1
    """

    song: NDArray[np.int32]
    score: NDArray[np.float32]


class ListModel(Protocol):
    """A recommender that has learned."""

    def top(self, histories: Interactions, count: int, *, excluded: Excluded, new: bool = True) -> RankedLists:
        """Return the best `count` songs for each history, ties to the better known song.

        No song is excluded; with `new` none is in the history (disliked or not). `histories` are over the same songs
        that the model has learned from.
        """

    def explanation(self, history: Interactions, song: int) -> NDArray[np.float64] | None:
        """Return what each pair of one listener's history adds to the score of a song, float64[pairs].

        They add up to the score, exactly; None from a model whose scores are no such sum.
        """


class Estimator(Protocol):
    """A recommender that has not learned yet: a kind of model with its settings."""

    def fit(self, seen: Interactions, *, seed: int) -> ListModel:
        """Learn; the same interactions and the same seed give the same model."""


def unwanted(histories: Interactions, *, new: bool) -> Interactions:
    """Return what is not to be recommended to each listener: what they know, or else only what they dislike."""
    return histories if new else histories.pairs(histories.disliked)


def nothing_excluded(seen: Interactions) -> Excluded:
    """Return that all songs may be heard."""
    return np.zeros(len(seen.songs), np.bool_)

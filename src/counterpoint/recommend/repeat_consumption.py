"""What listeners come back to: their own songs, those that they play most, or most lately."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from counterpoint.recommend.interactions import Interactions

HALF_LIFE_DAYS: Final = 7.0  # after which a play counts half


def most_played(histories: Interactions, count: int) -> NDArray[np.int32]:
    """Return each listener's own most played songs, int32[listeners, count]; -1 fills what is missing."""
    return _first(histories, histories.plays.astype(np.float64), count)


def recently_played(histories: Interactions, count: int) -> NDArray[np.int32]:
    """Return each listener's own songs by plays, halved for every week since the last; songs disliked come last."""
    age = histories.last_day.max(initial=0) - histories.last_day
    score = (0.5 + histories.plays) * 0.5 ** (age / HALF_LIFE_DAYS)
    return _first(histories, np.where(histories.disliked, 0.0, score), count)


def _first(histories: Interactions, score: NDArray[np.float64], count: int) -> NDArray[np.int32]:
    listener = histories.listener
    order = np.lexsort((histories.song, -score, listener))
    rank = np.arange(len(order)) - histories.start[listener[order]]
    lists = np.full((len(histories), count), -1, np.int32)
    kept = rank < count
    lists[listener[order][kept], rank[kept]] = histories.song[order][kept]
    return lists

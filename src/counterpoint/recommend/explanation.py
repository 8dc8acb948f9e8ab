"""Why is a song recommended? The songs of a listener's history that speak most for it, each with its share."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from counterpoint.recommend.interactions import Interactions
from counterpoint.recommend.models.blend import Blend
from counterpoint.recommend.models.protocol import ListModel

MAX_REASONS: Final = 3


def explain(
    model: ListModel, history: Interactions, song: int, *, count: int = MAX_REASONS
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Return the songs of one listener's history that speak most for a song, int32[n], and their shares, float64[n].

    A share is of the song's score or, if other songs speak against it, of all that speaks for it. None from a model
    whose scores are no sum over the history.
    """
    parts = model.explanation(history, song)
    if parts is None:
        return np.empty(0, np.int32), np.empty(0)
    score = model.score(history, song) if isinstance(model, Blend) else float(parts.sum())
    if score <= 0:
        return np.empty(0, np.int32), np.empty(0)
    order = np.argsort(-parts, kind="stable")[:count]
    order = order[parts[order] > 0]
    return history.song[order], parts[order] / max(score, float(parts[parts > 0].sum()))

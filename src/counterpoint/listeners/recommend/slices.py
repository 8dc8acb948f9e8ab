"""A table of interactions cut into what was known and what came later, without a log to roll through."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from counterpoint.listeners.events.schema import date
from counterpoint.listeners.recommend.interactions import Interactions
from counterpoint.listeners.recommend.judge import Task, task
from counterpoint.rng import generator

TENTH: Final = 0.1  # of the pairs, in a window of a table with days
FIFTH: Final = 0.2  # of each listener's pairs, where there are none


@dataclass(frozen=True, eq=False)
class Slice:
    """What was known, and what came `later` (uid, song_id): the pairs first known from `at` on, up to `until`."""

    at: str
    until: str
    known: Interactions
    later: pl.DataFrame


def slices(whole: Interactions, count: int, *, seed: int) -> tuple[Slice, ...]:
    """Return so many slices: the last tenths by day, each after all before it; or random fifths without days."""
    if not whole.last.any():
        return tuple(_random(whole, seed + at) for at in range(count))
    # Days are cut between, so that no day is known and later at once.
    cuts = np.quantile(whole.last, 1 - TENTH * np.arange(count, -1, -1), method="lower")
    return tuple(
        Slice(
            date(int(cut)).isoformat(),
            date(int(end)).isoformat(),
            whole.pairs(whole.last <= cut),
            _pairs(whole.pairs((whole.last > cut) & (whole.last <= end) & ~whole.disliked)),
        )
        for cut, end in pairwise(cuts)
        if cut < end
    ) or (_random(whole, seed),)


def held_out(seen: Interactions, *, seed: int) -> Task:
    """Return the task to tell a fifth of the pairs from the others: the last ones by day, or a random one."""
    if not seen.last.any():
        part = _random(seen, seed)
        return task(part.known, part.later, seed=seed)
    cut = np.quantile(seen.last, 1 - FIFTH, method="lower")
    later = _pairs(seen.pairs((seen.last > cut) & ~seen.disliked))
    return task(seen.pairs(seen.last <= cut), later, seed=seed)


def _random(whole: Interactions, seed: int) -> Slice:
    """Return a slice whose later part is a fifth of each listener's pairs, at random."""
    luck = generator(seed).random(len(whole.song))
    order = np.lexsort((luck, whole.whose))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order)) - whole.start[whole.whose]
    later: NDArray[np.bool_] = rank < np.round(FIFTH * whole.counts)[whole.whose]
    return Slice(f"random fifth, seed {seed}", "", whole.pairs(~later), _pairs(whole.pairs(later & ~whole.disliked)))


def _pairs(of: Interactions) -> pl.DataFrame:
    return pl.DataFrame({"uid": of.listeners[of.whose], "song_id": of.songs[of.song]})

"""What is known, and what was chosen later: what a recommender has to predict.

Discovery asks for songs that a listener did not know; repeat consumption for those that they knew and came back to.
The two are never mixed: who recommends what everybody plays anyway would win. New users, of whom nothing is known, are
apart too.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from counterpoint.recommend.interactions import UNKNOWN_DEVICE, Interactions
from counterpoint.recommend.models.protocol import ListModel, nothing_excluded
from counterpoint.rng import generator
from counterpoint.stats.ranking import DEEPEST, Relevant

MAX_LISTENERS: Final = 20_000  # enough for a third digit


@dataclass(frozen=True, eq=False, kw_only=True)
class PredictionTask:
    """What is known, and what was chosen later.

    seen           : what is known, of all listeners
    discoverers    : int64[n], the numbers of those who chose songs that they did not know, ascending
    discovered     : what each of them chose of those
    returners      : int64[m], the numbers of those who came back to songs they knew
    returned_to    : what each of them came back to
    chosen_by_new  : what each of the new users chose
    n_listeners    : how many chose anything later
    n_discoverers  : of these, how many are known, and chose a song that they did not know
    n_new_users    : how many of these are not in `seen` at all
    unreachable    : share of the later pairs whose song nobody knew before
    """

    seen: Interactions
    discoverers: NDArray[np.int64]
    discovered: Relevant
    returners: NDArray[np.int64]
    returned_to: Relevant
    chosen_by_new: Relevant
    n_listeners: int
    n_discoverers: int
    n_new_users: int
    unreachable: float

    @property
    def empty_histories(self) -> Interactions:
        """The histories of the new users in `chosen_by_new`: empty, and without a device."""
        count = len(self.chosen_by_new.counts)
        empty = self.seen.pairs(np.zeros(len(self.seen.song), np.bool_)).rows(np.zeros(count, np.int64))
        return replace(empty, device=np.full(count, UNKNOWN_DEVICE, np.int8))


def make_task(
    seen: Interactions, later: pl.DataFrame, *, seed: int, max_listeners: int = MAX_LISTENERS
) -> PredictionTask:
    """Return the task of predicting from `seen` what was chosen `later` (uid, song_id; doubles count once).

    At most so many listeners are evaluated, drawn at random, and at most so many new users.
    """
    pairs = later.unique()
    listener, song = seen.listener_numbers(pairs["uid"]), _song_numbers(seen, pairs["song_id"])
    new_user = pairs.filter(pl.Series(listener < 0))["uid"].rank("dense").cast(pl.Int64).to_numpy() - 1
    span = int(song.max(initial=0)) + 1
    key = np.sort(listener[listener >= 0] * span + song[listener >= 0])
    known = _contains(seen.listener * span + seen.song, key)
    rng = generator(seed)
    discoverers, discovered = _sample(key[~known], span, max_listeners, rng)
    returners, returned_to = _sample(key[known], span, max_listeners, rng)
    _, chosen_by_new = _sample(np.sort(new_user * span + song[listener < 0]), span, max_listeners, rng)
    return PredictionTask(
        seen=seen,
        discoverers=discoverers,
        discovered=discovered,
        returners=returners,
        returned_to=returned_to,
        chosen_by_new=chosen_by_new,
        n_listeners=pairs["uid"].n_unique(),
        n_discoverers=len(np.unique(key[~known] // span)),
        n_new_users=int(new_user.max(initial=-1)) + 1,
        unreachable=float((song >= len(seen.songs)).mean()) if len(song) else 0.0,
    )


def _song_numbers(seen: Interactions, song_ids: pl.Series) -> NDArray[np.int64]:
    """Return the numbers of songs; of one that nobody knew, one beyond the catalogue: it counts as missed."""
    song = seen.song_numbers(song_ids)
    unknown = song < 0
    beyond = song_ids.filter(pl.Series(unknown)).rank("dense").cast(pl.Int64).to_numpy() - 1
    song[unknown] = len(seen.songs) + beyond
    return song


def _contains(ascending: NDArray[np.int64], key: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which keys are among ascending ones, bool[keys]."""
    if not len(ascending):
        return np.zeros(len(key), np.bool_)
    place = np.minimum(np.searchsorted(ascending, key), len(ascending) - 1)
    return np.asarray(ascending[place] == key)


def _sample(
    key: NDArray[np.int64], span: int, most: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], Relevant]:
    """Return the listeners, at most so many of them, and what each of them chose."""
    listener, song = np.divmod(key, span)
    listeners, counts = np.unique(listener, return_counts=True)
    relevant = Relevant(np.append(0, np.cumsum(counts)), song)
    if len(listeners) <= most:
        return listeners, relevant
    chosen = np.sort(rng.choice(len(listeners), most, replace=False))
    return listeners[chosen], relevant.rows(chosen)


def discovery_lists(model: ListModel, task: PredictionTask) -> NDArray[np.int32]:
    """Return what a model would have had the discoverers hear, int32[listeners, 20]."""
    histories = task.seen.rows(task.discoverers)
    return model.top(histories, DEEPEST, excluded=nothing_excluded(task.seen)).song

"""Lists judged by what listeners chose later: every song they did not know competes, none is sampled.

Discovery asks for songs that a listener did not know; replay for those that they knew and came back to. The two are
never mixed: who recommends what everybody plays anyway would win. Strangers, of whom nothing is known, are apart too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from counterpoint.errors import CounterpointError
from counterpoint.recommend.interactions import ANY_DEVICE, Interactions
from counterpoint.recommend.models.protocol import Model, nothing_barred
from counterpoint.rng import generator
from counterpoint.stats.intervals import Estimate, bootstrap_each
from counterpoint.stats.labels import Weights
from counterpoint.stats.ranking import DEEPEST, METRICS, Lists, Reach, Relevant, list_metrics, measure_reach

NDCG: Final = "ndcg@10"
FEW: Final = 5  # songs that make a history
JUDGED: Final = 20_000  # listeners at most: enough for a third digit
WIN: Final = 0.01  # relative


@dataclass(frozen=True, eq=False)
class Task:
    """What is known, and what was chosen later.

    seen        : what is known, of all listeners
    who         : int64[n], the numbers of those judged by songs they did not know, ascending
    new         : what each of them chose of those
    again       : int64[m], the numbers of those who came back to songs they knew
    known       : what each of them came back to
    listeners   : how many chose anything later
    discoverers : of these, how many are known, and chose a song that they did not know
    strangers   : how many of these are not in `seen` at all
    cold        : what each of the strangers chose
    unreachable : share of the later pairs whose song nobody knew before
    """

    seen: Interactions
    who: NDArray[np.int64]
    new: Relevant
    again: NDArray[np.int64]
    known: Relevant
    listeners: int
    discoverers: int
    strangers: int
    cold: Relevant
    unreachable: float

    @property
    def nothing_known(self) -> Interactions:
        """The histories of the strangers in `cold`: empty, and without a device."""
        count = len(self.cold.counts)
        nobody = self.seen.pairs(np.zeros(len(self.seen.song), np.bool_)).rows(np.zeros(count, np.int64))
        return replace(nobody, device=np.full(count, ANY_DEVICE, np.int8))


def task(seen: Interactions, later: pl.DataFrame, *, seed: int, most: int = JUDGED) -> Task:
    """Return the task of telling from `seen` what was chosen `later` (uid, song_id; doubles count once).

    At most so many listeners are judged, drawn at random, and at most so many strangers.
    """
    pairs = later.unique()
    who, song = seen.listener_numbers(pairs["uid"]), seen.song_numbers(pairs["song_id"])
    people = pairs["uid"].n_unique()
    foreigners = pairs.filter(pl.Series(who < 0))["uid"].rank("dense").cast(pl.Int64).to_numpy() - 1
    unreachable = float((song < 0).mean()) if len(song) else 0.0
    # A song that nobody knew has a number beyond the catalogue: nobody can recommend it, and it counts as missed.
    foreign = song < 0
    song[foreign] = (
        len(seen.songs) + pairs["song_id"].filter(pl.Series(foreign)).rank("dense").cast(pl.Int64).to_numpy() - 1
    )
    span = int(song.max(initial=0)) + 1
    there = who >= 0
    key = np.sort(who[there] * span + song[there])
    own = seen.whose * span + seen.song
    place = np.minimum(np.searchsorted(own, key), max(0, len(own) - 1))
    known = own[place] == key if len(own) else np.zeros(len(key), np.bool_)
    rng = generator(seed)
    parts = [_drawn(key[kept], span, most, rng) for kept in (~known, known)]
    discoverers, strangers = len(np.unique(key[~known] // span)), int(foreigners.max(initial=-1)) + 1
    _, cold = _drawn(np.sort(foreigners * span + song[~there]), span, most, rng)
    return Task(seen, *parts[0], *parts[1], people, discoverers, strangers, cold, unreachable)


def _drawn(
    key: NDArray[np.int64], span: int, most: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], Relevant]:
    """Return the listeners, at most so many of them, and what each of them chose."""
    who, song = np.divmod(key, span)
    people, counts = np.unique(who, return_counts=True)
    whole = Relevant(np.append(0, np.cumsum(counts)), song)
    if len(people) <= most:
        return people, whole
    chosen = np.sort(rng.choice(len(people), most, replace=False))
    return people[chosen], whole.rows(chosen)


def lists_of(model: Model, given: Task) -> NDArray[np.int32]:
    """Return what a model would have had them discover, int32[listeners, 20]."""
    return model.top(given.seen.rows(given.who), DEEPEST, barred=nothing_barred(given.seen)).song


def ndcgs(lists: Lists, relevant: Relevant) -> NDArray[np.float64]:
    """Return the NDCG@10 of each list, float64[lists]."""
    return list_metrics(lists, relevant)[:, list(METRICS).index(NDCG)]


def gain(lists: Lists, relevant: Relevant) -> float:
    """Return the mean NDCG@10; nan of no list."""
    return float(ndcgs(lists, relevant).mean()) if len(lists) else np.nan


@dataclass(frozen=True)
class Judged:
    """How well one recommender did.

    metrics    : an estimate of each of `METRICS`
    ahead      : by how much its NDCG@10 is above that of others, relative, on the same resamples
    by_history : the NDCG@10 of those who knew 1 to 4 songs, and of those who knew more
    reach      : what its lists reach, whatever is right; None of replay, and where nobody knew anything
    """

    recommender: str
    metrics: Mapping[str, Estimate]
    ahead: Mapping[str, Estimate]
    by_history: Mapping[str, Estimate]
    reach: Reach | None

    def wins(self, over: str) -> bool:
        """Say whether it is ahead by 1 % or more, and surely ahead."""
        gap = self.ahead.get(over)
        return gap is not None and gap.value >= WIN and gap.low > 0


def judge(  # noqa: PLR0913  what is judged, by what, against what
    lists: Mapping[str, Lists],
    relevant: Relevant,
    who: NDArray[np.int64],
    seen: Interactions,
    *,
    baselines: Sequence[str],
    seed: int,
    resamples: int = 1000,
    again: bool = False,
) -> tuple[Judged, ...]:
    """Judge the lists of each recommender, int[listeners, 20], on the same listeners and resamples.

    Raises
    ------
    CounterpointError
        If there is no listener to judge by.
    """
    if not len(who):
        what = "came back to a song they knew" if again else "chose a song they did not know"
        raise CounterpointError(f"no listener {what} in the days to judge by")
    names = list(lists)
    each = np.stack([list_metrics(lists[name], relevant) for name in names])  # [recommenders, listeners, metrics]
    baselines = [name for name in baselines if name in names]
    history = seen.counts[who]
    groups = {f"1 to {FEW - 1} songs": (history > 0) & (history < FEW), f"{FEW} songs or more": history >= FEW}
    means, gaps = len(names) * len(METRICS), len(names) * len(baselines)

    def statistics(weights: Weights) -> NDArray[np.float64]:
        total = weights.sum()
        mean = np.einsum("rlm,l->rm", each, weights) / total
        base = mean[[names.index(name) for name in baselines], 0]
        with np.errstate(divide="ignore", invalid="ignore"):
            gap = mean[:, 0][:, None] / base - 1
            few = np.stack([each[:, of, 0] @ weights[of] / weights[of].sum() for of in groups.values()], axis=1)
        return np.concatenate([mean.ravel(), np.where(np.isfinite(gap), gap, np.nan).ravel(), few.ravel()])

    found = bootstrap_each(statistics, who, rng=seed, resamples=resamples)
    return tuple(
        Judged(
            name,
            _named(METRICS, found[at * len(METRICS) :]),
            {
                other: estimate
                for other, estimate in _named(baselines, found[means + at * len(baselines) :]).items()
                if other != name
            },
            {
                known: replace(estimate, count=int(groups[known].sum()))
                for known, estimate in _named(groups, found[means + gaps + at * len(groups) :]).items()
            },
            None if again or not history.any() else _reach(lists[name], seen, who),
        )
        for at, name in enumerate(names)
    )


def _named(names: Any, found: Sequence[Estimate | None]) -> dict[str, Estimate]:
    return {name: estimate for name, estimate in zip(names, found, strict=False) if estimate is not None}


def _reach(lists: Lists, seen: Interactions, who: NDArray[np.int64]) -> Reach:
    popularity = seen.known_by / max(1, len(seen))
    own = seen.rows(who)
    mean = np.bincount(own.whose, popularity[own.song], minlength=len(own)) / np.maximum(own.counts, 1)
    return measure_reach(lists, popularity, mean)

"""What does each refinement of a list do? The same lists with it and without, on the same listeners."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from counterpoint.recommend.context import HOUR_SQL, MONDAY, Lifts, known_as
from counterpoint.recommend.model_selection import STRENGTHS, surely_best
from counterpoint.recommend.models.protocol import Model, nothing_barred
from counterpoint.recommend.models.reranked import DEPTH, reordered
from counterpoint.recommend.ranking_evaluation import WIN, Task, ndcgs
from counterpoint.rng import generator
from counterpoint.snapshots.session import SnapshotSession
from counterpoint.stats.intervals import Estimate, bootstrap_each
from counterpoint.stats.labels import Weights
from counterpoint.stats.ranking import DEEPEST, Relevant

TIMES: Final = 20_000  # of listeners and times that a context is judged by, at most
FEWEST: Final = 100
DAYPART: Final = 4  # hours
WEEKEND: Final = 5  # Saturday


@dataclass(frozen=True)
class Effect:
    """What a refinement does to NDCG@10 of those whom it concerns.

    strength : that was chosen before; 0 if it was not seen to help, and is then not used
    plain, refined, ahead : NDCG@10 without and with it (at the strength chosen, or at 1), and the relative gap
    listed   : share of the first ten that it pushes down, without it and with it; empty of other refinements
    """

    name: str
    strength: float
    plain: Estimate
    refined: Estimate
    ahead: Estimate
    listed: tuple[float, ...] = ()

    @property
    def wins(self) -> bool:
        """Whether it is ahead by 1 % or more, and surely ahead."""
        return self.ahead.value >= WIN and self.ahead.low > 0


@dataclass(frozen=True, eq=False)
class Times:
    """Listeners at a time, and what they chose then of songs they did not know.

    who      : int64[n], numbers of listeners
    hour     : int64[n], the middle of a part of the day of four hours; -1 where the log has no clock
    weekday  : int64[n], Wednesday for all days from Monday to Friday, Saturday for the others
    relevant : what they chose
    """

    who: NDArray[np.int64]
    hour: NDArray[np.int64]
    weekday: NDArray[np.int64]
    relevant: Relevant


def times(session: SnapshotSession, given: Task, days: tuple[int, int], versions: pl.DataFrame, *, seed: int) -> Times:
    """Return when those judged on a task chose what they did, in the days (after, until] of `days`."""
    after, until = days
    pairs = pl.DataFrame(
        {
            "who": np.repeat(given.who, given.new.counts),
            "song": given.new.item.astype(np.int64),
        }
    )
    people = session.writer.stage() / "judged.parquet"
    given.seen.listeners[given.who].unique().to_frame("uid").write_parquet(people)
    session.engine.register("judged", [people])
    played = session.engine.fetch(
        f"SELECT uid, song_id, {HOUR_SQL} AS hour, (day + {MONDAY}) % 7 AS weekday FROM events WHERE kind = 'P'"
        f" AND uid IN (SELECT uid FROM judged) AND song_id IS NOT NULL AND day > {after} AND day <= {until}"
        f" GROUP BY uid, song_id, {HOUR_SQL}, (day + {MONDAY}) % 7"
    )
    seen = given.seen
    placed = played.select(
        pl.Series("who", seen.listener_numbers(played["uid"])),
        pl.Series("song", seen.song_numbers(known_as(played["song_id"], versions))),
        (pl.col("hour") // DAYPART * DAYPART + DAYPART // 2).fill_null(-1).alias("hour"),
        pl.when(pl.col("weekday") >= WEEKEND).then(5).otherwise(2).alias("weekday"),
    )
    rows = pairs.join(placed, on=["who", "song"]).unique().sort("who", "hour", "weekday", "song")
    of = rows.group_by("who", "hour", "weekday", maintain_order=True).len()
    start = np.append(0, np.cumsum(of["len"].to_numpy())).astype(np.int64)
    number, hour, weekday = (of[name].cast(pl.Int64).to_numpy() for name in ("who", "hour", "weekday"))
    whole = Times(number, hour, weekday, Relevant(start, rows["song"].to_numpy()))
    if of.height <= TIMES:
        return whole
    some = np.sort(generator(seed).choice(of.height, TIMES, replace=False))
    return Times(whole.who[some], whole.hour[some], whole.weekday[some], whole.relevant.rows(some))


def at_times(deep: NDArray[np.int32], when: Times, said: Lifts, strength: float) -> NDArray[np.float64]:
    """Return the NDCG@10 of each listener and time with a list for that time (strength 0: for any), float64[n].

    deep : int32[n, places], the list for any time
    """
    factor = np.empty(deep.shape)
    for hour, weekday in sorted(set(zip(when.hour.tolist(), when.weekday.tolist(), strict=True))):
        own = (when.hour == hour) & (when.weekday == weekday)
        factor[own] = (said.at(hour if hour >= 0 else None, weekday) ** np.float32(strength))[deep[own]]
    return ndcgs(reordered(deep, factor, DEEPEST).song, when.relevant)


def lists_at(model: Model, given: Task, when: Times) -> NDArray[np.int32]:
    """Return the list for any time of each listener and time, int32[n, 100]."""
    return model.top(given.seen.rows(when.who), DEPTH, barred=nothing_barred(given.seen)).song


def context_by(deep: NDArray[np.int32], when: Times, said: Lifts, *, seed: int) -> float:
    """Return the power of the lifts that surely wins, or 0; `deep` as `at_times` has it."""
    if len(when.who) < FEWEST:
        return 0.0
    tried = {strength: at_times(deep, when, said, strength) for strength in (0.0, *STRENGTHS)}
    return surely_best(tried, when.who, seed=seed)


def effect(
    name: str,
    strength: float,
    gains: tuple[NDArray[np.float64], NDArray[np.float64]],
    who: NDArray[np.int64],
    *,
    seed: int,
) -> Effect | None:
    """Return the effect of a refinement, from the NDCG@10 of each list without it and with it; None of too few."""
    plain = gains[0]
    if len(plain) < FEWEST or not plain.any():
        return None

    def statistics(weights: Weights) -> NDArray[np.float64]:
        before, after = (float(np.average(each, weights=weights)) for each in gains)
        return np.array([before, after, after / before - 1 if before else np.nan])

    before, after, ahead = bootstrap_each(statistics, who, rng=seed)
    return Effect(name, strength, before, after, ahead) if before and after and ahead else None

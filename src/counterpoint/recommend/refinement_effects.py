"""What does each refinement of a list do? The same lists with it and without, on the same listeners."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from counterpoint.recommend.catalogue import canonical_ids
from counterpoint.recommend.context import HOUR_SQL, MONDAY, Lifts
from counterpoint.recommend.model_selection import STRENGTHS, best_strength
from counterpoint.recommend.models.protocol import ListModel, nothing_excluded
from counterpoint.recommend.models.reranked import DEPTH, reordered
from counterpoint.recommend.prediction_task import PredictionTask
from counterpoint.recommend.ranking_evaluation import MIN_IMPROVEMENT, listener_ndcg
from counterpoint.rng import generator
from counterpoint.snapshots.session import SnapshotSession
from counterpoint.stats.intervals import Estimate, bootstrap_each
from counterpoint.stats.labels import Weights
from counterpoint.stats.ranking import DEEPEST, Relevant

MAX_TIMES: Final = 20_000  # listeners at a time that the context is evaluated on
MIN_LISTS: Final = 100
DAYPART_HOURS: Final = 4
SATURDAY: Final = 5


@dataclass(frozen=True, kw_only=True)
class RefinementEffect:
    """What a refinement does to NDCG@10 of those whom it concerns.

    strength        : that was chosen before; 0 if it was not seen to help, and is then not used
    without, refined : NDCG@10 without and with it (at the strength chosen, or at 1)
    improvement     : the relative gap
    listed          : share of the first ten that it pushes down, without it and with it; empty of other refinements
    """

    name: str
    strength: float
    without: Estimate
    refined: Estimate
    improvement: Estimate
    listed: tuple[float, ...] = ()

    @property
    def wins(self) -> bool:
        """Whether it is ahead by 1 % or more, and surely ahead."""
        return self.improvement.value >= MIN_IMPROVEMENT and self.improvement.low > 0


@dataclass(frozen=True, eq=False)
class ChoiceTimes:
    """Listeners at a time, and what they chose then of songs they did not know.

    listeners : int64[n], numbers of listeners
    hour      : int64[n], the middle of a part of the day of four hours; -1 where the log has no clock
    weekday   : int64[n], Wednesday for all days from Monday to Friday, Saturday for the others
    relevant  : what they chose
    """

    listeners: NDArray[np.int64]
    hour: NDArray[np.int64]
    weekday: NDArray[np.int64]
    relevant: Relevant


def choice_times(
    session: SnapshotSession, task: PredictionTask, days: tuple[int, int], versions: pl.DataFrame, *, seed: int
) -> ChoiceTimes:
    """Return when the discoverers of a task chose what they did, in the days (after, until] of `days`."""
    seen = task.seen
    discovered = pl.DataFrame(
        {
            "listener": np.repeat(task.discoverers, task.discovered.counts),
            "song": task.discovered.item.astype(np.int64),
        }
    )
    played = _plays_of(session, seen.listeners[task.discoverers].unique(), days)
    timed = played.select(
        pl.Series("listener", seen.listener_numbers(played["uid"])),
        pl.Series("song", seen.song_numbers(canonical_ids(played["song_id"], versions))),
        (pl.col("hour") // DAYPART_HOURS * DAYPART_HOURS + DAYPART_HOURS // 2).fill_null(-1).alias("hour"),
        pl.when(pl.col("weekday") >= SATURDAY).then(5).otherwise(2).alias("weekday"),
    )
    rows = discovered.join(timed, on=["listener", "song"]).unique().sort("listener", "hour", "weekday", "song")
    lists = rows.group_by("listener", "hour", "weekday", maintain_order=True).len()
    start = np.append(0, np.cumsum(lists["len"].to_numpy())).astype(np.int64)
    listeners, hour, weekday = (lists[name].cast(pl.Int64).to_numpy() for name in ("listener", "hour", "weekday"))
    relevant = Relevant(start, rows["song"].to_numpy())
    if lists.height <= MAX_TIMES:
        return ChoiceTimes(listeners, hour, weekday, relevant)
    sample = np.sort(generator(seed).choice(lists.height, MAX_TIMES, replace=False))
    return ChoiceTimes(listeners[sample], hour[sample], weekday[sample], relevant.rows(sample))


def _plays_of(session: SnapshotSession, uids: pl.Series, days: tuple[int, int]) -> pl.DataFrame:
    """Return when which songs were played by these listeners: uid, song_id, hour, weekday."""
    after, until = days
    file = session.writer.stage() / "judged.parquet"
    uids.to_frame("uid").write_parquet(file)
    session.engine.register("judged", [file])
    return session.engine.fetch(
        f"SELECT uid, song_id, {HOUR_SQL} AS hour, (day + {MONDAY}) % 7 AS weekday FROM events WHERE kind = 'P'"
        f" AND uid IN (SELECT uid FROM judged) AND song_id IS NOT NULL AND day > {after} AND day <= {until}"
        f" GROUP BY uid, song_id, {HOUR_SQL}, (day + {MONDAY}) % 7"
    )


def timed_ndcg(deep: NDArray[np.int32], times: ChoiceTimes, lifts: Lifts, strength: float) -> NDArray[np.float64]:
    """Return the NDCG@10 of each listener and time with a list for that time (strength 0: for any), float64[n].

    deep : int32[n, places], the list for any time
    """
    factor = np.empty(deep.shape)
    for hour, weekday in sorted(set(zip(times.hour.tolist(), times.weekday.tolist(), strict=True))):
        rows = (times.hour == hour) & (times.weekday == weekday)
        lift = lifts.at(hour if hour >= 0 else None, weekday)
        factor[rows] = (lift ** np.float32(strength))[deep[rows]]
    return listener_ndcg(reordered(deep, factor, DEEPEST).song, times.relevant)


def deep_lists(model: ListModel, task: PredictionTask, times: ChoiceTimes) -> NDArray[np.int32]:
    """Return the list for any time of each listener and time, int32[n, 100]."""
    return model.top(task.seen.rows(times.listeners), DEPTH, excluded=nothing_excluded(task.seen)).song


def select_context_strength(deep: NDArray[np.int32], times: ChoiceTimes, lifts: Lifts, *, seed: int) -> float:
    """Return the power of the lifts that surely wins, or 0; `deep` as `timed_ndcg` has it."""
    if len(times.listeners) < MIN_LISTS:
        return 0.0
    tried = {strength: timed_ndcg(deep, times, lifts, strength) for strength in (0.0, *STRENGTHS)}
    return best_strength(tried, times.listeners, seed=seed)


def measure_effect(
    name: str,
    strength: float,
    ndcg: tuple[NDArray[np.float64], NDArray[np.float64]],
    listeners: NDArray[np.int64],
    *,
    seed: int,
) -> RefinementEffect | None:
    """Return the effect of a refinement, from the NDCG@10 of each list without it and with it; None of too few."""
    plain = ndcg[0]
    if len(plain) < MIN_LISTS or not plain.any():
        return None

    def statistics(weights: Weights) -> NDArray[np.float64]:
        before, after = (float(np.average(each, weights=weights)) for each in ndcg)
        return np.array([before, after, after / before - 1 if before else np.nan])

    without, refined, improvement = bootstrap_each(statistics, listeners, rng=seed)
    if not (without and refined and improvement):
        return None
    return RefinementEffect(name=name, strength=strength, without=without, refined=refined, improvement=improvement)

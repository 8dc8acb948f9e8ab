"""A table of interactions split into what was known and what came later, without a log to roll through."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import polars as pl

from counterpoint.errors import CounterpointError
from counterpoint.events.schema import date
from counterpoint.recommend.interactions import aggregate_rows
from counterpoint.recommend.prediction_task import PredictionTask, make_task
from counterpoint.rng import generator

TENTHS: Final = 10  # of the pairs, one in each window of a table with days
HELD_OUT_TENTHS: Final = 2
MAX_WINDOWS: Final = 9  # that leave something to be known
HELD_OUT_SHARE: Final = 0.2  # of each listener's pairs, where there are no days


@dataclass(frozen=True, eq=False)
class TrainTestSplit:
    """What was known (rows as `parse_table` returns them), and what came `later` (uid, song_id).

    day, until : that is after `day`, up to `until`
    """

    day: str
    until: str
    known: pl.DataFrame
    later: pl.DataFrame


def split_windows(rows: pl.DataFrame, count: int, *, seed: int) -> tuple[TrainTestSplit, ...]:
    """Return so many splits of rows (as `parse_table` returns them).

    The last tenths by day, each after all before it; or random fifths of each listener's songs where a row has no day.

    Raises
    ------
    CounterpointError
        If more are asked for than there are tenths.
    """
    if not 1 <= count <= MAX_WINDOWS:
        raise CounterpointError(f"{count} windows of a table cannot be: 1 to {MAX_WINDOWS} would be right")
    if rows["last_day"].null_count():
        return tuple(_random_split(rows, seed + number) for number in range(count))
    cuts = [day_reached(rows["last_day"], TENTHS - before) for before in range(count, -1, -1)]
    splits = tuple(_split_by_day(rows, cut, end) for cut, end in pairwise(cuts) if cut < end)
    return splits or (_random_split(rows, seed),)


def hold_out(rows: pl.DataFrame, *, seed: int) -> PredictionTask:
    """Return the task to predict a fifth of the rows from the others: the last ones by day, or a random one."""
    split = _random_split(rows, seed)
    if not rows["last_day"].null_count():
        cut, end = (day_reached(rows["last_day"], tenths) for tenths in (TENTHS - HELD_OUT_TENTHS, TENTHS))
        split = _split_by_day(rows, cut, end) if cut < end else split
    return make_task(aggregate_rows(split.known), split.later, seed=seed)


def day_reached(days: pl.Series, tenths: int) -> int:
    """Return the day that so many tenths of the rows reach, counted in rows: a product of floats can be a row short.

    >>> day_reached(pl.Series(range(91)), 7)
    63
    """
    return int(days.sort()[(len(days) - 1) * tenths // TENTHS]) if len(days) else 0


def _split_by_day(rows: pl.DataFrame, cut: int, end: int) -> TrainTestSplit:
    later = rows.filter((pl.col("last_day") > cut) & (pl.col("last_day") <= end) & ~pl.col("disliked"))
    known = rows.filter(pl.col("last_day") <= cut)
    return TrainTestSplit(date(cut).isoformat(), date(end).isoformat(), known, later.select("uid", "song_id"))


def _random_split(rows: pl.DataFrame, seed: int) -> TrainTestSplit:
    """Return a split whose later part is a fifth of each listener's songs, at random."""
    pairs = rows.select("uid", "song_id").unique().sort("uid", "song_id")
    shuffled = pairs.with_columns(luck=pl.Series(generator(seed).random(pairs.height)))
    rank = pl.col("luck").rank("ordinal").over("uid")
    later = shuffled.filter(rank <= (pl.len().over("uid") * HELD_OUT_SHARE).round()).select("uid", "song_id")
    known = rows.join(later, on=["uid", "song_id"], how="anti", maintain_order="left")
    liked = later.join(rows.filter("disliked"), on=["uid", "song_id"], how="anti")
    return TrainTestSplit(f"random fifth, seed {seed}", "", known, liked)

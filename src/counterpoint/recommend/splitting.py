"""A table of interactions cut into what was known and what came later, without a log to roll through."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import polars as pl

from counterpoint.errors import CounterpointError
from counterpoint.events.schema import date
from counterpoint.recommend.interactions import gathered
from counterpoint.recommend.ranking_evaluation import Task, task
from counterpoint.rng import generator

TENTHS: Final = 10  # of the pairs, one in each window of a table with days
HELD_OUT_TENTHS: Final = 2
MOST: Final = 9  # tenths that leave something to be known
FIFTH: Final = 0.2  # of each listener's pairs, where there are none


@dataclass(frozen=True, eq=False)
class Slice:
    """What was known, and what came `later` (uid, song_id): after `at`, up to `until`."""

    at: str
    until: str
    known: pl.DataFrame
    later: pl.DataFrame


def slices(rows: pl.DataFrame, count: int, *, seed: int) -> tuple[Slice, ...]:
    """Return so many slices of rows (as `checked` has them).

    The last tenths by day, each after all before it; or random fifths of each listener's songs where a row has no day.

    Raises
    ------
    CounterpointError
        If more are asked for than there are tenths.
    """
    if not 1 <= count <= MOST:
        raise CounterpointError(f"{count} windows of a table cannot be: 1 to {MOST} would be right")
    if rows["last"].null_count():
        return tuple(_random(rows, seed + at) for at in range(count))
    cuts = [day_reached(rows["last"], TENTHS - before) for before in range(count, -1, -1)]
    found = tuple(_between(rows, cut, end) for cut, end in pairwise(cuts) if cut < end)
    return found or (_random(rows, seed),)


def held_out(rows: pl.DataFrame, *, seed: int) -> Task:
    """Return the task to tell a fifth of the rows from the others: the last ones by day, or a random one."""
    part = _random(rows, seed)
    if not rows["last"].null_count():
        cut, end = (day_reached(rows["last"], tenths) for tenths in (TENTHS - HELD_OUT_TENTHS, TENTHS))
        part = _between(rows, cut, end) if cut < end else part
    return task(gathered(part.known), part.later, seed=seed)


def day_reached(days: pl.Series, tenths: int) -> int:
    """Return the day that so many tenths of the rows reach, counted in rows: a product of floats can be a row short.

    >>> day_reached(pl.Series(range(91)), 7)
    63
    """
    return int(days.sort()[(len(days) - 1) * tenths // TENTHS]) if len(days) else 0


def _between(rows: pl.DataFrame, cut: int, end: int) -> Slice:
    later = rows.filter((pl.col("last") > cut) & (pl.col("last") <= end) & ~pl.col("disliked"))
    return Slice(
        date(cut).isoformat(), date(end).isoformat(), rows.filter(pl.col("last") <= cut), later.select("uid", "song_id")
    )


def _random(rows: pl.DataFrame, seed: int) -> Slice:
    """Return a slice whose later part is a fifth of each listener's songs, at random."""
    pairs = rows.select("uid", "song_id").unique().sort("uid", "song_id")
    drawn = pairs.with_columns(luck=pl.Series(generator(seed).random(pairs.height)))
    rank = pl.col("luck").rank("ordinal").over("uid")
    later = drawn.filter(rank <= (pl.len().over("uid") * FIFTH).round()).select("uid", "song_id")
    known = rows.join(later, on=["uid", "song_id"], how="anti", maintain_order="left")
    liked = later.join(rows.filter("disliked"), on=["uid", "song_id"], how="anti")
    return Slice(f"random fifth, seed {seed}", "", known, liked)

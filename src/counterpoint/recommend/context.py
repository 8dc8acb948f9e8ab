"""When is which style heard? Songs of a style that an hour or a day of the week favours go up then.

A style is what the user's table says of a song (a tag), or else its singer. Its lift at a time is its share of the
plays of that time over its share of all, drawn to 1 where few plays say so.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from counterpoint.errors import CounterpointError, suggestion
from counterpoint.events.schema import EPOCH
from counterpoint.recommend.models.reranked import Styles
from counterpoint.snapshots.session import SnapshotSession

HOURS: Final = 24
DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONDAY: Final = EPOCH.weekday()  # of day 0
DRAWN: Final = 50.0  # plays of an even spread that stand beside a style's own
NEAR: Final = 1  # hours to each side that count with an hour
HOUR_SQL: Final = "CAST(FLOOR(CAST(time_ms % 86400000 AS DOUBLE) / 3600000) AS BIGINT)"


@dataclass(frozen=True, eq=False)
class Lifts:
    """How much more of a song's style is heard at each time than at all times.

    hour    : float32[24, songs], 1 where the log has no clock
    weekday : float32[7, songs], Monday first
    """

    hour: NDArray[np.float32]
    weekday: NDArray[np.float32]

    def at(self, hour: int | None, weekday: int | None) -> NDArray[np.float32]:
        """Return the lift of each song at a time, float32[songs]."""
        lift = np.ones(self.hour.shape[1], np.float32)
        if hour is not None:
            lift = lift * self.hour[hour]
        return lift if weekday is None else lift * self.weekday[weekday]


def plays_by_time(session: SnapshotSession, after: int, until: int) -> pl.DataFrame:
    """Return how often each song was played, bots apart, in the days (after, until]: song_id, hour, weekday, n.

    hour is null without a clock; song_id is the version's own.
    """
    return session.engine.fetch(
        f"SELECT song_id, {HOUR_SQL} AS hour, (day + {MONDAY}) % 7 AS weekday, CAST(count(*) AS BIGINT) AS n"
        " FROM events WHERE kind = 'P' AND song_id IS NOT NULL AND uid IS NOT NULL"
        f" AND uid NOT IN (SELECT uid FROM bots) AND day > {after} AND day <= {until}"
        f" GROUP BY song_id, {HOUR_SQL}, (day + {MONDAY}) % 7"
    )


def known_as(ids: pl.Series, versions: pl.DataFrame | None) -> pl.Series:
    """Return the ids that songs go by: a version's that of its song, any other its own."""
    if versions is None or not versions.height:
        return ids
    asked = ids.alias("song_id").to_frame().join(versions, on="song_id", how="left", maintain_order="left")
    return asked.select(pl.coalesce("song", "song_id")).to_series()


def lifts(plays: pl.DataFrame, songs: pl.Series, styles: Styles, versions: pl.DataFrame | None = None) -> Lifts:
    """Return the lift of each song at each time.

    plays : as `plays_by_time` returns them
    songs : the songs' ids, in the order of `styles`; versions : as `styles_of` has them
    """
    own = pl.DataFrame({"song_id": songs, "style": styles.number}).filter(pl.col("style") >= 0)
    told = plays.with_columns(song_id=known_as(plays["song_id"], versions)).join(own, on="song_id")

    def counted(column: str, times: int) -> NDArray[np.float64]:
        found = np.zeros((times, styles.count))
        rows = told.drop_nulls(column).group_by(column, "style").agg(pl.sum("n"))
        found[rows[column].to_numpy(), rows["style"].to_numpy()] = rows["n"].to_numpy()
        return found

    hours = counted("hour", HOURS)
    hours = sum((np.roll(hours, step, axis=0) for step in range(-NEAR, NEAR + 1)), np.zeros_like(hours))
    return Lifts(*(_of_songs(_lift(counts), styles) for counts in (hours, counted("weekday", len(DAYS)))))


def _lift(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the lifts of styles, float64[times, styles]."""
    total = counts.sum()
    if not total:
        return np.ones_like(counts)
    expected: NDArray[np.float64] = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True) / total
    return np.asarray((counts + DRAWN) / (expected + DRAWN))


def _of_songs(lift: NDArray[np.float64], styles: Styles) -> NDArray[np.float32]:
    """Return the lift of each song's style, float32[times, songs]; 1 of a song without one."""
    with_none = np.append(lift, np.ones((len(lift), 1)), axis=1)
    return np.asarray(with_none[:, styles.number], np.float32)


def styles_of(names: pl.DataFrame, table: pl.DataFrame | None = None, versions: pl.DataFrame | None = None) -> Styles:
    """Return the style of each song: what a table (song_id, style) says of it first, or without a table its singer.

    names    : song_id, singer, in the order of the songs
    versions : song_id, song: another version's id, and the one that the song goes by

    Raises
    ------
    CounterpointError
        If the table has not these columns, or other ids than the songs.
    """
    if table is None:
        style = names["singer"].cast(pl.String)
    else:
        for column in ("song_id", "style"):
            if column not in table.columns:
                raise CounterpointError(f"the styles have no column {column!r}; {suggestion(column, table.columns)}")
        ids = table["song_id"].cast(names.schema["song_id"], strict=False)
        if ids.null_count():
            raise CounterpointError("the column 'song_id' of the styles holds what is no id of a song here")
        said = pl.DataFrame({"song_id": known_as(ids, versions), "style": table["style"].cast(pl.String)})
        first = said.unique("song_id", keep="first", maintain_order=True)
        style = names.join(first, on="song_id", how="left", maintain_order="left")["style"]
    return Styles((style.rank("dense").cast(pl.Int32).fill_null(0) - 1).to_numpy(), style.drop_nulls().n_unique())


def weekday_named(name: str) -> int:
    """Return the number of a day of the week, Monday 0; refuse another word."""
    for at, day in enumerate(DAYS):
        if day.lower() == name.lower():
            return at
    raise CounterpointError(f"{name!r} is no day of the week; {suggestion(name.capitalize(), DAYS)}")


def check_time(hour: int | None, weekday: int | None) -> None:
    """Refuse an hour or a day of the week that there is none of."""
    if hour is not None and not 0 <= hour < HOURS:
        raise CounterpointError(f"{hour} is no hour: 0 to 23 would be right")
    if weekday is not None and not 0 <= weekday < len(DAYS):
        raise CounterpointError(f"{weekday} is no day of the week: 0 (Monday) to 6 would be right")

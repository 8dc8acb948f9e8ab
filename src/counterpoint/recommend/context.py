"""When is which style heard? Songs of a style that an hour or a day of the week favours go up then.

A style is what the user's table says of a song (a tag), or else its singer. Its lift at a time is its share of the
plays of that time over its share of all, shrunk towards 1 where few plays say so.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from counterpoint.errors import CounterpointError, suggestion
from counterpoint.events.schema import EPOCH
from counterpoint.recommend.catalogue import canonical_ids
from counterpoint.recommend.styles import Styles
from counterpoint.snapshots.session import SnapshotSession

HOURS: Final = 24
WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONDAY: Final = EPOCH.weekday()  # of day 0
PRIOR_PLAYS: Final = 50.0  # of an even spread, that stand beside a style's own
ADJACENT_HOURS: Final = 1  # to each side, that count with an hour
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


def compute_lifts(plays: pl.DataFrame, songs: pl.Series, styles: Styles, versions: pl.DataFrame | None = None) -> Lifts:
    """Return the lift of each song at each time.

    plays : as `plays_by_time` returns them
    songs : the songs' ids, in the order of `styles`; versions : as `styles_of` has them
    """
    style = pl.DataFrame({"song_id": songs, "style": styles.number}).filter(pl.col("style") >= 0)
    of_styles = plays.with_columns(song_id=canonical_ids(plays["song_id"], versions)).join(style, on="song_id")

    def count_plays(column: str, times: int) -> NDArray[np.float64]:
        counts = np.zeros((times, styles.count))
        rows = of_styles.drop_nulls(column).group_by(column, "style").agg(pl.sum("n"))
        counts[rows[column].to_numpy(), rows["style"].to_numpy()] = rows["n"].to_numpy()
        return counts

    hours = count_plays("hour", HOURS)
    hours = sum(
        (np.roll(hours, step, axis=0) for step in range(-ADJACENT_HOURS, ADJACENT_HOURS + 1)), np.zeros_like(hours)
    )
    return Lifts(*(_of_songs(_lift(counts), styles) for counts in (hours, count_plays("weekday", len(WEEKDAYS)))))


def _lift(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the lifts of styles, float64[times, styles]."""
    total = counts.sum()
    if not total:
        return np.ones_like(counts)
    expected: NDArray[np.float64] = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True) / total
    return np.asarray((counts + PRIOR_PLAYS) / (expected + PRIOR_PLAYS))


def _of_songs(lift: NDArray[np.float64], styles: Styles) -> NDArray[np.float32]:
    """Return the lift of each song's style, float32[times, songs]; 1 of a song without one."""
    with_none = np.append(lift, np.ones((len(lift), 1)), axis=1)
    return np.asarray(with_none[:, styles.number], np.float32)


def weekday_named(name: str) -> int:
    """Return the number of a day of the week, Monday 0; refuse another word."""
    for number, day in enumerate(WEEKDAYS):
        if day.lower() == name.lower():
            return number
    raise CounterpointError(f"{name!r} is no day of the week; {suggestion(name.capitalize(), WEEKDAYS)}")


def check_time(hour: int | None, weekday: int | None) -> None:
    """Refuse an hour or a day of the week that there is none of."""
    if hour is not None and not 0 <= hour < HOURS:
        raise CounterpointError(f"{hour} is no hour: 0 to 23 would be right")
    if weekday is not None and not 0 <= weekday < len(WEEKDAYS):
        raise CounterpointError(f"{weekday} is no day of the week: 0 (Monday) to 6 would be right")

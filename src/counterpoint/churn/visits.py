"""Visits: the days on which each listener was active, which the hidden Markov model learns from."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from counterpoint.churn.feature_catalogue import EVENT_KINDS
from counterpoint.snapshots.session import SnapshotSession

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
HISTORY_DAYS: Final = 366  # days that it looks back
HEARD_TOTALS: Final = ("heard_0_to_20", "heard_larger_than_80", "heard")


@dataclass(frozen=True, eq=False)
class Visits:
    """Active days, one listener after another, each one's in order.

    first  : int64[listeners + 1], where each listener's begin
    day    : int64[visits]
    counts : float64[visits, k], events of each kind; `heard` : float64[visits, 3], plays of which less than a fifth,
             four fifths or more, and any known share was heard
    """

    first: Ints
    day: Ints
    counts: Floats
    heard: Floats

    @property
    def gap(self) -> Ints:
        """Days since the visit before, int64[visits]; 0 of a first visit."""
        gap = np.diff(self.day, prepend=self.day[:1])
        gap[self.first[:-1]] = 0
        return gap

    @property
    def last(self) -> Ints:
        """The day of each listener's last visit, int64[listeners]."""
        return self.day[self.first[1:] - 1]

    def of(self, listeners: Ints) -> "Visits":
        """Return the visits of some listeners."""
        sizes = np.diff(self.first)[listeners]
        first = np.concatenate([[0], np.cumsum(sizes)])
        rows = np.repeat(self.first[listeners] - first[:-1], sizes) + np.arange(first[-1])
        return Visits(first, self.day[rows], self.counts[rows], self.heard[rows])


def fetch_visits(session: SnapshotSession, until: int, where: str, listeners: pl.Series | None = None) -> Visits:
    """Return the active days up to the day `until`, `where` portable SQL says so, in the order of uid.

    Of these listeners, or of all.
    """
    columns = ", ".join((*EVENT_KINDS, *HEARD_TOTALS))
    rows = session.engine.fetch(f"SELECT uid, day, {columns} FROM rollup WHERE {in_history(until)} AND {where}")
    if listeners is not None:
        rows = rows.filter(pl.col("uid").is_in(listeners.implode()))
    rows = rows.sort("uid", "day")
    first = np.flatnonzero(rows["uid"].ne_missing(rows["uid"].shift(1)).to_numpy())
    counts, heard = (rows.select(names).cast(pl.Float64).to_numpy() for names in (list(EVENT_KINDS), HEARD_TOTALS))
    return Visits(np.append(first, rows.height), rows["day"].cast(pl.Int64).to_numpy(), counts, heard)


def in_history(until: int) -> str:
    """Return portable SQL: the days up to `until` that the model looks at."""
    return f"day <= {until} AND day > {until - HISTORY_DAYS}"

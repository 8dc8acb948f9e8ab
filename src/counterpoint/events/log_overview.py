"""What a workspace holds: the ledger of every log, and how its events spread over kinds, days and listeners."""

from dataclasses import dataclass
from math import floor, log10
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from counterpoint.errors import CounterpointError
from counterpoint.events.bots import bot_threshold
from counterpoint.events.ingestion import LOG, ledgers
from counterpoint.events.ledger import FileLedger
from counterpoint.storage.duckdb_engine import open_duckdb
from counterpoint.storage.engine import Engine
from counterpoint.storage.workspace import WorkspaceView

BINS_PER_DECADE = 2


@dataclass(frozen=True)
class ActivityBin:
    """How many listeners have so many events that their log10 lies in [low, high)."""

    low: float
    high: float
    listeners: int


@dataclass(frozen=True)
class Overview:
    """The state of a workspace's logs.

    events    : kind, day (since 1970-01-01) and the number of events, in that order
    activity  : histogram of log10 of the events a listener
    listeners : how many uids there are; events without one belong to nobody
    bots_from : the 99.9th percentile of plays a listener over all days (who reaches it counts as a bot); None if
                fewer than 1,000 listeners play
    """

    files: tuple[FileLedger, ...]
    events: tuple[tuple[str, int | None, int], ...]
    activity: tuple[ActivityBin, ...]
    listeners: int
    bots_from: float | None


def overview(view: WorkspaceView) -> Overview:
    """Look at all logs of a workspace.

    Raises
    ------
    CounterpointError
        If no log has been ingested.
    """
    logs = view.with_prefix(LOG)
    if not logs:
        raise CounterpointError(f"workspace {view.root} has no logs; `counterpoint events ingest LOGS...` first")
    with TemporaryDirectory() as scratch, open_duckdb(Path(scratch)) as engine:
        engine.register("events", [log.file("events.parquet") for log in logs])
        days = "SELECT kind, day, CAST(count(*) AS BIGINT) AS n FROM events GROUP BY kind, day ORDER BY kind, day"
        events = tuple((kind, day, n) for kind, day, n in engine.fetch(days).iter_rows())
        activity = _listeners_by_count(engine, "TRUE")
        threshold = bot_threshold(_listeners_by_count(engine, "kind = 'P'"))
    listeners = int(activity["listeners"].sum())
    bots_from = None if threshold is None else float(threshold)
    return Overview(ledgers(view), events, _bins(activity), listeners, bots_from)


def _listeners_by_count(engine: Engine, which: str) -> pl.DataFrame:
    """Return how many listeners have each number of events, of those that the condition `which` selects."""
    return engine.fetch(
        "SELECT plays, CAST(count(*) AS BIGINT) AS listeners FROM (SELECT uid, CAST(count(*) AS BIGINT) AS plays"
        f" FROM events WHERE uid IS NOT NULL AND {which} GROUP BY uid) p GROUP BY plays"
    )


def _bins(activity: pl.DataFrame) -> tuple[ActivityBin, ...]:
    counts: dict[int, int] = {}
    for events, listeners in activity.iter_rows():
        bin_ = floor(log10(events) * BINS_PER_DECADE)
        counts[bin_] = counts.get(bin_, 0) + listeners
    return tuple(
        ActivityBin(bin_ / BINS_PER_DECADE, (bin_ + 1) / BINS_PER_DECADE, counts.get(bin_, 0))
        for bin_ in range(max(counts, default=-1) + 1)
    )

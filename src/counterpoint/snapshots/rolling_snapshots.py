"""On which days snapshots are taken: the last whose outcome is known, and one outcome apart back from a given one."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from counterpoint.errors import CounterpointError
from counterpoint.events.coverage import measure_coverage
from counterpoint.events.schema import date
from counterpoint.snapshots.session import SnapshotSession, register_events
from counterpoint.snapshots.snapshot import Snapshot, Span
from counterpoint.storage.duckdb_engine import open_duckdb
from counterpoint.storage.workspace import open_workspace


def last_snapshot(workspace: Path, *, known_for: str | int = 30, outcome_for: str | int = 14) -> Snapshot:
    """Return the last snapshot whose outcome the workspace's logs have."""
    with open_workspace(workspace) as view, TemporaryDirectory() as scratch, open_duckdb(Path(scratch)) as engine:
        register_events(engine, view)
        last = date(measure_coverage(engine).last)
    return Snapshot.of(Span.of(outcome_for).until(last), known_for=known_for, outcome_for=outcome_for)


def preceding(snapshot: Snapshot) -> Snapshot:
    """Return the latest earlier snapshot whose outcome has ended by this one's day.

    >>> str(preceding(Snapshot.of("2017-04-28", outcome_for=14)).day)
    '2017-04-14'
    """
    return replace(snapshot, day=snapshot.outcome_for.until(snapshot.day))


def rolling_snapshots(session: SnapshotSession, newest: Snapshot, count: int) -> tuple[Snapshot, ...]:
    """Return a snapshot and those before it, newest first, as far as the logs go back, at most `count`.

    Each one's outcome ends where that of the next begins, so no day is the outcome of two.

    Raises
    ------
    CounterpointError
        If the logs do not cover the newest.
    """
    session.check_coverage(newest)
    snapshots = [newest]
    while len(snapshots) < count:
        earlier = preceding(snapshots[-1])
        try:
            session.check_coverage(earlier)
        except CounterpointError:
            break
        snapshots.append(earlier)
    return tuple(snapshots)

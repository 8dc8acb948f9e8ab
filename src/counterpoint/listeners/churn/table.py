"""From a workspace to the table that models learn from: cleaning, roll-up and snapshot, each made once and kept."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from counterpoint.errors import CounterpointError
from counterpoint.listeners.churn.features import Feature, catalogue, snapshot_sql
from counterpoint.listeners.churn.published import parts, rounded
from counterpoint.listeners.churn.snapshot import Snapshot, Span
from counterpoint.listeners.events.clean import Cleaning, cleaning, learn
from counterpoint.listeners.events.coverage import Coverage, coverage
from counterpoint.listeners.events.ingest import LOG, ledgers
from counterpoint.listeners.events.rollup import cleaning_report_sql, rollup_sql
from counterpoint.listeners.events.rules import AS_PUBLISHED, OURS, Practice
from counterpoint.listeners.events.schema import date
from counterpoint.tables.engine import Chosen, Engine, duckdb_engine, running
from counterpoint.tables.workspace import Folder, Staged, View, Writer, key_of, reading, writing

KINDS: Final = "PDS"
CLEANING: Final = "cleaning:"


@dataclass(frozen=True)
class ListenerTable:
    """One row a listener seen in a snapshot's known window, in the order of uid.

    rows : uid, bucket, churned (null where the outcome is not asked for), days_since_seen, events, then the features
    """

    snapshot: Snapshot
    features: tuple[Feature, ...]
    rows: pl.DataFrame

    @property
    def matrix(self) -> NDArray[np.float64]:
        """The features, float64[listeners, features]; what is missing is nan."""
        return self.rows.select(pl.col([f.name for f in self.features]).cast(pl.Float64)).to_numpy(order="c")

    @property
    def churned(self) -> NDArray[np.int64]:
        """The labels, int64[listeners]: 1 = not seen in the outcome window."""
        return self.rows["churned"].cast(pl.Int64).to_numpy()

    @property
    def bucket(self) -> NDArray[np.int64]:
        """Each listener's hash bucket, int64[listeners]."""
        return self.rows["bucket"].cast(pl.Int64).to_numpy()


@dataclass(frozen=True)
class Study:
    """A workspace under study: its writer, and an engine that knows its `events`."""

    writer: Writer
    engine: Engine

    def cleaning(self, snapshot: Snapshot, practice: Practice = OURS) -> Folder:
        """Return the cleaning learned on a snapshot's known window: cleaning.json, bots.parquet, report.parquet."""
        after, at, _ = snapshot.days
        key = key_of("cleaning", self.logs(), after, at, str(practice))
        name = f"{CLEANING}{after}:{at}" if practice == OURS else f"{practice.name}:{after}:{at}"
        return self._known(name, key) or self._learn(name, key, snapshot, practice)

    def table(
        self, snapshot: Snapshot, by: Folder, *, outcome: bool, kinds: Sequence[str] | None = None
    ) -> ListenerTable:
        """Return a snapshot's listeners, cleaned by the cleaning in the folder `by` (a cleaning's or a model's).

        The features are of the `kinds` of event given; by default of those that the logs have.

        Raises
        ------
        CounterpointError
            If the log does not cover the snapshot's windows, nobody was seen in the known one, or no features are left.
        """
        self.check(snapshot, outcome=outcome)
        if kinds is None:
            kinds = [kind for kind in KINDS if any(kind in account.kind for account in ledgers(self.writer.view))]
        if not kinds:
            raise CounterpointError("the logs have no plays, downloads or searches, and features are made of these")
        features = catalogue(snapshot.known_for, kinds=kinds)
        self.engine.know("rollup", [self._rollup(by).file("rollup.parquet")])
        published = cleaning_in(by).practice == AS_PUBLISHED.name
        wanted = parts(features) if published else features
        rows = self.engine.fetch(snapshot_sql(wanted, snapshot, outcome=outcome)).sort("uid")
        if not rows.height:
            raise CounterpointError(f"no listener was seen in the {snapshot.known_for.words} up to {snapshot.at}")
        return ListenerTable(snapshot, features, rounded(rows, features, snapshot) if published else rows)

    @cached_property
    def days(self) -> Coverage:
        """Which days the logs have."""
        return coverage(self.engine)

    def check(self, snapshot: Snapshot, *, outcome: bool = True) -> None:
        """Refuse a snapshot whose windows the logs do not cover."""
        after, at, end = snapshot.days
        if not outcome:
            self.days.check(after, at, f"a snapshot at {snapshot.at} with {snapshot.known_for.words} known")
            return
        what = f"a snapshot at {snapshot.at} with {snapshot.known_for.words} known and {snapshot.outcome_for.words}"
        self.days.check(after, end, f"{what} of outcome")
        self.days.check(at, end, f"the outcome of a snapshot at {snapshot.at}")

    def logs(self) -> list[str]:
        """Return the keys of all logs: what a table of theirs depends on."""
        return log_keys(self.writer.view)

    def _learn(self, name: str, key: str, snapshot: Snapshot, practice: Practice) -> Folder:
        folder, (after, at, _) = self.writer.stage(), snapshot.days
        how, bots = learn(self.engine, after=after, until=at, scratch=self.writer.scratch, practice=practice)
        (folder / "cleaning.json").write_text(how.text())
        bots.write_parquet(folder / "bots.parquet")
        self.engine.write(cleaning_report_sql(how), folder / "report.parquet")
        self.writer.commit(Staged(name, key, folder, {"bots": bots.height, "cleaning": how.text()}))
        return self.writer.view.folder(name)

    def _rollup(self, by: Folder) -> Folder:
        """Return the daily roll-up under one cleaning."""
        how = cleaning_in(by)
        digest = key_of(how.text(), sha256(by.file("bots.parquet").read_bytes()).hexdigest())
        name, key = f"rollup:{digest}", key_of("rollup", digest, self.logs(), rollup_sql(how))
        if kept := self._known(name, key):
            return kept
        folder = self.writer.stage()
        self.engine.know("bots", [by.file("bots.parquet")])
        self.engine.write(rollup_sql(how), folder / "rollup.parquet")
        self.writer.commit(Staged(name, key, folder, {"cleaning": how.text()}))
        return self.writer.view.folder(name)

    def _known(self, name: str, key: str) -> Folder | None:
        folder = self.writer.view.get(name)
        return folder if folder and folder.key == key else None


def listener_table(
    workspace: Path,
    snapshot: Snapshot,
    *,
    outcome: bool = True,
    as_published: bool = False,
    engine: Chosen = "duckdb",
) -> ListenerTable:
    """Return the listeners of a snapshot with their features and, if asked for, whether they left.

    `as_published` gives the study's own numbers, with its rounding, fills and thresholds: for comparison only.

    `engine` is "duckdb", "spark" or a Spark session of your own: the rows are the same.

    Raises
    ------
    CounterpointError
        If there is no workspace, or its logs do not cover the snapshot.
    """
    with writing(workspace) as writer, studied(writer, engine) as study:
        study.check(snapshot, outcome=outcome)
        by = study.cleaning(snapshot, AS_PUBLISHED if as_published else OURS)
        return study.table(snapshot, by, outcome=outcome)


def last_snapshot(workspace: Path, *, known_for: str | int = 30, outcome_for: str | int = 14) -> Snapshot:
    """Return the last snapshot whose outcome the workspace's logs have."""
    with reading(workspace) as view, TemporaryDirectory() as scratch, duckdb_engine(Path(scratch)) as engine:
        know_events(engine, view)
        last = date(coverage(engine).last)
    return Snapshot.of(Span.of(outcome_for).until(last), known_for=known_for, outcome_for=outcome_for)


def cleaning_in(folder: Folder) -> Cleaning:
    """Return the cleaning that a folder holds."""
    return cleaning(folder.file("cleaning.json").read_text())


def log_keys(view: View) -> list[str]:
    """Return the keys of a workspace's logs."""
    return [folder.key for folder in view.below(LOG)]


@contextmanager
def studied(writer: Writer, engine: Chosen = "duckdb") -> Iterator[Study]:
    """Yield a study of the workspace; refuse one without logs."""
    _logs(writer.view)
    with running(engine, writer.scratch) as ready:
        know_events(ready, writer.view)
        yield Study(writer, ready)


def know_events(engine: Engine, view: View) -> None:
    """Let `events` stand for the events of all logs of a workspace.

    Raises
    ------
    CounterpointError
        If no log has been ingested.
    """
    engine.know("events", [log.file("events.parquet") for log in _logs(view)])


def _logs(view: View) -> tuple[Folder, ...]:
    logs = view.below(LOG)
    if not logs:
        raise CounterpointError(f"workspace {view.root} has no logs; `counterpoint events ingest LOGS...` first")
    return logs

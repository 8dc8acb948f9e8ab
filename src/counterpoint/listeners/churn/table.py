"""From a workspace to the table that models learn from: cleaning, roll-up and snapshot, each made once and kept."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from counterpoint.errors import CounterpointError
from counterpoint.listeners.churn.features import Feature, catalogue, snapshot_sql
from counterpoint.listeners.churn.snapshot import Snapshot
from counterpoint.listeners.events.clean import RULES, Cleaning, cleaning, learn
from counterpoint.listeners.events.ingest import LOG, ledgers
from counterpoint.listeners.events.rollup import cleaning_report_sql, rollup_sql
from counterpoint.listeners.events.schema import date
from counterpoint.tables.engine import Engine, duckdb_engine
from counterpoint.tables.workspace import Folder, Staged, Writer, key_of, writing

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

    def cleaning(self, snapshot: Snapshot) -> Folder:
        """Return the cleaning learned on a snapshot's known window: cleaning.json, bots.parquet, report.parquet."""
        after, at, _ = snapshot.days
        key = key_of("cleaning", self.logs(), after, at, [str(rule) for rule in RULES])
        name = f"{CLEANING}{after}:{at}"
        return self._known(name, key) or self._learn(name, key, after, at)

    def table(self, snapshot: Snapshot, by: Folder, *, outcome: bool) -> ListenerTable:
        """Return a snapshot's listeners, cleaned by the cleaning in the folder `by` (a cleaning's or a model's).

        Raises
        ------
        CounterpointError
            If the log does not cover the snapshot's windows, or nobody was seen in the known one.
        """
        self.check(snapshot, outcome=outcome)
        kinds = [kind for kind in KINDS if any(kind in account.kind for account in ledgers(self.writer.view))]
        features = catalogue(snapshot.known_for, kinds=kinds)
        self.engine.know("rollup", [self._rollup(by).file("rollup.parquet")])
        rows = self.engine.fetch(snapshot_sql(features, snapshot, outcome=outcome)).sort("uid")
        if not rows.height:
            raise CounterpointError(f"no listener was seen in the {snapshot.known_for.words} up to {snapshot.at}")
        return ListenerTable(snapshot, features, rows)

    def check(self, snapshot: Snapshot, *, outcome: bool = True) -> None:
        """Refuse a snapshot whose windows the logs do not cover."""
        snapshot.check(*self._days(), outcome=outcome)

    def logs(self) -> list[str]:
        """Return the keys of all logs: what a table of theirs depends on."""
        return [folder.key for folder in self.writer.view.below(LOG)]

    def last_day(self) -> dt.date:
        """Return the last day that the logs have."""
        return date(self._days()[1])

    def _days(self) -> tuple[int, int]:
        days = [day for account in ledgers(self.writer.view) if account.days for day in account.days]
        return min(days), max(days)

    def _learn(self, name: str, key: str, after: int, at: int) -> Folder:
        folder = self.writer.stage()
        how, bots = learn(self.engine, after=after, until=at, scratch=self.writer.scratch)
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


def listener_table(workspace: Path, snapshot: Snapshot, *, outcome: bool = True) -> ListenerTable:
    """Return the listeners of a snapshot with their features and, if asked for, whether they left.

    Raises
    ------
    CounterpointError
        If there is no workspace, or its logs do not cover the snapshot.
    """
    with writing(workspace) as writer, studied(writer) as study:
        study.check(snapshot, outcome=outcome)
        return study.table(snapshot, study.cleaning(snapshot), outcome=outcome)


def cleaning_in(folder: Folder) -> Cleaning:
    """Return the cleaning that a folder holds."""
    return cleaning(folder.file("cleaning.json").read_text())


@contextmanager
def studied(writer: Writer) -> Iterator[Study]:
    """Yield a study of the workspace; refuse one without logs."""
    logs = writer.view.below(LOG)
    if not any(account.days for account in ledgers(writer.view)):
        raise CounterpointError(
            f"workspace {writer.view.root} has no events; `counterpoint events ingest LOGS...` first"
        )
    with duckdb_engine(writer.scratch) as engine:
        engine.know("events", [folder.file("events.parquet") for folder in logs])
        yield Study(writer, engine)

"""A workspace at work: an engine that knows its events; cleaning and daily roll-up, each made once and kept."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from counterpoint.errors import CounterpointError
from counterpoint.events.cleaning import Cleaning, fit_cleaning
from counterpoint.events.cleaning_rules import DEFAULT_RULES, RuleSet
from counterpoint.events.coverage import Coverage, measure_coverage
from counterpoint.events.daily_rollup import cleaning_report_sql, roll_up, rollup_sql
from counterpoint.events.ingestion import LOG
from counterpoint.snapshots.sampling import ALL_LISTENERS, Sample
from counterpoint.snapshots.snapshot import Snapshot
from counterpoint.storage import parquet
from counterpoint.storage.engine import Engine
from counterpoint.storage.engines import EngineChoice, open_engine
from counterpoint.storage.serializer import load, plain, save
from counterpoint.storage.workspace import Folder, Staged, WorkspaceView, WorkspaceWriter, key_of

CLEANING: Final = "cleaning:"
BOTS_FILE: Final = "bots.value.parquet"
CLEANING_FILES: Final = ("cleaning.json", "bots.json", BOTS_FILE)


@dataclass(frozen=True)
class SnapshotSession:
    """A workspace at work: its writer, and an engine that knows the `events` of the listeners in the sample."""

    writer: WorkspaceWriter
    engine: Engine
    sample: Sample = ALL_LISTENERS
    rules: RuleSet = DEFAULT_RULES

    @cached_property
    def coverage(self) -> Coverage:
        """Which days the logs have."""
        return measure_coverage(self.engine)

    def check_coverage(self, snapshot: Snapshot, *, outcome: bool = True) -> None:
        """Refuse a snapshot whose windows the logs do not cover."""
        after, day, end = snapshot.days
        if not outcome:
            self.coverage.check(after, day, f"a snapshot at {snapshot.day} with {snapshot.known_for.words} known")
            return
        windows = f"a snapshot at {snapshot.day} with {snapshot.known_for.words} known and {snapshot.outcome_for.words}"
        self.coverage.check(after, end, f"{windows} of outcome")
        self.coverage.check(day, end, f"the outcome of a snapshot at {snapshot.day}")

    def log_keys(self) -> list[str]:
        """Return the keys of all logs, and the sample: what a table of theirs depends on."""
        sample = [] if self.sample == ALL_LISTENERS else [self.sample.where]
        return log_keys(self.writer.view) + sample

    def kept(self, name: str, key: str) -> Folder | None:
        """Return the workspace's folder of that name if it was made from what `key` stands for."""
        folder = self.writer.view.get(name)
        return folder if folder and folder.key == key else None

    def cleaning(self, snapshot: Snapshot) -> Folder:
        """Return the cleaning learned on a snapshot's known window: the rules, its bots and a report.parquet."""
        after, day, _ = snapshot.days
        key = key_of("cleaning", self.log_keys(), after, day, str(self.rules))
        is_default = self.rules.name == DEFAULT_RULES.name and self.sample == ALL_LISTENERS
        name = (
            f"{CLEANING}{after}:{day}"
            if is_default
            else f"other {CLEANING}{self.rules.name}:{self.sample.share:g}:{after}:{day}"
        )
        return self.kept(name, key) or self._learn_cleaning(name, key, snapshot)

    def roll_up(self, cleaning: Folder) -> None:
        """Let `rollup` stand for the daily roll-up under the cleaning in a folder, made if it is not there."""
        self.engine.register("rollup", [self.rollup(cleaning).file("rollup")])

    def rollup(self, cleaning: Folder) -> Folder:
        """Return the daily roll-up under the cleaning in a folder (a cleaning's or a model's), made if need be."""
        fitted = cleaning_in(cleaning)
        sample = "" if self.sample == ALL_LISTENERS else self.sample.where
        digest = key_of(plain(fitted), bots_key(cleaning), sample)
        name, key = f"rollup:{digest}", key_of("rollup", digest, self.log_keys(), rollup_sql(fitted))
        if kept := self.kept(name, key):
            return kept
        folder = self.writer.stage()
        self.engine.register("bots", [cleaning.file(BOTS_FILE)])
        (folder / "rollup").mkdir()
        roll_up(self.engine, fitted, folder / "rollup")
        self.writer.commit(Staged(name, key, folder, {"cleaning": plain(fitted)}))
        return self.writer.view.folder(name)

    def _learn_cleaning(self, name: str, key: str, snapshot: Snapshot) -> Folder:
        folder, (after, day, _) = self.writer.stage(), snapshot.days
        fitted, bots = fit_cleaning(self.engine, after=after, until=day, scratch=self.writer.scratch, rules=self.rules)
        save(fitted, folder, "cleaning")
        save(bots, folder, "bots")
        self.engine.write(cleaning_report_sql(fitted), folder / "report.parquet")
        self.writer.commit(Staged(name, key, folder, {"bots": bots.height, "cleaning": plain(fitted)}))
        return self.writer.view.folder(name)


@contextmanager
def open_session(
    writer: WorkspaceWriter,
    engine: EngineChoice = "duckdb",
    sample: Sample = ALL_LISTENERS,
    rules: RuleSet = DEFAULT_RULES,
) -> Iterator[SnapshotSession]:
    """Yield a session over the workspace; refuse one without logs."""
    _logs(writer.view)
    with open_engine(engine, writer.scratch) as ready:
        register_events(ready, writer.view, sample)
        yield SnapshotSession(writer, ready, sample, rules)


def register_events(engine: Engine, view: WorkspaceView, sample: Sample = ALL_LISTENERS) -> None:
    """Let `events` stand for the events of all logs of a workspace, those of a sample of the listeners.

    Raises
    ------
    CounterpointError
        If no log has been ingested.
    """
    where = "" if sample == ALL_LISTENERS else sample.where
    engine.register("events", [log.file("events.parquet") for log in _logs(view)], where=where)


def cleaning_in(folder: Folder) -> Cleaning:
    """Return the cleaning that a folder holds."""
    return load(Cleaning, folder.path, "cleaning")


def copy_cleaning(cleaning: Folder, to: Path) -> None:
    """Copy a cleaning and its bots into another folder, which can then clean as this one does."""
    for name in CLEANING_FILES:
        (to / name).write_bytes(cleaning.file(name).read_bytes())


def bots_key(folder: Folder) -> str:
    """Return what stands for the bots that a folder names."""
    return key_of(parquet.read(folder.file(BOTS_FILE))["uid"].sort().to_list())


def log_keys(view: WorkspaceView) -> list[str]:
    """Return the keys of a workspace's logs."""
    return [folder.key for folder in view.with_prefix(LOG)]


def _logs(view: WorkspaceView) -> tuple[Folder, ...]:
    logs = view.with_prefix(LOG)
    if not logs:
        raise CounterpointError(f"workspace {view.root} has no logs; `counterpoint events ingest LOGS...` first")
    return logs

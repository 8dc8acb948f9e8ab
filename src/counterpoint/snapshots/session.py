"""From a workspace to the table that models learn from: cleaning, roll-up and snapshot, each made once and kept."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from counterpoint.churn.features import FORETOLD, RHYTHM, SINCE, Feature, catalogue, snapshot_sql
from counterpoint.churn.published import parts, rounded
from counterpoint.churn.training_set import FOLDS, Examples, Matrix, numbers
from counterpoint.churn.visit_hmm import (
    FEWEST,
    HEARD,
    HISTORY,
    LEARNING,
    LISTENERS,
    MODELS,
    Rhythm,
    Visits,
    foretold,
)
from counterpoint.churn.visit_hmm import learn as learn_rhythm
from counterpoint.errors import CounterpointError
from counterpoint.events.cleaning import Cleaning, cleaning, learn
from counterpoint.events.coverage import Coverage, coverage
from counterpoint.events.ingest import LOG, ledgers
from counterpoint.events.rollup import cleaning_report_sql, roll_up, rollup_sql
from counterpoint.events.rules import AS_PUBLISHED, OURS, Practice
from counterpoint.events.schema import BUCKETS, date
from counterpoint.rng import generator
from counterpoint.snapshots.snapshot import Snapshot, Span
from counterpoint.storage import parquet
from counterpoint.storage.duckdb_engine import open_duckdb
from counterpoint.storage.engine import Engine
from counterpoint.storage.engines import EngineChoice, open_engine
from counterpoint.storage.workspace import (
    Folder,
    Staged,
    WorkspaceView,
    WorkspaceWriter,
    edit_workspace,
    key_of,
    open_workspace,
)

KINDS: Final = "PDSLX"
STUDY_KINDS: Final = "PDS"
CLEANING: Final = "cleaning:"
DAYS_AT_ONCE: Final = 8_000_000  # rows of the roll-up that are looked at together


@dataclass(frozen=True)
class ListenerTable:
    """One row a listener seen in a snapshot's known window, in the order of uid.

    rows : uid, bucket, churned (null where the outcome is not asked for), days_since_seen, events, then the features
    """

    snapshot: Snapshot
    features: tuple[Feature, ...]
    rows: pl.DataFrame

    @property
    def matrix(self) -> Matrix:
        """The features, float64[listeners, features]; what is missing is nan."""
        return numbers(self.rows.select(self.names), self.names)

    @property
    def names(self) -> tuple[str, ...]:
        """The features' names."""
        return tuple(feature.name for feature in self.features)

    @property
    def fold(self) -> NDArray[np.int64]:
        """The fold of each listener, int64[listeners]."""
        return self.rows["bucket"].cast(pl.Int64).to_numpy() % FOLDS

    @property
    def examples(self) -> Examples:
        """The listeners with what became of them; the label is 1 where nothing was seen of them in the outcome."""
        y, bucket = (self.rows[name].cast(pl.Int64).to_numpy() for name in ("churned", "bucket"))
        return Examples(self.names, self.matrix, y, self.rows["uid"].to_numpy(), bucket)


@dataclass(frozen=True)
class Sample:
    """A share of the listeners, chosen by a hash of their uid: whoever is in it is so on every engine and in every run.

    >>> Sample(0.1).where == Sample(0.1).where, Sample(0.1, seed=1).where == Sample(0.1).where
    (True, False)
    """

    share: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise CounterpointError(f"a sample is a share of the listeners in (0, 1]; got {self.share}")

    @property
    def where(self) -> str:
        """Portable SQL: which events are of its listeners, those in the first buckets of a permutation."""
        rng = generator(self.seed)
        times = next(int(odd) for odd in 2 * rng.integers(BUCKETS // 2, size=100) + 1 if odd % 5)
        return (
            f"(CAST(bucket AS BIGINT) * {times} + {rng.integers(BUCKETS)}) % {BUCKETS} < {round(self.share * BUCKETS)}"
        )


EVERYBODY: Final = Sample()


@dataclass(frozen=True)
class SnapshotSession:
    """A workspace at work: its writer, and an engine that knows the `events` of the listeners in the sample."""

    writer: WorkspaceWriter
    engine: Engine
    sample: Sample = EVERYBODY
    practice: Practice = OURS

    def cleaning(self, snapshot: Snapshot) -> Folder:
        """Return the cleaning learned on a snapshot's known window: cleaning.json, bots.parquet, report.parquet."""
        after, at, _ = snapshot.days
        key = key_of("cleaning", self.logs(), after, at, str(self.practice))
        usual = self.practice.name == OURS.name and self.sample == EVERYBODY
        name = (
            f"{CLEANING}{after}:{at}"
            if usual
            else f"other {CLEANING}{self.practice.name}:{self.sample.share:g}:{after}:{at}"
        )
        return self._known(name, key) or self._learn(name, key, snapshot)

    def table(
        self, snapshot: Snapshot, by: Folder, *, outcome: bool, kinds: Sequence[str] | None = None, rhythm: bool = False
    ) -> ListenerTable:
        """Return a snapshot's listeners, cleaned by the cleaning in the folder `by` (a cleaning's or a model's).

        The features are of the `kinds` of event given, by default of those that the logs have; with `rhythm` they end
        with what the rhythm of visits foretells, where there are enough listeners to learn it from.

        Raises
        ------
        CounterpointError
            If the log does not cover the snapshot's windows, nobody was seen in the known one, or no features are left.
        """
        self.check(snapshot, outcome=outcome)
        published = cleaning_in(by).practice == AS_PUBLISHED.name
        if kinds is None:
            wanted = STUDY_KINDS if published else KINDS
            kinds = [kind for kind in wanted if any(kind in account.kind for account in ledgers(self.writer.view))]
        if not kinds:
            raise CounterpointError("the logs have no plays, downloads or searches, and features are made of these")
        features = catalogue(snapshot.known_for, kinds=kinds)
        self.roll_up(by)
        asked = parts(features) if published else features
        rows = self.engine.fetch(snapshot_sql(asked, snapshot, outcome=outcome)).sort("uid")
        if not rows.height:
            raise CounterpointError(f"no listener was seen in the {snapshot.known_for.words} up to {snapshot.day}")
        if published:
            return ListenerTable(snapshot, features, rounded(rows, features, snapshot))
        models = self.rhythms(by) if rhythm else ()
        if not models:
            return ListenerTable(snapshot, features, rows)
        _, at, end = snapshot.days
        found = np.empty((rows.height, 2))
        shares = self._parts(at)
        places = rows.select("uid", pl.col("bucket").cast(pl.Int64) % shares, place=pl.int_range(pl.len()))
        for part in range(shares):
            own = places.filter(pl.col("bucket") == part)
            seen = self._visits(at, f"CAST(bucket AS BIGINT) % {shares} = {part}", own["uid"])
            found[own["place"].to_numpy()] = foretold(models, seen, until=at, ahead=end - at)
        said, grown = 1 / (1 + np.exp(-found[:, 0])), np.exp(found[:, 1] - found[:, 0])
        told = rows.with_columns(pl.Series(FORETOLD, said), pl.Series(SINCE, grown))
        return ListenerTable(snapshot, (*features, *RHYTHM), told)

    def rhythms(self, by: Folder) -> tuple[Rhythm, ...]:
        """Return the rhythm of visits that the folder `by` holds, or that everybody seen up to its cleaning teaches.

        None where these are too few.
        """
        until = cleaning_in(by).until
        if not (by.path / rhythm_file(0)).exists():
            rollup = self._rollup(by)
            name = f"rhythm:{rollup.name.removeprefix('rollup:')}"
            key = key_of("rhythm", rollup.key, until, LEARNING)
            by = self._known(name, key) or self._learn_rhythm(name, key, by, until)
        files = [by.path / rhythm_file(at) for at in range(MODELS)]
        return tuple(Rhythm.read(file.read_bytes()) for file in files if file.exists())

    def _learn_rhythm(self, name: str, key: str, by: Folder, until: int) -> Folder:
        folder = self.writer.stage()
        self.roll_up(by)
        people = self.engine.fetch(f"SELECT count(DISTINCT uid) AS n FROM rollup WHERE {_looked_at(until)}").item()
        # A few more than are learned from, by whole buckets.
        buckets = min(BUCKETS, -(-6 * LISTENERS * BUCKETS // (5 * max(people, 1))))
        seen = self._visits(until, f"bucket < {buckets}")
        if len(seen.first) > FEWEST:
            for at in range(MODELS):
                (folder / rhythm_file(at)).write_bytes(learn_rhythm(seen, until=until, seed=at).content())
        self.writer.commit(Staged(name, key, folder, {"until": until}))
        return self.writer.view.folder(name)

    def _parts(self, until: int) -> int:
        """Return in how many parts the active days up to a day fit a small memory."""
        rows = self.engine.fetch(f"SELECT count(*) AS n FROM rollup WHERE {_looked_at(until)}").item()
        return max(1, -(-int(rows) // DAYS_AT_ONCE))

    def _visits(self, until: int, where: str, of: pl.Series | None = None) -> Visits:
        """Return the active days up to the day `until`, `where` portable SQL says so, in the order of uid.

        Of these listeners, or of all.
        """
        columns = ", ".join((*KINDS, *HEARD))
        rows = self.engine.fetch(f"SELECT uid, day, {columns} FROM rollup WHERE {_looked_at(until)} AND {where}")
        if of is not None:
            rows = rows.filter(pl.col("uid").is_in(of.implode()))
        rows = rows.sort("uid", "day")
        first = np.flatnonzero(rows["uid"].ne_missing(rows["uid"].shift(1)).to_numpy())
        numbers = {
            name: rows.select(names).cast(pl.Float64).to_numpy() for name, names in (("c", list(KINDS)), ("h", HEARD))
        }
        return Visits(np.append(first, rows.height), rows["day"].cast(pl.Int64).to_numpy(), numbers["c"], numbers["h"])

    def roll_up(self, by: Folder) -> None:
        """Let `rollup` stand for the daily roll-up under the cleaning in the folder `by`, made if it is not there."""
        self.engine.register("rollup", [self._rollup(by).file("rollup")])

    @cached_property
    def days(self) -> Coverage:
        """Which days the logs have."""
        return coverage(self.engine)

    def check(self, snapshot: Snapshot, *, outcome: bool = True) -> None:
        """Refuse a snapshot whose windows the logs do not cover."""
        after, at, end = snapshot.days
        if not outcome:
            self.days.check(after, at, f"a snapshot at {snapshot.day} with {snapshot.known_for.words} known")
            return
        what = f"a snapshot at {snapshot.day} with {snapshot.known_for.words} known and {snapshot.outcome_for.words}"
        self.days.check(after, end, f"{what} of outcome")
        self.days.check(at, end, f"the outcome of a snapshot at {snapshot.day}")

    def before(self, snapshot: Snapshot, count: int) -> tuple[Snapshot, ...]:
        """Return a snapshot and those before it, newest first, as far as the logs go back, at most `count`.

        Each one's outcome ends where that of the next begins, so no day is the outcome of two.
        """
        self.check(snapshot)
        found = [snapshot]
        while len(found) < count:
            earlier = replace(snapshot, day=snapshot.outcome_for.until(found[-1].day))
            try:
                self.check(earlier)
            except CounterpointError:
                break
            found.append(earlier)
        return tuple(found)

    def logs(self) -> list[str]:
        """Return the keys of all logs, and the sample: what a table of theirs depends on."""
        sample = [] if self.sample == EVERYBODY else [self.sample.where]
        return log_keys(self.writer.view) + sample

    def _learn(self, name: str, key: str, snapshot: Snapshot) -> Folder:
        folder, (after, at, _) = self.writer.stage(), snapshot.days
        how, bots = learn(self.engine, after=after, until=at, scratch=self.writer.scratch, practice=self.practice)
        (folder / "cleaning.json").write_text(how.text())
        bots.write_parquet(folder / "bots.parquet")
        self.engine.write(cleaning_report_sql(how), folder / "report.parquet")
        self.writer.commit(Staged(name, key, folder, {"bots": bots.height, "cleaning": how.text()}))
        return self.writer.view.folder(name)

    def _rollup(self, by: Folder) -> Folder:
        """Return the daily roll-up under one cleaning."""
        how = cleaning_in(by)
        digest = key_of(how.text(), bots_in(by), "" if self.sample == EVERYBODY else self.sample.where)
        name, key = f"rollup:{digest}", key_of("rollup", digest, self.logs(), rollup_sql(how))
        if kept := self._known(name, key):
            return kept
        folder = self.writer.stage()
        self.engine.register("bots", [by.file("bots.parquet")])
        (folder / "rollup").mkdir()
        roll_up(self.engine, how, folder / "rollup")
        self.writer.commit(Staged(name, key, folder, {"cleaning": how.text()}))
        return self.writer.view.folder(name)

    def _known(self, name: str, key: str) -> Folder | None:
        folder = self.writer.view.get(name)
        return folder if folder and folder.key == key else None


def _looked_at(until: int) -> str:
    """Return portable SQL: the days up to `until` that the rhythm looks at."""
    return f"day <= {until} AND day > {until - HISTORY}"


def rhythm_file(at: int) -> str:
    """Return the name of the file that holds a model of the rhythm."""
    return f"rhythm-{at}.npz"


def listener_table(  # noqa: PLR0913  all but two are options
    workspace: Path,
    snapshot: Snapshot,
    *,
    outcome: bool = True,
    practice: Practice = OURS,
    cleaned_by: Snapshot | None = None,
    sample: Sample = EVERYBODY,
    rhythm: bool = False,
    engine: EngineChoice = "duckdb",
) -> ListenerTable:
    """Return the listeners of a snapshot with their features and, if asked for, whether they left.

    `practice` is the way of cleaning; AS_PUBLISHED gives the study's own numbers, with its rounding, fills and
    thresholds: for comparison only.

    `cleaned_by` is the snapshot whose known days say how to clean, by default this one: several snapshots that are
    cleaned alike share one roll-up, and take seconds after the first.
    `sample` keeps a share of the listeners, cleaning and all. `rhythm` adds what the rhythm of visits foretells.
    `engine` is "duckdb", "spark" or a Spark session of your own: the rows are the same.

    Raises
    ------
    CounterpointError
        If there is no workspace, or its logs do not cover the snapshot.
    """
    with edit_workspace(workspace) as writer, open_session(writer, engine, sample, practice) as session:
        session.check(snapshot, outcome=outcome)
        by = session.cleaning(cleaned_by or snapshot)
        return session.table(snapshot, by, outcome=outcome, rhythm=rhythm)


def last_snapshot(workspace: Path, *, known_for: str | int = 30, outcome_for: str | int = 14) -> Snapshot:
    """Return the last snapshot whose outcome the workspace's logs have."""
    with open_workspace(workspace) as view, TemporaryDirectory() as scratch, open_duckdb(Path(scratch)) as engine:
        register_events(engine, view)
        last = date(coverage(engine).last)
    return Snapshot.of(Span.of(outcome_for).until(last), known_for=known_for, outcome_for=outcome_for)


def cleaning_in(folder: Folder) -> Cleaning:
    """Return the cleaning that a folder holds."""
    return cleaning(folder.file("cleaning.json").read_text())


def bots_in(folder: Folder) -> str:
    """Return what stands for the bots that a folder names."""
    return key_of(parquet.read(folder.file("bots.parquet"))["uid"].sort().to_list())


def log_keys(view: WorkspaceView) -> list[str]:
    """Return the keys of a workspace's logs."""
    return [folder.key for folder in view.with_prefix(LOG)]


@contextmanager
def open_session(
    writer: WorkspaceWriter, engine: EngineChoice = "duckdb", sample: Sample = EVERYBODY, practice: Practice = OURS
) -> Iterator[SnapshotSession]:
    """Yield a session over the workspace; refuse one without logs."""
    _logs(writer.view)
    with open_engine(engine, writer.scratch) as ready:
        register_events(ready, writer.view, sample)
        yield SnapshotSession(writer, ready, sample, practice)


def register_events(engine: Engine, view: WorkspaceView, sample: Sample = EVERYBODY) -> None:
    """Let `events` stand for the events of all logs of a workspace, those of a sample of the listeners.

    Raises
    ------
    CounterpointError
        If no log has been ingested.
    """
    where = "" if sample == EVERYBODY else sample.where
    engine.register("events", [log.file("events.parquet") for log in _logs(view)], where=where)


def _logs(view: WorkspaceView) -> tuple[Folder, ...]:
    logs = view.with_prefix(LOG)
    if not logs:
        raise CounterpointError(f"workspace {view.root} has no logs; `counterpoint events ingest LOGS...` first")
    return logs

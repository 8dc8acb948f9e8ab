"""Does it get better? Churn by when listeners were first seen, over rolling snapshots, and how long cohorts last."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from counterpoint.errors import CounterpointError
from counterpoint.events import rules
from counterpoint.events.rules import Practice
from counterpoint.events.schema import date
from counterpoint.snapshots.session import SnapshotSession, open_session
from counterpoint.snapshots.snapshot import Snapshot, Span
from counterpoint.stats.intervals import Estimate, wilson
from counterpoint.stats.survival import Step, median_survival, survival
from counterpoint.storage.engines import EngineChoice
from counterpoint.storage.workspace import Staged, WorkspaceView, edit_workspace, key_of

COHORTS: Final = "cohorts:churn"
BY: Final = ("week", "month")
ALL: Final = "all"
LATER: Final = "all first seen later"


@dataclass(frozen=True)
class Churned:
    """Of a cohort's listeners known at a snapshot, the share that left."""

    cohort: str
    at: str
    left: Estimate


@dataclass(frozen=True)
class Lasting:
    """How long a cohort lasts: the share still there so many days after they were first seen (Kaplan & Meier 1958)."""

    cohort: str
    listeners: int
    left: int
    curve: tuple[Step, ...]
    median: int | None


@dataclass(frozen=True)
class Cohorts:
    """Listeners by the week or month in which the log first shows them.

    churned : every cohort at every snapshot, oldest first; "all" is everybody known at a snapshot
    lasting : every cohort, and before them those together who came after the first

    The first cohort holds whoever was there before the log began, however long: its name says so.
    """

    by: str
    known_for: str
    outcome_for: str
    first: str
    last: str
    logs: str
    churned: tuple[Churned, ...]
    lasting: tuple[Lasting, ...]


def cohorts(
    workspace: Path,
    *,
    by: str = "week",
    known_for: str | int = 30,
    outcome_for: str | int = 14,
    practice: Practice = rules.OURS,
    engine: EngineChoice = "duckdb",
) -> Cohorts:
    """Follow the listeners of a workspace by the week or month in which they were first seen, and keep the result.

    Snapshots lie one outcome apart, back from the last whose outcome the log has, as far as the log goes. How long
    a cohort lasts goes by the last silence: who came back after one had not left. Everybody is followed up to the
    last day whose outcome the log has.

    Raises
    ------
    CounterpointError
        If there is no log, it is too short for one snapshot, or `by` is neither week nor month.
    """
    if by not in BY:
        raise CounterpointError(f"cohorts are by week or month, not by {by!r}")
    with edit_workspace(workspace) as writer, open_session(writer, engine, practice=practice) as session:
        last = Span.of(outcome_for).until(date(session.days.last))
        newest = Snapshot.of(last, known_for=known_for, outcome_for=outcome_for)
        snapshots = session.before(newest, session.days.last - session.days.first + 1)
        lives = _lives(session, newest)
        first, until = session.days.first, session.days.last
        named = _named(lives, first, by)
        found = Cohorts(
            by=by,
            known_for=str(newest.known_for),
            outcome_for=str(newest.outcome_for),
            first=date(first).isoformat(),
            last=date(until).isoformat(),
            logs=key_of(session.logs()),
            churned=tuple(_churned(session, newest, snapshots, named)),
            lasting=tuple(_lasting(named, until, newest)),
        )
        folder = writer.stage()
        (folder / "cohorts.json").write_text(json.dumps(asdict(found)))
        writer.commit(Staged(COHORTS, key_of(COHORTS, asdict(found)), folder, {"by": by}))
    return found


def _lives(session: SnapshotSession, newest: Snapshot) -> pl.DataFrame:
    """Return uid, first and last day on which each listener was seen, in the whole log."""
    session.roll_up(session.cleaning(newest))
    return session.engine.fetch("SELECT uid, min(day) AS first, max(day) AS last FROM rollup GROUP BY uid")


def _named(lives: pl.DataFrame, log_from: int, by: str) -> pl.DataFrame:
    """Name each listener's cohort by its first day; whoever came in the log's first such period may be older."""
    day = pl.from_epoch("first", time_unit="d")
    begins = day.dt.truncate("1w" if by == "week" else "1mo")
    earliest = pl.select(pl.from_epoch(pl.lit(log_from), time_unit="d").dt.truncate("1w" if by == "week" else "1mo"))
    old = begins == earliest.item()
    return lives.with_columns(
        cohort=pl.when(old)
        .then(begins.dt.to_string("%Y-%m-%d") + " or before")
        .otherwise(begins.dt.to_string("%Y-%m-%d")),
        old=old,
    )


def _churned(
    session: SnapshotSession, newest: Snapshot, snapshots: tuple[Snapshot, ...], named: pl.DataFrame
) -> list[Churned]:
    cleaning, found = session.cleaning(newest), []
    for snapshot in reversed(snapshots):
        rows = session.table(snapshot, cleaning, outcome=True).rows.select("uid", "churned")
        known = rows.join(named.select("uid", "cohort"), on="uid", how="left")
        counts = known.group_by("cohort").agg(left=pl.col("churned").sum(), n=pl.len()).sort("cohort")
        at = snapshot.day.isoformat()
        found.append(Churned(ALL, at, wilson(int(known["churned"].sum()), known.height)))
        found += [Churned(cohort, at, wilson(int(left), n)) for cohort, left, n in counts.iter_rows()]
    return found


def _lasting(named: pl.DataFrame, until: int, newest: Snapshot) -> list[Lasting]:
    """Return how long each cohort lasts: until the last day seen, if the silence after it counts as leaving.

    After the last day whose silence the log can show, nobody can be seen to leave: all are followed up to that day
    only, and who came later is not followed at all.
    """
    leaves_by = (newest.outcome_for.until(date(until)) - date(0)).days
    known = named.filter(pl.col("first") <= leaves_by).with_columns(
        days=pl.min_horizontal("last", leaves_by) - pl.col("first"), left=pl.col("last") <= leaves_by
    )
    rows = [_life(str(part["cohort"][0]), part) for part in known.sort("cohort").partition_by("cohort")]
    within = known.filter(~pl.col("old"))
    return [*([_life(LATER, within)] if within.height else []), *rows]


def _life(cohort: str, part: pl.DataFrame) -> Lasting:
    days: NDArray[np.int64] = part["days"].cast(pl.Int64).to_numpy()
    left = part["left"].to_numpy()
    curve = survival(days, left)
    return Lasting(cohort, len(days), int(left.sum()), curve, median_survival(curve))


def cohorts_in(view: WorkspaceView) -> Cohorts | None:
    """Return the cohorts that a workspace keeps."""
    folder = view.get(COHORTS)
    if folder is None:
        return None
    made: dict[str, Any] = json.loads(folder.file("cohorts.json").read_text())
    churned = tuple(Churned(**{**row, "left": Estimate(**row["left"])}) for row in made["churned"])
    lasting = tuple(
        Lasting(
            **{
                **row,
                "curve": tuple(Step(**{**step, "share": Estimate(**step["share"])}) for step in row["curve"]),
            }
        )
        for row in made["lasting"]
    )
    return Cohorts(**{**made, "churned": churned, "lasting": lasting})

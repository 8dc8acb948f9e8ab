"""Does it get better? Churn by when listeners were first seen, over rolling snapshots, and how long cohorts last."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from counterpoint.churn.feature_table import churn_table
from counterpoint.errors import CounterpointError
from counterpoint.events import cleaning_rules
from counterpoint.events.cleaning_rules import RuleSet
from counterpoint.events.schema import date
from counterpoint.snapshots.rolling_snapshots import rolling_snapshots
from counterpoint.snapshots.session import SnapshotSession, open_session
from counterpoint.snapshots.snapshot import Snapshot, Span
from counterpoint.stats.intervals import Estimate, wilson
from counterpoint.stats.survival import Step, kaplan_meier, median_survival
from counterpoint.storage.engines import EngineChoice
from counterpoint.storage.results import keep, kept
from counterpoint.storage.serializer import plain
from counterpoint.storage.workspace import WorkspaceView, edit_workspace, key_of

COHORTS: Final = "cohorts:churn"
PERIODS: Final = ("week", "month")
ALL: Final = "all"
ALL_LATER: Final = "all first seen later"


@dataclass(frozen=True)
class CohortChurn:
    """Of a cohort's listeners known at a snapshot, the share that left."""

    cohort: str
    day: str
    left: Estimate


@dataclass(frozen=True)
class CohortSurvival:
    """How long a cohort lasts: the share still there so many days after they were first seen (Kaplan & Meier 1958)."""

    cohort: str
    listeners: int
    left: int
    curve: tuple[Step, ...]
    median: int | None


@dataclass(frozen=True, kw_only=True)
class Cohorts:
    """Listeners by the week or month in which the log first shows them.

    churn    : every cohort at every snapshot, oldest first; "all" is everybody known at a snapshot
    survival : every cohort, and before them those together who came after the first

    The first cohort holds whoever was there before the log began, however long: its name says so.
    """

    period: str
    known_for: str
    outcome_for: str
    first: str
    last: str
    log_key: str
    churn: tuple[CohortChurn, ...]
    survival: tuple[CohortSurvival, ...]


def follow_cohorts(
    workspace: Path,
    *,
    period: str = "week",
    known_for: str | int = 30,
    outcome_for: str | int = 14,
    rules: RuleSet = cleaning_rules.DEFAULT_RULES,
    engine: EngineChoice = "duckdb",
) -> Cohorts:
    """Follow the listeners of a workspace by the week or month in which they were first seen, and keep the result.

    Snapshots lie one outcome apart, back from the last whose outcome the log has, as far as the log goes. How long
    a cohort lasts goes by the last silence: who came back after one had not left. Everybody is followed up to the
    last day whose outcome the log has.

    Raises
    ------
    CounterpointError
        If there is no log, it is too short for one snapshot, or `period` is neither week nor month.
    """
    if period not in PERIODS:
        raise CounterpointError(f"cohorts are by week or month, not by {period!r}")
    with edit_workspace(workspace) as writer, open_session(writer, engine, rules=rules) as session:
        last = Span.of(outcome_for).until(date(session.coverage.last))
        newest = Snapshot.of(last, known_for=known_for, outcome_for=outcome_for)
        snapshots = rolling_snapshots(session, newest, session.coverage.last - session.coverage.first + 1)
        lives = _lives(session, newest)
        first, until = session.coverage.first, session.coverage.last
        listeners = _with_cohort(lives, first, period)
        cohorts = Cohorts(
            period=period,
            known_for=str(newest.known_for),
            outcome_for=str(newest.outcome_for),
            first=date(first).isoformat(),
            last=date(until).isoformat(),
            log_key=key_of(session.log_keys()),
            churn=tuple(_churn(session, newest, snapshots, listeners)),
            survival=tuple(_survival(listeners, until, newest)),
        )
        keep(writer, COHORTS, key_of(COHORTS, plain(cohorts)), cohorts)
    return cohorts


def _lives(session: SnapshotSession, newest: Snapshot) -> pl.DataFrame:
    """Return uid, first and last day on which each listener was seen, in the whole log."""
    session.roll_up(session.cleaning(newest))
    return session.engine.fetch("SELECT uid, min(day) AS first, max(day) AS last FROM rollup GROUP BY uid")


def _with_cohort(lives: pl.DataFrame, first_day: int, period: str) -> pl.DataFrame:
    """Name each listener's cohort by its first day; whoever came in the log's first such period may be older."""
    day = pl.from_epoch("first", time_unit="d")
    length = "1w" if period == "week" else "1mo"
    begins = day.dt.truncate(length)
    earliest = pl.select(pl.from_epoch(pl.lit(first_day), time_unit="d").dt.truncate(length))
    is_old = begins == earliest.item()
    return lives.with_columns(
        cohort=pl.when(is_old)
        .then(begins.dt.to_string("%Y-%m-%d") + " or before")
        .otherwise(begins.dt.to_string("%Y-%m-%d")),
        is_old=is_old,
    )


def _churn(
    session: SnapshotSession, newest: Snapshot, snapshots: tuple[Snapshot, ...], listeners: pl.DataFrame
) -> list[CohortChurn]:
    cleaning, churn = session.cleaning(newest), []
    for snapshot in reversed(snapshots):
        rows = churn_table(session, snapshot, cleaning, outcome=True).rows.select("uid", "churned")
        known = rows.join(listeners.select("uid", "cohort"), on="uid", how="left")
        counts = known.group_by("cohort").agg(left=pl.col("churned").sum(), n=pl.len()).sort("cohort")
        day = snapshot.day.isoformat()
        churn.append(CohortChurn(ALL, day, wilson(int(known["churned"].sum()), known.height)))
        churn += [CohortChurn(cohort, day, wilson(int(left), n)) for cohort, left, n in counts.iter_rows()]
    return churn


def _survival(listeners: pl.DataFrame, until: int, newest: Snapshot) -> list[CohortSurvival]:
    """Return how long each cohort lasts: until the last day seen, if the silence after it counts as leaving.

    After the last day whose silence the log can show, nobody can be seen to leave: all are followed up to that day
    only, and who came later is not followed at all.
    """
    leaves_by = (newest.outcome_for.until(date(until)) - date(0)).days
    known = listeners.filter(pl.col("first") <= leaves_by).with_columns(
        days=pl.min_horizontal("last", leaves_by) - pl.col("first"), left=pl.col("last") <= leaves_by
    )
    rows = [_cohort_survival(str(part["cohort"][0]), part) for part in known.sort("cohort").partition_by("cohort")]
    within = known.filter(~pl.col("is_old"))
    return [*([_cohort_survival(ALL_LATER, within)] if within.height else []), *rows]


def _cohort_survival(cohort: str, part: pl.DataFrame) -> CohortSurvival:
    days: NDArray[np.int64] = part["days"].cast(pl.Int64).to_numpy()
    left = part["left"].to_numpy()
    curve = kaplan_meier(days, left)
    return CohortSurvival(cohort, len(days), int(left.sum()), curve, median_survival(curve))


def cohorts_in(view: WorkspaceView) -> Cohorts | None:
    """Return the cohorts that a workspace keeps."""
    folder = view.get(COHORTS)
    return None if folder is None else kept(folder, Cohorts)

"""What cleaning did to the plays of a known window, rule by rule."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from counterpoint.events.cleaning import Cleaning
from counterpoint.events.cleaning_rules import DEFAULT_RULES, RULE_SETS, RuleSet
from counterpoint.snapshots.session import BOTS_FILE, cleaning_in, open_session
from counterpoint.snapshots.snapshot import Snapshot
from counterpoint.storage import parquet
from counterpoint.storage.engines import EngineChoice
from counterpoint.storage.workspace import Folder, edit_workspace


@dataclass(frozen=True)
class RuleEffect:
    """A rule, how many plays met it, and whether these were changed or dropped."""

    name: str
    changed: bool
    plays: int
    why: str


@dataclass(frozen=True)
class CleaningReport:
    """The plays of the known window of a cleaning (its bots' left out), those that some rule dropped, and every rule.

    bots : how many listeners counted as bots
    """

    cleaning: Cleaning
    plays: int
    dropped: int
    bots: int
    rules: tuple[RuleEffect, ...]


def report_cleaning(
    workspace: Path, snapshot: Snapshot, *, rules: RuleSet = DEFAULT_RULES, engine: EngineChoice = "duckdb"
) -> CleaningReport:
    """Clean the plays known at a snapshot, and report what was done.

    Raises
    ------
    CounterpointError
        If there is no workspace, or its logs do not cover the snapshot's known window.
    """
    with edit_workspace(workspace) as writer, open_session(writer, engine, rules=rules) as session:
        session.check_coverage(snapshot, outcome=False)
        return cleaning_report_in(session.cleaning(snapshot))


def cleaning_report_in(folder: Folder) -> CleaningReport:
    """Return the report that a cleaning's folder holds."""
    cleaning, table = cleaning_in(folder), parquet.read(folder.file("report.parquet"))
    rules = {rule.name: rule for rule in RULE_SETS[cleaning.rule_set].rules}
    effects = tuple(
        RuleEffect(
            name,
            rules[name].column is not None,
            int(table.filter((pl.col("hits") // 2**place) % 2 == 1)["plays"].sum()),
            rules[name].why,
        )
        for place, name in enumerate(cleaning.rules)
    )
    dropped = int(table.filter(~pl.col("kept"))["plays"].sum())
    bots = parquet.read(folder.file(BOTS_FILE)).height
    return CleaningReport(cleaning, int(table["plays"].sum()), dropped, bots, effects)

"""What cleaning did to the plays of a known window, rule by rule."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from counterpoint.events.cleaning import Cleaning
from counterpoint.events.cleaning_rules import DEFAULT_RULES, RULE_SETS, RuleSet
from counterpoint.snapshots.session import cleaning_in, open_session
from counterpoint.snapshots.snapshot import Snapshot
from counterpoint.storage import parquet
from counterpoint.storage.engines import EngineChoice
from counterpoint.storage.workspace import Folder, edit_workspace


@dataclass(frozen=True)
class RuleMet:
    """A rule, how many plays met it, and whether these were changed or dropped."""

    name: str
    changed: bool
    plays: int
    why: str


@dataclass(frozen=True)
class CleaningReport:
    """The plays of the known window of `how` (its bots' left out), those that some rule dropped, and every rule.

    bots : how many listeners counted as bots
    """

    how: Cleaning
    plays: int
    dropped: int
    bots: int
    rules: tuple[RuleMet, ...]


def cleaning_report(
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
        return report_in(session.cleaning(snapshot))


def report_in(folder: Folder) -> CleaningReport:
    """Return the report that a cleaning's folder holds."""
    how, table = cleaning_in(folder), parquet.read(folder.file("report.parquet"))
    rules = {rule.name: rule for rule in RULE_SETS[how.rule_set].rules}
    met = tuple(
        RuleMet(
            name,
            rules[name].column is not None,
            int(table.filter((pl.col("hits") // 2**at) % 2 == 1)["plays"].sum()),
            rules[name].why,
        )
        for at, name in enumerate(how.rules)
    )
    dropped = int(table.filter(~pl.col("kept"))["plays"].sum())
    bots = parquet.read(folder.file("bots.parquet")).height
    return CleaningReport(how, int(table["plays"].sum()), dropped, bots, met)

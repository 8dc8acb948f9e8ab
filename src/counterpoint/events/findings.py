"""What became of every line of the logs, as a finding of a report."""

from collections.abc import Sequence
from typing import Final

from counterpoint.events.ledger import FileLedger
from counterpoint.events.schema import EVENT_KIND_NAMES, date
from counterpoint.report.finding import Cell, Finding, Table
from counterpoint.text import pluralize

LOGS_SHOWN: Final = 40
PROBLEMS_SHOWN: Final = 20


def ledger_finding(ledgers: Sequence[FileLedger]) -> Finding:
    """Say what became of every line."""
    lines, accepted, repaired, rejected = (
        sum(getattr(ledger, name) for ledger in ledgers) for name in ("lines", "accepted", "repaired", "rejected")
    )
    says = (
        f"{lines:,} lines in {pluralize(len(ledgers), 'log')}: {accepted:,} accepted, {repaired:,} repaired,"
        f" {rejected:,} rejected; nothing was lost. Rejected lines are kept with their reason and text."
    )
    return Finding("The logs", says, (_log_table(ledgers), *_problem_tables(ledgers)))


def _log_table(ledgers: Sequence[FileLedger]) -> Table:
    """Show every log; of many logs the kinds, and the logs with most rejected lines."""
    columns = ("log", "kind", "days", "lines", "records", "accepted", "repaired", "rejected", "doubles")
    shown = sorted(ledgers, key=lambda a: (-a.rejected, a.file))[:LOGS_SHOWN] if len(ledgers) > LOGS_SHOWN else ledgers
    rows = [
        (a.file, _kind_names(a.kind), _days_of(a), a.lines, a.records, a.accepted, a.repaired, a.rejected, a.doubles)
        for a in shown
    ]
    total: tuple[Cell, ...] = ("all", "", "", *(sum(getattr(a, name) for a in ledgers) for name in columns[3:]))
    note = (
        "" if len(shown) == len(ledgers) else f"{len(shown)} of {len(ledgers)} shown: those with most rejected lines."
    )
    return Table("What became of every line", columns, (*rows, total), note)


def _problem_tables(ledgers: Sequence[FileLedger]) -> list[Table]:
    """Show the values that could not be parsed, and the lines that were no records, by reason."""
    values: dict[tuple[str, str], int] = {}
    lines: dict[str, int] = {}
    for ledger in ledgers:
        for problem in ledger.problems:
            values[problem.column, problem.reason] = values.get((problem.column, problem.reason), 0) + problem.count
        for reason, count in ledger.reasons.items():
            lines[reason] = lines.get(reason, 0) + count
    ordered = sorted(values.items(), key=lambda item: -item[1])[:PROBLEMS_SHOWN]
    reasons = sorted(lines.items(), key=lambda item: -item[1])[:PROBLEMS_SHOWN]
    tables = [
        Table(
            "Values that could not be parsed",
            ("column", "reason", "values"),
            tuple((*problem, n) for problem, n in ordered),
        ),
        Table("Lines that were no records", ("reason", "lines"), tuple(reasons)),
    ]
    return [table for table in tables if table.rows]


def _kind_names(codes: str) -> str:
    return ", ".join(EVENT_KIND_NAMES[code] for code in codes) or "none"


def _days_of(ledger: FileLedger) -> str:
    if ledger.days is None:
        return ""
    first, last = (date(day).isoformat() for day in ledger.days)
    return first if first == last else f"{first} to {last}"

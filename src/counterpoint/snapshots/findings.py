"""The logs: what became of every line, and which plays were not believed."""

from collections.abc import Sequence
from typing import Final

from counterpoint.events.ledger import FileLedger
from counterpoint.events.schema import KINDS, date
from counterpoint.report.finding import Cell, Finding, Table
from counterpoint.snapshots.cleaning_report import cleaning_report_in
from counterpoint.storage.workspace import Folder
from counterpoint.text import pluralize

LOGS_SHOWN: Final = 40
PROBLEMS_SHOWN: Final = 20


def ledger_finding(accounts: Sequence[FileLedger]) -> Finding:
    """Say what became of every line."""
    lines, accepted, repaired, rejected = (
        sum(getattr(account, name) for account in accounts) for name in ("lines", "accepted", "repaired", "rejected")
    )
    says = (
        f"{lines:,} lines in {pluralize(len(accounts), 'log')}: {accepted:,} accepted, {repaired:,} repaired,"
        f" {rejected:,} rejected; nothing was lost. Rejected lines are kept with their reason and text."
    )
    return Finding("The logs", says, (_log_table(accounts), *_problem_tables(accounts)))


def _log_table(accounts: Sequence[FileLedger]) -> Table:
    """Show every log; of many logs the kinds, and the logs with most rejected lines."""
    columns = ("log", "kind", "days", "lines", "records", "accepted", "repaired", "rejected", "doubles")
    shown = (
        sorted(accounts, key=lambda a: (-a.rejected, a.file))[:LOGS_SHOWN] if len(accounts) > LOGS_SHOWN else accounts
    )
    rows = [
        (a.file, _kind_names(a.kind), _days_of(a), a.lines, a.records, a.accepted, a.repaired, a.rejected, a.doubles)
        for a in shown
    ]
    total: tuple[Cell, ...] = ("all", "", "", *(sum(getattr(a, name) for a in accounts) for name in columns[3:]))
    note = (
        "" if len(shown) == len(accounts) else f"{len(shown)} of {len(accounts)} shown: those with most rejected lines."
    )
    return Table("What became of every line", columns, (*rows, total), note)


def _problem_tables(accounts: Sequence[FileLedger]) -> list[Table]:
    """Show the values that could not be parsed, and the lines that were no records, by reason."""
    values: dict[tuple[str, str], int] = {}
    lines: dict[str, int] = {}
    for account in accounts:
        for problem in account.problems:
            values[problem.column, problem.reason] = values.get((problem.column, problem.reason), 0) + problem.count
        for reason, count in account.reasons.items():
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


def cleaning_finding(folder: Folder) -> Finding:
    """Say which plays were not believed, by rule."""
    report = cleaning_report_in(folder)
    cleaning = report.cleaning
    rows: list[tuple[Cell, ...]] = [
        (rule.name, "changed" if rule.changed else "dropped", rule.plays, rule.plays / max(report.plays, 1), rule.why)
        for rule in report.rules
    ]
    numbers = [
        f"{name.replace('_', ' ')} {value / 1000:,.0f} s" for name, value in cleaning.numbers if value is not None
    ]
    learned = ", ".join(numbers)
    days = f"{date(cleaning.after + 1)} to {date(cleaning.until)}"
    bots = (
        f"{pluralize(report.bots, 'listener')} with {cleaning.bots_from:,} plays or more counted as bots."
        if cleaning.bots_from is not None
        else "No bots can be told by their number of plays: too few listeners play, or too many alike."
    )
    says = f"Of {report.plays:,} plays from {days}, {report.dropped:,} were dropped. {bots}"
    table = Table(
        "Plays by cleaning rule", ("rule", "plays are", "plays", "share", "why"), tuple(rows), f"Learned: {learned}."
    )
    return Finding("Cleaning", says, (table,) if rows else ())


def _kind_names(codes: str) -> str:
    return ", ".join(KINDS[code] for code in codes) or "none"


def _days_of(account: FileLedger) -> str:
    if account.days is None:
        return ""
    first, last = (date(day).isoformat() for day in account.days)
    return first if first == last else f"{first} to {last}"

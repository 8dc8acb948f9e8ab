"""Which plays were not believed, as a finding of a report."""

from counterpoint.events.schema import date
from counterpoint.report.finding import Cell, Finding, Table
from counterpoint.snapshots.cleaning_report import cleaning_report_in
from counterpoint.storage.workspace import Folder
from counterpoint.text import pluralize


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

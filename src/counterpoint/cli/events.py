"""`counterpoint events`: logs in, ledger out."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from counterpoint.cli.options import OutputOptions, Seed, Workspace, command
from counterpoint.cli.printing import progress, say, say_json, say_table, warn
from counterpoint.text import pluralize

if TYPE_CHECKING:
    from counterpoint.events.ingestion import IngestReport
    from counterpoint.events.log_overview import Overview
    from counterpoint.synthetic.platform import Platform

app = typer.Typer(help="Read raw logs into a workspace, and see what became of every line.", no_args_is_help=True)


@dataclass(frozen=True, kw_only=True)
class IngestRequest:
    """What `events ingest` is asked."""

    logs: Annotated[list[Path], typer.Argument(help="Log files (.gz and .tar.gz too), or folders of them.")]
    to: Annotated[Path, typer.Option("--to", help="The workspace; made if there is none.")]
    format: Annotated[
        str,
        typer.Option("--format", help="music-box, cdnow, hetrec-tags, eventsim, plain, or a TOML file of yours."),
    ] = "music-box"
    replace: Annotated[bool, typer.Option("--replace", help="Let a changed log take the place of its older self.")] = (
        False
    )
    output: OutputOptions = OutputOptions()


@command(app)
def ingest(request: IngestRequest) -> None:
    """Read logs into a workspace; every line is accepted, repaired or rejected, and counted.

    Example: counterpoint events ingest logs/ --to work
    """
    from counterpoint.events.formats import load_format
    from counterpoint.events.ingestion import ingest as read

    with progress("reading") as step:
        reports = read(
            request.logs,
            to=request.to,
            format=load_format(request.format),
            replace=request.replace,
            progress=lambda log: step(log.name),
        )
    if request.output.as_json:
        say_json([{"status": report.status, **asdict(report.ledger)} for report in reports])
    else:
        _say_ingested(reports, request.to)


def _say_ingested(reports: "Sequence[IngestReport]", workspace: Path) -> None:
    ledgers = [report.ledger for report in reports]
    new = sum(report.status != "unchanged" for report in reports)
    lines, accepted, repaired, rejected, records = (
        sum(getattr(ledger, name) for ledger in ledgers)
        for name in ("lines", "accepted", "repaired", "rejected", "records")
    )
    say(f"{pluralize(len(reports), 'log')}, {new} taken, {len(reports) - new} unchanged")
    say(f"{lines:,} lines = {accepted:,} accepted + {repaired:,} repaired + {rejected:,} rejected; {records:,} records")
    if lost := sum(problem.count for ledger in ledgers for problem in ledger.problems):
        shown = f"`counterpoint events show {workspace}`"
        say(f"{lost:,} values could not be parsed: {shown} counts them by column and reason")
    for ledger in ledgers:
        if why := ledger.useless:
            warn(f"{ledger.file}: {why}; is {ledger.format!r} its format?")


@dataclass(frozen=True, kw_only=True)
class ShowRequest:
    """What `events show` is asked."""

    workspace: Workspace
    output: OutputOptions = OutputOptions()


@command(app)
def show(request: ShowRequest) -> None:
    """Show the ledger of every log, value problems, events by kind and day, activity, and the bot threshold.

    Example: counterpoint events show work
    """
    from counterpoint.events.log_overview import overview
    from counterpoint.storage.workspace import open_workspace

    with progress("looking"), open_workspace(request.workspace) as view:
        shown = overview(view)
    if request.output.as_json:
        say_json(_overview_as_json(shown))
    else:
        _say_overview(shown)


def _overview_as_json(overview: "Overview") -> dict[str, Any]:
    problems = (("file", "column", "reason", "count"), _problems(overview))
    days = (("kind", "day", "count"), _days(overview))
    return {
        "files": [{"day": _span(ledger.days), **asdict(ledger)} for ledger in overview.files],
        **{
            name: [dict(zip(columns, row, strict=True)) for row in rows]
            for name, (columns, rows) in {"problems": problems, "events": days}.items()
        },
        "activity": overview.activity,
        "listeners": overview.listeners,
        "bots_from": overview.bots_from,
    }


def _say_overview(overview: "Overview") -> None:
    columns = ("file", "kind", "day", "lines", "records", "accepted", "repaired", "rejected", "doubles")
    files = [
        (a.file, a.kind, _span(a.days), a.lines, a.records, a.accepted, a.repaired, a.rejected, a.doubles)
        for a in overview.files
    ]
    say_table(columns, files)
    reasons = [(ledger.file, reason, count) for ledger in overview.files for reason, count in ledger.reasons.items()]
    _section("Lines that were no records", ("file", "reason", "lines"), reasons)
    _section("Values that could not be parsed", ("file", "column", "reason", "values"), _problems(overview))
    _section("Events by kind and day", ("kind", "day", "events"), _days(overview))
    activity = [(f"10^{part.low} to 10^{part.high}", part.listeners) for part in overview.activity]
    _section(f"Events a listener ({overview.listeners:,} listeners)", ("events", "listeners"), activity)
    say()
    if overview.bots_from is None:
        say("No bot threshold: fewer than 1,000 listeners play, or too many play equally often.")
    else:
        say(f"Bots: listeners with {overview.bots_from:,.2f} plays or more (the 99.9th percentile over all days).")


def _problems(overview: "Overview") -> list[tuple[object, ...]]:
    return [(ledger.file, p.column, p.reason, p.count) for ledger in overview.files for p in ledger.problems]


def _days(overview: "Overview") -> list[tuple[object, ...]]:
    from counterpoint.events.schema import date

    return [(kind, None if day is None else date(day).isoformat(), count) for kind, day, count in overview.events]


def _section(title: str, columns: tuple[str, ...], rows: Sequence[Sequence[object]]) -> None:
    if rows:
        say(f"\n{title}")
        say_table(columns, rows)


def _span(days: tuple[int, int] | None) -> str | None:
    from counterpoint.events.schema import date

    if days is None:
        return None
    first, last = (date(day).isoformat() for day in days)
    return first if first == last else f"{first}..{last}"


@dataclass(frozen=True, kw_only=True)
class GenerateRequest:
    """What `events generate` is asked."""

    to: Annotated[Path, typer.Option("--to", help="A folder for the logs, new or empty.")]
    listeners: Annotated[int, typer.Option("--listeners", help="How many people there are.")] = 20_000
    days: Annotated[int, typer.Option("--days", help="How many days.")] = 90
    songs: Annotated[int, typer.Option("--songs", help="How many songs.")] = 20_000
    first_day: Annotated[str, typer.Option("--first-day", help="The log's first day.")] = "2017-03-30"
    format: Annotated[
        Literal["music-box", "eventsim"],
        typer.Option("--format", help="The logs' format; eventsim has the clock, likes and dislikes."),
    ] = "music-box"
    leavers: Annotated[
        bool, typer.Option("--leavers/--no-leavers", help="Plant songs that make people leave, or none.")
    ] = True
    habits: Annotated[
        bool, typer.Option("--habits", help="Let songs follow the clock and the week, and skips tell dislike.")
    ] = False
    outcome_for: Annotated[
        int, typer.Option("--outcome-for", help="Days of silence that count as leaving, for the truth.")
    ] = 14
    seed: Seed = 0

    def platform(self) -> "Platform":
        """Return the platform asked for."""
        from counterpoint.snapshots.snapshot import day_of
        from counterpoint.synthetic.platform import Platform

        first_day = day_of(self.first_day)
        return Platform(
            self.listeners, self.days, self.songs, first_day, self.format, self.leavers, self.outcome_for, self.habits
        )


@command(app)
def generate(request: GenerateRequest) -> None:
    """Invent a platform: its logs with all their dirt, its friendships, and the truth; it is no evidence about people.

    Example: counterpoint events generate --to logs --listeners 2000
    """
    from counterpoint.synthetic.platform import generate as generate_platform

    to = request.to
    with progress("inventing"):
        invented = generate_platform(to, request.platform(), rng=request.seed)
    spoiled = f"{invented.dirty:,} spoiled on purpose"
    say(f"{len(invented.files)} invented logs in {to}: {invented.events:,} events, {spoiled}")
    say(f"friendships in {to / 'network'}, the truth in {to / 'truth'}")

"""`counterpoint events`: logs in, ledger out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from counterpoint.cli.output import progress, say, say_json, say_table, warn
from counterpoint.text import pluralize

app = typer.Typer(help="Read raw logs into a workspace, and see what became of every line.", no_args_is_help=True)


@app.command()
def ingest(
    logs: Annotated[list[Path], typer.Argument(help="Log files (.gz and .tar.gz too), or folders of them.")],
    to: Annotated[Path, typer.Option("--to", help="The workspace; made if there is none.")],
    how: Annotated[
        str, typer.Option("--format", help="music-box, cdnow, hetrec-tags, eventsim, plain, or a TOML file of yours.")
    ] = "music-box",
    replace: Annotated[
        bool, typer.Option("--replace", help="Let a changed log take the place of its older self.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the ledger for machines.")] = False,
) -> None:
    """Read logs into a workspace; every line is accepted, repaired or rejected, and counted.

    Example: counterpoint events ingest logs/ --to work
    """
    from counterpoint.events.formats import load
    from counterpoint.events.ingest import ingest as read

    with progress("reading") as step:
        taken = read(logs, to=to, how=load(how), replace=replace, told=lambda log: step(log.name))
    if as_json:
        say_json([{"status": one.status, **one.ledger.as_json()} for one in taken])
        return
    accounts = [one.ledger for one in taken]
    new = sum(one.status != "unchanged" for one in taken)
    lines, accepted, repaired, rejected, records = (
        sum(getattr(account, name) for account in accounts)
        for name in ("lines", "accepted", "repaired", "rejected", "records")
    )
    say(f"{pluralize(len(taken), 'log')}, {new} taken, {len(taken) - new} unchanged")
    say(f"{lines:,} lines = {accepted:,} accepted + {repaired:,} repaired + {rejected:,} rejected; {records:,} records")
    lost = sum(problem.count for account in accounts for problem in account.problems)
    if lost:
        say(f"{lost:,} values were none: `counterpoint events show {to}` counts them by column and reason")
    for account in accounts:
        if why := account.useless:
            warn(f"{account.file}: {why}; is {account.format!r} its format?")


@app.command()
def show(
    workspace: Annotated[Path, typer.Argument(help="The workspace.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print it for machines.")] = False,
) -> None:
    """Show the ledger of every log, value problems, events by kind and day, activity, and the bot threshold.

    Example: counterpoint events show work
    """
    from counterpoint.events.overview import overview
    from counterpoint.events.schema import date
    from counterpoint.storage.workspace import open_workspace

    with progress("looking"), open_workspace(workspace) as view:
        found = overview(view)
    days = [(kind, None if day is None else date(day).isoformat(), count) for kind, day, count in found.events]
    problems = [(a.file, p.column, p.reason, p.count) for a in found.files for p in a.problems]
    reasons = [(a.file, reason, count) for a in found.files for reason, count in a.reasons.items()]
    if as_json:
        say_json(
            {
                "files": [{"day": _day(account.days), **account.as_json()} for account in found.files],
                "problems": [dict(zip(("file", "column", "reason", "count"), row, strict=True)) for row in problems],
                "events": [dict(zip(("kind", "day", "count"), row, strict=True)) for row in days],
                "activity": found.activity,
                "listeners": found.listeners,
                "bots_from": found.bots_from,
            }
        )
        return
    columns = ("file", "kind", "day", "lines", "records", "accepted", "repaired", "rejected", "doubles")
    files = [
        (a.file, a.kind, _day(a.days), a.lines, a.records, a.accepted, a.repaired, a.rejected, a.doubles)
        for a in found.files
    ]
    say_table(columns, files)
    _section("Lines that were no records", ("file", "reason", "lines"), reasons)
    _section("Values that were none", ("file", "column", "reason", "values"), problems)
    _section("Events by kind and day", ("kind", "day", "events"), days)
    activity = [(f"10^{part.low} to 10^{part.high}", part.listeners) for part in found.activity]
    _section(f"Events a listener ({found.listeners:,} listeners)", ("events", "listeners"), activity)
    say()
    if found.bots_from is None:
        say("No bot threshold: fewer than 1,000 listeners play, or too many play equally often.")
    else:
        say(f"Bots: listeners with {found.bots_from:,.2f} plays or more (the 99.9th percentile over all days).")


def _section(title: str, columns: tuple[str, ...], rows: Sequence[Sequence[object]]) -> None:
    if rows:
        say(f"\n{title}")
        say_table(columns, rows)


def _day(days: tuple[int, int] | None) -> str | None:
    from counterpoint.events.schema import date

    if days is None:
        return None
    first, last = (date(day).isoformat() for day in days)
    return first if first == last else f"{first}..{last}"


@app.command()
def make(
    to: Annotated[Path, typer.Option("--to", help="A folder for the logs, new or empty.")],
    listeners: Annotated[int, typer.Option("--listeners", help="How many people there are.")] = 20_000,
    days: Annotated[int, typer.Option("--days", help="How many days.")] = 90,
    songs: Annotated[int, typer.Option("--songs", help="How many songs.")] = 20_000,
    first_day: Annotated[str, typer.Option("--first-day", help="The log's first day.")] = "2017-03-30",
    how: Annotated[
        str, typer.Option("--format", help="music-box, or eventsim (clock, likes, dislikes).")
    ] = "music-box",
    leavers: Annotated[
        bool, typer.Option("--leavers/--no-leavers", help="Plant songs that make people leave, or none.")
    ] = True,
    habits: Annotated[
        bool, typer.Option("--habits", help="Let songs follow the clock and the week, and skips tell dislike.")
    ] = False,
    outcome_for: Annotated[
        int, typer.Option("--outcome-for", help="Days of silence that count as leaving, for the truth.")
    ] = 14,
    seed: Annotated[int, typer.Option("--seed", min=0, max=2**32 - 1, help="The same seed, the same bytes.")] = 0,
) -> None:
    """Invent a platform: its logs with all their dirt, its friendships, and the truth; it is no evidence about people.

    Example: counterpoint events make --to logs --listeners 2000
    """
    from counterpoint.snapshots.snapshot import day_of
    from counterpoint.synthetic.platform import Platform, invent

    asked = Platform(listeners, days, songs, day_of(first_day), how, leavers, outcome_for, habits)
    with progress("inventing"):
        made = invent(to, asked, rng=seed)
    say(f"{len(made.files)} invented logs in {to}: {made.events:,} events, {made.dirty:,} spoiled on purpose")
    say(f"friendships in {to / 'network'}, the truth in {to / 'truth'}")

"""The command line: parse, call one verb, print. One file a group of commands."""

import typer

from counterpoint.cli import churn, demo, events, recommend, report, trace
from counterpoint.cli.exit_status import exit_status
from counterpoint.cli.options import command

app = typer.Typer(
    name="counterpoint",
    help=__doc__,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(events.app, name="events")
app.add_typer(churn.app, name="churn")
app.add_typer(recommend.app, name="recommend")
app.add_typer(trace.app, name="rumour")
command(app)(report.report)
command(app)(demo.demo)


def _version(wanted: bool) -> None:
    if wanted:
        from counterpoint import __version__

        print(__version__)  # noqa: T201
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and stop."
    ),
) -> None:
    """Who will leave a music platform; what listeners should hear next; how a rumour spreads, and where it started."""


def main() -> None:
    """Run the command line: exit status 0 done, 1 refused (one line on stderr), 2 wrong usage."""
    with exit_status():
        app()

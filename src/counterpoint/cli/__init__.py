"""The command line: parse, call one verb, print. One file a group of commands."""

import sys

import typer

from counterpoint.cli import churn, demo, events, recommend, report, trace
from counterpoint.cli.options import command
from counterpoint.errors import CounterpointError

INTERRUPTED = 130  # the status that Typer ends with on Ctrl-C

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
    try:
        app()
    except CounterpointError as error:
        _refuse(str(error))
    except OSError as error:
        _refuse(
            f"{error.filename or 'reading or writing failed'}: {error.strerror or error}; the step in flight was undone"
        )
    except MemoryError:
        _refuse("not enough memory for what was asked: ask for less")
    except SystemExit as stop:
        if stop.code == INTERRUPTED:
            print("counterpoint: stopped; what was committed stays, the step in flight is undone", file=sys.stderr)  # noqa: T201
        raise


def _refuse(why: str) -> None:
    line = " ".join(why.split("\n"))
    print(f"counterpoint: {line}", file=sys.stderr)  # noqa: T201
    sys.exit(1)

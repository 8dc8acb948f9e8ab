"""An error becomes one line on stderr and an exit status: 0 done, 1 refused, 2 wrong usage; never a traceback."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NoReturn

from counterpoint.errors import CounterpointError

INTERRUPTED: Final = 130  # the status that Typer ends with on Ctrl-C


@contextmanager
def exit_status() -> Iterator[None]:
    """Turn what a command of the block refuses, or cannot do, into its line and status."""
    try:
        yield
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
            _say("stopped; what was committed stays, the step in flight is undone")
        raise


def _refuse(why: str) -> NoReturn:
    _say(" ".join(why.split("\n")))
    sys.exit(1)


def _say(line: str) -> None:
    print(f"counterpoint: {line}", file=sys.stderr)  # noqa: T201

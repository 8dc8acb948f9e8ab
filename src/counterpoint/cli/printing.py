"""How results reach a terminal, a pipe or a machine."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from counterpoint.stats.intervals import Estimate

WIDE = 500  # columns: a terminal wraps a long line, which is better than a uid cut short


def say(text: str = "") -> None:
    """Print a line."""
    print(text)  # noqa: T201


def warn(text: str) -> None:
    """Print a line that is no result."""
    print(f"counterpoint: warning: {text}", file=sys.stderr)  # noqa: T201


def say_json(value: Any) -> None:
    """Print a result for machines."""
    say(json.dumps(value, ensure_ascii=False, indent=1, default=_plain))


def _plain(value: Any) -> Any:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else str(value)


def brief(estimate: "Estimate | None") -> str | None:
    """Return an estimate with its interval, in a few characters."""
    return estimate.brief if estimate else None


def say_written(*paths: "Path | None") -> None:
    """Print which files were written."""
    for path in paths:
        if path is not None:
            say(f"written: {path}")


def say_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows under columns; whole numbers get thousands separators, numbers stand at the right."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column, name in enumerate(columns):
        numeric = any(isinstance(row[column], int | float) for row in rows)
        table.add_column(name, justify="right" if numeric else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(_cell(value)) for value in row))
    console = Console(highlight=False, width=WIDE)
    with console.capture() as printed:
        console.print(table)
    say("\n".join(line.rstrip() for line in printed.get().splitlines()))


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


@contextmanager
def progress(what: str) -> Iterator[Callable[[str], None]]:
    """Show on stderr, if that is a terminal, that work goes on; the function it yields advances the bar by a step."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda step: bar.update(task, advance=1, description=step)

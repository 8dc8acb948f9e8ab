"""What tests of logs need: a log, a format and a refusal in a line each, and a look at what a workspace holds."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest

from counterpoint.errors import CounterpointError
from counterpoint.events.formats import Format, load_format
from counterpoint.storage import parquet
from counterpoint.storage.workspace import open_workspace


def log(path: Path, *lines: bytes) -> Path:
    """Write a log of these lines, each with its newline, and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def own_format(folder: Path, text: str) -> Format:
    """Return the format that a user's TOML text says."""
    path = folder / "own.toml"
    path.write_text(text, encoding="utf-8")
    return load_format(str(path))


def held(workspace: Path, name: str, table: str = "events") -> pl.DataFrame:
    """Return a table of a log in a workspace: "events", "rejected" or "problems"."""
    with open_workspace(workspace) as view:
        return parquet.read(view.folder(f"log:{name}").file(f"{table}.parquet"))


def all_events(workspace: Path) -> list[tuple]:
    """Return the events of all logs, sorted, without the number of their line."""
    with open_workspace(workspace) as view:
        tables = [parquet.read(folder.file("events.parquet")) for folder in view.with_prefix("log:")]
    return sorted((row for table in tables for row in table.drop("line").rows()), key=repr)


@contextmanager
def refused(match: str) -> Iterator[None]:
    """Expect one line that teaches."""
    with pytest.raises(CounterpointError, match=match) as refusal:
        yield
    assert "\n" not in str(refusal.value)


def refusal(act: Callable[[], object]) -> str:
    """Return the one line with which `act` is refused."""
    with pytest.raises(CounterpointError) as refused:
        act()
    assert "\n" not in str(refused.value)
    return str(refused.value)

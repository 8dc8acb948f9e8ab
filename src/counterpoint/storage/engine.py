"""An engine only executes: it is told which Parquet files a name stands for, and runs SQL text that it did not write.

The text is portable: DuckDB and Spark run it character for character and give the same rows, which holds as long as it
has integer days, no ROUND, no integer division, no date arithmetic, guarded divisions and sums cast to BIGINT.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TypeAlias

import polars as pl

Location: TypeAlias = Path | str
"""A local path, or an address that the engine understands, such as s3a://bucket/events."""


class Engine(Protocol):
    """What every engine can do."""

    def register(self, name: str, files: Sequence[Location], *, where: str = "") -> None:
        """Let `name` stand for the rows of these Parquet files, or folders of them, all of one schema.

        `where`, if given, is portable SQL that says which rows.
        """

    def fetch(self, sql: str) -> pl.DataFrame:
        """Return the rows of a query."""

    def write(self, sql: str, to: Location) -> None:
        """Write the rows of a query as a Parquet file or, where the engine works in parts, a folder of them."""


def within(folder: Location, name: str) -> Location:
    """Return the place called `name` in a folder."""
    return f"{folder.rstrip('/')}/{name}" if isinstance(folder, str) else folder / name

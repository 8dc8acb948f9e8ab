"""An engine only executes: it is told which Parquet files a name stands for, and runs SQL text that it did not write.

The text is portable (DuckDB runs it, and so would Spark, character for character), which holds as long as it has
integer days, no ROUND, no integer division, no date arithmetic, guarded divisions and sums cast to BIGINT.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import duckdb
import polars as pl

from counterpoint.errors import CounterpointError


class Engine(Protocol):
    """What every engine can do."""

    def know(self, name: str, files: Sequence[Path]) -> None:
        """Let `name` stand for the rows of these Parquet files, all of one schema."""

    def fetch(self, sql: str) -> pl.DataFrame:
        """Return the rows of a query."""

    def write(self, sql: str, to: Path) -> None:
        """Write the rows of a query into one Parquet file."""


class DuckDB:
    """DuckDB in memory, spilling to a folder of the workspace when memory is short."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def know(self, name: str, files: Sequence[Path]) -> None:
        """Let `name` stand for the rows of these Parquet files, all of one schema."""
        listed = ", ".join(_quoted(re.sub(r"([*?\[])", r"[\1]", str(file))) for file in files)  # no globs
        self._run(f'CREATE OR REPLACE VIEW "{name}" AS SELECT * FROM read_parquet([{listed}])')

    def fetch(self, sql: str) -> pl.DataFrame:
        """Return the rows of a query."""
        with _explained():
            return pl.DataFrame(self._connection.sql(sql).to_arrow_table())

    def write(self, sql: str, to: Path) -> None:
        """Write the rows of a query into one Parquet file."""
        self._run(f"COPY ({sql}) TO {_quoted(to)} (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)")

    def _run(self, sql: str) -> None:
        with _explained():
            self._connection.execute(sql)


@contextmanager
def _explained() -> Iterator[None]:
    """Turn a full disk, a short memory or a damaged file into one clear line."""
    try:
        yield
    except duckdb.Error as error:
        raise CounterpointError(f"DuckDB could not finish: {str(error).splitlines()[0]}") from error


@contextmanager
def duckdb_engine(scratch: Path, *, memory: str | None = None) -> Iterator[DuckDB]:
    """Yield DuckDB; `memory` (such as "2GB") is the most it takes before it spills to `scratch`."""
    config = {"temp_directory": str(scratch), "preserve_insertion_order": "false"}
    if memory is not None:
        config["memory_limit"] = memory
    try:
        connection = duckdb.connect(config=config)
    except duckdb.Error as error:
        raise CounterpointError(f"DuckDB does not start with {memory!r} of memory: '2GB' would be right") from error
    with connection:
        yield DuckDB(connection)


def _quoted(path: Path | str) -> str:
    escaped = str(path).replace("'", "''")
    return f"'{escaped}'"

"""The engine that runs here: DuckDB in memory, spilling to a folder when memory is short."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
import polars as pl

from counterpoint.errors import CounterpointError
from counterpoint.storage import parquet
from counterpoint.storage.engine import Location


class DuckDB:
    """DuckDB in memory, spilling to a folder of the workspace when memory is short."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def register(self, name: str, files: Sequence[Location], *, where: str = "") -> None:
        """Let `name` stand for the rows of these Parquet files, or folders of them, all of one schema."""
        parts = (part for file in files for part in _parts(file))
        listed = ", ".join(_quoted(re.sub(r"([*?\[])", r"[\1]", str(part))) for part in parts)  # no globs
        which = f" WHERE {where}" if where else ""
        self._run(f'CREATE OR REPLACE VIEW "{name}" AS SELECT * FROM read_parquet([{listed}]){which}')

    def fetch(self, sql: str) -> pl.DataFrame:
        """Return the rows of a query."""
        with _readable_errors():
            return pl.DataFrame(self._connection.sql(sql).to_arrow_table())

    def write(self, sql: str, to: Location) -> None:
        """Write the rows of a query into one Parquet file."""
        self._run(f"COPY ({sql}) TO {_quoted(to)} (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)")

    def _run(self, sql: str) -> None:
        with _readable_errors():
            self._connection.execute(sql)


@contextmanager
def _readable_errors() -> Iterator[None]:
    """Turn a full disk, a short memory or a damaged file into one clear line."""
    try:
        yield
    except duckdb.Error as error:
        raise CounterpointError(f"DuckDB could not finish: {str(error).splitlines()[0]}") from error


@contextmanager
def open_duckdb(scratch: Path, *, memory: str | None = None) -> Iterator[DuckDB]:
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


def _parts(place: Location) -> Sequence[Location]:
    return parquet.parts(place) if isinstance(place, Path) else [place]


def _quoted(path: Path | str) -> str:
    escaped = str(path).replace("'", "''")
    return f"'{escaped}'"

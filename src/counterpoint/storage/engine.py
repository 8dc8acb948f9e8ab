"""An engine only executes: it is told which Parquet files a name stands for, and runs SQL text that it did not write.

The text is portable: DuckDB and Spark run it character for character and give the same rows, which holds as long as it
has integer days, no ROUND, no integer division, no date arithmetic, guarded divisions and sums cast to BIGINT.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

import duckdb
import polars as pl

from counterpoint.errors import CounterpointError, nearest
from counterpoint.storage import parquet

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ENGINES = ("duckdb", "spark")

Chosen: TypeAlias = "str | SparkSession"
"""Which engine is wanted: "duckdb", "spark", or a Spark session of the user's."""

Place: TypeAlias = Path | str
"""A local path, or an address that the engine understands, such as s3a://bucket/events."""


class Engine(Protocol):
    """What every engine can do."""

    def know(self, name: str, files: Sequence[Place], *, where: str = "") -> None:
        """Let `name` stand for the rows of these Parquet files, or folders of them, all of one schema.

        `where`, if given, is portable SQL that says which rows.
        """

    def fetch(self, sql: str) -> pl.DataFrame:
        """Return the rows of a query."""

    def write(self, sql: str, to: Place) -> None:
        """Write the rows of a query as a Parquet file or, where the engine works in parts, a folder of them."""


@contextmanager
def running(engine: Chosen, scratch: Path) -> Iterator[Engine]:
    """Yield the engine called "duckdb" or "spark", or Spark in a session of the user's.

    Raises
    ------
    CounterpointError
        If there is no such engine, or it does not start.
    """
    if engine == "duckdb":
        with duckdb_engine(scratch) as ready:
            yield ready
        return
    if isinstance(engine, str) and engine != "spark":
        raise CounterpointError(f"no engine {engine!r}; {nearest(engine, ENGINES)}")
    from counterpoint.storage.spark_engine import spark_engine

    with spark_engine(None if isinstance(engine, str) else engine) as ready:
        yield ready


def within(folder: Place, name: str) -> Place:
    """Return the place called `name` in a folder."""
    return f"{folder.rstrip('/')}/{name}" if isinstance(folder, str) else folder / name


class DuckDB:
    """DuckDB in memory, spilling to a folder of the workspace when memory is short."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def know(self, name: str, files: Sequence[Place], *, where: str = "") -> None:
        """Let `name` stand for the rows of these Parquet files, or folders of them, all of one schema."""
        parts = (part for file in files for part in _parts(file))
        listed = ", ".join(_quoted(re.sub(r"([*?\[])", r"[\1]", str(part))) for part in parts)  # no globs
        which = f" WHERE {where}" if where else ""
        self._run(f'CREATE OR REPLACE VIEW "{name}" AS SELECT * FROM read_parquet([{listed}]){which}')

    def fetch(self, sql: str) -> pl.DataFrame:
        """Return the rows of a query."""
        with _explained():
            return pl.DataFrame(self._connection.sql(sql).to_arrow_table())

    def write(self, sql: str, to: Place) -> None:
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


def _parts(place: Place) -> Sequence[Place]:
    return parquet.parts(place) if isinstance(place, Path) else [place]


def _quoted(path: Path | str) -> str:
    escaped = str(path).replace("'", "''")
    return f"'{escaped}'"

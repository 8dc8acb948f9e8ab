"""One Spark session for all tests of a worker: it takes seconds to start, and a process has one Java."""

import pytest

from counterpoint.storage.spark_engine import open_spark


@pytest.fixture(scope="session")
def spark_session():
    """Yield a session as a user would have it; whoever stops it stops it for all tests."""
    with open_spark(memory="1g") as spark:
        yield spark._session

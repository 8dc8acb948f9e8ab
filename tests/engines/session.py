"""One Spark session for all tests of a worker: it takes seconds to start, and a process has one Java."""

import pytest

from counterpoint.storage import spark_engine

QUICK = {
    "spark.driver.memory": "1g",
    "spark.driver.host": "localhost",
    "spark.ui.enabled": "false",
    "spark.sql.shuffle.partitions": "2",  # the logs are small: eight tasks a step would only wait for each other
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",  # code that runs once needs no polish
}


@pytest.fixture(scope="session")
def spark_session():
    """Yield a session of a user's, made to start and answer quickly; `open_spark` has tests of its own."""
    from pyspark.sql import SparkSession

    with spark_engine._launched():
        builder = SparkSession.builder.master("local[2]").appName("tests")
        for name, value in QUICK.items():
            builder = builder.config(name, value)
        session = builder.getOrCreate()
    yield session
    session.stop()

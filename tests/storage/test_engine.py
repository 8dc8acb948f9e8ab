"""What an engine promises: it runs the text it is given on the files it is told of, and on no others.

- A path may hold quotes, blanks and the letters that stand for others in a search pattern.
- What it writes is Parquet that can be read at once, one file or a folder of parts; a name can be told anew.
- A disk that is full, a memory that is short, a text that is no SQL and a file that is not there are one line each.
- There is no third engine.
"""

from pathlib import Path

import polars as pl
import pytest
from tests.engines.session import spark_session  # noqa: F401
from tests.logs import refusal

from counterpoint.storage import parquet
from counterpoint.storage.duckdb_engine import open_duckdb
from counterpoint.storage.engine import within
from counterpoint.storage.engines import ENGINES, open_engine


@pytest.fixture
def duckdb(tmp_path):
    with open_duckdb(tmp_path) as engine:
        yield engine


@pytest.fixture(params=ENGINES)
def engine(request, tmp_path):
    chosen = request.getfixturevalue("spark_session") if request.param == "spark" else request.param
    with open_engine(chosen, tmp_path) as engine:
        yield engine


def numbers(*values, at: Path) -> Path:
    at.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame({"n": values}, schema={"n": pl.Int64}).write_parquet(at)
    return at


def sorted_by_hash(rows: int) -> str:
    return f"SELECT max(n) AS n FROM (SELECT row_number() OVER (ORDER BY hash(range)) AS n FROM range({rows}))"


def test_a_name_stands_for_the_rows_of_all_its_files(engine, tmp_path):
    engine.register("t", [numbers(1, 2, at=tmp_path / "a.parquet"), numbers(3, at=tmp_path / "b.parquet")])
    assert sorted(engine.fetch("SELECT n FROM t")["n"]) == [1, 2, 3]


def test_a_file_of_no_rows_is_a_file(engine, tmp_path):
    engine.register("t", [numbers(at=tmp_path / "a.parquet")])
    assert engine.fetch("SELECT n, n + 1 AS m FROM t").schema == {"n": pl.Int64, "m": pl.Int64}


def test_what_is_written_can_be_read_at_once(engine, tmp_path):
    engine.register("t", [numbers(1, 2, at=tmp_path / "a.parquet")])
    engine.write("SELECT 10 * n AS n FROM t", tmp_path / "b.parquet")
    engine.register("u", [tmp_path / "b.parquet"])
    assert engine.fetch("SELECT CAST(sum(n) AS BIGINT) AS n FROM u").rows() == [(30,)]
    assert parquet.read(tmp_path / "b.parquet")["n"].sum() == 30


def test_no_rows_are_written_with_their_columns(engine, tmp_path):
    engine.register("t", [numbers(1, at=tmp_path / "a.parquet")])
    engine.write("SELECT n, CAST(n AS INT) AS m FROM t WHERE n > 1", tmp_path / "b.parquet")
    engine.register("u", [tmp_path / "b.parquet"])
    assert engine.fetch("SELECT * FROM u").schema == {"n": pl.Int64, "m": pl.Int32}
    assert parquet.read(tmp_path / "b.parquet").schema == {"n": pl.Int64, "m": pl.Int32}


def test_what_is_written_twice_is_there_once(engine, tmp_path):
    engine.register("t", [numbers(1, 2, at=tmp_path / "a.parquet")])
    for least in (1, 2):
        engine.write(f"SELECT n FROM t WHERE n >= {least}", tmp_path / "b.parquet")
    engine.register("u", [tmp_path / "b.parquet"])
    assert engine.fetch("SELECT n FROM u").rows() == [(2,)]


def test_a_folder_stands_for_the_parquet_files_in_it(engine, tmp_path):
    for n in (1, 2):
        numbers(n, at=tmp_path / "parts" / f"{n}.parquet")
    engine.register("t", [tmp_path / "parts", numbers(3, at=tmp_path / "a.parquet")])
    assert sorted(engine.fetch("SELECT n FROM t")["n"]) == [1, 2, 3]


def test_a_folder_holds_nothing_but_what_was_written(engine, tmp_path):
    engine.write("SELECT 1 AS n", tmp_path / "b.parquet")
    written = tmp_path / "b.parquet"
    held = [path.name for path in written.glob("*")] if written.is_dir() else [written.name]
    assert held
    assert all(name.endswith(".parquet") and not name.startswith((".", "_")) for name in held)


def test_a_name_told_anew_stands_for_the_new_rows(engine, tmp_path):
    engine.register("t", [numbers(1, at=tmp_path / "a.parquet")])
    assert engine.fetch("SELECT n FROM t").rows() == [(1,)]
    engine.register("t", [numbers(2, at=tmp_path / "b.parquet")])
    assert engine.fetch("SELECT n FROM t").rows() == [(2,)]


def test_a_file_written_again_is_read_again(engine, tmp_path):
    for value in (1, 2, 3):
        engine.register("t", [numbers(value, at=tmp_path / "a.parquet")])
        assert engine.fetch("SELECT n FROM t").rows() == [(value,)]


NAMES = ["it's", 'a "b"', "two words", "雨夜", "a[1]", "a*b", "a?b", "a[b", "%20", "{a,b}", "a\\b"]


def test_a_path_means_itself_whatever_it_holds(engine, tmp_path):
    for near in ("a1", "axb", "a-b", "aab", "a", "b", " "):
        numbers(666, at=tmp_path / near / "t.parquet")
    engine.register("t", [numbers(at, at=tmp_path / name / "t.parquet") for at, name in enumerate(NAMES)])
    assert sorted(engine.fetch("SELECT n FROM t")["n"]) == list(range(len(NAMES)))
    to = tmp_path / "".join(NAMES[:-1]) / "u.parquet"
    to.parent.mkdir()
    engine.write("SELECT n + 1 AS n FROM t", to)
    engine.register("u", [to])
    assert sorted(engine.fetch("SELECT n FROM u")["n"]) == list(range(1, len(NAMES) + 1))
    assert sorted(parquet.read(to)["n"]) == list(range(1, len(NAMES) + 1))


@pytest.mark.parametrize("name", ["it's", "two words", "a[1]"])
def test_a_folder_to_spill_to_may_have_any_name(tmp_path, name):
    (tmp_path / name).mkdir()
    with open_duckdb(tmp_path / name, memory="60MB") as duckdb:
        assert duckdb.fetch(sorted_by_hash(2_000_000)).rows() == [(2_000_000,)]


@pytest.mark.parametrize("sql", ["SELECT m FROM nowhere", "SELEKT 1", "SELECT CAST('a' AS BIGINT) AS n"])
def test_a_text_that_cannot_be_run_is_one_line(engine, sql):
    assert " could not finish: " in refusal(lambda: engine.fetch(sql))


def test_a_sum_too_large_is_refused_and_not_wrapped(engine, tmp_path):
    engine.register("t", [numbers(2**62, 2**62, at=tmp_path / "a.parquet")])
    assert " could not finish: " in refusal(lambda: engine.fetch("SELECT CAST(sum(n) AS BIGINT) AS n FROM t"))


def test_a_name_is_known_to_one_engine_alone(engine, tmp_path):
    with open_duckdb(tmp_path) as other:
        other.register("t", [numbers(1, at=tmp_path / "a.parquet")])
        assert " could not finish: " in refusal(lambda: engine.fetch("SELECT n FROM t"))


def test_an_engine_that_is_none_is_one_line_with_the_nearest_name(tmp_path):
    def start(name):
        with open_engine(name, tmp_path):
            pytest.fail("it ran")

    assert refusal(lambda: start("sparc")) == "no engine 'sparc'; did you mean 'spark'?"
    assert refusal(lambda: start("postgres")) == "no engine 'postgres'; known: duckdb, spark"


def test_a_place_in_a_folder_is_a_path_or_an_address_as_the_folder_is(tmp_path):
    assert within(tmp_path, "a.parquet") == tmp_path / "a.parquet"
    assert within("s3a://bucket/events", "a.parquet") == within("s3a://bucket/events/", "a.parquet")
    assert within("s3a://bucket/events", "a.parquet") == "s3a://bucket/events/a.parquet"


def test_a_full_disk_is_one_line(duckdb):
    message = refusal(lambda: duckdb.write("SELECT range AS n FROM range(9)", Path("/dev/full")))
    assert message.startswith("DuckDB could not finish: ")
    assert "No space left on device" in message


def test_a_memory_that_is_short_is_one_line(tmp_path):
    with open_duckdb(tmp_path, memory="20MB") as duckdb:
        message = refusal(lambda: duckdb.fetch("SELECT list(range) AS n FROM range(5000000)"))
    assert "Out of Memory" in message


def test_what_does_not_fit_the_memory_is_spilled(tmp_path):
    with open_duckdb(tmp_path, memory="60MB") as duckdb:
        assert duckdb.fetch(sorted_by_hash(3_000_000)).rows() == [(3_000_000,)]


def test_a_file_that_is_not_there_is_one_line(engine, tmp_path):
    assert "nowhere.parquet" in refusal(lambda: engine.register("t", [tmp_path / "nowhere.parquet"]))


def test_a_size_of_memory_that_is_none_is_one_line(tmp_path):
    def connect():
        with open_duckdb(tmp_path, memory="a lot"):
            pytest.fail("it was taken")

    assert "a lot" in refusal(connect)

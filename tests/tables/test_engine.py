"""What an engine promises: it runs the text it is given on the files it is told of, and on no others.

- A path may hold quotes, blanks and the letters that stand for others in a search pattern.
- What it writes is one Parquet file that can be read at once; a name can be told anew.
- A disk that is full, a memory that is short and a file that is not there are one line each.
"""

from pathlib import Path

import polars as pl
import pytest
from tests.logs import refusal

from counterpoint.tables.engine import duckdb_engine


@pytest.fixture
def engine(tmp_path):
    with duckdb_engine(tmp_path) as engine:
        yield engine


def numbers(*values, at: Path) -> Path:
    at.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame({"n": values}, schema={"n": pl.Int64}).write_parquet(at)
    return at


def test_a_name_stands_for_the_rows_of_all_its_files(engine, tmp_path):
    engine.know("t", [numbers(1, 2, at=tmp_path / "a.parquet"), numbers(3, at=tmp_path / "b.parquet")])
    assert sorted(engine.fetch("SELECT n FROM t")["n"]) == [1, 2, 3]


def test_a_file_of_no_rows_is_a_file(engine, tmp_path):
    engine.know("t", [numbers(at=tmp_path / "a.parquet")])
    assert engine.fetch("SELECT n, n + 1 AS m FROM t").schema == {"n": pl.Int64, "m": pl.Int64}


def test_what_is_written_can_be_read_at_once(engine, tmp_path):
    engine.know("t", [numbers(1, 2, at=tmp_path / "a.parquet")])
    engine.write("SELECT 10 * n AS n FROM t", tmp_path / "b.parquet")
    engine.know("u", [tmp_path / "b.parquet"])
    assert engine.fetch("SELECT CAST(sum(n) AS BIGINT) AS n FROM u").rows() == [(30,)]
    assert pl.read_parquet(tmp_path / "b.parquet")["n"].sum() == 30


def test_a_name_told_anew_stands_for_the_new_rows(engine, tmp_path):
    engine.know("t", [numbers(1, at=tmp_path / "a.parquet")])
    assert engine.fetch("SELECT n FROM t").rows() == [(1,)]
    engine.know("t", [numbers(2, at=tmp_path / "b.parquet")])
    assert engine.fetch("SELECT n FROM t").rows() == [(2,)]


def test_a_file_written_again_is_read_again(engine, tmp_path):
    for value in (1, 2, 3):
        engine.know("t", [numbers(value, at=tmp_path / "a.parquet")])
        assert engine.fetch("SELECT n FROM t").rows() == [(value,)]


@pytest.mark.parametrize(
    "name", ["it's", 'a "b"', "two words", "雨夜", "a[1]", "a*b", "a?b", "a[b", "%20", "{a,b}", "a\\b"]
)
def test_a_path_means_itself_whatever_it_holds(tmp_path, name):
    for near in ("a1", "axb", "a-b", "aab"):
        numbers(666, at=tmp_path / near / "t.parquet")
    (tmp_path / name).mkdir()
    with duckdb_engine(tmp_path / name) as engine:
        engine.know("t", [numbers(1, at=tmp_path / name / "t.parquet")])
        engine.write("SELECT n + 1 AS n FROM t", tmp_path / name / "u.parquet")
        assert engine.fetch("SELECT n FROM t").rows() == [(1,)]
    assert pl.read_parquet((tmp_path / name / "u.parquet").read_bytes())["n"].to_list() == [2]


def test_a_full_disk_is_one_line(engine):
    message = refusal(lambda: engine.write("SELECT range AS n FROM range(9)", Path("/dev/full")))
    assert message.startswith("DuckDB could not finish: ")
    assert "No space left on device" in message


def test_a_memory_that_is_short_is_one_line(tmp_path):
    with duckdb_engine(tmp_path, memory="20MB") as engine:
        message = refusal(lambda: engine.fetch("SELECT list(range) AS n FROM range(5000000)"))
    assert "Out of Memory" in message


def test_what_does_not_fit_the_memory_is_spilled(tmp_path):
    sorted_by_hash = (
        "SELECT max(place) AS n FROM (SELECT row_number() OVER (ORDER BY hash(range)) AS place FROM range(3000000))"
    )
    with duckdb_engine(tmp_path, memory="60MB") as engine:
        assert engine.fetch(sorted_by_hash).rows() == [(3_000_000,)]


def test_a_file_that_is_not_there_is_one_line(engine, tmp_path):
    assert "nowhere.parquet" in refusal(lambda: engine.know("t", [tmp_path / "nowhere.parquet"]))


def test_a_size_of_memory_that_is_none_is_one_line(tmp_path):
    def connect():
        with duckdb_engine(tmp_path, memory="a lot"):
            pytest.fail("it was taken")

    assert "a lot" in refusal(connect)

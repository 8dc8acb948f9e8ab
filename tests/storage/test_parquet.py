"""Parquet as every engine reads it: the columns that were promised, in their order, whatever each frame brings."""

import io

import polars as pl
import pyarrow.parquet as pq
import pytest

from counterpoint.errors import CounterpointError
from counterpoint.storage import parquet

SCHEMA = {"uid": pl.Int64, "name": pl.String, "day": pl.Int32, "text": pl.Binary}


def test_frames_are_appended_and_what_they_lack_is_null_and_what_nobody_asked_for_is_left_out(tmp_path):
    with parquet.open_writer(tmp_path / "t.parquet", SCHEMA) as append:
        append(pl.DataFrame({"name": ["雨夜"], "mood": ["blue"], "uid": [7]}))
        append(pl.DataFrame({"text": [b"\xff"], "day": [3]}, schema_overrides={"day": pl.Int32}))
        append(pl.DataFrame({"uid": []}, schema={"uid": pl.Int64}))
    table = parquet.read(tmp_path / "t.parquet")
    assert table.schema == SCHEMA
    assert table.rows() == [(7, "雨夜", None, None), (None, None, 3, b"\xff")]


def test_a_file_without_rows_still_has_its_columns(tmp_path):
    with parquet.open_writer(tmp_path / "t.parquet", SCHEMA):
        pass
    assert parquet.read(tmp_path / "t.parquet").schema == SCHEMA


def test_the_types_are_plain_ones_that_every_engine_knows(tmp_path):
    with parquet.open_writer(tmp_path / "t.parquet", SCHEMA):
        pass
    written = pq.read_schema(tmp_path / "t.parquet")
    assert {str(field.type).removeprefix("large_") for field in written} == {"int64", "string", "int32", "binary"}


def test_a_file_is_read_in_batches_and_all_of_it(tmp_path):
    with parquet.open_writer(tmp_path / "t.parquet", SCHEMA) as append:
        append(pl.DataFrame({"uid": list(range(10))}))
    with (tmp_path / "t.parquet").open("rb") as source:
        frames = list(parquet.batches(source, "t", rows=4))
    assert [frame.height for frame in frames] == [4, 4, 2]
    assert pl.concat(frames)["uid"].to_list() == list(range(10))


def damaged(whole: bytes) -> dict[str, bytes]:
    footer = 8 + int.from_bytes(whole[-8:-4], "little")
    return {
        "no Parquet at all": b"uid,day\n1,2\n",
        "nothing": b"",
        "cut short": whole[: len(whole) // 2],
        "a broken footer": whole[:-footer] + bytes(footer - 8) + whole[-8:],
        "broken pages": whole[:4] + bytes(len(whole) // 2) + whole[4 + len(whole) // 2 :],
    }


@pytest.mark.parametrize("how", damaged(b""))
def test_a_file_that_is_damaged_is_one_line_with_its_name(tmp_path, how):
    pl.DataFrame({"uid": range(10_000), "name": [f"n{n}" for n in range(10_000)]}).write_parquet(tmp_path / "t.parquet")
    broken = damaged((tmp_path / "t.parquet").read_bytes())[how]
    with pytest.raises(CounterpointError, match=r"^plays\.parquet: not a Parquet file that can be read") as refused:
        list(parquet.batches(io.BytesIO(broken), "plays.parquet"))
    assert "\n" not in str(refused.value)

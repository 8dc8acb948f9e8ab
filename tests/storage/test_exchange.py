"""A table handed out is whole or not there, and no spreadsheet runs it."""

import polars as pl
import pytest

from counterpoint.errors import CounterpointError
from counterpoint.storage.exchange import read_table, write_table


def test_texts_that_look_like_formulas_are_defused_and_numbers_stay_numbers(tmp_path):
    texts = ["=1+1", "+1", "-1", "@a", "\tx", "plain", None]
    write_table(pl.DataFrame({"text": texts, "number": [-1, 2, 3, 4, 5, 6, 7]}), tmp_path / "t.csv")
    read = pl.read_csv(tmp_path / "t.csv", quote_char='"')
    assert read["text"].to_list() == ["'=1+1", "'+1", "'-1", "'@a", "'\tx", "plain", None]
    assert read["number"].to_list() == [-1, 2, 3, 4, 5, 6, 7]


def test_parquet_keeps_every_text_as_it_is(tmp_path):
    write_table(pl.DataFrame({"text": ["=1+1"]}), tmp_path / "t.parquet")
    assert pl.read_parquet(tmp_path / "t.parquet")["text"].to_list() == ["=1+1"]


@pytest.mark.parametrize("name", ["t.xlsx", "t", "nowhere/t.csv"])
def test_a_file_that_cannot_be_written_is_refused_in_one_line(tmp_path, name):
    with pytest.raises(CounterpointError) as refused:
        write_table(pl.DataFrame({"a": [1]}), tmp_path / name)
    assert "\n" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


# Handed in again


@pytest.mark.parametrize("uid", ["=1+1", "0007", "1e5", "'quoted", "-3", "abc", "@x"])
def test_what_was_handed_out_as_text_comes_back_as_it_was(tmp_path, uid):
    write_table(pl.DataFrame({"uid": ["12", uid]}), tmp_path / "table.csv")
    assert read_table(tmp_path / "table.csv", "uid")["uid"].to_list() == ["12", uid]


@pytest.mark.parametrize(("name", "says"), [("t.csv", "has no column 'uid'"), ("t.xlsx", ".csv or .parquet")])
def test_a_table_that_is_none_is_refused_by_name(tmp_path, name, says):
    (tmp_path / name).write_text("user,left\n1,0\n")
    with pytest.raises(CounterpointError, match=says):
        read_table(tmp_path / name, "uid")

"""A line has one fate: accepted, repaired in one of three named ways, or rejected with its reason and its bytes."""

import datetime as dt
import json
from dataclasses import replace
from io import BytesIO

import polars as pl
import pytest
from tests.logs import refused

from counterpoint.events import line_reading
from counterpoint.events.formats import FileFormat, Slice, Source, load_format
from counterpoint.events.line_reading import read_lines, read_parquet_rows

PLAYS = load_format("music-box").of("20170330_1_play.log")
DOWNLOADS = load_format("music-box").of("20170330_1_down.log")
PLAY = b"7\tar\t11\t0\tSong\tSinger\t30\t242\t0"
DOWNLOAD = b"7\tar\t11\tSong\tSinger\t0"

EVENT = {
    "uid": Source(field="uid"),
    "kind": Source(always="P"),
    "day": Source(field="day"),
    "song_name": Source(field="song"),
}
CSV = FileFormat("*", "delimited", EVENT, ("uid", "day", "song"), quote='"')
HEADED = replace(CSV, fields=(), header=True)
SLICES = (Slice("uid", 1, 3), Slice("day", 5, 14), Slice("song", 16, 18))
FIXED = FileFormat("*", "fixed", EVENT, ("uid", "day", "song"), SLICES)
JSON = FileFormat("*", "json", EVENT)


def fates(data, kind, block=1 << 20):
    """What became of each line: its record's fields (under the first of two lines), or why it was rejected."""
    found = {}
    for batch in read_lines(BytesIO(data), kind, file="a.log", block=block):
        found |= zip(batch.line.tolist(), batch.fields.rows(), strict=True)
        found |= {rejected.line: rejected.reason for rejected in batch.rejected}
    return found


def repairs(data, kind):
    return {name: n for batch in read_lines(BytesIO(data), kind, file="a.log") for name, n in batch.repairs().items()}


def cut(line, by=b"\t"):
    return tuple(line.split(by))


# Repairs


def test_a_line_with_an_empty_field_too_many_in_front_loses_it():
    data = PLAY + b"\n\t" + PLAY + b"\n"
    assert fates(data, PLAYS) == {1: cut(PLAY), 2: cut(PLAY)}
    assert repairs(data, PLAYS) == {"empty first field": 1}


def test_a_line_with_empty_fields_too_many_at_its_end_loses_them():
    data = PLAY + b"\t\n" + PLAY + b"\t\t\t\n"
    assert fates(data, PLAYS) == {1: cut(PLAY), 2: cut(PLAY)}
    assert repairs(data, PLAYS) == {"trailing empty fields": 2}


def test_a_record_that_a_newline_split_is_one_record_of_two_repaired_lines():
    data = b"7\tar\t11\tLong\nSong\tSinger\t0\n" + DOWNLOAD + b"\n"
    assert fates(data, DOWNLOADS) == {1: (b"7", b"ar", b"11", b"Long\nSong", b"Singer", b"0"), 3: cut(DOWNLOAD)}
    assert repairs(data, DOWNLOADS) == {"split by a newline": 2}


@pytest.mark.parametrize(
    "data",
    [
        b"7\tar\t11\tLong\nSong\tSinger\tfree\n",
        b"7\tar\tx\tLong\nSong\tSinger\t0\n",
        b"\tar\t11\tLong\nSong\tSinger\t0\n",
        b"7\tar\t1\n1\tSong\tSinger\t0\n",
        b"7\tar\t1\n\tSong\tSinger\t0\n",
        b"7\n8\tar\t11\tSong\tSinger\t0\t\t1\n",
        b"7\tar\t11\tVery\n\nSong\tSinger\t0\n",
        b"7\tar\t11\tVery\nlong\nSong\tSinger\t0\n",
    ],
    ids=[
        "the paid flag is no number",
        "the song is no number",
        "nobody's",
        "the newline falls within a number",
        "the newline ends a number",
        "too many fields",
        "an empty line between",
        "three lines",
    ],
)
def test_two_lines_are_not_joined_unless_the_whole_is_a_sound_record(data):
    found = fates(data, DOWNLOADS)
    assert len(found) == data.count(b"\n")
    assert all(isinstance(fate, str) for fate in found.values())


def test_a_newline_never_falls_within_a_day_or_a_clock():
    searches = load_format("music-box").of("20170330_1_search.log")
    assert fates(b"7\tar\t2017-03-30\n10:20:30\twords\n", searches) == {
        1: "3 fields where 4 belong",
        2: "2 fields where 4 belong",
    }


def test_a_line_with_its_fields_is_never_the_other_half_of_a_broken_one():
    data = b"7\tar\t11\tLong\n" + DOWNLOAD + b"\nSong\tSinger\t0\n"
    assert fates(data, DOWNLOADS) == {1: "4 fields where 6 belong", 2: cut(DOWNLOAD), 3: "3 fields where 6 belong"}


@pytest.mark.parametrize("block", [1, 7, 16, 1000])
def test_halves_that_fall_into_two_blocks_are_still_one_record(block):
    data = b"7\tar\t11\tLong\nSong\tSinger\t0\n7\tar\t11\tHalf\n"
    assert fates(data, DOWNLOADS, block) == {
        1: (b"7", b"ar", b"11", b"Long\nSong", b"Singer", b"0"),
        3: "4 fields where 6 belong",
    }


# Rejections


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", "empty"),
        (b" ", "1 fields where 9 belong"),
        (b"\t\t" + PLAY, "11 fields where 9 belong"),
        (b"\t" + PLAY + b"\t", "11 fields where 9 belong"),
        (PLAY + b"\t\tx", "11 fields where 9 belong"),
        (PLAY.removesuffix(b"\t0"), "8 fields where 9 belong"),
        (b"\x00\xff", "1 fields where 9 belong"),
    ],
)
def test_a_line_that_no_repair_mends_is_rejected_with_its_reason_and_its_bytes(line, reason):
    [batch] = read_lines(BytesIO(line + b"\n" + PLAY + b"\n"), PLAYS, file="a.log")
    assert batch.rejected == [line_reading.Rejected(1, reason, line)]
    assert batch.line.tolist() == [2]


def test_a_line_of_nine_empty_fields_has_its_fields():
    assert fates(b"\t" * 8 + b"\n", PLAYS) == {1: (b"",) * 9}


def test_a_record_rejected_for_what_it_says_takes_all_its_lines_with_it():
    data = b"\n7\tar\t11\tLong\nSong\tSinger\t0\n" + DOWNLOAD + b"\n"
    [batch] = read_lines(BytesIO(data), DOWNLOADS, file="a.log")
    kept = batch.without(batch.line == 2, lambda record: f"record {record}")
    assert [(line.line, line.reason, line.text) for line in kept.rejected] == [
        (1, "empty", b""),
        (2, "record 0", b"7\tar\t11\tLong"),
        (3, "record 0", b"Song\tSinger\t0"),
    ]
    assert (kept.fields.rows(), kept.repairs(), kept.count) == ([cut(DOWNLOAD)], {}, 4)


def test_a_line_without_end_is_no_text_log(monkeypatch):
    monkeypatch.setattr(line_reading, "LONGEST_LINE", 100)
    assert len(fates(b"x" * 100 + b"\n" + b"y" * 100, PLAYS, block=10)) == 2
    with refused(r"^a\.log: line 2 is longer than 64 MiB: this is no text log$"):
        fates(b"x\n" + b"y" * 200, PLAYS, block=10)


# Where lines end and begin


def test_the_last_line_may_lack_its_newline():
    assert fates(PLAY, PLAYS) == {1: cut(PLAY)}
    assert fates(PLAY + b"\n" + PLAY, PLAYS) == {1: cut(PLAY), 2: cut(PLAY)}
    assert fates(b"\t" + PLAY, PLAYS) == {1: cut(PLAY)}


@pytest.mark.parametrize("kind", [PLAYS, CSV, HEADED, FIXED, JSON])
def test_a_log_without_bytes_has_no_lines(kind):
    assert list(read_lines(BytesIO(b""), kind, file="a.log")) == []


def test_lines_may_end_as_in_windows():
    data = (PLAY + b"\n\t" + PLAY + b"\n\n").replace(b"\n", b"\r\n")
    assert fates(data, PLAYS) == {1: cut(PLAY), 2: cut(PLAY), 3: "empty"}


def test_a_carriage_return_anywhere_else_is_a_byte_like_others():
    data = PLAY.replace(b"Song", b"So\rng") + b"\n" + PLAY + b"\r"
    assert fates(data, PLAYS) == {1: cut(PLAY.replace(b"Song", b"So\rng")), 2: cut(PLAY + b"\r")}


def test_a_byte_order_mark_is_no_part_of_the_first_field():
    assert fates(b"\xef\xbb\xbf" + PLAY + b"\n\xef\xbb\xbf" + PLAY, PLAYS) == {
        1: cut(PLAY),
        2: cut(b"\xef\xbb\xbf" + PLAY),
    }


# Quotes (RFC 4180)


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        (b'7,2017-03-30,"Songs, and"', (b"7", b"2017-03-30", b"Songs, and")),
        (b'"7","2017-03-30",""', (b"7", b"2017-03-30", b"")),
        (b'7,2017-03-30,"the ""hit"""', (b"7", b"2017-03-30", b'the "hit"')),
        (b'7,2017-03-30,7" single', (b"7", b"2017-03-30", b'7" single')),
        (b'7,2017-03-30,"caf\xe9"', (b"7", b"2017-03-30", b"caf\xe9")),
    ],
)
def test_quotes_hold_a_field_together(line, fields):
    assert fates(line + b"\n", CSV) == {1: fields}
    assert repairs(line + b"\n", CSV) == {}


def test_a_newline_within_quotes_is_part_of_the_text():
    data = b'7,2017-03-30,"Long\nSong"\n'
    assert fates(data, CSV) == {1: (b"7", b"2017-03-30", b"Long\nSong")}
    assert repairs(data, CSV) == {"split by a newline": 2}


@pytest.mark.parametrize("line", [b'7,2017-03-30,"Song', b'7,2017-03-30,"So"ng', b'"7"7,2017-03-30,Song'])
def test_a_quote_that_does_not_close_before_the_next_comma_breaks_its_line(line):
    assert fates(line + b"\n7,2017-03-30,Song\n", CSV) == {
        1: "a quote is left open",
        2: (b"7", b"2017-03-30", b"Song"),
    }


@pytest.mark.parametrize("long", [b"So\rng", b"S" * 200_000], ids=["a carriage return", "200,000 bytes"])
def test_what_a_field_holds_does_not_decide_whether_the_quotes_around_it_close(long):
    assert fates(b'"7",2017-03-30,%s\n"7",2017-03-30,"%s"\n' % (long, long), CSV) == {
        1: (b"7", b"2017-03-30", long),
        2: (b"7", b"2017-03-30", long),
    }


def test_without_a_quote_in_the_format_a_quote_is_a_byte_like_others():
    line = b'7\tar\t11\t"Song\tSinger\t0'
    assert fates(line, DOWNLOADS) == {1: cut(line)}


# Headers


def test_a_header_names_the_fields_in_any_order_and_is_kept_as_rejected():
    data = b'song,"uid",other,day\nSong,7,?,2017-03-30\n'
    [batch] = read_lines(BytesIO(data), HEADED, file="a.log")
    assert batch.rejected == [line_reading.Rejected(1, "header", b'song,"uid",other,day')]
    assert batch.line.tolist() == [2]
    assert batch.fields.rows(named=True) == [{"song": b"Song", "uid": b"7", "other": b"?", "day": b"2017-03-30"}]


def test_a_header_is_found_across_blocks_after_a_byte_order_mark_and_alone():
    assert fates(b"\xef\xbb\xbfuid,day,song\r\n7,2017-03-30,Song\r\n", HEADED, block=3) == {
        1: "header",
        2: (b"7", b"2017-03-30", b"Song"),
    }
    assert fates(b"uid,day,song", HEADED) == {1: "header"}


def test_a_header_without_a_field_that_is_needed_is_refused_with_the_nearest():
    with refused(r"^a\.log: its header has no field 'uid'; did you mean 'uidd'\?$"):
        fates(b"uidd,day,song\n7,2017-03-30,Song\n", HEADED)


def test_a_first_line_that_names_the_known_fields_is_no_event():
    assert fates(b"uid,day,song\n7,2017-03-30,Song\nuid,day,song\n", CSV) == {
        1: "header",
        2: (b"7", b"2017-03-30", b"Song"),
        3: (b"uid", b"day", b"song"),
    }


def test_fields_of_one_name_do_not_disturb_those_that_are_needed():
    headed = b"uid,day,song,note,note\n7,2017-03-30,Song,a,b\n,7,2017-03-30,Song,a,b\n"
    [batch] = read_lines(BytesIO(headed), HEADED, file="a.log")
    assert batch.line.tolist() == [2, 3]
    assert batch.fields.select("uid", "day", "song").rows() == [(b"7", b"2017-03-30", b"Song")] * 2


def test_a_header_that_names_a_needed_field_twice_is_refused():
    with refused(r"^a\.log: .*'song'"):
        fates(b"uid,day,song,song\n7,2017-03-30,a,b\n", HEADED)


def test_a_record_of_a_listener_that_no_field_names_can_be_split_too():
    mine = replace(CSV, event=EVENT | {"uid": Source(always="me"), "day": Source(field="uid")})
    assert fates(b"2017-03-30,Long\nSong,x\n", mine) == {1: (b"2017-03-30", b"Long\nSong", b"x")}


# Fixed width


def test_fixed_fields_are_cut_at_their_columns_and_stripped():
    data = b"  7 2017-03-30 abc\n  8 2017-03-30 a\n  9 2017-03-30\n"
    assert fates(data, FIXED) == {
        1: (b"7", b"2017-03-30", b"abc"),
        2: (b"8", b"2017-03-30", b"a"),
        3: "shorter than 16 columns",
    }


def test_a_fixed_line_is_rejected_if_it_is_empty_or_says_more_than_its_columns():
    data = b"   \n\n  7 2017-03-30 abcd\n  7 2017-03-30 abc   \n"
    assert fates(data, FIXED) == {
        1: "empty",
        2: "empty",
        3: "longer than 18 columns",
        4: (b"7", b"2017-03-30", b"abc"),
    }


def test_a_fixed_header_is_skipped_whatever_it_says():
    assert fates(b"WHO WHEN\n  7 2017-03-30 abc\n", replace(FIXED, header=True)) == {
        1: "header",
        2: (b"7", b"2017-03-30", b"abc"),
    }


def test_the_columns_of_a_fixed_line_may_be_listed_in_any_order():
    shuffled = replace(FIXED, slices=SLICES[::-1], fields=("song", "day", "uid"))
    assert fates(b"  7 2017-03-30 abc\n", shuffled) == {1: (b"abc", b"2017-03-30", b"7")}


# JSON lines


def test_an_object_a_line_gives_its_fields_as_texts_and_null_where_there_is_none():
    data = b'{"song": "a\\nb", "uid": 7, "day": 1.5, "more": []}\n{"uid": null, "song": true}\n{"song": ["\xc3\xbc"]}\n'
    assert fates(data, JSON) == {
        1: (b"7", b"1.5", b"a\nb"),
        2: (None, None, b"true"),
        3: (None, None, '["ü"]'.encode()),
    }


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"  ", "empty"),
        (b'{"uid": 7', "not JSON"),
        (b"\xff", "not JSON"),
        (b'{"uid": "caf\xe9"}', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"uid": %s}' % (b"9" * 5000), "not JSON"),
        (b"[7]", "not a JSON object"),
        (b"null", "not a JSON object"),
    ],
)
def test_whatever_is_no_json_object_is_rejected_and_kept(line, reason):
    [batch] = read_lines(BytesIO(line + b"\n"), JSON, file="a.log")
    assert batch.rejected == [line_reading.Rejected(1, reason, line)]


def test_half_a_character_in_json_is_written_out():
    assert fates(b'{"uid": "\\ud83d"}\n', JSON) == {1: (b"\\ud83d", None, None)}


# Parquet

TABLE = replace(JSON, layout="parquet")


def rows(frame, kind=TABLE):
    stream = BytesIO()
    frame.write_parquet(stream)
    stream.seek(0)
    return list(read_parquet_rows(stream, kind, file="a.parquet"))


def test_each_row_of_a_table_is_a_line_with_its_fields_and_can_be_shown_as_one():
    [batch] = rows(pl.DataFrame({"song": ["ü", None], "more": [1, 2], "uid": [7, 8], "day": ["2017-03-30", ""]}))
    assert (batch.line.tolist(), batch.count, batch.rejected) == ([1, 2], 2, [])
    shown = {"uid": "7", "day": "2017-03-30", "song": "ü"}
    assert json.loads(batch.lines.text(1)) == shown
    kept = batch.without(batch.line == 2, lambda _: "no")
    assert [json.loads(line.text) for line in kept.rejected] == [{"uid": "8", "day": "", "song": None}]


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([1.0, None, -2.0], ["1", None, "-2"]),
        ([1.0, 12.5], ["1", "12.5"]),
        ([1.0, float("nan")], ["1", "NaN"]),
        ([1.0, 1e15], ["1", "1000000000000000"]),
        ([True, False], ["true", "false"]),
        ([dt.date(2017, 3, 30)], ["2017-03-30"]),
        ([dt.datetime(2017, 3, 30, 1, 2, 3, 456789)], ["2017-03-30T01:02:03.456"]),
        ([2**63], [str(2**63)]),
        (["a", "b"], ["a", "b"]),
    ],
    ids=str,
)
def test_a_typed_column_is_read_as_a_log_would_have_written_it_each_value_for_itself(values, texts):
    [batch] = rows(pl.DataFrame({"uid": values}).with_columns(day=pl.lit("x"), song=pl.lit("y")))
    assert batch.fields["uid"].cast(pl.String).to_list() == texts


def test_a_number_too_big_for_an_integer_is_not_lost():
    [batch] = rows(pl.DataFrame({"uid": [1.0, 1e20]}).with_columns(day=pl.lit("x"), song=pl.lit("y")))
    assert batch.fields["uid"].null_count() == 0


def test_a_table_without_a_column_that_is_needed_is_refused_with_the_nearest():
    with refused(r"^a\.parquet: no column 'day'; did you mean 'days'\?$"):
        rows(pl.DataFrame({"uid": [7], "days": ["x"], "song": ["y"]}))


@pytest.mark.parametrize("values", [[[7]], [{"a": 7}]], ids=["a list", "a record"])
def test_a_column_of_what_is_no_value_is_refused(values):
    with refused(r"^a\.parquet: .*'uid'"):
        rows(pl.DataFrame({"uid": values, "day": ["x"], "song": ["y"]}))


def test_bytes_in_a_table_survive_as_in_any_other_log():
    [batch] = rows(pl.DataFrame({"uid": [b"caf\xe9", b"7"], "day": ["x", "x"], "song": ["y", "y"]}))
    assert batch.fields["uid"].cast(pl.Binary).to_list() == [b"caf\xe9", b"7"]

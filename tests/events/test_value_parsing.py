"""A text becomes a value, or null: then it is counted by column and reason, and kept.

The bucket of a uid is pinned: workspaces, samples and splits hold it.
"""

import datetime as dt
from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoint.events.formats import FileFormat, Source
from counterpoint.events.schema import BUCKETS, COLUMNS, bucket, polars_schema
from counterpoint.events.value_parsing import parse_values

NEEDED = {"uid": Source(always="u"), "kind": Source(always="P"), "day": Source(always="2017-03-30")}


def ms(*clock):
    return int(dt.datetime(*clock, tzinfo=dt.UTC).timestamp() * 1000)


def read_column(name, source, *texts):
    """Return the values of a column read from texts, and the problems as (record, column, reason, text)."""
    kind = FileFormat("*", "delimited", NEEDED | {name: replace(source, field=name)}, (name,))
    raw = [text.encode() if isinstance(text, str) else text for text in texts]
    found = parse_values(pl.DataFrame({name: raw}, schema={name: pl.Binary}), kind, "a.log")
    return found.events[name].to_list(), found.problems.rows()


def read_one(name, source, text):
    """Return the value of a text, and the reason if it is none."""
    [value], problems = read_column(name, source, text)
    assert [(record, column) for record, column, _, _ in problems] == [(0, name)] * len(problems)
    return value, [reason for _, _, reason, _ in problems]


# Numbers

NO_NUMBERS = {
    "": "empty",
    "nan": "said to be missing",
    "NaN": "said to be missing",
    "NULL": "said to be missing",
    "None": "said to be missing",
    "n/a": "said to be missing",
    "\\N": "said to be missing",
    "1e3": "not {}",
    "0x1F": "not {}",
    "+5": "not {}",
    "1_000": "not {}",
    "1,000": "not {}",
    " 5": "not {}",
    "5 ": "not {}",
    "5\n": "not {}",
    "٣": "not {}",
    "--5": "not {}",
    "inf": "not {}",
    "7>(192.0.2.80)TM": "not {}",
    "99999999999999999999": "out of range",
    "-99999999999999999999": "out of range",
}
COLUMNS_OF_NUMBERS = {
    "song_id": (Source(field="f", type="integer"), "a whole number"),
    "paid": (Source(field="f"), "a whole number"),
    "play_ms": (Source(field="f", unit="s"), "a number"),
    "song_ms": (Source(field="f", unit="s"), "a number"),
}


@pytest.mark.parametrize("text", NO_NUMBERS)
@pytest.mark.parametrize("column", COLUMNS_OF_NUMBERS)
def test_what_is_no_number_is_null_and_says_why(column, text):
    source, must = COLUMNS_OF_NUMBERS[column]
    assert read_one(column, source, text) == (None, [NO_NUMBERS[text].format(must)])


@pytest.mark.parametrize(("text", "value"), [("0", 0), ("-1", -1), ("007", 7), ("999999999999999999", 10**18 - 1)])
def test_a_whole_number_has_up_to_eighteen_digits(text, value):
    assert read_one("song_id", Source(field="f", type="integer"), text) == (value, [])


@pytest.mark.parametrize(
    ("text", "value"), [("12.5", 12_500), ("0", 0), ("-0.25", -250), ("242", 242_000), ("0.0014", 1), ("-1", -1_000)]
)
def test_seconds_become_milliseconds(text, value):
    assert read_one("play_ms", Source(field="f", unit="s"), text) == (value, [])


def test_milliseconds_stay_as_they_are():
    assert read_one("play_ms", Source(field="f", unit="ms"), "241070") == (241_070, [])


@pytest.mark.parametrize("text", ["7.0", "7.", "12.5"])
def test_a_small_number_with_a_point_is_no_whole_number_and_not_called_too_big(text):
    _, [reason] = read_one("song_id", Source(field="f", type="integer"), text)
    assert reason == "not a whole number"


def test_a_point_without_digits_after_it_is_not_called_too_big():
    assert read_one("play_ms", Source(field="f", unit="s"), "12.") == (None, ["not a number"])


def test_a_lost_value_keeps_its_record_column_and_text_and_the_others_their_values():
    source = Source(field="f", unit="s")
    assert read_column("play_ms", source, "30", "7>(TM", "nan", "12.5", None) == (
        [30_000, None, None, 12_500, None],
        [(1, "play_ms", "not a number", b"7>(TM"), (2, "play_ms", "said to be missing", b"nan")],
    )


# Texts


def test_bytes_that_are_no_utf_8_are_written_out_in_the_event_and_kept_as_they_were():
    assert read_column("song_name", Source(field="f"), b"caf\xe9", "café") == (
        ["caf\\xe9", "café"],
        [(0, "song_name", "not UTF-8", b"caf\xe9")],
    )


@pytest.mark.parametrize("height", [1, 255, 256, 257, 1_000])
def test_one_broken_text_among_many_is_found_where_it_is(height):
    texts = ["ü"] * height
    for place in {0, height // 2, height - 1}:
        names, problems = read_column("song_name", Source(field="f"), *texts[:place], b"\xff", *texts[place + 1 :])
        assert names == [*texts[:place], "\\xff", *texts[place + 1 :]]
        assert problems == [(place, "song_name", "not UTF-8", b"\xff")]


def test_an_empty_text_is_no_text():
    assert read_column("song_name", Source(field="f"), "", "nan") == ([None, "nan"], [])


def test_listed_values_stand_for_others_and_what_is_not_listed_is_counted():
    source = Source(field="f", values=(("paid", "1"), ("free", "0")))
    assert read_column("paid", source, "paid", "free", "trial", None, "") == (
        [1, 0, None, None, None],
        [(2, "paid", "not one of the known values", b"trial"), (4, "paid", "empty", b"")],
    )


def test_a_kind_that_is_not_listed_is_marked_and_left_to_the_reader():
    event = NEEDED | {"kind": Source(field="f", values=(("NextSong", "P"), ("Thumbs Up", "L")))}
    raw = pl.DataFrame({"f": [b"NextSong", b"Home", None]})
    found = parse_values(raw, FileFormat("*", "json", event), "a.log")
    assert found.events["kind"].to_list() == ["P", None, None]
    assert found.unknown.to_list() == [False, True, True]


def test_nobody_is_counted_even_where_the_log_says_nothing():
    kind = FileFormat("*", "json", NEEDED | {"uid": Source(field="f")})
    found = parse_values(pl.DataFrame({"f": [b"7", b"", None]}), kind, "a.log")
    assert found.events.select("uid", "bucket").rows() == [
        ("7", bucket(pl.Series(["7"]))[0]),
        (None, None),
        (None, None),
    ]
    assert [row[:3] for row in found.problems.rows()] == [(1, "uid", "empty"), (2, "uid", "empty")]


# Days and clocks

DAY = dt.date(2017, 3, 30).toordinal() - dt.date(1970, 1, 1).toordinal()


@pytest.mark.parametrize(
    ("text", "layout", "value"),
    [
        ("2017-03-30", None, DAY),
        ("20170330", "%Y%m%d", DAY),
        ("30/03/2017", "%d/%m/%Y", DAY),
        ("1956-06-02", None, -4_961),
        ("2017-02-30", None, None),
        ("2017-03-30 ", None, None),
        ("20170330", None, None),
        ("", None, None),
    ],
)
def test_a_day_is_read_by_its_layout(text, layout, value):
    found, reasons = read_one("day", Source(field="f", layout=layout), text)
    assert found == value
    assert reasons == ([] if value is not None else ["not a day" if text else "empty"])


def test_a_day_can_be_in_three_fields():
    event = NEEDED | {"day": Source(year="y", month="m", day="d")}
    kind = FileFormat("*", "delimited", event, ("d", "m", "y"))
    found = parse_values(pl.DataFrame({"d": [b"1", b"31"], "m": [b"4", b"2"], "y": [b"2009", b"2009"]}), kind, "a.log")
    assert found.events["day"].to_list() == [14_335, None]
    assert found.problems.rows() == [(1, "day", "not a day", b"2009-2-31")]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2017-03-30T10:20:30", ms(2017, 3, 30, 10, 20, 30)),
        ("2017-03-30 10:20:30", ms(2017, 3, 30, 10, 20, 30)),
        ("2017-03-30T10:20:30Z", ms(2017, 3, 30, 10, 20, 30)),
        ("2017-03-30T10:20:30+00:00", ms(2017, 3, 30, 10, 20, 30)),
        ("2017-03-30T10:20:30.123456", ms(2017, 3, 30, 10, 20, 30) + 123),
        ("2017-03-30 10:20", ms(2017, 3, 30, 10, 20)),
        ("2017-03-30", ms(2017, 3, 30)),
        ("1490869230", ms(2017, 3, 30, 10, 20, 30)),
        ("1490869230123", ms(2017, 3, 30, 10, 20, 30) + 123),
        ("7258118399", 7_258_118_399_000),
        ("7258118400", None),
        ("100000000000", 100_000_000_000),
        ("-186400000", -186_400_000_000),
        ("86400", None),
        ("20170330", ms(2017, 3, 30)),
        ("2017-03-30T12:20:30+02:00", ms(2017, 3, 30, 10, 20, 30)),
        ("2017-03-30T24:00:00", None),
        ("2017-13-30", None),
        ("yesterday", None),
        ("1490869230.5", None),
        ("9999999999999999", None),
    ],
)
def test_any_of_the_usual_clocks_is_understood(text, value):
    found, reasons = read_one("time_ms", Source(field="f", layout="any"), text)
    assert (found, reasons) == (value, [] if value is not None else ["not a time"])


@pytest.mark.parametrize(
    ("source", "text", "value"),
    [
        (Source(field="f", unit="ms"), "1490869230123", 1_490_869_230_123),
        (Source(field="f", unit="ms"), "1490869230123.0", 1_490_869_230_123),
        (Source(field="f", unit="s"), "1490869230", 1_490_869_230_000),
        (Source(field="f", unit="ms"), "7258118399999", 7_258_118_399_999),
        (Source(field="f", unit="ms"), "7258118400000", None),
        (Source(field="f", unit="ms"), "-2208988800000", -2_208_988_800_000),
        (Source(field="f", unit="ms"), "-2208988800001", None),
        (Source(field="f", unit="s"), "1000000000001", None),
        (Source(field="f", unit="s"), "18446744073709552", None),
        (Source(field="f", unit="s"), "2017-03-30", None),
        (Source(field="f", layout="%Y-%m-%d %H:%M:%S"), "2017-03-30 10:20:30", ms(2017, 3, 30, 10, 20, 30)),
        (Source(field="f", layout="%d.%m.%Y %H:%M"), "30.03.2017 10:20", ms(2017, 3, 30, 10, 20)),
        (Source(field="f", layout="%Y-%m-%d %H:%M:%S"), "2017-03-30T10:20:30", None),
    ],
)
def test_a_clock_is_read_by_its_unit_or_its_layout(source, text, value):
    found, reasons = read_one("time_ms", source, text)
    assert (found, reasons) == (value, [] if value is not None else ["not a time"])


def test_a_day_that_no_field_gives_is_the_clocks_also_before_1970():
    event = {name: source for name, source in NEEDED.items() if name != "day"}
    event["time_ms"] = Source(field="f", layout="any")
    texts = [b"2017-03-30T23:59:59.999", b"1969-12-31T23:59:59", b"1970-01-01", b"never"]
    found = parse_values(pl.DataFrame({"f": texts}), FileFormat("*", "json", event), "a.log")
    assert found.events["day"].to_list() == [DAY, -1, 0, None]


def test_a_day_in_the_files_name_is_the_day_of_all_its_events():
    event = NEEDED | {"day": Source(name=r"(\d{8})", layout="%Y%m%d"), "song_name": Source(field="f")}
    found = parse_values(pl.DataFrame({"f": [b"a", b"b"]}), FileFormat("*", "json", event), "20170330_1_play.log")
    assert found.events["day"].to_list() == [DAY, DAY]


# The schema and its bucket


def test_every_column_has_a_type_and_ids_are_of_the_type_asked_for():
    schema = polars_schema("text", "integer")
    assert tuple(schema) == tuple(COLUMNS)
    assert (schema["uid"], schema["song_id"], schema["day"]) == (pl.String, pl.Int64, pl.Int32)


def test_the_bucket_of_a_number_is_splitmix64s():
    """Steele, Lea & Flood (2014); the first output for the seed 1234567 is published as 6457827717110365317."""
    assert bucket(pl.Series([1234567])).to_list() == [6457827717110365317 % BUCKETS]


def test_the_bucket_of_a_text_is_that_of_its_fnv_1a():
    """Fowler, Noll & Vo: the published FNV-1a hash of "foobar" in 64 bits is 0x85944171f73967e8."""
    folded = 0x85944171F73967E8 - 2**64  # as a signed number, which is what a whole-number uid is
    assert bucket(pl.Series(["foobar"])).to_list() == bucket(pl.Series([folded])).to_list()


def test_the_buckets_of_workspaces_that_people_have_do_not_move():
    numbers = pl.Series([0, 1, -1, 1234567, 2**62, None])
    texts = pl.Series(["", "a", "ü", "1234567", None])
    assert bucket(numbers).to_list() == [7535, 2465, 3936, 5317, 2075, None]
    assert bucket(texts).to_list() == [9008, 6583, 6485, 160, None]
    assert bucket(numbers.clear()).to_list() == bucket(texts.clear()).to_list() == []


@settings(max_examples=25)
@given(st.lists(st.none() | st.integers(-(2**63), 2**63 - 1)) | st.lists(st.none() | st.text(max_size=5)))
def test_a_bucket_depends_on_its_uid_alone_and_is_one_of_ten_thousand(uids):
    of = pl.Int64 if all(isinstance(uid, int | None) for uid in uids) else pl.String
    buckets = dict(zip(uids, bucket(pl.Series(uids, dtype=of)), strict=True))
    for others in (uids[::-1], uids[:1]):
        assert bucket(pl.Series(others, dtype=of)).to_list() == [buckets[uid] for uid in others]
    assert all(number is None if uid is None else 0 <= number < BUCKETS for uid, number in buckets.items())

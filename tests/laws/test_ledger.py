r"""Nothing is lost between the bytes of a log and its events, whatever the bytes are.

- Accepted + repaired + rejected = physical lines: each line has one fate, and a rejected line keeps its bytes.
- What is found does not depend on where a block of the reader ends.
- A line that is whole stays accepted, with the same fields, whatever is broken around it.
- The fast reader finds what a slow and obvious one finds, and a text is a number exactly if a person would say so.
- In which order logs come, and in how many parts, makes no difference to the events.
"""

import csv
import re
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from io import BytesIO, StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from tests.logs import all_events, held

from counterpoint.events.formats import FileFormat, Format, Slice, Source
from counterpoint.events.ingestion import ingest
from counterpoint.events.ledger import FileLedger
from counterpoint.events.line_reading import read_lines
from counterpoint.events.record_batch import REPAIRS, Rejected
from counterpoint.events.value_parsing import parse_values

EVENT = {
    "uid": Source(field="uid", type="integer"),
    "day": Source(field="day", layout="%Y%m%d"),
    "song_name": Source(field="song"),
    "play_ms": Source(field="played", unit="s"),
    "kind": Source(always="P"),
}
FIELDS = ("uid", "day", "song", "played")
TABS = FileFormat("*", "delimited", EVENT, FIELDS, delimiter="\t")
QUOTED = FileFormat("*", "delimited", EVENT, FIELDS, quote='"')
HEADED = replace(QUOTED, fields=(), header=True)
SLICES = (Slice("uid", 1, 4), Slice("day", 5, 12), Slice("song", 13, 15), Slice("played", 16, 18))
FIXED = FileFormat("*", "fixed", EVENT, FIELDS, SLICES)
JSON = FileFormat("*", "json", EVENT)
LAYOUTS = {"tabs": TABS, "quoted": QUOTED, "fixed": FIXED, "json": JSON}
every_layout = pytest.mark.parametrize("kind", LAYOUTS.values(), ids=LAYOUTS)

PIECES = (
    *(b"\t", b",", b'"', b'""', b"\n", b"\n", b"\r\n", b"\r", b" ", b"\0", b"\xff", b"\xe9", b"\xc3\xbc", b"{", b"}"),
    *(b"\xef\xbb\xbf", b"7", b"-1", b"12.5", b"1e3", b"x", b"20170330", b'"uid":'),
    *(b"8\t20170330\tSong\t9", b"8\t20170330\tSo", b"ng\t9", b"\n8\t20170330\tSong\t9\n", b"\t\t\t"),
    *(b"8,20170330,Song,9", b'8,20170330,"So', b'ng",9', b'8,20170330,"a ""b"", c",9', b"\n8,20170330,Song,9\n"),
    *(b"   820170330abc  9\n", b'{"uid": 8, "day": 20170330, "song": "a\\nb"}', b"[8]"),
)
MIXTURES = st.lists(st.sampled_from(PIECES), max_size=30).map(b"".join)
ANY_BYTES = st.binary(max_size=60) | MIXTURES
BLOCKS = st.integers(1, 40)


def found(data: bytes, kind: FileFormat, block: int = 1 << 20) -> tuple[list[tuple], list[Rejected], int]:
    """Return all records as (line, repair or "", fields), all rejected lines, and how many lines there were."""
    records, rejected, count = [], [], 0
    for batch in read_lines(BytesIO(data), kind, file="a.log", block=block):
        how = [REPAIRS.get(code, "") for code in batch.repair.tolist()]
        records += zip(batch.line.tolist(), how, batch.fields.rows(), strict=True)
        rejected += batch.rejected
        count += batch.count
    return records, rejected, count


def physical(data: bytes) -> list[bytes]:
    """Cut a file into its lines, the obvious way."""
    lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    ended, last = lines[:-1], lines[-1]
    return [line.removesuffix(b"\r") for line in ended] + ([last] if last else [])


# Each line has one fate


@settings(max_examples=100)
@given(ANY_BYTES, BLOCKS)
@every_layout
def test_each_line_has_one_fate_and_a_rejected_one_keeps_its_bytes(kind, data, block):
    records, rejected, count = found(data, kind, block)
    lines = physical(data)
    fates = [line + more for line, how, _ in records for more in range(2 if how == "split by a newline" else 1)]
    assert sorted(fates + [line.line for line in rejected]) == list(range(1, len(lines) + 1))
    assert count == len(lines)
    assert [line.text for line in rejected] == [lines[line.line - 1] for line in rejected]
    assert all(line.reason for line in rejected)


@settings(max_examples=8)
@given(data=ANY_BYTES)
@every_layout
def test_accepted_repaired_and_rejected_lines_are_all_lines_of_the_ledger(kind, data):
    with TemporaryDirectory() as home:
        ledger = ingest_one(Path(home), data, kind)
        events, rejected, problems = (held(Path(home, "w"), "a.log", of) for of in ("events", "rejected", "problems"))
    records, _, lines = found(data, kind)
    assert ledger.accepted + ledger.repaired + ledger.rejected == ledger.lines == lines
    assert ledger.records == events.height == len(records)
    assert ledger.rejected == rejected.height == sum(ledger.reasons.values())
    assert ledger.repaired == sum(ledger.repairs.values())
    assert sum(problem.count for problem in ledger.problems) == problems.height
    assert ledger.doubles == len(records) - len({fields for _, _, fields in records})
    assert ledger.bytes == len(data)


def ingest_one(home: Path, data: bytes, kind: FileFormat) -> FileLedger:
    (home / "a.log").write_bytes(data)
    [taken] = ingest([home / "a.log"], to=home / "w", format=Format("law", (kind,), "law"))
    return taken.ledger


@settings(max_examples=100)
@given(ANY_BYTES, BLOCKS)
@example(b"x\r\r\n8\t20170330\tSong\t9\n", 1)
@every_layout
def test_where_a_block_ends_changes_nothing(kind, data, block):
    assert found(data, kind, block) == found(data, kind)


@settings(max_examples=100)
@given(ANY_BYTES, BLOCKS)
@example(b"x\r\r\n8,20170330,Song,9\n", 1 << 20)
def test_a_header_changes_nothing_but_its_own_line(data, block):
    assume(not data.startswith(b"\xef\xbb\xbf"))
    records, rejected, count = found(data, QUOTED)
    header = b",".join(name.encode() for name in FIELDS)
    assert found(header + b"\n" + data, HEADED, block) == (
        [(line + 1, how, fields) for line, how, fields in records],
        [Rejected(1, "header", header), *(replace(line, line=line.line + 1) for line in rejected)],
        count + 1,
    )


# The slow and obvious reader


def slow_cut(text: bytes, kind: FileFormat) -> list[bytes] | None:
    """Cut a line byte by byte (RFC 4180; a quote within a field that does not begin with one is just a byte)."""
    delimiter, quote = kind.delimiter.encode(), kind.quote.encode()
    fields, field, state = [], b"", "at the start"
    for byte in (text[at : at + 1] for at in range(len(text))):
        if state == "in quotes":
            state, field = ("after a quote", field) if byte == quote else (state, field + byte)
        elif byte == delimiter:
            fields, field, state = [*fields, field], b"", "at the start"
        elif byte == quote and state != "in the open":
            state, field = "in quotes", field + (quote if state == "after a quote" else b"")
        elif state == "after a quote":
            return None
        else:
            state, field = "in the open", field + byte
    return None if state == "in quotes" else [*fields, field]


def slow_join(first: bytes, second: bytes, kind: FileFormat) -> list[bytes] | None:
    """Take two lines for one record, if neither is one and the whole is sound.

    A line with an odd number of quotes is no sound record (RFC 4180), though it is taken for one if nothing better is.
    """
    fields = slow_cut(first + b"\n" + second, kind)
    odd = kind.quote != "" and second.count(kind.quote.encode()) % 2 == 1
    if fields is None or len(fields) != len(FIELDS) or (slow_fate(second, kind)[1] is not None and not odd):
        return None
    uid, day, _, played = fields
    sound = re.fullmatch(rb"-?\d+(\.\d+)?", uid) and b"\n" not in day and re.fullmatch(rb"(-?\d+(\.\d+)?)?", played)
    return fields if sound else None


def slow_fate(text: bytes, kind: FileFormat) -> tuple[str, list[bytes] | None]:
    """Return a line's repair ("" for none) and fields, or why it is rejected and None."""
    fields = slow_cut(text, kind)
    wanted = len(FIELDS)
    if not text:
        return "empty", None
    if fields is None:
        return "a quote is left open", None
    if len(fields) == wanted:
        return "", fields
    if len(fields) == wanted + 1 and fields[0] == b"":
        return "empty first field", fields[1:]
    if len(fields) > wanted and set(fields[wanted:]) == {b""}:
        return "trailing empty fields", fields[:wanted]
    return f"{len(fields)} fields where {wanted} belong", None


def slow_found(data: bytes, kind: FileFormat) -> tuple[list[tuple], list[Rejected], int]:
    lines = physical(data)
    records, rejected = [], []
    at = 0
    while at < len(lines):
        what, fields = slow_fate(lines[at], kind)
        joined = slow_join(lines[at], lines[at + 1], kind) if fields is None and at + 1 < len(lines) else None
        if fields is not None:
            records.append((at + 1, what, tuple(fields)))
        elif joined is not None:
            records.append((at + 1, "split by a newline", tuple(joined)))
            at += 1
        else:
            rejected.append(Rejected(at + 1, what, lines[at]))
        at += 1
    return records, rejected, len(lines)


@settings(max_examples=150)
@given(ANY_BYTES)
@example(b"8\t20170330\tSo\nng\t9\n\t8\t20170330\tSong\t9\n8\t20170330\tSong\t9\t\t\t\n")
@example(b'8,20170330,"So\nng",9\n,8,20170330,"a ""b""",9\n8,20170330,Song,9,,""\n')
@example(b'8,20170330,"Song",\r9\n')
@example(b'7,20170330,"So\n8,20170330,Song,",9"\n')
@example(b"\n\xef\xbb\xbf\t\t\t")
@example(b"\n\xef\xbb\xbf,,,")
@pytest.mark.parametrize("kind", [TABS, QUOTED], ids=["tabs", "quoted"])
def test_the_reader_finds_what_a_slow_one_finds(kind, data):
    assert found(data, kind) == slow_found(data, kind)


@settings(max_examples=150)
@given(
    st.lists(st.text('ab", \n\0ü', max_size=7).filter(lambda song: song.count("\n") < 2), min_size=1, max_size=4),
    st.permutations(FIELDS),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
@example(["Over\ntwo"], ["song", "uid", "day", "played"], csv.QUOTE_MINIMAL)
def test_a_csv_file_that_a_library_wrote_is_read_as_it_was_meant(songs, order, quoting):
    file, line, meant = StringIO(), 2, []
    writer = csv.DictWriter(file, order, quoting=quoting, lineterminator="\n")
    writer.writeheader()
    for uid, song in enumerate(songs):
        row = {"uid": str(uid), "day": "20170330", "song": song, "played": "9"}
        writer.writerow(row)
        how = "split by a newline" if "\n" in song else ""
        meant.append((line, how, tuple(row[field].encode() for field in order)))
        line += 1 + song.count("\n")
    records, rejected, count = found(file.getvalue().encode(), HEADED)
    assert (records, [line.reason for line in rejected], count) == (meant, ["header"], line - 1)


# What is broken elsewhere changes nothing here

SONGS = {
    "tabs": st.binary(max_size=6).map(lambda song: re.sub(rb"[\t\n]", b"", song)),
    "quoted": st.text('ab",; \r\0ü', max_size=6).map(str.encode)
    | st.binary(max_size=4).filter(lambda b: b"\n" not in b),
    "fixed": st.sampled_from([b"", b"a", b"abc", b"\xff", b"a c"]),
    "json": st.text(max_size=4).map(str.encode),
}


def whole_line(layout: str, number: int, song: bytes) -> bytes:
    uid = b"%d" % (1000 + number)
    if layout == "fixed":
        return uid + b"20170330" + song.ljust(3) + b"  9"
    if layout == "json":
        text = song.decode().encode("unicode-escape").replace(b"\\x", b"\\u00").replace(b'"', b"'")
        text = re.sub(rb"\\U.{8}", b"?", text)
        return b'{"uid": %s, "day": "20170330", "song": "%s", "played": 9}' % (uid, text)
    if layout == "quoted":
        return b'%s,20170330,"%s",9' % (uid, song.replace(b'"', b'""'))
    return b"\t".join([uid, b"20170330", song, b"9"])


@st.composite
def damaged_logs(draw, layout: str):
    """Draw a log's bytes, and which of its lines (number, bytes) were left whole."""
    data, whole = b"", []
    for number in range(draw(st.integers(1, 6))):
        line = whole_line(layout, number, draw(SONGS[layout]))
        if draw(st.booleans()):
            whole.append((data.count(b"\n") + 1, line))
        else:
            first, last = sorted(draw(st.tuples(st.integers(0, len(line)), st.integers(0, len(line)))))
            line = draw(st.sampled_from([line[:first] + line[last:], line[:last], b""])) + draw(ANY_BYTES)
        data += line + b"\n"
    return (data if draw(st.booleans()) else data.removesuffix(b"\n")), whole


def assert_untouched(data: bytes, whole: list[tuple[int, bytes]], kind: FileFormat) -> None:
    records, _, _ = found(data, kind)
    seen = {line: (how, fields) for line, how, fields in records}
    alone = [(number, found(line, kind)[0][0]) for number, line in whole]
    assert {number: seen.get(number) for number, _ in whole} == {number: record[1:] for number, record in alone}
    assert all(how == "" for _, (_, how, _) in alone)


@settings(max_examples=100)
@given(st.data())
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_whole_line_is_accepted_as_it_is_whatever_is_broken_around_it(layout, data):
    log, whole = data.draw(damaged_logs(layout))
    assert_untouched(log, whole, LAYOUTS[layout])


def test_a_quote_left_open_does_not_swallow_the_whole_line_after_it():
    line = b'8,20170330,Song,",9"'
    assert_untouched(b'7,20170330,"So\n' + line + b"\n", [(2, line)], replace(QUOTED, event=NO_NUMBER))


NO_NUMBER = EVENT | {"play_ms": Source(always="9", unit="s"), "singer": Source(field="played")}


# What a number is

NUMBERS = FileFormat(
    "*",
    "delimited",
    EVENT
    | {
        "song_id": Source(field="song_id", type="integer"),
        "song_ms": Source(field="song_ms", unit="ms"),
        "time_ms": Source(field="clock", unit="s"),
        "day": Source(always="2017-03-30"),
    },
    ("uid", "song", "played", "song_id", "song_ms", "clock"),
)
CALENDAR_MS = (-2_208_988_800_000, 7_258_118_399_999)  # 1900 to 2199
LONGEST_MS = 10**11
TEXTS = (
    st.text("0123456789-+.eE_xX ٣\n\\aN", max_size=8)
    | st.integers().map(str)
    | st.from_regex(r"-?[0-9]{1,20}(\.[0-9]{0,4})?", fullmatch=True)
    | st.sampled_from(["", "nan", "NULL", "\\N", "inf", "0x1F", "1_000", " 5", "5\n", "٣٣", "-", "--1", ".5"])
)


def slow_whole(text: str) -> int | None:
    """Read a whole number of at most 18 digits, digit by digit."""
    digits = text[1:] if text[:1] == "-" else text
    if not 1 <= len(digits) <= 18 or any(digit not in "0123456789" for digit in digits):
        return None
    value = 0
    for digit in digits:
        value = 10 * value + "0123456789".index(digit)
    return -value if text[:1] == "-" else value


def slow_decimal(text: str) -> Decimal | None:
    """Read a decimal number of at most 15 digits before the point, and at least one after it if there is one."""
    whole, point, after = text.partition(".")
    if slow_whole(whole) is None or len(whole.removeprefix("-")) > 15:
        return None
    if point and (not after or any(digit not in "0123456789" for digit in after)):
        return None
    return Decimal(text)


def assert_near(found: int | None, said: Decimal | None, low: int, high: int) -> None:
    """Expect what was said, to the millisecond, where it lies within [low, high], and nothing elsewhere."""
    if found is None:
        assert said is None or not low < said < high
    else:
        assert abs(found - said) <= Decimal("0.75")
        assert low <= found <= high
        assert found == said or said % 1


@settings(max_examples=120)
@given(TEXTS)
@example("18446744073709552")
@example("999999999999.999")
def test_a_text_is_a_number_exactly_if_a_person_would_say_so_and_is_kept_if_not(text):
    row = [text.encode()] * 6
    read_as = parse_values(pl.DataFrame([row], schema=list(NUMBERS.fields), orient="row"), NUMBERS, "a.log")
    event, problems = read_as.events.row(0, named=True), read_as.problems.rows()
    whole, decimal = slow_whole(text), slow_decimal(text)
    assert event["uid"] == event["song_id"] == whole
    in_ms = None if decimal is None else 1000 * decimal
    assert event["song_ms"] == (None if whole is None or abs(whole) > LONGEST_MS else whole)
    assert_near(event["play_ms"], in_ms, -LONGEST_MS, LONGEST_MS)
    assert_near(event["time_ms"], in_ms, *CALENDAR_MS)
    lost = {column for column in ("uid", "song_id", "song_ms", "play_ms", "time_ms") if event[column] is None}
    assert {column: kept for _, column, _, kept in problems} == dict.fromkeys(lost, text.encode())


# Order and parts

RECORDS = st.sampled_from(
    [
        *(b"8\t20170330\tSong\t9\n", b"\t8\t20170330\tSong\t9\n", b"8\t20170330\tSo\nng\t9\n", b"\n", b"x\n"),
        *(b"8\t20170331\tCaf\xe9\tnan\n", b"x\ty\n", b"-3\t20170330\t\t9\t\t\r\n", b"z\t20170330\tSong\t1e3\n"),
    ]
) | st.integers(0, 3).map(lambda uid: b"%d\t20170401\tSong\t1.5\n" % uid)


@settings(max_examples=8)
@given(st.lists(st.lists(RECORDS, min_size=1, max_size=5), min_size=1, max_size=3), st.randoms(use_true_random=False))
def test_the_order_of_logs_and_their_number_of_parts_change_no_event(parts, chance):
    how = Format("law", (TABS,), "law")
    with TemporaryDirectory() as home:
        whole, cut = Path(home, "whole.log"), [Path(home, f"part-{number}.log") for number in range(len(parts))]
        whole.write_bytes(b"".join(record for part in parts for record in part))
        for path, part in zip(cut, parts, strict=True):
            path.write_bytes(b"".join(part))
        chance.shuffle(cut)
        [at_once] = ingest([whole], to=Path(home, "once"), format=how)
        in_parts = [taken.ledger for path in cut for taken in ingest([path], to=Path(home, "parts"), format=how)]
        assert all_events(Path(home, "once")) == all_events(Path(home, "parts"))
    for count in ("lines", "records", "accepted", "repaired", "rejected", "repairs", "reasons"):
        total = sum((Counter({"": n} if isinstance(n := getattr(p, count), int) else n) for p in in_parts), Counter())
        of_all = getattr(at_once.ledger, count)
        assert total == Counter({"": of_all} if isinstance(of_all, int) else of_all), count

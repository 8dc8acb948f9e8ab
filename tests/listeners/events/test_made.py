"""The invented log: reproducible, in the study's format, with the study's dirt and about its churn."""

import re
from collections import Counter
from datetime import date
from urllib.parse import unquote

import pytest

from counterpoint.errors import CounterpointError
from counterpoint.listeners.events import made
from counterpoint.listeners.events.old_made import make

KNOWN_FOR, OUTCOME_FOR = 30, 14


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return make(tmp_path_factory.mktemp("world"), listeners=1_500, rng=11)


@pytest.fixture(scope="module")
def written(world):
    """All bytes of a kind, every day after the other."""
    return {
        kind: b"".join(file.read_bytes() for file in world.files if file.name.endswith(f"_{kind}.log"))
        for kind in ("play", "down", "search")
    }


@pytest.fixture(scope="module")
def fields(written):
    """The records of a kind that still have its number of fields."""
    widths = {"play": 9, "down": 6, "search": 4}
    return {
        kind: [row for line in lines.split(b"\n") if len(row := line.split(b"\t")) == widths[kind]]
        for kind, lines in written.items()
    }


def days_by_listener(world):
    """The days, counted from 0, on which each well-formed uid left a line."""
    days = {}
    for number, name in enumerate(sorted({file.name[:8] for file in world.files})):
        for file in world.files:
            if file.name.startswith(name):
                for uid in re.findall(rb"^\t?(\d{9})\t", file.read_bytes(), flags=re.MULTILINE):
                    days.setdefault(uid, set()).add(number)
    return days


def share(rows, column, wanted):
    return sum(row[column] == wanted for row in rows) / len(rows)


def test_the_same_seed_writes_the_same_bytes(tmp_path):
    once, again, other = (
        make(tmp_path / name, listeners=60, days=4, rng=seed) for name, seed in (("a", 3), ("b", 3), ("c", 4))
    )
    texts = [[file.read_bytes() for file in log.files] for log in (once, again, other)]
    assert texts[0] == texts[1] != texts[2]
    assert (once.events, once.dirty_lines) == (again.events, again.dirty_lines)


def test_there_is_one_file_a_day_and_kind_and_nothing_else(tmp_path):
    log = make(tmp_path / "new" / "log", listeners=1, days=3, first_day=date(2020, 2, 28), rng=0)
    days = ("20200228", "20200229", "20200301")
    assert [file.name for file in log.files] == [
        f"{day}_1_{kind}.log" for day in days for kind in ("down", "play", "search")
    ]
    assert sorted(log.folder.iterdir()) == sorted(log.files)


def test_every_event_is_a_line_and_only_dirt_adds_more(world, written):
    lines = sum(text.count(b"\n") for text in written.values())
    assert world.events < lines < world.events + world.dirty_lines
    assert 0.1 < world.dirty_lines / world.events < 0.3


def test_every_line_ends_with_a_newline_and_none_with_a_carriage_return(written):
    assert all(text.endswith(b"\n") and b"\r" not in text for text in written.values())


def test_most_active_listeners_leave_about_as_many_as_in_the_study(world):
    at = 60 - OUTCOME_FOR
    days = days_by_listener(world).values()
    known = [seen for seen in days if any(at - KNOWN_FOR <= day < at for day in seen)]
    gone = sum(max(seen) < at for seen in known)
    assert len(known) > 700
    assert 0.45 < gone / len(known) < 0.65


def test_those_seen_lately_leave_less_often(world):
    at = 60 - OUTCOME_FOR
    left = {True: [], False: []}
    for seen in days_by_listener(world).values():
        before = [day for day in seen if at - KNOWN_FOR <= day < at]
        if before:
            left[max(before) >= at - 7].append(max(seen) < at)
    assert sum(left[True]) / len(left[True]) + 0.3 < sum(left[False]) / len(left[False])


def test_downloads_and_searches_are_rarer_than_plays(fields):
    counts = {kind: len(rows) for kind, rows in fields.items()}
    assert 14 < counts["play"] / counts["down"] < 24
    assert 10 < counts["play"] / counts["search"] < 19


def test_a_few_listeners_play_most_of_it(fields):
    plays = sorted(Counter(row[0] for row in fields["play"]).values(), reverse=True)
    assert sum(plays) / len(plays) > 3 * plays[len(plays) // 2]


def test_seven_of_eight_events_are_from_android_and_some_listeners_use_both(fields):
    devices = {}
    for row in fields["play"]:
        devices.setdefault(row[0], set()).add(row[1])
    both = sum(len(used) == 2 for used in devices.values()) / len(devices)
    android = sum(b"ar" in used for used in devices.values()) / len(devices)
    assert 0.01 < both < 0.05
    assert 0.84 < android < 0.92


def test_a_song_keeps_its_length_and_is_skipped_or_heard_nearly_whole(fields):
    clean = [row for row in fields["play"] if row[2] != b"0" and int(row[7]) > 0 and re.fullmatch(rb"\d{1,3}", row[6])]
    lengths = {}
    for row in clean:
        lengths.setdefault(row[2], set()).add(row[7])
    assert all(len(found) == 1 for found in lengths.values())
    heard = [int(row[6]) / int(row[7]) for row in clean]
    middling = sum(0.2 <= part < 0.8 for part in heard) / len(heard)
    assert middling < 0.3
    assert 200 < sum(int(row[7]) for row in clean) / len(clean) < 245


def test_searches_have_a_clock_and_a_query_that_decodes(fields, world):
    rows = fields["search"]
    assert all(re.fullmatch(rb"2017-\d\d-\d\d \d\d:\d\d:\d\d", row[2]) for row in rows)
    assert all(unquote(row[3].decode("ascii"), errors="strict").isalpha() for row in rows)
    first = next(file for file in world.files if file.name == "20170330_1_search.log")
    assert all(line.split(b"\t")[2].startswith(b"2017-03-30 ") for line in first.read_bytes().splitlines())


def test_plays_have_spoiled_ids_and_lengths_as_often_as_the_sample(fields):
    rows = fields["play"]
    assert share(rows, 2, b"0") == pytest.approx(0.09, abs=0.01)
    assert share(rows, 7, b"0") == pytest.approx(0.07, abs=0.01)
    assert share(rows, 7, b"-1") == pytest.approx(0.004, abs=0.002)


@pytest.mark.parametrize(
    "play_time", [rb"\d{4,}", rb"\d+>\(192\.0\.2\.80\)TM", rb"nan", rb"", rb"-\d+"], ids=lambda text: text.decode()
)
def test_some_play_times_are_no_seconds(fields, play_time):
    found = sum(re.fullmatch(play_time, row[6]) is not None for row in fields["play"])
    assert 0 < found < 0.04 * len(fields["play"])


@pytest.mark.parametrize(
    ("kind", "damage"),
    [
        ("play", rb"\n\t\d{9}\t"),
        ("play", rb"\n\n"),
        ("play", rb"\t-?\d+\t\t\t\t\t\t0\n"),
        ("down", rb"\n\d{9}\t\w+\t\d+\t[^\t\n]+\n\t[^\t\n]+\t0\n"),
        ("down", rb"\tip\t\d+\t\t\t0\n"),
        ("play", rb"\n([^\n]+)\n\1\n"),
        ("down", rb"\n([^\n]+)\n\1\n"),
        ("search", rb"\n([^\n]+)\n\1\n"),
    ],
    ids=[
        "a leading tab",
        "an empty line",
        "many empty fields",
        "a newline in a name",
        "an iPhone download without names",
        "a doubled play",
        "a doubled download",
        "a doubled search",
    ],
)
def test_every_kind_of_broken_line_is_planted_and_stays_rare(written, kind, damage):
    lines = written[kind].count(b"\n")
    assert 0 < len(re.findall(damage, written[kind])) < 0.2 * lines


def test_some_song_names_are_not_valid_utf_8(fields):
    assert 0 < sum("\ufffd" in row[4].decode(errors="replace") for row in fields["play"]) < 0.002 * len(fields["play"])


@pytest.mark.parametrize(
    ("listeners", "days", "wrong"), [(0, 5, "0 listeners"), (-3, 5, "-3 listeners"), (5, 0, "0 days")]
)
def test_a_world_without_listeners_or_days_is_refused(tmp_path, listeners, days, wrong):
    with pytest.raises(CounterpointError, match=f"^{wrong} make no log: ask for 1 (listener|day) or more$"):
        make(tmp_path / "log", listeners=listeners, days=days, rng=0)
    assert not (tmp_path / "log").exists()


def test_a_log_beyond_the_calendar_is_refused(tmp_path):
    with pytest.raises(CounterpointError, match=r"^9 days from 9999-12-30 end after the year 9999: ask for at most 2$"):
        make(tmp_path / "log", listeners=1, days=9, first_day=date(9999, 12, 30), rng=0)


def test_a_log_that_breaks_off_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr(made, "_tomorrow", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        make(tmp_path / "log", listeners=1, days=2, rng=0)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_something_in_it_is_refused_and_left_alone(tmp_path):
    (tmp_path / "mine.log").write_text("mine")
    with pytest.raises(CounterpointError, match=r"is not an empty folder: name a new or an empty one$"):
        make(tmp_path, listeners=1, days=1, rng=0)
    assert [file.name for file in tmp_path.iterdir()] == ["mine.log"]


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "log").write_text("mine")
    with pytest.raises(CounterpointError, match="is not an empty folder"):
        make(tmp_path / "log", listeners=1, days=1, rng=0)

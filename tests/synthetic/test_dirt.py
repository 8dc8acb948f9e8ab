"""What the truth says of a spoiled line is what ingest finds in the log: line by line, in every format.

- Each line that the truth calls rejected or repaired is, for the reason it gives, and no other line is.
- Each value that the truth calls lost is lost, for the reason it gives, and no other value is.
- What is lost with its listener or spoiled is as much as the day's counts reckon with, and each kind of dirt is there.
"""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoint.events.line_reading import read_lines
from counterpoint.events.record_batch import REPAIRS
from counterpoint.synthetic import dirt

KINDS = {"music-box": ("play", "down", "search"), "eventsim": ("page",)}
every_kind = pytest.mark.parametrize("kind", dirt.DIRT_KINDS)


def repaired(platform):
    """Return each repaired line: file, line, repair."""
    for path in platform.logs.files:
        with path.open("rb") as file:
            for batch in read_lines(file, platform.format.of(path.name), file=path.name):
                rows = np.flatnonzero(batch.repair)
                yield from ((path.name, int(batch.line[row]), REPAIRS[int(batch.repair[row])]) for row in rows)


# Line by line


def test_the_rejected_lines_are_those_of_the_truth(platform):
    told = platform.truth("dirt").filter(fate="rejected").select("file", "line", "ledger_entry")
    found = platform.table("rejected").select("file", "line", "reason")
    assert sorted(found.rows()) == sorted(told.rows())
    assert found.height > 100


def test_the_repaired_lines_are_those_of_the_truth(platform):
    told = platform.truth("dirt").filter(fate="repaired").select("file", "line", "ledger_entry").rows()
    assert sorted(repaired(platform)) == sorted(told)
    assert (len(told) > 100) == (platform.request.format == "music-box")


def test_the_lost_values_are_those_of_the_truth(platform):
    told = [
        (file, line, *problem.split(": "))
        for file, line, problems in platform.truth("dirt").select("file", "line", "problems").rows()
        for problem in problems.split("; ")
        if problem
    ]
    found = platform.table("problems").select("file", "line", "column", "reason").rows()
    assert sorted(found) == sorted(told)
    assert len(told) > 100


def test_each_spoiled_line_that_is_not_rejected_is_an_event(platform):
    told = platform.truth("dirt").filter(pl.col("fate") != "rejected").select("file", "line")
    events = platform.table("events").select("file", "line")
    assert told.join(events, on=["file", "line"], how="anti").is_empty()
    assert told.is_unique().all()


def test_the_lines_of_the_log_are_its_records_and_what_dirt_added(platform):
    more = {one.name: one.extra_lines for kind in KINDS[platform.request.format] for one in dirt.DIRT_KINDS[kind]}
    added = sum(more[name] for name in platform.truth("dirt")["dirt"])
    assert sum(one.ledger.lines for one in platform.reports) == platform.logs.events + added


def test_a_doubled_record_is_two_lines_of_the_same_bytes(platform):
    told = platform.truth("dirt").filter(dirt="said twice")
    for name, lines in told.group_by("file").agg("line").rows():
        text = (platform.logs.folder / name).read_bytes().split(b"\n")
        assert all(text[line - 1] == text[line] for line in lines)
    doubles = sum(one.ledger.doubles for one in platform.reports)
    assert doubles >= told.height > 0


def test_exactly_the_events_whose_dirt_loses_them_have_no_listener(platform):
    loses = {one.name for kind in KINDS[platform.request.format] for one in dirt.DIRT_KINDS[kind] if one.loses}
    told = platform.truth("dirt").filter(pl.col("dirt").is_in(loses), pl.col("fate") != "rejected")
    nobody = platform.table("events").filter(pl.col("uid").is_null())
    assert sorted(nobody.select("file", "line").rows()) == sorted(told.select("file", "line").rows())


def test_a_play_has_a_believable_length_and_time_unless_its_dirt_spoils_it(music_box):
    """Nothing but the dirt that spoils takes a play's length or time, so that chance alone decides who is believed."""
    spoils = {one.name for one in dirt.DIRT_KINDS["play"] if one.spoils}
    told = music_box.truth("dirt").filter(pl.col("dirt").is_in(spoils)).select("file", "line").rows()
    plays = music_box.table("events", "play")
    believed = (pl.col("song_ms") > 0) & (pl.col("play_ms") >= 0)
    odd = plays.filter(~believed.fill_null(value=False)).select("file", "line").rows()
    assert sorted(odd) == sorted(told)


# Each kind, as often as it should be


def test_every_kind_of_dirt_is_in_the_log(platform):
    found = dict(platform.truth("dirt").group_by("dirt").len().iter_rows())
    assert found.keys() == {one.name for kind in KINDS[platform.request.format] for one in dirt.DIRT_KINDS[kind]}
    assert sum(found.values()) == platform.logs.dirty


@every_kind
def test_as_many_records_have_a_kind_of_dirt_as_its_share_says(kind):
    """What a day loses is shared out among the dirt that loses, what it spoils among the dirt that spoils."""
    rng, count = np.random.default_rng(3), 400_000
    lost, spoiled = dirt.lost_share(kind), dirt.spoiled_share(kind)
    fate = rng.choice(
        [dirt.CLEAN, dirt.SPOILED, dirt.LOST], count, p=[(1 - lost) * (1 - spoiled), *_rest(lost, spoiled)]
    )
    found = dirt.draw_dirt(kind, fate, {}, rng)
    for at, one in enumerate(dirt.DIRT_KINDS[kind]):
        of = fate == one.record_fate
        among = {dirt.CLEAN: 1.0, dirt.SPOILED: spoiled, dirt.LOST: lost}[one.record_fate]
        chance, share = one.share / among, (found[of] == at).sum() / of.sum()
        assert abs(share - chance) < 4 * np.sqrt(max(chance * (1 - chance), 0) / of.sum()) + 1e-12, one.name
        assert not (found[~of] == at).any()


def _rest(lost, spoiled):
    return (1 - lost) * spoiled, lost


@every_kind
def test_a_lost_or_spoiled_record_always_has_dirt(kind):
    fate = np.repeat([dirt.LOST, dirt.SPOILED], 2000) if dirt.spoiled_share(kind) else np.full(2000, dirt.LOST)
    assert (dirt.draw_dirt(kind, fate, {}, np.random.default_rng(0)) >= 0).all()


def test_excluded_records_do_not_get_the_dirt():
    fate, cannot = np.zeros(20_000, np.int64), np.arange(20_000) % 2 == 0
    found = dirt.draw_dirt("play", fate, {dirt.SONG_0: cannot}, np.random.default_rng(0))
    at = dirt.dirt_code("play", dirt.SONG_0)
    assert not (found[cannot] == at).any()
    assert (found[~cannot] == at).any()


def test_the_names_of_dirt_are_its_own():
    for dirts in dirt.DIRT_KINDS.values():
        assert len({one.name for one in dirts}) == len(dirts)
        assert sum(one.share for one in dirts if not (one.loses or one.spoils)) < 1
        assert all((one.line_fate == "accepted") == (one.ledger_entry is None) for one in dirts)


# Where a line is


def slow_fates(kind, found):
    """Return where each spoiled record's line is, by counting."""
    line = 1
    for at in found:
        one = dirt.DIRT_KINDS[kind][at] if at >= 0 else None
        if one:
            yield line + one.line_offset, one.name, one.line_fate, one.ledger_entry
        line += 1 + (one.extra_lines if one else 0)


@settings(max_examples=100)
@given(st.data())
@every_kind
def test_the_fate_of_a_line_is_that_of_the_right_line(kind, data):
    found = data.draw(st.lists(st.integers(-1, len(dirt.DIRT_KINDS[kind]) - 1), max_size=12))
    told = dirt.line_fates(kind, np.array(found, np.int64))
    assert told.select("line", "dirt", "fate", "ledger_entry").rows() == list(slow_fates(kind, found))


LINES = {
    "play": b"168000007\tar\t100007\t0\t\xe4\xba\x91\xe6\xb0\xb4\t\xe9\x98\xbf\xe5\xb2\x9a\t123\t242\t0",
    "down": b"168000007\tar\t100007\t\xe4\xba\x91\xe6\xb0\xb4\t\xe9\x98\xbf\xe5\xb2\x9a\t0",
    "search": b"168000007\tar\t2017-04-01 10:20:30\t%E9%9B%A8",
    "page": b'{"ts":1490832000000,"sessionId":"7","userId":"168000007","level":"free","page":"NextSong","song":"x"}',
}


@settings(max_examples=50)
@given(st.data())
@every_kind
def test_a_log_is_spoiled_where_it_should_be_and_nowhere_else(kind, data):
    found = np.array(data.draw(st.lists(st.integers(-1, len(dirt.DIRT_KINDS[kind]) - 1), max_size=12)), np.int64)
    line = LINES[kind]
    changes = [dirt.DIRT_KINDS[kind][at].change_line if at >= 0 else None for at in found]
    expected = b"".join((change(line) if change else line) + b"\n" for change in changes)
    assert dirt.apply_dirt((line + b"\n") * len(found), kind, found) == expected
    more = sum(dirt.DIRT_KINDS[kind][at].extra_lines for at in found if at >= 0)
    assert expected.count(b"\n") == len(found) + more

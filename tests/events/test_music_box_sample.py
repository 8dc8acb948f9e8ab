"""On real logs that nobody here made, the ledger says what `data/README.md` says of their dirt, line by line.

Nothing of a log is shown when a test fails: only counts, line numbers and reasons are compared.
"""

import os
import re
from pathlib import Path

import polars as pl
import pytest
from tests.logs import held

from counterpoint.events.formats import load_format
from counterpoint.events.ingestion import ingest
from counterpoint.events.ledger import ValueProblem
from counterpoint.events.line_reading import read_lines
from counterpoint.events.record_batch import AS_IT_IS, REPAIRS

pytestmark = pytest.mark.real

PLAYS, DOWNLOADS, SEARCHES = (f"20170330_1_{kind}.log" for kind in ("play", "down", "search"))


def real_data() -> Path:
    if "COUNTERPOINT_DATA" not in os.environ:
        pytest.skip("COUNTERPOINT_DATA is not set: the real logs are nowhere")
    return Path(os.environ["COUNTERPOINT_DATA"])


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return tmp_path_factory.mktemp("real") / "w"


@pytest.fixture(scope="module")
def ledger(workspace):
    """The account of each of the three files."""
    taken = ingest([real_data() / "music-box-sample"], to=workspace, format=load_format("music-box"))
    return {one.ledger.file: one.ledger for one in taken}


@pytest.fixture(scope="module")
def events(workspace, ledger):
    return {name: held(workspace, name) for name in ledger}


def repaired(name):
    """The repair of each repaired record, by its first line."""
    found = {}
    with (real_data() / "music-box-sample" / name).open("rb") as log:
        for batch in read_lines(log, load_format("music-box").of(name), file=name):
            mended = batch.repair != AS_IT_IS
            codes = zip(batch.line[mended].tolist(), batch.repair[mended].tolist(), strict=True)
            found |= {line: REPAIRS[code] for line, code in codes}
    return found


def where(table, condition):
    """The lines of the rows that meet a condition."""
    return table.filter(condition)["line"].to_list()


@pytest.mark.parametrize(
    ("name", "lines", "records", "fates", "doubles"),
    [
        (PLAYS, 1_001, 999, (997, 2, 2), 7),
        (DOWNLOADS, 1_000, 996, (992, 8, 0), 9),
        (SEARCHES, 1_000, 1_000, (1_000, 0, 0), 18),
    ],
)
def test_every_line_is_accounted_for(ledger, name, lines, records, fates, doubles):
    one = ledger[name]
    assert (one.lines, one.records, one.doubles) == (lines, records, doubles)
    assert (one.accepted, one.repaired, one.rejected) == fates
    assert one.days == (17_255, 17_255)


def test_the_plays_that_begin_with_a_tab_are_repaired(ledger, events):
    assert ledger[PLAYS].repairs == {"empty first field": 2}
    assert repaired(PLAYS) == {804: "empty first field", 805: "empty first field"}
    assert where(events[PLAYS], pl.col("line").is_in([804, 805]) & pl.col("uid").is_not_null()) == [804, 805]


def test_the_play_of_fourteen_fields_and_the_empty_one_are_rejected(workspace, ledger):
    assert ledger[PLAYS].reasons == {"14 fields where 9 belong": 1, "empty": 1}
    rejected = held(workspace, PLAYS, "rejected")
    assert rejected.select("line", "reason").rows() == [(836, "14 fields where 9 belong"), (1001, "empty")]
    log = (real_data() / "music-box-sample" / PLAYS).read_bytes().split(b"\n")
    same = rejected["text"].to_list() == [log[835], log[1000]]
    assert same


def test_the_play_times_that_hold_an_address_are_null_and_keep_their_text(workspace, ledger, events):
    assert ledger[PLAYS].problems == (ValueProblem("play_ms", "not a number", 3),)
    problems = held(workspace, PLAYS, "problems")
    assert problems["line"].to_list() == [23, 200, 244]
    kept = [re.fullmatch(rb"\d+>=?\(192\.0\.2\.\d+\)TM", text) is not None for text in problems["text"]]
    assert kept == [True] * 3
    assert where(events[PLAYS], pl.col("play_ms").is_null()) == [23, 200, 244]


def test_the_downloads_that_a_newline_split_are_one_record_each(ledger, events):
    assert ledger[DOWNLOADS].repairs == {"split by a newline": 8}
    assert repaired(DOWNLOADS) == dict.fromkeys([275, 284, 415, 571], "split by a newline")
    assert where(events[DOWNLOADS], pl.col("song_name").str.contains("\n")) == [275, 284, 415, 571]


def test_values_that_cannot_be_true_survive_for_cleaning_to_judge(events):
    plays = events[PLAYS]
    sound = plays.filter(pl.col("play_ms").is_not_null() & (pl.col("line") != 804))
    assert (sound["song_ms"] == 0).sum() == 75
    assert set(where(plays, pl.col("song_ms") == 0)) - set(where(sound, pl.col("song_ms") == 0)) == {23, 804}
    assert (plays["song_ms"] == -1_000).sum() == 4
    assert (plays["song_id"] == 0).sum() == 88
    assert plays.filter(line=76).select("play_ms", "song_ms").rows() == [(241_070_000, 242_000)]


def test_the_iphone_downloads_have_no_names(events):
    nameless = pl.col("song_name").is_null() & pl.col("singer").is_null()
    assert len(where(events[DOWNLOADS], nameless & (pl.col("device") == "ip"))) == 133
    assert where(events[DOWNLOADS], nameless & (pl.col("device") != "ip")) == []


def test_every_search_has_its_clock_on_its_day_and_a_query(events):
    searches = events[SEARCHES]
    assert searches["time_ms"].null_count() == searches["query"].null_count() == searches["uid"].null_count() == 0
    assert (searches["time_ms"] // 86_400_000 == searches["day"]).all()


def test_every_purchase_of_cdnow_is_an_event(tmp_path):
    [one] = ingest([real_data() / "cdnow" / "CDNOW_master.txt.gz"], to=tmp_path / "w", format=load_format("cdnow"))
    assert (one.ledger.records, one.ledger.accepted, one.ledger.problems) == (69_659, 69_659, ())
    assert one.ledger.reasons == {"header": 1}
    assert one.ledger.days == (9_862, 10_407)
    events = held(tmp_path / "w", one.ledger.file)
    assert (events["uid"].n_unique(), events["uid"].null_count()) == (23_570, 0)


def test_every_tag_of_hetrec_is_an_event_though_both_parts_have_a_header(tmp_path):
    parts = sorted((real_data() / "lastfm-hetrec").glob("user_taggedartists*.dat.gz"))
    ledgers = [one.ledger for one in ingest(parts, to=tmp_path / "w", format=load_format("hetrec-tags"))]
    assert len(ledgers) == 2
    assert sum(one.records for one in ledgers) == sum(one.accepted for one in ledgers) == 186_478
    assert all(one.reasons["header"] == 1 and not one.problems for one in ledgers)
    users = pl.concat([held(tmp_path / "w", one.file)["uid"] for one in ledgers])
    assert (users.n_unique(), users.null_count()) == (1_892, 0)

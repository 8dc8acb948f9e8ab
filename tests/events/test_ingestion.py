r"""Logs become events: each is read once and never taken twice, whatever its format and however it is packed.

- The same log again changes nothing; a changed one is refused, or replaces its older self and all its events.
- What is refused is refused before anything is read; a log that breaks takes nothing with it but itself.
- Every line and every lost value is found again in the workspace, with its bytes.
"""

import gzip
import json
import tarfile
from dataclasses import replace

import polars as pl
import pytest
from tests.logs import all_events, held, log, own_format, refused

from counterpoint.events.formats import load_format
from counterpoint.events.ingestion import LOG, ingest, ledgers
from counterpoint.events.ledger import FileLedger, Tally, ValueProblem
from counterpoint.events.schema import COLUMNS, bucket
from counterpoint.storage.serializer import loads_plain, plain
from counterpoint.storage.workspace import edit_workspace, open_workspace, verify

STUDY = load_format("music-box")
PLAY = b"7\tar\t11\t0\tSong\tSinger\t30\t242\t0"
DAY = 17_255  # 2017-03-30


def plays(path, *lines):
    return log(path / "20170330_1_play.log", *(lines or [PLAY]))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def assert_right(workspace):
    """Nothing but what is live, and all of that as it was committed."""
    with open_workspace(workspace) as view:
        for folder in view.with_prefix(LOG):
            verify(folder)
        assert names(workspace / "data") == sorted(folder.path.name for folder in view.live.values())
    assert names(workspace / "tmp") == []


def accounts(workspace):
    with open_workspace(workspace) as view:
        return {ledger.file: ledger for ledger in ledgers(view)}


def taken(paths, to, how=STUDY, **more):
    return {one.ledger.file: one.status for one in ingest(paths, to=to, format=how, **more)}


# Events and their ledger


def test_the_three_kinds_of_music_box_logs_become_one_table(tmp_path):
    logs = [
        plays(tmp_path / "logs", PLAY, b"8\tip\t12\t1\t\t\t12.5\t-1\t1"),
        log(tmp_path / "logs" / "20170331_1_down.log", b"7\tar\t11\tSong\tSinger\t0"),
        log(tmp_path / "logs" / "20170401_1_search.log", b"9\tip\t2017-04-01 10:20:30\t%E9%9B%A8"),
    ]
    found = ingest(logs, to=tmp_path / "w", format=STUDY)
    assert [(one.ledger.file, one.ledger.kind, one.ledger.days, one.status) for one in found] == [
        ("20170330_1_play.log", "P", (DAY, DAY), "new"),
        ("20170331_1_down.log", "D", (DAY + 1, DAY + 1), "new"),
        ("20170401_1_search.log", "S", (DAY + 2, DAY + 2), "new"),
    ]
    first, second = held(tmp_path / "w", "20170330_1_play.log").rows(named=True)
    assert tuple(first) == tuple(COLUMNS)
    assert first == dict.fromkeys(COLUMNS) | {
        "uid": 7,
        "bucket": bucket(pl.Series([7]))[0],
        "kind": "P",
        "day": DAY,
        "device": "ar",
        "song_id": 11,
        "song_type": "0",
        "song_name": "Song",
        "singer": "Singer",
        "play_ms": 30_000,
        "song_ms": 242_000,
        "paid": 0,
        "line": 1,
    }
    assert (second["song_name"], second["play_ms"], second["song_ms"], second["line"]) == (None, 12_500, -1_000, 2)
    [search] = held(tmp_path / "w", "20170401_1_search.log").rows(named=True)
    assert (search["time_ms"], search["query"], search["song_id"]) == (1_491_042_030_000, "%E9%9B%A8", None)
    assert_right(tmp_path / "w")


def test_the_ledger_counts_every_line_and_every_lost_value(tmp_path):
    path = plays(
        tmp_path,
        PLAY,
        b"\t" + PLAY,
        PLAY + b"\t\t",
        PLAY.replace(b"Song", b"So\nng"),
        b"",
        b"x",
        PLAY.replace(b"\t30\t", b"\t7>(TM\t").replace(b"Song", b"caf\xe9"),
        PLAY.replace(b"7\t", b"nan\t"),
    )
    [one] = ingest([path], to=tmp_path / "w", format=STUDY)
    ledger = one.ledger
    assert (ledger.lines, ledger.records, ledger.accepted, ledger.repaired, ledger.rejected) == (9, 6, 3, 4, 2)
    assert ledger.repairs == {"empty first field": 1, "split by a newline": 2, "trailing empty fields": 1}
    assert ledger.reasons == {"1 fields where 9 belong": 1, "empty": 1}
    assert ledger.problems == (
        ValueProblem("play_ms", "not a number", 1),
        ValueProblem("song_name", "not UTF-8", 1),
        ValueProblem("uid", "said to be missing", 1),
    )
    assert ledger.doubles == 2
    assert (ledger.bytes, ledger.format) == (path.stat().st_size, "music-box")
    assert accounts(tmp_path / "w") == {path.name: ledger}


def test_rejected_lines_and_lost_values_keep_their_file_line_and_bytes(tmp_path):
    path = plays(
        tmp_path, b"x\xff", PLAY.replace(b"Song", b"So\nng\xe9"), b"", PLAY.replace(b"Song", b"caf\xe9\x00\\xe9")
    )
    ingest([path], to=tmp_path / "w", format=STUDY)
    assert held(tmp_path / "w", path.name, "rejected").rows() == [
        (path.name, 1, "1 fields where 9 belong", b"x\xff"),
        (path.name, 4, "empty", b""),
    ]
    assert held(tmp_path / "w", path.name, "problems").rows() == [
        (path.name, 2, "song_name", "not UTF-8", b"So\nng\xe9"),
        (path.name, 5, "song_name", "not UTF-8", b"caf\xe9\x00\\xe9"),
    ]
    events = held(tmp_path / "w", path.name)
    assert events["song_name"].to_list() == ["So\nng\\xe9", "caf\\xe9\x00\\xe9"]
    assert events["line"].to_list() == [2, 5]


def test_doubles_are_events_and_are_counted(tmp_path):
    path = plays(tmp_path, PLAY, PLAY.replace(b"30", b"31"), PLAY, b"\t" + PLAY)
    [one] = ingest([path], to=tmp_path / "w", format=STUDY)
    assert one.ledger.doubles == 2
    assert held(tmp_path / "w", path.name).height == 4


@pytest.mark.parametrize("content", [b"", b"\n", b"x\n"])
def test_a_log_without_events_is_still_a_log(tmp_path, content):
    path = tmp_path / "20170330_1_play.log"
    path.write_bytes(content)
    [one] = ingest([path], to=tmp_path / "w", format=STUDY)
    assert (one.ledger.lines, one.ledger.records, one.ledger.days, one.ledger.kind) == (len(content) > 0, 0, None, "")
    assert held(tmp_path / "w", path.name).height == 0
    assert_right(tmp_path / "w")


def test_lines_that_end_as_in_windows_and_a_byte_order_mark_make_the_same_events(tmp_path):
    lines = [PLAY, b"\t" + PLAY, PLAY.replace(b"Song", b"So\nng")]
    ingest([plays(tmp_path / "unix", *lines)], to=tmp_path / "u", format=STUDY)
    path = plays(tmp_path / "windows", *lines)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n").removesuffix(b"\r\n"))
    [one] = ingest([path], to=tmp_path / "w", format=STUDY)
    assert all_events(tmp_path / "w") == all_events(tmp_path / "u")
    assert (one.ledger.lines, one.ledger.rejected) == (4, 0)


def test_a_ledger_comes_back_from_the_workspace_as_it_was(tmp_path):
    [one] = ingest([plays(tmp_path, PLAY, b"", b"\t" + PLAY + b"\xff")], to=tmp_path / "w", format=STUDY)
    assert loads_plain(json.loads(json.dumps(plain(one.ledger))), FileLedger, source="ledger") == one.ledger
    empty = replace(one.ledger, days=None, problems=())
    assert loads_plain(json.loads(json.dumps(plain(empty))), FileLedger, source="ledger") == empty


def test_an_account_that_lost_a_line_is_refused():
    tally = Tally(lines=10, accepted=7)
    tally.repairs["empty first field"] = 1
    tally.reasons["empty"] = 1
    with refused(r"^a\.log: 7 accepted \+ 1 repaired \+ 1 rejected .*10 lines.*nothing of the file was taken$"):
        tally.closed(file="a.log", doubles=0, about={})


# The same log again


def test_the_same_log_again_changes_nothing(tmp_path):
    paths = [plays(tmp_path / "logs"), log(tmp_path / "logs" / "20170330_1_down.log")]
    first = ingest(paths, to=tmp_path / "w", format=STUDY)
    before = (tmp_path / "w" / "workspace.json").read_bytes()
    heard = []
    again = ingest(paths, to=tmp_path / "w", format=STUDY, progress=lambda one: heard.append(one.name))
    assert [one.status for one in again] == ["unchanged", "unchanged"]
    assert [one.ledger for one in again] == [one.ledger for one in first]
    assert heard == ["20170330_1_down.log", "20170330_1_play.log"]
    assert taken(paths, tmp_path / "w", replace=True) == dict.fromkeys(heard, "unchanged")
    assert (tmp_path / "w" / "workspace.json").read_bytes() == before
    assert_right(tmp_path / "w")


def test_the_same_log_packed_in_another_way_is_the_same_log(tmp_path):
    path = plays(tmp_path)
    ingest([path], to=tmp_path / "w", format=STUDY)
    before = (tmp_path / "w" / "workspace.json").read_bytes()
    (tmp_path / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
    with tarfile.open(tmp_path / "days.tar.gz", "w:gz") as archive:
        archive.add(path, arcname=f"2017/{path.name}")
    for packed in (tmp_path / f"{path.name}.gz", tmp_path / "days.tar.gz"):
        assert taken([packed], tmp_path / "w") == {path.name: "unchanged"}
        assert taken([packed], tmp_path / packed.suffix[1:] / packed.stem) == {path.name: "new"}
        assert accounts(tmp_path / packed.suffix[1:] / packed.stem) == accounts(tmp_path / "w")
    assert (tmp_path / "w" / "workspace.json").read_bytes() == before


def test_a_changed_log_is_refused_and_nothing_of_that_run_is_taken(tmp_path):
    ingest([plays(tmp_path / "logs")], to=tmp_path / "w", format=STUDY)
    plays(tmp_path / "logs", PLAY, PLAY)
    log(tmp_path / "logs" / "20170330_1_down.log")
    before = (tmp_path / "w" / "workspace.json").read_bytes()
    with refused(
        r"20170330_1_play\.log: the workspace has another 20170330_1_play\.log .*; --replace puts this one in"
    ):
        ingest([tmp_path / "logs"], to=tmp_path / "w", format=STUDY)
    assert (tmp_path / "w" / "workspace.json").read_bytes() == before
    assert_right(tmp_path / "w")


def test_a_changed_log_that_is_to_replace_takes_the_place_of_all_its_old_events(tmp_path):
    other = log(tmp_path / "logs" / "20170330_1_down.log", b"7\tar\t11\tSong\tSinger\t0")
    ingest([plays(tmp_path / "logs", PLAY, PLAY, b""), other], to=tmp_path / "w", format=STUDY)
    changed = plays(tmp_path / "logs", b"8" + PLAY)
    assert taken([tmp_path / "logs"], tmp_path / "w", replace=True) == {
        "20170330_1_down.log": "unchanged",
        "20170330_1_play.log": "replaced",
    }
    assert held(tmp_path / "w", changed.name)["uid"].to_list() == [87]
    assert accounts(tmp_path / "w")[changed.name].lines == 1
    assert len(all_events(tmp_path / "w")) == 2
    assert taken([changed], tmp_path / "w") == {changed.name: "unchanged"}
    assert_right(tmp_path / "w")


def test_a_log_read_by_another_format_is_a_changed_log(tmp_path):
    text = (
        '[[file]]\nlayout = "json"\nevent = { uid = { field = "%s" }, kind = { always = "P" }, day = { field = "d" } }'
    )
    path = log(tmp_path / "a.json", b'{"u": "7", "v": "8", "d": "2017-03-30"}')
    ingest([path], to=tmp_path / "w", format=own_format(tmp_path, text % "u"))
    other = own_format(tmp_path, text % "v")
    with refused(r"a\.json: the workspace has another a\.json \(other bytes, or read by another format\)"):
        ingest([path], to=tmp_path / "w", format=other)
    ingest([path], to=tmp_path / "w", format=other, replace=True)
    assert held(tmp_path / "w", "a.json")["uid"].to_list() == ["8"]


# Refusals


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("nowhere_play.log", r"nowhere_play\.log: no such file or folder"),
        ("", r"logs: holds no log"),
        ("notes.txt", r"^notes\.txt: format 'music-box' knows no such file; it reads \*_play\.log"),
        ("today_play.log", r"^today_play\.log: its name says no day"),
        ("20170231_1_play.log", r"^20170231_1_play\.log: its name says no day"),
    ],
)
def test_what_cannot_be_right_is_refused_before_anything_is_made(tmp_path, name, hint):
    (tmp_path / "logs").mkdir()
    paths = [tmp_path / "logs" / name]
    if name and not name.startswith("nowhere"):
        log(paths[0], PLAY)
    with refused(hint):
        ingest([*paths, plays(tmp_path)], to=tmp_path / "w", format=STUDY)
    assert not (tmp_path / "w").exists()


def test_a_log_that_breaks_takes_nothing_of_itself_and_leaves_those_before_it(tmp_path):
    first = log(tmp_path / "logs" / "20170330_1_down.log", b"7\tar\t11\tSong\tSinger\t0")
    broken = tmp_path / "logs" / "20170330_1_play.log.gz"
    broken.write_bytes(gzip.compress((PLAY + b"\n") * 1_000)[:-10])
    log(tmp_path / "logs" / "20170331_1_down.log", b"7\tar\t11\tSong\tSinger\t0")
    with refused(r"play\.log\.gz: broken archive \(.+\); nothing of 20170330_1_play\.log was taken$"):
        ingest([tmp_path / "logs"], to=tmp_path / "w", format=STUDY)
    assert list(accounts(tmp_path / "w")) == [first.name]
    assert_right(tmp_path / "w")


def test_ids_of_another_type_than_the_workspaces_are_refused(tmp_path):
    ingest([plays(tmp_path)], to=tmp_path / "w", format=STUDY)
    with refused(
        r"^format 'plain' has uid as text; this workspace has it as integer \(from 20170330_1_play\.log\): ingest"
    ):
        ingest([log(tmp_path / "a.csv", b"7,2017-03-30,11")], to=tmp_path / "w", format=load_format("plain"))
    songs = own_format(
        tmp_path,
        'name = "songs"\n[[file]]\nlayout = "json"\n[file.event]\nuid = { field = "u", type = "integer" }\n'
        'kind = { always = "P" }\nday = { field = "d" }\nsong_id = { field = "s", type = "text" }',
    )
    with refused(r"^format 'songs' has song_id as text; this workspace has it as integer"):
        ingest([log(tmp_path / "a.json", b"{}")], to=tmp_path / "w", format=songs)
    assert list(accounts(tmp_path / "w")) == ["20170330_1_play.log"]


def test_a_second_writer_is_refused(tmp_path):
    with (
        edit_workspace(tmp_path / "w", create=True),
        refused("is being written by process"),
    ):
        ingest([plays(tmp_path)], to=tmp_path / "w", format=STUDY)


# Other formats


def test_plain_lines_are_plays_with_or_without_their_names_on_top(tmp_path):
    lines = [b'ann,2017-03-30T10:20:30,"Songs, and"', b"bob,1490869230,x", b'"c ""d""",2017-03-30,', b"eve,never,x"]
    [bare] = ingest([log(tmp_path / "a.csv", *lines)], to=tmp_path / "w", format=load_format("plain"))
    [headed] = ingest(
        [log(tmp_path / "b.csv", b"uid,timestamp,item", *lines)], to=tmp_path / "v", format=load_format("plain")
    )
    assert held(tmp_path / "w", "a.csv").select("uid", "kind", "day", "time_ms", "song_id").rows() == [
        ("ann", "P", DAY, 1_490_869_230_000, "Songs, and"),
        ("bob", "P", DAY, 1_490_869_230_000, "x"),
        ('c "d"', "P", DAY, 1_490_832_000_000, None),
        ("eve", "P", None, None, "x"),
    ]
    assert bare.ledger.problems == headed.ledger.problems == (ValueProblem("time_ms", "not a time", 1),)
    assert all_events(tmp_path / "w") == all_events(tmp_path / "v")
    assert (headed.ledger.lines, headed.ledger.reasons) == (5, {"header": 1})


def test_a_csv_with_a_header_is_read_by_name_in_any_order(tmp_path):
    how = own_format(
        tmp_path,
        '[[file]]\nmatch = "*.csv"\nlayout = "delimited"\ndelimiter = ";"\nquote = "\'"\nheader = true\n[file.event]\n'
        'uid = { field = "who", type = "integer" }\nday = { field = "on", layout = "%d/%m/%Y" }\n'
        'kind = { field = "did", values = { heard = "P", liked = "L" } }\nsong_name = { field = "song" }\n'
        'play_ms = { field = "for", unit = "s" }',
    )
    path = log(
        tmp_path / "a.csv",
        b"song;for;who;more;on;did",
        b"'One; two';12.5;7;;30/03/2017;heard",
        b"'Over\ntwo';1;8;;30/03/2017;liked",
        b"Three;1;9;;30/03/2017;slept",
    )
    [one] = ingest([path], to=tmp_path / "w", format=how)
    assert held(tmp_path / "w", "a.csv").select("uid", "kind", "day", "song_name", "play_ms", "line").rows() == [
        (7, "P", DAY, "One; two", 12_500, 2),
        (8, "L", DAY, "Over\ntwo", 1_000, 3),
    ]
    assert one.ledger.repairs == {"split by a newline": 2}
    assert one.ledger.reasons == {"header": 1, "kind 'slept' is no event here": 1}
    assert (one.ledger.lines, one.ledger.kind) == (5, "LP")


def test_eventsim_gives_plays_likes_and_dislikes_and_keeps_other_pages_by_their_name(tmp_path):
    def line(page, **more):
        about = {"userId": "30", "page": page, "ts": 1_490_869_230_123, "sessionId": 29, "level": "paid"}
        return json.dumps(about | more).encode()

    path = log(
        tmp_path / "events.json",
        line("NextSong", artist="Käse", song="Rockpools", length=277.89016),
        line("Home"),
        line("Thumbs Up", level="free", userId=31),
        line("Thumbs Down"),
        line("Home", userId=""),
        b"",
        line("NextSong", userId=""),
        b'{"page": "NextSong"',
        b'{"ts": 1}',
    )
    [one] = ingest([path], to=tmp_path / "w", format=load_format("eventsim"))
    shown = ("uid", "kind", "day", "time_ms", "song_id", "singer", "song_ms", "paid", "session", "line")
    assert held(tmp_path / "w", path.name).select(shown).rows() == [
        (30, "P", DAY, 1_490_869_230_123, "Rockpools", "Käse", 277_890, 1, "29", 1),
        (31, "L", DAY, 1_490_869_230_123, None, None, None, 0, "29", 3),
        (30, "X", DAY, 1_490_869_230_123, None, None, None, 1, "29", 4),
        (None, "P", DAY, 1_490_869_230_123, None, None, None, 1, "29", 7),
    ]
    rejected = held(tmp_path / "w", path.name, "rejected")
    assert rejected.select("line", "reason").rows() == [
        (2, "kind 'Home' is no event here"),
        (5, "kind 'Home' is no event here"),
        (6, "empty"),
        (8, "not JSON"),
        (9, "kind (missing) is no event here"),
    ]
    assert rejected["text"][0] == line("Home")
    assert one.ledger.problems == (ValueProblem("uid", "empty", 1),)
    assert (one.ledger.lines, one.ledger.accepted, one.ledger.rejected) == (9, 4, 5)


def test_cdnow_is_cut_at_its_columns(tmp_path):
    path = log(
        tmp_path / "CDNOW_master.txt",
        b" customer_id  date number_of_cds  dollar_value",
        b" 00001 19970101  1  11.77",
        b" 23570 19980630  5  77.96",
    )
    [one] = ingest([path], to=tmp_path / "w", format=load_format("cdnow"))
    assert held(tmp_path / "w", path.name).select("uid", "kind", "day").rows() == [
        (1, "D", 9_862),
        (23_570, "D", 10_407),
    ]
    assert (one.ledger.records, one.ledger.reasons) == (2, {"header": 1})


def test_hetrec_tags_are_downloads_of_a_day_in_three_fields(tmp_path):
    header = b"userID\tartistID\ttagID\tday\tmonth\tyear"
    path = log(tmp_path / "user_taggedartists.dat", header, b"2\t52\t13\t1\t4\t2009", b"2\t52\t15\t1\t13\t2009")
    [one] = ingest([path], to=tmp_path / "w", format=load_format("hetrec-tags"))
    assert held(tmp_path / "w", path.name).select("uid", "song_id", "kind", "day").rows() == [
        (2, 52, "D", 14_335),
        (2, 52, "D", None),
    ]
    assert one.ledger.problems == (ValueProblem("day", "not a day", 1),)


# Parquet

TABLE = """[[file]]
match = "*.parquet"
layout = "parquet"
[file.event]
uid = { field = "u", type = "integer" }
kind = { field = "k", values = { play = "P" } }
time_ms = { field = "t", layout = "any" }
song_id = { field = "s", type = "integer" }
song_name = { field = "n" }
"""


def table(path, **columns):
    frame = {"u": [7.0, None], "k": ["play", "play"], "s": [11, 12], "n": ["ü", None], "more": [0, 0]}
    times = pl.Series(["2017-03-30T10:20:30.123", None]).str.to_datetime()
    pl.DataFrame(frame | {"t": times} | columns).write_parquet(path)
    return path


def test_a_table_with_timestamps_and_whole_numbers_kept_as_floats_is_a_log(tmp_path):
    [one] = ingest([table(tmp_path / "a.parquet")], to=tmp_path / "w", format=own_format(tmp_path, TABLE))
    shown = ("uid", "kind", "day", "time_ms", "song_id", "song_name", "line")
    assert held(tmp_path / "w", "a.parquet").select(shown).rows() == [
        (7, "P", DAY, 1_490_869_230_123, 11, "ü", 1),
        (None, "P", None, None, 12, None, 2),
    ]
    assert (one.ledger.lines, one.ledger.accepted, one.ledger.rejected) == (2, 2, 0)
    assert ValueProblem("uid", "empty", 1) in one.ledger.problems
    assert one.ledger.bytes == (tmp_path / "a.parquet").stat().st_size


def test_a_table_is_the_same_log_packed_or_not(tmp_path):
    path = table(tmp_path / "a.parquet")
    how = own_format(tmp_path, TABLE)
    ingest([path], to=tmp_path / "w", format=how)
    (tmp_path / "a.parquet.gz").write_bytes(gzip.compress(path.read_bytes()))
    assert taken([tmp_path / "a.parquet.gz"], tmp_path / "w", how) == {"a.parquet": "unchanged"}
    ingest([tmp_path / "a.parquet.gz"], to=tmp_path / "v", format=how)
    assert accounts(tmp_path / "v") == accounts(tmp_path / "w")


def test_a_row_of_an_unknown_kind_is_kept_as_a_line(tmp_path):
    path = table(tmp_path / "a.parquet", k=["play", "sleep"])
    [one] = ingest([path], to=tmp_path / "w", format=own_format(tmp_path, TABLE))
    assert one.ledger.reasons == {"kind 'sleep' is no event here": 1}
    [(file, line, _, text)] = held(tmp_path / "w", path.name, "rejected").rows()
    assert (file, line) == (path.name, 2)
    assert json.loads(text) == {"u": None, "k": "sleep", "t": None, "s": "12", "n": None}


def test_one_odd_number_in_a_column_of_floats_does_not_disturb_the_others(tmp_path):
    path = table(tmp_path / "a.parquet", s=[11.0, 12.5])
    [one] = ingest([path], to=tmp_path / "w", format=own_format(tmp_path, TABLE))
    assert held(tmp_path / "w", path.name)["song_id"].to_list() == [11, None]
    assert ValueProblem("song_id", "not a whole number", 1) in one.ledger.problems


def test_a_number_that_fits_no_integer_is_counted_and_kept(tmp_path):
    path = table(tmp_path / "a.parquet", s=[11.0, 1e20])
    [one] = ingest([path], to=tmp_path / "w", format=own_format(tmp_path, TABLE))
    assert [problem.column for problem in one.ledger.problems if problem.column == "song_id"] == ["song_id"]
    [lost] = held(tmp_path / "w", path.name, "problems").filter(pl.col("column") == "song_id")["text"]
    assert float(lost) == 1e20


@pytest.mark.parametrize("content", [b"", b"u,k,t\n", b"PAR1" + bytes(100) + b"PAR1"])
def test_a_file_that_is_no_table_is_refused(tmp_path, content):
    (tmp_path / "a.parquet").write_bytes(content)
    with refused(r"^a\.parquet: not a Parquet file that can be read \(.+\)$"):
        ingest([tmp_path / "a.parquet"], to=tmp_path / "w", format=own_format(tmp_path, TABLE))
    assert accounts(tmp_path / "w") == {}

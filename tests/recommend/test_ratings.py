"""Ratings are what their definition says, worked out by hand from events to a table; both engines say the same.

- A play scores by fifths of the song, a mean is rounded half up, a download or a like is a 5.
- Song 0, -1 and none are no songs; versions of one name and singer are one song, known by the id played most.
- Dislikes are said, or skips again and again; later choices are downloads, likes and plays of three fifths and more.
"""

import datetime as dt

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from tests.engines.session import spark_session  # noqa: F401

from counterpoint.events.formats import load_format
from counterpoint.events.ingestion import ingest
from counterpoint.recommend.ratings import compute_ratings, liked_later
from counterpoint.snapshots.session import open_session
from counterpoint.snapshots.snapshot import Snapshot
from counterpoint.storage.workspace import edit_workspace

FORMAT = """
name = "heard"
[[file]]
match = "*.csv"
layout = "delimited"
fields = ["uid", "kind", "day", "device", "song_id", "name", "singer", "play", "song"]
[file.event]
uid = { field = "uid", type = "integer" }
kind = { field = "kind", values = { P = "P", D = "D", S = "S", L = "L", X = "X" } }
day = { field = "day" }
device = { field = "device" }
song_id = { field = "song_id", type = "integer" }
song_name = { field = "name" }
singer = { field = "singer" }
play_ms = { field = "play", unit = "ms" }
song_ms = { field = "song", unit = "ms" }
"""
LONG = 200_000
# listener, kind, day of 2020-01, song, share heard in percent; songs 11 and 12 are versions of one
EVENTS = [
    (1, "P", 1, 10, 80),
    (1, "P", 2, 10, 79),  # 5 and 4: 4.5 is 5
    (1, "P", 1, 11, 60),
    (1, "P", 2, 12, 20),  # versions: 4 and 2 make 3
    (1, "P", 3, 20, 10),
    (1, "P", 4, 20, 19),  # two early skips and no more: disliked
    (1, "P", 3, 21, 10),  # one is none
    (1, "P", 3, 0, 90),
    (1, "P", 3, -1, 90),  # no songs
    (2, "D", 2, 10, None),  # only downloaded
    (2, "P", 2, 20, 10),
    (2, "P", 3, 20, 10),
    (2, "D", 4, 20, None),  # skipped, and then downloaded
    (2, "X", 2, 21, None),
    (2, "P", 1, 21, 95),
    (2, "L", 3, 11, None),
    (3, "S", 2, 10, None),  # a search is no rating
    (3, "P", 9, 10, 100),  # later than what is known
    (3, "P", 4, 21, 40),
    (3, "P", 4, 21, 20),
    (3, "P", 5, 21, 20),  # 3, 2, 2: 7 / 3 is 2
    (4, "P", 1, 30, 100),
    (4, "P", 1, 30, 100),
    (4, "P", 2, 30, 100),  # so that no play above is an outlier
]
LATER = [
    (1, "P", 8, 21, 60),
    (1, "P", 8, 20, 59),
    (2, "P", 8, 12, 100), (2, "P", 8, 12, 90), (2, "P", 9, 11, 21),  # versions: 211 of 300 are enough
    (2, "D", 8, 21, None), (2, "X", 9, 21, None),  # downloaded, and then disliked
    (3, "L", 8, 20, None),
]  # fmt: skip
NAMES = {
    10: ("Dawn", "Ann"),
    11: ("Dusk", "Bob"),
    12: (" dusk ", "BOB"),
    20: ("Noon", "Cy"),
    21: ("Noon", "Di"),
    30: ("Eve", "Ed"),
}
KNOWN, AFTER = Snapshot.of(dt.date(2020, 1, 7), known_for=7, outcome_for=3), 18_262


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """A log of these events, ingested."""
    home = tmp_path_factory.mktemp("heard")
    rows = []
    for uid, kind, day, song, share in [*EVENTS, *LATER]:
        name, singer = NAMES.get(song, ("", ""))
        play, length = ("", "") if share is None else (LONG * share // 100, LONG)
        rows.append(
            f"{uid},{kind},2020-01-{day:02},{'ar' if uid == 1 else 'ip'},{song},{name},{singer},{play},{length}"
        )
    rows.append("9,S,2020-01-10,ip,10,,,,")  # somebody was there on the last day
    (home / "log.csv").write_text("uid,kind,day,device,song_id,name,singer,play,song\n" + "\n".join(rows) + "\n")
    (home / "heard.toml").write_text(FORMAT)
    ingest([home / "log.csv"], to=home / "work", format=load_format(str(home / "heard.toml")))
    return home / "work"


def found(workspace, engine):
    """Return the ratings, the names, and what was liked later."""
    with edit_workspace(workspace) as writer, open_session(writer, engine) as session:
        after, until, end = KNOWN.days
        cleaning = session.cleaning(KNOWN)
        made = compute_ratings(session, cleaning, after, until)
        return made, liked_later(session, cleaning, end, made)


@pytest.fixture(scope="module")
def made(workspace):
    """What DuckDB makes of it."""
    return found(workspace, "duckdb")


def table(interactions):
    """Return one row a pair, in order."""
    return pl.DataFrame(
        {
            "uid": interactions.listeners[interactions.listener],
            "song_id": interactions.songs[interactions.song],
            "rating": interactions.rating,
            "plays": interactions.plays,
            "last_day": interactions.last_day - AFTER,
            "disliked": interactions.disliked,
        }
    ).sort("uid", "song_id")


def test_ratings_are_those_worked_out_by_hand(made):
    rows = table(made[0].interactions).rows()
    assert rows == [
        (1, 10, 5.0, 2.0, 1, False),
        (1, 11, 3.0, 2.0, 1, False),
        (1, 20, 1.0, 2.0, 3, True),
        (1, 21, 1.0, 1.0, 2, False),
        (2, 10, 5.0, 0.0, 1, False),
        (2, 11, 5.0, 0.0, 2, False),
        (2, 20, 5.0, 2.0, 3, False),
        (2, 21, 5.0, 1.0, 1, True),
        (3, 21, 2.0, 3.0, 4, False),
        (4, 30, 5.0, 3.0, 1, False),
    ]


def test_songs_come_best_known_first_with_their_names_and_versions(made):
    ratings_ = made[0]
    assert ratings_.interactions.listener_counts.tolist() == [3, 2, 2, 2, 1]
    assert ratings_.interactions.songs[0] == 21
    names = dict(ratings_.names.select("song_id", "name").rows())
    assert names[10] == "Dawn"
    assert names[21] == "Noon"
    assert ratings_.versions.rows() == [(12, 11)]


def test_devices_are_those_of_most_events(made):
    interactions = made[0].interactions
    assert interactions.device.tolist() == [0, 1, 1, 1]


def test_choices_later_are_downloads_likes_and_what_was_heard_for_three_fifths(made):
    # 11 and 12 are versions of one song, which goes by the id that it is known by, whichever is played more later.
    assert sorted(made[1].rows()) == [(1, 21), (2, 11), (3, 10), (3, 20)]


def test_spark_gives_the_same_rows(workspace, made, spark_session):  # noqa: F811
    other, later = found(workspace, spark_session)
    assert_frame_equal(table(other.interactions), table(made[0].interactions))
    assert_frame_equal(other.names, made[0].names)
    assert np.array_equal(other.interactions.device, made[0].interactions.device)
    assert sorted(later.rows()) == sorted(made[1].rows())

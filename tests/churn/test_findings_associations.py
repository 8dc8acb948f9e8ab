"""What is told of songs and likes is what was found: an association, in the numbers of the value, and nobody's uid.

- Of at most twenty songs or singers the table shows the odds, and only of those that are found.
- What is not known is a dash, and the methods are cited.
"""

import re
from dataclasses import replace

import polars as pl
import pytest

from counterpoint.churn.findings.associations import ITEMS_SHOWN, likes_finding, songs_finding
from counterpoint.churn.leaving_songs import SongsBeforeLeaving
from counterpoint.churn.likes import LikeComparison, MatchedDays
from counterpoint.report.finding import format_cell
from counterpoint.snapshots.snapshot import Snapshot
from counterpoint.stats.intervals import Estimate


def row(item, *, found=True, **more):
    usual = {
        "item": item,
        "name": f"Song {item}",
        "singer": "Ann",
        "leavers": 101,
        "expected": 50.25,
        "odds": 2.341,
        "low": 1.9,
        "high": 2.876,
        "shrunk": 2.25,
        "p": 0.001,
        "q": 0.0125,
        "regulars": 1.75,
        "over_represented": found,
    }
    return {**usual, **more}


def songs(*rows, item_kind="song"):
    return SongsBeforeLeaving(
        item_kind=item_kind,
        snapshot=Snapshot.of("2017-04-28"),
        seed=1,
        leavers=12_345,
        stayers=67_890,
        inflation=1.234,
        log_key="key",
        rows=pl.DataFrame(rows),
    )


LIKES = LikeComparison(
    event="like",
    outcome_for="14",
    first="2017-03-30",
    last="2017-04-28",
    log_key="key",
    rows=(
        MatchedDays("all days", 1200, 98_765, Estimate(0.66, 0.61, 0.72, 4321), Estimate(-0.05, -0.06, -0.04, 4321)),
        MatchedDays("first days", 300, 4321, Estimate(0.77, 0.6, 0.99, 4321), Estimate(-0.03, -0.06, -0.001, 4321)),
    ),
)


def test_songs_are_told_with_their_numbers():
    [table] = songs_finding(songs(row(1), row(2, found=False))).evidence
    assert table.rows == (("Song 1", "Ann", 101, 50.25, "2.34 [1.90, 2.88]", 2.25, 0.0125, 1.75),)
    assert "1.23 times chance" in table.note


@pytest.mark.parametrize(
    ("rows", "words"), [([], "0 songs of 1 tested"), ([1], "1 song of 2"), ([1, 2], "2 songs of 3")]
)
def test_songs_are_counted_and_called_an_association(rows, words):
    says = songs_finding(songs(*map(row, rows), row(9, found=False))).summary
    assert says.startswith(words)
    assert "12,345 leavers" in says
    assert "67,890 days of stayers" in says
    assert "association" in says


def test_singers_are_told_by_their_name_alone():
    finding = songs_finding(songs(row("Ann", name="Some song"), item_kind="singer"))
    [table] = finding.evidence
    assert table.columns[:2] == ("singer", "leavers")
    assert table.rows[0][:2] == ("Ann", 101)
    assert "Some song" not in str(finding)
    assert finding.summary.startswith("1 singer of 1 tested")


def test_only_so_many_are_shown_but_all_are_counted():
    finding = songs_finding(songs(*map(row, range(ITEMS_SHOWN + 5))))
    [table] = finding.evidence
    assert [cells[0] for cells in table.rows] == [f"Song {at}" for at in range(ITEMS_SHOWN)]
    assert finding.summary.startswith(f"{ITEMS_SHOWN + 5} songs")


def test_what_is_not_known_of_a_song_is_left_blank():
    [table] = songs_finding(songs(row(1), row(2, singer=None, regulars=None))).evidence
    assert table.rows[1][1] == ""
    assert format_cell(table.rows[1][-1]) == format_cell(None)


def test_a_song_without_a_name_is_told_by_something_other_than_none():
    [table] = songs_finding(songs(row(1), row(2, name=None))).evidence
    assert table.rows[1][0] != "None"


def test_likes_are_told_with_their_numbers():
    finding = likes_finding(LIKES)
    [table] = finding.evidence
    assert "0.66 [0.61, 0.72] times" in finding.summary
    assert "14 days of silence" in finding.summary
    assert table.rows == (
        ("all days", 1200, 98_765, "0.66 [0.61, 0.72]", "-0.050 [-0.060, -0.040]"),
        ("first days", 300, 4321, LIKES.rows[1].odds_ratio.brief, LIKES.rows[1].risk_difference.brief),
    )


def test_dislikes_are_told_as_such_and_both_are_called_an_association():
    likes, dislikes = likes_finding(LIKES), likes_finding(replace(LIKES, event="dislike"))
    assert "association" in likes.summary
    assert "association" in dislikes.summary
    assert (likes.title, dislikes.title) == ("Likes and staying", "Dislikes and staying")
    assert "with a dislike" in dislikes.evidence[0].columns


def test_the_words_do_not_say_that_something_is_a_cause():
    for finding in (likes_finding(LIKES), songs_finding(songs(row(1)))):
        assert not re.search(r"\b(causes?|because|makes?|due)\b", f"{finding.summary} {finding.evidence[0].note}")


@pytest.mark.parametrize("finding", [likes_finding(LIKES), songs_finding(songs(row(1)))])
def test_nobody_is_told_by_their_uid_and_the_methods_are_cited(finding):
    columns = " ".join(finding.evidence[0].columns)
    assert not re.search(r"\b(uid|listener)\b", columns)
    assert len(finding.references) == 3
    assert all(re.search(r"\((19|20)\d\d\)", reference) for reference in finding.references)

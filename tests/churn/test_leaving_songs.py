"""Songs over-represented before leaving are found, and those that only busy listeners hear are not.

- A leaver gives the last active day, if it has plays; a stayer the first day in the log and one later day; nobody is
  compared twice with the same people, and first days only with first days.
- On a made log the song that leavers play on their last day is found, the busy listeners' is not; where leaving is
  shuffled among those who are alike nothing is found, but as seldom as promised.
- What is kept is what was returned.
"""

import datetime as dt
from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from tests.logs import own_format, refused
from tests.small_logs import EPOCH, Event, ingested

from counterpoint.churn import leaving_songs as module
from counterpoint.churn.leaving_songs import (
    ACTIVITY_CUTS,
    MIN_EXPECTED,
    PLAY_CUTS,
    REGULAR_FROM,
    VISIT_CUTS,
    days_to_compare,
    expected_enough,
    songs_before_leaving,
    songs_before_leaving_in,
)
from counterpoint.events.ingestion import ingest
from counterpoint.snapshots.snapshot import Snapshot
from counterpoint.stats.matching import Cells, mantel_haenszel
from counterpoint.storage.workspace import open_workspace

FORMAT = """
name = "made"
[[file]]
match = "*.csv"
layout = "delimited"
fields = ["uid", "day", "device", "song", "name", "singer"]
[file.event]
uid = { field = "uid", type = "integer" }
kind = { always = "P" }
day = { field = "day" }
device = { field = "device" }
song_id = { field = "song", type = "integer" }
song_name = { field = "name" }
singer = { field = "singer" }
"""
START, LENGTH, LISTENERS = 17_000, 27, 950  # too few to look for bots
AT = START + 19
TEST = Snapshot.of(EPOCH + dt.timedelta(AT), known_for=14, outcome_for=7)
FATAL, BUSY = 900, 901


def diary(rng, uid):
    """Rows of one listener: the busy play more, leave more and love BUSY; FATAL is played on a leaver's last day."""
    busy, first = rng.random() < 0.3, int(rng.integers(20))
    leaves = first + int(rng.geometric(0.09 if busy else 0.04))
    device = rng.choice(["ar", "ip"])
    days = [day for day in range(first, min(LENGTH, leaves)) if day == first or rng.random() < 0.5]
    for day in days:
        heard = rng.integers(1, 41, rng.integers(12, 18) if busy else rng.integers(1, 4))
        if rng.random() < (0.6 if busy else 0.02):
            heard[0] = BUSY
        if rng.random() < (0.4 if day == days[-1] and day < 20 else 0.05):
            heard[-1] = FATAL
        yield from ((uid, START + day, device, int(song)) for song in heard)


@pytest.fixture(scope="module")
def events():
    rng = np.random.default_rng(1)
    rows = [row for uid in range(1, LISTENERS + 1) for row in diary(rng, uid)]
    frame = pl.DataFrame(rows, schema=["uid", "day", "device", "song"], orient="row")
    return frame.with_columns(name=pl.format("song {}", "song"), singer=pl.format("singer {}", pl.col("song") % 7))


@pytest.fixture(scope="module")
def workspace(events, tmp_path_factory):
    home = tmp_path_factory.mktemp("made")
    dated = events.with_columns(pl.from_epoch(pl.col("day"), time_unit="d"))
    dated.write_csv(home / "log.csv", include_header=False)
    ingest([home / "log.csv"], to=home / "workspace", format=own_format(home, FORMAT))
    return home / "workspace"


@pytest.fixture(scope="module")
def found(workspace):
    return songs_before_leaving(workspace, TEST, rng=1)


@pytest.fixture(scope="module")
def days(events):
    """The known active days, counted from the events."""
    after, at, end = TEST.days
    each = (
        events.filter(pl.col("day") <= end)
        .group_by("uid", "day")
        .agg(plays=pl.len(), android=(pl.col("device") == "ar").sum(), iphone=(pl.col("device") == "ip").sum())
    )
    whole = each.group_by("uid").agg(
        first=pl.min("day"), earlier=(pl.col("day") <= after).sum(), gone=(pl.max("day") <= at).cast(pl.Int64)
    )
    return each.filter((pl.col("day") > after) & (pl.col("day") <= at)).join(whole, on="uid").sort("uid", "day")


@pytest.fixture(scope="module")
def rows(days):
    return days_to_compare(days, rng=1)


def heard(events, rows):
    """Who of those compared heard what, an item and stratum a row."""
    once = events.unique(["uid", "day", "song"]).join(rows, on=["uid", "day"])
    return once.group_by(item="song", stratum="stratum", regular="regular").agg(
        pl.max("name"), pl.max("singer"), hit=pl.sum("gone"), exposed=pl.len()
    )


def known(*days):
    """Days as (uid, day, gone), and more by name: all else alike, first seen on day 0 without an earlier day."""
    usual = {"plays": 3, "android": 1, "iphone": 0, "first": 0, "earlier": 0}
    return pl.DataFrame([{**usual, "uid": uid, "day": day, "gone": gone, **more} for uid, day, gone, more in days])


@st.composite
def some_days(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows = []
    for uid in range(draw(st.integers(1, 25))):
        own = np.flatnonzero(rng.random(12) < 0.5)
        gone, before = int(rng.random() < 0.5), int(rng.integers(0, 2) * rng.integers(1, 5))
        first = -9 if before else own[0] if len(own) else 0
        for day in own.tolist():
            more = {"plays": int(rng.integers(0, 4)), "android": int(rng.integers(2)), "iphone": int(rng.integers(2))}
            rows.append((uid, day, gone, {**more, "first": int(first), "earlier": before}))
    return known(*rows) if rows else known((1, 3, 1, {}))


def test_a_leaver_gives_the_last_day_and_no_other():
    rows = days_to_compare(known((1, 3, 1, {}), (1, 5, 1, {}), (2, 4, 1, {})), rng=1)
    assert rows.select("uid", "day", "gone").rows() == [(1, 5, 1), (2, 4, 1)]


def test_a_leaver_whose_last_day_has_no_plays_is_not_compared():
    assert not days_to_compare(known((1, 3, 1, {}), (1, 5, 1, {"plays": 0})), rng=1).height


def test_a_stayer_gives_the_first_day_in_the_log_and_one_later_day_that_have_plays():
    whole = [(1, 0, 0, {}), (1, 3, 0, {"plays": 0}), (1, 5, 0, {})]
    assert days_to_compare(known(*whole), rng=1)["day"].to_list() == [0, 5]
    assert days_to_compare(known((1, 0, 0, {"plays": 0}), *whole[1:]), rng=1)["day"].to_list() == [5]
    assert days_to_compare(known(*whole[1:]), rng=1)["day"].to_list() == [5]  # the first lies before what is known


def test_each_later_day_of_a_stayer_is_as_likely_to_be_drawn():
    whole = known(*((1, day, 0, {}) for day in range(5)))
    drawn = [days_to_compare(whole, rng=seed)["day"].to_list() for seed in range(400)]
    counts = np.bincount([later for first, later in drawn], minlength=5)
    assert counts[0] == 0
    assert (np.abs(counts[1:] - 100) < 4 * np.sqrt(400 * 0.25 * 0.75)).all()


def band(value, cuts):
    return sum(value >= cut for cut in cuts)


@given(some_days())
def test_those_of_one_stratum_are_alike_and_others_are_not(days):
    rows = days_to_compare(days, rng=1)
    before = days.with_columns(before=pl.col("earlier") + pl.int_range(pl.len()).over("uid"))
    alike = {}
    for row in rows.join(before, on=["uid", "day", "gone"]).iter_rows(named=True):
        device = 1 if row["android"] > row["iphone"] else 0 if row["iphone"] else -1
        seen = row["day"] - row["first"]
        rate = band(row["before"] / seen, ACTIVITY_CUTS) if seen else "first"
        traits = (row["day"], device, band(row["plays"], PLAY_CUTS), rate, band(row["before"], VISIT_CUTS))
        alike.setdefault(row["stratum"], set()).add(traits)
        assert row["regular"] == (row["before"] >= REGULAR_FROM)
    assert all(len(traits) == 1 for traits in alike.values())
    assert len(set.union(set(), *alike.values())) == len(alike)


@given(some_days(), st.integers(0, 99))
def test_nobody_is_in_a_stratum_twice_and_first_days_share_none_with_later_days(days, seed):
    rows = days_to_compare(days, rng=seed)
    assert not rows.select("uid", "stratum").is_duplicated().any()
    with_first = rows.join(days.select("uid", "day", "first"), on=["uid", "day"])
    firsts = with_first.group_by("stratum").agg(pl.col("first").eq(pl.col("day")).n_unique())
    assert firsts["first"].max() in {1, None}
    assert rows.group_by("uid", "gone").len().filter((pl.col("gone") == 1) & (pl.col("len") > 1)).is_empty()


@given(some_days())
@settings(max_examples=30)
def test_the_same_seed_compares_the_same_days(days):
    assert_frame_equal(days_to_compare(days, rng=7), days_to_compare(days, rng=7))


def test_cells_are_the_strata_with_both_leavers_and_stayers():
    rows = pl.DataFrame({"stratum": [1, 1, 1, 2, 2, 3], "gone": [1, 0, 0, 1, 1, 0]})
    told = pl.DataFrame(
        {"item": [8, 7, 7, 7, 7], "stratum": [1, 1, 1, 2, 3], "hit": [1, 1, 0, 2, 0], "exposed": [2, 1, 1, 2, 1]}
    )
    cells = module._cells(told, rows).select("item", "stratum", "hit", "exposed", "hits", "all")
    assert cells.rows() == [(7, 1, 1, 2, 1, 3), (8, 1, 1, 2, 1, 3)]


def test_the_song_that_leavers_play_on_their_last_day_is_found_and_no_other(found):
    assert found.over_represented["item"].to_list() == [FATAL]
    assert found.rows["item"][0] == FATAL
    [row] = found.over_represented.iter_rows(named=True)
    assert row["odds"] > 5
    assert row["leavers"] > 1.5 * row["expected"]
    assert 1 < row["shrunk"] < row["odds"]
    assert row["low"] < row["odds"] < row["high"]
    assert row["regulars"] > 3


def test_the_song_of_busy_listeners_comes_before_leaving_more_often_but_not_among_those_alike(found, events, rows):
    [row] = found.rows.filter(pl.col("item") == BUSY).iter_rows(named=True)
    with_it = events.filter(pl.col("song") == BUSY).unique(["uid", "day"]).select("uid", "day", heard=1)
    left = rows.join(with_it, on=["uid", "day"], how="left")
    among, others = (left.filter(pl.col("heard").is_null() == none)["gone"].mean() for none in (False, True))
    assert among / (1 - among) > 1.5 * others / (1 - others)
    assert row["low"] < 1 < row["high"]
    assert not row["over_represented"]


def test_what_is_found_is_what_the_events_say(found, events, rows):
    expected = module._ranked(module._tested(heard(events, rows), rows))
    assert_frame_equal(found.rows, expected, check_dtypes=False)
    assert (found.leavers, found.stayers) == (rows["gone"].sum(), (1 - rows["gone"]).sum())


def test_a_song_has_the_matched_odds_ratio_of_its_strata(found, events, rows):
    for row in found.rows.head(5).iter_rows(named=True):
        with_it = set(events.filter(pl.col("song") == row["item"]).select("uid", "day").iter_rows())
        strata = {}
        for uid, day, gone, stratum, _ in rows.iter_rows():
            strata.setdefault(stratum, []).append(((uid, day) in with_it, gone))
        counts = [
            (sum(gone for has, gone in own if has), sum(has for has, _ in own), sum(gone for _, gone in own), len(own))
            for own in strata.values()
        ]
        a, exposed, hits, n = (np.array(column, dtype=np.float64) for column in zip(*counts, strict=True))
        alone = mantel_haenszel(Cells(np.zeros(len(n), np.int64), a, exposed, hits, n))
        assert row["odds"] == pytest.approx(np.exp(alone.log_odds[0]))
        assert row["low"] == pytest.approx(np.exp(alone.log_odds[0] - 1.959964 * alone.error[0]), rel=1e-6)


def test_where_leaving_is_shuffled_among_those_alike_nothing_is_found_but_seldom(events, rows):
    rng, any_found = np.random.default_rng(1), 0
    for _ in range(20):
        luck = rows.with_columns(luck=rng.random(rows.height))
        shuffled = luck.with_columns(pl.col("gone").sort_by("luck").over("stratum")).drop("luck")
        any_found += module._ranked(module._tested(heard(events, shuffled), shuffled))["over_represented"].any()
    assert any_found <= 4  # three sigmas of 20 worlds of which one has a false discovery


def test_where_nothing_is_confounded_the_inflation_is_about_one(found):
    assert 0.4 < found.inflation < 2  # of about 40 songs


def test_singers_are_found_as_songs_are(workspace, events, rows):
    of = songs_before_leaving(workspace, TEST, item_kind="singer", rng=1)
    assert of.rows["item"].sort().to_list() == [f"singer {at}" for at in range(7)]
    by_singer = events.with_columns(song=pl.col("singer"))
    assert_frame_equal(
        of.rows.drop("name"),
        module._ranked(module._tested(heard(by_singer, rows), rows)).drop("name"),
        check_dtypes=False,
    )


def test_what_is_kept_is_what_was_returned_and_another_run_takes_its_place(workspace):
    for seed in (1, 2):
        made = {of: songs_before_leaving(workspace, TEST, item_kind=of, rng=seed) for of in ("song", "singer")}
        with open_workspace(workspace) as view:
            kept = {each.item_kind: each for each in songs_before_leaving_in(view)}
        assert kept.keys() == made.keys()
        for of, each in kept.items():
            assert_frame_equal(each.rows, made[of].rows)
            assert {**vars(each), "rows": 0} == {**vars(made[of]), "rows": 0}
            assert each.seed == seed


def test_the_same_seed_finds_the_same(workspace, found):
    assert_frame_equal(songs_before_leaving(workspace, TEST, rng=1).rows, found.rows)


def test_albums_and_seeds_that_are_none_are_refused_in_one_line(workspace):
    with refused("songs or singers, not 'album'"):
        songs_before_leaving(workspace, TEST, item_kind="album")
    with refused("seed must lie within"):
        songs_before_leaving(workspace, TEST, rng=-1)


def test_days_that_the_log_does_not_have_are_refused_in_one_line(workspace):
    with refused("."):
        songs_before_leaving(workspace, Snapshot.of(EPOCH + dt.timedelta(AT + 9), known_for=14, outcome_for=7))


@pytest.mark.parametrize("kind", ["P", "D"])
def test_a_log_without_songs_or_without_plays_is_refused_in_one_line(kind, tmp_path):
    log = [Event(uid, kind, START + day, device="ar") for uid in range(60) for day in range(27) if uid % 3 or day < 9]
    with refused("no song can be tested"):
        songs_before_leaving(ingested(log, tmp_path), TEST)


def test_too_few_plays_are_refused_in_one_line(workspace, monkeypatch):
    monkeypatch.setattr(module, "MIN_EXPECTED", 1e6)
    with refused("no song can be tested: 1e.06 leavers or more"):
        songs_before_leaving(workspace, TEST)


def test_a_log_of_one_song_that_everybody_hears_is_refused_in_one_line(tmp_path, events):
    few = events.with_columns(
        pl.from_epoch(pl.col("day"), time_unit="d"), song=1, name=pl.lit("it"), singer=pl.lit("a")
    )
    few.write_csv(tmp_path / "log.csv", include_header=False)
    ingest([tmp_path / "log.csv"], to=tmp_path / "workspace", format=own_format(tmp_path, FORMAT))
    with refused("song"):
        songs_before_leaving(tmp_path / "workspace", TEST)


def test_whether_an_item_is_tested_is_counted_in_fractions():
    rng = np.random.default_rng(1)
    wholes = rng.choice([3, 7, 9, 11, 13], (400, 60))
    exposed = np.where(rng.random((400, 1)) < 0.5, wholes, 1) * np.where(np.arange(60) < 30, 1, 2)
    hits = np.where(rng.random((400, 60)) < 0.3, 2, 1)
    rows = {"item": np.repeat(np.arange(400), 60), "exposed": exposed.ravel(), "hits": hits.ravel()}
    cells = pl.DataFrame({**rows, "all": wholes.ravel()})
    thirds = pl.DataFrame({"item": 400, "exposed": [1] * 60, "hits": 1, "all": 3})
    cells = pl.concat([cells, thirds.cast(dict(cells.schema))])
    exact = dict.fromkeys(range(401), Fraction(0))
    for item, seen, hit, whole in cells.iter_rows():
        exact[item] += Fraction(seen * hit, whole)
    found = expected_enough(cells)["item"].to_list()
    assert sorted(found) == [item for item, expected in exact.items() if expected >= MIN_EXPECTED]
    assert 400 in found

"""Records say what the day's counts say, and nothing that could not be.

- A play's time lies in the fifth of its song that was drawn, read back as cleaning reads it; its song has the role.
- A song has one name, one singer and one length; the more popular its rank, the more it is chosen.
- The clock stays within its day, a visit is one session, and iPhones do not say what they download.
"""

from urllib.parse import unquote

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.synthetic.worlds import CHANCES, LIKES, MONDAY, small

from counterpoint.events.schema import date
from counterpoint.synthetic import dirt
from counterpoint.synthetic.activity import simulate_activity
from counterpoint.synthetic.hidden_states import DECOY, LEAVER, ORDINARY, ROLES, states
from counterpoint.synthetic.population import draw_people
from counterpoint.synthetic.records import _heard, draw_downloads, draw_pages, draw_plays, draw_searches
from counterpoint.synthetic.songs import SPECIAL_SONG_COUNT, TASTES, draw_songs

DAY_MS = 86_400_000
COUNT = 400
FOLK, CATALOGUE = draw_people(COUNT, np.random.default_rng(1)), draw_songs(1000, np.random.default_rng(2))
ROLE = np.array([ROLES.index(role) for role in CATALOGUE.table["role"]])
LENGTH = CATALOGUE.table["seconds"].to_numpy()


def some_days(chances):
    world, rng = small(5, 6, songs={"leaver": 0.05}), np.random.default_rng(3)
    return list(simulate_activity(states(world), chances, listeners=COUNT, days=3, monday=MONDAY, rng=rng))


def counted(*places, shape):
    table = np.zeros(shape, np.int64)
    np.add.at(table, places, 1)
    return table


def spread_out(day, part):
    """Return a part of a day with a row for each listener."""
    table = np.zeros((COUNT, *part.shape[1:]), np.int64)
    table[day.who] = part
    return table


def fates(records):
    """Return whether each record arrives clean, spoiled or not at all."""
    befalls = np.array([*(one.record_fate for one in dirt.DIRT_KINDS[records.kind]), dirt.CLEAN])
    return befalls[records.dirt]


# Plays


@settings(max_examples=300)
@given(st.integers(30, 5000), st.integers(0, 4), st.integers(0, 2**32 - 1))
def test_seconds_lie_in_their_fifth_of_any_song(length, fifth, seed):
    heard = _heard(np.full(50, fifth), np.full(50, length), np.random.default_rng(seed))
    assert (np.minimum(4, 5 * heard // length) == fifth).all()
    assert ((heard >= 0) & (heard <= length)).all()


def test_clean_plays_are_those_of_the_day_fifth_by_fifth_and_role_by_role():
    for day in some_days(CHANCES):
        found = draw_plays(day, FOLK, CATALOGUE, np.random.default_rng(day.day))
        in_ms = found.dirt == dirt.dirt_code("play", dirt.IN_MS)
        assert in_ms.any()
        length = LENGTH[found.song] * np.where(in_ms, 1000, 1)
        fifth = np.minimum(4, 5 * found.number // length)
        clean = fates(found) == dirt.CLEAN
        cells = counted(*(of[clean] for of in (found.who, fifth, ROLE[found.song])), shape=(COUNT, 5, 3))
        np.testing.assert_array_equal(cells, spread_out(day, day.clean))


def test_a_play_in_milliseconds_is_recognised_and_stays_in_its_fifth():
    """Cleaning takes a play for one in milliseconds if it is longer than twenty times its song."""
    for day in some_days(CHANCES):
        found = draw_plays(day, FOLK, CATALOGUE, np.random.default_rng(day.day))
        in_ms = found.dirt == dirt.dirt_code("play", dirt.IN_MS)
        length = LENGTH[found.song]
        assert (found.number[in_ms] > 20 * length[in_ms]).all()
        assert (found.number[in_ms] // 1000 <= length[in_ms]).all()
        assert (found.number[~in_ms] <= length[~in_ms]).all()


@pytest.mark.parametrize(
    ("kind", "of", "draw"), [("play", 0, draw_plays), ("down", 1, draw_downloads), ("search", 2, draw_searches)]
)
def test_what_arrives_and_what_is_lost_are_those_of_the_day(kind, of, draw):
    for day in some_days(CHANCES):
        found = draw(day, FOLK, CATALOGUE, np.random.default_rng(day.day))
        assert found.kind == kind
        lost = fates(found) == dirt.LOST
        for part, those in ((day.lost, lost), (day.accepted, ~lost)):
            np.testing.assert_array_equal(counted(found.who[those], shape=COUNT), spread_out(day, part[:, of]))


def test_pages_are_the_plays_of_the_day_and_what_was_liked():
    for day in some_days(LIKES):
        found = draw_pages(day, FOLK, CATALOGUE, np.random.default_rng(day.day))
        played, liked = found.page == 0, found.page == 1
        lost = fates(found) == dirt.LOST
        np.testing.assert_array_equal(
            counted(found.who[played & ~lost], shape=COUNT), spread_out(day, day.accepted[:, 0])
        )
        np.testing.assert_array_equal(
            counted(found.who[liked], ROLE[found.song[liked]], shape=(COUNT, 3)), spread_out(day, day.liked.sum(axis=1))
        )
        assert (found.dirt[~played] == -1).all()


def test_the_roles_of_the_plays_in_the_log_are_those_of_the_world(music_box):
    roles = music_box.table("events", "play").join(music_box.truth("songs"), on="song_name")["role"]
    leavers = roles.value_counts().filter(role="leaver")["count"].item()
    clean = (1 - dirt.spoiled_share("play")) * 0.02 * len(roles)
    assert abs(leavers - clean) < 4 * np.sqrt(clean)


# Songs


def test_a_song_has_one_name_one_singer_and_one_length(platform):
    titles = platform.truth("songs")
    assert titles["song_name"].is_unique().all()
    assert titles["song_id"].is_unique().all()
    kind = "play" if platform.request.format == "music-box" else ""
    told = platform.table("events", kind).filter(pl.col("song_ms") > 0, pl.col("song_name").is_not_null())
    broken = platform.truth("dirt").filter(dirt="name cut within a character").select("file", "line")
    told = told.join(broken, on=["file", "line"], how="anti")
    known = told.join(titles, on="song_name", how="left")
    assert (known["song_ms"] == 1000 * known["seconds"]).all()
    assert (known["singer"] == known["singer_right"]).all()
    assert known.height == told.height > 1000


def test_the_song_id_is_the_songs_own_or_0(music_box):
    broken = music_box.truth("dirt").filter(dirt="name cut within a character").select("file", "line")
    told = music_box.table("events", "play").filter(pl.col("song_id").is_not_null())
    known = told.join(broken, on=["file", "line"], how="anti").join(music_box.truth("songs"), on="song_name")
    nameless = known.filter(pl.col("song_id") != pl.col("song_id_right"))
    assert (nameless["song_id"] == 0).all()
    assert nameless["role"].unique().to_list() == ["ordinary"]
    zeros = music_box.truth("dirt").filter(dirt=dirt.SONG_0).height
    assert nameless.height == zeros


@pytest.mark.parametrize("count", [800, 1001, 5000])
def test_songs_are_chosen_by_zipfs_law_and_special_ones_only_for_their_role(count):
    made = draw_songs(count, np.random.default_rng(count))
    role, size = made.table["role"], made.table.height
    assert size == count - count % TASTES
    assert [len(ranks) for ranks in made.by_role] == [
        size - 2 * SPECIAL_SONG_COUNT,
        SPECIAL_SONG_COUNT,
        SPECIAL_SONG_COUNT,
    ]
    ordinary = made.by_role[ORDINARY]
    often = np.bincount(made.chosen, minlength=size)
    assert (often[np.setdiff1d(np.arange(size), ordinary)] == 0).all()
    zipf = (1 / (ordinary + 10)) / (1 / (ordinary + 10)).sum() * often.sum()
    assert np.abs(often[ordinary] - zipf).max() <= 1
    for of in (ORDINARY, LEAVER, DECOY):
        ranks = made.choose(np.full(3000, of), np.arange(3000) % TASTES, 0.6, np.random.default_rng(of))
        assert (role.gather(ranks) == ROLES[of]).all()


def test_popularity_falls_with_rank(platform):
    titles = platform.truth("songs").with_row_index("rank")
    played = platform.table("events", "" if platform.request.format == "eventsim" else "play")
    known = played.join(titles.filter(role="ordinary"), on="song_name")
    by_rank = np.bincount(known["rank"].to_numpy() // 80)[:6]
    assert (np.diff(by_rank) < 0).all()


def test_people_choose_what_they_like_six_times_in_ten_and_else_by_chance():
    taste, rng = np.arange(40_000) % TASTES, np.random.default_rng(0)
    ranks = CATALOGUE.choose(np.zeros_like(taste), taste, 0.6, rng)
    by_chance = np.mean(CATALOGUE.choose(np.zeros_like(taste), taste, 0.0, rng) % TASTES == taste)
    assert by_chance == pytest.approx(1 / TASTES, abs=0.02)
    assert np.mean(ranks % TASTES == taste) == pytest.approx(0.6 + 0.4 / TASTES, abs=0.03)


@pytest.mark.parametrize("role", [LEAVER, DECOY])
def test_whoever_hears_a_special_song_hears_each_of_them_alike(role):
    ranks = CATALOGUE.choose(np.full(20_000, role), np.zeros(20_000, np.int64), 0.6, np.random.default_rng(0))
    often = np.bincount(ranks, minlength=1000)[CATALOGUE.by_role[role]]
    assert (np.abs(often - 1000) < 5 * np.sqrt(1000)).all()


# Clock, sessions and devices


def test_the_clock_stays_within_the_day(platform):
    clocked = platform.table("events", "search" if platform.request.format == "music-box" else "")
    assert clocked["time_ms"].null_count() == 0
    named = clocked["file"].str.extract(r"^(\d{4}-?\d\d-?\d\d)").str.replace_all("-", "")
    days = [date(day).strftime("%Y%m%d") for day in (clocked["time_ms"] // DAY_MS).to_list()]
    assert days == named.to_list()
    assert (clocked["time_ms"] // DAY_MS == clocked["day"]).all()


def test_a_log_with_a_clock_is_in_the_order_of_its_clock(platform):
    clocked = platform.table("events", "search" if platform.request.format == "music-box" else "")
    for _, one in clocked.group_by("file"):
        assert one.sort("line")["time_ms"].is_sorted()


def test_a_visit_is_one_session(eventsim):
    events = eventsim.table("events").drop_nulls("uid")
    assert events.select("uid", "day").n_unique() == events["session"].n_unique()
    assert events.select("uid", "day", "session").n_unique() == events["session"].n_unique()


def test_the_songs_of_a_session_follow_each_other(eventsim):
    played = eventsim.table("events").filter(kind="P").drop_nulls("uid")
    twice = eventsim.truth("dirt").filter(dirt="said twice").select("file", pl.col("line") + 1)
    once = played.join(twice, on=["file", "line"], how="anti").sort("file", "line")
    apart = once.with_columns(apart=pl.col("time_ms").diff().over("session"))["apart"].drop_nulls()
    assert (apart >= 0).all()
    assert apart.mode().to_list() == [230_000]


def test_an_opinion_follows_its_song(eventsim):
    events = eventsim.table("events").drop_nulls("uid")
    thought = events.filter(pl.col("kind") != "P")
    before = thought.join(events.filter(kind="P"), on=["session", "song_name"], suffix="_played")
    follows = before.filter((pl.col("time_ms") - pl.col("time_ms_played")).is_between(0, 1000))
    assert set(thought["kind"]) == {"L", "X"}
    assert follows.select("file", "line").n_unique() == thought.height


def test_iphones_do_not_say_what_they_download(music_box):
    found = music_box.table("events", "down")
    nameless = found["song_name"].fill_null("").str.strip_chars() == ""
    assert (nameless == (found["device"] == "ip")).all()
    assert 0 < nameless.sum() < found.height
    assert found["song_id"].is_in(music_box.truth("songs")["song_id"].implode()).all()


def test_most_listeners_have_one_device_and_some_have_two(music_box):
    found = music_box.table("events").drop_nulls("uid").group_by("uid").agg(pl.len(), pl.col("device").n_unique())
    busy = found.filter(pl.col("len") > 30)
    assert set(busy["device"]) == {1, 2}
    assert 0 < (busy["device"] == 2).mean() < 0.1


def test_a_search_is_for_a_song_or_a_singer(music_box):
    words = music_box.table("events", "search")["query"].unique()
    titles = music_box.truth("songs")
    known = {*titles["song_name"], *titles["singer"]}
    assert {unquote(word) for word in words} <= known

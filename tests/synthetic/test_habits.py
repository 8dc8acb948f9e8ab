"""With habits other songs are played and nothing else changes; who looks finds as much of a habit as was planted.

- But for the songs of plays, a platform with habits writes the bytes of one without; special songs stay, and tastes.
- Of the plays of a daypart's other songs the planted share becomes its own; of a weekday's and a weekend's, likewise.
- What is skipped is less often to taste than what is heard out, and six in ten choices are to taste as before.
- The truth tells when a song is played more, as far as the log follows it.
"""

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from tests.synthetic.conftest import invented
from tests.synthetic.worlds import CHANCES, LIKES, MONDAY

from counterpoint.synthetic import dirt
from counterpoint.synthetic import platform as module
from counterpoint.synthetic.activity import simulate_activity
from counterpoint.synthetic.habits import DAYPARTS, WEEK, draw_habits
from counterpoint.synthetic.hidden_states import published, states
from counterpoint.synthetic.platform import FORMATS, Platform, generate
from counterpoint.synthetic.population import draw_people
from counterpoint.synthetic.records import draw_pages, draw_plays
from counterpoint.synthetic.songs import TASTES, TO_TASTE, draw_songs

COUNT = 2000
FOLK, CATALOGUE = draw_people(COUNT, np.random.default_rng(1)), draw_songs(2000, np.random.default_rng(2))
CONSTANTS = published()["habits"]
LENGTH = CATALOGUE.table["seconds"].to_numpy()
each_daypart = pytest.mark.parametrize("daypart", range(len(DAYPARTS)), ids=DAYPARTS)
each_style = pytest.mark.parametrize("style", FORMATS)


def drawn(*, clock, catalogue=CATALOGUE):
    return draw_habits(catalogue, CONSTANTS, clock=clock, monday=MONDAY, rng=np.random.default_rng(3))


CLOCK, HEARD = drawn(clock=True), drawn(clock=False)
TIMES = replace(CLOCK, averse_share=0.0)  # the clock and the week alone


def some_days(chances):
    rng = np.random.default_rng(4)
    return simulate_activity(states(published()), chances, listeners=COUNT, days=4, monday=MONDAY, rng=rng)


def both(draw, day, times):
    """Return the records of a day without habits and with them."""
    return (draw(day, FOLK, CATALOGUE, np.random.default_rng(day.day), of) for of in (None, times))


def fifths(found):
    length = LENGTH[found.song] * np.where(found.dirt == dirt.dirt_code("play", dirt.IN_MS), 1000, 1)
    return np.minimum(4, 5 * found.number // length)


def choices(count=40_000):
    """Return so many songs as people choose them without habits."""
    ordinary = np.zeros(count, np.int64)
    return CATALOGUE.choose(ordinary, np.arange(count) % TASTES, TO_TASTE, np.random.default_rng(5))


def assert_near(found, chance, count):
    """`found` of `count` are what a chance gives, within four standard errors."""
    assert abs(found - count * chance) < 4 * np.sqrt(count * chance * (1 - chance)), (found / count, chance)


def content(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# What stays


@each_style
def test_only_the_songs_of_plays_and_their_truth_change(tmp_path, style):
    for name, wanted in (("without", False), ("with", True)):
        asked = Platform(listeners=200, days=9, songs=800, format=style, outcome=3, habits=wanted)
        generate(tmp_path / name, asked, rng=5)
    without, following = (content(tmp_path / name) for name in ("without", "with"))
    assert without.keys() == following.keys()
    others = {name for name in without if without[name] != following[name]}
    played = {name for name in without if "play" in name or (name.endswith("json") and "truth" not in name)}
    lines = {"truth/dirt.parquet"} if style == "eventsim" else set()  # dislikes are lines of their own
    assert others == played | lines | {"truth/songs.parquet", "truth/world.json"}


@each_style
def test_habits_that_nobody_has_change_no_byte_of_a_log(tmp_path, monkeypatch, style):
    nobody = published() | {
        "habits": CONSTANTS | {"averse": 0.0, "clock": 0.0, "week": 0.0, "to_taste": [TO_TASTE] * 5}
    }
    asked = Platform(listeners=100, days=4, songs=800, format=style, outcome=2)
    generate(tmp_path / "without", asked, rng=5)
    monkeypatch.setattr(module, "published", lambda: nobody)
    generate(tmp_path / "nobody", replace(asked, habits=True), rng=5)
    without, same = (content(tmp_path / name) for name in ("without", "nobody"))
    assert {name for name in without if without[name] != same[name]} == {"truth/world.json"}


def test_each_listener_hears_as_much_of_as_many_songs_each_day():
    for day in some_days(CHANCES):
        without, following = both(draw_plays, day, HEARD)
        for part in ("who", "dirt"):
            np.testing.assert_array_equal(getattr(following, part), getattr(without, part))
        np.testing.assert_array_equal(fifths(following), fifths(without))
        assert (following.song != without.song).mean() > 0.2


def test_a_log_with_a_clock_keeps_its_times_its_likes_and_its_dislikes():
    for day in some_days(LIKES):
        without, following = both(draw_pages, day, TIMES)
        for part in ("who", "dirt", "number", "page"):
            np.testing.assert_array_equal(getattr(following, part), getattr(without, part))
        np.testing.assert_array_equal(following.song % TASTES, without.song % TASTES)
        assert (following.song != without.song).mean() > 0.5


def test_some_singers_cannot_be_stood_and_most_of_their_plays_are_disliked():
    plays_of, swore, pairs = [], [], set()
    for day in some_days(LIKES):
        _, found = both(draw_pages, day, CLOCK)
        singer = CLOCK.singer[found.song]
        disliked = set(zip(found.who[found.page == 2].tolist(), found.song[found.page == 2].tolist(), strict=True))
        cannot = replace(CLOCK, dislike_share=1.0).disliked(found.who, found.song, np.random.default_rng(1))
        played = (found.page == 0) & (found.dirt < 0)
        plays_of.append(cannot[played])
        pairs |= {(who, of) for who, of in zip(found.who[cannot].tolist(), singer[cannot].tolist(), strict=True)}
        ours = played & cannot & CATALOGUE.ordinary[found.song]
        swore += [(w, s) in disliked for w, s in zip(found.who[ours].tolist(), found.song[ours].tolist(), strict=True)]
        again = replace(CLOCK, dislike_share=1.0).disliked(found.who, found.song, np.random.default_rng(2))
        np.testing.assert_array_equal(cannot, again)
    assert abs(np.concatenate(plays_of).mean() - CONSTANTS["averse"]) < 0.02
    assert CONSTANTS["says_so"] - 0.05 < np.mean(swore) < CONSTANTS["says_so"] + 0.1
    assert len(pairs) > 1000


@pytest.mark.parametrize(("draw", "chances", "times"), [(draw_plays, CHANCES, HEARD), (draw_pages, LIKES, TIMES)])
def test_songs_that_make_people_leave_and_decoys_stay_where_they_were(draw, chances, times):
    for day in some_days(chances):
        without, following = both(draw, day, times)
        special = ~CATALOGUE.ordinary[without.song]
        assert special.sum() > 100
        np.testing.assert_array_equal(following.song[special], without.song[special])
        assert CATALOGUE.ordinary[following.song[~special]].all()


def test_an_opinion_is_still_of_the_song_that_was_played_then():
    for day in some_days(LIKES):
        _, found = both(draw_pages, day, CLOCK)
        said, played = (np.flatnonzero(found.page > 0), np.flatnonzero(found.page == 0))
        heard = set(zip(found.who[played].tolist(), found.song[played].tolist(), strict=True))
        assert set(zip(found.who[said].tolist(), found.song[said].tolist(), strict=True)) <= heard


# The clock and the week


@each_daypart
def test_of_other_songs_the_planted_share_becomes_the_dayparts_own(daypart):
    """Whatever was its own stays its own: the share of its own rises from p to p + 0.5 (1 - p)."""
    before, times = choices(), replace(CLOCK, week=0.0)
    after = times.follow(before, np.full(len(before), True), 0, daypart, np.random.default_rng(6))
    was, is_own = times.daypart[before] == daypart, times.daypart[after] == daypart
    assert is_own[was].all()
    assert_near(is_own[~was].sum(), CONSTANTS["clock"], (~was).sum())


@pytest.mark.parametrize("day", range(14))
def test_of_other_songs_the_planted_share_becomes_the_weekdays_or_the_weekends_own(day):
    before, weekend = choices(), (MONDAY + day) % 7 in (5, 6)
    after = HEARD.follow(before, np.full(len(before), True), day, 0, np.random.default_rng(day))
    was, is_own = HEARD.weekend[before] == weekend, HEARD.weekend[after] == weekend
    assert is_own[was].all()
    assert_near(is_own[~was].sum(), CONSTANTS["week"], (~was).sum())


@each_daypart
def test_who_follows_the_clock_and_the_week_plays_what_belongs_to_both(daypart):
    before, times = choices(), replace(CLOCK, clock=1.0, week=1.0)
    after = times.follow(before, np.full(len(before), True), 2, daypart, np.random.default_rng(7))
    assert (times.daypart[after] == daypart).all()
    assert (times.weekend[after] == 1).all()


def test_a_daypart_is_of_the_second_at_which_a_song_began():
    hours = np.array([0, 10.99, 11, 16.99, 17, 23.99])
    assert [DAYPARTS[at] for at in CLOCK.part((hours * 3600).astype(np.int64))] == sorted(
        DAYPARTS * 2, key=DAYPARTS.index
    )
    own = []
    for day in some_days(LIKES):
        without, following = both(draw_pages, day, replace(TIMES, week=0.0))
        part = CLOCK.part(following.number)
        others = (CLOCK.daypart[without.song] != part) & CATALOGUE.ordinary[without.song] & (without.page == 0)
        own.append((CLOCK.daypart[following.song] == part)[others])
    became = np.concatenate(own)
    assert_near(became.sum(), CONSTANTS["clock"], len(became))


def test_within_a_time_and_a_taste_songs_are_as_popular_as_ever():
    before, times = choices(400_000), replace(CLOCK, clock=1.0, week=0.0)
    after = times.follow(before, np.full(len(before), True), 0, 1, np.random.default_rng(8))
    own = (CLOCK.daypart == 1) & (np.arange(len(LENGTH)) % TASTES == 0)
    often = np.bincount(after[before % TASTES == 0], minlength=len(LENGTH))
    expected = np.where(own, np.bincount(CATALOGUE.chosen, minlength=len(LENGTH)), 0)
    expected = expected / expected.sum() * often.sum()
    assert often[~own].sum() == 0
    assert (np.abs(often - expected)[own] < 5 * np.sqrt(expected[own]) + 2).all()


def test_a_catalogue_of_one_singer_who_has_one_time_is_played_at_all_times():
    alone = replace(CATALOGUE, table=CATALOGUE.table.with_columns(singer=pl.lit("阿岚舟桐")))
    before, times = choices(), drawn(clock=True, catalogue=alone)
    for daypart in range(len(DAYPARTS)):
        after = times.follow(before, np.full(len(before), True), daypart, daypart, np.random.default_rng(9))
        np.testing.assert_array_equal(after % TASTES, before % TASTES)
        assert CATALOGUE.ordinary[after].all()


def test_each_time_has_as_many_singers_as_another():
    singers = {(name, *at) for name, *at in zip(CATALOGUE.table["singer"], CLOCK.daypart, CLOCK.weekend, strict=True)}
    assert len(singers) == CATALOGUE.table["singer"].n_unique()
    _, often = np.unique([(day, week) for _, day, week in singers], axis=0, return_counts=True)
    assert len(often) == len(DAYPARTS) * len(WEEK)
    assert often.max() - often.min() <= 1


# Skips


@pytest.fixture(scope="module")
def to_taste():
    """Return the plays of ordinary songs with habits: the fifth heard, and whether to taste; and those without."""
    found = [[], []]
    for day in some_days(CHANCES):
        for records, into in zip(both(draw_plays, day, HEARD), found, strict=True):
            ordinary = CATALOGUE.ordinary[records.song]
            into.append(np.stack([fifths(records), records.song % TASTES == FOLK.taste[records.who]])[:, ordinary])
    return tuple(np.concatenate(part, axis=1) for part in reversed(found))


@pytest.mark.parametrize("fifth", range(5))
def test_a_song_is_to_taste_the_more_often_the_more_of_it_is_heard(to_taste, fifth):
    (fifth_heard, tasted), _ = to_taste
    of = tasted[fifth_heard == fifth]
    chance = CONSTANTS["to_taste"][fifth]
    chance += (1 - chance) / TASTES
    assert abs(of.mean() - chance) < 0.02 + 4 * np.sqrt(chance * (1 - chance) / len(of))


def test_six_in_ten_choices_are_to_taste_with_habits_and_without(to_taste):
    for _, tasted in to_taste:
        assert tasted.mean() == pytest.approx(TO_TASTE + (1 - TO_TASTE) / TASTES, abs=0.02)


def test_without_habits_skips_tell_nothing_of_taste(to_taste):
    _, (fifth, tasted) = to_taste
    skipped, whole = tasted[fifth == 0], tasted[fifth == 4]
    assert abs(skipped.mean() - whole.mean()) < 4 * np.sqrt(0.25 / len(skipped) + 0.25 / len(whole))


# What is told


@pytest.fixture(scope="module", params=FORMATS)
def following(request, tmp_path_factory):
    asked = Platform(listeners=300, days=21, songs=1000, format=request.param, outcome=7, habits=True)
    return invented(tmp_path_factory.mktemp("following"), asked, 4)


def test_all_songs_of_a_singer_have_their_time_and_special_songs_none(following):
    told = following.truth("songs")
    times = ["daypart", "week"] if following.request.format == "eventsim" else ["week"]
    assert told.columns[6:] == times
    ordinary, special = (told.filter((pl.col("role") == "ordinary") == of) for of in (True, False))
    assert special.select(times).null_count().row(0) == (special.height,) * len(times)
    assert ordinary.select("singer", *times).n_unique() == ordinary["singer"].n_unique()
    assert set(ordinary["week"]) == set(WEEK)


def test_the_truth_names_the_habits(following):
    told = json.loads((following.logs.folder / "truth" / "world.json").read_text(encoding="utf-8"))
    clock = following.request.format == "eventsim"
    assert told["habits"] is True
    assert told["share of the plays chosen among the songs of their daypart"] == (0.5 if clock else 0)
    assert told["share of the plays chosen among the songs of weekdays or the weekend"] == 0.3
    by_fifth = told["share of the choices to taste, by the fifth of the song heard"]
    assert by_fifth == ([TO_TASTE] * 5 if clock else CONSTANTS["to_taste"])


def test_a_platform_without_habits_does_not_mention_them(platform):
    assert platform.truth("songs").columns[-1] == "role"
    assert "habit" not in (platform.logs.folder / "truth" / "world.json").read_text(encoding="utf-8")


def test_who_reads_the_log_finds_the_times_that_the_truth_tells(following):
    """Of the plays in a time, its own songs are the planted share more than they are of the plays in other times."""
    clock = following.request.format == "eventsim"
    events = following.table("events", "" if clock else "play").filter(kind="P")
    played = events.join(following.truth("songs").filter(role="ordinary"), on="song_name")
    now = {"week": pl.when((pl.col("day") + 3) % 7 >= 5).then(pl.lit("weekend")).otherwise(pl.lit("weekdays"))}
    if clock:
        hour = pl.col("time_ms") // 3_600_000 % 24
        now["daypart"] = (
            pl.when(hour < 11).then(pl.lit("morning")).when(hour < 17).then(pl.lit("day")).otherwise(pl.lit("evening"))
        )
    for time, part in now.items():
        share = {"daypart": 0.5, "week": 0.3}[time]
        names = played[time].unique().to_list()
        here = played.with_columns(now=part)
        for name in names:
            own, other = (here.filter((pl.col("now") == name) == of)[time] == name for of in (True, False))
            assert own.mean() - other.mean() == pytest.approx(share, abs=0.06), (time, name)

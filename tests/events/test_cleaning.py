"""Which plays are believed, and by which numbers.

- Each rule does to a play what its line says, with numbers learned from what the rules before it left.
- Numbers are exact: a percentile or a mean of whole milliseconds is what a sorted list gives.
- Bots are counted on known days alone, and only where there are enough listeners to tell.
- A log that says nothing of how long its plays or songs were keeps its plays.
"""

import json
from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.churn import slow
from tests.small_logs import Event, ingested, write

from counterpoint.churn.feature_table import churn_table
from counterpoint.events.bots import bot_threshold
from counterpoint.events.cleaning import Cleaning, cleaned_sql, fit_cleaning
from counterpoint.events.cleaning_rules import RULES
from counterpoint.events.daily_rollup import cleaning_report_sql, rollup_sql
from counterpoint.events.histogram import percentile
from counterpoint.snapshots.session import open_session
from counterpoint.snapshots.snapshot import Snapshot
from counterpoint.storage.duckdb_engine import open_duckdb
from counterpoint.storage.serializer import loads_plain, plain
from counterpoint.storage.workspace import edit_workspace

TOP = Fraction(999, 1000)
DAY = 17_000


@pytest.fixture
def engine(tmp_path):
    with open_duckdb(tmp_path) as engine:
        yield engine


@pytest.fixture
def learned(engine, tmp_path):
    """Learn from a log on the days (DAY - 1, DAY + 9]; return the cleaning and the bots."""

    def run(log):
        engine.register("events", [write(log, tmp_path / "events.parquet")])
        return fit_cleaning(engine, after=DAY - 1, until=DAY + 9, scratch=tmp_path)

    return run


@pytest.fixture
def rolled(engine, tmp_path):
    """Roll the log that was learned from up; return its rows."""

    def run(how):
        engine.write(rollup_sql(how), tmp_path / "rollup.parquet")
        return pl.read_parquet(tmp_path / "rollup.parquet").sort("uid", "day")

    return run


def plays(*times):
    """Plays of one listener, one a line, from (song, play) in seconds; the line is the uid."""
    in_ms = ((None if second is None else 1000 * second for second in pair) for pair in times)
    return [Event(uid, "P", DAY, play, song) for uid, (song, play) in enumerate(in_ms)]


# Every rule once, and what it does, by hand. Songs that count (seconds): 0 100 200 200 300 300 400 3000; the 99.9th
# percentile lies 6.993 steps along: 400 + 0.993 x 2600 = 2981.8. Without the 3000, those above 0 have the mean
# (100 + 200 + 200 + 300 + 300 + 400) / 6 = 250. Plays that count: 50 80 100 150 5000, 3.996 steps along: 150 + 0.996 x
# 4850 = 4980.6. Without the 5000 their mean is (50 + 80 + 100 + 150) / 4 = 95.
GOLDEN = {
    "nothing wrong": ((200, 100), (200, 100)),
    "nothing wrong here either": ((100, 50), (100, 50)),
    "song length missing": ((None, 30), None),
    "song length outlier": ((3000, 60), None),
    "song length not positive": ((0, 80), (250, 80)),
    "play time in milliseconds": ((200, 150_000), (200, 150)),
    "play time outlier": ((300, 5000), None),
    "play time negative": ((300, -7), (300, 95)),
    "play time missing": ((400, None), (400, 95)),
}


def test_the_numbers_of_the_golden_plays_are_those_worked_out_by_hand(learned):
    how, bots = learned(plays(*(given for given, _ in GOLDEN.values())))
    assert how == Cleaning(
        rule_set="ours",
        after=DAY - 1,
        until=DAY + 9,
        rules=tuple(list(GOLDEN)[2:]),
        numbers=(("song_top", 2_981_800), ("song_mean", 250_000), ("play_top", 4_980_600), ("play_mean", 95_000)),
        bots_from=None,
    )
    assert how.rules == tuple(rule.name for rule in RULES)
    assert bots.height == 0


def test_each_rule_drops_or_mends_the_golden_play_that_meets_it_and_no_other(learned, engine):
    how, _ = learned(plays(*(given for given, _ in GOLDEN.values())))
    rows = engine.fetch(cleaned_sql(how, "SELECT * FROM events", keep=("uid",))).sort("uid").to_dicts()
    names = list(GOLDEN)
    assert {names[row["uid"]]: (row["song_ms"], row["play_ms"]) for row in rows if row["kept"]} == {
        name: (1000 * left[0], 1000 * left[1]) for name, (_, left) in GOLDEN.items() if left
    }
    met = {names[row["uid"]]: [rule for at, rule in enumerate(how.rules) if row["hits"] >> at & 1] for row in rows}
    assert met == {name: [name] if name in how.rules else [] for name in GOLDEN}


def test_the_report_counts_every_play_of_the_window_by_the_rules_it_met(learned, engine, tmp_path):
    log = plays(*(given for given, _ in GOLDEN.values()))
    elsewhere = [event._replace(day=day) for event in log for day in (DAY - 1, DAY + 10)]
    how, _ = learned(log)
    engine.register("events", [write([*log, *elsewhere, Event(1, "D", DAY)], tmp_path / "more.parquet")])
    report = engine.fetch(cleaning_report_sql(how)).sort("hits")
    assert report.rows() == [
        (0, True, 2),
        *((2**at, left is not None, 1) for at, (_, left) in enumerate(list(GOLDEN.values())[2:])),
    ]


def test_a_play_of_twenty_songs_is_in_milliseconds_if_a_thousandth_of_it_is_no_longer(learned, engine):
    shares = {20_000: 20_000, 20_001: 20, 1_000_000: 1000, 1_000_001: 1_000_001}
    anchors = [Event(9, "P", DAY, 2_000_000, 1000)] * 2
    how, _ = learned([Event(uid, "P", DAY, play, 1000) for uid, play in enumerate(shares)] + anchors)
    rows = engine.fetch(cleaned_sql(how, "SELECT * FROM events", keep=("uid",))).filter(pl.col("uid") < 9).sort("uid")
    assert rows["play_ms"].to_list() == list(shares.values())


def test_a_play_that_meets_two_rules_is_mended_by_one_and_judged_by_the_next(learned, engine):
    how, _ = learned(plays((200, 100), (200, 100), (0, -5)))
    rows = engine.fetch(cleaned_sql(how, "SELECT * FROM events", keep=("uid",))).sort("uid")
    assert rows.select("song_ms", "play_ms", "kept").row(2) == (200_000, 100_000, True)
    assert rows["hits"][2] == 2 ** how.rules.index("song length not positive") + 2 ** how.rules.index(
        "play time negative"
    )


def test_milliseconds_are_known_as_such_even_where_the_song_has_no_length(learned, engine):
    how, _ = learned(plays((200, 100), (200, 100), (0, 150_000), (-1, 5_000)))
    rows = engine.fetch(cleaned_sql(how, "SELECT * FROM events", keep=("uid",))).sort("uid")
    assert rows["play_ms"].to_list() == [100_000, 100_000, 150_000, 5_000]


def test_other_kinds_are_kept_whatever_they_say_of_length(learned, rolled):
    how, _ = learned([Event(1, kind, DAY, -5, None) for kind in "DSLX"] + plays((200, 100), (None, 30)))
    assert rolled(how).filter(uid=1).select("D", "S", "L", "X", "P").row(0) == (1, 1, 1, 1, 0)


@pytest.mark.parametrize(("values", "mean"), [((1, 2), 2), ((1, 1, 2), 1), ((1, 2, 2), 2)])
def test_a_mean_is_in_whole_milliseconds_and_a_half_is_rounded_up(learned, values, mean):
    how, _ = learned([Event(1, "P", DAY, value, 10) for value in values for _ in range(2)])
    assert dict(how.numbers)["play_mean"] == mean


def test_what_is_above_a_percentile_by_less_than_a_millisecond_is_above_it(learned, rolled):
    how, _ = learned([Event(1, "P", DAY, 5, song) for song in (10, 11)])  # the percentile is 10.999
    assert rolled(how)["P"].to_list() == [1]


# Percentiles

VALUES = st.lists(st.integers(0, 60) | st.integers(0, 10**15), min_size=1, max_size=60)


@given(values=VALUES, share=st.fractions(0, 1, max_denominator=1000))
def test_the_percentile_of_a_histogram_is_that_of_the_sorted_list(values, share):
    distinct, counts = np.unique(np.array(values, dtype=np.int64), return_counts=True)
    some_order = np.argsort(-counts, kind="stable")
    found = percentile(distinct[some_order], counts[some_order], share)
    assert found == slow.percentile(values, share)
    assert float(found) == pytest.approx(
        np.percentile(values, float(100 * share), method="linear"), rel=1e-12, abs=1e-9
    )


def test_the_percentile_of_a_million_million_plays_is_exact_to_the_play():
    values = np.array([1, 7])
    assert percentile(values, np.array([999 * 10**9, 10**9 + 1]), TOP) == 7
    assert percentile(values, np.array([999 * 10**9 + 1, 10**9]), TOP) == 1
    assert percentile(values, np.array([999 * 10**9, 10**9]), TOP) == 1 + 6 * Fraction(1, 1000)


# Bots


def of(plays_of_each):
    """How many listeners have how many plays."""
    return pl.DataFrame(plays_of_each, schema={"plays": pl.Int64, "listeners": pl.Int64}, orient="row")


def test_a_thousand_listeners_are_needed_to_tell_a_bot():
    assert bot_threshold(of([(1, 998), (5_000, 1)])) is None
    assert bot_threshold(of([])) is None
    assert bot_threshold(of([(1, 999), (11, 1)])) == 1 + 10 * Fraction(1, 1000)


def test_whoever_is_at_the_threshold_is_a_bot(learned):
    counts = [1] * 999 + [8, 9]  # of 1,001 listeners the 99.9th percentile is the 1,000th
    how, bots = learned([Event(uid, "P", DAY, 1000, 2000) for uid, count in enumerate(counts) for _ in range(count)])
    assert how.bots_from == 8
    assert bots.rows() == [(999, 8), (1000, 9)]


def test_a_threshold_between_two_counts_is_reached_by_the_next(learned):
    how, bots = learned([Event(uid, "P", DAY) for uid in range(1000) for _ in range(1 if uid else 50)])
    assert how.bots_from == 2  # 1 + 49 x 0.001 plays
    assert bots.rows() == [(0, 50)]


def test_bots_are_counted_on_known_days_and_by_plays_alone(learned):
    busy = [Event(uid, "P", day) for uid, day in ((1, DAY - 1), (2, DAY + 10)) for _ in range(50)]
    busy += [Event(3, kind, DAY) for kind in "DS" for _ in range(50)]
    machine = [Event(4, "P", DAY + 9)] * 9
    nobody = [Event(None, "P", DAY)] * 99
    _, bots = learned([Event(uid, "P", DAY) for uid in range(1000)] + busy + machine + nobody)
    assert bots.rows() == [(4, 10)]


def test_nothing_of_a_bot_is_learned_from_or_counted(learned, rolled):
    people = [Event(uid, "P", DAY, 1000, 2000) for uid in range(999)]
    machine = [Event(5000, kind, day, 9000, 9000) for day in (DAY, DAY + 30) for kind in "PDS" for _ in range(20)]
    how, bots = learned(people + machine)
    assert bots["uid"].to_list() == [5000]
    assert how.numbers == (("song_top", 2000), ("song_mean", 2000), ("play_top", 1000), ("play_mean", 1000))
    assert rolled(how)["uid"].to_list() == list(range(999))


def test_there_is_no_bot_where_everyone_plays_equally_often(learned):
    _, bots = learned([Event(uid, "P", DAY) for uid in range(1001)])
    assert bots.height == 0


# Logs that say little


@pytest.mark.parametrize("lacks", [("play_ms",), ("song_ms",), ("play_ms", "song_ms")])
def test_a_log_without_any_play_time_or_song_length_keeps_its_plays(learned, rolled, lacks):
    log = plays((200, 100), (200, 100), (100, 50), (100, 20))
    how, _ = learned([event._replace(**dict.fromkeys(lacks)) for event in log])
    table = rolled(how)
    assert table["P"].to_list() == [1, 1, 1, 1]
    assert table["heard"].sum() == 0
    assert table["timed"].sum() == (0 if "play_ms" in lacks else 4)


def test_a_window_without_plays_teaches_nothing_and_believes_everything(learned, rolled):
    how, _ = learned([Event(1, "D", DAY), Event(1, "P", DAY + 99, -5, None)])
    assert (how.rules, how.numbers, how.bots_from) == ((), (), None)
    assert rolled(how)["P"].sum() == 1


def test_a_play_time_that_cannot_be_true_is_never_counted_even_without_a_mean(learned, rolled):
    how, _ = learned([Event(1, "P", DAY, -1, 200_000)] * 3)
    assert rolled(how).select("P", "play_ms", "timed", "heard").row(0) == (3, 0, 0, 0)


def test_a_log_in_milliseconds_with_an_absurd_length_can_be_cleaned(tmp_path):
    log = [Event(1, "P", day, 1000, 2000) for day in range(DAY, DAY + 10)]
    root = ingested([*log, Event(1, "P", DAY + 7, 1000, 10**18 - 1)], tmp_path)
    snapshot = Snapshot.of("2016-07-25", known_for=5, outcome_for=2)
    with edit_workspace(root) as writer, open_session(writer) as session:
        assert churn_table(session, snapshot, session.cleaning(snapshot), outcome=True).rows["events"].to_list() == [6]


# Keeping a cleaning


@given(
    st.builds(
        Cleaning,
        rule_set=st.sampled_from(["ours", "as published"]),
        after=st.integers(-(10**6), 10**6),
        until=st.integers(-(10**6), 10**6),
        rules=st.lists(st.sampled_from([rule.name for rule in RULES]), unique=True).map(tuple),
        numbers=st.dictionaries(st.sampled_from(["song_top", "play_mean"]), st.integers(0, 10**15)).map(
            lambda numbers: tuple(numbers.items())
        ),
        bots_from=st.none() | st.integers(1, 10**9),
    )
)
def test_a_cleaning_survives_being_written_and_read(how):
    assert loads_plain(json.loads(json.dumps(plain(how))), Cleaning, source="cleaning") == how


def test_what_is_learned_survives_being_written_and_read(learned):
    how, _ = learned(plays(*(given for given, _ in GOLDEN.values())))
    assert loads_plain(plain(how), Cleaning, source="cleaning") == how

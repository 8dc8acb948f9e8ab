"""The same text gives the same rows on every engine, cell by cell: values, nulls and types.

- Both give what was worked out by hand for six listeners whose every event sits on some boundary.
- Both give the same cleaning, bots, report, roll-up and features for random dirty logs, under both practices, and also
  where a log knows no song lengths or no play times.
- The order of the rows, the cut into files, names instead of numbers and a short memory change nothing.
- A roll-up summed up over windows is what the cleaned events give without one.
- What one engine made in a workspace the other reads, and does not make again.
"""

from dataclasses import replace
from typing import NamedTuple

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from tests.engines.stacked import as_text, files, stacked
from tests.small_logs import Event, ingested, write

from counterpoint.churn.feature_catalogue import BANDS, catalogue
from counterpoint.churn.feature_table import listener_table
from counterpoint.churn.label import CHURNED
from counterpoint.churn.published_features import whole_terms
from counterpoint.events.cleaning import Cleaning, cleaned_sql, fit_cleaning
from counterpoint.events.cleaning_rules import DEFAULT_RULES, PUBLISHED_RULES, RULES
from counterpoint.events.daily_rollup import cleaning_report_sql, rollup_sql
from counterpoint.events.schema import date
from counterpoint.snapshots.observation_window import listeners_sql
from counterpoint.snapshots.snapshot import Snapshot, Span
from counterpoint.storage.duckdb_engine import DuckDB, open_duckdb
from counterpoint.storage.spark_engine import Spark
from counterpoint.storage.workspace import open_workspace

BOTH = ("duckdb", "spark")
HALF_YEAR, MONTH, FORTNIGHT = SNAPSHOTS = (
    Snapshot.of(date(17_205), known_for="6mo", outcome_for=14),
    Snapshot.of(date(17_120), known_for=30, outcome_for=14),
    Snapshot.of(date(17_060), known_for=14, outcome_for=7),
)
WINDOWS = {HALF_YEAR: (6, 18, 42, 84), MONTH: (1, 3, 7, 14), FORTNIGHT: (1, 3, 7)}
"""The published windows of 30 days; of 180 days six times as long; of 14 days 0.5, 1.4, 3.3 and 6.5 of them."""
WEEK = {HALF_YEAR: 42, MONTH: 7, FORTNIGHT: 3}


class Answers(NamedTuple):
    """All that an engine says of a log, each table in the order of its keys."""

    how: Cleaning
    bots: pl.DataFrame
    report: pl.DataFrame
    rollup: pl.DataFrame
    tables: list[pl.DataFrame]


def answers(engine, events, folder, *, snapshots=SNAPSHOTS, rules=DEFAULT_RULES) -> Answers:
    """Clean as the first snapshot's known days teach, roll up, and tabulate every snapshot, all on one engine."""
    folder.mkdir()
    engine.register("events", events)
    after, at, _ = snapshots[0].days
    how, bots = fit_cleaning(engine, after=after, until=at, scratch=folder, rules=rules)
    report = engine.fetch(cleaning_report_sql(how)).sort("hits", "kept")
    engine.write(rollup_sql(how), folder / "rollup.parquet")
    engine.register("rollup", [folder / "rollup.parquet"])
    rollup = engine.fetch("SELECT * FROM rollup").sort("uid", "day")
    tables = []
    for snapshot in snapshots:
        features = catalogue(snapshot.known_for)
        wanted = features if rules == DEFAULT_RULES else whole_terms(features)
        tables.append(engine.fetch(listeners_sql(wanted, snapshot, CHURNED, outcome=True)).sort("uid"))
    return Answers(how, bots, report, rollup, tables)


def assert_same(one: Answers, other: Answers) -> None:
    """Compare to the last bit of every number, and its type."""
    assert one.how == other.how
    for mine, yours in zip((*one[1:4], *one.tables), (*other[1:4], *other.tables), strict=True):
        assert_frame_equal(mine, yours, check_exact=True)


@pytest.fixture(scope="module")
def log():
    """Fifteen hundred listeners over eight months, two of whom are machines."""
    return stacked(24_000, 1500, rng=1, machines=2)


@pytest.fixture(scope="module")
def of_log(engines, log, tmp_path_factory):
    """What each engine says of the log in one file; Spark of two snapshots, since the others have the third."""
    folder = tmp_path_factory.mktemp("log")
    events = files(log, folder)
    return {
        "duckdb": answers(engines["duckdb"], events, folder / "duckdb"),
        "spark": answers(engines["spark"], events, folder / "spark", snapshots=[HALF_YEAR, FORTNIGHT]),
    }


DAY = 17_000
GOLDEN = Snapshot.of(date(DAY), known_for=30, outcome_for=14)
GOLDEN_LOG = [
    # 1 sits on the boundaries of the fifths and of the windows; most of the events are of an Android.
    Event(1, "P", DAY, 0, 200_000, "ip"),
    Event(1, "P", DAY, 39_999, 200_000, "ar"),
    Event(1, "P", DAY, 40_000, 200_000, "ar"),
    Event(1, "P", DAY - 1, 80_000, 200_000, "ar"),
    Event(1, "P", DAY - 6, 120_000, 200_000, "ar"),
    Event(1, "P", DAY - 7, 160_000, 200_000, "ip"),
    Event(1, "P", DAY - 29, 200_000, 200_000),
    Event(1, "P", DAY - 30, 111_111, 200_000, "ip"),  # a day too old
    Event(1, "P", None, 111_111, 200_000, "ip"),  # on no day
    Event(1, "D", DAY - 1),
    Event(1, "D", DAY - 14),
    Event(1, "S", DAY),
    Event(1, "P", DAY + 1, 999_999, 900_000, "ip"),  # back on the first day of the outcome
    # 2 meets every rule once; of its devices that count two are an Android's and two are not.
    Event(2, "P", DAY, 50_000, None, "ar"),  # dropped: the song is not known
    Event(2, "P", DAY, 50_000, 0, "ip"),  # the song becomes the mean one, 200 s
    Event(2, "P", DAY - 3, 150_000_999, 200_000, "ar"),  # milliseconds of milliseconds: 150 s
    Event(2, "P", DAY - 2, -5, 200_000, "ip"),  # the mean play of 93.333 s
    Event(2, "P", DAY - 20, None, 200_000),  # the same
    Event(2, "P", DAY - 10, 3_000_000, 200_000, "ar"),  # dropped: too long
    Event(2, "P", DAY - 9, 100_000, 700_000, "ar"),  # dropped: no song
    Event(2, "S", DAY, device="ar"),
    # 3 never plays, has no known device, and comes back a day too late.
    Event(3, "D", DAY - 12, device="web"),
    Event(3, "S", DAY - 12),
    Event(3, "D", DAY + 15, device="ar"),
    # 4 is seen in the outcome only.
    Event(4, "P", DAY + 14, 100_000, 200_000, "ar"),
    # 5's only play is dropped: it was there, and nothing is known of what it did.
    Event(5, "P", DAY, 10_000, None, "ar"),
    Event(5, "X", DAY - 25),
    # 6 downloads on the edges of every window, and comes back on the last day of the outcome.
    Event(6, "D", DAY, device="ar"),
    Event(6, "D", DAY - 2, device="ip"),
    Event(6, "D", DAY - 3, device="ar"),
    Event(6, "D", DAY - 6),
    Event(6, "D", DAY - 7, device="AR"),
    Event(6, "D", DAY - 13),
    Event(6, "D", DAY - 14),
    Event(6, "L", DAY + 14, device="ip"),
    # Whose event this is, nobody knows.
    Event(None, "P", DAY, 200_000, 200_000, "ar"),
]
LEARNED = {  # 13 songs: 200 + 0.988 x 500 s; 10 plays: 200 + 0.991 x 2,800 s, then 9 of 839.999 s together
    "song_top": 694_000,
    "song_mean": 200_000,
    "play_top": 2_974_800,
    "play_mean": 93_333,
}
REPORT = [  # the rules that were met, as a sum of 2 to their place; whether the play was kept; how many plays
    (0, True, 7),
    (1, False, 2),
    (2, False, 1),
    (4, True, 1),
    (8, True, 1),
    (16, False, 1),
    (32, True, 1),
    (64, True, 1),
]
HEARD = {
    1: (2 / 7, 1 / 7, 1 / 7, 1 / 7, 2 / 7, 0.0, 639.999, 279_999 / 639_999, 639_999 / 7000),
    2: (0.0, 1 / 4, 2 / 4, 1 / 4, 0.0, None, 386.666, 293_333 / 386_666, 386_666 / 4000),
    3: (None, None, None, None, None, None, 0.0, None, None),
    5: (None, None, None, None, None, None, 0.0, None, None),
    6: (None, None, None, None, None, None, 0.0, None, None),
}
NEVER = (0, 0, 0, 0, 0)
COUNTED = {  # plays, downloads and searches, each in 1, 3, 7, 14 and 30 days
    1: ((3, 4, 5, 6, 7), (0, 1, 1, 1, 2), (1, 1, 1, 1, 1)),
    2: ((1, 2, 3, 3, 4), NEVER, (1, 1, 1, 1, 1)),
    3: (NEVER, (0, 0, 0, 1, 1), (0, 0, 0, 1, 1)),
    5: (NEVER, NEVER, NEVER),
    6: (NEVER, (1, 2, 4, 6, 7), NEVER),
}
RECENT = {  # the last week's share of the plays, downloads and searches; days since the last of each; the device
    1: (5 / 7, 1 / 2, 1.0, 0, 1, 0, 1),
    2: (3 / 4, None, 1.0, 0, None, 0, 0),
    3: (None, 0.0, 0.0, None, 12, 12, None),
    5: (None, None, None, None, None, None, None),
    6: (None, 4 / 7, None, None, 0, None, 1),
}
SEEN = {1: (0, 0, 10), 2: (1, 0, 8), 3: (1, 12, 2), 5: (1, 0, 2), 6: (0, 0, 7)}  # churned, days since seen, events


@pytest.mark.parametrize("engine", BOTH)
def test_six_listeners_are_what_was_worked_out_by_hand(engines, tmp_path, engine):
    found = answers(engines[engine], [write(GOLDEN_LOG, tmp_path / "e.parquet")], tmp_path / "s", snapshots=[GOLDEN])
    assert found.how.rules == tuple(rule.name for rule in RULES)
    assert dict(found.how.numbers) == LEARNED
    assert found.bots.rows() == []
    assert found.report.rows() == REPORT
    assert found.rollup["seen"].sum() == len(GOLDEN_LOG) - 2
    rows = {uid: row for uid, _, *row in found.tables[0].rows()}
    assert rows == {
        uid: [*SEEN[uid], *HEARD[uid], *(n for counts in COUNTED[uid] for n in counts), *RECENT[uid]] for uid in SEEN
    }


def test_every_cell_of_random_dirty_logs_is_the_same(of_log):
    half_year, _, fortnight = of_log["duckdb"].tables
    assert_same(of_log["duckdb"]._replace(tables=[half_year, fortnight]), of_log["spark"])


def test_the_random_logs_have_what_could_differ(of_log):
    """Without machines, plays that meet each rule, and nulls where there can be some, little would be shown."""
    found = of_log["duckdb"]
    assert found.bots.height
    assert found.how.rules == tuple(rule.name for rule in RULES)
    hits = found.report["hits"].to_list()
    assert [any(hit & 2**at for hit in hits) for at in range(len(RULES))] == [True] * len(RULES)
    for table in found.tables:
        assert table.height > 100
        nulls = {name for name in table.columns if table[name].null_count()}
        assert {name for name in table.columns if "_over_" in name or name.startswith(("time_", "last_"))} <= nulls
        assert all(table[name].n_unique() > 1 for name in table.columns)


def test_the_study_s_own_practice_is_the_same_on_both(engines, log, tmp_path):
    events = files(log, tmp_path)
    one, other = (
        answers(engines[name], events, tmp_path / name, snapshots=[HALF_YEAR], rules=PUBLISHED_RULES) for name in BOTH
    )
    assert one.bots.height
    assert_same(one, other)


def test_the_study_s_numbers_of_two_digits_are_the_nearest_to_those_digits(tmp_path):
    """Whoever compares with 0.35 finds it, and a threshold at 0.35 splits where it says."""
    plays = [Event(n, "P", DAY - 3 * (at >= n), 100_000, 200_000) for n in range(1, 60) for at in range(60)]
    plays += [Event(60, "P", DAY, 100_000, 200_000)] * 70  # the published rules take the most eager for a machine
    covered = [Event(n, "S", day) for n in range(1, 60) for day in (DAY - 29, DAY + 14)]
    workspace = ingested(plays + covered, tmp_path)
    table = listener_table(workspace, replace(GOLDEN, known_for=Span.of(14)), rules=PUBLISHED_RULES)
    shares = [share for feature in table.features if feature.is_ratio for share in table.rows[feature.name]]
    assert len(set(shares)) > 50
    assert shares == [round(share, 2) for share in shares]


@pytest.mark.parametrize("lacks", [["play_ms"], ["play_ms", "song_ms"]])
def test_a_log_without_play_times_or_song_lengths_is_the_same_on_both(engines, tmp_path, lacks):
    log = stacked(1500, 90, rng=2).with_columns(pl.lit(None, pl.Int64).alias(name) for name in lacks)
    events = files(log, tmp_path)
    one, other = (answers(engines[name], events, tmp_path / name, snapshots=[MONTH]) for name in BOTH)
    assert not any(name.startswith(lack.removesuffix("_ms")) for name, _ in one.how.numbers for lack in lacks)
    assert one.tables[0]["P_7d_over_P_30d"].n_unique() > 2
    assert_same(one, other)


@pytest.mark.parametrize("engine", BOTH)
def test_names_for_numbers_and_the_order_and_cut_of_the_rows_mean_nothing(engines, of_log, log, tmp_path, engine):
    named = as_text(log)
    (tmp_path / "none").mkdir()
    pieces = [*files(named.sample(fraction=1, shuffle=True, seed=3), tmp_path, parts=5)]
    pieces += files(named.clear(), tmp_path / "none")
    found = answers(engines[engine], pieces, tmp_path / "scratch", snapshots=[HALF_YEAR])
    number = dict(zip(named["uid"].drop_nulls(), log["uid"].drop_nulls(), strict=True))

    def renumbered(frame, *by):
        assert frame["uid"].dtype == pl.String
        frame = frame.with_columns(pl.col("uid").replace_strict(number, return_dtype=pl.Int64))
        return frame.drop("bucket", strict=False).sort(*by)

    expected = of_log[engine]
    assert found.how == expected.how
    assert_frame_equal(found.report, expected.report)
    assert_frame_equal(renumbered(found.bots, "uid"), expected.bots)
    assert_frame_equal(renumbered(found.rollup, "uid", "day"), expected.rollup.drop("bucket"))
    [table] = found.tables
    assert_frame_equal(renumbered(table, "uid"), expected.tables[0].drop("bucket"), check_exact=True)


def test_a_short_memory_changes_no_row(tmp_path):
    small = stacked(6000, 400, rng=4)
    copies = [small.with_columns(pl.col("uid") + 1000 * n) for n in range(30)]
    events = files(pl.concat(copies), tmp_path, parts=3)
    found = []
    for name, memory in (("roomy", None), ("narrow", "100MB")):
        (tmp_path / name).mkdir()
        with open_duckdb(tmp_path / name, memory=memory) as engine:
            found.append(answers(engine, events, tmp_path / name / "made"))
    assert found[0].rollup["seen"].sum() > 150_000
    assert_same(*found)


def cleaned(engine, how, events):
    """Return all events with a listener and a day, cleaned, without roll-up."""
    engine.register("events", events)
    source = (
        "SELECT uid, bucket, day, device, kind, song_ms, play_ms FROM events WHERE uid IS NOT NULL AND day IS NOT NULL"
    )
    return engine.fetch(cleaned_sql(how, source, keep=("uid", "bucket", "day", "device")))


def straight(events: pl.DataFrame, snapshot: Snapshot) -> pl.DataFrame:
    """Return a snapshot's table from the cleaned events themselves, each number from the rows that it is about."""
    after, at, end = snapshot.days
    span, week, windows = f"{snapshot.known_for}", WEEK[snapshot], WINDOWS[snapshot]
    whole = span if snapshot.known_for.months else f"{span}d"
    ago, kept = at - pl.col("day"), pl.col("kept")
    is_play, play, song = kept & (pl.col("kind") == "P"), pl.col("play_ms"), pl.col("song_ms")
    of = {kind: kept & (pl.col("kind") == kind) for kind in "PDS"}
    heard = is_play & (song > 0) & play.is_not_null()
    share = [heard & (5 * play >= low * song) & ((5 * play < (low + 1) * song) | (low == 4)) for low in range(5)]
    share[0] = heard & (5 * play < song)  # a mean that could not be learned leaves a play below 0
    timed = is_play & play.is_not_null()

    def number(rows, within=None):
        rows = rows if within is None else rows & (ago < within)
        return rows.fill_null(value=False).sum().cast(pl.Int64)

    def seconds(within=None):
        rows = timed if within is None else timed & (ago < within)
        return play.filter(rows.fill_null(value=False)).sum()

    def over(part, all_):
        return pl.when(all_ > 0).then(part / all_)

    columns = {
        **{
            f"time_percentage_{band}": over(number(rows), number(heard))
            for band, rows in zip(BANDS, share, strict=True)
        },
        f"time_percentage_larger_than_80_{week}d_over_{whole}": over(number(share[4], week), number(share[4])),
        "total_play_time": pl.when((number(timed) > 0) | (number(is_play) == 0)).then(seconds()),
        f"total_play_time_{week}d_over_{whole}": over(seconds(week), seconds()),
        "average_play_time": over(seconds(), 1000 * number(timed)),
    }
    for kind, rows in of.items():
        columns |= {f"freq_{kind}_last_{days}": number(rows, days) for days in windows}
        columns[f"freq_{kind}_last_{span}"] = number(rows)
        columns[f"{kind}_{week}d_over_{kind}_{whole}"] = over(number(rows, week), number(rows))
        columns[f"last_{kind}_time"] = ago.filter(rows).min()
    android, iphone = (number(kept & (pl.col("device") == device)) for device in ("ar", "ip"))
    columns["device"] = pl.when(android > iphone).then(1).when(android + iphone > 0).then(0)
    stayed = events.filter(pl.col("day").is_between(at + 1, end))["uid"].unique()
    table = (
        events.filter(pl.col("day").is_between(after + 1, at))
        .group_by("uid", "bucket")
        .agg(
            ago.min().alias("days_since_seen"),
            pl.len().cast(pl.Int64).alias("events"),
            **columns,
        )
        .with_columns((~pl.col("uid").is_in(stayed.implode())).cast(pl.Int32).alias("churned"))
        .sort("uid")
    )
    times = [
        None if ms is None else ms / 1000 for ms in table["total_play_time"]
    ]  # polars divides by no number exactly
    return table.with_columns(pl.Series("total_play_time", times, pl.Float64))


def test_a_rollup_gives_what_the_cleaned_events_give_without_one(engines, of_log, log, tmp_path):
    found = of_log["duckdb"]
    events = cleaned(engines["duckdb"], found.how, files(log, tmp_path))
    events = events.filter(~pl.col("uid").is_in(found.bots["uid"].implode()))
    for snapshot, table in zip(SNAPSHOTS, found.tables, strict=True):
        by_hand = straight(events, snapshot)
        assert set(by_hand.columns) == set(table.columns)
        assert_frame_equal(by_hand.select(table.columns), table, check_exact=True)


@pytest.mark.parametrize("first", BOTH)
def test_what_one_engine_made_in_a_workspace_the_other_reads(spark_session, monkeypatch, tmp_path, first):
    workspace = ingested([event for event in GOLDEN_LOG if event.day is not None], tmp_path)
    chosen = {"duckdb": "duckdb", "spark": spark_session}
    made = listener_table(workspace, GOLDEN, engine=chosen.pop(first))
    with open_workspace(workspace) as view:
        folders = dict(view.live)
    for engine in (DuckDB, Spark):
        monkeypatch.setattr(engine, "write", lambda *_: pytest.fail("it was made again"))
    [second] = chosen.values()
    assert_frame_equal(listener_table(workspace, GOLDEN, engine=second).rows, made.rows, check_exact=True)
    with open_workspace(workspace) as view:
        assert dict(view.live) == folders

"""The catalogue means what it says: five listeners, every number worked out by hand.

- A window of d days holds the snapshot's day and the d - 1 before it.
- What has no meaning is null, never 0; nothing is rounded.
- The published names for 30 known days; for other lengths its windows in proportion, each name once.
"""

import pytest
from tests.small_logs import Event, write

from counterpoint.churn.feature_catalogue import catalogue
from counterpoint.churn.label import CHURNED
from counterpoint.events.cleaning import Cleaning
from counterpoint.events.daily_rollup import rollup_sql
from counterpoint.snapshots.observation_window import listeners_sql
from counterpoint.snapshots.snapshot import Snapshot, Span
from counterpoint.storage.duckdb_engine import open_duckdb

SNAPSHOT = Snapshot.of("2017-04-28", known_for=30, outcome_for=14)
AT = SNAPSHOT.days[1]
ANN, BOB, CID, DEE, EVE = range(1, 6)
UNCLEANED = Cleaning(rule_set="ours", after=AT - 30, until=AT, rules=(), numbers=(), bots_from=None)


def play(uid, ago, seconds, of, device=None):
    """A play so many days before the snapshot: seconds heard, of a song of so many."""
    return Event(uid, "P", AT - ago, *(None if t is None else 1000 * t for t in (seconds, of)), device)


def other(uid, kind, ago, device=None):
    return Event(uid, kind, AT - ago, device=device)


LOG = [
    # Ann's shares: 1, 0.8, 0.795, 0.2, 0.199, 0. Ratios to the last week are of her days 0 and 6, not of day 7.
    play(ANN, 0, 200, 200, "ar"),
    play(ANN, 6, 160, 200, "ar"),
    play(ANN, 7, 159, 200, "ar"),
    play(ANN, 13, 40, 200, "ip"),
    play(ANN, 14, 199, 1000, "ip"),
    play(ANN, 29, 0, 300, "ip"),
    play(ANN, 30, 999, 999, "ip"),  # the first day that is too old
    other(ANN, "D", 2, "ar"),
    other(ANN, "D", 2, "ar"),
    other(ANN, "D", 3, "ar"),
    other(ANN, "L", 1),  # a like is an event, but no feature's
    other(ANN, "S", -1, "ip"),  # the first day of the outcome
    # Bob never plays, and comes back one day too late.
    other(BOB, "D", 29, "ip"),
    other(BOB, "S", 12, "ar"),
    other(BOB, "S", 10, "ip"),
    other(BOB, "S", 10, "ip"),
    other(BOB, "D", -15, "ar"),
    # Cid plays songs of unknown length, of length 0, and for an unknown time; one device each, and two unknown ones.
    play(CID, 3, 30, None, "ar"),
    play(CID, 5, 12, 0, "ip"),
    play(CID, 20, None, 200, "web"),
    play(CID, -14, 100, 200),  # the last day of the outcome
    # Dee was seen, and that is all.
    other(DEE, "X", 29),
    # Eve was seen before and after, but not on the days known.
    play(EVE, 30, 100, 200, "ar"),
    play(EVE, -1, 100, 200, "ar"),
]
GOLDEN = {
    #                                          Ann        Bob    Cid     Dee
    "churned": (0, 1, 0, 1),
    "days_since_seen": (0, 10, 3, 29),
    "events": (10, 4, 3, 1),
    "time_percentage_0_to_20": (2 / 6, None, None, None),
    "time_percentage_20_to_40": (1 / 6, None, None, None),
    "time_percentage_40_to_60": (0.0, None, None, None),
    "time_percentage_60_to_80": (1 / 6, None, None, None),
    "time_percentage_larger_than_80": (2 / 6, None, None, None),
    "time_percentage_larger_than_80_7d_over_30d": (1.0, None, None, None),
    "total_play_time": (758.0, 0.0, 42.0, 0.0),
    "total_play_time_7d_over_30d": (360 / 758, None, 1.0, None),
    "average_play_time": (758 / 6, None, 21.0, None),
    "freq_P_last_1": (1, 0, 0, 0),
    "freq_P_last_3": (1, 0, 0, 0),
    "freq_P_last_7": (2, 0, 2, 0),
    "freq_P_last_14": (4, 0, 2, 0),
    "freq_P_last_30": (6, 0, 3, 0),
    "freq_D_last_1": (0, 0, 0, 0),
    "freq_D_last_3": (2, 0, 0, 0),
    "freq_D_last_7": (3, 0, 0, 0),
    "freq_D_last_14": (3, 0, 0, 0),
    "freq_D_last_30": (3, 1, 0, 0),
    "freq_S_last_1": (0, 0, 0, 0),
    "freq_S_last_3": (0, 0, 0, 0),
    "freq_S_last_7": (0, 0, 0, 0),
    "freq_S_last_14": (0, 3, 0, 0),
    "freq_S_last_30": (0, 3, 0, 0),
    "P_7d_over_P_30d": (2 / 6, None, 2 / 3, None),
    "D_7d_over_D_30d": (1.0, 0.0, None, None),
    "S_7d_over_S_30d": (None, 0.0, None, None),
    "last_P_time": (0, None, 3, None),
    "last_D_time": (2, 29, None, None),
    "last_S_time": (None, 10, None, None),
    "device": (1, 0, 0, None),
}


@pytest.fixture(scope="module")
def tabled(tmp_path_factory):
    """Make the table of LOG, no play cleaned away, at some snapshot."""
    folder = tmp_path_factory.mktemp("golden")
    with open_duckdb(folder) as engine:
        engine.register("events", [write(LOG, folder / "events.parquet")])
        engine.register("bots", [write([], folder / "bots.parquet")])
        engine.write(rollup_sql(UNCLEANED), folder / "rollup.parquet")
        engine.register("rollup", [folder / "rollup.parquet"])

        def run(snapshot, *, outcome=True):
            return engine.fetch(listeners_sql(catalogue(snapshot.known_for), snapshot, CHURNED, outcome=outcome)).sort(
                "uid"
            )

        yield run


@pytest.fixture(scope="module")
def table(tabled):
    return tabled(SNAPSHOT)


def test_only_who_was_seen_on_the_days_known_has_a_row(table):
    assert table["uid"].to_list() == [ANN, BOB, CID, DEE]


@pytest.mark.parametrize("name", GOLDEN)
def test_each_column_is_what_was_worked_out_by_hand(table, name):
    assert tuple(table[name]) == GOLDEN[name]


def test_there_is_no_other_column(table):
    assert table.columns == ["uid", "bucket", *GOLDEN]


def test_never_is_null_and_today_is_zero(table):
    ann, bob, *_ = table.to_dicts()
    assert ann["last_P_time"] == 0
    assert bob["last_P_time"] is None
    assert bob["P_7d_over_P_30d"] is None
    assert bob["D_7d_over_D_30d"] == 0


def test_nothing_is_rounded(table):
    ann, *_ = table.to_dicts()
    assert ann["time_percentage_0_to_20"] == 1 / 3 != 0.33
    assert ann["time_percentage_60_to_80"] == 1 / 6
    assert ann["average_play_time"] == 758 / 6


def test_without_an_outcome_there_is_no_label_and_the_rest_is_the_same(tabled, table):
    unlabelled = tabled(SNAPSHOT, outcome=False)
    assert unlabelled["churned"].to_list() == [None] * 4
    assert unlabelled.drop("churned").equals(table.drop("churned"))


# Names


def test_thirty_known_days_have_the_names_of_the_study():
    days = (1, 3, 7, 14, 30)
    assert [feature.name for feature in catalogue(Span(30))] == [
        "time_percentage_0_to_20",
        "time_percentage_20_to_40",
        "time_percentage_40_to_60",
        "time_percentage_60_to_80",
        "time_percentage_larger_than_80",
        "time_percentage_larger_than_80_7d_over_30d",
        "total_play_time",
        "total_play_time_7d_over_30d",
        "average_play_time",
        *(f"freq_P_last_{d}" for d in days),
        *(f"freq_D_last_{d}" for d in days),
        *(f"freq_S_last_{d}" for d in days),
        "P_7d_over_P_30d",
        "D_7d_over_D_30d",
        "S_7d_over_S_30d",
        "last_P_time",
        "last_D_time",
        "last_S_time",
        "device",
    ]


@pytest.mark.parametrize(
    ("known_for", "windows", "week"),
    [
        ("7", ["1", "2", "3", "7"], "2d_over_7d"),
        ("14", ["1", "3", "7", "14"], "3d_over_14d"),
        ("45", ["2", "4", "10", "21", "45"], "10d_over_45d"),
        ("180", ["6", "18", "42", "84", "180"], "42d_over_180d"),
        ("6mo", ["6", "18", "42", "84", "6mo"], "42d_over_6mo"),
        ("1mo", ["1", "3", "7", "14", "1mo"], "7d_over_1mo"),
        ("2", ["1", "2"], "1d_over_2d"),
    ],
)
def test_other_lengths_have_the_windows_in_proportion(known_for, windows, week):
    names = [feature.name for feature in catalogue(Span.of(known_for))]
    found = [name.removeprefix("freq_P_last_") for name in names if name.startswith("freq_P_last_")]
    assert found == windows
    assert f"total_play_time_{week}" in names


def names_are_distinct_and_windows_within(span):
    features = catalogue(span)
    names = [feature.name for feature in features]
    windows = {part.days for feature in features for part in feature.terms if getattr(part, "days", None)}
    return len(set(names)) == len(names) and all(1 <= days <= span.days for days in windows)


def test_no_name_occurs_twice_and_no_window_is_longer_than_what_is_known():
    spans = [*map(Span, range(2, 400)), *(Span(months, months=True) for months in range(1, 24))]
    assert [str(span) for span in spans if not names_are_distinct_and_windows_within(span)] == []


def test_no_name_occurs_twice_where_one_day_is_known():
    assert names_are_distinct_and_windows_within(Span(1))


@pytest.mark.parametrize(("known_for", "plays"), [(1, 1), (2, 1), (3, 1), (7, 2), (14, 4), (45, 7), ("1mo", 7)])
def test_a_snapshot_of_any_length_can_be_asked_for(tabled, known_for, plays):
    snapshot = Snapshot.of("2017-04-28", known_for=known_for, outcome_for=1)
    rows = tabled(snapshot)
    assert rows.columns[5:] == [feature.name for feature in catalogue(snapshot.known_for)]
    assert rows[f"freq_P_last_{known_for}"][0] == plays


@pytest.mark.parametrize("kinds", ["P", "D", "DS", "PDS"])
def test_a_log_has_the_features_of_its_kinds_of_event_alone(kinds):
    names = [feature.name for feature in catalogue(Span(30), kinds=kinds)]
    assert {name.removeprefix("last_")[0] for name in names if name.startswith("last_")} == set(kinds)
    assert ("total_play_time" in names) == ("P" in kinds)
    assert "device" in names


# Words


def test_every_feature_says_what_it_means_with_a_value_and_without_one():
    for feature in catalogue(Span(30), kinds="PDSLX"):
        assert feature.phrase.format(0.25) not in ("", feature.phrase)
        assert feature.if_null


def test_several_searches_are_no_searchs():
    said = [feature.phrase for feature in catalogue(Span(30))] + [feature.if_null for feature in catalogue(Span(30))]
    assert [words for words in said if "searchs" in words] == []

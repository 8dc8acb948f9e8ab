"""The published numbers, worked out by hand from a small log; and their mistakes, none of which the default has.

Worked out: of the 102 lengths in the known window (one 0, nineteen of 200 s, eighty-one of 250 s, one of 9,000 s) the
99th percentile is 250 s, and the mean of those below it, the zero included, is 3,800 / 20 = 190 s. Of the 100 times
left then the 99th percentile is 200 + .01 * 149,800 = 1,698 s, and the mean of the 99 below it 11,554 / 99 = 117 s.
"""

import datetime as dt
from decimal import ROUND_HALF_UP, Decimal, localcontext

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.small_logs import EPOCH, Event, ingested

from counterpoint.churn.feature_table import listener_table
from counterpoint.churn.published_features import rounded_as_published
from counterpoint.events.cleaning_rules import DEFAULT_RULES, PUBLISHED_RULES
from counterpoint.snapshots.listener_features import RATIO, Feature, WindowTotal
from counterpoint.snapshots.session import cleaning_in
from counterpoint.snapshots.snapshot import Snapshot
from counterpoint.storage.workspace import open_workspace

AT = (dt.date(2017, 4, 28) - EPOCH).days
SNAPSHOT = Snapshot.of("2017-04-28")


def play(uid, day, seconds, length=200, device="ar"):
    """A play `day` days before the snapshot (below 0: after it)."""
    return Event(uid, "P", AT - day, None if seconds is None else 1000 * seconds, 1000 * length, device)


def other(uid, kind, day, device="ar"):
    return Event(uid, kind, AT - day, device=device)


LOG = [
    # 1: shares .195, .194, .79, .795 and 1: rounded to .20, .19, .79, .80 and 1 before they fall into bands.
    *(play(1, 10, seconds) for seconds in (39, 38, 158, 159)),
    play(1, 2, 200),
    # 2: three plays in three bands: each share is .33 after rounding, and the last band gets 1 - .33 - .33 = .34.
    *(play(2, 20, seconds) for seconds in (20, 100, 200)),
    # 3: of eight plays 1, 3, 1 and 3 are in four bands: .13 and .38, of .125 and .375, half up; the last gets -.02.
    *(play(3, 1, seconds) for seconds in (10, 60, 60, 60, 100)),
    *(play(3, 0, 140) for _ in range(3)),
    # 4: never played: searched once and downloaded never.
    other(4, "S", 5, device="ip"),
    # 5: a play without a time (not counted in freq_P, though its time is made up), and one with a length of 0.
    play(5, 3, None),
    play(5, 3, 60, length=0),
    other(5, "D", 3, device="ip"),
    other(5, "D", 3, device="ip"),
    # 6: in milliseconds: the published rules see a play of 9 hours, above the 99th percentile, and drop it.
    play(6, 4, 150_000),
    play(6, 4, 150),
    # 7: a whole concert, dropped for its length; seen all the same.
    play(7, 6, 100, length=9_000),
    # 8: enough plays of the same kind for percentiles to mean something, and back in the outcome.
    *(play(8, 12, 120, length=250) for _ in range(81)),
    play(8, -3, 120),
    # 9: a machine: most of its plays are in the outcome, which nobody could know at the snapshot.
    play(9, 7, 200),
    *(play(9, -5, 200) for _ in range(200)),
    # The first and the last day of what is needed.
    other(4, "S", 29, device="ip"),
    other(8, "S", -14),
]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return ingested(LOG, tmp_path_factory.mktemp("published"))


@pytest.fixture(scope="module")
def tables(workspace):
    return {
        rules == PUBLISHED_RULES: listener_table(workspace, SNAPSHOT, rules=rules)
        for rules in (PUBLISHED_RULES, DEFAULT_RULES)
    }


@pytest.fixture
def theirs(tables):
    return {row["uid"]: row for row in tables[True].rows.to_dicts()}


@pytest.fixture
def ours(tables):
    return {row["uid"]: row for row in tables[False].rows.to_dicts()}


def bands(row):
    return [
        row[f"time_percentage_{band}"] for band in ("0_to_20", "20_to_40", "40_to_60", "60_to_80", "larger_than_80")
    ]


def test_the_thresholds_and_the_fills_are_those_worked_out_by_hand(workspace, tables):
    with open_workspace(workspace) as view:
        [folder] = view.with_prefix("other cleaning:as published:")
        how = cleaning_in(folder)
    assert dict(how.numbers) == {
        "song_high": 250_000,
        "song_fill": 190_000,
        "play_high": 1_698_000,
        "play_fill": 117_000,
    }
    assert how.bots_from == 201  # 82 + .993 * 119 = 200.2 plays over all days


def test_shares_are_rounded_before_they_fall_into_bands(theirs, ours):
    assert bands(theirs[1]) == [0.2, 0.2, 0, 0.2, 0.4]  # .19; .20 of .195; .79; .80 of .795 and 1
    assert bands(ours[1]) == [0.4, 0, 0, 0.4, 0.2]


def test_shares_are_rounded_and_the_last_band_is_what_is_left(theirs, ours):
    assert bands(theirs[2]) == [0.33, 0, 0.33, 0, 0.34]
    assert bands(ours[2]) == [1 / 3, 0, 1 / 3, 0, 1 / 3]


def test_a_share_can_be_below_zero_and_ours_cannot(theirs, ours):
    assert bands(theirs[3]) == [0.13, 0.38, 0.13, 0.38, -0.02]
    assert bands(ours[3]) == [0.125, 0.375, 0.125, 0.375, 0]


def test_never_is_taken_for_today_and_unknown_for_none(theirs, ours):
    silent = ("last_P_time", "last_D_time", "average_play_time", "P_7d_over_P_30d", "time_percentage_0_to_20")
    assert [theirs[4][name] for name in silent] == [0, 0, 0, 0, 0]
    assert [ours[4][name] for name in silent] == [None] * 5
    assert theirs[4]["last_S_time"] == ours[4]["last_S_time"] == 5


def test_a_time_is_made_up_for_a_play_that_is_not_counted(theirs, ours):
    assert theirs[5]["freq_P_last_30"] == 1
    assert ours[5]["freq_P_last_30"] == 2
    assert theirs[5]["total_play_time"] == 60 + 117
    assert theirs[5]["average_play_time"] == 88.5
    assert bands(theirs[5]) == [0, 0.5, 0.5, 0, 0]  # 60 of 190 s (.32), 117 of 200 s (.59)


def test_a_length_of_zero_gets_a_mean_with_the_zero_in_it(workspace, tables):
    with open_workspace(workspace) as view:
        [folder] = view.with_prefix("cleaning:")
        ours = dict(cleaning_in(folder).numbers)
    assert ours["song_mean"] == 240_099  # (20 * 200 + 81 * 250) / 101, the bot's play included and no zero


def test_milliseconds_are_dropped_as_outliers_and_ours_knows_them(theirs, ours):
    assert (theirs[6]["freq_P_last_30"], theirs[6]["total_play_time"]) == (1, 150)
    assert (ours[6]["freq_P_last_30"], ours[6]["total_play_time"]) == (2, 300)


def test_who_was_seen_stays_known_when_all_their_plays_are_dropped(theirs):
    assert theirs[7]["churned"] == 1
    assert theirs[7]["freq_P_last_30"] == 0


def test_the_outcome_decides_who_is_a_bot_and_with_ours_it_does_not(theirs, ours):
    assert 9 not in theirs
    assert (ours[9]["freq_P_last_30"], ours[9]["churned"]) == (1, 0)


def test_ratios_and_means_are_rounded_half_up_to_two_digits(theirs, ours):
    assert theirs[2]["average_play_time"] == 106.67
    assert theirs[1]["total_play_time_7d_over_30d"] == 0.34  # 200 / 594 = .3367
    assert ours[1]["total_play_time_7d_over_30d"] == 200 / 594


def test_windows_labels_and_devices_are_the_study_s(theirs):
    assert [theirs[1][f"freq_P_last_{days}"] for days in (1, 3, 7, 14, 30)] == [0, 1, 1, 5, 5]
    assert {uid: row["churned"] for uid, row in theirs.items()} == {1: 1, 2: 1, 3: 1, 4: 1, 5: 1, 6: 1, 7: 1, 8: 0}
    assert theirs[4]["freq_S_last_30"] == 2  # the first known day counts
    assert [theirs[uid]["device"] for uid in (1, 4, 5)] == [1, 0, 0]  # a tie of two to two is an iPhone


def test_nothing_is_missing_and_the_columns_are_the_same(tables):
    assert tables[True].rows.columns == tables[False].rows.columns
    assert tables[True].rows.null_count().sum_horizontal().item() == 0


@given(over=st.integers(0, 10**15), under=st.integers(1, 10**15))
def test_rounding_is_half_up_on_whole_numbers(over, under):
    over = min(over, 1000 * under)
    part = (WindowTotal("a"), WindowTotal("b"))
    frame = pl.DataFrame({"uid": [1], "x0": [over], "x1": [under]})
    [found] = rounded_as_published(frame, [Feature("r", RATIO, part, "")], SNAPSHOT)["r"]
    with localcontext(prec=60):
        assert found == float((Decimal(over) / Decimal(under)).quantize(Decimal("0.01"), ROUND_HALF_UP))

"""Days with a like are compared with days like them: counted slowly it is the same, and its interval covers the truth.

- A day is followed by silence if nothing follows within the outcome, of days or of calendar months.
- Odds, difference and intervals are those of a slow count over strata, with each group of listeners left out in turn.
- Where the odds of silence are known, the interval covers them in about 95 of 100 worlds.
- What is kept is what was returned; logs without likes are refused in one line.
"""

import datetime as dt
from math import exp, log, sqrt

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from tests.logs import refused
from tests.small_logs import EPOCH, Event, ingested

from counterpoint.churn.likes import (
    JACKKNIFE_GROUPS,
    MIN_EXPOSED_DAYS,
    compare_days,
    compare_likes,
    days_with_outcome,
    like_comparisons_in,
)
from counterpoint.churn.matching import DEVICE, band
from counterpoint.events.schema import bucket
from counterpoint.snapshots.snapshot import Span
from counterpoint.storage.workspace import open_workspace

START = 17_000


def known(*days):
    """Days as (uid, day) or with more by name; all else alike."""
    usual = {"bucket": 5, "plays": 2, "exposed": 0, "android": 1, "iphone": 0}
    return pl.DataFrame([{**usual, "uid": uid, "day": day, **(more[0] if more else {})} for uid, day, *more in days])


def day(text):
    return (dt.date.fromisoformat(text) - EPOCH).days


def silent(*days, outcome_for, until):
    return days_with_outcome(known(*days), Span.of(outcome_for), until=until).select("uid", "day", "silent").rows()


def test_a_day_is_followed_by_silence_if_nothing_follows_within_the_outcome():
    days = [(1, 3), (1, 5), (1, 8), (2, 9), (3, 3)]
    assert silent(*days, outcome_for=2, until=9) == [(1, 3, 0), (1, 5, 1), (1, 8, 1), (2, 9, 1), (3, 3, 1)]


def test_days_after_the_last_that_can_be_told_are_left_out_but_count_as_coming_again():
    assert silent((1, 3), (1, 5), outcome_for=2, until=4) == [(1, 3, 0)]


def test_a_month_is_a_month_of_the_calendar():
    days = [(uid, day(text)) for uid, pair in enumerate(MONTHS) for text in pair]
    found = days_with_outcome(known(*days), Span.of("1mo"), until=days[-1][1])
    assert found.group_by("uid", maintain_order=True).first()["silent"].to_list() == [0, 1, 0, 1]


# From a day to the same day a month later, and one day more; from a month's last day to a month's last day.
MONTHS = [
    ("2015-01-15", "2015-02-15"),
    ("2015-01-15", "2015-02-16"),
    ("2015-02-28", "2015-03-31"),
    ("2015-02-28", "2015-04-01"),
]


def test_a_stratum_is_of_one_date_device_number_of_plays_and_past():
    liked = {"exposed": 1}
    alike = [(1, 3), (2, 3, {"android": 2}), (3, 3, liked)]
    other = [
        (4, 3, {"plays": 3}),
        (5, 3, {"android": 0, "iphone": 1}),
        (6, 3, {"android": 0}),
        (7, 2),
        (7, 3),
        (8, 2, liked),
    ]
    rows = days_with_outcome(known(*alike, *other, (8, 3)), Span(2), until=9).filter(pl.col("day") == 3)
    strata = dict(rows.select("uid", "stratum").iter_rows())
    assert len({strata[uid] for uid in (1, 2, 3)}) == 1
    assert len(set(strata.values())) == 6
    # Of one date and both later days, but one had liked something before.
    assert strata[7] != strata[8]


def test_thirty_plays_are_matched_one_by_one_and_more_to_within_seven_percent():
    days = [(plays, 3, {"plays": plays}) for plays in range(1, 400)]
    rows = days_with_outcome(known(*days), Span(2), until=9).sort("uid")
    assert rows["stratum"].head(30).n_unique() == 30
    spans = rows.filter(pl.col("uid") > 30).group_by("stratum").agg(low=pl.min("uid"), high=pl.max("uid"), n=pl.len())
    assert (spans["high"] < 1.07 * spans["low"] + 1).all()
    assert (spans["high"] - spans["low"] + 1 == spans["n"]).all()


def test_the_device_is_that_of_most_events_and_an_iphone_on_a_tie():
    rows = pl.DataFrame({"android": [2, 1, 1, 0, 0], "iphone": [1, 1, 2, 1, 0]})
    assert rows.select(DEVICE).to_series().to_list() == [1, 0, 0, 0, -1]


@given(st.lists(st.integers(-5, 30), min_size=1), st.lists(st.integers(0, 25), unique=True, min_size=1).map(sorted))
def test_a_band_counts_the_cuts_that_are_reached(values, cuts):
    found = pl.DataFrame({"value": values}).select(band(pl.col("value"), cuts)).to_series()
    assert found.to_list() == [sum(value >= cut for cut in cuts) for value in values]


def some_rows(rng, *, listeners=120, odds=1.0, groups=JACKKNIFE_GROUPS):
    """Days as `days_with_outcome` returns them: strata in which a like multiplies the odds of silence."""
    rows, usual = [], rng.normal(-0.5, 1, (2, 6))
    for uid in range(listeners):
        keen = rng.random() * 0.6
        for at in range(int(rng.integers(1, 6))):
            stratum, liked = int(rng.integers(6)), int(rng.random() < keen)
            chance = 1 / (1 + exp(-usual[int(at > 0), stratum] - log(odds) * liked))
            rows.append((uid, at, uid % groups, liked, at == 0, stratum + 6 * (at > 0), int(rng.random() < chance)))
    names = ["uid", "day", "group", "exposed", "first", "stratum", "silent"]
    return pl.DataFrame(rows, schema=names, orient="row")


def slowly(rows, silences):
    """The matched odds ratio and difference of risk, counted stratum by stratum."""
    strata = {}
    for row, hit in zip(rows.iter_rows(named=True), silences, strict=True):
        own = strata.setdefault(row["stratum"], [0.0] * 4)
        own[2 * (1 - row["exposed"])] += hit
        own[2 * (1 - row["exposed"]) + 1] += 1 - hit
    r = s = gap = weight = 0.0
    for a, b, c, d in strata.values():
        n = a + b + c + d
        r, s = r + a * d / n, s + b * c / n
        gap, weight = gap + (a * (c + d) - c * (a + b)) / n, weight + (a + b) * (c + d) / n
    return r / s, gap / weight


def jackknifed(rows, silences):
    """The half width of both intervals, the first of the logarithm."""
    groups = sorted(set(rows["group"].to_list()))
    left = [rows["group"].to_numpy() != group for group in groups]
    each = np.array([slowly(rows.filter(pl.Series(kept)), silences[kept]) for kept in left])
    each[:, 0] = np.log(each[:, 0])
    return 1.959964 * np.sqrt((len(groups) - 1) / len(groups) * ((each - each.mean(axis=0)) ** 2).sum(axis=0))


@pytest.mark.parametrize("chances", [False, True])
def test_odds_difference_and_intervals_are_those_counted_slowly(chances):
    rng = np.random.default_rng(1)
    rows = some_rows(rng)
    hits = rng.random(rows.height) if chances else rows["silent"].cast(pl.Float64).to_numpy()
    first = rows["first"].to_numpy()
    named = {"all days": first | True, "first days": first, "later days": ~first}
    for ours, (name, kept) in zip(compare_days(rows, hits, "like"), named.items(), strict=True):
        own, own_hits = rows.filter(pl.Series(kept)), hits[kept]
        (odds, difference), (far, wide) = slowly(own, own_hits), jackknifed(own, own_hits)
        assert (ours.days_of, ours.exposed, ours.days) == (name, own["exposed"].sum(), own.height)
        expected = [odds, odds * exp(-far), odds * exp(far)]
        assert [ours.odds_ratio.value, ours.odds_ratio.low, ours.odds_ratio.high] == pytest.approx(expected, rel=1e-5)
        expected = [difference, difference - wide, difference + wide]
        found = [ours.risk_difference.value, ours.risk_difference.low, ours.risk_difference.high]
        assert found == pytest.approx(expected, rel=1e-5, abs=1e-9)
        assert ours.odds_ratio.count == ours.risk_difference.count == own["uid"].n_unique()


@pytest.mark.parametrize("odds", [1.0, 0.6])
def test_an_interval_of_95_percent_covers_the_odds_of_about_95_of_100_worlds(odds):
    rng, covered = np.random.default_rng(1), 0
    for _ in range(60):
        rows = some_rows(rng, listeners=400, odds=odds)
        whole = compare_days(rows.with_columns(first=True), rows["silent"].cast(pl.Float64).to_numpy(), "like")[0]
        covered += whole.odds_ratio.low <= odds <= whole.odds_ratio.high
    assert covered / 60 > 0.95 - 3 * sqrt(0.95 * 0.05 / 60)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=10)
def test_the_order_of_days_changes_nothing(seed):
    rng = np.random.default_rng(seed)
    rows = some_rows(rng, groups=5)
    order = rng.permutation(rows.height)
    hits = rows["silent"].cast(pl.Float64).to_numpy()
    for one, other in zip(
        compare_days(rows, hits, "like"), compare_days(rows[order], hits[order], "like"), strict=True
    ):
        assert (one.odds_ratio.low, one.risk_difference.high) == pytest.approx(
            (other.odds_ratio.low, other.risk_difference.high)
        )


def test_if_silence_is_everywhere_as_likely_the_difference_is_nought_and_the_odds_are_even():
    rows = some_rows(np.random.default_rng(1))
    whole = compare_days(rows, np.full(rows.height, 0.3), "like")[0]
    assert (whole.odds_ratio.value, whole.odds_ratio.low, whole.odds_ratio.high) == pytest.approx((1, 1, 1))
    assert (whole.risk_difference.value, whole.risk_difference.high) == pytest.approx((0, 0), abs=1e-12)


def test_sorts_of_day_with_few_likes_are_not_told():
    rows = some_rows(np.random.default_rng(1)).with_columns(exposed=pl.col("exposed") * pl.col("first"))
    assert [each.days_of for each in compare_days(rows, np.ones(rows.height) / 2, "like")] == ["all days", "first days"]


def test_sorts_of_day_of_which_those_with_a_like_are_like_no_others_are_not_told():
    rows = some_rows(np.random.default_rng(1)).with_columns(exposed=pl.col("exposed") | pl.col("first").cast(pl.Int64))
    silent = rows["silent"].cast(pl.Float64).to_numpy()
    assert [each.days_of for each in compare_days(rows, silent, "like")] == ["all days", "later days"]


def test_fewer_than_ten_days_with_one_are_refused_in_one_line():
    rows = some_rows(np.random.default_rng(1)).with_columns(
        exposed=(pl.int_range(pl.len()) < MIN_EXPOSED_DAYS - 1).cast(pl.Int64)
    )
    with refused("the logs have 9 days with a like: 10 would be the least"):
        compare_days(rows, np.zeros(rows.height), "like")


def test_days_with_a_like_that_are_like_no_others_are_refused_in_one_line():
    rows = some_rows(np.random.default_rng(1)).with_columns(exposed=(pl.col("stratum") % 6 < 3).cast(pl.Int64))
    with refused("like"):
        compare_days(rows, rows["silent"].cast(pl.Float64).to_numpy(), "like")


@pytest.fixture(scope="module")
def events():
    rng = np.random.default_rng(1)
    return [event for uid in range(1, 401) for event in diary(rng, uid)]


def diary(rng, uid):
    """Plays, now and then likes, and after a like another day more often."""
    at = START + int(rng.integers(10))
    while at < START + 30:
        liked = rng.random() < 0.3
        yield from (Event(uid, "P", at, device="ar") for _ in range(int(rng.integers(1, 4))))
        yield from (Event(uid, "L", at, device="ar") for _ in range(2 * liked))
        if rng.random() < (0.1 if liked else 0.2):
            return
        at += int(rng.geometric(0.5))


@pytest.fixture(scope="module")
def workspace(events, tmp_path_factory):
    return ingested(events, tmp_path_factory.mktemp("liked"))


def counted(events):
    """The active days, counted from the events."""
    frame = pl.DataFrame(events, schema=Event._fields, orient="row")
    each = frame.group_by("uid", "day").agg(
        plays=(pl.col("kind") == "P").sum(), exposed=(pl.col("kind") == "L").sum(), android=pl.len(), iphone=pl.lit(0)
    )
    return each.with_columns(bucket=bucket(each["uid"])).sort("uid", "day")


@pytest.fixture(scope="module")
def days(events):
    return counted(events)


def test_what_is_told_of_a_log_is_what_its_events_say(workspace, days):
    found = compare_likes(workspace, outcome_for=4)
    last = START + 29 - 4
    rows = days_with_outcome(days, Span(4), until=last)
    assert found.rows == compare_days(rows, rows["silent"].cast(pl.Float64).to_numpy(), "like")
    assert (found.event, found.outcome_for, found.last) == ("like", "4", str(EPOCH + dt.timedelta(last)))
    assert found.first == str(EPOCH + dt.timedelta(int(days["day"].min())))


def test_who_like_something_stay_where_that_is_how_they_were_made(workspace):
    whole, *_ = compare_likes(workspace, outcome_for=7).rows
    assert whole.odds_ratio.high < 1
    assert whole.risk_difference.high < 0


def test_what_is_kept_is_what_was_returned_and_another_run_takes_its_place(workspace):
    for outcome_for in (4, 5):
        returned = compare_likes(workspace, outcome_for=outcome_for)
        with open_workspace(workspace) as view:
            assert like_comparisons_in(view) == (returned,)


def test_silence_may_be_a_month(tmp_path):
    rng = np.random.default_rng(1)
    events = [
        Event(uid, kind, START + at, device="ar")
        for uid in range(60)
        for at in sorted({0, *rng.integers(1, 70, 3).tolist()})
        for kind in ("PL" if rng.random() < 0.5 else "P")
    ]
    found, month = compare_likes(ingested(events, tmp_path), outcome_for="1mo"), Span.of("1mo")
    last = month.until(EPOCH + dt.timedelta(max(event.day for event in events)))
    rows = days_with_outcome(counted(events), month, until=(last - EPOCH).days)
    assert (found.outcome_for, found.last) == ("1mo", str(last))
    assert found.rows == compare_days(rows, rows["silent"].cast(pl.Float64).to_numpy(), "like")


def test_the_days_are_each_of_one_listener_group_whatever_the_order(days):
    rows = days_with_outcome(days, Span(4), until=START + 29)
    assert rows.group_by("uid").agg(pl.col("group").n_unique())["group"].max() == 1
    assert rows["group"].is_between(0, JACKKNIFE_GROUPS - 1).all()
    assert_frame_equal(rows.select("uid", "day"), days.select("uid", "day"))


def test_loves_are_refused_in_one_line(workspace):
    with refused("likes or dislikes, not 'love'"):
        compare_likes(workspace, event="love")


def test_logs_without_dislikes_are_refused_in_one_line(workspace):
    with refused("the logs have 0 days with a dislike: 10 would be the least"):
        compare_likes(workspace, event="dislike")


def test_a_log_shorter_than_the_silence_is_refused_in_one_line(workspace):
    with refused("the log has no day that 60 days of it follow"):
        compare_likes(workspace, outcome_for=60)

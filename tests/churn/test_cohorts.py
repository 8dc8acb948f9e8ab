"""Cohorts split those known at a snapshot by when they were first seen: each is in one, and nobody is lost.

- The cohorts of a snapshot add up to everybody known at it, and their shares are those of a slow count over events.
- How long a cohort lasts is the survival curve of its listeners' days, censored where the silence is too short to tell.
- What is kept is what was returned; another run takes its place.
"""

import datetime as dt

import numpy as np
import polars as pl
import pytest
from tests.logs import refusal

from counterpoint.churn.cohorts import ALL, ALL_LATER, PERIODS, _survival, cohorts_in, follow_cohorts
from counterpoint.churn.feature_table import listener_table
from counterpoint.events.schema import EPOCH
from counterpoint.snapshots.snapshot import Snapshot
from counterpoint.stats.intervals import wilson
from counterpoint.stats.survival import kaplan_meier, median_survival
from counterpoint.storage import parquet
from counterpoint.storage.workspace import edit_workspace, open_workspace

KNOWN, OUTCOME = 14, 7


@pytest.fixture(scope="module", params=PERIODS)
def found(workspace, request):
    return follow_cohorts(workspace, period=request.param, known_for=KNOWN, outcome_for=OUTCOME)


@pytest.fixture(scope="module")
def days(workspace):
    """The days on which each listener was seen, from the events of the log (600 are too few to look for bots)."""
    with open_workspace(workspace) as view:
        events = pl.concat([parquet.read(log.file("events.parquet")) for log in view.with_prefix("log:")])
    seen = events.drop_nulls(["uid", "day"]).group_by("uid").agg(pl.col("day").unique().sort())
    return {uid: [EPOCH + dt.timedelta(day) for day in own] for uid, own in seen.iter_rows()}


def name(first, by, log_from):
    """A cohort's name: the Monday, or the first of the month, on or before the first day."""
    begins, of_log = (
        day - dt.timedelta(day.weekday()) if by == "week" else day.replace(day=1) for day in (first, log_from)
    )
    return f"{begins} or before" if begins == of_log else str(begins)


@pytest.fixture(scope="module")
def named(found, days):
    log_from = min(own[0] for own in days.values())
    return {uid: name(own[0], found.period, log_from) for uid, own in days.items()}


def test_every_cohort_of_a_snapshot_is_counted_once_and_all_is_their_sum(found):
    for at in {row.day for row in found.churn}:
        everybody, *each = (row for row in found.churn if row.day == at)
        assert everybody.cohort == ALL
        assert len({row.cohort for row in each}) == len(each)
        assert everybody.left.count == sum(row.left.count for row in each)
        assert everybody.left.value * everybody.left.count == pytest.approx(
            sum(row.left.value * row.left.count for row in each)
        )


def test_shares_are_those_of_a_slow_count_over_the_events(found, days, named):
    for row in found.churn:
        at, seen, gone = dt.date.fromisoformat(row.day), 0, 0
        for uid, own in days.items():
            if row.cohort in (ALL, named[uid]) and any(0 <= (at - day).days < KNOWN for day in own):
                seen += 1
                gone += not any(0 < (day - at).days <= OUTCOME for day in own)
        assert row.left == wilson(gone, seen), row


def test_all_is_the_table_of_the_snapshot(found, workspace):
    for row in (row for row in found.churn if row.cohort == ALL):
        rows = listener_table(workspace, Snapshot.of(row.day, known_for=KNOWN, outcome_for=OUTCOME)).rows
        assert row.left == wilson(int(rows["churned"].sum()), rows.height)


def test_nobody_known_at_a_snapshot_was_first_seen_after_it(found):
    assert all(row.cohort == ALL or row.cohort[:10] <= row.day for row in found.churn)


def test_snapshots_lie_one_outcome_apart_back_from_the_last_whose_outcome_the_log_has(found, days, snapshot):
    at = sorted({row.day for row in found.churn})
    assert [row.day for row in found.churn] == sorted(row.day for row in found.churn)
    assert at == [str(snapshot.day - dt.timedelta(OUTCOME)), str(snapshot.day)]
    first, last = (edge(edge(own) for own in days.values()) for edge in (min, max))
    assert (found.first, found.last) == (str(first), str(last))
    # One outcome further back the log would not reach.
    assert snapshot.day - dt.timedelta(2 * OUTCOME + KNOWN) < first - dt.timedelta(1)


def followed_up_to(days):
    """The last day after which the log can show that somebody left."""
    return max(own[-1] for own in days.values()) - dt.timedelta(OUTCOME)


def test_each_listener_who_can_be_followed_is_in_one_cohort_of_the_curves(found, days, named):
    later, *each = found.survival
    assert later.cohort == ALL_LATER
    cohorts_of = [named[uid] for uid, own in days.items() if own[0] <= followed_up_to(days)]
    assert len(cohorts_of) < len(days)
    assert {one.cohort: one.listeners for one in each} == {name: cohorts_of.count(name) for name in cohorts_of}
    assert (later.listeners, later.left) == tuple(
        sum(getattr(one, of) for one in each[1:]) for of in ("listeners", "left")
    )


def test_the_first_cohort_says_that_it_holds_whoever_was_there_before_the_log(found):
    _, first, *others = (one.cohort for one in found.survival)
    assert first.endswith(" or before")
    assert others == sorted(others)
    assert not any(cohort.endswith(" or before") for cohort in others)


def test_a_curve_is_that_of_the_days_from_first_to_last_of_whom_the_silence_tells(found, days, named):
    until = followed_up_to(days)
    for one in found.survival:
        of = [own for uid, own in days.items() if named[uid] == one.cohort or one.cohort == ALL_LATER]
        of = [own for own in of if own[0] <= until and (one.cohort != ALL_LATER or own[0] > first_period_ends(found))]
        lived = pl.Series([(min(own[-1], until) - own[0]).days for own in of], dtype=pl.Int64).to_numpy()
        ended = pl.Series([own[-1] <= until for own in of], dtype=pl.Boolean).to_numpy()
        assert one.left == ended.sum()
        assert one.curve == kaplan_meier(lived, ended)
        assert one.median == median_survival(one.curve)


def first_period_ends(found):
    """The last day of the week or month in which the log begins."""
    first = dt.date.fromisoformat(found.first)
    if found.period == "week":
        return first + dt.timedelta(6 - first.weekday())
    return (first.replace(day=28) + dt.timedelta(4)).replace(day=1) - dt.timedelta(1)


def test_what_is_kept_is_what_was_returned_and_another_run_takes_its_place(workspace):
    for by in (*PERIODS, PERIODS[0]):
        returned = follow_cohorts(workspace, period=by, known_for=KNOWN, outcome_for=OUTCOME)
        with open_workspace(workspace) as view:
            assert cohorts_in(view) == returned
        assert returned.period == by


def test_the_same_log_gives_the_same_cohorts(found, workspace):
    assert follow_cohorts(workspace, period=found.period, known_for=KNOWN, outcome_for=OUTCOME) == found


def test_a_workspace_without_cohorts_has_none(tmp_path):
    with edit_workspace(tmp_path / "new", create=True) as writer:
        assert cohorts_in(writer.view) is None


@pytest.mark.parametrize("by", ["day", "Week", ""])
def test_cohorts_by_anything_else_are_refused_by_name(workspace, by):
    assert refusal(lambda: follow_cohorts(workspace, period=by)) == f"cohorts are by week or month, not by {by!r}"


def test_a_log_too_short_for_one_snapshot_is_refused(workspace):
    assert "60 days known" in refusal(lambda: follow_cohorts(workspace, known_for=60, outcome_for=OUTCOME))


def test_a_folder_without_a_log_is_refused(tmp_path):
    assert "no workspace" in refusal(lambda: follow_cohorts(tmp_path / "nowhere"))


def test_a_curve_is_the_truth_where_everybody_leaves_with_the_same_chance_each_day():
    rng, log = np.random.default_rng(1), 60
    first = rng.integers(0, log, 20_000)
    last = np.minimum(first + rng.geometric(0.05, 20_000) - 1, log - 1)
    newest = Snapshot.of(dt.date(1970, 1, 1) + dt.timedelta(log - 1 - OUTCOME), known_for=KNOWN, outcome_for=OUTCOME)
    named = pl.DataFrame({"uid": range(20_000), "first": first, "last": last, "cohort": "a", "is_old": True})
    [life] = _survival(named, log - 1, newest)
    for step in life.curve[:40]:
        assert step.share.low - 0.01 < 0.95 ** (step.day + 1) < step.share.high + 0.01

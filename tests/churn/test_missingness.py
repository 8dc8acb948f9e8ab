"""Whether what is missing is missing of those who leave: asked of listeners, not of plays.

- With nothing planted the test errs as often as it says, though a test over plays would err nearly always.
- What is planted is found, its size is Cohen's h, and only what is surely small is called negligible.
- Bots, plays outside the known window and listeners without plays have no say.
"""

from fractions import Fraction

import numpy as np
import pytest
from tests.logs import refusal
from tests.small_logs import Event, ingested

from counterpoint.churn.missingness import (
    MissingnessCheck,
    PermutationSettings,
    _deciles,
    _Listeners,
    check_missingness,
    cohens_h,
)
from counterpoint.snapshots.cleaning_report import report_cleaning
from counterpoint.snapshots.snapshot import Snapshot
from counterpoint.stats.intervals import Estimate

AT = 17_284
SNAPSHOT = Snapshot.of("2017-04-28")
ENDS = [Event(10**6, "S", AT + day) for day in range(-29, 15)]  # the log covers what the snapshot needs
NO_TIME, NO_LENGTH, ZERO = "play time missing", "song length missing", "song length 0, though it was played"


def log(rng, *, without_time):
    """Three hundred listeners of ten plays; every second one leaves; `without_time` says who lacks how many times."""
    events = []
    for uid in range(300):
        lacking = without_time(uid)
        for number in range(10):
            time = None if number < lacking else 100_000
            events.append(Event(uid, "P", AT - int(rng.integers(30)), time, 200_000, "ar"))
        if uid % 2:
            events.append(Event(uid, "D", AT + 1 + uid // 2 % 14))
    return events


@pytest.fixture
def checked(tmp_path):
    def check(events):
        found = check_missingness(ingested(events + ENDS, tmp_path), SNAPSHOT, settings=PermutationSettings(999, 300))
        return {one.what: one for one in found}

    return check


def test_what_those_who_leave_lack_is_found_and_measured(checked):
    rng = np.random.default_rng(1)
    [found] = checked(log(rng, without_time=lambda uid: 5 if uid % 2 == 0 else 1)).values()
    assert (found.what, found.plays, found.listeners) == (NO_TIME, 150 * 6, 300)
    assert found.churn_rate == pytest.approx(5 / 6)
    assert found.present_churn_rate == pytest.approx(5 / 14)
    assert found.h.value == pytest.approx(cohens_h(5 / 6, 5 / 14))
    assert found.p == 1 / 1000
    assert found.verdict == "different"


def test_what_everybody_lacks_alike_is_negligible(checked):
    [found] = checked(log(np.random.default_rng(2), without_time=lambda _: 4)).values()
    assert found.churn_rate == found.present_churn_rate == 0.5
    assert found.p == 1
    assert found.verdict == "negligible"


def test_what_a_few_lack_is_not_called_negligible(checked):
    [found] = checked(log(np.random.default_rng(3), without_time=lambda uid: 3 if uid < 8 else 0)).values()
    assert found.p > 0.05
    assert found.verdict == "not shown to be negligible"


def test_each_lack_is_its_own_and_what_no_play_lacks_is_left_out(checked):
    events = log(np.random.default_rng(4), without_time=lambda uid: uid % 3)
    assert set(checked(events)) == {NO_TIME}


def test_zero_lengths_count_where_something_was_heard(checked):
    events = log(np.random.default_rng(5), without_time=lambda _: 0)
    events += [Event(uid, "P", AT, 50_000, 0, "ar") for uid in range(40)]
    events += [Event(uid, "P", AT, 0, 0, "ar") for uid in range(40)]
    events += [Event(uid, "P", AT, None, None, "ar") for uid in range(9)]
    events += [Event(uid, "P", AT + 1, None, None, "ar") for uid in range(50)]
    assert {what: found.plays for what, found in checked(events).items()} == {ZERO: 40, NO_LENGTH: 9}


def test_a_log_in_which_nothing_is_known_is_refused(tmp_path):
    events = [Event(uid, "P", AT - day, None, 200_000, "ar") for uid in range(50) for day in (1, -9)]
    assert "there is nothing to compare" in refusal(
        lambda: check_missingness(ingested(events + ENDS, tmp_path), SNAPSHOT)
    )


def test_with_nothing_planted_it_errs_as_often_as_it_says_and_a_test_over_plays_nearly_always():
    rng, wrong, wrong_by_plays = np.random.default_rng(11), 0, 0
    for _ in range(200):
        plays = np.ceil(rng.pareto(0.9, 400) * 5).astype(int)  # a few listeners play nearly everything
        careless = rng.beta(0.3, 1.2, 400)  # whose phone loses times is a matter of the phone
        lacks = rng.binomial(plays, careless).astype(float)
        present, left = plays - lacks, rng.random(400) < 0.5
        listeners = _Listeners(left, np.zeros(400, int), present)
        found = listeners.check("time", lacks, rng=rng, settings=PermutationSettings(199, 1))
        wrong += found.p <= 0.05
        share = (lacks[left].sum() + present[left].sum()) / plays.sum()
        error = np.sqrt(share * (1 - share) * (1 / lacks.sum() + 1 / present.sum()))
        wrong_by_plays += abs(found.churn_rate - found.present_churn_rate) > 1.96 * error
    assert wrong / 200 == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / 200))
    assert wrong_by_plays / 200 > 0.5


def check_with(h):
    return MissingnessCheck(what="x", plays=1, listeners=1, churn_rate=0.5, present_churn_rate=0.5, p=0.5, h=h)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (-0.09, 0.05, "negligible"),
        (-0.02, 0.11, "not shown to be negligible"),
        (-0.4, 0.3, "not shown to be negligible"),
        (0.12, 0.3, "different"),
        (-0.3, -0.2, "different"),
    ],
)
def test_the_verdict_is_of_the_whole_interval(low, high, verdict):
    assert check_with(Estimate((low + high) / 2, low, high, 9, 0.9)).verdict == verdict


def test_too_few_for_an_interval_is_no_telling():
    assert check_with(None).verdict == "no telling"


def test_the_cleaning_report_counts_each_rule(tmp_path):
    events = log(np.random.default_rng(6), without_time=lambda uid: uid % 2)
    events += [Event(1, "P", AT, 100_000, 0, "ar"), Event(1, "P", AT, -5_000, 200_000, "ar")]
    events += [Event(2, "P", AT, None, None, "ar"), Event(2, "P", AT + 1, None, None, "ar")]
    report = report_cleaning(ingested(events + ENDS, tmp_path), SNAPSHOT)
    met = {rule.name: (rule.plays, rule.changed) for rule in report.rules}
    assert (report.plays, report.dropped, report.bots) == (3003, 1, 0)
    assert met["song length missing"] == (1, False)
    assert met["song length not positive"] == (1, True)
    assert met["play time negative"] == (1, True)
    assert met["play time missing"] == (150, True)


def test_the_tenth_of_a_listener_is_that_of_exact_deciles():
    rng = np.random.default_rng(1)
    for size in (1, 2, 10, 91, 171, 331, 500):
        plays = rng.integers(0, 2 * size, size)
        ordered = [*sorted(plays.tolist()), 0]
        deciles = []
        for tenths in range(1, 10):
            place, part = divmod(Fraction(tenths * (size - 1), 10), 1)
            deciles.append(ordered[place] + part * (ordered[place + 1] - ordered[place]))
        assert _deciles(plays).tolist() == [sum(decile < count for decile in deciles) for count in plays.tolist()]

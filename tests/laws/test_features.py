"""The laws of a listener table, on random dirty logs.

- Every column is what the obvious twin computes event by event, at three snapshots of one roll-up.
- A listener's row depends on that listener's events alone: its features on the known days, its label on the outcome's.
- How a log is cut into files and in which order its lines stand means nothing.
"""

import datetime as dt
import itertools
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.churn import slow
from tests.small_logs import EPOCH, Event, dirty_events, write

from counterpoint.churn.feature_catalogue import BANDS, catalogue
from counterpoint.churn.label import CHURNED
from counterpoint.events.cleaning import fit_cleaning
from counterpoint.events.daily_rollup import rollup_sql
from counterpoint.snapshots.observation_window import listeners_sql
from counterpoint.snapshots.snapshot import Snapshot, Span
from counterpoint.storage.duckdb_engine import open_duckdb

FIRST = 17_000
KNOWN, OUTCOME = 14, 7
AT = FIRST + KNOWN
DAYS = st.integers(FIRST - 2, AT + 3 * OUTCOME + 2)
UIDS = (1, 2, 3, 4, 5, None)
HONEST = Event(1, "P", AT, 100_000, 200_000, "ar")
"""Twice in every log, so that it is never the one longest and there is something to learn from."""


@st.composite
def logs(draw):
    """A dirty log; some logs have no play times, some no song lengths at all."""
    events = draw(st.lists(dirty_events(UIDS, DAYS | st.none()), min_size=draw(st.sampled_from([0, 25])), max_size=70))
    lacks = draw(
        st.sampled_from([{}, {}, {}, {"play_ms": None}, {"song_ms": None}, {"play_ms": None, "song_ms": None}])
    )
    return [event._replace(**lacks) for event in [HONEST, HONEST, *events]]


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    with open_duckdb(tmp_path_factory.mktemp("scratch")) as engine:
        yield engine


@pytest.fixture(scope="module")
def cleaned(engine):
    """Learn from a log (one list of events a file) at AT; return the cleaning and its bots."""

    def run(*files, known=KNOWN):
        with TemporaryDirectory() as folder:
            engine.register("events", [write(file, Path(folder, f"{at}.parquet")) for at, file in enumerate(files)])
            how, bots = fit_cleaning(engine, after=AT - known, until=AT, scratch=Path(folder))
            return how, bots["uid"].to_list()

    return run


@pytest.fixture(scope="module")
def tables(engine):
    """Roll a log up once under a cleaning; return its rows by uid at each snapshot."""

    def run(how, *files, known=KNOWN, ats=(AT,), bots=()):
        with TemporaryDirectory() as folder:
            engine.register("events", [write(file, Path(folder, f"{at}.parquet")) for at, file in enumerate(files)])
            engine.register("bots", [write([Event(uid, "P", None) for uid in bots], Path(folder, "bots.parquet"))])
            engine.write(rollup_sql(how), Path(folder, "rollup.parquet"))
            engine.register("rollup", [Path(folder, "rollup.parquet")])
            return [rows(engine.fetch(sql(at, known))) for at in ats]

    return run


def sql(at, known):
    snapshot = Snapshot(EPOCH + dt.timedelta(at), Span(known), Span(OUTCOME))
    return listeners_sql(catalogue(Span(known)), snapshot, CHURNED, outcome=True)


def rows(frame):
    found = {row.pop("uid"): row for row in frame.drop("bucket").to_dicts()}
    assert len(found) == frame.height, "a listener has one row"
    return found


def without_labels(table):
    return {uid: {**row, "churned": None} for uid, row in table.items()}


law = settings(max_examples=7, suppress_health_check=[HealthCheck.too_slow])


@given(log=logs(), known=st.sampled_from([7, 14, 30]))
@settings(law, max_examples=20)
def test_every_column_is_what_the_obvious_twin_computes_at_three_snapshots_of_one_rollup(cleaned, tables, log, known):
    how, bots = cleaned(log, known=known)
    learned = slow.learn(log, after=AT - known, until=AT)
    assert bots == []
    ats = [AT, AT + OUTCOME, AT + 2 * OUTCOME]
    twin = [slow.snapshot(log, learned, at=at, known=known, outcome=OUTCOME) for at in ats]
    assert tables(how, log, known=known, ats=ats) == twin


def test_the_twin_agrees_at_the_edge_of_every_band_and_window(cleaned, tables):
    shares = [fifth * 40_000 + off for fifth in range(6) for off in (-1, 0, 1)]
    days = [AT - ago for ago in (-8, -7, -6, -1, 0, 1, 2, 3, 6, 7, 13, 14, 15)]
    log = [Event(uid, "P", day, share, 200_000) for uid, (share, day) in enumerate(itertools.product(shares, days))]
    log += [Event(event.uid, kind, days[event.uid % 11]) for event in log[::3] for kind in "DS"]
    log += [Event(event.uid, "P", AT, 0, None, device) for event in log[::5] for device in ("ar", "ip")]
    how, _ = cleaned(log)
    [found] = tables(how, log)
    assert found == slow.snapshot(log, slow.learn(log, after=FIRST, until=AT), at=AT, known=KNOWN, outcome=OUTCOME)


def test_the_twin_agrees_on_a_log_with_bots(cleaned, tables):
    rng = np.random.default_rng(5)
    numbers = np.column_stack([rng.integers(1, 17, 4400), *rng.integers(-9, 300_000, (2, 4400))]).tolist()
    plays = [Event(1 + n // 4, "P", FIRST + day, play, song) for n, (day, play, song) in enumerate(numbers)]
    machines = [Event(uid, kind, AT - n % 14, 1_000, 200_000) for uid in (7, 8) for n in range(50) for kind in "PD"]
    log = plays + machines
    how, bots = cleaned(log)
    learned = slow.learn(log, after=FIRST, until=AT)
    assert bots == [7, 8] == sorted(learned.bots)
    [found] = tables(how, log, bots=bots)
    assert found == slow.snapshot(log, learned, at=AT, known=KNOWN, outcome=OUTCOME)


@given(log=logs(), others=logs(), uid=st.sampled_from([1, 2, 3]))
@law
def test_a_row_depends_on_that_listeners_events_alone(cleaned, tables, log, others, uid):
    how, _ = cleaned(log)
    own = [event for event in log if event.uid == uid]
    strangers = [event._replace(uid=event.uid + 100) for event in others if event.uid]
    [among_all], [alone], [among_strangers] = (tables(how, events) for events in (log, own, strangers + own))
    assert among_all.get(uid) == alone.get(uid) == among_strangers.get(uid)


@given(log=logs(), later=st.lists(dirty_events((*UIDS, 6), st.integers(AT + 1, AT + 60)), max_size=30))
@law
def test_no_later_event_changes_the_cleaning_the_rows_or_a_feature(cleaned, tables, log, later):
    known = [event for event in log if event.day is None or event.day <= AT]
    how, bots = cleaned(known)
    assert cleaned(known + later) == (how, bots)
    [then], [now] = tables(how, known), tables(how, known + later)
    assert without_labels(then) == without_labels(now)


@given(log=logs(), later=st.lists(dirty_events((*UIDS, 6), st.integers(AT + OUTCOME + 1, AT + 60)), max_size=30))
@law
def test_no_event_after_the_outcome_changes_a_label(cleaned, tables, log, later):
    past = [event for event in log if event.day is None or event.day <= AT + OUTCOME]
    how, _ = cleaned(past)
    assert tables(how, past) == tables(how, past + later)


@given(log=logs(), outside=st.lists(dirty_events((*UIDS, 6), st.integers(FIRST - 60, FIRST)), max_size=30))
@law
def test_no_event_before_the_known_days_changes_anything(cleaned, tables, log, outside):
    inside = [event for event in log if event.day is None or event.day > FIRST]
    how, bots = cleaned(inside)
    assert cleaned(inside + outside) == (how, bots)
    assert tables(how, inside) == tables(how, inside + outside)


@given(log=logs(), data=st.data())
@law
def test_the_order_of_the_lines_and_the_cut_into_files_mean_nothing(cleaned, tables, log, data):
    shuffled = data.draw(st.permutations(log))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(log)), min_size=1, max_size=4)))
    files = [shuffled[start:end] for start, end in itertools.pairwise([0, *cuts, len(log)])]
    how, bots = cleaned(log)
    assert cleaned(*files) == (how, bots)
    assert tables(how, log) == tables(how, *files)


@given(log=logs())
@law
def test_what_was_heard_of_the_songs_adds_up_to_all_plays(cleaned, tables, log):
    how, _ = cleaned(log)
    [table] = tables(how, log)
    for row in table.values():
        shares = [row[f"time_percentage_{band}"] for band in BANDS]
        if None in shares:
            assert shares == [None] * 5
        else:
            assert sum(shares) == pytest.approx(1, abs=1e-12)
            assert min(shares) >= 0


@given(log=logs())
@law
def test_the_parts_of_a_window_are_at_most_the_whole_and_counts_grow_with_it(cleaned, tables, log):
    how, _ = cleaned(log)
    [table] = tables(how, log)
    for row in table.values():
        assert all(0 <= value <= 1 for name, value in row.items() if "_over_" in name and value is not None)
        for kind in "PDS":
            counts = [row[f"freq_{kind}_last_{days}"] for days in (1, 3, 7, 14)]
            assert counts == sorted(counts)
            assert (row[f"last_{kind}_time"] is None) == (counts[-1] == 0)
        assert 0 <= row["days_since_seen"] < KNOWN

"""In an invented world the truth is known: what our best says of leaving and of likes is near to it.

- No model can rank better than the exact chance of silence given the log; ours is nearly as good, and nearly right.
- The visit HMM is what brings it there.
- The association of likes with staying covers what it is with the exact chances in place of what happened.

The platforms are small, so that the tests are quick; `benchmarks/churn.py` does it with 60,000 listeners.
"""

import datetime as dt

import numpy as np
import polars as pl
import pytest

from counterpoint import Platform, Snapshot, generate_platform, ingest, listener_table
from counterpoint.churn import TableSettings, visit_hmm
from counterpoint.churn.likes import active_days, compare_days, days_with_outcome
from counterpoint.churn.models.crossfit import cross_fit
from counterpoint.churn.models.registry import DEFAULT_MODEL, MODELS
from counterpoint.churn.training_set import Examples
from counterpoint.events import load_format
from counterpoint.snapshots.session import open_session
from counterpoint.snapshots.snapshot import Span
from counterpoint.stats.classification import RankedTruth
from counterpoint.stats.intervals import paired_difference
from counterpoint.storage.workspace import edit_workspace

AT = Snapshot.of("2017-04-28")
DAY = (AT.day - dt.date(1970, 1, 1)).days


def platform(to, **asked):
    made = generate_platform(to / "logs", Platform(days=44, **asked), rng=21)
    ingest([made.folder], to=to / "work", format=load_format(asked.get("format", "music-box")))
    return to / "work", pl.read_parquet(to / "logs" / "truth" / "leaving.parquet")


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """Each listener's exact chance, and what our best says, out of fold."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(visit_hmm, "EM_ITERATIONS", 30)
        work, truth = platform(tmp_path_factory.mktemp("truth"), listeners=9_000)
        table = listener_table(work, AT, TableSettings(visit_hmm=True))
    chance = table.rows.join(truth.filter(pl.col("at") == DAY), on="uid", how="left", maintain_order="left")["leaves"]
    known = Examples.of(table)
    said = cross_fit(MODELS[DEFAULT_MODEL], known, seed=0).out_of_fold(known.x, known.fold)
    return table, chance.to_numpy(), said


def test_our_best_ranks_nearly_as_well_as_anything_can(judged):
    table, chance, said = judged
    best, ours = (RankedTruth.of(Examples.of(table).y, score).auc for score in (chance, said))
    gap = paired_difference(best, ours, Examples.of(table).listener, rng=0, resamples=300)
    assert gap.high < 0.01, f"behind the exact chance by {gap}"


def test_our_best_is_nearly_right_about_the_chances_themselves(judged):
    _, chance, said = judged
    assert np.abs(said - chance).mean() < 0.03
    assert abs(said.mean() - chance.mean()) < 0.01


def test_the_visit_hmm_is_what_brings_it_there(judged):
    table, chance, said = judged
    known = Examples.of(table)
    known = type(known)(known.names[:-2], known.x[:, :-2], known.y, known.listener, known.bucket)
    without = cross_fit(MODELS[DEFAULT_MODEL], known, seed=0).out_of_fold(known.x, known.fold)
    assert np.abs(said - chance).mean() < 0.7 * np.abs(without - chance).mean()


def test_what_likes_seem_to_do_covers_what_they_do(tmp_path):
    work, truth = platform(tmp_path, listeners=3000, format="eventsim")
    with edit_workspace(work) as writer, open_session(writer) as session:
        session.roll_up(session.cleaning(AT))
        days = days_with_outcome(active_days(session, "L"), Span(14), until=DAY)
    rows = days.join(truth, left_on=["uid", "day"], right_on=["uid", "at"], how="inner", maintain_order="left")
    seen, true = (
        compare_days(rows, rows[name].cast(pl.Float64).to_numpy(), "like")[0] for name in ("silent", "leaves")
    )
    assert seen.odds_ratio.low < true.odds_ratio.value < min(1, seen.odds_ratio.high)
    assert seen.risk_difference.low < true.risk_difference.value < min(0, seen.risk_difference.high)

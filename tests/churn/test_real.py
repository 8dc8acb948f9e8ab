"""On real logs the counts are those that a count by other means gave, and models beat the plainest predictor there is.

- CDNOW (Fader and Hardie 2001), known 9 months to 1997-12-31, outcome 6 months: 8,700 customers, 53.0 % leave.
- HetRec 2011 Last.fm tags, known 8 months to 2010-08-31, outcome 4 months: 826 listeners, 51.7 % leave.
"""

import os
from pathlib import Path

import pytest

from counterpoint.churn.evaluation import FREQUENCY, RECENCY, plain_scores
from counterpoint.churn.feature_table import churn_table
from counterpoint.churn.model_comparison import ComparisonSettings, evaluate_later
from counterpoint.churn.models.registry import DEFAULT_MODEL, MODELS
from counterpoint.churn.training import training_examples
from counterpoint.churn.training_set import Examples
from counterpoint.events.formats import load_format
from counterpoint.events.ingestion import ingest
from counterpoint.snapshots.rolling_snapshots import preceding
from counterpoint.snapshots.session import open_session
from counterpoint.snapshots.snapshot import Snapshot
from counterpoint.storage.workspace import edit_workspace

DATA = os.environ.get("COUNTERPOINT_DATA")
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not DATA, reason="the variable COUNTERPOINT_DATA does not say where the real data lie"),
]


def workspace_of(files, how, to):
    taken = ingest(files, to=to, format=load_format(how))
    assert all(each.ledger.accepted > 0 for each in taken)
    return to


@pytest.fixture(scope="module")
def cdnow(tmp_path_factory):
    return workspace_of([Path(DATA, "cdnow", "CDNOW_master.txt.gz")], "cdnow", tmp_path_factory.mktemp("cdnow") / "w")


@pytest.fixture(scope="module")
def hetrec(tmp_path_factory):
    files = sorted(Path(DATA, "lastfm-hetrec").glob("user_taggedartists*.dat.gz"))
    return workspace_of(files, "hetrec-tags", tmp_path_factory.mktemp("hetrec") / "w")


def labels(workspace, snapshot):
    with edit_workspace(workspace) as writer, open_session(writer) as session:
        return Examples.of(churn_table(session, snapshot, session.cleaning(snapshot), outcome=True)).y


def test_cdnow_has_as_many_customers_and_as_many_who_leave_as_were_counted_by_other_means(cdnow):
    churned = labels(cdnow, Snapshot.of("1997-12-31", known_for="9mo", outcome_for="6mo"))
    assert len(churned) == 8700
    assert round(100 * churned.mean(), 1) == 53.0


def test_hetrec_has_as_many_listeners_and_as_many_who_leave_as_were_counted_by_other_means(hetrec):
    churned = labels(hetrec, Snapshot.of("2010-08-31", known_for="8mo", outcome_for="4mo"))
    assert len(churned) == 826
    assert round(100 * churned.mean(), 1) == 51.7


def test_half_a_year_later_ours_beats_recency_and_counting_on_cdnow_and_no_model_beats_ours(cdnow):
    snapshot = Snapshot.of("1997-12-31", known_for="6mo", outcome_for="6mo")
    earlier = preceding(snapshot)
    assert str(earlier.day) == "1997-06-30"
    with edit_workspace(cdnow) as writer, open_session(writer) as session:
        cleaning = session.cleaning(earlier)
        past = training_examples(session, (earlier,), cleaning)
        table = churn_table(session, snapshot, cleaning, outcome=True, visit_hmm=True)
    kinds = {name: MODELS[name] for name in (DEFAULT_MODEL, "lightgbm", "logistic", "random-forest")}
    settings = ComparisonSettings((DEFAULT_MODEL, RECENCY), seed=0, resamples=200)
    split = evaluate_later(past, Examples.of(table), kinds, plain_scores(table), settings)
    rows = {row.predictor: row for row in split.predictors}
    assert rows[DEFAULT_MODEL].auc_gain[RECENCY].low > 0.05
    assert rows[FREQUENCY].auc_gain[DEFAULT_MODEL].high < 0
    for name, row in rows.items():
        gain = None if name == DEFAULT_MODEL else row.auc_gain[DEFAULT_MODEL]
        assert gain is None or gain.low < 0, f"{name} is ahead of ours by {gain}"

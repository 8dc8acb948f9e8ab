"""An invented log, ingested once: thirty days of six hundred listeners, half of whom leave."""

import shutil

import pytest

from counterpoint.churn.feature_table import churn_table
from counterpoint.events.formats import load_format
from counterpoint.events.ingestion import ingest
from counterpoint.snapshots.session import open_session
from counterpoint.snapshots.snapshot import Snapshot
from counterpoint.storage.workspace import edit_workspace
from counterpoint.synthetic.platform import Platform, generate

TEST = Snapshot.of("2017-04-21", known_for=14, outcome_for=7)


@pytest.fixture(scope="session")
def snapshot():
    """The last snapshot whose outcome the invented log covers; it also covers one a week earlier."""
    return TEST


@pytest.fixture(scope="session")
def _ingested(tmp_path_factory):
    folder = tmp_path_factory.mktemp("invented")
    generate(folder / "logs", Platform(listeners=600, days=30), rng=5)
    ingest([folder / "logs"], to=folder / "workspace", format=load_format("music-box"))
    return folder / "workspace"


@pytest.fixture(scope="module")
def workspace(_ingested, tmp_path_factory):
    """A module's own copy of the workspace with the invented log."""
    return shutil.copytree(_ingested, tmp_path_factory.mktemp("copy") / "workspace")


@pytest.fixture(scope="module")
def table(workspace):
    """Make the table of a snapshot, cleaned as that snapshot's or as another's known days teach."""

    def run(snapshot, *, cleaned_at=None, outcome=True, visit_hmm=False):
        with edit_workspace(workspace) as writer, open_session(writer) as session:
            return churn_table(
                session, snapshot, session.cleaning(cleaned_at or snapshot), outcome=outcome, visit_hmm=visit_hmm
            )

    return run

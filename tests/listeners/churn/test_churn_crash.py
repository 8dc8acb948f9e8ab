"""Killed while it learns or scores, a workspace loses only the step in flight; the same commands then finish the work.

What is there after a kill is whole and belongs together: a model with all its parts, scores of the model that is there.
"""

import shutil

from tests.crash import every_kill
from tests.listeners.small_logs import Event, ingested

from counterpoint.listeners.churn.score import score, scores_in
from counterpoint.listeners.churn.snapshot import Snapshot
from counterpoint.listeners.churn.train import MODEL, train, trained_in
from counterpoint.tables.workspace import reading, verify

DAY = 17_000
AT = Snapshot.of("2016-07-22", known_for=5, outcome_for=2)  # DAY + 4
LISTENERS = 70


def scenario(folder):
    """Train and score in a copy of the workspace that the test has made."""
    if not (folder / "workspace").exists():
        shutil.copytree(folder.parent / "ready" / "workspace", folder / "workspace")
    train(folder / "workspace", AT, kind="logistic")
    score(folder / "workspace")


def survived(folder):
    with reading(folder / "workspace") as view:
        for live in view.live.values():
            verify(live)
        if view.get(MODEL):
            trained, _ = trained_in(view)
            assert trained.listeners == LISTENERS
        scores = scores_in(view)
        assert scores is None or scores.rows.height == LISTENERS


def finished(folder):
    with reading(folder / "workspace") as view:
        names = sorted(name.split(":")[0] for name in view.live)
        assert names == ["cleaning", "key", "log", "model", "rollup", "scores"]
        assert scores_in(view).rows.height == LISTENERS
        assert len(list((folder / "workspace" / "data").iterdir())) == len(view.live)
    assert list((folder / "workspace" / "tmp").iterdir()) == []


def test_kill_9_at_any_step_of_training_and_scoring_loses_only_that_step(tmp_path):
    log = [
        Event(uid, "P", DAY + day, 1000 * uid, 99_000) for uid in range(LISTENERS) for day in (0, 4, 6)[: 2 + uid % 2]
    ]
    ingested([*log, Event(0, "P", DAY + 7)], tmp_path / "ready")
    assert every_kill(scenario, survived, finished, tmp_path) > 0

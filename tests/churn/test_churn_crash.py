"""Killed while it learns or scores, a workspace loses only the step in flight; the same commands then finish the work.

What is there after a kill is whole and belongs together: a model with all its parts, scores of the model that is there.
"""

import shutil

from tests.crash import every_kill
from tests.small_logs import Event, ingested

from counterpoint.churn.scoring import score, scores_in
from counterpoint.churn.training import train, trained_in
from counterpoint.snapshots.snapshot import Snapshot
from counterpoint.storage import commit
from counterpoint.storage.workspace import open_workspace, verify

DAY = 17_000
BEFORE, AT = (Snapshot.of(day, known_for=5, outcome_for=2) for day in ("2016-07-22", "2016-07-23"))  # DAY + 4, DAY + 5
LISTENERS = 70


def scenario(folder):
    """Train and score anew in a copy of a workspace that has a model of the day before, and its scores."""
    # Between two fsyncs a kill leaves what it leaves at the next rename: without them there are fewer steps, not cases.
    commit.os.fsync = lambda _: None
    if not (folder / "workspace").exists():
        shutil.copytree(folder.parent / "ready" / "workspace", folder / "workspace")
    train(folder / "workspace", AT, kind="logistic", snapshots=1)
    score(folder / "workspace")


def survived(folder):
    with open_workspace(folder / "workspace") as view:
        for live in view.live.values():
            verify(live)
        trained, _ = trained_in(view)
        scores = scores_in(view)
    assert trained.snapshot in (BEFORE, AT)
    assert len(trained.fitted.folds) == 5
    if trained.snapshot == BEFORE:
        assert scores is not None
    assert scores is None or scores.rows.height == LISTENERS


def finished(folder):
    with open_workspace(folder / "workspace") as view:
        assert trained_in(view)[0].snapshot == AT
        assert scores_in(view).rows.height == LISTENERS
        kinds = sorted(name.split(":")[0] for name in view.live)
    assert kinds == [
        "cleaning",
        "cleaning",
        "key",
        "log",
        "model",
        "rollup",
        "rollup",
        "scores",
        "visit-hmm",
        "visit-hmm",
    ]
    assert len(list((folder / "workspace" / "data").iterdir())) == len(kinds)
    assert list((folder / "workspace" / "tmp").iterdir()) == []


def test_kill_9_at_any_step_of_training_and_scoring_loses_only_that_step(tmp_path):
    visits = [(uid, day) for uid in range(LISTENERS) for day in ((0, 4, 5, 7) if uid % 2 else (0, 4))]
    log = [Event(uid, "P", DAY + day, 1000 * uid, 99_000) for uid, day in visits]
    workspace = ingested(log, tmp_path / "ready")
    train(workspace, BEFORE, kind="logistic")
    score(workspace, at="2016-07-22")
    assert every_kill(scenario, survived, finished, tmp_path) >= 3 * 5

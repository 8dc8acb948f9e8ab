"""With few listeners the default model still learns, and what cannot be learned is said, not made up."""

import numpy as np
import pytest
from tests.small_logs import Event, ingested

from counterpoint import Snapshot, evaluate_churn, listener_table, train_churn
from counterpoint.churn import ChurnEvaluationSettings
from counterpoint.churn.models import boosted
from counterpoint.churn.models.crossfit import cross_fit
from counterpoint.churn.models.registry import MODELS
from counterpoint.churn.training import trained_in
from counterpoint.churn.training_set import Examples
from counterpoint.errors import CounterpointError
from counterpoint.events.cleaning_rules import DEFAULT_RULES, PUBLISHED_RULES
from counterpoint.events.schema import date
from counterpoint.snapshots.cleaning_report import report_cleaning
from counterpoint.snapshots.snapshot import Span
from counterpoint.stats.classification import auc
from counterpoint.storage.workspace import open_workspace

DAY = 17_000


@pytest.mark.parametrize("listeners", [100, 300])
def test_trees_grow_on_a_hundred_listeners(listeners):
    rng = np.random.default_rng(3)
    x = rng.exponential(5, (listeners, 4))
    y = (x[:, 0] + rng.normal(0, 2, listeners) > 4).astype(np.int64)
    who = np.arange(listeners)
    known = Examples(("a", "b", "c", "d"), x, y, who, who)
    assert auc(y, cross_fit(MODELS["lightgbm"], known, seed=0).out_of_fold(x, known.fold)) > 0.8


def grown(tmp_path):
    """A platform that had 30 listeners in its first weeks and 300 later."""
    early = [Event(uid, "P", DAY + day) for uid in range(30) for day in range(44) if (uid + day) % 3]
    late = [Event(uid, "P", DAY + 44 + day) for uid in range(300) for day in range(uid % 45)]
    return ingested(early + late, tmp_path)


SNAPSHOT = Snapshot.of("2016-09-12", known_for=30, outcome_for=14)


def test_a_time_split_that_cannot_be_learned_is_left_out_with_the_reason(tmp_path):
    found = evaluate_churn(grown(tmp_path), SNAPSHOT, ChurnEvaluationSettings(resamples=100))
    assert [split.name for split in found.splits] == ["random split (out of fold)"]
    assert found.note.startswith("no time split: at 2016-08-29")


def test_a_time_split_that_was_asked_for_is_refused_with_the_reason(tmp_path):
    with pytest.raises(CounterpointError, match="too few to learn from"):
        evaluate_churn(grown(tmp_path), SNAPSHOT, ChurnEvaluationSettings(train_at="2016-08-29", resamples=100))


def test_a_model_trained_anew_with_other_settings_takes_the_place_of_the_old(tmp_path, monkeypatch):
    workspace = grown(tmp_path)
    train_churn(workspace, SNAPSHOT, kind="lightgbm")
    monkeypatch.setattr(boosted, "BOOSTING_ROUNDS", 5)
    train_churn(workspace, SNAPSHOT, kind="lightgbm", rng=1)
    with open_workspace(workspace) as view:
        assert trained_in(view)[0].fitted.whole.booster.num_trees() == 5


def test_logs_of_likes_alone_have_features_of_likes_and_none_as_published(tmp_path):
    likes = [Event(uid, "L", DAY + day) for uid in range(100) for day in range(uid % 40)]
    workspace, snapshot = ingested(likes, tmp_path), Snapshot.of("2016-08-12", known_for=20, outcome_for=5)
    found = listener_table(workspace, snapshot)
    assert [feature.name for feature in found.features][-3:] == ["L_5d_over_L_20d", "last_L_time", "device"]
    with pytest.raises(CounterpointError, match="no plays, downloads or searches"):
        listener_table(workspace, snapshot, rules=PUBLISHED_RULES)


def test_another_percentile_tells_other_bots_and_one_that_is_none_is_refused(tmp_path):
    plays = [
        Event(uid, "P", DAY + (uid + number) % 20, 1000, 2000)
        for uid in range(1, 1001)
        for number in range(5 + max(0, uid - 990))
    ]
    workspace, snapshot = ingested(plays, tmp_path), Snapshot(date(DAY + 19), Span.of(20), Span.of(5))
    default, stricter = (
        report_cleaning(workspace, snapshot, rules=DEFAULT_RULES.with_bots(p)).bots for p in (99.9, 99.5)
    )
    assert (default, stricter) == (1, 5)  # 15 plays or more; 11 or more, which is above 10.005
    with pytest.raises(CounterpointError, match=r"in \[50, 100\); got 100"):
        DEFAULT_RULES.with_bots(100)

"""How well is leaving foreseen: what an evaluation says is what was measured, on later days and on unseen listeners.

- Every predictor is judged on the same listeners; recency and frequency alone are among them.
- The time split trains on days whose outcome was over, and on no others.
- An evaluation is kept as it was returned, and the same seed gives the same one.
"""

import datetime as dt
import shutil
from dataclasses import replace

import numpy as np
import pytest
from tests.listeners.small_logs import Event, ingested

from counterpoint.errors import CounterpointError
from counterpoint.evaluate.classify import auc, brier
from counterpoint.evaluate.intervals import Estimate
from counterpoint.listeners.churn import models
from counterpoint.listeners.churn.evaluate import evaluate, evaluations_in
from counterpoint.listeners.churn.models import MODELS, cross_fit, fit_whole
from counterpoint.listeners.churn.snapshot import Snapshot
from counterpoint.tables.workspace import reading

SEED = 3
PREDICTORS = {*MODELS, "recency alone", "frequency alone"}


@pytest.fixture(scope="module", autouse=True)
def _few_trees():
    """None of these truths depends on how many trees a model has."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models, "ROUNDS", 20)
        yield


@pytest.fixture(scope="module")
def evaluation(workspace, snapshot):
    return evaluate(workspace, snapshot, seed=SEED, resamples=100)


@pytest.fixture(scope="module")
def earlier(snapshot):
    return replace(snapshot, at=dt.date(2017, 4, 14))


@pytest.fixture(params=["random", "time"])
def split(evaluation, request):
    [found] = [split for split in evaluation.splits if split.name.startswith(request.param)]
    return found


def test_an_evaluation_has_both_splits_and_says_when_each_was_trained(evaluation):
    assert [(split.name.split()[0], split.trained_at) for split in evaluation.splits] == [
        ("random", "2017-04-21"),
        ("time", "2017-04-14"),
    ]
    assert (evaluation.at, evaluation.known_for, evaluation.outcome_for) == ("2017-04-21", "14", "7")
    assert (evaluation.seed, evaluation.note) == (SEED, "")


def test_all_predictors_are_judged_on_all_listeners_of_the_snapshot(split, table, snapshot):
    y = table(snapshot).churned
    assert (split.listeners, split.churned) == (len(y), y.sum())
    assert {judged.predictor for judged in split.judged} == PREDICTORS == set(split.roc)
    assert {judged.auc.count for judged in split.judged} == {len(y)}
    assert set(split.calibration) == set(split.importance) == set(MODELS)


def test_every_interval_holds_its_value(split):
    for judged in split.judged:
        estimates = [value for value in vars(judged).values() if isinstance(value, Estimate)]
        assert len(estimates) >= 2
        for estimate in estimates:
            assert estimate.low <= estimate.value <= estimate.high
            assert estimate.low < estimate.high


def test_recency_and_frequency_alone_are_scored_as_they_are_said_to_be(split, table, snapshot, earlier):
    rows = table(snapshot, cleaned_at=snapshot if split.name.startswith("random") else earlier).rows
    y = rows["churned"].to_numpy()
    by = {judged.predictor: judged.auc.value for judged in split.judged}
    assert by["recency alone"] == pytest.approx(mann_whitney(y, rows["days_since_seen"].to_list()))
    assert by["frequency alone"] == pytest.approx(mann_whitney(y, [-count for count in rows["events"]]))


def mann_whitney(y, score):
    left = [s for s, label in zip(score, y, strict=True) if label]
    stayed = [s for s, label in zip(score, y, strict=True) if not label]
    return sum((a > b) + (a == b) / 2 for a in left for b in stayed) / (len(left) * len(stayed))


def test_the_random_split_judges_out_of_fold(evaluation, table, snapshot):
    test = table(snapshot)
    for kind in MODELS:
        fitted = cross_fit(kind, test.matrix, test.churned, test.bucket, seed=SEED)
        p = fitted.out_of_fold(test.matrix, test.bucket)
        assert judged(evaluation.splits[0], kind).auc.value == auc(test.churned, p)
        assert judged(evaluation.splits[0], kind).brier.value == brier(test.churned, p)


def test_the_time_split_judges_a_model_of_the_earlier_days_cleaned_as_they_were(evaluation, table, snapshot, earlier):
    past, test = table(earlier), table(snapshot, cleaned_at=earlier)
    for kind in MODELS:
        p = fit_whole(kind, past.matrix, past.churned, seed=SEED).probability(test.matrix)
        found = judged(evaluation.splits[1], kind)
        assert found.auc.value == auc(test.churned, p)
        assert found.accuracy == pytest.approx(np.mean((p >= 0.5) == test.churned))


def judged(split, kind):
    [found] = [found for found in split.judged if found.predictor == kind]
    return found


def test_how_far_ahead_of_recency_is_the_difference_of_the_two(split):
    recency = judged(split, "recency alone")
    assert recency.ahead is None
    for found in split.judged:
        if found is not recency:
            assert found.ahead.value == pytest.approx(found.auc.value - recency.auc.value)


def test_what_needs_a_probability_is_said_of_models_alone(split):
    probabilistic = ("brier", "log_loss", "accuracy", "precision", "recall", "f1", "calibration_error")
    for found in split.judged:
        said = {name for name in probabilistic if getattr(found, name) is not None}
        if found.predictor not in MODELS:
            assert not said
        else:  # where nobody is said to leave, precision has no meaning
            assert said == set(probabilistic) - (set() if found.recall else {"precision"})


def test_curves_run_from_corner_to_corner_and_bins_hold_everybody(split):
    for false_positive, true_positive in split.roc.values():
        assert (false_positive[0], true_positive[0], false_positive[-1], true_positive[-1]) == (0, 0, 1, 1)
        assert list(false_positive) == sorted(false_positive)
        assert list(true_positive) == sorted(true_positive)
    assert {sum(row.count for row in bins) for bins in split.calibration.values()} == {split.listeners}


def test_importances_are_of_every_feature_and_fall(split, table, snapshot):
    names = {feature.name for feature in table(snapshot).features}
    for importance in split.importance.values():
        assert set(importance) == names
        assert list(importance.values()) == sorted(importance.values(), reverse=True)


# Keeping


def test_an_evaluation_is_read_back_as_it_was_returned(evaluation, workspace):
    with reading(workspace) as view:
        assert evaluations_in(view) == (evaluation,)


def test_the_same_seed_gives_the_same_evaluation_and_takes_its_place(evaluation, workspace, snapshot, tmp_path):
    copy = shutil.copytree(workspace, tmp_path / "copy")
    assert evaluate(copy, snapshot, seed=SEED, resamples=100) == evaluation
    with reading(copy) as view:
        assert len(evaluations_in(view)) == 1


# What is refused, and what is left out


def refusal(*args, **settings):
    with pytest.raises(CounterpointError) as refused:
        evaluate(*args, **settings)
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize("day", [dt.date(2017, 4, 15), dt.date(2017, 4, 21), dt.date(2017, 5, 1)])
def test_a_model_that_would_know_the_outcome_is_refused(workspace, snapshot, day):
    message = refusal(workspace, snapshot, train_at=day, resamples=5)
    assert f"a model trained at {day} knows outcomes up to {day + dt.timedelta(7)}" in message
    assert message.endswith("train at 2017-04-14 or before")


def test_a_refused_evaluation_leaves_the_kept_one(evaluation, workspace, snapshot):
    refusal(workspace, snapshot, train_at=dt.date(2017, 4, 15), resamples=5)
    with reading(workspace) as view:
        assert [kept.at for kept in evaluations_in(view)] == [evaluation.at]


def test_a_log_that_reaches_back_too_little_has_no_time_split_and_says_why(workspace, snapshot, tmp_path):
    copy = shutil.copytree(workspace, tmp_path / "copy")
    found = evaluate(copy, replace(snapshot, at=dt.date(2017, 4, 14)), resamples=20)
    assert [split.name.split()[0] for split in found.splits] == ["random"]
    assert found.note.startswith("no time split: the log has 2017-03-30 to 2017-04-28; a snapshot at 2017-04-07")


def test_a_training_day_that_the_log_does_not_cover_is_refused(workspace, snapshot):
    assert "a snapshot at 2017-04-07" in refusal(workspace, snapshot, train_at=dt.date(2017, 4, 7), resamples=5)


# Small logs


def visits(listeners, days, chance, *, seed, stay):
    """Plays of listeners who come on a day with some chance, and after day `stay(uid)` no more."""
    rng = np.random.default_rng(seed)
    came = rng.random((listeners, days)) < chance
    return [
        Event(uid, "P", 14_600 + day, 1000 * (20 + uid % 90), 200_000, "ar")
        for uid in range(listeners)
        for day in range(min(days, stay(uid)))
        if came[uid, day] or day == 0
    ]


def test_a_month_that_ends_early_still_has_its_time_split(tmp_path):
    """At 03-30 a month back is 02-28, from where a month leads to 03-31: the outcome must be over by the 30th."""
    log = visits(120, 130, 0.2, seed=1, stay=lambda uid: 30 + 2 * (uid % 60))  # 2009-12-22 to 2010-04-30
    found = evaluate(
        ingested(log, tmp_path), Snapshot.of("2010-03-30", known_for="1mo", outcome_for="1mo"), resamples=9
    )
    assert [split.trained_at for split in found.splits] == ["2010-03-30", "2010-02-27"]


def test_where_hardly_anyone_leaves_and_no_model_calls_it_the_evaluation_says_so(tmp_path):
    log = visits(300, 40, 0.7, seed=1, stay=lambda uid: 40 if uid % 15 else 30)
    at = dt.date(1970, 1, 1) + dt.timedelta(14_600 + 29)
    workspace = ingested(log, tmp_path)
    found = evaluate(workspace, Snapshot.of(at, known_for=30, outcome_for=7), resamples=50)
    assert judged(found.splits[0], "lightgbm").recall == 0
    assert judged(found.splits[0], "lightgbm").precision is None
    with reading(workspace) as view:
        assert evaluations_in(view) == (found,)

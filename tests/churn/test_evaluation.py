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
from tests.small_logs import Event, ingested

from counterpoint.churn import evaluation as churn_evaluation
from counterpoint.churn import visit_hmm
from counterpoint.churn.evaluation import (
    DEFAULT_MODELS,
    FREQUENCY,
    RECENCY,
    ChurnEvaluationSettings,
    evaluations_in,
)
from counterpoint.churn.evaluation import evaluate as evaluate_with
from counterpoint.churn.feature_table import listener_table
from counterpoint.churn.models import boosted
from counterpoint.churn.models.blend import BlendKind
from counterpoint.churn.models.crossfit import cross_fit, fit_whole
from counterpoint.churn.models.registry import MODELS, PUBLISHED_MODELS, SEARCHED_FOREST
from counterpoint.churn.training import train
from counterpoint.churn.training_set import Examples, concatenate
from counterpoint.errors import CounterpointError
from counterpoint.events.cleaning_rules import DEFAULT_RULES, PUBLISHED_RULES
from counterpoint.snapshots.snapshot import Snapshot
from counterpoint.stats.classification import METRICS, auc, brier
from counterpoint.storage.workspace import open_workspace

SEED = 3
PLAIN = (RECENCY, FREQUENCY)
PREDICTORS = {*DEFAULT_MODELS, *PLAIN}


def evaluate(workspace, snapshot, *, rules=DEFAULT_RULES, **settings):
    return evaluate_with(workspace, snapshot, ChurnEvaluationSettings(**settings), rules=rules)


@pytest.fixture(scope="module", autouse=True)
def _few_trees():
    """None of these truths depends on how many trees a model has, or how long the rhythm is learned."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(boosted, "BOOSTING_ROUNDS", 20)
        patch.setattr(visit_hmm, "EM_ITERATIONS", 5)
        yield


@pytest.fixture(scope="module")
def evaluation(workspace, snapshot):
    return evaluate(workspace, snapshot, rng=SEED, resamples=100)


@pytest.fixture(scope="module")
def earlier(snapshot):
    return replace(snapshot, day=dt.date(2017, 4, 14))


@pytest.fixture(params=["random", "time"])
def split(evaluation, request):
    [found] = [split for split in evaluation.splits if split.name.startswith(request.param)]
    return found


def test_an_evaluation_has_both_splits_and_says_when_each_was_trained(evaluation):
    assert [(split.name.split()[0], split.trained_on) for split in evaluation.splits] == [
        ("random", "out of fold"),
        ("time", "at 2017-04-14"),
    ]
    assert (evaluation.day, evaluation.known_for, evaluation.outcome_for) == ("2017-04-21", "14", "7")
    assert (evaluation.seed, evaluation.note) == (SEED, "")


def test_all_predictors_are_judged_on_all_listeners_of_the_snapshot(split, table, snapshot):
    y = Examples.of(table(snapshot)).y
    assert (split.listeners, split.churn_rate) == (len(y), y.mean())
    assert {judged.predictor for judged in split.predictors} == PREDICTORS == set(split.roc)
    assert {judged.auc.count for judged in split.predictors} == {len(y)}
    assert set(split.calibration) == set(split.importance) == set(DEFAULT_MODELS)


def test_every_interval_holds_its_value(split):
    for judged in split.predictors:
        estimates = [value for value in (*judged.metrics.values(), *judged.auc_gain.values()) if value]
        assert len(estimates) >= 4
        for estimate in estimates:
            assert estimate.low <= estimate.value <= estimate.high
            assert estimate.low < estimate.high


def test_recency_and_frequency_alone_are_scored_as_they_are_said_to_be(split, table, snapshot, earlier):
    rows = table(snapshot, cleaned_at=snapshot if split.name.startswith("random") else earlier).rows
    y = rows["churned"].to_numpy()
    by = {judged.predictor: judged.auc.value for judged in split.predictors}
    assert by["recency alone"] == pytest.approx(mann_whitney(y, rows["days_since_seen"].to_list()))
    assert by["frequency alone"] == pytest.approx(mann_whitney(y, [-count for count in rows["events"]]))


def mann_whitney(y, score):
    left = [s for s, label in zip(score, y, strict=True) if label]
    stayed = [s for s, label in zip(score, y, strict=True) if not label]
    return sum((a > b) + (a == b) / 2 for a in left for b in stayed) / (len(left) * len(stayed))


def test_the_random_split_judges_out_of_fold(evaluation, table, snapshot):
    test = Examples.of(table(snapshot, visit_hmm=True))
    for kind in DEFAULT_MODELS:
        fitted = cross_fit(MODELS[kind], test, seed=SEED)
        p, found = fitted.out_of_fold(test.x, test.fold), judged(evaluation.splits[0], kind)
        assert found.auc.value == pytest.approx(auc(test.y, p))
        assert found.metrics["brier"].value == pytest.approx(brier(test.y, p))
        assert found.training_metrics["auc"] == pytest.approx(auc(test.y, fitted.whole.probability(test.x)))


def test_the_time_split_judges_a_model_of_the_earlier_days_cleaned_as_they_were(evaluation, table, snapshot, earlier):
    past, test = (Examples.of(table(day, cleaned_at=earlier, visit_hmm=True)) for day in (earlier, snapshot))
    for kind in DEFAULT_MODELS:
        p = fit_whole(MODELS[kind], past, seed=SEED).probability(test.x)
        found = judged(evaluation.splits[1], kind)
        assert found.auc.value == pytest.approx(auc(test.y, p))
        assert found.metrics["accuracy"].value == pytest.approx(np.mean((p >= 0.5) == test.y))


def judged(split, kind):
    [found] = [found for found in split.predictors if found.predictor == kind]
    return found


@pytest.mark.parametrize("other", [DEFAULT_MODELS[0], PLAIN[0]])
def test_how_far_ahead_of_another_is_the_difference_of_the_two(split, other):
    base = judged(split, other)
    assert other not in base.auc_gain
    for found in split.predictors:
        if found is not base:
            assert found.auc_gain[other].value == pytest.approx(found.auc.value - base.auc.value)


def test_what_needs_a_probability_is_said_of_models_alone(split):
    for found in split.predictors:
        is_model = found.predictor in DEFAULT_MODELS
        assert set(found.metrics) == set(METRICS if is_model else METRICS[:3])
        assert (found.calibration is not None) == is_model == bool(found.training_metrics)


def test_curves_run_from_corner_to_corner_and_bins_hold_everybody(split):
    for false_positive, true_positive in (*split.roc.values(), *split.training_roc.values()):
        assert (false_positive[0], true_positive[0], false_positive[-1], true_positive[-1]) == (0, 0, 1, 1)
        assert list(false_positive) == sorted(false_positive)
        assert list(true_positive) == sorted(true_positive)
    assert {sum(row.count for row in bins) for bins in split.calibration.values()} == {split.listeners}


def test_importances_are_of_every_feature_and_fall(split, table, snapshot):
    names = set(table(snapshot, visit_hmm=True).names)
    for rows in split.importance.values():
        assert {row.feature for row in rows} == names
        assert [row.auc_loss.value for row in rows] == sorted((row.auc_loss.value for row in rows), reverse=True)
        assert sum(row.share for row in rows) == pytest.approx(1)


# Several snapshots, other models, the published way


def test_a_model_learns_from_several_snapshots_whose_outcomes_are_over(workspace, tmp_path):
    copy, test = shutil.copytree(workspace, tmp_path / "copy"), Snapshot.of("2017-04-24", known_for=5, outcome_for=4)
    [_, split] = evaluate(copy, test, models=["logistic"], snapshots=3, resamples=20).splits
    assert split.trained_on == "at 2017-04-20, 2017-04-16, 2017-04-12"


def test_learning_from_several_snapshots_is_learning_from_all_their_rows(workspace, table, tmp_path):
    copy, test = shutil.copytree(workspace, tmp_path / "copy"), Snapshot.of("2017-04-24", known_for=5, outcome_for=4)
    [_, split] = evaluate(copy, test, models=["logistic"], snapshots=2, resamples=20).splits
    newest, oldest = (replace(test, day=dt.date(2017, 4, day)) for day in (20, 16))
    past, *_, later = (Examples.of(table(day, cleaned_at=newest, visit_hmm=True)) for day in (newest, oldest, test))
    past = concatenate([past, Examples.of(table(oldest, cleaned_at=newest, visit_hmm=True))])
    p = fit_whole(MODELS["logistic"], past, seed=0).probability(later.x)
    assert judged(split, "logistic").auc.value == pytest.approx(auc(later.y, p))


def test_the_models_asked_for_are_judged_and_measured_against_the_first(workspace, snapshot, tmp_path):
    copy = shutil.copytree(workspace, tmp_path / "copy")
    found = evaluate(copy, snapshot, models=["random-forest", "logistic"], resamples=20)
    assert [one.predictor for one in found.splits[0].predictors] == ["random-forest", "logistic", *PLAIN]
    assert set(judged(found.splits[0], "logistic").auc_gain) == {"random-forest", "recency alone"}


def test_an_unknown_model_and_none_at_all_are_refused_in_one_line(workspace, snapshot):
    assert refusal(workspace, snapshot, models=["forest"]).startswith("no model 'forest'; did you mean")
    assert refusal(workspace, snapshot, models=[]) == "name a model or more to judge"


@pytest.fixture(scope="module")
def published(evaluation, workspace, snapshot, tmp_path_factory):
    """A workspace with an evaluation as the churn report did it beside ours."""
    copy = shutil.copytree(workspace, tmp_path_factory.mktemp("published") / "copy")
    return copy, evaluate(copy, snapshot, rules=PUBLISHED_RULES, resamples=20)


def test_as_published_the_reports_models_are_judged_on_a_fifth_of_the_listeners(published, snapshot):
    copy, evaluation = published
    [split] = evaluation.splits
    everybody = listener_table(copy, snapshot, rules=PUBLISHED_RULES)
    assert [one.predictor for one in split.predictors] == [*PUBLISHED_MODELS, *PLAIN]
    assert split.listeners == round(0.2 * everybody.rows.height)
    assert {row.feature for row in split.importance[SEARCHED_FOREST]} == set(everybody.names)


def test_an_evaluation_as_published_stands_beside_ours(published):
    with open_workspace(published[0]) as view:
        assert {kept.rules for kept in evaluations_in(view)} == {"ours", "as published"}


def test_a_model_that_the_workspace_has_is_not_fitted_again(evaluation, workspace, snapshot, tmp_path, monkeypatch):
    copy = shutil.copytree(workspace, tmp_path / "copy")
    train(copy, snapshot, snapshots=1, rng=SEED)
    monkeypatch.setattr(BlendKind, "fit", lambda *_args, **_seed: pytest.fail("it was fitted again"))
    monkeypatch.setattr(churn_evaluation, "_time_split", lambda *_: evaluation.splits[1])
    assert evaluate(copy, snapshot, rng=SEED, resamples=100) == evaluation


# Keeping


def test_an_evaluation_is_read_back_as_it_was_returned(evaluation, workspace):
    with open_workspace(workspace) as view:
        assert evaluations_in(view) == (evaluation,)


def test_the_same_seed_gives_the_same_evaluation_and_takes_its_place(evaluation, workspace, snapshot, tmp_path):
    copy = shutil.copytree(workspace, tmp_path / "copy")
    assert evaluate(copy, snapshot, rng=SEED, resamples=100) == evaluation
    with open_workspace(copy) as view:
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
    with open_workspace(workspace) as view:
        assert [kept.day for kept in evaluations_in(view)] == [evaluation.day]


def test_a_log_that_reaches_back_too_little_has_no_time_split_and_says_why(workspace, snapshot, tmp_path):
    copy = shutil.copytree(workspace, tmp_path / "copy")
    found = evaluate(copy, replace(snapshot, day=dt.date(2017, 4, 14)), resamples=20)
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
    assert [split.trained_on for split in found.splits] == ["out of fold", "at 2010-02-27, 2010-01-27"]


def test_where_hardly_anyone_leaves_and_no_model_calls_it_the_evaluation_says_so(tmp_path):
    log = visits(300, 40, 0.7, seed=1, stay=lambda uid: 40 if uid % 15 else 30)
    at = dt.date(1970, 1, 1) + dt.timedelta(14_600 + 29)
    workspace = ingested(log, tmp_path)
    found = evaluate(workspace, Snapshot.of(at, known_for=30, outcome_for=7), resamples=50)
    assert judged(found.splits[0], DEFAULT_MODELS[0]).metrics["recall"].value == 0
    assert judged(found.splits[0], DEFAULT_MODELS[0]).metrics["precision"] is None
    with open_workspace(workspace) as view:
        assert evaluations_in(view) == (found,)

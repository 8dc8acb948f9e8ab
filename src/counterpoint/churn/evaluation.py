"""How well is leaving predicted in a workspace? Every model asked for, and the two plainest predictors, side by side.

Two splits. Random: one snapshot, each listener judged by a model that did not see them. Time: models learned at earlier
snapshots, whose outcomes ended before the test snapshot's day, judged on what came later; only this says how a model
will do next month. As published: the churn report's own models, features and split, for comparison.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from counterpoint.churn.feature_table import churn_table
from counterpoint.churn.model_comparison import (
    ComparisonSettings,
    SplitEvaluation,
    evaluate_fitted,
    evaluate_held_out,
    evaluate_later,
)
from counterpoint.churn.models.crossfit import CrossFitted, cross_fit
from counterpoint.churn.models.protocol import ModelKind
from counterpoint.churn.models.registry import (
    DEFAULT_MODEL,
    GRID_SEARCHED_FOREST,
    PUBLISHED_MODELS,
    SEARCHED_FOREST,
    model_kind,
)
from counterpoint.churn.training import (
    DEFAULT_SNAPSHOTS,
    MODEL,
    check_snapshots,
    model_key,
    trained_in,
    training_examples,
)
from counterpoint.churn.training_set import Examples
from counterpoint.errors import CounterpointError
from counterpoint.events import cleaning_rules
from counterpoint.events.cleaning_rules import PUBLISHED_RULES, RuleSet
from counterpoint.events.schema import date
from counterpoint.rng import check_seed
from counterpoint.snapshots.listener_table import ListenerTable
from counterpoint.snapshots.rolling_snapshots import preceding, rolling_snapshots
from counterpoint.snapshots.session import SnapshotSession, open_session
from counterpoint.snapshots.snapshot import Snapshot, day_of
from counterpoint.storage.engines import EngineChoice
from counterpoint.storage.results import all_kept, keep
from counterpoint.storage.serializer import plain
from counterpoint.storage.workspace import Folder, WorkspaceView, edit_workspace, key_of

EVALUATION: Final = "evaluation:churn:"
RECENCY, FREQUENCY = "recency alone", "frequency alone"
DEFAULT_MODELS: Final = (DEFAULT_MODEL, "logistic")
PUBLISHED_HELD_OUT: Final = 0.2


@dataclass(frozen=True)
class ChurnEvaluationSettings:
    """What is compared, and how.

    models    : names of kinds of model; the first is what others are measured against
    train_at  : the day of the time split's newest training snapshot; by default the last whose outcome has ended
    snapshots : how many snapshots the time split learns from, at most
    grid      : search the churn report's grid of forests again
    rng       : the seed of models and intervals; resamples : of the bootstrap behind an interval
    """

    models: Sequence[str] = DEFAULT_MODELS
    train_at: str | dt.date | None = None
    snapshots: int = DEFAULT_SNAPSHOTS
    grid: bool = False
    rng: int = 0
    resamples: int = 1000

    @property
    def kinds(self) -> dict[str, ModelKind]:
        """The kinds of model by name."""
        kinds = {name: model_kind(name) for name in dict.fromkeys(self.models)}
        if not kinds:
            raise CounterpointError("name a model or more to judge")
        searched = {SEARCHED_FOREST: GRID_SEARCHED_FOREST} if self.grid and SEARCHED_FOREST in kinds else {}
        return kinds | searched

    @property
    def published_kinds(self) -> dict[str, ModelKind]:
        """The churn report's kinds of model by name."""
        return {**PUBLISHED_MODELS, **({SEARCHED_FOREST: GRID_SEARCHED_FOREST} if self.grid else {})}

    def against(self, baseline: str) -> ComparisonSettings:
        """Return how predictors are compared: with one of them, and with recency alone."""
        return ComparisonSettings((baseline, RECENCY), self.rng, self.resamples)


DEFAULT_EVALUATION: Final = ChurnEvaluationSettings()


@dataclass(frozen=True, kw_only=True)
class ChurnEvaluation:
    """The splits of one snapshot; `note` says why one is missing, `log_key` stands for the logs."""

    day: str
    known_for: str
    outcome_for: str
    rules: str
    seed: int
    resamples: int
    log_key: str
    note: str
    splits: tuple[SplitEvaluation, ...]


def evaluate(
    workspace: Path,
    snapshot: Snapshot,
    settings: ChurnEvaluationSettings = DEFAULT_EVALUATION,
    *,
    rules: RuleSet = cleaning_rules.DEFAULT_RULES,
    engine: EngineChoice = "duckdb",
) -> ChurnEvaluation:
    """Judge models, recency alone and frequency alone at a snapshot, and keep the result in the workspace.

    The time split trains at the settings' `train_at` and before, on at most so many `snapshots`; by default from the
    last day whose outcome ends on the snapshot's day. It is left out, with the reason in the evaluation's `note`, where
    the log does not reach back that far. With PUBLISHED_RULES the churn report's four models are judged as the
    report did, on a random fifth of the listeners, whatever `models` says; `grid` searches its grid again.

    Raises
    ------
    CounterpointError
        If the log does not cover the snapshot, a model cannot be learned, or the outcome of `train_at` ends after the
        snapshot's day: the model would know what it is to predict.
    """
    kinds = settings.kinds
    check_seed(settings.rng)
    check_snapshots(settings.snapshots)
    is_published = rules.name == PUBLISHED_RULES.name
    with edit_workspace(workspace) as writer, open_session(writer, engine, rules=rules) as session:
        if is_published:
            splits, note = [_published_split(session, snapshot, settings)], ""
        else:
            splits, note = _splits(session, snapshot, kinds, settings)
        evaluation = ChurnEvaluation(
            day=snapshot.day.isoformat(),
            known_for=str(snapshot.known_for),
            outcome_for=str(snapshot.outcome_for),
            rules=rules.name,
            seed=settings.rng,
            resamples=settings.resamples,
            log_key=key_of(session.log_keys()),
            note=note,
            splits=tuple(splits),
        )
        windows = f"{evaluation.day}:{evaluation.known_for}:{evaluation.outcome_for}"
        name = f"{EVALUATION}{windows}{':as published' if is_published else ''}"
        keep(writer, name, key_of(name, plain(evaluation)), evaluation)
    return evaluation


def _splits(
    session: SnapshotSession, snapshot: Snapshot, kinds: Mapping[str, ModelKind], settings: ChurnEvaluationSettings
) -> tuple[list[SplitEvaluation], str]:
    """Return the random split and, where the log has room for it, the time split; or else why it has not."""
    against = settings.against(next(iter(kinds)))
    earlier, note = training_snapshot(
        session, snapshot, None if settings.train_at is None else day_of(settings.train_at)
    )
    splits = [_random_split(session, snapshot, kinds, against)]
    if earlier is None:
        return splits, note
    try:
        past = rolling_snapshots(session, earlier, settings.snapshots)
        splits.append(_time_split(session, past, snapshot, kinds, against))
    except CounterpointError as error:
        if settings.train_at is not None:
            raise
        note = f"no time split: at {earlier.day} {error}"
    return splits, note


def training_snapshot(
    session: SnapshotSession, snapshot: Snapshot, train_at: dt.date | None
) -> tuple[Snapshot | None, str]:
    """Return the newest snapshot to train at for a later test snapshot, or why there is none."""
    latest = preceding(snapshot)
    earlier = latest if train_at is None else replace(snapshot, day=train_at)
    if earlier.days[2] > snapshot.days[1]:
        raise CounterpointError(
            f"a model trained at {earlier.day} knows outcomes up to {date(earlier.days[2])}, after the test day"
            f" {snapshot.day}: train at {latest.day} or before"
        )
    try:
        session.check_coverage(earlier)
    except CounterpointError as error:
        if train_at is not None:
            raise
        return None, f"no time split: {error}"
    return earlier, ""


def _random_split(
    session: SnapshotSession, snapshot: Snapshot, kinds: Mapping[str, ModelKind], against: ComparisonSettings
) -> SplitEvaluation:
    """Evaluate out of fold: no listener by a model that saw them."""
    cleaning = session.cleaning(snapshot)
    table = churn_table(session, snapshot, cleaning, outcome=True, visit_hmm=True)
    examples = Examples.of(table)
    kept = _kept_model(session, snapshot, cleaning, examples, against.seed)
    fitted = {name: kept.get(name) or cross_fit(kind, examples, seed=against.seed) for name, kind in kinds.items()}
    return evaluate_fitted(examples, fitted, plain_scores(table), against)


def _kept_model(
    session: SnapshotSession, snapshot: Snapshot, cleaning: Folder, examples: Examples, seed: int
) -> dict[str, CrossFitted]:
    """Return the workspace's model under its name, if it is the very one that would be fitted."""
    if (folder := session.writer.view.get(MODEL)) is None:
        return {}
    kind = str(folder.metadata["kind"])
    wanted: dict[str, Any] = {
        "kind": kind,
        "days": [snapshot.day.isoformat()],
        "known_for": str(snapshot.known_for),
        "outcome_for": str(snapshot.outcome_for),
        "features": list(examples.names),
        "listeners": len(examples),
        "churned": int(examples.y.sum()),
        "seed": seed,
    }
    if folder.key != model_key(session, cleaning, wanted):
        return {}
    return {kind: trained_in(session.writer.view)[0].fitted}


def _time_split(
    session: SnapshotSession,
    past: tuple[Snapshot, ...],
    snapshot: Snapshot,
    kinds: Mapping[str, ModelKind],
    against: ComparisonSettings,
) -> SplitEvaluation:
    """Evaluate on a later snapshot, cleaned as the newest of the earlier ones was."""
    cleaning = session.cleaning(past[0])
    test = churn_table(session, snapshot, cleaning, outcome=True, visit_hmm=True)
    examples = training_examples(session, past, cleaning)
    split = evaluate_later(examples, Examples.of(test), kinds, plain_scores(test), against)
    return replace(split, trained_on="at " + ", ".join(str(earlier.day) for earlier in past))


def _published_split(
    session: SnapshotSession, snapshot: Snapshot, settings: ChurnEvaluationSettings
) -> SplitEvaluation:
    """Evaluate the churn report's models on its own table and split."""
    table = churn_table(session, snapshot, session.cleaning(snapshot), outcome=True)
    against = settings.against(SEARCHED_FOREST)
    kinds, scores = settings.published_kinds, plain_scores(table)
    split = evaluate_held_out(Examples.of(table), PUBLISHED_HELD_OUT, kinds, scores, against)
    return replace(split, name=f"as published: {split.name}")


def plain_scores(table: ListenerTable) -> dict[str, NDArray[np.float64]]:
    """Score by the day last seen alone, and by the number of events alone (rarer = likelier to leave)."""
    idle = table.rows["days_since_seen"].to_numpy().astype(np.float64)
    return {RECENCY: idle, FREQUENCY: -table.rows["events"].to_numpy().astype(np.float64)}


def evaluations_in(view: WorkspaceView) -> tuple[ChurnEvaluation, ...]:
    """Return the evaluations that a workspace keeps, in the order of their snapshots."""
    return all_kept(view, EVALUATION, ChurnEvaluation)

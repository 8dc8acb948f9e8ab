"""Who is about to leave: every listener of a snapshot ranked by probability, with reasons in words."""

import datetime as dt
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from counterpoint.churn.feature_table import churn_table
from counterpoint.churn.training import TrainedChurnModel, trained_in
from counterpoint.churn.training_set import Matrix, listener_folds
from counterpoint.events.schema import date
from counterpoint.snapshots.listener_features import Feature
from counterpoint.snapshots.listener_table import ListenerTable
from counterpoint.snapshots.session import open_session
from counterpoint.snapshots.snapshot import Snapshot, day_of
from counterpoint.stats.classification import RankedTruth
from counterpoint.storage.engines import EngineChoice
from counterpoint.storage.pseudonyms import pseudonymize
from counterpoint.storage.results import keep, kept
from counterpoint.storage.workspace import WorkspaceView, edit_workspace, key_of

SCORES: Final = "scores:churn"
MAX_REASONS: Final = 3
SAFEST_SHARE: Final = 0.1  # of the listeners, called the safest
MAX_TRAITS: Final = 8  # features


@dataclass(frozen=True)
class SafestTrait:
    """What those least likely to leave have in common: a feature by which they differ from the others.

    safest, others : its median among them and among the others, where it is known
    superiority    : the chance that it is larger for a random one of them than for a random other, where both have it
    """

    feature: str
    safest: float
    others: float
    superiority: float


@dataclass(frozen=True, kw_only=True)
class Scores:
    """The listeners of a snapshot, most likely to leave first.

    rows     : rank (from 1), uid, pseudonym, probability, reasons, days_since_seen, events
    model    : the kind of model; `model_key` stands for the very one
    seen     : how many of them the model learned from; each of those is scored by a model that did not see them
    log_key  : stands for the logs they were made from
    traits   : what the safest tenth has in common, what tells most first
    """

    snapshot: Snapshot
    model: str
    model_key: str
    seen: int
    log_key: str
    traits: tuple[SafestTrait, ...]
    rows: pl.DataFrame

    @property
    def key(self) -> str:
        """What stands for them: the same logs and model give the same scores."""
        return key_of("scores", str(self.snapshot.day), self.model_key, self.log_key)


def score(workspace: Path, *, at: str | dt.date | None = None, engine: EngineChoice = "duckdb") -> Scores:
    """Score all listeners known on the day `at` (the last day of the log by default) with the workspace's churn model.

    Where the outcome asked for shares days with one that the model learned from, listeners are scored out of fold: by
    the part that never saw them. What to do for whom is said by `plan_offers`.

    Raises
    ------
    CounterpointError
        If there is no model, or the log does not cover what must be known on that day.
    """
    with edit_workspace(workspace) as writer, open_session(writer, engine) as session:
        trained, folder = trained_in(writer.view)
        day = date(session.coverage.last) if at is None else day_of(at)
        snapshot = Snapshot(day, trained.snapshot.known_for, trained.snapshot.outcome_for)
        table = churn_table(
            session,
            snapshot,
            folder,
            outcome=False,
            event_kinds=trained.event_kinds,
            visit_hmm=trained.has_visit_hmm,
        )
        trained.check_features(table)
        scores = rank(trained, table)
        rows = scores.rows.insert_column(2, pseudonymize(writer, scores.rows["uid"]))
        scores = replace(scores, rows=rows, model_key=folder.key, log_key=key_of(session.log_keys()))
        keep(writer, SCORES, scores.key, scores, metadata={"day": day.isoformat(), "kind": scores.model})
    return scores


def rank(trained: TrainedChurnModel, table: ListenerTable) -> Scores:
    """Rank a table's listeners by the probability to leave, ties in the order of uid; no pseudonyms yet."""
    x, fold, fitted = table.matrix, listener_folds(table), trained.fitted
    is_training = any(table.snapshot.shares_outcome(earlier) for earlier in trained.snapshots)
    probability = fitted.out_of_fold(x, fold) if is_training else fitted.whole.probability(x)
    contributions = fitted.out_of_fold_contributions(x, fold) if is_training else fitted.whole.contributions(x)
    rows = table.rows.select(
        "uid",
        pl.Series("probability", probability),
        pl.Series("reasons", main_reasons(table.features, x, contributions)),
        "days_since_seen",
        "events",
    ).sort("probability", "uid", descending=[True, False])
    return Scores(
        snapshot=table.snapshot,
        model=trained.kind,
        model_key="",
        seen=len(x) if is_training else 0,
        log_key="",
        traits=safest_traits(table.names, x, probability),
        rows=rows.select(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("rank"), pl.all()),
    )


def main_reasons(features: tuple[Feature, ...], x: Matrix, contributions: Matrix) -> list[str]:
    """Return each listener's main reasons, at most three: what adds most to the model's sum for leaving, in words.

    A listener whom every feature speaks for has none: "nothing speaks for leaving".
    """
    order = np.argsort(-contributions, axis=1, kind="stable")[:, :MAX_REASONS]
    values, weights = np.take_along_axis(x, order, axis=1), np.take_along_axis(contributions, order, axis=1)
    return [
        "; ".join(_phrase(features[i], value) for i, value, weight in zip(*row, strict=True) if weight > 0)
        or "nothing speaks for leaving"
        for row in zip(order.tolist(), values.tolist(), weights.tolist(), strict=True)
    ]


def _phrase(feature: Feature, value: float) -> str:
    return feature.if_null if value != value else feature.phrase.format(value)  # noqa: PLR0124  only a nan differs


def safest_traits(names: tuple[str, ...], x: Matrix, probability: Matrix) -> tuple[SafestTrait, ...]:
    """Return by which features the tenth least likely to leave differs most from the others."""
    is_safe = probability <= np.quantile(probability, SAFEST_SHARE)
    if is_safe.all():
        return ()
    traits = []
    for column, name in enumerate(names):
        known = ~np.isnan(x[:, column])
        if not (known & is_safe).any() or not (known & ~is_safe).any():
            continue
        superiority = RankedTruth.of(is_safe[known].astype(np.int64), x[known, column]).auc()
        traits.append(SafestTrait(name, _median(x[is_safe, column]), _median(x[~is_safe, column]), superiority))
    return tuple(sorted(traits, key=lambda trait: -abs(trait.superiority - 0.5))[:MAX_TRAITS])


def _median(values: Matrix) -> float:
    return float(np.nanmedian(values))


def scores_in(view: WorkspaceView) -> Scores | None:
    """Return the scores that a workspace keeps, if the model that made them is still its model."""
    folder = view.get(SCORES)
    if folder is None:
        return None
    scores = kept(folder, Scores)
    _, model = trained_in(view)
    return scores if scores.model_key == model.key else None

"""Who is about to leave: every listener of a snapshot ranked by probability, each with the main reason in words."""

import datetime as dt
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from counterpoint.listeners.churn.features import Feature
from counterpoint.listeners.churn.models import Matrix
from counterpoint.listeners.churn.snapshot import Snapshot, day_of
from counterpoint.listeners.churn.table import ListenerTable, studied
from counterpoint.listeners.churn.train import Trained, check_features, trained_in
from counterpoint.listeners.events.schema import date
from counterpoint.tables import parquet
from counterpoint.tables.engine import Chosen
from counterpoint.tables.pseudonym import pseudonyms
from counterpoint.tables.workspace import Staged, View, key_of, verify, writing

SCORES: Final = "scores:churn"


@dataclass(frozen=True)
class Scores:
    """The listeners of a snapshot, most likely to leave first.

    rows : rank (from 1), uid, pseudonym, probability, reason, days_since_seen, events
    seen : how many of them the model learned from; each of those is scored by a model that did not see them
    logs : stands for the logs they were made from
    """

    snapshot: Snapshot
    model: str
    seen: int
    logs: str
    rows: pl.DataFrame


def score(workspace: Path, *, at: str | dt.date | None = None, engine: Chosen = "duckdb") -> Scores:
    """Score all listeners known on the day `at` (the last day of the log by default) with the workspace's churn model.

    Where the outcome asked for shares days with the one that the model learned from, listeners are scored out of fold:
    by the part that never saw them.

    Raises
    ------
    CounterpointError
        If there is no model, or the log does not cover what must be known on that day.
    """
    with writing(workspace) as writer, studied(writer, engine) as study:
        trained, folder = trained_in(writer.view)
        day = date(study.days.last) if at is None else day_of(at)
        snapshot = Snapshot(day, trained.snapshot.known_for, trained.snapshot.outcome_for)
        table = study.table(snapshot, folder, outcome=False, kinds=trained.kinds)
        check_features(trained, table)
        scores = rank(trained, table)
        rows = scores.rows.insert_column(2, pseudonyms(writer, scores.rows["uid"]))
        staged = writer.stage()
        rows.write_parquet(staged / "scores.parquet")
        logs = key_of(study.logs())
        made = {"at": day.isoformat(), "model": folder.key, "kind": scores.model, "seen": scores.seen, "logs": logs}
        writer.commit(Staged(SCORES, key_of("scores", made), staged, made))
    return replace(scores, rows=rows, logs=logs)


def rank(trained: Trained, table: ListenerTable) -> Scores:
    """Rank a table's listeners by the probability to leave, ties in the order of uid; no pseudonyms yet."""
    x, learned_from = table.matrix, table.snapshot.shares_outcome(trained.snapshot)
    if learned_from:
        probability = trained.fitted.out_of_fold(x, table.bucket)
        contributions = trained.fitted.out_of_fold_contributions(x, table.bucket)
    else:
        probability = trained.fitted.whole.probability(x)
        contributions = trained.fitted.whole.contributions(x)
    rows = table.rows.select(
        "uid",
        pl.Series("probability", probability),
        pl.Series("reason", reasons(table.features, x, contributions)),
        "days_since_seen",
        "events",
    ).sort("probability", "uid", descending=[True, False])
    ranked = rows.select(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("rank"), pl.all())
    return Scores(table.snapshot, trained.kind, len(x) if learned_from else 0, "", ranked)


def reasons(features: tuple[Feature, ...], x: Matrix, contributions: Matrix) -> list[str]:
    """Return each listener's main reason: the feature that adds most to the log-odds of leaving, in words.

    A listener whom every feature speaks for has none: "nothing speaks for leaving".
    """
    main = contributions.argmax(axis=1)
    value, weight = x[np.arange(len(x)), main], contributions[np.arange(len(x)), main]
    return [_words(features[at], v, w) for at, v, w in zip(main.tolist(), value.tolist(), weight.tolist(), strict=True)]


def _words(feature: Feature, value: float, weight: float) -> str:
    if weight <= 0:
        return "nothing speaks for leaving"
    return feature.never if np.isnan(value) else feature.words.format(value)


def scores_in(view: View) -> Scores | None:
    """Return the scores that a workspace keeps, if the model that made them is still its model."""
    folder = view.get(SCORES)
    if folder is None:
        return None
    trained, model = trained_in(view)
    if folder.made["model"] != model.key:
        return None
    snapshot = Snapshot(day_of(str(folder.made["at"])), trained.snapshot.known_for, trained.snapshot.outcome_for)
    verify(folder)
    rows = parquet.read(folder.file("scores.parquet"))
    return Scores(snapshot, str(folder.made["kind"]), int(str(folder.made["seen"])), str(folder.made["logs"]), rows)

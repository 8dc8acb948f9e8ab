"""Who is about to leave: every listener of a snapshot ranked by probability, with reasons in words and what to do."""

import datetime as dt
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from counterpoint.churn.features import Feature
from counterpoint.churn.retention_offers import Costs, Plan, Uplift, costs, planned, uplift
from counterpoint.churn.train import Trained, check_features, trained_in
from counterpoint.churn.training_set import Matrix
from counterpoint.errors import CounterpointError
from counterpoint.events.schema import date
from counterpoint.snapshots.session import ListenerTable, open_session
from counterpoint.snapshots.snapshot import Snapshot, day_of
from counterpoint.stats.classification import RankedTruth
from counterpoint.storage import parquet
from counterpoint.storage.engines import EngineChoice
from counterpoint.storage.pseudonyms import pseudonymize
from counterpoint.storage.workspace import (
    Staged,
    WorkspaceView,
    WorkspaceWriter,
    edit_workspace,
    key_of,
    open_workspace,
    verify,
)

SCORES: Final = "scores:churn"
EXPERIMENT: Final = "experiment:churn:"
REASONS: Final = 3
LEAST: Final = 0.1  # the share of the listeners that is called least likely to leave
IN_COMMON: Final = 8  # features


@dataclass(frozen=True)
class Common:
    """What those least likely to leave have in common: a feature by which they differ from the others.

    least, others : its median among them and among the others, where it is known
    apart         : the chance that it is larger for a random one of them than for a random other, where both have it
    """

    feature: str
    least: float
    others: float
    apart: float


@dataclass(frozen=True)
class Scores:
    """The listeners of a snapshot, most likely to leave first.

    rows   : rank (from 1), uid, pseudonym, probability, alert, reasons, offer, group, days_since_seen, events
    seen   : how many of them the model learned from; each of those is scored by a model that did not see them
    logs   : stands for the logs they were made from
    common : what the least likely tenth has in common, what tells most first
    """

    snapshot: Snapshot
    model: str
    seen: int
    logs: str
    plan: Plan
    costs: Costs
    common: tuple[Common, ...]
    rows: pl.DataFrame


def score(
    workspace: Path,
    *,
    at: str | dt.date | None = None,
    plan: Plan | None = None,
    paying: pl.Series | None = None,
    engine: EngineChoice = "duckdb",
) -> Scores:
    """Score all listeners known on the day `at` (the last day of the log by default) with the workspace's churn model.

    Where the outcome asked for shares days with one that the model learned from, listeners are scored out of fold: by
    the part that never saw them. `plan` says what is done for whom, and `paying` holds the uids of those who pay.

    Raises
    ------
    CounterpointError
        If there is no model, or the log does not cover what must be known on that day.
    """
    with edit_workspace(workspace) as writer, open_session(writer, engine) as session:
        trained, folder = trained_in(writer.view)
        day = date(session.days.last) if at is None else day_of(at)
        snapshot = Snapshot(day, trained.snapshot.known_for, trained.snapshot.outcome_for)
        table = session.table(snapshot, folder, outcome=False, kinds=trained.kinds, rhythm=trained.has_rhythm)
        check_features(trained, table)
        logs = key_of(session.logs())
        scores = replace(rank(trained, table, plan or Plan(), paying), logs=logs)
        rows = scores.rows.insert_column(2, pseudonymize(writer, scores.rows["uid"]))
        scores = replace(scores, rows=rows)
        staged = writer.stage()
        rows.write_parquet(staged / "scores.parquet")
        made = {"at": day.isoformat(), "model": folder.key, "kind": scores.model, "seen": scores.seen, "logs": logs}
        said = {
            "plan": asdict(scores.plan),
            "costs": asdict(scores.costs),
            "common": [asdict(each) for each in scores.common],
        }
        (staged / "scores.json").write_text(json.dumps(said))
        put = [Staged(SCORES, key_of("scores", made, said), staged, made)]
        if scores.costs.held_out:
            put.append(_experiment(writer, scores, key_of(made, said)))
        writer.commit(*put)
    return scores


def _experiment(writer: WorkspaceWriter, scores: Scores, key: str) -> Staged:
    """Return the groups of an experiment, to be kept apart from the ranking: later ones do not end it.

    Raises
    ------
    CounterpointError
        If the workspace has an experiment of that day with other groups: its outcome would be read by the wrong ones.
    """
    name, folder = f"{EXPERIMENT}{scores.snapshot.day}", writer.stage()
    groups = scores.rows.filter(pl.col("group") != "").select("uid", "group").sort("uid")
    kept = writer.view.get(name)
    if kept is not None and not parquet.read(kept.file("groups.parquet")).equals(groups):
        raise CounterpointError(
            f"an experiment of {scores.snapshot.day} with other groups is kept: score another day, or as it was drawn;"
            " `churn score --outcome` reads it"
        )
    groups.write_parquet(folder / "groups.parquet")
    return Staged(name, key_of(name, key), folder, {"break_even": scores.plan.break_even})


def rank(trained: Trained, table: ListenerTable, plan: Plan, paying: pl.Series | None = None) -> Scores:
    """Rank a table's listeners by the probability to leave, ties in the order of uid; no pseudonyms yet."""
    x = table.matrix
    learned_from = any(table.snapshot.shares_outcome(earlier) for earlier in trained.snapshots)
    if learned_from:
        probability = trained.fitted.out_of_fold(x, table.fold)
        contributions = trained.fitted.out_of_fold_contributions(x, table.fold)
    else:
        probability = trained.fitted.whole.probability(x)
        contributions = trained.fitted.whole.contributions(x)
    said = table.rows.select(
        "uid",
        pl.Series("probability", probability),
        pl.Series("reasons", reasons(table.features, x, contributions)),
        "days_since_seen",
        "events",
    )
    rows = planned(said, plan, paying).sort("probability", "uid", descending=[True, False])
    columns = ("uid", "probability", "alert", "reasons", "offer", "group", "days_since_seen", "events")
    ranked = rows.select(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("rank"), *columns)
    seen = len(x) if learned_from else 0
    common = in_common(table.names, x, probability)
    return Scores(table.snapshot, trained.kind, seen, "", plan, costs(ranked, plan), common, ranked)


def reasons(features: tuple[Feature, ...], x: Matrix, contributions: Matrix) -> list[str]:
    """Return each listener's main reasons, at most three: what adds most to the model's sum for leaving, in words.

    A listener whom every feature speaks for has none: "nothing speaks for leaving".
    """
    order = np.argsort(-contributions, axis=1, kind="stable")[:, :REASONS]
    values, weights = np.take_along_axis(x, order, axis=1), np.take_along_axis(contributions, order, axis=1)
    return [
        "; ".join(_words(features[at], v) for at, v, w in zip(*row, strict=True) if w > 0)
        or "nothing speaks for leaving"
        for row in zip(order.tolist(), values.tolist(), weights.tolist(), strict=True)
    ]


def _words(feature: Feature, value: float) -> str:
    return feature.never if value != value else feature.words.format(value)  # noqa: PLR0124  only a nan differs


def in_common(names: tuple[str, ...], x: Matrix, probability: Matrix) -> tuple[Common, ...]:
    """Return by which features the tenth least likely to leave differs most from the others."""
    least = probability <= np.quantile(probability, LEAST)
    if least.all():
        return ()
    found = []
    for at, name in enumerate(names):
        known = ~np.isnan(x[:, at])
        if not (known & least).any() or not (known & ~least).any():
            continue
        apart = RankedTruth.of(least[known].astype(np.int64), x[known, at]).auc()
        found.append(Common(name, _median(x[least, at]), _median(x[~least, at]), apart))
    return tuple(sorted(found, key=lambda each: -abs(each.apart - 0.5))[:IN_COMMON])


def _median(values: Matrix) -> float:
    return float(np.nanmedian(values))


def outcome_of(workspace: Path, outcome: pl.DataFrame, *, at: str | dt.date | None = None) -> Uplift:
    """Return what the offers of an experiment did, from who left since (columns uid, left).

    The experiment is the last one, or that of the ranking `at` a day.

    Raises
    ------
    CounterpointError
        If there is no such experiment, or the outcome has other columns or values.
    """
    with open_workspace(workspace) as view:
        drawn = view.with_prefix(EXPERIMENT) if at is None else [view.get(f"{EXPERIMENT}{day_of(at)}")]
        if not drawn or drawn[-1] is None:
            when = "" if at is None else f" at {at}"
            raise CounterpointError(
                f"nobody was held out of the offers{when}: `churn score --holdout 0.1` would do that"
            )
        verify(drawn[-1])
        groups = parquet.read(drawn[-1].file("groups.parquet"))
        return uplift(groups, outcome, float(str(drawn[-1].metadata["break_even"])))


def scores_in(view: WorkspaceView) -> Scores | None:
    """Return the scores that a workspace keeps, if the model that made them is still its model."""
    folder = view.get(SCORES)
    if folder is None:
        return None
    trained, model = trained_in(view)
    if folder.metadata["model"] != model.key:
        return None
    snapshot = Snapshot(day_of(str(folder.metadata["at"])), trained.snapshot.known_for, trained.snapshot.outcome_for)
    verify(folder)
    said: dict[str, Any] = json.loads(folder.file("scores.json").read_text())
    return Scores(
        snapshot=snapshot,
        model=str(folder.metadata["kind"]),
        seen=int(str(folder.metadata["seen"])),
        logs=str(folder.metadata["logs"]),
        plan=Plan(**said["plan"]),
        costs=Costs(**said["costs"]),
        common=tuple(Common(**each) for each in said["common"]),
        rows=parquet.read(folder.file("scores.parquet")),
    )

"""How well is leaving foreseen? On the same listeners in the same run: every model, and the two plainest predictors.

Two splits. Random: one snapshot, each listener judged by a model that did not see them. Time: models learned at earlier
snapshots, whose outcomes ended before the test snapshot's day, judged on what came later; only this says how a model
will do next month. Intervals resample listeners.
"""

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from counterpoint.errors import CounterpointError
from counterpoint.evaluate.calibration import Bin, Calibration, calibration_table
from counterpoint.evaluate.classify import RankedTruth, brier, confusion, log_loss
from counterpoint.evaluate.intervals import Estimate, bootstrap_all
from counterpoint.evaluate.labelled import Weights
from counterpoint.listeners.churn.models import MODELS, Fitted, cross_fit, fit_whole
from counterpoint.listeners.churn.snapshot import Snapshot, day_of
from counterpoint.listeners.churn.table import ListenerTable, Study, studied
from counterpoint.listeners.events.rules import OURS, Practice
from counterpoint.listeners.events.schema import date
from counterpoint.rng import check_seed
from counterpoint.tables.engine import Chosen
from counterpoint.tables.workspace import Staged, View, key_of, writing

EVALUATION: Final = "evaluation:churn:"
PLAIN: Final = ("recency alone", "frequency alone")
CALIBRATION_BINS: Final = 10


@dataclass(frozen=True)
class Judged:
    """How one predictor did; what needs probabilities is None for a predictor that gives only an order.

    ahead : AUC minus that of recency alone, on the same resamples; None for recency itself
    """

    predictor: str
    auc: Estimate
    ahead: Estimate | None
    lift: Estimate
    brier: Estimate | None = None
    log_loss: Estimate | None = None
    accuracy: float | None = None
    precision: float | None = None
    recall: float | None = None
    f1: float | None = None
    calibration_error: float | None = None
    calibration_noise: Estimate | None = None


@dataclass(frozen=True)
class Split:
    """One split: which listeners were judged, how each predictor did, and what the figures are drawn from."""

    name: str
    trained_at: str
    listeners: int
    churned: int
    judged: tuple[Judged, ...]
    roc: Mapping[str, tuple[tuple[float, ...], tuple[float, ...]]]
    calibration: Mapping[str, tuple[Bin, ...]]
    importance: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Evaluation:
    """The splits of one snapshot; `note` says why a split is missing, `logs` stands for the logs it was made from."""

    at: str
    known_for: str
    outcome_for: str
    seed: int
    resamples: int
    logs: str
    note: str
    splits: tuple[Split, ...]


@dataclass(frozen=True)
class Resampling:
    """How intervals are drawn."""

    seed: int
    resamples: int


@dataclass(frozen=True)
class Judging:
    """Who is judged, and what each kind of model said of them: float64[listeners] probabilities.

    models : those that learned from everybody at the snapshot `trained_at`; importances are theirs
    """

    name: str
    trained_at: Snapshot
    test: ListenerTable
    models: Mapping[str, Fitted]
    said: Mapping[str, NDArray[np.float64]]


def evaluate(  # noqa: PLR0913  all but two are options
    workspace: Path,
    snapshot: Snapshot,
    *,
    train_at: str | dt.date | None = None,
    seed: int = 0,
    resamples: int = 1000,
    practice: Practice = OURS,
    engine: Chosen = "duckdb",
) -> Evaluation:
    """Judge every model, recency alone and frequency alone at a snapshot, and keep the result in the workspace.

    The time split trains at `train_at`; by default at the last day whose outcome ends on the snapshot's day, and is
    left out, with the reason in the evaluation's `note`, where the log does not reach back that far.

    Raises
    ------
    CounterpointError
        If the log does not cover the snapshot, a model cannot be learned, or the outcome of `train_at` ends after the
        snapshot's day: the model would know what it is to foresee.
    """
    check_seed(seed)
    with writing(workspace) as writer, studied(writer, engine, practice=practice) as study:
        earlier, note = _earlier(study, snapshot, None if train_at is None else day_of(train_at))
        test = study.table(snapshot, study.cleaning(snapshot), outcome=True)
        resampling = Resampling(seed, resamples)
        random = _judge_random(test, resampling)
        splits = [random]
        try:
            splits += [_judge_time(study, earlier, snapshot, resampling)] if earlier else []
        except CounterpointError as error:
            if train_at is not None or earlier is None:
                raise
            note = f"no time split: at {earlier.at} {error}"
        found = Evaluation(
            at=snapshot.at.isoformat(),
            known_for=str(snapshot.known_for),
            outcome_for=str(snapshot.outcome_for),
            seed=seed,
            resamples=resamples,
            logs=key_of(study.logs()),
            note=note,
            splits=tuple(splits),
        )
        folder = writer.stage()
        (folder / "evaluation.json").write_text(json.dumps(asdict(found)))
        name = f"{EVALUATION}{found.at}:{found.known_for}:{found.outcome_for}"
        writer.commit(Staged(name, key_of(name, asdict(found)), folder, {"at": found.at, "seed": seed}))
    return found


def _earlier(study: Study, snapshot: Snapshot, train_at: dt.date | None) -> tuple[Snapshot | None, str]:
    """Return the snapshot to train at, or why there is none."""
    latest = snapshot.outcome_for.until(snapshot.at)
    earlier = replace(snapshot, at=train_at or latest)
    if earlier.days[2] > snapshot.days[1]:
        raise CounterpointError(
            f"a model trained at {earlier.at} knows outcomes up to {date(earlier.days[2])}, after the test day"
            f" {snapshot.at}: train at {latest} or before"
        )
    try:
        study.check(earlier)
    except CounterpointError as error:
        if train_at is not None:
            raise
        return None, f"no time split: {error}"
    return earlier, ""


def _judge_random(test: ListenerTable, resampling: Resampling) -> Split:
    """Judge out of fold: no listener by a model that saw them."""
    x, y, bucket = test.matrix, test.churned, test.bucket
    fitted = {kind: cross_fit(kind, x, y, bucket, seed=resampling.seed) for kind in MODELS}
    said = {kind: model.out_of_fold(x, bucket) for kind, model in fitted.items()}
    whole = {kind: model.whole for kind, model in fitted.items()}
    return _split(Judging("random split (out of fold)", test.snapshot, test, whole, said), resampling)


def _judge_time(study: Study, earlier: Snapshot, snapshot: Snapshot, resampling: Resampling) -> Split:
    """Judge on a later snapshot, cleaned as the earlier one was."""
    cleaning = study.cleaning(earlier)
    past = study.table(earlier, cleaning, outcome=True)
    test = study.table(snapshot, cleaning, outcome=True)
    whole = {kind: fit_whole(kind, past.matrix, past.churned, seed=resampling.seed) for kind in MODELS}
    said = {kind: model.probability(test.matrix) for kind, model in whole.items()}
    return _split(Judging("time split", earlier, test, whole, said), resampling)


def _split(judging: Judging, resampling: Resampling) -> Split:
    test, y = judging.test, judging.test.churned
    scores = {**judging.said, **_plain(test)}
    ranked = {predictor: RankedTruth.of(y, score) for predictor, score in scores.items()}
    calibrated = {
        kind: calibration_table(y, said, bins=CALIBRATION_BINS, rng=resampling.seed)
        for kind, said in judging.said.items()
    }
    curves = {predictor: truth.roc() for predictor, truth in ranked.items()}
    x = test.matrix
    names = [feature.name for feature in test.features]
    return Split(
        name=judging.name,
        trained_at=judging.trained_at.at.isoformat(),
        listeners=len(y),
        churned=int(y.sum()),
        judged=_judged(judging, ranked, calibrated, resampling),
        roc={predictor: (_floats(fpr), _floats(tpr)) for predictor, (fpr, tpr) in curves.items()},
        calibration={kind: table.bins for kind, table in calibrated.items()},
        importance={kind: _importance(model, names, x) for kind, model in judging.models.items()},
    )


def _plain(test: ListenerTable) -> dict[str, NDArray[np.float64]]:
    """Score by the day last seen alone, and by the number of events alone (rarer = likelier to leave)."""
    idle = test.rows["days_since_seen"].to_numpy().astype(np.float64)
    return dict(zip(PLAIN, (idle, -test.rows["events"].to_numpy().astype(np.float64)), strict=True))


def _judged(
    judging: Judging,
    ranked: Mapping[str, RankedTruth],
    calibrated: Mapping[str, Calibration],
    resampling: Resampling,
) -> tuple[Judged, ...]:
    """Estimate all metrics of all predictors on the same resamples of listeners."""
    y, base = judging.test.churned, ranked[PLAIN[0]]
    statistics: dict[tuple[str, str], Callable[[Weights], float]] = {}
    for predictor, truth in ranked.items():
        statistics[predictor, "auc"] = truth.auc
        statistics[predictor, "lift"] = partial(truth.lift_at, 0.1)
        if predictor != PLAIN[0]:
            statistics[predictor, "ahead"] = partial(_gap, truth, base)
    for kind, said in judging.said.items():
        statistics[kind, "brier"] = partial(brier, y, said)
        statistics[kind, "log_loss"] = partial(log_loss, y, said)
    listener = judging.test.rows["uid"].to_numpy()
    estimates = bootstrap_all(list(statistics.values()), listener, rng=resampling.seed, resamples=resampling.resamples)
    found: dict[str, dict[str, Any]] = {predictor: {"ahead": None} for predictor in ranked}
    for (predictor, metric), estimate in zip(statistics, estimates, strict=True):
        found[predictor][metric] = estimate
    for kind, said in judging.said.items():
        found[kind] |= _at_half(y, said) | {
            "calibration_error": calibrated[kind].error,
            "calibration_noise": calibrated[kind].expected_noise,
        }
    return tuple(Judged(predictor, **metrics) for predictor, metrics in found.items())


def _gap(one: RankedTruth, other: RankedTruth, weights: Weights) -> float:
    return one.auc(weights) - other.auc(weights)


def _at_half(y: NDArray[np.int64], said: NDArray[np.float64]) -> dict[str, float | None]:
    """Return what the study reports, at its threshold of .5; None for a share of nothing."""
    table = confusion(y, said)
    found = {"accuracy": table.accuracy, "precision": table.precision, "recall": table.recall, "f1": table.f1}
    return {metric: None if np.isnan(value) else value for metric, value in found.items()}


def _importance(model: Fitted, names: Sequence[str], x: NDArray[np.float64]) -> dict[str, float]:
    """Return each feature's mean absolute contribution to the log-odds, largest first."""
    size = np.abs(model.contributions(x)).mean(axis=0)
    order = np.argsort(-size, kind="stable")
    return {names[at]: float(size[at]) for at in order}


def _floats(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def evaluations_in(view: View) -> tuple[Evaluation, ...]:
    """Return the evaluations that a workspace keeps, in the order of their snapshots."""
    folders = view.below(EVALUATION)
    return tuple(_read(json.loads(folder.file("evaluation.json").read_text())) for folder in folders)


def _read(made: dict[str, Any]) -> Evaluation:
    splits = tuple(_read_split(split) for split in made["splits"])
    return Evaluation(**{**made, "splits": splits})


def _read_judged(made: dict[str, Any]) -> Judged:
    values: dict[str, Any] = {k: Estimate(**value) if isinstance(value, dict) else value for k, value in made.items()}
    return Judged(**values)


def _read_split(made: dict[str, Any]) -> Split:
    judged = tuple(_read_judged(row) for row in made["judged"])
    bins = {
        kind: tuple(Bin(**{**row, "observed": Estimate(**row["observed"])}) for row in rows)
        for kind, rows in made["calibration"].items()
    }
    roc = {predictor: (tuple(fpr), tuple(tpr)) for predictor, (fpr, tpr) in made["roc"].items()}
    return Split(**{**made, "judged": judged, "calibration": bins, "roc": roc})

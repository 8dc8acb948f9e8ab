"""How well is leaving predicted? Models side by side, every metric with an interval over listeners.

One protocol for any table of examples: out of fold, or learned from earlier examples and evaluated on later ones.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from counterpoint.churn.models.crossfit import CrossFitted, cross_fit, fit_whole
from counterpoint.churn.models.protocol import FittedModel, ModelKind
from counterpoint.churn.training_set import Examples, Matrix
from counterpoint.errors import CounterpointError
from counterpoint.rng import generator
from counterpoint.stats.calibration import CalibrationBin, calibration_table
from counterpoint.stats.classification import METRICS, RankedTruth, Scored
from counterpoint.stats.importance import permutation_importance
from counterpoint.stats.intervals import Estimate, bootstrap_each
from counterpoint.stats.labels import Weights

MAX_IMPORTANCE_ROWS: Final = 10_000
CALIBRATION_BINS: Final = 10
RANKING_CUTS: Final = 10_000  # of a ranking, for its resamples
RANKING_METRICS: Final = METRICS[:3]

Predict = Callable[[Matrix], NDArray[np.float64]]
RocCurve = tuple[tuple[float, ...], tuple[float, ...]]


@dataclass(frozen=True)
class CalibrationError:
    """Mean |predicted - observed| over tenths of the listeners, and what chance alone would show."""

    value: float
    by_chance: Estimate


@dataclass(frozen=True)
class PredictorEvaluation:
    """One predictor, on the listeners of one split.

    metrics          : AUC, area under precision-recall, lift in the top tenth; of a model accuracy, precision, recall
                       and F1 at .5, Brier score and log loss too; None where one is undefined
    auc_gain         : over which other predictor by how much AUC, paired
    training_metrics : the same metrics on the examples it learned from, which say how much it learned by heart
    calibration      : its calibration error; None if it gives no probability
    """

    predictor: str
    metrics: Mapping[str, Estimate | None]
    auc_gain: Mapping[str, Estimate]
    training_metrics: Mapping[str, float]
    calibration: CalibrationError | None

    @property
    def auc(self) -> Estimate:
        """The chance that somebody who left outranks somebody who stayed; both classes are there, so it is defined."""
        return next(value for name, value in self.metrics.items() if name == "auc" and value)


@dataclass(frozen=True)
class FeatureImportance:
    """What a model looks at: a feature's share of its impurity decrease, and what shuffling it costs in AUC."""

    feature: str
    share: float | None
    auc_loss: Estimate


@dataclass(frozen=True, kw_only=True)
class SplitEvaluation:
    """All predictors on one set of listeners.

    trained_on   : where the models come from, in words; churn_rate : the share of the rows evaluated that left
    roc          : of each predictor on the listeners evaluated; and `training_roc` on those learned from
    calibration  : tenths of the listeners by probability, of each model
    importance   : of each model, the features by what shuffling them costs
    """

    name: str
    trained_on: str
    listeners: int
    churn_rate: float
    predictors: tuple[PredictorEvaluation, ...]
    roc: Mapping[str, RocCurve]
    training_roc: Mapping[str, RocCurve]
    calibration: Mapping[str, tuple[CalibrationBin, ...]]
    importance: Mapping[str, tuple[FeatureImportance, ...]]

    @property
    def best(self) -> PredictorEvaluation:
        """The model with the highest AUC."""
        models = (evaluation for evaluation in self.predictors if evaluation.calibration)
        return max(models, key=lambda evaluation: evaluation.auc.value)


@dataclass(frozen=True)
class ComparisonSettings:
    """The predictors that others are measured against, and how intervals are drawn."""

    baselines: Sequence[str]
    seed: int
    resamples: int


@dataclass(frozen=True, eq=False)
class Candidate:
    """A model in a comparison: its probabilities for those evaluated and those learned from, and how it predicts.

    probability, training_probability : float64[rows]
    predictor                         : given the places of some of the rows evaluated, what predicts those rows from
                                        their features
    importance                        : of each feature in the decrease of impurity, float64[features]; None if unknown
    """

    probability: NDArray[np.float64]
    training_probability: NDArray[np.float64]
    predictor: Callable[[NDArray[np.int64]], Predict]
    importance: NDArray[np.float64] | None


def evaluate_out_of_fold(
    examples: Examples, kinds: Mapping[str, ModelKind], scores: Mapping[str, Any], settings: ComparisonSettings
) -> SplitEvaluation:
    """Evaluate on each listener by models that did not see them; `scores` are of predictors that learn nothing."""
    fitted = {name: cross_fit(kind, examples, seed=settings.seed) for name, kind in kinds.items()}
    return evaluate_fitted(examples, fitted, scores, settings)


def evaluate_fitted(
    examples: Examples, fitted: Mapping[str, CrossFitted], scores: Mapping[str, Any], settings: ComparisonSettings
) -> SplitEvaluation:
    """Evaluate models that are fitted already, out of fold."""

    def predictor(model: CrossFitted) -> Callable[[NDArray[np.int64]], Predict]:
        return lambda rows: lambda x: model.out_of_fold(x, examples.fold[rows])

    candidates = {
        name: Candidate(
            model.out_of_fold(examples.x, examples.fold),
            model.whole.probability(examples.x),
            predictor(model),
            model.whole.importance,
        )
        for name, model in fitted.items()
    }
    split = _evaluate(examples, examples, candidates, scores, settings)
    return replace(split, name="random split (out of fold)", trained_on="out of fold")


def evaluate_later(
    past: Examples,
    later: Examples,
    kinds: Mapping[str, ModelKind],
    scores: Mapping[str, Any],
    settings: ComparisonSettings,
) -> SplitEvaluation:
    """Learn from `past`, evaluate on `later`."""
    candidates = {}
    for name, kind in kinds.items():
        model = fit_whole(kind, past, seed=settings.seed)
        candidates[name] = Candidate(
            model.probability(later.x), model.probability(past.x), _same_for_all(model), model.importance
        )
    return _evaluate(past, later, candidates, scores, settings)


def evaluate_held_out(
    examples: Examples,
    share: float,
    kinds: Mapping[str, ModelKind],
    scores: Mapping[str, Any],
    settings: ComparisonSettings,
) -> SplitEvaluation:
    """Learn from a random part of the examples and evaluate on the `share` held out, as the churn report did."""
    order = generator(settings.seed).permutation(len(examples))
    held, past = order[: round(share * len(order))], order[round(share * len(order)) :]
    held_scores = {name: score[held] for name, score in scores.items()}
    split = evaluate_later(examples.rows(past), examples.rows(held), kinds, held_scores, settings)
    return replace(split, name=f"random split, {share:.0%} held out", trained_on="on the others")


def _same_for_all(model: FittedModel) -> Callable[[NDArray[np.int64]], Predict]:
    return lambda _rows: model.probability


def _evaluate(
    past: Examples,
    test: Examples,
    candidates: Mapping[str, Candidate],
    scores: Mapping[str, Any],
    settings: ComparisonSettings,
) -> SplitEvaluation:
    y = test.y
    scored = {kind: Scored.of(y, model.probability, is_probability=True) for kind, model in candidates.items()}
    scored |= {name: Scored.of(y, score, is_probability=False) for name, score in scores.items()}
    trained = {
        kind: Scored.of(past.y, model.training_probability, is_probability=True) for kind, model in candidates.items()
    }
    tables = {
        kind: calibration_table(y, model.probability, bins=min(CALIBRATION_BINS, len(y)), rng=settings.seed)
        for kind, model in candidates.items()
    }
    metrics, auc_gain = _estimates(scored, test.listener, settings)
    evaluations = tuple(
        PredictorEvaluation(
            name,
            metrics[name],
            auc_gain[name],
            _defined_metrics(trained[name]) if name in trained else {},
            CalibrationError(tables[name].error, tables[name].expected_noise) if name in tables else None,
        )
        for name in scored
    )
    return SplitEvaluation(
        name="time split",
        trained_on="earlier",
        listeners=len(np.unique(test.listener)),
        churn_rate=float(y.mean()),
        predictors=evaluations,
        roc={name: _roc_curve(ranking.ranked) for name, ranking in scored.items()},
        training_roc={name: _roc_curve(ranking.ranked) for name, ranking in trained.items()},
        calibration={kind: table.bins for kind, table in tables.items()},
        importance={kind: _importance(test, model, settings.seed) for kind, model in candidates.items()},
    )


def _estimates(
    scored: Mapping[str, Scored], listener: NDArray[Any], settings: ComparisonSettings
) -> tuple[dict[str, dict[str, Estimate | None]], dict[str, dict[str, Estimate]]]:
    """Estimate all metrics of all predictors, and the gaps between their AUCs, on the same resamples of listeners."""
    names = list(scored)
    pairs = [(name, other) for other in settings.baselines if other in scored for name in names if name != other]

    def measure(predictors: Sequence[Scored], weights: Weights | None) -> NDArray[np.float64]:
        values = np.array([predictor.measure(weights) for predictor in predictors])
        auc = dict(zip(names, values[:, 0].tolist(), strict=True))
        return np.append(values.ravel(), [auc[name] - auc[other] for name, other in pairs])

    exact, coarse = list(scored.values()), [predictor.coarse(RANKING_CUTS) for predictor in scored.values()]
    estimates = bootstrap_each(
        partial(measure, coarse),
        listener,
        rng=settings.seed,
        resamples=settings.resamples,
        values=measure(exact, None),
    )
    metrics: dict[str, dict[str, Estimate | None]] = {}
    for place, name in enumerate(names):
        of_predictor = estimates[place * len(METRICS) : (place + 1) * len(METRICS)]
        defined = METRICS if scored[name].losses is not None else RANKING_METRICS
        metrics[name] = dict(zip(defined, of_predictor, strict=False))
    auc_gain: dict[str, dict[str, Estimate]] = {name: {} for name in names}
    for (name, other), gain in zip(pairs, estimates[len(names) * len(METRICS) :], strict=True):
        if gain is not None:
            auc_gain[name][other] = gain
    if any(values["auc"] is None for values in metrics.values()):
        raise CounterpointError("too few listeners left, or too few stayed, for an interval: more listeners are needed")
    return metrics, auc_gain


def _defined_metrics(scored: Scored) -> dict[str, float]:
    return {name: value for name, value in zip(METRICS, scored.measure().tolist(), strict=True) if value == value}  # noqa: PLR0124


def _importance(test: Examples, model: Candidate, seed: int) -> tuple[FeatureImportance, ...]:
    """Return every feature's importance on the rows evaluated, or on so many of them, what costs most first."""
    rng = generator(seed)
    rows = np.sort(rng.permutation(len(test))[:MAX_IMPORTANCE_ROWS])
    losses = permutation_importance(test.y[rows], test.x[rows], model.predictor(rows), rng=rng)
    shares = model.importance
    importances = [
        FeatureImportance(name, None if shares is None else float(shares[place]), loss)
        for place, (name, loss) in enumerate(zip(test.names, losses, strict=True))
    ]
    return tuple(sorted(importances, key=lambda importance: -importance.auc_loss.value))


def _roc_curve(ranked: RankedTruth) -> RocCurve:
    false_positive, true_positive = ranked.roc()
    return tuple(false_positive.tolist()), tuple(true_positive.tolist())

"""How well is leaving foreseen? Models side by side on the same examples, every metric with an interval over listeners.

One protocol for any table of examples: out of fold, or learned from earlier examples and judged on later ones.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from counterpoint.churn.models.crossfit import CrossFitted, cross_fit, fit_whole
from counterpoint.churn.models.protocol import Fitted, Kind
from counterpoint.churn.training_set import Examples, Matrix
from counterpoint.errors import CounterpointError
from counterpoint.rng import generator
from counterpoint.stats.calibration import Bin, calibration_table
from counterpoint.stats.classification import METRICS, RankedTruth, Scored
from counterpoint.stats.importance import permutation_importance
from counterpoint.stats.intervals import Estimate, bootstrap_each
from counterpoint.stats.labels import Weights

SHUFFLED: Final = 10_000  # rows that the importances are taken on, at most
CALIBRATION_BINS: Final = 10
CUTS: Final = 10_000  # of a ranking, for its resamples

Predict = Callable[[Matrix], NDArray[np.float64]]
Curve = tuple[tuple[float, ...], tuple[float, ...]]


@dataclass(frozen=True)
class Judged:
    """One predictor, on the listeners of one split.

    metrics     : AUC, area under precision-recall, lift in the top tenth; of a model accuracy, precision, recall and F1
                  at .5, Brier score and log loss too; None where one is undefined
    ahead       : of which other predictor by how much AUC, paired
    trained     : the same metrics on the examples it learned from, which say how much it learned by heart
    calibration : mean |said - happened| over tenths, and what chance alone would show; None if it says no probability
    """

    predictor: str
    metrics: Mapping[str, Estimate | None]
    ahead: Mapping[str, Estimate]
    trained: Mapping[str, float]
    calibration: tuple[float, Estimate] | None

    @property
    def auc(self) -> Estimate:
        """The chance that somebody who left outranks somebody who stayed; both classes are there, so it is defined."""
        return next(value for name, value in self.metrics.items() if name == "auc" and value)


@dataclass(frozen=True)
class Importance:
    """What a model looks at: a feature's share of its impurity decrease, and what shuffling it costs in AUC."""

    feature: str
    share: float | None
    drop: Estimate


@dataclass(frozen=True)
class Split:
    """All predictors on one set of listeners.

    learned     : where the models come from, in words; left : the share of the rows judged that left
    roc         : of each predictor on the listeners judged; and `roc_trained` on those learned from
    calibration : tenths of the listeners by probability, of each model
    importance  : of each model, the features by what shuffling them costs
    """

    name: str
    learned: str
    listeners: int
    left: float
    judged: tuple[Judged, ...]
    roc: Mapping[str, Curve]
    roc_trained: Mapping[str, Curve]
    calibration: Mapping[str, tuple[Bin, ...]]
    importance: Mapping[str, tuple[Importance, ...]]

    @property
    def best(self) -> Judged:
        """The model with the highest AUC."""
        return max((one for one in self.judged if one.calibration), key=lambda one: one.auc.value)


@dataclass(frozen=True)
class Rules:
    """How a contest is held: the predictor others are measured against, and how intervals are drawn."""

    against: Sequence[str]
    seed: int
    resamples: int


@dataclass(frozen=True, eq=False)
class Entry:
    """A model in a contest: what it said of those judged and of those it learned from, and how it would say it again.

    said, trained : float64[rows], probabilities
    say           : given the places of some of the judged rows, what predicts those rows from their features
    share         : of each feature in the decrease of impurity, float64[features]; None if that is not known
    """

    said: NDArray[np.float64]
    trained: NDArray[np.float64]
    say: Callable[[NDArray[np.int64]], Predict]
    share: NDArray[np.float64] | None


def judge_out_of_fold(examples: Examples, kinds: Mapping[str, Kind], plain: Mapping[str, Any], rules: Rules) -> Split:
    """Judge each listener by models that did not see them; `plain` holds scores of predictors that learn nothing."""
    fitted = {name: cross_fit(kind, examples, seed=rules.seed) for name, kind in kinds.items()}
    return judge_fitted(examples, fitted, plain, rules)


def judge_fitted(
    examples: Examples, fitted: Mapping[str, CrossFitted], plain: Mapping[str, Any], rules: Rules
) -> Split:
    """Judge models that are fitted already, out of fold."""

    def say(model: CrossFitted) -> Callable[[NDArray[np.int64]], Predict]:
        return lambda on: lambda x: model.out_of_fold(x, examples.fold[on])

    entries = {
        name: Entry(
            model.out_of_fold(examples.x, examples.fold),
            model.whole.probability(examples.x),
            say(model),
            model.whole.importance,
        )
        for name, model in fitted.items()
    }
    return _judged(examples, examples, entries, plain, rules, name="random split (out of fold)", learned="out of fold")


def judge_later(
    past: Examples, later: Examples, kinds: Mapping[str, Kind], plain: Mapping[str, Any], rules: Rules
) -> Split:
    """Learn from `past`, judge on `later`."""
    entries = {}
    for name, kind in kinds.items():
        model = fit_whole(kind, past, seed=rules.seed)
        entries[name] = Entry(model.probability(later.x), model.probability(past.x), _always(model), model.importance)
    return _judged(past, later, entries, plain, rules, name="time split", learned="earlier")


def judge_held_out(
    examples: Examples, share: float, kinds: Mapping[str, Kind], plain: Mapping[str, Any], rules: Rules
) -> Split:
    """Learn from a random part of the examples and judge on the `share` held out, as the study did."""
    order = generator(rules.seed).permutation(len(examples))
    held, past = order[: round(share * len(order))], order[round(share * len(order)) :]
    split = judge_later(
        examples.rows(past), examples.rows(held), kinds, {name: score[held] for name, score in plain.items()}, rules
    )
    return replace(split, name=f"random split, {share:.0%} held out", learned="on the others")


def _always(model: Fitted) -> Callable[[NDArray[np.int64]], Predict]:
    return lambda _on: model.probability


def _judged(  # noqa: PLR0913  the parts of a contest
    past: Examples,
    judged: Examples,
    entries: Mapping[str, Entry],
    plain: Mapping[str, Any],
    rules: Rules,
    *,
    name: str,
    learned: str,
) -> Split:
    y = judged.y
    scored = {kind: Scored.of(y, entry.said, is_probability=True) for kind, entry in entries.items()}
    scored |= {kind: Scored.of(y, score, is_probability=False) for kind, score in plain.items()}
    trained = {kind: Scored.of(past.y, entry.trained, is_probability=True) for kind, entry in entries.items()}
    tables = {
        kind: calibration_table(y, entry.said, bins=min(CALIBRATION_BINS, len(y)), rng=rules.seed)
        for kind, entry in entries.items()
    }
    metrics, ahead = _estimates(scored, judged.listener, rules)
    rows = tuple(
        Judged(
            predictor,
            metrics[predictor],
            ahead[predictor],
            _on_trained(trained[predictor]) if predictor in trained else {},
            (tables[predictor].error, tables[predictor].expected_noise) if predictor in tables else None,
        )
        for predictor in scored
    )
    return Split(
        name=name,
        learned=learned,
        listeners=len(np.unique(judged.listener)),
        left=float(y.mean()),
        judged=rows,
        roc={kind: _curve(one.ranked) for kind, one in scored.items()},
        roc_trained={kind: _curve(one.ranked) for kind, one in trained.items()},
        calibration={kind: table.bins for kind, table in tables.items()},
        importance={kind: _importance(judged, entry, rules.seed) for kind, entry in entries.items()},
    )


def _estimates(
    scored: Mapping[str, Scored], listener: NDArray[Any], rules: Rules
) -> tuple[dict[str, dict[str, Estimate | None]], dict[str, dict[str, Estimate]]]:
    """Estimate all metrics of all predictors, and the gaps between their AUCs, on the same resamples of listeners."""
    names = list(scored)
    pairs = [(one, other) for other in rules.against if other in scored for one in names if one != other]

    def measured(made_ready: Sequence[Scored], weights: Weights | None) -> NDArray[np.float64]:
        each = np.array([one.measure(weights) for one in made_ready])
        auc = dict(zip(names, each[:, 0].tolist(), strict=True))
        return np.append(each.ravel(), [auc[one] - auc[other] for one, other in pairs])

    exact, quick = list(scored.values()), [one.coarse(CUTS) for one in scored.values()]
    found = bootstrap_each(
        partial(measured, quick),
        listener,
        rng=rules.seed,
        resamples=rules.resamples,
        values=measured(exact, None),
    )
    metrics: dict[str, dict[str, Estimate | None]] = {}
    for at, name in enumerate(names):
        own = found[at * len(METRICS) : (at + 1) * len(METRICS)]
        kept = METRICS if scored[name].losses is not None else METRICS[:3]
        metrics[name] = dict(zip(kept, own, strict=False))
    ahead: dict[str, dict[str, Estimate]] = {name: {} for name in names}
    for (one, other), gap in zip(pairs, found[len(names) * len(METRICS) :], strict=True):
        if gap is not None:
            ahead[one][other] = gap
    if any(values["auc"] is None for values in metrics.values()):
        raise CounterpointError("too few listeners left, or too few stayed, for an interval: more listeners are needed")
    return metrics, ahead


def _on_trained(scored: Scored) -> dict[str, float]:
    return {name: value for name, value in zip(METRICS, scored.measure().tolist(), strict=True) if value == value}  # noqa: PLR0124


def _importance(judged: Examples, entry: Entry, seed: int) -> tuple[Importance, ...]:
    """Return every feature's importance on the judged examples, or on so many of them, what costs most first."""
    rng = generator(seed)
    on = np.sort(rng.permutation(len(judged))[:SHUFFLED])
    drops = permutation_importance(judged.y[on], judged.x[on], entry.say(on), rng=rng)
    share = entry.share
    rows = [
        Importance(name, None if share is None else float(share[at]), drop)
        for at, (name, drop) in enumerate(zip(judged.names, drops, strict=True))
    ]
    return tuple(sorted(rows, key=lambda row: -row.drop.value))


def _curve(ranked: RankedTruth) -> Curve:
    fpr, tpr = ranked.roc()
    return tuple(fpr.tolist()), tuple(tpr.tolist())

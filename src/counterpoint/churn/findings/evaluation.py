"""How well leaving is predicted: a table of every metric, and the figures behind it."""

from typing import Final

import numpy as np

from counterpoint.churn.evaluation import RECENCY, ChurnEvaluation
from counterpoint.churn.model_comparison import PredictorEvaluation, RocCurve, SplitEvaluation
from counterpoint.report import chart
from counterpoint.report.finding import Cell, Figure, Finding, Table
from counterpoint.snapshots.snapshot import Span
from counterpoint.stats.intervals import Estimate

FEATURES_SHOWN: Final = 12

BOOTSTRAP: Final = "Efron, B. (1979). Bootstrap methods: another look at the jackknife. Annals of Statistics 7(1)."
MANN_WHITNEY: Final = "Mann, H. B. & Whitney, D. R. (1947). On a test of whether one of two random variables is stochastically larger than the other. Annals of Mathematical Statistics 18(1)."  # noqa: E501
WILSON: Final = (
    "Wilson, E. B. (1927). Probable inference, the law of succession, and statistical inference. JASA 22(158)."
)
CALIBRATION: Final = "Naeini, M. P., Cooper, G. F. & Hauskrecht, M. (2015). Obtaining well calibrated probabilities using Bayesian binning. AAAI."  # noqa: E501
LIGHTGBM: Final = "Ke, G. et al. (2017). LightGBM: a highly efficient gradient boosting decision tree. NeurIPS 30."
PERMUTATION: Final = "Breiman, L. (2001). Random forests. Machine Learning 45(1)."
DELONG: Final = "DeLong, E. R., DeLong, D. M. & Clarke-Pearson, D. L. (1988). Comparing the areas under two or more correlated receiver operating characteristic curves: a nonparametric approach. Biometrics 44(3)."  # noqa: E501


def split_finding(evaluation: ChurnEvaluation, split: SplitEvaluation) -> Finding:
    """Say how well leaving was predicted."""
    best, base = split.best, next(row for row in split.predictors if row.predictor == RECENCY)
    windows = f"{Span.of(evaluation.known_for).words} known, {Span.of(evaluation.outcome_for).words} of outcome"
    says = (
        f"{split.listeners:,} listeners known on {evaluation.day} ({windows});"
        f" {split.churn_rate:.1%} left. Best: {best.predictor}, AUC {best.auc}; the day last seen"
        f" alone: {base.auc}. Learned {split.trained_on}."
    )
    title = f"Prediction at {evaluation.day}, {windows}: {split.name}"
    figures = [*_roc(split), *_calibration(split), *_importance(split)]
    references = (BOOTSTRAP, MANN_WHITNEY, WILSON, CALIBRATION, LIGHTGBM, PERMUTATION, DELONG)
    return Finding(title, f"{says} {evaluation.note}".strip(), (*_metrics(split), *figures), references)


def _metrics(split: SplitEvaluation) -> tuple[Table, ...]:
    others = list(dict.fromkeys(other for row in split.predictors for other in row.auc_gain))
    ranking = tuple(
        (row.predictor, *_cells(row, "auc", "pr_auc", "lift"), *(_brief(row.auc_gain.get(other)) for other in others))
        for row in split.predictors
    )
    models = [row for row in split.predictors if row.calibration]
    rows = tuple(
        (row.predictor, *_cells(row, "brier", "log_loss"), row.calibration.value, row.calibration.by_chance.brief)
        for row in models
        if row.calibration
    )
    at_half = tuple((row.predictor, *_cells(row, "accuracy", "precision", "recall", "f1")) for row in models)
    trained = tuple(
        (row.predictor, *(row.training_metrics.get(name) for name in ("auc", "accuracy", "precision", "recall", "f1")))
        for row in models
    )
    resampled = f"95 % intervals by bootstrap over {split.listeners:,} listeners; 'ahead of' on the same resamples."
    by_chance = "A perfectly calibrated model shows an error too, by chance: the last column."
    by_heart = "On the listeners learned from. What is better here than above was learned by heart."
    ahead = tuple(f"ahead of {other}" for other in others)
    return (
        Table("Ranking", ("predictor", "AUC", "PR-AUC", "lift in the top tenth", *ahead), ranking, resampled),
        Table("Probabilities", ("model", "Brier", "log loss", "calibration error", "by chance"), rows, by_chance),
        Table("At the threshold .5", ("model", "accuracy", "precision", "recall", "F1"), at_half),
        Table("On what was learned", ("model", "AUC", "accuracy", "precision", "recall", "F1"), trained, by_heart),
    )


def _cells(row: PredictorEvaluation, *names: str) -> tuple[Cell, ...]:
    return tuple(_brief(row.metrics.get(name)) for name in names)


def _roc(split: SplitEvaluation) -> list[Figure]:
    def drawn(curves: dict[str, RocCurve], title: str, caption: str) -> Figure:
        shown = list(curves.items())[: len(chart.PALETTE)]
        return Figure(
            title, chart.roc({name: (np.asarray(x), np.asarray(y)) for name, (x, y) in shown}, title=title), caption
        )

    return [
        drawn(dict(split.roc), "ROC curves", f"Of the listeners judged. Learned {split.trained_on}."),
        drawn(dict(split.training_roc), "ROC curves on what was learned", "Of the listeners learned from."),
    ]


def _calibration(split: SplitEvaluation) -> list[Figure]:
    caption = "Tenths of the listeners by probability; bars are 95 % intervals."
    return [
        Figure(f"Calibration of {kind}", chart.calibration(bins, title=f"Calibration of {kind}"), caption)
        for kind, bins in split.calibration.items()
    ]


def _importance(split: SplitEvaluation) -> list[Figure]:
    """Draw what shuffling a feature costs, and its share of the decrease of impurity."""
    figures = []
    for kind, rows in split.importance.items():
        leading = rows[:FEATURES_SHOWN]
        title = f"What {kind} needs to know"
        drawn = chart.bars([row.feature for row in leading], [row.auc_loss for row in leading], title=title)
        figures.append(Figure(title, drawn, "Loss of AUC if a feature is shuffled, with 95 % intervals over rows."))
        by_share = sorted((row for row in rows if row.share is not None), key=lambda row: -(row.share or 0))
        if shown := by_share[:FEATURES_SHOWN]:
            title = f"What {kind} looks at"
            drawn = chart.bars([row.feature for row in shown], [row.share or 0 for row in shown], title=title)
            caption = "Share of the decrease of impurity; of a logistic regression, of the sizes of its coefficients."
            figures.append(Figure(title, drawn, caption))
    return figures


def _brief(estimate: Estimate | None) -> str | None:
    return estimate.brief if estimate else None

"""Ours: trees, a logistic regression and the visit HMM, added on the log-odds, weighed on listeners held out.

Each member is good where another is not: the HMM knows what a silence means for whom, trees find what depends on
what, and the regression holds where there are few listeners. A sum of log-odds keeps reasons exact, and weights fitted
to listeners whom the members did not see keep probabilities honest (Wolpert 1992; Platt 1999).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from counterpoint.churn.feature_catalogue import HMM_PROBABILITY, HMM_SILENCE_ODDS
from counterpoint.churn.models.boosted import Boosted, BoostedKind
from counterpoint.churn.models.logistic import Logistic, LogisticKind
from counterpoint.churn.models.protocol import Shares, as_shares, sigmoid
from counterpoint.churn.training_set import FOLDS, MIN_LISTENERS, Examples, Labels, Matrix
from counterpoint.errors import CounterpointError

MAX_WEIGHING_ROWS: Final = (
    100_000  # examples: as many are enough to weigh the members on, and one fold of them to hold out
)
IMPORTANCE_ROWS: Final = 10_000  # examples that the importances are taken on

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Blend:
    """Members and their weights; `hmm_columns` are those of the visit HMM, `hmm_means` their means in log-odds."""

    trees: Boosted
    regression: Logistic
    weights: tuple[float, ...]
    constant: float
    hmm_columns: tuple[int, ...]
    hmm_means: tuple[float, ...]
    importance: Shares

    def probability(self, x: Matrix) -> Floats:
        """Return P(churn), float64[n], of x, float64[n, features]."""
        return sigmoid(
            _members(self.trees, self.regression, x, self.hmm_columns, self.hmm_means) @ self.weights + self.constant
        )

    def contributions(self, x: Matrix) -> Matrix:
        """Return what each feature adds to the log-odds, float64[n, features]: the members' own, by their weights."""
        by_trees, by_regression, *by_hmm = self.weights
        total = by_trees * self.trees.contributions(x) + by_regression * self.regression.contributions(x)
        if self.hmm_columns:
            total[:, list(self.hmm_columns)] += by_hmm[0] * _hmm_terms(x, self.hmm_columns, self.hmm_means)
        return total


@dataclass(frozen=True)
class BlendKind:
    """Trees, regression and visit HMM together: the default."""

    def fit(self, examples: Examples, *, seed: int) -> Blend:
        """Learn the weights on listeners held out, then the members from everybody."""
        hmm_columns = _hmm_columns(examples)
        hmm_means = tuple(_hmm_terms(examples.x, hmm_columns, (0.0,) * len(hmm_columns)).mean(axis=0).tolist())
        weights, constant = _fit_weights(examples, hmm_columns, hmm_means, seed)
        trees, regression = BoostedKind().fit(examples, seed=seed), LogisticKind().fit(examples, seed=seed)
        blend = Blend(trees, regression, weights, constant, hmm_columns, hmm_means, np.zeros(len(examples.names)))
        sample = examples.x[:: max(1, len(examples) // IMPORTANCE_ROWS)]
        magnitudes = np.abs(blend.contributions(sample)).mean(axis=0)
        return Blend(trees, regression, weights, constant, hmm_columns, hmm_means, as_shares(magnitudes))


def _hmm_columns(examples: Examples) -> tuple[int, ...]:
    """Return the columns of the visit HMM, if both are there and everybody has a chance and odds."""
    if not {HMM_PROBABILITY, HMM_SILENCE_ODDS} <= set(examples.names):
        return ()
    hmm_columns = tuple(examples.names.index(name) for name in (HMM_PROBABILITY, HMM_SILENCE_ODDS))
    probability, odds = (examples.x[:, place] for place in hmm_columns)
    return hmm_columns if ((probability > 0) & (probability < 1) & (odds > 0)).all() else ()


def _fit_weights(
    examples: Examples, hmm_columns: tuple[int, ...], hmm_means: tuple[float, ...], seed: int
) -> tuple[tuple[float, ...], float]:
    """Return the members' weights and the constant, fitted to listeners whom the members did not learn from.

    Of too few listeners to hold any out, the members count alike.
    """
    inner = examples.bucket // FOLDS % FOLDS
    folds = range(1) if len(examples) >= MAX_WEIGHING_ROWS else range(FOLDS)
    member_log_odds, y = [], []
    for fold in folds:
        past, held = (examples.rows(_thinned(np.flatnonzero(rows))) for rows in (inner != fold, inner == fold))
        if len(past) < MIN_LISTENERS or len(np.unique(past.y)) < 2 or not len(held):
            continue
        trees, regression = BoostedKind().fit(past, seed=seed), LogisticKind().fit(past, seed=seed)
        member_log_odds.append(_members(trees, regression, held.x, hmm_columns, hmm_means))
        y.append(held.y)
    members = 2 + bool(hmm_columns)
    if not member_log_odds or len(np.unique(np.concatenate(y))) < 2:
        return (1 / members,) * members, 0.0
    return _stack(np.concatenate(member_log_odds), np.concatenate(y))


def _thinned(rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the rows, of very many a regular part."""
    return rows[:: -(-len(rows) // MAX_WEIGHING_ROWS)] if len(rows) else rows


def _stack(member_log_odds: Matrix, y: Labels) -> tuple[tuple[float, ...], float]:
    """Return the weights, none below 0 (Breiman 1996), and the constant that fit best.

    A member whose weight would be negative speaks against itself; it is left out, and the others are weighed again.
    """
    weights, kept = np.zeros(member_log_odds.shape[1]), list(range(member_log_odds.shape[1]))
    while kept:
        fitted = LogisticRegression(C=1.0, tol=1e-8, max_iter=1000).fit(member_log_odds[:, kept], y)
        worst = int(fitted.coef_[0].argmin())
        if fitted.coef_[0][worst] >= 0:
            weights[kept] = fitted.coef_[0]
            return tuple(weights.tolist()), float(fitted.intercept_[0])
        kept.pop(worst)
    return tuple(weights.tolist()), float(np.log(y.mean() / (1 - y.mean())))


def _members(
    trees: Boosted, regression: Logistic, x: Matrix, hmm_columns: tuple[int, ...], hmm_means: tuple[float, ...]
) -> Matrix:
    """Return the log-odds of trees, regression and (where it is known) visit HMM, float64[n, members]."""
    columns = [trees.log_odds(x), regression.log_odds(x)]
    return np.column_stack([*columns, *([_hmm_terms(x, hmm_columns, hmm_means).sum(axis=1)] if hmm_columns else [])])


def _hmm_terms(x: Matrix, hmm_columns: tuple[int, ...], hmm_means: tuple[float, ...]) -> Matrix:
    """Return the log-odds predicted on the last visit, and what the silence since has added, beside what is usual."""
    if not hmm_columns:
        return np.zeros((len(x), 0))
    probability, odds = (x[:, place] for place in hmm_columns)
    if not ((probability > 0) & (probability < 1) & (odds > 0)).all():
        raise CounterpointError(
            f"{HMM_PROBABILITY} is a chance within (0, 1) and {HMM_SILENCE_ODDS} are odds above 0, of everybody"
        )
    return np.asarray(np.column_stack([np.log(probability / (1 - probability)), np.log(odds)]) - np.array(hmm_means))

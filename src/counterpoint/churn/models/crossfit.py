"""Nobody is scored by a model that saw them: one model for each fold of listeners, and one of everybody."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from counterpoint.churn.models.protocol import FittedModel, ModelKind
from counterpoint.churn.training_set import FOLDS, Examples, Matrix


@dataclass(frozen=True)
class CrossFitted:
    """One model that learned from everybody, and one a fold that never saw the listeners of that fold.

    A listener's fold is bucket % 5. Whoever was learned from is scored by the model that did not see them.
    """

    whole: FittedModel
    folds: tuple[FittedModel, ...]

    @property
    def parts(self) -> tuple[FittedModel, ...]:
        """The whole, then the folds."""
        return (self.whole, *self.folds)

    def out_of_fold(self, x: Matrix, fold: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return each listener's probability by the model that did not see them."""
        probability = np.empty(len(x))
        for rows, model in self._by_fold(fold):
            probability[rows] = model.probability(x[rows])
        return probability

    def out_of_fold_contributions(self, x: Matrix, fold: NDArray[np.int64]) -> Matrix:
        """Return each listener's contributions by the model that did not see them."""
        contributions = np.empty_like(x)
        for rows, model in self._by_fold(fold):
            contributions[rows] = model.contributions(x[rows])
        return contributions

    def _by_fold(self, fold: NDArray[np.int64]) -> list[tuple[NDArray[np.bool_], FittedModel]]:
        masks = [(fold == number, model) for number, model in enumerate(self.folds)]
        return [(mask, model) for mask, model in masks if mask.any()]


def cross_fit(kind: ModelKind, examples: Examples, *, seed: int) -> CrossFitted:
    """Fit a kind of model to everybody, and once without each fold.

    Raises
    ------
    CounterpointError
        With fewer than 50 listeners in some training set, all of one class, or no feature known of anybody.
    """
    training_sets = [examples, *(examples.rows(examples.fold != fold) for fold in range(FOLDS))]
    for training_set in training_sets:
        training_set.check()
    whole, *folds = (kind.fit(training_set, seed=seed) for training_set in training_sets)
    return CrossFitted(whole, tuple(folds))


def fit_whole(kind: ModelKind, examples: Examples, *, seed: int) -> FittedModel:
    """Fit a kind of model to all rows; raises CounterpointError as `cross_fit` does."""
    examples.check()
    return kind.fit(examples, seed=seed)

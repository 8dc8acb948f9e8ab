"""Nobody is scored by a model that saw them: one model for each fold of listeners, and one of everybody."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from counterpoint.churn.models.protocol import Fitted, Kind
from counterpoint.churn.training_set import FOLDS, Examples, Matrix


@dataclass(frozen=True)
class CrossFitted:
    """One model that learned from everybody, and one a fold that never saw the listeners of that fold.

    A listener's fold is bucket % 5. Whoever was learned from is scored by the model that did not see them.
    """

    whole: Fitted
    folds: tuple[Fitted, ...]

    @property
    def parts(self) -> tuple[Fitted, ...]:
        """The whole, then the folds."""
        return (self.whole, *self.folds)

    def out_of_fold(self, x: Matrix, fold: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return each listener's probability by the model that did not see them."""
        found = np.empty(len(x))
        for here, model in self._own(fold):
            found[here] = model.probability(x[here])
        return found

    def out_of_fold_contributions(self, x: Matrix, fold: NDArray[np.int64]) -> Matrix:
        """Return each listener's contributions by the model that did not see them."""
        found = np.empty_like(x)
        for here, model in self._own(fold):
            found[here] = model.contributions(x[here])
        return found

    def _own(self, fold: NDArray[np.int64]) -> list[tuple[NDArray[np.bool_], Fitted]]:
        own = [(fold == at, model) for at, model in enumerate(self.folds)]
        return [(here, model) for here, model in own if here.any()]


def cross_fit(kind: Kind, examples: Examples, *, seed: int) -> CrossFitted:
    """Fit a kind of model to everybody, and once without each fold.

    Raises
    ------
    CounterpointError
        With fewer than 50 listeners in some training set, all of one class, or no feature known of anybody.
    """
    sets = [examples, *(examples.rows(examples.fold != fold) for fold in range(FOLDS))]
    whole, *folds = (fit_whole(kind, some, seed=seed) for some in sets)
    return CrossFitted(whole, tuple(folds))


def fit_whole(kind: Kind, examples: Examples, *, seed: int) -> Fitted:
    """Fit a kind of model to all rows; raises CounterpointError as `cross_fit` does."""
    examples.check()
    return kind.fit(examples, seed=seed)

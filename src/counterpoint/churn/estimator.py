"""Tables of your own: the same models and the same evaluation, with the habits of scikit-learn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from counterpoint.churn.model_comparison import (
    ComparisonSettings,
    SplitEvaluation,
    evaluate_later,
    evaluate_out_of_fold,
)
from counterpoint.churn.models.crossfit import fit_whole
from counterpoint.churn.models.protocol import FittedModel, ModelKind
from counterpoint.churn.models.registry import DEFAULT_MODEL, FITTED_MODELS, model_kind
from counterpoint.churn.models.sklearn_adapter import SklearnKind
from counterpoint.churn.training_set import Examples, examples_from_table, feature_matrix
from counterpoint.errors import CounterpointError
from counterpoint.rng import check_seed
from counterpoint.stats.labels import Score
from counterpoint.storage.results import load_folder, save_new_folder

DEFAULT_MODELS: Final = (DEFAULT_MODEL, "logistic")


@dataclass(frozen=True)
class BootstrapSettings:
    """How intervals are drawn: from so many resamples of the listeners; `rng` seeds these and the models."""

    rng: int = 0
    resamples: int = 1000


DEFAULT_BOOTSTRAP: Final = BootstrapSettings()


@dataclass(frozen=True)
class SavedModel:
    """What a folder holds of a `ChurnModel`."""

    kind: str
    seed: int
    features: tuple[str, ...]
    fitted: FittedModel


class ChurnModel:
    """A model of who leaves, for any table that exports Arrow (polars, pandas, pyarrow, DuckDB).

    `kind` is one of counterpoint's kinds of model. What is null is missing, and stays so.

    >>> rng = np.random.default_rng(1)
    >>> idle = rng.integers(0, 30, 400)
    >>> table = pl.DataFrame({"idle": idle, "left": idle > rng.integers(0, 30, 400)})
    >>> model = ChurnModel("logistic").fit(table, label="left")
    >>> model.predict_proba(table.select("idle"))[:, 1].round(1)[idle.argmax()]
    np.float64(0.8)
    """

    def __init__(self, kind: str = DEFAULT_MODEL, *, rng: int = 0) -> None:
        self._model_kind: ModelKind = model_kind(kind)
        self.kind, self.seed = kind, check_seed(rng)
        self.features: tuple[str, ...] = ()
        self._model: FittedModel | None = None

    def fit(self, table: Any, *, label: str, listener: str | None = None) -> Self:
        """Learn from a table: the column `label` says who left, `listener` whose row it is, all others are features.

        Raises
        ------
        CounterpointError
            If a column is missing or holds no numbers, or nothing can be learned from the rows.
        """
        examples = examples_from_table(table, label=label, listener=listener)
        self._model, self.features = fit_whole(self._model_kind, examples, seed=self.seed), examples.names
        return self

    def predict_proba(self, table: Any) -> NDArray[np.float64]:
        """Return the probabilities to stay and to leave, float64[rows, 2]; the columns must be the features."""
        left = self._fitted.probability(feature_matrix(table, self.features))
        return np.column_stack([1 - left, left])

    def contributions(self, table: Any) -> pl.DataFrame:
        """Return what each feature adds to the model's sum, a column a feature: exact, with a constant left out."""
        contributions = self._fitted.contributions(feature_matrix(table, self.features))
        return pl.DataFrame(contributions, schema=list(self.features))

    def save(self, folder: Path) -> None:
        """Write the model to a new folder, whole or not at all, without pickle."""
        save_new_folder(SavedModel(self.kind, self.seed, self.features, self._fitted), folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; refuse it if anything in it is not what it should be."""
        saved = load_folder(SavedModel, folder, among=FITTED_MODELS)
        model = cls(saved.kind, rng=saved.seed)
        model._model, model.features = saved.fitted, saved.features
        return model

    @property
    def _fitted(self) -> FittedModel:
        if self._model is None:
            raise CounterpointError("the model has learned nothing yet: call fit first")
        return self._model


def evaluate_table(  # noqa: PLR0913  all but two are options
    table: Any,
    *,
    label: str,
    listener: str | None = None,
    later: Any = None,
    models: Sequence[str] | Mapping[str, Any] = DEFAULT_MODELS,
    scores: Mapping[str, Score] | None = None,
    bootstrap: BootstrapSettings = DEFAULT_BOOTSTRAP,
) -> SplitEvaluation:
    """Judge models on a table of your own: out of fold, or learned from it and judged on the `later` one.

    `models` names counterpoint's kinds, or holds classifiers of your own (`fit`, `predict_proba`), by name. `scores`
    holds numbers that rank the judged rows without learning, higher = likelier to leave, to be beaten. Differences are
    paired, against the first model and the first of `scores`; intervals resample listeners, with all their rows.

    Raises
    ------
    CounterpointError
        If a column is missing or holds no numbers, or nothing can be learned or judged.
    """
    kinds = _kinds_of(models)
    if not kinds:
        raise CounterpointError("name a model or more to judge")
    plain_scores = {name: np.asarray(score) for name, score in (scores or {}).items()}
    if twice := [name for name in plain_scores if name in kinds]:
        raise CounterpointError(f"{twice[0]!r} names both a model and a score: give one of them another name")
    baselines = (next(iter(kinds)), *list(plain_scores)[:1])
    settings = ComparisonSettings(baselines, check_seed(bootstrap.rng), bootstrap.resamples)
    past = examples_from_table(table, label=label, listener=listener)
    if later is None:
        return evaluate_out_of_fold(past, kinds, plain_scores, settings)
    test = _in_order_of(past, examples_from_table(later, label=label, listener=listener))
    return evaluate_later(past, test, kinds, plain_scores, settings)


def _in_order_of(past: Examples, test: Examples) -> Examples:
    """Return the later examples with their features in the order of the earlier ones."""
    if test.names == past.names:
        return test
    x = feature_matrix(pl.DataFrame(test.x, schema=list(test.names)), past.names)
    return replace(test, x=x, names=past.names)


def _kinds_of(models: Sequence[str] | Mapping[str, Any]) -> dict[str, ModelKind]:
    if not isinstance(models, Mapping):
        return {name: model_kind(name) for name in models}
    return {name: model_kind(model) if isinstance(model, str) else SklearnKind(model) for name, model in models.items()}

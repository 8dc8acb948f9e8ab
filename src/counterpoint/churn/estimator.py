"""Tables of your own: the same models and the same judging, with the habits of scikit-learn."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from counterpoint.churn.models.crossfit import fit_whole
from counterpoint.churn.models.protocol import Fitted, Kind
from counterpoint.churn.models.registry import KINDS, OURS, kind_named
from counterpoint.churn.models.sklearn_adapter import ForeignKind
from counterpoint.churn.out_of_fold import Rules, Split, judge_later, judge_out_of_fold
from counterpoint.churn.training_set import examples, numbers
from counterpoint.errors import CounterpointError
from counterpoint.rng import check_seed
from counterpoint.stats.labels import Score
from counterpoint.storage.commit import make_folder, replace_file

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
FITTED: Final = "model"


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

    def __init__(self, kind: str = OURS, *, seed: int = 0) -> None:
        self._how: Kind = kind_named(kind)
        self.kind, self.seed = kind, check_seed(seed)
        self.features: tuple[str, ...] = ()
        self._fitted: Fitted | None = None

    def fit(self, table: Any, *, label: str, listener: str | None = None) -> Self:
        """Learn from a table: the column `label` says who left, `listener` whose row it is, all others are features.

        Raises
        ------
        CounterpointError
            If a column is missing or holds no numbers, or nothing can be learned from the rows.
        """
        learned = examples(table, label=label, listener=listener)
        self._fitted, self.features = fit_whole(self._how, learned, seed=self.seed), learned.names
        return self

    def predict_proba(self, table: Any) -> NDArray[np.float64]:
        """Return the probabilities to stay and to leave, float64[rows, 2]; the columns must be the features."""
        left = self._learned.probability(numbers(table, self.features))
        return np.column_stack([1 - left, left])

    def contributions(self, table: Any) -> pl.DataFrame:
        """Return what each feature adds to the model's sum, a column a feature: exact, with a constant left out."""
        found = self._learned.contributions(numbers(table, self.features))
        return pl.DataFrame(found, schema=list(self.features))

    def save(self, folder: Path) -> None:
        """Write the model to a new or empty folder, without pickle, with the SHA-256 of what it is made of."""
        content = self._learned.content()
        about = {"format": FORMAT, "kind": self.kind, "seed": self.seed, "features": list(self.features)}
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise CounterpointError(f"{folder} is not an empty folder: name a new or an empty one")
        make_folder(folder)
        replace_file(folder / FITTED, content)
        # The manifest comes last: a folder without one holds no model.
        manifest = {"about": about, "sha256": _digest(about, content)}
        replace_file(folder / MANIFEST, json.dumps(manifest, indent=1).encode())

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; refuse it if anything in it differs."""
        try:
            manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_bytes())
            content = (folder / FITTED).read_bytes()
            about, told = manifest["about"], manifest["sha256"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CounterpointError(f"{folder} holds no churn model: {error}") from error
        if told != _digest(about, content):
            raise CounterpointError(f"{folder} is damaged: the SHA-256 of the model is not the one in {MANIFEST}")
        if about["format"] != FORMAT:
            raise CounterpointError(f"{folder} has format {about['format']}; this version reads format {FORMAT}")
        model = cls(about["kind"], seed=about["seed"])
        model._fitted, model.features = KINDS[about["kind"]].read(content), tuple(about["features"])
        return model

    @property
    def _learned(self) -> Fitted:
        if self._fitted is None:
            raise CounterpointError("the model has learned nothing yet: call fit first")
        return self._fitted


def _digest(about: dict[str, Any], content: bytes) -> str:
    return sha256(json.dumps(about, sort_keys=True).encode() + content).hexdigest()


def judge_table(  # noqa: PLR0913  all but two are options
    table: Any,
    *,
    label: str,
    listener: str | None = None,
    later: Any = None,
    models: Sequence[str] | Mapping[str, Any] = (OURS, "logistic"),
    scores: Mapping[str, Score] | None = None,
    seed: int = 0,
    resamples: int = 1000,
) -> Split:
    """Judge models on a table of your own: out of fold, or learned from it and judged on the `later` one.

    `models` names counterpoint's kinds, or holds classifiers of your own (`fit`, `predict_proba`), by name. `scores`
    holds numbers that rank the judged rows without learning, higher = likelier to leave, to be beaten. Differences are
    paired, against the first model and the first of `scores`; intervals resample listeners, with all their rows.

    Raises
    ------
    CounterpointError
        If a column is missing or holds no numbers, or nothing can be learned or judged.
    """
    kinds = {name: kind_named(name) for name in models} if not isinstance(models, Mapping) else _foreign(models)
    if not kinds:
        raise CounterpointError("name a model or more to judge")
    plain = {name: np.asarray(score) for name, score in (scores or {}).items()}
    if twice := [name for name in plain if name in kinds]:
        raise CounterpointError(f"{twice[0]!r} names both a model and a score: give one of them another name")
    rules = Rules((next(iter(kinds)), *list(plain)[:1]), check_seed(seed), resamples)
    past = examples(table, label=label, listener=listener)
    if later is None:
        return judge_out_of_fold(past, kinds, plain, rules)
    judged = examples(later, label=label, listener=listener)
    if judged.names != past.names:
        x = numbers(pl.DataFrame(judged.x, schema=list(judged.names)), past.names)
        judged = replace(judged, x=x, names=past.names)
    return judge_later(past, judged, kinds, plain, rules)


def _foreign(models: Mapping[str, Any]) -> dict[str, Kind]:
    return {name: kind_named(made) if isinstance(made, str) else ForeignKind(made) for name, made in models.items()}

"""Ours: trees, a logistic regression and the rhythm of visits, added on the log-odds, weighed on listeners held out.

Each member is good where another is not: the rhythm knows what a silence means for whom, trees find what depends on
what, and the regression holds where there are few listeners. A sum of log-odds keeps reasons exact, and weights fitted
to listeners whom the members did not see keep probabilities honest (Wolpert 1992; Platt 1999).
"""

import json
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from counterpoint.churn.features import FORETOLD, SINCE
from counterpoint.churn.models.boosted import Boosted, BoostedKind
from counterpoint.churn.models.logistic import Logistic, LogisticKind
from counterpoint.churn.models.protocol import Shares, logistic, shares
from counterpoint.churn.training_set import FEWEST, FOLDS, Examples, Labels, Matrix
from counterpoint.errors import CounterpointError

MANY: Final = 100_000  # examples: as many are enough to weigh the members on, and one fold of them to hold out
MEASURED: Final = 10_000  # examples that the importances are taken on

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Blend:
    """Members and their weights; `places` are the columns of the rhythm, `usual` their means in log-odds."""

    trees: Boosted
    regression: Logistic
    weights: tuple[float, ...]
    constant: float
    places: tuple[int, ...]
    usual: tuple[float, ...]
    importance: Shares

    def probability(self, x: Matrix) -> Floats:
        """Return P(churn), float64[n], of x, float64[n, features]."""
        return logistic(
            _members(self.trees, self.regression, x, self.places, self.usual) @ self.weights + self.constant
        )

    def contributions(self, x: Matrix) -> Matrix:
        """Return what each feature adds to the log-odds, float64[n, features]: the members' own, by their weights."""
        by_trees, by_regression, *by_rhythm = self.weights
        found = by_trees * self.trees.contributions(x) + by_regression * self.regression.contributions(x)
        if self.places:
            found[:, list(self.places)] += by_rhythm[0] * _rhythm(x, self.places, self.usual)
        return found

    def content(self) -> bytes:
        """Return the model as JSON, with LightGBM's text in it."""
        held = {
            "trees": self.trees.content().decode(),
            "regression": asdict(self.regression),
            "importance": self.importance.tolist(),
            **{name: getattr(self, name) for name in ("weights", "constant", "places", "usual")},
        }
        return json.dumps(held).encode()


@dataclass(frozen=True)
class BlendKind:
    """Our best."""

    def fit(self, examples: Examples, *, seed: int) -> Blend:
        """Learn the weights on listeners held out, then the members from everybody."""
        places = _places(examples)
        usual = tuple(_rhythm(examples.x, places, (0.0,) * len(places)).mean(axis=0).tolist())
        weights, constant = _weighed(examples, places, usual, seed)
        trees, regression = BoostedKind().fit(examples, seed=seed), LogisticKind().fit(examples, seed=seed)
        made = Blend(trees, regression, weights, constant, places, usual, np.zeros(len(examples.names)))
        some = examples.x[:: max(1, len(examples) // MEASURED)]
        sizes = np.abs(made.contributions(some)).mean(axis=0)
        return Blend(trees, regression, weights, constant, places, usual, shares(sizes))

    def read(self, content: bytes) -> Blend:
        """Read what `Blend.content` returned."""
        made: dict[str, Any] = json.loads(content)
        return Blend(
            trees=BoostedKind().read(made["trees"].encode()),
            regression=LogisticKind().read(json.dumps(made["regression"]).encode()),
            importance=np.array(made["importance"]),
            constant=made["constant"],
            **{name: tuple(made[name]) for name in ("weights", "places", "usual")},
        )


def _places(examples: Examples) -> tuple[int, ...]:
    """Return the columns of the rhythm, if both are there and everybody has a chance and odds."""
    if not {FORETOLD, SINCE} <= set(examples.names):
        return ()
    places = tuple(examples.names.index(name) for name in (FORETOLD, SINCE))
    foretold, since = (examples.x[:, place] for place in places)
    return places if ((foretold > 0) & (foretold < 1) & (since > 0)).all() else ()


def _weighed(
    examples: Examples, places: tuple[int, ...], usual: tuple[float, ...], seed: int
) -> tuple[tuple[float, ...], float]:
    """Return the members' weights and the constant, fitted to listeners whom the members did not learn from.

    Of too few listeners to hold any out, the members count alike.
    """
    inner = examples.bucket // FOLDS % FOLDS
    folds = range(1) if len(examples) >= MANY else range(FOLDS)
    said, y = [], []
    for fold in folds:
        past, held = (examples.rows(_some(np.flatnonzero(rows))) for rows in (inner != fold, inner == fold))
        if len(past) < FEWEST or len(np.unique(past.y)) < 2 or not len(held):
            continue
        trees, regression = BoostedKind().fit(past, seed=seed), LogisticKind().fit(past, seed=seed)
        said.append(_members(trees, regression, held.x, places, usual))
        y.append(held.y)
    members = 2 + bool(places)
    if not said or len(np.unique(np.concatenate(y))) < 2:
        return (1 / members,) * members, 0.0
    return _stacked(np.concatenate(said), np.concatenate(y))


def _some(rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the rows, of very many a regular part."""
    return rows[:: -(-len(rows) // MANY)] if len(rows) else rows


def _stacked(said: Matrix, y: Labels) -> tuple[tuple[float, ...], float]:
    """Return the weights, none below 0 (Breiman 1996), and the constant that fit best.

    A member whose weight would be negative speaks against itself; it is left out, and the others are weighed again.
    """
    weights, kept = np.zeros(said.shape[1]), list(range(said.shape[1]))
    while kept:
        fitted = LogisticRegression(C=1.0, tol=1e-8, max_iter=1000).fit(said[:, kept], y)
        worst = int(fitted.coef_[0].argmin())
        if fitted.coef_[0][worst] >= 0:
            weights[kept] = fitted.coef_[0]
            return tuple(weights.tolist()), float(fitted.intercept_[0])
        kept.pop(worst)
    return tuple(weights.tolist()), float(np.log(y.mean() / (1 - y.mean())))


def _members(
    trees: Boosted, regression: Logistic, x: Matrix, places: tuple[int, ...], usual: tuple[float, ...]
) -> Matrix:
    """Return the log-odds of trees, regression and (where it is known) rhythm, float64[n, members]."""
    columns = [trees.log_odds(x), regression.log_odds(x)]
    return np.column_stack([*columns, *([_rhythm(x, places, usual).sum(axis=1)] if places else [])])


def _rhythm(x: Matrix, places: tuple[int, ...], usual: tuple[float, ...]) -> Matrix:
    """Return the log-odds foretold on the last visit, and what the silence since has added, beside what is usual."""
    if not places:
        return np.zeros((len(x), 0))
    foretold, since = (x[:, place] for place in places)
    if not ((foretold > 0) & (foretold < 1) & (since > 0)).all():
        raise CounterpointError(f"{FORETOLD} is a chance within (0, 1) and {SINCE} are odds above 0, of everybody")
    return np.asarray(np.column_stack([np.log(foretold / (1 - foretold)), np.log(since)]) - np.array(usual))

"""The churn report's trees (random forests, gradient boosting), grown by scikit-learn, kept and walked as plain arrays.

Arrays hold nothing that could run: no pickle, and no foreign node numbers handed to compiled code.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.tree import BaseDecisionTree

from counterpoint.churn.models.protocol import Shares, sigmoid
from counterpoint.churn.training_set import FOLDS, Examples, Matrix
from counterpoint.errors import CounterpointError

FOREST_GRID: Final[Mapping[str, list[int]]] = {
    "n_estimators": [100, 200],
    "max_depth": [15, 20, 25],
    "min_samples_leaf": [2, 10, 20],
}
NO_CHILD: Final = -1  # the child of a leaf


@dataclass(frozen=True, eq=False)
class Forest:
    """Trees one after another, each from its root on; a node's children come after it.

    left, right : int64[nodes], the children's places; NO_CHILD of a leaf
    feature     : int64[nodes], the column that a node asks for; threshold : float64[nodes], to the left if <=
    value       : float64[nodes], the mean of the leaves below a node, by the examples that fell into them
    roots       : int64[trees]
    with_missing: int64[k], the features that have an indicator of their absence; it stands after all features
    constant    : float64[1], added to the sum over trees
    is_log_odds : bool[1], whether that sum is log-odds or a probability
    importance  : float64[features], shares of the decrease of impurity
    """

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    feature: NDArray[np.int64]
    threshold: NDArray[np.float64]
    value: NDArray[np.float64]
    roots: NDArray[np.int64]
    with_missing: NDArray[np.int64]
    constant: NDArray[np.float64]
    is_log_odds: NDArray[np.bool_]
    importance: Shares

    def __post_init__(self) -> None:
        inner = self.left != NO_CHILD
        comes_later = np.minimum(self.left, self.right)[inner] > np.flatnonzero(inner)
        if not comes_later.all() or max(self.left.max(), self.right.max()) >= len(self.left):
            raise CounterpointError("these are no trees: some node's children do not come after it")

    def probability(self, x: Matrix) -> NDArray[np.float64]:
        """Return P(churn), float64[n], of x, float64[n, features]."""
        total = self.constant[0] + self._walk(x, None)
        return sigmoid(total) if self.is_log_odds[0] else np.clip(total, 0, 1)

    def contributions(self, x: Matrix) -> Matrix:
        """Return what each feature adds on a listener's paths, float64[n, features] (Palczewska et al. 2013)."""
        steps = np.zeros((len(x), len(self.importance) + len(self.with_missing)))
        self._walk(x, steps)
        for i, feature in enumerate(self.with_missing.tolist()):
            steps[:, feature] += steps[:, len(self.importance) + i]
        return steps[:, : len(self.importance)]

    def _walk(self, x: Matrix, steps: Matrix | None) -> NDArray[np.float64]:
        """Return the sum of the leaves, float64[n]; add each step's change to the feature it asked for in `steps`."""
        # scikit-learn grows its trees on 32 bits.
        columns = with_indicators(x, self.with_missing).astype(np.float32)
        total = np.zeros(len(x))
        for root in self.roots.tolist():
            rows, node = np.arange(len(x)), np.full(len(x), root)
            while len(rows):
                at_leaf = self.left[node] == NO_CHILD
                total[rows[at_leaf]] += self.value[node[at_leaf]]
                rows, node = rows[~at_leaf], node[~at_leaf]
                feature = self.feature[node]
                goes_left = columns[rows, feature] <= self.threshold[node]
                child = np.where(goes_left, self.left[node], self.right[node])
                if steps is not None:
                    steps[rows, feature] += self.value[child] - self.value[node]
                node = child
        return total


@dataclass(frozen=True)
class ForestKind:
    """A random forest of the churn report."""

    trees: int
    depth: int
    leaf: int

    def fit(self, examples: Examples, *, seed: int) -> Forest:
        """Grow one."""
        return self._grow(examples, seed, {})

    def _grow(self, examples: Examples, seed: int, params: Mapping[str, int]) -> Forest:
        with_missing = _with_missing(examples)
        options = {"n_estimators": self.trees, "max_depth": self.depth, "min_samples_leaf": self.leaf, **params}
        model = RandomForestClassifier(**options, random_state=seed, n_jobs=-1)
        model.fit(with_indicators(examples.x, with_missing), examples.y)
        trees = [(tree, tree.tree_.value[:, 0, 1]) for tree in model.estimators_]
        share = 1 / len(trees)
        return _forest(
            trees,
            examples,
            with_missing,
            share,
            constant=0.0,
            is_log_odds=False,
            importances=model.feature_importances_,
        )


@dataclass(frozen=True)
class SearchedForestKind(ForestKind):
    """The random forest that a grid search finds best by AUC over five folds of whole listeners."""

    def fit(self, examples: Examples, *, seed: int) -> Forest:
        """Search the report's grid, then grow the best."""
        search = GridSearchCV(
            RandomForestClassifier(random_state=seed, n_jobs=-1),
            {name: list(values) for name, values in FOREST_GRID.items()},
            scoring="roc_auc",
            cv=GroupKFold(FOLDS),
            refit=False,
        )
        search.fit(with_indicators(examples.x, _with_missing(examples)), examples.y, groups=examples.bucket)
        return self._grow(examples, seed, search.best_params_)


@dataclass(frozen=True)
class GradientBoostingKind:
    """The churn report's gradient boosting."""

    def fit(self, examples: Examples, *, seed: int) -> Forest:
        """Grow one."""
        with_missing = _with_missing(examples)
        model = GradientBoostingClassifier(
            n_estimators=200, max_depth=3, learning_rate=0.2, subsample=0.8, max_features=0.7, random_state=seed
        ).fit(with_indicators(examples.x, with_missing), examples.y)
        trees = [(tree, tree.tree_.value[:, 0, 0]) for tree in model.estimators_[:, 0]]
        prior = examples.y.mean()
        constant = float(np.log(prior / (1 - prior)))
        return _forest(
            trees,
            examples,
            with_missing,
            0.2,
            constant=constant,
            is_log_odds=True,
            importances=model.feature_importances_,
        )


def with_indicators(x: Matrix, with_missing: NDArray[np.int64]) -> Matrix:
    """Return x with 0 for what is missing, and after it a 0/1 column for each feature that has an indicator."""
    return np.hstack([np.nan_to_num(x, nan=0.0), np.isnan(x[:, with_missing])])


def _with_missing(examples: Examples) -> NDArray[np.int64]:
    return np.flatnonzero(np.isnan(examples.x).any(axis=0))


def _forest(  # noqa: PLR0913  what a forest is made of
    trees: list[tuple[BaseDecisionTree, NDArray[np.float64]]],
    examples: Examples,
    with_missing: NDArray[np.int64],
    share: float,
    *,
    constant: float,
    is_log_odds: bool,
    importances: NDArray[np.float64],
) -> Forest:
    """Join scikit-learn's trees, each counting by `share`; an indicator's importance goes to its feature."""
    grown = [tree.tree_ for tree, _ in trees]
    roots = np.cumsum([0, *(tree.node_count for tree in grown)])
    left, right = (
        np.concatenate(
            [np.where(side == NO_CHILD, NO_CHILD, side + root) for side, root in zip(sides, roots[:-1], strict=True)]
        )
        for sides in ([tree.children_left for tree in grown], [tree.children_right for tree in grown])
    )
    values = [share * _node_means(tree, value) for tree, (_, value) in zip(grown, trees, strict=True)]
    features = examples.x.shape[1]
    importance = importances[:features].copy()
    np.add.at(importance, with_missing, importances[features:])
    return Forest(
        left=left.astype(np.int64),
        right=right.astype(np.int64),
        feature=np.concatenate([tree.feature for tree in grown]).astype(np.int64),
        threshold=np.concatenate([tree.threshold for tree in grown]),
        value=np.concatenate(values),
        roots=roots[:-1].astype(np.int64),
        with_missing=with_missing,
        # Each tree's root is where its paths begin, so the constant needs no share of them.
        constant=np.array([constant]),
        is_log_odds=np.array([is_log_odds]),
        importance=importance,
    )


def _node_means(tree: Any, leaf_value: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each node's mean of the leaves below it, by their examples; children come after their parents."""
    value = leaf_value.astype(np.float64).copy()
    weight = tree.weighted_n_node_samples
    for node in range(tree.node_count - 1, -1, -1):
        left, right = tree.children_left[node], tree.children_right[node]
        if left != NO_CHILD:
            value[node] = (value[left] * weight[left] + value[right] * weight[right]) / (weight[left] + weight[right])
    return value

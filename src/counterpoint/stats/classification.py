"""What a score or a probability is worth against a 0/1 truth: every metric takes weights, so that all can be resampled.

A truth that is all 0 or all 1 is refused; where weights leave no ones, or no zeros, what needs them is nan.
"""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from counterpoint.errors import CounterpointError
from counterpoint.stats.labels import (
    Score,
    Truth,
    Weights,
    check_probabilities,
    check_rows,
    check_two_classes,
    share,
    weights_for,
)

ROC_POINTS = 400
"""A curve of this many points is drawn within half a pixel of the whole one."""


class RocCurve(NamedTuple):
    """Points of the curve from (0, 0) to (1, 1), neither coordinate ever falling."""

    false_positive_rate: NDArray[np.float64]
    true_positive_rate: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RankedTruth:
    """Truth in order of falling score, sorted once: every metric of the ranking is then a few passes over the rows.

    Its methods are statistics for `bootstrap`.

    >>> from counterpoint.stats.intervals import bootstrap
    >>> ranked = RankedTruth.of(np.array([0, 0, 1, 1] * 50), np.array([0.1, 0.4, 0.35, 0.8] * 50))
    >>> print(bootstrap(ranked.auc, np.arange(200), rng=1))
    0.75 [0.67, 0.81] (n = 200)
    """

    cell: NDArray[np.int64]
    """For each row twice its cut (0 is the highest) and, if it is a 0, one more."""
    cuts: int
    """How many there are: a ranking may be cut only between unequal scores."""

    @classmethod
    def of(cls, truth: Truth, score: Score) -> "RankedTruth":
        """Sort once; raises CounterpointError if a row is unsound or only one class is there.

        >>> RankedTruth.of(np.array([0, 1, 1]), np.array([0.2, 0.2, 0.9])).cell
        array([3, 2, 0])
        """
        check_rows(truth, score)
        check_two_classes(truth)
        levels, level = np.unique(score, return_inverse=True)
        return cls(2 * (len(levels) - 1 - level) + (truth == 0), len(levels))

    def coarse(self, cuts: int, *, keep: int = 0) -> "RankedTruth":
        """Return the same ranking with at most `cuts` cuts and two, of as many rows each as can be.

        Neighbours in the ranking then count as equal, but not across the first `keep` cuts: ten thousand cuts of many
        rows move an AUC by less than one in a million, and make a resample several times faster.
        """
        if self.cuts <= cuts:
            return self
        rows = np.bincount(self.cell // 2, minlength=self.cuts)
        group = (np.cumsum(rows) - 1) * cuts // rows.sum()
        group[keep:] += 1
        _, joined = np.unique(group, return_inverse=True)
        return RankedTruth(2 * joined[self.cell // 2] + self.cell % 2, int(joined[-1]) + 1)

    def auc(self, weights: Weights | None = None) -> float:
        """Return the chance that a random 1 outranks a random 0, a tie counting exactly half (Mann and Whitney 1947).

        >>> RankedTruth.of(np.array([0, 1, 1]), np.array([0.2, 0.2, 0.9])).auc()
        0.75
        """
        return _auc(*self.cumulative(weights))

    def lift_at(self, top: float, weights: Weights | None = None) -> float:
        """Return how many times more ones the highest `top` share of the weight holds than a random share would.

        `top` lies within (0, 1]. Of equal scores at the cut a proportional part counts, which is what breaking the
        tie at random gives on average.

        >>> RankedTruth.of(np.array([1, 1, 0, 0]), np.array([0.9, 0.8, 0.2, 0.1])).lift_at(0.25)
        2.0
        """
        if not 0 < top <= 1:
            raise CounterpointError(f"the top share must lie within (0, 1], got {top}")
        return _lift_at(top, *self.cumulative(weights))

    def average_precision(self, weights: Weights | None = None) -> float:
        """Return the area under the precision-recall curve: the mean precision at which a 1 is found.

        >>> RankedTruth.of(np.array([1, 0, 1]), np.array([0.9, 0.8, 0.2])).average_precision()
        0.8333333333333333
        """
        return _average_precision(*self.cumulative(weights))

    def roc(self, weights: Weights | None = None) -> RocCurve:
        """Return at most 400 points of the curve; no point of the whole one is further than 0.005 from those drawn.

        >>> RankedTruth.of(np.array([0, 1]), np.array([0.2, 0.9])).roc().true_positive_rate
        array([0., 1., 1.])
        """
        positives, negatives = self.cumulative(weights)
        if not positives[-1] or not negatives[-1]:
            raise CounterpointError("the weights leave rows of one class only: there is no curve to draw")
        return _thinned(RocCurve(negatives / negatives[-1], positives / positives[-1]))

    def cumulative(self, weights: Weights | None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the weight of ones and of zeros above each possible cut, from the empty cut to the whole."""
        cells = np.bincount(self.cell, weights_for(len(self.cell), weights), minlength=2 * self.cuts)
        sums = np.zeros((2, self.cuts + 1))
        np.cumsum(cells.reshape(-1, 2).T, axis=1, out=sums[:, 1:])
        return sums[0], sums[1]


METRICS = ("auc", "pr_auc", "lift", "accuracy", "precision", "recall", "f1", "brier", "log_loss")
"""What `Scored.measure` returns; the first three are of the ranking alone."""
TOP = 0.1
"""The share that `lift` is of."""
THRESHOLD = 0.5
"""From which probability on a 1 is predicted, where one must decide."""


@dataclass(frozen=True, eq=False)
class Scored:
    """Truth beside one prediction, made ready once, so that one pass over the rows gives every metric of a resample.

    losses : float64[rows, 2], squared error and log loss in the order of the rows; None where it is no probability
    called : how many of the ranked cuts are at or above the threshold

    >>> scored = Scored.of(np.array([0, 0, 1, 1]), np.array([0.1, 0.6, 0.5, 0.8]), is_probability=True)
    >>> dict(zip(METRICS, scored.measure().round(3).tolist()))["precision"]
    0.667
    """

    ranked: RankedTruth
    losses: NDArray[np.float64] | None
    called: int

    @classmethod
    def of(cls, truth: Truth, score: Score, *, is_probability: bool) -> "Scored":
        """Sort once; raises CounterpointError if a row is unsound or only one class is there."""
        ranked = RankedTruth.of(truth, score)
        if not is_probability:
            return cls(ranked, None, 0)
        check_probabilities(truth, score)
        losses = np.column_stack([_squared_error(truth, score), _surprise(truth, score)])
        return cls(ranked, losses, len(np.unique(score[score >= THRESHOLD])))

    def coarse(self, cuts: int) -> "Scored":
        """Return the same with at most `cuts` cuts and two (`RankedTruth.coarse`); the threshold stays one of them."""
        ranked = self.ranked.coarse(cuts, keep=self.called)
        called = self.called and len(np.unique(ranked.cell[self.ranked.cell < 2 * self.called] // 2))
        return replace(self, ranked=ranked, called=called)

    def measure(self, weights: Weights | None = None) -> NDArray[np.float64]:
        """Return the METRICS, float64[9]; nan where one is undefined or asks for a probability."""
        weights = weights_for(len(self.ranked.cell), weights)
        cumulative = self.ranked.cumulative(weights)
        ranking = [_auc(*cumulative), _average_precision(*cumulative), _lift_at(TOP, *cumulative)]
        if self.losses is None:
            return np.array(ranking + [np.nan] * (len(METRICS) - len(ranking)))
        positives, negatives = (side[self.called] for side in cumulative)
        table = Confusion(positives, negatives, cumulative[1][-1] - negatives, cumulative[0][-1] - positives)
        at_threshold = [table.accuracy, table.precision, table.recall, table.f1]
        losses = [share(float(total), float(weights.sum())) for total in weights @ self.losses]
        return np.array([*ranking, *at_threshold, *losses])


@dataclass(frozen=True)
class Confusion:
    """The weight of right and wrong answers at one threshold; a share without a whole is nan.

    >>> Confusion(true_positive=8, false_positive=2, true_negative=6, false_negative=4).recall
    0.6666666666666666
    """

    true_positive: float
    false_positive: float
    true_negative: float
    false_negative: float

    @property
    def accuracy(self) -> float:
        """Share of the answers that were right."""
        right = self.true_positive + self.true_negative
        return share(right, right + self.false_positive + self.false_negative)

    @property
    def precision(self) -> float:
        """Share of those called 1 that were 1."""
        return share(self.true_positive, self.true_positive + self.false_positive)

    @property
    def recall(self) -> float:
        """Share of the ones that were called 1."""
        return share(self.true_positive, self.true_positive + self.false_negative)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return share(2 * self.true_positive, 2 * self.true_positive + self.false_positive + self.false_negative)


def auc(truth: Truth, score: Score, weights: Weights | None = None) -> float:
    """Return the area under the ROC curve, ties counting half; to resample it, sort once with `RankedTruth`.

    >>> auc(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8]))
    0.75
    """
    return RankedTruth.of(truth, score).auc(weights)


def lift_at(truth: Truth, score: Score, top: float, weights: Weights | None = None) -> float:
    """Return how many times more ones the highest `top` share, within (0, 1], holds than a random share would.

    >>> lift_at(np.array([1, 0, 0, 0]), np.array([0.9, 0.8, 0.2, 0.1]), 0.5)
    2.0
    """
    return RankedTruth.of(truth, score).lift_at(top, weights)


def roc_points(truth: Truth, score: Score, weights: Weights | None = None) -> RocCurve:
    """Return the ROC curve, thinned to at most 400 points without changing the picture.

    >>> roc_points(np.array([0, 1]), np.array([0.2, 0.9])).false_positive_rate
    array([0., 0., 1.])
    """
    return RankedTruth.of(truth, score).roc(weights)


def confusion(truth: Truth, probability: Score, threshold: float = 0.5, weights: Weights | None = None) -> Confusion:
    """Count right and wrong answers when a probability of at least `threshold` is called 1.

    >>> confusion(np.array([0, 0, 1, 1]), np.array([0.1, 0.6, 0.5, 0.8])).precision
    0.6666666666666666
    """
    check_probabilities(truth, probability)
    called, weights = probability >= threshold, weights_for(len(truth), weights)
    cells = np.bincount(2 * truth.astype(np.intp) + called, weights, minlength=4)
    true_negative, false_positive, false_negative, true_positive = cells.tolist()
    return Confusion(true_positive, false_positive, true_negative, false_negative)


def brier(truth: Truth, probability: Score, weights: Weights | None = None) -> float:
    """Return the mean squared distance of probability from truth: 0 is perfect (Brier 1950).

    >>> brier(np.array([0, 1]), np.array([0.5, 0.5]))
    0.25
    """
    check_probabilities(truth, probability)
    return _mean(_squared_error(truth, probability), weights)


def log_loss(truth: Truth, probability: Score, weights: Weights | None = None) -> float:
    """Return the mean of -log of the probability given to what happened, in nats: 0 is perfect.

    A probability of exactly 0 or 1 is moved inward by the machine epsilon, as scikit-learn does: certainty that
    turns out wrong costs about 36, not infinity.

    >>> round(log_loss(np.array([0, 1]), np.array([0.5, 0.5])), 4)
    0.6931
    """
    check_probabilities(truth, probability)
    return _mean(_surprise(truth, probability), weights)


def _auc(positives: NDArray[np.float64], negatives: NDArray[np.float64]) -> float:
    # Each run of equal scores is a trapezium: its zeros stand below all ones passed before it and half its own.
    area = np.dot(np.diff(negatives), positives[1:] + positives[:-1]) / 2
    return share(float(area), float(positives[-1] * negatives[-1]))


def _average_precision(positives: NDArray[np.float64], negatives: NDArray[np.float64]) -> float:
    hits, above = np.diff(positives), (positives + negatives)[1:]
    precision = np.divide(positives[1:], above, out=np.zeros_like(above), where=above > 0)
    return share(float(np.dot(hits, precision)), float(positives[-1]))


def _lift_at(top: float, positives: NDArray[np.float64], negatives: NDArray[np.float64]) -> float:
    everyone = positives + negatives
    hits = np.interp(top * everyone[-1], everyone, positives)
    return share(float(hits), float(positives[-1])) / top


def _squared_error(truth: Truth, probability: Score) -> NDArray[np.floating[Any]]:
    return np.asarray((probability - truth) ** 2)


def _surprise(truth: Truth, probability: Score) -> NDArray[np.floating[Any]]:
    given = np.where(truth == 1, probability, 1 - probability)
    epsilon = np.finfo(given.dtype).eps
    return np.asarray(-np.log(np.clip(given, epsilon, 1 - epsilon)))


def _mean(losses: NDArray[np.floating[Any]], weights: Weights | None) -> float:
    weights = weights_for(len(losses), weights)
    return share(float(np.dot(weights, losses)), float(weights.sum()))


def _thinned(curve: RocCurve) -> RocCurve:
    # Both coordinates only rise, so between two kept points the curve stays in their rectangle: evenly spaced
    # steps along the sum of the coordinates (0 to 2) bound how far the drawing can be from it.
    along = curve.false_positive_rate + curve.true_positive_rate
    if len(along) <= ROC_POINTS:
        return curve
    steps = np.linspace(0.0, along[-1], ROC_POINTS)
    kept = np.unique(np.searchsorted(along, steps))
    return RocCurve(curve.false_positive_rate[kept], curve.true_positive_rate[kept])

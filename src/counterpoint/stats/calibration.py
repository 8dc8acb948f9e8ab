"""Of those given 30 %, did 30 % do it? And could a perfect model have looked as wrong by chance?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from counterpoint.errors import CounterpointError
from counterpoint.rng import generator
from counterpoint.stats.intervals import Estimate, wilson
from counterpoint.stats.labels import Score, Truth, check_probabilities

NOISE_DRAWS = 200
"""Perfect models drawn to learn what chance alone shows: the mean is then known to a few percent."""


@dataclass(frozen=True)
class CalibrationBin:
    """Rows of similar probability: what was predicted, beside what happened."""

    mean_probability: float
    observed: Estimate
    count: int


@dataclass(frozen=True)
class Calibration:
    """Bins by rising probability, the expected calibration error, and the error that chance alone would show."""

    bins: tuple[CalibrationBin, ...]
    error: float
    """Mean of |predicted - observed| over the bins, weighted by their counts."""
    expected_noise: Estimate
    """The same error of perfectly calibrated models on these probabilities: their mean and their middle 95 %."""


def calibration_table(
    truth: Truth, probability: Score, *, bins: int = 10, rng: int | np.random.Generator
) -> Calibration:
    """Compare probabilities with outcomes in bins of equal count, and the error with that of a perfect model.

    The expected calibration error (Naeini et al. 2015) is never 0: at n = 250 with 15 bins a perfectly calibrated
    model with evenly spread probabilities shows about .076. So judge `error` against `expected_noise`: 200 outcomes
    drawn with the given probabilities, binned the same way.

    Equal probabilities share a bin, so there may be fewer bins than asked for.

    Raises CounterpointError if a row is unsound or `bins` is not within [1, rows].

    >>> predicted = np.repeat([0.2, 0.8], 500)
    >>> outcome = np.tile([1, 0, 0, 0, 0], 200)
    >>> table = calibration_table(outcome, predicted, bins=2, rng=1)
    >>> [(round(bin.mean_probability, 3), str(bin.observed)) for bin in table.bins]
    [(0.2, '0.200 [0.167, 0.237] (n = 500)'), (0.8, '0.200 [0.167, 0.237] (n = 500)')]
    >>> round(table.error, 3), table.error > table.expected_noise.high
    (0.3, True)
    """
    check_probabilities(truth, probability)
    if not 1 <= bins <= len(truth):
        raise CounterpointError(f"bins must lie within [1, {len(truth):,}], the number of rows, got {bins}")
    order = np.argsort(probability, kind="stable")
    predicted, outcome = probability[order].astype(np.float64), truth[order].astype(np.float64)
    starts = _starts(predicted, bins)
    rows = tuple(
        CalibrationBin(float(part.mean()), wilson(int(hits.sum()), len(hits)), len(hits))
        for part, hits in zip(np.split(predicted, starts[1:]), np.split(outcome, starts[1:]), strict=True)
    )
    return Calibration(rows, _error(predicted, outcome, starts), _noise(predicted, starts, generator(rng)))


def _starts(predicted: NDArray[np.float64], bins: int) -> NDArray[np.intp]:
    """Return the first place of each bin: even cuts, moved to where a run of equal probabilities begins."""
    cuts = np.arange(bins) * len(predicted) // bins
    return np.unique(np.searchsorted(predicted, predicted[cuts]))


def _error(predicted: NDArray[np.float64], outcome: NDArray[np.float64], starts: NDArray[np.intp]) -> float:
    return float(np.abs(np.add.reduceat(predicted - outcome, starts)).sum() / len(predicted))


def _noise(predicted: NDArray[np.float64], starts: NDArray[np.intp], rng: np.random.Generator) -> Estimate:
    draws = [
        _error(predicted, (rng.random(len(predicted)) < predicted).astype(np.float64), starts)
        for _ in range(NOISE_DRAWS)
    ]
    low, high = np.quantile(draws, [0.025, 0.975])
    return Estimate(float(np.mean(draws)), float(low), float(high), len(predicted))

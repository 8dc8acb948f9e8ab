"""How good detectors are: outbreaks whose source is known, seen as the problem has it, by all on the same snapshots."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Final, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from counterpoint.errors import CounterpointError, suggestion
from counterpoint.rng import generator
from counterpoint.stats.intervals import Estimate, bootstrap, paired_difference, wilson
from counterpoint.trace.localization import suspected
from counterpoint.trace.problem import Codes, Problem
from counterpoint.trace.protocol import Detector
from counterpoint.trace.suspects import Suspects, hops_from

Floats = NDArray[np.float64]
TOP: Final = (1, 3, 5)


@dataclass(frozen=True, eq=False)
class DetectorEvaluation:
    """Detectors on snapshots, one row each: n snapshots, d detectors.

    names   : of the detectors
    sources : how many each outbreak had
    reached : int64[n], nodes seen to be reached
    ranks   : int64[n, d], place of the first true source, from 1; one more than there are nodes: ruled out
    recall  : float64[n, d, 3], share of the sources among the first 1, 3 and 5
    source_probability : float64[n, d], the probability given to the true source; of several, the geometric mean. What
              follows is, like this, nan for detectors that give no probabilities
    claimed : float64[n, d, 3], the recall that the probabilities promise
    nominal_coverage : float64[n, d], of the 90 % credible set what it claims to hold
    size    : float64[n, d], the nodes of that set; coverage: what it holds
    hops    : float64[n, d], from the first suspect to the nearest source; nan: no way
    seconds : float64[n, d]
    """

    names: tuple[str, ...]
    sources: int
    reached: NDArray[np.int64]
    ranks: NDArray[np.int64]
    recall: Floats
    source_probability: Floats
    claimed: Floats
    nominal_coverage: Floats
    size: Floats
    coverage: Floats
    hops: Floats
    seconds: Floats

    @classmethod
    def of(cls, rows: Mapping[str, Sequence[Mapping[str, Any]]], sources: int = 1) -> Self:
        """Put together what `evaluate_snapshot` returned, by detector, for the same snapshots in the same order.

        Raises CounterpointError for none, and for detectors with different numbers of snapshots.
        """
        counts = {name: len(each) for name, each in rows.items()}
        if not counts or min(counts.values()) < 1 or len(set(counts.values())) > 1:
            raise CounterpointError(f"detectors are compared on the same snapshots, 1 or more; got {counts}")

        def column(name: str) -> Floats:
            empty = [np.nan] * len(TOP) if name == "claimed" else np.nan
            values = [[empty if row[name] is None else row[name] for row in each] for each in rows.values()]
            return np.swapaxes(np.array(values, np.float64), 0, 1)

        numbers = {
            name: column(name)
            for name in (
                "recall",
                "source_probability",
                "claimed",
                "nominal_coverage",
                "size",
                "coverage",
                "hops",
                "seconds",
            )
        }
        reached = np.array([row["reached"] for row in next(iter(rows.values()))])
        return cls(tuple(rows), sources, reached, column("rank").astype(np.int64), **numbers)

    def table(self, reference: str | None = None, *, rng: int | np.random.Generator = 0) -> pl.DataFrame:
        """Return a row a detector, shares and means with 95 % intervals.

        top1, top3, top5      : share of snapshots with a source among the first (Wilson)
        top1_deficit                : what top1 is less than that of the reference, on the same snapshots (bootstrap)
        recall1, ...          : only with several sources: the share of these among the first
        claimed1, ...         : what the probabilities promise of it, to be compared with it
        hops                  : mean distance of the first suspect from the nearest source
        size                  : of the 90 % credible set: mean number of nodes
        coverage              : how often it holds the source; nominal_coverage: how often it claims to
        bits                  : mean of -log2 of the probability given to the source
        seconds               : median

        reference : a detector; None: the first
        """
        reference = self.names[0] if reference is None else reference
        if reference not in self.names:
            raise CounterpointError(f"no detector {reference!r} was evaluated; {suggestion(reference, self.names)}")
        rng, best = generator(rng), self.ranks[:, self.names.index(reference)] == 1
        return pl.DataFrame([self._row(index, best, rng) for index in range(len(self.names))], infer_schema_length=None)

    def _row(self, index: int, reference_top1: NDArray[np.bool_], rng: np.random.Generator) -> dict[str, Any]:
        ranks, snapshots = self.ranks[:, index], np.arange(len(self.ranks))
        row: dict[str, Any] = {"detector": self.names[index], "n": len(ranks)}
        for first in TOP:
            row |= _with_interval(f"top{first}", wilson(int((ranks <= first).sum()), len(ranks)))
        reference_first, detector_first = reference_top1.astype(np.float64), (ranks == 1).astype(np.float64)
        deficit = paired_difference(_mean(reference_first), _mean(detector_first), snapshots, rng=rng)
        row |= _with_interval("top1_deficit", deficit)
        if self.sources > 1:
            row |= dict(zip([f"recall{first}" for first in TOP], self.recall[:, index].mean(0).tolist(), strict=True))
        hops = self.hops[:, index]
        row["hops"] = None if np.isnan(hops).all() else float(np.nanmean(hops))
        row |= dict(zip([f"claimed{first}" for first in TOP], _or_none(self.claimed[:, index].mean(0)), strict=True))
        row["size"], row["nominal_coverage"] = _or_none(
            np.array([self.size[:, index].mean(), self.nominal_coverage[:, index].mean()])
        )
        row |= _with_interval("coverage", self._coverage(self.coverage[:, index], rng)) | _with_interval(
            "bits", _bits(self.source_probability[:, index], rng)
        )
        return row | {"seconds": float(np.median(self.seconds[:, index]))}

    def _coverage(self, coverage: Floats, rng: np.random.Generator) -> Estimate | None:
        if np.isnan(coverage).any():
            return None
        if self.sources == 1:
            return wilson(int(coverage.sum()), len(coverage))
        return bootstrap(_mean(coverage), np.arange(len(coverage)), rng=rng)


def evaluate(
    problem: Problem,
    detectors: Mapping[str, Detector],
    *,
    outbreaks: int = 200,
    rng: int | np.random.Generator = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> DetectorEvaluation:
    """Run fresh outbreaks, and let every detector say where each began; whoever else is asked, its luck is the same."""
    rng = generator(rng)
    simulated, seeds = problem.simulate_outbreaks(outbreaks, rng), rng.integers(2**32, size=outbreaks)
    rows = {}
    for name, detector in detectors.items():
        rows[name] = [
            evaluate_snapshot(problem, detector, codes, sources, np.random.default_rng(seed))
            for codes, sources, seed in zip(simulated.codes, simulated.sources, seeds, strict=True)
        ]
        progress(f"{name}: first in {sum(row['rank'] == 1 for row in rows[name]):,} of {outbreaks:,}")
    return DetectorEvaluation.of(rows, problem.sources)


def evaluate_snapshot(
    problem: Problem, detector: Detector, codes: Codes, sources: NDArray[np.int32], rng: np.random.Generator
) -> dict[str, Any]:
    """Let a detector say where one outbreak began; return what `DetectorEvaluation` has of it, as JSON can hold it."""
    start = perf_counter()
    scores = detector.scores(problem, codes, rng)
    seconds = perf_counter() - start
    nodes, probability = suspected(scores, problem.sources, rng, is_probabilistic=detector.is_probabilistic)
    places = np.full(len(codes), len(codes) + 1)
    places[nodes] = np.arange(1, len(nodes) + 1)
    hops = float(hops_from(problem, int(nodes[0]))[sources].min())
    row = {
        "rank": int(places[sources].min()),
        "recall": [float((places[sources] <= first).mean()) for first in TOP],
        "hops": hops if np.isfinite(hops) else None,
        "seconds": seconds,
        "reached": int(problem.reached[codes].sum()),
    }
    if probability is None:
        return row | dict.fromkeys(("source_probability", "claimed", "nominal_coverage", "size", "coverage"))
    chance = np.zeros(len(codes))
    chance[nodes] = probability
    credible = Suspects(problem, codes, nodes, probability, detector.name, "", {}).credible()
    with np.errstate(divide="ignore"):
        mean = float(np.exp(np.log(chance[sources]).mean()))
    return row | {
        "source_probability": mean,
        "claimed": [float(probability[:first].sum() / problem.sources) for first in TOP],
        "nominal_coverage": float(chance[credible].sum() / problem.sources),
        "size": len(credible),
        "coverage": float(np.isin(sources, credible).mean()),
    }


def _mean(values: Floats) -> Callable[[Floats], float]:
    return lambda weights: float(weights @ values / weights.sum())


def _bits(chance: Floats, rng: np.random.Generator) -> Estimate | None:
    if np.isnan(chance).any():
        return None
    if not chance.all():
        return Estimate(np.inf, np.inf, np.inf, len(chance))
    return bootstrap(_mean(-np.log2(chance)), np.arange(len(chance)), rng=rng)


def _with_interval(name: str, estimate: Estimate | None) -> dict[str, float | None]:
    values = (None, None, None) if estimate is None else (estimate.value, estimate.low, estimate.high)
    return dict(zip((name, f"{name}_low", f"{name}_high"), values, strict=True))


def _or_none(values: Floats) -> list[float | None]:
    return [None if np.isnan(value) else value for value in values.tolist()]

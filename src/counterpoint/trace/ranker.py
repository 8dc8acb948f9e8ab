"""A learned ranker: what sources look like among suspects is learned from outbreaks simulated on this very network.

A conditional logit (McFadden 1974) over what surrounds each suspect sieves them, boosted trees (Ke et al. 2017,
LightGBM) with the same loss, the cross-entropy of a softmax over one snapshot's suspects (Cao et al. 2007, ListNet),
tell the rest apart.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Self

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax

from counterpoint.errors import CounterpointError
from counterpoint.rng import generator
from counterpoint.storage import serializer
from counterpoint.trace.calibration import Calibration, calibrated
from counterpoint.trace.listwise import Group, ListwiseData, have_sources
from counterpoint.trace.node_features import NodeFeatures
from counterpoint.trace.problem import Codes, Problem
from counterpoint.trace.protocol import Scores

Floats = NDArray[np.float32]
ABOUT: Final = "Learned from simulated outbreaks: boosted trees (LightGBM) over each suspect's surroundings."
DISTANCE_SUSPECTS: Final = 400  # suspects whose distances to others are looked at
TREE_SUSPECTS: Final = 128  # suspects that the trees see
TIERS: Final = 3
SIEVE_OUTBREAKS: Final = 600  # outbreaks that the sieve learns from
VALIDATION: Final = 0.25
MIN_TIER_SOURCES: Final = 20  # sources in a tier to learn how sure its scores are
MAX_TIER_SUSPECTS: Final = 2_000_000  # suspects of a tier that are kept for that: two numbers need no more
MAX_CODES_IN_MEMORY: Final = 2**26  # codes kept at a time
DEFAULT_WORK: Final = 300_000_000  # arcs times outbreaks that are learned from if nobody says how many
TREE_SETTINGS: Final = {
    "learning_rate": 0.06,
    "num_leaves": 15,
    "min_data_in_leaf": 40,
    "min_sum_hessian_in_leaf": 0.5,
    "lambda_l2": 3.0,
    "feature_fraction": 0.4,
    "max_bin": 63,
    "metric": "None",
    "verbose": -1,
    "deterministic": True,
    "force_row_wise": True,
}
MAX_ROUNDS: Final = 1000
EARLY_STOPPING_ROUNDS: Final = 25  # rounds without gain
MIN_ROWS_FOR_THREADS: Final = 1_000_000  # rows, below which threads wait for each other longer than they work


def _silent(_: str) -> None:
    return None


@dataclass(frozen=True, eq=False)
class _Suspects:
    """The suspects of one snapshot as the trees see them.

    nodes    : int64[n], all suspects
    sieved   : float32[n], scores of the sieve, to be compared within a tier
    tier     : int8[n], 0 where the trees see somebody, 1 where distances to others are looked at, 2 beyond
    kept     : int64[m], places of those that the trees see
    features : float32[m, columns]
    """

    nodes: NDArray[np.int64]
    sieved: Floats
    tier: NDArray[np.int8]
    kept: NDArray[np.int64]
    features: Floats

    def source_shares(self, sources: NDArray[np.int32]) -> NDArray[np.float64]:
        """Return the share of the sources in each tier."""
        where = self.tier[np.isin(self.nodes, sources)]
        return np.bincount(where, minlength=TIERS) / len(sources)


@dataclass(frozen=True, eq=False)
class Ranker:
    """A learned detector; made by `Ranker.learn` for one problem.

    key       : of the problem
    local     : weights of the sieve by surroundings
    shells    : weights of who is how far; empty if distances are not looked at ("ranker-fast")
    both      : weights of the sieve that has both
    model     : the trees, as LightGBM's text
    worth     : float64[3, 2], weight and sharpening (`calibration.Calibration`) of the scores in each tier
    tiers     : float64[3, 3], P(the source is in each tier), by the last one there is
    """

    key: str
    local: Floats
    shells: Floats
    both: Floats
    model: str
    worth: NDArray[np.float64]
    tiers: NDArray[np.float64]
    about: str = ABOUT
    is_probabilistic: bool = True

    @cached_property
    def trees(self) -> lgb.Booster:
        """The trees themselves."""
        return lgb.Booster(model_str=self.model)

    @property
    def name(self) -> str:
        """Return "ranker", or "ranker-fast" if distances are not looked at."""
        return "ranker" if len(self.shells) else "ranker-fast"

    @classmethod
    def learn(
        cls,
        problem: Problem,
        *,
        outbreaks: int | None = None,
        rng: int | np.random.Generator,
        progress: Callable[[str], None] = _silent,
        fast: bool = False,
    ) -> Self:
        """Learn from simulated outbreaks.

        outbreaks : None: as many as about a minute allows, on a thousand nodes 6,000
        progress  : is told how it goes
        fast      : only what costs as much as there are arcs is looked at, for large networks; for very large ones
                    learn on a smaller one of the same kind, and go over with `on`
        """
        rng, parts = generator(rng), NodeFeatures.of(problem)
        count = outbreaks or int(np.clip(DEFAULT_WORK / max(len(problem.network.to), 1), 100, 6000))
        progress(f"learning from {count:,} outbreaks on {problem.network.nodes:,} nodes")
        sieve = cls._learn_sieve(parts, min(SIEVE_OUTBREAKS, max(count // 4, 50)), rng, fast=fast)
        progress("the sieve is learned")
        tree_groups, tiers = [], np.tri(TIERS) / 2  # half an outbreak in each, so that nothing is impossible
        tier_groups: tuple[list[Group], ...] = [], []
        for codes, sources in _simulate(problem, count, rng):
            suspects = sieve.sieve(parts, codes)
            tree_groups.append((suspects.features, np.isin(suspects.nodes[suspects.kept], sources)))
            shares = suspects.source_shares(sources)
            tiers[suspects.tier.max()] += shares
            for tier in np.flatnonzero(shares[1:]).tolist():
                in_tier = suspects.tier == tier + 1
                if len(tier_groups[tier]) >= max(MIN_TIER_SOURCES, MAX_TIER_SUSPECTS // in_tier.sum()):
                    continue
                tier_groups[tier].append((suspects.sieved[in_tier, None], np.isin(suspects.nodes[in_tier], sources)))
        progress("features are computed")
        ranker = sieve.with_trees(tree_groups, tier_groups, rng, progress)
        return replace(ranker, tiers=tiers / tiers.sum(1, keepdims=True))

    @classmethod
    def _learn_sieve(cls, parts: NodeFeatures, count: int, rng: np.random.Generator, *, fast: bool) -> Self:
        empty = np.empty(0, np.float32)
        outbreaks = list(_simulate(parts.problem, count, rng))
        groups = []
        for codes, sources in outbreaks:
            nodes = _suspects(parts.problem, codes)
            true = np.isin(nodes, sources)
            # A few hundred suspects are enough to learn weights from.
            sample = np.union1d(np.flatnonzero(true), rng.permutation(len(nodes))[:TREE_SUSPECTS])
            groups.append((parts.neighbourhood(codes, nodes[sample]).values, true[sample]))
        sieve = cls(
            parts.problem.key, _fit_logit(groups), empty, empty, "", np.tile([1.0, 0.0], (TIERS, 1)), np.eye(TIERS)
        )
        if fast:
            return sieve
        local_features, shell_counts, sources_of = [], [], []
        for codes, sources in outbreaks:
            nodes = _suspects(parts.problem, codes)
            local = parts.neighbourhood(codes, nodes).values
            best = _best(local @ sieve.local, TREE_SUSPECTS)
            local_features.append(local[best])
            shell_counts.append(parts.shells(codes, nodes[best]))
            sources_of.append(np.isin(nodes[best], sources))
        flat = [each.reshape(len(each), -1).astype(np.float32) for each in shell_counts]
        shells = _fit_logit(list(zip(flat, sources_of, strict=True)))
        all_features = [
            np.hstack([a, parts.distances(b).values, parts.distance_scores(b, shells).values])
            for a, b in zip(local_features, shell_counts, strict=True)
        ]
        return replace(sieve, shells=shells, both=_fit_logit(list(zip(all_features, sources_of, strict=True))))

    def sieve(self, parts: NodeFeatures, codes: Codes) -> _Suspects:
        """Sieve the suspects of a snapshot and return features of the best."""
        nodes = _suspects(parts.problem, codes)
        features = parts.neighbourhood(codes, nodes).values
        sieved = features @ self.local
        kept = _best(sieved, DISTANCE_SUSPECTS if len(self.shells) else TREE_SUSPECTS)
        tier = np.full(len(nodes), TIERS - 1, np.int8)
        features = features[kept]
        if len(self.shells):
            tier[kept] = 1
            shell_counts = parts.shells(codes, nodes[kept])
            features = np.hstack(
                [
                    features,
                    parts.distances(shell_counts).values,
                    parts.distance_scores(shell_counts, self.shells).values,
                ]
            )
            better = features @ self.both
            # Those without distances keep their order, behind.
            out = np.setdiff1d(np.arange(len(nodes)), kept)
            if len(out):
                sieved = sieved - sieved[out].max() + better.min()
            sieved[kept] = better
            best = _best(better, TREE_SUSPECTS)
            kept, features = kept[best], features[best]
        tier[kept] = 0
        features = np.hstack([features, parts.sieve_scores(sieved, codes, nodes, kept).values]).astype(np.float32)
        return _Suspects(nodes, sieved, tier, kept, features)

    def with_trees(
        self,
        tree_groups: list[Group],
        tier_groups: Sequence[list[Group]],
        rng: np.random.Generator,
        progress: Callable[[str], None],
    ) -> Self:
        """Return this sieve with trees grown on features and sources of snapshots.

        tier_groups : the sieve's scores where it did not let a source through, and the sources, by tier
        """
        tree_groups = have_sources(tree_groups)
        validation_size = max(int(len(tree_groups) * VALIDATION), 1)
        learned = ListwiseData.of(tree_groups[validation_size:])
        validation = ListwiseData.of(tree_groups[:validation_size])
        trees = _boost(learned, validation, int(rng.integers(2**31)))
        logs = validation.logs(np.asarray(trees.predict(validation.features, num_threads=1)))
        calibration_data = replace(validation, features=logs[:, None])
        calibration = calibration_data.fit_calibration([1.0])
        loss = calibration_data.losses(calibration_data.calibrated(calibration)).mean() / np.log(2)
        progress(f"{trees.num_trees()} trees; log-loss {loss:.3f} bits on {len(validation.sizes):,} outbreaks held out")
        by_tier = (calibration, *map(_tier_calibration, tier_groups))
        worth = np.array([[*each.weights, each.sharpening] for each in by_tier])
        return replace(self, model=trees.model_to_string(), worth=worth)

    def on(self, problem: Problem) -> Self:
        """Return the same ranker for another problem, in which it was not learned: one of the same kind, but larger.

        What a source looks like hardly depends on how many nodes there are; whether that holds must be measured.
        """
        return replace(self, key=problem.key)

    def scores(self, problem: Problem, codes: Codes, rng: np.random.Generator) -> Scores:  # noqa: ARG002
        """Return the logarithm of each node's probability; with several sources, its share of them.

        Raises CounterpointError for a problem that it was not learned for.
        """
        if problem.key != self.key:
            raise CounterpointError("this ranker was learned for another problem: learn one for this, or say `on` it")
        scores = np.full(len(codes), -np.inf)
        if not problem.suspect[codes].any():
            return scores
        suspects = self.sieve(NodeFeatures.of(problem), codes)
        raw = log_softmax(np.asarray(self.trees.predict(suspects.features, num_threads=1)))
        tiers_present = np.unique(suspects.tier)
        shares = self.tiers[tiers_present[-1], tiers_present]
        shares = shares / shares.sum()
        scores[suspects.nodes[suspects.kept]] = _calibrated(raw, self.worth[0]) + np.log(shares[0])
        for tier, share in zip(tiers_present[1:], shares[1:], strict=True):
            in_tier = suspects.tier == tier
            raw = log_softmax(suspects.sieved[in_tier].astype(np.float64))
            scores[suspects.nodes[in_tier]] = _calibrated(raw, self.worth[tier]) + np.log(share)
        return scores

    def save(self, folder: Path | str) -> None:
        """Write it into a folder that is not there yet."""
        Path(folder).mkdir()
        serializer.save(self, Path(folder), "ranker")

    @classmethod
    def load(cls, folder: Path | str) -> Self:
        """Read what `save` wrote; raises CounterpointError if that is not what the folder holds."""
        return serializer.load(cls, Path(folder), "ranker")


def _fit_logit(groups: Sequence[tuple[Floats, NDArray[Any]]], penalty: float = 30.0) -> Floats:
    """Return the weights of a conditional logit."""
    lists = ListwiseData.of(groups)
    middle, width = lists.features.mean(0), lists.features.std(0)
    used = width > 1e-6
    scaled = lists.features[:, used]
    scaled -= middle[used]
    scaled /= width[used]
    count = len(lists.sizes)

    def cost(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        logs = lists.logs(scaled @ weights.astype(np.float32))
        loss = -float((lists.true * logs).sum()) + penalty * float(weights @ weights) / 2
        slope = (np.exp(logs) - lists.true).astype(np.float32) @ scaled
        return loss / count, (slope + penalty * weights).astype(np.float64) / count

    solution = minimize(cost, np.zeros(used.sum()), jac=True, method="L-BFGS-B", options={"maxiter": 150})
    weights = np.zeros(len(used), np.float32)
    weights[used] = solution.x / width[used]
    return weights


def _boost(learned: ListwiseData, validation: ListwiseData, seed: int) -> lgb.Booster:
    def slopes(raw: NDArray[Any], _: lgb.Dataset) -> tuple[NDArray[Any], NDArray[Any]]:
        chance = np.exp(learned.logs(raw))
        return chance - learned.true, np.maximum(chance * (1 - chance), 1e-3)

    def loss(raw: NDArray[Any], _: lgb.Dataset) -> tuple[str, float, bool]:
        return "loss", validation.loss(raw), False

    threads = 1 if len(learned.true) < MIN_ROWS_FOR_THREADS else 0
    data = lgb.Dataset(learned.features, learned.true)
    return lgb.train(
        {**TREE_SETTINGS, "objective": slopes, "seed": seed, "num_threads": threads},
        data,
        MAX_ROUNDS,
        [lgb.Dataset(validation.features, validation.true, reference=data)],
        feval=loss,
        callbacks=[lgb.early_stopping(EARLY_STOPPING_ROUNDS, verbose=False)],
    )


def _tier_calibration(groups: Sequence[Group]) -> Calibration:
    """Return what the sieve's scores are worth; they are taken as they are where it let almost all sources through."""
    if len(groups) < MIN_TIER_SOURCES:
        return Calibration((1.0,))
    lists = ListwiseData.of(groups)
    return replace(lists, features=lists.logs(lists.features[:, 0].astype(np.float64))[:, None]).fit_calibration([1.0])


def _calibrated(logs: NDArray[np.float64], worth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what logarithms of probabilities are with that weight and sharpening (Guo et al. 2017 has the weight)."""
    weight, sharpening = worth
    return calibrated(logs[:, None], Calibration((weight,), sharpening))


def _simulate(problem: Problem, count: int, rng: np.random.Generator) -> Iterator[tuple[Codes, NDArray[np.int32]]]:
    """Run outbreaks, a few at a time, and return what is seen and the sources of each."""
    batch_size = max(1, MAX_CODES_IN_MEMORY // problem.network.nodes)
    for low in range(0, count, batch_size):
        simulated = problem.simulate_outbreaks(min(batch_size, count - low), rng)
        yield from zip(simulated.codes, simulated.sources, strict=True)


def _suspects(problem: Problem, codes: Codes) -> NDArray[np.int64]:
    return np.flatnonzero(problem.suspect[codes])


def _best(scores: NDArray[Any], count: int) -> NDArray[np.int64]:
    """Return the places of the greatest scores, in the order of places."""
    if len(scores) <= count:
        return np.arange(len(scores))
    return np.sort(np.argpartition(-scores, count)[:count])

"""What a learned ranker sees of a suspect: who surrounds it, near and far.

Its neighbours by code, one to three steps out; what spreads back to it from all who are reached (as in label
propagation: Wang et al. 2017, "Multiple source detection without knowing the underlying propagation model"); and who is
how far from it among the reached. Distances and neighbours take arcs both ways.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import log_softmax
from scipy.stats import rankdata

from counterpoint.networks.graph import Network
from counterpoint.trace import node_features_kernels
from counterpoint.trace.problem import Codes, Problem

Floats = NDArray[np.float32]
DEPTH: Final = 8  # steps out beyond which distances are one
DEGREES: Final = 3  # classes of degree, a factor of 4 each
SHARES: Final = 4  # classes of the share of neighbours that are not reached
KINDS: Final = DEGREES * SHARES
FLOOR: Final = -30.0  # a score below the best, as a feature


class FeatureTable(NamedTuple):
    """Features of suspects, a row each, and what the columns are called."""

    names: tuple[str, ...]
    values: Floats

    @classmethod
    def of(cls, blocks: Mapping[str, Floats], suffixes: Sequence[str]) -> Self:
        """Put blocks of columns beside each other: one column has the block's name, several have suffixes as well."""
        names: list[str] = []
        for name, block in blocks.items():
            many = block.shape[1]
            ends = suffixes if many == len(suffixes) else range(many)
            names += [name] if many == 1 else [f"{name}_{end}" for end in ends]
        return cls(tuple(names), np.hstack([*blocks.values()]).astype(np.float32))


class _Ground(NamedTuple):
    """A network with arcs taken both ways, and what a node is there whatever happens."""

    start: NDArray[np.int64]
    to: NDArray[np.int32]
    share: Floats  # 1 / degree
    root: Floats  # 1 / sqrt(degree)
    degree_logs: Floats  # logarithms of degree and of neighbours' degrees
    degree: NDArray[np.int64]  # class of it

    def mean(self, values: Floats) -> Floats:
        return np.asarray(node_features_kernels.summed(self.start, self.to, values) * self.share)

    def around(self, values: Floats) -> Floats:
        return np.asarray(node_features_kernels.summed(self.start, self.to, values * self.root) * self.root)


@lru_cache(maxsize=4)
def _ground(network: Network) -> _Ground:
    start, to = network.start, network.to
    if network.directed:
        both = csr_array((np.ones(len(to), np.int8), to, start), shape=(network.nodes, network.nodes))
        both = (both + both.T).tocsr()
        start, to = both.indptr.astype(np.int64), both.indices.astype(np.int32)
    degrees = np.diff(start)
    most = np.maximum(degrees, 1).astype(np.float32)[:, None]
    log = np.log(most)
    own = np.hstack([log, node_features_kernels.summed(start, to, log) / most])
    classes = np.minimum(log[:, 0] / np.log(4), DEGREES - 1).astype(np.int64)
    share = np.asarray(1 / most, np.float32)
    return _Ground(start, to, share, np.sqrt(share), own, classes)


class NodeFeatures(NamedTuple):
    """What is to be known of a problem to tell what surrounds a suspect in it."""

    problem: Problem
    ground: _Ground
    depth: int

    @classmethod
    def of(cls, problem: Problem) -> Self:
        """Prepare what is the same for all snapshots."""
        return cls(problem, _ground(problem.network), min(problem.time, DEPTH))

    @property
    def seen_as(self) -> tuple[str, ...]:
        """What a node may be seen as: a state, or, if only a share of nodes is seen, unseen."""
        return (*self.problem.model.states, "unseen")[: self.problem.unseen + (self.problem.share < 1)]

    def neighbourhood(self, codes: Codes, suspects: NDArray[np.int64]) -> FeatureTable:
        """Return what suspects' surroundings are like: cost is linear in the arcs.

        state                    : what a suspect is seen as
        log_degree               : ln of its degree, and of its neighbours' on average
        log_neighbours           : ln(1 + its neighbours by what they are seen as); share_1, 2, 3: their shares, one to
                                   three steps out
        label_near, label_wide   : labels that spread from who is reached, over a short way and a long one
        mean, least, greatest    : of some of these, over its neighbours that are suspects
        below_best               : of some of these, how far it is from the greatest among the suspects
        log_all                  : ln(1 + all nodes by what they are seen as)
        """
        ground, problem = self.ground, self.problem
        state = np.eye(problem.unseen + 1, dtype=np.float32)[codes]
        state = state[:, : problem.unseen + (problem.share < 1)]
        counts = node_features_kernels.summed(ground.start, ground.to, state)
        one = counts * ground.share
        two = ground.mean(one)
        three = ground.mean(two)
        near, wide = self._labels(codes, state)
        seen = np.hstack([one, two, wide])
        extremes = node_features_kernels.extremes(ground.start, ground.to, seen, problem.suspect[codes], suspects)
        best = np.hstack([two, three, near, wide])[suspects]
        everybody = np.log1p(state.sum(0, keepdims=True)).repeat(len(suspects), 0)
        own = {
            "state": state,
            "log_degree": ground.degree_logs,
            "log_neighbours": np.log1p(counts),
            "share_1": one,
            "share_2": two,
            "label_wide": wide,
            "share_3": three,
            "label_near": near,
        }
        blocks = {name: block[suspects] for name, block in own.items()}
        blocks |= _by_measure(extremes, ("share_1", "share_2", "label_wide"))
        below = np.split(best - best.max(0), 4, axis=1)
        blocks |= dict(
            zip(
                [f"below_best_{name}" for name in ("share_2", "share_3", "label_near", "label_wide")],
                below,
                strict=True,
            )
        )
        return FeatureTable.of(blocks | {"log_all": everybody}, self.seen_as)

    def _labels(self, codes: Codes, state: Floats) -> tuple[Floats, Floats]:
        """Return labels that spread over the network, over a short way and a long one."""
        first = state.copy()
        first[:, 0] = np.where(self.problem.reached[codes], 1, -1)
        near = wide = first
        for _ in range(6):
            near = np.float32(0.5) * (self.ground.around(near) + first)
        for _ in range(12):
            wide = np.float32(0.85) * self.ground.around(wide) + np.float32(0.15) * first
        return near, wide

    def shells(self, codes: Codes, suspects: NDArray[np.int64]) -> NDArray[np.int32]:
        """Count who that may be reached is how far from each suspect, by kind, int32[n, depth + 2, kinds]."""
        ground, problem = self.ground, self.problem
        passable = problem.suspect | problem.possible_states[:, 1:].any(1)
        members, part, ends = node_features_kernels.within(ground.start, ground.to, passable[codes])
        inner = np.diff(part) * ground.share[members, 0]
        shares = np.minimum(inner * SHARES, SHARES - 1).astype(np.int64)
        kinds = codes[members] * np.int64(KINDS) + ground.degree[members] * SHARES + shares
        origins = np.searchsorted(members, suspects)
        many = KINDS * (problem.unseen + 1)
        return np.asarray(node_features_kernels.shells(part, ends, kinds.astype(np.uint8), many, self.depth, origins))

    def distances(self, shells: NDArray[np.int32]) -> FeatureTable:
        """Return how far suspects are from others, from counted shells.

        nodes_at         : how many are how far, by what they are seen as but the first state
        mean_distance    : from those surely reached, by what they are seen as; reached_...: from all of these
        near_best        : the same less the least of any suspect
        """
        codes = self.problem.unseen + (self.problem.share < 1)
        counts = shells.reshape(*shells.shape[:2], -1, KINDS).sum(3)[:, :, :codes].astype(np.float32)
        sure = counts * self.problem.reached[:codes]
        away = np.append(np.arange(self.depth + 1), self.depth + 3).astype(np.float32)
        whole = np.maximum(sure.sum((1, 2)), 1)[:, None]
        by_code = np.einsum("ndc,d->nc", sure, away) / np.maximum(sure.sum(1), 1)
        at_distance = sure.sum(2)
        # Not `@ away`: OpenBLAS 0.3.31 on AVX-512 also multiplies what lies behind five columns, and numpy warns.
        mean, square = (np.einsum("nd,d->n", at_distance, each)[:, None] / whole for each in (away, away**2))
        blocks = {
            "mean_distance": by_code,
            "reached_mean_distance": mean,
            "reached_mean_square": square,
            "reached_farthest": ((at_distance > 0) * away).max(1, keepdims=True),
            "reached_at_distance": at_distance[:, 1:4],
            "reached_beyond": at_distance[:, -1:],
        }
        near_best = {f"near_best_{name}": block - block.min(0) for name, block in blocks.items()}
        nodes_at = {"nodes_at": counts[:, 1:].reshape(len(counts), -1)}
        return FeatureTable.of(nodes_at | blocks | near_best, self.seen_as)

    def sieve_scores(
        self, scores: Floats, codes: Codes, suspects: NDArray[np.int64], kept: NDArray[np.int64]
    ) -> FeatureTable:
        """Return what a sieve's scores are of suspects, and among their neighbours.

        sieve                  : its probability and score; sieve_rank: by score
        mean, least, greatest  : of these over neighbours that are suspects; above_neighbours: over the greatest
        sieve_1, sieve_2       : probability on nodes one and two steps out; sieve_entropy: of all suspects
        """
        ground = self.ground
        spread = np.zeros((len(codes), 2), np.float32)
        spread[suspects] = np.column_stack([np.exp(log_softmax(scores)), np.maximum(scores - scores.max(), FLOOR)])
        nodes, own = suspects[kept], spread[suspects[kept]]
        extremes = node_features_kernels.extremes(ground.start, ground.to, spread, self.problem.suspect[codes], nodes)
        once = node_features_kernels.summed(ground.start, ground.to, spread[:, :1])
        twice = node_features_kernels.summed(ground.start, ground.to, once)
        entropy = np.full((len(nodes), 1), np.float32(-(spread[:, 0] * np.log(spread[:, 0] + 1e-30)).sum()))
        blocks = {
            "sieve": own,
            "sieve_rank": rankdata(-own[:, 1], "min")[:, None],
            **_by_measure(extremes, ("sieve",)),
            "sieve_above_neighbours": own - extremes[:, 2],
            "sieve_1": once[nodes],
            "sieve_2": twice[nodes],
            "sieve_entropy": entropy,
        }
        return FeatureTable.of(blocks, ("probability", "score"))

    def distance_scores(self, shells: NDArray[np.int32], weights: Floats) -> FeatureTable:
        """Return what counted shells with these weights make of suspects: how far below the best, and the rank."""
        score = shells.reshape(len(shells), -1).astype(np.float32) @ weights
        ranks = rankdata(-score, "min")
        return FeatureTable.of({"distance": np.column_stack([score - score.max(), ranks])}, ("score", "rank"))


def _by_measure(extremes: Floats, names: Sequence[str]) -> dict[str, Floats]:
    """Return mean, least and greatest over neighbours, float32[n, 3, columns], as blocks of columns."""
    blocks: dict[str, Floats] = {}
    for place, measure in enumerate(("mean", "least", "greatest")):
        parts = np.split(extremes[:, place], len(names), axis=1)
        blocks |= {f"{measure}_{name}": part for name, part in zip(names, parts, strict=True)}
    return blocks

"""What a learned ranker sees of a suspect: who surrounds it, near and far.

Its neighbours by code, one to three steps out; what spreads back to it from all who are reached (as in label
propagation: Wang et al. 2017, "Multiple source detection without knowing the underlying propagation model"); and who is
how far from it among the reached. Distances and neighbours take arcs both ways.
"""

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


class _Ground(NamedTuple):
    """A network with arcs taken both ways, and what a node is there whatever happens."""

    start: NDArray[np.int64]
    to: NDArray[np.int32]
    share: Floats  # 1 / degree
    root: Floats  # 1 / sqrt(degree)
    own: Floats  # logarithms of degree and of neighbours' degrees
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


class Surroundings(NamedTuple):
    """What is to be known of a problem to tell what surrounds a suspect in it."""

    problem: Problem
    ground: _Ground
    depth: int

    @classmethod
    def of(cls, problem: Problem) -> Self:
        """Prepare what is the same for all snapshots."""
        return cls(problem, _ground(problem.network), min(problem.time, DEPTH))

    def local(self, codes: Codes, suspects: NDArray[np.int64]) -> Floats:
        """Return what suspects' surroundings are like: cost is linear in the arcs."""
        ground, problem = self.ground, self.problem
        is_a = np.eye(problem.unseen + 1, dtype=np.float32)[codes]
        is_a = is_a[:, : problem.unseen + (problem.share < 1)]
        counts = node_features_kernels.summed(ground.start, ground.to, is_a)
        one = counts * ground.share
        two = ground.mean(one)
        three = ground.mean(two)
        first = is_a.copy()
        first[:, 0] = np.where(problem.reached[codes], 1, -1)
        near = wide = first
        for _ in range(6):
            near = np.float32(0.5) * (ground.around(near) + first)
        for _ in range(12):
            wide = np.float32(0.85) * ground.around(wide) + np.float32(0.15) * first
        seen = np.hstack([one, two, wide])
        beside = node_features_kernels.extremes(ground.start, ground.to, seen, problem.suspect[codes], suspects)
        whole = np.hstack([is_a, ground.own, np.log1p(counts), seen, three, near])[suspects]
        best = np.hstack([two, three, near, wide])[suspects]
        wholes = np.log1p(is_a.sum(0, keepdims=True)).repeat(len(suspects), 0)
        return np.hstack([whole, beside.reshape(len(suspects), -1), best - best.max(0), wholes]).astype(np.float32)

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

    def far(self, shells: NDArray[np.int32]) -> Floats:
        """Return how far suspects are from others, by code, from counted shells."""
        codes = self.problem.unseen + (self.problem.share < 1)
        counts = shells.reshape(*shells.shape[:2], -1, KINDS).sum(3)[:, :, :codes].astype(np.float32)
        sure = counts * self.problem.reached[:codes]
        away = np.append(np.arange(self.depth + 1), self.depth + 3).astype(np.float32)
        whole = np.maximum(sure.sum((1, 2)), 1)[:, None]
        by_code = np.einsum("ndc,d->nc", sure, away) / np.maximum(sure.sum(1), 1)
        at = sure.sum(2)
        # Not `at @ away`: OpenBLAS 0.3.31 on AVX-512 also multiplies what lies behind five columns, and numpy warns.
        mean, square = (np.einsum("nd,d->n", at, each)[:, None] / whole for each in (away, away**2))
        farthest = ((at > 0) * away).max(1, keepdims=True)
        told = np.hstack([by_code, mean, square, farthest, at[:, 1:4], at[:, -1:]])
        return np.hstack([counts[:, 1:].reshape(len(counts), -1), told, told - told.min(0)]).astype(np.float32)

    def beside(self, scores: Floats, codes: Codes, suspects: NDArray[np.int64], kept: NDArray[np.int64]) -> Floats:
        """Return what the scores of a sieve are among a suspect's neighbours."""
        ground = self.ground
        spread = np.zeros((len(codes), 2), np.float32)
        spread[suspects] = np.column_stack([np.exp(log_softmax(scores)), np.maximum(scores - scores.max(), FLOOR)])
        nodes, own = suspects[kept], spread[suspects[kept]]
        beside = node_features_kernels.extremes(ground.start, ground.to, spread, self.problem.suspect[codes], nodes)
        once = node_features_kernels.summed(ground.start, ground.to, spread[:, :1])
        twice = node_features_kernels.summed(ground.start, ground.to, once)
        flat = np.full((len(nodes), 1), np.float32(-(spread[:, 0] * np.log(spread[:, 0] + 1e-30)).sum()))
        ranks = rankdata(-own[:, 1], "min")[:, None]
        columns = [own, ranks, beside.reshape(len(nodes), -1), own - beside[:, 2], once[nodes], twice[nodes], flat]
        return np.hstack(columns).astype(np.float32)

    def distances(self, shells: NDArray[np.int32], weights: Floats) -> tuple[Floats, Floats]:
        """Return how far suspects are from others, and what shells shells with these weights make of it."""
        score = shells.reshape(len(shells), -1).astype(np.float32) @ weights
        ranks = rankdata(-score, "min")
        return self.far(shells), np.column_stack([score - score.max(), ranks]).astype(np.float32)

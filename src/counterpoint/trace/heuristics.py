"""Detectors that look at the shape of what is reached, and at nothing of the rumour's rules.

Distances are counted in arcs, whichever way these point, whatever they weigh and whenever they are there. They run
among the reached nodes if these hang together and all suspects are among them; otherwise, as when only a share of the
nodes is seen, they run through the whole network, from every suspect to the nodes that are seen to be reached.
"""

from dataclasses import dataclass
from typing import ClassVar, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from counterpoint.errors import CounterpointError
from counterpoint.networks.graph import Network
from counterpoint.trace.bfs_kernels import distances_to_goals
from counterpoint.trace.problem import Codes, Problem
from counterpoint.trace.protocol import Scores, ranked

Numbers = NDArray[np.int64]
CLOSE: Final = 1e-9  # how near labels come to where they converge


class Ground(NamedTuple):
    """What distances run over.

    nodes     : int64[n], their numbers in the network
    start, to : who is joined to whom, both ways, by place in `nodes`
    suspects  : places in `nodes`
    goal      : bool[n], who is seen to be reached
    """

    nodes: Numbers
    start: Numbers
    to: NDArray[np.int32]
    suspects: Numbers
    goal: NDArray[np.bool_]


class Reach(NamedTuple):
    """How far reached nodes are from suspects.

    nodes    : int64[n], the suspects
    greatest : int64[n], the distance of the furthest reached node; one that cannot be reached adds as many steps as
               there are nodes
    total    : int64[n], the distances of all of them, added
    """

    nodes: Numbers
    greatest: Numbers
    total: Numbers


def undirected(network: Network) -> csr_array:
    """Return who is joined to whom by an arc, either way, as a sparse matrix of ones."""
    shape = network.nodes, network.nodes
    arcs = csr_array((np.ones(len(network.to)), network.to, network.start), shape=shape)
    if network.directed:
        arcs = (arcs + arcs.T).tocsr()
        arcs.data[:] = 1.0
    return arcs


def ground(problem: Problem, codes: Codes) -> Ground:
    """Return what distances run over: the reached nodes, or the whole network."""
    reached, suspect, joined = problem.reached[codes], problem.suspect[codes], undirected(problem.network)
    nodes = np.arange(len(codes))
    if reached.any() and not (suspect & ~reached).any():
        among = joined[reached][:, reached]
        if connected_components(among, directed=False, return_labels=False) == 1:
            nodes, joined = np.flatnonzero(reached), among
    start, to = joined.indptr.astype(np.int64), joined.indices.astype(np.int32)
    return Ground(nodes, start, to, np.flatnonzero(suspect[nodes]), reached[nodes])


def distances(problem: Problem, codes: Codes) -> Reach:
    """Return how far the reached nodes are from every suspect."""
    over = ground(problem, codes)
    far, total, missed = distances_to_goals(over.start, over.to, over.suspects, over.goal)
    out = missed * problem.network.nodes
    return Reach(over.nodes[over.suspects], far + out, total + out)


def nearest_first(problem: Problem, codes: Codes, rng: np.random.Generator) -> Numbers:
    """Return the suspects, Jordan's centre first, then by rising distance; equal ones in random order."""
    to = distances(problem, codes)
    return to.nodes[np.lexsort((rng.random(len(to.nodes)), to.total, to.greatest))]


def filled(nodes: int, order: Numbers, scores: Scores) -> Scores:
    """Return everybody's scores: those of the first in `order`, the rest of these below them, -inf for all others.

    >>> filled(4, np.array([3, 0, 2]), np.log([0.5, 0.25])).round(2)
    array([-1.39,  -inf, -2.39, -0.69])
    """
    filled_scores = np.full(nodes, -np.inf)
    below = scores.min(initial=np.inf if len(scores) else 0.0) - 1.0 - np.arange(len(order) - len(scores))
    filled_scores[order] = np.concatenate([scores, below])
    return filled_scores


@dataclass(frozen=True)
class Random:
    """Any suspect: the floor that every other detector is measured against."""

    name: ClassVar = "random"
    about: ClassVar = "Any node that may be a source, all alike."
    is_probabilistic: ClassVar = False

    def scores(self, problem: Problem, codes: Codes, rng: np.random.Generator) -> Scores:  # noqa: ARG002
        """Return 0 for every suspect."""
        return np.where(problem.suspect[codes], 0.0, -np.inf)


@dataclass(frozen=True)
class Degree:
    """By the number of neighbours that are seen to be reached."""

    name: ClassVar = "degree"
    about: ClassVar = "Touched neighbours, counted."
    is_probabilistic: ClassVar = False

    def scores(self, problem: Problem, codes: Codes, rng: np.random.Generator) -> Scores:  # noqa: ARG002
        """Return the number of reached neighbours."""
        reached = undirected(problem.network) @ problem.reached[codes].astype(np.float64)
        return np.where(problem.suspect[codes], reached, -np.inf)


@dataclass(frozen=True)
class Closeness:
    """By the mean distance to the reached nodes."""

    name: ClassVar = "closeness"
    about: ClassVar = "Least mean distance to the reached nodes (Sabidussi 1966)."
    is_probabilistic: ClassVar = False

    def scores(self, problem: Problem, codes: Codes, rng: np.random.Generator) -> Scores:  # noqa: ARG002
        """Return the mean distance, negative."""
        to = distances(problem, codes)
        return filled(len(codes), to.nodes, -to.total / max(int(problem.reached[codes].sum()), 1))


@dataclass(frozen=True)
class Jordan:
    """By the distance of the furthest reached node.

    closest : of equal ones, those with the least mean distance first; on scale-free networks these are too often hubs
    """

    closest: bool = False

    name: ClassVar = "jordan"
    about: ClassVar = "Jordan centre of the reached nodes (Zhu & Ying 2016, IEEE/ACM Trans. Networking 24)."
    is_probabilistic: ClassVar = False

    def scores(self, problem: Problem, codes: Codes, rng: np.random.Generator) -> Scores:  # noqa: ARG002
        """Return the greatest distance, negative, less a part below 1 for the mean distance if that counts."""
        to = distances(problem, codes)
        part = to.total / (to.total.max(initial=0) + 1) if self.closest else 0.0
        return filled(len(codes), to.nodes, -to.greatest - part)


@dataclass(frozen=True)
class LPSI:
    """By a label that is 1 for reached nodes and -1 for others that are seen, smoothed over the network.

    The paper takes local maxima for sources, several of them; here all suspects are ranked by their labels, which
    finds a single one as often, and in the first five more often.

    alpha : how much a label takes of its neighbours'; below 1
    """

    alpha: float = 0.5

    name: ClassVar = "lpsi"
    about: ClassVar = "Label propagation (Wang, Wang, Pei & Ye 2017, AAAI 31)."
    is_probabilistic: ClassVar = False

    def __post_init__(self) -> None:
        if not 0 <= self.alpha < 1:
            raise CounterpointError(f"lpsi: alpha is {self.alpha:g}; it must lie in [0, 1)")

    def scores(self, problem: Problem, codes: Codes, rng: np.random.Generator) -> Scores:  # noqa: ARG002
        """Return the labels that stay as they are: y = alpha S y + (1 - alpha) y0."""
        joined = undirected(problem.network)
        root = 1 / np.sqrt(np.maximum(joined.sum(1), 1.0))
        given = np.where(problem.reached[codes], 1.0, np.where(codes == problem.unseen, 0.0, -1.0))
        # S has no eigenvalue beyond 1, so what is left to come shrinks by alpha in every round.
        rounds = int(np.ceil(np.log(CLOSE) / np.log(self.alpha))) if self.alpha > 0 else 0
        labels = given
        for _ in range(rounds):
            labels = self.alpha * root * (joined @ (root * labels)) + (1 - self.alpha) * given
        return np.where(problem.suspect[codes], labels, -np.inf)


def likely_first(problem: Problem, codes: Codes, rng: np.random.Generator) -> Numbers:
    """Return the suspects in the order in which it is worth to look at them more closely.

    By label if all are seen to be reached and nobody is unseen; otherwise labels mislead, and the nearest come first.
    """
    nodes = np.flatnonzero(problem.suspect[codes])
    if (codes == problem.unseen).any() or not problem.reached[codes[nodes]].all():
        return nearest_first(problem, codes, rng)
    return ranked(LPSI().scores(problem, codes, rng), rng)

"""Rumour centrality: in how many orders a rumour that began at a node may have come to all whom it reached."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from counterpoint.trace.heuristics import filled, ground, nearest_first
from counterpoint.trace.problem import Codes, Problem
from counterpoint.trace.protocol import Scores
from counterpoint.trace.rumour_centrality_kernels import log_orderings


@dataclass(frozen=True)
class RumourCentrality:
    """By the number of orders in which the reached nodes may have been reached along shortest paths.

    Where there are several trees of shortest paths subtrees have their mean size, so that it does not matter how nodes
    are numbered. Only the `most` suspects nearest to the reached nodes are looked at; the rest come after them.
    """

    most: int = 2000

    name: ClassVar = "rumour-centrality"
    about: ClassVar = "Orders of spreading, counted (Shah & Zaman 2011, IEEE Trans. Information Theory 57)."
    is_probabilistic: ClassVar = False

    def scores(self, problem: Problem, codes: Codes, rng: np.random.Generator) -> Scores:
        """Return the logarithm of the number of orders."""
        over, order = ground(problem, codes), nearest_first(problem, codes, rng)
        origins = np.searchsorted(over.nodes, order[: self.most])
        return filled(len(codes), order, log_orderings(over.start, over.to, origins, over.goal))

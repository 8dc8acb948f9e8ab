"""Who may have started it: nodes ranked, with probabilities."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse.csgraph import dijkstra

from counterpoint.trace.heuristics import undirected
from counterpoint.trace.problem import Codes, Problem

LEVEL = 0.9


@dataclass(frozen=True, eq=False)
class Suspects:
    """Everybody who may have started it, the likeliest first.

    codes       : uint8[nodes], what was seen
    nodes       : int64[m], their numbers; equal ones are in random order, by the seed
    probability : float64[m], that a node is a source; they add up to the number of sources. None: the method only ranks
    method, why : how they were found, and why so
    metadata        : settings, seeds, seconds and references

    No proof: of all the outbreaks that look like this one, so many began there.
    """

    problem: Problem
    codes: Codes
    nodes: NDArray[np.int64]
    probability: NDArray[np.float64] | None
    method: str
    why: str
    metadata: Mapping[str, Any]

    @property
    def names(self) -> pl.Series:
        """What they are called, the likeliest first."""
        return self.problem.network.names[self.nodes]

    def credible(self, level: float = LEVEL) -> NDArray[np.int64]:
        """Return the fewest nodes that hold the source with this probability; of several sources, this share of them.

        Without probabilities there are none.
        """
        if self.probability is None:
            return self.nodes[:0]
        mass = np.cumsum(self.probability) / self.problem.sources
        return self.nodes[: int(np.searchsorted(mass, level - 1e-12)) + 1]

    @cached_property
    def distance(self) -> float | None:
        """The expected number of steps along the network from the first suspect to the source; None if unknown."""
        if self.probability is None:
            return None
        hops = hops_from(self.problem, int(self.nodes[0]))[self.nodes]
        near = np.isfinite(hops)
        return float((hops[near] * self.probability[near]).sum() / self.probability[near].sum())

    def table(self, top: int | None = None) -> pl.DataFrame:
        """Return a row a suspect: rank, node, the state seen, probability, and that of all up to it together."""
        nodes, states = self.nodes[:top], [*self.problem.model.states, "?"]
        frame = pl.DataFrame(
            {
                "rank": np.arange(1, len(nodes) + 1),
                "node": self.problem.network.names[nodes],
                "seen": [states[code] for code in self.codes[nodes]],
            }
        )
        if self.probability is None:
            return frame
        chance = self.probability[:top]
        return frame.with_columns(probability=chance, together=np.cumsum(chance))


def hops_from(problem: Problem, node: int) -> NDArray[np.float64]:
    """Return everybody's distance from a node along arcs of either way, inf for who cannot be reached."""
    return np.asarray(dijkstra(undirected(problem.network), indices=node, unweighted=True))

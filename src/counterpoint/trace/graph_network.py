"""A graph neural network, taught on outbreaks of the very network and rules it is asked about.

Outbreaks cost next to nothing: every batch is fresh, so that nothing can be learned by heart. What is learned is the
same for all nodes, but for values that every node has of its own for every way it may be seen. The softmax of the
nodes' scores is compared with the sources by cross-entropy, so that it tends to the posterior.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from counterpoint.errors import CounterpointError
from counterpoint.rng import generator
from counterpoint.storage import serializer
from counterpoint.trace.graph_network_kernels import Weights
from counterpoint.trace.graph_network_layout import NetworkLayout, score_snapshots, worker_threads
from counterpoint.trace.graph_network_training import train
from counterpoint.trace.problem import Codes, Problem
from counterpoint.trace.protocol import Scores

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class GraphNetwork:
    """A graph neural network for one problem; made by `learn` or `load`.

    weights : by the names of `graph_network_kernels.Weights`
    key     : of the problem it was taught for
    """

    weights: Mapping[str, Floats]
    key: str
    name: ClassVar = "graph-network"
    about: ClassVar = (
        "Graph neural network taught on simulated outbreaks (Sterchi, Brack & Hilfiker 2025, arXiv 2512.20657)."
    )
    is_probabilistic: ClassVar = True

    @classmethod
    def learn(
        cls,
        problem: Problem,
        *,
        seconds: float = 300.0,
        rng: int | np.random.Generator,
        progress: Callable[[str], None] = lambda _: None,
        steps: int | None = None,
    ) -> Self:
        """Teach a network on fresh outbreaks, for so many seconds, or fewer once nothing more is learned.

        progress  : hears now and then how far it is
        steps : how many batches to learn from, whatever time it takes: with them the same seed teaches the same

        Raises CounterpointError for no time or no steps, and if hardly any outbreak becomes large enough.
        """
        if not (isfinite(seconds) and seconds > 0) or (steps is not None and steps < 1):
            raise CounterpointError("a network needs more than 0 seconds, and 1 step or more, to learn anything")
        return cls(train(problem, seconds, steps, generator(rng), progress)._asdict(), problem.key)

    def scores(self, problem: Problem, codes: Codes, rng: np.random.Generator) -> Scores:
        """Return every node's log-probability to be the source, -inf for those that cannot be one.

        Raises CounterpointError if it was taught for another problem.
        """
        del rng
        return np.asarray(self.scores_many(problem, codes[None])[0])

    def scores_many(self, problem: Problem, codes: Codes) -> Scores:
        """Return `scores` of many snapshots at once, float64[n, nodes] of uint8[n, nodes]."""
        if problem.key != self.key:
            raise CounterpointError(
                f"a network taught for problem {self.key} knows nothing of {problem.key}: teach one"
            )
        nodes = problem.network.nodes
        if codes.ndim != 2 or codes.shape[1] != nodes or codes.max(initial=0) > problem.unseen:
            raise CounterpointError(f"a snapshot has {nodes} nodes, seen as 0 to {problem.unseen}; got {codes.shape}")
        weights, graph = Weights(**self.weights), NetworkLayout.of(problem)
        if any(part.shape != shape for part, shape in zip(weights, graph.shapes().values(), strict=True)):
            raise CounterpointError("this network is of another shape than this version teaches: teach it anew")
        with worker_threads() as pool:
            return score_snapshots(weights, graph, np.ascontiguousarray(codes, np.uint8), pool)

    def save(self, folder: Path | str) -> None:
        """Write it into a folder that is not there yet."""
        Path(folder).mkdir()
        serializer.save(self, Path(folder), "graph-network")

    @classmethod
    def load(cls, folder: Path | str) -> Self:
        """Read what `save` wrote; raises CounterpointError if that is not what the folder holds."""
        return serializer.load(cls, Path(folder), "graph-network")

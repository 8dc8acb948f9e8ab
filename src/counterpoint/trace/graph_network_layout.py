"""How a graph network lies on a problem's network: arcs, inputs and the shapes of its weights; and its scores."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod, sqrt
from typing import Final, Self

import numpy as np
import scipy.linalg  # noqa: F401 (compiled loops multiply with scipy's BLAS, which must be there to be told its threads)
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

from counterpoint.trace import graph_network_kernels
from counterpoint.trace.graph_network_kernels import WIDTH, Inputs, Rows, Weights
from counterpoint.trace.problem import Codes, Problem
from counterpoint.trace.protocol import Scores

Floats = NDArray[np.float32]
LAYERS: Final = 5  # 4 and 6 came out alike after the same time, among a thousand nodes
SCORED_TOGETHER: Final = 4  # snapshots


@dataclass(frozen=True)
class NetworkLayout:
    """A problem's network as the kernel takes it.

    starts, tos, factors : int64[d, nodes + 1], int32[d, arcs], [d, arcs]: d = 2 ways along arcs that are directed
    groups               : int64[codes], of nodes seen so; -1: they cannot be a source
    """

    starts: NDArray[np.int64]
    tos: NDArray[np.int32]
    factors: Floats
    groups: NDArray[np.int64]

    @classmethod
    def of(cls, problem: Problem) -> Self:
        """Return the network, arcs weighing 1 on average; what times they have is not told."""
        network = problem.network
        weight = np.ones(len(network.to)) if network.weight is None else network.weight / network.weight.mean()
        ways = [(network.start, network.to, weight)]
        if network.directed:
            ways.append((*network.heard, weight[network.heard_places]))
        starts, tos, factors = (np.stack(part) for part in zip(*ways, strict=True))
        groups = np.where(problem.suspect, np.cumsum(problem.suspect) - 1, -1)
        return cls(starts, tos, factors.astype(np.float32), groups)

    @property
    def inputs(self) -> int:
        """How many values a row begins with."""
        return len(self.starts) * (2 * len(self.groups) + 2)

    def rows(self, codes: Codes) -> tuple[Rows, Inputs]:
        """Return the nodes of snapshots that take part, and what they begin with."""
        rows = graph_network_kernels.rows_of(codes, self.starts, self.tos, self.factors, self.groups)
        degree = np.where(rows.degree > 0, rows.degree, 1)
        shares, counts = rows.counts / degree.T[:, :, None], np.log1p(rows.counts)
        flat = len(rows.node), len(self.starts) * len(self.groups)
        values = [shares.reshape(flat), counts.reshape(flat), np.log(degree).T, 1 / degree.T]
        place = rows.node * np.int64(len(self.groups)) + codes[rows.graph, rows.node]
        share = 1 / np.maximum(np.bincount(rows.graph, minlength=len(codes)), 1)[rows.graph]
        scale = (0.5 / np.sqrt(degree)).astype(np.float32)
        return rows, Inputs(np.concatenate(values, 1, dtype=np.float32), place, scale, share.astype(np.float32))

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every part of the weights."""
        codes, ways = int(self.groups.max()) + 1, len(self.starts)
        places = (self.starts.shape[1] - 1) * len(self.groups)
        return {
            "place": (places, WIDTH),
            "bias": (places,),
            "start": (codes, self.inputs, WIDTH),
            "layer": (LAYERS, codes, WIDTH, (1 + ways) * WIDTH),
            "whole": (LAYERS, WIDTH, WIDTH),
            "norm": (LAYERS, 3, WIDTH),
            "last": (codes, WIDTH, WIDTH),
            "first": (codes, WIDTH, WIDTH),
            "hidden": (WIDTH,),
            "out": (WIDTH,),
        }

    def parts(self, flat: Floats) -> Weights:
        """Return the parts of one array that holds them all."""
        shapes = self.shapes()
        pieces = np.split(flat, np.cumsum([prod(shape) for shape in shapes.values()])[:-1])
        return Weights(*(piece.reshape(shape) for piece, shape in zip(pieces, shapes.values(), strict=True)))

    def begin(self, rng: np.random.Generator) -> Floats:
        """Return weights to begin with: groups begin alike, and places without any of their own."""
        flat = np.zeros(sum(map(prod, self.shapes().values())), np.float32)
        parts = self.parts(flat)
        for name, fan in (("start", self.inputs), ("last", 2 * WIDTH), ("first", 2 * WIDTH)):
            part = getattr(parts, name)
            part[:] = rng.normal(0, 1 / sqrt(fan), part.shape[1:])
        parts.layer[:] = rng.normal(0, 1 / sqrt(WIDTH), parts.layer.shape)
        parts.whole[:] = rng.normal(0, 0.5 / sqrt(WIDTH), parts.whole.shape)
        parts.norm[:, 1] = 1
        parts.out[:] = rng.normal(0, 0.1 / sqrt(WIDTH), WIDTH)
        return flat


@contextmanager
def worker_threads() -> Iterator[ThreadPoolExecutor]:
    """Offer as many threads as there are processors, each with a BLAS that keeps to its own."""
    with ThreadpoolController().limit(limits=1, user_api="blas"), ThreadPoolExecutor(os.cpu_count()) as pool:
        yield pool


def score_snapshots(weights: Weights, graph: NetworkLayout, codes: Codes, pool: ThreadPoolExecutor) -> Scores:
    """Return every node's log-probability in every snapshot."""
    scores = np.full(codes.shape, -np.inf)

    def score(low: int) -> None:
        rows, inputs = graph.rows(codes[low : low + SCORED_TOGETHER])
        room = np.empty(graph_network_kernels.room_for(len(rows.node), LAYERS, len(rows.start)), np.float32)
        logs = graph_network_kernels.log_probabilities(
            weights, rows, inputs, room, min(SCORED_TOGETHER, len(codes) - low)
        )
        scores[low + rows.graph, rows.node] = logs

    list(pool.map(score, range(0, len(codes), SCORED_TOGETHER)))
    return scores

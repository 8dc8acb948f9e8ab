"""A graph neural network, taught on outbreaks of the very network and rules it is asked about.

Outbreaks cost next to nothing: every batch is fresh, so that nothing can be learned by heart. What is learned is the
same for all nodes, but for values that every node has of its own for every way it may be seen. The softmax of the
nodes' scores is compared with the sources by cross-entropy, so that it tends to the posterior.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat
from math import cos, exp, isfinite, log, pi, prod, sqrt
from pathlib import Path
from time import perf_counter
from typing import ClassVar, Final, Self

import numpy as np
import scipy.linalg  # noqa: F401 (compiled loops multiply with scipy's BLAS, which must be there to be told its threads)
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

from counterpoint.errors import CounterpointError
from counterpoint.rng import generator
from counterpoint.storage import serializer
from counterpoint.trace import graph_network_kernels
from counterpoint.trace.detector import Scores
from counterpoint.trace.graph_network_kernels import WIDTH, Inputs, Rows, Weights
from counterpoint.trace.problem import Codes, Problem, Snapshots

Floats = NDArray[np.float32]
LAYERS: Final = 5  # 4 and 6 came out alike after the same time, among a thousand nodes
BATCH: Final = 32
PIECES: Final = 8  # of a batch; they are added in order, so that the number of threads changes nothing
AT_ONCE: Final = 4  # snapshots that are scored together
AHEAD: Final = 64  # batches simulated at a time
RATE: Final = 1e-2
WARM: Final = 100  # steps until the rate is reached
BETAS: Final = 0.9, 0.999
MEMORY: Final = 0.98  # of the mean of the weights
TOLD: Final = 500  # steps between two words
EXAM: Final = 2000  # outbreaks; the first exam comes after FIRST steps, the next after twice as many, and so on
FIRST: Final = 512
DUE: Final = 0.01  # of cross-entropy: twice as many steps that surely (by two standard errors) gain less are the last
REST: Final = 1.5  # times as long as it took until then it takes to come to rest


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
        rng, graph = generator(rng), _Graph.of(problem)
        with _threads() as pool:
            school, exam = _School(graph, rng, pool), problem.simulate_outbreaks(EXAM, rng)
            school.descend(exam.codes[:PIECES], exam.sources[:PIECES])  # compiles, before time counts
            course = _Course(seconds, steps)
            for batch in _batches(problem, rng, steps):
                course.heard(school.step(batch.codes, batch.sources, course.rate))
                if course.step % TOLD == 0:
                    progress(f"{course.step * BATCH:,} outbreaks learned from, {course.recent / log(2):.2f} bits")
                if course.examines:
                    course.evaluate(school.losses(exam.codes, exam.sources))
                if course.done >= 1:
                    break
            school.temper(exam.codes, exam.sources)
        return cls(graph.parts(school.mean)._asdict(), problem.key)

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
        weights, graph = Weights(**self.weights), _Graph.of(problem)
        if any(part.shape != shape for part, shape in zip(weights, graph.shapes().values(), strict=True)):
            raise CounterpointError("this network is of another shape than this version teaches: teach it anew")
        with _threads() as pool:
            return _scored(weights, graph, np.ascontiguousarray(codes, np.uint8), pool)

    def save(self, folder: Path | str) -> None:
        """Write it into a folder that is not there yet."""
        Path(folder).mkdir()
        serializer.save(self, Path(folder), "graph-network")

    @classmethod
    def load(cls, folder: Path | str) -> Self:
        """Read what `save` wrote; raises CounterpointError if that is not what the folder holds."""
        return serializer.load(cls, Path(folder), "graph-network")


@dataclass(frozen=True)
class _Graph:
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


class _School:
    """What changes while a network is taught: its weights, their mean, and what Adam remembers."""

    def __init__(self, graph: _Graph, rng: np.random.Generator, pool: ThreadPoolExecutor) -> None:
        self.graph, self.pool, self.steps = graph, pool, 0
        self.values = graph.begin(rng)
        self.mean = self.values.copy()
        self.slope, self.first, self.second = (np.zeros_like(self.values) for _ in range(3))
        self.weights, self.slopes = graph.parts(self.values), graph.parts(self.slope)
        self.own = self.slopes.place.size + self.slopes.bias.size  # of the slope, what belongs to places
        self.rooms = [np.empty(0, np.float32) for _ in range(PIECES)]

    def step(self, codes: Codes, sources: NDArray[np.int32], rate: float) -> float:
        """Learn from a batch, and return its mean cross-entropy before."""
        loss = self.descend(codes, sources)
        self.steps += 1
        clip = 1 / max(sqrt(float(self.slope @ self.slope)), 1.0)
        low, high = BETAS
        numbers = rate, 1 - low, 1 - high, 1 - low**self.steps, 1 - high**self.steps, clip
        rates = tuple(map(np.float32, (*numbers, max(1 - MEMORY, min(1, 10 / self.steps)))))
        arrays = self.values, self.slope, self.first, self.second, self.mean
        pieces = (np.array_split(each, PIECES) for each in arrays)
        list(self.pool.map(graph_network_kernels.adam, *pieces, repeat(rates)))
        return loss

    def losses(self, codes: Codes, sources: NDArray[np.int32]) -> Scores:
        """Return what the mean of the weights makes of snapshots, each one's cross-entropy."""
        return _losses(_scored(self.graph.parts(self.mean), self.graph, codes, self.pool), sources)

    def temper(self, codes: Codes, sources: NDArray[np.int32]) -> None:
        """Let the mean of the weights be as sure as snapshots it has not learned from say (Guo et al. 2017)."""
        weights = self.graph.parts(self.mean)
        scores = _scored(weights, self.graph, codes, self.pool)
        found = minimize_scalar(lambda power: _losses(exp(power) * scores, sources).mean(), bounds=(-1, 1))
        weights.out[:] *= exp(found.x)
        weights.bias[:] *= exp(found.x)

    def descend(self, codes: Codes, sources: NDArray[np.int32]) -> float:
        """Set the slope to a batch's mean gradient, and return its mean cross-entropy."""
        wanted = np.zeros(codes.shape, np.float32)
        np.put_along_axis(wanted, sources.astype(np.int64), 1 / sources.shape[1], 1)
        self.slope[:] = 0
        loss = 0.0
        for more, place, own, rest in self.pool.map(
            self._piece, range(PIECES), np.array_split(codes, PIECES), np.array_split(wanted, PIECES)
        ):
            loss += more
            graph_network_kernels.scatter(place, own, self.slopes.place, self.slopes.bias)
            self.slope[self.own :] += rest
        self.slope /= len(codes)
        return loss / len(codes)

    def _piece(self, which: int, codes: Codes, wanted: Floats) -> tuple[float, NDArray[np.int64], Floats, Floats]:
        """Return a piece's cross-entropy, and its gradient: places, theirs, and that of all else."""
        rows, inputs = self.graph.rows(codes)
        need = graph_network_kernels.room_for(len(rows.node), LAYERS, len(rows.start))
        if len(self.rooms[which]) < need:
            self.rooms[which] = np.empty(2 * need, np.float32)
        right = wanted[rows.graph, rows.node]
        slope, own = np.empty_like(self.slope), np.empty((len(rows.node), WIDTH + 1), np.float32)
        room, slopes = self.rooms[which], self.graph.parts(slope)
        logs = graph_network_kernels.gradient(self.weights, rows, inputs, room, right, len(codes), slopes, own)
        return -float(right @ logs), inputs.place, own, slope[self.own :]


class _Course:
    """How far the teaching is, how fast it should go on, and whether anything is still learned."""

    def __init__(self, seconds: float, steps: int | None) -> None:
        self.seconds, self.steps, self.step, self.begun = seconds, steps, 0, perf_counter()
        self.last: list[float] = []
        self.exam: Scores | None = None

    @property
    def done(self) -> float:
        """The share of the teaching that is behind us."""
        return (perf_counter() - self.begun) / self.seconds if self.steps is None else self.step / self.steps

    @property
    def rate(self) -> float:
        """How fast to learn now: it warms up, and comes to rest along a cosine (Loshchilov & Hutter 2017)."""
        return RATE * min(1, (self.step + 1) / WARM) * max(0.01, (1 + cos(pi * min(self.done, 1))) / 2)

    @property
    def recent(self) -> float:
        """The mean cross-entropy of late."""
        return float(np.mean(self.last))

    @property
    def examines(self) -> bool:
        """Whether it is time for an exam; with steps given there is none."""
        return self.steps is None and self.step % FIRST == 0 and (self.step // FIRST).bit_count() == 1

    def heard(self, loss: float) -> None:
        """Take down the loss of a step."""
        self.step += 1
        self.last = [*self.last[1 - TOLD :], loss]

    def evaluate(self, losses: Scores) -> None:
        """Let the end come sooner if outbreaks are evaluated hardly better than after half as many steps."""
        if self.exam is not None:
            better = self.exam - losses
            if better.mean() + 2 * better.std() / sqrt(len(better)) < DUE:
                self.seconds = min(self.seconds, REST * (perf_counter() - self.begun))
        self.exam = losses


def _losses(scores: Scores, sources: NDArray[np.int32]) -> Scores:
    """Return the cross-entropy of every snapshot's softmax of scores, between its sources on average."""
    right = np.take_along_axis(scores, sources.astype(np.int64), 1).mean(1)
    return np.asarray(logsumexp(scores, axis=1) - right)


def _batches(problem: Problem, rng: np.random.Generator, steps: int | None) -> Iterator[Snapshots]:
    """Simulate fresh outbreaks, batch by batch."""
    ahead = AHEAD if steps is None else min(AHEAD, steps)
    while True:
        codes, sources, states, times = problem.simulate_outbreaks(ahead * BATCH, rng)
        for at in (slice(low, low + BATCH) for low in range(0, len(codes), BATCH)):
            yield Snapshots(codes[at], sources[at], states[at], times[at])


@contextmanager
def _threads() -> Iterator[ThreadPoolExecutor]:
    """Offer as many threads as there are processors, each with a BLAS that keeps to its own."""
    with ThreadpoolController().limit(limits=1, user_api="blas"), ThreadPoolExecutor(os.cpu_count()) as pool:
        yield pool


def _scored(weights: Weights, graph: _Graph, codes: Codes, pool: ThreadPoolExecutor) -> Scores:
    """Return every node's log-probability in every snapshot."""
    scores = np.full(codes.shape, -np.inf)

    def score(low: int) -> None:
        rows, inputs = graph.rows(codes[low : low + AT_ONCE])
        room = np.empty(graph_network_kernels.room_for(len(rows.node), LAYERS, len(rows.start)), np.float32)
        logs = graph_network_kernels.log_probabilities(weights, rows, inputs, room, min(AT_ONCE, len(codes) - low))
        scores[low + rows.graph, rows.node] = logs

    list(pool.map(score, range(0, len(codes), AT_ONCE)))
    return scores

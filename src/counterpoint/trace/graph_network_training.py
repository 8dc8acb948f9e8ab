"""The training of a graph network: fresh outbreaks, batch by batch, Adam, and exams that say when it is enough."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from math import cos, exp, log, pi, sqrt
from time import perf_counter
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

from counterpoint.trace import graph_network_kernels
from counterpoint.trace.graph_network_kernels import WIDTH, Weights
from counterpoint.trace.graph_network_layout import LAYERS, NetworkLayout, score_snapshots, worker_threads
from counterpoint.trace.problem import Codes, Problem, Snapshots
from counterpoint.trace.protocol import Scores

Floats = NDArray[np.float32]
BATCH: Final = 32
PIECES: Final = 8  # of a batch; they are added in order, so that the number of threads changes nothing
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


def train(
    problem: Problem, seconds: float, steps: int | None, rng: np.random.Generator, progress: Callable[[str], None]
) -> Weights:
    """Teach a network on fresh outbreaks and return its weights; `steps`, if given, is how many batches it sees."""
    graph = NetworkLayout.of(problem)
    with worker_threads() as pool:
        trainer, exam = Trainer(graph, rng, pool), problem.simulate_outbreaks(EXAM, rng)
        trainer.descend(exam.codes[:PIECES], exam.sources[:PIECES])  # compiles, before time counts
        schedule = Schedule(seconds, steps)
        for batch in _batches(problem, rng, steps):
            schedule.heard(trainer.step(batch.codes, batch.sources, schedule.rate))
            if schedule.step % TOLD == 0:
                progress(f"{schedule.step * BATCH:,} outbreaks learned from, {schedule.recent / log(2):.2f} bits")
            if schedule.examines:
                schedule.evaluate(trainer.losses(exam.codes, exam.sources))
            if schedule.done >= 1:
                break
        trainer.temper(exam.codes, exam.sources)
    return graph.parts(trainer.mean)


class Trainer:
    """What changes while a network is taught: its weights, their mean, and what Adam remembers."""

    def __init__(self, graph: NetworkLayout, rng: np.random.Generator, pool: ThreadPoolExecutor) -> None:
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
        return _losses(score_snapshots(self.graph.parts(self.mean), self.graph, codes, self.pool), sources)

    def temper(self, codes: Codes, sources: NDArray[np.int32]) -> None:
        """Let the mean of the weights be as sure as snapshots it has not learned from say (Guo et al. 2017)."""
        weights = self.graph.parts(self.mean)
        scores = score_snapshots(weights, self.graph, codes, self.pool)
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


class Schedule:
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

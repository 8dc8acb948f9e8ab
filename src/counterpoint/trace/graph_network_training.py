"""The training of a graph network: fresh outbreaks, batch by batch, Adam, and checks that say when it is enough."""

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
BATCHES_AHEAD: Final = 64  # batches simulated at a time
LEARNING_RATE: Final = 1e-2
WARM_UP_STEPS: Final = 100  # steps until the rate is reached
BETAS: Final = 0.9, 0.999
MEAN_DECAY: Final = 0.98  # of the mean of the weights
PROGRESS_STEPS: Final = 500  # steps between two words
VALIDATION_OUTBREAKS: Final = 2000
FIRST_CHECK: Final = 512  # steps until the first look at these; the next comes after twice as many, and so on
# Of cross-entropy: twice as many steps that surely (by two standard errors) gain less are the last.
MIN_GAIN: Final = 0.01
SETTLING_FACTOR: Final = 1.5  # times as long as it took until then it takes to come to rest


def train(
    problem: Problem, seconds: float, steps: int | None, rng: np.random.Generator, progress: Callable[[str], None]
) -> Weights:
    """Teach a network on fresh outbreaks and return its weights; `steps`, if given, is how many batches it sees."""
    graph = NetworkLayout.of(problem)
    with worker_threads() as pool:
        trainer, validation = Trainer(graph, rng, pool), problem.simulate_outbreaks(VALIDATION_OUTBREAKS, rng)
        trainer.descend(validation.codes[:PIECES], validation.sources[:PIECES])  # compiles, before time counts
        schedule = Schedule(seconds, steps)
        for batch in _batches(problem, rng, steps):
            schedule.record(trainer.step(batch.codes, batch.sources, schedule.rate))
            if schedule.step % PROGRESS_STEPS == 0:
                progress(f"{schedule.step * BATCH:,} outbreaks learned from, {schedule.recent / log(2):.2f} bits")
            if schedule.is_check_due:
                schedule.evaluate(trainer.losses(validation.codes, validation.sources))
            if schedule.done >= 1:
                break
        trainer.temper(validation.codes, validation.sources)
    return graph.parts(trainer.mean)


class Trainer:
    """What changes while a network is taught: its weights, their mean, and what Adam remembers."""

    def __init__(self, graph: NetworkLayout, rng: np.random.Generator, pool: ThreadPoolExecutor) -> None:
        self.graph, self.pool, self.steps = graph, pool, 0
        self.values = graph.begin(rng)
        self.mean = self.values.copy()
        self.slope, self.first, self.second = (np.zeros_like(self.values) for _ in range(3))
        self.weights, self.slopes = graph.parts(self.values), graph.parts(self.slope)
        self.place_size = self.slopes.place.size + self.slopes.bias.size  # of the slope, what belongs to places
        self.rooms = [np.empty(0, np.float32) for _ in range(PIECES)]

    def step(self, codes: Codes, sources: NDArray[np.int32], rate: float) -> float:
        """Learn from a batch, and return its mean cross-entropy before."""
        loss = self.descend(codes, sources)
        self.steps += 1
        clip = 1 / max(sqrt(float(self.slope @ self.slope)), 1.0)
        low, high = BETAS
        numbers = rate, 1 - low, 1 - high, 1 - low**self.steps, 1 - high**self.steps, clip
        rates = tuple(map(np.float32, (*numbers, max(1 - MEAN_DECAY, min(1, 10 / self.steps)))))
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
        optimum = minimize_scalar(lambda power: _losses(exp(power) * scores, sources).mean(), bounds=(-1, 1))
        weights.out[:] *= exp(optimum.x)
        weights.bias[:] *= exp(optimum.x)

    def descend(self, codes: Codes, sources: NDArray[np.int32]) -> float:
        """Set the slope to a batch's mean gradient, and return its mean cross-entropy."""
        wanted = np.zeros(codes.shape, np.float32)
        np.put_along_axis(wanted, sources.astype(np.int64), 1 / sources.shape[1], 1)
        self.slope[:] = 0
        loss = 0.0
        for piece_loss, place, place_slopes, dense_slope in self.pool.map(
            self._piece, range(PIECES), np.array_split(codes, PIECES), np.array_split(wanted, PIECES)
        ):
            loss += piece_loss
            graph_network_kernels.scatter(place, place_slopes, self.slopes.place, self.slopes.bias)
            self.slope[self.place_size :] += dense_slope
        self.slope /= len(codes)
        return loss / len(codes)

    def _piece(self, which: int, codes: Codes, wanted: Floats) -> tuple[float, NDArray[np.int64], Floats, Floats]:
        """Return a piece's cross-entropy, and its gradient: places, theirs, and that of all else."""
        rows, inputs = self.graph.rows(codes)
        need = graph_network_kernels.room_for(len(rows.node), LAYERS, len(rows.start))
        if len(self.rooms[which]) < need:
            self.rooms[which] = np.empty(2 * need, np.float32)
        right = wanted[rows.graph, rows.node]
        slope, place_slopes = np.empty_like(self.slope), np.empty((len(rows.node), WIDTH + 1), np.float32)
        room, slopes = self.rooms[which], self.graph.parts(slope)
        logs = graph_network_kernels.gradient(self.weights, rows, inputs, room, right, len(codes), slopes, place_slopes)
        return -float(right @ logs), inputs.place, place_slopes, slope[self.place_size :]


class Schedule:
    """How far the teaching is, how fast it should go on, and whether anything is still learned."""

    def __init__(self, seconds: float, steps: int | None) -> None:
        self.seconds, self.steps, self.step, self.start = seconds, steps, 0, perf_counter()
        self.last: list[float] = []
        self.checked_losses: Scores | None = None

    @property
    def done(self) -> float:
        """The share of the teaching that is behind us."""
        return (perf_counter() - self.start) / self.seconds if self.steps is None else self.step / self.steps

    @property
    def rate(self) -> float:
        """How fast to learn now: it warms up, and comes to rest along a cosine (Loshchilov & Hutter 2017)."""
        warm_up = min(1, (self.step + 1) / WARM_UP_STEPS)
        return LEARNING_RATE * warm_up * max(0.01, (1 + cos(pi * min(self.done, 1))) / 2)

    @property
    def recent(self) -> float:
        """The mean cross-entropy of late."""
        return float(np.mean(self.last))

    @property
    def is_check_due(self) -> bool:
        """Whether it is time for a check; with steps given there is none."""
        return self.steps is None and self.step % FIRST_CHECK == 0 and (self.step // FIRST_CHECK).bit_count() == 1

    def record(self, loss: float) -> None:
        """Take down the loss of a step."""
        self.step += 1
        self.last = [*self.last[1 - PROGRESS_STEPS :], loss]

    def evaluate(self, losses: Scores) -> None:
        """Let the end come sooner if outbreaks are evaluated hardly better than after half as many steps."""
        if self.checked_losses is not None:
            better = self.checked_losses - losses
            if better.mean() + 2 * better.std() / sqrt(len(better)) < MIN_GAIN:
                self.seconds = min(self.seconds, SETTLING_FACTOR * (perf_counter() - self.start))
        self.checked_losses = losses


def _losses(scores: Scores, sources: NDArray[np.int32]) -> Scores:
    """Return the cross-entropy of every snapshot's softmax of scores, between its sources on average."""
    right = np.take_along_axis(scores, sources.astype(np.int64), 1).mean(1)
    return np.asarray(logsumexp(scores, axis=1) - right)


def _batches(problem: Problem, rng: np.random.Generator, steps: int | None) -> Iterator[Snapshots]:
    """Simulate fresh outbreaks, batch by batch."""
    ahead = BATCHES_AHEAD if steps is None else min(BATCHES_AHEAD, steps)
    while True:
        codes, sources, states, times = problem.simulate_outbreaks(ahead * BATCH, rng)
        for batch in (slice(low, low + BATCH) for low in range(0, len(codes), BATCH)):
            yield Snapshots(codes[batch], sources[batch], states[batch], times[batch])

"""Detectors that let the rumour begin at a suspect again and again, and compare what comes of it with the snapshot.

They know of a model only that it can be run, so they take any. Runs begin at the suspect alone, whatever the number of
sources; all suspects have the same luck, so that what differs is where it began.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import product
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from counterpoint.errors import CounterpointError
from counterpoint.rng import generator
from counterpoint.spread.simulation import simulate
from counterpoint.trace.heuristics import Numbers, filled, likely_first, undirected
from counterpoint.trace.problem import Codes, Problem
from counterpoint.trace.protocol import Scores, probabilities

States = NDArray[np.uint8]
WIDTHS: Final = tuple(2.0**-power for power in range(1, 8))  # of the Gaussian, widest first
MAX_CHANGE: Final = 0.05  # by which the best one's probability may differ between half the runs and all


def outbreaks_from(problem: Problem, node: int, runs: int, rng: int | np.random.Generator) -> States:
    """Run outbreaks that begin at a node, with models and times as likely as they are; uint8[runs, nodes]."""
    rng = generator(rng)
    chances = [(model, time, p * q) for (model, p), (time, q) in product(problem.models, problem.times)]
    share = np.array([chance for *_, chance in chances])
    states_by_law = []
    for (model, time, _), count in zip(chances, rng.multinomial(runs, share / share.sum()), strict=True):
        if time == 0:
            states = np.zeros((count, problem.network.nodes), np.uint8)
            states[:, node] = model.number(model.source)
            states_by_law.append(states)
        elif count:
            name = problem.network.names[node]
            out = simulate(problem.network, model, runs=int(count), sources=[name], steps=time, keep="nodes", rng=rng)
            states_by_law.append(np.asarray(out.last))
    return np.concatenate(states_by_law)


@dataclass(frozen=True)
class Beam:
    """By the chance of the snapshot, node by node, in outbreaks that are run from a suspect.

    It looks at `begin` suspects first, as `likely_first` has them, and goes on from the `width` best so far to those
    of their neighbours that are suspects, until none of these is better than any of them. A node's chance to be seen as
    it is is how often it would be, with `smooth` more outbreaks for every state. Who was not run comes after who was.

    runs : outbreaks from each
    most : suspects that are run at all
    """

    begin: int = 20
    width: int = 5
    runs: int = 40
    most: int = 60
    smooth: float = 0.25

    name: ClassVar = "beam"
    about: ClassVar = "Beam search over simulated likelihood, our reconstruction of the idea of Chen et al. 2021."
    is_probabilistic: ClassVar = False

    def __post_init__(self) -> None:
        _positive("beam", begin=self.begin, width=self.width, runs=self.runs, most=self.most, smooth=self.smooth)

    def scores(self, problem: Problem, codes: Codes, rng: np.random.Generator) -> Scores:
        """Return the sum over nodes of ln(frequency of what is seen of them)."""
        order = likely_first(problem, codes, rng)
        joined = undirected(problem.network)
        luck = int(rng.integers(2**32))
        fits: dict[int, float] = {}
        best: set[int] = set()
        frontier = order[: min(self.begin, self.most)]
        while len(frontier):
            fits |= {int(node): self._fit(problem, codes, int(node), luck) for node in frontier}
            before, best = best, set(sorted(fits, key=fits.__getitem__)[-self.width :])
            beside_best = np.zeros(len(codes), np.bool_)
            beside_best[joined[sorted(best - before)].indices] = True
            frontier = np.array(
                [node for node in order[beside_best[order]] if int(node) not in fits][: self.most - len(fits)]
            )
        return filled(len(codes), _scored_first(fits, order), np.array(list(fits.values())))

    def _fit(self, problem: Problem, codes: Codes, node: int, luck: int) -> float:
        states, may = outbreaks_from(problem, node, self.runs, luck), problem.possible_states[codes]
        counts = np.stack([(states == state).sum(0) for state in range(problem.unseen)], 1) + self.smooth
        return float(np.log((counts * may).sum(1) / (self.runs + self.smooth * problem.unseen)).sum())


@dataclass(frozen=True)
class SoftMargin:
    """By how like the snapshot outbreaks are that are run from a suspect.

    The likeness of two outbreaks is the share of nodes reached in both, of those reached in either (Jaccard 1912); only
    nodes of which something is seen count. An outbreak adds exp(-(1 - likeness)^2 / a^2) to its suspect. Of the widths
    a, the smallest is taken at which the best suspect is the same after half the runs as after all, and as probable
    within 0.05.

    runs   : outbreaks from each
    most   : suspects that are run; the rest come after them
    states : whether a node must also be seen as the same to count as reached in both
    """

    runs: int = 200
    most: int = 60
    states: bool = True

    name: ClassVar = "soft-margin"
    about: ClassVar = "Likeness of simulated outbreaks (Antulov-Fantulin et al. 2015, Phys. Rev. Lett. 114)."
    is_probabilistic: ClassVar = True

    def __post_init__(self) -> None:
        _positive("soft-margin", runs=self.runs - 1, most=self.most)

    def scores(self, problem: Problem, codes: Codes, rng: np.random.Generator) -> Scores:
        """Return ln of the mean of the Gaussian over outbreaks."""
        order = likely_first(problem, codes, rng)
        luck = int(rng.integers(2**32))
        likeness = np.array([self._likeness(problem, codes, int(node), luck) for node in order[: self.most]])
        if not len(likeness):
            return filled(len(codes), order, likeness)
        return filled(len(codes), order, _settled(likeness[:, rng.permutation(self.runs)]))

    def _likeness(self, problem: Problem, codes: Codes, node: int, luck: int) -> NDArray[np.float64]:
        seen = codes != problem.unseen
        runs = replace(problem, share=1.0).observe(outbreaks_from(problem, node, self.runs, luck), luck)[:, seen]
        one, others = problem.reached[codes[seen]], problem.reached[runs]
        both = (one & others & (runs == codes[seen])) if self.states else one & others
        return np.asarray(both.sum(1) / np.maximum((one | others).sum(1), 1))


def _settled(likeness: NDArray[np.float64]) -> Scores:
    """Return the scores of the smallest width at which they have settled; of the widest if they never do."""
    half = likeness.shape[1] // 2
    settled = _kernel(likeness, WIDTHS[0])
    for width in WIDTHS:
        half_scores, scores = _kernel(likeness[:, :half], width), _kernel(likeness, width)
        best = int(scores.argmax())
        change = abs(probabilities(half_scores)[best] - probabilities(scores)[best])
        if int(half_scores.argmax()) == best and change <= MAX_CHANGE:
            settled = scores
    return settled


def _kernel(likeness: NDArray[np.float64], width: float) -> Scores:
    """Return ln of the mean of exp(-(1 - likeness)^2 / width^2), row by row."""
    return np.asarray(np.logaddexp.reduce(-(((1 - likeness) / width) ** 2), 1) - np.log(likeness.shape[1]))


def _scored_first(scored: Iterable[int], order: Numbers) -> Numbers:
    """Return those found, then the others in their order."""
    first = np.array(list(scored), np.int64)
    return np.concatenate([first, order[~np.isin(order, first)]])


def _positive(name: str, **values: float) -> None:
    for what, value in values.items():
        if not value > 0:
            raise CounterpointError(f"{name}: {what} is {value:g}; more would be right")

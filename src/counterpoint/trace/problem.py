"""What is known beside a snapshot itself: the network, the rules, the time, and how states are seen."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from math import isclose
from typing import Any, Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from counterpoint.errors import CounterpointError
from counterpoint.networks.graph import Network
from counterpoint.rng import generator
from counterpoint.spread.models.model import Model
from counterpoint.spread.simulation import simulate

Codes = NDArray[np.uint8]
MAX_RUNS_PER_OUTBREAK: Final = 200  # outbreaks run for each one wanted, before we say that there are hardly any
MAX_STATES_IN_MEMORY: Final = 2**26  # states kept at a time


class Snapshots(NamedTuple):
    """Outbreaks as they would be seen, with where they truly began.

    codes   : uint8[n, nodes], what is seen of everybody
    sources : int32[n, sources]
    states  : uint8[n, nodes], what everybody is in
    times   : int64[n], steps since the start
    """

    codes: Codes
    sources: NDArray[np.int32]
    states: NDArray[np.uint8]
    times: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Problem:
    """What is known beside the snapshot.

    models  : what may have spread it, with prior probabilities; all have the same states
    times   : how many steps ago it may have begun, with prior probabilities
    indistinguishable : states that look like the first one to whoever observes
    share   : of nodes that are seen, whoever they are
    sources : how many nodes it began at
    min_size : how many nodes are seen to be reached, at least, in any outbreak that is asked about

    What is seen of a node is a code: the number of a state, or, one above, that nothing is seen.

    Raises CounterpointError for priors that are none, and for models with different states.
    """

    network: Network
    models: tuple[tuple[Model, float], ...]
    times: tuple[tuple[int, float], ...]
    indistinguishable: tuple[str, ...] = ()
    share: float = 1.0
    sources: int = 1
    min_size: int = 1

    def __post_init__(self) -> None:
        for name, priors in (("models", self.models), ("times", self.times)):
            if not priors or min(prior for _, prior in priors) < 0 or not isclose(sum(prior for _, prior in priors), 1):
                raise CounterpointError(f"{name} need prior probabilities that add up to 1")
        if min(time for time, _ in self.times) < 0:
            raise CounterpointError("a rumour begins 0 or more steps before it is seen")
        if len({model.states for model, _ in self.models}) > 1:
            raise CounterpointError("models that may have spread one rumour must have the same states")
        for state in self.indistinguishable:
            self.model.number(state)
        if not 0 < self.share <= 1:
            raise CounterpointError(f"the share of nodes that are seen is {self.share:g}; it must lie in (0, 1]")
        if not 1 <= self.sources <= self.network.nodes:
            raise CounterpointError(f"{self.sources} sources of {self.network.nodes} nodes cannot be looked for")

    @classmethod
    def of(cls, network: Network, model: Model, time: int, **other: Any) -> Self:
        """Return the problem in which model and time are known.

        >>> from counterpoint.spread.models.presets import model
        >>> from counterpoint.networks.generators import ring
        >>> Problem.of(ring(9), model("sidr"), 3, indistinguishable=("R",)).possible_states.astype(int)
        array([[1, 0, 0, 1],
               [0, 1, 0, 0],
               [0, 0, 1, 0],
               [1, 0, 0, 1],
               [1, 1, 1, 1]])
        """
        return cls(network, ((model, 1.0),), ((time, 1.0),), **other)

    @property
    def model(self) -> Model:
        """The first of the models: their states are the same."""
        return self.models[0][0]

    @property
    def time(self) -> int:
        """The longest time since the start that is possible."""
        return max(time for time, prior in self.times if prior > 0)

    @property
    def unseen(self) -> int:
        """The code of a node of which nothing is seen; codes go from 0 to it."""
        return len(self.model.states)

    @cached_property
    def possible_states(self) -> NDArray[np.bool_]:
        """Whether a node that is seen as a code may be in a state, bool[codes, states]."""
        states = self.unseen
        may = np.eye(states + 1, states, dtype=np.bool_)
        may[states] = True
        hidden = [0, *(self.model.number(state) for state in self.indistinguishable)]
        may[np.ix_(hidden, hidden)] = True
        return may

    @cached_property
    def reached(self) -> NDArray[np.bool_]:
        """Whether a node that is seen as a code has surely left the first state, bool[codes]."""
        return np.asarray(~self.possible_states[:, 0])

    @cached_property
    def suspect(self) -> NDArray[np.bool_]:
        """Whether a node that is seen as a code may be a source, bool[codes]: that state may follow a source's."""
        states = self.unseen
        step = np.eye(states, dtype=np.bool_)
        for model, _ in self.models:
            step |= model.contact_chances[:, 0].any((0, 2)) | model.spontaneous_chances[0].astype(np.bool_)
            step |= model.joint_chances.any((1, 3)) | model.joint_chances.any((0, 2))
        reached = np.linalg.matrix_power(step.astype(np.int64), states)[self.model.number(self.model.source)] > 0
        return np.asarray((self.possible_states & reached).any(1))

    @cached_property
    def key(self) -> str:
        """What tells this problem from any other, as a hash."""
        digest = hashlib.sha256()
        network = self.network
        for part in (network.start, network.to, network.weight, network.since, network.until):
            digest.update(b"-" if part is None else part.tobytes())
        for model, prior in self.models:
            digest.update(repr((model.states, model.rules, model.source, model.active, prior)).encode())
            digest.update(repr((sorted(model.classes.items()), model.contact)).encode())
        digest.update(repr((network.directed, self.times, sorted(self.indistinguishable))).encode())
        digest.update(repr((self.share, self.sources, self.min_size)).encode())
        return digest.hexdigest()[:16]

    def observe(self, states: NDArray[np.uint8], rng: int | np.random.Generator) -> Codes:
        """Return what is seen of nodes in these states, whatever the array's shape."""
        hidden = np.arange(self.unseen, dtype=np.uint8)
        hidden[[self.model.number(state) for state in self.indistinguishable]] = 0
        codes = hidden[states]
        if self.share < 1:
            codes[generator(rng).random(codes.shape) >= self.share] = self.unseen
        return codes

    def simulate_outbreaks(self, count: int, rng: int | np.random.Generator) -> Snapshots:
        """Run outbreaks as this problem has them, until so many are seen as large as `min_size`.

        Raises CounterpointError if hardly any becomes that large.
        """
        rng = generator(rng)
        parts, large_enough, simulated_count = [], 0, 0
        max_batch = max(1, MAX_STATES_IN_MEMORY // self.network.nodes)
        while large_enough < count:
            if simulated_count > MAX_RUNS_PER_OUTBREAK * count:
                raise CounterpointError(
                    f"of {simulated_count:,} outbreaks {large_enough:,} have {self.min_size} reached nodes or more"
                    " that are seen; ask for smaller ones or a later time"
                )
            wanted = max((count - large_enough) * max(simulated_count, 1) / max(large_enough, 1), 16)
            batch_size = int(min(max_batch, wanted, MAX_RUNS_PER_OUTBREAK * count + 1))
            simulated = self._simulate(batch_size, rng)
            large = self.reached[simulated.codes].sum(1) >= self.min_size
            parts.append(Snapshots(*(part[large] for part in simulated)))
            large_enough, simulated_count = large_enough + int(large.sum()), simulated_count + batch_size
        return Snapshots(*(np.concatenate(arrays)[:count] for arrays in zip(*parts, strict=True)))

    def _simulate(self, runs: int, rng: np.random.Generator) -> Snapshots:
        """Run outbreaks of any size, each with a model and a time of its own."""
        models = rng.choice(len(self.models), runs, p=[prior for _, prior in self.models])
        times = rng.choice([time for time, _ in self.times], runs, p=[prior for _, prior in self.times])
        states = np.zeros((runs, self.network.nodes), np.uint8)
        sources = np.empty((runs, self.sources), np.int32)
        for model_index, time in np.unique(np.stack([models, times], 1), axis=0):
            chosen = np.flatnonzero((models == model_index) & (times == time))
            sources[chosen], states[chosen] = self._simulate_at(
                self.models[model_index][0], int(time), len(chosen), rng
            )
        return Snapshots(self.observe(states, rng), sources, states, times)

    def _simulate_at(
        self, model: Model, time: int, runs: int, rng: np.random.Generator
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        seed = int(rng.integers(2**32))
        if time == 0:
            sources = np.stack([rng.choice(self.network.nodes, self.sources, replace=False) for _ in range(runs)])
            states = np.zeros((runs, self.network.nodes), np.uint8)
            np.put_along_axis(states, sources, np.uint8(model.number(model.source)), 1)
            return sources, states
        out = simulate(self.network, model, runs=runs, sources=self.sources, steps=time, keep="nodes", rng=seed)
        return out.sources, np.asarray(out.last)

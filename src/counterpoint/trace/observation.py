"""A snapshot: in which state everybody was seen, and when."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from numbers import Integral
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import polars as pl

from counterpoint.errors import CounterpointError, suggestion
from counterpoint.networks.graph import Network
from counterpoint.spread.models.model import Model
from counterpoint.spread.outbreaks import Outbreaks
from counterpoint.storage.exchange import read_table
from counterpoint.trace.problem import Codes, Problem

Time = int | Mapping[int, float]
UNSEEN: Final = "?"
DEFAULT_MIN_SIZE: Final = 5


@dataclass(frozen=True, eq=False)
class Observation:
    """What is seen of everybody, at a time.

    network : of the nodes
    codes : uint8[nodes], the number of the state that a node is seen in; one above: nothing is seen of it
    times : how many steps ago the rumour may have begun, with prior probabilities
    indistinguishable : states that look like the first one
    names : what the states are called, in the order of their numbers; empty: as in the model that it is traced with
    sources : how many nodes the rumour began at

    Made by `Observation.of`, `Observation.read` or `Observation.of_run`.
    """

    network: Network
    codes: Codes
    times: tuple[tuple[int, float], ...]
    indistinguishable: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    sources: int = 1

    def __post_init__(self) -> None:
        if len(self.codes) != self.network.nodes:
            raise CounterpointError(
                f"the snapshot has {len(self.codes):,} nodes, the network {self.network.nodes:,}; they must be the same"
            )

    @classmethod
    def of(  # noqa: PLR0913  what is seen, and what is known of how it is seen
        cls,
        network: Network,
        model: Model,
        states: Mapping[Any, str],
        time: Time,
        *,
        indistinguishable: tuple[str, ...] = (),
        default_state: str | None = None,
        sources: int = 1,
    ) -> Self:
        """Take states by the names of nodes; "?" is one of which nothing is seen.

        time  : steps since the rumour began; or several with their prior probabilities
        indistinguishable : states that look like the first one: nodes in them are seen as the first
        sources : how many nodes it began at
        default_state : what nodes are that `states` leaves out: a state, or "?"; None: no node is

        Raises CounterpointError for a node that the network lacks, a state that is none, and nodes left out unsaid.

        >>> from counterpoint.spread.models.presets import model
        >>> from counterpoint.networks.generators import ring
        >>> Observation.of(ring(5), model("sir"), {0: "R", 1: "I", 4: "I"}, 2, default_state="S").codes
        array([2, 1, 0, 0, 1], dtype=uint8)
        """
        names = list(states)
        numbers = network.numbers(names)
        if len(doubled := np.flatnonzero(np.bincount(numbers, minlength=1) > 1)):
            raise CounterpointError(f"node {network.names[int(doubled[0])]!r} is named twice; one state each is right")
        if default_state is None and len(states) < network.nodes:
            left = network.nodes - len(states)
            raise CounterpointError(
                f"nothing is said of {left:,} of {network.nodes:,} nodes; say which state these are in:"
                f" {model.states[0]!r}, or {UNSEEN!r} for not seen"
            )
        codes = np.full(
            network.nodes, 0 if default_state is None else _code(model, default_state, "the default state"), np.uint8
        )
        known = {state: _code(model, state, f"node {name!r}") for name, state in states.items()}
        codes[numbers] = [known[states[name]] for name in names]
        hidden = [model.number(state) for state in indistinguishable]
        codes[np.isin(codes, hidden)] = 0
        return cls(network, codes, _times(time), indistinguishable, model.states, sources)

    @classmethod
    def read(cls, path: Path, network: Network, model: Model, time: Time, **how: Any) -> Self:
        """Read a table with the columns node and state, .csv or .parquet; `how` is as in `of`.

        Raises CounterpointError as `of` does, and for a file that is no such table or names a node twice.
        """
        frame = read_table(path, "node", "state")
        names, states = frame["node"], frame["state"].cast(pl.String).str.strip_chars()
        if states.null_count() or names.null_count():
            row = int((states.is_null() | names.is_null()).arg_max() or 0)
            raise CounterpointError(f"{path}: row {row + 1} lacks a node or a state")
        if doubled := names.filter(names.is_duplicated()).to_list()[:1]:
            raise CounterpointError(f"{path}: node {doubled[0]!r} has more than one row; one each would be right")
        try:
            return cls.of(network, model, dict(zip(names, states, strict=True)), time, **how)
        except CounterpointError as error:
            raise CounterpointError(f"{path}: {error}") from None

    @classmethod
    def of_run(
        cls,
        outbreaks: Outbreaks,
        run: int = 0,
        *,
        indistinguishable: tuple[str, ...] = (),
        share: float = 1.0,
        rng: int | np.random.Generator = 0,
        sources: int = 1,
    ) -> Self:
        """Take the last states of a simulated run, of which a share of nodes is seen.

        Raises CounterpointError if the run did not keep its nodes' states.
        """
        if outbreaks.last is None:
            raise CounterpointError("the run kept no states of nodes; simulate with keep='nodes'")
        time = int(outbreaks.metadata["steps"])
        problem = Problem.of(outbreaks.network, outbreaks.model, time, indistinguishable=indistinguishable, share=share)
        codes, names = problem.observe(outbreaks.last[run], rng), outbreaks.model.states
        return cls(outbreaks.network, codes, ((time, 1.0),), indistinguishable, names, sources)

    def to_problem(self, model: Model | tuple[tuple[Model, float], ...]) -> Problem:
        """Return what is known beside it, if this model, or these with prior probabilities, are right.

        Raises CounterpointError for a snapshot that nothing can be said of: with other states than the model's, or
        with nobody in a state that a source may be in.
        """
        models = ((model, 1.0),) if isinstance(model, Model) else model
        if not models:
            raise CounterpointError("no model is given that may have spread it; one or more would be right")
        if self.names and self.names != models[0][0].states:
            raise CounterpointError(
                f"the snapshot tells the states {', '.join(self.names)}, {models[0][0].name} has"
                f" {', '.join(models[0][0].states)}; they must be the same"
            )
        unseen = len(models[0][0].states)
        share = max(0.01, float(np.round((self.codes < unseen).mean(), 2)))
        problem = Problem(self.network, models, self.times, self.indistinguishable, share, self.sources)
        if int(problem.suspect[self.codes].sum()) < self.sources:
            source = models[0][0].source
            raise CounterpointError(
                f"nobody is seen in a state that the source of a rumour may be in: it begins in {source!r}, and"
                " everybody is seen in others"
            )
        reached = int(problem.reached[self.codes].sum())
        if not reached and share == 1 and not self.indistinguishable:
            raise CounterpointError("nobody is seen to be reached by the rumour: there is nothing to trace")
        return replace(problem, min_size=max(1, min(reached, DEFAULT_MIN_SIZE)))


def _code(model: Model, state: str, what: str) -> int:
    if state == UNSEEN:
        return len(model.states)
    if state not in model.states:
        raise CounterpointError(f"{what}: {model.name} has no state {state!r}; {suggestion(state, model.states)}")
    return model.number(state)


def _times(time: Time) -> tuple[tuple[int, float], ...]:
    if not isinstance(time, Mapping):
        time = {time: 1.0}
    if not all(isinstance(steps, Integral) for steps in time):
        raise CounterpointError(f"a rumour is seen after a whole number of steps, not {[*time]}")
    whole = sum(time.values())
    if not time or not whole > 0 or min(time.values()) < 0:
        raise CounterpointError("times need prior weights of 0 or more, not all 0")
    return tuple(sorted((int(steps), weight / whole) for steps, weight in time.items()))

"""What is done to a rumour while it spreads: somebody answers, a node or an edge is blocked, people are warned."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from counterpoint.errors import CounterpointError
from counterpoint.rng import generator
from counterpoint.rumours.engines.task import Period
from counterpoint.rumours.models.model import ORDINARY, Model
from counterpoint.rumours.network.network import Network

Place = Literal["source", "next", "hubs", "random"]
PLACES: Final = ("source", "next", "hubs", "random")


@dataclass(frozen=True)
class Plant:
    """Before step `at`, put nodes into a state, whatever they were in.

    where : their names; or a place, in every run its own: "source", "next" to it, "hubs" (those most hear), "random"
    count : how many at the place; next to a source with fewer neighbours, all of them
    """

    at: int
    state: str
    where: Place | Sequence[Any]
    count: int = 1


@dataclass(frozen=True)
class Prebunk:
    """Before step `at`, make people of another class, such as checkers: these nodes, or a share of all at random."""

    at: int
    into: str
    nodes: Sequence[Any] = ()
    share: float = 0.0


@dataclass(frozen=True)
class Block:
    """From step `at` on, nobody hears these nodes nor do they hear anybody, and these edges (pairs) are gone."""

    at: int
    nodes: Sequence[Any] = ()
    edges: Sequence[tuple[Any, Any]] = ()


@dataclass(frozen=True)
class Change:
    """From step `at` on, another model holds, of the same states and classes."""

    at: int
    model: Model


Deed = Plant | Prebunk | Block | Change


def periods(
    network: Network, model: Model, deeds: Iterable[Deed], sources: NDArray[np.int32], *, steps: int, seed: int
) -> tuple[Period, ...]:
    """Return the periods between deeds, and between comings and goings of edges, up to the last step.

    Raises CounterpointError for a deed before step 0, and for states, classes, nodes and edges that are not there.
    """
    deeds = tuple(deeds)
    for deed in deeds:
        if deed.at < 0:
            raise CounterpointError(f"a deed can be done before step 0 or later, got {deed.at}")
    comings = np.ceil(network.changes()).astype(np.int64)
    times = sorted({0, *(deed.at for deed in deeds), *comings[comings > 0].tolist()})
    rng, made = generator(seed), []
    for time in [time for time in times if time < steps]:
        now = [deed for deed in deeds if deed.at == time]
        for deed in now:
            if isinstance(deed, Block):
                pairs = np.array([network.numbers(list(edge)) for edge in deed.edges], np.int64)
                network = network.without(network.numbers(deed.nodes), pairs)
            if isinstance(deed, Change):
                model = _changed(model, deed.model)
        planted = tuple(
            _planted(deed, network.at(time), model, sources, rng) for deed in now if isinstance(deed, Plant)
        )
        turned = tuple(_turned(deed, network, model, len(sources), rng) for deed in now if isinstance(deed, Prebunk))
        made.append(Period(time, network.at(time), model, planted, turned))
    return tuple(made)


def _changed(old: Model, new: Model) -> Model:
    if (old.states, tuple(old.kinds), old.contact) != (new.states, tuple(new.kinds), new.contact):
        raise CounterpointError(
            f"a change keeps states, classes and contact: from {old.states}, {old.kinds}, {old.contact}"
            f" to {new.states}, {new.kinds}, {new.contact}"
        )
    return new


def _planted(
    deed: Plant, network: Network, model: Model, sources: NDArray[np.int32], rng: np.random.Generator
) -> tuple[int, NDArray[np.int32]]:
    state, runs = model.number(deed.state), len(sources)
    if deed.count < 1:
        raise CounterpointError(f"{deed.count} nodes are none to plant {deed.state} in: 1 or more would be right")
    if not isinstance(deed.where, str):
        return state, np.tile(network.numbers(deed.where).astype(np.int32), (runs, 1))
    count = min(deed.count, network.nodes)
    match deed.where:
        case "source":
            nodes = sources[:, :count]
        case "hubs":
            nodes = np.tile(np.argsort(-network.degrees, kind="stable")[:count].astype(np.int32), (runs, 1))
        case "random":
            nodes = np.stack([rng.choice(network.nodes, count, replace=False) for _ in range(runs)]).astype(np.int32)
        case "next":
            nodes = np.stack([_next_to(network, own, count, rng) for own in sources])
        case _:
            raise CounterpointError(f"no place {deed.where!r}; places are {', '.join(PLACES)}, or give names in a list")
    return state, nodes


def _next_to(network: Network, sources: NDArray[np.int32], count: int, rng: np.random.Generator) -> NDArray[np.int32]:
    """Return so many of those who hear the sources, at random; -1 where there are fewer."""
    near = np.unique(np.concatenate([network.to[network.start[v] : network.start[v + 1]] for v in sources]))
    chosen = rng.permutation(np.setdiff1d(near, sources))[:count]
    return np.pad(chosen, (0, count - len(chosen)), constant_values=-1).astype(np.int32)


def _turned(
    deed: Prebunk, network: Network, model: Model, runs: int, rng: np.random.Generator
) -> tuple[int, NDArray[np.int32]]:
    if deed.into == ORDINARY:
        raise CounterpointError(f"people are made of a class other than {ORDINARY!r}: {', '.join(model.classes)}")
    kind = model.class_number(deed.into)
    if not 0 <= deed.share <= 1:
        raise CounterpointError(f"the share of people who are warned must lie in [0, 1], got {deed.share:g}")
    if deed.nodes:
        return kind, np.tile(network.numbers(deed.nodes).astype(np.int32), (runs, 1))
    count = round(deed.share * network.nodes)
    return kind, np.stack([rng.choice(network.nodes, count, replace=False) for _ in range(runs)]).astype(np.int32)

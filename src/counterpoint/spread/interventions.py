"""What is done to a rumour while it spreads: somebody answers, a node or an edge is blocked, people are warned."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from counterpoint.errors import CounterpointError
from counterpoint.networks.graph import Network
from counterpoint.spread.engines.run_spec import Period
from counterpoint.spread.models.model import ORDINARY, Model

Place = Literal["source", "next", "hubs", "random"]
PLACES: Final = ("source", "next", "hubs", "random")


@dataclass(frozen=True)
class Plant:
    """After step `step`, put nodes into a state, whatever they were in; 0: at the start, before anything happens.

    where : their names; or a place, in every run its own: "source", "next" to it, "hubs" (those most hear), "random"
    count : how many at the place; next to a source with fewer neighbours, all of them
    """

    step: int
    state: str
    where: Place | Sequence[Any]
    count: int = 1


@dataclass(frozen=True)
class Prebunk:
    """After step `step`, make people of another class, such as checkers: these nodes, or a share of all at random.

    Sources stay ordinary people, and those who are of the class already stay in it.
    """

    step: int
    to_class: str
    nodes: Sequence[Any] = ()
    share: float = 0.0


@dataclass(frozen=True)
class Block:
    """After step `step`, nobody hears these nodes nor do they hear anybody, and these edges (pairs) are gone."""

    step: int
    nodes: Sequence[Any] = ()
    edges: Sequence[tuple[Any, Any]] = ()


@dataclass(frozen=True)
class Change:
    """After step `step`, another model holds, of the same states, classes and contact."""

    step: int
    model: Model


Intervention = Plant | Prebunk | Block | Change


def periods(
    network: Network,
    model: Model,
    interventions: Iterable[Intervention],
    sources: NDArray[np.int32],
    *,
    steps: int,
    seed: int,
) -> tuple[Period, ...]:
    """Return the periods between interventions, and between comings and goings of edges, up to the last step.

    What comes after the last step is not done, but checked. Raises CounterpointError for what comes before the start,
    and for states, classes, nodes and edges that are not there.
    """
    interventions = tuple(interventions)
    for intervention in interventions:
        if not isinstance(intervention.step, Integral) or intervention.step < 0:
            raise CounterpointError(f"an intervention is done after a step, 0 or more, got {intervention.step}")
    rng, planned = np.random.default_rng([seed, 2]), []
    for step in _steps_of_change(network, interventions, steps):
        due = [intervention for intervention in interventions if intervention.step == step]
        for intervention in due:
            if isinstance(intervention, Block):
                network = _blocked(network, intervention)
            if isinstance(intervention, Change):
                model = _changed(model, intervention.model)
        present = network.at(step)
        planted = tuple(_planted(each, present, model, sources, rng) for each in due if isinstance(each, Plant))
        turned = tuple(_turned(each, network, model, sources, rng) for each in due if isinstance(each, Prebunk))
        if step < steps:
            planned.append(Period(step, present, model, planted, turned))
    if len(network.to) and not any(len(period.network.to) for period in planned):
        raise CounterpointError(f"no edge is there at any whole step from 0 to {steps}: since and until are in steps")
    return tuple(planned)


def _steps_of_change(network: Network, interventions: Iterable[Intervention], steps: int) -> list[int]:
    """Return the steps after which something is done or an edge comes or goes, 0 first."""
    comings = np.ceil(network.changes())
    comings = comings[(comings > 0) & (comings < steps)]
    return sorted({0, *(int(intervention.step) for intervention in interventions), *comings.astype(np.int64).tolist()})


def _blocked(network: Network, intervention: Block) -> Network:
    ends = network.numbers([name for edge in intervention.edges for name in edge])
    return network.without(network.numbers(intervention.nodes), ends.reshape(-1, 2))


def _changed(old: Model, new: Model) -> Model:
    kept = ("states", "classes", "contact", "source", "active")
    if wrong := [name for name in kept if getattr(old, name) != getattr(new, name)]:
        name = wrong[0]
        raise CounterpointError(f"a change keeps {name}: from {getattr(old, name)} to {getattr(new, name)}")
    return new


def _planted(
    intervention: Plant, network: Network, model: Model, sources: NDArray[np.int32], rng: np.random.Generator
) -> tuple[int, NDArray[np.int32]]:
    state, runs = model.number(intervention.state), len(sources)
    if intervention.count < 1:
        raise CounterpointError(
            f"{intervention.count} nodes are none to plant {intervention.state} in: 1 or more would be right"
        )
    if not isinstance(intervention.where, str):
        return state, np.tile(network.numbers(intervention.where).astype(np.int32), (runs, 1))
    count = min(intervention.count, network.nodes)
    match intervention.where:
        case "source":
            nodes = sources[:, :count]
        case "hubs":
            nodes = np.tile(np.argsort(-network.degrees, kind="stable")[:count].astype(np.int32), (runs, 1))
        case "random":
            nodes = np.stack([rng.choice(network.nodes, count, replace=False) for _ in range(runs)]).astype(np.int32)
        case "next":
            nodes = np.stack([_next_to(network, run_sources, count, rng) for run_sources in sources])
        case _:
            raise CounterpointError(
                f"no place {intervention.where!r}; places are {', '.join(PLACES)}, or give names in a list"
            )
    return state, nodes


def _next_to(network: Network, sources: NDArray[np.int32], count: int, rng: np.random.Generator) -> NDArray[np.int32]:
    """Return so many of those who hear the sources, at random; -1 where there are fewer."""
    near = np.unique(np.concatenate([network.to[network.start[v] : network.start[v + 1]] for v in sources]))
    chosen = rng.permutation(np.setdiff1d(near, sources))[:count]
    return np.pad(chosen, (0, count - len(chosen)), constant_values=-1).astype(np.int32)


def _turned(
    intervention: Prebunk, network: Network, model: Model, sources: NDArray[np.int32], rng: np.random.Generator
) -> tuple[int, NDArray[np.int32]]:
    if intervention.to_class == ORDINARY:
        raise CounterpointError(f"people are made of a class other than {ORDINARY!r}: {', '.join(model.classes)}")
    number, runs = model.class_number(intervention.to_class), len(sources)
    if (len(intervention.nodes) > 0) == (intervention.share != 0):
        raise CounterpointError("who is warned is either nodes or a share of all people: give one of them")
    if not 0 <= intervention.share <= 1:
        raise CounterpointError(f"the share of people who are warned must lie in [0, 1], got {intervention.share:g}")
    if len(intervention.nodes):
        nodes = np.tile(network.numbers(intervention.nodes).astype(np.int32), (runs, 1))
    else:
        count = round(intervention.share * network.nodes)
        nodes = np.stack([rng.choice(network.nodes, count, replace=False) for _ in range(runs)]).astype(np.int32)
    is_source = (nodes[:, :, None] == sources[:, None, :]).any(-1) if nodes.size else np.zeros(nodes.shape, bool)
    return number, np.where(is_source, -1, nodes).astype(np.int32)

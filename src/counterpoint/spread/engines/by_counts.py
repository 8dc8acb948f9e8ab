"""Runs in steps by neighbours counted: one run on all threads, or a thread a run."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from counterpoint.errors import CounterpointError
from counterpoint.networks.graph import Network
from counterpoint.spread.engines import by_counts_kernels, contact_order_kernels, trajectory
from counterpoint.spread.engines.contact_order_tables import counts
from counterpoint.spread.engines.run_spec import Period, RawOutbreaks, RunSpec
from counterpoint.spread.engines.trajectory import Course
from counterpoint.spread.models.model import Model

CODES = {
    "broadcast": contact_order_kernels.BROADCAST,
    "active-pull": contact_order_kernels.ACTIVE_PULL,
    "pull": contact_order_kernels.PULL,
}
PIECES = 256
MOST_UNITS = 2**30  # in a count; with the half that each arc is rounded by they fit 32 bits
LEAST_UNITS = 64  # of a weight: it is rounded by less than a hundredth
NONE = np.empty(0, np.uint32)


def run(spec: RunSpec, *, wide: bool) -> RawOutbreaks:
    """Run them all, a thread a run, or all threads in one."""
    return trajectory.run(spec, _one_by_one if wide else _side_by_side)


def _side_by_side(period: Period, until: int, runs: Course) -> None:
    arcs, unit = arcs_of(period.network)
    law = law_of(period.model, unit)
    by_counts_kernels.advance(
        law, arcs, runs.keys, period.since, until, runs.states, runs.kinds, runs.record, runs.raw.ended
    )


def _one_by_one(period: Period, until: int, runs: Course) -> None:
    arcs, unit = arcs_of(period.network)
    law, nodes = law_of(period.model, unit), runs.states.shape[1]
    # Pieces of work that are alike: a node costs about as much as four arcs.
    cost = arcs.heard_start + 4 * np.arange(nodes + 1)
    cuts = np.searchsorted(cost, np.linspace(0, cost[-1], PIECES + 1))
    for run, key in enumerate(runs.keys):
        scratch = by_counts_kernels.room(nodes, law.adds.shape[1], len(runs.raw.parent[run]) > 0)
        record = by_counts_kernels.RunRecord(*(each[run] for each in runs.record))
        end = by_counts_kernels.steps(
            law, arcs, cuts, True, key, period.since, until, runs.states[run], runs.kinds[run], scratch, record
        )
        by_counts_kernels.finish(record.stocks, end, period.since, until, runs.raw.ended, run)


def arcs_of(network: Network) -> tuple[by_counts_kernels.Arcs, float]:
    """Return a network's arcs for the kernel, and what one contact adds to a count there."""
    (start, heard), to, times, heard_times, unit = network.heard, network.to, NONE, NONE, 1.0
    strength = np.diff(start).astype(np.float64)
    if network.weight is not None:
        unit = _unit(network.weight, np.bincount(to, network.weight, network.nodes))
        times = np.rint(network.weight * unit).astype(np.uint32)
        heard_times = times[network.heard_places]
        strength = np.asarray(np.bincount(to, times, network.nodes), np.float64)
    views = network.start, to.view(np.uint32), times, start, heard.view(np.uint32), heard_times
    return by_counts_kernels.Arcs(*views, strength), unit


def _unit(weight: NDArray[Any], strength: NDArray[Any]) -> float:
    """Return as how many a contact counts, so that whole numbers do: as many as 31 bits hold at the strongest node."""
    least, strongest = weight.min(initial=np.inf), strength.max(initial=0.0)
    unit = float(2.0 ** np.floor(np.log2(MOST_UNITS / max(strongest, least)))) if len(weight) else 1.0
    if len(weight) and least * unit < LEAST_UNITS:
        raise CounterpointError(
            f"weights differ too much to count contacts: the least is {least:g}, and those at one node add up to"
            f" {strongest:g}; at most {MOST_UNITS / LEAST_UNITS:,.0f} times as much would be right"
        )
    return unit


def law_of(model: Model, unit: float) -> by_counts_kernels.Law:
    """Return a model as the kernel's arrays."""
    meet, alone = model.contact_chances[0], model.spontaneous_chances
    classes, states = meet.shape[:2]
    fields = fields_of(model)
    contacts = np.ascontiguousarray(meet[:, :, fields])  # of another layout, all that follows would be compiled anew
    chance = contacts.sum(-1)
    with np.errstate(divide="ignore"):
        loss = np.log1p(-np.minimum(chance, 1.0))
    power = (1 - np.minimum(chance, 1.0))[..., None] ** np.arange(contact_order_kernels.SMALL)
    words = (len(fields) + 1) // 2
    adds = np.zeros((states, max(words, 1)), np.uint64)
    for place, state in enumerate(fields):
        adds[state, place // 2] += np.uint64(1) << np.uint64(32 * (place % 2))
    single = np.full((classes, states), by_counts_kernels.SEVERAL, np.uint8)
    into = contacts.sum(2) > 0
    one = into.sum(-1) == 1
    single[one] = into[one].argmax(-1)
    become = np.cumsum(contacts, -1) / np.where(chance > 0, chance, 1.0)[..., None]
    inert = (chance.sum(-1) + alone.sum(-1)) == 0
    code = CODES[model.contact]
    tabulated = contact_order_kernels.SMALL if code == contact_order_kernels.BROADCAST and len(fields) == 2 else 0
    race = np.zeros((classes, states, tabulated, tabulated), np.float32)
    for kind, state in np.argwhere((chance > 0).any(-1)) if tabulated else ():
        race[kind, state] = counts(*chance[kind, state])
    return by_counts_kernels.Law(
        code,
        unit,
        adds,
        inert,
        _deaf(chance, into | (alone > 0)),
        chance,
        loss,
        power,
        single,
        race,
        become,
        np.cumsum(alone, -1),
    )


def fields_of(model: Model) -> list[int]:
    """Return the states that matter to those who meet them; in a draw, all who post take part."""
    meet, active = model.contact_chances[0], [model.number(state) for state in model.active]
    if model.contact == "active-pull":
        return sorted(active)
    return [state for state in range(len(model.states)) if meet[:, :, state].any()]


def _deaf(chance: NDArray[np.float64], into: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which states no contact changes, nor any that may follow."""
    hears = chance.sum(-1) > 0
    for _ in range(hears.shape[1]):
        hears = hears | (into & hears[:, None, :]).any(-1)
    return np.asarray(~hears)

"""Runs in broadcast by the hundreds: a run is a lane of one word."""

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from counterpoint.spread.engines import bit_parallel_kernels
from counterpoint.spread.engines.by_counts import fields_of
from counterpoint.spread.engines.contact_order_kernels import SMALL
from counterpoint.spread.engines.contact_order_tables import earlier
from counterpoint.spread.engines.initial_state_kernels import run_keys
from counterpoint.spread.engines.replicas_kernels import COUNT, WORDS
from counterpoint.spread.engines.run_spec import RawOutbreaks, RunSpec, concatenated
from counterpoint.spread.models.model import Model

ALL: Final = np.uint64(2**64 - 1)
MOST: Final = 1 << 28  # bytes that the states of a batch may take
BLOCK: Final = 1 << 28  # bytes of results that are held before they are trimmed


def fits(spec: RunSpec) -> bool:
    """Return whether lanes can run it: broadcast, everybody alike, and nothing but nodes planted on the way."""
    room = spec.network.nodes * len(spec.model.states) * WORDS * 16
    return (
        spec.model.contact == "broadcast"
        and spec.network.weight is None
        and not (spec.nodes or spec.tree or any(period.turned for period in spec.periods))
        and len({(id(period.network), id(period.model)) for period in spec.periods}) == 1
        and room <= MOST
    )


def run(spec: RunSpec) -> RawOutbreaks:
    """Run them all, lot by lot; which runs share one depends on their number only."""
    count = len(spec.numbers)
    lots = max(1, BLOCK // ((spec.steps + 1) * len(spec.model.states) * 8 * COUNT))
    block = lots * COUNT
    return concatenated([_run(spec.part(low, min(low + block, count))) for low in range(0, count, block)])


def _run(spec: RunSpec) -> RawOutbreaks:
    runs, model = len(spec.numbers), spec.model
    law = groups_of(model, int(np.diff(spec.network.heard[0]).max(initial=0)))
    shape = (spec.steps + 1, runs, len(model.states))  # steps that are not reached are never touched
    stocks, entries = np.zeros(shape, np.int32), np.zeros(shape, np.int32)
    ended, planted = np.zeros(runs, np.int64), np.zeros(runs, np.int64)
    heard = bit_parallel_kernels.Heard(spec.network.heard[0], spec.network.heard[1].view(np.uint32))
    key = run_keys(np.uint64(spec.seed), np.zeros(1, np.int64))[0]
    record = bit_parallel_kernels.LotRecord(stocks, entries, ended, planted)
    bit_parallel_kernels.ensemble(heard, law, _runs(spec), key, spec.numbers[0] // COUNT, record)
    none = np.zeros((runs, 0), np.int32)
    raw = RawOutbreaks(
        stocks.swapaxes(0, 1), entries.swapaxes(0, 1), ended, planted, none, none, none.astype(np.uint8)
    ).trimmed()
    # A lot stops when all its runs are over: what a run held at its end stays.
    until = np.minimum(np.arange(raw.stocks.shape[1]), ended[:, None])
    return replace(raw, stocks=np.take_along_axis(raw.stocks, until[:, :, None], axis=1))


def _runs(spec: RunSpec) -> bit_parallel_kernels.Runs:
    planted = [(period.since, *each) for period in spec.periods for each in period.planted]
    nodes = [np.zeros((len(spec.numbers), 0), np.int32), *(nodes for _, _, nodes in planted)]
    repeated = [nodes.shape[1] for _, _, nodes in planted]
    shares, left = [], 1.0
    for share in spec.model.classes.values():
        shares.append(_digits(share / left if left > 0 else 0.0))
        left -= share
    return bit_parallel_kernels.Runs(
        spec.sources,
        np.repeat(np.array([since for since, _, _ in planted], np.int64), repeated),
        np.repeat(np.array([state for _, state, _ in planted], np.int64), repeated),
        np.concatenate(nodes, axis=1),
        np.array(shares, np.uint64).reshape(len(shares), 1, bit_parallel_kernels.BITS + 1, 1),
        0,
        spec.model.number(spec.model.source),
        spec.steps,
    )


def groups_of(model: Model, degree: int) -> bit_parallel_kernels.Groups:
    """Return a model as the kernel's arrays, for nodes that hear at most `degree` others."""
    meet, fields, count = model.contact_chances[0], fields_of(model), len(model.states)
    of, members = _told_apart(meet, model.spontaneous_chances)
    planes = max(1, int(degree).bit_length())
    chance = np.zeros((len(members), len(fields)))
    coins = np.zeros((len(fields) + 1, planes, bit_parallel_kernels.BITS + 1, len(members)), np.uint64)
    into = np.full((len(members), len(fields) + 1), bit_parallel_kernels.SEVERAL, np.uint8)
    become, apart = np.zeros((len(members), len(fields) + 1, count)), np.zeros(len(members), bool)
    for group, (kind, state) in enumerate(members):
        ways = [meet[kind, state, field] for field in fields]
        for place, way in enumerate([*ways, model.spontaneous_chances[kind, state]]):
            if (whole := min(way.sum(), 1.0)) > 0:
                become[group, place] = np.cumsum(way) / way.sum()
                if np.count_nonzero(way) == 1:
                    into[group, place] = way.argmax()
                for plane in range(planes if place < len(fields) else 1):
                    coins[place, plane, :, group] = _digits(1 - (1 - whole) ** 2.0**plane)
        chance[group] = [way.sum() for way in ways]
        apart[group] = len({tuple(become[group, place]) for place in range(len(fields)) if chance[group, place]}) > 1
    leaves = np.array([model.spontaneous_chances[member].sum() > 0 for member in members])
    race = np.zeros((len(members), SMALL, SMALL), np.float32)
    if len(fields) == 2:
        for group in np.flatnonzero(apart).tolist():
            race[group] = earlier(*chance[group])
    arrays = (of, np.array(fields, np.int64), chance.T > 0, chance, coins, leaves, into, become, apart, race)
    return bit_parallel_kernels.Groups(*map(np.ascontiguousarray, arrays))  # the kernel goes by addresses


def _told_apart(
    meet: NDArray[np.float64], alone: NDArray[np.float64]
) -> tuple[NDArray[np.uint8], list[tuple[int, int]]]:
    """Return the group of each class in each state, and one (class, state) of each group."""
    of, seen = np.full(meet.shape[:2], bit_parallel_kernels.NONE, np.uint8), dict[tuple[int, bytes, bytes], int]()
    members: list[tuple[int, int]] = []
    for kind, state in np.ndindex(meet.shape[:2]):
        if meet[kind, state].any() or alone[kind, state].any():
            what = (state, meet[kind, state].tobytes(), alone[kind, state].tobytes())
            if what not in seen:
                seen[what] = len(members)
                members.append((kind, state))
            of[kind, state] = seen[what]
    return of, members


def _digits(chance: float) -> NDArray[np.uint64]:
    """Return a probability in binary, 32 digits and whether it is 1, each digit in all bits of a word."""
    whole = round(chance * 2**bit_parallel_kernels.BITS)
    if whole >= 2**bit_parallel_kernels.BITS:
        return np.full(bit_parallel_kernels.BITS + 1, ALL)
    digits = [
        ALL if whole >> (bit_parallel_kernels.BITS - 1 - place) & 1 else np.uint64(0)
        for place in range(bit_parallel_kernels.BITS)
    ]
    return np.array([*digits, 0], np.uint64)

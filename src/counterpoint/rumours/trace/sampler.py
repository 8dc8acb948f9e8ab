"""Whole histories that end in what is seen, sampled: the exact posterior, where the sampler mixes."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from counterpoint.rumours.engines.counted import arcs_of, fields_of
from counterpoint.rumours.kernels import histories
from counterpoint.rumours.models.model import Model
from counterpoint.rumours.trace.detector import Scores
from counterpoint.rumours.trace.setting import Codes, Setting

TABLED: Final = 48


def rules_of(model: Model, unit: float) -> histories.Rules:
    """Return a model as the kernel's arrays."""
    fields = (*fields_of(model), -1, -1)[:2]
    classes, states = len(model.kinds), len(model.states)
    meet = np.zeros((classes, states, 2, states))
    for place, state in enumerate(fields):
        if state >= 0:
            meet[:, :, place] = model.meet[0][:, :, state]
    chance = meet.sum(-1)
    alone = model.alone.copy()
    own = np.arange(states)
    alone[:, own, own] = 1 - model.alone.sum(-1)
    field = np.full(states, -1)
    for place, state in enumerate(fields):
        if state >= 0:
            field[state] = place
    steps = np.zeros((classes, states, states, 8))
    for place, (weight, lost, into) in enumerate(
        ((histories.FIRST, histories.CHANCE, histories.INTO), (histories.SECOND, histories.OTHER, histories.ELSE))
    ):
        steps[..., weight] = meet[:, :, place] + (1 - chance[:, :, place, None]) * alone
        steps[..., lost] = chance[:, :, place, None]
        steps[..., into] = meet[:, :, place]
    steps[..., histories.ALONE] = alone
    steps[..., histories.UNIT] = unit
    can = (meet.sum(2) > 0) | (alone > 0) | np.eye(states, dtype=np.bool_)
    source = model.number(model.source)
    can[0, 0, source] = True
    steps = steps.reshape(-1, 8)
    table = np.empty((len(steps), 0, 0), np.float32)
    if model.contact == "broadcast":
        table = histories.tabulated(steps, TABLED if unit == 1.0 else 1)
    shares = np.array([1 - sum(model.classes.values()), *model.classes.values()])
    return histories.Rules(
        steps, table, np.array([classes, states]), field, can.ravel(), (chance > 0).any(-1), shares, source
    )


def seen_of(setting: Setting, codes: Codes) -> tuple[histories.Seen, float]:
    network, steps = setting.network, setting.time
    arcs, unit = arcs_of(network)
    may = setting.may[codes]
    silent = may[:, 0] & (may.sum(1) == 1)
    truly = np.zeros(steps + 1, np.bool_)
    truly[0] = True
    near = ~silent
    near[network.to[~silent[network.tails]]] = True
    strength = arcs.strength if setting.model.contact == "look" else np.empty(0)
    return histories.Seen(
        network.start,
        network.to,
        arcs.times.astype(np.int64),
        strength,
        np.flatnonzero(near),
        silent,
        may,
        np.ones(steps + 1),
        truly,
    ), unit

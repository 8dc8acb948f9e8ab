"""Runs in which one meets one."""

import numpy as np

from counterpoint.networks.graph import Network
from counterpoint.spread.engines import pairwise_kernels, trajectory
from counterpoint.spread.engines.run_spec import Period, RawOutbreaks, RunSpec
from counterpoint.spread.engines.trajectory import Course
from counterpoint.spread.models.model import Model


def run(spec: RunSpec) -> RawOutbreaks:
    """Run them all, a thread a run."""
    return trajectory.run(spec, _advance)


def _advance(period: Period, until: int, runs: Course) -> None:
    law, calls, clock = law_of(period.model), calls_of(period.network), period.model.contact == "asynchronous"
    record, ended = runs.record, runs.raw.ended
    pairwise_kernels.advance(law, calls, clock, runs.keys, period.since, until, runs.states, runs.kinds, record, ended)


def law_of(model: Model) -> pairwise_kernels.Pairs:
    """Return a model as the kernel's arrays."""
    count = len(model.states)
    both = np.cumsum(model.joint_chances.reshape(count, count, count * count), -1)
    active = np.array([state in model.active for state in model.states])
    return pairwise_kernels.Pairs(
        np.cumsum(model.contact_chances, -1), both, np.cumsum(model.spontaneous_chances, -1), active
    )


def calls_of(network: Network) -> pairwise_kernels.Calls:
    """Return whom everybody may call: those who hear them."""
    weight = np.empty(0)
    if network.weight is not None:
        whole = np.cumsum(network.weight)
        before = np.concatenate([[0.0], whole])[network.start[:-1]]
        weight = whole - np.repeat(before, network.degrees)
    return pairwise_kernels.Calls(network.start, network.to, weight)

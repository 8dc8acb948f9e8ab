"""Findings of a rumour with the runs that they need: a close-up node by node, and a network's first look at SIDR."""

from collections.abc import Sequence
from functools import partial
from typing import Final

import numpy as np

from counterpoint.networks.graph import Network
from counterpoint.report.finding import Finding
from counterpoint.spread.close_up import Rerun, follow_nodes
from counterpoint.spread.findings import intervention_finding, spread_finding
from counterpoint.spread.interventions import Intervention
from counterpoint.spread.models.presets import model
from counterpoint.spread.outbreaks import Outbreaks
from counterpoint.spread.simulation import simulate

RUNS_OF_A_NETWORK: Final = 500


def report_outbreaks(
    rerun: Rerun,
    outbreaks: Outbreaks,
    without: Outbreaks | None = None,
    interventions: Sequence[Intervention] = (),
) -> tuple[Finding, ...]:
    """Return how the rumour spread, with a close-up of some of its runs; and what was averted, beside runs `without`.

    rerun   : runs the same rumour again
    without : the same runs with nothing done to them; None: nothing was
    """
    spread = spread_finding(outbreaks, follow_nodes(rerun, outbreaks), interventions)
    return (spread,) if without is None else (spread, intervention_finding(outbreaks, without, interventions))


def report_network(network: Network, *, rng: int | np.random.Generator = 0) -> tuple[Finding, ...]:
    """Return what a rumour (SIDR with its default parameters) that begins at a random node does in a network.

    >>> from counterpoint.networks.generators import star
    >>> [finding.title for finding in report_network(star(30), rng=1)]
    ['How the rumour spread']
    """
    rerun = partial(simulate, network, model("sidr"), rng=rng if isinstance(rng, int) else int(rng.integers(2**32)))
    return report_outbreaks(rerun, rerun(runs=RUNS_OF_A_NETWORK))

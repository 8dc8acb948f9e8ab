"""Some runs looked at node by node, and one of them at several times."""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from counterpoint.spread.outbreaks import Outbreaks

MOST_RUNS: Final = 100  # that are looked at node by node
MOST_NODES: Final = 4_000_000  # of all these runs together

Rerun = Callable[..., Outbreaks]
"""Runs the rumour again, from the same seed: takes `runs`, and what else of `simulate` is to be different."""


class CloseUp(NamedTuple):
    """Some of the runs node by node, and one of them at several times.

    outbreaks : the runs, first changes and last states kept
    run       : which of them is shown
    frames    : states of all nodes after some steps, uint8[nodes] each
    """

    outbreaks: Outbreaks
    run: int
    frames: tuple[tuple[int, NDArray[np.uint8]], ...]


def follow_nodes(rerun: Rerun, outbreaks: Outbreaks) -> CloseUp:
    """Run some of the rumour again node by node, and one that took off up to several times: a film, step by step.

    Simulators that count only give other outbreaks of the same law than those that follow nodes.
    """
    runs = max(1, min(outbreaks.runs, MOST_RUNS, MOST_NODES // outbreaks.network.nodes))
    followed = rerun(runs=runs, keep="nodes")
    run = int(followed.took_off.argmax())
    # As many runs each time, because what is done at random is drawn for all of them.
    films = [(step, rerun(runs=runs, keep="nodes", steps=step).last) for step in _telling_steps(followed, run)]
    frames = [(step, last[run]) for step, last in films if last is not None]
    return CloseUp(followed, run, tuple(frames))


def _telling_steps(outbreaks: Outbreaks, run: int) -> list[int]:
    """Return four steps of a run: a third and two thirds of the way to the peak of believers, the peak, the end."""
    end = max(1, int(outbreaks.ended[run]))
    peak = max(1, int(outbreaks.stock(outbreaks.model.source)[run].argmax()))
    return sorted({max(1, peak // 3), max(1, 2 * peak // 3), peak, end})

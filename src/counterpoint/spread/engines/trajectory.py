"""The course of runs that are kept node by node: everybody's state at the start, then period after period."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from counterpoint.spread.engines.by_counts_kernels import RunRecord
from counterpoint.spread.engines.initial_state_kernels import drawn_kinds, run_keys
from counterpoint.spread.engines.run_spec import Period, RawOutbreaks, RunSpec, concatenated

BLOCK: Final = 1 << 28  # bytes of states and counts that are held at a time


@dataclass(frozen=True, eq=False)
class Course:
    """Runs on their way.

    keys          : uint64[runs], what each run's draws go by
    states, kinds : uint8[runs, nodes], changed in place
    raw           : what they leave, filled in on the way
    """

    keys: NDArray[np.uint64]
    states: NDArray[np.uint8]
    kinds: NDArray[np.uint8]
    raw: RawOutbreaks

    @property
    def record(self) -> RunRecord:
        """The arrays that kernels write to."""
        return RunRecord(self.raw.stocks, self.raw.entries, self.raw.first, self.raw.parent)

    def apply(self, period: Period) -> None:
        """Put into place what is planted and turned before the period's first step."""
        raw, since = self.raw, period.since
        for kind, nodes in period.turned:
            run, place = np.nonzero(nodes >= 0)
            self.kinds[run, nodes[run, place]] = kind
        for state, nodes in period.planted:
            given = np.nonzero(nodes >= 0)
            run, node = np.unique(np.stack([given[0], nodes[given]]), axis=1)
            new = self.states[run, node] != state
            run, node = run[new], node[new]
            raw.ended[run] = np.maximum(raw.ended[run], since)
            old = self.states[run, node].astype(np.intp)
            self.states[run, node] = state
            np.subtract.at(raw.stocks[:, since], (run, old), 1)
            np.add.at(raw.stocks[:, since, state], run, 1)
            np.add.at(raw.entries[:, since, state], run, 1)
            np.add.at(raw.planted, run[old == 0], 1)
            if raw.first.shape[1]:
                late = (raw.first[run, node] < 0) & (old == 0)
                raw.first[run[late], node[late]] = since


Advance = Callable[[Period, int, Course], None]


def run(spec: RunSpec, advance: Advance) -> RawOutbreaks:
    """Run all runs, so many at a time that memory holds; `advance` takes some from a period's start to a step."""
    runs, per_node = len(spec.numbers), 2 + 8 * (spec.nodes or spec.tree)
    per_run = spec.network.nodes * per_node + 8 * (spec.steps + 1) * len(spec.model.states)
    block = max(1, BLOCK // per_run)
    return concatenated([_run(spec.part(low, min(low + block, runs)), advance) for low in range(0, runs, block)])


def _run(spec: RunSpec, advance: Advance) -> RawOutbreaks:
    course = _begun(spec)
    ends = [*(period.since for period in spec.periods[1:]), spec.steps]
    for period, until in zip(spec.periods, ends, strict=True):
        course.apply(period)
        advance(period, until, course)
    kept = slice(None) if spec.nodes or spec.tree else slice(0)
    return replace(course.raw, last=course.states[:, kept]).trimmed()


def _begun(spec: RunSpec) -> Course:
    """Return everybody in the first state, but the sources in theirs, who are ordinary people."""
    runs, nodes, model = len(spec.numbers), spec.network.nodes, spec.model
    keys = run_keys(np.uint64(spec.seed), spec.numbers)
    states = np.zeros((runs, nodes), np.uint8)
    kinds = drawn_kinds(keys, nodes, np.cumsum(list(model.classes.values())))
    rows = np.arange(runs)[:, None]
    states[rows, spec.sources] = model.number(model.source)
    kinds[rows, spec.sources] = 0
    stocks = np.zeros((runs, spec.steps + 1, len(model.states)), np.int32)
    stocks[:, 0, 0] = nodes
    stocks[:, 0, 0] -= spec.sources.shape[1]
    stocks[:, 0, model.number(model.source)] += spec.sources.shape[1]
    first = np.full((runs, nodes if spec.nodes or spec.tree else 0), -1, np.int32)
    if first.shape[1]:
        first[rows, spec.sources] = 0
    parent = np.full((runs, nodes if spec.tree else 0), -1, np.int32)
    ended, planted, last = np.full(runs, -1), np.zeros(runs, np.int64), np.zeros((runs, 0), np.uint8)
    raw = RawOutbreaks(stocks, np.zeros_like(stocks), ended, planted, first, parent, last)
    return Course(keys, states, kinds, raw)

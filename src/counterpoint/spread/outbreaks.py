"""What came of a rumour, run by run: frozen, with what it was made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from counterpoint.errors import CounterpointError
from counterpoint.networks.graph import Network
from counterpoint.spread.models.model import Model
from counterpoint.stats.intervals import Estimate, bootstrap_each, wilson
from counterpoint.stats.labels import Weights

TAKEOFF_SHARE: Final = 0.01  # the share of nodes that a run must reach to have taken off
SEED: Final = 0  # of the resamples


@dataclass(frozen=True, eq=False)
class Outbreaks:
    """Runs of one rumour.

    sources         : int32[runs, k], the nodes it began at
    stocks, entries : int32[runs, steps + 1, states], how many are in a state after a step, and came to it in the step
    ended           : int64[runs], the step after which nothing could change, or the last step there was
    planted         : int64[runs], how many were put from the first state into another on the way
    first           : int32[runs, nodes], the step of a node's first change, 0 of a source, -1: never; if kept
    parent          : int32[runs, nodes], whose contact that was, -1: nobody's; if kept
    last            : uint8[runs, nodes], the number of the state at the end; if kept
    simulator       : how it was run, in words
    metadata        : what another person needs to get the same: network, model, seed, version
    """

    network: Network
    model: Model
    sources: NDArray[np.int32]
    stocks: NDArray[np.int32]
    entries: NDArray[np.int32]
    ended: NDArray[np.int64]
    planted: NDArray[np.int64]
    first: NDArray[np.int32] | None
    parent: NDArray[np.int32] | None
    last: NDArray[np.uint8] | None
    simulator: str
    metadata: Mapping[str, Any]

    @property
    def runs(self) -> int:
        """How many runs there are."""
        return len(self.stocks)

    @cached_property
    def reached(self) -> NDArray[np.int64]:
        """How many nodes the rumour took out of the first state, sources too, but nobody planted, int64[runs]."""
        if self.first is not None:
            return np.asarray((self.first >= 0).sum(1) - self.planted)
        return np.asarray(self.network.nodes - self.stocks[:, -1, 0] - self.planted, np.int64)

    @property
    def took_off(self) -> NDArray[np.bool_]:
        """Whether a run reached 1 % of the nodes, and more than its sources, bool[runs]."""
        return np.asarray(self.reached >= max(TAKEOFF_SHARE * self.network.nodes, self.sources.shape[1] + 1))

    @property
    def takeoff(self) -> Estimate:
        """The share of runs that took off, with Wilson's interval."""
        return wilson(int(self.took_off.sum()), self.runs)

    def stock(self, state: str) -> NDArray[np.float64]:
        """Return the share of nodes in a state after every step, float64[runs, steps + 1]."""
        return self.stocks[:, :, self.model.number(state)] / self.network.nodes

    def flow(self, state: str) -> NDArray[np.float64]:
        """Return the share of nodes that came to a state in every step, float64[runs, steps + 1]."""
        return self.entries[:, :, self.model.number(state)] / self.network.nodes

    def bands(self, state: str, *, flow: bool = False, taken_off: bool = True) -> NDArray[np.float64]:
        """Return the 5 %, 50 % and 95 % quantiles over runs after every step, float64[3, steps + 1]; nan of no run."""
        values = (self.flow if flow else self.stock)(state)[self._counted(taken_off)]
        if not len(values):
            return np.full((3, values.shape[1]), np.nan)
        return np.asarray(np.quantile(values, [0.05, 0.5, 0.95], axis=0))

    def summary(self, *, flow: bool = False, taken_off: bool = True) -> pl.DataFrame:
        """Return, for each state, peak, step of the peak and share at the end: means over runs, with 95 % intervals.

        The peak is that of each run. A flow has, instead of an end, the total of all steps. One run has no interval,
        and of no run at all the frame is empty. Columns: state, measure, value, low, high, n.
        """
        kept, rows = self._counted(taken_off), list[tuple[str, str, NDArray[np.float64]]]()
        for state in self.model.states if kept.any() else ():
            values = (self.flow if flow else self.stock)(state)[kept]
            last = ("total", values.sum(1)) if flow else ("end", values[:, -1])
            measures = {"peak": values.max(1), "peak step": values.argmax(1).astype(float)} | dict([last])
            rows += [(state, name, measure) for name, measure in measures.items()]
        means = _means(np.stack([values for *_, values in rows], axis=1)) if rows else []
        measured = [(state, name, *mean) for (state, name, _), mean in zip(rows, means, strict=True)]
        columns = {"value": pl.Float64, "low": pl.Float64, "high": pl.Float64, "n": pl.Int64}
        return pl.DataFrame(measured, {"state": pl.String, "measure": pl.String, **columns}, orient="row")

    def averted(self, without: "Outbreaks") -> Estimate | None:
        """Return the share of a rumour's new believers that these runs avoid, beside the same runs without an answer.

        Believers are who came to the source's state. Over all runs, taken off or not; run by run, so `without` must
        have begun at the same sources. None of one run, and where in too many resamples nobody comes to believe.

        Raises CounterpointError if it has not begun at the same sources.
        """
        if not np.array_equal(self.sources, without.sources):
            raise CounterpointError("runs are compared one by one: give both the same seed, sources and number of runs")
        now, before = (each.flow(each.model.source).sum(1) for each in (self, without))

        def share(weights: Weights) -> NDArray[np.float64]:
            came = weights @ before
            return np.array([1 - weights @ now / came if came else np.nan])

        return bootstrap_each(share, np.arange(self.runs), rng=SEED)[0] if self.runs > 1 else None

    def reach(self, groups: NDArray[np.intp], *, taken_off: bool = True) -> NDArray[np.float64]:
        """Return the mean share of each group of nodes that had changed by every step, float64[groups, steps + 1].

        groups : int[nodes], the number of each node's group; every number up to the greatest has a node

        Raises CounterpointError if nodes were not kept.
        """
        if self.first is None:
            raise CounterpointError('first changes were not kept: simulate with keep="nodes"')
        kept, steps = self._counted(taken_off), self.stocks.shape[1]
        first, count = self.first[kept], int(groups.max()) + 1
        places = np.broadcast_to(groups * steps, first.shape)[first >= 0] + first[first >= 0]
        changed = np.bincount(places, minlength=count * steps).reshape(count, steps).cumsum(1)
        return np.asarray(changed / (np.bincount(groups) * max(int(kept.sum()), 1))[:, None])

    def course(self, *, taken_off: bool = True) -> pl.DataFrame:
        """Return the mean stocks and flows after every step: step, then a state's name and "new" and its name.

        Of no run at all it has no rows.
        """
        kept = self._counted(taken_off)
        if not kept.any():
            return self.course(taken_off=False).clear()
        stocks, entries = (values[kept].mean(0) / self.network.nodes for values in (self.stocks, self.entries))
        names = self.model.states
        return pl.DataFrame(
            {"step": np.arange(len(stocks))}
            | {name: stocks[:, number] for number, name in enumerate(names)}
            | {f"new {name}": entries[:, number] for number, name in enumerate(names)}
        )

    def table(self) -> pl.DataFrame:
        """Return all that was counted, a row a run, step and state: run, step, state, stock, entries."""
        runs, steps, states = self.stocks.shape
        return pl.DataFrame(
            {
                "run": np.repeat(np.arange(runs), steps * states),
                "step": np.tile(np.repeat(np.arange(steps), states), runs),
                "state": pl.Series(np.tile(np.arange(states), runs * steps)).replace_strict(
                    list(range(states)), self.model.states, return_dtype=pl.String
                ),
                "stock": self.stocks.ravel(),
                "entries": self.entries.ravel(),
            }
        )

    def tree(self, run: int) -> pl.DataFrame:
        """Return who changed whom first in a run: node, parent (null: nobody), step; by step.

        Raises CounterpointError if it was not kept, or there is no such run.
        """
        if self.parent is None or self.first is None:
            raise CounterpointError('who changed whom was not kept: simulate with keep="tree"')
        if not 0 <= run < self.runs:
            raise CounterpointError(f"there is no run {run}; runs are 0 to {self.runs - 1}")
        return self._changes(slice(run, run + 1)).drop("run", "state").sort("step", maintain_order=True)

    def changes(self) -> pl.DataFrame:
        """Return who ever changed in all runs: run, node, step of the first change, state at the end; by run and node.

        With keep="tree" also parent: whose contact that was, null: nobody's. Raises CounterpointError if not kept.
        """
        return self._changes(slice(None))

    def _changes(self, runs: slice) -> pl.DataFrame:
        if self.first is None or self.last is None:
            raise CounterpointError('first changes were not kept: simulate with keep="nodes"')
        run, node = np.nonzero(self.first[runs] >= 0)
        names = self.network.names
        columns: dict[str, Any] = {"run": run, "node": names.gather(node)}
        if self.parent is not None:
            parents = pl.Series(self.parent[runs][run, node])
            columns["parent"] = names.gather(parents.set(parents < 0, None))
        columns["step"] = self.first[runs][run, node]
        columns["state"] = pl.Series(np.array(self.model.states))[self.last[runs][run, node]]
        return pl.DataFrame(columns)

    def _counted(self, taken_off: bool) -> NDArray[np.bool_]:
        return self.took_off if taken_off else np.ones(self.runs, bool)


def _means(values: NDArray[np.float64]) -> list[tuple[float, float | None, float | None, int]]:
    """Return the mean of each column over the rows, with its interval, and how many rows there are."""
    count = len(values)
    if count == 1:
        return [(float(value), None, None, 1) for value in values[0]]
    # From the first row on, so that the mean of what is everywhere the same is this, to the last digit.
    apart, whole = values - values[0], np.arange(count)
    estimates = bootstrap_each(lambda weights: values[0] + weights @ apart / weights.sum(), whole, rng=SEED)
    return [(each.value, each.low, each.high, each.count) for each in estimates if each is not None]

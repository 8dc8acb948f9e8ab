"""What an engine is asked for, and what it gives back."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from counterpoint.networks.graph import Network
from counterpoint.spread.models.model import Model


@dataclass(frozen=True, eq=False)
class Period:
    """Steps in which neither the network nor the model changes.

    since   : its first step; it lasts until the next period, or the end
    planted : (state, int32[runs, k]): nodes put into a state before its first step, run by run; -1: none
    turned  : (class, int32[runs, k]): nodes made people of another class
    """

    since: int
    network: Network
    model: Model
    planted: tuple[tuple[int, NDArray[np.int32]], ...] = ()
    turned: tuple[tuple[int, NDArray[np.int32]], ...] = ()


@dataclass(frozen=True, eq=False)
class RunSpec:
    """Runs of the same rumour.

    sources : int32[runs, k]
    numbers : which runs these are, of all: their draws go by it
    steps   : the last step
    nodes   : whether each node's first change is kept, and `tree` by whom
    """

    periods: tuple[Period, ...]
    sources: NDArray[np.int32]
    numbers: NDArray[np.int64]
    steps: int
    seed: int
    nodes: bool = False
    tree: bool = False

    @property
    def model(self) -> Model:
        """The model of the first period; all have its states and classes."""
        return self.periods[0].model

    @property
    def network(self) -> Network:
        """The network of the first period; all have its nodes."""
        return self.periods[0].network

    def part(self, low: int, high: int) -> Self:
        """Return the spec of some of the runs."""
        periods = tuple(
            replace(
                period,
                planted=tuple((state, nodes[low:high]) for state, nodes in period.planted),
                turned=tuple((kind, nodes[low:high]) for kind, nodes in period.turned),
            )
            for period in self.periods
        )
        return replace(self, periods=periods, sources=self.sources[low:high], numbers=self.numbers[low:high])


@dataclass(frozen=True, eq=False)
class RawOutbreaks:
    """What runs left, as arrays; with a first axis of runs.

    stocks, entries : int32[runs, steps + 1, states]
    ended           : int64[runs], the step after which nothing could change
    planted         : int64[runs], how many were put from the first state into another
    first, parent   : int32[runs, nodes], or without columns
    last            : uint8[runs, nodes], the states at the end, or without columns
    """

    stocks: NDArray[np.int32]
    entries: NDArray[np.int32]
    ended: NDArray[np.int64]
    planted: NDArray[np.int64]
    first: NDArray[np.int32]
    parent: NDArray[np.int32]
    last: NDArray[np.uint8]

    def trimmed(self) -> "RawOutbreaks":
        """Return it without the steps in which nothing happens any more in any run."""
        steps = int(self.ended.max(initial=0)) + 1
        return replace(self, stocks=self.stocks[:, :steps].copy(), entries=self.entries[:, :steps].copy())


def concatenated(parts: list[RawOutbreaks]) -> RawOutbreaks:
    """Return the runs of all parts, one after the other."""
    steps = max(part.stocks.shape[1] for part in parts)
    return RawOutbreaks(
        np.concatenate([_longer(part.stocks, steps, lasting=True) for part in parts]),
        np.concatenate([_longer(part.entries, steps, lasting=False) for part in parts]),
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("ended", "planted", "first", "parent", "last")
        ),
    )


def _longer(values: NDArray[np.int32], steps: int, *, lasting: bool) -> NDArray[np.int32]:
    gap = ((0, 0), (0, steps - values.shape[1]), (0, 0))
    return np.pad(values, gap, mode="edge") if lasting else np.pad(values, gap)

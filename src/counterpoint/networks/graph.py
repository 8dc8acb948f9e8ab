"""A network as frozen sparse rows."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from numbers import Integral
from typing import Any, Final, Self

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from counterpoint.errors import CounterpointError, suggestion
from counterpoint.networks.csr_kernels import arcs

MAX_NODES: Final = 2**31 - 1  # nodes: their numbers are 32 bits wide
WHOLE_NUMBER: Final = re.compile(
    r"0|-?[1-9][0-9]{0,17}"
)  # a text that is a whole number, and the only one that is this one
NAMES_COMPARED: Final = 20  # that a refusal looks for a similar one in


@dataclass(frozen=True)
class Dropped:
    """What was found in the edges given and left out."""

    loops: int = 0
    doubles: int = 0


@dataclass(frozen=True, eq=False)
class Network:
    """Nodes with names, and arcs: an arc from u to v lets v hear what u says.

    An edge that is not directed is two arcs. Made by `Network.of`, or by a reader, a generator or a converter.

    names        : what the nodes are called, all texts or all whole numbers; node i is the i-th
    start, to    : int64[nodes + 1], int32[arcs]; node i is heard by to[start[i]:start[i + 1]], in rising order
    weight       : float64[arcs], how many contacts an arc stands for in a step; None: one each
    since, until : float64[arcs], an arc is there while since <= time < until; None: always
    """

    names: pl.Series
    start: NDArray[np.int64]
    to: NDArray[np.int32]
    directed: bool = False
    weight: NDArray[np.float64] | None = None
    since: NDArray[np.float64] | None = None
    until: NDArray[np.float64] | None = None
    dropped: Dropped = Dropped()

    @classmethod
    def of(
        cls,
        sources: ArrayLike,
        targets: ArrayLike,
        *,
        nodes: int | pl.Series | None = None,
        directed: bool = False,
        **columns: ArrayLike | None,
    ) -> Self:
        """Make a network of edges given by the numbers of their ends; loops and doubles are left out, and counted.

        nodes   : their names, or how many there are (named 0, 1, ...); None: as many as the edges name
        columns : weight, since, until: one value an edge. Of doubles the first counts; with times, an edge is a
                  double only if it begins when another does

        Raises CounterpointError for numbers that are no node's, and weights or times that cannot be.

        >>> net = Network.of([0, 1, 2, 2], [1, 2, 1, 2])
        >>> net.nodes, net.edges, net.dropped
        (3, 2, Dropped(loops=1, doubles=1))
        """
        ends = _ends(sources, targets)
        names = _names(nodes, ends)
        values = {name: _column(name, column, len(ends[0])) for name, column in columns.items() if column is not None}
        _check(ends, len(names), values)
        return cls._sorted(names, np.stack(ends, axis=1, dtype=np.int32), directed, values)

    @classmethod
    def _sorted(
        cls, names: pl.Series, pairs: NDArray[np.int32], directed: bool, values: dict[str, NDArray[np.float64]]
    ) -> Self:
        if "since" in values:
            order = np.argsort(values["since"], kind="stable")
            pairs, values = pairs[order], {name: column[order] for name, column in values.items()}
        start, to, edge = arcs(pairs, len(names), not directed)
        loops = int((pairs[:, 0] == pairs[:, 1]).sum())
        new = _firsts(start, to, values["since"][edge] if "since" in values else None)
        if not new.all():
            start, to, edge = np.append(0, np.cumsum(new))[start], to[new], edge[new]
        doubles = len(pairs) - loops - len(to) // (1 if directed else 2)
        values = {name: column[edge] for name, column in values.items()}
        return cls(names, start, to, directed, dropped=Dropped(loops, doubles), **values)

    @property
    def nodes(self) -> int:
        """How many nodes there are, isolated ones too."""
        return len(self.names)

    @property
    def edges(self) -> int:
        """How many edges there are; each counts once."""
        return len(self.to) if self.directed else len(self.to) // 2

    @cached_property
    def degrees(self) -> NDArray[np.int64]:
        """How many nodes each node is heard by, int64[nodes]."""
        return np.diff(self.start)

    @cached_property
    def matrix(self) -> csr_array:
        """The arcs as scipy's sparse matrix, weights or ones; doubles that differ in their times are added."""
        data = np.ones(len(self.to)) if self.weight is None else self.weight
        return csr_array((data, self.to, self.start), shape=(self.nodes, self.nodes))

    @cached_property
    def heard(self) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """The arcs by who hears: node i hears nodes[start[i]:start[i + 1]]."""
        if not self.directed:
            return self.start, self.to
        start = np.zeros(self.nodes + 1, np.int64)
        np.cumsum(np.bincount(self.to, minlength=self.nodes), out=start[1:])
        return start, self.tails[self.heard_places]

    @property
    def heard_places(self) -> NDArray[np.int64]:
        """The place among the arcs of each arc in `heard`; an edge that is not directed weighs the same both ways."""
        return np.argsort(self.to, kind="stable") if self.directed else np.arange(len(self.to))

    @property
    def tails(self) -> NDArray[np.int32]:
        """The node that each arc starts from, int32[arcs]."""
        return np.repeat(np.arange(self.nodes, dtype=np.int32), self.degrees)

    def numbers(self, names: Sequence[Any]) -> NDArray[np.int64]:
        """Return the nodes of these names.

        Raises CounterpointError for the first that the network lacks.

        >>> Network.of([0], [1], nodes=pl.Series(["ann", "bob"])).numbers(["bob"])
        array([1])
        """
        if isinstance(names, str):
            raise CounterpointError(f"names come in a list: [{names!r}] would be right for one")
        wanted, order = self._as_named(names), self._order
        places = self.names.gather(order).search_sorted(wanted).clip(0, max(self.nodes - 1, 0)).to_numpy()
        numbers = order.to_numpy()[places] if self.nodes else np.zeros(len(wanted), np.int64)
        right = (
            (self.names.gather(numbers) == wanted).fill_null(value=False).to_numpy() if len(numbers) else numbers > 0
        )
        if not right.all():
            wrong = list(names)[int(np.flatnonzero(~right)[0])]
            some = map(str, self.names.head(NAMES_COMPARED).to_list())
            raise CounterpointError(f"the network has no node {wrong!r}; {suggestion(str(wrong), some)}")
        return numbers.astype(np.int64)

    @cached_property
    def _order(self) -> pl.Series:
        return self.names.arg_sort()

    def _as_named(self, names: Sequence[Any]) -> pl.Series:
        """Return names of the kind that the nodes have, null for what is none: "7" is 7, but "07" and 7.0 are not."""
        if self.names.dtype == pl.String:
            return pl.Series([name if isinstance(name, str) else None for name in names], dtype=pl.String)
        whole = [int(name) if _is_whole(name) else None for name in names]
        return pl.Series(whole, dtype=pl.Int64)

    def at(self, time: float) -> "Network":
        """Return the network of the arcs that are there at this time."""
        if self.since is None and self.until is None:
            return self
        there = np.ones(len(self.to), bool)
        if self.since is not None:
            there &= self.since <= time
        if self.until is not None:
            there &= time < self.until
        return replace(self._only(there), since=None, until=None)

    def changes(self) -> NDArray[np.float64]:
        """Return the times at which an arc comes or goes, in rising order."""
        times = [column for column in (self.since, self.until) if column is not None]
        every = np.unique(np.concatenate(times)) if times else np.empty(0)
        return every[np.isfinite(every)]

    def without(self, nodes: ArrayLike = (), edges: ArrayLike = ()) -> "Network":
        """Return the network without any arc to or from these nodes, and without these edges, pairs of nodes.

        The nodes stay, alone. Raises CounterpointError for an edge that is not there.
        """
        gone = np.zeros(self.nodes, bool)
        gone[np.asarray(nodes, np.int64)] = True
        tails = self.tails.astype(np.int64)
        pairs = np.asarray(edges, np.int64).reshape(-1, 2)
        keys, out = tails * self.nodes + self.to, pairs @ np.array([self.nodes, 1])
        if not (there := np.isin(out, keys)).all():
            one, other = self.names.gather(pairs[np.flatnonzero(~there)[0]]).to_list()
            raise CounterpointError(f"the network has no edge from {one!r} to {other!r}")
        if not self.directed:
            out = np.concatenate([out, pairs @ np.array([1, self.nodes])])
        return self._only(~(gone[tails] | gone[self.to] | np.isin(keys, out)))

    def _only(self, there: NDArray[np.bool_]) -> "Network":
        start = np.zeros(self.nodes + 1, np.int64)
        np.cumsum(np.bincount(self.tails[there], minlength=self.nodes), out=start[1:])
        parts: dict[str, Any] = {
            name: None if (old := getattr(self, name)) is None else old[there] for name in ("weight", "since", "until")
        }
        return replace(self, start=start, to=self.to[there], **parts)


def _is_whole(name: Any) -> bool:
    if isinstance(name, str):
        return WHOLE_NUMBER.fullmatch(name) is not None
    return isinstance(name, Integral) and not isinstance(name, bool) and -(2**63) <= int(name) < 2**63


def _names(nodes: int | pl.Series | None, ends: tuple[NDArray[Any], NDArray[Any]]) -> pl.Series:
    if isinstance(nodes, pl.Series):
        if nodes.n_unique() != len(nodes) or nodes.null_count():
            raise CounterpointError("the names of the nodes must differ, and none may be missing")
        return nodes.rename("node")
    if nodes is not None and nodes < 0:
        raise CounterpointError(f"a network cannot have {nodes} nodes")
    count = max(int(each.max()) if len(each) else -1 for each in ends) + 1 if nodes is None else nodes
    _few(count)
    return pl.Series("node", np.arange(count))


def _few(nodes: int) -> None:
    if nodes > MAX_NODES:
        raise CounterpointError(f"a network can have {MAX_NODES:,} nodes, got {nodes:,}")


def _ends(sources: ArrayLike, targets: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    ends = [np.asarray(each).reshape(-1) for each in (sources, targets)]
    if any(len(each) and not np.issubdtype(each.dtype, np.integer) for each in ends):
        raise CounterpointError("the ends of edges must be whole numbers: `read` takes names")
    if len(ends[0]) != len(ends[1]):
        raise CounterpointError(f"every edge has two ends: got {len(ends[0])} sources and {len(ends[1])} targets")
    if len(ends[0]) > MAX_NODES // 2:
        raise CounterpointError(f"a network can have {MAX_NODES // 2:,} edges, got {len(ends[0]):,}")
    source, target = (each if len(each) else each.astype(np.int32) for each in ends)
    return source, target


def _firsts(start: NDArray[np.int64], to: NDArray[np.int32], since: NDArray[np.float64] | None) -> NDArray[np.bool_]:
    """Mark the arcs that are no doubles of the one before."""
    new = np.ones(len(to), bool)
    new[1:] = to[1:] != to[:-1]
    if since is not None:
        new[1:] |= since[1:] != since[:-1]
    new[start[:-1][start[:-1] < len(to)]] = True
    return new


def _column(name: str, values: ArrayLike, edges: int) -> NDArray[np.float64]:
    column = np.asarray(values, np.float64).reshape(-1)
    if len(column) != edges:
        raise CounterpointError(f"{name} needs one value an edge: got {len(column)} for {edges} edges")
    return column


def _check(ends: tuple[NDArray[Any], NDArray[Any]], nodes: int, values: dict[str, NDArray[np.float64]]) -> None:
    _few(nodes)
    for each in ends:
        if len(wrong := each[(each < 0) | (each >= nodes)]):
            raise CounterpointError(f"an edge ends in node number {wrong[0]}; the nodes are 0 to {nodes - 1}")
    weight = values.get("weight", np.ones(0))
    if len(wrong := weight[~((weight > 0) & np.isfinite(weight))]):
        raise CounterpointError(f"a weight must be a number above 0, got {wrong[0]:g}")
    since, until = (values.get(name, np.zeros(0)) for name in ("since", "until"))
    if np.isnan(since).any() or np.isnan(until).any():
        raise CounterpointError("since and until must be times, got nan")
    if len(since) and len(until) and len(late := np.flatnonzero(until <= since)):
        raise CounterpointError(f"an edge must end after it begins, got {since[late[0]]:g} to {until[late[0]]:g}")

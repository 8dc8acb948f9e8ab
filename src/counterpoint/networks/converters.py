"""Networks from and to what others made: networkx, igraph, scipy, and any table that exports Arrow.

What is given is asked for what it has, so none of these libraries needs to be there unless something is made for it.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import ArrayLike
from scipy.sparse import coo_array

from counterpoint.errors import CounterpointError, suggestion
from counterpoint.networks.formats.edge_table import VALUE_COLUMNS, numbered
from counterpoint.networks.formats.matrix import of_matrix
from counterpoint.networks.graph import Network
from counterpoint.storage.exchange import to_frame

MISSING: Final = {"weight": 1.0, "since": -np.inf, "until": np.inf}


def from_networkx(graph: Any) -> Network:
    """Take a networkx graph: its nodes by name, and of its edges the attributes weight, since and until.

    Nodes that are neither all whole numbers nor all texts are called by their `str`. Parallel edges of a multigraph
    are doubles: the first counts.
    """
    nodes = list(graph.nodes)
    number = {node: place for place, node in enumerate(nodes)}
    edges = list(graph.edges(data=True))
    ends = [[number[edge[side]] for edge in edges] for side in (0, 1)]
    columns = _columns([edge[2] for edge in edges])
    return Network.of(*_ints(ends), nodes=_names(nodes), directed=bool(graph.is_directed()), **columns)


def from_igraph(graph: Any) -> Network:
    """Take an igraph graph; nodes are called by their attribute `name`, or 0, 1, ... if they have none."""
    ends = np.asarray(graph.get_edgelist(), np.int64).reshape(-1, 2)
    nodes = list(graph.vs["name"]) if "name" in graph.vs.attributes() else range(graph.vcount())
    columns = {name: graph.es[name] for name in VALUE_COLUMNS if name in graph.es.attributes()}
    filled = _columns([dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)])
    return Network.of(ends[:, 0], ends[:, 1], nodes=_names(nodes), directed=bool(graph.is_directed()), **filled)


def from_scipy(matrix: Any, names: Sequence[Any] | pl.Series | None = None, *, directed: bool | None = None) -> Network:
    """Take a square sparse matrix: the entry in row i and column j is the weight of the edge from i to j.

    directed : None: unless the matrix is symmetric

    >>> from scipy.sparse import eye_array
    >>> from_scipy(eye_array(4, k=1)).directed
    True
    """
    whole = coo_array(matrix)
    if whole.ndim != 2 or whole.shape[0] != whole.shape[1]:
        raise CounterpointError(f"a matrix of {' x '.join(map(str, whole.shape))}; a network is a square one")
    edges = of_matrix("the matrix", whole, first=0, directed=directed or None)
    node_names = edges.names if names is None else _names(names)
    if len(node_names) != len(edges.names):
        raise CounterpointError(f"a matrix of {len(edges.names)} rows has {len(node_names)} names")
    one_way = bool(edges.directed) if directed is None else directed
    return Network.of(edges.source, edges.target, nodes=node_names, directed=one_way, **edges.columns)


def from_table(table: Any, *, directed: bool = False, nodes: Iterable[Any] | None = None) -> Network:
    """Take a table that exports Arrow, one row an edge: source, target, and perhaps weight, since, until.

    nodes : the names of all, isolated ones too; None: those that are an end of an edge

    >>> from_table(pl.DataFrame({"source": ["ann"], "target": ["bob"]})).names.to_list()
    ['ann', 'bob']
    """
    frame = to_frame(table)
    source, target = _ends(frame)
    columns: dict[str, ArrayLike] = {name: _values(frame, name) for name in VALUE_COLUMNS if name in frame.columns}
    if nodes is None:
        names, sources, targets = numbered(source, target)
        if not len(names):
            raise CounterpointError("the table has no rows: a network needs a node")
        return Network.of(sources, targets, nodes=names, directed=directed, **columns)
    lone = Network.of([], [], nodes=_names(list(nodes)))
    ends = (lone.numbers(each.to_list()) for each in (source, target))
    return Network.of(*ends, nodes=lone.names, directed=directed, **columns)


def from_object(thing: Any) -> Network:
    """Take whatever of the above this is.

    Raises CounterpointError if it is none of them, or cannot be a network.
    """
    if isinstance(thing, Network):
        return thing
    if hasattr(thing, "get_edgelist"):
        return from_igraph(thing)
    if hasattr(thing, "nodes") and hasattr(thing, "edges") and hasattr(thing, "is_directed"):
        return from_networkx(thing)
    if hasattr(thing, "tocoo"):
        return from_scipy(thing)
    if hasattr(thing, "__arrow_c_stream__"):
        return from_table(thing)
    known = "a path, a recipe, a graph of networkx or igraph, a sparse matrix of scipy or a table"
    raise CounterpointError(f"{type(thing).__name__} is no network; {known} would be right")


def to_networkx(network: Network) -> Any:
    """Make a networkx graph with the same names, weights and times.

    Edges of the same ends that differ in their times make it a multigraph. Raises CounterpointError if networkx is not
    installed.
    """
    try:
        import networkx as nx  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ImportError as error:
        raise CounterpointError("networkx is not installed; `pip install networkx` would do it") from error
    kinds = {
        (False, False): nx.Graph,
        (True, False): nx.DiGraph,
        (False, True): nx.MultiGraph,
        (True, True): nx.MultiDiGraph,
    }
    graph = kinds[network.directed, network.since is not None]()
    once = slice(None) if network.directed else network.tails <= network.to
    graph.add_nodes_from(network.names.to_list())
    ends = [network.names.gather(each[once]).to_list() for each in (network.tails, network.to)]
    columns = {name: column[once].tolist() for name in VALUE_COLUMNS if (column := getattr(network, name)) is not None}
    rows = zip(*columns.values(), strict=True) if columns else ((),) * len(ends[0])
    graph.add_edges_from((*pair, dict(zip(columns, row, strict=True))) for *pair, row in zip(*ends, rows, strict=True))
    return graph


def _ints(ends: Sequence[Sequence[int]]) -> list[Any]:
    return [np.asarray(each, np.int64) for each in ends]


def _names(nodes: Iterable[Any]) -> pl.Series:
    """Return names as one column: whole numbers if all are, else texts."""
    each = list(nodes)
    if all(isinstance(node, (int, np.integer)) and not isinstance(node, bool) for node in each):
        try:
            return pl.Series("node", each, pl.Int64)
        except (OverflowError, pl.exceptions.PolarsError, TypeError):
            pass  # beyond 64 bits: called by their digits
    names = pl.Series("node", [str(node) for node in each], pl.String)
    if names.n_unique() != len(names):
        raise CounterpointError(f"two nodes are called {names.filter(names.is_duplicated())[0]!r}; names must differ")
    return names


def _columns(rows: Sequence[dict[str, Any]]) -> dict[str, ArrayLike]:
    given = [name for name in VALUE_COLUMNS if any(name in row for row in rows)]
    return {name: [_number(name, row.get(name)) for row in rows] for name in given}


def _number(name: str, value: Any) -> float:
    if value is None:
        return MISSING[name]
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise CounterpointError(f"the {name} of an edge is {value!r}; a number would be right") from error


def _ends(frame: pl.DataFrame) -> tuple[pl.Series, pl.Series]:
    columns = []
    for name in ("source", "target"):
        if name not in frame.columns:
            raise CounterpointError(f"the table has no column {name!r}; {suggestion(name, frame.columns)}")
        column = frame[name].cast(pl.String) if frame[name].dtype in (pl.Categorical, pl.Enum) else frame[name]
        if not (column.dtype.is_integer() or column.dtype == pl.String):
            raise CounterpointError(f"the column {name!r} holds {column.dtype}: names are whole numbers, or texts")
        if column.null_count():
            raise CounterpointError(f"the column {name!r} has a row without a name: an edge has two ends")
        columns.append(column)
    if any(column.dtype == pl.String for column in columns):
        return columns[0].cast(pl.String), columns[1].cast(pl.String)
    whole = [column.cast(pl.Int64, strict=False) for column in columns]
    if any(column.null_count() for column in whole):
        raise CounterpointError("the table holds a number beyond 2^63: such names would have to be texts")
    return whole[0], whole[1]


def _values(frame: pl.DataFrame, name: str) -> ArrayLike:
    try:
        column = frame[name].cast(pl.Float64)
    except pl.exceptions.PolarsError as error:
        raise CounterpointError(f"the column {name!r} holds what is no number") from error
    return column.fill_null(MISSING[name]).to_numpy()

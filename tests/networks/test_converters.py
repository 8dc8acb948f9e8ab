"""What other libraries made is the same network here, and back; none of them needs to be installed."""

import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import coo_array, csr_matrix
from tests.logs import refused
from tests.networks.samples import edges_of

from counterpoint.networks.converters import (
    from_igraph,
    from_networkx,
    from_object,
    from_scipy,
    from_table,
    to_networkx,
)
from counterpoint.networks.graph import Network


class Edges:
    """Edges as networkx has them: to be called with data=True."""

    def __init__(self, edges):
        self.edges = edges

    def __call__(self, data):
        return iter(self.edges if data else [edge[:2] for edge in self.edges])


class Graph:
    """As much of a networkx graph as is asked for."""

    def __init__(self, nodes, edges, *, directed=False):
        self.nodes, self.edges, self.directed = dict.fromkeys(nodes), Edges(edges), directed

    def is_directed(self):
        return self.directed


class Sequence:
    """Vertices, or edges, as igraph has them."""

    def __init__(self, columns):
        self.columns = columns

    def attributes(self):
        return list(self.columns)

    def __getitem__(self, name):
        return self.columns[name]


class IGraph:
    """As much of an igraph graph as is asked for."""

    def __init__(self, count, edges, vertices, values):
        self.count, self.edges, self.vs, self.es = count, edges, Sequence(vertices), Sequence(values)

    def vcount(self):
        return self.count

    def get_edgelist(self):
        return self.edges

    def is_directed(self):
        return True


def test_a_graph_of_networkx_keeps_names_weights_times_and_lonely_nodes():
    graph = Graph(["b", "a", "c"], [("a", "b", {"weight": 2, "since": 1}), ("b", "b", {}), ("b", "a", {"since": 1})])
    net = from_networkx(graph)
    assert (net.names.to_list(), net.degrees.tolist()) == (["b", "a", "c"], [1, 1, 0])
    assert (net.weight.tolist(), net.since.tolist(), net.directed) == ([2, 2], [1, 1], False)
    assert (net.dropped.loops, net.dropped.doubles) == (1, 1)


def test_names_are_numbers_only_if_all_are():
    assert from_networkx(Graph([3, 1], [(3, 1, {})], directed=True)).names.to_list() == [3, 1]
    assert from_networkx(Graph([(0, 1), "x"], [])).names.to_list() == ["(0, 1)", "x"]
    assert from_networkx(Graph([2**70, 1], [])).names.to_list() == [str(2**70), "1"]
    with refused("two nodes are called '1'"):
        from_networkx(Graph([1, "1"], []))


def test_a_graph_of_igraph_keeps_names_and_weights():
    net = from_igraph(IGraph(3, [(0, 1), (1, 0)], {"name": ["a", "b", "c"]}, {"weight": [1.5, 2], "colour": [1, 2]}))
    assert (net.directed, edges_of(net)) == (True, [("a", "b", 1.5), ("b", "a", 2)])
    assert from_igraph(IGraph(3, [], {}, {})).names.to_list() == [0, 1, 2]


def test_a_symmetric_matrix_is_a_network_without_direction():
    upper = coo_array(([2.0, 1.0], ([0, 1], [1, 2])), shape=(4, 4))
    one_way, both = from_scipy(upper), from_scipy(csr_matrix(upper + upper.T), list("abcd"))
    assert (one_way.directed, one_way.edges, one_way.nodes) == (True, 2, 4)
    assert (both.directed, edges_of(both)) == (False, [("a", "b", 2), ("b", "c", 1)])
    assert from_scipy(csr_matrix(upper + upper.T), directed=True).edges == 4
    assert edges_of(from_scipy(upper, directed=False)) == [(0, 1, 2), (1, 2, 1)]


@pytest.mark.parametrize("library", [pl.DataFrame, pd.DataFrame])
def test_a_table_of_any_library_is_a_network(library):
    table = library({"source": ["a", "b"], "target": ["b", "c"], "weight": [1, 2]})
    net = from_table(table)
    assert edges_of(net) == [("a", "b", 1), ("b", "c", 2)]
    assert from_table(table, nodes=list("cbaz")).names.to_list() == ["c", "b", "a", "z"]


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"source": [1]}, "no column 'target'; "),
        ({"source": [1], "target": [None]}, "holds Null|row without a name"),
        ({"source": [1.5], "target": [2.5]}, "holds Float64: names are whole numbers, or texts"),
        ({"source": [1], "target": [2], "weight": ["x"]}, "'weight' holds what is no number"),
        ({"source": [1], "target": [2], "weight": [-1]}, "above 0"),
        ({"source": [1], "target": [2], "since": [2], "until": [1]}, "end after it begins"),
        ({"source": [], "target": []}, "holds Null|no rows"),
    ],
)
def test_a_table_that_is_no_network_is_refused(table, says):
    with refused(says):
        from_table(pl.DataFrame(table))


@pytest.mark.parametrize(
    ("matrix", "says"),
    [
        (np.ones((2, 3)), "a matrix of 2 x 3; a network is a square one"),
        (-np.eye(2), r"the matrix: the entry at \[0, 0\] is -1"),
        (np.array([[0, 1j], [0, 0]]), "entries are complex128"),
        (np.array([[0, np.nan], [0, 0]]), "is nan"),
    ],
)
def test_a_matrix_that_is_no_network_is_refused(matrix, says):
    with refused(says):
        from_scipy(coo_array(matrix))


def test_names_of_a_matrix_are_as_many_as_its_rows():
    with refused("a matrix of 2 rows has 1 names"):
        from_scipy(coo_array(np.eye(2)), ["a"])


def test_an_object_is_taken_for_what_it_is():
    net = Network.of([0], [1])
    assert from_object(net) is net
    assert from_object(Graph(["a"], [])).names.to_list() == ["a"]
    assert from_object(IGraph(2, [(0, 1)], {}, {})).edges == 1
    assert from_object(net.matrix).edges == 1
    assert from_object(pl.DataFrame({"source": [1], "target": [2]})).edges == 1
    with refused("int is no network; a path, a recipe"):
        from_object(5)


class Made:
    """A networkx graph to be filled."""

    def __init__(self):
        self.nodes, self.edges = [], []

    def add_nodes_from(self, nodes):
        self.nodes += nodes

    def add_edges_from(self, edges):
        self.edges += edges


class Library:
    """The classes of networkx that are made."""

    Graph = type("Graph", (Made,), {})
    DiGraph = type("DiGraph", (Made,), {})
    MultiGraph = type("MultiGraph", (Made,), {})
    MultiDiGraph = type("MultiDiGraph", (Made,), {})


def test_networkx_gets_every_node_and_each_edge_once(monkeypatch):
    monkeypatch.setitem(sys.modules, "networkx", Library)
    names = pl.Series(["a", "b", "c"])
    graph = to_networkx(Network.of([0], [1], nodes=names, weight=[2]))
    assert (type(graph).__name__, graph.nodes) == ("Graph", ["a", "b", "c"])
    assert graph.edges == [("a", "b", {"weight": 2.0})]
    plain = to_networkx(Network.of([0, 1], [1, 0], nodes=names, directed=True))
    assert (type(plain).__name__, plain.edges) == ("DiGraph", [("a", "b", {}), ("b", "a", {})])
    timed = to_networkx(Network.of([0, 0], [1, 1], nodes=names, since=[1, 2]))
    assert (type(timed).__name__, len(timed.edges)) == ("MultiGraph", 2)


def test_without_networkx_there_is_a_word_of_advice(monkeypatch):
    monkeypatch.setitem(sys.modules, "networkx", None)
    with refused("networkx is not installed; `pip install networkx` would do it"):
        to_networkx(Network.of([0], [1]))

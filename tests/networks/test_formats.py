"""Every format says the same network: nodes without an edge stay, loops and doubles are counted."""

import pickle
from io import BytesIO

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import mmread, mmwrite
from scipy.sparse import coo_array, eye_array, save_npz
from tests.logs import refusal
from tests.networks.samples import GML, GRAPHML, PAJEK, corpus, edges_of

from counterpoint.networks.formats.saved import write
from counterpoint.networks.graph import Network
from counterpoint.networks.readers import read, read_with_report

FRIENDS = [("ann", "bob", 2.0), ("ann", "cem", 1.0), ("bob", "cem", 1.0)]


@pytest.fixture
def given_as(tmp_path):
    """Write a file and read it."""

    def taken(name, text, **asked):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_with_report(path, **asked)

    return taken


@pytest.fixture
def refusing(given_as):
    return lambda name, text: refusal(lambda: given_as(name, text))


@pytest.mark.parametrize(("name", "text"), [("a.graphml", GRAPHML), ("a.gml", GML), ("a.net", PAJEK)])
def test_a_format_that_names_its_nodes_keeps_the_lonely_ones(given_as, name, text):
    net, report = given_as(name, text)
    assert (net.names.to_list(), net.degrees.tolist()) == (["ann", "bob", "cem", "dan"], [2, 2, 2, 0])
    assert edges_of(net) == sorted((min(u, v), max(u, v), w) for u, v, w in FRIENDS)
    assert (net.directed, report.records, report.edges) == (False, 3, 3)


def test_matrices_keep_the_rows_without_an_entry(tmp_path, given_as):
    files = corpus(tmp_path)
    market, sparse = given_as("a.mtx", files["a.mtx"]).network, given_as("scipy.npz", files["scipy.npz"]).network
    assert (market.names.to_list(), sparse.names.to_list()) == ([1, 2, 3, 4], [0, 1, 2, 3])
    for net in (market, sparse):
        assert (net.directed, net.degrees.tolist()) == (False, [2, 2, 2, 0])
        assert net.weight.tolist() == [2, 1, 2, 1, 1, 1]


def test_loops_and_doubles_are_counted_in_every_format(given_as):
    node, edge = '<node id="a"/><node id="b"/>', '<edge source="a" target="b"/><edge source="b" target="a"/>'
    graph = f'<graphml><graph>{node}{edge}<edge source="a" target="a"/></graph></graphml>'
    gml = "graph [ node [ id 1 ] node [ id 2 ] " + "".join(
        f"edge [ source {u} target {v} ] " for u, v in ((1, 2), (2, 1), (1, 1))
    )
    pajek = "*vertices 2\n*edges\n1 2\n2 1\n1 1\n"
    for name, text in (("a.graphml", graph), ("a.gml", gml + "]"), ("a.net", pajek)):
        report = given_as(name, text).report
        assert (report.records, report.edges, report.loops, report.doubles) == (3, 1, 1, 1)
    matrix = BytesIO()
    mmwrite(matrix, coo_array(([1, 1, 1, 1], ([0, 0, 1, 1], [0, 1, 0, 1])), shape=(2, 2)), symmetry="symmetric")
    report = given_as("a.mtx", matrix.getvalue()).report
    assert (report.edges, report.loops, report.header) == (1, 2, 2)


# Direction


def test_the_file_says_whether_edges_are_directed(given_as):
    assert given_as("a.graphml", GRAPHML.replace("undirected", "directed")).network.directed
    assert given_as("a.gml", GML.replace("directed 0", "directed 1")).network.directed
    assert given_as("a.net", PAJEK.replace("*Edges", "*Arcs")).network.directed
    matrix = BytesIO()
    mmwrite(matrix, eye_array(3, k=1, format="coo"))
    assert given_as("a.mtx", matrix.getvalue()).network.directed


def test_an_edge_without_direction_is_two_arcs_of_a_directed_network(given_as):
    net, report = given_as("a.net", "*Vertices 3\n*Arcs\n1 2\n*Edges\n2 3\n")
    assert edges_of(net) == [(1, 2, 1), (2, 3, 1), (3, 2, 1)]
    assert (report.records, report.edges) == (3, 3)
    net, report = given_as("a.graphml", GRAPHML, directed=True)
    assert (net.edges, report.records) == (6, 6)


def test_arcs_become_edges_if_that_is_asked_for(given_as):
    net, report = given_as("a.net", "*Vertices 3\n*Arcs\n1 2\n2 1\n2 3\n", directed=False)
    assert (edges_of(net), report.doubles) == ([(1, 2, 1), (2, 3, 1)], 1)


# Names


def test_a_node_is_called_by_its_label_only_if_all_have_one_and_all_differ(given_as):
    assert given_as("a.gml", GML.replace('"dan"', '"ann"')).network.names.to_list() == [0, 1, 2, 3]
    assert given_as("a.net", PAJEK.replace('4 "dan"', "")).network.names.to_list() == [1, 2, 3, 4]
    assert given_as("a.graphml", GRAPHML.replace("dan", "")).network.names.to_list() == ["n0", "n1", "n2", "n3"]


def test_labels_hold_what_their_format_writes_otherwise(given_as):
    assert "a&b" in given_as("a.gml", GML.replace("ann", "a&amp;b")).network.names
    assert "a&b" in given_as("a.graphml", GRAPHML.replace("ann", "a&amp;b")).network.names
    assert "ann lee" in given_as("a.net", PAJEK.replace("ann", "ann lee")).network.names


def test_weights_and_times_are_read_from_edges(given_as):
    text = GML.replace("weight 2", "weight 2 start 1 end 4")
    net = given_as("a.gml", text).network
    assert (sorted(set(net.since.tolist())), sorted(set(net.until.tolist()))) == ([-np.inf, 1], [4, np.inf])


def test_pajek_lists_join_the_first_to_all_the_others(given_as):
    net = given_as("a.net", "*Vertices 4\n*Edgeslist\n1 2 3\n*Edgeslist\n3 4\n").network
    assert edges_of(net) == [(1, 2, 1), (1, 3, 1), (3, 4, 1)]


def test_scipy_and_we_read_the_same_matrix(given_as):
    rng = np.random.default_rng(1)
    for kind, symmetry in (("real", "general"), ("integer", "symmetric"), ("pattern", "general")):
        entries = np.triu((rng.random((9, 9)) < 0.3) * rng.integers(1, 5, (9, 9)), 1)
        whole = coo_array(entries + entries.T if symmetry == "symmetric" else entries)
        text = BytesIO()
        mmwrite(text, whole, comment="made here", field=kind, symmetry=symmetry)
        wanted = mmread(BytesIO(text.getvalue()), spmatrix=False).toarray()
        assert given_as("a.mtx", text.getvalue()).network.matrix.toarray().tolist() == wanted.tolist()


def test_a_matrix_without_entries_is_nodes_without_edges(given_as):
    net = given_as("a.mtx", "%%MatrixMarket matrix coordinate real symmetric\n3 3 0\n").network
    assert (net.nodes, net.edges, net.directed) == (3, 0, False)


# What is refused


MARKET = "%%MatrixMarket matrix coordinate real general\n"
BOMB = '<?xml version="1.0"?><!DOCTYPE g [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><graphml><graph/></graphml>'


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.graphml", BOMB, "a document type is not read"),
        ("a.graphml", "<graphml/>", "has no <graph>"),
        ("a.graphml", "<graphml><graph/></graphml>", "has no node"),
        ("a.graphml", "<graphml><graph></graphml>", "no XML: mismatched tag"),
        ("a.graphml", "<graphml><graph/><graph/></graphml>", "a second graph"),
        ("a.graphml", GRAPHML.replace('target="n2"', 'target="n9"'), "a.graphml:11: an edge to 'n9'"),
        ("a.graphml", GRAPHML.replace('id="n1"', 'id="n0"'), "two nodes are called 'n0'"),
        ("a.graphml", GRAPHML.replace("2.0", "-2"), "a.graphml:10: the weight is -2"),
        ("a.graphml", GRAPHML.replace("2.0", "NaN"), "a.graphml:10: the weight is 'NaN'"),
        ("a.graphml", GRAPHML.replace(' source="n0"', ""), "<edge> has no source="),
        ("a.graphml", GRAPHML.replace("UTF-8", "nonsense"), "no XML"),
        ("a.gml", "[", "'[' stands where a key and its value belong"),
        ("a.gml", "graph [ node [ id 1 ]", "the list 'graph' is not closed"),
        ("a.gml", "graph [ ] ]", "a ] that closes nothing"),
        ("a.gml", 'graph [ node [ id 1 label "a ] ]', "a quote is left open"),
        ("a.gml", "Creator me", "has no `graph ["),
        ("a.gml", "graph [ ]", "has no node"),
        ("a.gml", GML.replace("id 1 ", ""), "a.gml:5: node [ ... ] has no id"),
        ("a.gml", GML.replace("weight 2", "weight 0"), "a.gml:9: the weight is 0"),
        (
            "a.gml",
            GML.replace("weight 2", "start 2 end 1"),
            "a.gml:9: an edge from 2 to 1; it must end after it begins",
        ),
        ("a.net", "*Edges\n1 2\n", "a.net:2: '1' is no node"),
        ("a.net", "% nothing\n", "has no *Vertices"),
        ("a.net", "*Vertices 0\n", "has no node"),
        ("a.net", "*Vertices many\n", "*Vertices and how many"),
        ("a.net", "*Vertices 2\n*Arcs\n1 3\n", "a.net:3: '3' is no node; a number from 1 to 2"),
        ("a.net", "*Vertices 2\n*Arcs\n1\n", "a.net:3: 'nothing' is no node"),
        ("a.net", "*Vertices 2\n*Arcs\n1 2 x\n", "a.net:3: the weight is 'x'"),
        ("a.net", "*Vertices 2\n*Arcs\n1 2 1 [3-4]\n", "times in [] are not read"),
        ("a.net", "*Vertices 2\n*Matrix\n0 1\n", "'*Matrix' is not read"),
        ("a.net", "*Vertices 999999999999\n", "too many to mean"),
        ("a.net", "*Vertices 99999999999999999999\n", "*Vertices and how many"),
        ("a.mtx", "1 2\n", "no Matrix Market file"),
        ("a.mtx", "%%MatrixMarket matrix coordinate real general\n2 3 1\n1 2 1\n", "a matrix of 2 x 3"),
        ("a.mtx", MARKET + "2 2 1\n1 2 0\n", "a.mtx:3: a weight that is no number above 0: '1 2 0'"),
        ("a.mtx", MARKET + "2 2 1\n1 3 1\n", "an entry in row or column 3; whole numbers from 1 to 2"),
        ("a.mtx", MARKET + "2 2 1\n0 1 1\n", "an entry in row or column 0"),
        ("a.mtx", MARKET + "2 2 1\na 1 1\n", "an entry in row or column a"),
        ("a.mtx", MARKET + "% c\n2 2 1\n1 2\n", "a.mtx:4: 2 columns where 3 belong|and 3 are named"),
        ("a.mtx", MARKET + "2 2 1\n1 2 1;\n", "a.mtx:3: a weight that is no number above 0: '1 2 1;'"),
        ("a.mtx", MARKET + "2 2 999999999\n1 2 1\n", "says that it has 999,999,999 entries, and has 1"),
        ("a.mtx", MARKET + "2 2\n1 2 1\n", "no line of its rows, columns and entries"),
        ("a.mtx", MARKET + "999999999999 999999999999 1\n1 2 1\n", "too many to mean"),
        ("a.mtx", MARKET.replace("real", "complex") + "2 2 1\n1 2 1 1\n", "that is 'complex' is no network"),
        ("a.mtx", MARKET.replace("general", "symetric") + "2 2 1\n1 2 1\n", "did you mean 'symmetric'"),
        ("a.mtx", MARKET.replace("coordinate", "array") + "2 2\n1\n0\n0\n1\n", "known: coordinate"),
        ("a.npz", "PK nothing", "no sparse matrix of scipy's"),
    ],
)
def test_what_is_wrong_is_refused_in_one_line(refusing, name, text, says):
    said = refusing(name, text)
    assert any(each in said for each in says.split("|"))


class Trap:
    """Says so if somebody opens its pickle."""

    def __reduce__(self):
        return exec, ("raise SystemExit('a pickle was opened')",)


def test_a_pickle_is_never_opened(tmp_path):
    for name, arrays in (
        ("ours", {"counterpoint_network": np.array([Trap()], object)}),
        ("scipy", {"format": np.array([Trap()], object), "data": np.ones(1)}),
    ):
        path = tmp_path / f"{name}.npz"
        np.savez(path, **arrays)
        assert "pickle" in refusal(lambda path=path: read(path)).lower()
    (tmp_path / "bare.npz").write_bytes(pickle.dumps(Trap()))
    assert "no sparse matrix" in refusal(lambda: read(tmp_path / "bare.npz"))


@pytest.mark.parametrize("indices", [[5, 1], [-1, 1], [2**31 - 1, 0]])
def test_an_entry_beyond_its_matrix_is_not_followed(tmp_path, indices):
    for kind, places in (
        ("csr", {"indices": np.array(indices, np.int32), "indptr": np.array([0, 1, 2], np.int32)}),
        ("coo", {"row": np.array(indices, np.int32), "col": np.array([0, 1], np.int32)}),
    ):
        arrays = {"format": np.array(kind.encode()), "shape": np.array([2, 2]), "data": np.ones(2), **places}
        np.savez(tmp_path / "a.npz", **arrays)
        assert refusal(lambda: read(tmp_path / "a.npz")).startswith("a.npz: ")


def test_brackets_very_deep_are_no_trouble(refusing):
    assert "is not closed" in refusing("a.gml", "graph [ " + "a [ " * 200_000)
    assert "no XML" in refusing("a.graphml", "<graphml>" + "<a>" * 50_000)


# What is written here is read here


@settings(max_examples=60)
@given(data=st.data(), directed=st.booleans(), timed=st.booleans(), texts=st.booleans())
def test_a_network_that_was_written_is_the_same_when_it_is_read(tmp_path_factory, data, directed, timed, texts):
    nodes = data.draw(st.integers(1, 9))
    ends = data.draw(st.lists(st.tuples(*[st.integers(0, nodes - 1)] * 2), max_size=20))
    name = st.text(st.characters(codec="utf-8"), max_size=4) if texts else st.integers(-(2**63), 2**63 - 1)
    names = data.draw(st.lists(name, min_size=nodes, max_size=nodes, unique=True))
    columns = {"weight": np.arange(len(ends)) + 0.5} if data.draw(st.booleans()) else {}
    if timed:
        since = np.array(data.draw(st.lists(st.sampled_from([-np.inf, 0, 1]), min_size=len(ends), max_size=len(ends))))
        columns |= {"since": since, "until": since.clip(min=-9) + 1}
    series = pl.Series("node", names, pl.String if texts else pl.Int64)
    net = Network.of([u for u, _ in ends], [v for _, v in ends], nodes=series, directed=directed, **columns)
    path = tmp_path_factory.mktemp("saved") / "a.npz"
    write(net, path)
    back = read(path)
    assert (back.directed, back.names.to_list()) == (directed, names)
    for each in ("start", "to", "weight", "since", "until"):
        one, other = getattr(net, each), getattr(back, each)
        assert (one is None) == (other is None)
        assert one is None or one.tolist() == other.tolist()


def test_only_npz_is_written(tmp_path):
    net = Network.of([0], [1])
    assert "ends in .npz would be right" in refusal(lambda: write(net, tmp_path / "a.csv"))
    assert "make the folder" in refusal(lambda: write(net, tmp_path / "none" / "a.npz"))


def test_scipy_reads_what_it_wrote_and_so_do_we(tmp_path):
    matrix = coo_array(([2.0, 3.0], ([0, 1], [1, 2])), shape=(4, 4))
    save_npz(tmp_path / "a.npz", matrix.tocsc())
    net = read(tmp_path / "a.npz")
    assert (net.directed, net.matrix.toarray().tolist()) == (True, matrix.toarray().tolist())

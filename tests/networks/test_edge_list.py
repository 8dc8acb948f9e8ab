"""Every line of an edge list is an edge, a loop, a double, a comment, blank, the header, or refused; none is lost."""

import gzip
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.logs import refusal, refused
from tests.networks.samples import edges_of

from counterpoint.networks.formats import edge_list
from counterpoint.networks.formats.edge_table import ReadReport
from counterpoint.networks.readers import build_network, read, read_with_report

FACEBOOK = Path(os.environ.get("COUNTERPOINT_DATA", ""), "facebook", "facebook_combined.txt.gz")
PAIRS = [("a", "b", 1.0), ("b", "c", 1.0)]


@pytest.fixture
def file(tmp_path):
    def write(text, name="a.txt"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def of(text, **asked):
    """Read a text as an edge list."""
    return build_network("a.txt", edge_list.read("a.txt", text.encode(), **asked), None)


# What is an edge


@pytest.mark.parametrize(
    "text",
    [
        "a b\nb c\n",
        "a\tb\nb\tc",
        "a,b\nb,c\n",
        "a, b\nb ,c \n",
        "a;b\nb;c\n",
        "a|b\nb|c\n",
        "  a   b\nb \t c\t\n",
        "a b\r\nb c\r\n",
        "\ufeffa b\nb c\n",
        '"a","b"\n"b",c\n',
        "source,target\na,b\nb,c\n",
        "Target,Source\nb,a\nc,b\n",
        "From\tTo\na\tb\nb\tc\n",
        "a b {}\nb c {}\n",
        "source,target,colour\na,b,red\nb,c,\n",
        "% KONECT\n// or so\n  # or so\na b\n\n   \nb c\n",
    ],
)
def test_an_edge_list_is_read_whatever_stands_between_the_names(text):
    assert edges_of(of(text).network) == PAIRS


def test_names_that_are_all_whole_numbers_are_numbers_and_all_others_texts():
    assert of("10 9\n9 -3\n").network.names.to_list() == [-3, 9, 10]
    assert of("10 9\n9 x\n").network.names.to_list() == ["10", "9", "x"]
    assert of("10 9\n9 0.5\n").network.names.to_list() == ["0.5", "10", "9"]


def test_007_and_7_are_two_names():
    assert of("007 7\n7 +7\n").network.names.to_list() == ["+7", "007", "7"]


def test_a_number_beyond_64_bits_is_a_name():
    assert of("99999999999999999999 1\n").network.names.to_list() == ["1", "99999999999999999999"]


def test_a_name_in_quotes_may_hold_the_delimiter_and_quotes():
    net = of('source,target\n"Ann, the ""first""",Bob\nBob,"Cem\t"\n').network
    assert net.names.to_list() == ['Ann, the "first"', "Bob", "Cem\t"]


def test_a_header_without_known_names_is_one_if_all_below_are_whole_numbers():
    found = of("userID\tfriendID\n2\t275\n2\t428\n")
    assert (found.report.header, found.network.names.to_list()) == (1, [2, 275, 428])


def test_two_names_over_names_are_no_header():
    assert of("ann bob\nbob cem\n").report.header == 0


def test_a_third_column_is_the_weight():
    assert edges_of(of("a b 2\nc b .5\n").network) == [("a", "b", 2.0), ("b", "c", 0.5)]


def test_times_are_read_where_a_header_says_so_and_one_left_open_is_endless():
    net = of("source,target,start,end\na,b,1,2\nb,c,,3\nc,d,4,\n").network
    assert net.since.tolist() == [1, 1, -np.inf, -np.inf, 4, 4]
    assert net.until.tolist() == [2, 2, 3, 3, np.inf, np.inf]


def test_columns_are_what_the_caller_says():
    net = of("a b 17 2\nb c 18 3\n", columns=["source", "target", "since", "weight"]).network
    assert net.since.tolist() == [17, 17, 18, 18]
    assert net.weight.tolist() == [2, 2, 3, 3]


def test_the_delimiter_is_what_the_caller_says():
    assert of("Smith,J Doe,K\n", delimiter=" ").network.names.to_list() == ["Doe,K", "Smith,J"]


def test_a_packed_list_is_what_it_was_before(file):
    path = file(gzip.compress(b"a b\nb c\n", mtime=0), "a.txt.gz")
    assert edges_of(read(path)) == PAIRS


def test_directed_edges_lead_one_way(file):
    assert edges_of(read(file("b a\na b\na c\n"), directed=True)) == [("a", "b", 1), ("a", "c", 1), ("b", "a", 1)]


# What is counted


def test_every_line_is_counted_once():
    text = "# a\nsource target\na b\nb a\na a\n\nb c\nb c d\n%\n"
    assert of(text, drop=True).report == ReadReport(
        9, edges=2, loops=1, doubles=1, comments=2, blank=1, header=1, refused=1
    )


def test_a_node_that_has_only_a_loop_stays_alone():
    net = of("a a\nb c\n").network
    assert (net.names.to_list(), net.degrees.tolist()) == (["a", "b", "c"], [0, 1, 1])


WORDS = st.sampled_from(["a", "b", "1", "2", "07", "-3", "ä", "", '"q q"', "#x", "1.5", "source", "target"])
LINES = st.one_of(
    st.tuples(WORDS, WORDS).map(" ".join),
    st.tuples(WORDS, WORDS, st.sampled_from(["1", "0", "-1", "nan", "x", "1e3"])).map(" ".join),
    st.sampled_from(["", "  ", "# c", "% c", "// c", "\t"]),
)


@settings(max_examples=200)
@given(lines=st.lists(LINES, max_size=8), edge=st.sampled_from(["a b", "1 2", "a b 1"]))
def test_the_lines_add_up_whatever_they_are(lines, edge):
    text = "\n".join([edge, *lines, *[edge] * 9]) + "\n"
    report = of(text, drop=True).report
    assert report.records == len(lines) + 10
    assert report.records == total(report)


def total(report):
    """The fates of what was read."""
    parts = (report.edges, report.loops, report.doubles, report.comments, report.blank, report.header, report.refused)
    return sum(parts)


@settings(max_examples=50)
@given(
    ends=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=1, max_size=40),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_order_of_lines_means_nothing(ends, seed):
    lines = [f"{u} {v}\n" for u, v in ends]
    shuffled = np.random.default_rng(seed).permutation(lines).tolist()
    one, other = of("".join(lines)).network, of("".join(shuffled)).network
    assert one.names.to_list() == other.names.to_list()
    assert one.to.tolist() == other.to.tolist()
    assert one.start.tolist() == other.start.tolist()


@settings(max_examples=50)
@given(rows=st.lists(st.tuples(st.integers(-5, 5), st.integers(0, 10**17), st.integers(1, 9)), min_size=1, max_size=20))
def test_plain_lines_are_cut_at_once_as_any_others_are(rows):
    plain = "".join(f"{u},{v},{w}\n" for u, v, w in rows)
    odd = plain.replace(",", " , ")
    named, odd_named = ("".join(f"u{line}\n" for line in text.splitlines()) for text in (plain, odd))
    assert edges_of(of(plain).network) == edges_of(of(odd).network)
    assert edges_of(of(named).network) == edges_of(of(odd_named).network)


# What is refused


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a b\nc\n", "a.txt:2: 1 columns where 2 belong: 'c'; a line of source target would be right"),
        ("a b\nb c d e\n", "a.txt:2: 4 columns where 2 belong"),
        ("a,b\nb,\n", "a.txt:2: a node without a name: 'b,'; a line of source,target"),
        ("a b 1\nb c 0\n", "a.txt:2: a weight that is no number above 0"),
        ("a b 1\nb c -2\n", "a.txt:2: a weight that is no number above 0"),
        ("a b 1\nb c nan\n", "a.txt:2: a weight that is no number above 0"),
        ("a b 1\nb c inf\n", "a.txt:2: a weight that is no number above 0"),
        ("a b 1\nb c 1e999\n", "a.txt:2: a weight that is no number above 0"),
        ("# x\n\na b\nb c\n\nc\n", "a.txt:6: 1 columns"),
        ("source,target,since,until\na,b,3,3\n", "a.txt:2: an edge must end after it begins"),
        ("source,target,since\na,b,monday\n", "a.txt:2: a time that is no number"),
        ("source,target\n", "a.txt: holds no edge"),
        ("# nothing\n", "a.txt: holds no edge"),
        ("ann\nbob\n", "a.txt: its lines have one column"),
        ("a b 1 2\nb c 1 2\n", "a.txt: 4 columns and no header"),
        ("source,target,source\na,b,c\n", "two columns are the source"),
        ('a "b\nb c\n', "a.txt:1: "),
    ],
)
def test_a_list_with_a_wrong_line_is_refused_in_one_line(text, says):
    assert says in refusal(lambda: of(text))


def test_a_list_of_wrong_lines_only_has_no_edge_left():
    assert "holds no edge" in refusal(lambda: of("a b 0\nb c 0\n", drop=True))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "a.txt: is empty"),
        (b" \n\n", "a.txt: is empty"),
        (b"a b\nb \xff\n", "a.txt:2: not UTF-8"),
        (b"a b\n\0\n", "a.txt:2: a zero byte"),
        ("a b\n".encode("utf-16"), "a.txt:1: a zero byte"),
        (gzip.compress(b"a b\n" * 1000, mtime=0)[:-9], "a.txt: packed with gzip, and broken"),
        (b"\x1f\x8bnot gzip", "a.txt: packed with gzip, and broken"),
    ],
)
def test_what_is_no_text_is_refused_in_one_line(file, data, says):
    assert says in refusal(lambda: read(file(data)))


def test_what_is_not_there_or_no_file_is_refused_in_one_line(tmp_path):
    assert "cannot read" in refusal(lambda: read(tmp_path / "none.txt"))
    (tmp_path / "folder.txt").mkdir()
    assert "Is a directory" in refusal(lambda: read(tmp_path / "folder.txt"))
    assert "cannot read" in refusal(lambda: read("\0.txt"))


def test_an_ending_that_says_no_format_is_refused_unless_the_form_is_given(file):
    path = file("a b\nb c\n", "out.friends")
    assert "its ending says no format; known: .txt" in refusal(lambda: read(path))
    assert edges_of(read(path, format="edges")) == PAIRS
    assert "did you mean 'edges'?" in refusal(lambda: read(path, format="edge"))


def test_columns_that_no_network_has_are_refused():
    with refused("did you mean 'weight'"):
        of("a b 1\n", columns=["source", "target", "weigth"])
    with refused("must hold its source and its target"):
        of("a b 1\n", columns=["source", "_", "weight"])
    with refused("has 3 columns, and 2 are named"):
        of("a b 1\n", columns=["source", "target"])
    with refused("a delimiter is one character"):
        of("a b 1\n", delimiter="::")


@pytest.mark.real
@pytest.mark.skipif(not FACEBOOK.exists(), reason="the variable COUNTERPOINT_DATA does not say where the real data lie")
def test_ego_facebook_is_what_its_page_says():
    net, report = read_with_report(FACEBOOK)
    assert (net.nodes, net.edges, report.doubles, report.loops) == (4_039, 88_234, 0, 0)


def test_a_temporary_folder_is_no_part_of_a_message():
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        path.write_text("a,b\nb\n")
        assert refusal(lambda: read(path)).startswith("a.csv:2: ")

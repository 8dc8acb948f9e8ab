"""What a file says, before it is a network: nodes and their names, edges by number, and how much of what was read."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from counterpoint.errors import CounterpointError
from counterpoint.networks.graph import WHOLE_NUMBER

WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "source": ("source", "src", "from", "fromnodeid", "tail", "u", "follower", "uid"),
    "target": ("target", "dst", "dest", "to", "tonodeid", "head", "v", "followee", "friend"),
    "weight": ("weight", "w", "value"),
    "since": ("since", "start", "begin"),
    "until": ("until", "end", "stop"),
}
"""What files call the columns of a network, whatever the case; the first is the name."""
COLUMN_OF_WORD: Final = {word: name for name, words in WORDS.items() for word in words}
VALUE_COLUMNS: Final = ("weight", "since", "until")
VALUE_IF_MISSING: Final = {
    "weight": 1.0,
    "since": -np.inf,
    "until": np.inf,
}  # what an edge has of a column that it leaves out
NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?|[+-]?inf", re.IGNORECASE)
NODES_BELIEVED: Final = 10_000_000  # nodes that a file may count without naming them, however small it is


@dataclass(frozen=True)
class ReadReport:
    """What became of what was read: the records are the edges and all that is listed after them, together.

    records : lines of an edge list or of Matrix Market; edges of another format, where one without direction counts
              twice if it became two arcs of a directed network
    edges   : edges of the network
    loops, doubles, comments, blank, header : were left out
    refused : lines that could not be, left out because that was asked for
    """

    records: int
    edges: int = 0
    loops: int = 0
    doubles: int = 0
    comments: int = 0
    blank: int = 0
    header: int = 0
    refused: int = 0


@dataclass(frozen=True, eq=False)
class EdgeTable:
    """The edges of a file.

    directed : whether the file says that edges have a direction; None: it says nothing
        both    : bool[edges], the edges of a directed network that lead both ways; None: none does
        columns : weight, since, until: float64[edges] each, those that there are
        report  : what was read; edges, loops and doubles are known only once it is a network
    """

    names: pl.Series
    source: NDArray[Any]
    target: NDArray[Any]
    report: ReadReport
    directed: bool | None = None
    both: NDArray[np.bool_] | None = None
    columns: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)


class Edge(NamedTuple):
    """An edge as a file has it: the line it stands on, the ids of its ends, and its values as texts."""

    line: int
    source: str
    target: str
    one_way: bool
    values: dict[str, str]


def build_edge_table(
    file: str, ids: Sequence[str], labels: Sequence[str | None], edges: Sequence[Edge], *, directed: bool
) -> EdgeTable:
    """Return what a file says that names its nodes first.

    A node is called by its label if every node has one and all differ, else by its id. If any edge has a direction,
    the network is directed, as it is with `directed`.

    Raises CounterpointError for two nodes of one id, an edge to an unknown one, and a value that is none.
    """
    number = {each: place for place, each in enumerate(ids)}
    if len(number) != len(ids):
        twice = next(each for place, each in enumerate(ids) if number[each] != place)
        raise CounterpointError(f"{file}: two nodes are called {twice!r}; ids that differ would be right")
    for edge in edges:
        if lost := [end for end in (edge.source, edge.target) if end not in number]:
            raise CounterpointError(f"{file}:{edge.line}: an edge to {lost[0]!r}, which is no node of the file")
    given = [name for name in VALUE_COLUMNS if any(name in edge.values for edge in edges)]
    columns = {name: np.array([_value(file, edge, name) for edge in edges], np.float64) for name in given}
    check_order(file, columns, [edge.line for edge in edges])
    return EdgeTable(
        names_of(ids, labels),
        np.array([number[edge.source] for edge in edges], np.int64),
        np.array([number[edge.target] for edge in edges], np.int64),
        ReadReport(len(edges)),
        directed or any(edge.one_way for edge in edges),
        np.array([not edge.one_way for edge in edges], np.bool_),
        columns,
    )


def _value(file: str, edge: Edge, name: str) -> float:
    text = edge.values.get(name)
    if text is None:
        return VALUE_IF_MISSING[name]
    if (value := number_of(text)) is None:
        raise CounterpointError(f"{file}:{edge.line}: the {name} is {text!r}; a number would be right")
    if name == "weight" and not 0 < value < np.inf:
        raise CounterpointError(f"{file}:{edge.line}: the weight is {text}; a number above 0 would be right")
    return value


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Turn whatever a library raises over broken bytes into one line."""
    try:
        yield
    except CounterpointError:
        raise
    except Exception as error:  # of zip, zlib, numpy or scipy: they do not say which
        raise CounterpointError(f"{what}: {str(error).partition(chr(10))[0] or type(error).__name__}") from error


def check_order(file: str, columns: Mapping[str, NDArray[np.float64]], lines: Sequence[int]) -> None:
    """Refuse an edge that ends before it begins."""
    if "since" in columns and "until" in columns:
        since, until = columns["since"], columns["until"]
        if len(late := np.flatnonzero(~(since < until))):
            first_late = int(late[0])
            raise CounterpointError(
                f"{file}:{lines[first_late]}: an edge from {since[first_late]:g} to {until[first_late]:g}; it must end"
                " after it begins"
            )


def number_of(text: str) -> float | None:
    """Return the number that a text is; None if it is none.

    >>> number_of("2.5e1"), number_of("nan"), number_of("1_000")
    (25.0, None, None)
    """
    return float(text) if NUMBER.fullmatch(text.strip()) else None


def whole_of(text: str) -> int | None:
    """Return the whole number, at least 0, that a text is; None if it is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def names_of(ids: Sequence[str], labels: Sequence[str | None] = ()) -> pl.Series:
    """Return the names of nodes: their labels if all have one and all differ, else their ids.

    Texts that are all whole numbers, written as such, become numbers.

    >>> names_of(["n0", "n1"], ["Ann", "Bob"]).to_list(), names_of(["7", "8"], ["Ann", None]).to_list()
    (['Ann', 'Bob'], [7, 8])
    """
    good = len(labels) == len(ids) and all(labels) and len(set(labels)) == len(labels)
    names = list(labels if good else ids)
    if names and all(WHOLE_NUMBER.fullmatch(name or "") for name in names):
        return pl.Series("node", [int(name or "") for name in names], pl.Int64)
    return pl.Series("node", names, pl.String)


def numbered(sources: pl.Series, targets: pl.Series) -> tuple[pl.Series, NDArray[Any], NDArray[Any]]:
    """Return the names that occur, in rising order, and the number of each source and target.

    >>> names, source, target = numbered(pl.Series(["b", "c"]), pl.Series(["a", "b"]))
    >>> names.to_list(), source.tolist(), target.tolist()
    (['a', 'b', 'c'], [1, 2], [0, 1])
    """
    both = pl.concat([sources, targets], rechunk=True)
    names, number = _whole_numbered(both.to_numpy()) if both.dtype == pl.Int64 else _texts_numbered(both)
    return names.rename("node"), number[: len(sources)], number[len(sources) :]


def _whole_numbered(values: NDArray[np.int64]) -> tuple[pl.Series, NDArray[Any]]:
    low, high = (int(values.min()), int(values.max())) if len(values) else (0, 0)
    if high - low > 4 * len(values):
        distinct, number = np.unique(values, return_inverse=True)
        return pl.Series(distinct), number
    there = np.zeros(high - low + 1, bool)
    there[values - low] = True
    place = np.cumsum(there, dtype=np.int32) - 1
    return pl.Series(np.flatnonzero(there) + low), place[values - low]


def _texts_numbered(texts: pl.Series) -> tuple[pl.Series, NDArray[Any]]:
    coded = texts.to_arrow(compat_level=pl.CompatLevel.oldest()).dictionary_encode()
    names = pl.Series(coded.dictionary, dtype=pl.String)
    order = names.arg_sort().to_numpy()
    place = np.empty(len(order), np.int32)
    place[order] = np.arange(len(order))
    return names.gather(order), place[coded.indices.to_numpy()]


def as_whole(*texts: pl.Series) -> list[pl.Series]:
    """Return the texts as whole numbers if all are, written as such, else as they are."""
    if all(each.dtype == pl.Int64 for each in texts):
        return list(texts)
    whole = [each.cast(pl.Int64, strict=False) for each in texts]
    odd = r"^(?:-?0[0-9]|\+|-0)"  # 007 and 7 are two names
    if any(each.null_count() for each in whole) or any(each.str.contains(odd).any() for each in texts):
        return list(texts)
    return whole


def check_count(file: str, nodes: int, size: int) -> None:
    """Refuse a number of nodes that a file of so many bytes cannot mean: it would be made, and fill the memory."""
    if nodes > max(NODES_BELIEVED, 100 * size):
        raise CounterpointError(
            f"{file}: says that it has {nodes:,} nodes, and is {size:,} bytes long: too many to mean"
        )


def lines_of(file: str, data: bytes) -> pl.Series:
    r"""Return the lines of a text.

    Raises CounterpointError if it is not UTF-8.

    >>> lines_of("a.txt", b"1 2\r\n\n2 3").to_list()
    ['1 2', '', '2 3']
    """
    data = data.removeprefix(b"\xef\xbb\xbf")
    if (offset := data.find(b"\0")) >= 0:
        raise CounterpointError(f"{file}:{_line(data, offset)}: a zero byte: this is no text, or not UTF-8")
    try:
        return pl.read_lines(BytesIO(data)).to_series()
    except pl.exceptions.PolarsError as error:
        raise CounterpointError(f"{file}:{_bad_line(data)}: not UTF-8; saved as UTF-8 it would be right") from error


def text_of(file: str, data: bytes) -> str:
    """Return the text that a file is, its lines ended by newlines; raises as `lines_of` does."""
    return "\n".join(lines_of(file, data).to_list())


def _line(data: bytes, offset: int) -> int:
    return data.count(b"\n", 0, offset) + 1


def _bad_line(data: bytes) -> int:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return _line(data, error.start)
    return 1

r"""Matrix Market: the entry in row i and column j is the weight of the edge from i to j; nodes are 1, 2, ...

After its first two lines it is an edge list, and read as one: scipy's own reader crashes the process over some broken
files ("3 2 1;" is enough). A symmetric matrix is a network without direction.
"""

import re
from dataclasses import replace
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from counterpoint.errors import CounterpointError, suggestion
from counterpoint.networks.formats import edge_list
from counterpoint.networks.formats.edge_table import EdgeTable, ReadReport, check_count, whole_of

BANNER: Final = re.compile(rb"%%MatrixMarket[ \t]+matrix[ \t]+(\S+)[ \t]+(\S+)[ \t]+(\S+)[ \t]*\r?\n", re.IGNORECASE)
SIZE: Final = re.compile(rb"^[ \t]*([^%\s][^\r\n]*)", re.MULTILINE)
KINDS: Final = ("real", "integer", "pattern", "unsigned-integer", "double")
SHAPES: Final = ("general", "symmetric")


def read(file: str, data: bytes) -> EdgeTable:
    r"""Read a sparse matrix.

    Raises CounterpointError for a matrix that is not square, not sparse, not of numbers above 0, or not as long as it
    says.

    >>> read("a.mtx", b"%%MatrixMarket matrix coordinate pattern symmetric\n3 3 1\n2 1\n").names.to_list()
    [1, 2, 3]
    """
    kind, shape = _banner(file, data)
    size = SIZE.search(data)
    sizes = [whole_of(each) for each in (size[1].decode("utf-8", "replace").split() if size else [])]
    if size is None or len(sizes) != 3 or None in sizes:
        raise CounterpointError(f"{file}: has no line of its rows, columns and entries; '4 4 3' would be one")
    rows, columns, entries = (each or 0 for each in sizes)
    if rows != columns:
        raise CounterpointError(f"{file}: a matrix of {rows:,} x {columns:,}; a network is a square one")
    check_count(file, rows, len(data))
    named = ("source", "target") if kind == "pattern" else ("source", "target", "weight")
    names = pl.Series("node", np.arange(1, rows + 1))
    if not entries:
        return EdgeTable(names, np.zeros(0, np.int64), np.zeros(0, np.int64), ReadReport(0), shape == "general")
    text = data[: size.start(1)] + b"%" + data[size.start(1) :]  # the line of sizes is no edge
    listed = edge_list.read(file, text, columns=named, delimiter=" ")
    report = replace(listed.report, header=2, comments=listed.report.comments - 2)
    if (entries_read := len(listed.source)) != entries or listed.report.header:
        raise CounterpointError(
            f"{file}: says that it has {entries:,} entries, and has {entries_read:,}: a whole copy is needed"
        )
    place = _places(file, listed.names, rows)
    weight = {} if all((column == 1).all() for column in listed.columns.values()) else listed.columns
    return EdgeTable(names, place[listed.source], place[listed.target], report, shape == "general", None, weight)


def _banner(file: str, data: bytes) -> tuple[str, str]:
    banner = BANNER.match(data)
    if banner is None:
        right = "%%MatrixMarket matrix coordinate real general"
        raise CounterpointError(f"{file}:1: no Matrix Market file; a first line such as '{right}' would be right")
    layout, kind, shape = (each.decode("utf-8", "replace").lower() for each in banner.groups())
    for word, known in ((layout, ("coordinate",)), (kind, KINDS), (shape, SHAPES)):
        if word not in known:
            raise CounterpointError(f"{file}:1: a matrix that is {word!r} is no network; {suggestion(word, known)}")
    return kind, shape


def _places(file: str, names: pl.Series, rows: int) -> NDArray[np.int64]:
    """Return the number of the node that each name, a row or a column, stands for."""
    inside = names.cast(pl.Int64, strict=False).is_between(1, rows).fill_null(value=False)
    if not inside.all():
        wrong = names.filter(~inside)[0]
        raise CounterpointError(
            f"{file}: an entry in row or column {wrong}; whole numbers from 1 to {rows} would be right"
        )
    return names.cast(pl.Int64).to_numpy() - 1

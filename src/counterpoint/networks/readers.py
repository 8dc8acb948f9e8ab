"""Networks from files: the name's ending says the format, and what was read is counted.

| ending                                   | format                                   | isolated nodes |
|------------------------------------------|------------------------------------------|----------------|
| .txt .csv .tsv .tab .dat .edges .edgelist | an edge a line, SNAP's too               | cannot be said |
| .graphml                                 | GraphML                                  | kept           |
| .gml                                     | GML                                      | kept           |
| .net                                     | Pajek                                    | kept           |
| .mtx                                     | Matrix Market                            | kept           |
| .npz                                     | scipy's sparse matrix, or `write`'s own  | kept           |

Each may be packed with gzip (.gz).
"""

import gzip
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from counterpoint.errors import CounterpointError, suggestion
from counterpoint.networks.formats import edge_list, gml, graphml, matrix, matrix_market, pajek, saved
from counterpoint.networks.formats.edge_table import EdgeTable, ReadReport
from counterpoint.networks.graph import Network

Form = Literal["edges", "graphml", "gml", "pajek", "market", "npz"]
ENDINGS: Final[Mapping[str, Form]] = {
    **dict.fromkeys((".txt", ".csv", ".tsv", ".tab", ".dat", ".edges", ".edgelist"), "edges"),
    ".graphml": "graphml",
    ".gml": "gml",
    ".net": "pajek",
    ".mtx": "market",
    ".npz": "npz",
}
GZIP: Final = b"\x1f\x8b"


class Read(NamedTuple):
    """A network, and what became of every record of its file."""

    network: Network
    report: ReadReport


def read(
    path: Path | str,
    *,
    directed: bool | None = None,
    columns: Sequence[str] = (),
    delimiter: str | None = None,
    drop: bool = False,
    form: Form | None = None,
) -> Network:
    """Read the network of a file.

    directed  : None: as the file says, and not directed if it does not say. If True, an edge that the file says has
                no direction is two arcs
    columns   : of an edge list: what its columns are, if no header says so (source, target, weight, since, until, _)
    delimiter : of an edge list: one character; None: told from its lines
    drop      : of an edge list: leave out the lines that are no edge, and count them, instead of refusing the file
    form      : None: what the name ends in

    Raises CounterpointError, with file and line, for whatever cannot be read; see `read_with_report` for what was read.
    """
    return read_with_report(path, directed=directed, columns=columns, delimiter=delimiter, drop=drop, form=form).network


def read_with_report(
    path: Path | str,
    *,
    directed: bool | None = None,
    columns: Sequence[str] = (),
    delimiter: str | None = None,
    drop: bool = False,
    form: Form | None = None,
) -> Read:
    r"""Read the network of a file and say what became of every record of it; takes what `read` takes.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "friends.txt"
    ...     _ = path.write_text("# friends\nann bob\nbob ann\nbob cem\n")
    ...     network, report = read_with_report(path)
    >>> network.names.to_list(), report.edges, report.doubles, report.comments
    (['ann', 'bob', 'cem'], 2, 1, 1)
    """
    path = Path(path)
    asked = _Asked(tuple(columns), delimiter, drop)
    reader = READERS[_form(path, form)]
    return built(path.name, reader(path.name, _unpacked(path, _bytes(path)), asked), directed)


def built(file: str, found: EdgeTable, directed: bool | None) -> Read:
    """Make a network of what was found, and count what became of it."""
    if not len(found.names):
        raise CounterpointError(f"{file}: has no node; a network needs one")
    directed = bool(found.directed) if directed is None else directed
    if directed and found.directed is False:
        found = _both_ways(found, np.ones(len(found.source), np.bool_))
    elif directed and found.both is not None:
        found = _both_ways(found, found.both)
    try:
        network = Network.of(found.source, found.target, nodes=found.names, directed=directed, **found.columns)
    except CounterpointError as error:
        raise CounterpointError(f"{file}: {error}") from error
    lost = network.dropped
    return Read(network, replace(found.report, edges=network.edges, loops=lost.loops, doubles=lost.doubles))


def _both_ways(found: EdgeTable, both: NDArray[np.bool_]) -> EdgeTable:
    return replace(
        found,
        source=np.concatenate([found.source, found.target[both]]),
        target=np.concatenate([found.target, found.source[both]]),
        report=replace(found.report, records=found.report.records + int(both.sum())),
        columns={name: np.concatenate([column, column[both]]) for name, column in found.columns.items()},
    )


class _Asked(NamedTuple):
    """What is asked of an edge list."""

    columns: tuple[str, ...]
    delimiter: str | None
    drop: bool


def _edges(file: str, data: bytes, asked: _Asked) -> EdgeTable:
    return edge_list.read(file, data, columns=asked.columns, delimiter=asked.delimiter, drop=asked.drop)


def _npz(file: str, data: bytes, _: _Asked) -> EdgeTable:
    return saved.read(file, data) if saved.is_ours(data) else matrix.read_npz(file, data)


READERS: Final[Mapping[Form, Callable[[str, bytes, _Asked], EdgeTable]]] = {
    "edges": _edges,
    "graphml": lambda file, data, _: graphml.read(file, data),
    "gml": lambda file, data, _: gml.read(file, data),
    "pajek": lambda file, data, _: pajek.read(file, data),
    "market": lambda file, data, _: matrix_market.read(file, data),
    "npz": _npz,
}


def _form(path: Path, form: Form | None) -> Form:
    if form is not None:
        if form not in READERS:
            raise CounterpointError(f"networks are not read from {form!r}; {suggestion(form, READERS)}")
        return form
    name = Path(path.name.lower().removesuffix(".gz"))
    if name.suffix not in ENDINGS:
        raise CounterpointError(f"{path}: its ending says no format; {suggestion(name.suffix, ENDINGS)}")
    return ENDINGS[name.suffix]


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:  # a ValueError: a zero byte in the name
        raise CounterpointError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error


def _unpacked(path: Path, data: bytes) -> bytes:
    if not data.startswith(GZIP):
        return _some(path, data)
    try:
        return _some(path, gzip.decompress(data))
    except (OSError, EOFError, zlib.error) as error:
        raise CounterpointError(
            f"{path.name}: packed with gzip, and broken: {error}; a whole copy would be right"
        ) from error


def _some(path: Path, data: bytes) -> bytes:
    if not data.strip():
        raise CounterpointError(f"{path.name}: is empty; a network needs a node")
    return data

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
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from counterpoint.errors import CounterpointError
from counterpoint.networks.formats.edge_table import EdgeTable, ReadReport
from counterpoint.networks.formats.registry import EdgeListOptions, FormatName, format_of
from counterpoint.networks.graph import Network

GZIP: Final = b"\x1f\x8b"


class ReadNetwork(NamedTuple):
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
    format: FormatName | None = None,
) -> Network:
    """Read the network of a file.

    directed  : None: as the file says, and not directed if it does not say. If True, an edge that the file says has
                no direction is two arcs
    columns   : of an edge list: what its columns are, if no header says so (source, target, weight, since, until, _)
    delimiter : of an edge list: one character; None: told from its lines
    drop      : of an edge list: leave out the lines that are no edge, and count them, instead of refusing the file
    format    : None: what the name ends in

    Raises CounterpointError, with file and line, for whatever cannot be read; see `read_with_report` for what was read.
    """
    return read_with_report(
        path, directed=directed, columns=columns, delimiter=delimiter, drop=drop, format=format
    ).network


def read_with_report(
    path: Path | str,
    *,
    directed: bool | None = None,
    columns: Sequence[str] = (),
    delimiter: str | None = None,
    drop: bool = False,
    format: FormatName | None = None,
) -> ReadNetwork:
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
    file_format = format_of(path, format)
    edges = file_format.read(path.name, unpack(path, _bytes(path)), EdgeListOptions(tuple(columns), delimiter, drop))
    return build_network(path.name, edges, directed)


def build_network(file: str, edges: EdgeTable, directed: bool | None) -> ReadNetwork:
    """Make a network of the edges of a file, and count what became of them."""
    if not len(edges.names):
        raise CounterpointError(f"{file}: has no node; a network needs one")
    directed = bool(edges.directed) if directed is None else directed
    if directed and edges.directed is False:
        edges = _both_ways(edges, np.ones(len(edges.source), np.bool_))
    elif directed and edges.both is not None:
        edges = _both_ways(edges, edges.both)
    try:
        network = Network.of(edges.source, edges.target, nodes=edges.names, directed=directed, **edges.columns)
    except CounterpointError as error:
        raise CounterpointError(f"{file}: {error}") from error
    lost = network.dropped
    return ReadNetwork(network, replace(edges.report, edges=network.edges, loops=lost.loops, doubles=lost.doubles))


def _both_ways(edges: EdgeTable, both: NDArray[np.bool_]) -> EdgeTable:
    return replace(
        edges,
        source=np.concatenate([edges.source, edges.target[both]]),
        target=np.concatenate([edges.target, edges.source[both]]),
        report=replace(edges.report, records=edges.report.records + int(both.sum())),
        columns={name: np.concatenate([column, column[both]]) for name, column in edges.columns.items()},
    )


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:  # a ValueError: a zero byte in the name
        raise CounterpointError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error


def unpack(path: Path, data: bytes) -> bytes:
    """Return a file's bytes, unpacked if gzip packed them; raises CounterpointError if it is broken or empty."""
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

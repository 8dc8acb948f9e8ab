"""Every format of a network's file: its name, the endings it is known by, and the function that reads it.

A new format is one file in this folder, whose `read` takes the file's name and bytes and returns an `EdgeTable`, and
one row of `FORMATS`.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Literal, NamedTuple

from counterpoint.errors import CounterpointError, suggestion
from counterpoint.networks.formats import edge_list, gml, graphml, matrix, matrix_market, pajek, saved
from counterpoint.networks.formats.edge_table import EdgeTable

FormatName = Literal["edges", "graphml", "gml", "pajek", "market", "npz"]


class EdgeListOptions(NamedTuple):
    """What may be said of an edge list, which does not describe itself; other formats take no notice of it.

    columns   : what its columns are, if no header says so (source, target, weight, since, until, _)
    delimiter : one character; None: told from its lines
    drop      : leave out the lines that are no edge, and count them, instead of refusing the file
    """

    columns: tuple[str, ...] = ()
    delimiter: str | None = None
    drop: bool = False


class FileFormat(NamedTuple):
    """A format: the endings it is known by, and what reads the file of a name and its bytes."""

    endings: tuple[str, ...]
    read: Callable[[str, bytes, EdgeListOptions], EdgeTable]


def _edges(file: str, data: bytes, options: EdgeListOptions) -> EdgeTable:
    return edge_list.read(file, data, **options._asdict())


def _npz(file: str, data: bytes, _: EdgeListOptions) -> EdgeTable:
    return saved.read(file, data) if saved.is_ours(data) else matrix.read_npz(file, data)


FORMATS: Final[Mapping[FormatName, FileFormat]] = {
    "edges": FileFormat((".txt", ".csv", ".tsv", ".tab", ".dat", ".edges", ".edgelist"), _edges),
    "graphml": FileFormat((".graphml",), lambda file, data, _: graphml.read(file, data)),
    "gml": FileFormat((".gml",), lambda file, data, _: gml.read(file, data)),
    "pajek": FileFormat((".net",), lambda file, data, _: pajek.read(file, data)),
    "market": FileFormat((".mtx",), lambda file, data, _: matrix_market.read(file, data)),
    "npz": FileFormat((".npz",), _npz),
}
ENDINGS: Final[Mapping[str, FormatName]] = {
    ending: name for name, file_format in FORMATS.items() for ending in file_format.endings
}


def format_of(path: Path, wanted: FormatName | None = None) -> FileFormat:
    """Return the format that is wanted, or the one that a file's ending says, packed with gzip or not.

    >>> format_of(Path("friends.net.gz")).endings
    ('.net',)
    """
    if wanted is not None:
        if wanted not in FORMATS:
            raise CounterpointError(f"networks are not read from {wanted!r}; {suggestion(wanted, FORMATS)}")
        return FORMATS[wanted]
    name = Path(path.name.lower().removesuffix(".gz"))
    if name.suffix not in ENDINGS:
        raise CounterpointError(f"{path}: its ending says no format; {suggestion(name.suffix, ENDINGS)}")
    return FORMATS[ENDINGS[name.suffix]]

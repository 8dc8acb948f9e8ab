"""GraphML: nodes, edges and the keys of their data (Brandes, Eiglsperger, Herman, Himsolt and Marshall 2002).

A node is called by its datum `name`, or `label`, if every node has one and all differ, else by its id.
"""

from typing import Final
from xml.parsers import expat  # a document type, and so any entity, is refused before it is read

from counterpoint.errors import CounterpointError
from counterpoint.networks.formats.edge_table import COLUMN_OF_WORD, VALUE_COLUMNS, Edge, EdgeTable, build_edge_table

NAMES: Final = ("name", "label")


def read(file: str, data: bytes) -> EdgeTable:
    """Read the one graph of a GraphML file.

    Raises CounterpointError if it is no XML, has a document type, no graph or several, and for edges to nowhere.

    >>> graph = b'<graphml><graph edgedefault="directed"><node id="a"/><node id="b"/><edge source="b" target="a"/>'
    >>> read("a.graphml", graph + b"</graph></graphml>").names.to_list()
    ['a', 'b']
    """
    reader = _Reader(file)
    try:
        reader.parser.Parse(data, True)
    except expat.ExpatError as error:
        raise CounterpointError(f"{file}:{error.lineno}: no XML: {expat.ErrorString(error.code)}") from error
    except (LookupError, ValueError) as error:  # an encoding that nobody knows
        raise CounterpointError(f"{file}: no XML: {error}") from error
    if not reader.graphs:
        raise CounterpointError(f"{file}: has no <graph>; a GraphML file holds one")
    return build_edge_table(file, reader.ids, reader.labels(), reader.edges, directed=reader.directed)


class _Reader:
    """What was read so far; `parser` calls it for every tag."""

    def __init__(self, file: str) -> None:
        self.file, self.graphs, self.directed = file, 0, False
        self.ids: list[str] = []
        self.data: list[dict[str, str]] = []
        self.edges: list[Edge] = []
        self.keys: dict[tuple[str, str], str] = {}
        self.defaults: dict[str, str] = {}
        self.now: dict[str, str] | None = None  # the data of the node or edge that the parser is in
        self.key: tuple[str, str] | None = None
        self.text: list[str] = []
        self.kind = ""
        self.parser = expat.ParserCreate(namespace_separator="}")
        self.parser.StartElementHandler = self.opened
        self.parser.EndElementHandler = self.closed
        self.parser.CharacterDataHandler = self.text.append
        self.parser.StartDoctypeDeclHandler = self.doctype

    def doctype(self, *_: object) -> None:
        self.refuse("a document type is not read; without its <!DOCTYPE> line the file would be")

    def refuse(self, what: str) -> None:
        raise CounterpointError(f"{self.file}:{self.parser.CurrentLineNumber}: {what}")

    def opened(self, tag: str, attributes: dict[str, str]) -> None:
        self.text.clear()
        match tag.rpartition("}")[2]:
            case "graph":
                self.graph(attributes)
            case "node":
                self.kind, self.now = "node", {}
                self.ids.append(self.need("node", attributes, "id"))
                self.data.append(self.now)
            case "edge":
                self.kind, self.now = "edge", {}
                self.edge(attributes, self.now)
            case "key":
                self.declared(attributes)
            case "data":
                self.key = (self.kind, attributes.get("key", ""))
            case "hyperedge":
                self.refuse("a hyperedge joins more than two nodes; edges would be right")

    def closed(self, tag: str) -> None:
        match tag.rpartition("}")[2]:
            case "node" | "edge":
                self.now = None
            case "data":
                name = self.keys.get(self.key or ("", ""))
                if self.now is not None and name:
                    self.now[name] = "".join(self.text).strip()

    def graph(self, attributes: dict[str, str]) -> None:
        self.graphs += 1
        if self.graphs > 1:
            self.refuse("a second graph; one a file would be right")
        self.directed = attributes.get("edgedefault") == "directed"

    def edge(self, attributes: dict[str, str], values: dict[str, str]) -> None:
        one_way = {"true": True, "false": False}.get(attributes.get("directed", ""), self.directed)
        ends = [self.need("edge", attributes, end) for end in ("source", "target")]
        self.edges.append(Edge(self.parser.CurrentLineNumber, ends[0], ends[1], one_way, values))

    def need(self, tag: str, attributes: dict[str, str], name: str) -> str:
        if not attributes.get(name):
            self.refuse(f"<{tag}> has no {name}=; it needs one")
        return attributes[name]

    def declared(self, attributes: dict[str, str]) -> None:
        called = attributes.get("attr.name", attributes.get("id", "")).lower()
        for kind in ("node", "edge"):
            name = called if kind == "node" else COLUMN_OF_WORD.get(called, "")
            if attributes.get("for", "all") in (kind, "all") and (name in NAMES or name in VALUE_COLUMNS):
                self.keys[kind, attributes.get("id", "")] = name

    def labels(self) -> list[str | None]:
        for name in NAMES:
            if all(data.get(name) for data in self.data):
                return [data[name] for data in self.data]
        return []

"""Pajek: `*Vertices 2`, `1 "Ann"`, `*Arcs` or `*Edges` and their lines, `1 2 0.5` (Batagelj and Mrvar 1998).

Its nodes are 1, 2, ...; one is called by its label if every node has one and all differ, else by its number.
"""

import re
from typing import Final

from counterpoint.errors import CounterpointError, suggestion
from counterpoint.networks.formats.edge_table import Edge, EdgeTable, build_edge_table, check_count, lines_of, whole_of

FIELD: Final = re.compile(r'"([^"]*)"|([^\s"]+)')
SECTIONS: Final = ("*network", "*vertices", "*arcs", "*edges", "*arcslist", "*edgeslist")
AFTER: Final = ("*partition", "*vector", "*permutation", "*cluster")  # of a project file: what is said of the network


class _Reader:
    """What was read so far."""

    def __init__(self, file: str, size: int) -> None:
        self.file, self.size, self.section, self.line = file, size, "", 0
        self.nodes = -1
        self.labels: dict[int, str] = {}
        self.edges: list[Edge] = []

    def refuse(self, what: str) -> CounterpointError:
        return CounterpointError(f"{self.file}:{self.line}: {what}")

    def begin(self, text: str) -> None:
        words = text.split()
        self.section = words[0].lower()
        if self.section in AFTER:
            return
        if self.section not in SECTIONS:
            raise self.refuse(f"{words[0]!r} is not read; {suggestion(self.section, SECTIONS)}")
        if self.section == "*vertices":
            if self.nodes >= 0:
                raise self.refuse("a second *Vertices; one network a file would be right")
            count = whole_of(words[1]) if len(words) > 1 else None
            if count is None:
                raise self.refuse("*Vertices and how many there are would be right")
            check_count(self.file, count, self.size)
            self.nodes = count

    def record(self, text: str) -> None:
        fields = [quoted or bare for quoted, bare in FIELD.findall(text)]
        if self.section == "*vertices":
            self.labels[self.node(fields, 0)] = fields[1] if len(fields) > 1 else ""
        elif self.section in ("*arcs", "*edges"):
            self.edge(fields)
        elif self.section in ("*arcslist", "*edgeslist"):
            self.list(fields)
        elif self.section not in AFTER:
            raise self.refuse(f"{text[:40]!r} stands before any section; '*Vertices 2' would be one")

    def node(self, fields: list[str], place: int) -> int:
        number = whole_of(fields[place]) if place < len(fields) else None
        if number is None or not 1 <= number <= self.nodes:
            shown = fields[place] if place < len(fields) else "nothing"
            raise self.refuse(f"{shown!r} is no node; a number from 1 to {max(self.nodes, 0)} would be right")
        return number

    def edge(self, fields: list[str]) -> None:
        if any("[" in field for field in fields):
            raise self.refuse("times in [] are not read; an edge list with columns since and until would be right")
        ends = self.node(fields, 0), self.node(fields, 1)
        self.add(*ends, {"weight": fields[2]} if len(fields) > 2 else {})

    def list(self, fields: list[str]) -> None:
        for place in range(1, len(fields)):
            self.add(self.node(fields, 0), self.node(fields, place), {})

    def add(self, source: int, target: int, values: dict[str, str]) -> None:
        self.edges.append(Edge(self.line, str(source), str(target), self.section.startswith("*arcs"), values))


def read(file: str, data: bytes) -> EdgeTable:
    r"""Read the network of a Pajek file.

    Raises CounterpointError for a file without *Vertices, sections it does not know, numbers that are no node's, and
    times in brackets.

    >>> read("a.net", b'*Vertices 2\n1 "Ann"\n2 "Bob"\n*Edges\n1 2').names.to_list()
    ['Ann', 'Bob']
    """
    reader = _Reader(file, len(data))
    for reader.line, line in enumerate(lines_of(file, data), 1):
        text = line.strip()
        if text.startswith("*"):
            reader.begin(text)
        elif text and not text.startswith("%"):
            reader.record(text)
    if reader.nodes < 0:
        raise CounterpointError(f"{file}: has no *Vertices line; '*Vertices 2' would be one")
    numbers = range(1, reader.nodes + 1)
    labels = [reader.labels.get(each) for each in numbers]
    return build_edge_table(file, [str(each) for each in numbers], labels, reader.edges, directed=False)

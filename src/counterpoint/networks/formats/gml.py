r"""GML: `graph [ node [ id 1 label "Ann" ] edge [ source 1 target 2 ] ]` (Himsolt 1997).

A node is called by its label if every node has one and all differ, else by its id.
"""

import re
from collections.abc import Iterator
from html import unescape
from typing import Final, NamedTuple

from counterpoint.errors import CounterpointError
from counterpoint.networks.formats.edge_table import (
    COLUMN_OF_WORD,
    VALUE_COLUMNS,
    Edge,
    EdgeTable,
    build_edge_table,
    text_of,
)

TOKEN: Final = re.compile(r'\[|\]|"[^"]*"|[^\s\[\]"]+')
COMMENT: Final = re.compile(r"^[ \t]*#.*$", re.MULTILINE)


class Token(NamedTuple):
    """A word, a text in quotes, or a bracket, and its line."""

    text: str
    line: int


class Entry(NamedTuple):
    """A key and its value at a depth of brackets; at the end of a list, the key is "]"."""

    path: tuple[str, ...]
    key: str
    value: Token


def read(file: str, data: bytes) -> EdgeTable:
    """Read the one graph of a GML file.

    Raises CounterpointError for brackets that do not match, no graph or several, and edges to nowhere.

    >>> read("a.gml", b'graph [ node [ id 1 label "Ann" ] node [ id 2 label "Bob" ] ]').names.to_list()
    ['Ann', 'Bob']
    """
    directed, graphs = False, 0
    records: list[tuple[str, Token, dict[str, Token]]] = []
    for path, key, value in _entries(file, _tokens(file, text_of(file, data))):
        if key == "graph" and not path:
            graphs += 1
            if graphs > 1:
                raise CounterpointError(f"{file}:{value.line}: a second graph; one a file would be right")
        elif path == ("graph",) and key in ("node", "edge") and value.text == "[":
            records.append((key, value, {}))
        elif path == ("graph",) and key == "directed":
            directed = value.text == "1"
        elif path in (("graph", "node"), ("graph", "edge")) and value.text != "[":
            records[-1][2][key] = value
    if not graphs:
        raise CounterpointError(f"{file}: has no `graph [`; a GML file holds one")
    nodes = [
        (_need(file, start, "node", values, "id"), _text(values.get("label")))
        for kind, start, values in records
        if kind == "node"
    ]
    edges = [_edge(file, start, values, directed) for kind, start, values in records if kind == "edge"]
    return build_edge_table(file, [each for each, _ in nodes], [label for _, label in nodes], edges, directed=directed)


def _edge(file: str, start: Token, values: dict[str, Token], directed: bool) -> Edge:
    called = {COLUMN_OF_WORD.get(key.lower(), ""): _text(value) or "" for key, value in values.items()}
    ends = [_need(file, start, "edge", values, end) for end in ("source", "target")]
    return Edge(
        start.line, ends[0], ends[1], directed, {name: called[name] for name in VALUE_COLUMNS if name in called}
    )


def _need(file: str, start: Token, kind: str, values: dict[str, Token], key: str) -> str:
    if not (text := _text(values.get(key))):
        raise CounterpointError(f"{file}:{start.line}: {kind} [ ... ] has no {key}; it needs one")
    return text


def _text(token: Token | None) -> str | None:
    return None if token is None else unescape(token.text[1:-1]) if token.text.startswith('"') else token.text


def _tokens(file: str, text: str) -> Iterator[Token]:
    text = COMMENT.sub("", text)
    line, end = 1, 0
    for match in TOKEN.finditer(text):
        between = text[end : match.start()]
        if '"' in between:
            break
        line += between.count("\n")
        yield Token(match[0], line)
        line += match[0].count("\n")
        end = match.end()
    if '"' in text[end:]:
        raise CounterpointError(f"{file}:{line}: a quote is left open")


def _entries(file: str, tokens: Iterator[Token]) -> Iterator[Entry]:
    """Yield every key with its value; the value of a list is its bracket, and what is in it follows."""
    path: list[str] = []
    opened: list[int] = []
    for token in tokens:
        if token.text == "]":
            if not path:
                raise CounterpointError(f"{file}:{token.line}: a ] that closes nothing")
            path.pop()
            opened.pop()
            continue
        value = next(tokens, Token("]", token.line))
        if token.text == "[" or token.text.startswith('"') or value.text == "]":
            raise CounterpointError(f"{file}:{token.line}: {token.text!r} stands where a key and its value belong")
        yield Entry(tuple(path[:3]), token.text, value)
        if value.text == "[":
            path.append(token.text)
            opened.append(token.line)
    if path:
        raise CounterpointError(f"{file}:{opened[-1]}: the list {path[-1]!r} is not closed; a ] is missing")

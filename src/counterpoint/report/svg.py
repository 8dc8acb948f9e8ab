"""From a matplotlib figure to SVG that lives inside a page: its ink, its fonts, no outside address, no clashing id."""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from io import BytesIO
from typing import Any
from unicodedata import east_asian_width
from xml.etree import ElementTree as ET

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.figure import Figure

INK = "#010203"
"""A line or a word drawn in this colour takes the text colour of the page, light or dark."""

ENLARGED = 4 / 3
"""A page counts in pixels where matplotlib counts in points of print: 9 points of text are read as 12 pixels."""

SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",  # Text stays text: it can be searched, read aloud, and shown in the reader's own fonts.
    "svg.hashsalt": "counterpoint",  # Ids are the same each time.
    "text.parse_math": False,  # A song may be called $9.99$.
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": INK,
    "grid.alpha": 0.15,
    "font.size": 9.0,
    "font.family": "DejaVu Sans",  # Comes with matplotlib: what is measured does not depend on the machine.
}

# Anything but the characters of XML 1.0 would make the drawing unreadable.
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
FONT_FAMILY = re.compile(r"font-family: [^;]*(; )?")
POINTER = re.compile(r"#(\w+)")
DECIMALS = re.compile(r"\d+\.\d{3,}")
"""Matplotlib writes a millionth of a point; nobody sees a hundredth."""


@contextmanager
def drawing() -> Iterator[None]:
    """Draw inside this: our settings hold, the caller's come back afterwards.

    >>> before = mpl.rcParams["text.parse_math"]
    >>> with drawing():
    ...     mpl.rcParams["text.parse_math"]
    False
    >>> mpl.rcParams["text.parse_math"] == before
    True
    """
    with mpl.rc_context(SETTINGS), warnings.catch_warnings():
        # Matplotlib only measures the text; the page shows it in fonts that do have the glyphs.
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from font")
        yield


def label(text: str, columns: int = 40) -> str:
    """Return `text` on one line, readable in XML, cut to `columns`; a Chinese character takes two.

    >>> label("Dawn of the  longest day", 12), label("晴天在故事的小黄花", 8)
    ('Dawn of the…', '晴天在…')
    """
    line = " ".join(NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text).split())
    if width(line) <= columns:
        return line
    while width(line) > columns - 1:
        line = line[:-1]
    return f"{line.rstrip()}…"


def width(text: str) -> int:
    """Return how many columns `text` takes, a wide (East Asian) character taking two.

    >>> width("Dawn"), width("晴天")
    (4, 4)
    """
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)


def inline(figure: Figure, title: str) -> Markup:
    """Return `figure` as an SVG element for an HTML page, announced as an image called `title`.

    The same figure gives the same text. It holds no address at all: an `svg` inside HTML needs no namespace.
    Ids carry a digest of the whole drawing, so that two figures on a page never point into each other.

    >>> with drawing():
    ...     print(inline(Figure(figsize=(1, 1)), "Nothing & nobody")[:80])
    <svg viewBox="0 0 72 72" width="96" role="img" aria-label="Nothing &amp; nobody"
    """
    written = BytesIO()
    figure.savefig(written, format="svg", transparent=True, metadata={"Date": None})
    drawn = ET.fromstring(written.getvalue())  # noqa: S314 (matplotlib wrote it a line ago)
    root = ET.Element("svg", _about(drawn, title))
    root.extend(part for part in drawn if not part.tag.endswith("metadata") and not _holds_style(part))
    for element in root.iter():
        _settle(element)
    _rename(root, sha256(ET.tostring(root)).hexdigest()[:8])
    return Markup(ET.tostring(root, encoding="unicode"))  # noqa: S704 (serialised from a tree: every text is escaped)


def standalone(drawing: Markup) -> str:
    """Return a drawing as a file of its own, on white; in a page it takes the page's colours.

    >>> standalone(Markup('<svg role="img"></svg>'))[:55]
    '<svg xmlns="http://www.w3.org/2000/svg" style="backgrou'
    """
    alone = '<svg xmlns="http://www.w3.org/2000/svg" style="background: #fff; color: #222; font-family: sans-serif" '
    return str(drawing).replace("<svg ", alone, 1)


def _about(drawn: ET.Element, title: str) -> dict[str, str]:
    viewbox = drawn.attrib["viewBox"]
    return {
        "viewBox": viewbox,
        "width": f"{float(viewbox.split()[2]) * ENLARGED:.0f}",
        "role": "img",
        "aria-label": label(title, 400),
        # In place of matplotlib's style sheet, which would reach the whole page.
        "stroke-linejoin": "round",
        "stroke-linecap": "butt",
    }


def _holds_style(part: ET.Element) -> bool:
    return any(child.tag.endswith("style") for child in part)


def _settle(element: ET.Element) -> None:
    """Drop namespaces, fonts and white space; give the page's text colour to what is drawn in ink."""
    element.tag = element.tag.rpartition("}")[2]
    attributes = {name.rpartition("}")[2]: value for name, value in element.attrib.items()}
    if style := attributes.get("style"):
        attributes["style"] = FONT_FAMILY.sub("", style).replace(INK, "currentColor")
    if path := attributes.get("d"):
        attributes["d"] = DECIMALS.sub(lambda number: f"{float(number[0]):.2f}", " ".join(path.split()))
    element.attrib = attributes
    element.tail = None
    if element.tag != "text":
        element.text = None


def _rename(root: ET.Element, digest: str) -> None:
    """Keep only the ids that something points to, and put `digest` before them."""
    used: set[str] = set()
    for element in root.iter():
        for name in ("href", "clip-path"):
            if pointer := element.get(name):
                used.update(POINTER.findall(pointer))
                element.set(name, POINTER.sub(rf"#c{digest}-\1", pointer))
    for element in root.iter():
        if (old := element.attrib.pop("id", None)) in used:
            element.set("id", f"c{digest}-{old}")

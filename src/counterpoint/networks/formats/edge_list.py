r"""Edge lists: a line is an edge, a comment, blank or the header; each is counted once.

The delimiter is what cuts most of the first lines: a tab, a comma, a semicolon, a bar, or spaces and tabs. A header is
a first line that names a source and a target, or that has texts where all the others have whole numbers. Without one,
two columns are the ends of an edge, and a third is its weight.

>>> edges = read("friends.csv", b"# who knows whom\nsource,target,weight\nann,bob,2\nbob,cem,1\n")
>>> edges.names.to_list(), edges.columns["weight"].tolist(), edges.report
(['ann', 'bob', 'cem'], [2.0, 1.0], ReadReport(records=4, edges=0, loops=0, doubles=0, comments=1, blank=0, header=1,
refused=0))
"""

import csv
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

import numpy as np
import polars as pl
from numpy.typing import NDArray

from counterpoint.errors import CounterpointError, suggestion
from counterpoint.networks.formats.edge_table import (
    COLUMN_OF_WORD,
    VALUE_COLUMNS,
    VALUE_IF_MISSING,
    EdgeTable,
    ReadReport,
    as_whole,
    lines_of,
    numbered,
)

NO_EDGE: Final = r"^[ \t\r]*(?:[#%]|//|$)"
BLANK: Final = r"^[ \t\r]*$"
SAMPLE: Final = 200  # lines that the delimiter and the number of columns are told from
DELIMITERS: Final = ("\t", ",", ";", "|", " ")
LEAVE_OUT: Final = "_"
PLAIN: Final = ((pl.Int64, r"(?:0|-?[1-9][0-9]{0,17})"), (pl.String, r'[^"\sMARK]+'))  # ends of edges, as most are
SHOWN: Final = 40  # characters of a line that a refusal shows
WRONG: Final[Mapping[int, str]] = {
    1: "{fields} columns where {wanted} belong",
    2: "a node without a name",
    3: "a weight that is no number above 0",
    4: "a time that is no number",
    5: "an edge must end after it begins",
}


@dataclass(frozen=True)
class Layout:
    """How a line is cut.

    delimiter : one character; " " stands for any run of spaces and tabs
    columns   : the name of each: source, target, weight, since, until; "_" is left out
    header    : whether the first line that could be an edge names the columns
    """

    delimiter: str
    columns: tuple[str, ...]
    header: bool


def read(
    file: str, data: bytes, *, columns: Sequence[str] = (), delimiter: str | None = None, drop: bool = False
) -> EdgeTable:
    """Read the edges of a text.

    columns   : what the columns are, if no header says so: source, target, weight, since, until, "_" for any other
    delimiter : one character; None: told from the lines
    drop      : leave out the lines that are no edge, and count them, instead of refusing the file

    Raises CounterpointError for the first line that is wrong, and a text without an edge.
    """
    lines = lines_of(file, data)
    aside = lines.str.contains(NO_EDGE)
    blank = int(lines.filter(aside).str.contains(BLANK).sum())
    numbers = np.flatnonzero(~aside.to_numpy()) + 1
    edges = lines.filter(~aside) if aside.any() else lines
    layout = _layout(file, edges, columns, delimiter)
    if layout.header:
        edges, numbers = edges.slice(1), numbers[1:]
    cut = _cut(edges, layout)
    wrong = _wrong(cut)
    if wrong.any() and not drop:
        _refuse(file, edges, numbers, wrong, layout)
    good = cut.filter(pl.Series(wrong == 0)) if wrong.any() else cut
    if not good.height:
        raise CounterpointError(f"{file}: holds no edge; a line such as 'ann bob' would be one")
    report = ReadReport(
        len(lines),
        comments=int(aside.sum()) - blank,
        blank=blank,
        header=int(layout.header),
        refused=int(wrong.astype(bool).sum()),
    )
    names, source, target = numbered(*as_whole(good["source"], good["target"]))
    values: dict[str, NDArray[np.float64]] = {
        name: good[name].to_numpy() for name in VALUE_COLUMNS if name in good.columns
    }
    return EdgeTable(names, source, target, report, columns=values)


def _layout(file: str, edges: pl.Series, columns: Sequence[str], delimiter: str | None) -> Layout:
    sample = edges.head(SAMPLE).to_list()
    if not sample:
        raise CounterpointError(f"{file}: holds no edge; a line such as 'ann bob' would be one")
    mark = _delimiter(sample) if delimiter is None else delimiter
    if len(mark) != 1 or mark in '"\n\r':
        raise CounterpointError(f"a delimiter is one character, got {mark!r}")
    rows = [_fields(line, mark) for line in sample]
    width = Counter(map(len, rows)).most_common(1)[0][0]
    if width < 2:
        raise CounterpointError(
            f"{file}: its lines have one column; two names, of a source and a target, would be right"
        )
    header = _is_header(rows[0], rows[1:], width)
    if columns:
        return Layout(mark, _checked(columns, width, file), header)
    return Layout(mark, _named(file, rows, width, header), header)


def _delimiter(sample: list[str]) -> str:
    def cut(mark: str) -> int:
        return sum(sum(map(bool, _fields(line, mark))) > 1 for line in sample)

    return max(*DELIMITERS, key=cut)  # the first of those that cut most


def _is_header(top: list[str], others: list[list[str]], width: int) -> bool:
    called = {COLUMN_OF_WORD.get(each.lower()) for each in top}
    if {"source", "target"} <= called:
        return True
    rows = [row for row in others if len(row) == width]
    ends = [end for row in rows for end in row[:2]]
    return bool(ends) and len(top) == width and all(map(_whole, ends)) and not any(map(_whole, top[:2]))


def _whole(text: str) -> bool:
    return re.fullmatch(r"-?[0-9]+", text) is not None


def _named(file: str, rows: list[list[str]], width: int, header: bool) -> tuple[str, ...]:
    if header:
        called = [COLUMN_OF_WORD.get(each.lower(), LEAVE_OUT) for each in rows[0]]
        if not {"source", "target"} <= set(called):
            called[:2] = ["source", "target"]
        return _checked(called, width, file)
    if width == 3 and 2 * sum(row[2:] == ["{}"] for row in rows) > len(rows):
        return ("source", "target", LEAVE_OUT)  # networkx writes the attributes of an edge without any so
    if width > 3:
        raise CounterpointError(
            f"{file}: {width} columns and no header; one that names source, target, weight, since, until would be right"
        )
    return ("source", "target", "weight")[:width]


def _checked(columns: Sequence[str], width: int, file: str) -> tuple[str, ...]:
    known = ("source", "target", *VALUE_COLUMNS)
    for name in columns:
        if name not in (*known, LEAVE_OUT):
            raise CounterpointError(f"{name!r} is no column of a network; {suggestion(name, known)}")
        if name != LEAVE_OUT and list(columns).count(name) > 1:
            raise CounterpointError(f"{file}: two columns are the {name}; one would be right")
    if not {"source", "target"} <= set(columns):
        raise CounterpointError("the columns of a network must hold its source and its target")
    if len(columns) != width:
        raise CounterpointError(f"{file}: has {width} columns, and {len(columns)} are named")
    return tuple(columns)


def _fields(line: str, delimiter: str) -> list[str]:
    """Cut one line of the sample: what the layout is told from."""
    try:
        row = next(csv.reader([line.strip().replace("\t", " ") if delimiter == " " else line], **_dialect(delimiter)))
    except csv.Error:
        return [line]
    return [each.strip() for each in row]


def _dialect(delimiter: str) -> dict[str, Any]:
    return {"delimiter": delimiter, "skipinitialspace": True}


def _cut(edges: pl.Series, layout: Layout) -> pl.DataFrame:
    """Cut lines into source, target, values (null where a value is none), and whether the line has its columns."""
    for kind, end in PLAIN:
        if edges.str.contains(_plain(layout, end)).all():
            return _cut_plain(edges, layout, kind)
    fields = edges.str.extract_groups(_pattern(layout.delimiter, len(layout.columns))).struct
    texts = {name: fields.field(str(place)) for place, name in enumerate(layout.columns, 1) if name != LEAVE_OUT}
    unquoted = {name: _unquoted(text).alias(name) for name, text in texts.items()}
    values = {name: _number(text, name) for name, text in unquoted.items() if name in VALUE_COLUMNS}
    return pl.DataFrame({**unquoted, **values, "fits": texts["source"].is_not_null()})


def _plain(layout: Layout, end: str) -> str:
    """Return the pattern of lines that need no second look: such ends, and simple values."""
    mark = re.escape(layout.delimiter)
    kinds = {"source": end.replace("MARK", mark), "target": end.replace("MARK", mark), LEAVE_OUT: "$.^"}
    fields = [kinds.get(name, r"[0-9]{1,15}(?:\.[0-9]{1,15})?") for name in layout.columns]
    return f"^{mark.join(fields)}$"


def _cut_plain(edges: pl.Series, layout: Layout, kind: type[pl.DataType]) -> pl.DataFrame:
    schema = {name: pl.Float64 if name in VALUE_COLUMNS else kind for name in layout.columns}
    text = edges.str.join("\n").item().encode()
    frame = pl.read_csv(text, has_header=False, schema=schema, separator=layout.delimiter, quote_char=None)
    return frame.with_columns(fits=True)


def _pattern(delimiter: str, width: int) -> str:
    """Return the pattern of a line of so many fields; a field in quotes may hold delimiters, and quotes doubled."""
    quoted = r'"(?:[^"]|"")*"'
    if delimiter == " ":
        pad, between, bare = r"[ \t]*", r"[ \t]+", r'[^" \t\r][^ \t\r]*'
    else:
        mark = re.escape(delimiter)
        pad = " *" if delimiter == "\t" else r"[ \t]*"
        between, bare = pad + mark + pad, rf'(?:[^"{mark}\s](?:[^{mark}]*[^{mark}\s])?)?'
    return rf"^{pad}{between.join([f'({quoted}|{bare})'] * width)}{pad}\r?$"


def _unquoted(text: pl.Series) -> pl.Series:
    quoted = text.str.starts_with('"').fill_null(value=False)
    if not quoted.any():
        return text
    inside = text.str.strip_prefix('"').str.strip_suffix('"').str.replace_all('""', '"', literal=True)
    return inside.zip_with(quoted, text)


def _number(text: pl.Series, name: str) -> pl.Series:
    """Return the numbers; a time that is left empty is open, whatever is no number is null."""
    number = text.cast(pl.Float64, strict=False).fill_nan(None)
    if name == "weight":
        return number
    return number.zip_with(text != "", pl.Series([VALUE_IF_MISSING[name]]).new_from_index(0, len(text)))


def _wrong(cut: pl.DataFrame) -> NDArray[np.int8]:
    """Return what is wrong with each line, a key of WRONG; 0 of those that are right."""
    texts = [name for name in ("source", "target") if cut[name].dtype == pl.String]
    times = [name for name in ("since", "until") if name in cut.columns]
    none = pl.lit(value=False)
    weight = ~(pl.col("weight").is_between(0, np.inf, closed="none")) if "weight" in cut.columns else none
    faults = {
        1: ~pl.col("fits"),
        2: pl.any_horizontal(none, *(pl.col(name) == "" for name in texts)),
        3: weight.fill_null(value=True),
        4: pl.any_horizontal(none, *(pl.col(name).is_null() for name in times)),
        5: pl.col("until") <= pl.col("since") if len(times) == 2 else none,
    }
    codes = pl.coalesce(*(pl.when(fault).then(code) for code, fault in faults.items()), 0)
    return cut.select(codes.cast(pl.Int8)).to_series().to_numpy()


def _refuse(
    file: str, edges: pl.Series, numbers: NDArray[np.int64], wrong: NDArray[np.int8], layout: Layout
) -> NoReturn:
    first_wrong = int(np.flatnonzero(wrong)[0])
    line = edges[first_wrong]
    fields, wanted = len(_fields(line, layout.delimiter)), len(layout.columns)
    what = WRONG[int(wrong[first_wrong])].format(fields=fields, wanted=wanted)
    shown = line if len(line) <= SHOWN else line[:SHOWN] + "..."
    raise CounterpointError(f"{file}:{numbers[first_wrong]}: {what}: {shown!r}; {_remedy(layout)}")


def _remedy(layout: Layout) -> str:
    between = {"\t": " <tab> ", " ": " "}.get(layout.delimiter, layout.delimiter)
    return f"a line of {between.join(layout.columns)} would be right"

r"""A physical line has one fate: accepted, repaired, or rejected; nothing is lost on the way from bytes to fields.

A line is accepted when it has its fields. Three repairs are known, each named in the ledger:

- "empty first field": one field too many, and the first is empty: it is dropped;
- "trailing empty fields": fields too many, and those beyond the last are all empty: they are dropped;
- "split by a newline": two lines, neither with its fields, are one record that a newline within a text cut in two. Both
  lines count as repaired. Joined only if every number of the record is then a number.

Everything else is rejected and keeps its reason and its bytes. Lines that have their fields are never touched by a
repair, so what is broken elsewhere cannot change them.

>>> from io import BytesIO
>>> from counterpoint.events.formats import load_format
>>> downloads = load_format("music-box").of("20170330_1_down.log")
>>> log = BytesIO(b"7\tar\t11\tLong\nSong\tSomeone\t0\n\n\t8\tip\t12\tName\tSinger\t0\n")
>>> [batch] = read_lines(log, downloads, file="20170330_1_down.log")
>>> batch.fields["song_name"].to_list(), batch.repairs()
([b'Long\nSong', b'Name'], {'split by a newline': 2, 'empty first field': 1})
>>> batch.rejected
[Rejected(line=3, reason='empty', text=b'')]
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import IO, Final, Protocol

import numpy as np
import polars as pl

from counterpoint.errors import CounterpointError, suggestion
from counterpoint.events import delimited_lines
from counterpoint.events.formats import FileFormat
from counterpoint.events.record_batch import Lines, RecordBatch, Rejected
from counterpoint.storage import parquet

BLOCK: Final = 8 << 20  # bytes read at a time
LONGEST_LINE: Final = 64 << 20


class Readable(Protocol):
    """Whatever bytes can be read from."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes; b"" at the end."""


def read_lines(stream: Readable, kind: FileFormat, *, file: str, block: int = BLOCK) -> Iterator[RecordBatch]:
    """Read a text log in blocks; what is found does not depend on where a block ends.

    Raises
    ------
    CounterpointError
        If a line is longer than 64 MiB, or a header lacks a field that the format needs.
    """
    carry, number, final = b"", 1, False
    header: list[Rejected] = []
    while not final:
        fresh = stream.read(block)
        final = not fresh
        data = carry + fresh
        cut = len(data) if final else data.rfind(b"\n") + 1
        if len(data) - cut > LONGEST_LINE:
            number += data.count(b"\n", 0, cut)
            raise CounterpointError(f"{file}: line {number} is longer than 64 MiB: this is no text log")
        lines = _physical(data[:cut], number)
        if number == 1 and len(lines):
            kind, lines, header = _header(lines, kind, file)
        batch = _split(lines, kind, final=final)
        if batch.count or header:
            yield replace(batch, count=batch.count + len(header), rejected=header + batch.rejected)
        header = []
        number = lines.number + batch.count
        held_back = batch.count < len(lines)  # the last line, as it was read: its end is looked at again
        carry = data[data.rfind(b"\n", 0, cut - 1) + 1 :] if held_back else data[cut:]


def read_parquet_rows(stream: IO[bytes], kind: FileFormat, *, file: str) -> Iterator[RecordBatch]:
    """Read a Parquet log: each row is a line and has its fields."""
    needed = kind.needed
    number = 1
    for frame in parquet.batches(stream, file):
        if missing := [field for field in needed if field not in frame.columns]:
            raise CounterpointError(f"{file}: no column {missing[0]!r}; {suggestion(missing[0], frame.columns)}")
        if nested := [field for field in needed if frame[field].dtype.is_nested()]:
            dtype = frame[nested[0]].dtype
            raise CounterpointError(f"{file}: column {nested[0]!r} holds {dtype}; one value a row is needed")
        fields = frame.select(_row_text(frame[field]) for field in needed)
        line = np.arange(number, number + frame.height, dtype=np.int64)
        yield RecordBatch(_Rows(fields, number), frame.height, fields, line, np.zeros(frame.height, np.int8), [])
        number += frame.height


@dataclass(frozen=True)
class _Rows:
    """Rows of a table, shown as lines."""

    fields: pl.DataFrame
    number: int

    def text(self, line: int) -> bytes:
        row = self.fields.row(line - self.number, named=True)
        texts = {name: _json_value(value) for name, value in row.items()}
        return json.dumps(texts, ensure_ascii=False).encode()


def _json_value(value: bytes | str | None) -> str | None:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value


def _row_text(column: pl.Series) -> pl.Series:
    """Return a typed column as a log would have written it; a whole number kept as a float is one again."""
    if column.dtype == pl.Datetime:
        return column.dt.to_string("%Y-%m-%dT%H:%M:%S%.3f")
    if column.dtype == pl.Binary:
        return column
    if column.dtype.is_float():
        whole = column.cast(pl.Int64, strict=False)
        return column.cast(pl.String).zip_with((whole != column).fill_null(value=True), whole.cast(pl.String))
    return column.cast(pl.String)


def _physical(data: bytes, number: int) -> Lines:
    r"""Cut at every newline; bytes after the last one are a line too. A "\r" before a newline belongs to the end."""
    if b"\r\n" in data:
        data = data.replace(b"\r\n", b"\n")
    if number == 1:
        data = data.removeprefix(delimited_lines.BOM)  # a byte order mark says how the file is encoded; it is no data
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n"))
    if data and not data.endswith(b"\n"):
        ends = np.append(ends, len(data))
    starts = np.concatenate([np.zeros(1, np.int64), ends[:-1] + 1]) if len(ends) else ends
    return Lines(data, number, starts, ends)


def _after_first(lines: Lines) -> Lines:
    start = lines.ends[0] + 1
    return Lines(lines.data[start:], lines.number + 1, lines.starts[1:] - start, lines.ends[1:] - start)


def _header(lines: Lines, kind: FileFormat, file: str) -> tuple[FileFormat, Lines, list[Rejected]]:
    """Take a first line that names the fields for what it is: rejected as a header, its names used if asked to."""
    text = lines.text(1)
    if kind.layout == "fixed" and kind.header:
        return kind, _after_first(lines), [Rejected(1, "header", text)]
    if kind.layout != "delimited":
        return kind, lines, []
    names = tuple(field.decode("utf-8", "replace") for field in delimited_lines.cut(text, kind) or ())
    if kind.header and not kind.fields:
        if missing := [field for field in kind.needed if field not in names]:
            raise CounterpointError(f"{file}: its header has no field {missing[0]!r}; {suggestion(missing[0], names)}")
        if twice := [field for field in kind.needed if names.count(field) > 1]:
            raise CounterpointError(f"{file}: its header has the field {twice[0]!r} twice: give one another name")
        kind = replace(kind, fields=names)
    if names != kind.fields:
        return kind, lines, []
    return kind, _after_first(lines), [Rejected(1, "header", text)]


def _split(lines: Lines, kind: FileFormat, *, final: bool) -> RecordBatch:
    if kind.layout == "delimited":
        return delimited_lines.split(lines, kind, final=final)
    cut_line = {"fixed": _cut_fixed, "json": _cut_json}[kind.layout]
    accepted, rows, rejected = [], [], []
    for line in range(lines.number, lines.number + len(lines)):
        text = lines.text(line)
        fields = cut_line(text, kind)
        if isinstance(fields, str):
            rejected.append(Rejected(line, fields, text))
        else:
            accepted.append(line)
            rows.append(fields)
    columns = pl.DataFrame(
        rows, schema=dict.fromkeys(kind.fields if kind.slices else kind.needed, pl.Binary), orient="row"
    )
    return RecordBatch(
        lines, len(lines), columns, np.array(accepted, np.int64), np.zeros(len(accepted), np.int8), rejected
    )


def _cut_fixed(text: bytes, kind: FileFormat) -> list[bytes | None] | str:
    if not text.strip():
        return "empty"
    last = max(kind.slices, key=lambda piece: piece.last)
    if len(text.rstrip()) < last.first:
        return f"shorter than {last.first} columns"
    if len(text.rstrip()) > last.last:
        return f"longer than {last.last} columns"
    return [text[piece.first - 1 : piece.last].strip() for piece in kind.slices]


def _cut_json(text: bytes, kind: FileFormat) -> list[bytes | None] | str:
    if not text.strip():
        return "empty"
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return "not JSON"
    if not isinstance(record, dict):
        return "not a JSON object"
    return [_json_text(record.get(name)) for name in kind.needed]


def _json_text(value: object) -> bytes | None:
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace")

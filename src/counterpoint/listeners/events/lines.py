r"""A physical line has one fate: accepted, repaired, or rejected; nothing is lost on the way from bytes to fields.

A line is accepted when it has its fields. Three repairs are known, each named in the ledger:

- "empty first field": one field too many, and the first is empty: it is dropped;
- "trailing empty fields": fields too many, and those beyond the last are all empty: they are dropped;
- "split by a newline": two lines, neither with its fields, are one record that a newline within a text cut in two. Both
  lines count as repaired. Joined only if every number of the record is then a number.

Everything else is rejected and keeps its reason and its bytes. Lines that have their fields are never touched by a
repair, so what is broken elsewhere cannot change them.

>>> from io import BytesIO
>>> from counterpoint.listeners.events.formats import load
>>> downloads = load("music-box").of("20170330_1_down.log")
>>> log = BytesIO(b"7\tar\t11\tLong\nSong\tSomeone\t0\n\n\t8\tip\t12\tName\tSinger\t0\n")
>>> [batch] = read(log, downloads, file="20170330_1_down.log")
>>> batch.fields["song_name"].to_list(), batch.repairs()
([b'Long\nSong', b'Name'], {'split by a newline': 2, 'empty first field': 1})
>>> batch.rejected
[Rejected(line=3, reason='empty', text=b'')]
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import IO, Final, Protocol

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from counterpoint.errors import CounterpointError, nearest
from counterpoint.listeners.events.formats import FileFormat
from counterpoint.tables import parquet

BLOCK: Final = 16 << 20  # bytes read at a time
LONGEST_LINE: Final = 64 << 20
NUMBER: Final = re.compile(rb"-?[0-9]+(\.[0-9]+)?")
AS_IT_IS, EMPTY_FIRST, TRAILING_EMPTY, SPLIT = range(4)
REPAIRS: Final = {
    EMPTY_FIRST: "empty first field",
    TRAILING_EMPTY: "trailing empty fields",
    SPLIT: "split by a newline",
}


@dataclass(frozen=True)
class Rejected:
    """A line that is no record: its number from 1, why, and its bytes without the line's end."""

    line: int
    reason: str
    text: bytes


class HasText(Protocol):
    """Whatever can show a line again."""

    def text(self, line: int) -> bytes:
        """Return the bytes of the line of this number."""


class Readable(Protocol):
    """Whatever bytes can be read from."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes; b"" at the end."""


@dataclass(frozen=True)
class Lines:
    """Physical lines of a file: their bytes, where each starts and ends (its newline left out), the first's number."""

    data: bytes
    number: int
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts)

    def text(self, line: int) -> bytes:
        """Return the bytes of the line of this number."""
        at = line - self.number
        return self.data[self.starts[at] : self.ends[at]]


@dataclass(frozen=True)
class Batch:
    """Records in the order of their lines, and what became of every line.

    lines  : where the text of a line is found
    count  : how many physical lines it accounts for
    fields : one column of bytes a field, one row a record
    line   : int64[records], the number of a record's first line
    repair : int8[records], AS_IT_IS or a key of REPAIRS
    """

    lines: HasText
    count: int
    fields: pl.DataFrame
    line: NDArray[np.int64]
    repair: NDArray[np.int8]
    rejected: list[Rejected]

    def repairs(self) -> dict[str, int]:
        """Count the repaired lines by repair; a record that a newline split has two."""
        return {
            name: int((self.repair == code).sum()) * (2 if code == SPLIT else 1)
            for code, name in sorted(REPAIRS.items(), reverse=True)
            if (self.repair == code).any()
        }

    def without(self, records: NDArray[np.bool_], reason: Callable[[int], str]) -> "Batch":
        """Reject the marked records for what they say: their lines leave with `reason(record)`."""
        out = [
            Rejected(line, reason(int(record)), self.lines.text(line))
            for record in np.flatnonzero(records)
            for line in self.lines_of(int(record))
        ]
        keep = ~records
        return replace(
            self,
            fields=self.fields.filter(pl.Series(keep)),
            line=self.line[keep],
            repair=self.repair[keep],
            rejected=sorted(self.rejected + out, key=lambda rejected: rejected.line),
        )

    def lines_of(self, record: int) -> range:
        """Return the numbers of a record's lines."""
        first = int(self.line[record])
        return range(first, first + (2 if self.repair[record] == SPLIT else 1))


def read(stream: Readable, kind: FileFormat, *, file: str, block: int = BLOCK) -> Iterator[Batch]:
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
        held = batch.count < len(lines)  # the last line, as it was read: its end is looked at again
        carry = data[data.rfind(b"\n", 0, cut - 1) + 1 :] if held else data[cut:]


def read_rows(stream: IO[bytes], kind: FileFormat, *, file: str) -> Iterator[Batch]:
    """Read a Parquet log: each row is a line and has its fields."""
    needed = kind.needed
    number = 1
    for frame in parquet.batches(stream, file):
        if missing := [field for field in needed if field not in frame.columns]:
            raise CounterpointError(f"{file}: no column {missing[0]!r}; {nearest(missing[0], frame.columns)}")
        if nested := [field for field in needed if frame[field].dtype.is_nested()]:
            found = frame[nested[0]].dtype
            raise CounterpointError(f"{file}: column {nested[0]!r} holds {found}; one value a row is needed")
        fields = frame.select(_row_text(frame[field]) for field in needed)
        line = np.arange(number, number + frame.height, dtype=np.int64)
        yield Batch(_Rows(fields, number), frame.height, fields, line, np.zeros(frame.height, np.int8), [])
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
    data = data.replace(b"\r\n", b"\n")
    if number == 1:
        data = data.removeprefix(b"\xef\xbb\xbf")  # a byte order mark says how the file is encoded; it is no data
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n"))
    if data and not data.endswith(b"\n"):
        ends = np.append(ends, len(data))
    starts = np.concatenate([[0], ends[:-1] + 1]) if len(ends) else ends
    return Lines(data, number, starts.astype(np.int64), ends.astype(np.int64))


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
    names = tuple(field.decode("utf-8", "replace") for field in _cut(text, kind) or ())
    if kind.header and not kind.fields:
        if missing := [field for field in kind.needed if field not in names]:
            raise CounterpointError(f"{file}: its header has no field {missing[0]!r}; {nearest(missing[0], names)}")
        if twice := [field for field in kind.needed if names.count(field) > 1]:
            raise CounterpointError(f"{file}: its header has the field {twice[0]!r} twice: give one another name")
        kind = replace(kind, fields=names)
    if names != kind.fields:
        return kind, lines, []
    return kind, _after_first(lines), [Rejected(1, "header", text)]


def _split(lines: Lines, kind: FileFormat, *, final: bool) -> Batch:
    if kind.layout == "delimited":
        return _split_delimited(lines, kind, final=final)
    one = {"fixed": _cut_fixed, "json": _cut_json}[kind.layout]
    good, rows, rejected = [], [], []
    for at in range(lines.number, lines.number + len(lines)):
        text = lines.text(at)
        found = one(text, kind)
        if isinstance(found, str):
            rejected.append(Rejected(at, found, text))
        else:
            good.append(at)
            rows.append(found)
    fields = pl.DataFrame(
        rows, schema=dict.fromkeys(kind.fields if kind.slices else kind.needed, pl.Binary), orient="row"
    )
    return Batch(lines, len(lines), fields, np.array(good, np.int64), np.zeros(len(good), np.int8), rejected)


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
        found = json.loads(text)
    except (ValueError, RecursionError):
        return "not JSON"
    if not isinstance(found, dict):
        return "not a JSON object"
    return [_json_text(found.get(name)) for name in kind.needed]


def _json_text(value: object) -> bytes | None:
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace")


def _cut(text: bytes, kind: FileFormat) -> list[bytes] | None:
    """Cut a line at its delimiters; None if a quote is left open.

    A field that begins with a quote ends with one, and holds quotes doubled (RFC 4180); else a quote is a character.
    """
    delimiter, quote = kind.delimiter.encode(), kind.quote.encode()
    if not quote or quote not in text:
        return text.split(delimiter)
    fields, at = [], 0
    while at <= len(text):
        found = _quoted_field(quote, delimiter).match(text, at)
        if found is None:
            return None
        fields.append(found[1].replace(quote * 2, quote) if found[1] is not None else found[2])
        at = found.end() + 1
    return fields


@cache
def _quoted_field(quote: bytes, delimiter: bytes) -> re.Pattern[bytes]:
    q, d = re.escape(quote), re.escape(delimiter)
    return re.compile(rb"(?:%b((?:[^%b]|%b)*)%b|((?!%b)[^%b]*))(?=%b|\Z)" % (q, q, q * 2, q, q, d, d))


def _split_delimited(lines: Lines, kind: FileFormat, *, final: bool) -> Batch:
    """Cut the lines that have their fields all at once, and mend the few others one by one."""
    whole = _whole(lines, kind)
    numbers = np.arange(lines.number, lines.number + len(lines), dtype=np.int64)
    fields = _columns(lines, whole, kind)
    if whole.all():
        return Batch(lines, len(lines), fields, numbers, np.zeros(len(lines), np.int8), [])
    mended, rejected, held = _mend(lines, numbers[~whole].tolist(), kind, final=final)
    line = np.concatenate([numbers[whole], np.array([record.line for record in mended], np.int64)])
    repair = np.concatenate([np.zeros(int(whole.sum())), [record.repair for record in mended]]).astype(np.int8)
    columns = {name: [record.fields[at] for record in mended] for at, name in enumerate(kind.fields)}
    extra = pl.DataFrame(columns, schema=fields.schema)
    order = np.argsort(line, kind="stable")
    return Batch(lines, len(lines) - held, pl.concat([fields, extra])[order], line[order], repair[order], rejected)


@dataclass(frozen=True)
class Mended:
    """A record that its line, or its two lines, gave only after a second look."""

    line: int
    repair: int
    fields: list[bytes]


def _mend(lines: Lines, bad: list[int], kind: FileFormat, *, final: bool) -> tuple[list[Mended], list[Rejected], int]:
    """Decide the fate of the lines without their fields, in order; hold back (1) a last one that may go on."""
    mended: list[Mended] = []
    rejected: list[Rejected] = []
    last = lines.number + len(lines) - 1
    alone = {line: _mend_alone(line, lines.text(line), kind) for line in bad}
    joined = 0
    for line, fate in alone.items():
        if line == joined:
            continue
        if isinstance(fate, Mended):
            mended.append(fate)
        elif line == last and not final:
            return mended, rejected, 1
        elif (
            line + 1 in alone
            and (isinstance(alone[line + 1], str) or _unsound(lines.text(line + 1), kind))
            and (fields := _join(lines.text(line), lines.text(line + 1), kind))
        ):
            mended.append(Mended(line, SPLIT, fields))
            joined = line + 1
        else:
            rejected.append(Rejected(line, fate, lines.text(line)))
    return mended, rejected, 0


def _unsound(text: bytes, kind: FileFormat) -> bool:
    """Say whether a quote of the line has no partner: it may be the second half of a quoted text (RFC 4180)."""
    return bool(kind.quote) and text.count(kind.quote.encode()) % 2 == 1


def _mend_alone(line: int, text: bytes, kind: FileFormat) -> Mended | str:
    """Repair a line by itself, or say why not."""
    if not text:
        return "empty"
    fields, wanted = _cut(text, kind), len(kind.fields)
    if fields is None:
        return "a quote is left open"
    if len(fields) == wanted:
        return Mended(line, AS_IT_IS, fields)
    if len(fields) == wanted + 1 and not fields[0]:
        return Mended(line, EMPTY_FIRST, fields[1:])
    if len(fields) > wanted and not any(fields[wanted:]):
        return Mended(line, TRAILING_EMPTY, fields[:wanted])
    return f"{len(fields)} fields where {wanted} belong"


def _join(first: bytes, second: bytes, kind: FileFormat) -> list[bytes] | None:
    """Undo a newline within a text: None unless the whole has its fields and every number of it is one."""
    fields = _cut(first + b"\n" + second, kind)
    if fields is None or len(fields) != len(kind.fields):
        return None
    for name, field in zip(kind.fields, fields, strict=True):
        if name in kind.unbroken and b"\n" in field:
            return None
        if name in kind.numbers and field and not NUMBER.fullmatch(field):
            return None
    who = kind.event["uid"].needs
    return fields if all(fields[kind.fields.index(field)] for field in who) else None


def _whole(lines: Lines, kind: FileFormat) -> NDArray[np.bool_]:
    """Mark the lines that have their fields and no quote."""
    data = np.frombuffer(lines.data, np.uint8)
    delimiters = np.flatnonzero(data == ord(kind.delimiter))
    before = np.searchsorted(delimiters, lines.ends)
    whole = np.diff(before, prepend=0) == len(kind.fields) - 1
    if kind.quote:
        quotes = np.flatnonzero(data == ord(kind.quote))
        whole &= np.diff(np.searchsorted(quotes, lines.ends), prepend=0) == 0
    return np.asarray(whole & (lines.ends > lines.starts))


def _columns(lines: Lines, whole: NDArray[np.bool_], kind: FileFormat) -> pl.DataFrame:
    """Cut the marked lines, each of which has all its fields: every separator ends one field, so one pass does it."""
    data = np.frombuffer(lines.data, np.uint8)
    if len(lines) and lines.ends[-1] == len(data):
        data = np.append(data, np.uint8(ord("\n")))  # the last line of a file may lack its newline
    if not whole.all():
        data = data[np.repeat(whole, lines.ends - lines.starts + 1)]
    separator = (data == ord(kind.delimiter)) | (data == ord("\n"))
    ends = np.flatnonzero(separator)
    lengths = np.diff(ends, prepend=-1) - 1
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data[~separator])]
    flat = pl.Series(pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(ends), buffers))
    return pl.DataFrame({name: flat.gather_every(len(kind.fields), at) for at, name in enumerate(kind.fields)})

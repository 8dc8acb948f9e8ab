"""Delimited lines: those with all their fields are cut at once; the few others are mended one by one, or rejected."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from counterpoint.events.formats import FileFormat
from counterpoint.events.record_batch import AS_IT_IS, EMPTY_FIRST, SPLIT, TRAILING_EMPTY, Lines, RecordBatch, Rejected

LINES_PER_CHECK: Final = 1024  # lines whose UTF-8 is looked at together
BOM: Final = b"\xef\xbb\xbf"
NUMBER: Final = re.compile(rb"-?[0-9]+(\.[0-9]+)?")


def split(lines: Lines, kind: FileFormat, *, final: bool) -> RecordBatch:
    """Give every line its fate; unless it is `final`, a last line that the next block may complete is left out."""
    plain = _plain(lines, kind)
    numbers = np.arange(lines.number, lines.number + len(lines), dtype=np.int64)
    fields = _columns(lines, plain, kind)
    if plain.all():
        return RecordBatch(lines, len(lines), fields, numbers, np.zeros(len(lines), np.int8), [])
    mended, rejected, held_back = _mend(lines, numbers[~plain].tolist(), kind, final=final)
    line = np.concatenate([numbers[plain], np.array([record.line for record in mended], np.int64)])
    repair = np.concatenate([np.zeros(int(plain.sum())), [record.repair for record in mended]]).astype(np.int8)
    columns = {name: [record.fields[place] for record in mended] for place, name in enumerate(kind.fields)}
    extra = pl.DataFrame(columns, schema=fields.schema)
    order = np.argsort(line, kind="stable")
    return RecordBatch(
        lines, len(lines) - held_back, pl.concat([fields, extra])[order], line[order], repair[order], rejected
    )


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
    fields, wanted = cut(text, kind), len(kind.fields)
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
    fields = cut(first + b"\n" + second, kind)
    if fields is None or len(fields) != len(kind.fields):
        return None
    for name, field in zip(kind.fields, fields, strict=True):
        if name in kind.unbroken and b"\n" in field:
            return None
        if name in kind.numbers and field and not NUMBER.fullmatch(field):
            return None
    who = kind.event["uid"].needs
    return fields if all(fields[kind.fields.index(field)] for field in who) else None


def _plain(lines: Lines, kind: FileFormat) -> NDArray[np.bool_]:
    """Mark the lines that need no second look: all their fields, no quote, no carriage return, valid UTF-8."""
    if not len(lines):
        return np.zeros(0, np.bool_)
    data = np.frombuffer(lines.data, np.uint8)
    plain = np.asarray(
        (_count_per_line(data == ord(kind.delimiter), lines) == len(kind.fields) - 1) & (lines.ends > lines.starts)
    )
    for byte in (kind.quote.encode(), b"\r"):
        if byte and byte in lines.data:
            plain &= _count_per_line(data == ord(byte), lines) == 0
    if (
        BOM in lines.data
    ):  # the reader of columns drops one at the beginning of what it is given, whichever line that is
        plain &= np.array([not lines.data.startswith(BOM, start) for start in lines.starts.tolist()])
    return plain & _utf8(lines)


def _count_per_line(marked: NDArray[np.bool_], lines: Lines) -> NDArray[np.int32]:
    """Count the marked bytes of every line."""
    counts: NDArray[np.int32] = np.add.reduceat(marked, lines.starts, dtype=np.int32)
    return counts


def _utf8(lines: Lines) -> NDArray[np.bool_]:
    """Mark the lines that are valid UTF-8, by halves and halves of halves: what is not is rare."""
    offsets = np.append(lines.starts, len(lines.data))
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(lines.data)]
    texts = pl.Series(pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(lines), buffers))
    valid = np.ones(len(lines), np.bool_)
    doubtful = [(line, min(line + LINES_PER_CHECK, len(lines))) for line in range(0, len(lines), LINES_PER_CHECK)]
    while doubtful:
        first, end = doubtful.pop()
        if end - first == 1:
            valid[first] = _decodes(texts.slice(first, 1))
        elif not _decodes(texts.slice(first, end - first)):
            middle = (first + end) // 2
            doubtful += [(first, middle), (middle, end)]
    return valid


def _decodes(texts: pl.Series) -> bool:
    try:
        texts.cast(pl.String)
    except pl.exceptions.ComputeError:
        return False
    return True


def _columns(lines: Lines, plain: NDArray[np.bool_], kind: FileFormat) -> pl.DataFrame:
    """Cut the marked lines, each of which has all its fields, into one column of bytes a field."""
    turns = np.flatnonzero(np.diff(plain, prepend=False, append=False))  # where a run of plain lines begins, or is over
    stops = np.append(lines.starts, len(lines.data))[turns].tolist()
    text = b"".join(lines.data[start:stop] for start, stop in zip(stops[::2], stops[1::2], strict=True))
    if not text:
        return pl.DataFrame(schema=dict.fromkeys(kind.fields, pl.Binary))
    places = [str(place) for place in range(len(kind.fields))]  # of two fields of one name the last is taken
    read = pl.read_csv(
        text,
        has_header=False,
        schema=dict.fromkeys(places, pl.String),
        separator=kind.delimiter,
        quote_char=None,
        empty_string_is_null=False,
    )
    return pl.DataFrame({name: read[place].cast(pl.Binary) for name, place in zip(kind.fields, places, strict=True)})


def cut(text: bytes, kind: FileFormat) -> list[bytes] | None:
    """Cut a line at its delimiters; None if a quote is left open.

    A field that begins with a quote ends with one, and holds quotes doubled (RFC 4180); else a quote is a character.
    """
    delimiter, quote = kind.delimiter.encode(), kind.quote.encode()
    if not quote or quote not in text:
        return text.split(delimiter)
    fields, start = [], 0
    while start <= len(text):
        field = _quoted_field(quote, delimiter).match(text, start)
        if field is None:
            return None
        fields.append(field[1].replace(quote * 2, quote) if field[1] is not None else field[2])
        start = field.end() + 1
    return fields


@cache
def _quoted_field(quote: bytes, delimiter: bytes) -> re.Pattern[bytes]:
    q, d = re.escape(quote), re.escape(delimiter)
    return re.compile(rb"(?:%b((?:[^%b]|%b)*)%b|((?!%b)[^%b]*))(?=%b|\Z)" % (q, q, q * 2, q, q, d, d))

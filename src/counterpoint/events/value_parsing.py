"""Fields become typed columns: what cannot be parsed becomes null, is counted by reason, and is kept as text.

Ingest decides syntax only: whether a text is a number at all. Whether the number can be true is cleaning's business.

>>> import polars as pl
>>> from counterpoint.events.formats import load_format
>>> plays = load_format("music-box").of("20170330_1_play.log")
>>> row = [b"7", b"ar", b"11", b"0", b"Song", b"Singer", b"7>(TM", b"242", b"0"]
>>> parsed = parse_values(pl.DataFrame([row], schema=list(plays.fields), orient="row"), plays, "20170330_1_play.log")
>>> parsed.events.select("uid", "day", "play_ms", "song_ms").row(0)
(7, 17255, None, 242000)
>>> parsed.problems.row(0)
(0, 'play_ms', 'not a number', b'7>(TM')
"""

import datetime as dt
import re
from dataclasses import dataclass
from typing import Final

import polars as pl

from counterpoint.errors import CounterpointError
from counterpoint.events.formats import FileFormat, Source
from counterpoint.events.schema import EPOCH, FIRST_DAY, LAST_DAY, bucket

PARSE_PROBLEMS_SCHEMA: Final = {"record": pl.Int64, "column": pl.String, "reason": pl.String, "text": pl.Binary}
DAY_MS: Final = 86_400_000
SAID_MISSING: Final = r"^(?i:null|none|nan|na|n/a|\\n)$"
WHOLE_NUMBER: Final = r"^-?[0-9]{1,18}$"
DECIMAL_NUMBER: Final = r"^-?[0-9]{1,15}(\.[0-9]+)?$"
UNBOUNDED_NUMBERS: Final = {"a whole number": r"^-?[0-9]+$", "a number": r"^-?[0-9]+(\.[0-9]+)?$"}
ISO: Final = ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%dT%H:%M", "%Y-%m-%d", "%Y%m%d")
VALUES_PER_CHECK: Final = 256  # values that are decoded one by one where one of them is broken
MAX_MS: Final = 10**11  # three years: nothing plays longer, and the sums of a listener's plays still fit 64 bits


@dataclass(frozen=True)
class ParsedValues:
    """One batch of events, and the values that could not be parsed.

    events   : the columns of the schema that the format gives, one row a record
    problems : record (its row), column, reason, text
    unknown  : one flag a record: the format does not know its kind
    """

    events: pl.DataFrame
    problems: pl.DataFrame
    unknown: pl.Series


def parse_values(fields: pl.DataFrame, kind: FileFormat, file: str) -> ParsedValues:
    """Return the events that `fields` (bytes, one column a field) say, by the format of their file."""
    problems: list[pl.DataFrame] = []
    texts = pl.DataFrame({name: _decoded(fields[name], problems) for name in kind.needed})
    columns: dict[str, pl.Series] = {}
    for name, source in kind.event.items():
        if source.name is not None:
            columns[name] = pl.repeat(day_in_name(kind, file), fields.height, dtype=pl.Int32, eager=True)
            continue
        text = _text(source, texts, fields.height)
        columns[name], must = _value(name, source, text)
        lost = columns[name].is_null() & (text.is_not_null() | (name in kind.required))
        if must and lost.any():
            problems.append(_rows(lost, name, _reason(text.filter(lost), must), text.filter(lost).cast(pl.Binary)))
    if "day" not in columns:
        columns["day"] = (columns["time_ms"] // DAY_MS).cast(pl.Int32)
    columns["bucket"] = bucket(columns["uid"])
    events = pl.DataFrame([values.alias(name) for name, values in columns.items()])
    return ParsedValues(
        events, pl.concat([pl.DataFrame(schema=PARSE_PROBLEMS_SCHEMA), *problems]), events["kind"].is_null()
    )


def day_in_name(kind: FileFormat, file: str) -> int | None:
    """Return the day (since 1970-01-01) that the file's name says; None if the format looks for none.

    Raises
    ------
    CounterpointError
        If the format looks for a day and the name has none.
    """
    source = kind.event.get("day")
    if source is None or source.name is None:
        return None
    match = re.search(source.name, file)
    try:
        day = dt.datetime.strptime(match.group(1), source.layout or "%Y%m%d").date() if match else None
    except (TypeError, ValueError):
        day = None
    if day is None or not FIRST_DAY <= (day - EPOCH).days <= LAST_DAY:
        raise CounterpointError(f"{file}: its name says no day; a name such as 20170330_1_play.log would")
    return (day - EPOCH).days


def _decoded(raw: pl.Series, problems: list[pl.DataFrame]) -> pl.Series:
    r"""Return the texts of bytes; where they are no UTF-8, the bytes that break it are written as \xNN and counted."""
    texts = _utf8(raw)
    if texts is not None:
        return texts
    pieces = (
        raw.slice(row, VALUES_PER_CHECK) for row in range(0, len(raw), VALUES_PER_CHECK)
    )  # what is broken is rare
    texts = pl.concat([decoded if (decoded := _utf8(piece)) is not None else _escaped(piece) for piece in pieces])
    broken = texts.cast(pl.Binary).ne_missing(raw)
    lost = raw.filter(broken)
    reasons = pl.repeat("not UTF-8", len(lost), dtype=pl.String, eager=True)
    problems.append(_rows(broken, raw.name, reasons, lost))
    return texts


def _utf8(raw: pl.Series) -> pl.Series | None:
    try:
        return raw.cast(pl.String)
    except pl.exceptions.ComputeError:
        return None


def _escaped(raw: pl.Series) -> pl.Series:
    texts = [None if value is None else value.decode("utf-8", "backslashreplace") for value in raw]
    return pl.Series(raw.name, texts, dtype=pl.String)


def _text(source: Source, texts: pl.DataFrame, height: int) -> pl.Series:
    """Return the text that a column is read from."""
    if source.always is not None:
        return pl.repeat(source.always, height, dtype=pl.String, eager=True)
    if source.year and source.month and source.day:
        return texts.select(pl.concat_str(source.year, source.month, source.day, separator="-")).to_series()
    return texts[source.needs[0]]


def _value(name: str, source: Source, text: pl.Series) -> tuple[pl.Series, str]:
    """Return the values of texts, null for what cannot be parsed, and what a text must be ("" if any will do)."""
    if source.values:
        meanings = dict(source.values)
        text = text.replace_strict(list(meanings), list(meanings.values()), default=None, return_dtype=pl.String)
    if name in ("play_ms", "song_ms"):
        return _milliseconds(text, source.unit), "a whole number" if source.unit == "ms" else "a number"
    if name == "time_ms":
        return _clock(text, source), "a time"
    if name == "day":
        day = text.str.to_date(source.layout or "%Y-%m-%d", strict=False).cast(pl.Int32)
        return day.set(~day.is_between(FIRST_DAY, LAST_DAY), None), "a day"
    if name == "paid" or source.type == "integer":
        return _whole(text), "one of the known values" if source.values else "a whole number"
    if source.values:
        return text, "" if name == "kind" else "one of the known values"
    return text.set(text == "", None), "a uid" if name == "uid" else ""


def _whole(text: pl.Series) -> pl.Series:
    return text.set(~text.str.contains(WHOLE_NUMBER), None).cast(pl.Int64)


def _milliseconds(text: pl.Series, unit: str | None) -> pl.Series:
    if unit == "ms":
        number = _whole(text)
        return number.set(number.abs() > MAX_MS, None)
    number = (_decimal(text) * 1000).round().cast(pl.Int64)
    return number.set(number.abs() > MAX_MS, None)


def _decimal(text: pl.Series) -> pl.Series:
    return text.set(~text.str.contains(DECIMAL_NUMBER), None).cast(pl.Float64)


def _clock(text: pl.Series, source: Source) -> pl.Series:
    """Return milliseconds since 1970: of numbers with a unit, of a strptime layout, or of "any" of the usual ways."""
    if source.unit is not None:
        scale = 1000 if source.unit == "s" else 1
        clock = (_decimal(text) * scale).round().cast(pl.Int64)
    elif source.layout == "any":
        clock = _any_clock(text)
    else:
        clock = text.str.to_datetime(source.layout, strict=False, time_unit="ms").cast(pl.Int64)
    return clock.set(~clock.is_between(FIRST_DAY * DAY_MS, (LAST_DAY + 1) * DAY_MS, closed="left"), None)


def _any_clock(text: pl.Series) -> pl.Series:
    """ISO 8601 (a zone is undone to UTC), YYYYMMDD, whole seconds (9 to 11 digits) or milliseconds (12 and more)."""
    number = _whole(text)
    number = number.set(number.abs() < 10**8, None)
    clock = number.zip_with(number.abs() >= 10**11, number * 1000)
    iso = text.str.replace(" ", "T", literal=True).str.replace(r"Z$", "")
    for layout in ISO:
        read = iso.str.to_datetime(layout, strict=False, time_unit="ms").cast(pl.Int64)
        clock = clock.zip_with(clock.is_not_null(), read)
    return clock


def _reason(text: pl.Series, must: str) -> pl.Series:
    """Say why texts are no value; `must` is what they should be."""
    t = pl.col("t")
    return text.alias("t").to_frame().select(
        pl.when(t.is_null() | (t == "")).then(pl.lit("empty"))
        .when(t.str.contains(SAID_MISSING)).then(pl.lit("said to be missing"))
        .when(t.str.contains(UNBOUNDED_NUMBERS.get(must, "^$"))).then(pl.lit("out of range"))
        .otherwise(pl.lit(f"not {must}"))
        .alias("reason")
    ).to_series()  # fmt: skip


def _rows(lost: pl.Series, column: str, reason: pl.Series, text: pl.Series) -> pl.DataFrame:
    records = lost.arg_true().cast(pl.Int64)
    names = pl.repeat(column, len(records), dtype=pl.String, eager=True)
    return pl.DataFrame([records.alias("record"), names.alias("column"), reason.alias("reason"), text.alias("text")])

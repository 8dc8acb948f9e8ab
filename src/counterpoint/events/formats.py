"""A log's format is data: which files, how a line splits into fields, which field is which column of an event."""

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from counterpoint.errors import CounterpointError, suggestion
from counterpoint.events.schema import COLUMNS, EVENT_KIND_NAMES, ID_TYPES

SHIPPED_FORMATS: Final = Path(__file__).parent / "shipped_formats"
LAYOUTS: Final = ("delimited", "fixed", "json", "parquet")
TIME_UNITS: Final = ("s", "ms")
SETTABLE_COLUMNS: Final = tuple(name for name in COLUMNS if name not in ("bucket", "line"))


@dataclass(frozen=True)
class Slice:
    """A field of a fixed-width line: columns `first` to `last`, counted from 1, both included."""

    name: str
    first: int
    last: int


@dataclass(frozen=True)
class Source:
    """Where a column of an event comes from: a field, the file's name, or a constant."""

    field: str | None = None
    always: str | None = None
    name: str | None = None  # a regular expression whose first group is searched for in the file's name
    layout: str | None = None  # of a date or a time: strptime, or "any"
    unit: str | None = None
    type: str = "text"
    values: tuple[tuple[str, str], ...] = ()
    year: str | None = None
    month: str | None = None
    day: str | None = None

    @property
    def needs(self) -> tuple[str, ...]:
        """The fields it reads."""
        return tuple(field for field in (self.field, self.year, self.month, self.day) if field)


@dataclass(frozen=True)
class FileFormat:
    """One kind of file: the names it goes by, its layout, and its event."""

    match: str
    layout: str
    event: Mapping[str, Source]
    fields: tuple[str, ...] = ()
    slices: tuple[Slice, ...] = ()
    delimiter: str = ","
    quote: str = ""
    header: bool = False

    @cached_property
    def needed(self) -> tuple[str, ...]:
        """The fields that the event is made of."""
        return tuple(dict.fromkeys(field for source in self.event.values() for field in source.needs))

    @property
    def required(self) -> tuple[str, ...]:
        """The columns without which an event belongs to nobody, or to no day."""
        return ("uid", "day" if "day" in self.event else "time_ms")

    @cached_property
    def numbers(self) -> frozenset[str]:
        """Fields that hold a number."""
        numeric = [s for name, s in self.event.items() if name in ("play_ms", "song_ms", "paid") or s.type == "integer"]
        return frozenset(field for source in numeric if not source.values for field in source.needs)

    @cached_property
    def unbroken(self) -> frozenset[str]:
        """Fields within which no newline ever falls: numbers, dates, clocks, kinds."""
        dated = [self.event[name] for name in ("day", "time_ms", "kind") if name in self.event]
        return self.numbers | frozenset(field for source in dated for field in source.needs)


@dataclass(frozen=True)
class Format:
    """A named set of kinds of file, as read from one TOML text."""

    name: str
    files: tuple[FileFormat, ...]
    digest: str

    def of(self, file: str) -> FileFormat:
        """Return the part of this format that a file of this name has; the first that matches."""
        for kind in self.files:
            if fnmatch(file, kind.match):
                return kind
        patterns = ", ".join(kind.match for kind in self.files)
        raise CounterpointError(f"{file}: format {self.name!r} knows no such file; it reads {patterns}")

    @property
    def id_types(self) -> tuple[str, str]:
        """The types of uid and song_id, each "integer" or "text"; one of each in a format."""
        songs = [kind.event["song_id"].type for kind in self.files if "song_id" in kind.event]
        return self.files[0].event["uid"].type, songs[0] if songs else "integer"


def shipped() -> tuple[str, ...]:
    """Return the names of the formats that come with the package.

    >>> shipped()
    ('cdnow', 'eventsim', 'hetrec-tags', 'music-box', 'plain')
    """
    return tuple(sorted(path.stem for path in SHIPPED_FORMATS.glob("*.toml")))


def load_format(name: str) -> Format:
    """Return the format called `name`: one that is shipped, or the path of a TOML file of your own.

    >>> load_format("music-box").of("20170330_1_search.log").event["kind"].always
    'S'
    """
    path = Path(name) if name.endswith(".toml") else SHIPPED_FORMATS / f"{name}.toml"
    if not path.is_file():
        hint = "no such file" if name.endswith(".toml") else f"{suggestion(name, shipped())} or a path to a .toml file"
        raise CounterpointError(f"format {name!r}: {hint}")
    text = path.read_bytes()
    try:
        table = tomllib.loads(text.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CounterpointError(f"{path}: not a TOML text: {error}") from error
    try:
        return _format(table, hashlib.sha256(text).hexdigest())
    except CounterpointError as error:
        raise CounterpointError(f"{path}: {error}") from error


def _format(table: Mapping[str, Any], digest: str) -> Format:
    _only(table, ("name", "file"), "a format")
    parts = table.get("file", [])
    if not isinstance(parts, list) or not all(isinstance(part, Mapping) for part in parts):
        raise CounterpointError("each kind of file is a table under [[file]]")
    files = tuple(_file(part) for part in parts)
    if not files:
        raise CounterpointError("no [[file]]: a format says which files it reads")
    built = Format(str(table.get("name", "")), files, digest)
    for kind in files:
        if kind.event["uid"].type != built.id_types[0]:
            raise CounterpointError("uid is a whole number in one [[file]] and a text in another: choose one")
        if kind.event.get("song_id", Source(type=built.id_types[1])).type != built.id_types[1]:
            raise CounterpointError("song_id is a whole number in one [[file]] and a text in another: choose one")
    return built


def _file(part: Mapping[str, Any]) -> FileFormat:
    _only(part, ("match", "layout", "event", "fields", "delimiter", "quote", "header"), "[[file]]")
    layout = str(part.get("layout", ""))
    if layout not in LAYOUTS:
        raise CounterpointError(f"layout {layout!r}: {suggestion(layout, LAYOUTS)}")
    if not isinstance(part.get("fields", []), list):
        raise CounterpointError(f'fields {part["fields"]!r}: a list such as ["uid", "day"] would be right')
    if not isinstance(part.get("event", {}), Mapping):
        raise CounterpointError(f"event {part['event']!r}: the table [file.event] would be right")
    if not isinstance(part.get("header", False), bool):
        raise CounterpointError(f"header {part['header']!r}: true or false, without quotes, would be right")
    listed = tuple(part.get("fields", ()))
    slices = tuple(_slice(field) for field in listed) if layout == "fixed" else ()
    built = FileFormat(
        match=str(part.get("match", "*")),
        layout=layout,
        event={name: _source(name, source) for name, source in part.get("event", {}).items()},
        fields=tuple(piece.name for piece in slices) or tuple(map(str, listed)),
        slices=slices,
        delimiter=str(part.get("delimiter", ",")),
        quote=str(part.get("quote", '"' if part.get("delimiter", ",") == "," else "")),
        header=bool(part.get("header", False)),
    )
    _check(built)
    return built


def _check(kind: FileFormat) -> None:
    if missing := [name for name in ("uid", "kind") if name not in kind.event]:
        raise CounterpointError(f"[file.event] of {kind.match!r} does not say what {missing[0]!r} is")
    if "day" not in kind.event and "time_ms" not in kind.event:
        raise CounterpointError(f"[file.event] of {kind.match!r} needs 'day' or 'time_ms': an event has its day")
    if len(kind.delimiter.encode()) != 1 or len(kind.quote.encode()) > 1:
        raise CounterpointError(f"delimiter {kind.delimiter!r} and quote {kind.quote!r} are one ASCII character each")
    if kind.layout in ("delimited", "fixed") and not kind.fields and not kind.header:
        raise CounterpointError(f"[[file]] {kind.match!r} needs 'fields', or 'header = true' if the file names them")
    if kind.layout == "delimited" and kind.header and kind.fields:
        raise CounterpointError(
            f"[[file]] {kind.match!r}: 'header = true' takes the names from the file: list no fields"
        )
    if twice := [field for field in kind.needed if kind.fields.count(field) > 1]:
        raise CounterpointError(f"[[file]] {kind.match!r} has the field {twice[0]!r} twice: give one another name")
    for name, source in kind.event.items():
        for field in source.needs:
            if kind.fields and field not in kind.fields:
                raise CounterpointError(f"{name}: no field {field!r}; {suggestion(field, kind.fields)}")


def _slice(field: Mapping[str, Any]) -> Slice:
    try:
        piece = Slice(str(field["name"]), int(field["from"]), int(field["to"]))
    except (KeyError, TypeError, ValueError) as error:
        raise CounterpointError(
            f'fixed field {field!r}: {{ name = "uid", from = 1, to = 6 }} would be right'
        ) from error
    if not 1 <= piece.first <= piece.last:
        raise CounterpointError(f"fixed field {piece.name!r}: 1 <= from <= to; got {piece.first} to {piece.last}")
    return piece


def _source(name: str, given: Mapping[str, Any]) -> Source:
    if name not in SETTABLE_COLUMNS:
        raise CounterpointError(f"no event column {name!r}; {suggestion(name, SETTABLE_COLUMNS)}")
    if not isinstance(given, Mapping):
        raise CounterpointError(f'{name}: a table such as {{ field = "uid" }} is needed; got {given!r}')
    _only(given, [part.name for part in fields(Source)], name)
    if not isinstance(given.get("values", {}), Mapping):
        raise CounterpointError(f'{name}: values are a table such as {{ NextSong = "P" }}; got {given["values"]!r}')
    values = tuple((str(key), str(value)) for key, value in given.get("values", {}).items())
    for key, value in given.items():
        if key != "values" and not isinstance(value, str):
            raise CounterpointError(f"{name}: {key} is a text in quotes; got {value!r}")
    source = Source(**{**given, "values": values})
    _check_source(name, source)
    return source


def _check_source(name: str, source: Source) -> None:
    if source.type not in ID_TYPES:
        raise CounterpointError(f"{name}: type {source.type!r}; {suggestion(source.type, ID_TYPES)}")
    if source.unit is not None and source.unit not in TIME_UNITS:
        raise CounterpointError(f"{name}: unit {source.unit!r}; {suggestion(source.unit, TIME_UNITS)}")
    if source.type == "integer" and name not in ("uid", "song_id", "paid"):
        raise CounterpointError(f"{name}: only uid and song_id have a type; leave it out")
    if name == "kind" and not source.values and source.always is None:
        raise CounterpointError('kind: say which value is which, such as values = { play = "P" }, or always = "P"')
    if name == "kind":
        kinds = [code for _, code in source.values] or [source.always or ""]
        if wrong := [code for code in kinds if code not in EVENT_KIND_NAMES]:
            raise CounterpointError(f"kind {wrong[0]!r}: one of {', '.join(EVENT_KIND_NAMES)}")
    if name in ("play_ms", "song_ms") and source.unit is None:
        raise CounterpointError(f"{name}: say its unit, 's' or 'ms'")
    _check_time(name, source)
    if not source.needs and source.always is None and source.name is None:
        raise CounterpointError(f"{name}: say its field, a constant (always), or a pattern of the file's name")


def _check_time(name: str, source: Source) -> None:
    if name == "time_ms" and source.unit is None and source.layout is None:
        raise CounterpointError(
            f"{name}: say its unit, 's' or 'ms', or its layout, such as '%Y-%m-%d %H:%M:%S' or 'any'"
        )
    missing = [part for part in ("year", "month", "day") if getattr(source, part) is None]
    if 0 < len(missing) < 3:
        raise CounterpointError(f"{name}: say its {missing[0]} too, or one field for the whole day")
    if source.name is not None and name != "day":
        raise CounterpointError(f"{name}: a file's name (name = ...) says the day only; say its field or a constant")
    if source.name is not None and _groups(source.name) != 1:
        raise CounterpointError(f"{name}: the pattern {source.name!r} needs one group, the day")


def _groups(pattern: str) -> int:
    try:
        return re.compile(pattern).groups
    except re.error as error:
        raise CounterpointError(f"{pattern!r} is no regular expression: {error}") from error


def _only(table: Mapping[str, Any], allowed: Any, where: str) -> None:
    for key in table:
        if key not in allowed:
            raise CounterpointError(f"{where} has no setting {key!r}; {suggestion(key, allowed)}")

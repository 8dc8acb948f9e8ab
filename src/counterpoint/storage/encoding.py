"""A value as JSON values, by what it is, and back, by what its class declares; arrays and frames go beside.

What JSON has no word for is a mapping with one key that begins with `$`; a class stands in its fields as `$class`.
"""

import datetime as dt
import json
import math
import re
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, NoReturn, Union, get_args, get_origin, get_type_hints

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from counterpoint.errors import CounterpointError

CLASS, ARRAY, SPARSE, FRAME, SERIES, FLOAT, PAIRS = (
    f"${word}" for word in ("class", "array", "sparse", "frame", "series", "float", "pairs")
)
SHOWN: Final = 60
"""Characters of a wrong value that a message shows."""

NOT_FINITE: Final = ("nan", "inf", "-inf")
CSR_PARTS: Final = ("data", "indices", "indptr", "shape")


@dataclass
class Parts:
    """The arrays and frames that a value has, by the places of their fields."""

    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    frames: dict[str, pl.DataFrame] = field(default_factory=dict)

    def key(self, path: str) -> str:
        """Return a key for the place `path`: fit for a file's name, and not taken."""
        key = re.sub(r"[^\w.-]", "_", path)
        while key in self.arrays or key in self.frames:
            key += "_"
        return key


@dataclass
class Encoder:
    """Turns a value into JSON, and collects what JSON cannot hold."""

    parts: Parts | None

    def encode(self, value: Any, path: str) -> Any:
        """Return JSON values for `value`, which stands at `path`."""
        if isinstance(value, Enum):
            return value.name
        if isinstance(value, np.generic):
            return self.encode(value.item(), path)
        if value is None or isinstance(value, bool | str | int):
            return value
        if isinstance(value, float):
            return value if math.isfinite(value) else {FLOAT: repr(value)}
        if isinstance(value, dt.date):
            return value.isoformat()
        return self._composed(value, path)

    def _composed(self, value: Any, path: str) -> Any:
        if is_dataclass(value) or _is_named_tuple(value):
            kind: Any = type(value)
            names = field_names(kind)
            return {CLASS: kind.__name__} | {
                name: self.encode(getattr(value, name), f"{path}.{name}") for name in names
            }
        if isinstance(value, list | tuple):
            return [self.encode(each, f"{path}.{place}") for place, each in enumerate(value)]
        if isinstance(value, Mapping):
            return self._mapping(value, path)
        return self._filed(value, path)

    def _mapping(self, value: Mapping[Any, Any], path: str) -> Any:
        if all(isinstance(key, str) and not key.startswith("$") for key in value):
            return {key: self.encode(each, f"{path}.{key}") for key, each in value.items()}
        pairs = enumerate(value.items())
        return {PAIRS: [[self.encode(key, path), self.encode(each, f"{path}.{n}")] for n, (key, each) in pairs]}

    def _filed(self, value: Any, path: str) -> Any:
        if self.parts is None:
            raise CounterpointError(f"{path} is a {type(value).__name__}, which JSON alone cannot hold")
        key = self.parts.key(path)
        if isinstance(value, np.ndarray) and value.dtype.kind in "biufUmM":
            self.parts.arrays[key] = value
            return {ARRAY: key}
        if sparse.issparse(value):
            rows = sparse.csr_array(value)
            parts = (rows.data, rows.indices, rows.indptr, np.array(rows.shape))
            self.parts.arrays |= {f"{key}.{part}": array for part, array in zip(CSR_PARTS, parts, strict=True)}
            return {SPARSE: key}
        if isinstance(value, pl.DataFrame | pl.Series):
            self.parts.frames[key] = value if isinstance(value, pl.DataFrame) else value.to_frame()
            return {FRAME if isinstance(value, pl.DataFrame) else SERIES: key}
        raise CounterpointError(f"{path} is a {type(value).__name__}, which cannot be kept")


@dataclass
class Decoder:
    """Turns JSON back into a value, and checks that each part is what its place declares."""

    path: Path
    among: tuple[type, ...] = ()
    parts: Parts = field(default_factory=Parts)
    used: set[str] = field(default_factory=set)

    def whole(self, kind: Any, value: Any) -> Any:
        """Return the value of type `kind`; refuse arrays and frames that are in none of its fields."""
        try:
            decoded = self.decode(kind, value, "")
        except RecursionError as error:
            raise self._refusal("", "more levels than anything that is kept") from error
        if left := sorted({*self.parts.arrays, *self.parts.frames} - self.used):
            raise self._refusal("", f"no field for {left[0]!r}")
        return decoded

    def decode(self, kind: Any, value: Any, where: str) -> Any:  # noqa: PLR0911  one line a kind of type
        """Return the value of type `kind` that JSON values stand for; `where` is its field."""
        origin = get_origin(kind)
        if kind in (Any, object):
            return self._loose(value, where)
        if origin in (Union, types.UnionType):
            return self._one_of(get_args(kind), value, where)
        if origin is Literal:
            same = any(value == each and type(value) is type(each) for each in get_args(kind))
            return value if same else self._refuse(kind, value, where)
        if origin is tuple or origin is list or origin is Sequence:
            return self._sequence(origin, get_args(kind), value, where)
        if isinstance(origin, type) and issubclass(origin, Mapping):
            return self._mapping(get_args(kind), value, where)
        if origin is np.ndarray or kind is np.ndarray:
            return self._array(kind, value, where)
        return self._single(kind, value, where)

    def _loose(self, value: Any, where: str) -> Any:
        """Return what stands where the class declares nothing: lists, mappings and plain values."""
        match value:
            case {"$float": word} if len(value) == 1 and word in NOT_FINITE:
                return float(word)
            case list():
                return [self._loose(each, f"{where}.{place}") for place, each in enumerate(value)]
            case dict() if PAIRS not in value:
                return {key: self._loose(each, f"{where}.{key}") for key, each in value.items()}
            case dict():
                return self._mapping((Any, Any), value, where)
        return value

    def _single(self, kind: Any, value: Any, where: str) -> Any:  # noqa: PLR0911  one line a kind of type
        if kind in (None, type(None)):
            return value if value is None else self._refuse(kind, value, where)
        if kind in (pl.DataFrame, pl.Series):
            return self._frame(kind, value, where)
        if kind in (sparse.csr_array, sparse.csr_matrix):
            return self._sparse(kind, value, where)
        if isinstance(kind, type) and issubclass(kind, Enum):
            known = isinstance(value, str) and value in kind.__members__
            return kind[value] if known else self._refuse(kind, value, where)
        if kind in (dt.date, dt.datetime):
            return self._day(kind, value, where)
        if kind in (bool, int, str, float):
            return self._scalar(kind, value, where)
        return self._fields(kind, value, where)

    def _scalar(self, kind: type, value: Any, where: str) -> Any:
        if kind is float and isinstance(value, Mapping) and value.keys() == {FLOAT}:
            return float(value[FLOAT]) if value[FLOAT] in NOT_FINITE else self._refuse(kind, value, where)
        whole = kind is float and type(value) is int  # it was whole when it was kept
        return value if whole or type(value) is kind else self._refuse(kind, value, where)

    def _day(self, kind: type[dt.date], value: Any, where: str) -> dt.date:
        try:
            return kind.fromisoformat(value)
        except (TypeError, ValueError) as error:
            raise self._mismatch(kind, value, where) from error

    def _one_of(self, kinds: tuple[Any, ...], value: Any, where: str) -> Any:
        if value is None and type(None) in kinds:
            return None
        options = [kind for kind in kinds if kind is not type(None)]
        name = value.get(CLASS) if isinstance(value, dict) else None
        named = [kind for kind in options if name is not None and getattr(kind, "__name__", None) == name]
        if len(options) == 1 or named:
            return self.decode([*named, *options][0], value, where)
        for kind in options:
            try:
                return self.decode(kind, value, where)
            except CounterpointError:
                continue
        raise self._mismatch(Union[tuple(kinds)], value, where)  # noqa: UP007  of a tuple

    def _sequence(self, origin: Any, kinds: tuple[Any, ...], value: Any, where: str) -> Any:
        if not isinstance(value, list):
            self._refuse(origin, value, where)
        collect: Callable[[Any], Any] = list if origin is list else tuple
        if origin is not tuple or (len(kinds) == 2 and kinds[1] is Ellipsis):
            return collect([self.decode(kinds[0], each, f"{where}.{place}") for place, each in enumerate(value)])
        if len(value) != len(kinds):
            raise self._refusal(where, f"{len(value)} values where {len(kinds)} belong")
        pairs = enumerate(zip(kinds, value, strict=True))
        return collect([self.decode(kind, each, f"{where}.{place}") for place, (kind, each) in pairs])

    def _mapping(self, kinds: tuple[Any, ...], value: Any, where: str) -> dict[Any, Any]:
        of_key, of_value = kinds
        match value:
            case {"$pairs": list(pairs)} if len(value) == 1 and all(isinstance(p, list) and len(p) == 2 for p in pairs):
                several = pairs
            case dict() if PAIRS not in value:
                several = [*value.items()]
            case _:
                self._refuse(dict, value, where)
        return {self.decode(of_key, key, where): self.decode(of_value, each, f"{where}.{key}") for key, each in several}

    def _fields(self, kind: Any, value: Any, where: str) -> Any:
        actual = self._class(kind, value, where)
        given = {name: each for name, each in value.items() if name != CLASS}
        names = field_names(actual)
        if missing := [name for name in names if name not in given]:
            raise self._refusal(where, f"no field {missing[0]!r}")
        if surplus := [name for name in given if name not in names]:
            raise self._refusal(where, f"a field {surplus[0]!r}, which {actual.__name__} has not")
        hints = _hints(actual)
        parts = {name: self.decode(hints[name], given[name], f"{where}.{name}") for name in names}
        try:
            return actual(**parts)
        except (CounterpointError, TypeError, ValueError) as error:
            raise self._refusal(where, f"what {actual.__name__} refuses ({_first_line(error)})") from error

    def _class(self, kind: Any, value: Any, where: str) -> Any:
        """Return the class that a value says it is of, if it may stand here."""
        name = value.get(CLASS) if isinstance(value, Mapping) else None
        itself = kind if is_dataclass(kind) or _is_named_tuple(kind) else None
        for known in (*([itself] if itself else []), *self.among):
            if known.__name__ == name:
                return known
        raise self._mismatch(kind, value, where)

    def _array(self, kind: Any, value: Any, where: str) -> NDArray[Any]:
        array = self._array_named(self._key(ARRAY, kind, value, where), where)
        declared = _declared_dtype(kind)
        if declared is not None and not np.issubdtype(array.dtype, declared):
            raise self._refusal(where, f"an array of {array.dtype} where {np.dtype(declared)} belongs")
        return array

    def _sparse(self, kind: Any, value: Any, where: str) -> Any:
        key = self._key(SPARSE, kind, value, where)
        data, indices, start, shape = (self._array_named(f"{key}.{part}", where) for part in CSR_PARTS)
        try:
            rows = sparse.csr_array((data, indices, start), shape=tuple(shape.tolist()))
            rows.check_format()
        except (ValueError, TypeError) as error:
            raise self._refusal(where, f"no sparse matrix ({_first_line(error)})") from error
        return rows if kind is sparse.csr_array else kind(rows)

    def _frame(self, kind: type, value: Any, where: str) -> Any:
        key = self._key(FRAME if kind is pl.DataFrame else SERIES, kind, value, where)
        if key not in self.parts.frames:
            raise self._refusal(where, f"no table {key!r} beside it")
        self.used.add(key)
        frame = self.parts.frames[key]
        if kind is pl.DataFrame:
            return frame
        if frame.width != 1:
            raise self._refusal(where, f"{frame.width} columns where one belongs")
        return frame.to_series()

    def _key(self, mark: str, kind: Any, value: Any, where: str) -> str:
        if not isinstance(value, dict) or value.keys() != {mark} or not isinstance(value[mark], str):
            self._refuse(kind, value, where)
        return str(value[mark])

    def _array_named(self, key: str, where: str) -> NDArray[Any]:
        if key not in self.parts.arrays:
            raise self._refusal(where, f"no array {key!r} in {self.path.with_suffix('.npz').name}")
        self.used.add(key)
        return self.parts.arrays[key]

    def _refuse(self, kind: Any, value: Any, where: str) -> NoReturn:
        raise self._mismatch(kind, value, where)

    def _mismatch(self, kind: Any, value: Any, where: str) -> CounterpointError:
        shown = json.dumps(value)
        shown = shown if len(shown) <= SHOWN else f"{shown[: SHOWN - 3]}..."
        return self._refusal(where, f"{shown} where {_words(kind)} belongs")

    def _refusal(self, where: str, what: str) -> CounterpointError:
        place = f"{where[1:]!r} has " if where else "there is "
        return CounterpointError(f"{self.path} is damaged or of another version: {place}{what}; make it again")


def _declared_dtype(kind: Any) -> Any:
    """Return the scalar type that NDArray[...] declares; None if any."""
    arguments = get_args(kind)
    scalar = get_args(arguments[1])[0] if len(arguments) == 2 and get_args(arguments[1]) else None
    return scalar if isinstance(scalar, type) and issubclass(scalar, np.generic) else None


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


@cache
def field_names(kind: Any) -> tuple[str, ...]:
    """Return the names of what a class is made of."""
    if _is_named_tuple(kind):
        return tuple(kind._fields)
    return tuple(
        each.name for each in fields(kind) if each.init and get_origin(_hints(kind)[each.name]) is not ClassVar
    )


def _is_named_tuple(value: Any) -> bool:
    kind = value if isinstance(value, type) else type(value)
    return issubclass(kind, tuple) and hasattr(kind, "_fields")


def _words(kind: Any) -> str:
    """Return a type as a message has it."""
    if get_origin(kind) in (Union, types.UnionType):
        return " | ".join(map(_words, get_args(kind)))
    if kind is type(None):
        return "None"
    return kind.__name__ if isinstance(kind, type) and not get_args(kind) else re.sub(r"\b[a-z_]+\.", "", str(kind))


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]

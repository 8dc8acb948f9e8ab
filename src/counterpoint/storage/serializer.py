"""One way to keep a value: dataclasses become JSON, arrays npz, frames Parquet; nothing that is kept is code.

A value is written by what it is and read by what its class declares. Every field is checked on reading: one that is
missing, unknown or of another type is refused in one line that names the file and the field.

>>> from dataclasses import dataclass
>>> from tempfile import TemporaryDirectory
>>> @dataclass(frozen=True)
... class Line:
...     slope: float
...     points: tuple[tuple[int, float], ...] = ()
>>> with TemporaryDirectory() as home:
...     save(Line(0.5, ((1, 2.0),)), Path(home), "line")
...     load(Line, Path(home), "line")
Line(slope=0.5, points=((1, 2.0),))
"""

import datetime as dt
import json
import math
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, NoReturn, TypeVar, Union, cast, get_args, get_origin, get_type_hints
from zipfile import BadZipFile, ZipFile

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from counterpoint.errors import CounterpointError
from counterpoint.storage import parquet

FORMAT: Final = 1
CLASS, ARRAY, SPARSE, FRAME, SERIES, FLOAT, PAIRS = (
    f"${word}" for word in ("class", "array", "sparse", "frame", "series", "float", "pairs")
)
DAMAGE: Final = (OSError, EOFError, ValueError, KeyError, BadZipFile, RecursionError, pl.exceptions.PolarsError)
CSR_PARTS: Final = ("data", "indices", "indptr", "shape")

T = TypeVar("T")


def save(value: Any, folder: Path, name: str) -> None:
    """Write a value into a folder: `name.json` and, where it has arrays or frames, `name.npz` and `name.*.parquet`.

    Raises
    ------
    CounterpointError
        If some part of it is nothing that can be kept.
    """
    writer = _Encoder(folder, name)
    content = {"format": FORMAT, "value": writer.encode(value, "value")}
    if writer.arrays:
        np.savez(folder / f"{name}.npz", **cast("dict[str, Any]", writer.arrays))
    (folder / f"{name}.json").write_text(json.dumps(content, allow_nan=False), encoding="utf-8")


def load(kind: type[T], folder: Path, name: str, *, among: Sequence[type] = ()) -> T:
    """Read the value of class `kind` that `save` wrote.

    `among` names the classes that may stand where a field declares a protocol or a class above them.

    Raises
    ------
    CounterpointError
        If a file is missing or damaged, of another format, or a field is not what the class declares.
    """
    path = folder / f"{name}.json"
    try:
        content = json.loads(path.read_bytes())
    except DAMAGE as error:
        raise CounterpointError(f"{path} cannot be read ({_first_line(error)}): make it again") from error
    if not isinstance(content, dict) or content.keys() != {"format", "value"}:
        raise CounterpointError(f"{path} was not written by Counterpoint: make it again")
    if content["format"] != FORMAT:
        raise CounterpointError(f"{path} has format {content['format']!r}, not {FORMAT}: make it again")
    reader = _Decoder(path, tuple(among))
    return cast("T", reader.decode(kind, content["value"], ""))


def loads_plain(value: Any, kind: type[T], *, source: str) -> T:
    """Return the value of class `kind` that JSON values stand for; `source` says where they are from, in messages."""
    return cast("T", _Decoder(Path(source), ()).decode(kind, value, ""))


def plain(value: Any) -> Any:
    """Return a value without arrays and frames as JSON values; `loads_plain` is the way back.

    Raises
    ------
    CounterpointError
        If some part of it is nothing that JSON can hold.
    """
    return _Encoder(None, "").encode(value, "value")


@dataclass
class _Encoder:
    """Turns a value into JSON, and collects what JSON cannot hold."""

    folder: Path | None
    name: str
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)

    def encode(self, value: Any, path: str) -> Any:  # noqa: PLR0911  one line a kind of value
        """Return JSON values for `value`, which stands at `path`."""
        if value is None or isinstance(value, bool | str):
            return value
        if isinstance(value, np.generic):
            return self.encode(value.item(), path)
        if isinstance(value, Enum):
            return value.name
        if isinstance(value, int):
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
        if self.folder is None:
            raise CounterpointError(f"{path} is a {type(value).__name__}, which JSON alone cannot hold")
        if isinstance(value, np.ndarray) and value.dtype.kind in "biufU":
            self.arrays[path] = value
            return {ARRAY: path}
        if sparse.issparse(value):
            rows = sparse.csr_array(value)
            parts = (rows.data, rows.indices, rows.indptr, np.array(rows.shape))
            self.arrays |= {f"{path}.{part}": array for part, array in zip(CSR_PARTS, parts, strict=True)}
            return {SPARSE: path}
        if isinstance(value, pl.DataFrame | pl.Series):
            frame = value if isinstance(value, pl.DataFrame) else value.to_frame()
            file = f"{self.name}.{path}.parquet"
            frame.write_parquet(self.folder / file)
            return {FRAME if isinstance(value, pl.DataFrame) else SERIES: file}
        raise CounterpointError(f"{path} is a {type(value).__name__}, which cannot be kept")


@dataclass
class _Decoder:
    """Turns JSON back into a value, and checks that each part is what its place declares."""

    path: Path
    among: tuple[type, ...]
    arrays: Mapping[str, NDArray[Any]] | None = None

    def decode(self, kind: Any, value: Any, where: str) -> Any:  # noqa: PLR0911  one line a kind of type
        """Return the value of type `kind` that JSON values stand for; `where` is its field."""
        origin = get_origin(kind)
        if kind is Any:
            return value
        if origin in (Union, types.UnionType):
            return self._one_of(get_args(kind), value, where)
        if origin is Literal:
            return value if value in get_args(kind) else self._refuse(kind, value, where)
        if origin is tuple or origin is list or origin is Sequence:
            return self._sequence(origin, get_args(kind), value, where)
        if isinstance(origin, type) and issubclass(origin, Mapping):
            return self._mapping(get_args(kind), value, where)
        if origin is np.ndarray or kind is np.ndarray:
            return self._array(kind, value, where)
        return self._single(kind, value, where)

    def _single(self, kind: Any, value: Any, where: str) -> Any:  # noqa: PLR0911  one line a kind of type
        if kind in (None, type(None)):
            return value if value is None else self._refuse(kind, value, where)
        if kind in (pl.DataFrame, pl.Series):
            return self._frame(kind, value, where)
        if isinstance(value, Mapping) and SPARSE in value:
            return self._sparse(kind, value[SPARSE], where)
        if isinstance(kind, type) and issubclass(kind, Enum):
            return kind[value] if value in kind.__members__ else self._refuse(kind, value, where)
        if kind is dt.date:
            return self._day(value, where)
        if kind in (bool, int, str, float):
            return self._scalar(kind, value, where)
        return self._fields(kind, value, where)

    def _scalar(self, kind: type, value: Any, where: str) -> Any:
        if kind is float and isinstance(value, Mapping) and value.keys() == {FLOAT}:
            return float(value[FLOAT]) if value[FLOAT] in ("nan", "inf", "-inf") else self._refuse(kind, value, where)
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        return value if type(value) is kind else self._refuse(kind, value, where)

    def _day(self, value: Any, where: str) -> dt.date:
        try:
            return dt.date.fromisoformat(value)
        except (TypeError, ValueError) as error:
            raise self._mismatch(dt.date, value, where) from error

    def _one_of(self, kinds: tuple[Any, ...], value: Any, where: str) -> Any:
        if value is None and type(None) in kinds:
            return None
        options = [kind for kind in kinds if kind is not type(None)]
        if len(options) == 1:
            return self.decode(options[0], value, where)
        for kind in sorted(options, key=lambda option: option is float):  # a whole number stays one where it may
            try:
                return self.decode(kind, value, where)
            except CounterpointError:
                continue
        raise self._mismatch(Union[tuple(kinds)], value, where)  # noqa: UP007  of a tuple

    def _sequence(self, origin: Any, kinds: tuple[Any, ...], value: Any, where: str) -> Any:
        if not isinstance(value, list):
            self._refuse(origin, value, where)
        made: Callable[[Any], Any] = list if origin is list else tuple
        if origin is not tuple or (len(kinds) == 2 and kinds[1] is Ellipsis):
            return made([self.decode(kinds[0], each, f"{where}.{place}") for place, each in enumerate(value)])
        if len(value) != len(kinds):
            raise self._refusal(where, f"{len(value)} values where {len(kinds)} belong")
        pairs = enumerate(zip(kinds, value, strict=True))
        return made([self.decode(kind, each, f"{where}.{place}") for place, (kind, each) in pairs])

    def _mapping(self, kinds: tuple[Any, ...], value: Any, where: str) -> dict[Any, Any]:
        of_key, of_value = kinds
        if isinstance(value, Mapping) and value.keys() == {PAIRS}:
            pairs = [(self.decode(of_key, key, where), each) for key, each in value[PAIRS]]
        elif isinstance(value, Mapping):
            pairs = [(self.decode(of_key, key, where), each) for key, each in value.items()]
        else:
            self._refuse(dict, value, where)
        return {key: self.decode(of_value, each, f"{where}.{key}") for key, each in pairs}

    def _fields(self, kind: Any, value: Any, where: str) -> Any:
        found = self._class(kind, value, where)
        given = {name: each for name, each in value.items() if name != CLASS}
        names = field_names(found)
        if missing := [name for name in names if name not in given]:
            raise self._refusal(where, f"no field {missing[0]!r}")
        if surplus := [name for name in given if name not in names]:
            raise self._refusal(where, f"a field {surplus[0]!r}, which {found.__name__} has not")
        hints = _hints(found)
        return found(**{name: self.decode(hints[name], given[name], f"{where}.{name}") for name in names})

    def _class(self, kind: Any, value: Any, where: str) -> Any:
        """Return the class that a value says it is of, if it may stand here."""
        name = value.get(CLASS) if isinstance(value, Mapping) else None
        itself = kind if is_dataclass(kind) or _is_named_tuple(kind) else None
        for known in (*([itself] if itself else []), *self.among):
            if known.__name__ == name:
                return known
        raise self._mismatch(kind, value, where)

    def _array(self, kind: Any, value: Any, where: str) -> NDArray[Any]:
        if not isinstance(value, Mapping) or value.keys() != {ARRAY}:
            self._refuse(kind, value, where)
        array = self._stored(value[ARRAY], where)
        declared = _declared_dtype(kind)
        if declared is not None and not np.issubdtype(array.dtype, declared):
            raise self._refusal(where, f"an array of {array.dtype} where {np.dtype(declared)} belongs")
        return array

    def _sparse(self, kind: Any, path: str, where: str) -> Any:
        data, indices, start, shape = (self._stored(f"{path}.{part}", where) for part in CSR_PARTS)
        try:
            rows = sparse.csr_array((data, indices, start), shape=tuple(shape.tolist()))
            rows.check_format()
        except (ValueError, TypeError) as error:
            raise self._refusal(where, f"no sparse matrix ({_first_line(error)})") from error
        return rows if kind in (Any, sparse.csr_array) else kind(rows)

    def _stored(self, name: str, where: str) -> NDArray[Any]:
        if self.arrays is None:
            self.arrays = _read_arrays(self.path.with_suffix(".npz"))
        if name not in self.arrays:
            raise self._refusal(where, f"no array {name!r} in {self.path.with_suffix('.npz').name}")
        return self.arrays[name]

    def _frame(self, kind: type, value: Any, where: str) -> Any:
        mark = FRAME if kind is pl.DataFrame else SERIES
        if not isinstance(value, Mapping) or value.keys() != {mark} or Path(value[mark]).name != value[mark]:
            self._refuse(kind, value, where)
        frame = parquet.read(self.path.with_name(value[mark]))
        if kind is pl.DataFrame:
            return frame
        if frame.width != 1:
            raise self._refusal(where, f"{frame.width} columns where one belongs")
        return frame.to_series()

    def _refuse(self, kind: Any, value: Any, where: str) -> NoReturn:
        raise self._mismatch(kind, value, where)

    def _mismatch(self, kind: Any, value: Any, where: str) -> CounterpointError:
        shown = json.dumps(value)[:60]
        return self._refusal(where, f"{shown} where {getattr(kind, '__name__', str(kind))} belongs")

    def _refusal(self, where: str, what: str) -> CounterpointError:
        place = f"{where[1:]!r} has " if where else "there is "
        return CounterpointError(f"{self.path} is damaged or of another version: {place}{what}; make it again")


def _read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with ZipFile(path) as archive:  # numpy would leave a damaged one open
            damaged = archive.testzip()
        if damaged is None:
            with np.load(path, allow_pickle=False) as content:
                return {name: content[name] for name in content.files}
    except DAMAGE as error:
        raise CounterpointError(f"{path} cannot be read ({_first_line(error)}): make it again") from error
    raise CounterpointError(f"{path} is damaged at {damaged!r}: make it again")


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


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]

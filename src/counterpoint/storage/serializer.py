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

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, TypeVar, cast
from zipfile import BadZipFile

import numpy as np
import polars as pl

from counterpoint.errors import CounterpointError
from counterpoint.storage.encoding import Decoder, Encoder, Parts

FORMAT: Final = 1
DAMAGE: Final = (OSError, EOFError, ValueError, KeyError, BadZipFile, RecursionError, pl.exceptions.PolarsError)

T = TypeVar("T")


def save(value: Any, folder: Path, name: str) -> None:
    """Write a value into a folder: `name.json` and, where it has arrays or frames, `name.npz` and `name.*.parquet`.

    Raises
    ------
    CounterpointError
        If some part of it is nothing that can be kept.
    """
    encoded = Encoder(parts := Parts()).encode(value, "value")
    if parts.arrays:
        np.savez(folder / f"{name}.npz", **cast("dict[str, Any]", parts.arrays))
    for key, frame in parts.frames.items():
        frame.write_parquet(folder / f"{name}.{key}.parquet")
    files = [*([f"{name}.npz"] if parts.arrays else []), *(f"{name}.{key}.parquet" for key in parts.frames)]
    digests = {file: _digest((folder / file).read_bytes()) for file in files}
    content = {"format": FORMAT, "sha256": _digest(_text(encoded)), "files": digests, "value": encoded}
    (folder / f"{name}.json").write_bytes(_text(content))


def load(kind: type[T], folder: Path, name: str, *, among: Sequence[type] = ()) -> T:
    """Read the value of class `kind` that `save` wrote.

    `among` names the classes that may stand where a field declares a protocol or a class above them.

    Raises
    ------
    CounterpointError
        If a file is missing or damaged, of another format, or a field is not what the class declares.
    """
    path = folder / f"{name}.json"
    content = _read_content(path)
    reader = Decoder(path, tuple(among), _read_parts(path, content["files"]))
    value = reader.whole(kind, content["value"])
    if _digest(_text(content["value"])) != content["sha256"]:
        raise CounterpointError(f"{path} is damaged: its SHA-256 is not the one it was kept with; make it again")
    return cast("T", value)


def loads_plain(value: Any, kind: type[T], *, source: str) -> T:
    """Return the value of class `kind` that JSON values stand for; `source` says where they are from, in messages."""
    return cast("T", Decoder(Path(source)).whole(kind, value))


def plain(value: Any) -> Any:
    """Return a value without arrays and frames as JSON values; `loads_plain` is the way back.

    Raises
    ------
    CounterpointError
        If some part of it is nothing that JSON can hold.
    """
    return Encoder(None).encode(value, "value")


def _read_content(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except DAMAGE as error:
        raise _unreadable(path, error) from error
    match content:
        case {"format": number} if number != FORMAT:
            raise CounterpointError(f"{path} has format {number!r}, not {FORMAT}: make it again")
        case {"format": int(), "sha256": str(), "files": dict(), "value": _}:
            return cast("dict[str, Any]", content)
    raise CounterpointError(f"{path} was not written by Counterpoint: make it again")


def _read_parts(path: Path, digests: Mapping[str, Any]) -> Parts:
    """Read the arrays and frames beside a file, if they are as they were written."""
    parts, name = Parts(), path.stem
    for file, digest in digests.items():
        if Path(file).name != file or not file.startswith(f"{name}.") or not file.endswith((".npz", ".parquet")):
            raise CounterpointError(f"{path} is damaged: it names the file {file!r}; make it again")
        beside = path.with_name(file)
        try:
            if _digest(beside.read_bytes()) != digest:
                raise CounterpointError(f"{beside} is damaged: {path.name} has another SHA-256; make it again")
            if file.endswith(".npz"):
                with beside.open("rb") as opened, np.load(opened, allow_pickle=False) as arrays:
                    parts.arrays |= {key: arrays[key] for key in arrays.files}
            else:
                parts.frames[file[len(name) + 1 : -len(".parquet")]] = pl.read_parquet(beside, glob=False)
        except DAMAGE as error:
            raise _unreadable(beside, error) from error
    return parts


def _unreadable(path: Path, error: Exception) -> CounterpointError:
    first = str(error).partition("\n")[0]
    return CounterpointError(f"{path} cannot be read ({first}): make it again")


def _text(value: Any) -> bytes:
    return json.dumps(value, allow_nan=False).encode()


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()

"""Our own npz: names, each edge once, and its values; arrays only, never a pickle."""

from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from counterpoint.errors import CounterpointError
from counterpoint.networks.formats.edge_table import VALUE_COLUMNS, EdgeTable, ReadReport, explained
from counterpoint.networks.graph import Network
from counterpoint.storage import commit

MARK: Final = "counterpoint_network"
VERSION: Final = 1


def write(network: Network, path: Path | str) -> None:
    """Write a network to an .npz file, whole or not at all; `read` gives it back.

    Raises CounterpointError if the name ends otherwise, or the disk refuses.

    >>> from tempfile import TemporaryDirectory
    >>> from counterpoint.networks.readers import read
    >>> with TemporaryDirectory() as folder:
    ...     write(Network.of([0, 1], [1, 2], nodes=4), Path(folder) / "a.npz")
    ...     read(Path(folder) / "a.npz").nodes
    4
    """
    to = Path(path)
    if to.suffix != ".npz":
        raise CounterpointError(f"{to}: a name that ends in .npz would be right")
    once = slice(None) if network.directed else network.tails <= network.to
    columns = {name: column[once] for name in VALUE_COLUMNS if (column := getattr(network, name)) is not None}
    arrays = {"source": network.tails[once], "target": network.to[once], "directed": np.array(network.directed)}
    with commit.atomic_file(to) as temporary, commit.readable_errors(to), temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **{MARK: np.array(VERSION)}, **arrays, **columns, **_packed(network.names))


def is_ours(data: bytes) -> bool:
    """Say whether an npz is a network that `write` wrote."""
    return f"{MARK}.npy".encode() in data


def read(file: str, data: bytes) -> EdgeTable:
    """Read what `write` wrote. Raises CounterpointError for anything else."""
    with explained(f"{file}: no network that was saved here"), np.load(BytesIO(data), allow_pickle=False) as saved:
        if int(saved[MARK]) != VERSION:
            raise CounterpointError(f"{file}: a network of version {saved[MARK]}; {VERSION} would be right")
        source, target, names = _flat(saved["source"]), _flat(saved["target"]), _names(saved)
        directed = bool(saved["directed"])
        columns = {name: _flat(saved[name]).astype(np.float64) for name in VALUE_COLUMNS if name in saved}
    return EdgeTable(names, source, target, ReadReport(len(source)), directed, None, columns)


def _flat(values: NDArray[Any]) -> NDArray[Any]:
    if values.ndim != 1:
        raise ValueError(f"an array of {values.ndim} dimensions")
    return values


def _packed(names: pl.Series) -> dict[str, NDArray[Any]]:
    """Return names as arrays: whole numbers as they are, texts as UTF-8 bytes and where each ends."""
    if names.dtype != pl.String:
        return {"names": names.to_numpy()}
    text = "".join(names.to_list()).encode()
    return {"texts": np.frombuffer(text, np.uint8), "ends": names.str.len_bytes().cum_sum().to_numpy().astype(np.int64)}


def _names(saved: Any) -> pl.Series:
    if "names" in saved:
        return pl.Series("node", _flat(saved["names"]).astype(np.int64, casting="safe"))
    text, ends = _flat(saved["texts"]).astype(np.uint8, casting="safe").tobytes(), _flat(saved["ends"]).tolist()
    starts = [0, *ends[:-1]]
    if ends and ends[-1] != len(text):
        raise ValueError("names cut short")
    return pl.Series("node", [text[a:b].decode() for a, b in zip(starts, ends, strict=True)], pl.String)

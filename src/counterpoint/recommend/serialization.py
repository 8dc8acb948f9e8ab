"""A recommender on the disk: arrays in npz, tables in Parquet, everything else in JSON; nothing in it is code."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from zipfile import BadZipFile

import numpy as np
import polars as pl

from counterpoint.errors import CounterpointError
from counterpoint.recommend.context import Lifts
from counterpoint.recommend.interactions import Interactions
from counterpoint.recommend.models.registry import Arrays, put_together, taken_apart
from counterpoint.recommend.models.reranked import Styles
from counterpoint.recommend.recommender import Recommender
from counterpoint.storage import parquet
from counterpoint.storage.commit import make_folder, publish_folder

FORMAT: Final = 1
PAIRS: Final = ("start", "song", "rating", "plays", "last", "disliked", "device")
DAMAGE: Final = (
    OSError,
    EOFError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    BadZipFile,
    pl.exceptions.PolarsError,
)
LIFTS: Final = "lifts.npz"
STYLES: Final = "styles.npz"
MODELS: Final = ("model", "fallback", "alike")


def write(recommender: Recommender, folder: Path) -> None:
    """Write a recommender into an empty folder."""
    seen = recommender.seen
    np.savez(folder / "seen.npz", **{name: getattr(seen, name) for name in PAIRS})
    seen.listeners.to_frame("uid").write_parquet(folder / "listeners.parquet")
    recommender.names.write_parquet(folder / "songs.parquet")
    recommender.versions.write_parquet(folder / "versions.parquet")
    told: dict[str, Any] = {
        name: getattr(recommender, name) for name in ("kind", "seed", "fewest", "members", "dislike", "context")
    }
    np.savez(folder / STYLES, number=recommender.styles.number)
    told["styles"] = recommender.styles.count
    if recommender.lifts is not None:
        np.savez(folder / LIFTS, hour=recommender.lifts.hour, weekday=recommender.lifts.weekday)
    for name in MODELS:
        told[name], arrays = taken_apart(getattr(recommender, name))
        np.savez(folder / f"{name}.npz", **arrays)  # type: ignore[arg-type]
    (folder / "recommender.json").write_text(json.dumps({"format": FORMAT, **told}))


def save(recommender: Recommender, folder: Path) -> None:
    """Write a recommender into a folder that is not there yet, whole or not at all."""
    if folder.exists():
        raise CounterpointError(f"{folder} is there already: name a new folder")
    make_folder(folder.absolute().parent)
    with TemporaryDirectory(dir=folder.absolute().parent, prefix=f".{folder.name}-") as home:
        staged = Path(home) / folder.name
        staged.mkdir()
        write(recommender, staged)
        publish_folder(staged, folder.absolute())


def read(folder: Path) -> Recommender:
    """Read what `write` wrote.

    Raises
    ------
    CounterpointError
        If it is damaged, or of another format.
    """
    try:
        told = json.loads((folder / "recommender.json").read_text())
        if told.pop("format") != FORMAT:
            raise CounterpointError(f"{folder} was kept by another version of Counterpoint: train it again")
        names = parquet.read(folder / "songs.parquet")
        seen = Interactions(
            parquet.read(folder / "listeners.parquet")["uid"], names["song_id"], **_arrays(folder / "seen.npz")
        )
        models: dict[str, Any] = {
            name: put_together(told.pop(name), _arrays(folder / f"{name}.npz")) for name in MODELS
        }
        members = tuple((name, weight) for name, weight in told.pop("members"))
        versions = parquet.read(folder / "versions.parquet")
        styles = Styles(_arrays(folder / STYLES)["number"], told.pop("styles"))
        lifts = Lifts(**_arrays(folder / LIFTS)) if (folder / LIFTS).exists() else None
        return Recommender(
            **told, **models, members=members, styles=styles, lifts=lifts, seen=seen, names=names, versions=versions
        )
    except DAMAGE as error:
        first = str(error).partition("\n")[0]
        raise CounterpointError(f"{folder} holds no whole recommender ({first}): train it again") from error


def _arrays(path: Path) -> Arrays:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
        return {name: held[name] for name in held.files}

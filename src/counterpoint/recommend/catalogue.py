"""The songs of some days: what they are called, which are versions of one, and which id a version goes by."""

from dataclasses import dataclass
from typing import Final

import polars as pl

from counterpoint.errors import CounterpointError
from counterpoint.events.schema import date
from counterpoint.snapshots.session import BOTS_FILE, SnapshotSession
from counterpoint.storage.engine import Engine
from counterpoint.storage.workspace import Folder

TITLE: Final = pl.concat_str(  # two songs of which it is the same are versions of one; null where a part is
    *(pl.col(name).str.strip_chars().str.to_lowercase() for name in ("name", "singer")), separator="\n"
)


@dataclass(frozen=True, eq=False)
class Catalogue:
    """The songs of a window of days, each version beside the song that it is one of.

    songs    : song_id, name, singer (the most frequent ones; null where the log has none), plays
    versions : song_id, song: the id of the most played song of the same name and singer, itself included
    """

    songs: pl.DataFrame
    versions: pl.DataFrame


def read_catalogue(engine: Engine, after: int, until: int) -> Catalogue:
    """Return the songs with a play, download, like or dislike in (after, until]; 0, -1 and null are no songs."""
    rows = engine.fetch(_names_sql(after, until))
    zero = pl.col("song_id").is_in(["0", "-1"]) if rows.schema["song_id"] == pl.String else pl.col("song_id") <= 0
    rows = rows.filter(~zero)
    named = rows.sort(["song_id", "n", "name", "singer"], descending=[False, True, False, False], nulls_last=True)
    songs = named.group_by("song_id", maintain_order=True).agg(
        pl.col("name").drop_nulls().first(), pl.col("singer").drop_nulls().first(), pl.col("n").sum().alias("plays")
    )
    if not songs.height:
        raise CounterpointError(f"no song was played or downloaded from {date(after + 1)} to {date(until)}")
    versioned = songs.filter(TITLE.is_not_null()).select(
        "song_id",
        pl.col("song_id").sort_by(["plays", "song_id"], descending=[True, False]).first().over(TITLE).alias("song"),
    )
    versions = (
        songs.select("song_id")
        .join(versioned, on="song_id", how="left")
        .with_columns(pl.col("song").fill_null(pl.col("song_id")))
    )
    return Catalogue(songs.sort("song_id"), versions.sort("song_id"))


def _names_sql(after: int, until: int) -> str:
    return (
        "SELECT song_id, song_name AS name, singer, CAST(count(*) AS BIGINT) AS n FROM events"
        f" WHERE song_id IS NOT NULL AND uid IS NOT NULL AND day > {after} AND day <= {until} AND kind <> 'S'"
        " GROUP BY song_id, song_name, singer"
    )


def register_songs(
    session: SnapshotSession, cleaning: Folder, after: int, until: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Let the engine know `versions` and `bots`; return the songs (a song's number is its row) and their versions."""
    catalogue = read_catalogue(session.engine, after, until)
    songs = catalogue.songs.join(catalogue.versions, left_on="song_id", right_on="song", how="semi")
    songs = songs.sort(["plays", "song_id"], descending=[True, False])
    numbers = songs.select(song="song_id", number=pl.int_range(pl.len(), dtype=pl.Int32))
    file = session.writer.stage() / "versions.parquet"
    catalogue.versions.join(numbers, on="song").select("song_id", song="number").write_parquet(file)
    session.engine.register("versions", [file])
    session.engine.register("bots", [cleaning.file(BOTS_FILE)])
    return songs.select("song_id", "name", "singer"), catalogue.versions.filter(pl.col("song_id") != pl.col("song"))


def canonical_ids(ids: pl.Series, versions: pl.DataFrame | None) -> pl.Series:
    """Return the ids that songs go by: a version's that of its song, any other its own."""
    if versions is None or not versions.height:
        return ids
    asked = ids.alias("song_id").to_frame().join(versions, on="song_id", how="left", maintain_order="left")
    return asked.select(pl.coalesce("song", "song_id")).to_series()


def ids_as_known(songs: pl.DataFrame, names: pl.DataFrame, versions: pl.DataFrame) -> pl.Series:
    """Return the id that each song, or a version of it, is known by; its own if nobody knows it.

    songs, names : song_id, name, singer: the songs asked about, and those known
    """
    own_ids = names.select("song_id", song="song_id")
    ids = pl.concat([own_ids, versions]).unique("song_id", keep="first")
    by_title = names.select(title=TITLE, by_title="song_id").drop_nulls().unique("title", keep="first")
    asked = songs.with_columns(title=TITLE).join(ids, on="song_id", how="left", maintain_order="left")
    asked = asked.join(by_title, on="title", how="left", maintain_order="left")
    return asked.select(song_id=pl.coalesce("song", "by_title", "song_id"))["song_id"]

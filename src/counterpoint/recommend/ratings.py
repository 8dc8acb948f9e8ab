"""From events to ratings: what each listener thinks of each song, told by how much of it they hear (spec A8).

A play scores 5 if at least four fifths of the song were heard, 4, 3, 2 for three, two, one fifth, and 1 for less. A
rating is the mean of a pair's scores, rounded half up to a whole number; a download or a like is a 5. Every play that
cleaning keeps counts; one whose share nobody knows counts as a play but says nothing of the rating.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from counterpoint.errors import CounterpointError
from counterpoint.events.cleaning import Cleaning, cleaned_sql
from counterpoint.events.schema import date
from counterpoint.recommend.interactions import LOVED, Interactions, devices_numbered
from counterpoint.snapshots.session import SnapshotSession, cleaning_in
from counterpoint.storage.engine import Engine
from counterpoint.storage.workspace import Folder

SKIPS: Final = 2  # plays of less than a fifth, and no other, from which on a listener does not like a song
AT_ONCE: Final = 20_000_000  # events whose pairs are counted together
SAME: Final = pl.concat_str(  # two songs of which it is the same are versions of one; null where a part is
    *(pl.col(name).str.strip_chars().str.to_lowercase() for name in ("name", "singer")), separator="\n"
)
HEARD: Final = "kind = 'P' AND kept AND song_ms > 0 AND play_ms IS NOT NULL"
SCORE: Final = " + ".join(
    ("1", *(f"CASE WHEN 5 * play_ms >= {fifths} * song_ms THEN 1 ELSE 0 END" for fifths in range(1, 5)))
)
SUMS: Final = {
    "plays": "count(CASE WHEN kind = 'P' AND kept THEN 1 END)",
    "scored": f"count(CASE WHEN {HEARD} THEN 1 END)",
    "score": f"sum(CASE WHEN {HEARD} THEN {SCORE} ELSE 0 END)",
    "loved": "count(CASE WHEN kind = 'D' OR kind = 'L' THEN 1 END)",
    "hated": "count(CASE WHEN kind = 'X' THEN 1 END)",
    "last": "max(day)",
}
DISLIKED: Final = (  # said so, or skipped early again and again and never heard on
    f"(hated > 0 OR (scored >= {SKIPS} AND score = scored AND loved = 0))"
)
SHARES: Final = {  # of the song that was heard: what says whether it was liked, in the days to come
    "heard_ms": f"sum(CASE WHEN {HEARD} THEN play_ms ELSE 0 END)",
    "length_ms": f"sum(CASE WHEN {HEARD} THEN song_ms ELSE 0 END)",
}


@dataclass(frozen=True, eq=False)
class Catalogue:
    """The songs of a window of days, each version beside the song that it is one of.

    songs    : song_id, name, singer (the most frequent ones; null where the log has none), plays
    versions : song_id, song: the id of the most played song of the same name and singer, itself included
    """

    songs: pl.DataFrame
    versions: pl.DataFrame


def catalogue(engine: Engine, after: int, until: int) -> Catalogue:
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
    best = songs.filter(SAME.is_not_null()).select(
        "song_id",
        pl.col("song_id").sort_by(["plays", "song_id"], descending=[True, False]).first().over(SAME).alias("song"),
    )
    versions = (
        songs.select("song_id")
        .join(best, on="song_id", how="left")
        .with_columns(pl.col("song").fill_null(pl.col("song_id")))
    )
    return Catalogue(songs.sort("song_id"), versions.sort("song_id"))


def _names_sql(after: int, until: int) -> str:
    return (
        "SELECT song_id, song_name AS name, singer, CAST(count(*) AS BIGINT) AS n FROM events"
        f" WHERE song_id IS NOT NULL AND uid IS NOT NULL AND day > {after} AND day <= {until} AND kind <> 'S'"
        " GROUP BY song_id, song_name, singer"
    )


def pairs_sql(how: Cleaning, after: int, until: int, *, where: str = "", shares: bool = False) -> str:
    """Return portable SQL from `events`, `bots` and `versions` to one row a pair: uid, song, the sums, disliked.

    `where` says of which events, after an AND; with `shares` there are the times heard beside the songs' lengths.
    """
    source = (
        "SELECT e.uid AS uid, v.song AS song, e.kind AS kind, e.day AS day, e.song_ms AS song_ms, e.play_ms AS play_ms"
        " FROM events e JOIN versions v ON e.song_id = v.song_id"
        f" WHERE e.uid IS NOT NULL AND e.day > {after} AND e.day <= {until} AND e.kind <> 'S'{where}"
        " AND e.uid NOT IN (SELECT uid FROM bots)"
    )
    cleaned = cleaned_sql(how, source, keep=("uid", "song", "day"))
    sums = ", ".join(
        f"CAST({sql} AS {'BIGINT' if name in SHARES else 'INTEGER'}) AS {name}"
        for name, sql in (SUMS | SHARES if shares else SUMS).items()
    )
    counted = f"SELECT uid, song, {sums} FROM ({cleaned}) c WHERE kept GROUP BY uid, song"
    return f"SELECT p.*, {DISLIKED} AS disliked FROM ({counted}) p"


@dataclass(frozen=True, eq=False)
class Ratings:
    """What listeners think of songs in a window of days, and what the songs are called.

    names    : song_id, name, singer, in the order of the interactions' songs
    versions : song_id, song: another version of a song that goes by the id `song`
    until    : the last day known, days since 1970-01-01
    """

    interactions: Interactions
    names: pl.DataFrame
    versions: pl.DataFrame
    until: int


def ratings(session: SnapshotSession, by: Folder, after: int, until: int, *, of: str = "") -> Ratings:
    """Return what the listeners think of songs in the days (after, until], cleaned by the folder `by`.

    `of` is portable SQL that says which listeners, by `e.bucket`, after an AND.

    Raises
    ------
    CounterpointError
        If no song was played or downloaded then.
    """
    songs, versions = known_songs(session, by, after, until)
    parts = [_rated(part) for part in _parts(session, by, (after, until), of)]
    return Ratings(*_together(parts, songs, _devices(session, after, until)), versions, until)


def liked_later(session: SnapshotSession, by: Folder, until: int, known: Ratings, *, of: str = "") -> pl.DataFrame:
    """Return what listeners liked in the days after those `known`, up to `until`: uid, song_id, as it is known by.

    Downloaded, said to be liked, or heard for three fifths of its length in the mean of its plays; where a log does not
    say how long, played. Nothing that they said they dislike.
    """
    after = known.until
    songs = _as_known(known_songs(session, by, after, until)[0], known)
    enough = pl.col("loved").gt(0) | (
        pl.when(pl.col("scored") > 0)
        .then(5 * pl.col("heard_ms") >= 3 * pl.col("length_ms"))
        .otherwise(pl.col("plays") > 0)
    )
    parts = (
        part.filter(enough & (pl.col("hated") == 0)) for part in _parts(session, by, (after, until), of, shares=True)
    )
    return pl.concat([part.select("uid", song_id=songs.gather(part["song"])) for part in parts])


def _as_known(songs: pl.DataFrame, known: Ratings) -> pl.Series:
    """Return the id that each song, or a version of it, is known by; its own if nobody knows it."""
    own = known.names.select("song_id", song="song_id")
    ids = pl.concat([own, known.versions]).unique("song_id", keep="first")
    named = known.names.select(same=SAME, by_name="song_id").drop_nulls().unique("same", keep="first")
    found = songs.with_columns(same=SAME).join(ids, on="song_id", how="left", maintain_order="left")
    found = found.join(named, on="same", how="left", maintain_order="left")
    return found.select(song_id=pl.coalesce("song", "by_name", "song_id"))["song_id"]


def known_songs(session: SnapshotSession, by: Folder, after: int, until: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Let the engine know `versions` and `bots`; return the songs (a song's number is its row) and their versions."""
    found = catalogue(session.engine, after, until)
    songs = found.songs.join(found.versions, left_on="song_id", right_on="song", how="semi")
    songs = songs.sort(["plays", "song_id"], descending=[True, False])
    numbers = songs.select(song="song_id", number=pl.int_range(pl.len(), dtype=pl.Int32))
    chosen = session.writer.stage() / "versions.parquet"
    found.versions.join(numbers, on="song").select("song_id", song="number").write_parquet(chosen)
    session.engine.register("versions", [chosen])
    session.engine.register("bots", [by.file("bots.parquet")])
    return songs.select("song_id", "name", "singer"), found.versions.filter(pl.col("song_id") != pl.col("song"))


def _parts(
    session: SnapshotSession, by: Folder, days: tuple[int, int], of: str, *, shares: bool = False
) -> Iterator[pl.DataFrame]:
    """Yield the pairs of some of the listeners after others: uid, song, sums."""
    after, until = days
    events = session.engine.fetch(
        f"SELECT count(*) AS n FROM events e WHERE e.day > {after} AND e.day <= {until}{of}"
    ).item()
    parts = max(1, -(-int(events) // AT_ONCE))
    for part in range(parts):
        where = f"{of} AND CAST(e.bucket AS BIGINT) % {parts} = {part}" if parts > 1 else of
        yield session.engine.fetch(pairs_sql(cleaning_in(by), after, until, where=where, shares=shares))


def _rated(pairs: pl.DataFrame) -> pl.DataFrame:
    """Return uid, song, rating, plays, last, disliked."""
    scored, score = pl.col("scored"), pl.col("score")
    rating = pl.when(pl.col("loved") > 0).then(LOVED).when(scored > 0).then((2 * score + scored) // (2 * scored))
    return pairs.select(
        "uid",
        "song",
        rating.cast(pl.Float32).alias("rating"),
        pl.col("plays").cast(pl.Float32),
        "last",
        "disliked",
    )


def _devices(session: SnapshotSession, after: int, until: int) -> pl.DataFrame:
    """Return the device of most events of each listener: uid, device (null where none is known)."""
    counts = session.engine.fetch(
        "SELECT uid, device, CAST(count(*) AS BIGINT) AS n FROM events WHERE uid IS NOT NULL AND device IS NOT NULL"
        f" AND day > {after} AND day <= {until} GROUP BY uid, device"
    )
    return counts.sort(["uid", "n", "device"], descending=[False, True, False]).group_by("uid").agg(pl.first("device"))


def _together(
    parts: list[pl.DataFrame], songs: pl.DataFrame, devices: pl.DataFrame
) -> tuple[Interactions, pl.DataFrame]:
    """Return the parts as one, over the songs that somebody knows, the best known first; and these songs."""
    counts = sum(
        (np.bincount(part["song"].to_numpy(), minlength=songs.height) for part in parts),
        np.zeros(songs.height, np.int64),
    )
    if not counts.any():
        raise CounterpointError("no play or download is left after cleaning: there is nothing to recommend by")
    order = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
    number = np.full(songs.height, -1, np.int32)
    number[order] = np.arange(len(order), dtype=np.int32)
    names = songs[order]
    for at, part in enumerate(parts):
        parts[at] = part.with_columns(pl.Series("song", number[part["song"].to_numpy()])).sort("uid", "song")
    uid = pl.concat([part["uid"].rle().struct.rename_fields(["n", "uid"]).struct.unnest() for part in parts])
    listeners = uid.join(devices, on="uid", how="left", maintain_order="left")

    def column(name: str) -> NDArray[Any]:
        return np.concatenate([part[name].to_numpy() for part in parts])

    found = Interactions(
        listeners["uid"],
        names["song_id"],
        np.append(0, np.cumsum(uid["n"].to_numpy(), dtype=np.int64)),
        column("song"),
        np.concatenate([part["rating"].fill_null(np.nan).to_numpy() for part in parts]),
        column("plays"),
        column("last"),
        column("disliked"),
        devices_numbered(listeners["device"]),
    )
    return found if len(parts) == 1 else found.rows(listeners["uid"].arg_sort().to_numpy()), names

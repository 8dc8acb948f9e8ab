"""From events to ratings: what each listener thinks of each song, judged by how much of it they hear.

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
from counterpoint.recommend.catalogue import ids_as_known, register_songs
from counterpoint.recommend.interactions import TOP_RATING, Interactions, encode_devices
from counterpoint.snapshots.session import SnapshotSession, cleaning_in
from counterpoint.storage.workspace import Folder

MIN_SKIPS: Final = 2  # plays of less than a fifth, and no other, from which on a listener does not like a song
EVENTS_PER_BATCH: Final = 20_000_000  # whose pairs are counted together
IS_HEARD_SQL: Final = "kind = 'P' AND kept AND song_ms > 0 AND play_ms IS NOT NULL"
SCORE_SQL: Final = " + ".join(
    ("1", *(f"CASE WHEN 5 * play_ms >= {fifths} * song_ms THEN 1 ELSE 0 END" for fifths in range(1, 5)))
)
SUMS_SQL: Final = {
    "plays": "count(CASE WHEN kind = 'P' AND kept THEN 1 END)",
    "scored": f"count(CASE WHEN {IS_HEARD_SQL} THEN 1 END)",
    "score": f"sum(CASE WHEN {IS_HEARD_SQL} THEN {SCORE_SQL} ELSE 0 END)",
    "loved": "count(CASE WHEN kind = 'D' OR kind = 'L' THEN 1 END)",
    "hated": "count(CASE WHEN kind = 'X' THEN 1 END)",
    "last_day": "max(day)",
}
IS_DISLIKED_SQL: Final = (  # said so, or skipped early again and again and never heard on
    f"(hated > 0 OR (scored >= {MIN_SKIPS} AND score = scored AND loved = 0))"
)
LENGTHS_SQL: Final = {  # of the song that was heard: what says whether it was liked, in the days to come
    "heard_ms": f"sum(CASE WHEN {IS_HEARD_SQL} THEN play_ms ELSE 0 END)",
    "length_ms": f"sum(CASE WHEN {IS_HEARD_SQL} THEN song_ms ELSE 0 END)",
}


def pairs_sql(cleaning: Cleaning, after: int, until: int, *, where: str = "", lengths: bool = False) -> str:
    """Return portable SQL from `events`, `bots` and `versions` to one row a pair: uid, song, the sums, disliked.

    `where` says of which events, after an AND; with `lengths` there are the times heard beside the songs' lengths.
    """
    source = (
        "SELECT e.uid AS uid, v.song AS song, e.kind AS kind, e.day AS day, e.song_ms AS song_ms, e.play_ms AS play_ms"
        " FROM events e JOIN versions v ON e.song_id = v.song_id"
        f" WHERE e.uid IS NOT NULL AND e.day > {after} AND e.day <= {until} AND e.kind <> 'S'{where}"
        " AND e.uid NOT IN (SELECT uid FROM bots)"
    )
    cleaned = cleaned_sql(cleaning, source, keep=("uid", "song", "day"))
    sums = ", ".join(
        f"CAST({sql} AS {'BIGINT' if name in LENGTHS_SQL else 'INTEGER'}) AS {name}"
        for name, sql in (SUMS_SQL | LENGTHS_SQL if lengths else SUMS_SQL).items()
    )
    pairs = f"SELECT uid, song, {sums} FROM ({cleaned}) c WHERE kept GROUP BY uid, song"
    return f"SELECT p.*, {IS_DISLIKED_SQL} AS disliked FROM ({pairs}) p"


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


def compute_ratings(session: SnapshotSession, cleaning: Folder, after: int, until: int, *, where: str = "") -> Ratings:
    """Return what the listeners think of songs in the days (after, until], cleaned by the folder `cleaning`.

    `where` is portable SQL that says which listeners, by `e.bucket`, after an AND.

    Raises
    ------
    CounterpointError
        If no song was played or downloaded then.
    """
    songs, versions = register_songs(session, cleaning, after, until)
    parts = [_rated(part) for part in _batches(session, cleaning, (after, until), where)]
    return Ratings(*_interactions(parts, songs, _devices(session, after, until)), versions, until)


def liked_later(
    session: SnapshotSession, cleaning: Folder, until: int, known: Ratings, *, where: str = ""
) -> pl.DataFrame:
    """Return what listeners liked in the days after those `known`, up to `until`: uid, song_id, as it is known by.

    Downloaded, said to be liked, or heard for three fifths of its length in the mean of its plays; where a log does not
    say how long, played. Nothing that they said they dislike.
    """
    after = known.until
    songs = ids_as_known(register_songs(session, cleaning, after, until)[0], known.names, known.versions)
    enough = pl.col("loved").gt(0) | (
        pl.when(pl.col("scored") > 0)
        .then(5 * pl.col("heard_ms") >= 3 * pl.col("length_ms"))
        .otherwise(pl.col("plays") > 0)
    )
    parts = (
        part.filter(enough & (pl.col("hated") == 0))
        for part in _batches(session, cleaning, (after, until), where, lengths=True)
    )
    return pl.concat([part.select("uid", song_id=songs.gather(part["song"])) for part in parts])


def _batches(
    session: SnapshotSession, cleaning: Folder, days: tuple[int, int], which: str, *, lengths: bool = False
) -> Iterator[pl.DataFrame]:
    """Yield the pairs of some of the listeners after others: uid, song, sums."""
    after, until = days
    events = session.engine.fetch(
        f"SELECT count(*) AS n FROM events e WHERE e.day > {after} AND e.day <= {until}{which}"
    ).item()
    parts = max(1, -(-int(events) // EVENTS_PER_BATCH))
    for part in range(parts):
        where = f"{which} AND CAST(e.bucket AS BIGINT) % {parts} = {part}" if parts > 1 else which
        yield session.engine.fetch(pairs_sql(cleaning_in(cleaning), after, until, where=where, lengths=lengths))


def _rated(pairs: pl.DataFrame) -> pl.DataFrame:
    """Return uid, song, rating, plays, last_day, disliked."""
    scored, score = pl.col("scored"), pl.col("score")
    rating = pl.when(pl.col("loved") > 0).then(TOP_RATING).when(scored > 0).then((2 * score + scored) // (2 * scored))
    return pairs.select(
        "uid",
        "song",
        rating.cast(pl.Float32).alias("rating"),
        pl.col("plays").cast(pl.Float32),
        "last_day",
        "disliked",
    )


def _devices(session: SnapshotSession, after: int, until: int) -> pl.DataFrame:
    """Return the device of most events of each listener: uid, device (null where none is known)."""
    counts = session.engine.fetch(
        "SELECT uid, device, CAST(count(*) AS BIGINT) AS n FROM events WHERE uid IS NOT NULL AND device IS NOT NULL"
        f" AND day > {after} AND day <= {until} GROUP BY uid, device"
    )
    return counts.sort(["uid", "n", "device"], descending=[False, True, False]).group_by("uid").agg(pl.first("device"))


def _interactions(
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
    for place, part in enumerate(parts):
        parts[place] = part.with_columns(pl.Series("song", number[part["song"].to_numpy()])).sort("uid", "song")
    uid = pl.concat([part["uid"].rle().struct.rename_fields(["n", "uid"]).struct.unnest() for part in parts])
    listeners = uid.join(devices, on="uid", how="left", maintain_order="left")

    def column(name: str) -> NDArray[Any]:
        return np.concatenate([part[name].to_numpy() for part in parts])

    interactions = Interactions(
        listeners=listeners["uid"],
        songs=names["song_id"],
        start=np.append(0, np.cumsum(uid["n"].to_numpy(), dtype=np.int64)),
        song=column("song"),
        rating=np.concatenate([part["rating"].fill_null(np.nan).to_numpy() for part in parts]),
        plays=column("plays"),
        last_day=column("last_day"),
        disliked=column("disliked"),
        device=encode_devices(listeners["device"]),
    )
    in_order = interactions if len(parts) == 1 else interactions.rows(listeners["uid"].arg_sort().to_numpy())
    return in_order, names

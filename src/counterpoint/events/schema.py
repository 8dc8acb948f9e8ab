"""The event table: the one place where its columns and kinds are written."""

import datetime as dt
from collections.abc import Mapping
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

EVENT_KIND_NAMES: Final[Mapping[str, str]] = {"P": "play", "D": "download", "S": "search", "L": "like", "X": "dislike"}

EVENT_KIND_PLURALS: Final = {
    code: f"{word}es" if word.endswith("ch") else f"{word}s" for code, word in EVENT_KIND_NAMES.items()
}

COLUMNS: Final[Mapping[str, str]] = {
    "uid": "who; a whole number or a text, one of the two in a workspace; null if the log's value was not one",
    "bucket": "0..9999, a hash of uid that no engine computes: the same listener, the same bucket, everywhere",
    "kind": "P play, D download, S search, L like, X dislike",
    "day": "days since 1970-01-01, as the log counts days",
    "time_ms": "the clock, milliseconds since 1970-01-01 00:00 of the log's clock; null where the log has only the day",
    "device": "ar Android, ip iPhone, or what else the log says",
    "song_id": "which song; a whole number or a text, one of the two in a workspace",
    "song_type": "the log's own code",
    "song_name": "as in the log",
    "singer": "as in the log",
    "play_ms": "how long it was played, milliseconds, as in the log: cleaning decides what to believe",
    "song_ms": "how long the song is, milliseconds, as in the log",
    "paid": "the log's paid flag; 1 = the listener pays",
    "query": "what was searched for, as in the log",
    "session": "the log's own session",
    "line": "physical line in its file, from 1; of a record over two lines, the first",
}

EPOCH: Final = dt.date(1970, 1, 1)
FIRST_DAY: Final = (dt.date(1900, 1, 1) - EPOCH).days
LAST_DAY: Final = (dt.date(2199, 12, 31) - EPOCH).days  # a clock beyond is broken, and no log begins or ends there
BUCKETS: Final = 10_000
ID_TYPES: Final[Mapping[str, type[pl.DataType]]] = {"integer": pl.Int64, "text": pl.String}


def polars_schema(uid: str, song_id: str) -> dict[str, type[pl.DataType]]:
    """Return the column types of an event table whose `uid` and `song_id` are "integer" or "text".

    >>> polars_schema("integer", "text")["uid"]
    Int64
    """
    numbers: dict[str, type[pl.DataType]] = {
        "bucket": pl.Int16,
        "day": pl.Int32,
        "time_ms": pl.Int64,
        "play_ms": pl.Int64,
        "song_ms": pl.Int64,
        "paid": pl.Int64,
        "line": pl.Int64,
    }
    ids = {"uid": ID_TYPES[uid], "song_id": ID_TYPES[song_id]}
    return {name: (ids | numbers).get(name, pl.String) for name in COLUMNS}


def date(day: int) -> dt.date:
    """Return the date of a `day`.

    >>> date(17284)
    datetime.date(2017, 4, 28)
    """
    return EPOCH + dt.timedelta(day)


def bucket(uid: pl.Series) -> pl.Series:
    """Return each uid's bucket in [0, 10000): splitmix64 of the number, or of the text's UTF-8 folded to one (FNV-1a).

    Engines hash differently, so the bucket is written once, here, and read everywhere.

    >>> bucket(pl.Series([1234567, None])).to_list()
    [5317, None]
    """
    if uid.dtype == pl.String:
        distinct = uid.unique().drop_nulls()
        folded = np.array([_fnv1a(text.encode()) for text in distinct], dtype=np.uint64)
        buckets = pl.Series(_mixed(folded), dtype=pl.Int16)
        return uid.replace_strict(distinct, buckets, default=None, return_dtype=pl.Int16)
    mixed = pl.Series(_mixed(uid.fill_null(0).to_numpy().astype(np.uint64)), dtype=pl.Int16)
    return mixed.zip_with(uid.is_not_null(), pl.Series([None], dtype=pl.Int16))


def _mixed(number: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Steele, Lea & Flood (2014), the output function of splitmix64, modulo the number of buckets."""
    z = number + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((z ^ (z >> np.uint64(31))) % np.uint64(BUCKETS)).astype(np.int64)


def _fnv1a(text: bytes) -> int:
    folded = 0xCBF29CE484222325
    for byte in text:
        folded = (folded ^ byte) * 0x100000001B3 % 2**64
    return folded

"""Many random dirty logs, stacked: each is a few listeners of its own, so one query answers for all of them."""

import itertools
from pathlib import Path

import numpy as np
import polars as pl

from counterpoint.events.schema import bucket, polars_schema
from counterpoint.storage import parquet

FIRST, LAST = 17_000, 17_230
KINDS, DEVICES = list("PPPPPPDSLX"), ["ar", "ar", "ip", "ip", "web", "AR ", None]
SONGS = [None, 0, -1000, 1, 5, 1000, 180_000, 200_000, 240_000, 245_001, 3_600_000]
LETTERS = ["a", "A", "雨", "'", '"', " ", "é"]
PLAYS = [None, 0, -7000, 1, 4, 40_000, 241_070_000, 3_000_000]


def stacked(rows: int, listeners: int, *, rng: int, machines: int = 0) -> pl.DataFrame:
    """Return random dirty events of `listeners`, of whom each is seen on a stretch of days of its own.

    A tenth of the times are published dirt, a few are far too long, and a third of the plays end at, or a millisecond
    from, a fifth of the song. The last `machines` of the listeners play a thousand times each. Some events lack a
    listener, some a day.
    """
    draw = np.random.default_rng(rng)
    uid = np.concatenate([draw.integers(1, listeners + 1, rows), np.repeat(listeners - np.arange(machines), 1000)])
    n = len(uid)
    seen_from, seen_for = draw.integers(FIRST - 5, LAST, listeners + 1), draw.integers(1, 120, listeners + 1)
    day = (seen_from[uid] + draw.integers(0, seen_for[uid])).tolist()
    kind = [draw.choice(KINDS) if at < rows else "P" for at in range(n)]
    song = _some(draw, SONGS, draw.integers(1, 400_000, n).tolist(), among=10)
    play = _some(draw, PLAYS, draw.integers(-9, 400_000, n).tolist(), among=10)
    near = zip(draw.integers(0, 3, n), draw.integers(0, 6, n), draw.integers(-1, 2, n), strict=True)
    for at, (chosen, fifths, off) in enumerate(near):
        if chosen == 0 and (song[at] or 0) > 0:
            play[at] = song[at] * int(fifths) // 5 + int(off)
    for times, longest in ((song, 10**9), (play, 10**12)):
        for at in draw.integers(0, n, n // 2500):
            times[at] = longest
    frame = pl.DataFrame(
        {
            "uid": _some(draw, [None], uid.tolist(), among=50),
            "kind": kind,
            "day": _some(draw, [None], day, among=50),
            "device": [DEVICES[at] for at in draw.integers(0, len(DEVICES), n)],
            "play_ms": play,
            "song_ms": song,
        },
        schema_overrides={"day": pl.Int32},
    )
    is_play = pl.col("kind") == "P"
    return frame.with_columns(pl.when(is_play).then(pl.col(name)).alias(name) for name in ("play_ms", "song_ms"))


def _some(draw: np.random.Generator, odd: list, values: list, *, among: int) -> list:
    """Return the values with about one in `among` of them replaced by an odd one."""
    replaced, choice = draw.integers(0, among, len(values)) == 0, draw.integers(0, len(odd), len(values))
    return [odd[c] if r else value for value, r, c in zip(values, replaced, choice, strict=True)]


def as_text(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the same events of listeners whose names are texts: of several alphabets, in cases, with blanks."""
    first = (pl.col("uid") % len(LETTERS)).replace_strict(dict(enumerate(LETTERS)), return_dtype=pl.String)
    return frame.with_columns(uid=pl.concat_str(first, pl.col("uid").cast(pl.String)))


def files(frame: pl.DataFrame, folder: Path, *, parts: int = 1) -> list[Path]:
    """Write the events as ingest does, into so many files."""
    schema = polars_schema("text" if frame["uid"].dtype == pl.String else "integer", "integer")
    cuts = [frame.height * part // parts for part in range(parts + 1)]
    written = []
    for start, end in itertools.pairwise(cuts):
        path = folder / f"{len(written)}.parquet"
        part = frame[start:end]
        with parquet.open_writer(path, schema) as append:
            append(part.with_columns(bucket(part["uid"]).alias("bucket")))
        written.append(path)
    return written

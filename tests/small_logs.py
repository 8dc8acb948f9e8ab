"""Small logs for tests: a list of events, the files they become, and random dirty ones."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl
from hypothesis import strategies as st

from counterpoint.events.formats import load_format
from counterpoint.events.ingestion import ingest
from counterpoint.events.schema import bucket, polars_schema
from counterpoint.storage import parquet

EPOCH = dt.date(1970, 1, 1)
FORMAT = """
name = "small"
[[file]]
match = "*.csv"
layout = "delimited"
fields = ["uid", "kind", "day", "device", "play", "song"]
[file.event]
uid = { field = "uid", type = "integer" }
kind = { field = "kind", values = { P = "P", D = "D", S = "S", L = "L", X = "X" } }
day = { field = "day" }
device = { field = "device" }
play_ms = { field = "play", unit = "ms" }
song_ms = { field = "song", unit = "ms" }
"""


class Event(NamedTuple):
    """One row of a log; days since 1970-01-01, times in milliseconds, None where the log has nothing."""

    uid: int | None
    kind: str
    day: int | None
    play_ms: int | None = None
    song_ms: int | None = None
    device: str | None = None


def write(events: Sequence[Event], to: Path) -> Path:
    """Write a file of events as ingest does."""
    schema = polars_schema("integer", "integer")
    columns = {name: schema[name] for name in Event._fields}
    frame = pl.DataFrame(events, schema=columns, orient="row")
    with parquet.open_writer(to, schema) as append:
        append(frame.with_columns(bucket(frame["uid"]).alias("bucket")))
    return to


def ingested(events: Sequence[Event], to: Path, *, log: str = "events.csv", replace: bool = False) -> Path:
    """Write a log, ingest it into a workspace beside it, and return the workspace."""
    to.mkdir(parents=True, exist_ok=True)
    (to / "small.toml").write_text(FORMAT)
    lines = [
        (event.uid, event.kind, EPOCH + dt.timedelta(event.day), event.device, event.play_ms, event.song_ms)
        for event in events
    ]
    (to / log).write_text("".join(",".join("" if x is None else str(x) for x in line) + "\n" for line in lines))
    ingest([to / log], to=to / "workspace", format=load_format(str(to / "small.toml")), replace=replace)
    return to / "workspace"


SONGS = st.sampled_from([None, 0, -1000, 1, 5, 1000, 180_000, 200_000, 240_000, 245_001, 10**9]) | st.integers(
    -9, 400_000
)
PLAYS = st.sampled_from([None, 0, -7000, 1, 4, 40_000, 241_070_000, 10**12]) | st.integers(-9, 400_000)
FIFTHS = st.none() | st.tuples(st.integers(0, 5), st.sampled_from([0, 0, -1, 1]))
DEVICES = st.sampled_from(["ar", "ip", "ar", "ip", "web", None])


def dirty_events(uids: Sequence[int | None], days: st.SearchStrategy[int | None]) -> st.SearchStrategy[Event]:
    """Events of any kind with the published dirt; half of the plays end near a fifth of the song."""
    times = st.tuples(PLAYS, SONGS, FIFTHS)
    return st.builds(_event, st.sampled_from(uids), st.sampled_from("PPPPPDSLX"), days, times, DEVICES)


def _event(uid, kind, day, times, device):
    play_ms, song_ms, fifths = times if kind == "P" else (None, None, None)
    if fifths and song_ms and song_ms > 0:
        play_ms = song_ms * fifths[0] // 5 + fifths[1]
    return Event(uid, kind, day, play_ms, song_ms, device)

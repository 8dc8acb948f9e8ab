"""An INVENTED log in the study's raw format, with the study's dirt: for demos and tests, never evidence about people.

Each listener is engaged, drifting or gone, a state that only the log's rhythm betrays. Some drift before they leave
(they come less, play less, skip more), others leave from one day to the next. The constants are hand-picked to resemble
the published summaries of the study (spec A1 and A6), not fitted, and who truly left is not kept.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

import numpy as np
import numpy.typing as npt
import polars as pl

from counterpoint.errors import CounterpointError
from counterpoint.rng import generator

_Ints = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float64]
_Bools = npt.NDArray[np.bool_]

_ENGAGED, _DRIFTING = 0, 1  # and 2: gone
# Row: state today; column: chance of at most this state tomorrow, on a day when the state may change.
_MOVES = np.cumsum([[0.82, 0.13, 0.05], [0.02, 0.80, 0.18], [0.004, 0.0, 0.996]], axis=1)
# What a state multiplies: the chance of a visit, the plays of a visit; and what it adds: to the chance to skip.
_COMES, _PLAYS, _SKIPS = np.array([[1.0, 0.6, 0.0], [1.0, 0.3, 0.0], [0.0, 0.4, 0.0]])
_WEEK = (0.78, 0.76, 0.76, 0.80, 0.90, 1.00, 0.93)  # visits from Monday to Sunday

_SONGS, _TASTES = 20_000, 8  # songs whose ranks have the same remainder are of one taste
_REACH = np.cumsum(1 / np.arange(10, _SONGS + 10))  # popularity, summed over the ranks
_TITLE = np.array(list("云山水月风花雪夜星河梦雨灯海桥城叶光影歌春秋远归"))
_SINGER = np.array(list("岚舟桐汐砚笙榆澜栖棠泠崧"))


@dataclass(frozen=True)
class Made:
    """What `make` wrote.

    `events` counts what happened in the invented world, `dirty_lines` the events whose record was spoiled on its way to
    the file. A double, a split record or a record with an empty line after it is one event and one dirty line.
    """

    folder: Path
    files: tuple[Path, ...]
    events: int
    dirty_lines: int


@dataclass(frozen=True)
class _Listeners:
    """One entry a listener; habits are those of an engaged one."""

    uid: _Ints
    android: _Bools
    two_devices: _Bools
    joins: _Ints  # day of the first visit; -1: before the log begins
    pace: _Floats  # chance that the state may change, a day
    comes: _Floats  # chance of a visit on the best day of the week
    plays: _Floats  # mean plays of a visit
    skips: _Floats  # chance to skip a song
    taste: _Ints


@dataclass(frozen=True)
class _Dirt:
    """A way to spoil a record, and the share of the records of these kinds that suffer it."""

    kinds: tuple[str, ...]
    share: float
    spoil: Callable[[bytes], bytes]


def _field(column: int, change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    def spoil(line: bytes) -> bytes:
        fields = line.split(b"\t")
        fields[column] = change(fields[column])
        return b"\t".join(fields)

    return spoil


def _nameless_on_iphone(line: bytes) -> bytes:
    uid, device, song_id, _, _, paid = line.split(b"\t")
    return b"\t".join((uid, device, song_id, b"", b"", paid)) if device == b"ip" else line


_PLAY, _DOWN, _EVERY = ("play",), ("down",), ("down", "play", "search")
# Shares as in the study's one-day samples; what is rarer there is planted often enough for a small log to show it.
# Fields are spoiled before whole lines: afterwards their columns no longer count.
_DIRT = (
    _Dirt(_PLAY, 0.09, _field(2, lambda _: b"0")),
    _Dirt(_PLAY, 0.07, _field(7, lambda _: b"0")),
    _Dirt(_PLAY, 0.004, _field(7, lambda _: b"-1")),
    # Milliseconds; 1003 and not 1000, as true ones do not end in 000.
    _Dirt(_PLAY, 0.033, _field(6, lambda seconds: b"%d" % (1003 * int(seconds)))),
    _Dirt(_PLAY, 0.003, _field(6, lambda seconds: seconds[:2] + b">(192.0.2.80)TM")),
    _Dirt(_PLAY, 0.0005, _field(6, lambda _: b"-7")),
    _Dirt(_PLAY, 0.0005, _field(6, lambda _: b"nan")),
    _Dirt(_PLAY, 0.0005, _field(6, lambda _: b"")),
    # Without its last byte a Chinese name is not valid UTF-8.
    _Dirt(_PLAY, 0.0005, _field(4, lambda name: name[:-1])),
    _Dirt(_PLAY, 0.001, lambda line: line.removesuffix(b"0") + b"\t\t\t\t\t0"),
    _Dirt(_PLAY, 0.002, lambda line: b"\t" + line),
    _Dirt(_PLAY, 0.001, lambda line: line + b"\n"),
    _Dirt(_DOWN, 0.004, _field(3, lambda name: name + b"\n")),
    _Dirt(_DOWN, 1.0, _nameless_on_iphone),
    _Dirt(_EVERY, 0.009, lambda line: line + b"\n" + line),
)


def make(
    to: Path, *, listeners: int, days: int = 60, first_day: date = date(2017, 3, 30), rng: int | np.random.Generator
) -> Made:
    """Invent `days` days of plays, downloads and searches and write them to the folder `to`, one file a day and kind.

    Names and columns of the files are the study's (spec A1); `paid_flag` is always 0, as in its samples. The same seed
    writes the same bytes. Not every listener appears: some never come within these days. Raises CounterpointError if
    `to` is not a new or empty folder, if there is nothing to invent or if the calendar ends too soon.

    >>> with TemporaryDirectory() as folder:
    ...     made = make(Path(folder), listeners=50, days=2, rng=7)
    >>> [file.name for file in made.files][:3]
    ['20170330_1_down.log', '20170330_1_play.log', '20170330_1_search.log']
    """
    _refuse(to, listeners, days, first_day)
    rng = generator(rng)
    to.parent.mkdir(parents=True, exist_ok=True)
    people, songs = _invent_listeners(listeners, days, rng), _invent_songs(rng)
    state = np.where(rng.random(listeners) < 0.85, _ENGAGED, _DRIFTING)
    names, events, dirty = [], 0, 0
    # The log appears when all of it is written: half a log would read as if everyone had left.
    with TemporaryDirectory(dir=to.parent, prefix=f".{to.name}-") as partial:
        folder = Path(partial) / to.name
        folder.mkdir()
        for day in range(days):
            on = first_day + timedelta(days=day)
            for kind, table in _events(people, songs, state, day, on, rng).items():
                records = _records(table)
                spoiled = _spoil(records, kind, rng)
                events += len(records)
                dirty += sum(before != after for before, after in zip(records, spoiled, strict=True))
                names.append(f"{on:%Y%m%d}_1_{kind}.log")
                (folder / names[-1]).write_bytes(b"".join(line + b"\n" for line in spoiled))
            state = _tomorrow(people, state, day, rng)
        folder.rename(to)
    return Made(to, tuple(to / name for name in names), events, dirty)


def _refuse(to: Path, listeners: int, days: int, first_day: date) -> None:
    for what, count in (("listeners", listeners), ("days", days)):
        if count < 1:
            raise CounterpointError(f"{count} {what} make no log: ask for 1 {what[:-1]} or more")
    if days > (most := (date.max - first_day).days + 1):
        raise CounterpointError(f"{days} days from {first_day} end after the year 9999: ask for at most {most}")
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise CounterpointError(f"{str(to)!r} is not an empty folder: name a new or an empty one")


def _invent_listeners(count: int, days: int, rng: np.random.Generator) -> _Listeners:
    keen = rng.normal(size=count)  # who comes often also plays more and leaves later
    plays = np.exp(1.6 + 0.6 * keen + 0.9 * rng.normal(size=count))
    return _Listeners(
        uid=168_000_000 + rng.permutation(count),
        android=rng.random(count) < 0.87,
        two_devices=rng.random(count) < 0.04,
        joins=np.where(rng.random(count) < 0.3, -1, rng.integers(days, size=count)),
        pace=np.minimum(1, np.exp(-1.1 - 0.4 * keen + 0.9 * rng.normal(size=count))),
        comes=1 / (1 + np.exp(1.1 - 1.8 * keen - 1.4 * rng.normal(size=count))),
        plays=np.where(rng.random(count) < 0.001, rng.uniform(200, 600, count), plays),  # one in a thousand is a bot
        skips=rng.beta(1.8, 4, count),
        taste=rng.integers(_TASTES, size=count),
    )


def _invent_songs(rng: np.random.Generator) -> pl.DataFrame:
    sizes = rng.integers(3, 6, _SONGS)
    titles = ["".join(signs[:size]) for signs, size in zip(rng.choice(_TITLE, (_SONGS, 5)), sizes, strict=True)]
    singers = rng.choice(["阿" + "".join(signs) for signs in rng.choice(_SINGER, (_SONGS // 20, 3))], _SONGS)
    return pl.DataFrame(
        {
            "song_id": 100_000 + rng.permutation(_SONGS),
            "song_type": rng.choice(3, _SONGS, p=(0.885, 0.112, 0.003)),
            "song_name": titles,
            "singer": singers,
            "song_length": np.maximum(30, rng.normal(223, 50, _SONGS)).astype(np.int64),
        }
    )


def _tomorrow(people: _Listeners, state: _Ints, day: int, rng: np.random.Generator) -> _Ints:
    may_move = (rng.random(state.size) < people.pace) & (people.joins <= day)
    moved = (rng.random(state.size)[:, None] >= _MOVES[state, :2]).sum(axis=1)
    return np.where(may_move, moved, state)


def _events(
    people: _Listeners, songs: pl.DataFrame, state: _Ints, day: int, on: date, rng: np.random.Generator
) -> dict[str, pl.DataFrame]:
    returns = rng.random(state.size) < people.comes * _COMES[state] * _WEEK[on.weekday()]
    visits = np.where(people.joins < day, returns, people.joins == day)
    plays = visits * people.plays * _PLAYS[state]
    wants = np.minimum(plays, 40) * _PLAYS[state]  # the wish for more goes first; a bot wants few of its many songs
    means = {"down": wants / 16, "play": plays, "search": wants / 12}
    who = {kind: rng.permutation(np.repeat(np.arange(state.size), rng.poisson(mean))) for kind, mean in means.items()}
    chosen = {kind: _choose(people, songs, rows, rng) for kind, rows in who.items()}
    skips = people.skips[who["play"]] + _SKIPS[state[who["play"]]]
    return {
        "down": chosen["down"].select("uid", "device", "song_id", "song_name", "singer", paid_flag=0),
        "play": _plays(chosen["play"], skips, rng),
        "search": _searches(chosen["search"], on, rng),
    }


def _choose(people: _Listeners, songs: pl.DataFrame, who: _Ints, rng: np.random.Generator) -> pl.DataFrame:
    """Return listener, device and song of each event; `who` has the listener's index."""
    rank = np.searchsorted(_REACH, _REACH[-1] * rng.random(who.size))
    rank = np.where(rng.random(who.size) < 0.6, rank - rank % _TASTES + people.taste[who], rank)  # six in ten to taste
    other_device = people.two_devices[who] & (rng.random(who.size) < 0.4)
    device = np.where(people.android[who] ^ other_device, "ar", "ip")
    return songs.select(pl.all().gather(rank)).with_columns(uid=people.uid[who], device=device)


def _plays(chosen: pl.DataFrame, skips: _Floats, rng: np.random.Generator) -> pl.DataFrame:
    skipped, whole = rng.beta(0.5, 5, skips.size), rng.beta(2.5, 0.4, skips.size)
    share = np.where(rng.random(skips.size) < skips, skipped, whole)
    heard = pl.Series("play_time", share) * chosen["song_length"]
    names = ("uid", "device", "song_id", "song_type", "song_name", "singer")
    return chosen.select(*names, heard.round().cast(pl.Int64), "song_length", paid_flag=0)


def _searches(chosen: pl.DataFrame, on: date, rng: np.random.Generator) -> pl.DataFrame:
    seconds = np.sort(rng.triangular(0, 20 * 3600, 24 * 3600, chosen.height)).astype(np.int64)
    clock = pl.lit(datetime.combine(on, time())) + pl.duration(seconds=pl.lit(pl.Series(seconds)))
    wanted = np.where(rng.random(chosen.height) < 0.5, chosen["song_name"], chosen["singer"])
    query = pl.Series("search_query", [quote(words) for words in wanted], dtype=pl.String)
    return chosen.select("uid", "device", clock.dt.to_string("%Y-%m-%d %H:%M:%S"), query)


def _records(table: pl.DataFrame) -> list[bytes]:
    return table.write_csv(separator="\t", quote_style="never", include_header=False).encode().split(b"\n")[:-1]


def _spoil(records: list[bytes], kind: str, rng: np.random.Generator) -> list[bytes]:
    spoiled = list(records)
    for dirt in (dirt for dirt in _DIRT if kind in dirt.kinds):
        for row in np.flatnonzero(rng.random(len(records)) < dirt.share):
            spoiled[row] = dirt.spoil(spoiled[row])
    return spoiled

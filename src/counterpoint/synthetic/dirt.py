"""What goes wrong on a record's way into the log, each kind with its share, and what ingest should make of it.

A record has one kind of dirt at most. What is lost or spoiled is chosen by chance alone (see `simulate_activity`).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from counterpoint.synthetic.hidden_states import Bools, Ints

CLEAN, SPOILED, LOST = range(3)
Problems = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Dirt:
    """A way to spoil a record.

    share    : of the records that it can befall
    spoil    : what becomes of the line; None if the record's columns are written that way in the first place
    loses    : no event table shows it under its listener
    spoils   : nobody can tell how much of the song was heard
    fate     : of the line that is `at` lines further: accepted, repaired or rejected
    said     : the repair or the reason that the ledger gives
    problems : the columns whose value is none, and why
    more     : lines that it adds
    """

    name: str
    share: float
    spoil: Callable[[bytes], bytes] | None = None
    loses: bool = False
    spoils: bool = False
    fate: str = "accepted"
    said: str | None = None
    problems: Problems = ()
    at: int = 0
    more: int = 0

    @property
    def befalls(self) -> int:
        """Which records it befalls: those that the day lets arrive clean, spoiled, or not at all."""
        return LOST if self.loses else SPOILED if self.spoils else CLEAN


def _field(column: int, change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    def spoil(line: bytes) -> bytes:
        fields = line.split(b"\t")
        fields[column] = change(fields[column])
        return b"\t".join(fields)

    return spoil


def _nothing_known(line: bytes) -> bytes:
    uid, device, _, *names, _, _, paid = line.split(b"\t")
    return b"\t".join((uid, device, b"null", *names, b"null", b"null", paid))


_NO_UID: Final = Dirt(
    "uid missing", 0.002, _field(0, lambda _: b"null"), loses=True, problems=(("uid", "said to be missing"),)
)
_TWICE: Final = Dirt("said twice", 0.009, lambda line: line + b"\n" + line, more=1)
_EMPTY_AFTER: Final = Dirt(
    "empty line after it", 0.001, lambda line: line + b"\n", fate="rejected", said="empty", at=1, more=1
)

SONG_0, LENGTH_0, LENGTH_BELOW, IN_MS = "song_id 0", "length 0", "length -1", "play time in milliseconds"
NOBODY: Final = "nobody logged in"
DIRT: Final[dict[str, tuple[Dirt, ...]]] = {
    # As often as in the study's samples and table A5; what is rarer there is planted often enough for a small log.
    "play": (
        Dirt(SONG_0, 0.088),
        Dirt(IN_MS, 0.033),
        Dirt(LENGTH_0, 0.034, spoils=True),
        Dirt(LENGTH_BELOW, 0.0005, spoils=True),
        Dirt(
            "play time with text",
            0.003,
            _field(6, lambda seconds: seconds[:2] + b">(192.0.2.80)TM"),
            spoils=True,
            problems=(("play_ms", "not a number"),),
        ),
        Dirt(
            "play time nan",
            0.0003,
            _field(6, lambda _: b"nan"),
            spoils=True,
            problems=(("play_ms", "said to be missing"),),
        ),
        Dirt("play time empty", 0.0003, _field(6, lambda _: b""), spoils=True, problems=(("play_ms", "empty"),)),
        Dirt("play time negative", 0.0003, _field(6, lambda _: b"-7"), spoils=True),
        Dirt(
            "nothing known of the song",
            0.0003,
            _nothing_known,
            spoils=True,
            problems=tuple((column, "said to be missing") for column in ("song_id", "play_ms", "song_ms")),
        ),
        _NO_UID,
        Dirt(
            "uid no number",
            0.0005,
            _field(0, lambda uid: uid[:4] + b"x" + uid[4:]),
            loses=True,
            problems=(("uid", "not a whole number"),),
        ),
        Dirt(
            "fields too many",
            0.001,
            lambda line: line + b"\t1" * 5,
            loses=True,
            fate="rejected",
            said="14 fields where 9 belong",
        ),
        Dirt("tab before it", 0.002, lambda line: b"\t" + line, fate="repaired", said="empty first field"),
        Dirt("tabs after it", 0.001, lambda line: line + b"\t" * 3, fate="repaired", said="trailing empty fields"),
        # Without its last byte a Chinese name is no UTF-8.
        Dirt(
            "name cut within a character",
            0.0005,
            _field(4, lambda name: name[:-1]),
            problems=(("song_name", "not UTF-8"),),
        ),
        _EMPTY_AFTER,
        _TWICE,
    ),
    "down": (
        _NO_UID,
        Dirt(
            "newline in the name",
            0.004,
            _field(3, lambda name: name + b"\n"),
            fate="repaired",
            said="split by a newline",
            more=1,
        ),
        _TWICE,
    ),
    "search": (_NO_UID, _TWICE),
    "page": (
        Dirt(
            NOBODY,
            0.004,
            lambda line: re.sub(b'"userId":"[0-9]+"', b'"userId":""', line),
            loses=True,
            problems=(("uid", "empty"),),
        ),
        Dirt("cut short", 0.001, lambda line: line[:-20], loses=True, fate="rejected", said="not JSON"),
        Dirt(
            "a page without music after it",
            0.02,
            lambda line: line + b"\n" + line.replace(b"NextSong", b"Home"),
            fate="rejected",
            said="kind 'Home' is no event here",
            at=1,
            more=1,
        ),
        _EMPTY_AFTER,
        _TWICE,
    ),
}


def lost(kind: str) -> float:
    """Return the share of a kind's records that no event table shows under their listener."""
    return sum(dirt.share for dirt in DIRT[kind] if dirt.loses)


def spoiled(kind: str) -> float:
    """Return the share of a kind's other records of which nobody can tell how much of the song was heard."""
    return sum(dirt.share for dirt in DIRT[kind] if dirt.spoils)


def befallen(kind: str, fate: Ints, cannot: dict[str, Bools], rng: np.random.Generator) -> Ints:
    """Return which kind of dirt each record has, int64[n]: its place in `DIRT[kind]`, or -1 for none.

    fate   : CLEAN, SPOILED or LOST, as `simulate_activity` decided
    cannot : records that a kind of dirt, by its name, does not befall
    """
    found = np.full(len(fate), -1)
    for of in (CLEAN, SPOILED, LOST):
        places = [at for at, dirt in enumerate(DIRT[kind]) if dirt.befalls == of]
        shares = np.array([DIRT[kind][at].share for at in places])
        rows = np.flatnonzero(fate == of)
        upto = np.cumsum(shares) / (shares.sum() if of else 1)
        which = np.searchsorted(upto, rng.random(len(rows)), side="right")
        found[rows] = np.append(places, -1)[which]
    for name, those in cannot.items():
        found[(found == place(kind, name)) & those] = -1
    return found


def spoil(data: bytes, kind: str, found: Ints) -> bytes:
    """Return the lines of a log with their dirt; `found` is of `befallen`, one a line."""
    rows = np.flatnonzero(np.isin(found, [at for at, dirt in enumerate(DIRT[kind]) if dirt.spoil]))
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n"))
    starts = np.append(0, ends[:-1] + 1)
    pieces, done = [], 0
    for row, start, end in zip(rows.tolist(), starts[rows].tolist(), ends[rows].tolist(), strict=True):
        change = DIRT[kind][found[row]].spoil
        pieces += [data[done:start], change(data[start:end]) if change else data[start:end]]
        done = end
    return b"".join((*pieces, data[done:]))


def place(kind: str, name: str) -> int:
    """Return the place of a kind of dirt in `DIRT[kind]`."""
    return next(at for at, dirt in enumerate(DIRT[kind]) if dirt.name == name)


def fates(kind: str, found: Ints) -> pl.DataFrame:
    """Return the fate of every line that was spoiled: line (from 1), dirt, fate, said, problems.

    `found` is of `befallen`, one entry a record in the order of the log.
    """
    more = np.array([*(dirt.more for dirt in DIRT[kind]), 0])[found]
    rows = np.flatnonzero(found >= 0)
    dirts = DIRT[kind]
    line = 1 + rows + (np.cumsum(more) - more)[rows] + np.array([dirt.at for dirt in dirts])[found[rows]]
    told = pl.DataFrame(
        {
            "dirt": [dirt.name for dirt in dirts],
            "fate": [dirt.fate for dirt in dirts],
            "said": [dirt.said for dirt in dirts],
            "problems": ["; ".join(f"{column}: {why}" for column, why in dirt.problems) for dirt in dirts],
        },
        schema={"dirt": pl.String, "fate": pl.String, "said": pl.String, "problems": pl.String},
    )
    return told[found[rows]].insert_column(0, pl.Series("line", line))

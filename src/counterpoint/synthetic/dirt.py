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
class DirtKind:
    """A way to spoil a record.

    share        : of the records that can have it
    change_line  : what becomes of the line; None if the record's columns are written that way in the first place
    loses        : no event table shows it under its listener
    spoils       : nobody can tell how much of the song was heard
    line_fate    : of the line that is `line_offset` lines further: accepted, repaired or rejected
    ledger_entry : the repair or the reason that the ledger gives
    problems     : the columns whose value is none, and why
    extra_lines  : lines that it adds
    """

    name: str
    share: float
    change_line: Callable[[bytes], bytes] | None = None
    loses: bool = False
    spoils: bool = False
    line_fate: str = "accepted"
    ledger_entry: str | None = None
    problems: Problems = ()
    line_offset: int = 0
    extra_lines: int = 0

    @property
    def record_fate(self) -> int:
        """Which records have it: those that the day lets arrive clean, spoiled, or not at all."""
        return LOST if self.loses else SPOILED if self.spoils else CLEAN


def _field(column: int, change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    def change_line(line: bytes) -> bytes:
        fields = line.split(b"\t")
        fields[column] = change(fields[column])
        return b"\t".join(fields)

    return change_line


def _nothing_known(line: bytes) -> bytes:
    uid, device, _, *names, _, _, paid = line.split(b"\t")
    return b"\t".join((uid, device, b"null", *names, b"null", b"null", paid))


_NO_UID: Final = DirtKind(
    "uid missing", 0.002, _field(0, lambda _: b"null"), loses=True, problems=(("uid", "said to be missing"),)
)
_TWICE: Final = DirtKind("said twice", 0.009, lambda line: line + b"\n" + line, extra_lines=1)
_EMPTY_AFTER: Final = DirtKind(
    "empty line after it",
    0.001,
    lambda line: line + b"\n",
    line_fate="rejected",
    ledger_entry="empty",
    line_offset=1,
    extra_lines=1,
)

SONG_0, LENGTH_0, LENGTH_BELOW, IN_MS = "song_id 0", "length 0", "length -1", "play time in milliseconds"
NOBODY: Final = "nobody logged in"
DIRT_KINDS: Final[dict[str, tuple[DirtKind, ...]]] = {
    # As often as in the samples of the Music Box logs; what is rarer there is planted often enough for a small log.
    "play": (
        DirtKind(SONG_0, 0.088),
        DirtKind(IN_MS, 0.033),
        DirtKind(LENGTH_0, 0.034, spoils=True),
        DirtKind(LENGTH_BELOW, 0.0005, spoils=True),
        DirtKind(
            "play time with text",
            0.003,
            _field(6, lambda seconds: seconds[:2] + b">(192.0.2.80)TM"),
            spoils=True,
            problems=(("play_ms", "not a number"),),
        ),
        DirtKind(
            "play time nan",
            0.0003,
            _field(6, lambda _: b"nan"),
            spoils=True,
            problems=(("play_ms", "said to be missing"),),
        ),
        DirtKind("play time empty", 0.0003, _field(6, lambda _: b""), spoils=True, problems=(("play_ms", "empty"),)),
        DirtKind("play time negative", 0.0003, _field(6, lambda _: b"-7"), spoils=True),
        DirtKind(
            "nothing known of the song",
            0.0003,
            _nothing_known,
            spoils=True,
            problems=tuple((column, "said to be missing") for column in ("song_id", "play_ms", "song_ms")),
        ),
        _NO_UID,
        DirtKind(
            "uid no number",
            0.0005,
            _field(0, lambda uid: uid[:4] + b"x" + uid[4:]),
            loses=True,
            problems=(("uid", "not a whole number"),),
        ),
        DirtKind(
            "fields too many",
            0.001,
            lambda line: line + b"\t1" * 5,
            loses=True,
            line_fate="rejected",
            ledger_entry="14 fields where 9 belong",
        ),
        DirtKind(
            "tab before it", 0.002, lambda line: b"\t" + line, line_fate="repaired", ledger_entry="empty first field"
        ),
        DirtKind(
            "tabs after it",
            0.001,
            lambda line: line + b"\t" * 3,
            line_fate="repaired",
            ledger_entry="trailing empty fields",
        ),
        # Without its last byte a Chinese name is no UTF-8.
        DirtKind(
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
        DirtKind(
            "newline in the name",
            0.004,
            _field(3, lambda name: name + b"\n"),
            line_fate="repaired",
            ledger_entry="split by a newline",
            extra_lines=1,
        ),
        _TWICE,
    ),
    "search": (_NO_UID, _TWICE),
    "page": (
        DirtKind(
            NOBODY,
            0.004,
            lambda line: re.sub(b'"userId":"[0-9]+"', b'"userId":""', line),
            loses=True,
            problems=(("uid", "empty"),),
        ),
        DirtKind(
            "cut short", 0.001, lambda line: line[:-20], loses=True, line_fate="rejected", ledger_entry="not JSON"
        ),
        DirtKind(
            "a page without music after it",
            0.02,
            lambda line: line + b"\n" + line.replace(b"NextSong", b"Home"),
            line_fate="rejected",
            ledger_entry="kind 'Home' is no event here",
            line_offset=1,
            extra_lines=1,
        ),
        _EMPTY_AFTER,
        _TWICE,
    ),
}


def lost_share(kind: str) -> float:
    """Return the share of a kind's records that no event table shows under their listener."""
    return sum(dirt.share for dirt in DIRT_KINDS[kind] if dirt.loses)


def spoiled_share(kind: str) -> float:
    """Return the share of a kind's other records of which nobody can tell how much of the song was heard."""
    return sum(dirt.share for dirt in DIRT_KINDS[kind] if dirt.spoils)


def draw_dirt(kind: str, record_fate: Ints, excluded: dict[str, Bools], rng: np.random.Generator) -> Ints:
    """Return which kind of dirt each record has, int64[n]: its code, the place in `DIRT_KINDS[kind]`, or -1 for none.

    record_fate : CLEAN, SPOILED or LOST, as `simulate_activity` decided
    excluded    : records that a kind of dirt, by its name, cannot have
    """
    codes = np.full(len(record_fate), -1)
    for fate in (CLEAN, SPOILED, LOST):
        candidates = [code for code, dirt in enumerate(DIRT_KINDS[kind]) if dirt.record_fate == fate]
        shares = np.array([DIRT_KINDS[kind][code].share for code in candidates])
        rows = np.flatnonzero(record_fate == fate)
        upto = np.cumsum(shares) / (shares.sum() if fate else 1)
        choice = np.searchsorted(upto, rng.random(len(rows)), side="right")
        codes[rows] = np.append(candidates, -1)[choice]
    for name, records in excluded.items():
        codes[(codes == dirt_code(kind, name)) & records] = -1
    return codes


def apply_dirt(data: bytes, kind: str, codes: Ints) -> bytes:
    """Return the lines of a log with their dirt; `codes` is of `draw_dirt`, one a line."""
    rows = np.flatnonzero(np.isin(codes, [code for code, dirt in enumerate(DIRT_KINDS[kind]) if dirt.change_line]))
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n"))
    starts = np.append(0, ends[:-1] + 1)
    pieces, done = [], 0
    for row, start, end in zip(rows.tolist(), starts[rows].tolist(), ends[rows].tolist(), strict=True):
        change = DIRT_KINDS[kind][codes[row]].change_line
        pieces += [data[done:start], change(data[start:end]) if change else data[start:end]]
        done = end
    return b"".join((*pieces, data[done:]))


def dirt_code(kind: str, name: str) -> int:
    """Return the place of a kind of dirt in `DIRT_KINDS[kind]`."""
    return next(code for code, dirt in enumerate(DIRT_KINDS[kind]) if dirt.name == name)


def line_fates(kind: str, codes: Ints) -> pl.DataFrame:
    """Return the fate of every line that was spoiled: line (from 1), dirt, fate, ledger_entry, problems.

    `codes` is of `draw_dirt`, one entry a record in the order of the log.
    """
    dirts = DIRT_KINDS[kind]
    extra = np.array([*(dirt.extra_lines for dirt in dirts), 0])[codes]
    rows = np.flatnonzero(codes >= 0)
    offset = np.array([dirt.line_offset for dirt in dirts])[codes[rows]]
    line = 1 + rows + (np.cumsum(extra) - extra)[rows] + offset
    by_code = pl.DataFrame(
        {
            "dirt": [dirt.name for dirt in dirts],
            "fate": [dirt.line_fate for dirt in dirts],
            "ledger_entry": [dirt.ledger_entry for dirt in dirts],
            "problems": ["; ".join(f"{column}: {why}" for column, why in dirt.problems) for dirt in dirts],
        },
        schema={"dirt": pl.String, "fate": pl.String, "ledger_entry": pl.String, "problems": pl.String},
    )
    return by_code[codes[rows]].insert_column(0, pl.Series("line", line))

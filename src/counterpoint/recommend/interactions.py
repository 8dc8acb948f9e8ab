"""Who knows which song: one sparse table, whoever made it, and ids only at its edges.

Inside, a listener and a song are numbers: listeners in the order of their ids, songs from the one that most listeners
know to the one that fewest do. So what is equal is decided for the better known song, whatever it is called.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_array

from counterpoint.errors import CounterpointError, suggestion
from counterpoint.events.schema import FIRST_DAY, LAST_DAY
from counterpoint.recommend.percentile_rank_kernels import percentile_ranks
from counterpoint.storage.exchange import to_frame

Floats = NDArray[np.float32]
WEIGHTINGS: Final = ("one", "plays", "rating", "rank")
TOP_RATING: Final = 5.0  # also what a download, or a like, is worth
DEFAULT_RATING: Final = 3.0  # what a rating that nobody knows counts as
MAX_PLAYS: Final = 1e9
UNKNOWN_DEVICE: Final = -1
MAX_DEVICES: Final = 100
PER_PAIR: Final = ("song", "rating", "plays", "last_day", "disliked")
CHUNKS: Final = 128  # pieces that the listeners are shared out in


@dataclass(frozen=True, eq=False, kw_only=True)
class Interactions:
    """Pairs of a listener and a song, those of a listener next to each other: listener n's are start[n]:start[n + 1].

    listeners : their ids, ascending
    songs     : the songs' ids, the best known first
    start     : int64[listeners + 1]
    song      : int32[pairs], the songs' numbers, ascending within a listener
    rating    : float32[pairs], in [1, 5]; nan where nobody knows
    plays     : float32[pairs], how often; at least 0
    last_day  : int32[pairs], the day of the last time, days since 1970-01-01; 0 where there are no days
    disliked  : bool[pairs], said so, or skipped early again and again: no reason to recommend anything
    device    : int8[listeners], a number for each device; -1 where none is known
    """

    listeners: pl.Series
    songs: pl.Series
    start: NDArray[np.int64]
    song: NDArray[np.int32]
    rating: Floats
    plays: Floats
    last_day: NDArray[np.int32]
    disliked: NDArray[np.bool_]
    device: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.listeners)

    @property
    def shape(self) -> tuple[int, int]:
        """(listeners, songs)."""
        return len(self.listeners), len(self.songs)

    @property
    def counts(self) -> NDArray[np.int64]:
        """How many songs each listener knows, int64[listeners]."""
        return np.diff(self.start)

    @property
    def listener_counts(self) -> NDArray[np.int64]:
        """How many listeners know each song, int64[songs]."""
        return np.bincount(self.song, minlength=len(self.songs)).astype(np.int64)

    @property
    def listener(self) -> NDArray[np.int64]:
        """The number of the listener of each pair, int64[pairs]."""
        return np.repeat(np.arange(len(self)), self.counts)

    @property
    def liked(self) -> "Interactions":
        """Those pairs that nobody disliked; all listeners and songs stay."""
        return self.pairs(~self.disliked) if self.disliked.any() else self

    def weights(self, weighting: str) -> Floats:
        """Return what each pair counts, float32[pairs]: one, 1 + log(plays), rating / 5 or its rank.

        The rank is the share of a listener's songs that were played as often or less, half of those as often: so that
        it tells the same of those who play much and those who play little.

        >>> seen = Interactions.from_table(pl.DataFrame({"uid": [1, 1], "song_id": [7, 8], "plays": [3, 1]}))
        >>> {by: [f"{weight:.2f}" for weight in seen.weights(by)] for by in ("plays", "rank")}
        {'plays': ['2.10', '1.00'], 'rank': ['1.00', '0.50']}
        """
        match weighting:
            case "one":
                return np.ones(len(self.song), np.float32)
            case "plays":
                return 1 + np.log(np.maximum(self.plays, 1), dtype=np.float32)
            case "rating":
                return np.nan_to_num(self.rating, nan=DEFAULT_RATING) / np.float32(TOP_RATING)
            case "rank":
                return np.asarray(percentile_ranks(self.start, self.plays, CHUNKS), np.float32)
        raise CounterpointError(f"pairs are not weighted by {weighting!r}; {suggestion(weighting, WEIGHTINGS)}")

    def matrix(self, weighting: str = "one") -> csr_array:
        """Return the weights as a sparse matrix, float32[listeners, songs]."""
        return csr_array((self.weights(weighting), self.song, self.start), shape=self.shape)

    def pairs(self, kept: NDArray[np.bool_]) -> "Interactions":
        """Return some of the pairs; all listeners and songs stay."""
        count_before = np.append(0, np.cumsum(kept))
        return replace(self, start=count_before[self.start], **{name: getattr(self, name)[kept] for name in PER_PAIR})

    def rows(self, chosen: NDArray[Any]) -> "Interactions":
        """Return some of the listeners, by a mask or by their places; all songs stay."""
        rows = np.flatnonzero(chosen) if chosen.dtype == np.bool_ else np.asarray(chosen, np.int64)
        counts = self.counts[rows]
        start = np.append(0, np.cumsum(counts)).astype(np.int64)
        place = np.arange(start[-1]) + np.repeat(self.start[rows] - start[:-1], counts)
        pairs = {name: getattr(self, name)[place] for name in PER_PAIR}
        return replace(self, listeners=self.listeners[rows], device=self.device[rows], start=start, **pairs)

    def listener_numbers(self, uids: pl.Series) -> NDArray[np.int64]:
        """Return the numbers of listeners, int64[uids]; -1 of whom it does not know."""
        return positions_in(uids, self.listeners)

    def song_numbers(self, song_ids: pl.Series) -> NDArray[np.int64]:
        """Return the numbers of songs, int64[song_ids]; -1 of those that nobody knows."""
        return positions_in(song_ids, self.songs)

    @classmethod
    def from_table(cls, table: Any) -> "Interactions":
        """Take any table that exports Arrow, one row a pair.

        Its columns are uid, song_id, and perhaps rating (0 to 5), plays, day, device and disliked.

        A pair in several rows counts once: its plays are added up (a row without a count is one play), the last day
        counts.

        Raises
        ------
        CounterpointError
            If it is no such table, a column is missing, an id is missing or no id, a number is no number or cannot be,
            or a pair has two ratings.
        """
        return aggregate_rows(parse_table(table))


def parse_table(table: Any) -> pl.DataFrame:
    """Return the rows of a user's table, checked: uid, song_id, rating, plays, last_day, device, disliked.

    See `Interactions.from_table`.
    """
    frame = to_frame(table)
    ids = {name: _ids(frame, name) for name in ("uid", "song_id")}
    if not frame.height:
        raise CounterpointError("the table has no rows: there is nobody to recommend anything to")
    plays = _number(frame, "plays", 0, MAX_PLAYS)
    return pl.DataFrame(
        {
            **ids,
            "rating": _number(frame, "rating", 0, TOP_RATING),
            "plays": pl.Series([1.0], dtype=pl.Float64).new_from_index(0, frame.height)
            if plays is None
            else plays.fill_null(1.0),
            "last_day": _days(frame),
            "device": frame["device"].cast(pl.String) if "device" in frame.columns else [None] * frame.height,
            "disliked": _truth(frame, "disliked"),
        },
        schema_overrides={"rating": pl.Float64, "last_day": pl.Int32, "device": pl.String},
    )


def aggregate_rows(rows: pl.DataFrame) -> Interactions:
    """Return the interactions of rows (as `parse_table` returns them): a pair once, whatever its rows."""
    ratings = rows.group_by("uid", "song_id").agg(pl.col("rating").drop_nulls().n_unique().alias("n"))
    if (ambiguous := ratings.filter(pl.col("n") > 1)).height:
        uid, song, count = ambiguous.sort("uid", "song_id").row(0)
        raise CounterpointError(f"listener {uid!r} rates song {song!r} {count} ways: one rating a pair would be right")
    pairs = rows.group_by("uid", "song_id").agg(
        pl.col("rating").max(), pl.col("plays").sum(), pl.col("last_day").max(), pl.col("disliked").any()
    )
    devices = rows.group_by("uid").agg(pl.col("device").drop_nulls().mode().sort().first())
    return build_interactions(pairs, devices)


def build_interactions(pairs: pl.DataFrame, devices: pl.DataFrame) -> Interactions:
    """Return the interactions of a table with one row a pair.

    pairs   : uid, song_id, rating (null where nobody knows), plays, last_day, disliked
    devices : uid, device (a text, or null)
    """
    listeners = pairs["uid"].unique().sort()
    popularity = pairs.group_by("song_id").agg(pl.len().alias("n"), pl.col("plays").sum())
    songs = popularity.sort(["n", "plays", "song_id"], descending=[True, True, False])["song_id"]
    listener = positions_in(pairs["uid"], listeners)
    song = positions_in(pairs["song_id"], songs)
    order = np.argsort(listener * np.int64(len(songs)) + song)
    device = listeners.to_frame().join(devices, on="uid", how="left", maintain_order="left")["device"]
    return Interactions(
        listeners=listeners,
        songs=songs,
        start=np.append(0, np.cumsum(np.bincount(listener, minlength=len(listeners)))).astype(np.int64),
        song=song[order].astype(np.int32),
        rating=pairs["rating"].cast(pl.Float32).fill_null(np.nan).to_numpy()[order],
        plays=pairs["plays"].cast(pl.Float32).to_numpy()[order],
        last_day=pairs["last_day"].cast(pl.Int32).fill_null(0).to_numpy()[order],
        disliked=pairs["disliked"].cast(pl.Boolean).to_numpy()[order],
        device=encode_devices(device),
    )


def encode_devices(devices: pl.Series) -> NDArray[np.int8]:
    """Return a number for each device, int8; -1 where none is known, and for all but the hundred most frequent."""
    counts = devices.drop_nulls().value_counts(name="n").sort(["n", devices.name], descending=[True, False])
    frequent = counts.head(MAX_DEVICES)[devices.name].sort()
    return positions_in(devices, frequent).astype(np.int8)


def positions_in(ids: pl.Series, catalogue: pl.Series) -> NDArray[np.int64]:
    """Return the place of each id in a catalogue, int64[ids]; -1 of one that it lacks."""
    if ids.dtype.is_integer() != catalogue.dtype.is_integer():
        return np.full(len(ids), -1, np.int64)
    positions = pl.DataFrame({"id": catalogue, "position": pl.int_range(len(catalogue), dtype=pl.Int64, eager=True)})
    asked = pl.DataFrame({"id": ids.cast(catalogue.dtype)})
    return (
        asked.join(positions, on="id", how="left", maintain_order="left")["position"]
        .fill_null(-1)
        .to_numpy(writable=True)
    )


def cast_ids(asked: Iterable[Any], known: pl.Series, what: str) -> pl.Series:
    """Return ids as the type that they have here; refuse those of another.

    A whole number may come as text, as the command line has it.
    """
    try:
        ids = asked if isinstance(asked, pl.Series) else pl.Series(list(asked))
    except TypeError as error:
        raise CounterpointError(f"the ids of {what}s are of different types: whole numbers, or texts") from error
    if not len(ids):
        return known.head(0)
    cast = ids.cast(known.dtype, strict=False) if ids.dtype.is_integer() or ids.dtype == pl.String else ids.clear()
    if len(cast) != len(ids) or cast.null_count():
        types = "whole numbers" if known.dtype.is_integer() else "texts"
        wrong = ids.filter(cast.is_null())[0] if len(cast) == len(ids) else ids[0]
        raise CounterpointError(f"{wrong!r} is no {what} here: ids are {types}")
    return cast


def _ids(frame: pl.DataFrame, name: str) -> pl.Series:
    if name not in frame.columns:
        raise CounterpointError(f"the table has no column {name!r}; {suggestion(name, frame.columns)}")
    column = frame[name]
    if column.dtype in (pl.Categorical, pl.Enum):
        column = column.cast(pl.String)
    if column.dtype.is_float() and column.is_not_nan().all() and (column == column.round()).all():
        column = column.cast(pl.Int64, strict=False)
    if column.null_count() or (column.dtype.is_float() and column.is_nan().any()):
        raise CounterpointError(f"the column {name!r} has a row without an id: every row must say whose and which")
    if not (column.dtype.is_integer() or column.dtype == pl.String):
        raise CounterpointError(f"the column {name!r} holds {column.dtype}: ids are whole numbers, or texts")
    if column.dtype != pl.String and column.cast(pl.Int64, strict=False).null_count():
        raise CounterpointError(f"the column {name!r} holds a number beyond 2^63: such ids would have to be texts")
    return column.cast(pl.Int64) if column.dtype.is_integer() else column


def _number(frame: pl.DataFrame, name: str, low: float, high: float) -> pl.Series | None:
    """Return the column as numbers within [low, high], or None if there is none of the name."""
    if name not in frame.columns:
        return None
    try:
        column = frame[name].cast(pl.Float64)
    except pl.exceptions.PolarsError as error:
        raise CounterpointError(f"the column {name!r} holds what is no number") from error
    wrong = column.filter(~column.is_between(low, high))  # a nan is between nothing
    if len(wrong):
        raise CounterpointError(
            f"the column {name!r} holds {wrong[0]}: a number within [{low:g}, {high:g}] would be right"
        )
    return column


def _days(frame: pl.DataFrame) -> pl.Series | None:
    if "day" not in frame.columns:
        return None
    column = frame["day"]
    try:
        days = column.str.to_date("%Y-%m-%d") if column.dtype == pl.String else column.cast(pl.Date)
    except pl.exceptions.PolarsError as error:
        raise CounterpointError("the column 'day' holds what is no day: 2017-04-28 would be one") from error
    numbers = days.cast(pl.Int32)
    if not numbers.drop_nulls().is_between(FIRST_DAY, LAST_DAY).all():
        raise CounterpointError("the column 'day' holds what is no day of 1900 to 2199: 2017-04-28 would be one")
    return numbers


def _truth(frame: pl.DataFrame, name: str) -> pl.Series:
    if name not in frame.columns:
        return pl.Series([False], dtype=pl.Boolean).new_from_index(0, frame.height)
    column = frame[name]
    if column.dtype == pl.String:
        column = column.str.to_lowercase().replace({"true": "1", "false": "0"}).cast(pl.Int8, strict=False)
    if column.null_count() or not column.cast(pl.Float64).is_in([0.0, 1.0]).all():
        raise CounterpointError(f"the column {name!r} must hold 1 (true) or 0 (false) in every row")
    return column.cast(pl.Float64) == 1

"""What a recommender may learn here: songs have their times, skips say what is not to taste, dislikes who sings.

A habit changes which ordinary song is played, and what is disliked. Who plays, which fifth of a song is heard, what is
liked and what is wrong with a line stay as they are, so the filter stays exact.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from counterpoint.synthetic.hidden_states import ORDINARY, ROLES, Bools, Floats, Ints
from counterpoint.synthetic.songs import TASTES, TO_TASTE, Songs

DAYPARTS: Final = ("morning", "day", "evening")
WEEK: Final = ("weekdays", "weekend")
SATURDAY: Final = 5  # days after Monday
_TABLE: Final = 1 << 16  # as fine as popularity is cut within a time and a taste


@dataclass(frozen=True)
class Habits:
    """When songs are played, and which are skipped.

    monday   : how many days the log's first day is after a Monday
    clock    : share of the plays chosen among the songs of their daypart; 0 in a log without a clock
    week     : share of the plays chosen among the songs of their part of the week
    hours    : the hours at which the day and the evening begin
    averse_share   : share of the singers that a listener cannot stand; 0 in a log without dislikes
    dislike_share  : share of the plays of these that are disliked
    to_taste : float64[5], share of the choices to one's taste, by the fifth of the song heard
    singer   : int64[songs], a number for each singer
    daypart  : int64[songs], the place in `DAYPARTS` of every song; all songs of a singer share it
    weekend  : int64[songs], their place in `WEEK`
    within   : int32[4, 3, TASTES, 2**16], ranks of ordinary songs of a daypart, a part of the week (0: of any) and a
               taste, each as often as it is chosen
    """

    monday: int
    clock: float
    week: float
    hours: tuple[int, int]
    averse_share: float
    dislike_share: float
    to_taste: Floats
    singer: Ints
    daypart: Ints
    weekend: Ints
    within: NDArray[np.int32]

    def follow(self, song: Ints, ordinary: Bools, day: int, daypart: Ints | int, rng: np.random.Generator) -> Ints:
        """Return what is played on a day where those songs would have been: a share is chosen anew, to the same taste.

        ordinary : which of the plays are of ordinary songs; the others stay
        daypart  : of each play (`part`); any number where there is no clock
        rng      : nothing is drawn from it, only from a child: what is drawn after this stays the same
        """
        [luck] = rng.spawn(1)
        by_clock, by_week = luck.random((2, len(song)), dtype=np.float32) < np.array(
            [[self.clock], [self.week]], np.float32
        )
        followed: Ints = song.copy()
        rows = np.flatnonzero((by_clock | by_week) & ordinary)
        dayparts = np.where(by_clock, 1 + daypart, 0)[rows]
        weekends = np.where(by_week[rows], 1 + ((self.monday + day) % 7 >= SATURDAY), 0)
        chosen = luck.integers(0, _TABLE, len(rows), dtype=np.int32)
        followed[rows] = self.within[dayparts, weekends, song[rows] % TASTES, chosen]
        return followed

    def disliked(self, who: Ints, song: Ints, rng: np.random.Generator) -> Bools:
        """Return which plays are disliked, bool[plays], because of who sings; drawn as `follow` draws.

        Whom a listener cannot stand follows from the two numbers, and is the same on every day.
        """
        [luck] = rng.spawn(1)
        mixed = (who.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)) ^ (
            (self.singer[song] + 1).astype(np.uint64) * np.uint64(0xC2B2AE3D27D4EB4F)
        )
        mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
        cannot = (mixed >> np.uint64(40)).astype(np.float64) < self.averse_share * 2.0**24
        return np.asarray(cannot & (luck.random(len(who), dtype=np.float32) < self.dislike_share))

    def part(self, second: Ints) -> Ints:
        """Return the place in `DAYPARTS` of seconds of the day."""
        return np.searchsorted(np.array(self.hours) * 3600, second, side="right")

    def with_play_times(self, songs: pl.DataFrame) -> pl.DataFrame:
        """Return a catalogue with the times of its ordinary songs, as far as logs of this platform follow them."""
        parts = (("daypart", DAYPARTS, self.daypart, self.clock), ("week", WEEK, self.weekend, self.week))
        times = [pl.Series(name, names)[codes] for name, names, codes, share in parts if share]
        return songs.with_columns(
            pl.when(pl.col("role") == ROLES[ORDINARY]).then(time).alias(time.name) for time in times
        )

    def settings(self) -> dict[str, Any]:
        """Return what the truth says of them."""
        day, evening = self.hours
        return {
            "habits": True,
            "share of the plays chosen among the songs of their daypart": self.clock,
            "dayparts": dict(zip(DAYPARTS, ([0, day], [day, evening], [evening, 24]), strict=True)),
            "share of the plays chosen among the songs of weekdays or the weekend": self.week,
            "share of the singers that a listener cannot stand": self.averse_share,
            "share of their plays that is disliked": self.dislike_share,
            "share of the choices to taste, by the fifth of the song heard": self.to_taste.tolist(),
        }


def draw_habits(
    songs: Songs, constants: Mapping[str, Any], *, clock: bool, monday: int, rng: np.random.Generator
) -> Habits:
    """Draw when every singer is played, each time for as many singers as another; `constants` are of `published`.

    clock : whether the log has a clock, and does not say how much of a song was heard
    """
    names, singer = np.unique(songs.table["singer"].to_numpy().astype(str), return_inverse=True)
    time = rng.permutation(len(names))[singer] % (len(DAYPARTS) * len(WEEK))
    daypart, weekend = time % len(DAYPARTS), time // len(DAYPARTS)
    day, evening = constants["dayparts"]
    return Habits(
        monday=monday,
        clock=constants["clock"] if clock else 0.0,
        week=constants["week"],
        hours=(day, evening),
        averse_share=constants["averse"] if clock else 0.0,
        dislike_share=constants["says_so"],
        singer=singer,
        to_taste=np.full(5, TO_TASTE) if clock else np.array(constants["to_taste"]),
        daypart=daypart,
        weekend=weekend,
        within=_within(songs.chosen, daypart, weekend),
    )


def _within(chosen: Ints, daypart: Ints, weekend: Ints) -> NDArray[np.int32]:
    ranks = np.empty((1 + len(DAYPARTS), 1 + len(WEEK), TASTES, _TABLE), np.int32)
    by_taste = [chosen[chosen % TASTES == taste] for taste in range(TASTES)]
    for part, week, taste in np.ndindex(ranks.shape[:-1]):
        tasted = by_taste[taste]
        fits = ((part == 0) | (daypart[tasted] == part - 1)) & ((week == 0) | (weekend[tasted] == week - 1))
        # In a small catalogue a time may have no song of a taste: then any of that taste will do.
        candidates = tasted[fits] if fits.any() else tasted
        ranks[part, week, taste] = candidates[np.arange(_TABLE) * len(candidates) // _TABLE]
    return ranks

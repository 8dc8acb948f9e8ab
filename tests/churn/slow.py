"""The obvious twin of cleaning, roll-up and snapshot: plain loops over events, written from their definitions.

No roll-up, no SQL, no histogram: each number is computed where its meaning is, from the events it is about, exactly.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor
from typing import Any

from tests.small_logs import Event

TOP = Fraction(999, 1000)
WINDOWS = {30: (1, 3, 7, 14), 14: (1, 3, 7), 7: (1, 2, 3)}
"""The published windows of 30 days, and what they shrink to: (0.5, 1.4, 3.3, 6.5) and (0.2, 0.7, 1.6, 3.3) days."""
WEEK = {30: 7, 14: 3, 7: 2}


def percentile(values: Iterable[int], share: Fraction) -> Fraction:
    """The value at `share` of the way through the sorted values; between two, on the line between them."""
    ranked = sorted(values)
    place = share * (len(ranked) - 1)
    below, above = ranked[floor(place)], ranked[ceil(place)]
    return below + (above - below) * (place - floor(place))


def mean(values: Sequence[int]) -> int:
    """The mean in whole milliseconds, a half rounded up."""
    return floor(Fraction(sum(values), len(values)) + Fraction(1, 2))


@dataclass
class Cleaned:
    """What was learned in a known window; a number that nothing could be learned of is None."""

    bots_from: Fraction | None = None
    bots: set[int] = field(default_factory=set)
    has_songs: bool = False
    song_top: Fraction | None = None
    song_mean: int | None = None
    play_top: Fraction | None = None
    play_mean: int | None = None

    def believed(self, event: Event) -> tuple[int | None, int | None] | None:
        """The (song, play) milliseconds of a play that are believed; None if the play is dropped."""
        song, play = event.song_ms, event.play_ms
        if self.has_songs and song is None:
            return None
        if self.song_top is not None and song is not None and song > self.song_top:
            return None
        if self.song_mean is not None and song is not None and song <= 0:
            song = self.song_mean
        if song is not None and play is not None and self.song_top is not None:
            play = play // 1000 if 20 * song < play <= 1000 * floor(self.song_top) else play
        if self.play_top is not None and play is not None and play > self.play_top:
            return None
        if self.play_mean is not None and (play is None or play < 0):
            play = self.play_mean
        return song, play


def learn(events: Sequence[Event], *, after: int, until: int) -> Cleaned:
    """Learn in the order of A5, each number from the plays that are left when its turn comes."""
    plays = [event for event in within(events, after, until) if event.kind == "P" and event.uid is not None]
    count = Counter(play.uid for play in plays)
    learned = Cleaned()
    if len(count) >= 1000:
        learned.bots_from = percentile(count.values(), TOP)
        learned.bots = {uid for uid, number in count.items() if number >= learned.bots_from}
    plays = [play for play in plays if play.uid not in learned.bots]

    def left() -> list[tuple[int | None, int | None]]:
        return [pair for play in plays if (pair := learned.believed(play))]

    learned.has_songs = any(play.song_ms is not None for play in plays)
    if songs := [song for song, _ in left() if song is not None and song >= 0]:
        learned.song_top = percentile(songs, TOP)
    if songs := [song for song, _ in left() if song is not None and song > 0]:
        learned.song_mean = mean(songs)
    if times := [play for _, play in left() if play is not None and play >= 0]:
        learned.play_top = percentile(times, TOP)
    if times := [play for _, play in left() if play is not None and play >= 0]:
        learned.play_mean = mean(times)
    return learned


def within(events: Iterable[Event], after: int, until: int) -> list[Event]:
    """The events of the days in (after, until]."""
    return [event for event in events if event.day is not None and after < event.day <= until]


def snapshot(
    events: Sequence[Event], learned: Cleaned, *, at: int, known: int, outcome: int
) -> dict[int, dict[str, Any]]:
    """Every listener seen in (at - known, at], with every column of a listener table but the bucket."""
    rows = {}
    for uid in sorted({event.uid for event in events if event.uid is not None} - learned.bots):
        own = [event for event in events if event.uid == uid]
        past = within(own, at - known, at)
        if past:
            rows[uid] = {
                "churned": 0 if within(own, at, at + outcome) else 1,
                "days_since_seen": min(at - event.day for event in past),
                "events": len(past),
                **features(past, learned, at=at, known=known),
            }
    return rows


def features(past: Sequence[Event], learned: Cleaned, *, at: int, known: int) -> dict[str, Any]:
    """The catalogue of A6 for one listener's known events."""
    week, days = WEEK[known], (*WINDOWS[known], known)
    dropped = [event for event in past if event.kind == "P" and learned.believed(event) is None]
    kept = [event for event in past if event not in dropped]
    plays = [(event.day, *learned.believed(event)) for event in kept if event.kind == "P"]
    plays = [(day, song, play) if play is None or play >= 0 else (day, song, None) for day, song, play in plays]
    timed = [(day, play) for day, _, play in plays if play is not None]
    shares = [(day, Fraction(play, song)) for day, song, play in plays if play is not None and song and song > 0]
    near_end = [day for day, share in shares if share >= Fraction(4, 5)]
    total = sum(play for _, play in timed)
    of = {kind: [event.day for event in kept if event.kind == kind] for kind in "PDS"}

    def band(low: float, high: float) -> float | None:
        return ratio(sum(low <= 5 * share < high for _, share in shares), len(shares))

    return {
        "time_percentage_0_to_20": band(0, 1),
        "time_percentage_20_to_40": band(1, 2),
        "time_percentage_40_to_60": band(2, 3),
        "time_percentage_60_to_80": band(3, 4),
        "time_percentage_larger_than_80": band(4, float("inf")),
        f"time_percentage_larger_than_80_{week}d_over_{known}d": ratio(last(near_end, at, week), len(near_end)),
        "total_play_time": float(Fraction(total, 1000)) if timed or not plays else None,
        f"total_play_time_{week}d_over_{known}d": ratio(sum(play for day, play in timed if day > at - week), total),
        "average_play_time": ratio(Fraction(total, 1000), len(timed)),
        **{f"freq_{kind}_last_{d}": last(of[kind], at, d) for kind in "PDS" for d in days},
        **{f"{k}_{week}d_over_{k}_{known}d": ratio(last(of[k], at, week), len(of[k])) for k in "PDS"},
        **{f"last_{kind}_time": min((at - day for day in of[kind]), default=None) for kind in "PDS"},
        "device": device([event.device for event in kept]),
    }


def ratio(part: int | Fraction, whole: int) -> float | None:
    """Part of whole; without a whole there is none."""
    return float(Fraction(part) / whole) if whole else None


def last(days: Sequence[int], at: int, window: int) -> int:
    """How many of the days are among the last `window` days, `at` the last of them."""
    return sum(0 <= at - day < window for day in days)


def device(devices: Sequence[str | None]) -> int | None:
    """1 Android, 0 iPhone, by majority of events; a tie is an iPhone, nobody knows without any."""
    android, iphone = devices.count("ar"), devices.count("ip")
    return int(android > iphone) if android + iphone else None

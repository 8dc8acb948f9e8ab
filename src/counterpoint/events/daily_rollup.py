"""The daily roll-up: events are read once and become one row a listener and day; every window is a sum of its rows."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from counterpoint.events.cleaning import Cleaning, cleaned_sql
from counterpoint.events.cleaning_rules import DEFAULT_RULES, PUBLISHED_RULES
from counterpoint.events.schema import EVENT_KIND_NAMES
from counterpoint.storage.engine import Engine

EVENTS_PER_PART: Final = 16_000_000  # events


@dataclass(frozen=True)
class Total:
    """A whole number that adds up over events: how many there are `when` something holds, or the sum of a column."""

    name: str
    when: str = "TRUE"
    column: str | None = None

    @property
    def sql(self) -> str:
        """Its portable SQL over a listener's events of a day."""
        if self.column is None:
            return f"count(CASE WHEN {self.when} THEN 1 END)"
        return f"CAST(sum(CASE WHEN {self.when} THEN {self.column} ELSE 0 END) AS BIGINT)"


_HEARD: Final = "kind = 'P' AND kept AND song_ms > 0 AND play_ms IS NOT NULL"
_REACHES: Final = {
    # At least so many fifths of the song: as it is, and as the churn report rounded it, half up to two digits.
    DEFAULT_RULES.name: "5 * play_ms >= {fifths} * song_ms",
    PUBLISHED_RULES.name: "200 * play_ms >= (40 * {fifths} - 1) * song_ms",
}


def totals(rule_set: str = DEFAULT_RULES.name) -> tuple[Total, ...]:
    """Return what a rule set keeps of a listener's day; the published one counts no plays whose time is not known."""
    plays = "kind = 'P' AND kept" if rule_set == DEFAULT_RULES.name else "kind = 'P' AND kept AND said_ms IS NOT NULL"
    reached = [_REACHES[rule_set].format(fifths=fifths) for fifths in range(1, 5)]
    timed = "kind = 'P' AND kept AND play_ms IS NOT NULL"
    return (
        Total("seen"),  # before cleaning: whether somebody was there does not depend on how long a song is
        Total("P", plays),
        *(Total(kind, f"kind = '{kind}' AND kept") for kind in EVENT_KIND_NAMES if kind != "P"),
        Total("play_ms", timed, "play_ms"),
        Total("timed", timed),
        Total("heard", _HEARD),
        Total("heard_0_to_20", f"{_HEARD} AND NOT {reached[0]}"),
        Total("heard_20_to_40", f"{_HEARD} AND {reached[0]} AND NOT {reached[1]}"),
        Total("heard_40_to_60", f"{_HEARD} AND {reached[1]} AND NOT {reached[2]}"),
        Total("heard_60_to_80", f"{_HEARD} AND {reached[2]} AND NOT {reached[3]}"),
        Total("heard_larger_than_80", f"{_HEARD} AND {reached[3]}"),
        Total("android", "kept AND device = 'ar'"),
        Total("iphone", "kept AND device = 'ip'"),
    )


def rollup_sql(cleaning: Cleaning, days: tuple[int, int] | None = None) -> str:
    """Return portable SQL from `events` and `bots` to one row a listener and day: uid, bucket, day and the totals.

    Events without a uid or a day, and all events of bots, are left out; so are days outside (after, until] of `days`,
    if they are given.
    """
    within = f" AND day > {days[0]} AND day <= {days[1]}" if days else ""
    source = (
        "SELECT uid, bucket, day, kind, device, song_ms, play_ms, play_ms AS said_ms FROM events"
        f" WHERE uid IS NOT NULL AND day IS NOT NULL{within} AND uid NOT IN (SELECT uid FROM bots)"
    )
    cleaned = cleaned_sql(cleaning, source, keep=("uid", "bucket", "day", "device", "said_ms"))
    sums = ", ".join(f"{total.sql} AS {total.name}" for total in totals(cleaning.rule_set))
    return f"SELECT uid, bucket, day, {sums} FROM ({cleaned}) e GROUP BY uid, bucket, day"


def roll_up(engine: Engine, cleaning: Cleaning, to: Path) -> None:
    """Write the roll-up of `events` (without `bots`) to the folder `to`, so many days at a time as fit a small memory.

    A row is of one day, so the parts of a log are the parts of its roll-up.
    """
    counts = engine.fetch(
        "SELECT day, CAST(count(*) AS BIGINT) AS n FROM events WHERE day IS NOT NULL GROUP BY day ORDER BY day"
    )
    part = (counts["n"].cum_sum() - 1) // EVENTS_PER_PART
    spans = counts.group_by(part.alias("part"), maintain_order=True).agg(first=pl.min("day"), last=pl.max("day"))
    for part_number, first, last in spans.select(pl.int_range(pl.len()), "first", "last").iter_rows():
        engine.write(rollup_sql(cleaning, (first - 1, last)), to / f"{part_number}.parquet")


def cleaning_report_sql(cleaning: Cleaning) -> str:
    """Return portable SQL from `plays` (as `fit_cleaning` leaves it) to its window's plays by `hits`, `kept`."""
    cleaned = cleaned_sql(cleaning, "SELECT 'P' AS kind, song_ms, play_ms, n FROM plays", keep=("n",))
    return f"SELECT hits, kept, CAST(sum(n) AS BIGINT) AS plays FROM ({cleaned}) c GROUP BY hits, kept"

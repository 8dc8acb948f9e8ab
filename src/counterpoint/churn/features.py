"""What a listener's past looks like, as a catalogue: a feature is a line here; one function compiles them all to SQL.

The catalogue is the study's (spec A6). Its windows of 1, 3, 7, 14 and 30 days are fractions of what is known: where 180
days are known they are 6, 18, 42, 84 and all of it. A number without a meaning is null, never 0: who never downloaded
has no "days since the last download".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from counterpoint.events.schema import KINDS, PLURALS
from counterpoint.snapshots.snapshot import Snapshot, Span

STUDY_DAYS: Final = (1, 3, 7, 14)
STUDY_WEEK: Final = 7
STUDY_KNOWN: Final = 30
RATIO: Final = "CASE WHEN {1} > 0 THEN CAST({0} AS DOUBLE) / {1} END"
BANDS: Final = {
    "0_to_20": "less than 20 %",
    "20_to_40": "20 to 40 %",
    "40_to_60": "40 to 60 %",
    "60_to_80": "60 to 80 %",
    "larger_than_80": "80 % or more",
}


@dataclass(frozen=True)
class Sum:
    """A total of the roll-up over the last `days` days of what is known; over all of it if `days` is None."""

    total: str
    days: int | None = None

    def aggregate(self, at: int) -> str:
        """Return its SQL over a listener's days."""
        within = self.total if self.days is None else f"CASE WHEN day > {at - self.days} THEN {self.total} ELSE 0 END"
        return f"CAST(sum({within}) AS BIGINT)"


@dataclass(frozen=True)
class Last:
    """The last known day on which a total was above zero; null = never."""

    total: str

    def aggregate(self, at: int) -> str:
        """Return its SQL over a listener's days; what is known ends at `at`, so `at` itself need not be named."""
        return f"max(CASE WHEN {self.total} > 0 AND day <= {at} THEN day END)"


@dataclass(frozen=True)
class Feature:
    """A number about a listener.

    sql   : an expression over `of` ({0}, {1}) and the snapshot's day ({at}); null where it has no meaning
    words : what it says of a listener, with its value in braces
    never : what it says where it is null
    """

    name: str
    sql: str
    of: tuple[Sum | Last, ...]
    words: str
    never: str = "not known"

    @property
    def is_ratio(self) -> bool:
        """Whether it is the first of `of` as a share of the second."""
        return self.sql == RATIO


def count(name: str, over: Sum, words: str) -> Feature:
    """Return a feature that is a total over a window."""
    return Feature(name, "{0}", (over,), words)


def ratio(name: str, over: Sum, under: Sum, words: str, never: str) -> Feature:
    """Return a feature that is one total as a share of another; null where that is zero."""
    return Feature(name, RATIO, (over, under), words, never)


def catalogue(known_for: Span, *, kinds: Sequence[str] = ("P", "D", "S")) -> tuple[Feature, ...]:
    """Return the features for a length of what is known, of a log with these kinds of event.

    >>> [feature.name for feature in catalogue(Span(30), kinds="P")][5:9]
    ['time_percentage_larger_than_80_7d_over_30d', 'total_play_time', 'total_play_time_7d_over_30d',
     'average_play_time']
    """
    windows, week = _windows(known_for), _scaled(STUDY_WEEK, known_for)
    whole = f"{known_for}" if known_for.months else f"{known_for.days}d"
    heard = _heard(week, whole) if "P" in kinds else ()
    counts = [feature for kind in kinds for feature in _counts(kind, windows, known_for)]
    ratios = [
        ratio(
            f"{kind}_{week}d_over_{kind}_{whole}",
            Sum(kind, week),
            Sum(kind),
            f"{{:.0%}} of the {PLURALS[kind]} fell in the last {week} days",
            f"no {KINDS[kind]} at all",
        )
        for kind in kinds
    ]
    lasts = [
        Feature(
            f"last_{kind}_time",
            "{at} - {0}",
            (Last(kind),),
            f"days since the last {KINDS[kind]}: {{:.0f}}",
            f"no {KINDS[kind]} at all",
        )
        for kind in kinds
    ]
    return (*heard, *counts, *ratios, *lasts, _DEVICE)


def _windows(known_for: Span) -> tuple[int, ...]:
    """Return the study's windows, in proportion to what is known, shortest first."""
    scaled = {_scaled(days, known_for) for days in STUDY_DAYS}
    return tuple(sorted(days for days in scaled if days < known_for.days))


def _scaled(days: int, known_for: Span) -> int:
    return max(1, round(days * known_for.days / STUDY_KNOWN))


def _heard(week: int, whole: str) -> tuple[Feature, ...]:
    """Return groups A and B: how much of the songs was heard, and for how long."""
    bands = [
        ratio(
            f"time_percentage_{band}",
            Sum(f"heard_{band}"),
            Sum("heard"),
            f"{{:.0%}} of the plays were of {share} of the song",
            "no play of a known length",
        )
        for band, share in BANDS.items()
    ]
    return (
        *bands,
        ratio(
            f"time_percentage_larger_than_80_{week}d_over_{whole}",
            Sum("heard_larger_than_80", week),
            Sum("heard_larger_than_80"),
            f"{{:.0%}} of the songs heard nearly to the end fell in the last {week} days",
            "no song heard nearly to the end",
        ),
        Feature(
            "total_play_time",
            "CASE WHEN {1} > 0 OR {2} = 0 THEN CAST({0} AS DOUBLE) / 1000 END",
            (Sum("play_ms"), Sum("timed"), Sum("P")),
            "seconds played: {:,.0f}",
            "time played not known",
        ),
        ratio(
            f"total_play_time_{week}d_over_{whole}",
            Sum("play_ms", week),
            Sum("play_ms"),
            f"{{:.0%}} of the time played fell in the last {week} days",
            "nothing played",
        ),
        Feature(
            "average_play_time",
            "CASE WHEN {1} > 0 THEN CAST({0} AS DOUBLE) / (1000 * {1}) END",
            (Sum("play_ms"), Sum("timed")),
            "seconds a play: {:.0f}",
            "no play of a known length",
        ),
    )


def _counts(kind: str, windows: Sequence[int], known_for: Span) -> list[Feature]:
    some = [count(f"freq_{kind}_last_{d}", Sum(kind, d), f"{PLURALS[kind]} in {d} days: {{:,.0f}}") for d in windows]
    return [
        *some,
        count(f"freq_{kind}_last_{known_for}", Sum(kind), f"{PLURALS[kind]} in {known_for.words}: {{:,.0f}}"),
    ]


_DEVICE: Final = Feature(
    "device",
    "CASE WHEN {0} > {1} THEN 1 WHEN {0} + {1} > 0 THEN 0 END",
    (Sum("android"), Sum("iphone")),
    "device {:.0f} (1 Android, 0 iPhone)",
    "device not known",
)


FORETOLD: Final = "silence_foretold"
SINCE: Final = "silence_since"
RHYTHM: Final = (
    Feature(FORETOLD, "", (), "silence foretold by the habits up to the last visit: {:.0%}"),
    Feature(SINCE, "", (), "the silence since then multiplies the odds of leaving by {:,.1f}"),
)
"""What the rhythm of visits says (`rhythm`): no sum over windows, so not of SQL."""


def snapshot_sql(features: Sequence[Feature], snapshot: Snapshot, *, outcome: bool) -> str:
    """Return portable SQL from `rollup` to one row a listener seen in the known window.

    Columns: uid, bucket, churned (1 = not seen in the outcome window; null without `outcome`), days_since_seen and
    events (both before cleaning: the two plainest predictors there are), then the features. Features are computed from
    known days alone and labels from outcome days alone, in queries apart.
    """
    after, at, end = snapshot.days
    parts = list(dict.fromkeys(part for feature in features for part in feature.of))
    column = {part: f"x{i}" for i, part in enumerate(parts)}
    sums = "".join(f", {part.aggregate(at)} AS {column[part]}" for part in parts)
    chosen = "".join(
        f", {feature.sql.format(*(f'k.{column[part]}' for part in feature.of), at=at)} AS {feature.name}"
        for feature in features
    )
    known = (
        f"SELECT uid, bucket, max(day) AS last_seen, CAST(sum(seen) AS BIGINT) AS events{sums}"
        f" FROM rollup WHERE day > {after} AND day <= {at} GROUP BY uid, bucket"
    )
    stayed = f"SELECT DISTINCT uid FROM rollup WHERE day > {at} AND day <= {end}"
    label = "CASE WHEN o.uid IS NULL THEN 1 ELSE 0 END" if outcome else "CAST(NULL AS INT)"
    join = f" LEFT JOIN ({stayed}) o ON k.uid = o.uid" if outcome else ""
    return (
        f"SELECT k.uid AS uid, k.bucket AS bucket, {label} AS churned, {at} - k.last_seen AS days_since_seen,"
        f" k.events AS events{chosen} FROM ({known}) k{join}"
    )

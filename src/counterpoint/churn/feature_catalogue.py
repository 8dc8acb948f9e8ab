"""What a listener's past looks like, as a catalogue: a feature is a line here.

The catalogue is the churn report's. Its windows of 1, 3, 7, 14 and 30 days are fractions of what is known: where 180
days are known they are 6, 18, 42, 84 and all of it. A number without a meaning is null, never 0: who never downloaded
has no "days since the last download".
"""

from collections.abc import Sequence
from typing import Final

from counterpoint.events.schema import EVENT_KIND_NAMES, EVENT_KIND_PLURALS
from counterpoint.snapshots.listener_features import Feature, LastDay, WindowTotal, count, ratio
from counterpoint.snapshots.snapshot import Span

EVENT_KINDS: Final = "PDSLX"
PUBLISHED_EVENT_KINDS: Final = "PDS"
PUBLISHED_WINDOWS: Final = (1, 3, 7, 14)
PUBLISHED_WEEK: Final = 7
PUBLISHED_KNOWN_DAYS: Final = 30
BANDS: Final = {
    "0_to_20": "less than 20 %",
    "20_to_40": "20 to 40 %",
    "40_to_60": "40 to 60 %",
    "60_to_80": "60 to 80 %",
    "larger_than_80": "80 % or more",
}


def catalogue(known_for: Span, *, kinds: Sequence[str] = ("P", "D", "S")) -> tuple[Feature, ...]:
    """Return the features for a length of what is known, of a log with these kinds of event.

    >>> [feature.name for feature in catalogue(Span(30), kinds="P")][5:9]
    ['time_percentage_larger_than_80_7d_over_30d', 'total_play_time', 'total_play_time_7d_over_30d',
     'average_play_time']
    """
    windows, week = _windows(known_for), _scaled(PUBLISHED_WEEK, known_for)
    whole = f"{known_for}" if known_for.months else f"{known_for.days}d"
    listening = _listening(week, whole) if "P" in kinds else ()
    counts = [feature for kind in kinds for feature in _counts(kind, windows, known_for)]
    ratios = [
        ratio(
            f"{kind}_{week}d_over_{kind}_{whole}",
            WindowTotal(kind, week),
            WindowTotal(kind),
            f"{{:.0%}} of the {EVENT_KIND_PLURALS[kind]} fell in the last {week} days",
            f"no {EVENT_KIND_NAMES[kind]} at all",
        )
        for kind in kinds
    ]
    lasts = [
        Feature(
            f"last_{kind}_time",
            "{at} - {0}",
            (LastDay(kind),),
            f"days since the last {EVENT_KIND_NAMES[kind]}: {{:.0f}}",
            f"no {EVENT_KIND_NAMES[kind]} at all",
        )
        for kind in kinds
    ]
    return (*listening, *counts, *ratios, *lasts, _DEVICE)


def _windows(known_for: Span) -> tuple[int, ...]:
    """Return the report's windows, in proportion to what is known, shortest first."""
    scaled = {_scaled(days, known_for) for days in PUBLISHED_WINDOWS}
    return tuple(sorted(days for days in scaled if days < known_for.days))


def _scaled(days: int, known_for: Span) -> int:
    return max(1, round(days * known_for.days / PUBLISHED_KNOWN_DAYS))


def _listening(week: int, whole: str) -> tuple[Feature, ...]:
    """Return groups A and B: how much of the songs was heard, and for how long."""
    bands = [
        ratio(
            f"time_percentage_{band}",
            WindowTotal(f"heard_{band}"),
            WindowTotal("heard"),
            f"{{:.0%}} of the plays were of {share} of the song",
            "no play of a known length",
        )
        for band, share in BANDS.items()
    ]
    return (
        *bands,
        ratio(
            f"time_percentage_larger_than_80_{week}d_over_{whole}",
            WindowTotal("heard_larger_than_80", week),
            WindowTotal("heard_larger_than_80"),
            f"{{:.0%}} of the songs heard nearly to the end fell in the last {week} days",
            "no song heard nearly to the end",
        ),
        Feature(
            "total_play_time",
            "CASE WHEN {1} > 0 OR {2} = 0 THEN CAST({0} AS DOUBLE) / 1000 END",
            (WindowTotal("play_ms"), WindowTotal("timed"), WindowTotal("P")),
            "seconds played: {:,.0f}",
            "time played not known",
        ),
        ratio(
            f"total_play_time_{week}d_over_{whole}",
            WindowTotal("play_ms", week),
            WindowTotal("play_ms"),
            f"{{:.0%}} of the time played fell in the last {week} days",
            "nothing played",
        ),
        Feature(
            "average_play_time",
            "CASE WHEN {1} > 0 THEN CAST({0} AS DOUBLE) / (1000 * {1}) END",
            (WindowTotal("play_ms"), WindowTotal("timed")),
            "seconds a play: {:.0f}",
            "no play of a known length",
        ),
    )


def _counts(kind: str, windows: Sequence[int], known_for: Span) -> list[Feature]:
    some = [
        count(f"freq_{kind}_last_{d}", WindowTotal(kind, d), f"{EVENT_KIND_PLURALS[kind]} in {d} days: {{:,.0f}}")
        for d in windows
    ]
    return [
        *some,
        count(
            f"freq_{kind}_last_{known_for}",
            WindowTotal(kind),
            f"{EVENT_KIND_PLURALS[kind]} in {known_for.words}: {{:,.0f}}",
        ),
    ]


_DEVICE: Final = Feature(
    "device",
    "CASE WHEN {0} > {1} THEN 1 WHEN {0} + {1} > 0 THEN 0 END",
    (WindowTotal("android"), WindowTotal("iphone")),
    "device {:.0f} (1 Android, 0 iPhone)",
    "device not known",
)


HMM_PROBABILITY: Final = "hmm_churn_probability"
HMM_SILENCE_ODDS: Final = "hmm_silence_odds"
HMM_FEATURES: Final = (
    Feature(HMM_PROBABILITY, "", (), "silence predicted from the visits so far: {:.0%}"),
    Feature(HMM_SILENCE_ODDS, "", (), "the silence since then multiplies the odds of leaving by {:,.1f}"),
)
"""What the hidden Markov model of visits says (hmm_features.py): no totals over windows, so not of SQL."""

"""Which plays to believe, as data: a rule says what is wrong with a play and what is done; a rule set orders them.

DEFAULT_RULES is what a published churn report (Z. Wang, Music Box Project Report) wrote, without its mistakes: missing
values are typed, a mean is taken over what can be true (a song of length 0 cannot), the bots are counted in the known
window alone, and a play time in milliseconds is recognised instead of dropped. PUBLISHED_RULES is what its notebook
did, mistakes included, for comparison.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from counterpoint.errors import CounterpointError

TOP: Final = Fraction(999, 1000)


@dataclass(frozen=True)
class LearnedNumber:
    """A number learned from the plays that the rules before it left: a percentile, or the mean if `share` is None.

    It is a whole number of `unit` milliseconds: a percentile rounded down, a mean to the nearest.
    """

    name: str
    column: str
    among: str
    share: Fraction | None = None
    unit: int = 1


@dataclass(frozen=True)
class Rule:
    """What is wrong with a play, and what is done: the play is dropped, or `column` becomes `value`."""

    name: str
    when: str
    why: str
    column: str | None = None
    value: str | None = None
    learns: LearnedNumber | None = None


_SONG_TOP = LearnedNumber("song_top", "song_ms", "song_ms >= 0", TOP)
_SONG_MEAN = LearnedNumber("song_mean", "song_ms", "song_ms > 0")
_PLAY_TOP = LearnedNumber("play_top", "play_ms", "play_ms >= 0", TOP)
_PLAY_MEAN = LearnedNumber("play_mean", "play_ms", "play_ms >= 0")

RULES: Final = (
    Rule("song length missing", "song_ms IS NULL", "such rows lack what was played as well"),
    Rule("song length outlier", "song_ms > {song_top}", "the longest in a thousand are no songs", learns=_SONG_TOP),
    Rule("song length not positive", "song_ms <= 0", "no song is that short", "song_ms", "{song_mean}", _SONG_MEAN),
    Rule(
        "play time in milliseconds",
        "play_ms > 20 * song_ms AND play_ms <= 1000 * {song_top}",
        "nobody plays a song twenty times in one play, and a thousandth of it is no longer than songs are",
        "play_ms",
        "CAST(FLOOR(CAST(play_ms AS DOUBLE) / 1000) AS BIGINT)",
        _SONG_TOP,
    ),
    Rule("play time outlier", "play_ms > {play_top}", "the longest in a thousand are no plays", learns=_PLAY_TOP),
    Rule("play time negative", "play_ms < 0", "a clock ran backwards", "play_ms", "{play_mean}", _PLAY_MEAN),
    Rule(
        "play time missing",
        "play_ms IS NULL",
        "it was played, for a time not known",
        "play_ms",
        "{play_mean}",
        _PLAY_MEAN,
    ),
)


@dataclass(frozen=True)
class RuleSet:
    """A way to clean logs.

    rules       : in the order in which they are applied
    bots        : the percentile of plays from which on a listener is a bot
    bots_ever   : plays are counted over all days, what nobody could know at the snapshot included
    bots_always : even among few listeners, and however many tie
    """

    name: str
    rules: tuple[Rule, ...]
    bots: Fraction = TOP
    bots_ever: bool = False
    bots_always: bool = False

    def with_bots(self, percentile: float) -> "RuleSet":
        """Return it with another percentile of plays from which on a listener is a bot.

        >>> DEFAULT_RULES.with_bots(99.5).bots
        Fraction(199, 200)
        """
        if not 50 <= percentile < 100:
            raise CounterpointError(f"bots are told by a percentile of plays in [50, 100); got {percentile}")
        return replace(self, bots=Fraction(str(percentile)) / 100)


_HIGH = Fraction(99, 100)
_SONG_HIGH = LearnedNumber("song_high", "song_ms", "song_ms >= 0", _HIGH)
_SONG_FILL = LearnedNumber("song_fill", "song_ms", "song_ms >= 0 AND song_ms < {song_high}", unit=1000)
_PLAY_HIGH = LearnedNumber("play_high", "play_ms", "play_ms >= 0", _HIGH)
_PLAY_FILL = LearnedNumber("play_fill", "play_ms", "play_ms >= 0 AND play_ms < {play_high}", unit=1000)

DEFAULT_RULES: Final = RuleSet("ours", RULES)
PUBLISHED_RULES: Final = RuleSet(
    "as published",
    (
        RULES[0],
        Rule("song length above the 99th percentile", "song_ms > {song_high}", "no songs", learns=_SONG_HIGH),
        Rule("song length 0 or less", "song_ms <= 0", "no song is that short", "song_ms", "{song_fill}", _SONG_FILL),
        Rule("play time above the 99th percentile", "play_ms > {play_high}", "no plays", learns=_PLAY_HIGH),
        Rule("play time below 0", "play_ms < 0", "a clock ran backwards", "play_ms", "{play_fill}", _PLAY_FILL),
        Rule("play time null", "play_ms IS NULL", "it was played", "play_ms", "{play_fill}", _PLAY_FILL),
    ),
    bots_ever=True,
    bots_always=True,
)
RULE_SETS: Final[Mapping[str, RuleSet]] = {rules.name: rules for rules in (DEFAULT_RULES, PUBLISHED_RULES)}

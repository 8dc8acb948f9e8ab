"""Who is a bot: a listener with at least as many plays as the rule set's percentile of listeners."""

from fractions import Fraction
from math import ceil

import polars as pl

from counterpoint.events.cleaning_rules import DEFAULT_RULES, RuleSet
from counterpoint.events.histogram import percentile


def bot_threshold(counts: pl.DataFrame, rules: RuleSet = DEFAULT_RULES) -> Fraction | None:
    """Return the percentile of plays a listener, from counts (plays, listeners): who is at or above it is a bot.

    None with fewer listeners than a percentile that high needs (1,000), since the most eager of few is no machine; and
    where so many tie at it that more than 1 in 100 listeners would be bots.
    """
    everyone = int(counts["listeners"].sum())
    if not everyone or (everyone < 1 / (1 - rules.bots) and not rules.bots_always):
        return None
    threshold = percentile(counts["plays"].to_numpy(), counts["listeners"].to_numpy(), rules.bots)
    reached = int(counts.filter(pl.col("plays") >= ceil(threshold))["listeners"].sum())
    return threshold if reached * 100 <= everyone or rules.bots_always else None


def plays_by_listener_sql(where: str) -> str:
    """Return portable SQL from `events` to how many of those `where` something holds each listener has: uid, plays."""
    return f"SELECT uid, CAST(count(*) AS BIGINT) AS plays FROM events WHERE {where} GROUP BY uid"

"""Cleaning: rules are applied in their order; the numbers they need are learned once and then frozen.

A cleaning is learned from one window of days, kept with the model that was trained there, and used unchanged for every
later snapshot: what a later month looks like cannot change what an earlier one meant.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil, floor

import polars as pl

from counterpoint.events.bots import bot_threshold, plays_by_listener_sql
from counterpoint.events.cleaning_rules import DEFAULT_RULES, RULE_SETS, LearnedNumber, RuleSet
from counterpoint.events.histogram import percentile
from counterpoint.storage.engine import Engine, Location, within


@dataclass(frozen=True)
class Cleaning:
    """The rules that apply to a log, and the numbers they learned on the days in (after, until].

    rule_set  : the name of the rule set that they are of
    numbers   : milliseconds; None for a mean that nothing could be learned of: what it should replace becomes null
    bots_from : listeners with at least this many plays in that window are bots; None if too few listeners to tell
    """

    rule_set: str
    after: int
    until: int
    rules: tuple[str, ...]
    numbers: tuple[tuple[str, int | None], ...]
    bots_from: int | None


def fit_cleaning(
    engine: Engine, *, after: int, until: int, scratch: Location, rules: RuleSet = DEFAULT_RULES
) -> tuple[Cleaning, pl.DataFrame]:
    """Learn a cleaning from the `events` with a day in (after, until]; return it and its bots (uid, plays).

    The engine knows the bots as `bots` from then on; `scratch` is a folder that it can write to.
    """
    window = f"uid IS NOT NULL AND day > {after} AND day <= {until} AND kind = 'P'"
    plays_by_listener = plays_by_listener_sql("uid IS NOT NULL AND kind = 'P'" if rules.bots_ever else window)
    counts = engine.fetch(
        f"SELECT plays, CAST(count(*) AS BIGINT) AS listeners FROM ({plays_by_listener}) p GROUP BY plays"
    )
    bots_from = bot_threshold(counts, rules)
    blank = Cleaning(rules.name, after, until, (), (), None if bots_from is None else ceil(bots_from))
    bots, plays = within(scratch, "bots.parquet"), within(scratch, "plays.parquet")
    engine.write(f"SELECT uid, plays FROM ({plays_by_listener}) p WHERE plays >= {blank.bots_from or 2**62}", bots)
    engine.register("bots", [bots])
    engine.write(
        "SELECT song_ms, play_ms, CAST(count(*) AS BIGINT) AS n FROM events"
        f" WHERE {window} AND uid NOT IN (SELECT uid FROM bots) GROUP BY song_ms, play_ms",
        plays,
    )
    engine.register("plays", [plays])
    return _learn_numbers(engine, blank), engine.fetch("SELECT uid, plays FROM bots ORDER BY uid")


def _learn_numbers(engine: Engine, blank: Cleaning) -> Cleaning:
    """Learn the numbers one by one, each from what the rules before it left of the histogram `plays`.

    Rules about a column that no play of the log has are left out: they would drop or invent every row.
    """
    [(songs, plays)] = engine.fetch("SELECT count(song_ms) AS songs, count(play_ms) AS plays FROM plays").rows()
    fitted = blank
    for rule in RULE_SETS[blank.rule_set].rules:
        if not (songs if "song_ms" in rule.when else plays):
            continue
        numbers = fitted.numbers
        if rule.learns and rule.learns.name not in dict(numbers):
            value = _learn_number(engine, fitted, rule.learns)
            if value is None and rule.learns.share is not None:
                continue
            numbers = (*numbers, (rule.learns.name, value))
        fitted = replace(fitted, rules=(*fitted.rules, rule.name), numbers=numbers)
    return fitted


def _learn_number(engine: Engine, so_far: Cleaning, wanted: LearnedNumber) -> int | None:
    cleaned = cleaned_sql(so_far, "SELECT 'P' AS kind, song_ms, play_ms, n FROM plays", keep=("n",))
    table = engine.fetch(
        f"SELECT {wanted.column} AS value, CAST(sum(n) AS BIGINT) AS n FROM ({cleaned}) c"
        f" WHERE kept AND {wanted.among.format(**dict(so_far.numbers))} GROUP BY {wanted.column}"
    )
    if not table.height:
        return None
    values, counts = table["value"].to_numpy(), table["n"].to_numpy()
    if wanted.share is not None:
        return floor(percentile(values, counts, wanted.share))
    total = sum(int(value) * int(count) for value, count in table.rows())
    return floor(Fraction(total, int(counts.sum()) * wanted.unit) + Fraction(1, 2)) * wanted.unit


def cleaned_sql(cleaning: Cleaning, source: str, *, keep: Sequence[str] = ()) -> str:
    """Return portable SQL: the rows of `source` (kind, song_ms, play_ms and `keep`), cleaned.

    It adds `kept` (false for a play that some rule dropped) and `hits`, the sum of 2^i over the rules i of
    `cleaning` that the row met. Rows of other kinds are all kept.
    """
    kept = ", ".join(("kind", *keep))
    sql = f"SELECT {kept}, song_ms, play_ms, TRUE AS kept, 0 AS hits FROM ({source}) s"
    numbers = {name: f"CAST({'NULL' if value is None else value} AS BIGINT)" for name, value in cleaning.numbers}
    rules = {rule.name: rule for rule in RULE_SETS[cleaning.rule_set].rules}
    for number, rule in enumerate(rules[name] for name in cleaning.rules):
        met = f"kind = 'P' AND kept AND COALESCE({rule.when.format(**numbers)}, FALSE)"
        values = {column: column for column in ("song_ms", "play_ms")}
        if rule.column and rule.value:
            values[rule.column] = f"CASE WHEN {met} THEN {rule.value.format(**numbers)} ELSE {rule.column} END"
        still = "kept" if rule.column else f"kept AND NOT ({met})"
        sql = (
            f"SELECT {kept}, {values['song_ms']} AS song_ms, {values['play_ms']} AS play_ms, {still} AS kept,"
            f" CASE WHEN {met} THEN hits + {2**number} ELSE hits END AS hits FROM ({sql}) r{number}"
        )
    return sql

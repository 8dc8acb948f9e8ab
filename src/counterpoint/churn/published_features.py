"""The features as the churn report's notebook made them, for comparison: rounded, and with 0 for what is not known.

Its ways that ours does not share: shares and ratios are rounded half up to two digits, and before they fall
into bands; the last band is what the rounded others leave of 1, so that it can be -0.02; who never downloaded has
downloaded today; a play whose time was lost is not counted, though its time is made up. Rounding is done on whole
numbers after the query: engines round halves differently.
"""

from collections.abc import Sequence
from typing import Final

import polars as pl

from counterpoint.churn.feature_catalogue import BANDS
from counterpoint.snapshots.listener_features import Feature
from counterpoint.snapshots.snapshot import Snapshot

LAST_BAND: Final = f"time_percentage_{list(BANDS)[-1]}"


def whole_terms(features: Sequence[Feature]) -> tuple[Feature, ...]:
    """Return the whole numbers that features are made of, as features of their own: x0, x1, ..."""
    distinct = dict.fromkeys(term for feature in features for term in feature.terms)
    return tuple(Feature(f"x{i}", "{0}", (term,), "{:,.0f}") for i, term in enumerate(distinct))


def rounded_as_published(rows: pl.DataFrame, features: Sequence[Feature], snapshot: Snapshot) -> pl.DataFrame:
    """Return the report's features from the `whole_terms` in `rows`; the other columns stay."""
    names = [whole.name for whole in whole_terms(features)]
    column = {whole.terms[0]: pl.col(whole.name) for whole in whole_terms(features)}
    values = [
        _feature(feature, [column[term] for term in feature.terms], snapshot).fill_null(0).alias(feature.name)
        for feature in features
    ]
    bands = [feature for feature in features if feature.name.removeprefix("time_percentage_") in BANDS]
    table = rows.select(pl.exclude(names), *values)
    if bands:
        others = pl.sum_horizontal((pl.col(band.name) * 100).round() for band in bands[:-1])
        played = rows.select(column[bands[0].terms[1]] > 0).to_series()
        left = pl.when(played).then(_hundredths(100 - others)).otherwise(0.0)
        table = table.with_columns(left.alias(LAST_BAND))
    return table


def _feature(feature: Feature, terms: Sequence[pl.Expr], snapshot: Snapshot) -> pl.Expr:
    if feature.is_ratio:
        return _half_up(terms[0], terms[1])
    match feature.name:
        case "total_play_time":
            return terms[0] / (1000 + 0 * terms[0])  # by a column: a constant would become a product with its inverse
        case "average_play_time":
            return _half_up(terms[0], 1000 * terms[1])
        case "device":
            return (terms[0] > terms[1]).cast(pl.Int32)
        case name if name.startswith("last_"):
            return snapshot.days[1] - terms[0]
    return terms[0]


def _half_up(over: pl.Expr, under: pl.Expr) -> pl.Expr:
    """Return a quotient of whole numbers, rounded half up to two digits; null where `under` is 0."""
    return _hundredths(pl.when(under > 0).then((200 * over + under) // (2 * under)))


def _hundredths(whole: pl.Expr) -> pl.Expr:
    """Return the number of two digits nearest to so many hundredths."""
    return (whole / 100).round(2)

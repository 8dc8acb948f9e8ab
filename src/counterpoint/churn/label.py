"""Who left: the one place where it is said what churn is."""

from typing import Final

import polars as pl

from counterpoint.errors import CounterpointError
from counterpoint.snapshots.listener_features import Label

CHURNED: Final = Label("churned", "CASE WHEN o.uid IS NULL THEN 1 ELSE 0 END")
"""1 for a listener, known at a snapshot, of whom nothing is seen on any day of its outcome; else 0."""


def parse_labels(column: pl.Series) -> pl.Series:
    """Return 1 for who left and 0 for who stayed; raises CounterpointError if anything else is in the column.

    >>> parse_labels(pl.Series("left", [True, False])).to_list()
    [1, 0]
    """
    is_readable = column.dtype.is_numeric() or column.dtype in (pl.Boolean, pl.String, pl.Null)
    if column.dtype == pl.String:
        column = column.str.strip_chars().str.to_lowercase().replace({"true": "1", "false": "0"})
    labels = column.cast(pl.Float64, strict=False) if is_readable else pl.Series([None])
    if labels.null_count() or not labels.is_in([0.0, 1.0]).all():
        raise CounterpointError(f"the column {column.name!r} must hold 1 (left) or 0 (stayed) in every row")
    return labels.cast(pl.Int64)

"""Who is like whom: what matched comparisons of days hold equal."""

from collections.abc import Sequence

import polars as pl

DEVICE = pl.when(pl.col("android") > pl.col("iphone")).then(1).when(pl.col("iphone") > 0).then(0).otherwise(-1)
"""The device of most of a day's events: 1 Android, 0 iPhone (also on a tie), -1 not known."""


def band(value: pl.Expr, cuts: Sequence[float]) -> pl.Expr:
    """Return how many of the rising `cuts` a value has reached.

    >>> pl.DataFrame({"plays": [0, 5, 9]}).select(band(pl.col("plays"), [1, 5, 10])).to_series().to_list()
    [0, 2, 2]
    """
    return pl.sum_horizontal((value >= cut).cast(pl.Int32) for cut in cuts)

"""What a model learns from and is judged on: one row an example, whoever made the table."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from counterpoint.churn.label import CHURNED, parse_labels
from counterpoint.errors import CounterpointError, suggestion
from counterpoint.events.schema import bucket
from counterpoint.snapshots.listener_table import ListenerTable
from counterpoint.storage.exchange import to_frame

Matrix = NDArray[np.float64]
Labels = NDArray[np.int64]

FOLDS: Final = 5
MIN_LISTENERS: Final = 50
MAX_VALUE: Final = float(np.finfo(np.float32).max)


@dataclass(frozen=True, eq=False)
class Examples:
    """Rows of features with what became of them; a listener may have several, of several snapshots.

    names    : the features' names
    x        : float64[rows, features], nan = missing
    y        : int64[rows], 1 = left
    listener : whose row it is, any[rows]
    bucket   : int64[rows], a hash of the listener; all rows of one fall into the fold bucket % 5
    """

    names: tuple[str, ...]
    x: Matrix
    y: Labels
    listener: NDArray[Any]
    bucket: NDArray[np.int64]

    @classmethod
    def of(cls, table: ListenerTable) -> "Examples":
        """Return the listeners of a snapshot with what became of them; 1 where the outcome shows nothing of them."""
        y, buckets = (table.rows[name].cast(pl.Int64).to_numpy() for name in (CHURNED.name, "bucket"))
        return cls(table.names, table.matrix, y, table.rows["uid"].to_numpy(), buckets)

    def __len__(self) -> int:
        return len(self.y)

    def rows(self, chosen: NDArray[Any]) -> "Examples":
        """Return some of the rows, by a mask or by their places."""
        return Examples(self.names, self.x[chosen], self.y[chosen], self.listener[chosen], self.bucket[chosen])

    @property
    def fold(self) -> NDArray[np.int64]:
        """The fold of each row, int64[rows]: all rows of a listener are in one."""
        return self.bucket % FOLDS

    def check(self) -> None:
        """Refuse what nothing can be learned from."""
        listeners = len(np.unique(self.listener))
        if listeners < MIN_LISTENERS:
            raise CounterpointError(
                f"{listeners} listeners are too few to learn from: {MIN_LISTENERS} would be the least"
            )
        if len(np.unique(self.y)) < 2:
            raise CounterpointError(
                f"all {listeners:,} listeners of a training set {'left' if self.y[0] else 'stayed'}: a model needs"
                " both; choose another day or another length of outcome"
            )
        if np.isnan(self.x).all():
            raise CounterpointError(
                f"all {len(self.names)} features are missing for all {listeners:,} listeners: there is nothing to learn"
            )


def listener_folds(table: ListenerTable) -> NDArray[np.int64]:
    """Return the fold of each listener of a table, int64[listeners]: that of their examples."""
    return table.rows["bucket"].cast(pl.Int64).to_numpy() % FOLDS


def concatenate(parts: Sequence[Examples]) -> Examples:
    """Return the rows of several tables of the same features, one after another."""
    columns = zip(*((part.x, part.y, part.listener, part.bucket) for part in parts), strict=True)
    x, y, listener, buckets = (np.concatenate(column) for column in columns)
    return Examples(parts[0].names, x, y, listener, buckets)


def examples_from_table(table: Any, *, label: str, listener: str | None = None) -> Examples:
    """Take any table that exports Arrow (polars, pandas, pyarrow, DuckDB ...): each row an example.

    `label` names the column that says who left (1 or true) and who stayed (0 or false), `listener` the one that says
    whose row it is, by default each row is somebody else's. Every other column is a feature, a number or a truth value;
    what is null is missing.

    Raises
    ------
    CounterpointError
        If it is no such table, a column is not there or is no feature, or a label is neither 0 nor 1.

    >>> examples = examples_from_table(pl.DataFrame({"plays": [3, None], "left": [True, False]}), label="left")
    >>> examples.names, examples.x.tolist(), examples.y.tolist()
    (('plays',), [[3.0], [nan]], [1, 0])
    """
    frame = to_frame(table)
    for name in (label, *([listener] if listener else [])):
        if name not in frame.columns:
            raise CounterpointError(f"the table has no column {name!r}; {suggestion(name, frame.columns)}")
    y = parse_labels(frame[label])
    owner = frame[listener] if listener else pl.Series(range(frame.height), dtype=pl.Int64)
    if owner.null_count():
        raise CounterpointError(f"the column {listener!r} must say whose row it is, in every row")
    features = frame.drop(label, *([listener] if listener else []))
    if not features.width:
        raise CounterpointError(f"the table has no column beside {label!r}: there is nothing to learn from")
    hashable = owner if owner.dtype.is_integer() else owner.cast(pl.String)
    return Examples(
        tuple(features.columns),
        feature_matrix(features, features.columns),
        y.to_numpy(),
        hashable.to_numpy(),
        bucket(hashable).cast(pl.Int64).to_numpy(),
    )


def feature_matrix(table: Any, names: Sequence[str]) -> Matrix:
    """Return the columns of those names as float64[rows, names], nan = missing.

    Raises
    ------
    CounterpointError
        If the table's columns are not these, by name, or one holds no numbers.
    """
    frame = to_frame(table)
    if missing := [name for name in names if name not in frame.columns]:
        raise CounterpointError(f"the table has no column {missing[0]!r}, which the model learned from")
    if extra := [name for name in frame.columns if name not in names]:
        raise CounterpointError(f"the table has a column {extra[0]!r}, which the model has not seen")
    for name in names:
        dtype = frame.schema[name]
        if not (dtype.is_numeric() or dtype in (pl.Boolean, pl.Null)):
            raise CounterpointError(f"the column {name!r} holds {dtype}; a feature is a number or a truth value")
    x = frame.select(pl.col(list(names)).cast(pl.Float64)).to_numpy(order="c")
    if (is_bad := np.isinf(x).any(axis=0)).any():
        raise CounterpointError(f"the column {names[int(is_bad.argmax())]!r} holds an infinite number")
    # Trees are grown on 32 bits: beyond, a number is infinite to them.
    if (is_bad := (np.abs(x) > MAX_VALUE).any(axis=0)).any():
        raise CounterpointError(f"the column {names[int(is_bad.argmax())]!r} holds a number beyond {MAX_VALUE:.3g}")
    return x

"""Any table that exports Arrow becomes examples, and what is no table of examples is refused in one line.

- polars, pyarrow and pandas give the same examples; null is missing, and so is a nan.
- A listener's rows stay together, in one fold.
- Labels are 0 and 1, features are finite numbers, and columns are known by name.
"""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.logs import refusal

from counterpoint.churn.training_set import (
    FOLDS,
    MIN_LISTENERS,
    Examples,
    concatenate,
    examples_from_table,
    feature_matrix,
)
from counterpoint.events.schema import bucket

TABLE = pl.DataFrame(
    {
        "plays": [3, None, 0, 12],
        "who": ["ann", "bob", "ann", "eve"],
        "idle": [0.5, 2.0, float("nan"), None],
        "left": [True, False, False, True],
        "phone": [True, None, False, True],
    }
)
X = np.array([[3, 0.5, 1], [np.nan, 2, np.nan], [0, np.nan, 0], [12, np.nan, 1]])


def duck(table):
    """Only what the Arrow protocol asks for."""

    class Duck:
        def __arrow_c_stream__(self, requested_schema=None):
            return table.to_arrow().__arrow_c_stream__(requested_schema)

    return Duck()


def pandas_of_a_part(table):
    """A frame from which rows were taken away: its index has gaps, and is no feature."""
    frame = pd.concat([table.to_pandas(), table.to_pandas()], ignore_index=True)
    return frame[frame.index >= table.height]


FRAMES = [pl.DataFrame, pl.DataFrame.to_arrow, pl.DataFrame.to_pandas, pandas_of_a_part, duck]


def a_class(count, left):
    """So many rows, so many of whom left."""
    x, y = np.arange(2.0 * count).reshape(count, 2), (np.arange(count) < left).astype(np.int64)
    return Examples(("a", "b"), x, y, np.arange(count), np.arange(count))


# Tables


@pytest.mark.parametrize("frame", FRAMES)
def test_any_table_that_exports_arrow_gives_the_same_examples(frame):
    made = examples_from_table(frame(TABLE), label="left", listener="who")
    assert made.names == ("plays", "idle", "phone")
    np.testing.assert_array_equal(made.x, X)
    assert made.x.dtype == np.float64
    assert (made.y.tolist(), made.listener.tolist()) == ([1, 0, 0, 1], ["ann", "bob", "ann", "eve"])


@pytest.mark.parametrize("label", [pl.Boolean, pl.Int8, pl.UInt64, pl.Float32])
def test_who_left_may_be_said_by_truth_values_or_numbers(label):
    made = examples_from_table(TABLE.with_columns(pl.col("left").cast(label)), label="left", listener="who")
    assert made.y.tolist() == [1, 0, 0, 1]
    assert made.y.dtype == np.int64


@pytest.mark.parametrize("kind", [pl.UInt8, pl.Int64, pl.Float32, pl.Decimal(10, 2)])
def test_a_number_is_a_number_whatever_its_type(kind):
    table = pl.DataFrame({"a": [0, 7, None], "left": [0, 1, 0]}).with_columns(pl.col("a").cast(kind))
    np.testing.assert_array_equal(examples_from_table(table, label="left").x[:, 0], [0, 7, np.nan])


def test_a_column_of_nulls_is_missing_everywhere():
    made = examples_from_table(pl.DataFrame({"a": [None, None], "left": [0, 1]}), label="left")
    assert np.isnan(made.x).all()


def test_without_a_column_of_listeners_each_row_is_somebody_elses():
    made = examples_from_table(TABLE.drop("who"), label="left")
    assert len(set(made.listener.tolist())) == len(made) == 4


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=30), st.sampled_from([pl.Int64, pl.String]))
def test_all_rows_of_a_listener_fall_into_one_fold_and_it_is_that_of_the_listener_tables(who, kind):
    uid = pl.Series("who", who + who).cast(kind)
    made = examples_from_table(
        pl.DataFrame({"a": range(len(uid)), "who": uid, "left": [0] * len(uid)}), label="left", listener="who"
    )
    assert made.bucket.tolist() == bucket(uid).to_list()
    assert (made.fold[: len(who)] == made.fold[len(who) :]).all()
    assert ((made.fold >= 0) & (made.fold < FOLDS)).all()


def test_rows_spread_over_the_folds_evenly():
    made = examples_from_table(pl.DataFrame({"a": range(10_000), "left": [0] * 10_000}), label="left")
    counts = np.bincount(made.fold, minlength=FOLDS)
    assert np.abs(counts - 2000).max() < 4 * np.sqrt(10_000 * 0.2 * 0.8)


def test_columns_are_taken_by_name_and_not_by_place():
    table = TABLE.select("phone", "idle", "plays")
    np.testing.assert_array_equal(feature_matrix(table, ("plays", "idle", "phone")), X)


@given(st.data())
def test_some_rows_together_with_the_others_are_all_rows(data):
    made = a_class(12, 5)
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=12, max_size=12)))
    both = concatenate([made.rows(mask), made.rows(~mask)])
    order = np.argsort(both.listener)
    np.testing.assert_array_equal(both.x[order], made.x)
    for of in ("y", "listener", "bucket"):
        np.testing.assert_array_equal(getattr(both, of)[order], getattr(made, of))


# Refusals


def of_left(*values):
    return pl.DataFrame({"a": range(len(values)), "left": pl.Series(values, strict=False)})


@pytest.mark.parametrize(
    "label",
    [
        of_left(0, 2),
        of_left(0, None),
        of_left(0.0, 0.5),
        of_left(0.0, float("nan")),
        of_left("yes", "no"),
        of_left("1", "no"),
        of_left([1], [0]),
    ],
    ids=["two", "null", "half", "nan", "text", "some text", "list"],
)
def test_labels_other_than_0_and_1_are_refused(label):
    says = refusal(lambda: examples_from_table(label, label="left"))
    assert says == "the column 'left' must hold 1 (left) or 0 (stayed) in every row"


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ({"label": "gone"}, "the table has no column 'gone'"),
        ({"label": "lefd"}, "'left'"),
        ({"label": "left", "listener": "uid"}, "the table has no column 'uid'"),
    ],
)
def test_a_column_that_is_not_there_is_refused_by_name(names, says):
    assert says in refusal(lambda: examples_from_table(TABLE, **names))


def test_a_row_of_nobody_is_refused():
    nobody = TABLE.with_columns(who=pl.Series(["ann", None, "bob", "eve"]))
    says = refusal(lambda: examples_from_table(nobody, label="left", listener="who"))
    assert says == "the column 'who' must say whose row it is, in every row"


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (["x", "y"], "the column 'odd' holds String"),
        (["1", "2"], "the column 'odd' holds String"),
        ([[1], [2]], "the column 'odd' holds List"),
        (pl.Series([0, 1]).cast(pl.Date), "the column 'odd' holds Date"),
        ([1.0, float("inf")], "the column 'odd' holds an infinite number"),
        ([1.0, float("-inf")], "the column 'odd' holds an infinite number"),
    ],
)
@pytest.mark.parametrize("frame", [pl.DataFrame, pl.DataFrame.to_arrow, pl.DataFrame.to_pandas])
def test_a_column_that_holds_no_numbers_is_refused_by_name(values, says, frame):
    table = frame(pl.DataFrame({"fine": [1, 2], "odd": values, "left": [0, 1]}))
    assert refusal(lambda: examples_from_table(table, label="left")).startswith(
        says
    )  # of a Date pandas makes a Datetime


def test_a_column_too_few_and_a_column_too_many_are_refused_by_name():
    table = TABLE.select("plays", "idle")
    assert "no column 'phone'" in refusal(lambda: feature_matrix(table, ("plays", "idle", "phone")))
    assert "has a column 'idle'" in refusal(lambda: feature_matrix(table, ("plays",)))


@pytest.mark.parametrize("table", [[[1, 2]], {"a": [1]}, np.ones((2, 2)), None, "table.csv"])
def test_what_exports_no_arrow_is_no_table(table):
    assert "is no table" in refusal(lambda: examples_from_table(table, label="left"))


def test_two_columns_of_one_name_are_refused():
    twice = pa.table([pa.array([1, 2]), pa.array([1, 2]), pa.array([0, 1])], names=["a", "a", "left"])
    assert '"a"' in refusal(lambda: examples_from_table(twice, label="left"))


def test_fewer_than_fifty_listeners_are_too_few():
    says = refusal(a_class(MIN_LISTENERS - 1, 20).check)
    assert says == "49 listeners are too few to learn from: 50 would be the least"
    assert a_class(MIN_LISTENERS, 20).check() is None


@pytest.mark.parametrize(("left", "word"), [(0, "stayed"), (60, "left")])
def test_one_class_alone_is_nothing_to_learn_from(left, word):
    assert refusal(a_class(60, left).check).startswith(f"all 60 listeners of a training set {word}: a model needs both")


def test_a_table_that_knows_nothing_is_nothing_to_learn_from():
    known = a_class(60, 30)
    nothing = Examples(known.names, np.full_like(known.x, np.nan), known.y, known.listener, known.bucket)
    assert refusal(nothing.check) == "all 2 features are missing for all 60 listeners: there is nothing to learn"

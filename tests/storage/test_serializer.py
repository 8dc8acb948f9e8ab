"""What is kept comes back as it was, to the last bit, and what is not as its class declares is refused in one line."""

import datetime as dt
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import Enum
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import sparse

from counterpoint.errors import CounterpointError
from counterpoint.storage.serializer import load, loads_plain, plain, save

NOON = dt.datetime(2017, 3, 1, 12)


class Colour(Enum):
    RED = 1
    BLUE = 2


class Shape(Protocol):
    def area(self) -> float: ...


@dataclass(frozen=True)
class Square:
    side: float

    def area(self) -> float:
        return self.side**2


@dataclass(frozen=True)
class Circle:
    radius: float

    def __post_init__(self) -> None:
        if self.radius == 0:
            raise CounterpointError("no circle of radius 0")

    def area(self) -> float:
        return 3 * self.radius**2


class Pair(NamedTuple):
    left: int
    right: str


@dataclass(frozen=True)
class Values:
    number: float
    count: int
    text: str
    truth: bool
    day: dt.date | None
    several: tuple[float, ...]
    two: tuple[int, str]
    by_name: Mapping[str, float | None]
    by_number: Mapping[int, tuple[int, ...]]
    either: int | str
    level: Literal["low", 3]
    moment: dt.datetime
    form: Square | Circle | None
    loose: Any
    colour: Colour = Colour.RED
    pair: Pair = field(default_factory=lambda: Pair(1, "a"))


@dataclass(frozen=True, eq=False)
class Stored:
    array: NDArray[np.float64]
    nested: tuple[NDArray[np.int32], ...]
    matrix: sparse.csr_array
    frame: pl.DataFrame
    series: pl.Series
    shape: Shape


@dataclass(frozen=True, eq=False)
class Named:
    arrays: Mapping[str, NDArray[np.int64]]
    frames: Mapping[str, pl.DataFrame]


MARKS = ("$class", "$array", "$frame", "$series", "$sparse", "$pairs", "$float", "left", "right")
VALUE = Values(0.5, 1, "t", True, None, (1.5,), (1, "b"), {"a": None}, {1: (2,)}, 3, "low", NOON, Circle(1), 2)


def values():
    days = st.none() | st.dates()
    numbers = st.floats()
    whole = st.integers(-(2**62), 2**62)
    return st.builds(
        Values,
        number=numbers,
        count=whole,
        text=st.text(),
        truth=st.booleans(),
        day=days,
        several=st.lists(numbers, max_size=3).map(tuple),
        two=st.tuples(whole, st.text(max_size=3)),
        by_name=st.dictionaries(st.text(max_size=3), st.none() | numbers, max_size=3),
        by_number=st.dictionaries(whole, st.lists(whole, max_size=2).map(tuple), max_size=3),
        either=whole | st.text(max_size=2),
        level=st.sampled_from(["low", 3]),
        moment=st.datetimes().map(lambda moment: moment.replace(fold=0)),
        form=st.none() | st.builds(Square, numbers) | st.builds(Circle, numbers.filter(bool)),
        loose=st.recursive(
            st.none() | st.booleans() | whole | numbers | st.text(max_size=3),
            lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
            max_leaves=4,
        ),
        colour=st.sampled_from(Colour),
        pair=st.builds(Pair, whole, st.text(max_size=2)),
    )


def stored(**other: Any) -> Stored:
    content = {
        "array": np.array([[0.1, np.nan], [np.inf, -0.0]]),
        "nested": (np.arange(3, dtype=np.int32), np.zeros(0, np.int32)),
        "matrix": sparse.csr_array(np.array([[0.0, 1.5], [2.5, 0.0]])),
        "frame": pl.DataFrame({"uid": ["a", None], "plays": [1, 2]}),
        "series": pl.Series("song", [3, 1]),
        "shape": Circle(2.0),
    }
    return Stored(**{**content, **other})


@given(values())
def test_plain_values_come_back_to_the_last_bit(value):
    again = loads_plain(json.loads(json.dumps(plain(value))), Values, source="here")
    assert repr(again) == repr(value)  # nan is not equal to itself


def test_arrays_matrices_and_frames_come_back_as_they_were(tmp_path):
    value = stored()
    save(value, tmp_path, "thing")
    again = load(Stored, tmp_path, "thing", among=(Square, Circle))
    assert again.array.tobytes() == value.array.tobytes()
    assert [each.dtype for each in again.nested] == [np.int32, np.int32]
    assert (again.matrix.toarray() == value.matrix.toarray()).all()
    assert again.frame.equals(value.frame)
    assert again.series.equals(value.series)
    assert again.shape == value.shape


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda told: told.pop("count"), "there is no field 'count'"),
        (lambda told: told.update(extra=1), "a field 'extra', which Values has not"),
        (lambda told: told.update(count="many"), "'count' has \"many\" where int belongs"),
        (lambda told: told.update(count=True), "'count' has true where int belongs"),
        (lambda told: told.update(number={"$float": "1"}), '\'number\' has {"$float": "1"} where float belongs'),
        (lambda told: told.update(day="2017-02-30"), "'day' has \"2017-02-30\" where date belongs"),
        (lambda told: told.update(several=[1.5, "x"]), "'several.1' has \"x\" where float belongs"),
        (lambda told: told.update(two=[1]), "'two' has 1 values where 2 belong"),
        (lambda told: told.update(by_name={"a": []}), "'by_name.a' has [] where float belongs"),
        (lambda told: told.update(colour="GREEN"), "'colour' has \"GREEN\" where Colour belongs"),
        (lambda told: told.update(colour=[1]), "'colour' has [1] where Colour belongs"),
        (lambda told: told.update(level=3.0), "'level' has 3.0 where Literal['low', 3] belongs"),
        (lambda told: told.update(moment=3), "'moment' has 3 where datetime belongs"),
        (lambda told: told.update(form=3), "'form' has 3 where Square | Circle | None belongs"),
        (lambda told: told.update(form={"$class": "Square", "radius": 1}), "'form' has no field 'side'"),
        (lambda told: told.update(by_number={"$pairs": [1]}), "'by_number' has {\"$pairs\": [1]} where dict belongs"),
        (lambda told: told.update(pair={"$class": "Pair", "left": 1}), "'pair' has no field 'right'"),
        (lambda told: told.update(text=["x" * 99]), "xxx... where str belongs"),
        (lambda told: told.update({"$class": "Other"}), "where Values belongs"),
    ],
)
def test_a_field_that_is_not_what_the_class_declares_is_named(change, message, tmp_path):
    save(VALUE, tmp_path, "thing")
    path = tmp_path / "thing.json"
    content = json.loads(path.read_text())
    change(content["value"])
    path.write_text(json.dumps(content))
    with pytest.raises(CounterpointError) as refused:
        load(Values, tmp_path, "thing")
    assert message in str(refused.value)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot be read"),
        (b"[" * 100_000, "cannot be read"),
        (b"[]", "was not written by Counterpoint"),
        (b'{"format": 0, "value": 1}', "has format 0"),
    ],
)
def test_a_file_that_is_no_kept_value_is_refused(content, message, tmp_path):
    (tmp_path / "thing.json").write_bytes(content)
    with pytest.raises(CounterpointError, match=message):
        load(Values, tmp_path, "thing")


def test_arrays_of_another_type_and_damaged_files_are_refused(tmp_path):
    save(stored(array=np.array([1, 2])), tmp_path, "thing")
    with pytest.raises(CounterpointError, match="'array' has an array of int64 where float64 belongs"):
        load(Stored, tmp_path, "thing", among=(Circle,))
    save(stored(), tmp_path, "thing")
    path = tmp_path / "thing.npz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(CounterpointError, match=r"thing.npz"):
        load(Stored, tmp_path, "thing", among=(Circle,))


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(MARKS), inner, max_size=2),
    max_leaves=6,
)


@given(anything, st.sampled_from([part.name for part in fields(Values)]))
def test_whatever_stands_in_a_field_is_read_or_refused_in_one_line(content, name):
    told = plain(VALUE)
    told[name] = content
    try:
        loads_plain(told, Values, source="here")
    except CounterpointError as error:
        message = str(error)
    else:
        message = "here"
    assert message.startswith("here")
    assert "\n" not in message


@given(anything, st.sampled_from([part.name for part in fields(Stored)]))
def test_whatever_stands_for_an_array_or_a_table_is_refused_in_one_line(content, name):
    told = plain(Circle(1.0)) if name == "shape" else {}
    with pytest.raises(CounterpointError, match=r"^here is damaged[^\n]*$"):
        loads_plain({"$class": "Stored", name: content, **told}, Stored, source="here")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda told: told["array"].update({"$array": "other"}), "'array' has no array 'other' in thing.npz"),
        (lambda told: told.update(array=[1.0]), "'array' has [1.0] where ndarray"),
        (lambda told: told["frame"].update({"$frame": "value.array"}), "'frame' has no table 'value.array' beside it"),
        (lambda told: told["series"].update({"$series": "value.frame"}), "'series' has 2 columns where one belongs"),
        (lambda told: told["nested"].pop(), "no field for 'value.nested.1'"),
        (lambda told: told["shape"].update(radius=0), "'shape' has what Circle refuses (no circle of radius 0)"),
    ],
)
def test_what_the_fields_say_of_arrays_and_tables_is_checked(change, message, tmp_path):
    save(stored(), tmp_path, "thing")
    path = tmp_path / "thing.json"
    content = json.loads(path.read_text())
    change(content["value"])
    path.write_text(json.dumps(content))
    with pytest.raises(CounterpointError) as refused:
        load(Stored, tmp_path, "thing", among=(Circle,))
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["thing.json", "thing.npz", "thing.value.frame.parquet", "thing.value.series.parquet"])
def test_a_missing_or_damaged_file_is_named(name, tmp_path):
    save(stored(), tmp_path, "thing")
    path = tmp_path / name
    whole = path.read_bytes()
    for at in (1, len(whole) // 2, len(whole) - 2):
        for damaged in (whole[:at], whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]):
            path.write_bytes(damaged)
            with pytest.raises(CounterpointError, match=re.escape(name)):
                load(Stored, tmp_path, "thing", among=(Circle,))
    path.unlink()
    with pytest.raises(CounterpointError, match=rf"{re.escape(name)} cannot be read"):
        load(Stored, tmp_path, "thing", among=(Circle,))


def test_a_number_that_somebody_changed_is_noticed(tmp_path):
    save(Circle(1.25), tmp_path, "thing")
    path = tmp_path / "thing.json"
    path.write_text(path.read_text().replace("1.25", "1.35"))
    with pytest.raises(CounterpointError, match=r"thing.json is damaged: its SHA-256"):
        load(Circle, tmp_path, "thing")


def test_a_file_outside_the_folder_is_not_read(tmp_path):
    save(stored(), tmp_path, "thing")
    path = tmp_path / "thing.json"
    path.write_text(path.read_text().replace('"thing.npz"', '"../thing.npz"'))
    with pytest.raises(CounterpointError, match=r"it names the file '../thing.npz'"):
        load(Stored, tmp_path, "thing", among=(Circle,))


def test_arrays_of_any_name_stay_apart_and_in_the_folder(tmp_path):
    arrays = {"a/b": np.array([1]), "a_b": np.array([2]), "../c": np.array([3]), "file": np.array([4])}
    frames = {"../x": pl.DataFrame({"n": [1]}), ".._x": pl.DataFrame({"n": [2]})}
    save(Named(arrays, frames), tmp_path, "thing")
    again = load(Named, tmp_path, "thing")
    assert {name: array.tolist() for name, array in again.arrays.items()} == {
        "a/b": [1],
        "a_b": [2],
        "../c": [3],
        "file": [4],
    }
    assert {name: frame["n"].to_list() for name, frame in again.frames.items()} == {"../x": [1], ".._x": [2]}
    assert {path.parent for path in tmp_path.rglob("*")} == {tmp_path}


def test_the_same_value_is_written_the_same(tmp_path):
    save(stored(), tmp_path, "thing")
    first = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    save(stored(), tmp_path, "thing")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == first


def test_a_class_that_may_not_stand_there_is_refused(tmp_path):
    save(stored(), tmp_path, "thing")
    with pytest.raises(CounterpointError, match=r"'shape' has .*where Shape belongs"):
        load(Stored, tmp_path, "thing", among=(Square,))


def test_what_cannot_be_kept_is_refused_before_it_is_lost(tmp_path):
    with pytest.raises(CounterpointError, match=r"value\.array is a set, which cannot be kept"):
        save(stored(array={1}), tmp_path, "thing")
    with pytest.raises(CounterpointError, match="JSON alone cannot hold"):
        plain(stored())

"""A table becomes pairs of numbers, whoever made the table; ids stay at the edges.

- Any table that exports Arrow; the order of its rows and the names of its other columns change nothing.
- Listeners are in the order of their ids, songs from the best known; a pair counts once, its plays are added up.
- What is no id, no number or no day, or cannot be true, is refused in one line that says what is wrong.
- Some of the pairs, some of the listeners, another catalogue: what is asked for is kept, the rest is as it was.
"""

from datetime import date, datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.logs import refusal

from counterpoint.recommend.interactions import Interactions

few = settings(max_examples=40)
PARTS = ("rating", "plays", "last_day", "disliked")
ROWS = [(7, 3, 2), (7, 5, 1), (2, 5, 4), (9, 5, 1), (9, 3, 1), (2, 8, 1)]
TABLE = pl.DataFrame(ROWS, schema=["uid", "song_id", "plays"], orient="row")


def told(seen):
    """Everything that interactions hold, as plain values by id; nan as None."""
    parts = {name: np.where(np.isnan(part := getattr(seen, name)), None, part).tolist() for name in PARTS}
    rows = zip(
        seen.listeners.gather(seen.listener).to_list(),
        seen.songs.gather(seen.song).to_list(),
        *parts.values(),
        strict=True,
    )
    return seen.listeners.to_list(), seen.songs.to_list(), seen.start.tolist(), list(rows), seen.device.tolist()


def one(**column):
    """What a table with one row, and such columns, becomes."""
    return Interactions.from_table(
        pl.DataFrame({"uid": [1], "song_id": [2]} | {name: [value] for name, value in column.items()})
    )


@st.composite
def tables(draw):
    """Any pairs, some of them several times, with plays, days, dislikes and devices."""
    row = st.tuples(
        st.integers(-3, 9),
        st.integers(0, 12),
        st.integers(0, 5),
        st.integers(17000, 17030),
        st.booleans(),
        st.sampled_from(["phone", "desk", None]),
    )
    columns = {
        "uid": pl.Int64,
        "song_id": pl.Int64,
        "plays": pl.Int64,
        "day": pl.Int32,
        "disliked": pl.Boolean,
        "device": pl.String,
    }
    return pl.DataFrame(draw(st.lists(row, min_size=1, max_size=40)), schema=columns, orient="row")


# Tables


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(lambda: TABLE, id="polars"),
        pytest.param(lambda: pd.DataFrame(ROWS, columns=["uid", "song_id", "plays"]), id="pandas"),
        pytest.param(
            lambda: pd.DataFrame(ROWS, columns=["uid", "song_id", "plays"], index=[f"row {n}" for n in range(6)]),
            id="pandas with an index",
        ),
        pytest.param(
            lambda: pa.table(dict(zip(["uid", "song_id", "plays"], zip(*ROWS, strict=True), strict=True))), id="arrow"
        ),
        pytest.param(
            lambda: TABLE.cast({"uid": pl.UInt8, "song_id": pl.Int16, "plays": pl.Float32}), id="other widths"
        ),
        pytest.param(lambda: TABLE.cast({"uid": pl.Float64, "song_id": pl.Float64}), id="whole numbers as floats"),
        pytest.param(lambda: TABLE.with_columns(mood=pl.lit("glad")), id="a column more"),
        pytest.param(lambda: TABLE.with_columns(pl.col("plays").cast(pl.String)), id="numbers as texts"),
    ],
)
def test_any_table_that_exports_arrow_is_taken(made):
    assert told(Interactions.from_table(made())) == told(Interactions.from_table(TABLE))


def test_listeners_are_in_the_order_of_their_ids_and_songs_from_the_best_known():
    seen = Interactions.from_table(TABLE)
    assert seen.listeners.to_list() == [2, 7, 9]
    assert seen.songs.to_list() == [5, 3, 8]  # known by 3, 2 and 1
    assert seen.listener_counts.tolist() == [3, 2, 1]
    assert seen.counts.tolist() == [2, 2, 2]
    assert seen.listener.tolist() == [0, 0, 1, 1, 2, 2]
    assert seen.song.tolist() == [0, 2, 0, 1, 0, 1]
    assert seen.plays.tolist() == [4, 1, 1, 2, 1, 1]
    assert (len(seen), seen.shape) == (3, (3, 3))


def test_of_songs_that_as_many_know_the_more_played_comes_first_then_the_smaller_id():
    rows = [(1, 30, 1), (2, 20, 5), (3, 10, 1)]
    assert Interactions.from_table(
        pl.DataFrame(rows, schema=["uid", "song_id", "plays"], orient="row")
    ).songs.to_list() == [
        20,
        10,
        30,
    ]


def test_a_pair_in_several_rows_counts_once_and_its_plays_are_added_up():
    rows = {"uid": [1] * 4, "song_id": [7] * 4, "plays": [2, None, 3, 0], "rating": [None, 4, None, 4]}
    rows |= {"day": [17000, 17009, 17003, None], "disliked": [0, 1, 0, 0]}
    assert told(Interactions.from_table(pl.DataFrame(rows))) == (
        [1],
        [7],
        [0, 1],
        [(1, 7, 4.0, 6.0, 17009, True)],
        [-1],
    )


def test_what_a_table_does_not_tell_is_one_play_of_no_day_rated_and_disliked_by_nobody():
    assert told(one()) == ([1], [2], [0, 1], [(1, 2, None, 1.0, 0, False)], [-1])


@few
@given(tables(), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing(table, random):
    places = list(range(table.height))
    random.shuffle(places)
    assert told(Interactions.from_table(table[places])) == told(Interactions.from_table(table))


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4, 5], [2, 1, 0, 5, 4, 3], [0, 1, 2, 5, 4, 3], [5, 4, 3, 2, 1, 0]])
def test_the_order_of_the_rows_changes_nothing_where_plays_are_fractions(order):
    rows = [(1, 10, 0.1), (2, 10, 0.2), (3, 10, 0.3), (1, 20, 0.3), (2, 20, 0.2), (3, 20, 0.1)]
    table = pl.DataFrame(rows, schema=["uid", "song_id", "plays"], orient="row")[order]
    assert Interactions.from_table(table).songs.to_list() == [10, 20]  # equally known and played: the smaller id


@few
@given(tables())
def test_every_pair_is_kept_and_a_listeners_songs_ascend(table):
    seen = Interactions.from_table(table)
    assert {row[:2] for row in told(seen)[3]} == set(zip(table["uid"], table["song_id"], strict=True))
    assert seen.plays.sum() == table["plays"].sum()
    step = np.diff(seen.song)
    assert (step[np.diff(seen.listener) == 0] > 0).all()
    assert (np.diff(seen.listener_counts) <= 0).all()


def test_texts_may_be_ids():
    rows = {"uid": ["b", "a", "b"], "song_id": ["x", "x", "y"]}
    seen = Interactions.from_table(pl.DataFrame(rows))
    assert (seen.listeners.to_list(), seen.songs.to_list()) == (["a", "b"], ["x", "y"])
    assert told(Interactions.from_table(pl.DataFrame(rows).cast(pl.Categorical))) == told(seen)
    assert told(Interactions.from_table(pd.DataFrame(rows, dtype="category"))) == told(seen)


# Refusals


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ([(1, 2)], "list is no table"),
        (pl.DataFrame({"user": [1], "song_id": [2]}), "no column 'uid'"),
        (pl.DataFrame({"uid": [1], "song": [2]}), "no column 'song_id'"),
        (pl.DataFrame({"uid": [], "song_id": []}, schema={"uid": pl.Int64, "song_id": pl.Int64}), "no rows"),
        (pl.DataFrame({"uid": [1, None], "song_id": [2, 3]}), "'uid' has a row without an id"),
        (pl.DataFrame({"uid": ["a", "b"], "song_id": [None, "x"]}), "'song_id' has a row without an id"),
        (pl.DataFrame({"uid": [1, 2], "song_id": [2.0, float("nan")]}), "'song_id' has a row without an id"),
        (pl.DataFrame({"uid": [None, None], "song_id": [2, 3]}), "'uid' has a row without an id"),
        (pd.DataFrame({"uid": [1, None], "song_id": [2, 3]}), "'uid' has a row without an id"),
        (pl.DataFrame({"uid": [1.5], "song_id": [2]}), "'uid' holds Float64"),
        (pl.DataFrame({"uid": [True], "song_id": [2]}), "'uid' holds Boolean"),
        (pl.DataFrame({"uid": [[1]], "song_id": [2]}), "'uid' holds List"),
        (pd.DataFrame({"uid": [1, "a"], "song_id": [2, 3]}), "cannot be read"),
        (pl.DataFrame({"uid": [float("inf")], "song_id": [2]}), "'uid'"),
    ],
)
def test_what_is_no_table_of_ids_is_refused_in_one_line(table, says):
    assert says in refusal(lambda: Interactions.from_table(table))


def test_ids_beyond_64_bits_with_a_sign_are_refused_not_mixed_up():
    table = pl.DataFrame({"uid": [2**63, 2**63 + 1], "song_id": [1, 2]}, schema_overrides={"uid": pl.UInt64})
    assert "'uid'" in refusal(lambda: Interactions.from_table(table))


@pytest.mark.parametrize("value", [float("nan"), -1, float("inf"), -float("inf"), "many", "nan", 1e10])
def test_plays_are_numbers_of_at_least_0(value):
    assert "'plays' holds" in refusal(lambda: one(plays=value))


@pytest.mark.parametrize("value", [float("nan"), -0.5, 5.5, float("inf"), "good"])
def test_ratings_are_numbers_of_at_most_5(value):
    assert "'rating' holds" in refusal(lambda: one(rating=value))


@pytest.mark.parametrize(("value", "rating"), [(None, None), (4, 4.0), ("4.5", 4.5), (1, 1.0)])
def test_a_rating_is_a_number_a_text_of_one_or_unknown(value, rating):
    assert told(one(rating=value))[3] == [(1, 2, rating, 1.0, 0, False)]


def test_two_ratings_of_a_pair_are_refused_and_one_twice_is_not():
    table = pl.DataFrame({"uid": [1, 1, 2], "song_id": [7, 7, 7], "rating": [3, 4, 5]})
    assert "listener 1 rates song 7 2 ways" in refusal(lambda: Interactions.from_table(table))
    assert Interactions.from_table(table.with_columns(rating=4)).rating.tolist() == [4, 4]


@pytest.mark.parametrize("value", ["2017-02-30", "yesterday", "28.04.2017"])
def test_what_is_no_day_is_refused(value):
    assert "'day' holds what is no day" in refusal(lambda: one(day=value))


@pytest.mark.parametrize("value", ["2017-04-28", date(2017, 4, 28), datetime(2017, 4, 28, 23, 59), 17284])
def test_days_are_texts_dates_or_numbers_since_1970(value):
    assert one(day=value).last_day.tolist() == [17284]


@pytest.mark.parametrize("value", [None, 2, -1, "perhaps", 0.5, float("nan")])
def test_what_is_neither_true_nor_false_is_refused(value):
    assert "'disliked' must hold" in refusal(lambda: one(disliked=value))


@pytest.mark.parametrize(("value", "truth"), [(1, True), (0.0, False), ("True", True), ("0", False), (True, True)])
def test_what_is_disliked_is_said_by_1_or_true(value, truth):
    assert one(disliked=value).disliked.tolist() == [truth]


# Devices


def test_devices_are_numbered_by_name_and_a_listener_has_the_one_used_most():
    table = pl.DataFrame(
        {"uid": [1, 1, 1, 2, 3, 4, 4], "song_id": range(7), "device": ["web", "web", "app", "app", None, "web", "app"]}
    )
    assert Interactions.from_table(table).device.tolist() == [1, 0, -1, 0]


def test_of_very_many_devices_the_hundred_most_frequent_are_told_apart():
    devices = [f"phone {n}" for n in range(300)] + ["phone 299"]
    table = pl.DataFrame({"uid": range(301), "song_id": [1] * 301, "device": devices})
    device = Interactions.from_table(table).device
    assert device.max() == 99
    assert (device == -1).sum() == 200
    assert device[299] == device[300] >= 0


# Parts


@few
@given(tables(), st.data())
def test_some_pairs_are_those_and_all_listeners_and_songs_stay(table, data):
    seen = Interactions.from_table(table)
    kept = np.array(data.draw(st.lists(st.booleans(), min_size=len(seen.song), max_size=len(seen.song))), bool)
    before, after = told(seen), told(seen.pairs(kept))
    assert after[:2] == before[:2]
    assert after[3] == [row for row, stays in zip(before[3], kept, strict=True) if stays]
    assert after[4] == before[4]


@few
@given(tables())
def test_what_is_liked_is_what_nobody_disliked(table):
    before, after = told(Interactions.from_table(table)), told(Interactions.from_table(table).liked)
    assert after[3] == [row for row in before[3] if not row[-1]]
    assert after[:2] == before[:2]


@few
@given(tables(), st.data())
def test_some_listeners_are_those_asked_for_in_that_order(table, data):
    seen = Interactions.from_table(table)
    at = data.draw(st.lists(st.integers(0, len(seen) - 1), max_size=6))
    some, (people, songs, _, rows, devices) = seen.rows(np.array(at, np.int64)), told(seen)
    found = told(some)
    assert found[0] == [people[place] for place in at]
    assert found[1] == songs
    assert found[3] == [row for place in at for row in rows if row[0] == people[place]]
    assert found[4] == [devices[place] for place in at]
    mask = np.isin(np.arange(len(seen)), at)
    assert told(seen.rows(mask)) == told(seen.rows(np.flatnonzero(mask)))


@few
@given(tables())
def test_the_matrix_has_the_weights_at_the_pairs(table):
    seen = Interactions.from_table(table)
    dense = seen.matrix("plays").toarray()
    assert dense.shape == seen.shape
    assert dense[seen.listener, seen.song].tolist() == seen.weights("plays").tolist()
    assert np.count_nonzero(dense) == len(seen.song)


def test_pairs_weigh_one_or_by_plays_or_by_rating_where_3_stands_for_an_unknown_one():
    rows = {"uid": [1, 2, 3], "song_id": [7, 8, 9], "plays": [0, 1, 100], "rating": [None, 5, 1]}
    seen = Interactions.from_table(pl.DataFrame(rows))
    assert seen.weights("one").tolist() == [1, 1, 1]
    assert seen.weights("plays") == pytest.approx([1, 1, 1 + np.log(100)])
    assert seen.weights("rating") == pytest.approx([0.6, 1, 0.2])
    assert "'stars'" in refusal(lambda: seen.weights("stars"))


def test_ids_are_found_by_number_and_minus_1_stands_for_one_that_nobody_knows():
    seen = Interactions.from_table(TABLE)
    assert seen.listener_numbers(pl.Series([9, 1, 2, 9])).tolist() == [2, -1, 0, 2]
    assert seen.song_numbers(pl.Series([8, 5, 4], dtype=pl.UInt8)).tolist() == [2, 0, -1]
    assert seen.song_numbers(pl.Series(["5"])).tolist() == [-1]
    assert seen.song_numbers(pl.Series([], dtype=pl.Int64)).tolist() == []


def test_ranks_are_mean_places_among_a_listeners_own_whatever_others_play():
    rng = np.random.default_rng(6)
    rows = {(int(uid), int(song)) for uid, song in rng.integers(0, 12, (90, 2))}
    table = pl.DataFrame(sorted(rows), schema=["uid", "song_id"], orient="row")
    table = table.with_columns(plays=pl.Series(rng.integers(1, 4, table.height)))
    seen = Interactions.from_table(table)
    wanted = table.with_columns(rank=pl.col("plays").rank("average").over("uid") / pl.len().over("uid"))
    found = pl.DataFrame(
        {
            "uid": seen.listeners.gather(seen.listener),
            "song_id": seen.songs.gather(seen.song),
            "found": seen.weights("rank"),
        }
    )
    both = wanted.join(found, on=["uid", "song_id"], validate="1:1")
    assert both.height == table.height
    assert both["found"].to_list() == pytest.approx(both["rank"].to_list())
    assert seen.rows(np.array([], np.int64)).weights("rank").tolist() == []

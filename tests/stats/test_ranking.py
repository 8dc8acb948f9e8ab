"""Lists are judged as the definitions say, counted place by place.

- Every metric is that of a slow count: with lists shorter than asked for, and with nothing right, which is nan.
- An item at two places, or lists and truths of different numbers, are refused.
- A list that names all that is right first is perfect; a better place is never worse; names of items do not matter.
- What lists reach is arithmetic.
"""

from math import isnan, log2, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.logs import refusal

from counterpoint.stats.ranking import (
    METRICS,
    Reach,
    Relevant,
    average_precision,
    hits,
    list_metrics,
    measure_reach,
    ndcg,
    recall,
)

ITEMS = 40
few = settings(max_examples=60)


def relevant(right):
    """What is right for each list."""
    counts = [len(each) for each in right]
    items = [item for each in right for item in sorted(each)]
    return Relevant(np.append(0, np.cumsum(counts)).astype(np.int64), np.array(items, np.int64))


def padded(lists, places):
    return np.array([[*each, *[-1] * (places - len(each))] for each in lists], np.int32).reshape(len(lists), places)


@st.composite
def worlds(draw):
    """Lists of different items, some shorter than 25 places, and what is right for each: perhaps nothing."""
    number = draw(st.integers(1, 5))
    listed = st.lists(st.integers(0, ITEMS - 1), unique=True, max_size=25)
    right = st.sets(st.integers(0, ITEMS + 9), max_size=30)  # items that no list can name, too
    return [draw(listed) for _ in range(number)], [draw(right) for _ in range(number)]


def slow_ndcg(listed, right, at):
    if not right:
        return nan
    gain = sum(1 / log2(place + 2) for place, item in enumerate(listed[:at]) if item in right)
    return gain / sum(1 / log2(place + 2) for place in range(min(at, len(right))))


def slow_recall(listed, right, at):
    return len(set(listed[:at]) & right) / len(right) if right else nan


def slow_average_precision(listed, right, at):
    if not right:
        return nan
    found, total = 0, 0.0
    for place, item in enumerate(listed[:at], 1):
        if item in right:
            found += 1
            total += found / place
    return total / min(at, len(right))


SLOW = {ndcg: slow_ndcg, recall: slow_recall, average_precision: slow_average_precision}


@pytest.mark.parametrize("metric", SLOW)
@few
@given(worlds(), st.integers(1, 30))
def test_every_metric_is_that_of_a_slow_count(metric, world, at):
    lists, right = world
    of = relevant(right)
    slowly = [SLOW[metric](*each, at) for each in zip(lists, right, strict=True)]
    assert metric(hits(padded(lists, 25), of), of.counts, at) == pytest.approx(slowly, nan_ok=True)


@few
@given(worlds())
def test_all_metrics_together_are_those_named_in_their_order(world):
    lists, right = world
    found = list_metrics(padded(lists, 25), relevant(right))
    by_name = {"ndcg": slow_ndcg, "recall": slow_recall, "map": slow_average_precision}
    for name, column in zip(METRICS, found.T, strict=True):
        which, _, at = name.partition("@")
        slowly = [by_name[which](*each, int(at)) for each in zip(lists, right, strict=True)]
        assert column == pytest.approx(slowly, nan_ok=True)


@few
@given(worlds(), st.integers(0, 20))
def test_a_list_shorter_than_asked_for_is_worth_what_it_has(world, places):
    lists, right = [each[:places] for each in world[0]], world[1]
    of = relevant(right)
    short, long = padded(lists, max(1, places)), padded(lists, 40)
    assert list_metrics(short, of) == pytest.approx(list_metrics(long, of), nan_ok=True)


def test_where_nothing_is_right_every_metric_is_nan_and_where_nothing_is_listed_0():
    found = list_metrics(padded([[1, 2], []], 5), relevant([set(), {1}]))
    assert np.isnan(found[0]).all()
    assert found[1].tolist() == [0, 0, 0, 0]
    assert np.isnan(list_metrics(padded([[1], [2]], 3), relevant([set(), set()]))).all()


def test_a_last_item_of_one_list_is_not_mistaken_for_an_empty_place_of_the_next():
    # -1 in list 1 lies one below item 0 of list 1: where the largest item of list 0 is.
    assert not hits(padded([[], []], 2), relevant([{5}, {5}])).any()


@few
@given(worlds())
def test_a_list_with_all_that_is_right_in_front_is_perfect(world):
    right = [each or {3} for each in world[1]]
    found = list_metrics(padded([sorted(each)[:25] for each in right], 25), relevant(right))
    assert found[:, [0, 3]] == pytest.approx(1)
    assert found[:, 1].tolist() == pytest.approx([min(1, 10 / len(each)) for each in right])


@pytest.mark.parametrize("metric", [ndcg, average_precision])
def test_the_higher_the_place_of_what_is_right_the_better(metric):
    found = metric(np.eye(10, dtype=bool), np.ones(10, np.int64), 10)
    assert (np.diff(found) < 0).all()


@few
@given(worlds(), st.randoms(use_true_random=False))
def test_names_of_items_do_not_matter(world, random):
    other = list(range(ITEMS + 10))
    random.shuffle(other)
    lists, right = world
    of = list_metrics(
        padded([[other[item] for item in each] for each in lists], 25),
        relevant([{other[i] for i in each} for each in right]),
    )
    assert of == pytest.approx(list_metrics(padded(lists, 25), relevant(right)), nan_ok=True)


@pytest.mark.parametrize("right", [{1}, {9}, set()])
def test_an_item_twice_in_a_list_is_refused(right):
    said = refusal(lambda: hits(padded([[1, 2], [3, 1, 3]], 5), relevant([right, {2}])))
    assert "twice" in said
    assert hits(padded([[1, 2], [3, 1]], 9), relevant([right, {2}])).shape == (2, 9)


def test_an_item_twice_is_refused_where_nothing_is_right_for_anybody():
    assert "twice" in refusal(lambda: hits(padded([[3, 3]], 5), relevant([set()])))


def test_lists_of_others_than_those_that_something_is_right_for_are_refused():
    assert "2 lists" in refusal(lambda: hits(padded([[1], [2]], 3), relevant([{1}])))


# Rows


@few
@given(worlds(), st.data())
def test_some_rows_of_what_is_right_are_those_asked_for_by_place_or_by_mask(world, data):
    _, right = world
    at = data.draw(st.lists(st.integers(0, len(right) - 1), max_size=8))
    some = relevant(right).rows(np.array(at, np.int64))
    assert [some.item[a:b].tolist() for a, b in zip(some.start, some.start[1:], strict=False)] == [
        sorted(right[place]) for place in at
    ]
    mask = np.isin(np.arange(len(right)), at)
    by_mask, by_place = relevant(right).rows(mask), relevant(right).rows(np.flatnonzero(mask))
    assert by_mask.start.tolist() == by_place.start.tolist()
    assert by_mask.item.tolist() == by_place.item.tolist()
    assert some.counts.tolist() == [len(right[place]) for place in at]


# Reach


def test_what_lists_reach_is_arithmetic():
    # Four items that 1/2, 1/4, 1/8 and none of the listeners know; what is listed: 0, 1, 0.
    found = measure_reach(np.array([[0, 1], [0, -1]]), np.array([0.5, 0.25, 0.125, 0]), np.array([0.5, 0.25]))
    assert found == Reach(0.5, pytest.approx((1 + 2 + 1) / 3), pytest.approx((1.25 / 3) / 0.375))


def test_only_the_first_10_count_for_what_lists_reach():
    lists = np.arange(20)[None]
    assert measure_reach(lists, np.full(20, 0.5), np.array([0.5])) == Reach(0.5, 1.0, 1.0)


def test_an_item_that_nobody_knows_is_new_to_a_finite_extent():
    # As if a tenth of one of the two listeners knew it.
    assert measure_reach(np.array([[1], [1]]), np.array([0.5, 0]), np.array([0.5, 0.5])).novelty == pytest.approx(
        log2(20)
    )


def test_empty_lists_reach_nothing_and_who_knows_nothing_has_no_taste_to_compare_with():
    found = measure_reach(np.full((2, 5), -1), np.array([0.5, 0.1]), np.array([0.5, 0.5]))
    assert found.coverage == 0
    assert isnan(found.novelty)
    assert isnan(found.lift)
    assert isnan(measure_reach(np.array([[0]]), np.array([0.5]), np.array([0.0])).lift)

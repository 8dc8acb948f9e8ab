"""People know each other as people do: a few know very many, and friends have like tastes."""

import numpy as np
import pytest

from counterpoint.synthetic.population import FIRST_UID, FRIENDS, SHARED_TASTE, draw_friendships, draw_people
from counterpoint.synthetic.songs import TASTES

COUNT = 4000


@pytest.fixture(scope="module")
def folk():
    return draw_people(COUNT, np.random.default_rng(1))


@pytest.fixture(scope="module")
def pairs(folk):
    return draw_friendships(folk, np.random.default_rng(2))


def test_each_listener_has_a_uid_of_their_own(folk):
    assert sorted(folk.uid) == list(range(FIRST_UID, FIRST_UID + COUNT))
    assert ((folk.taste >= 0) & (folk.taste < TASTES)).all()
    assert ((folk.hour >= 0) & (folk.hour <= 23)).all()


def test_nobody_is_their_own_friend_and_no_pair_is_named_twice(folk, pairs):
    assert (pairs["uid"] < pairs["friend"]).all()
    assert pairs.is_unique().all()
    assert set(pairs["uid"]) | set(pairs["friend"]) <= set(folk.uid.tolist())


def test_nobody_looks_for_more_friends_than_three_in_the_mean(pairs):
    assert 0.8 * FRIENDS * COUNT < pairs.height < FRIENDS * COUNT


def test_a_few_know_very_many(pairs):
    """Friends found by chance alone would be Poisson: their variance would be their mean, and the most known, few."""
    friends = np.bincount(np.concatenate([pairs["uid"], pairs["friend"]]) - FIRST_UID, minlength=COUNT)
    assert friends.var() > 3 * friends.mean()
    assert friends.max() > 10 * np.median(friends)


def test_friends_have_like_tastes_far_more_often_than_by_chance(folk, pairs):
    taste = np.empty(COUNT, np.int64)
    taste[folk.uid - FIRST_UID] = folk.taste
    alike = np.mean(taste[pairs["uid"].to_numpy() - FIRST_UID] == taste[pairs["friend"].to_numpy() - FIRST_UID])
    assert alike == pytest.approx(SHARED_TASTE + (1 - SHARED_TASTE) / TASTES, abs=0.04)
    assert alike > 4 / TASTES


@pytest.mark.parametrize("count", [1, 2, 9])
def test_a_handful_of_people_have_friends_too_as_far_as_there_are_any(count):
    few = draw_people(count, np.random.default_rng(count))
    found = draw_friendships(few, np.random.default_rng(count))
    assert found.columns == ["uid", "friend"]
    assert found.height <= count * (count - 1) / 2
    assert (found["uid"] < found["friend"]).all()

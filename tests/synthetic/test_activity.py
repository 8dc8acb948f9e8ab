"""A day is a draw from the chances of the world, and its counts fit together.

- Each state leads somewhere: its chances sum to 1, whatever a day multiplies them by.
- What is liked was heard, what was heard clean arrived, and nobody comes before their first day or after their last.
- Visits, counts, fifths, roles and likes come as often as the world says, and a song that makes people leave does.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.synthetic.worlds import CHANCES, LIKES, MONDAY, small, unchanging

from counterpoint.synthetic.activity import simulate_activity
from counterpoint.synthetic.day_counts import Chances
from counterpoint.synthetic.hidden_states import STAGES, published, states
from counterpoint.synthetic.leaving import leaving_factor

PUBLISHED = states(published())
ALWAYS = {"visits": 1.0, "plays": 20.0}  # who comes every day shows when they are gone
CALM = Chances(lost=(0.05, 0.02, 0.1), spoiled=0.1, liked=0.0, worse=1.0, better=1.0)


def lived(world, chances, *, listeners=5000, days=10, seed=1):
    rng = np.random.default_rng(seed)
    return list(simulate_activity(states(world), chances, listeners=listeners, days=days, monday=MONDAY, rng=rng))


def came(days, listeners=5000):
    """Return who came on which day, bool[listeners, days]."""
    table = np.zeros((listeners, len(days)), np.bool_)
    for day in days:
        table[day.who, day.day] = True
    return table


def steady(world):
    """Let a world's weekdays be alike, and its drifting listeners come as often as others: only who is gone is away."""
    return world | {"week": {"visits": [1.0] * 7}, "drifting": world["drifting"] | {"visits": 1.0}}


def assert_near(found, chance, count):
    """`found` of `count` are what a chance gives, within four standard errors."""
    assert abs(found - count * chance) < 4 * np.sqrt(count * chance * (1 - chance)), (found / count, chance)


# States


@settings(max_examples=100)
@given(st.floats(0, 20))
def test_each_state_leads_somewhere_whatever_a_day_multiplies(much):
    moves = PUBLISHED.transition_matrix(much)
    assert (moves >= 0).all()
    np.testing.assert_allclose(moves.sum(axis=1), 1, rtol=1e-12)


@settings(max_examples=100)
@given(st.floats(0, 20), st.floats(0, 20))
def test_a_worse_day_makes_nobody_stay(one, other):
    better, worse = (PUBLISHED.transition_matrix(much) for much in sorted((one, other)))
    engaged = np.arange(2, len(better), STAGES)
    assert (worse[engaged, engaged] <= better[engaged, engaged] + 1e-12).all()
    gone = np.arange(4, len(better), STAGES)
    assert (worse[:, gone] >= better[:, gone] - 1e-12).all()


def test_no_kind_of_listener_becomes_another():
    moves = PUBLISHED.transition_matrix(3.0)
    kind = np.arange(len(moves)) // STAGES
    assert (moves[kind[:, None] != kind] == 0).all()


def test_the_published_states_are_chances():
    np.testing.assert_allclose(PUBLISHED.start.sum(), 1)
    np.testing.assert_allclose(PUBLISHED.plays.sum(axis=1), 1)
    for chances in (PUBLISHED.start, PUBLISHED.visits, PUBLISHED.plays, PUBLISHED.bounces):
        assert ((chances >= 0) & (chances <= 1)).all()


# Counts fit together


@pytest.mark.parametrize("chances", [CHANCES, LIKES], ids=["leavers", "leavers and likes"])
@pytest.mark.parametrize("seed", range(3))
def test_what_is_liked_was_heard_clean_and_what_is_clean_arrived(chances, seed):
    for day in lived(published(), chances, listeners=800, seed=seed):
        assert (np.diff(day.who) > 0).all()
        assert len(day.who) == len(day.lost) == len(day.accepted) == len(day.clean) == len(day.liked)
        assert (day.lost >= 0).all()
        assert (day.liked >= 0).all()
        assert (day.liked <= day.clean).all()
        assert (day.clean.sum(axis=(1, 2)) <= day.accepted[:, 0]).all()
    assert [day.day for day in lived(published(), chances, listeners=3, seed=seed)] == list(range(10))


def test_without_likes_nothing_is_liked():
    assert not any(day.liked.any() for day in lived(small(5), CHANCES))


def test_the_factor_of_a_day_is_of_its_songs_and_likes():
    [day] = lived(small(5, songs={"leaver": 0.05}), LIKES, days=1)
    sorry, glad = day.clean[:, :, 1].sum(axis=1) > 0, day.liked.sum(axis=(1, 2)) > 0
    expected = {(False, False): 1.0, (True, False): 5.0, (False, True): 0.3, (True, True): 5.0 * 0.3}
    assert leaving_factor(LIKES, day).tolist() == [
        expected[of] for of in zip(sorry.tolist(), glad.tolist(), strict=True)
    ]
    assert set(zip(sorry.tolist(), glad.tolist(), strict=True)) == set(expected)


# First days and last ones


def test_the_panel_comes_on_the_first_day_and_everybody_else_by_their_chance():
    world = small(5, arrivals={"panel": 0.4, "a_day": 0.2})
    there = came(lived(world, CHANCES))
    first = np.where(there.any(axis=1), there.argmax(axis=1), 10)
    assert_near((first == 0).sum(), 0.4, 5000)
    for day in range(1, 10):
        to_come = (first >= day).sum()
        assert_near((first == day).sum(), 0.2, to_come)


def test_nobody_comes_before_their_first_day():
    nobody = small(5, arrivals={"panel": 0.0, "a_day": 0.0})
    assert not came(lived(nobody, CHANCES)).any()


def test_who_is_gone_does_not_come_back_where_nobody_returns():
    world = steady(small(5, life={"returns": 0.0}, arrivals={"panel": 1.0}, bot={"weight": 0.0}))
    world["kind"][0] |= {"visits": 1.0, "restless": 20.0}
    there = came(lived(world, CHANCES))
    assert there[:, 0].all()
    assert (np.diff(there.astype(int), axis=1) <= 0).all()
    assert there[:, -1].sum() < 1000


def test_some_come_back_where_some_return():
    world = steady(small(5, life={"returns": 0.3}, arrivals={"panel": 1.0}, bot={"weight": 0.0}))
    world["kind"][0] |= {"visits": 1.0, "bounces": 0.9, "restless": 0.0}
    there = came(lived(world, CALM, days=3))
    gone = ~there[:, 1]
    assert_near(gone.sum(), 0.9, 5000)
    assert_near(there[gone, 2].sum(), 0.3, gone.sum())


@pytest.mark.parametrize(("chances", "much"), [(CHANCES, 2.0), (CALM, 1.0)], ids=["makes leave", "does not"])
def test_a_song_that_makes_people_leave_multiplies_the_chance_that_they_do(chances, much):
    world = steady(unchanging(leaves=0.05, **ALWAYS))
    one, *_ = days = lived(world, chances, listeners=20_000, days=3)
    assert len(one.who) == 20_000
    there, second = came(days, 20_000), days[1]
    sorry = second.clean[:, :, 1].any(axis=1)
    away = ~there[second.who, 2]
    assert_near(away[sorry].sum(), 0.05 * much, sorry.sum())
    assert_near(away[~sorry].sum(), 0.05, (~sorry).sum())


def test_a_like_multiplies_the_chance_to_leave():
    world = steady(unchanging(leaves=0.1, **ALWAYS)) | {"songs": {"leaver": 0.0}}
    days = lived(world, LIKES, listeners=20_000, days=3)
    second, there = days[1], came(days, 20_000)
    glad, away = second.liked.any(axis=(1, 2)), ~there[days[1].who, 2]
    assert_near(away[glad].sum(), 0.1 * 0.3, glad.sum())
    assert_near(away[~glad].sum(), 0.1, (~glad).sum())


# As often as the world says


def test_visits_come_as_often_as_the_week_says():
    world = unchanging()
    for day in lived(world, CHANCES, days=15)[1:]:
        chance = world["kind"][0]["visits"] * world["week"]["visits"][(MONDAY + day.day) % 7]
        assert_near(len(day.who), chance, 5000)


def test_counts_have_the_mean_and_spread_that_the_world_says():
    world = unchanging()
    days = lived(world, CALM, days=6, listeners=8000)
    for at, name in enumerate(("plays", "downloads", "searches")):
        for part, share in (("accepted", 1 - CALM.lost[at]), ("lost", CALM.lost[at])):
            counts = np.concatenate([getattr(day, part)[:, at] for day in days])
            mean = world["kind"][0][name] * share
            variance = mean + mean**2 / world["spread"][name]
            assert abs(counts.mean() - mean) < 4 * np.sqrt(variance / len(counts)), (name, part)
            assert counts.var() == pytest.approx(variance, rel=0.15), (name, part)


def test_plays_fall_into_fifths_roles_and_likes_as_the_world_says():
    world = unchanging()
    [kind], shares = world["kind"], world["shares"]
    days = lived(world, LIKES, days=2)
    accepted = sum(int(day.accepted[:, 0].sum()) for day in days)
    cells, liked = (sum(getattr(day, part).sum(axis=0) for day in days) for part in ("clean", "liked"))
    clean = int(cells.sum())
    assert_near(clean, 1 - LIKES.spoiled, accepted)
    for fifth in range(5):
        chance = (1 - kind["fickle"]) * shares["keen"][fifth] + kind["fickle"] * shares["fickle"][fifth]
        assert_near(cells[fifth].sum(), chance, clean)
    for role, chance in enumerate((1 - 0.02 - kind["decoys"], 0.02, kind["decoys"])):
        assert_near(cells[:, role].sum(), chance, clean)
    assert_near(liked.sum(), LIKES.liked, clean)


def test_the_same_seed_lives_the_same_lives():
    one, same, other = (lived(published(), LIKES, listeners=300, seed=seed) for seed in (4, 4, 5))
    parts = ("who", "lost", "accepted", "clean", "liked")
    for day, again in zip(one, same, strict=True):
        assert all(np.array_equal(getattr(day, part), getattr(again, part)) for part in parts)
    assert not np.array_equal(one[1].who, other[1].who)

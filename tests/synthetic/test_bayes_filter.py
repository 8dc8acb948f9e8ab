"""The filter gives the exact chance of silence: what the log has shown, by the chances of the world, and nothing else.

- It is what the definitions give when they are followed by hand, day by day and state by state.
- Of those to whom it gives a chance of 30 %, 30 % fall silent: in every tenth of the listeners, and among those who met
  a song that makes people leave, or liked one.
- It sees what the log shows. Who shows the same has the same chance, whatever was lost and whatever the number.
"""

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy.stats import multinomial, nbinom
from tests.synthetic.worlds import CHANCES, LIKES, MONDAY, small

from counterpoint.synthetic.activity import simulate_activity
from counterpoint.synthetic.bayes_filter import leaving_filter
from counterpoint.synthetic.day_counts import Day
from counterpoint.synthetic.hidden_states import states

COUNTED_ACTIONS = ("plays", "downloads", "searches")
STAGES = ("to come", "first", "engaged", "drifting", "gone")
MOST = 0.9
# As restless as songs and likes have to make a difference within days.
WORLD = small(4, 6, songs={"leaver": 0.1}, arrivals={"panel": 0.6, "a_day": 0.1}, bot={"weight": 0.05})
BOTH = pytest.mark.parametrize("chances", [CHANCES, LIKES], ids=["leavers", "leavers and likes"])


# The definitions, followed by hand. A state is (kind, stage), a day is None or (accepted, clean, liked).


def by_hand_start(world):
    panel = world["arrivals"]["panel"]
    kinds = [*world["kind"], world["bot"]]
    everybody = sum(kind["weight"] for kind in kinds)
    share = {"to come": 1 - panel, "first": panel}
    return {(at, s): kind["weight"] / everybody * share.get(s, 0) for at, kind in enumerate(kinds) for s in STAGES}


def by_hand_visits(world, kind, stage, weekday):
    often = kind["visits"] * world["week"]["visits"][weekday]
    return {"first": 1, "engaged": often, "drifting": often * world["drifting"]["visits"]}.get(stage, 0)


def by_hand_count(world, chances, kind, stage, of, count):
    """Return the chance that a visit has so many plays, downloads or searches that arrive."""
    at = COUNTED_ACTIONS.index(of)
    mean = kind[of] * (1 - chances.lost[at]) * (world["drifting"]["plays"] if stage == "drifting" else 1)
    spread = world["spread"][of]
    return nbinom.pmf(count, spread, spread / (spread + mean))


def by_hand_plays(world, kind, stage, clean):
    """Return the chance that clean plays fall so into the fifths and roles."""
    skips = kind["fickle"]
    if stage == "drifting":
        skips += (1 - skips) * world["drifting"]["skips"]
    leaver, decoy = world["songs"]["leaver"], kind["decoys"]
    ears = zip(world["shares"]["keen"], world["shares"]["fickle"], strict=True)
    fifths = [(1 - skips) * keen + skips * fickle for keen, fickle in ears]
    chances = [fifth * role for fifth in fifths for role in (1 - leaver - decoy, leaver, decoy)]
    return multinomial.pmf(np.ravel(clean), np.sum(clean), np.array(chances) / sum(chances))


def by_hand_day(world, chances, state, weekday, shown):
    """Return how likely a day is in a state, up to what has nothing to do with states."""
    at, stage = state
    kind = [*world["kind"], world["bot"]][at]
    comes = by_hand_visits(world, kind, stage, weekday)
    accepted = (0, 0, 0) if shown is None else shown[0]
    counts = [
        by_hand_count(world, chances, kind, stage, of, n) for of, n in zip(COUNTED_ACTIONS, accepted, strict=True)
    ]
    if not any(accepted):
        return 1 - comes + comes * math.prod(counts)
    return comes and comes * math.prod(counts) * by_hand_plays(world, kind, stage, shown[1])


def by_hand_moves(world, at, factor):
    """Return the chances of tomorrow's stage, by today's, of a kind."""
    kind, life = [*world["kind"], world["bot"]][at], world["life"]
    drifts, leaves, fades = (factor * kind["restless"] * life[name] for name in ("drifts", "leaves", "fades"))
    if drifts + leaves > MOST:
        drifts, leaves = MOST * drifts / (drifts + leaves), MOST * leaves / (drifts + leaves)
    fades, bounces = min(MOST, fades), min(MOST, factor * kind["bounces"])
    recovers, arrives = (1 - fades) * life["recovers"], world["arrivals"]["a_day"]
    return {
        "to come": {"to come": 1 - arrives, "first": arrives},
        "first": {"engaged": 1 - bounces, "gone": bounces},
        "engaged": {"engaged": 1 - drifts - leaves, "drifting": drifts, "gone": leaves},
        "drifting": {"drifting": 1 - recovers - fades, "engaged": recovers, "gone": fades},
        "gone": {"gone": 1 - life["returns"], "engaged": life["returns"]},
    }


def by_hand_tomorrow(world, weights, factor):
    following = dict.fromkeys(weights, 0.0)
    for (at, stage), weight in weights.items():
        for to, chance in by_hand_moves(world, at, factor)[stage].items():
            following[at, to] += weight * chance
    return following


def by_hand_factor(chances, shown):
    if shown is None:
        return 1.0
    _, clean, liked = shown
    return (chances.worse if clean[:, 1].sum() else 1.0) * (chances.better if liked.sum() else 1.0)


def by_hand_belief(world, chances, days):
    weights = by_hand_start(world)
    for day, shown in enumerate(days):
        weights = {s: w and w * by_hand_day(world, chances, s, (MONDAY + day) % 7, shown) for s, w in weights.items()}
        everything = sum(weights.values())
        weights = {state: weight / everything for state, weight in weights.items()}
        weights = by_hand_tomorrow(world, weights, by_hand_factor(chances, shown))
    return weights


def by_hand_leaves(world, chances, belief, after, days):
    weights = belief
    for day in range(after + 1, after + days + 1):
        weights = {s: w * by_hand_day(world, chances, s, (MONDAY + day) % 7, None) for s, w in weights.items()}
        silent = sum(weights.values())
        weights = by_hand_tomorrow(world, weights, 1.0)
    return silent


def any_diaries(listeners, days, liked, rng):
    """Draw diaries from no world at all: a listener's days, each None or (accepted, clean, liked)."""

    def a_day():
        if rng.random() < 0.5:
            return None
        accepted = rng.poisson(rng.choice([0.3, 3, 30])), rng.poisson(0.7), rng.poisson(0.7)
        fifths = rng.dirichlet(np.ones(5))
        cells = np.outer(fifths, (0.9, 0.05, 0.05)).ravel()
        clean = rng.multinomial(rng.binomial(accepted[0], 0.8), cells).reshape(5, 3)
        return accepted, clean, rng.binomial(clean, liked)

    return [[a_day() for _ in range(days)] for _ in range(listeners)]


def as_days(diaries, rng):
    """Turn diaries into days; what was lost is drawn anew."""
    for day, shown in enumerate(zip(*diaries, strict=True)):
        who = np.array([at for at, one in enumerate(shown) if one is not None])
        accepted, clean, liked = (np.array([one[part] for one in shown if one is not None]) for part in range(3))
        yield Day(day, who, rng.poisson(2, accepted.shape), accepted, clean, liked)


def foreseen(world, chances, days, listeners):
    known = leaving_filter(states(world), chances, listeners=listeners, monday=MONDAY)
    for day in days:
        known.see(day)
    return known


@BOTH
def test_the_filter_is_what_the_definitions_give_by_hand(chances):
    rng = np.random.default_rng(0)
    diaries = any_diaries(20, 8, chances.liked, rng)
    known = foreseen(WORLD, chances, as_days(diaries, rng), 20)
    by_hand = [by_hand_belief(WORLD, chances, days) for days in diaries]
    np.testing.assert_allclose(known.belief, [list(belief.values()) for belief in by_hand], rtol=1e-8, atol=1e-300)
    for days in (1, 9):
        expected = [by_hand_leaves(WORLD, chances, belief, 7, days) for belief in by_hand]
        np.testing.assert_allclose(known.leaves(7, days), expected, rtol=1e-8)


def test_before_the_first_day_it_is_what_the_world_gives_everybody():
    known = foreseen(WORLD, CHANCES, [], 3)
    expected = by_hand_leaves(WORLD, CHANCES, by_hand_start(WORLD), -1, 5)
    np.testing.assert_allclose(known.leaves(-1, 5), np.full(3, expected), rtol=1e-8)


def test_a_day_no_listener_of_some_kind_could_have_rules_that_kind_out():
    world = small(4, bot={"weight": 0.5, "downloads": 0.0})
    clean = np.zeros((1, 5, 3), np.int64)
    day = Day(0, np.array([0]), np.zeros((1, 3), np.int64), np.array([[0, 1, 0]]), clean, clean)
    known = foreseen(world, CHANCES, [day], 2)
    assert known.belief[0, 5:].sum() == 0
    assert known.belief[1, 5:].sum() > 0


# Calibration: what is foretold is what happens


LISTENERS, KNOWN, OUTCOME = 25_000, 10, 8


@cache
def days_lived(chances):
    """Live the world once for all filters that look at it."""
    rng, days = np.random.default_rng(1), KNOWN + OUTCOME
    activity = simulate_activity(states(WORLD), chances, listeners=LISTENERS, days=days, monday=MONDAY, rng=rng)
    return tuple(activity)


def lived(chances, *, seen_with=None):
    """Live the world; return the chance of each listener, whether they were silent, and the last known day."""
    known = leaving_filter(states(WORLD), seen_with or chances, listeners=LISTENERS, monday=MONDAY)
    silent, last = np.ones(LISTENERS, np.bool_), None
    for day in days_lived(chances):
        if day.day < KNOWN:
            known.see(day)
            last = day
        else:
            silent[day.who[day.accepted.any(axis=1)]] = False
    return known.leaves(KNOWN - 1, OUTCOME), silent, last


def sigmas(chance, silent):
    """Return by how many standard errors the share that fell silent is off the chance foretold."""
    return (silent.sum() - chance.sum()) / np.sqrt((chance * (1 - chance)).sum())


def groups(chance, last, chances):
    """Return tenths by chance, and those whose last known day was special, as far as there are such."""
    yield from np.array_split(np.argsort(chance), 10)
    sorry, glad = last.clean[:, :, 1].any(axis=1), last.liked.any(axis=(1, 2))
    yield last.who[sorry]
    yield last.who[~sorry]
    if chances.liked:
        yield last.who[glad & ~sorry]
        yield last.who[glad & sorry]


@BOTH
def test_of_those_with_a_chance_that_share_falls_silent(chances):
    chance, silent, last = lived(chances)
    off = [sigmas(chance[group], silent[group]) for group in groups(chance, last, chances)]
    assert max(map(abs, off)) < 4
    assert chance.max() - chance.min() > 0.5


@pytest.mark.parametrize("taken_for", [{"worse": 1.0}, {"better": 1.0}, {"lost": (0.9, 0.9, 0.9)}], ids=str)
def test_a_filter_that_knows_the_world_wrongly_is_off(taken_for):
    """What the test above would find."""
    chance, silent, last = lived(LIKES, seen_with=replace(LIKES, **taken_for))
    off = [sigmas(chance[group], silent[group]) for group in groups(chance, last, LIKES)]
    assert max(map(abs, off)) > 6


# It sees what the log shows


def visits(seed, chances=LIKES, listeners=3000):
    rng = np.random.default_rng(seed)
    return list(simulate_activity(states(WORLD), chances, listeners=listeners, days=4, monday=MONDAY, rng=rng))


def test_who_shows_the_same_has_the_same_chance():
    rng = np.random.default_rng(2)
    diaries = 3 * any_diaries(20, 6, LIKES.liked, rng)
    chance = foreseen(WORLD, LIKES, as_days(diaries, rng), 60).leaves(5, 7).reshape(3, 20)
    np.testing.assert_allclose(chance, np.tile(chance[0], (3, 1)), rtol=1e-12)
    assert len(np.unique(chance[0])) == 20


def test_what_was_lost_changes_no_chance():
    days = visits(3)
    found = [replace(day, lost=day.lost + 7) for day in days]
    chances = (foreseen(WORLD, LIKES, seen, 3000).leaves(3, 5) for seen in (days, found))
    np.testing.assert_array_equal(*chances)


def test_who_came_and_showed_nothing_is_taken_for_silent():
    days = visits(4)
    shown = [day.accepted.any(axis=1) for day in days]
    parts = ("who", "lost", "accepted", "clean", "liked")
    seen = [
        replace(day, **{part: getattr(day, part)[some] for part in parts})
        for day, some in zip(days, shown, strict=True)
    ]
    assert not all(some.all() for some in shown)
    chances = (foreseen(WORLD, LIKES, those, 3000).leaves(3, 5) for those in (days, seen))
    np.testing.assert_array_equal(*chances)


def test_the_number_of_a_listener_changes_no_chance():
    days = visits(5)
    renumbered = np.random.default_rng(6).permutation(3000)
    others = []
    for day in days:
        order = np.argsort(renumbered[day.who])
        parts = {part: getattr(day, part)[order] for part in ("lost", "accepted", "clean", "liked")}
        others.append(replace(day, who=renumbered[day.who][order], **parts))
    chance, other = (foreseen(WORLD, LIKES, those, 3000).leaves(3, 5) for those in (days, others))
    np.testing.assert_allclose(other[renumbered], chance, rtol=1e-9)


@BOTH
def test_beliefs_are_chances_whatever_a_day_shows(chances):
    rng = np.random.default_rng(7)
    busy = any_diaries(20, 5, chances.liked, rng)
    busy[0] = [((5000, 0, 300), np.full((5, 3), 300), np.zeros((5, 3), np.int64))] * 5
    belief = foreseen(WORLD, chances, as_days(busy, rng), 20).belief
    assert (belief >= 0).all()
    np.testing.assert_allclose(belief.sum(axis=1), 1, rtol=1e-12)

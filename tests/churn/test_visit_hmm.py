"""The model of visits is the hidden Markov model it says it is, and foretells silences as often as they come.

- Beliefs, moves, silent days and the chance of a diary are those of an oracle that goes day by day, or path by path.
- No step of learning makes a diary less likely, counting the few visits that are added to smooth it.
- What is foretold of a listener does not depend on others; the same seed learns the same model.
- In a world of two stages what is foretold is calibrated, and ranks listeners as well as who knows that world.
"""

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.churn.saved_models import read_back
from tests.logs import refused

from counterpoint.churn import visit_hmm
from counterpoint.churn.visit_hmm import (
    COUNT_LEVELS,
    DRIFTING,
    GONE,
    NEW,
    STAGES,
    VisitHMM,
    fit_visit_hmm,
    mean_log_odds,
)
from counterpoint.churn.visit_hmm_kernels import expected, last_beliefs
from counterpoint.churn.visits import Visits
from counterpoint.stats.classification import RankedTruth

KINDS, UNTIL = 2, 30
STAYS, COMES = 0.95, 0.5  # a day, in the world of two stages


def some_model(rng, *, gone=False):
    """A model of two kinds, with any chances; if `gone`, nobody comes who is new or gone."""
    start = rng.dirichlet(np.ones(KINDS * STAGES)).reshape(KINDS, STAGES)
    visits = rng.uniform(0.05, 0.9, (KINDS, STAGES))
    if gone:
        visits[:, [NEW, GONE]] = 0
    shows = np.log(rng.dirichlet(np.ones(9), (KINDS, STAGES))).transpose(2, 0, 1)
    shows = np.concatenate([shows, np.log(rng.dirichlet(np.ones(3), (KINDS, STAGES))).transpose(2, 0, 1)])
    return VisitHMM(start, rng.dirichlet(np.ones(STAGES), (KINDS, STAGES)), visits, shows, np.arange(1.0, 9)[None])


def diaries(rng, people, *, longest=12):
    """One to six visits each, 1 to 12 days apart; the last lies 0 to 11 days before the day UNTIL."""
    own = [np.cumsum(rng.integers(1, longest + 1, rng.integers(1, 7))) for _ in range(people)]
    day = [UNTIL - rng.integers(0, 12) - each[-1] + each for each in own]
    first = np.cumsum([0, *map(len, own)])
    heard = rng.integers(0, 4, (first[-1], 3)).astype(np.float64)
    return Visits(first, np.concatenate(day), rng.integers(1, 9, (first[-1], 1)) * 1.0, heard)


def kernels(model, seen, likely):
    gap, quiet = seen.gap, UNTIL - seen.last
    across, silent = model.silence_matrices(int(max(gap.max(), 1)), int(quiet.max()))
    known = (seen.first, gap, quiet, likely, model.visit_rate, model.initial, across, silent)
    return expected(*known), last_beliefs(seen.first, gap, likely, model.visit_rate, model.initial, across)


def day_by_day(model, days, likely, until):
    """Of one listener: beliefs at visits, moves, silent days, belief on the last visit, log of the chance of it all."""
    own = dict(zip(days.tolist(), likely.astype(np.float64), strict=True))
    shows = [model.visit_rate * own[day] if day in own else 1 - model.visit_rate for day in range(days[0], until + 1)]
    shows[0] = own[days[0]]  # the first visit is given
    forward = [model.initial * shows[0]]
    for show in shows[1:]:
        forward.append(np.einsum("cr,crs->cs", forward[-1], model.transition) * show)
    back = [np.ones_like(model.initial)]
    for show in shows[:0:-1]:
        back.insert(0, np.einsum("crs,cs->cr", model.transition, show * back[0]))
    chance = forward[-1].sum()
    state = [f * b / chance for f, b in zip(forward, back, strict=True)]
    steps = zip(forward, shows[1:], back[1:], strict=False)
    moved = sum(
        (f[:, :, None] * model.transition * (show * b)[:, None] for f, show, b in steps),
        np.zeros_like(model.transition),
    )
    silent = [state[at] for at in range(len(state)) if at + days[0] not in own]
    last = forward[days[-1] - days[0]]
    at_visits = np.array([state[day - days[0]] for day in days])
    return at_visits, moved / chance, sum(silent, np.zeros_like(chance)), last / last.sum(), np.log(chance)


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.booleans())
@settings(max_examples=60)
def test_beliefs_moves_and_silent_days_are_those_of_an_oracle_that_goes_day_by_day(seed, people, gone):
    rng = np.random.default_rng(seed)
    model, seen = some_model(rng, gone=gone), diaries(rng, people)
    likely = rng.uniform(0.05, 1, (len(seen.day), KINDS, STAGES)).astype(np.float32)
    (belief, between, after, log), last = kernels(model, seen, likely)
    moved, stood = visit_hmm._expected_moves(model, between, after)
    spans = [slice(*ends) for ends in pairwise(seen.first)]
    slow = [day_by_day(model, seen.day[span], likely[span], UNTIL) for span in spans]
    for ours, theirs in (
        (belief, np.concatenate([own[0] for own in slow])),
        (moved, sum(own[1] for own in slow)),
        (stood, sum(own[2] for own in slow)),
        (last, [own[3] for own in slow]),
        (log, sum(own[4] for own in slow)),
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-14)


def paths(model, days, likely, until):
    """The chance of a diary up to `until` (what is shown included) as the sum over every path of states."""
    own, length = dict(zip(days.tolist(), likely.tolist(), strict=True)), until - days[0]
    total = 0.0
    for kind in range(KINDS):
        for path in product(range(STAGES), repeat=length + 1):
            chance = model.initial[kind, path[0]] * own[days[0]][kind][path[0]]
            for at, (here, there) in enumerate(pairwise(path), days[0] + 1):
                comes = model.visit_rate[kind, there]
                chance *= model.transition[kind, here, there]
                chance *= comes * own[at][kind][there] if at in own else 1 - comes
            total += chance
    return total


@pytest.mark.parametrize("seed", range(3))
def test_the_chance_of_a_diary_and_of_silence_after_it_are_the_sums_over_all_paths(seed):
    rng = np.random.default_rng(seed)
    model, days = some_model(rng), np.array([26, 28])
    seen = Visits(np.array([0, 2]), days, rng.integers(1, 9, (2, 1)) * 1.0, rng.integers(0, 3, (2, 3)) * 1.0)
    likely = model.likelihoods(visit_hmm._observations(seen, model.count_cuts))
    (_, _, _, log), _ = kernels(model, seen, likely)
    assert log == pytest.approx(np.log(paths(model, days, likely, UNTIL)), rel=1e-9)
    at_once, knowing = model.log_odds(seen, until=29, ahead=2)[0]
    still, longer, longest = (paths(model, days, likely, until) for until in (28, 30, 31))
    known = paths(model, days, likely, 29)
    assert at_once == pytest.approx(np.log(longer / (still - longer)), rel=1e-6)
    assert knowing == pytest.approx(np.log(longest / (known - longest)), rel=1e-6)


@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(0, 20))
@settings(max_examples=30)
def test_what_is_foretold_is_the_chance_of_silence_day_by_day(seed, people, ahead):
    rng = np.random.default_rng(seed)
    model, seen = some_model(rng), diaries(rng, people)
    likely = model.likelihoods(visit_hmm._observations(seen, model.count_cuts))
    told = model.log_odds(seen, until=UNTIL, ahead=ahead)
    for person, span in enumerate(slice(*ends) for ends in pairwise(seen.first)):
        days = seen.day[span]
        at = {until: day_by_day(model, days, likely[span], until)[4] for until in {days[-1], days[-1] + ahead}}
        at |= {until: day_by_day(model, days, likely[span], until)[4] for until in (UNTIL, UNTIL + ahead)}
        slow = [at[days[-1] + ahead] - at[days[-1]], at[UNTIL + ahead] - at[UNTIL]]
        odds = np.clip(np.exp(slow), 1e-6, 1 - 1e-6)
        np.testing.assert_allclose(told[person], np.log(odds / (1 - odds)), rtol=1e-6, atol=1e-6)


def test_silence_of_no_days_is_as_good_as_certain():
    rng = np.random.default_rng(1)
    told = some_model(rng).log_odds(diaries(rng, 20), until=UNTIL, ahead=0)
    np.testing.assert_allclose(told, np.log((1 - 1e-6) / 1e-6))


@given(st.integers(0, 2**32 - 1), st.integers(0, 12))
@settings(max_examples=30)
def test_a_longer_silence_is_never_more_likely_than_a_shorter_one(seed, ahead):
    rng = np.random.default_rng(seed)
    model, seen = some_model(rng), diaries(rng, 9)
    shorter, longer = (model.log_odds(seen, until=UNTIL, ahead=days) for days in (ahead, ahead + 1))
    assert (longer <= shorter + 1e-9).all()


@given(st.integers(0, 2**32 - 1), st.integers(1, 7))
@settings(max_examples=30)
def test_what_is_foretold_of_a_listener_does_not_depend_on_others_nor_on_how_many_go_at_once(seed, at_once):
    rng = np.random.default_rng(seed)
    model, seen = some_model(rng, gone=True), diaries(rng, 15)
    whole = model.log_odds(seen, until=UNTIL, ahead=9)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(visit_hmm, "LISTENERS_PER_PART", at_once)
        np.testing.assert_allclose(model.log_odds(seen, until=UNTIL, ahead=9), whole, rtol=1e-5, atol=1e-5)
    few = rng.permutation(15)[:4]
    np.testing.assert_allclose(model.log_odds(seen.of(few), until=UNTIL, ahead=9), whole[few], rtol=1e-5, atol=1e-5)


@given(st.integers(0, 2**32 - 1), st.integers(1, 9))
@settings(max_examples=30)
def test_the_visits_of_some_are_theirs_alone_in_the_order_asked(seed, people):
    rng = np.random.default_rng(seed)
    seen = diaries(rng, people)
    asked = rng.integers(0, people, rng.integers(1, 9))
    some = seen.of(asked)
    for at, person in enumerate(asked):
        theirs, own = slice(*some.first[at : at + 2]), slice(*seen.first[person : person + 2])
        for name in ("day", "counts", "heard", "gap"):
            assert (getattr(some, name)[theirs] == getattr(seen, name)[own]).all()
    assert (some.last == seen.last[asked]).all()


def test_a_gap_is_the_days_since_the_visit_before_and_nought_of_a_first_visit():
    seen = Visits(np.array([0, 3, 4]), np.array([2, 3, 9, 1]), np.ones((4, 1)), np.ones((4, 3)))
    assert seen.gap.tolist() == [0, 1, 6, 0]
    assert seen.last.tolist() == [9, 1]


@given(st.lists(st.integers(0, 500), min_size=1, max_size=200))
def test_a_visit_shows_one_level_of_each_count_and_a_greater_count_no_lower_one(counts):
    column = np.sort(np.array(counts, dtype=np.float64))[:, None]
    seen = Visits(np.array([0, len(counts)]), np.arange(len(counts)), column, np.zeros((len(counts), 3)))
    shown = visit_hmm._observations(seen, visit_hmm._count_cuts(column))
    assert shown.shape == (len(counts), COUNT_LEVELS + 1 + 3)
    assert (shown[:, : COUNT_LEVELS + 1].sum(axis=1) == 1).all()
    level = shown[:, : COUNT_LEVELS + 1].argmax(axis=1)
    assert (np.diff(level) >= 0).all()
    assert ((level > 0) == (column[:, 0] > 0)).all()


def lived(rng, people, days, more):
    """Who come every other day until they leave, one in twenty each day; and whether they are silent `more` days."""
    first = rng.integers(0, days, people)
    ends = first + rng.geometric(1 - STAYS, people) - 1
    came = rng.random((people, days + more)) < COMES
    on = np.arange(days + more)
    came = (came & (on > first[:, None]) & (on <= ends[:, None])) | (on == first[:, None])
    who, day = np.nonzero(came[:, :days])
    counts = np.column_stack([rng.poisson(9, len(who)) + 1.0, *rng.poisson(1.0, (4, len(who)))])
    heard = rng.multinomial(9, [0.3, 0.5, 0.2], len(who)) * 1.0
    heard[:, 2] = heard.sum(axis=1)
    seen = Visits(np.searchsorted(who, np.arange(people + 1)), day, counts, heard)
    return seen, ~came[:, days:].any(axis=1)


def silence(days):
    """The chance of so many silent days of one who was there."""
    stays = STAYS * (1 - COMES)
    return stays**days + (1 - STAYS) * (1 - stays**days) / (1 - stays)


@pytest.fixture(scope="module")
def world():
    return lived(np.random.default_rng(1), 2000, 40, 7)


@pytest.fixture(scope="module")
def learned(world):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(visit_hmm, "EM_ITERATIONS", 25)
        return fit_visit_hmm(world[0], until=39, seed=1)


def test_in_a_world_of_two_stages_the_foretold_silence_is_calibrated(world, learned):
    seen, gone = lived(np.random.default_rng(2), 3000, 40, 7)  # not those it learned from
    said = 1 / (1 + np.exp(-learned.log_odds(seen, until=39, ahead=7)[:, 1]))
    order = np.argsort(said)
    for some in (order, *np.array_split(order, 5)):
        sigma = np.sqrt(np.mean(said[some] * (1 - said[some])) / len(some))
        assert gone[some].mean() == pytest.approx(said[some].mean(), abs=0.03 + 3 * sigma)


def test_in_a_world_of_two_stages_it_ranks_as_well_as_who_knows_that_world(learned):
    seen, gone = lived(np.random.default_rng(2), 3000, 40, 7)
    quiet = 39 - seen.last
    best = silence(quiet + 7) / silence(quiet)
    at_once, knowing = learned.log_odds(seen, until=39, ahead=7).T
    ours, theirs = (RankedTruth.of(gone.astype(np.int64), score).auc() for score in (knowing, best))
    assert ours > theirs - 0.01
    assert np.abs(1 / (1 + np.exp(-knowing)) - best).mean() < 0.05
    assert np.abs(1 / (1 + np.exp(-at_once)) - silence(7)).mean() < 0.05


def likelihood(model, seen, until):
    """The log of the chance of the diaries, and of the visits and moves that are added to them to smooth the model."""
    shown = visit_hmm._observations(seen, model.count_cuts)
    factor = (shown @ model.emission.reshape(len(model.emission), -1).astype(np.float32)).max(axis=1)
    quiet = until - seen.last
    across, silent = model.silence_matrices(int(max(seen.gap.max(), 1)), int(quiet.max()))
    arrays = (seen.first, seen.gap, quiet, model.likelihoods(shown), model.visit_rate, model.initial, across, silent)
    coming = model.visit_rate[:, [stage for stage in range(STAGES) if stage not in {NEW, GONE}]]
    added, at = 0.01 * np.log(coming * (1 - coming)).sum(), 0
    for width in (*[COUNT_LEVELS + 1] * len(model.count_cuts), 3):
        usual = shown[:, at : at + width].sum(axis=0, dtype=np.float64) + 1e-9
        added += width * (usual / usual.sum() @ model.emission[at : at + width].reshape(width, -1)).sum()
        at += width
    return expected(*arrays)[3] + factor.sum(dtype=np.float64) + added


def test_no_step_of_learning_makes_what_was_seen_less_likely(world):
    seen = world[0].of(np.arange(300))
    cuts = visit_hmm._count_cuts(seen.counts)
    model = visit_hmm._initial_model(seen, cuts, 39, np.random.default_rng(1))
    steps = []
    for _ in range(15):
        model = visit_hmm._em_step(model, seen, visit_hmm._observations(seen, cuts), 39)
        steps.append(likelihood(model, seen, 39))
    # Showings are kept in 32 bits.
    assert np.diff(steps).min() > -2e-7 * abs(steps[0])
    assert steps[-1] > steps[0]


def test_chances_are_chances_and_nobody_comes_who_is_gone(learned):
    for chances in (learned.transition.sum(axis=2), learned.initial.sum()):
        np.testing.assert_allclose(chances, 1)
    assert ((learned.visit_rate >= 0) & (learned.visit_rate <= 1)).all()
    assert (learned.visit_rate[:, [NEW, GONE]] == 0).all()
    assert (learned.transition[:, :, NEW] == 0).all()
    assert (learned.transition[:, GONE, DRIFTING] == 0).all()
    of_levels, of_shares = np.exp(learned.emission[: 5 * (COUNT_LEVELS + 1)]), np.exp(learned.emission[-3:])
    np.testing.assert_allclose(of_levels.reshape(5, COUNT_LEVELS + 1, -1).sum(axis=1), 1)
    np.testing.assert_allclose(of_shares.sum(axis=0), 1)


def test_what_is_shown_in_a_state_is_drawn_to_what_all_visits_show_as_by_one_of_each_level():
    rng = np.random.default_rng(1)
    seen = diaries(rng, 20)
    cuts = np.arange(1.0, 9)[None]
    shown = visit_hmm._observations(seen, cuts)
    belief = rng.dirichlet(np.ones(KINDS * STAGES), len(shown)).reshape(-1, KINDS, STAGES)
    found = np.exp(visit_hmm._emission_logs(shown, belief, cuts))
    for block in (slice(0, COUNT_LEVELS + 1), slice(COUNT_LEVELS + 1, None)):
        usual = shown[:, block].mean(axis=0) / shown[:, block].mean(axis=0).sum()
        for kind, stage in product(range(KINDS), range(STAGES)):
            counts = belief[:, kind, stage] @ shown[:, block] + len(usual) * usual
            np.testing.assert_allclose(found[block, kind, stage], counts / counts.sum(), rtol=1e-5, atol=1e-9)


def same(one, other):
    return all((getattr(one, name) == getattr(other, name)).all() for name in vars(one))


def test_the_same_seed_learns_the_same_model_and_another_seed_another(world, monkeypatch):
    monkeypatch.setattr(visit_hmm, "EM_ITERATIONS", 2)
    seen = world[0].of(np.arange(400))
    first, again, other = (fit_visit_hmm(seen, until=39, seed=seed) for seed in (1, 1, 2))
    assert same(first, again)
    assert not same(first, other)


def test_a_model_is_read_as_it_was_written(learned):
    assert same(read_back(learned), learned)


def test_several_models_foretell_the_mean_of_their_log_odds():
    rng = np.random.default_rng(1)
    models, seen = [some_model(rng) for _ in range(3)], diaries(rng, 9)
    each = [model.log_odds(seen, until=UNTIL, ahead=5) for model in models]
    np.testing.assert_allclose(mean_log_odds(models, seen, until=UNTIL, ahead=5), np.mean(each, axis=0))


@pytest.mark.parametrize("people", [1, 199])
def test_too_few_listeners_are_refused_in_one_line(people):
    with refused(f"{people} listeners are too few .* 200 would be the least"):
        fit_visit_hmm(diaries(np.random.default_rng(1), people), until=UNTIL, seed=1)


def test_200_listeners_are_enough_even_if_all_came_once(monkeypatch):
    monkeypatch.setattr(visit_hmm, "EM_ITERATIONS", 3)
    once = Visits(np.arange(201), np.full(200, 5), np.zeros((200, 5)), np.zeros((200, 3)))
    assert np.isfinite(fit_visit_hmm(once, until=5, seed=1).log_odds(once, until=9, ahead=5)).all()


def steady(model, shares):
    """The model with chances of life, in which those who come hear shares unlike those of the new and the gone."""
    moves = np.array([[0, 0.7, 0.05, 0.25], [0, 0.96, 0.03, 0.01], [0, 0.06, 0.9, 0.04], [0, 0.01, 0, 0.99]])
    start, visits = np.array([[0.5, 0, 0, 0]] * KINDS), np.array([[0, 0.5, 0.3, 0]] * KINDS)
    shows = np.concatenate([model.emission[:9], np.log(shares)[:, None, :] + np.zeros((3, KINDS, STAGES))])
    return VisitHMM(start, np.stack([moves] * KINDS), visits, shows, model.count_cuts)


@pytest.mark.parametrize("plays", [20, 100, 300, 10_000])
def test_a_visit_that_suits_only_the_new_and_the_gone_is_a_visit_all_the_same(plays):
    shares = np.array([[0.5, 0.1, 0.1, 0.5], [0.48, 0.88, 0.88, 0.48], [0.02] * 4])
    model = steady(some_model(np.random.default_rng(1)), shares)
    heard = np.array([[5, 4, 10], [plays // 2, plays // 2, plays]], dtype=np.float64)
    seen = Visits(np.array([0, 2]), np.array([0, 3]), np.ones((2, 1)), heard)
    assert np.isfinite(model.log_odds(seen, until=9, ahead=5)).all()

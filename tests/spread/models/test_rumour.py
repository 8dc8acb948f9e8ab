"""The later models of rumours end among very many people as their equations say, and become the older ones.

- SIHR and SICR follow the equations of their papers, and end as these say: SIHR whatever is forgotten, remembered or
  refused.
- Without what a model adds, it is Maki & Thompson's rumour, or SIR.
- Two rumours with their parameters swapped are each other.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.logs import refusal
from tests.spread.models.well_mixed import SEED, clock, rest, shares, steps

from counterpoint.spread.models.model import Model
from counterpoint.spread.models.rumour import icsar, sicr, sihr, siraru, two_rumours
from counterpoint.spread.models.sidr import CHECKER, Chances, checkers_believe, sidr


def _last(model: Model, **people: float) -> dict[str, float]:
    return {state: float(course[-1]) for state, course in clock(model, shares(model, **people)).items()}


def _slope(model: Model, **people: float) -> dict[str, float]:
    """Return how fast the shares change at first."""
    brief = 1e-6
    return {
        state: (course[-1] - course[0]) / brief
        for state, course in clock(model, shares(model, **people), brief).items()
    }


def test_sihr_follows_its_equations():
    """Zhao et al. (2012), for k = 1."""
    i, h, r = 0.3, 0.2, 0.1
    s = 1 - i - h - r
    slope = _slope(sihr(spread=0.7, refuse=0.2, stifle=0.3, forget=0.6, remember=0.5, remind=0.4), I=i, H=h, R=r)
    woken = 0.5 * h + 0.4 * i * h
    assert slope["S"] == pytest.approx(-(0.7 + 0.2) * i * s, rel=1e-4)
    assert slope["I"] == pytest.approx(0.7 * i * s - 0.3 * i * (i + h + r) - 0.6 * i + woken, rel=1e-4)
    assert slope["H"] == pytest.approx(0.6 * i - woken, rel=1e-4)
    assert slope["R"] == pytest.approx(0.2 * i * s + 0.3 * i * (i + h + r), rel=1e-4)


@settings(max_examples=25)
@given(st.floats(0.2, 0.8), st.floats(0.0, 0.2), st.floats(0.1, 1.0), st.floats(0.0, 0.2), st.floats(0.1, 1.0))
def test_sihr_ends_as_its_chances_to_spread_and_to_stifle_say_alone(spread, refuse, stifle, forget, remind):
    """From its equations: R = 1 - exp(-R (lambda + alpha) / alpha), if everybody remembers in the end."""
    model = sihr(spread=spread, refuse=refuse, stifle=stifle, forget=forget, remember=0.3, remind=remind)
    assert _last(model, I=1e-5)["R"] == pytest.approx(1 - rest(1 + spread / stifle), abs=2e-3)


def test_sicr_follows_its_equations():
    """Zan et al. (2014), for k = 1."""
    i, c, r = 0.3, 0.2, 0.1
    s = 1 - i - c - r
    slope = _slope(sicr(spread=0.5, ignore=0.1, refute=0.2, stifle=0.3, persuade=0.8), I=i, C=c, R=r)
    stopped = 0.8 * i * c + 0.3 * i * (i + r)
    assert slope["S"] == pytest.approx(-(0.5 + 0.1 + 0.2) * i * s, rel=1e-4)
    assert slope["I"] == pytest.approx(0.5 * i * s - stopped, rel=1e-4)
    assert slope["C"] == pytest.approx(0.2 * i * s, rel=1e-4)
    assert slope["R"] == pytest.approx(0.1 * i * s + stopped, rel=1e-4)


@settings(max_examples=25)
@given(st.floats(0.2, 0.6), st.floats(0.0, 0.2), st.floats(0.0, 0.2), st.floats(0.1, 1.0), st.floats(0.0, 1.0))
def test_sicr_ends_as_its_equations_say(spread, ignore, refute, stifle, persuade):
    """Of those who hear a share c attacks: s = exp(-(1 + alpha / q) (1 - s)) with q = gamma (1 - c) + eta c."""
    attack = refute / (spread + ignore + refute)
    stopped = stifle * (1 - attack) + persuade * attack
    last = _last(sicr(spread=spread, ignore=ignore, refute=refute, stifle=stifle, persuade=persuade), I=SEED)
    assert last["S"] == pytest.approx(rest(1 + spread / stopped), abs=1e-3)
    assert last["C"] == pytest.approx(attack * (1 - last["S"]), abs=1e-5)


def test_the_more_persuasive_the_counterattack_the_fewer_hear():
    left = [_last(sicr(persuade=persuade), I=SEED)["S"] for persuade in (0.0, 0.3, 0.6, 1.0)]
    assert left == sorted(left)
    assert left[0] < left[-1]


@pytest.mark.parametrize(("accept", "reject"), [(0.0, 0.0), (0.3, 0.0), (0.0, 0.4), (0.2, 0.2)])
@pytest.mark.parametrize("forget", [0.0, 0.1])
def test_siraru_ends_alike_whoever_believes_if_they_stifle_alike(accept, reject, forget):
    """dI/dS then has no Ra or Ru in it: s = exp(-(1 - s) (lambda + eta) / (eta + delta))."""
    model = siraru(spread=0.6, accept=accept, reject=reject, stifle=0.3, doubt=0.3, forget=forget)
    last = _last(model, I=SEED)
    assert last["S"] == pytest.approx(rest((0.6 + 0.3) / (0.3 + forget)), abs=1e-4)
    assert last["S"] + last["Ra"] + last["Ru"] == pytest.approx(1, abs=1e-6)
    if not reject:
        assert last["Ru"] == 0


def test_two_equal_rumours_together_are_one():
    """Without turning, and stifled alike: Maki & Thompson's, shared by how many began."""
    model = two_rumours(spread1=0.6, spread2=0.6, turn1=0, turn2=0, stifle1=0.3, stifle2=0.3)
    last = _last(model, I1=2 * SEED, I2=SEED)
    assert last["S"] == pytest.approx(rest(1 + 0.6 / 0.3), abs=1e-4)
    assert last["R1"] == pytest.approx(2 * last["R2"], rel=1e-4)


@pytest.mark.parametrize("contact", ["broadcast", "pairwise", "asynchronous"])
def test_two_rumours_are_each_other_with_their_parameters_swapped(contact):
    one = two_rumours(spread1=0.5, spread2=0.4, turn1=0.1, turn2=0.3, stifle1=0.2, stifle2=0.6).with_contact(contact)
    other = two_rumours(spread1=0.4, spread2=0.5, turn1=0.3, turn2=0.1, stifle1=0.6, stifle2=0.2).with_contact(contact)
    swapped = np.ix_(range(2), range(1), *[[0, 2, 1, 4, 3]] * 3)
    np.testing.assert_array_equal(one.contact_chances, other.contact_chances[swapped])


def test_a_rumour_that_nobody_began_is_not_heard():
    last = _last(two_rumours(), I1=SEED)
    assert last["I2"] == last["R2"] == 0
    assert last["S"] == pytest.approx(rest(1 + 0.6 / 0.3), abs=1e-4)


def test_a_rumour_whose_spreaders_do_not_turn_gains_from_those_of_the_other_who_do():
    model = two_rumours(turn1=0.0, turn2=0.5)
    last = _last(model, I1=SEED, I2=SEED)
    assert last["R1"] > 2 * last["R2"]


@pytest.mark.parametrize("source", ["RS", "RA"])
def test_icsar_without_a_refutation_ends_as_sir(source):
    """Zhang et al. (2014) check theirs by SIR: nobody doubts, carriers take their time, and all of them spread."""
    model = icsar(attract=0.4, doubt=0.0, lose=0.2)
    last = {state: course[-1] for state, course in steps(model, shares(model, **{source: SEED}), 1.2).items()}
    assert last["TC"] == last["TS"] == last["TA"] == 0
    assert last["S"] == pytest.approx(rest(1.2 * 0.4 / 0.2), abs=2e-2)


def test_icsar_that_never_reinforces_ends_exactly_as_sir():
    model = icsar(attract=0.4, doubt=0.0, reinforce=0.0, lose=0.2)
    left = steps(model, shares(model, RS=SEED), 1.2)["S"][-1]
    assert left == pytest.approx(rest(1.2 * 0.4 / 0.2), abs=1e-4)


def test_who_doubts_is_lost_to_the_rumour():
    """SIR at attract (1 - doubt) for who believes: of those who hear a share doubts."""
    model = icsar(attract=0.5, doubt=0.4, reinforce=0.0, lose=0.2)
    left = steps(model, shares(model, RS=SEED), 1.0)["S"][-1]
    # dI/dS = -(1 - doubt) + lose / (attract S): s = exp(-(1 - s) attract (1 - doubt) / lose)
    assert left == pytest.approx(rest(0.5 * 0.6 / 0.2), abs=1e-4)


def test_the_truth_makes_carriers_of_who_is_not_an_advocate_of_the_rumour():
    model = icsar(trust=0.3)
    for truth in ("TS", "TA"):
        becomes = model.contact_chances[0, 0, :, model.number(truth)]
        for state in ("RC", "RS"):
            assert dict(zip(model.states, becomes[model.number(state)], strict=True)) == {
                other: 0.3 if other == "TC" else 0 for other in model.states
            }
        assert not becomes[model.number("RA")].any()


def test_the_sooner_the_official_refutation_the_fewer_believe():
    model = icsar()

    def believers(refuted: float) -> float:
        course = steps(model, shares(model, RA=0.001, TA=refuted), 4.0)
        return max(course["RC"] + course["RS"] + course["RA"])

    reached = [believers(refuted) for refuted in (0.0, 0.001, 0.01, 0.1)]
    assert reached == sorted(reached, reverse=True)
    assert reached[-1] < reached[0] / 2


def test_sidr_without_checkers_is_sir():
    """With t = 0 there is no D, and with beta = 1 only forgetting ends it: SIR with alpha1 and the rate to forget."""
    model = sidr(Chances(t=0.0, alpha1=0.4, beta=1.0, forget=0.2))
    last = _last(model, I=SEED)
    assert last["D"] == 0
    assert last["S"] == pytest.approx(rest(0.4 / 0.2), abs=1e-4)


def test_sidr_without_checkers_or_forgetting_peaks_where_its_equation_says():
    """dI = alpha S I - 2 (1 - beta) I^2, as both of two who meet may tire: for the paper's values I = (S - S^3) / 2."""
    model = sidr(Chances(t=0.0, alpha1=0.4, beta=0.4))
    course = clock(model, shares(model, I=SEED))
    np.testing.assert_allclose(course["I"], (course["S"] - course["S"] ** 3) / 2, atol=1e-5)


@pytest.mark.parametrize("name", ["t", "alpha1", "alpha2", "beta", "theta", "gamma1", "gamma2"])
def test_a_parameter_of_sidr_that_is_no_probability_is_refused_by_its_name(name):
    """Before what exceeds 1 is shared in proportion, or taken from 1."""
    assert refusal(lambda: Chances(**{name: 1.7})) == f"sidr: {name} is 1.7; it must lie in [0, 1]"


def test_where_checkers_may_believe_chances_beyond_1_are_shared_in_proportion():
    model = checkers_believe(Chances(alpha1=0.9, alpha2=0.6))
    checker = model.class_number(CHECKER)
    np.testing.assert_allclose(model.contact_chances[0, checker, 0, 1], [0, 0.6, 0.4, 0])

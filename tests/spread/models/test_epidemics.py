"""The textbook models do among very many people what their papers say, from their tables alone.

- SIR and SEIR end alike, as the final-size equation says; the independent cascade as bond percolation does.
- SI reaches everybody as the logistic curve; SIS and SIRS stay at their endemic levels, or die out below the threshold.
- Of the rumours of Daley & Kendall and of Maki & Thompson 0.2032 never hear, whoever stops.
"""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.spread.models.well_mixed import SEED, clock, rest, shares, steps

from counterpoint.spread.models.epidemics import (
    cascade,
    seir,
    si,
    sir,
    sirs,
    sis,
)
from counterpoint.spread.models.rumour import daley_kendall, maki_thompson

NEVER_HEARD = 0.20318787  # the root of ln s = -2 (1 - s)
SPREAD = 0.6
RECOVER = 0.2


@pytest.mark.parametrize("model", [sir(spread=SPREAD, recover=RECOVER), seir(spread=SPREAD, recover=RECOVER)])
def test_sir_and_seir_leave_as_many_as_the_final_size_equation_says(model):
    """Kermack & McKendrick (1927): s = exp(-R0 (1 - s)) with R0 = beta / gamma; a latent time changes nothing."""
    left = clock(model, shares(model, I=SEED))["S"][-1]
    assert left == pytest.approx(rest(SPREAD / RECOVER), abs=1e-4)


@pytest.mark.parametrize("heard", [1.5, 4.0])
@pytest.mark.parametrize("model", [sir(), seir()])
def test_the_final_size_is_the_same_in_steps(model, heard):
    left = steps(model, shares(model, I=SEED), heard)["S"][-1]
    assert left == pytest.approx(rest(heard * 0.1 / 0.2), abs=1e-4)


@pytest.mark.parametrize("mean_degree", [2.0, 5.0])
def test_a_cascade_reaches_the_giant_component_of_the_edges_that_are_kept(mean_degree):
    """Newman (2002): in a random graph of mean degree k with edges kept at p, 1 - R = exp(-k p R)."""
    model = cascade(spread=0.7)
    left = steps(model, shares(model, I=SEED), mean_degree)["S"][-1]
    assert left == pytest.approx(rest(mean_degree * 0.7), abs=1e-4)


def test_a_cascade_is_sir_in_which_everybody_recovers_after_a_step():
    np.testing.assert_array_equal(cascade(spread=0.3).contact_chances, sir(spread=0.3, recover=1.0).contact_chances)
    np.testing.assert_array_equal(
        cascade(spread=0.3).spontaneous_chances, sir(spread=0.3, recover=1.0).spontaneous_chances
    )


def test_si_grows_as_the_logistic_curve():
    model, begin = si(spread=0.5), 0.01
    grown = clock(model, shares(model, I=begin), until=10.0)["I"][-1]
    assert grown == pytest.approx(1 / (1 + (1 / begin - 1) * np.exp(-0.5 * 10)), rel=1e-6)


def test_sis_stays_at_its_endemic_level():
    """I = 1 - gamma / beta."""
    model = sis(spread=SPREAD, recover=RECOVER)
    assert clock(model, shares(model, I=0.01))["I"][-1] == pytest.approx(1 - RECOVER / SPREAD, abs=1e-6)


def test_sirs_stays_at_its_endemic_level():
    """S = gamma / beta; of the others I : R = xi : gamma."""
    model = sirs(spread=SPREAD, recover=RECOVER, wane=0.05)
    last = {state: course[-1] for state, course in clock(model, shares(model, I=0.01)).items()}
    known = 1 - RECOVER / SPREAD
    assert last["S"] == pytest.approx(RECOVER / SPREAD, abs=1e-6)
    assert last["I"] == pytest.approx(known * 0.05 / (0.05 + RECOVER), abs=1e-6)


@pytest.mark.parametrize("build", [sis, sir, sirs, seir])
def test_below_the_threshold_nothing_spreads(build):
    model = build(spread=0.15, recover=0.2)
    assert clock(model, shares(model, I=SEED))["S"][-1] > 0.9999


@pytest.mark.parametrize("model", [daley_kendall(), maki_thompson()], ids=lambda model: model.name)
def test_a_fifth_never_hears_the_rumour(model):
    """Daley & Kendall (1965), Maki & Thompson (1973): 0.2032. Calling one another counts once, not twice (Hayes 2005:
    0.28 if it does)."""
    last = {state: course[-1] for state, course in clock(model, shares(model, I=SEED)).items()}
    assert last["S"] == pytest.approx(NEVER_HEARD, abs=1e-5)
    assert last["I"] < 1e-9


@settings(max_examples=25)
@given(st.floats(0.1, 1.0))
def test_daley_kendall_who_may_go_on_ends_as_maki_thompson_who_may(stifle):
    """dI/dt = S I - alpha I (1 - S) in both: s = exp(-(1 + 1/alpha) (1 - s))."""
    left = rest(1 + 1 / stifle)
    for model in (daley_kendall(stifle=stifle), maki_thompson(stifle=stifle)):
        assert clock(model, shares(model, I=SEED))["S"][-1] == pytest.approx(left, abs=1e-4)


def test_two_spreaders_who_meet_change_as_each_would_alone():
    """Each of two is stifled with probability alpha, at half the rate as they call each other."""
    pairs = daley_kendall(stifle=0.4).joint_chances[1, 1]
    np.testing.assert_allclose(pairs, [[0, 0, 0], [0, 0, 0.12], [0, 0.12, 0.08]])
    np.testing.assert_allclose(2 * pairs[2].sum(), 0.4)


@settings(max_examples=25)
@given(st.floats(0.2, 1.0), st.floats(0.05, 1.0), st.floats(0.0, 0.5))
def test_a_rumour_that_is_forgotten_too_leaves_as_many_as_nekovee_says(spread, stifle, forget):
    """Nekovee et al. (2007): R = 1 - exp(-e R) with e = (lambda + alpha) / (delta + alpha), if lambda > delta."""
    model = maki_thompson(spread=spread, stifle=stifle, forget=forget)
    by_how_much = (spread + stifle) / (forget + stifle)
    assume(abs(by_how_much - 1) > 0.1)  # at the threshold itself the first spreaders are not few
    assert clock(model, shares(model, I=SEED))["S"][-1] == pytest.approx(rest(by_how_much), abs=1e-3)

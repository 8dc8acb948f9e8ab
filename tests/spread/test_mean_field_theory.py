"""Theory by degrees: closed forms in its limits, and what simulations do where its assumptions hold.

- One degree shared by very many is the well-mixed case; thresholds and sizes are those of the literature.
- The first step of a rumour that begins at random is exact; in dense random networks so, nearly, is the whole course.
"""

import numpy as np
import pytest
from tests.spread.models.well_mixed import clock, shares, steps
from tests.spread.sigmas import near

from counterpoint.errors import CounterpointError
from counterpoint.networks.generators import barabasi_albert, complete, erdos_renyi, power_law, ring
from counterpoint.networks.graph import Network
from counterpoint.spread.mean_field_theory import final_size, mean_field, percolation_size, thresholds
from counterpoint.spread.models.presets import model
from counterpoint.spread.models.sidr import Chances, sidr
from counterpoint.spread.simulation import simulate

GENTLE = Chances(t=0.3, alpha1=0.03, alpha2=0.02, beta=0.98, theta=0.03, gamma1=0.97, gamma2=0.96, forget=0.02)
SHARE = 0.01
THIN = {  # chances of a contact: of changing, and of staying
    "sidr": ({"alpha1": 0.4, "alpha2": 0.3, "theta": 0.5}, {"beta": 0.4, "gamma1": 0.4, "gamma2": 0.3}),
    "sirs": ({"spread": 0.1}, {}),
    "seir": ({"spread": 0.1}, {}),
}


def begun(a_model):
    """Return the people of whom a share are sources, drawn from all classes alike, [class, state]."""
    found = shares(a_model, **{a_model.source: SHARE})
    found[:, 0] = (1 - SHARE) * np.array([1 - sum(a_model.classes.values()), *a_model.classes.values()])
    return found


def test_thresholds_are_those_of_known_degrees():
    assert thresholds(complete(11)).epidemic == pytest.approx(1 / 9)
    assert thresholds(ring(10)).epidemic == pytest.approx(1.0)
    assert thresholds({1: 1.0}).epidemic == np.inf
    net = erdos_renyi(20_000, degree=6, rng=1)
    found = thresholds(net)
    assert found.mean == pytest.approx(net.degrees.mean())
    assert found.square == pytest.approx((net.degrees**2).mean())
    assert found.epidemic == pytest.approx(1 / 6, rel=0.03)


def test_shares_of_degrees_need_not_add_up():
    assert thresholds({2: 30, 4: 30}) == thresholds({2: 0.5, 4: 0.5})
    assert thresholds({4: 30, 2: 30, 0: 0}) == thresholds({2: 0.5, 4: 0.5})


@pytest.mark.parametrize(
    ("r0", "size"), [(0.0, 0.0), (0.5, 0.0), (1.0, 0.0), (1.5, 0.58281), (2.0, 0.79681), (4.0, 0.98017)]
)
def test_final_sizes_are_those_of_the_tables(r0, size):
    assert final_size(r0) == pytest.approx(size, abs=1e-5)


@pytest.mark.parametrize("spread", [0.0, 0.1, 0.25, 0.5, 1.0])
def test_percolation_among_poisson_degrees_is_the_final_size(spread):
    """Erdos & Renyi (1960): the giant component of mean degree c is z = 1 - exp(-c z)."""
    degrees = np.arange(60)
    chances = np.exp(degrees * np.log(6.0) - 6.0 - np.cumsum(np.log(np.maximum(degrees, 1))))
    found = percolation_size(dict(zip(degrees.tolist(), chances.tolist(), strict=True)), spread)
    assert found == pytest.approx(final_size(6 * spread), abs=1e-6)


def test_percolation_ends_are_certain():
    assert percolation_size({3: 1.0}, 1.0) == pytest.approx(1.0)
    assert percolation_size({0: 0.25, 3: 0.75}, 1.0) == pytest.approx(0.75)
    assert percolation_size({1: 0.5, 3: 0.5}, 0.0) == 0.0
    assert percolation_size({2: 1.0}, 0.9) == 0.0


@pytest.mark.parametrize("name", ["sidr", "sirs", "seir"])
def test_many_neighbours_of_little_weight_are_a_well_mixed_population_in_steps(name):
    """To reach n people with chance p each is to reach 5 with p n / 5, a Poisson process, as another twin has it."""
    many, few = 1_000_000, 5
    usual, certain = THIN[name]
    thin = {chance: value * few / many for chance, value in usual.items()}
    kept = {chance: 1 - (1 - value) * few / many for chance, value in certain.items()}
    a_model = model(name, **usual, **certain)
    found = mean_field({many: 1.0}, model(name, **thin, **kept), share=SHARE, steps=40)
    expected = steps(a_model, begun(a_model), few, 40)
    for state in a_model.states:
        np.testing.assert_allclose(found.stock(state), expected[state], atol=2e-5)


@pytest.mark.parametrize("name", ["maki-thompson", "daley-kendall", "sihr", "sicr", "siraru", "sidr-asynchronous"])
def test_one_degree_is_a_well_mixed_population_by_the_clock(name):
    a_model = model(name)
    found = mean_field({7: 1.0}, a_model, share=SHARE, steps=20)
    for state, course in clock(a_model, begun(a_model), 20.0).items():
        assert found.stock(state)[-1] == pytest.approx(course[-1], abs=1e-6)


def test_nobody_is_lost_and_nobody_is_negative():
    for name in (
        "sidr",
        "sidr-active-pull",
        "sidr-pull",
        "sidr-pairwise",
        "sidr-asynchronous",
        "daley-kendall",
        "seir",
    ):
        found = mean_field({0: 0.1, 1: 0.4, 3: 0.3, 50: 0.2}, model(name), share=0.05, steps=30)
        np.testing.assert_allclose(found.by_degree.sum(2), 1.0, atol=1e-7)
        assert found.by_degree.min() > -1e-7
        np.testing.assert_allclose(found.by_degree[:, 0, 0], 0.95, atol=1e-7)  # who has no neighbour stays S
        assert found.stocks.shape == (31, len(found.model.states))


@pytest.mark.parametrize("contact", ["broadcast", "active-pull", "pull", "pairwise"])
def test_the_first_step_of_a_rumour_that_begins_at_random_is_exact(contact):
    """Whose neighbours are drawn at random has them independently; scale-free, 3,000 nodes."""
    net, a_model = barabasi_albert(3_000, 3, rng=3), sidr().with_contact(contact)
    out = simulate(net, a_model, runs=1000, sources=150, steps=1, rng=4)
    expected = mean_field(net, a_model, share=0.05, steps=1)
    for state in a_model.states:
        near(out.stock(state)[:, 1], expected.stock(state)[1], slack=1 / net.nodes)


@pytest.mark.parametrize("contact", ["broadcast", "active-pull", "pull", "pairwise", "asynchronous"])
def test_in_a_dense_random_network_the_course_is_that_of_its_degrees(contact):
    """Degrees of 120 to 600, random otherwise: whom one meets is hardly ever whom one met; within 2 % of all nodes."""
    net = power_law(3_000, 2.2, 120, max_degree=600, rng=5)
    a_model = sidr(GENTLE if contact == "broadcast" else Chances(forget=0.02)).with_contact(contact)
    out = simulate(net, a_model, runs=32, sources=90, steps=25, rng=6)
    expected = mean_field(net, a_model, share=0.03, steps=25)
    for state in a_model.states:
        mean = out.stock(state).mean(0)
        np.testing.assert_allclose(mean, expected.stock(state)[: len(mean)], atol=0.02)
    assert expected.stock("S")[-1] < 0.7


@pytest.mark.parametrize("contact", ["pairwise", "asynchronous"])
@pytest.mark.parametrize("name", ["maki-thompson", "daley-kendall", "sihr", "sicr", "siraru", "2si2r", "sidr"])
def test_among_everybody_meetings_are_the_mean_field_of_their_model(name, contact):
    """Calling, called and both together; every model with pairwise rules, 800 people, of whom 40 begin."""
    net, a_model = complete(800), model(name).with_contact(contact)
    out = simulate(net, a_model, runs=48, sources=40, steps=12, rng=6)
    expected = mean_field(net, a_model, share=0.05, steps=12)
    for state in a_model.states:
        stock = out.stock(state)
        for step in range(1, stock.shape[1]):
            near(stock[:, step], expected.stock(state)[step], slack=4 / net.nodes)


def test_who_is_heard_by_more_hears_sooner():
    net = power_law(3_000, 2.2, 40, max_degree=400, rng=5)
    a_model = sidr(GENTLE)
    out = simulate(net, a_model, runs=40, sources=30, steps=4, keep="nodes", simulator="per-run", rng=6)
    found = mean_field(net, a_model, share=SHARE, steps=4)
    for low, high in ((40, 60), (150, 400)):
        nodes = (net.degrees >= low) & (net.degrees < high)
        degrees = (found.degrees >= low) & (found.degrees < high)
        expected = np.average(found.by_degree[4, degrees, 0], weights=found.share[degrees])
        assert (out.last[:, nodes] == 0).mean() == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: thresholds(Network.of([0], [1], directed=True)), "this network is directed, weighted or changing"),
        (lambda: thresholds(Network.of([0], [1], weight=[2.0])), "this network is directed, weighted or changing"),
        (lambda: thresholds(Network.of([0], [1], since=[2.0])), "this network is directed, weighted or changing"),
        (lambda: thresholds({}), "there are no nodes"),
        (lambda: thresholds({-1: 1.0}), "degrees and their shares must be 0 or more"),
        (lambda: thresholds({1: -0.5}), "must be 0 or more, got -0.5 of 1"),
        (lambda: final_size(-1.0), "R0 is a mean number of people: it must be 0 or more, got -1"),
        (lambda: percolation_size({2: 1.0}, 1.2), "spread is a probability: .* got 1.2"),
        (lambda: mean_field({2: 1.0}, sidr(), share=1.2, steps=1), "a share within .* got 1.2 and 1"),
        (lambda: mean_field({2: 1.0}, sidr(), share=0.2, steps=0), "1 step or more .* got 0.2 and 0"),
        (lambda: mean_field({0: 1.0}, sidr(), share=0.2, steps=1), "nobody has a neighbour"),
    ],
)
def test_what_has_no_mean_field_is_refused(call, message):
    with pytest.raises(CounterpointError, match=message):
        call()

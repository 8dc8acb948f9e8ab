"""Detectors that run outbreaks: chances that are certain, frequencies that are known, and bounds that are kept."""

import numpy as np
import pytest

from counterpoint.errors import CounterpointError
from counterpoint.networks.generators import barabasi_albert, ring, star
from counterpoint.networks.graph import Network
from counterpoint.spread.models.model import Contact, Model
from counterpoint.spread.models.presets import model
from counterpoint.trace import simulation_based
from counterpoint.trace.problem import Problem
from counterpoint.trace.protocol import probabilities
from counterpoint.trace.simulation_based import Beam, SoftMargin, outbreaks_from

RNG = np.random.default_rng
BOTH = (Beam(begin=4, width=2, runs=20, most=12), SoftMargin(runs=20, most=12))


def spreading(chance):
    return Model("SI", ("S", "I"), (Contact("S", "I", {"I": chance}),), source="I", active=("I",))


@pytest.fixture
def begun(monkeypatch):
    """Where outbreaks began, one after the other."""
    nodes = []

    def noted(problem, node, runs, rng):
        nodes.append(node)
        return outbreaks_from(problem, node, runs, rng)

    monkeypatch.setattr(simulation_based, "outbreaks_from", noted)
    return nodes


@pytest.mark.parametrize("detector", BOTH, ids=lambda each: each.name)
@pytest.mark.parametrize("time", [1, 2, 3])
def test_a_rumour_certain_to_spread_has_its_source_in_the_middle(detector, time):
    problem = Problem.of(ring(20), spreading(1.0), time)
    codes = np.zeros(20, np.uint8)
    codes[(5 + np.arange(-time, time + 1)) % 20] = 1
    found = detector.scores(problem, codes, RNG(1))
    assert found.argmax() == 5
    assert (np.isfinite(found) == (codes == 1)).all()


def test_beams_score_is_the_frequency_of_what_is_seen():
    """A leaf of a star is told with chance p: with many runs that is how often it is."""
    p, leaves = 0.3, 5
    problem = Problem.of(star(leaves + 1), spreading(p), 1)
    codes = np.array([1, 1, 1, 0, 0, 0], np.uint8)
    found = Beam(runs=20_000).scores(problem, codes, RNG(2))
    assert found[0] == pytest.approx(np.log(p**2 * (1 - p) ** 3), abs=0.06)


def test_a_beam_goes_on_to_neighbours_of_the_best_and_stops_where_none_is_better(begun):
    """Seven of a row are reached by a certain rumour, and 3 of them begin: the middle's neighbours are no better."""
    problem = Problem.of(ring(30), spreading(1.0), 3)
    codes = np.zeros(30, np.uint8)
    codes[10:17] = 1
    Beam(begin=1, width=1, runs=2).scores(problem, codes, RNG(3))
    assert begun[0] == 13
    assert sorted(begun) == [12, 13, 14]


@pytest.mark.parametrize("detector", BOTH, ids=lambda each: each.name)
def test_at_most_so_many_suspects_are_run_and_none_twice(detector, begun):
    problem = Problem.of(barabasi_albert(100, 3, rng=1), model("sidr"), 3, min_size=40)
    (codes,) = problem.simulate_outbreaks(1, 4).codes
    found = detector.scores(problem, codes, RNG(5))
    assert 4 <= len(begun) <= 12
    assert len(set(begun)) == len(begun)
    rest = np.setdiff1d(np.flatnonzero(problem.suspect[codes]), begun)
    assert np.isfinite(found[rest]).all()
    assert found[rest].max() < found[begun].min()


def test_the_likeness_of_a_certain_rumour_is_its_overlap():
    """One step from 1 on a line touches 0, 1, 2: of 0 to 3 reached that is 3 of 4; from 3, which touches 4, 2 of 5."""
    problem = Problem.of(Network.of([0, 1, 2, 3], [1, 2, 3, 4]), spreading(1.0), 1)
    codes = np.array([1, 1, 1, 1, 0], np.uint8)
    for node, likeness in ((0, 2 / 4), (1, 3 / 4), (3, 2 / 5)):
        assert SoftMargin(runs=3)._likeness(problem, codes, node, 1).tolist() == pytest.approx([likeness] * 3)


def test_likeness_counts_only_nodes_that_are_seen_and_states_only_if_asked_to():
    problem = Problem.of(Network.of([0, 1, 2], [1, 2, 3]), model("sir", spread=1.0, recover=0.0), 1, share=0.5)
    codes = np.array([1, 2, problem.unseen, 1], np.uint8)  # 0, 1, 2 will be infected; 1 is seen removed
    assert SoftMargin(runs=2, states=False)._likeness(problem, codes, 1, 1).tolist() == pytest.approx([2 / 3] * 2)
    assert SoftMargin(runs=2)._likeness(problem, codes, 1, 1).tolist() == pytest.approx([1 / 3] * 2)


def test_the_width_is_the_smallest_that_has_settled():
    """Of likenesses that never change all widths have settled; the smallest one tells .9 from .8 most sharply."""
    steady = np.tile([[0.9], [0.8]], 10)
    width = simulation_based.WIDTHS[-1]
    assert simulation_based._settled(steady) == pytest.approx([-((0.1 / width) ** 2), -((0.2 / width) ** 2)])
    lucky = np.full((2, 10), 0.5)
    lucky[0, 7], lucky[1, 2] = 1.0, 0.9  # at small widths the best is another after half the runs
    found = probabilities(simulation_based._settled(lucky))
    assert found.max() < 0.7


def test_the_same_seed_gives_the_same_scores():
    problem = Problem.of(barabasi_albert(60, 2, rng=1), model("sidr"), 2, min_size=5)
    (codes,) = problem.simulate_outbreaks(1, 4).codes
    for detector in BOTH:
        one, again = (detector.scores(problem, codes, RNG(7)) for _ in range(2))
        assert (one == again).all()


def test_outbreaks_have_models_and_times_as_likely_as_they_are():
    """Of runs a quarter has no time to spread, and of the others half spread with certainty, half not at all."""
    problem = Problem(star(3), ((spreading(1.0), 0.5), (spreading(0.0), 0.5)), ((0, 0.25), (1, 0.75)))
    states = outbreaks_from(problem, 0, 4000, RNG(1))
    assert states.shape == (4000, 3)
    assert (states[:, 0] == 1).all()
    assert abs(int((states[:, 1] == 1).sum()) - 1500) <= 4.5 * np.sqrt(4000 * 0.375 * 0.625)


@pytest.mark.parametrize("detector", BOTH, ids=lambda each: each.name)
@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("sidr", {"share": 0.5, "indistinguishable": ("R",)}),
        ("sidr", {"sources": 2}),
        ("sidr-pairwise", {}),
        ("sidr-asynchronous", {}),
    ],
    ids=["some seen, indistinguishable", "two sources", "meetings", "asynchronous"],
)
def test_every_suspect_has_a_finite_score_whatever_the_model(detector, name, more):
    problem = Problem.of(barabasi_albert(40, 2, rng=1), model(name), 3, min_size=4, **more)
    (codes,) = problem.simulate_outbreaks(1, 5).codes
    assert (np.isfinite(detector.scores(problem, codes, RNG(1))) == problem.suspect[codes]).all()


@pytest.mark.parametrize("detector", BOTH, ids=lambda each: each.name)
@pytest.mark.parametrize("nodes", [[], [3], [0, 9]], ids=["none", "one", "apart"])
def test_few_reached_nodes_are_taken(detector, nodes):
    problem = Problem.of(ring(20), spreading(0.5), 2)
    codes = np.zeros(20, np.uint8)
    codes[nodes] = 1
    found = detector.scores(problem, codes, RNG(1))
    assert np.flatnonzero(np.isfinite(found)).tolist() == nodes


def test_parameters_out_of_range_are_refused():
    with pytest.raises(CounterpointError, match="beam: width is 0"):
        Beam(width=0)
    with pytest.raises(CounterpointError, match="soft-margin: runs"):
        SoftMargin(runs=1)

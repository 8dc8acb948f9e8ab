"""What is known beside a snapshot, what was seen, and who is suspected: small laws, and refusals of one line."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from tests.logs import refused
from tests.spread.sigmas import near, shares

from counterpoint.networks.generators import barabasi_albert, ring
from counterpoint.networks.graph import Network
from counterpoint.spread.models.presets import model
from counterpoint.spread.simulation import simulate
from counterpoint.trace.observation import Observation
from counterpoint.trace.problem import Problem
from counterpoint.trace.suspects import Suspects, hops_from

SIR, SIS, SIDR = model("sir"), model("sis"), model("sidr")
NET = barabasi_albert(50, 2, rng=1)
TOWN = Network.of([0, 1], [1, 2], nodes=pl.Series(["ann", "bob", "eve"]))


# The problem.


def test_an_outbreak_is_seen_as_its_states_are_and_its_sources_are_suspects():
    problem = Problem.of(NET, SIDR, 3, indistinguishable=("R",), share=0.7, sources=2, min_size=4)
    some = problem.simulate_outbreaks(200, 1)
    assert problem.possible_states[some.codes, some.states].all()
    assert np.take_along_axis(problem.suspect[some.codes], some.sources.astype(np.int64), 1).all()
    assert (problem.reached[some.codes].sum(1) >= 4).all()
    assert (some.states[problem.reached[some.codes]] > 0).all()
    assert (some.sources[:, 0] != some.sources[:, 1]).all()
    near((some.codes != problem.unseen).mean(1), 0.7, slack=0.02)  # who is seen to be reached is seen
    again, other = (problem.simulate_outbreaks(200, seed) for seed in (1, 2))
    assert (some.codes == again.codes).all()
    assert (some.codes != other.codes).any()


def test_codes_say_what_they_may_be():
    plain, alike = Problem.of(NET, SIR, 2), Problem.of(NET, SIR, 2, indistinguishable=("R",))
    assert plain.possible_states.astype(int).tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]]
    assert plain.suspect.tolist() == [False, True, True, True]
    assert plain.reached.tolist() == [False, True, True, False]
    assert alike.suspect.tolist() == [True, True, True, True]
    assert alike.observe(np.array([0, 1, 2], np.uint8), 1).tolist() == [0, 1, 0]
    assert Problem.of(NET, SIS, 2).suspect.tolist() == [True, True, True]  # a source may have forgotten it


def test_models_and_times_are_as_frequent_as_they_are_likely():
    loud = replace(model("sir", spread=1.0, recover=0.0), name="loud")
    silent = replace(model("sir", spread=0.0, recover=0.0), name="silent")
    problem = Problem(NET, ((loud, 0.3), (silent, 0.7)), ((0, 0.2), (1, 0.5), (4, 0.3)))
    some = problem.simulate_outbreaks(3000, 1)
    shares(np.bincount(some.times, minlength=5), [0.2, 0.5, 0, 0, 0.3])
    later = some.times > 0
    spread = (some.states[later] > 0).sum(1) > 1
    shares(np.array([spread.sum(), (~spread).sum()]), [0.3, 0.7])
    assert ((some.states[~later] > 0).sum(1) == 1).all()
    assert (np.take_along_axis(some.states[~later], some.sources[~later].astype(np.int64), 1) == 1).all()


def test_a_setting_has_a_key_of_its_own():
    one = Problem.of(NET, SIR, 3)
    assert one.key == Problem.of(barabasi_albert(50, 2, rng=1), model("sir"), 3).key
    changed = [
        {"network": barabasi_albert(50, 2, rng=2)},
        {"models": ((model("sir", spread=0.2), 1.0),)},
        {"times": ((4, 1.0),)},
        {"times": ((3, 0.5), (4, 0.5))},
        {"indistinguishable": ("R",)},
        {"share": 0.5},
        {"sources": 2},
        {"min_size": 2},
    ]
    assert len({one.key, *(replace(one, **each).key for each in changed)}) == len(changed) + 1


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"models": ((SIR, 0.5),)}, "models need prior probabilities"),
        ({"models": ()}, "models need prior probabilities"),
        ({"times": ((3, 1.5), (4, -0.5))}, "times need prior probabilities"),
        ({"times": ((-1, 1.0),)}, "0 or more steps"),
        ({"models": ((SIR, 0.5), (SIDR, 0.5))}, "must have the same states"),
        ({"indistinguishable": ("Q",)}, "no state 'Q'"),
        ({"share": 0.0}, r"must lie in \(0, 1\]"),
        ({"share": 1.1}, r"must lie in \(0, 1\]"),
        ({"sources": 0}, "0 sources of 50 nodes"),
        ({"sources": 51}, "51 sources of 50 nodes"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(changed, why):
    with refused(why):
        replace(Problem.of(NET, SIR, 3), **changed)


def test_outbreaks_that_hardly_ever_become_so_large_are_refused():
    with refused("ask for smaller ones or a later time"):
        Problem.of(NET, SIR, 0, min_size=2).simulate_outbreaks(2, 1)


# What was seen.


def test_states_are_taken_by_name():
    found = Observation.of(TOWN, SIR, {"eve": "I", "ann": "R"}, 2, default_state="?")
    assert found.codes.tolist() == [2, 3, 1]
    assert found.to_problem(SIR).share == 0.67
    hidden = Observation.of(TOWN, SIR, {"eve": "I", "ann": "R", "bob": "S"}, {1: 1, 2: 3}, indistinguishable=("R",))
    assert hidden.codes.tolist() == [0, 0, 1]
    assert hidden.times == ((1, 0.25), (2, 0.75))


def test_a_table_is_read(tmp_path):
    path = tmp_path / "seen.csv"
    path.write_text("node,state\neve,I\nann, R\n")
    assert Observation.read(path, TOWN, SIR, 2, default_state="S").codes.tolist() == [2, 0, 1]
    pl.read_csv(path).write_parquet(tmp_path / "seen.parquet")
    assert Observation.read(tmp_path / "seen.parquet", TOWN, SIR, 2, default_state="S").codes.tolist() == [2, 0, 1]


def test_a_run_is_seen_as_it_ended():
    out = simulate(NET, SIR, runs=3, steps=4, keep="nodes", rng=1)
    assert Observation.of_run(out, 2).codes.tolist() == out.last[2].tolist()
    assert Observation.of_run(out, 2).times == ((4, 1.0),)
    some = Observation.of_run(out, 1, share=0.5, rng=1)
    assert set(np.unique(some.codes[some.codes != out.last[1]])) == {3}
    with refused("keep='nodes'"):
        Observation.of_run(simulate(NET, SIR, runs=1, steps=2, rng=1))


@pytest.mark.parametrize(
    ("states", "how", "why"),
    [
        ({"eva": "I"}, {"default_state": "S"}, "no node 'eva'; did you mean 'eve'"),
        ({"eve": "X"}, {"default_state": "S"}, "node 'eve': sir has no state 'X'"),
        ({"eve": "i"}, {"default_state": "S"}, "known: S, I, R"),
        ({"eve": "I"}, {"default_state": "T"}, "the default state: sir has no state 'T'"),
        ({"eve": "I"}, {}, "nothing is said of 2 of 3 nodes"),
        ({"eve": "I"}, {"default_state": "S", "indistinguishable": ("T",)}, "no state 'T'"),
        ({"eve": "I"}, {"default_state": "S", "time": {}}, "not all 0"),
        ({"eve": "I"}, {"default_state": "S", "time": {1: 0.0}}, "not all 0"),
        ({"eve": "I"}, {"default_state": "S", "time": {1: -1.0, 2: 2.0}}, "0 or more"),
    ],
)
def test_what_cannot_have_been_seen_is_refused(states, how, why):
    with refused(why):
        Observation.of(TOWN, SIR, states, **({"time": 2} | how))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("node,state\neve,I\neve,R\n", "node 'eve' has more than one row"),
        ("node,state\neve,\nann,I\n", "row 1 lacks a node or a state"),
        ("node,state\neva,I\n", "no node 'eva'"),
        ("who,state\neve,I\n", "node"),
        ("", "seen.csv"),
    ],
)
def test_a_table_that_says_no_states_is_refused(tmp_path, text, why):
    path = tmp_path / "seen.csv"
    path.write_text(text)
    with refused(why):
        Observation.read(path, TOWN, SIR, 2, default_state="S")


def test_a_snapshot_of_removed_nodes_is_taken_and_of_ignorant_ones_refused():
    over = Observation.of(ring(5), SIR, {}, 4, default_state="R").to_problem(SIR)
    assert over.suspect[np.full(5, 2)].all()
    for law, states in ((SIR, "S"), (SIS, "S")):
        with refused("nobody is seen"):
            Observation.of(ring(5), law, {}, 4, default_state=states).to_problem(law)
    assert Observation.of(ring(5), SIR, {}, 4, default_state="?").to_problem(SIR).suspect[3]
    with refused("nobody is seen in a state"):
        Observation.of(ring(5), SIR, {1: "I"}, 4, default_state="S", sources=2).to_problem(SIR)


def test_a_snapshot_is_of_one_network():
    with refused("the snapshot has 5 nodes, the network 6"):
        replace(Observation.of(ring(5), SIR, {1: "I"}, 2, default_state="S"), network=ring(6))


def test_a_snapshot_asks_for_outbreaks_like_it_but_for_no_larger_ones_than_five():
    for reached, least in ((1, 1), (4, 4), (9, 5)):
        seen = Observation.of(ring(20), SIR, dict.fromkeys(range(reached), "I"), 12, default_state="S")
        assert seen.to_problem(SIR).min_size == least


# Suspects.


def suspects(probability, sources=1):
    problem = Problem.of(ring(6), SIR, 3, sources=sources)
    chance = None if probability is None else np.array(probability)
    nodes = np.array([4, 2, 5, 3])
    return Suspects(problem, np.array([0, 0, 2, 1, 1, 3], np.uint8), nodes, chance, "by hand", "", {})


def test_the_credible_set_is_the_smallest_that_holds_so_much():
    found = suspects([0.5, 0.3, 0.1, 0.1])
    sizes = {level: len(found.credible(level)) for level in (0.4, 0.5, 0.51, 0.8, 0.9, 0.95, 1.0)}
    assert sizes == {0.4: 1, 0.5: 1, 0.51: 2, 0.8: 2, 0.9: 3, 0.95: 4, 1.0: 4}
    assert found.credible().tolist() == [4, 2, 5]
    assert len(suspects([1.0, 0.8, 0.1, 0.1], sources=2).credible(0.9)) == 2
    assert not len(suspects(None).credible())


def test_a_table_says_what_was_seen_of_whom():
    table = suspects([0.5, 0.3, 0.1, 0.1]).table(3)
    assert table["node"].to_list() == [4, 2, 5]
    assert table["seen"].to_list() == ["I", "R", "?"]
    assert table["together"].to_list() == pytest.approx([0.5, 0.8, 0.9])
    assert suspects(None).table().columns == ["rank", "node", "seen"]


def test_the_expected_distance_is_that_of_the_suspects():
    found = suspects([0.5, 0.3, 0.1, 0.1])
    assert found.distance == pytest.approx(0.3 * 2 + 0.1 + 0.1)
    assert suspects(None).distance is None
    assert hops_from(found.problem, 4).tolist() == [2, 3, 2, 1, 0, 1]


def test_what_cannot_be_a_snapshot_is_refused():
    sir = model("sir")
    with refused("node 0 is named twice"):
        Observation.of(ring(3), sir, {0: "I", "0": "S", 1: "S"}, 1)
    with refused("whole number of steps"):
        Observation.of(ring(3), sir, {0: "I"}, 2.5, default_state="S")
    seen = Observation.of(ring(3), model("sidr"), {0: "R"}, 2, default_state="S")
    with refused("the snapshot tells the states S, I, D, R, sir has S, I, R"):
        seen.to_problem(sir)
    with refused("no model is given"):
        seen.to_problem(())


def test_one_way_arcs_are_another_problem():
    both, way = Network.of([0, 1], [1, 0], directed=True), Network.of([0], [1])
    assert (both.to == way.to).all()
    assert Problem.of(both, model("sir"), 1).key != Problem.of(way, model("sir"), 1).key

"""What is known beside a snapshot, what was seen, and who is suspected: small laws, and refusals of one line."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from tests.logs import refused
from tests.spread.sigmas import near, shares

from counterpoint.networks.generate import barabasi_albert, ring
from counterpoint.networks.graph import Network
from counterpoint.spread.models.presets import model
from counterpoint.spread.simulate import simulate
from counterpoint.trace.observation import Observed
from counterpoint.trace.problem import Setting
from counterpoint.trace.suspects import Suspects, hops_from

SIR, SIS, SIDR = model("sir"), model("sis"), model("sidr")
NET = barabasi_albert(50, 2, rng=1)
TOWN = Network.of([0, 1], [1, 2], nodes=pl.Series(["ann", "bob", "eve"]))


# The setting.


def test_an_outbreak_is_seen_as_its_states_are_and_its_sources_are_suspects():
    setting = Setting.of(NET, SIDR, 3, alike=("R",), share=0.7, sources=2, least=4)
    some = setting.outbreaks(200, 1)
    assert setting.may[some.codes, some.states].all()
    assert np.take_along_axis(setting.suspect[some.codes], some.sources.astype(np.int64), 1).all()
    assert (setting.touched[some.codes].sum(1) >= 4).all()
    assert (some.states[setting.touched[some.codes]] > 0).all()
    assert (some.sources[:, 0] != some.sources[:, 1]).all()
    near((some.codes != setting.unseen).mean(1), 0.7, slack=0.02)  # who is seen to be touched is seen
    again, other = (setting.outbreaks(200, seed) for seed in (1, 2))
    assert (some.codes == again.codes).all()
    assert (some.codes != other.codes).any()


def test_codes_say_what_they_may_be():
    plain, alike = Setting.of(NET, SIR, 2), Setting.of(NET, SIR, 2, alike=("R",))
    assert plain.may.astype(int).tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]]
    assert plain.suspect.tolist() == [False, True, True, True]
    assert plain.touched.tolist() == [False, True, True, False]
    assert alike.suspect.tolist() == [True, True, True, True]
    assert alike.seen(np.array([0, 1, 2], np.uint8), 1).tolist() == [0, 1, 0]
    assert Setting.of(NET, SIS, 2).suspect.tolist() == [True, True, True]  # a source may have forgotten it


def test_models_and_times_are_as_frequent_as_they_are_likely():
    loud = replace(model("sir", spread=1.0, recover=0.0), name="loud")
    silent = replace(model("sir", spread=0.0, recover=0.0), name="silent")
    setting = Setting(NET, ((loud, 0.3), (silent, 0.7)), ((0, 0.2), (1, 0.5), (4, 0.3)))
    some = setting.outbreaks(3000, 1)
    shares(np.bincount(some.times, minlength=5), [0.2, 0.5, 0, 0, 0.3])
    later = some.times > 0
    spread = (some.states[later] > 0).sum(1) > 1
    shares(np.array([spread.sum(), (~spread).sum()]), [0.3, 0.7])
    assert ((some.states[~later] > 0).sum(1) == 1).all()
    assert (np.take_along_axis(some.states[~later], some.sources[~later].astype(np.int64), 1) == 1).all()


def test_a_setting_has_a_key_of_its_own():
    one = Setting.of(NET, SIR, 3)
    assert one.key == Setting.of(barabasi_albert(50, 2, rng=1), model("sir"), 3).key
    changed = [
        {"network": barabasi_albert(50, 2, rng=2)},
        {"models": ((model("sir", spread=0.2), 1.0),)},
        {"times": ((4, 1.0),)},
        {"times": ((3, 0.5), (4, 0.5))},
        {"alike": ("R",)},
        {"share": 0.5},
        {"sources": 2},
        {"least": 2},
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
        ({"alike": ("Q",)}, "no state 'Q'"),
        ({"share": 0.0}, r"must lie in \(0, 1\]"),
        ({"share": 1.1}, r"must lie in \(0, 1\]"),
        ({"sources": 0}, "0 sources of 50 nodes"),
        ({"sources": 51}, "51 sources of 50 nodes"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(changed, why):
    with refused(why):
        replace(Setting.of(NET, SIR, 3), **changed)


def test_outbreaks_that_hardly_ever_become_so_large_are_given_up():
    with refused("ask for smaller ones or a later time"):
        Setting.of(NET, SIR, 0, least=2).outbreaks(2, 1)


# What was seen.


def test_states_are_taken_by_name():
    found = Observed.of(TOWN, SIR, {"eve": "I", "ann": "R"}, 2, rest="?")
    assert found.codes.tolist() == [2, 3, 1]
    assert found.setting(TOWN, SIR).share == 0.67
    hidden = Observed.of(TOWN, SIR, {"eve": "I", "ann": "R", "bob": "S"}, {1: 1, 2: 3}, alike=("R",))
    assert hidden.codes.tolist() == [0, 0, 1]
    assert hidden.times == ((1, 0.25), (2, 0.75))


def test_a_table_is_read(tmp_path):
    path = tmp_path / "seen.csv"
    path.write_text("node,state\neve,I\nann, R\n")
    assert Observed.read(path, TOWN, SIR, 2, rest="S").codes.tolist() == [2, 0, 1]
    pl.read_csv(path).write_parquet(tmp_path / "seen.parquet")
    assert Observed.read(tmp_path / "seen.parquet", TOWN, SIR, 2, rest="S").codes.tolist() == [2, 0, 1]


def test_a_run_is_seen_as_it_ended():
    out = simulate(NET, SIR, runs=3, steps=4, keep="nodes", rng=1)
    assert Observed.of_run(out, 2).codes.tolist() == out.last[2].tolist()
    assert Observed.of_run(out, 2).times == ((4, 1.0),)
    some = Observed.of_run(out, 1, share=0.5, rng=1)
    assert set(np.unique(some.codes[some.codes != out.last[1]])) == {3}
    with refused("keep='nodes'"):
        Observed.of_run(simulate(NET, SIR, runs=1, steps=2, rng=1))


@pytest.mark.parametrize(
    ("states", "how", "why"),
    [
        ({"eva": "I"}, {"rest": "S"}, "no node 'eva'; did you mean 'eve'"),
        ({"eve": "X"}, {"rest": "S"}, "node 'eve' is in state 'X', which sir lacks"),
        ({"eve": "i"}, {"rest": "S"}, "known: S, I, R"),
        ({"eve": "I"}, {"rest": "T"}, "the rest is in state 'T'"),
        ({"eve": "I"}, {}, "nothing is said of 2 of 3 nodes"),
        ({"eve": "I"}, {"rest": "S", "alike": ("T",)}, "no state 'T'"),
        ({"eve": "I"}, {"rest": "S", "time": {}}, "not all 0"),
        ({"eve": "I"}, {"rest": "S", "time": {1: 0.0}}, "not all 0"),
        ({"eve": "I"}, {"rest": "S", "time": {1: -1.0, 2: 2.0}}, "0 or more"),
    ],
)
def test_what_cannot_have_been_seen_is_refused(states, how, why):
    with refused(why):
        Observed.of(TOWN, SIR, states, **({"time": 2} | how))


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
        Observed.read(path, TOWN, SIR, 2, rest="S")


def test_everybody_removed_may_be_and_everybody_ignorant_may_not():
    over = Observed.of(ring(5), SIR, {}, 4, rest="R").setting(ring(5), SIR)
    assert over.suspect[np.full(5, 2)].all()
    for law, states in ((SIR, "S"), (SIS, "S")):
        with refused("nobody is seen"):
            Observed.of(ring(5), law, {}, 4, rest=states).setting(ring(5), law)
    assert Observed.of(ring(5), SIR, {}, 4, rest="?").setting(ring(5), SIR).suspect[3]
    with refused("nobody is seen in a state"):
        Observed.of(ring(5), SIR, {1: "I"}, 4, rest="S").setting(ring(5), SIR, sources=2)


def test_a_snapshot_is_of_one_network():
    with refused("the snapshot has 5 nodes, the network 6"):
        Observed.of(ring(5), SIR, {1: "I"}, 2, rest="S").setting(ring(6), SIR)


def test_a_snapshot_asks_for_outbreaks_like_it_but_for_no_larger_ones_than_five():
    for touched, least in ((1, 1), (4, 4), (9, 5)):
        seen = Observed.of(ring(20), SIR, dict.fromkeys(range(touched), "I"), 12, rest="S")
        assert seen.setting(ring(20), SIR).least == least


# Suspects.


def suspects(probability, sources=1):
    setting = Setting.of(ring(6), SIR, 3, sources=sources)
    chance = None if probability is None else np.array(probability)
    nodes = np.array([4, 2, 5, 3])
    return Suspects(setting, np.array([0, 0, 2, 1, 1, 3], np.uint8), nodes, chance, "by hand", "", {})


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
    assert hops_from(found.setting, 4).tolist() == [2, 3, 2, 1, 0, 1]


def test_what_cannot_be_a_snapshot_is_refused():
    sir = model("sir")
    with refused("node 0 is named twice"):
        Observed.of(ring(3), sir, {0: "I", "0": "S", 1: "S"}, 1)
    with refused("whole number of steps"):
        Observed.of(ring(3), sir, {0: "I"}, 2.5, rest="S")
    seen = Observed.of(ring(3), model("sidr"), {0: "R"}, 2, rest="S")
    with refused("the snapshot tells the states S, I, D, R, sir has S, I, R"):
        seen.setting(ring(3), sir)
    with refused("no model is given"):
        seen.setting(ring(3), ())


def test_one_way_arcs_are_another_setting():
    both, way = Network.of([0, 1], [1, 0], directed=True), Network.of([0], [1])
    assert (both.to == way.to).all()
    assert Setting.of(both, model("sir"), 1).key != Setting.of(way, model("sir"), 1).key

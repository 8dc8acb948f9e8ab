"""What cannot be run is refused in one line that names what was wrong."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoint.errors import CounterpointError
from counterpoint.networks.generators import barabasi_albert, star
from counterpoint.networks.graph import Network
from counterpoint.spread.interventions import Block, Change, Plant, Prebunk
from counterpoint.spread.models.presets import model
from counterpoint.spread.models.sidr import Chances
from counterpoint.spread.simulation import simulate

NET = barabasi_albert(30, 2, rng=1)
WEIGHTED = Network.of([0, 1], [1, 2], weight=[1.0, 2.0])
CHANGING = Network.of([0, 1], [1, 2], since=[1.0, 3.0])
SIDR = model("sidr")


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({"network": Network.of([], [], nodes=0)}, "the network has no nodes"),
        ({"runs": 0}, "runs must be 1 or more, got 0"),
        ({"steps": 0}, "steps must be 1 or more, got 0"),
        ({"sources": [77]}, "the network has no node 77"),
        ({"sources": []}, "a rumour needs a source"),
        ({"sources": 0}, "0 sources of 30 nodes cannot be drawn"),
        ({"sources": 31}, "31 sources of 30 nodes cannot be drawn"),
        ({"keep": "node"}, "'node'; did you mean 'nodes'"),
        ({"simulator": "bit_parallel"}, "no simulator 'bit_parallel'; did you mean 'bit-parallel'"),
        ({"rng": -1}, "the seed must lie within .* got -1"),
        ({"simulator": "pairwise"}, "contact 'broadcast' cannot be run by simulator 'pairwise'"),
        (
            {"model": model("sidr-pairwise"), "simulator": "per-run"},
            "contact 'pairwise' cannot be run by simulator 'per-run'",
        ),
        (
            {"model": model("sidr-asynchronous"), "simulator": "bit-parallel"},
            "contact 'asynchronous' cannot be run by simulator 'bit-parallel'",
        ),
        ({"model": model("sidr-active-pull"), "simulator": "bit-parallel"}, "lanes run broadcasts"),
        ({"network": WEIGHTED, "simulator": "bit-parallel"}, "without weights"),
        ({"network": CHANGING, "simulator": "bit-parallel"}, "lanes run"),
        ({"keep": "nodes", "simulator": "bit-parallel"}, "counts only"),
        ({"keep": "tree", "simulator": "bit-parallel"}, "counts only"),
        ({"model": model("sirs"), "simulator": "bit-parallel"}, "counts only"),
        ({"interventions": [Prebunk(0, "checker", share=0.1)], "simulator": "bit-parallel"}, "lanes run"),
        ({"interventions": [Block(1, nodes=[0])], "simulator": "bit-parallel"}, "lanes run"),
        ({"interventions": [Change(1, model("sidr", theta=1.0))], "simulator": "bit-parallel"}, "lanes run"),
        ({"interventions": [Plant(-1, "D", [0])]}, "got -1"),
        ({"interventions": [Plant(0, "Q", [0])]}, "sidr has no state 'Q'"),
        ({"interventions": [Plant(0, "D", [77])]}, "the network has no node 77"),
        ({"interventions": [Plant(0, "D", "hub")]}, "no place 'hub'"),
        ({"interventions": [Plant(0, "D", "hubs", 0)]}, "0 nodes are none to plant D in"),
        ({"interventions": [Prebunk(0, "chequer", share=0.1)]}, "sidr has no class 'chequer'"),
        ({"interventions": [Prebunk(0, "ordinary", share=0.1)]}, "a class other than 'ordinary'"),
        ({"interventions": [Prebunk(0, "checker", share=1.7)]}, "must lie in .0, 1., got 1.7"),
        ({"interventions": [Prebunk(0, "checker", nodes=["ann"])]}, "the network has no node 'ann'"),
        ({"interventions": [Block(0, nodes=[77])]}, "the network has no node 77"),
        ({"interventions": [Block(0, edges=[(28, 29)])]}, "the network has no edge from 28 to 29"),
        (
            {"interventions": [Change(0, model("sir"))]},
            "a change keeps states: from .'S', 'I', 'D', 'R'. to .'S', 'I', 'R'.",
        ),
        ({"interventions": [Change(0, model("sidr-active-pull"))]}, "keeps contact: from broadcast to active-pull"),
        ({"interventions": [Change(0, model("sidr", t=0.5))]}, "a change keeps classes"),
        ({"interventions": [Prebunk(0, "checker")]}, "give one of them"),
        ({"interventions": [Plant(5000, "Q", [0])]}, "sidr has no state 'Q'"),
        ({"interventions": [Plant(1.5, "D", [0])]}, "after a step, 0 or more, got 1.5"),
        ({"sources": "0"}, "names come in a list"),
        ({"sources": ["01"]}, "no node '01'"),
        ({"sources": [1.0]}, "no node 1.0"),
        ({"network": Network.of([0, 2], [1, 3], weight=[1e9, 0.1])}, "weights differ too much to count contacts"),
        ({"network": Network.of([0], [1], since=[0.2], until=[0.8])}, "no edge is there at any whole step"),
    ],
)
def test_what_cannot_be_run_is_refused_by_name(given_, message):
    given_ = {"network": NET, "model": SIDR} | given_
    with pytest.raises(CounterpointError, match=message) as caught:
        simulate(given_.pop("network"), given_.pop("model"), **given_)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["t", "alpha1", "alpha2", "beta", "theta", "gamma1", "gamma2"])
@given(st.one_of(st.floats(max_value=-1e-6), st.floats(min_value=1.000001), st.just(float("nan"))))
def test_a_probability_that_is_none_is_refused_by_its_name(name, value):
    with pytest.raises(CounterpointError, match=f"sidr: {name} is .*; it must lie in"):
        Chances(**{name: value})
    with pytest.raises(CounterpointError, match=name):
        model("sidr", **{name: value})


@pytest.mark.parametrize(("given_", "message"), [({"forget": 1.1}, "alone"), ({"forget": -0.1}, "alone")])
def test_forgetting_in_steps_is_a_probability(given_, message):
    with pytest.raises(CounterpointError, match=message):
        model("sidr", **given_)


def test_what_was_not_kept_is_not_told():
    out = simulate(NET, SIDR)
    with pytest.raises(CounterpointError, match="who changed whom was not kept"):
        out.tree(0)
    with pytest.raises(CounterpointError, match="there is no run 3"):
        simulate(NET, SIDR, keep="tree").tree(3)
    with pytest.raises(CounterpointError, match="sidr has no state 'X'"):
        out.stock("X")


def test_a_place_has_who_is_there():
    """Hubs are those whom most hear, next are who hear a source, and the source is the source; in every run its own."""
    out = simulate(
        star(9),
        SIDR,
        runs=30,
        interventions=[Plant(0, "R", "hubs"), Plant(0, "D", "next", 3)],
        steps=1,
        keep="nodes",
        rng=1,
    )
    begins = out.sources[:, 0]
    for run, source in enumerate(begins):
        near = 8 if source == 0 else 1
        assert out.entries[run, 0].tolist() == [0, 0, min(3, near), 1]
        at_once = np.flatnonzero(out.first[run] == 0)
        assert set(at_once) >= {0, source}
    source = simulate(star(9), SIDR, runs=30, interventions=[Plant(0, "R", "source")], keep="nodes", rng=1)
    assert (source.last[np.arange(30), source.sources[:, 0]] == 3).all()
    assert (source.stocks[:, -1] == [8, 0, 0, 1]).all()


def test_next_to_a_source_is_who_hears_it_then():
    net = Network.of([0, 0], [1, 2], since=[-9.0, 50.0])
    out = simulate(net, SIDR, runs=40, sources=[0], interventions=[Plant(2, "R", "next")], steps=4, keep="nodes", rng=1)
    assert (out.last[:, 2] == 0).all()
    assert (out.last[:, 1] == 3).all()

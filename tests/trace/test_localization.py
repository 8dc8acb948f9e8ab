"""A snapshot in, suspects out: methods find what can be found; what is learned is kept whole or not at all."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.logs import refused

from counterpoint.networks.generators import barabasi_albert, ring
from counterpoint.networks.graph import Network
from counterpoint.spread.models.model import Contact, Model, Spontaneous
from counterpoint.spread.models.presets import model
from counterpoint.trace import ensemble, graph_network, graph_network_training, ranker
from counterpoint.trace.detectors import METHODS, detector
from counterpoint.trace.localization import chances, locate, suspected
from counterpoint.trace.observation import Observation
from counterpoint.trace.problem import Problem

SI = Model("si", ("S", "I"), (Contact("S", "I", {"I": 0.5}),), source="I", active=("I",))
SIR = model("sir")
NET = barabasi_albert(40, 2, rng=3)


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """Learn little; a sampler in the ensemble is tested there."""
    learn = graph_network.GraphNetwork.learn.__func__
    steps = classmethod(lambda cls, problem, *, seconds, **how: learn(cls, problem, steps=100, **how))  # noqa: ARG005
    monkeypatch.setattr(graph_network.GraphNetwork, "learn", steps)
    monkeypatch.setattr(graph_network_training, "VALIDATION_OUTBREAKS", 100)
    monkeypatch.setattr(ranker, "MAX_ROUNDS", 20)
    monkeypatch.setattr(ensemble, "RANKER_OUTBREAKS", (40, 40))
    monkeypatch.setattr(ensemble, "MIN_FITTING_OUTBREAKS", 10)
    monkeypatch.setattr(ensemble, "_try_sampler", lambda *_: ensemble._SamplerTrial("not now"))


def star(leaves=7):
    return Network.of([3] * leaves, [node for node in range(leaves + 1) if node != 3])


def seen(network, time=2, **other):
    """An outbreak, as it is seen."""
    codes = Problem.of(network, SIR, time, min_size=4).simulate_outbreaks(1, 1).codes[0]
    return Observation(network, codes, ((time, 1.0),), **other)


@pytest.mark.parametrize("method", [name for name in METHODS if name != "random"])
def test_every_method_finds_the_centre_of_a_star(method):
    leaves = dict.fromkeys((0, 1, 3, 5, 6), "I")
    found = locate(Observation.of(star(), SI, leaves, 1, default_state="S"), SI, kind=method, seconds=0.3, rng=1)
    assert found.names[0] == 3
    assert sorted(found.nodes.tolist()) == sorted(leaves)
    assert found.method == method
    if found.probability is not None:
        assert found.probability.sum() == pytest.approx(1)
        assert found.credible()[0] == 3


def test_the_default_method_is_the_ensemble_with_a_reason():
    found = locate(seen(NET), SIR, seconds=0.3)
    assert found.method == "ensemble"
    assert "40 nodes and 0.3 s: ranker alone" in found.why
    assert list(found.metadata["references"]) == ["ensemble", "ranker", "sir"]
    told = {
        "version",
        "nodes",
        "edges",
        "models",
        "times",
        "indistinguishable",
        "share",
        "sources",
        "method",
        "seed",
        "asked",
    }
    assert told | {"seconds", "references"} == found.metadata.keys()
    assert json.loads(json.dumps(found.metadata))["models"] == {"sir": 1.0}


def test_the_seed_determines_results_and_breaks_ties():
    everybody = Observation.of(ring(12), SIR, {}, 9, default_state="R")
    orders = [locate(everybody, SIR, kind="jordan", rng=rng).nodes.tolist() for rng in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[0]) == list(range(12))
    one, again = (locate(seen(NET), SIR, kind="ranker-fast", seconds=0.3, rng=5) for _ in range(2))
    assert one.nodes.tolist() == again.nodes.tolist()
    assert one.probability.tolist() == again.probability.tolist()


def test_the_only_suspect_is_found_without_learning():
    found = locate(Observation.of(ring(5), SIR, {1: "I"}, 0, default_state="S"), SIR)
    assert (found.names.to_list(), found.probability.tolist()) == ([1], [1.0])
    assert "nobody else" in found.why
    both = locate(Observation.of(ring(5), SIR, {1: "I", 3: "I"}, 0, default_state="S", sources=2), SIR, kind="jordan")
    assert (sorted(both.names), both.probability.tolist()) == ([1, 3], [1.0, 1.0])


@given(st.lists(st.floats(-800, 0), min_size=2, max_size=9), st.integers(1, 4))
def test_probabilities_add_up_to_the_sources_and_none_exceeds_one(logs, sources):
    scores = np.array([*logs, -np.inf])
    found = chances(scores, sources)
    assert found.sum() == pytest.approx(min(sources, len(logs)))
    assert (found <= 1).all()
    assert found[-1] == 0
    assert (np.diff(found[np.argsort(scores)]) >= -1e-9).all()


def test_several_sources_share_as_many_probabilities():
    found = locate(seen(NET, sources=2), SIR, kind="mean-field")
    assert found.probability.sum() == pytest.approx(2)
    assert found.probability.max() <= 1
    assert found.credible(1.0).tolist() == found.nodes.tolist()


def test_several_models_and_times_may_be_possible():
    one, other = SIR, replace(model("sir", spread=0.9), name="quick")
    codes = seen(NET).codes
    found = locate(Observation(NET, codes, ((1, 0.25), (3, 0.75))), ((one, 0.5), (other, 0.5)), kind="mean-field")
    assert found.metadata["models"] == {"sir": 0.5, "quick": 0.5}
    assert found.metadata["times"] == {1: 0.25, 3: 0.75}
    assert found.probability.sum() == pytest.approx(1)


def test_learned_detectors_are_cached(tmp_path, monkeypatch):
    problem = seen(NET).to_problem(SIR)
    codes, kept = seen(NET).codes, {}
    for method in ("ensemble", "ranker-fast", "graph-network"):
        how = {"seconds": 0.2, "rng": 3, "cache": tmp_path / "learned"}
        kept[method] = detector(problem, method, **how).scores(problem, codes, np.random.default_rng(1))
    assert len(list((tmp_path / "learned").iterdir())) == 3
    with monkeypatch.context() as patch:
        for kind in (ensemble.Ensemble, ranker.Ranker, graph_network.GraphNetwork):
            patch.delattr(kind, "learn")
        for method, scores in kept.items():
            again = detector(problem, method, **how).scores(problem, codes, np.random.default_rng(1))
            assert again.tolist() == scores.tolist()
        for changed in ({"rng": 4}, {"seconds": 0.1}):
            with pytest.raises(AttributeError):
                detector(problem, "ranker-fast", **(how | changed))
        with pytest.raises(AttributeError):
            detector(replace(problem, min_size=2), "ranker-fast", **how)


def test_a_damaged_cache_is_refused_and_a_partial_one_never_left(tmp_path, monkeypatch):
    problem, how = seen(NET).to_problem(SIR), {"seconds": 0.2, "cache": tmp_path}

    def full(_, path):
        path.mkdir()
        (path / "half").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(ranker.Ranker, "save", full)
        with pytest.raises(OSError, match="No space"):
            detector(problem, "ranker-fast", **how)
    assert not list(tmp_path.iterdir())
    for method in ("ranker-fast", "ensemble"):
        detector(problem, method, **how)
        for path in [each for each in tmp_path.rglob("*") if each.is_file() and method in str(each.parent)]:
            whole = path.read_bytes()
            path.write_bytes(whole[: len(whole) // 2])
            with refused("is damaged: remove it"):
                detector(problem, method, **how)
            path.write_bytes(whole)


APART = Network.of([0, 1, 3, 4], [1, 2, 4, 5])


def test_a_network_in_parts_is_traced_where_the_rumour_is():
    found = locate(Observation.of(APART, SIR, {3: "I", 4: "R"}, 2, default_state="S"), SIR, kind="mean-field")
    assert set(found.names) == {3, 4}
    assert found.distance is not None
    two = Observation.of(APART, SIR, {1: "I", 4: "R"}, 2, default_state="S")
    with refused("reached nodes lie in 2 parts"):
        locate(two, SIR)
    assert len(locate(replace(two, sources=2), SIR).nodes) == 2


def test_an_impossible_snapshot_is_refused():
    far = Observation.of(ring(30), SIR, {1: "I", 9: "I"}, 3, default_state="S")
    with refused("1 and 9 are reached and 8 steps apart: in 3 steps"):
        locate(far, SIR)
    assert len(locate(Observation(ring(30), far.codes, ((4, 1.0),)), SIR, kind="jordan").nodes) == 2
    with refused("0 steps from one source"):
        locate(Observation.of(ring(9), SIR, {1: "I", 2: "I"}, 0, default_state="S"), SIR)
    clock = model("sidr-asynchronous")  # may go any number of steps in no time
    assert len(locate(Observation(ring(30), far.codes, ((3, 1.0),)), clock, kind="jordan").nodes) == 2
    itself = replace(SIR, rules=(*SIR.rules, Spontaneous("S", {"I": 0.1})))  # may begin anywhere
    assert (
        len(locate(Observation.of(APART, SIR, {1: "I", 4: "R"}, 2, default_state="S"), itself, kind="jordan").nodes)
        == 2
    )
    with refused("nobody can have begun"):
        suspected(np.full(3, -np.inf), 1, np.random.default_rng(1), is_probabilistic=True)


def test_an_unknown_method_or_a_wrong_time_is_refused():
    with refused("did you mean 'jordan'"):
        locate(seen(NET), SIR, kind="jordon")
    assert locate(seen(NET), SIR, kind="rumour-centrality").method == "rumour-centrality"
    for method in ("ensemble", "ranker", "graph-network"):
        with refused("more than 0 would be right"):
            locate(seen(NET), SIR, kind=method, seconds=0)
    with refused("seed"):
        locate(seen(NET), SIR, kind="jordan", rng=-1)

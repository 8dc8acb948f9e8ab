"""The engines that count neighbours do what their slow twin does, number by number.

- States, entries, first changes, who it was, and last states agree, whatever the model, the network and what is done.
- So do meetings in steps.
- One run on all threads, and a thread a run, are the same outbreak; so is a run alone and among others.
- What is compiled for one model serves all.
"""

from dataclasses import replace

import numpy as np
import pytest
from numba import typeof
from numpy.testing import assert_array_equal
from tests.spread import oracle

from counterpoint import counter_rng_kernels
from counterpoint.networks.generators import barabasi_albert, erdos_renyi
from counterpoint.networks.graph import Network
from counterpoint.spread.engines import by_counts, pairwise, pairwise_kernels
from counterpoint.spread.engines.run_spec import RunSpec
from counterpoint.spread.interventions import Block, Change, Plant, Prebunk, periods
from counterpoint.spread.models.model import Contact, Model
from counterpoint.spread.models.presets import model
from counterpoint.spread.simulation import simulate
from counterpoint.trace.sampler import rules_of

SEED, RUNS, STEPS, NODES = 5, 4, 12, 24
APART = Model(
    "apart",
    ("S", "I", "D", "R"),
    (
        Contact("S", "I", {"I": 0.3, "D": 0.1}),
        Contact("S", "D", {"D": 0.2, "R": 0.1}),
        Contact("I", "D", {"R": 0.4}),
        Contact("I", "R", {"S": 0.3}),
        Contact("D", "I", {"I": 1.0}),
    ),
    source="I",
    active=("I", "D"),
    about="Everything at once: three states that matter, chances of 1, and outcomes that differ.",
)


def told(network, a_model, interventions=(), *, sources=1, steps=STEPS, runs=RUNS, simulator="per-run"):
    """Compare every run of a simulator with its twin, and return the outbreaks."""
    out = simulate(
        network,
        a_model,
        runs=runs,
        sources=sources,
        steps=steps,
        interventions=interventions,
        keep="tree",
        simulator=simulator,
        rng=SEED,
    )
    planned = periods(network, a_model, interventions, out.sources, steps=steps, seed=SEED)
    length = out.stocks.shape[1]
    stories = [oracle.outbreak(planned, out.sources[run].tolist(), run, steps=steps, seed=SEED) for run in range(runs)]
    for run, story in enumerate(stories):
        assert_array_equal(out.last[run], story.last)
        assert_array_equal(out.stocks[run], story.stocks[:length])
        assert_array_equal(out.entries[run], story.entries[:length])
        assert_array_equal(out.first[run], story.first)
        assert_array_equal(out.parent[run], story.parent)
    late = (
        pairwise_kernels.QUIET if simulator == "pairwise" else 0
    )  # meetings look only now and then whether there can be any more
    for end, story in zip(out.ended, stories, strict=True):
        assert story.ended <= end <= story.ended + late
    assert length == out.ended.max() + 1
    assert sum(len(story.changes) for story in stories) > 0
    return out


def edges(seed, count=60):
    rng = np.random.default_rng(seed)
    return rng.integers(NODES, size=count), rng.integers(NODES, size=count), rng


def test_the_twin_draws_the_same_numbers():
    for x in (0, 1, 2**63, 2**64 - 1):
        assert oracle.mixed(x) == counter_rng_kernels.mixed(np.uint64(x))
        assert oracle.under(x, 7) == counter_rng_kernels.under(np.uint64(x), 7)
        assert oracle.under(x, 2**62) == counter_rng_kernels.under(np.uint64(x), 2**62)
        assert oracle.uniform(x) == counter_rng_kernels.uniform(np.uint64(x))


@pytest.mark.parametrize("simulator", ["per-run", "single-large"])
@pytest.mark.parametrize(
    "a_model",
    [
        *(model(name) for name in ("sidr", "sidr-both", "sidr-remove", "sidr-theta", "sidr-active-pull", "sidr-pull")),
        model("sidr", event="fur-collar", forget=0.1),
        model("sir", spread=0.3),
        model("sir", spread=0.3).with_contact("active-pull"),
        model("sir", spread=0.9).with_contact("pull"),
        model("sirs", spread=0.3, wane=0.3),
        model("seir", spread=0.4),
        model("cascade", spread=1.0),
        model("icsar", attract=0.9),
        APART,
        APART.with_contact("active-pull"),
        APART.with_contact("pull"),
    ],
    ids=lambda each: getattr(each, "name", each) + "-" + getattr(each, "contact", ""),
)
def test_an_engine_and_its_twin_tell_the_same_outbreaks(a_model, simulator):
    told(barabasi_albert(NODES, 3, rng=2), a_model, simulator=simulator)


@pytest.mark.parametrize("contact", ["broadcast", "active-pull", "pull"])
def test_a_directed_network_is_heard_one_way(contact):
    one, other, _ = edges(1)
    told(Network.of(one, other, nodes=NODES, directed=True), model("sidr").with_contact(contact), sources=3)
    told(Network.of(one, other, nodes=NODES, directed=True), APART.with_contact(contact), sources=3)


@pytest.mark.parametrize("directed", [True, False])
@pytest.mark.parametrize("contact", ["broadcast", "active-pull", "pull"])
@pytest.mark.parametrize("a_model", [model("sidr", alpha1=0.2), APART], ids=lambda each: each.name)
def test_a_weight_is_so_many_contacts(contact, directed, a_model):
    one, other, rng = edges(2)
    net = Network.of(one, other, nodes=NODES, directed=directed, weight=rng.exponential(2.0, len(one)))
    told(net, a_model.with_contact(contact), sources=2)


@pytest.mark.parametrize("name", ["sidr", "sidr-both", "maki-thompson", "daley-kendall", "sicr", "2si2r", "sirs"])
def test_meetings_in_steps_are_those_of_the_twin(name):
    (one, other, rng), a_model = edges(4), model(name).with_contact("pairwise")
    interventions = [Plant(1, "I2", "random", 2)] if a_model.name == "2si2r" else []
    told(barabasi_albert(NODES, 2, rng=2), a_model, interventions, simulator="pairwise", sources=2)
    told(Network.of(one, other, nodes=NODES, directed=True), a_model, interventions, simulator="pairwise", sources=5)
    weighted = Network.of(one, other, nodes=NODES, weight=rng.exponential(2.0, len(one)))
    told(weighted, a_model, interventions, simulator="pairwise", sources=2)


INTERVENTIONS = {
    "planted at the source": [Plant(2, "D", "source")],
    "planted next to it": [Plant(1, "D", "next", 3)],
    "planted at hubs": [Plant(3, "D", "hubs", 4)],
    "planted at random": [Plant(0, "D", "random", 2), Plant(2, "I", "random", 2)],
    "planted by name": [Plant(1, "R", [0, 5, 7])],
    "planted twice": [Plant(1, "D", [3, 3, 4]), Plant(1, "R", [4])],
    "planted where it is already": [Plant(0, "S", [3, 4]), Plant(0, "I", "source")],
    "warned by name": [Prebunk(0, "checker", nodes=[1, 2, 3]), Prebunk(2, "checker", nodes=[4])],
    "warned at random": [Prebunk(1, "checker", share=0.5)],
    "blocked nodes": [Block(1, nodes=[0, 1])],
    "blocked edges": [Block(2, edges=[(0, 1), (2, 0)])],
    "changed": [Change(2, model("sidr", alpha1=0.05)), Change(5, model("sidr", alpha1=0.9))],
    "all together": [
        Block(1, nodes=[2]),
        Change(1, model("sidr", theta=1.0)),
        Plant(1, "D", "hubs", 2),
        Prebunk(1, "checker", share=0.3),
        Block(4, edges=[(0, 1)]),
        Plant(4, "I", "random", 3),
    ],
    "after everything is over": [Plant(STEPS - 1, "R", "random", 2)],
}


@pytest.mark.parametrize("simulator", ["per-run", "single-large", "pairwise"])
@pytest.mark.parametrize("interventions", INTERVENTIONS.values(), ids=INTERVENTIONS)
def test_what_is_done_on_the_way_is_done_to_the_twin_too(interventions, simulator):
    contact = "pairwise" if simulator == "pairwise" else "broadcast"
    done = [
        replace(intervention, model=intervention.model.with_contact(contact))
        if isinstance(intervention, Change)
        else intervention
        for intervention in interventions
    ]
    told(barabasi_albert(NODES, 3, rng=2), model("sidr").with_contact(contact), done, simulator=simulator)


def test_what_is_planted_after_a_run_froze_still_counts():
    out = told(Network.of([0, 2], [1, 3]), model("cascade", spread=1.0), [Plant(8, "I", [2])], sources=[0], runs=2)
    assert out.stocks[0, -1].tolist() == [0, 0, 4]
    assert out.ended.tolist() == [10, 10]


def test_edges_come_and_go():
    one, other, rng = edges(3, 80)
    since = rng.uniform(-2, 8, len(one))
    until = since + rng.exponential(4.0, len(one))
    for columns in ({"since": since}, {"until": until + 3}, {"since": since, "until": until}):
        told(Network.of(one, other, nodes=NODES, **columns), model("sidr"), sources=2)
    net = Network.of(one, other, nodes=NODES, since=since, until=until, weight=rng.uniform(0.1, 3, len(one)))
    told(net, model("sidr"), [Block(3, nodes=[0]), Plant(5, "I", "next", 2)], sources=2)


def test_a_large_network_is_shared_by_threads_and_the_twin_agrees():
    net = barabasi_albert(4500, 3, rng=4)
    told(net, model("sidr-both"), [Plant(3, "D", "hubs", 5)], sources=40, steps=6, runs=1, simulator="single-large")


@pytest.mark.parametrize("name", ["sidr", "sidr-active-pull", "sidr-pull", "sirs"])
def test_all_threads_in_one_run_and_a_thread_a_run_are_the_same_outbreak(name):
    net = barabasi_albert(12_000, 3, rng=4)
    one, other = (
        simulate(net, model(name), runs=2, sources=100, steps=25, keep="tree", simulator=each, rng=SEED)
        for each in ("per-run", "single-large")
    )
    assert one.reached.min() > 1_000
    same(one, other)


@pytest.mark.parametrize("name", ["sidr", "sidr-pairwise", "sidr-asynchronous"])
def test_a_run_among_others_is_the_same_run_alone(name):
    net, a_model = erdos_renyi(60, degree=5, rng=1), model(name)
    simulator = (
        pairwise.run if name in ("sidr-pairwise", "sidr-asynchronous") else lambda spec: by_counts.run(spec, wide=False)
    )
    began = np.arange(6, dtype=np.int32)[:, None]
    interventions = [Plant(2, "D", "random", 3), Prebunk(3, "checker", share=0.2)]
    planned = periods(net, a_model, interventions, began, steps=STEPS, seed=SEED)
    spec = RunSpec(planned, began, np.arange(6), STEPS, SEED, nodes=True, tree=True)
    every, some = simulator(spec), simulator(spec.part(2, 4))
    length = some.stocks.shape[1]
    for key in ("stocks", "entries"):
        assert_array_equal(getattr(every, key)[2:4, :length], getattr(some, key))
    for key in ("ended", "first", "parent", "last"):
        assert_array_equal(getattr(every, key)[2:4], getattr(some, key))


def same(one, other):
    for key in ("sources", "stocks", "entries", "ended", "first", "parent", "last"):
        if getattr(one, key) is not None:
            assert_array_equal(getattr(one, key), getattr(other, key))


def test_what_is_compiled_for_one_model_serves_all():
    models = [*(model(name) for name in ("si", "sidr", "sidr-active-pull", "sidr-pull", "icsar")), APART]
    assert {len(each.class_names) for each in models} == {1, 2}
    assert {len(by_counts.fields_of(each)) for each in models} == {1, 2, 4}
    assert len({typeof(by_counts.law_of(each, 1.0)) for each in models}) == 1
    assert len({typeof(rules_of(each, 1.0)) for each in models[:4]}) == 1

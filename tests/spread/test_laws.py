"""What holds for every outbreak, whatever the network, the model, the simulator and the seed.

- Nobody is lost; states move along the table only; what came in is what is there more.
- Nodes that nobody hears, or names and numbers of nodes, make no difference; nor does the number of threads.
"""

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from tests.spread.sigmas import alike, near
from tests.spread.sigmas import shares as frequent

from counterpoint.networks.generators import barabasi_albert, complete, erdos_renyi, ring, star
from counterpoint.networks.graph import Network
from counterpoint.spread.interventions import Plant, Prebunk
from counterpoint.spread.models.model import Contact, Model
from counterpoint.spread.models.presets import MODELS, model
from counterpoint.spread.simulation import simulate

quick = settings(max_examples=40)
COUNTED = [
    "sidr",
    "sidr-both",
    "sidr-remove",
    "sidr-theta",
    "sidr-active-pull",
    "sidr-pull",
    "sir",
    "sirs",
    "seir",
    "icsar",
]
PAIRWISE = ["sidr-pairwise", "sidr-asynchronous", "maki-thompson", "daley-kendall", "sihr", "sicr", "siraru", "2si2r"]
WAYS = [*((name, "per-run") for name in COUNTED), *((name, "pairwise") for name in PAIRWISE)]
WAYS += [
    ("sidr", "single-large"),
    *((name, "bit-parallel") for name in ("sidr", "sidr-both", "sidr-remove", "seir", "icsar")),
]


@st.composite
def cases(draw):
    """Return (network, model, simulator, runs, steps, seed), the last three nodes alone."""
    nodes = draw(st.integers(4, 12))
    ends = st.lists(st.integers(0, nodes - 4), min_size=1, max_size=30)
    one = draw(ends)
    other = draw(st.lists(st.integers(0, nodes - 4), min_size=len(one), max_size=len(one)))
    name, simulator = draw(st.sampled_from(WAYS))
    net = Network.of(np.array(one), np.array(other), nodes=nodes, directed=draw(st.booleans()))
    return (
        net,
        model(name),
        simulator,
        draw(st.integers(1, 5)),
        draw(st.integers(1, 20)),
        draw(st.integers(0, 2**32 - 1)),
    )


@quick
@given(cases())
def test_nobody_is_lost_and_what_came_is_what_is_there_more(case):
    net, a_model, simulator, runs, steps, seed = case
    out = simulate(net, a_model, runs=runs, steps=steps, simulator=simulator, rng=seed)
    assert (out.stocks.sum(2) == net.nodes).all()
    assert out.stocks.min() >= 0
    assert out.entries.min() >= 0
    gained = np.diff(out.stocks, axis=1)
    assert (gained <= out.entries[:, 1:]).all()
    left = out.entries[:, 1:] - gained  # who left a state in a step
    assert (left >= 0).all()
    assert (left.sum(2) == out.entries[:, 1:].sum(2)).all()
    if simulator != "pairwise" or a_model.contact == "pairwise":  # else somebody may pass through a state in a step
        assert (left <= out.stocks[:, :-1]).all()
    assert out.ended.max() == out.stocks.shape[1] - 1 <= steps
    for run, end in enumerate(out.ended):
        assert (out.stocks[run, end:] == out.stocks[run, end]).all()
        assert out.entries[run, end + 1 :].sum() == 0


@quick
@given(cases())
def test_states_change_along_the_table_only(case):
    """What nobody may come to is empty, and nobody in a state that leads nowhere leaves it."""
    net, a_model, simulator, runs, steps, seed = case
    out = simulate(net, a_model, runs=runs, steps=steps, simulator=simulator, rng=seed)
    left = out.entries[:, 1:] - np.diff(out.stocks, axis=1)
    leads = np.zeros((len(a_model.states),) * 2, bool)
    leads |= a_model.contact_chances.any((0, 1, 3)) | a_model.spontaneous_chances.any(0)
    leads |= a_model.joint_chances.any((1, 3)) | a_model.joint_chances.any((0, 2))
    np.fill_diagonal(leads, val=False)
    for state in range(len(a_model.states)):
        if not leads[state].any():
            assert left[..., state].sum() == 0
        if not leads[:, state].any():
            assert out.entries[:, 1:, state].sum() == 0


@quick
@given(cases())
def test_who_has_no_neighbour_hears_nothing(case):
    net, a_model, simulator, runs, steps, seed = case
    keep = "counts" if simulator == "bit-parallel" else "nodes"
    out = simulate(net, a_model, runs=runs, sources=[0], steps=steps, simulator=simulator, keep=keep, rng=seed)
    assert (out.reached <= net.nodes - 3).all()
    if out.last is not None:
        assert (out.last[:, -3:] == 0).all()
        assert (out.first[:, -3:] == -1).all()


@quick
@given(cases())
def test_what_is_kept_of_nodes_is_what_was_counted(case):
    net, a_model, simulator, runs, steps, seed = case
    if simulator == "bit-parallel":
        simulator = "per-run"
    out = simulate(net, a_model, runs=runs, steps=steps, simulator=simulator, keep="tree", rng=seed)
    few = simulate(net, a_model, runs=runs, steps=steps, simulator=simulator, rng=seed)
    assert_array_equal(out.stocks, few.stocks)
    heard = {(u, v) for u in range(net.nodes) for v in net.to[net.start[u] : net.start[u + 1]]}
    for run in range(runs):
        counted = np.bincount(out.last[run], minlength=len(a_model.states))
        assert_array_equal(counted, out.stocks[run, -1])
        tree = out.tree(run)
        assert tree.filter(tree["step"] == 0)["node"].to_list() == out.sources[run].tolist()
        for node, parent, step in tree.iter_rows():
            assert (parent is None) == (step == 0)
            if parent is not None:
                assert (parent, node) in heard
                assert 0 <= out.first[run, parent] <= step
        assert out.reached[run] == len(tree)


def test_node_0_is_a_node_as_source_as_hub_and_as_parent():
    for name, simulator in (("si", "per-run"), ("si", "single-large"), ("sicr", "pairwise")):
        out = simulate(star(6), model(name), sources=[0], steps=200, simulator=simulator, keep="tree", rng=1)
        assert out.first[0, 0] == 0
        assert out.parent[0, 0] == -1
        reached = out.first[0] > 0
        assert reached.any()
        assert (out.parent[0, reached] == 0).all()
        turned = simulate(star(6), model(name), sources=[3], steps=200, simulator=simulator, keep="tree", rng=2)
        assert turned.parent[0, 0] == 3
    lanes = simulate(star(6), model("si", spread=1.0), runs=70, sources=[0], simulator="bit-parallel")
    assert (lanes.stocks[:, 1, 1] == 6).all()
    planted = simulate(star(6), model("sidr"), sources=[1], interventions=[Plant(0, "R", "hubs")], keep="nodes", rng=1)
    assert planted.last[0].tolist() == [3, 1, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("name", "simulator"),
    [("sidr", "per-run"), ("sidr", "bit-parallel"), ("sidr-pairwise", "pairwise"), ("sirs", "per-run")],
)
def test_other_numbers_for_the_same_nodes_change_nothing_in_distribution(name, simulator):
    rng = np.random.default_rng(8)
    net = barabasi_albert(80, 2, rng=8)
    other = rng.permutation(80)
    moved = Network.of(other[net.tails], other[net.to], nodes=80)
    one, two = (
        simulate(each, model(name), runs=3000, sources=[source], steps=25, simulator=simulator, rng=seed)
        for each, source, seed in ((net, 5, 1), (moved, int(other[5]), 2))
    )
    for step in (2, 6, 25):
        for state in range(len(one.model.states)):
            at = [min(step, each.stocks.shape[1] - 1) for each in (one, two)]
            alike(one.stocks[:, at[0], state], two.stocks[:, at[1], state])


@pytest.mark.parametrize(
    ("name", "simulator", "keep"),
    [
        ("sidr", "per-run", "tree"),
        ("sidr", "single-large", "tree"),
        ("sidr", "bit-parallel", "counts"),
        ("sidr-pairwise", "pairwise", "tree"),
        ("sidr-asynchronous", "pairwise", "tree"),
    ],
)
def test_the_same_seed_tells_the_same_story_on_one_thread_and_on_two(name, simulator, keep):
    net = erdos_renyi(6_000, degree=6, rng=1)
    interventions = [
        Plant(3, "D", "random", 5),
        *([Prebunk(2, "checker", share=0.1)] if simulator != "bit-parallel" else []),
    ]
    runs, found, threads = 1100 if simulator == "bit-parallel" else 3, [], numba.get_num_threads()
    try:
        for count in (1, min(2, numba.config.NUMBA_NUM_THREADS)):
            numba.set_num_threads(count)
            found.append(
                simulate(
                    net,
                    model(name),
                    runs=runs,
                    steps=20,
                    interventions=interventions,
                    keep=keep,
                    simulator=simulator,
                    rng=7,
                )
            )
    finally:
        numba.set_num_threads(threads)
    one, other = found
    for key in ("sources", "stocks", "entries", "ended", "first", "parent", "last"):
        if getattr(one, key) is not None:
            assert_array_equal(getattr(one, key), getattr(other, key))
    again = simulate(
        net, model(name), runs=runs, steps=20, interventions=interventions, keep=keep, simulator=simulator, rng=8
    )
    assert not np.array_equal(again.stocks[0, :5], one.stocks[0, :5])


@pytest.mark.parametrize("simulator", ["per-run", "single-large", "pairwise"])
def test_fewer_steps_are_the_beginning_of_more(simulator):
    net, a_model = erdos_renyi(100, degree=4, rng=1), model("sidr-asynchronous" if simulator == "pairwise" else "sidr")
    few, more = (simulate(net, a_model, runs=5, steps=steps, simulator=simulator, rng=1) for steps in (4, 30))
    assert_array_equal(few.stocks, more.stocks[:, : few.stocks.shape[1]])


def test_every_model_runs_without_being_told_how():
    net = barabasi_albert(60, 2, rng=1)
    for name in MODELS:
        for runs in (1, 70):
            out = simulate(net, model(name), runs=runs, steps=30, rng=1)
            assert out.metadata["model"] == name
            assert (out.stocks.sum(2) == 60).all()
            assert out.entries[:, 1:].sum() > 0


def test_lanes_are_chosen_for_many_and_only_if_they_can():
    net = barabasi_albert(60, 2, rng=1)
    weighted = Network.of(net.tails[net.tails < net.to], net.to[net.tails < net.to], weight=np.ones(net.edges))
    assert simulate(net, model("sidr"), runs=64).simulator.startswith("bit-parallel")
    assert simulate(net, model("sidr"), runs=3).simulator.startswith("per-run")
    assert simulate(weighted, model("sidr"), runs=64).simulator.startswith("per-run")
    assert simulate(net, model("sirs"), runs=64, steps=20).simulator.startswith("per-run")
    assert simulate(net, model("sidr"), runs=64, keep="nodes").simulator.startswith("per-run")
    assert simulate(net, model("sidr"), runs=64, interventions=[Prebunk(0, "checker", share=0.1)]).simulator.startswith(
        "per-run"
    )
    assert simulate(net, model("sidr-pairwise"), runs=64).simulator.startswith("pairwise")


@pytest.mark.parametrize(
    ("name", "simulator"), [("sidr-theta", "bit-parallel"), ("sidr-theta", "per-run"), ("sidr-theta", "pairwise")]
)
def test_a_source_is_an_ordinary_person_where_all_others_are_checkers(name, simulator):
    """Only checkers turn to D: the source, who meets nobody else, never does; a believer who is planted does."""
    contact = "asynchronous" if simulator == "pairwise" else "broadcast"
    a_model = model(name, t=1.0, theta=1.0).with_contact(contact)
    net = Network.of(np.arange(1, 6), np.zeros(5, int), directed=True)
    answer = [Plant(0, "D", list(range(1, 6)))]
    out = simulate(net, a_model, runs=600, sources=[0], steps=1, interventions=answer, simulator=simulator, rng=1)
    assert (out.stocks[:, -1, 1] == 1).all()
    turned = simulate(
        net,
        a_model,
        runs=600,
        sources=[1],
        steps=1,
        interventions=[Plant(0, "I", [0]), *answer],
        simulator=simulator,
        rng=1,
    )
    assert (turned.entries[:, 1, 2] == 1).mean() > 0.95


@pytest.mark.parametrize("shares", [{"a": 0.5, "b": 0.3, "c": 0.2}, {"a": 1.0, "b": 0.0}, {"a": 0.25, "b": 0.75}])
@pytest.mark.parametrize("simulator", ["bit-parallel", "per-run"])
def test_people_are_of_their_classes_in_the_shares_given(simulator, shares):
    """Everybody hears a source that convinces all, and each class comes to its own state; the rest to the last."""
    states = ("S", "I", *shares, "rest")
    rules = (
        *(Contact("S", "I", {each: 1.0}, who=each) for each in shares),
        Contact("S", "I", {"rest": 1.0}, who="ordinary"),
    )
    a_model = Model("classes", states, rules, "I", ("I",), classes=shares)
    out = simulate(star(101), a_model, runs=1000, sources=[0], steps=1, simulator=simulator, rng=1)
    counts = out.stocks[:, 1, 2:]
    expected = np.array([*shares.values(), 1 - sum(shares.values())])
    frequent(counts.sum(0), expected)
    for place, share in enumerate(expected):
        near((counts[:, place] - 100 * share) ** 2, 100 * share * (1 - share), slack=1e-9)


def test_a_planted_answer_is_no_outbreak():
    """Who is planted was not reached: where nothing spreads nothing takes off, however many deny it."""
    silent = model("sir", spread=0.0)
    for simulator in ("bit-parallel", "per-run"):
        out = simulate(
            star(1000), silent, runs=64, interventions=[Plant(0, "R", "hubs", 20)], simulator=simulator, rng=1
        )
        assert out.reached.tolist() == [1] * 64 or set(out.reached) <= {0, 1}
        assert not out.took_off.any()


def test_weights_far_apart_keep_their_chances():
    """A contact of a tenth changes with 1 - .5^.1, beside an edge a million times as heavy elsewhere."""
    net = Network.of([0, 2], [1, 3], weight=[1e5, 0.1])
    out = simulate(net, model("cascade", spread=0.5), sources=[2], runs=20_000, keep="nodes", rng=3)
    share, truth = (out.first[:, 3] >= 0).mean(), 1 - 0.5**0.1
    assert abs(share - truth) < 4.5 * (truth * (1 - truth) / 20_000) ** 0.5


def test_lanes_do_not_depend_on_how_many_steps_there_could_be():
    some, all_ = (
        simulate(ring(20), model("sir", spread=0.3), runs=1500, simulator="bit-parallel", steps=steps, rng=5)
        for steps in (60, 5000)
    )
    common = min(some.stocks.shape[1], all_.stocks.shape[1])
    assert np.array_equal(some.stocks[:, :common], all_.stocks[:, :common])


def test_a_pairwise_run_ends_with_its_last_change():
    for contact in ("pairwise", "asynchronous"):
        out = simulate(complete(8), model("si", spread=1.0).with_contact(contact), runs=20, rng=2)
        changed = out.entries.sum(2) > 0
        assert np.array_equal(out.ended, changed.shape[1] - 1 - np.argmax(changed[:, ::-1], axis=1))

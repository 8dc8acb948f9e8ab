"""The mean field against a slow twin, and against the law itself where neighbours are independent."""

from dataclasses import replace
from math import isclose

import numpy as np
import pytest

from counterpoint.errors import CounterpointError
from counterpoint.networks.generators import ring, star
from counterpoint.networks.graph import Network
from counterpoint.spread.models.model import Contact, Model, Spontaneous
from counterpoint.spread.models.presets import model
from counterpoint.spread.simulation import simulate
from counterpoint.trace.likelihood import MeanField
from counterpoint.trace.problem import Problem

TINY = 1e-9
RNG = np.random.default_rng
SIDR = model("sidr", forget=0.1)


def twin(problem, model, codes, source, time):
    """ln P(codes | source): every node, class and state in plain loops over the whole network."""
    net, meet, alone = problem.network, model.contact_chances[0], model.spontaneous_chances
    states, nodes, ordinary = range(len(model.states)), range(net.nodes), 1 - sum(model.classes.values())
    returns = meet[..., 0].any() or alone[..., 0].any()
    never = [not problem.possible_states[code][1:].any() and not returns for code in codes]
    others = (problem.sources - 1) / max(never.count(False) - 1, 1)
    now = []
    for v in nodes:
        begun = 1.0 if v == source else 0.0 if never[v] else others
        chances = np.zeros((len(model.class_names), len(model.states)))
        chances[:, 0] = np.array([ordinary, *model.classes.values()]) * (1 - begun)
        chances[0, model.number(model.source)] += begun
        now.append(chances)
    start, heard = net.heard
    weights = np.ones(len(heard)) if net.weight is None else net.weight[net.heard_places]
    posts = [state in model.active for state in model.states]
    for _ in range(time):
        told = [np.eye(len(states))[0] if never[v] else now[v].sum(0) for v in nodes]
        new = []
        for v in nodes:
            arcs = range(start[v], start[v + 1])
            met = sum((weights[a] * told[heard[a]] for a in arcs), np.zeros(len(states)))
            strength = sum(weights[a] for a in arcs)
            if model.contact == "active-pull":
                met = met * posts
                nobody = np.prod([1 - told[heard[a]] @ posts for a in arcs])
                met = met * (1 - nobody) / met.sum() if met.sum() > 0 else met
            elif model.contact == "pull":
                met = met / strength if strength else met
            after = np.zeros_like(now[v])
            for c, s in np.ndindex(now[v].shape):
                into = met @ meet[c, s]
                if model.contact == "broadcast" and into.sum() > 0:
                    miss = [told[heard[a]] @ (1 - (1 - meet[c, s].sum(1)) ** weights[a]) for a in arcs]
                    into = into / into.sum() * (1 - np.prod([1 - each for each in miss]))
                into = into + (1 - into.sum()) * alone[c, s]
                after[c] += now[v][c, s] * into
                after[c, s] += now[v][c, s] * (1 - into.sum())
            new.append(after)
        now = new
    return sum(np.log(max(now[v].sum(0) @ problem.possible_states[codes[v]], TINY)) for v in nodes)


def small(seed, *, directed=False, weighted=False):
    ends = RNG(seed).integers(14, size=(2, 26))
    weight = RNG(seed).choice([1.0, 0.5, 3.0], 26) if weighted else None
    return Network.of(*ends, nodes=14, directed=directed, weight=weight)


@pytest.mark.parametrize("contact", ["broadcast", "active-pull", "pull"])
@pytest.mark.parametrize(("directed", "weighted"), [(False, False), (True, True)])
@pytest.mark.parametrize(
    "more", [{}, {"share": 0.6}, {"indistinguishable": ("R",), "sources": 2}], ids=["seen", "some", "indistinguishable"]
)
def test_scores_agree_with_plain_loops(contact, directed, weighted, more):
    net = small(1, directed=directed, weighted=weighted)
    problem = Problem.of(net, SIDR.with_contact(contact), 3, min_size=3, **more)
    for codes in problem.simulate_outbreaks(1, 8).codes:
        found = MeanField().scores(problem, codes, RNG(0))
        for v in np.flatnonzero(problem.suspect[codes]):
            assert found[v] == pytest.approx(twin(problem, problem.model, codes, v, 3))


@pytest.mark.parametrize("name", ["sirs", "seir"])
def test_nodes_that_may_return_or_hear_the_ignorant_are_kept(name):
    bored = Model("bored", ("S", "I"), (Contact("S", "I", {"I": 0.7}), Contact("I", "S", {"S": 0.2})), "I", ("I",))
    for each in (model(name), bored.with_contact("pull")):
        problem = Problem.of(small(2), each.with_contact("pull"), 2, min_size=2)
        (codes,) = problem.simulate_outbreaks(1, 3).codes
        found = MeanField().scores(problem, codes, RNG(0))
        for v in np.flatnonzero(problem.suspect[codes])[:4]:
            assert found[v] == pytest.approx(twin(problem, problem.model, codes, v, 2))


def test_the_likelihood_is_a_mixture_over_models_and_times():
    slow = replace(SIDR, rules=model("sidr", alpha1=0.1).rules)
    models, times = ((SIDR, 0.7), (slow, 0.3)), ((1, 0.2), (2, 0.5), (3, 0.3), (4, 0.0))
    problem = Problem(small(3), models, times, min_size=3)
    (codes,) = problem.simulate_outbreaks(1, 3).codes
    found = MeanField().scores(problem, codes, RNG(0))
    for v in np.flatnonzero(problem.suspect[codes]):
        parts = [p * q * np.exp(twin(problem, m, codes, v, t)) for m, p in models for t, q in times]
        assert found[v] == pytest.approx(np.log(sum(parts)))


@pytest.mark.parametrize("contact", ["broadcast", "active-pull", "pull"])
def test_one_step_from_a_known_source_is_exact(contact):
    """Everybody hears the source alone: snapshots are as frequent in simulations as they are probable."""
    problem = Problem.of(star(4), SIDR.with_contact(contact), 1)
    out = simulate(problem.network, problem.model, runs=10_000, sources=[0], steps=1, keep="nodes", rng=1)
    seen, counts = np.unique(out.last, axis=0, return_counts=True)
    for codes, count in zip(seen, counts, strict=True):
        chance = np.exp(MeanField().scores(problem, codes, RNG(0))[0])
        assert abs(count - 10_000 * chance) <= 4.5 * np.sqrt(10_000 * chance * (1 - chance)) + 1e-6


def test_the_first_two_on_a_line_have_exact_probabilities():
    """SI with spread p from one end: P(nobody but the next one after 2 steps) = 1 - (1 - p)^2 - p^2, and so on."""
    p = 0.3
    si = Model("SI", ("S", "I"), (Contact("S", "I", {"I": p}),), source="I", active=("I",))
    net = Network.of([0, 1], [1, 2], directed=True)
    problem = Problem.of(net, si, 2, share=0.5)
    unseen = problem.unseen
    for node, chance in ((1, 1 - (1 - p) ** 2), (2, p * p)):
        codes = np.full(3, unseen, np.uint8)
        codes[[0, node]] = 1
        assert np.exp(MeanField().scores(problem, codes, RNG(0))[0]) == pytest.approx(chance)


def test_after_no_step_the_source_is_the_node_in_its_state():
    problem = Problem.of(ring(6), SIDR, 0)
    codes = np.array([0, 0, 1, 0, 0, 0], np.uint8)
    found = MeanField().scores(problem, codes, RNG(0))
    assert isclose(found[2], 0.0, abs_tol=1e-12)
    assert np.isneginf(np.delete(found, 2)).all()


def test_suspects_beyond_the_limit_come_last():
    problem = Problem.of(ring(30), SIDR, 3, indistinguishable=("R",))
    codes = np.zeros(30, np.uint8)
    codes[10:15] = 1
    whole, some = MeanField().scores(problem, codes, RNG(0)), MeanField(most=7).scores(problem, codes, RNG(0))
    kept = np.argsort(-some)[:7]
    assert some[kept] == pytest.approx(whole[kept])
    assert some[12] > some[kept[-1]] > some[some < some[kept[-1]]].max()


def test_meetings_in_pairs_are_refused():
    problem = Problem.of(ring(5), model("sidr-pairwise"), 1)
    with pytest.raises(CounterpointError, match="sidr-pairwise has 'pairwise'"):
        MeanField().scores(problem, np.array([1, 0, 0, 0, 0], np.uint8), RNG(0))


def test_spontaneous_changes_begin_at_the_first_step():
    fading = Model("fading", ("S", "I", "R"), (Spontaneous("I", {"R": 0.25}),), source="I", active=("I",))
    problem = Problem.of(ring(4), fading, 3)
    for code, chance in ((1, 0.75**3), (2, 1 - 0.75**3)):
        codes = np.array([code, 0, 0, 0], np.uint8)
        assert np.exp(MeanField().scores(problem, codes, RNG(0))[0]) == pytest.approx(chance)

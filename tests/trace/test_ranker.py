"""The learned ranker sees what is there, whatever the nodes are called, and says how sure it may be."""

from collections import deque

import numpy as np
import pytest

from counterpoint.errors import CounterpointError
from counterpoint.networks.generators import barabasi_albert
from counterpoint.networks.graph import Network
from counterpoint.spread.models.presets import model
from counterpoint.trace import node_features_kernels
from counterpoint.trace.node_features import NodeFeatures
from counterpoint.trace.problem import Problem
from counterpoint.trace.protocol import probabilities
from counterpoint.trace.ranker import Ranker

STEPS = 3


@pytest.fixture(scope="module")
def problem():
    return Problem.of(barabasi_albert(80, 2, rng=3), model("sidr-active-pull"), STEPS, min_size=3)


@pytest.fixture(scope="module")
def ranker(problem):
    return Ranker.learn(problem, outbreaks=200, rng=1)


@pytest.fixture(scope="module")
def fast(problem):
    return Ranker.learn(problem, outbreaks=200, rng=1, fast=True)


def neighbours(network):
    return [network.to[network.start[v] : network.start[v + 1]].tolist() for v in range(network.nodes)]


def distances(beside, inside, origin):
    found, queue = {origin: 0}, deque([origin])
    while queue:
        v = queue.popleft()
        for u in beside[v]:
            if inside[u] and u not in found:
                found[u] = found[v] + 1
                queue.append(u)
    return found


def test_shells_count_nodes_by_distance_and_kind():
    rng = np.random.default_rng(5)
    network = barabasi_albert(60, 2, rng=2)
    inside = rng.random(60) < 0.5
    kind = rng.integers(3, size=60).astype(np.uint8)
    members, part, ends = node_features_kernels.within(network.start, network.to, inside)
    assert members.tolist() == np.flatnonzero(inside).tolist()
    origins = np.arange(0, len(members), 2)
    found = node_features_kernels.shells(part, ends, kind[members], 3, 2, origins)
    for row, place in enumerate(origins):
        away = distances(neighbours(network), inside, int(members[place]))
        slow = np.zeros((4, 3), int)
        for u in members.tolist():
            slow[min(away.get(u, 3), 3), kind[u]] += 1
        assert found[row].tolist() == slow.tolist()


def test_sums_and_extremes_are_those_of_a_plain_loop():
    rng = np.random.default_rng(6)
    network = barabasi_albert(50, 2, rng=4)
    values, counted = rng.normal(size=(50, 2)).astype(np.float32), rng.random(50) < 0.4
    sums = node_features_kernels.summed(network.start, network.to, values)
    found = node_features_kernels.extremes(network.start, network.to, values, counted, np.arange(50))
    for v, beside in enumerate(neighbours(network)):
        assert np.allclose(sums[v], values[beside].sum(0), atol=1e-5)
        some = values[[u for u in beside if counted[u]]]
        slow = np.stack([some.mean(0), some.min(0), some.max(0)]) if len(some) else np.zeros((3, 2))
        assert np.allclose(found[v], slow, atol=1e-5)


def test_arcs_count_both_ways_for_distances():
    network = Network.of([1, 2], [0, 1], directed=True)
    problem = Problem.of(network, model("sidr-active-pull"), STEPS)
    shells = NodeFeatures.of(problem).shells(np.ones(3, np.uint8), np.array([0, 1]))
    assert shells.sum(2).tolist() == [[1, 1, 1, 0, 0], [1, 2, 0, 0, 0]]


@pytest.mark.parametrize("which", ["ranker", "fast"])
def test_a_ranker_beats_chance_and_is_calibrated(which, problem, request):
    detector = request.getfixturevalue(which)
    assert detector.name == {"ranker": "ranker", "fast": "ranker-fast"}[which]
    outbreaks = problem.simulate_outbreaks(150, 99)
    rng = np.random.default_rng(0)
    hits, claimed, chance = 0.0, 0.0, 0.0
    for codes, (source,) in zip(outbreaks.codes, outbreaks.sources, strict=True):
        scores = detector.scores(problem, codes, rng)
        hits += scores[source] == scores.max()
        claimed += np.exp(scores.max())
        chance += 1 / (codes > 0).sum()
    error = np.sqrt(hits * (1 - hits / 150))
    assert hits > 3 * chance
    assert abs(claimed - hits) < 4 * error


@pytest.mark.parametrize("fast", [False, True])
def test_credible_sets_of_late_outbreaks_hold_the_source_as_claimed(fast):
    late = Problem.of(barabasi_albert(700, 3, rng=1), model("sidr-active-pull"), 11, min_size=5)
    ranker = Ranker.learn(late, outbreaks=120, rng=1, fast=fast)
    outbreaks = late.simulate_outbreaks(100, 99)
    assert np.median(late.suspect[outbreaks.codes].sum(1)) > 400
    held, claimed = [], []
    for codes, (source,) in zip(outbreaks.codes, outbreaks.sources, strict=True):
        chances = np.exp(ranker.scores(late, codes, np.random.default_rng(0)))
        assert chances.sum() == pytest.approx(1)
        order = np.argsort(-chances)
        size = np.searchsorted(chances[order].cumsum(), 0.9) + 1
        held.append(source in order[:size])
        claimed.append(chances[order[:size]].sum())
    assert abs(np.mean(held) - np.mean(claimed)) < 4 * np.sqrt(0.09 / 100)


def test_probabilities_sum_to_one_over_suspects(ranker, fast, problem):
    codes = problem.simulate_outbreaks(1, 8).codes[0]
    for detector in (ranker, fast):
        scores = detector.scores(problem, codes, np.random.default_rng(0))
        assert np.exp(scores).sum() == pytest.approx(1)
        assert ((scores > -np.inf) == problem.suspect[codes]).all()


def test_scores_do_not_depend_on_node_numbers(ranker, problem):
    codes = problem.simulate_outbreaks(1, 8).codes[0]
    new = np.random.default_rng(1).permutation(problem.network.nodes)
    renamed = Network.of(new[problem.network.tails], new[problem.network.to], nodes=problem.network.nodes)
    other = Problem.of(renamed, model("sidr-active-pull"), STEPS, min_size=3)
    moved = np.empty_like(codes)
    moved[new] = codes
    rng = np.random.default_rng(0)
    scores = ranker.on(other).scores(other, moved, rng)
    assert np.allclose(np.exp(scores[new]), np.exp(ranker.scores(problem, codes, rng)), atol=1e-4)


def test_a_saved_ranker_gives_the_same_scores(ranker, problem, tmp_path):
    ranker.save(tmp_path / "ranker")
    loaded = Ranker.load(tmp_path / "ranker")
    codes, rng = problem.simulate_outbreaks(1, 8).codes[0], np.random.default_rng(0)
    assert (loaded.scores(problem, codes, rng) == ranker.scores(problem, codes, rng)).all()
    for path in (tmp_path / "ranker").iterdir():
        whole = path.read_bytes()
        path.write_bytes(whole[:-100])
        with pytest.raises(CounterpointError, match="make it again"):
            Ranker.load(tmp_path / "ranker")
        path.write_bytes(whole)


def test_another_problem_is_refused(ranker, problem):
    other = Problem.of(problem.network, model("sidr-active-pull"), STEPS + 1, min_size=3)
    with pytest.raises(CounterpointError, match="learned for another problem"):
        ranker.scores(other, np.ones(problem.network.nodes, np.uint8), np.random.default_rng(0))


def test_a_single_reached_node_is_the_source(ranker, fast, problem):
    codes = np.zeros(problem.network.nodes, np.uint8)
    codes[7] = 1
    for detector in (ranker, fast):
        assert probabilities(detector.scores(problem, codes, np.random.default_rng(0)))[7] == pytest.approx(1)


def test_unseen_nodes_several_sources_and_times_and_directed_arcs_are_learned():
    graph = barabasi_albert(30, 1, rng=3)
    apart = Network.of(graph.tails, graph.to, nodes=33, directed=True, weight=np.full(len(graph.to), 2.0))
    models = ((model("sidr-active-pull"), 0.5), (model("sidr-pull"), 0.5))
    problem = Problem(apart, models, ((2, 0.5), (4, 0.5)), indistinguishable=("R",), share=0.5, sources=2)
    learned = Ranker.learn(problem, outbreaks=60, rng=1)
    for codes in problem.simulate_outbreaks(3, 4).codes:
        scores = learned.scores(problem, codes, np.random.default_rng(0))
        assert np.exp(scores).sum() == pytest.approx(1)
        assert ((scores > -np.inf) == problem.suspect[codes]).all()

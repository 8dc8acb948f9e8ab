"""The graph network learns sources: its gradient is the slope of its loss, and names of nodes mean nothing to it.

Its pieces are small here, so that all is quick: networks of some thirty nodes, and some dozens of steps.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from tests.logs import refused

from counterpoint.networks.graph import Network
from counterpoint.networks.recipes import network
from counterpoint.spread.models.presets import model
from counterpoint.trace import graph_network_kernels, graph_network_layout, graph_network_training
from counterpoint.trace.graph_network import GraphNetwork
from counterpoint.trace.graph_network_kernels import WIDTH
from counterpoint.trace.problem import Problem

NODES = 30
LOOSE = 0.02  # by how much a slope in 32 bits may be wrong


def edges(*, directed=False, weighted=False):
    whole = network(f"ba:{NODES - 1},2", rng=1)  # and a node without any
    once = whole.tails < whole.to
    ends = whole.tails[once], whole.to[once]
    weight = np.random.default_rng(2).uniform(0.5, 2, len(ends[0])) if weighted else None
    return Network.of(*ends, nodes=NODES, directed=directed, weight=weight)


def problem_of(net=None, time=3, **other):
    return Problem.of(net or edges(), model("sidr"), time, **other)


PROBLEMS = {
    "plain": problem_of(),
    "weighted, two sources": problem_of(edges(weighted=True), sources=2),
    "directed, partly seen": problem_of(edges(directed=True, weighted=True), share=0.7),
    "removed not told": problem_of(indistinguishable=("R",)),
}
each_problem = pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(graph_network_training, "VALIDATION_OUTBREAKS", 500)


@pytest.fixture
def pool():
    with ThreadPoolExecutor(1) as one:
        yield one


def trainer_of(problem, pool):
    """A trainer whose weights are all of some size, so that each has a slope."""
    trainer, rng = (
        graph_network_training.Trainer(graph_network_layout.NetworkLayout.of(problem), np.random.default_rng(3), pool),
        np.random.default_rng(4),
    )
    trainer.values += rng.normal(0, 0.1, len(trainer.values)).astype(np.float32)
    return trainer


def dense_scores(weights, graph, codes):
    """The network for one snapshot, written down in 64 bits as it is defined; its messages by a dense matrix."""
    to = [np.zeros((len(codes), len(codes))) for _ in graph.starts]
    for way, (start, heard, factor) in enumerate(zip(graph.starts, graph.tos, graph.factors, strict=True)):
        to[way][np.repeat(np.arange(len(codes)), np.diff(start)), heard] = factor
    group, kinds = graph.groups[codes], len(graph.groups)
    rows = group >= 0
    degree = np.stack([np.where((sums := one.sum(1)) > 0, sums, 1) for one in to])
    counts = np.stack([one @ np.eye(kinds)[codes] for one in to], 1)
    shares = counts / degree.T[:, :, None]
    flat = len(codes), -1
    values = np.concatenate([shares.reshape(flat), np.log1p(counts).reshape(flat), np.log(degree).T, 1 / degree.T], 1)
    place = (np.arange(len(codes)) * kinds + codes)[rows]
    own = group[rows]

    def times(x, part):
        return np.einsum("ni,nij->nj", x, part[own].astype(float))

    first = h = np.maximum(times(values[rows], weights.start) + weights.place[place], 0)
    for layer, whole, (add, gain, shift) in zip(weights.layer, weights.whole, weights.norm, strict=True):
        sent = times(h, layer)
        t = sent[:, :WIDTH] + h.mean(0) @ whole + add
        for way, one in enumerate(to):
            told = sent[:, (1 + way) * WIDTH : (2 + way) * WIDTH]
            t = t + one[np.ix_(rows, rows)] @ told * (0.5 / np.sqrt(degree[way, rows]))[:, None]
        unit = (t - t.mean(1, keepdims=True)) / np.sqrt(t.var(1, keepdims=True) + graph_network_kernels.TINY)
        h = h + np.maximum(unit * gain + shift, 0)
    end = np.maximum(times(h, weights.last) + times(first, weights.first) + weights.hidden, 0) @ weights.out
    end = end + weights.bias[place]
    scores = np.full(len(codes), -np.inf)
    scores[rows] = end - np.log(np.exp(end).sum())
    return scores


@each_problem
def test_the_kernel_agrees_with_a_dense_formula(problem, pool):
    trainer, seen = trainer_of(problem, pool), problem.simulate_outbreaks(6, 5)
    found = graph_network_layout.score_snapshots(trainer.weights, trainer.graph, seen.codes, pool)
    right = np.stack([dense_scores(trainer.weights, trainer.graph, codes) for codes in seen.codes])
    np.testing.assert_allclose(found, right, atol=2e-4)


def loss_of(trainer, seen):
    """The mean cross-entropy by the formula."""
    scores = np.stack([dense_scores(trainer.weights, trainer.graph, codes) for codes in seen.codes])
    return float(-np.take_along_axis(scores, seen.sources.astype(np.int64), 1).mean())


@each_problem
def test_the_gradient_agrees_with_finite_differences(problem, pool):
    trainer, seen = trainer_of(problem, pool), problem.simulate_outbreaks(4, 5)
    trainer.descend(seen.codes, seen.sources)
    for name, slope in trainer.graph.parts(trainer.slope.copy())._asdict().items():
        weights = getattr(trainer.weights, name)
        before, some = weights.copy(), np.random.default_rng(6).choice([0, 1], slope.shape)
        for way in (slope, slope * some):
            along = float((way * slope).sum())
            step = (way * np.float32(1e-3 / np.sqrt(along))).astype(np.float32)
            losses = []
            for weights[...] in (before + step, before - step):
                losses.append(loss_of(trainer, seen))
            weights[...] = before
            assert losses[0] - losses[1] == pytest.approx(2e-3 * np.sqrt(along), rel=LOOSE), name


def test_scores_do_not_depend_on_node_numbers(pool):
    problem = PROBLEMS["directed, partly seen"]
    net, order = problem.network, np.random.default_rng(7).permutation(NODES)
    renamed = Network.of(order[net.tails], order[net.to], nodes=NODES, directed=True, weight=net.weight)
    other = problem_of(renamed, share=0.7)
    trainer, codes = trainer_of(problem, pool), problem.simulate_outbreaks(5, 5).codes
    kinds = len(trainer.graph.groups)
    place, bias = (part.reshape(NODES, kinds, -1) for part in (trainer.weights.place, trainer.weights.bias))
    moved = trainer.weights._replace(
        place=place[np.argsort(order)].reshape(-1, WIDTH), bias=bias[np.argsort(order)].reshape(-1)
    )
    graph = graph_network_layout.NetworkLayout.of(other)
    found = graph_network_layout.score_snapshots(moved, graph, np.ascontiguousarray(codes[:, np.argsort(order)]), pool)
    np.testing.assert_allclose(
        found[:, order], graph_network_layout.score_snapshots(trainer.weights, trainer.graph, codes, pool), atol=2e-4
    )


def test_training_does_not_depend_on_the_number_of_threads(monkeypatch):
    learned = []
    for threads in (1, 3):
        monkeypatch.setattr(graph_network_layout.os, "cpu_count", lambda threads=threads: threads)
        learned.append(GraphNetwork.learn(PROBLEMS["plain"], steps=5, rng=8))
    assert all((learned[0].weights[name] == part).all() for name, part in learned[1].weights.items())


@each_problem
def test_scores_are_log_probabilities_over_the_suspects(problem):
    learned, codes = GraphNetwork.learn(problem, steps=3, rng=8), problem.simulate_outbreaks(9, 9).codes
    scores = learned.scores_many(problem, codes)
    np.testing.assert_allclose(np.exp(scores).sum(1), 1, rtol=1e-5)
    assert ((scores > -np.inf) == problem.suspect[codes]).all()
    np.testing.assert_allclose(learned.scores(problem, codes[4], np.random.default_rng(0)), scores[4], atol=1e-4)


def test_the_only_reached_node_is_the_source():
    problem = problem_of(time=0)
    learned, seen = GraphNetwork.learn(problem, steps=1, rng=8), problem.simulate_outbreaks(NODES, 9)
    assert (learned.scores_many(problem, seen.codes).argmax(1) == seen.sources[:, 0]).all()
    nobody = learned.scores_many(problem, np.zeros((1, NODES), np.uint8))
    assert (nobody == -np.inf).all()


def test_a_unique_answer_is_learned():
    """On a ring, what passes to every neighbour in every step began in the middle."""
    problem = Problem.of(network(f"ring:{NODES}"), model("si", spread=1.0), 4)
    seen = problem.simulate_outbreaks(300, 9)
    learned = GraphNetwork.learn(problem, steps=150, rng=8)
    assert (learned.scores_many(problem, seen.codes).argmax(1) == seen.sources[:, 0]).mean() > 0.98


def test_an_uncertain_source_is_found_above_chance_and_calibrated():
    problem = problem_of(network("ba:50,2", rng=1), time=2, min_size=3)
    seen, learned = problem.simulate_outbreaks(1000, 9), GraphNetwork.learn(problem, steps=150, rng=8)
    scores = learned.scores_many(problem, seen.codes)
    hit, claimed = (scores.argmax(1) == seen.sources[:, 0]).mean(), np.exp(scores.max(1)).mean()
    chance = (1 / problem.suspect[seen.codes].sum(1)).mean()
    assert hit > 2 * chance
    assert claimed == pytest.approx(hit, abs=0.05)


def test_temperature_minimises_the_held_out_loss(pool):
    """Whatever it is multiplied by, it becomes what says most of the snapshots."""
    problem = problem_of(time=2)
    trainer, seen = trainer_of(problem, pool), problem.simulate_outbreaks(300, 9)
    found = trainer.graph.parts(trainer.mean)
    for _ in range(20):
        batch = problem.simulate_outbreaks(32, len(seen.codes) + trainer.steps)
        trainer.step(batch.codes, batch.sources, 1e-2)
    trainer.temper(seen.codes, seen.sources)
    best, right = trainer.losses(seen.codes, seen.sources).mean(), found.out.copy()
    for factor in (0.6, 1.7):
        found.out[:], found.bias[:] = factor * right, factor * found.bias
        assert trainer.losses(seen.codes, seen.sources).mean() > best
        trainer.temper(seen.codes, seen.sources)
        np.testing.assert_allclose(found.out, right, rtol=1e-2)


def test_a_saved_graph_network_gives_the_same_scores(tmp_path):
    problem = PROBLEMS["weighted, two sources"]
    learned, codes = GraphNetwork.learn(problem, steps=2, rng=8), problem.simulate_outbreaks(5, 9).codes
    learned.save(tmp_path / "learned")
    again = GraphNetwork.load(tmp_path / "learned")
    np.testing.assert_array_equal(again.scores_many(problem, codes), learned.scores_many(problem, codes))


def test_training_stops_early_when_nothing_is_gained():
    course, rng = graph_network_training.Schedule(1e6, None), np.random.default_rng(0)
    course.evaluate(np.full(1000, 2.0))
    course.evaluate(np.full(1000, 1.0))
    course.evaluate(np.full(1000, 1.0) + rng.normal(0, 1, 1000))  # who knows?
    assert course.seconds == 1e6
    course.evaluate(np.full(1000, 1.0))
    course.evaluate(np.full(1000, 1.0) + rng.normal(0, 0.1, 1000))
    assert course.seconds < 1e6


def test_wrong_input_is_refused(tmp_path):
    problem, other = PROBLEMS["plain"], problem_of(time=2)
    learned = GraphNetwork.learn(problem, steps=1, rng=8)
    with refused(f"problem {problem.key} knows nothing of {other.key}"):
        learned.scores_many(other, np.zeros((1, NODES), np.uint8))
    with refused("a snapshot has 30 nodes"):
        learned.scores_many(problem, np.zeros((1, NODES - 1), np.uint8))
    deeper = GraphNetwork({**learned.weights, "layer": np.concatenate([learned.weights["layer"]] * 2)}, learned.key)
    with refused("of another shape"):
        deeper.scores_many(problem, np.zeros((1, NODES), np.uint8))
    with refused("more than 0 seconds"):
        GraphNetwork.learn(problem, seconds=0, rng=8)
    with refused("1 step or more"):
        GraphNetwork.learn(problem, steps=0, rng=8)
    for name, text in (("missing", None), ("empty", ""), ("text", "PK no archive")):
        (tmp_path / name).mkdir()
        if text is not None:
            (tmp_path / name / "graph-network.json").write_text(text)
        with refused("make it again"):
            GraphNetwork.load(tmp_path / name)

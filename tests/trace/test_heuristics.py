"""Detectors of shape: brute force on small networks, closed forms on stars and paths, and what holds on any network."""

from itertools import permutations
from math import comb, lgamma, log

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.sparse.csgraph import shortest_path

from counterpoint.errors import CounterpointError
from counterpoint.networks.generators import barabasi_albert, ring, star
from counterpoint.networks.graph import Network
from counterpoint.spread.models.presets import model
from counterpoint.trace.heuristics import (
    LPSI,
    Closeness,
    Degree,
    Jordan,
    Random,
    distances,
    likely_first,
    nearest_first,
)
from counterpoint.trace.likelihood import MeanField
from counterpoint.trace.problem import Problem
from counterpoint.trace.rumour_centrality import RumourCentrality

SIR = model("sir", spread=0.5, recover=0.2)
ALL = (Random(), Degree(), Closeness(), Jordan(), RumourCentrality(), LPSI(), MeanField())
SHAPES = ALL[1:6]


def line(nodes, **more):
    return Network.of(np.arange(nodes - 1), np.arange(1, nodes), **more)


def tree(nodes, rng):
    """A tree in which every node joins any earlier one."""
    return Network.of([int(rng.integers(each)) for each in range(1, nodes)], np.arange(1, nodes))


def scores(detector, problem, codes, seed=0):
    return detector.scores(problem, np.asarray(codes, np.uint8), np.random.default_rng(seed))


def reached(network, nodes, **more):
    """A problem, and what is seen where just these nodes are reached."""
    codes = np.zeros(network.nodes, np.uint8)
    codes[nodes] = 1
    return Problem.of(network, SIR, 3, **more), codes


def orders(network, origin, goals):
    """How many orders of the goals let each come after a neighbour, the origin first: one by one."""
    heard = {v: set(network.to[network.start[v] : network.start[v + 1]].tolist()) for v in range(network.nodes)}
    count = 0
    for order in permutations(sorted(set(goals) - {origin})):
        known = {origin}
        for v in order:
            if not heard[v] & known:
                break
            known.add(v)
        else:
            count += 1
    return count


@pytest.mark.parametrize("seed", range(6))
def test_on_a_tree_rumour_centrality_counts_the_orders_of_spreading(seed):
    """Shah & Zaman (2011): R(v, G) is the number of permitted permutations that begin at v."""
    rng = np.random.default_rng(seed)
    net = tree(9, rng)
    goals = [0]
    while len(goals) < 6:  # what is reached hangs together
        near = np.setdiff1d(np.concatenate([net.to[net.start[v] : net.start[v + 1]] for v in goals]), goals)
        goals.append(int(rng.choice(near)))
    found = scores(RumourCentrality(), *reached(net, goals))
    for v in range(net.nodes):
        expected = log(orders(net, v, goals)) if v in goals else -np.inf
        assert found[v] == pytest.approx(expected)


def test_on_a_path_rumour_centrality_is_a_binomial_coefficient():
    found = scores(RumourCentrality(), *reached(line(12), np.arange(12)))
    assert found == pytest.approx([log(comb(11, place)) for place in range(12)])


@pytest.mark.parametrize("leaves", [3, 199, 1999])
def test_on_a_star_of_any_size_rumour_centrality_is_a_factorial(leaves):
    """From the middle the leaves come in any order; from a leaf the middle comes first."""
    found = scores(RumourCentrality(), *reached(star(leaves + 1), np.arange(leaves + 1)))
    assert found[0] == pytest.approx(lgamma(leaves + 1))
    assert found[1:] == pytest.approx(np.full(leaves, lgamma(leaves)))


def test_a_node_on_two_shortest_path_trees_counts_half_in_each():
    """From a corner of a square the far one is below either neighbour with chance 1/2: sizes 1.5, 1.5 and 1."""
    found = scores(RumourCentrality(), *reached(ring(4), np.arange(4)))
    assert found == pytest.approx(np.full(4, log(6 / 1.5**2)))


def test_rumour_centrality_ranks_suspects_beyond_its_limit_by_distance():
    problem, codes = reached(line(9), np.arange(9))
    whole, some = scores(RumourCentrality(), problem, codes), scores(RumourCentrality(most=3), problem, codes)
    assert some[3:6] == pytest.approx(whole[3:6])
    assert some[[0, 1, 2]].max() < some[3:6].min()
    assert some[0] < some[1] < some[2]


@pytest.mark.parametrize("directed", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_distances_agree_with_scipy(seed, directed):
    """With some nodes unseen everybody's distances run through the whole network, against arcs' directions too."""
    rng = np.random.default_rng(seed)
    ends = rng.integers(150, size=(2, 170))
    net = Network.of(*ends, nodes=150, directed=directed)
    problem = Problem.of(net, SIR, 3, share=0.5)
    codes = rng.choice([0, 1, problem.unseen], 150, p=[0.2, 0.3, 0.5]).astype(np.uint8)
    hops = shortest_path(csr_array(net.matrix), directed=False, unweighted=True)
    suspects, goals = np.flatnonzero(codes > 0), np.flatnonzero(codes == 1)
    expected = hops[np.ix_(suspects, goals)]
    found = distances(problem, codes)
    missed = np.isinf(expected).sum(1)
    reached = np.where(np.isinf(expected), 0, expected)
    assert found.nodes.tolist() == suspects.tolist()
    assert found.total.tolist() == (reached.sum(1) + missed * 150).tolist()
    assert found.greatest.tolist() == (reached.max(1) + missed * 150).tolist()
    closeness, jordan, closest = (
        scores(each, problem, codes) for each in (Closeness(), Jordan(), Jordan(closest=True))
    )
    assert closeness[suspects] == pytest.approx(-found.total / len(goals))
    assert (jordan[suspects] == -found.greatest).all()
    order = np.lexsort((found.total, found.greatest))
    assert (np.diff(closest[suspects[order]]) <= 0).all()
    assert len(np.unique(closest[suspects])) == len(np.unique(np.stack([found.greatest, found.total]), axis=1)[0])


def test_paths_run_among_the_reached_nodes_where_these_are_connected():
    """On a ring, of 0 to 6 reached, 0 and 6 are 6 steps apart; the not reached nodes would be a shorter way."""
    problem, codes = reached(ring(10), np.arange(7))
    assert distances(problem, codes).greatest.tolist() == [6, 5, 4, 3, 4, 5, 6]
    codes[3] = 0
    assert distances(problem, codes).greatest.tolist() == [5, 5, 4, 4, 5, 5]


def test_the_nearest_are_first_and_equal_ones_in_any_order():
    problem, codes = reached(line(9), np.arange(9))
    found = {tuple(nearest_first(problem, codes, np.random.default_rng(seed))[:3].tolist()) for seed in range(20)}
    assert found == {(4, 3, 5), (4, 5, 3)}


def test_likely_first_uses_labels_unless_something_is_hidden():
    for more, labels in (({}, True), ({"share": 0.7}, False), ({"indistinguishable": ("R",)}, False)):
        problem = Problem.of(barabasi_albert(80, 2, rng=1), SIR, 3, min_size=15, **more)
        (codes,) = problem.simulate_outbreaks(1, 2).codes
        found = likely_first(problem, codes, np.random.default_rng(1))
        evaluate = LPSI() if labels else Jordan(closest=True)
        assert (np.diff(scores(evaluate, problem, codes)[found]) <= 1e-12).all()
        assert sorted(found) == np.flatnonzero(problem.suspect[codes]).tolist()


@pytest.mark.parametrize("alpha", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("directed", [False, True])
def test_labels_are_those_of_the_closed_form(alpha, directed):
    """Wang, Wang, Pei & Ye (2017): (1 - alpha) (1 - alpha S)^-1 Y, with S = D^-1/2 W D^-1/2."""
    rng = np.random.default_rng(3)
    net = Network.of(*rng.integers(30, size=(2, 60)), nodes=31, directed=directed)  # node 30 is alone
    problem = Problem.of(net, SIR, 3, share=0.8)
    codes = rng.integers(problem.unseen + 1, size=31).astype(np.uint8)
    joined = ((net.matrix + net.matrix.T).toarray() > 0).astype(float)
    root = np.sqrt(np.maximum(joined.sum(1), 1))
    smooth = joined / np.outer(root, root)
    given = np.array([-1.0, 1.0, 1.0, 0.0])[codes]
    expected = (1 - alpha) * np.linalg.solve(np.eye(31) - alpha * smooth, given)
    found = scores(LPSI(alpha=alpha), problem, codes)
    suspect = problem.suspect[codes]
    assert found[suspect] == pytest.approx(expected[suspect], abs=1e-7)


def test_alpha_of_one_is_refused():
    with pytest.raises(CounterpointError, match="alpha is 1; it must lie"):
        LPSI(alpha=1.0)


def test_degree_counts_reached_neighbours_only():
    problem, codes = reached(star(6), [0, 1, 2])
    assert scores(Degree(), problem, codes).tolist() == [2, 1, 1, -np.inf, -np.inf, -np.inf]


def test_a_random_suspect_is_as_good_as_any():
    problem, codes = reached(ring(5), [0, 2])
    assert scores(Random(), problem, codes).tolist() == [0, -np.inf, 0, -np.inf, -np.inf]


@pytest.mark.parametrize(
    "detector", [each for each in SHAPES if not isinstance(each, LPSI)], ids=lambda each: each.name
)
def test_the_middle_of_a_star_is_found(detector):
    problem, codes = reached(star(200), np.arange(150))
    assert scores(detector, problem, codes).argmax() == 0


@pytest.mark.parametrize("detector", ALL, ids=lambda each: each.name)
@pytest.mark.parametrize(
    "more",
    [{}, {"share": 0.4}, {"indistinguishable": ("R",)}, {"share": 0.4, "indistinguishable": ("R",)}, {"sources": 2}],
    ids=["seen", "some seen", "indistinguishable", "some seen, indistinguishable", "two sources"],
)
@pytest.mark.parametrize("directed", [False, True])
def test_scores_are_finite_and_do_not_depend_on_node_numbers(detector, more, directed):
    rng = np.random.default_rng(4)
    ends = barabasi_albert(60, 2, rng=2)
    pairs = np.stack([ends.tails, ends.to])[:, ends.tails < ends.to]
    turned = rng.permutation(60)
    nets = Network.of(*pairs, directed=directed), Network.of(*turned[pairs], directed=directed)
    one, other = (Problem.of(net, SIR, 3, min_size=4, **more) for net in nets)
    for codes in one.simulate_outbreaks(3, 5).codes:
        moved = np.empty_like(codes)
        moved[turned] = codes
        found, again = scores(detector, one, codes), scores(detector, other, moved, seed=1)
        assert (np.isfinite(found) == one.suspect[codes]).all()
        assert not np.isnan(found).any()
        assert found == pytest.approx(again[turned], abs=1e-6)


@pytest.mark.parametrize("detector", ALL, ids=lambda each: each.name)
@pytest.mark.parametrize("nodes", [[], [7], [0, 20], [0, 1, 20, 21]], ids=["none", "one", "apart", "two parts"])
def test_few_or_unconnected_reached_nodes_are_taken(detector, nodes):
    net = Network.of([*range(10), 20], [*range(1, 11), 21], nodes=30)
    for more in ({}, {"indistinguishable": ("R",)}):
        problem, codes = reached(net, nodes, **more)
        found = scores(detector, problem, codes)
        assert (np.isfinite(found) == problem.suspect[codes]).all()

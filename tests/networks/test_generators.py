"""A generated network has the degrees, edges and triangles that its authors say; the same seed makes the same one."""

import numpy as np
import pytest
from tests.logs import refused

from counterpoint.networks import generators
from counterpoint.networks.generators import (
    barabasi_albert,
    complete,
    erdos_renyi,
    power_law,
    power_law_cluster,
    ring,
    star,
    watts_strogatz,
)

RANDOM = {
    "barabasi_albert": lambda rng: barabasi_albert(300, 3, rng=rng),
    "power_law_cluster": lambda rng: power_law_cluster(300, 3, 0.5, rng=rng),
    "watts_strogatz": lambda rng: watts_strogatz(300, 6, 0.3, rng=rng),
    "erdos_renyi": lambda rng: erdos_renyi(300, degree=5, rng=rng),
    "power_law": lambda rng: power_law(300, 2.5, 2, rng=rng),
}


def clustering(net):
    """Triangles: the share of pairs of neighbours that are neighbours."""
    matrix = net.matrix
    closed = (matrix @ matrix).multiply(matrix).sum()
    return closed / (net.degrees * (net.degrees - 1)).sum()


@pytest.mark.parametrize("make", RANDOM.values(), ids=RANDOM)
def test_the_same_seed_makes_the_same_network_and_another_one_another(make):
    one, same, other = make(7), make(7), make(8)
    assert one.start.tolist() == same.start.tolist()
    assert one.to.tolist() == same.to.tolist()
    assert one.to.tolist() != other.to.tolist()


@pytest.mark.parametrize("make", RANDOM.values(), ids=RANDOM)
def test_a_generator_moves_on(make):
    rng = np.random.default_rng(7)
    assert make(rng).to.tolist() != make(rng).to.tolist()


# Scale-free


@pytest.mark.parametrize("m", [1, 2, 5, 40])
@pytest.mark.parametrize("make", [barabasi_albert, lambda n, m, rng: power_law_cluster(n, m, 0.5, rng=rng)])
def test_a_grown_network_has_m_edges_for_every_node_after_its_star_and_no_doubles(make, m):
    net = make(200, m, rng=1)
    assert (net.nodes, net.edges) == (200, m * (200 - m))
    assert (net.dropped.loops, net.dropped.doubles) == (0, 0)
    assert net.degrees[m + 1 :].min() >= m


def test_a_grown_network_of_m_and_one_nodes_is_a_star():
    for net in (barabasi_albert(5, 4, rng=1), power_law_cluster(5, 4, 0.5, rng=1)):
        assert net.degrees.tolist() == [4, 1, 1, 1, 1]


def test_the_degrees_of_barabasi_albert_are_what_is_known_of_them():
    """P(k) = 2 m (m + 1) / (k (k + 1) (k + 2)) (Dorogovtsev, Mendes and Samukhin 2000); 4 standard errors."""
    nodes, m = 200_000, 3
    degrees = barabasi_albert(nodes, m, rng=1).degrees
    for k in (3, 4, 5, 8, 12, 20):
        share = 2 * m * (m + 1) / (k * (k + 1) * (k + 2))
        assert abs((degrees == k).mean() - share) < 4 * np.sqrt(share / nodes)


def test_the_tail_of_barabasi_albert_falls_as_the_cube():
    """The maximum likelihood estimate of the exponent (Clauset, Shalizi and Newman 2009), from degree 20 on."""
    tail = barabasi_albert(200_000, 3, rng=2).degrees
    tail = tail[tail >= 20]
    exponent = 1 + len(tail) / np.log(tail / 19.5).sum()
    assert abs(exponent - 3) < 4 * 2 / np.sqrt(len(tail)) + 0.1  # the law is k (k + 1) (k + 2), not k^3


def test_a_node_that_came_first_knows_more_than_one_that_came_last():
    degrees = barabasi_albert(10_000, 3, rng=1).degrees
    assert degrees[:10].mean() > 20 * degrees[-1000:].mean()


def test_holme_and_kim_make_triangles_and_keep_the_degrees():
    plain, many = (power_law_cluster(20_000, 3, p, rng=1) for p in (0.0, 1.0))
    assert clustering(many) > 10 * clustering(plain)
    share = 2 * 3 * 4 / (3 * 4 * 5)
    assert abs((plain.degrees == 3).mean() - share) < 4 * np.sqrt(share / 20_000)
    assert abs((many.degrees == 3).mean() - share) < 0.05


def test_with_no_triangles_asked_for_holme_and_kim_is_barabasi_albert():
    one = np.array([barabasi_albert(2_000, 3, rng=seed).degrees.max() for seed in range(40)])
    other = np.array([power_law_cluster(2_000, 3, 0.0, rng=seed).degrees.max() for seed in range(40, 80)])
    assert abs(one.mean() - other.mean()) < 4 * np.sqrt((one.var() + other.var()) / 40)


# Small world


def test_a_small_world_without_moves_is_a_ring_lattice():
    net = watts_strogatz(50, 4, 0, rng=1)
    wanted = [sorted((at + step) % 50 for step in (-2, -1, 1, 2)) for at in range(50)]
    assert [net.to[net.start[at] : net.start[at + 1]].tolist() for at in range(50)] == wanted


@pytest.mark.parametrize(("nodes", "k", "p"), [(1_000, 6, 0.1), (1_000, 6, 1.0), (7, 4, 1.0), (6, 4, 1.0), (5, 4, 1.0)])
def test_a_small_world_keeps_its_number_of_edges(nodes, k, p):
    for seed in range(5):
        net = watts_strogatz(nodes, k, p, rng=seed)
        assert (net.edges, net.dropped.loops, net.dropped.doubles) == (nodes * k // 2, 0, 0)


def test_the_share_of_edges_that_move_is_p():
    net = watts_strogatz(100_000, 4, 0.1, rng=3)
    apart = np.abs(net.tails.astype(np.int64) - net.to)
    moved = (np.minimum(apart, 100_000 - apart) > 2).sum() / 2
    assert abs(moved - 20_000) < 4 * np.sqrt(200_000 * 0.1 * 0.9)


def test_every_node_of_a_small_world_keeps_half_of_its_edges():
    assert watts_strogatz(1_000, 6, 1.0, rng=1).degrees.min() >= 3


# Random


def test_the_mean_degree_of_a_random_network_is_what_was_asked_for():
    for degree in (0.5, 8.0):
        net = erdos_renyi(100_000, degree=degree, rng=1)
        edges = degree * 100_000 / 2
        assert abs(net.edges - edges) < 4 * np.sqrt(edges)
        assert abs(net.degrees.var() - degree) < 4 * degree * np.sqrt(2 / 100_000) + 0.05


def test_every_pair_of_a_random_network_is_as_likely_as_any_other():
    runs = 4_000
    rng = np.random.default_rng(1)
    counts = sum(erdos_renyi(6, p=0.3, rng=rng).matrix.toarray() for _ in range(runs))
    pairs = counts[np.triu_indices(6, 1)]
    assert (np.abs(pairs - 0.3 * runs) < 4.5 * np.sqrt(runs * 0.21)).all()


def test_certain_and_impossible_pairs_are_just_that():
    assert erdos_renyi(30, p=1, rng=1).edges == 435
    assert erdos_renyi(30, p=0, rng=1).edges == 0
    assert erdos_renyi(100_000, p=1e-300, rng=1).edges == 0


def test_places_of_pairs_are_pairs_even_where_roots_are_rounded():
    high = np.array([1, 2, 3, 1_000, 94_906_267, 199_999_999], np.int64)
    first = high * (high - 1) // 2
    assert generators._pairs(first).tolist() == [[each, 0] for each in high.tolist()]
    assert generators._pairs(first + high - 1).tolist() == [[each, each - 1] for each in high.tolist()]


# Configuration


def test_degrees_of_a_power_law_are_drawn_from_it():
    """P(k) = k^-2.5 / zeta(2.5); low degrees hardly suffer from the loops and doubles left out."""
    net = power_law(200_000, 2.5, rng=1)
    assert abs((net.degrees == 1).mean() - 1 / 1.341487) < 0.005
    assert abs((net.degrees == 2).mean() - 2**-2.5 / 1.341487) < 0.005


def test_what_stubs_make_and_what_is_left_out_add_up():
    net = power_law(10_000, 2.1, 2, rng=1)
    stubs = 2 * (net.edges + net.dropped.loops + net.dropped.doubles)
    assert net.dropped.loops > 0
    assert net.dropped.doubles > 0
    assert stubs >= 2 * 10_000


def test_degrees_stay_between_the_least_and_the_most():
    net = power_law(5_000, 2.2, 3, max_degree=3, rng=1)
    assert net.degrees.max() <= 4  # one node may have got the odd stub
    assert (net.degrees == 3).mean() > 0.99


# Without chance


def test_complete_star_and_ring_are_what_they_are_called():
    assert complete(6).degrees.tolist() == [5] * 6
    assert star(6).degrees.tolist() == [5, 1, 1, 1, 1, 1]
    assert ring(6).to.tolist() == [1, 5, 0, 2, 1, 3, 2, 4, 3, 5, 0, 4]
    assert [made.nodes for made in (complete(1), star(1), ring(3))] == [1, 1, 3]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: barabasi_albert(10, 10, rng=1), "m must be at least 1 and below the 10 nodes, got 10"),
        (lambda: barabasi_albert(10, 0, rng=1), "m must be at least 1"),
        (lambda: power_law_cluster(10, 2, 1.5, rng=1), r"p is a probability: it must lie within \[0, 1\], got 1.5"),
        (lambda: watts_strogatz(10, 3, 0.1, rng=1), "k must be even"),
        (lambda: watts_strogatz(10, 10, 0.1, rng=1), "below the 10 nodes"),
        (lambda: watts_strogatz(10, 4, float("nan"), rng=1), "got nan"),
        (lambda: erdos_renyi(10, rng=1), "either p or the mean degree"),
        (lambda: erdos_renyi(10, p=0.1, degree=1, rng=1), "either p or the mean degree"),
        (lambda: erdos_renyi(10, degree=10, rng=1), r"mean degree must lie within \[0, 9\], got 10"),
        (lambda: erdos_renyi(1_000_000, p=0.5, rng=1), "at most 200,000,000 edges"),
        (lambda: power_law(10, 1, rng=1), "exponent must be above 1"),
        (lambda: power_law(10, float("inf"), rng=1), "exponent must be above 1"),
        (lambda: power_law(10, 2.5, 10, rng=1), "degrees must lie within"),
        (lambda: complete(0), "needs 1 nodes or more, got 0"),
        (lambda: complete(100_000), "at most 200,000,000 edges; this would have 4,999,950,000"),
        (lambda: star(10**12), "at most 200,000,000 nodes"),
        (lambda: ring(2), "needs 3 nodes"),
        (lambda: barabasi_albert(10, 2, rng=-1), "seed must lie"),
    ],
)
def test_a_network_that_cannot_be_is_refused(make, says):
    with refused(says):
        make()

"""The kernels that grow networks are what their slow, obvious twins are, number by number."""

import numpy as np
import pytest

from counterpoint.networks.generator_kernels import clustered, preferential, rewired

WORD = 2**64 - 1


class SplitMix64:
    """Random numbers as Steele, Lea and Flood (2014) write them."""

    def __init__(self, seed):
        self.state = seed

    def word(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & WORD
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & WORD
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & WORD
        return z ^ (z >> 31)

    def chance(self):
        return (self.word() >> 11) / 2**53

    def below(self, count):
        return int(self.chance() * count)


def slow_growth(nodes, m, p, seed):
    """Barabasi and Albert (p None), or Holme and Kim."""
    rng = SplitMix64(seed)
    pairs = [(leaf, 0) for leaf in range(1, m + 1)]
    for node in range(m + 1, nodes):
        ends = [end for pair in pairs for end in pair]
        joined, last = [], None
        while len(joined) < m:
            other = None
            if p is not None and last is not None and rng.chance() < p:
                other = slow_triad(pairs + [(node, each) for each in joined], last, {node, *joined}, m, rng)
            if other is None:
                other = ends[rng.below(len(ends))]
                if other in joined:
                    continue
                last = other
            joined.append(other)
        pairs += [(node, each) for each in joined]
    return pairs


def slow_triad(pairs, last, known, m, rng):
    friends = [v if u == last else u for u, v in pairs if last in (u, v)]
    strangers = [friend for friend in friends if friend not in known]
    if len(friends) <= 4 * m:
        at = rng.below(len(strangers))
        return strangers[at] if strangers else None
    while (friend := friends[rng.below(len(friends))]) in known:
        pass
    return friend


def slow_small_world(nodes, half, p, seed):
    rng = SplitMix64(seed)
    there = {frozenset((u, (u + step) % nodes)) for u in range(nodes) for step in range(1, half + 1)}
    pairs = []
    for step in range(1, half + 1):
        for node in range(nodes):
            other = (node + step) % nodes
            if rng.chance() < p and sum(node in edge for edge in there) < nodes - 1:
                fresh = rng.below(nodes)
                while fresh == node or {node, fresh} in there:
                    fresh = rng.below(nodes)
                there -= {frozenset((node, other))}
                there |= {frozenset((node, fresh))}
                other = fresh
            pairs.append((node, other))
    return pairs


def test_the_random_numbers_are_those_of_the_paper():
    """The first words after the seed 1234567, as the reference implementation (Vigna 2015) gives them."""
    rng = SplitMix64(1234567)
    assert [rng.word() for _ in range(3)] == [6457827717110365317, 3203168211198807973, 9817491932198370423]


@pytest.mark.parametrize("seed", [0, 1, 2**63 - 1])
@pytest.mark.parametrize(("nodes", "m"), [(2, 1), (60, 1), (60, 3), (20, 15)])
def test_a_network_grows_as_its_twin_does(nodes, m, seed):
    assert [tuple(pair) for pair in preferential(nodes, m, seed).tolist()] == slow_growth(nodes, m, None, seed)


@pytest.mark.parametrize("seed", [0, 1, 2**63 - 1])
@pytest.mark.parametrize(("nodes", "m", "p"), [(2, 1, 0.5), (120, 2, 1.0), (80, 4, 0.5), (20, 15, 0.9)])
def test_a_network_of_triangles_grows_as_its_twin_does(nodes, m, p, seed):
    assert [tuple(pair) for pair in clustered(nodes, m, p, seed).tolist()] == slow_growth(nodes, m, p, seed)


@pytest.mark.parametrize("seed", [0, 1, 2**63 - 1])
@pytest.mark.parametrize(("nodes", "half", "p"), [(30, 2, 0.5), (30, 1, 1.0), (7, 3, 1.0), (8, 3, 0.9), (40, 5, 0.0)])
def test_a_small_world_is_rewired_as_its_twin_is(nodes, half, p, seed):
    made = rewired(nodes, half, p, 1024, seed)
    assert [tuple(pair) for pair in made.tolist()] == slow_small_world(nodes, half, p, seed)
    assert len(np.unique(np.sort(made, axis=1), axis=0)) == half * nodes

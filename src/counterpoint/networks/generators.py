"""Networks of the textbooks, whose degrees, paths and triangles are known; the same seed makes the same network."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from counterpoint.errors import CounterpointError
from counterpoint.networks.generator_kernels import clustered, preferential, rewired
from counterpoint.networks.graph import Network
from counterpoint.rng import generator

MOST_NODES: Final = 200_000_000
MOST_EDGES: Final = 200_000_000  # about 8 GB while they are made


def barabasi_albert(nodes: int, m: int, *, rng: int | np.random.Generator) -> Network:
    """Grow a scale-free network of m (nodes - m) edges (Barabasi and Albert 1999); the share of degree k falls as k^-3.

    It begins as a star of m + 1 nodes, 0 in the middle; each further node joins m others, different ones, each drawn
    with a chance proportional to its degree.

    >>> barabasi_albert(1_000, 3, rng=1).edges
    2991
    """
    _check_growth(nodes, m)
    return _of(preferential(nodes, m, _seed(rng)), nodes)


def power_law_cluster(nodes: int, m: int, p: float, *, rng: int | np.random.Generator) -> Network:
    """Grow a scale-free network of m (nodes - m) edges with many triangles (Holme and Kim 2002).

    As `barabasi_albert`, but each but the first of a node's m edges goes with chance p to a neighbour of the node that
    it last joined by degree: a triangle. Where no such neighbour is left it is joined by degree too.

    >>> power_law_cluster(1_000, 3, 0.5, rng=1).edges
    2991
    """
    _check_growth(nodes, m)
    return _of(clustered(nodes, m, _chance("p", p), _seed(rng)), nodes)


def watts_strogatz(nodes: int, k: int, p: float, *, rng: int | np.random.Generator) -> Network:
    """Make a small world of nodes k / 2 edges (Watts and Strogatz 1998).

    Each node of a ring is joined to its k nearest, k even; then the far end of each edge moves with chance p to any
    node that is no neighbour yet. With p = 0 it is the ring, with p = 1 nearly random.

    >>> watts_strogatz(1_000, 4, 0.1, rng=1).edges
    2000
    """
    _check_nodes(nodes, 3)
    if k < 2 or k % 2 or k >= nodes:
        raise CounterpointError(f"k must be even, at least 2 and below the {nodes:,} nodes, got {k}")
    edges = _few(nodes * k // 2)
    moved = _chance("p", p) * edges + 6 * edges**0.5 + 16  # at most, but for a chance below 1e-30
    room = 1 << int(np.ceil(np.log2(2 * min(moved, edges + 1))))
    return _of(rewired(nodes, k // 2, p, room, _seed(rng)), nodes)


def erdos_renyi(
    nodes: int, *, p: float | None = None, degree: float | None = None, rng: int | np.random.Generator
) -> Network:
    """Join every pair of nodes with chance p, independently (Gilbert 1959; Erdos and Renyi 1959).

    degree : instead of p: the mean degree expected, p (nodes - 1)

    >>> 3_800 < erdos_renyi(1_000, degree=8, rng=1).edges < 4_200
    True
    """
    if (p is None) == (degree is None):
        raise CounterpointError("either p or the mean degree must be given, and not both")
    _check_nodes(nodes, 2)
    if degree is not None and not 0 <= degree <= nodes - 1:
        raise CounterpointError(f"the mean degree must lie within [0, {nodes - 1:,}], got {degree:g}")
    chance = _chance("p", p) if p is not None else (degree or 0) / (nodes - 1)
    pairs = nodes * (nodes - 1) // 2
    _few(chance * pairs)
    return _of(_pairs(_places(pairs, chance, generator(rng))), nodes)


def power_law(
    nodes: int, exponent: float, min_degree: int = 1, *, max_degree: int | None = None, rng: int | np.random.Generator
) -> Network:
    """Draw degrees from P(k) ~ k^-exponent and join their stubs at random (configuration model; Newman 2003).

    Loops and doubles that arise are left out, and counted in `dropped`: with an exponent below 3 the greatest degrees
    come out smaller than drawn. If the stubs are odd in number, a random node gets one more.

    min_degree, max_degree : degrees drawn, both included; the greatest is nodes - 1 if not given

    >>> net = power_law(1_000, 2.5, 2, rng=1)
    >>> net.nodes, net.dropped.loops + net.dropped.doubles > 0
    (1000, True)
    """
    _check_nodes(nodes, 2)
    top = nodes - 1 if max_degree is None else max_degree
    if not (np.isfinite(exponent) and exponent > 1):
        raise CounterpointError(f"the exponent must be above 1, got {exponent:g}")
    if not 1 <= min_degree <= top <= nodes - 1:
        raise CounterpointError(f"degrees must lie within [1, {nodes - 1:,}], got {min_degree:,} to {top:,}")
    rng = generator(rng)
    upto = np.cumsum(np.arange(min_degree, top + 1, dtype=np.float64) ** -exponent)
    degrees = min_degree + np.searchsorted(upto, rng.random(nodes) * upto[-1], side="right").clip(max=top - min_degree)
    degrees[rng.integers(nodes)] += degrees.sum() % 2
    _few(degrees.sum() / 2)
    stubs = np.repeat(np.arange(nodes, dtype=np.int32), degrees)
    rng.shuffle(stubs)
    return _of(stubs.reshape(-1, 2), nodes)


def complete(nodes: int) -> Network:
    """Join every pair of nodes.

    >>> complete(5).edges
    10
    """
    _check_nodes(nodes, 1)
    pairs = _few(nodes * (nodes - 1) // 2)
    return _of(_pairs(np.arange(pairs)), nodes)


def star(nodes: int) -> Network:
    """Join node 0 to all the others.

    >>> star(200).degrees[:3].tolist()
    [199, 1, 1]
    """
    _check_nodes(nodes, 1)
    return Network.of(np.zeros(nodes - 1, np.int32), np.arange(1, nodes, dtype=np.int32), nodes=nodes)


def ring(nodes: int) -> Network:
    """Join every node to the next, and the last to the first.

    >>> ring(5).degrees.tolist()
    [2, 2, 2, 2, 2]
    """
    _check_nodes(nodes, 3)
    every = np.arange(nodes, dtype=np.int32)
    return Network.of(every, np.roll(every, -1), nodes=nodes)


def _of(pairs: NDArray[np.int32], nodes: int) -> Network:
    return Network.of(pairs[:, 0], pairs[:, 1], nodes=nodes)


def _places(among: int, chance: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """Choose each of 0 ... among - 1 with a chance, by the gaps between those chosen (Batagelj and Brandes 2005)."""
    if chance == 0:
        return np.zeros(0, np.int64)
    chunks, last = [], -1
    while last < among:
        left = chance * (among - last)
        gaps = rng.geometric(chance, size=int(left + 4 * left**0.5) + 16)
        upto = last + np.cumsum(np.minimum(gaps, among + 1))
        chunks.append(upto[upto < among])
        last = int(upto[-1])
    return np.concatenate(chunks)


def _pairs(places: NDArray[np.int64]) -> NDArray[np.int32]:
    """Return the pairs (i, j), i > j, of places in the order (1, 0), (2, 0), (2, 1), (3, 0), ..."""
    high = ((1 + np.sqrt(1 + 8 * places.astype(np.float64))) / 2).astype(np.int64)
    high -= high * (high - 1) // 2 > places  # the square root may be rounded up, or down
    high += (high + 1) * high // 2 <= places
    return np.stack([high, places - high * (high - 1) // 2], axis=1, dtype=np.int32, casting="same_kind")


def _seed(rng: int | np.random.Generator) -> int:
    return int(generator(rng).integers(2**63))


def _check_nodes(nodes: int, minimum: int) -> None:
    if nodes < minimum:
        raise CounterpointError(f"this network needs {minimum} nodes or more, got {nodes:,}")
    if nodes > MOST_NODES:
        raise CounterpointError(f"a network is made with at most {MOST_NODES:,} nodes, got {nodes:,}")


def _check_growth(nodes: int, m: int) -> None:
    _check_nodes(nodes, 2)
    if not 1 <= m < nodes:
        raise CounterpointError(f"m must be at least 1 and below the {nodes:,} nodes, got {m}")
    _few(m * (nodes - m))


def _chance(name: str, value: float) -> float:
    if not 0 <= value <= 1:
        raise CounterpointError(f"{name} is a probability: it must lie within [0, 1], got {value:g}")
    return float(value)


def _few(edges: float) -> int:
    if edges > MOST_EDGES:
        raise CounterpointError(f"a network is made with at most {MOST_EDGES:,} edges; this would have {edges:,.0f}")
    return int(edges)

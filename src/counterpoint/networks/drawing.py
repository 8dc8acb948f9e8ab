"""Which part of a network a picture shows: all of a small one, of a large one some nodes around the middle."""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from counterpoint.networks.graph import Network

DRAWN_WHOLE: Final = 600  # nodes up to which a picture shows the whole network
SAMPLE_NODES: Final = 500
FOLLOWED: Final = 6  # neighbours of each node that a sample follows


class Drawn(NamedTuple):
    """The part of a network that a picture shows.

    nodes : int64[m], which nodes
    edges : int64[k, 2], between them, by their places among these
    words : which nodes they are
    """

    nodes: NDArray[np.int64]
    edges: NDArray[np.int64]
    words: str


def drawn_part(network: Network, middle: NDArray[np.integer[Any]], where: str) -> Drawn:
    """Return the part of a network that is drawn; `where` says what is in its middle."""
    kept = _sample_around(network, middle) if network.nodes > DRAWN_WHOLE else np.arange(network.nodes)
    number = np.full(network.nodes, -1)
    number[kept] = np.arange(len(kept))
    edges = number[np.stack([network.tails, network.to], axis=1)]
    edges = np.unique(np.sort(edges[(edges >= 0).all(1)], axis=1), axis=0)
    whole = f"All {len(kept):,} nodes" if len(kept) == network.nodes else f"{len(kept):,} nodes around {where}"
    return Drawn(kept, edges, whole)


def _sample_around(network: Network, sources: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Return some nodes around the sources: of each in turn a few neighbours at random, who are asked next."""
    rng, seen, asked = np.random.default_rng(0), dict.fromkeys(sources.tolist()), 0
    order = list(seen)
    while asked < len(order) and len(order) < SAMPLE_NODES:
        near = network.to[network.start[order[asked]] : network.start[order[asked] + 1]]
        for node in rng.permutation(near)[:FOLLOWED].tolist():
            if node not in seen and len(order) < SAMPLE_NODES:
                seen[node] = None
                order.append(node)
        asked += 1
    return np.sort(np.array(order, np.int64))

"""Rows are sorted, loops and doubles are left out and counted: what the kernel makes is what an obvious twin makes."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.logs import refused

from counterpoint.networks.graph import Network

NODES = 7
ENDS = st.lists(st.tuples(*[st.integers(0, NODES - 1)] * 2), max_size=40)
TIMES = st.sampled_from([-np.inf, 0.0, 1.0])


def twin(ends, directed, since):
    """The arcs, each with the first edge that made it, and how many loops and doubles there were."""
    first, loops, doubles = {}, 0, 0
    for at, (u, v) in enumerate(ends):
        key = ((u, v) if directed else (min(u, v), max(u, v)), since[at])
        if u == v:
            loops += 1
        elif key in first:
            doubles += 1
        else:
            first[key] = at
    both = [] if directed else [(v, u, time, at) for ((u, v), time), at in first.items()]
    return sorted([(u, v, time, at) for ((u, v), time), at in first.items()] + both), loops, doubles


@settings(max_examples=200)
@given(ends=ENDS, directed=st.booleans(), timed=st.booleans(), data=st.data())
def test_a_network_is_its_edges_without_loops_and_doubles_the_first_of_which_counts(ends, directed, timed, data):
    since = data.draw(st.lists(TIMES, min_size=len(ends), max_size=len(ends))) if timed else [0.0] * len(ends)
    arcs, loops, doubles = twin(ends, directed, since)
    net = Network.of(
        [u for u, _ in ends],
        [v for _, v in ends],
        nodes=NODES,
        directed=directed,
        weight=np.arange(len(ends)) + 1.0,
        since=since if timed else None,
    )
    assert list(zip(net.tails.tolist(), net.to.tolist(), (net.weight - 1).tolist(), strict=True)) == [
        (u, v, at) for u, v, _, at in arcs
    ]
    assert (net.dropped.loops, net.dropped.doubles) == (loops, doubles)
    assert net.edges + loops + doubles == len(ends)
    assert not timed or net.since.tolist() == [time for _, _, time, _ in arcs]


@settings(max_examples=50)
@given(ends=ENDS, seed=st.integers(0, 99))
def test_relabelling_nodes_changes_nothing_but_labels(ends, seed):
    new = np.random.default_rng(seed).permutation(NODES)
    net = Network.of([u for u, _ in ends], [v for _, v in ends], nodes=NODES)
    other = Network.of([new[u] for u, _ in ends], [new[v] for _, v in ends], nodes=NODES)
    assert (other.matrix.toarray()[np.ix_(new, new)] == net.matrix.toarray()).all()


def test_ends_of_any_whole_type_are_taken():
    for kind in (np.uint8, np.uint64, np.int16, np.int64):
        assert Network.of(np.array([0, 1], kind), np.array([1, 2], kind)).edges == 2
    assert Network.of([], [], nodes=3).nodes == 3


@pytest.mark.parametrize(
    ("ends", "columns", "says"),
    [
        (([0], [3]), {}, "node number 3; the nodes are 0 to 2"),
        (([-1], [0]), {}, "node number -1"),
        (([0.5], [1]), {}, "whole numbers"),
        (([0, 1], [1]), {}, "two ends"),
        (([0], [1]), {"weight": [0]}, "above 0"),
        (([0], [1]), {"weight": [1, 2]}, "one value an edge"),
        (([0], [1]), {"since": [2], "until": [2]}, "end after it begins"),
        (([0], [1]), {"since": [np.nan]}, "got nan"),
    ],
)
def test_edges_that_cannot_be_are_refused(ends, columns, says):
    with refused(says):
        Network.of(*ends, nodes=3, **columns)


def test_names_that_are_not_all_different_are_refused():
    with refused("must differ"):
        Network.of([0], [1], nodes=pl.Series(["a", "a"]))

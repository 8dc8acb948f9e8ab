"""How fast a rumour spreads beside the peers' simulators, and how near the machine's limits.

    python benchmarks/spread.py --to FOLDER --cases sir,composite,eon,graphtool,cynetdiff,sidr,facebook,gather,growth
        [--facebook FILE] [--graphtool PYTHON] [--runs 8] [--scale 0.02]

needs `pip install ndlib six EoN cynetdiff networkx` beside Counterpoint. graph-tool is not on PyPI: Debian has it, as
python3-graph-tool, and --graphtool names the Python that can import it (this one, if nothing is said). As it may want
another numpy than ours it runs in a process of its own, on the same network, a run of ours and one of its by turns.

    sir       : SIR to the end, beside NDlib's SIRModel
    composite : SIDR to the end, beside 31 steps of NDlib's CompositeModel: the nearest that NDlib has, and another
                process: no contacts, once a step it asks whether there is any neighbour in the state. And no classes
    eon       : the cascade, beside EoN's basic_discrete_SIR; SIR beside its fast_SIR: continuous time, another process
    graphtool : SIR beside graph-tool's SIRState, in steps
    cynetdiff : the cascade beside CyNetDiff, every edge two arcs
    sidr      : SIDR of a million nodes to the end, seconds
    facebook  : SIDR runs a second on the network of an edge list, every run from a source of its own
    gather    : what the machine can gather and copy, and each simulator's share of it
    growth    : seconds an edge and bytes a node of SIDR, from a hundred thousand to ten million nodes

Networks grow by preferential attachment, m = 5. A source is drawn for each run, and the peer begins at the same one;
what is timed of a peer is the spreading, without its own setting up; of ours it is all that `simulate` does. Seconds
are of runs that took off (reached 1 % of the nodes). Where a peer's law is ours, shares reached, peaks of I and shares
of runs that took off are compared: how many standard errors they differ by. All loops are compiled before.

What was measured is kept in FOLDER/results.jsonl, one line a case, size and number of runs: a second run goes on where
the first stopped. --scale makes every network smaller, to try this out; --runs says how often the peers run.
"""

import argparse
import gc
import json
import os
import subprocess
import sys
import time
from array import array
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

import numba
import numpy as np
import polars as pl
from numba import njit, prange

from counterpoint.networks.generators import barabasi_albert
from counterpoint.networks.graph import Network
from counterpoint.networks.readers import read
from counterpoint.spread.engines.by_counts import law_of
from counterpoint.spread.engines.by_counts_kernels import PUSH
from counterpoint.spread.engines.replicas_kernels import COUNT, WORDS, address, load, nothing, store
from counterpoint.spread.models.model import Model
from counterpoint.spread.models.presets import model
from counterpoint.spread.outbreaks import TAKEOFF_SHARE, Outbreaks
from counterpoint.spread.simulation import Simulator, simulate

THREADS: Final = numba.config.NUMBA_NUM_THREADS
M: Final = 5
LEAST: Final = 2_000  # nodes, however small the scale
OURS: Final = 40  # runs of ours at least, where one of the peer's takes so much longer
HUNDRED: Final = 100_000
MILLION: Final = 1_000_000
SIR: Final = model("sir", spread=0.05, recover=0.1)
CASCADE: Final = model("cascade", spread=0.2)
SIDR: Final = model("sidr")


class Run(NamedTuple):
    """One run: seconds, the share of nodes it reached, and the greatest share in I."""

    seconds: float
    reached: float
    peak: float


Peer = Callable[[int, int], Run]
"""Runs once from a source, with a seed."""


# What is measured of ours.


@contextmanager
def on(threads: int) -> Iterator[None]:
    before = numba.get_num_threads()
    numba.set_num_threads(threads)
    try:
        yield
    finally:
        numba.set_num_threads(before)


def grown(nodes: int) -> Network:
    network = barabasi_albert(nodes, M, rng=nodes)
    network.heard  # noqa: B018  made once, then kept
    return network


def compiled(law: Model, simulator: Simulator | None = None, **how: Any) -> None:
    """Compile whatever a run of this model needs, on a network that takes no time."""
    tiny = barabasi_albert(8_000, M, rng=1)
    simulate(tiny, law, simulator=simulator, rng=1, **how)


def timed(network: Network, law: Model, seed: int, **how: Any) -> tuple[Outbreaks, float]:
    begin = time.perf_counter()
    out = simulate(network, law, rng=seed, **how)
    return out, time.perf_counter() - begin


def each_run(out: Outbreaks, seconds: float) -> list[Run]:
    peak = out.stock("I").max(axis=1)
    shares = out.reached / out.network.nodes
    return [Run(seconds, *map(float, pair)) for pair in zip(shares, peak, strict=True)]


# The peers, each on the network that is ours.


def as_networkx(network: Network) -> Any:
    import networkx as nx

    graph = nx.Graph()
    graph.add_nodes_from(range(network.nodes))
    graph.add_edges_from(ends(network).tolist())
    return graph


def ends(network: Network) -> np.ndarray:
    once = network.tails < network.to
    return np.stack([network.tails[once], network.to[once]], axis=1)


def ndlib_sir(network: Network) -> Peer:
    """NDlib 6: every neighbour in I at the step's start is tried by itself, and I leaves with gamma: our broadcast."""
    from ndlib.models.epidemics import SIRModel
    from ndlib.models.ModelConfig import Configuration

    graph = as_networkx(network)

    def run(source: int, seed: int) -> Run:
        peer, told = SIRModel(graph, seed=seed), Configuration()
        told.add_model_parameter("beta", 0.05)
        told.add_model_parameter("gamma", 0.1)
        told.add_model_initial_configuration("Infected", [source])
        peer.set_initial_status(told)
        begin, infected = time.perf_counter(), [1]
        while infected[-1]:
            count = peer.iteration(node_status=False)["node_count"]
            infected.append(count[1])
        return Run(time.perf_counter() - begin, 1 - count[0] / network.nodes, max(infected) / network.nodes)

    return run


def ndlib_composite(network: Network) -> Peer:
    from ndlib.models.compartments.NodeStochastic import NodeStochastic
    from ndlib.models.CompositeModel import CompositeModel
    from ndlib.models.ModelConfig import Configuration

    graph = as_networkx(network)
    rules = {
        ("Susceptible", "Infected", "Infected"): 0.4,
        ("Susceptible", "Denied", "Infected"): 0.3,
        ("Infected", "Removed", "Infected"): 0.6,
        ("Infected", "Denied", "Denied"): 0.5,
        ("Denied", "Removed", "Infected"): 0.6,
        ("Denied", "Removed", "Denied"): 0.6,
    }

    def run(source: int, seed: int) -> Run:
        np.random.seed(seed)  # noqa: NPY002  it knows no other
        peer, told = CompositeModel(graph), Configuration()
        for state in ("Susceptible", "Infected", "Denied", "Removed"):
            peer.add_status(state)
        for (state, into, met), chance in rules.items():
            peer.add_rule(state, into, NodeStochastic(chance, triggering_status=met))
        told.add_model_initial_configuration("Infected", [source])
        peer.set_initial_status(told)
        begin = time.perf_counter()
        counts = [peer.iteration(node_status=False)["node_count"] for _ in range(31)]  # the first is step 0
        seconds = time.perf_counter() - begin
        return Run(seconds, 1 - counts[-1][0] / network.nodes, max(count[1] for count in counts) / network.nodes)

    return run


def eon_discrete(network: Network) -> Peer:
    """EoN 2: who is in I tries each neighbour once and leaves in the next step: the cascade."""
    import EoN

    return _eon(network, lambda graph, **given: EoN.basic_discrete_SIR(graph, 0.2, **given))


def eon_fast(network: Network) -> Peer:
    import EoN

    return _eon(network, lambda graph, **given: EoN.fast_SIR(graph, 0.05, 0.1, **given))


def _eon(network: Network, spread: Callable[..., Any]) -> Peer:
    graph = as_networkx(network)

    def run(source: int, seed: int) -> Run:
        begin = time.perf_counter()
        _, left, infected, _ = spread(graph, initial_infecteds=source, rng=np.random.default_rng(seed))
        seconds = time.perf_counter() - begin
        return Run(seconds, 1 - float(left[-1]) / network.nodes, float(max(infected)) / network.nodes)

    return run


def cynetdiff(network: Network) -> Peer:
    """CyNetDiff: who was won last tries each neighbour once: the cascade."""
    from cynetdiff.models import IndependentCascadeModel

    start, to = array("I"), array("I")
    start.frombytes(network.start[:-1].astype(np.uint32).tobytes())
    to.frombytes(network.to.astype(np.uint32).tobytes())

    def run(source: int, seed: int) -> Run:
        peer = IndependentCascadeModel(start, to, activation_prob=0.2, rng=seed)
        peer.set_seeds([source])
        begin, won = time.perf_counter(), [0, 1]
        while won[-1] > won[-2]:
            peer.advance_model()
            won.append(peer.get_num_activated_nodes())
        return Run(time.perf_counter() - begin, won[-1] / network.nodes, max(np.diff(won)) / network.nodes)

    return run


PYTHON: Final = "GRAPH_TOOL_PYTHON"  # the variable that tells which Python can import it
GRAPH_TOOL: Final = """
import sys, time
import numpy as np
from graph_tool import Graph, openmp_set_num_threads, seed_rng
from graph_tool.dynamics import SIRState
openmp_set_num_threads(int(sys.argv[2]))
graph = Graph(directed=False)
graph.add_vertex(int(sys.argv[3]))
graph.add_edge_list(np.load(sys.argv[1]))
print("ready", flush=True)
for line in sys.stdin:
    source, seed = map(int, line.split())
    seed_rng(seed)
    state = SIRState(graph, beta=0.05, gamma=0.1, v0=graph.vertex(source))
    begin, infected = time.perf_counter(), [1]
    while infected[-1]:
        state.iterate_sync()
        infected.append(int((state.get_state().fa == 1).sum()))
    seconds = time.perf_counter() - begin
    reached = float((state.get_state().fa != 0).mean())
    print(seconds, reached, max(infected) / graph.num_vertices(), flush=True)
"""


def graph_tool(threads: int) -> Callable[[Network], Peer]:
    """graph-tool 2: a node with k neighbours in I is infected with 1 - (1 - beta)^k: our broadcast."""

    def begun(network: Network) -> Peer:
        with TemporaryDirectory() as folder:
            np.save(edges := Path(folder) / "edges.npy", ends(network))
            given = [str(edges), str(threads), str(network.nodes)]
            command = [os.environ.get(PYTHON, sys.executable), "-c", GRAPH_TOOL, *given]
            child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            if child.stdout is None or child.stdin is None or child.stdout.readline() != "ready\n":
                raise ImportError(f"{command[0]} cannot run graph-tool")

        def run(source: int, seed: int) -> Run:
            print(source, seed, file=child.stdin, flush=True)
            return Run(*map(float, child.stdout.readline().split()))

        return run

    return begun


# Ours beside a peer.


@dataclass(frozen=True)
class Contest:
    """Our model on a network of so many nodes, and peers that run so often; bars: how many times as fast ours is.

    same : whether the law of the first peers is ours
    """

    title: str
    nodes: int
    law: Model
    peers: Mapping[str, Callable[[Network], Peer]]
    runs: int
    bars: tuple[float, ...] = ()
    same: bool = True


ALL_THREADS: Final = f"graph-tool, {THREADS} threads"
TOOLS: Final = {"graph-tool, 1 thread": graph_tool(1)} | ({ALL_THREADS: graph_tool(THREADS)} if THREADS > 1 else {})
CONTESTS: Final[Mapping[str, tuple[Contest, ...]]] = {
    "sir": (Contest("SIR .05 .1", HUNDRED, SIR, {"NDlib SIRModel": ndlib_sir}, 8, (110, 200)),),
    "composite": (
        Contest(
            "SIDR (NDlib: 31 steps)", HUNDRED, SIDR, {"NDlib Composite": ndlib_composite}, 5, (240, 500), same=False
        ),
    ),
    "eon": (
        Contest("cascade .2", HUNDRED, CASCADE, {"EoN basic_discrete_SIR": eon_discrete}, 12),
        Contest("SIR .05 .1 (EoN: continuous time)", HUNDRED, SIR, {"EoN fast_SIR": eon_fast}, 8, same=False),
    ),
    "graphtool": (
        Contest("SIR .05 .1", HUNDRED, SIR, TOOLS, 20, (1, 3)),
        Contest("SIR .05 .1", MILLION, SIR, TOOLS, 8, (1, 3)),
    ),
    "cynetdiff": (Contest("cascade .2", MILLION, CASCADE, {"CyNetDiff": cynetdiff}, 20, (0.6, 1.5)),),
    "sidr": (Contest("SIDR", MILLION, SIDR, {}, 20),),
}
WAYS: Final[Mapping[str, tuple[Simulator | None, int]]] = {
    f"ours as chosen, {THREADS} threads": (None, THREADS),
    f"ours wide, {THREADS} threads": ("single-large", THREADS),
    "ours, 1 thread": ("per-run", 1),
}
CHOSEN: Final = next(iter(WAYS))


def met(contest: Contest) -> dict[str, Any]:
    """Run ours in every way and every peer from the same sources, by turns; ours goes on alone to `OURS` runs."""
    network = grown(contest.nodes)
    peers = {name: begin(network) for name, begin in contest.peers.items()}
    for simulator, threads in WAYS.values():
        with on(threads):
            compiled(contest.law, simulator)
    found: dict[str, list[Run]] = {name: [] for name in (*WAYS, *peers)}
    engines = {}
    for seed in range(max(contest.runs, OURS)):
        for name, (simulator, threads) in WAYS.items():
            if name == CHOSEN or seed < contest.runs:
                with on(threads):
                    out, seconds = timed(network, contest.law, seed, simulator=simulator)
                found[name] += each_run(out, seconds)
                engines[name] = out.simulator
        for name, peer in peers.items() if seed < contest.runs else ():
            gc.collect()
            found[name].append(peer(int(out.sources[0, 0]), seed))
    return {"simulator": engines[CHOSEN], "edges": network.edges, "found": found}


def contest_case(results: "Results", case: str, scale: float, runs: int | None) -> None:
    for place, contest in enumerate(CONTESTS[case]):
        wanted = replace(contest, nodes=scaled(contest.nodes, scale), runs=runs or contest.runs)
        labels = {"case": case, "contest": place, "nodes": wanted.nodes, "runs": wanted.runs}
        line = results.kept(lambda labels=labels: apart("contest", labels), **labels)
        if "missing" in line:
            print(f"\n{case}: not measured: {line['missing']}")
            continue
        tell(case, wanted, line)


def tell(case: str, contest: Contest, line: Mapping[str, Any]) -> None:
    found = {name: np.array(runs) for name, runs in line["found"].items()}
    off = {name: runs[runs[:, 1] >= TAKEOFF_SHARE] for name, runs in found.items()}
    print(f"\n{case}: {contest.title}, {contest.nodes:,} nodes, m = {M}; ours as chosen is {line['simulator']!r}")
    print(f"{'':30}{'seconds: median (quartiles), n':>44}{'reached (s.e.)':>22}{'peak (s.e.)':>22}  took off")
    for name, runs in off.items():
        shares = "".join(f"{mean(runs[:, at])[0]:12.5f} ({mean(runs[:, at])[1]:.5f})" for at in (1, 2))
        print(f"{name:30}{spread_of(runs[:, 0]):>44}{shares}  {len(runs)} of {len(found[name])}")
    if case == "sidr":
        print("bars: .87, then .40 seconds")
    for peer in contest.peers:
        against = ", ".join(f"{np.median(off[peer][:, 0]) / np.median(off[way][:, 0]):.3g} ({way})" for way in WAYS)
        bars = f"; bars {', then '.join(f'{bar:g}' for bar in contest.bars)}" if contest.bars else ""
        print(f"times as fast as {peer}: {against}{bars}")
        if contest.same:
            off_by = [apart_by(mean(off[CHOSEN][:, at]), mean(off[peer][:, at])) for at in (1, 2)]
            off_by.append(shares_apart(found[CHOSEN][:, 1] >= TAKEOFF_SHARE, found[peer][:, 1] >= TAKEOFF_SHARE))
            print("  same law? standard errors apart: reached {:+.1f}, peak {:+.1f}, took off {:+.1f}".format(*off_by))
        else:
            print("  another process: a ratio of seconds, and no check")


def mean(values: np.ndarray) -> tuple[float, float]:
    """Return mean and standard error; of fewer than two values that is unknown."""
    if len(values) < 2:
        return (float(values.mean()) if len(values) else np.nan), np.nan
    return float(values.mean()), float(values.std(ddof=1) / len(values) ** 0.5)


def apart_by(one: tuple[float, float], other: tuple[float, float]) -> float:
    error = float(np.hypot(one[1], other[1]))
    return (one[0] - other[0]) / error if error else 0.0


def shares_apart(one: np.ndarray, other: np.ndarray) -> float:
    """Return by how many standard errors two shares differ, if both are of one law: pooled."""
    whole = float(np.concatenate([one, other]).mean())
    error = (whole * (1 - whole) * (1 / len(one) + 1 / len(other))) ** 0.5
    return float(one.mean() - other.mean()) / error if error else 0.0


def spread_of(values: Any) -> str:
    if not len(values):
        return "none took off"
    low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
    return f"{middle:.4g} ({low:.4g} to {high:.4g}), n = {len(values)}"


# Many runs on a real network.


CROWDS: Final[Mapping[str, tuple[Simulator, int, int]]] = {
    f"bit-parallel, {THREADS} threads": ("bit-parallel", THREADS, 8192),
    "bit-parallel, 1 thread": ("bit-parallel", 1, 8192),
    f"per-run, {THREADS} threads": ("per-run", THREADS, 2048),
    "per-run, 1 thread": ("per-run", 1, 1024),
}


def crowds(file: str, times: int, scale: float) -> dict[str, Any]:
    network = read(Path(file))
    found: dict[str, Any] = {}
    for simulator in ("bit-parallel", "per-run"):
        compiled(SIDR, simulator, runs=2)
    for seed in range(times):
        for name, (simulator, threads, runs) in CROWDS.items():
            count = max(COUNT, int(runs * scale))
            with on(threads):
                out, seconds = timed(network, SIDR, seed, runs=count, simulator=simulator)
            line = found.setdefault(name, {"runs": count, "a second": [], "reached": [], "peak": []})
            line["a second"].append(count / seconds)
            if threads == THREADS:
                off = np.array(each_run(out, seconds))[out.took_off]
                line["reached"] += off[:, 1].tolist()
                line["peak"] += off[:, 2].tolist()
                line["took off"] = line.get("took off", 0) + len(off)
    return {"nodes": network.nodes, "edges": network.edges, "found": found}


def facebook_case(results: "Results", file: Path, times: int, scale: float) -> None:
    labels = {"case": "facebook", "file": file.name, "times": times, "scale": scale}
    given = {"file": str(file), "times": times, "scale": scale}
    line = results.kept(lambda: apart("crowds", given), **labels)
    print(f"\nfacebook: SIDR, {line['nodes']:,} nodes, {line['edges']:,} edges; bars 6,000, then 20,000 runs a second")
    print(f"{'':20}{'per-run':>8}{'runs a second: median (quartiles), n':>44}")
    for name, told in line["found"].items():
        print(f"{name:20}{told['per-run']:8,}{spread_of(told['a second']):>44}")
    one, other = (line["found"][name] for name in (f"bit-parallel, {THREADS} threads", f"per-run, {THREADS} threads"))
    by = {what: apart_by(mean(np.array(one[what])), mean(np.array(other[what]))) for what in ("reached", "peak")}
    for name, told in (("bit-parallel", one), ("per-run", other)):
        means = ", ".join("{} {:.5f} (s.e. {:.5f})".format(what, *mean(np.array(told[what]))) for what in by)
        print(f"{name}: {told['took off']:,} of {told['per-run'] * times:,} took off; {means}")
    print("  same law? standard errors apart: " + ", ".join(f"{what} {value:+.1f}" for what, value in by.items()))


# The machine's limits, and what of them is used.


@njit
def _sum(to, state):
    """Four sums at a time, so that no sum waits for another: the fastest of the loops tried."""
    a = b = c = d = np.uint32(0)
    whole = len(to) // 4 * 4
    for at in range(0, whole, 4):
        a += np.uint32(state[to[np.uint64(at)]])
        b += np.uint32(state[to[np.uint64(at + 1)]])
        c += np.uint32(state[to[np.uint64(at + 2)]])
        d += np.uint32(state[to[np.uint64(at + 3)]])
    for at in range(whole, len(to)):
        a += np.uint32(state[to[at]])
    return np.uint64(a) + np.uint64(b) + np.uint64(c) + np.uint64(d)


@njit(parallel=True)
def gathered(cuts, to, state):
    """Return the sum of state[to[i]] over all arcs i, a byte each."""
    total = np.uint64(0)
    for piece in prange(len(cuts) - 1):
        total += _sum(to[cuts[piece] : cuts[piece + 1]], state)
    return total


@njit
def _combined(to, rows, found):
    all_ = nothing()
    for u in to:
        all_ = all_ ^ load(address(rows), np.int64(u))
    store(address(found), 0, all_)
    return len(rows) + len(found)  # they are kept until here


@njit(parallel=True)
def rows_gathered(cuts, to, rows):
    """Combine the rows of eight words, 64 bytes, of all that the arcs lead to."""
    for piece in prange(len(cuts) - 1):
        _combined(to[cuts[piece] : cuts[piece + 1]], rows, np.zeros(WORDS, np.uint64))


@njit(parallel=True)
def copied(cuts, old, new):
    for piece in prange(len(cuts) - 1):
        new[cuts[piece] : cuts[piece + 1]] = old[cuts[piece] : cuts[piece + 1]]


def speeds(work: Callable[[], Any], amount: float, times: int) -> list[float]:
    work()
    clock = [time.perf_counter()]
    for _ in range(times):
        work()
        clock.append(time.perf_counter())
    return (amount / np.diff(clock)).tolist()


def limits(network: Network, times: int, megabytes: int) -> dict[str, list[float]]:
    """Return gathers of bytes and of 64-byte rows a second, over the network's arcs, and bytes read and written."""
    arcs, to = len(network.to), network.heard[1].view(np.uint32)
    rng = np.random.default_rng(0)
    state, rows = rng.integers(4, size=network.nodes, dtype=np.uint8), rng.integers(9, size=network.nodes * WORDS)
    rows, old = rows.astype(np.uint64), np.ones(megabytes << 17, np.uint64)
    new, again = np.zeros_like(old), max(1, 10_000_000 // arcs)  # so that starting the threads does not count
    found = {}
    for threads in sorted({1, THREADS}):
        cuts, parts = (np.arange(16 * threads + 1) * size // (16 * threads) for size in (arcs, len(old)))
        with on(threads):
            found[f"byte {threads}"] = speeds(
                lambda cuts=cuts: [gathered(cuts, to, state) for _ in range(again)], again * arcs, times
            )
            found[f"row {threads}"] = speeds(
                lambda cuts=cuts: [rows_gathered(cuts, to, rows) for _ in range(again)], again * arcs, times
            )
            found[f"copy {threads}"] = speeds(lambda parts=parts: copied(parts, old, new), 2 * old.nbytes, times)
    return found


def visits(network: Network, law: Model, seed: int) -> dict[str, float]:
    """Return how many arcs a run visits by "per-run" and "single-large", and along how many changes are told.

    The run is done again to every one of its steps: who changed is then known, and with that whether it pushed
    along the arcs of who changed or counted along those of all who may still hear.
    """
    arrays = law_of(law, 1.0)
    silent = arrays.inert | arrays.deaf
    if (silent != silent[0]).any():
        raise ValueError(f"in {law.name} who hears nothing differs between classes")
    ended = int(simulate(network, law, simulator="single-large", rng=seed).ended[0])
    degrees, before = network.degrees, None
    done = told = 0
    for step in range(1, ended + 1):
        out = simulate(network, law, simulator="single-large", rng=seed, steps=step, keep="nodes")
        if before is None:
            before, anew = np.zeros(network.nodes, np.uint8), True
            before[out.sources[0]] = law.number(law.source)
        now = out.last[0]
        spoken = int(degrees[now != before].sum())
        done += int(degrees[~silent[0][before]].sum()) if anew else 0
        anew = PUSH * spoken > len(network.to)
        done += 0 if anew else spoken
        told, before = told + spoken, now
    done += int(degrees[~silent[0][before]].sum()) if anew else 0
    return {"done": done, "told": told, "steps": ended}


class Shared(NamedTuple):
    """An simulator on a network: threads, runs at once, what one of its gathers fetches."""

    simulator: Simulator
    threads: int
    runs: int
    unit: str


USED: Final[Mapping[int, tuple[Shared, ...]]] = {
    MILLION: (
        Shared("single-large", THREADS, 1, "byte"),
        Shared("single-large", 1, 1, "byte"),
        Shared("per-run", 1, 1, "byte"),
    ),
    HUNDRED: (
        Shared("per-run", 1, 1, "byte"),
        Shared("per-run", THREADS, 16, "byte"),
        Shared("bit-parallel", THREADS, 8 * COUNT, "row"),
        Shared("bit-parallel", 1, 2 * COUNT, "row"),
        Shared("pairwise", 1, 1, "byte"),
    ),
}
WHAT: Final = """A run's gathers, by simulator:
  wide, runs : the arcs visited: in a step in which all count anew, those of everybody whom a contact may still change;
               in any other, those of who changed. Taken from one run that took off, seed by seed the same
  lanes      : rows of 512 lanes: steps of all runs / 512, times arcs, times the 2 states that matter to those who meet
               them; as if no lane was ever empty and no node was ever over in all lanes
  pairs      : one for everybody who posts, in every step (the reading sidr-pairwise)
  told       : the least that any way of counting needs: every change told once along the arcs of who changed
Share: gathers a second, of what the loop above does on as many threads (rows: of the loop over rows)."""


def shares(nodes: int, of: int, times: int) -> dict[str, Any]:
    network = grown(nodes)
    found = {"limits": limits(network, times, 256 if of == MILLION else 64), "used": []}
    seed = next(s for s in range(100) if simulate(network, SIDR, rng=s, simulator="per-run").took_off.all())
    counted = visits(network, SIDR, seed)
    looked_at = simulate(network, SIDR, rng=seed, simulator="per-run").reached[0]
    for simulator, threads, runs, unit in USED[of]:
        law = model("sidr-pairwise") if simulator == "pairwise" else SIDR
        compiled(law, simulator, runs=min(runs, 2))
        seconds, gathers, told = [], [], []
        for number in range(times):
            with on(threads):
                out, took = timed(network, law, seed if runs == 1 else number, runs=runs, simulator=simulator)
            seconds.append(took / runs)
            if simulator == "pairwise":
                gathers.append(float(out.stocks[:, :, [1, 2]].sum() / runs))
            elif simulator == "bit-parallel":
                gathers.append(2.0 * len(network.to) * float((out.ended + 1).sum()) / COUNT / runs)
            else:
                # Runs that touch other shares than the one that was looked at closely visit in proportion.
                part = float(out.reached.mean() / looked_at)
                gathers.append(counted["done"] * part)
                told.append(counted["told"] * part)
        found["used"].append(
            {"simulator": simulator, "threads": threads, "runs": runs, "unit": unit, "seconds": seconds}
            | {"gathers": gathers, "told": told}
        )
    return {**found, **counted, "arcs": len(network.to)}


def gather_case(results: "Results", scale: float, times: int) -> None:
    for of in USED:
        nodes = scaled(of, scale)
        labels = {"case": "gather", "of": of, "nodes": nodes, "times": times}
        given = {"nodes": nodes, "of": of, "times": times}
        line = results.kept(lambda given=given: apart("shares", given), **labels)
        print(f"\ngather: SIDR, {nodes:,} nodes, {line['arcs']:,} arcs; bars: none, the limit is 100 %")
        for name, values in line["limits"].items():
            kind, threads = name.split()
            what = {"byte": "bytes gathered", "row": "rows of 64 bytes gathered", "copy": "bytes copied"}[kind]
            print(f"{what + ', G a second, ' + threads + ' threads':50}{spread_of(np.array(values) / 1e9):>44}")
        print(f"a run that took off: {line['steps']} steps, {line['done']:,} arcs visited, {line['told']:,} told")
        print(f"{'':30}{'seconds a run: median (quartiles), n':>44}{'gathers a run':>16}{'share':>9}{'told':>9}")
        for used in line["used"]:
            limit = np.median(line["limits"][f"{used['unit']} {used['threads']}"])
            part = f"{np.median(np.array(used['gathers']) / used['seconds']) / limit:9.1%}"
            if used["told"]:
                part += f"{np.median(np.array(used['told']) / used['seconds']) / limit:9.1%}"
            name = f"{used['simulator']}, {used['per-run']} at once, {used['threads']} threads"
            print(f"{name:30}{spread_of(used['seconds']):>44}{np.median(used['gathers']):16,.0f}{part}")
    print(WHAT)


# Time and memory as networks grow.


GROWTH: Final = (HUNDRED, MILLION, 10 * MILLION)


def memory(what: str) -> int:
    """Return the bytes of this process, now (VmRSS) or at most since the last `forgotten` (VmHWM); Linux only."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(what))


def forgotten() -> None:
    """Let the highest memory be what is used now: compiling took more than a small network needs."""
    Path("/proc/self/clear_refs").write_text("5")


def made(nodes: int, path: str) -> dict[str, Any]:
    network = barabasi_albert(nodes, M, rng=nodes)
    np.savez(path, start=network.start, to=network.to)
    return {}


def measured(nodes: int, path: str, runs: int) -> dict[str, Any]:
    for simulator in ("single-large", "per-run"):
        compiled(SIDR, simulator)
    with np.load(path) as kept:
        network = Network(pl.Series("node", np.arange(nodes)), kept["start"], kept["to"])
    gc.collect()
    forgotten()
    before, found = memory("VmRSS"), {"bytes": [], "reached": []}
    ways: dict[str, tuple[Simulator | None, int]] = {"chosen": (None, THREADS), "per-run, 1 thread": ("per-run", 1)}
    for seed in range(runs):
        for name, (simulator, threads) in ways.items():
            with on(threads):
                out, seconds = timed(network, SIDR, seed, simulator=simulator)
            if name == "chosen":
                found["bytes"].append((memory("VmHWM") - before) / nodes)
                found["reached"].append(float(out.reached[0] / nodes))
                found["simulator"] = out.simulator
            found.setdefault(name, []).append(seconds / network.edges)
    return found


def growth_case(results: "Results", scale: float, runs: int) -> None:
    print(f"\ngrowth: SIDR, m = {M}, runs that took off; bars: at most 3 times as long an edge, and 40 bytes a node")
    print(f"{'nodes':>12}{'ns an edge: median (quartiles), n':>44}{'the same, 1 thread':>44}{'bytes a node':>14}")
    rates = []
    for of in GROWTH:
        nodes = scaled(of, scale)
        path = results.home / f"grown-{nodes}.npz"
        labels = {"case": "growth", "of": of, "nodes": nodes, "runs": runs}

        def measure(nodes: int = nodes, path: Path = path) -> dict[str, Any]:
            apart("made", {"nodes": nodes, "path": str(path)})
            try:
                return apart("measured", {"nodes": nodes, "path": str(path), "runs": runs})
            finally:
                path.unlink()

        line = results.kept(measure, **labels)
        off = np.array(line["reached"]) >= TAKEOFF_SHARE
        each = [np.array(line[name])[off] * 1e9 for name in ("chosen", "per-run, 1 thread")]
        rates.append([np.median(values) for values in each])
        columns = "".join(f"{spread_of(values):>44}" for values in each)
        print(
            f"{nodes:12,}{columns}{line['bytes'][0]:9.1f} first, {line['bytes'][-1]:.1f} at most  {line['simulator']}"
        )
    last = np.array(rates[-1]) / rates[0]
    print(
        f"an edge of the largest takes {last[0]:.2f} times as long as one of the smallest; on one thread {last[1]:.2f}"
    )
    print("bytes: the most that was held above the modules and the network's own arrays, in a process of its own")


# What is kept, and where it is measured.


class Results:
    """Lines that are kept: what is there is not measured again."""

    def __init__(self, home: Path) -> None:
        self.home, self.path = home, home / "results.jsonl"
        home.mkdir(parents=True, exist_ok=True)

    def kept(self, measure: Callable[[], dict[str, Any]], **labels: Any) -> dict[str, Any]:
        """Return the line with these labels, measured now if there is none."""
        lines = map(json.loads, self.path.read_text().splitlines()) if self.path.exists() else ()
        for line in lines:
            if all(line.get(name) == value for name, value in labels.items()):
                return line
        begin = time.perf_counter()
        found = measure()
        found = {**labels, "threads": THREADS, **found, "took": round(time.perf_counter() - begin, 2)}
        if "missing" not in found:
            with self.path.open("a") as file:
                file.write(json.dumps(found) + "\n")
        return found


def apart(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Measure in a process of its own."""
    command = [sys.executable, __file__, "--apart", name, json.dumps(given)]
    ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(ran.stdout.splitlines()[-1])


def contest_of(case: str, contest: int, nodes: int, runs: int) -> dict[str, Any]:
    try:
        return met(replace(CONTESTS[case][contest], nodes=nodes, runs=runs))
    except ImportError as error:
        return {"missing": str(error)}


APART: Final[Mapping[str, Callable[..., dict[str, Any]]]] = {
    "contest": contest_of,
    "crowds": crowds,
    "shares": shares,
    "made": made,
    "measured": measured,
}


def scaled(nodes: int, scale: float) -> int:
    return max(LEAST, int(nodes * scale))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--cases", default=",".join((*CONTESTS, "gather", "growth")))
    parser.add_argument("--facebook", type=Path)
    parser.add_argument("--graphtool", metavar="PYTHON", default=sys.executable)
    parser.add_argument("--runs", type=int)
    parser.add_argument("--scale", type=float, default=1.0)
    asked = parser.parse_args()
    os.environ[PYTHON] = asked.graphtool
    results, cases = Results(asked.to), asked.cases.split(",")
    if wrong := set(cases) - {*CONTESTS, "facebook", "gather", "growth"}:
        parser.error(f"no case {', '.join(sorted(wrong))}")
    for case in cases:
        if case in CONTESTS:
            contest_case(results, case, asked.scale, asked.runs)
    if "facebook" in cases:
        if asked.facebook is None:
            parser.error("the case facebook needs --facebook FILE")
        facebook_case(results, asked.facebook, asked.runs or 5, asked.scale)
    if "gather" in cases:
        gather_case(results, asked.scale, asked.runs or 7)
    if "growth" in cases:
        growth_case(results, asked.scale, asked.runs or 7)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--apart"]:
        print(json.dumps(APART[sys.argv[2]](**json.loads(sys.argv[3]))))
    else:
        main()

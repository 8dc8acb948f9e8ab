"""How often the source of a rumour is found, by every detector on the same snapshots, beside the paper and peers.

    python benchmarks/trace.py --to FOLDER [--cells active-pull-3,facebook,pull] [--detectors 'ensemble;lpsi']
        [--tables] [--facebook FILE] [--weibo FOLDER] [--peers PYTHON] [--snapshots 1000] [--slow 300]
        [--seconds 300]

Cells, in the order in which they are run; T0 is the median step of the peak of I over the runs that take off, and the
paper's five times are its thirds, halves and whole, rounded up:

    active-pull : SIDR, each node takes one interaction a step; Barabasi-Albert, 1,000 nodes, m = 3; 5 reached or more
    facebook : the same on the edge list --facebook
    sidr     : SIDR as we read it by default, on the first network, after 2, 4 and 6 steps
    pull     : SIDR, each node looks at one neighbour a step; 100 and 200 nodes, m = 2; outbreaks of any size
    indistinguishable : as active-pull, but R is seen as S
    share    : as active-pull, but 30 % and 10 % of the nodes are seen
    time     : anything from 1 to 8 steps, as far as the detectors know; time-0: and so it is, where time-3 and time-5
               were all seen after 3 and 5 steps, so that only in time-0 claims have to be kept on average
    sources  : as active-pull-3, begun at two or three nodes; the rank is that of the first that is found
    large    : as active-pull, 5,000 nodes, m = 2; fur: as active-pull, with the paper's other event
    weibo    : real cascades of the folder --weibo, after 10, 30 and 100 reposts
    speed    : the detector "ranker-fast" on 1,000 to 1,000,000 nodes, learned on 10,000

--peers names a Python with cosasi and GraphSL (`pip install cosasi GraphSL ndlib six matplotlib`): their detectors then
see a third as many of the first snapshots of active-pull-3 and active-pull-5 as our slow ones do. They are run as they
are, and know of a node only whether it is reached. GraphSL's OJC is not run: what it returns are places in a list, as
if they were nodes; nor is cosasi's earliest infection first, which needs times.

Snapshots depend on the cell's name alone; an ensemble in which the sampler takes part sees the first --slow, other
slow detectors a third of these, a tenth in cells that have no bar. The ensemble learns for --seconds, for half of them
in cells that have neither a bar nor a row in the paper. Ranker, graph network and sampler are the ensemble's own, the
sampler only on snapshots on which it was asked; "ranker-fast" learns for half a minute at most. "long-sampler": twice
the chains, four times the sweeps, on the first few snapshots of active-pull-3 and active-pull-5 on which the ensemble's
sampler mixed, and how far the ensemble is from what it found. What was measured is kept in FOLDER, a file a cell, a
line a snapshot and detector; what was learned, in FOLDER/learned: a second run goes on where the first stopped. With
other --seconds, learned detectors are run anew. Two runs of different cells may share a FOLDER and the cores. A whole
run takes half a day.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from math import ceil, comb
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Final, NamedTuple
from zlib import crc32

import numpy as np
import polars as pl

from counterpoint.errors import CounterpointError
from counterpoint.networks.graph import Network
from counterpoint.networks.readers import read
from counterpoint.networks.recipes import network
from counterpoint.spread.models.model import Model
from counterpoint.spread.models.presets import model
from counterpoint.spread.simulation import simulate
from counterpoint.stats.intervals import bootstrap, wilson
from counterpoint.trace.detectors import DEFAULT, LEARNED, PLAIN, detector
from counterpoint.trace.ensemble import Ensemble
from counterpoint.trace.evaluation import evaluate_snapshot
from counterpoint.trace.problem import Codes, Problem
from counterpoint.trace.protocol import Detector, FixedScores, Scores, probabilities
from counterpoint.trace.ranker import Ranker
from counterpoint.trace.sampler import Sampler
from counterpoint.trace.sampler_diagnostics import SampledPosterior

Shares = tuple[float, float, float]
SLOW: Final = ("beam", "soft-margin")
MEMBERS: Final = ("ranker", "graph-network", "sampler")
TAUGHT: Final = (*LEARNED, "sampler", "long-sampler")  # they are the ensemble's, or begin where it looks first
QUICK: Final = (DEFAULT, "ranker-fast", *(name for name in PLAIN if name not in (*SLOW, *MEMBERS)))
ALL: Final = (*QUICK, *SLOW)
ORDER: Final = (DEFAULT, *MEMBERS, "long-sampler", *ALL[1:], "exact")
LONG: Final = Sampler(chains=24, warm=2000, sweeps=800)
LONG_CELLS: Final = ("active-pull-3", "active-pull-5")
TIME_LABELS: Final = ("T0/3", "2T0/3", "T0", "3T0/2", "2T0")
PAPER: Final[Mapping[str, Sequence[Shares]]] = {
    "scale-free": ((47, 74, 83), (42, 65, 73), (35, 58, 66), (26, 41, 50), (19, 38, 50)),
    "Facebook": ((45, 71, 82), (41, 62, 69), (36, 57, 61), (25, 43, 48), (20, 37, 45)),
}
BARS: Final[Mapping[str, Shares]] = {
    "active-pull-3": (86, 97, 98),
    "active-pull-5": (76, 92, 95),
    "active-pull-7": (32, 55, 66),
    "facebook-3": (54, 73, 80),
    "sidr-2": (93, 98, 99),
    "sidr-4": (82, 94, 96),
    "sidr-6": (35, 60, 69),
}
SEED_NAMES: Final = {
    "ensemble": "pool",
    "graph-network": "neural",
    "ranker-fast": "fast",
    "long-sampler": "long sampler",
}
"""What detectors were called when their seeds were chosen: results stay comparable."""
SEED_FAMILIES: Final = {"active-pull": "draw", "pull": "look", "indistinguishable": "alike"}
"""What families of cells were called then."""
MIN_SIZE: Final = 5
BLOCK: Final = 50  # snapshots drawn with one seed
RUNS: Final = 2000  # from which T0 is taken
GIVEN_UP: Final = 5  # snapshots on which a detector failed, and on no other
FIRST: Final = (1, 3, 5)
BRISK: Final = 30.0  # seconds in which "ranker-fast" learns, at most
BRIEF: Final = 20.0  # where every snapshot has a problem of its own


class Case(NamedTuple):
    """A snapshot, what is known beside it, and where it truly began."""

    problem: Problem
    codes: Codes
    sources: np.ndarray


@dataclass(frozen=True)
class Cell:
    """Snapshots of one kind.

    cases     : makes so many of them
    paper     : what the paper has beside it, Top1, Top3 and Top5 in percent
    most      : snapshots at most
    each      : whether every snapshot has a problem of its own, so that detectors must learn for each
    """

    name: str
    about: str
    cases: Callable[[int], Iterator[Case]]
    methods: Sequence[str] = ALL
    paper: Shares | None = None
    most: int = sys.maxsize
    each: bool = False


# Snapshots.


def seed_name(cell: str) -> str:
    """Return the name of a cell that its seeds are made from.

    >>> seed_name("active-pull-3"), seed_name("pull-100-12"), seed_name("sidr-2")
    ('draw-3', 'look-100-12', 'sidr-2')
    """
    for family, original in SEED_FAMILIES.items():
        if cell.startswith(f"{family}-"):
            return original + cell.removeprefix(family)
    return cell


def draw_cases(name: str, known: Problem, truth: Problem, count: int) -> Iterator[Case]:
    """Draw snapshots of `truth`, of which `known` is known; the first are the same however many there are."""
    for first in range(0, count, BLOCK):
        some = truth.simulate_outbreaks(BLOCK, np.random.default_rng([crc32(seed_name(name).encode()), first]))
        yield from (Case(known, *each) for each in list(zip(some.codes, some.sources, strict=True))[: count - first])


def peak(home: Path, name: str, on: Network, law: Model) -> int:
    """Return T0, kept with what it was found from."""
    kept = json.loads(path.read_text()) if (path := home / "t0.json").exists() else {}
    if name not in kept:
        out = simulate(on, law, runs=RUNS, rng=0)
        times = out.stock("I").argmax(1)[out.took_off]
        kept[name] = {"T0": float(np.median(times)), "runs that took off": len(times), "of": RUNS}
        path.write_text(json.dumps(kept, indent=1))
    return ceil(kept[name]["T0"])


def published_times(t0: int) -> dict[int, int]:
    """Return the paper's five times, and which of them it is."""
    return {(sixths * t0 + 5) // 6: place for place, sixths in enumerate((2, 4, 6, 9, 12))}


def step_label(step: int, t0: int) -> str:
    """Return a step with the place that it has among the paper's five times, if it is one."""
    labels = {published: TIME_LABELS[place] for published, place in published_times(t0).items()}
    return f"step {step} ({labels[step]}, T0 = {t0})" if step in labels else f"step {step} (T0 = {t0})"


def simulated(name: str, about: str, known: Problem, truth: Problem | None = None, **other: Any) -> Cell:
    return Cell(name, about, partial(draw_cases, name, known, truth or known), **other)


def by_time(family: str, about: str, on: Network, law: Model, t0: int, **other: Any) -> list[Cell]:
    """Return a cell for each of the paper's five times, and step 3 on Facebook, which has a bar."""
    paper, places = PAPER["Facebook" if family == "facebook" else "scale-free"], published_times(t0)
    least = other.pop("least", MIN_SIZE)
    return [
        simulated(
            f"{family}-{step}",
            f"{about}, {step_label(step, t0)}",
            Problem.of(on, law, step, min_size=least),
            paper=paper[places[step]] if step in places else None,
            **other,
        )
        for step in sorted({*places, *({3} if family == "facebook" else ())})
    ]


def cells(options: argparse.Namespace) -> list[Cell]:
    """Return all cells, what matters most first."""
    active_pull, small = model("sidr-active-pull"), network("ba:1000,3", rng=1)
    ba = "Barabasi-Albert, 1,000 nodes, m = 3"
    first = by_time(
        "active-pull",
        f"sidr-active-pull, {ba}",
        small,
        active_pull,
        peak(options.to, "active-pull", small, active_pull),
    )
    found = first[:3]
    second = []
    if options.facebook:
        large = read(options.facebook)
        t0 = peak(options.to, "facebook", large, active_pull)
        about = f"sidr-active-pull, Facebook, {large.nodes:,} nodes, {large.edges:,} edges"
        second = by_time("facebook", about, large, active_pull, t0)
        found += [cell for cell in second if cell.name == "facebook-3"]
    law = model("sidr")
    found += [
        simulated(f"sidr-{step}", f"sidr, {ba}, step {step}", Problem.of(small, law, step, min_size=MIN_SIZE))
        for step in (2, 4, 6)
    ]
    law = model("sidr-pull")
    for nodes in (100, 200):
        tiny = network(f"ba:{nodes},2", rng=1)
        t0 = peak(options.to, name := f"pull-{nodes}", tiny, law)
        found += by_time(name, f"sidr-pull, Barabasi-Albert, {nodes} nodes, m = 2", tiny, law, t0, min_size=1)
    found += first[3:] + [cell for cell in second if cell.name != "facebook-3"]
    return [*found, *partly(small, active_pull, ba), *larger(options.to, small), *weibo(options.weibo)]


ANY_TIME: Final = tuple((time, 1 / 8) for time in range(1, 9))


def partly(on: Network, law: Model, ba: str) -> list[Cell]:
    """Return the cells in which less is known, and those with several sources."""
    found = []
    for step in (3, 5):
        whole, about = Problem.of(on, law, step, min_size=MIN_SIZE), f"sidr-active-pull, {ba}, step {step}"
        found.append(
            simulated(f"indistinguishable-{step}", f"{about}; R is seen as S", replace(whole, indistinguishable=("R",)))
        )
        for share in (0.3, 0.1):
            least = max(1, ceil(MIN_SIZE * share))
            seen = f"{about}; {share:.0%} of the nodes are seen, {least} reached or more"
            found.append(simulated(f"share-{share:g}-{step}", seen, replace(whole, share=share, min_size=least)))
        about += "; for the detectors 1 to 8 steps are equally likely"
        found.append(simulated(f"time-{step}", about, replace(whole, times=ANY_TIME), whole))
    about = f"sidr-active-pull, {ba}, 1 to 8 steps, each as likely"
    found.append(simulated("time-0", about, replace(Problem.of(on, law, 1, min_size=MIN_SIZE), times=ANY_TIME)))
    for sources in (2, 3):
        several = Problem.of(on, law, 3, min_size=MIN_SIZE, sources=sources)
        about = (
            f"sidr-active-pull, {ba}, step 3; {sources} sources: Top is of the first found, claimed / achieved of all"
        )
        found.append(simulated(f"sources-{sources}", about, several, methods=("ranker", "ranker-fast")))
    return found


def larger(home: Path, small: Network) -> list[Cell]:
    found = []
    for name, on, law in (
        ("large", network("ba:5000,2", rng=1), model("sidr-active-pull")),
        ("fur", small, model("sidr-active-pull", event="fur-collar")),
    ):
        t0 = peak(home, name, on, law)
        about = f"sidr-active-pull, {'event fur-collar, ' * (name == 'fur')}Barabasi-Albert, {on.nodes:,} nodes"
        found += by_time(name, about, on, law, t0, methods=QUICK, most=100)[:2]
    return found


TIMES: Final = (1, 2, 3, 5, 8, 13, 21)
REAL: Final = (
    "real cascades after {} reposts, each its own network: who reposted from whom, without directions, among all who"
    " ever did, and nobody else. That leaves out followers who did not repost, who else a post may have been seen from,"
    " and that nobody knows who will repost later; as most reposted from the first post, it has a degree that gives it"
    " away. Model: si; {} steps since the start are equally likely; spread, a cascade: such that of a star's leaves the"
    " share that is seen is reached after 5 steps; everybody is held as likely to begin"
    " one, which in truth is not so. Learned detectors: the first few cascades only, 20 s each"
)


def weibo(folder: Path | None) -> list[Cell]:
    if folder is None:
        return []
    kinds = [(count, REAL.format(count, ", ".join(map(str, TIMES)))) for count in (10, 30, 100)]
    methods = (*ALL, Exact.name)
    return [Cell(f"weibo-{n}", about, partial(cascades, folder, n), methods, each=True) for n, about in kinds]


def cascades(folder: Path, reposts: int, count: int) -> Iterator[Case]:
    """Return cascades of twice as many reposts or more, as they were after so many."""
    table = pl.read_csv(folder / "weibo_reposts.csv.gz").sort("cascade", "seconds", "post")
    wide = [each for each in table.partition_by("cascade", maintain_order=True) if len(each) >= 2 * reposts]
    for each in wide[:count]:
        on = Network.of(each["parent"], each["post"], nodes=int(each["post"].max()) + 1)
        codes = np.zeros(on.nodes, np.uint8)
        codes[0] = 1
        codes[each["post"][:reposts]] = 1
        law = model("si", spread=1 - (1 - reposts / len(each)) ** (1 / 5))
        times = tuple((time, 1 / len(TIMES)) for time in TIMES)
        yield Case(Problem(on, ((law, 1.0),), times, min_size=MIN_SIZE), codes, np.zeros(1, np.int32))


@dataclass(frozen=True)
class Exact:
    """The likelihood of si on a tree, summed from its leaves: more than it finds nobody who believes the model can."""

    name: ClassVar = "exact"
    about: ClassVar = "Exact likelihood of si on a tree; ours."
    is_probabilistic: ClassVar = True

    def scores(self, problem: Problem, codes: Codes, rng: np.random.Generator) -> Scores:  # noqa: ARG002
        on, reached = problem.network, codes == 1
        near = [on.to[slice(*on.start[node : node + 2])] for node in range(on.nodes)]
        spread = float(problem.model.contact_chances.max())
        found = np.full(len(codes), -np.inf)
        for steps, prior in problem.times:
            late = np.subtract.outer(np.arange(steps + 1), np.arange(steps + 1)).T
            told = np.where(late > 0, spread * (1 - spread) ** np.maximum(late - 1, 0), 0.0)
            alone = np.log1p(-spread) * (steps - np.arange(steps + 1))
            for source in np.flatnonzero(reached).tolist():
                order, above = [source], {source: -1}
                for node in order:
                    below = [each for each in near[node] if reached[each] and each != above[node]]
                    order += below
                    above |= dict.fromkeys(below, node)
                logs = {node: alone * (~reached[near[node]]).sum() for node in order}
                for node in reversed(order[1:]):
                    most = max(logs[node].max(), -1e9)  # -inf: too little time
                    with np.errstate(divide="ignore"):
                        logs[above[node]] = logs[above[node]] + most + np.log(told @ np.exp(logs[node] - most))
                found[source] = np.logaddexp(found[source], np.log(prior) + logs[source][0])
        return found


# The peers, in a process of their own.


CHILD: Final = """
import json, signal, sys, warnings
out, sys.stdout = sys.stdout, sys.stderr
warnings.simplefilter("ignore")
import networkx as nx
import numpy as np
import torch
from cosasi import single_source
from GraphSL.Prescribed import LPSI, NetSleuth
from scipy.sparse.csgraph import laplacian
nodes, time, wait = map(int, sys.argv[2:])
graph = nx.empty_graph(nodes)
graph.add_edges_from(np.load(sys.argv[1]).tolist())
matrix = laplacian(nx.to_scipy_sparse_array(graph, dtype=float), normed=True).toarray()
matrix = torch.tensor(matrix, dtype=torch.float32)

def seen(reached):
    vector = torch.zeros(nodes)
    vector[reached] = 1
    return vector

def cosasi(name, **how):
    def run(reached):
        told = getattr(single_source, name)(graph.subgraph(reached), graph, **how)
        return {node: np.real(score) * (1 if told.reverse else -1) for node, score in told.data["scores"].items()}
    return run

def netsleuth(reached):  # it tells who is among the first k
    some = [NetSleuth().predict(graph, k, seen(reached)).tolist() for k in range(1, 6)]
    return {node: sum(each[node] for each in some) for node in reached}

METHODS = {
    "cosasi Jordan": cosasi("jordan_centrality"),
    "cosasi rumour centrality": cosasi("rumor_centrality"),
    "cosasi NetSleuth": cosasi("netsleuth"),
    "cosasi short-fat tree": cosasi("short_fat_tree", infection_rate=0.4),
    "cosasi LISN": cosasi("lisn", t=time, infection_rate=0.4),
    "GraphSL LPSI": lambda reached: dict(enumerate(LPSI().predict(matrix, nodes, 0.1, seen(reached)).tolist())),
    "GraphSL NetSleuth": netsleuth,
}

def late(*_):
    raise TimeoutError(f"more than {wait} s")

signal.signal(signal.SIGALRM, late)
print("ready", file=out, flush=True)
for line in sys.stdin:
    name, reached = json.loads(line)
    signal.alarm(wait)
    try:
        found = METHODS[name](reached)
        answer = [float(found[node]) for node in reached]
    except Exception as error:  # noqa: BLE001  whatever it is, the others go on
        answer = f"{type(error).__name__}: {error}"
    signal.alarm(0)
    print(json.dumps(answer), file=out, flush=True)
"""
PEERS: Final = tuple(line.split('"')[1] for line in CHILD.splitlines() if line.startswith('    "'))
WITH_PEERS: Final = ("active-pull-3", "active-pull-5")
WAIT: Final = 60


@lru_cache(maxsize=1)
def child(python: str, problem: Problem) -> subprocess.Popen[str]:
    on = problem.network
    once = on.tails < on.to
    with TemporaryDirectory() as folder:
        np.save(edges := Path(folder) / "edges.npy", np.stack([on.tails[once], on.to[once]], axis=1))
        command = [python, "-c", CHILD, *map(str, (edges, on.nodes, problem.time, WAIT))]
        begun = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if begun.stdout is None or begun.stdout.readline() != "ready\n":
            raise CounterpointError(f"{python} cannot run cosasi and GraphSL")
    return begun


@dataclass(frozen=True)
class Peer:
    """A peer's detector: asked who of the reached nodes it would be."""

    name: str
    python: str
    about: ClassVar = "A peer, as it is."
    is_probabilistic: ClassVar = False

    def scores(self, problem: Problem, codes: Codes, rng: np.random.Generator) -> Scores:  # noqa: ARG002
        reached, peer = np.flatnonzero(problem.reached[codes]), child(self.python, problem)
        print(json.dumps([self.name, reached.tolist()]), file=peer.stdin, flush=True)
        if isinstance(answer := json.loads(peer.stdout.readline()), str):
            raise CounterpointError(answer)
        scores = np.full(len(codes), -np.inf)
        scores[reached] = answer
        return scores


# Measuring.


class Rows:
    """The lines of a cell: what is there is not measured again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        lines = map(json.loads, path.read_text().splitlines()) if path.exists() else ()
        self.found = {(line["detector"], line["at"], line.get("budget")): line for line in lines}

    def add(self, name: str, at: int, budget: float | None, **measured: Any) -> None:
        line = {"detector": name, "at": at, **({} if budget is None else {"budget": budget}), **measured}
        if self.found.get(key := (name, at, budget)) != line:
            self.found[key] = line
            with self.path.open("a") as file:
                file.write(json.dumps(line) + "\n")

    def all_of(self, name: str, seconds: float, count: int) -> bool:
        return self.of(name, seconds).keys() >= set(range(count))

    def of(self, name: str, seconds: float) -> dict[int, dict[str, Any]]:
        """Return the lines of a detector by snapshot, -1 for what is told of it as a whole."""
        budget = seconds if name in TAUGHT else None
        return {at: line for (who, at, given), line in self.found.items() if (who, given) == (name, budget)}


def make_detector(
    name: str, cell: Cell, problem: Problem, options: argparse.Namespace
) -> tuple[Detector, dict[str, Any]]:
    """Return a detector, and how it was learned."""
    if name in PEERS:
        child(options.peers, problem)  # that it takes time to begin is not the detector's fault
        return Peer(name, options.peers), {}
    if name == Exact.name:
        return Exact(), {}
    most = BRIEF if cell.each else BRISK if name == "ranker-fast" else options.seconds
    seconds, begun = min(most, options.seconds * (1.0 if cell.paper or cell.name in BARS else 0.5)), time.perf_counter()
    progress = lambda word: print(f"{cell.name}, {name}: {word}", file=sys.stderr)  # noqa: E731
    found = detector(problem, name, seconds=seconds, rng=1, cache=options.to / "learned", progress=progress)
    how = {
        "taught": round(time.perf_counter() - begun, 1),
        "why": getattr(found, "why", ""),
        "told": dict(getattr(found, "metadata", {})),
    }
    return found, how if name in LEARNED else {}


def limit(name: str, cell: Cell, options: argparse.Namespace) -> int:
    """Return how many snapshots a detector sees."""
    few = dict.fromkeys((*SLOW, *PEERS), ceil(options.slow / (3 if cell.name in BARS else 10)))
    if cell.each:
        few |= dict.fromkeys((*LEARNED, *SLOW), ceil(options.slow / 10))
    return min(options.snapshots, cell.most, few.get(name, options.snapshots))


def rounded(value: Any) -> Any:
    """Return what JSON can hold, with as many digits as are worth keeping."""
    if isinstance(value, (list, tuple, np.ndarray)):
        return [rounded(each) for each in value]
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if value is None or isinstance(value, str) or value != value:  # noqa: PLR0124  nan
        return value if isinstance(value, str) else None
    return int(value) if isinstance(value, (int, np.integer)) else float(f"{value:.5g}")


def size_of(case: Case) -> dict[str, Any]:
    """Return how large a snapshot is."""
    return {
        "suspects": int(case.problem.suspect[case.codes].sum()),
        "reached": int(case.problem.reached[case.codes].sum()),
    }


def failure(case: Case, error: Exception) -> dict[str, Any]:
    """Say why a detector failed on a snapshot."""
    return {**size_of(case), "failed": f"{type(error).__name__}: {error}".removeprefix("CounterpointError: ")}


def run_detector(found: Detector, case: Case, seed: Sequence[int]) -> dict[str, Any]:
    """Judge a detector on a snapshot; of one that fails, say why."""
    try:
        row = evaluate_snapshot(case.problem, found, case.codes, case.sources, np.random.default_rng(seed))
    except Exception as error:  # noqa: BLE001  whatever it is, the others go on
        return failure(case, error)
    return {**{name: rounded(value) for name, value in row.items()}, **size_of(case)}


@dataclass
class RecordingEnsemble:
    """An ensemble, and what its sampler found in the last snapshot."""

    ensemble: Ensemble
    said: str = ""
    sampled: SampledPosterior | None = None
    name: ClassVar = DEFAULT
    about: ClassVar = "The ensemble, heard."
    is_probabilistic: ClassVar = True

    def scores(self, problem: Problem, codes: Codes, rng: np.random.Generator) -> Scores:
        scores, self.said, self.sampled = self.ensemble.score_in_detail(problem, codes, rng)
        return scores


def run_ensemble(ensemble: Ensemble, case: Case, seed: Sequence[int]) -> dict[str, dict[str, Any]]:
    """Judge an ensemble and its members on a snapshot, the sampler by what the ensemble had from it."""
    recording = RecordingEnsemble(ensemble)
    rows = {DEFAULT: run_detector(recording, case, seed)}
    rows[DEFAULT]["said"] = recording.said
    for name, member in ensemble.learned_members.items():
        rows[name] = run_detector(member, case, seed)
    if recording.sampled is not None:
        found = recording.sampled.scores(case.problem.suspect[case.codes])
        told = {name: rounded(getattr(recording.sampled, name)) for name in ("exact", "between", "mixed")}
        rows["sampler"] = (
            run_detector(FixedScores(found), case, seed) | told | {"seconds": rows[DEFAULT].get("seconds")}
        )
    return rows


def run_long_sampler(ensemble: Ensemble, case: Case, seed: Sequence[int]) -> dict[str, Any]:
    """Let the sampler run for long; tell how far the ensemble is from it."""
    rng, begun = np.random.default_rng(seed), time.perf_counter()
    combined = ensemble.scores(case.problem, case.codes, rng)
    found = replace(LONG, first=FixedScores(combined)).sample(case.problem, case.codes, rng)
    gap = np.abs(found.probability - probabilities(combined)).sum() / 2
    row = run_detector(FixedScores(found.scores(case.problem.suspect[case.codes])), case, seed)
    told = {name: rounded(getattr(found, name)) for name in ("exact", "between", "mixed")}
    return row | told | {"gap": rounded(gap), "seconds": rounded(time.perf_counter() - begun)}


def measure(cell: Cell, options: argparse.Namespace) -> None:
    """Run, on the cell's snapshots, whichever detectors have not seen them."""
    rows = Rows(options.to / f"{cell.name}.jsonl")
    rows.add("", -1, None, about=cell.about, paper=rounded(cell.paper), bar=rounded(BARS.get(cell.name)))
    peers = PEERS if options.peers and cell.name in WITH_PEERS else ()
    cases: list[Case] = []
    for name in (*cell.methods, *peers):
        count = limit(name, cell, options)
        if (options.detectors and name not in options.detectors) or rows.all_of(name, options.seconds, count):
            continue
        cases = cases or list(cell.cases(min(options.snapshots, cell.most)))
        begun = time.perf_counter()
        run(name, cell, cases[:count], rows, options)
        print(f"{cell.name}: {name}, {time.perf_counter() - begun:.0f} s", file=sys.stderr, flush=True)


def run(name: str, cell: Cell, cases: Sequence[Case], rows: Rows, options: argparse.Namespace) -> None:
    """Show a detector the snapshots that it has not seen, until it turns out that it can do nothing with them."""
    there, budget, found = rows.of(name, options.seconds), options.seconds if name in TAUGHT else None, None
    for at, case in enumerate(cases):
        if at == GIVEN_UP and all("failed" in rows.of(name, options.seconds)[before] for before in range(at)):
            break
        if at in there:
            continue
        if found is None or cell.each:
            try:
                found, told = make_detector(name, cell, case.problem, options)
            except Exception as error:  # noqa: BLE001  as above
                rows.add(name, at, budget, **failure(case, error))
                continue
            if told and not cell.each and -1 not in there:
                rows.add(name, -1, budget, **told)
        if at >= options.slow and isinstance(found, Ensemble) and found.mixed:
            break
        seed = [crc32(f"{seed_name(cell.name)} {SEED_NAMES.get(name, name.replace('-', ' '))}".encode()), at]
        seen = (
            run_ensemble(found, case, seed) if isinstance(found, Ensemble) else {name: run_detector(found, case, seed)}
        )
        for who, row in reversed(seen.items()):  # the ensemble's comes last: if it is there, so are its members'
            rows.add(who, at, budget, **row)
        few = cell.name in LONG_CELLS and len(rows.of("long-sampler", options.seconds)) < options.slow / 60
        if few and seen.get("sampler", {}).get("mixed") and isinstance(found, Ensemble):
            rows.add("long-sampler", at, budget, **run_long_sampler(found, case, seed))


# Tables.


def percent(hits: float, count: int) -> str:
    share = wilson(round(hits), count)
    return f"{100 * share.value:.3g} [{100 * share.low:.0f}-{100 * share.high:.0f}]"


def mean(values: Sequence[Any]) -> float:
    """Return the mean of what is known."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else np.nan


def shown(value: float, form: str = ".3g") -> str:
    return "" if np.isnan(value) else format(value, form)


def rank(line: Mapping[str, Any]) -> float:
    """Return the rank of the source; where the detector failed it is not found."""
    return np.inf if "failed" in line else line["rank"]


def ahead(ours: Mapping[int, Any], theirs: Mapping[int, Any]) -> str:
    """Return how much more often the default has the source first, on what both have seen."""
    both = sorted(ours.keys() & theirs.keys())
    if not both:
        return ""
    gain = np.array([(rank(ours[at]) == 1) * 100.0 - (rank(theirs[at]) == 1) * 100.0 for at in both])
    found = bootstrap(lambda weights: float(weights @ gain / weights.sum()), np.arange(len(both)), rng=0)
    return f"{found.value:+.1f} [{found.low:+.1f} {found.high:+.1f}]".replace("-0.0", "+0.0")


HEAD: Final = (
    *(
        "detector",
        "n",
        "Top1 %",
        "Top3 %",
        "Top5 %",
        f"{DEFAULT} ahead, Top1",
        "claimed / achieved, Top1, Top3, Top5 %",
    ),
    *("90 % set: nodes", "holds it % / claims", "bits", "hops", "seconds"),
)


def table_row(name: str, lines: Mapping[int, Mapping[str, Any]], ours: Mapping[int, Any]) -> list[str]:
    """Return a row of the table."""
    rows = [line for at, line in lines.items() if at >= 0]
    n, ranks = len(rows), np.array([rank(line) for line in rows])
    good = [line for line in rows if "failed" not in line]
    shares = [percent((ranks <= first).sum(), n) for first in FIRST]
    hops, seconds = mean([line["hops"] for line in good]), np.median([line["seconds"] for line in good] or [np.nan])
    surely = [line for line in good if line["source_probability"] is not None]
    sure = ["", "", "", ""]
    if surely:
        claims = np.mean([line["claimed"] for line in surely], axis=0) * 100
        true = np.mean([line["recall"] for line in surely], axis=0) * 100
        with np.errstate(divide="ignore"):
            bits = -np.log2([line["source_probability"] for line in surely]).mean()
        held, mass = (mean([line[what] for line in surely]) * 100 for what in ("coverage", "nominal_coverage"))
        sure = [
            ", ".join(f"{claim:.0f} / {share:.0f}" for claim, share in zip(claims, true, strict=True)),
            f"{mean([line['size'] for line in surely]):.3g}",
            f"{held:.0f} / {mass:.0f}",
            f"{bits:.2f}",
        ]
    failed = f" (failed: {n - len(good)})" if len(good) < n else ""
    return [name + failed, str(n), *shares, ahead(ours, lines) if name != DEFAULT else "", *sure,
            shown(hops, ".2f"), shown(seconds, ".2g")]  # fmt: skip


def by_chance(lines: Sequence[Mapping[str, Any]], sources: int) -> Shares:
    """Return how often, in percent, one of the sources is among the first of the suspects in random order."""
    some = [line["suspects"] for line in lines]
    missed = [np.mean([comb(max(m - sources, 0), min(k, m)) / comb(m, min(k, m)) for m in some]) for k in FIRST]
    one, three, five_ = (100 * (1 - float(share)) for share in missed)
    return one, three, five_


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows))


def table(name: str, rows: Rows, seconds: float) -> list[str] | None:
    """Print a cell's table; return its line for the table of all."""
    names = list(dict.fromkeys(who for who, *_ in rows.found if who))
    lines = {who: rows.of(who, seconds) for who in names}
    seen = {who: told for who, told in lines.items() if count(told) and not gave_up(told)}
    if not seen:
        return None
    head = rows.found["", -1, None]
    longest = max(seen.values(), key=len)
    snapshots = [line for at, line in longest.items() if at >= 0]
    sources = int(name.split("-")[1]) if name.startswith("sources") else 1
    chance = by_chance(snapshots, sources)
    reached = np.median([line["reached"] for line in snapshots])
    known = {"the paper, in its own setting": head["paper"], "the bar": head["bar"], "a random suspect": chance}
    beside = {who: [f"{share:.3g}" for share in shares] for who, shares in known.items() if shares}
    ours = {at: line for at, line in lines.get(DEFAULT, {}).items() if at >= 0}
    order = sorted(seen, key=(*ORDER, *PEERS).index)
    found = [table_row(who, seen[who], ours) for who in order]
    print(f"\n### {name}\n\n{head['about']}. Median number of reached nodes that are seen: {reached:g}.\n")
    print(markdown(HEAD, [*found, *([who, "", *shares, *[""] * 7] for who, shares in beside.items())]))
    for who, told in lines.items():
        notes(who, told)
    first = next((row for who, row in zip(order, found, strict=True) if who == DEFAULT), [""] * 5)
    rivals = [
        who for who in order if who not in (DEFAULT, "sampler", "long-sampler") and 4 * count(seen[who]) >= len(ours)
    ]
    best = max(rivals, key=lambda who: top1(seen[who]), default=None)
    other = f"{best}: {percent(top1(seen[best]) * count(seen[best]), count(seen[best]))}" if best else ""
    gap = ahead(ours, seen[best]) if best else ""
    told = ["/".join(f"{share:.0f}" for share in shares) if shares else "" for shares in known.values()]
    return [name, f"{reached:g}", *told, *first[1:5], other, gap]


def count(lines: Mapping[int, Any]) -> int:
    return sum(at >= 0 for at in lines)


def top1(lines: Mapping[int, Any]) -> float:
    return float(np.mean([rank(line) == 1 for at, line in lines.items() if at >= 0]))


def gave_up(lines: Mapping[int, Any]) -> bool:
    return count(lines) == GIVEN_UP and all("failed" in line for at, line in lines.items() if at >= 0)


def notes(name: str, lines: Mapping[int, Mapping[str, Any]]) -> None:
    """Print what is to be said of a detector beside its numbers."""
    told, rows = lines.get(-1, {}), [line for at, line in lines.items() if at >= 0]
    if "told" in told:
        bits = {what: each for what, each in told["told"].items() if what.startswith("bits")}
        print(f"\n{name}: ready in {told['taught']:.0f} s. {told['why']} {bits or ''}")
    if failed := [line["failed"] for line in rows if "failed" in line]:
        print(f"\n{name}: failed on {len(failed)} of {len(rows)}{', then given up' * gave_up(lines)}: {failed[0]}")
    if gaps := [line["gap"] for line in rows if line.get("mixed") and "gap" in line]:
        low, middle, high = np.quantile(gaps, (0.25, 0.5, 0.75))
        print(f"\n{name}: mixed on {len(gaps)} of {len(rows)}; total variation between it and the {DEFAULT}:", end=" ")
        print(f"median {middle:.2f}, quartiles {low:.2f} and {high:.2f}")
    words = [line["said"].split(":")[0] for line in rows if line.get("said")]
    for word in sorted(set(words)):
        some = [rank(line) == 1 for line in rows if line.get("said", "").startswith(word)]
        print(f"\n{name}: {word}: Top1 {percent(sum(some), len(some))} %, n = {len(some)}")


def tables(options: argparse.Namespace) -> None:
    """Print all that is there."""
    print("# The source\n\nWilson 95 % intervals; differences are paired, with bootstrap intervals. A snapshot on")
    print("which a detector failed counts as lost. Bits: the mean of -log2 of the probability given to the source.")
    names = sorted((path.stem for path in options.to.glob("*-*.jsonl") if among(path.stem, options)), key=order_of)
    found = [row for name in names if (row := table(name, Rows(options.to / f"{name}.jsonl"), options.seconds))]
    if found:
        head = ["cell", "reached", "paper", "bar", "random suspect", f"{DEFAULT}: n", *HEAD[2:5], "best other, Top1 %"]
        print("\n### All cells\n\n" + markdown([*head, f"{DEFAULT} ahead of it"], found))
    if among("speed", options) and (path := options.to / "speed.jsonl").exists():
        speed_table([json.loads(line) for line in path.read_text().splitlines()])


def among(name: str, options: argparse.Namespace) -> bool:
    """Return whether a cell, or its family, is asked for."""
    return not options.cells or any(f"{name}-".startswith(f"{each}-") for each in options.cells)


def order_of(name: str) -> tuple[Any, ...]:
    family = next(family for family in FAMILIES if name.startswith(f"{family}-"))
    numbers = name.removeprefix(f"{family}-").split("-")
    return (FAMILIES.index(family), *map(float, numbers))


# Speed.


SIZES: Final = (1_000, 10_000, 100_000, 1_000_000)
LEARNED_ON: Final = 10_000
STEP: Final = 7


def grown(nodes: int) -> Problem:
    return Problem.of(network(f"ba:{nodes},3", rng=1), model("sidr-active-pull"), STEP, min_size=MIN_SIZE)


def speed(nodes: int, home: Path, snapshots: int) -> dict[str, Any]:
    """Look at snapshots of a size, or learn if it is 0; the first snapshot, which compiles, does not count."""
    path, begun = home / "learned" / "speed", time.perf_counter()
    path.parent.mkdir(exist_ok=True)
    if not nodes:
        Ranker.learn(grown(LEARNED_ON), rng=1, fast=True).save(path)
        return {"nodes": 0, "taught": round(time.perf_counter() - begun, 1)}
    problem = grown(nodes)
    fast, some = Ranker.load(path).on(problem), problem.simulate_outbreaks(snapshots + 1, 2)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rows = [
        run_detector(fast, Case(problem, codes, sources), [3, at])
        for at, (codes, sources) in enumerate(zip(some.codes, some.sources, strict=True))
    ][1:]
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    told = {what: [row[what] for row in rows] for what in ("seconds", "rank", "reached")}
    return {"nodes": nodes, "arcs": len(problem.network.to), **told, "before": before / 2**20, "after": after / 2**20}


def speeds(options: argparse.Namespace) -> None:
    """Learn, and measure every size, in a process of its own, whose memory is its own."""
    path = options.to / "speed.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    for nodes in (0, *SIZES):
        if not any(line["nodes"] == nodes for line in lines):
            given = [str(nodes), str(options.to), str(min(options.snapshots, 20))]
            command = [sys.executable, __file__, "--apart", *given]
            process = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            with path.open("a") as file:
                file.write(process.stdout.splitlines()[-1] + "\n")


def speed_table(lines: Sequence[Mapping[str, Any]]) -> None:
    head = ("nodes", "arcs", "n", "seconds: median (quartiles)", "growth", "GiB before", "GiB after", HEAD[2])
    rows, last = [], None
    for line in sorted((line for line in lines if line["nodes"]), key=lambda line: line["nodes"]):
        low, middle, high = np.quantile(line["seconds"], (0.25, 0.5, 0.75))
        now, n = np.log([line["nodes"], middle]), len(line["rank"])
        growth = "" if last is None else f"{np.divide(*(now - last)[::-1]):.2f}"
        hits = percent(sum(place == 1 for place in line["rank"]), n)
        size = [f"{line['nodes']:,}", f"{line['arcs']:,}", str(n), f"{middle:.3g} ({low:.3g} to {high:.3g})"]
        rows.append([*size, growth, f"{line['before']:.2f}", f"{line['after']:.2f}", hits])
        last = now
    print(f"\n### speed\n\nThe detector ranker-fast, sidr-active-pull, Barabasi-Albert, m = 3, step {STEP}, learned on")
    print(f"{LEARNED_ON:,} nodes and carried over. Growth: the power of the number of nodes with which seconds grow")
    print("from the size before (1: in proportion). GiB: of the process at its largest, before and after looking.\n")
    print(markdown(head, rows))


FAMILIES: Final = (
    *("active-pull", "facebook", "sidr", "pull", "indistinguishable", "share", "time", "sources", "large", "fur"),
    "weibo",
)


def main() -> None:
    """Run the cells that have not been run, then print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--cells", default="", help="some only, or families of them: active-pull-3,pull")
    parser.add_argument("--detectors", default="", help="some only: 'ensemble;lpsi'")
    parser.add_argument("--snapshots", type=int, default=1000)
    parser.add_argument("--slow", type=int, default=300, help="snapshots that slow detectors see")
    parser.add_argument(
        "--seconds", type=float, default=300.0, help="for ensemble and graph network to learn in, a cell"
    )
    parser.add_argument("--facebook", type=Path)
    parser.add_argument("--weibo", type=Path)
    parser.add_argument("--peers", help="a Python that has cosasi and GraphSL")
    parser.add_argument("--tables", action="store_true", help="only print what is there")
    options = parser.parse_args()
    options.to.mkdir(parents=True, exist_ok=True)
    options.detectors = [name for name in options.detectors.split(";") if name]
    options.cells = [name for name in options.cells.split(",") if name]
    if not options.tables:
        for cell in cells(options):
            if among(cell.name, options):
                measure(cell, options)
        if among("speed", options):
            speeds(options)
    tables(options)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--apart"]:
        print(json.dumps(speed(int(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))))
    else:
        main()

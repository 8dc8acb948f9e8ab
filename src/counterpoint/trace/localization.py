"""Who started it: a network, a snapshot and a model in, suspects out."""

from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from counterpoint.errors import CounterpointError, suggestion
from counterpoint.rng import check_seed, generator
from counterpoint.spread.models.model import PAIRWISE, Model
from counterpoint.storage.commit import make_folder, publish_folder
from counterpoint.text import pluralize
from counterpoint.trace.detector import Detector, Scores, probabilities, ranked
from counterpoint.trace.ensemble import Ensemble, Progress, affordable
from counterpoint.trace.graph_network import GraphNetwork
from counterpoint.trace.heuristics import LPSI, Closeness, Degree, Jordan, Random, RumourCentrality, undirected
from counterpoint.trace.likelihood import MeanField
from counterpoint.trace.observation import Observation
from counterpoint.trace.problem import Codes, Problem
from counterpoint.trace.ranker import Ranker
from counterpoint.trace.sampler import Sampler
from counterpoint.trace.simulation_based import Beam, SoftMargin
from counterpoint.trace.suspects import Suspects, hops_from

Learned = Ensemble | Ranker | GraphNetwork
Learn = Callable[[Problem, float, np.random.Generator, Progress], Learned]
DEFAULT: Final = "ensemble"
SECONDS: Final = 60.0
LEAST_CHANCE: Final = 1e-300  # of a suspect


def _ranker(
    problem: Problem, seconds: float, rng: np.random.Generator, progress: Progress, *, fast: bool = False
) -> Ranker:
    return Ranker.learn(problem, outbreaks=affordable(problem, seconds, rng), rng=rng, progress=progress, fast=fast)


LEARNED: Final[Mapping[str, tuple[type[Learned], Learn]]] = {
    "ensemble": (
        Ensemble,
        lambda problem, seconds, rng, progress: Ensemble.learn(problem, seconds=seconds, rng=rng, progress=progress),
    ),
    "ranker": (Ranker, _ranker),
    "graph-network": (
        GraphNetwork,
        lambda problem, seconds, rng, progress: GraphNetwork.learn(
            problem, seconds=seconds, rng=rng, progress=progress
        ),
    ),
    "ranker-fast": (Ranker, lambda *given: _ranker(*given, fast=True)),
}
"""Detectors that must be learned for a problem: what they are, and how they are learned."""
PLAIN: Final[Mapping[str, Detector]] = {
    each.name: each
    for each in (
        Random(),
        Degree(),
        Closeness(),
        Jordan(),
        RumourCentrality(),
        LPSI(),
        MeanField(),
        Beam(),
        SoftMargin(),
        Sampler(),
    )
}
"""Detectors that know all they need."""
METHODS: Final = (*LEARNED, *PLAIN)
"""Every detector's name, the default first."""


def locate(  # noqa: PLR0913  what is seen, what is asked, and what it may cost
    observation: Observation,
    model: Model | tuple[tuple[Model, float], ...],
    *,
    kind: str = DEFAULT,
    seconds: float = SECONDS,
    rng: int = 0,
    cache: Path | None = None,
    progress: Progress = lambda _: None,
) -> Suspects:
    """Rank those who may have started it.

    model   : what spread it, or several that may have, with prior probabilities
    kind    : one of METHODS; "ensemble": of what the network's size and the time allow
    seconds : about how long a method may learn; others take what they take
    rng     : a seed. What is learned for so many seconds also depends on the machine: with a cache it stays as it is
    cache   : a folder in which what is learned is kept, and looked for
    progress    : is told how it goes

    Raises CounterpointError for a snapshot that cannot be, and a method that is none or cannot take such a model.

    >>> from counterpoint.spread.models.presets import model
    >>> from counterpoint.networks.generators import ring
    >>> seen = Observation.of(ring(9), model("sir"), {3: "I", 4: "R", 5: "I"}, 2, default_state="S")
    >>> locate(seen, model("sir"), kind="mean-field").names.to_list()[0]
    4
    """
    begun, problem = perf_counter(), observation.to_problem(model)
    codes, sources = observation.codes, observation.sources
    _check_kind(kind)
    _check_reach(problem, codes)
    luck = np.random.default_rng([check_seed(rng), 1])
    if int(problem.suspect[codes].sum()) == sources:
        found, scores = PLAIN["random"], np.where(problem.suspect[codes], 0.0, -np.inf)
        is_probabilistic, why = True, "nobody else was seen in a state that a source may be in"
    else:
        found = detector(problem, kind, seconds=seconds, rng=rng, cache=cache, progress=progress)
        scores, why = _looked(found, problem, codes, luck)
        is_probabilistic = found.is_probabilistic
    nodes, probability = suspected(scores, sources, luck, is_probabilistic=is_probabilistic)
    metadata = _metadata(problem, found, method=kind, seed=rng, asked=seconds, seconds=round(perf_counter() - begun, 2))
    return Suspects(problem, codes, nodes, probability, kind, why, metadata)


def detector(
    problem: Problem,
    kind: str = DEFAULT,
    *,
    seconds: float = SECONDS,
    rng: int = 0,
    cache: Path | None = None,
    progress: Progress = lambda _: None,
) -> Detector:
    """Return a detector for a problem: learned, or taken from the cache if it was learned before with the same words.

    Raises CounterpointError for a method that is none, and a cache that is damaged.
    """
    _check_kind(kind)
    if kind in PLAIN:
        return PLAIN[kind]
    if not 0 < seconds < np.inf:
        raise CounterpointError(f"{kind} has {seconds:g} seconds to learn in; more than 0 would be right")
    detector_class, learn = LEARNED[kind]
    if cache is None:
        return learn(problem, seconds, generator(rng), progress)
    kept = cache.absolute() / f"{kind}-{problem.key}-{seconds:g}-{check_seed(rng)}-{version('counterpoint')}"
    if not kept.exists():
        make_folder(kept.parent)
        learned = learn(problem, seconds, generator(rng), progress)
        with TemporaryDirectory(dir=kept.parent, prefix=".learned-") as home:
            staged = Path(home) / kept.name
            staged.mkdir()
            learned.save(staged / "detector")
            publish_folder(staged, kept)
        return learned
    try:
        path = kept / "detector"
        return detector_class.load(path)
    except CounterpointError:
        raise CounterpointError(f"{kept} is damaged: remove it, and it is learned again") from None


def suspected(
    scores: Scores, sources: int, rng: np.random.Generator, *, is_probabilistic: bool
) -> tuple[NDArray[np.int64], NDArray[np.float64] | None]:
    """Return the nodes, the likeliest first, and how likely each is to be a source if the scores claim that.

    Raises CounterpointError if all are ruled out.
    """
    nodes = ranked(scores, rng)
    if not len(nodes):
        raise CounterpointError("nobody can have begun what is seen, by this model and in this time: check both")
    return nodes, chances(scores, sources)[nodes] if is_probabilistic else None


def chances(scores: Scores, sources: int) -> NDArray[np.float64]:
    """Return each node's probability to be one of the sources: together their number, none above one.

    >>> chances(np.log([0.8, 0.1, 0.1]), 2)
    array([1. , 0.5, 0.5])
    """
    able = scores > -np.inf
    share = np.where(able, np.maximum(probabilities(scores), LEAST_CHANCE), 0.0)
    sure = np.zeros(len(scores), np.bool_)
    while True:
        left = min(sources, int(able.sum())) - int(sure.sum())
        found = np.where(sure, 1.0, share * (left / max(share[~sure].sum(), LEAST_CHANCE)))
        if not (found > 1 + 1e-12).any():
            return np.minimum(found, 1.0)
        sure |= found > 1


def _check_kind(kind: str) -> None:
    if kind not in METHODS:
        raise CounterpointError(f"no method {kind!r}; {suggestion(kind, METHODS)}")


def _check_reach(problem: Problem, codes: Codes) -> None:
    """Refuse a snapshot that so many sources cannot have brought about in this time."""
    reached = np.flatnonzero(problem.reached[codes])
    if not len(reached) or any(model.spontaneous_chances[:, 0].any() for model, _ in problem.models):
        return
    _, part = connected_components(undirected(problem.network), directed=False)
    parts = len(np.unique(part[reached]))
    if parts > problem.sources:
        raise CounterpointError(
            f"reached nodes lie in {parts:,} parts of the network that nothing joins: a rumour with"
            f" {pluralize(problem.sources, 'source')} cannot have come to all; trace each part, or look for more"
        )
    if problem.sources > 1 or any(model.contact in PAIRWISE for model, _ in problem.models):
        return
    hops = hops_from(problem, int(reached[0]))[reached]
    if hops.max() > 2 * problem.time:
        one, other = (problem.network.names[int(reached[at])] for at in (0, int(hops.argmax())))
        raise CounterpointError(
            f"{one!r} and {other!r} are reached and {hops.max():.0f} steps apart: in {pluralize(problem.time, 'step')}"
            f" from one source they would be {2 * problem.time} apart at most; look for more sources, or say a longer"
            " time"
        )


def _looked(found: Detector, problem: Problem, codes: Codes, rng: np.random.Generator) -> tuple[Scores, str]:
    """Return the scores, and why so."""
    if isinstance(found, Ensemble):
        looked = found.look(problem, codes, rng)
        return looked.scores, "; ".join(filter(None, [found.why, looked.said]))
    ranks = "" if found.is_probabilistic else "; it ranks and gives no probabilities"
    return found.scores(problem, codes, rng), f"{found.name} was asked for{ranks}"


def _metadata(problem: Problem, found: Detector, **asked: Any) -> dict[str, Any]:
    parts = list(found.members.values()) if isinstance(found, Ensemble) else []
    about = {each.name: each.about for each in (found, *parts)}
    return {
        "version": version("counterpoint"),
        "nodes": problem.network.nodes,
        "edges": problem.network.edges,
        "models": {model.name: prior for model, prior in problem.models},
        "times": dict(problem.times),
        "indistinguishable": list(problem.indistinguishable),
        "share": problem.share,
        "sources": problem.sources,
        **asked,
        "references": about | {model.name: model.about for model, _ in problem.models if model.about},
    }

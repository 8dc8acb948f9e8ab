"""Who started it: a network, a snapshot and a model in, suspects out."""

from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from counterpoint.errors import CounterpointError
from counterpoint.rng import check_seed
from counterpoint.spread.models.model import PAIRWISE, Model
from counterpoint.text import pluralize
from counterpoint.trace.detectors import DEFAULT, DEFAULT_SECONDS, PLAIN, check_kind, detector
from counterpoint.trace.ensemble import Ensemble, Progress
from counterpoint.trace.heuristics import undirected
from counterpoint.trace.observation import Observation
from counterpoint.trace.problem import Codes, Problem
from counterpoint.trace.protocol import Detector, Scores, probabilities, ranked
from counterpoint.trace.suspects import Suspects, hops_from

MIN_CHANCE: Final = 1e-300  # of a suspect


def locate(  # noqa: PLR0913  what is seen, what is asked, and what it may cost
    observation: Observation,
    model: Model | tuple[tuple[Model, float], ...],
    *,
    kind: str = DEFAULT,
    seconds: float = DEFAULT_SECONDS,
    rng: int = 0,
    cache: Path | None = None,
    progress: Progress = lambda _: None,
) -> Suspects:
    """Rank those who may have started it.

    model   : what spread it, or several that may have, with prior probabilities
    kind    : a name in `detectors.METHODS`; "ensemble": of what the network's size and the time allow
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
    start, problem = perf_counter(), observation.to_problem(model)
    codes, sources = observation.codes, observation.sources
    check_kind(kind)
    _check_reach(problem, codes)
    luck = np.random.default_rng([check_seed(rng), 1])
    if int(problem.suspect[codes].sum()) == sources:
        chosen, scores = PLAIN["random"], np.where(problem.suspect[codes], 0.0, -np.inf)
        is_probabilistic, why = True, "nobody else was seen in a state that a source may be in"
    else:
        chosen = detector(problem, kind, seconds=seconds, rng=rng, cache=cache, progress=progress)
        scores, why = _scores_and_reason(chosen, problem, codes, luck)
        is_probabilistic = chosen.is_probabilistic
    nodes, probability = suspected(scores, sources, luck, is_probabilistic=is_probabilistic)
    taken = round(perf_counter() - start, 2)
    metadata = _metadata(problem, chosen, method=kind, seed=rng, asked=seconds, seconds=taken)
    return Suspects(problem, codes, nodes, probability, kind, why, metadata)


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
    share = np.where(able, np.maximum(probabilities(scores), MIN_CHANCE), 0.0)
    sure = np.zeros(len(scores), np.bool_)
    while True:
        remaining = min(sources, int(able.sum())) - int(sure.sum())
        probability = np.where(sure, 1.0, share * (remaining / max(share[~sure].sum(), MIN_CHANCE)))
        if not (probability > 1 + 1e-12).any():
            return np.minimum(probability, 1.0)
        sure |= probability > 1


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
        first, farthest = (problem.network.names[int(reached[place])] for place in (0, int(hops.argmax())))
        raise CounterpointError(
            f"{first!r} and {farthest!r} are reached and {hops.max():.0f} steps apart: in"
            f" {pluralize(problem.time, 'step')} from one source they would be {2 * problem.time} apart at most;"
            " look for more sources, or say a longer time"
        )


def _scores_and_reason(
    chosen: Detector, problem: Problem, codes: Codes, rng: np.random.Generator
) -> tuple[Scores, str]:
    """Return the scores, and why so."""
    if isinstance(chosen, Ensemble):
        result = chosen.score_in_detail(problem, codes, rng)
        return result.scores, "; ".join(filter(None, [chosen.why, result.sampler_note]))
    ranks = "" if chosen.is_probabilistic else "; it ranks and gives no probabilities"
    return chosen.scores(problem, codes, rng), f"{chosen.name} was asked for{ranks}"


def _metadata(problem: Problem, chosen: Detector, **asked: Any) -> dict[str, Any]:
    parts = list(chosen.members.values()) if isinstance(chosen, Ensemble) else []
    about = {each.name: each.about for each in (chosen, *parts)}
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

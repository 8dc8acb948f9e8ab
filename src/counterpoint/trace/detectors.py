"""All detectors by name: those that know all they need, and those that are learned for a problem. A new one goes here.

A detector is a class as `detector.py` describes it; one without learning is added to `PLAIN`, one with to `LEARNED`.
"""

from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

from counterpoint.errors import CounterpointError, suggestion
from counterpoint.rng import check_seed, generator
from counterpoint.storage.commit import make_folder, publish_folder
from counterpoint.trace.ensemble import Ensemble, Progress, affordable
from counterpoint.trace.graph_network import GraphNetwork
from counterpoint.trace.heuristics import LPSI, Closeness, Degree, Jordan, Random
from counterpoint.trace.likelihood import MeanField
from counterpoint.trace.problem import Problem
from counterpoint.trace.protocol import Detector
from counterpoint.trace.ranker import Ranker
from counterpoint.trace.rumour_centrality import RumourCentrality
from counterpoint.trace.sampler import Sampler
from counterpoint.trace.simulation_based import Beam, SoftMargin

Learned = Ensemble | Ranker | GraphNetwork
Learn = Callable[[Problem, float, np.random.Generator, Progress], Learned]
DEFAULT: Final = "ensemble"
DEFAULT_SECONDS: Final = 60.0


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


def detector(
    problem: Problem,
    kind: str = DEFAULT,
    *,
    seconds: float = DEFAULT_SECONDS,
    rng: int = 0,
    cache: Path | None = None,
    progress: Progress = lambda _: None,
) -> Detector:
    """Return a detector for a problem: learned, or taken from the cache if it was learned before with the same words.

    Raises CounterpointError for a method that is none, and a cache that is damaged.
    """
    check_kind(kind)
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


def check_kind(kind: str) -> None:
    """Refuse a name that no detector has."""
    if kind not in METHODS:
        raise CounterpointError(f"no method {kind!r}; {suggestion(kind, METHODS)}")

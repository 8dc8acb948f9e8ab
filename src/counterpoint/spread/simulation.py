"""Let a rumour spread: one verb, whatever the network, the model and the number of runs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from numbers import Integral
from typing import Any, Final, Literal, TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray

from counterpoint.errors import CounterpointError, suggestion
from counterpoint.networks.graph import Network
from counterpoint.rng import check_seed, generator
from counterpoint.spread.engines.run_spec import Period, RunSpec
from counterpoint.spread.engines.selection import SIMULATORS, Simulator, run, select_simulator
from counterpoint.spread.interventions import Intervention, periods
from counterpoint.spread.models.model import Model
from counterpoint.spread.outbreaks import Outbreaks

Keep = Literal["counts", "nodes", "tree"]
KEPT: Final = ("counts", "nodes", "tree")
STEPS: Final = 1000


class RunOptions(TypedDict, total=False):
    """What may be said of a simulation: the fields of `RunSettings`, by keyword."""

    runs: int
    sources: Sequence[Any] | int
    steps: int
    interventions: Iterable[Intervention]
    keep: Keep
    simulator: Simulator | None
    rng: int | np.random.Generator


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """From whom a rumour spreads, how often and how long, what is done to it, and what is kept of it.

    runs          : how often it is run
    sources       : the nodes it begins at, by name; or how many, at random, for every run its own
    steps         : the last step, if something can still change then
    interventions : what is done to it on the way
    keep          : "counts"; or also "nodes": first changes and last states; or also "tree": who changed whom
    simulator     : None: the fastest that can do it; the result says which. A simulator gives the same outbreaks for
                    the same seed on any number of threads; "per-run" and "single-large" give the same ones,
                    "bit-parallel" others of the same law
    rng           : a seed, or a generator from which one is drawn
    """

    runs: int = 1
    sources: Sequence[Any] | int = 1
    steps: int = STEPS
    interventions: Iterable[Intervention] = ()
    keep: Keep = "counts"
    simulator: Simulator | None = None
    rng: int | np.random.Generator = 0

    def __post_init__(self) -> None:
        for name in ("runs", "steps"):
            if getattr(self, name) < 1:
                raise CounterpointError(f"{name} must be 1 or more, got {getattr(self, name)}")
        if self.keep not in KEPT:
            raise CounterpointError(f"nothing to keep is called {self.keep!r}; {suggestion(self.keep, KEPT)}")

    def seed(self) -> int:
        """Return the seed of the runs; of a generator, the next one that it draws."""
        return check_seed(int(self.rng)) if isinstance(self.rng, Integral) else int(generator(self.rng).integers(2**32))


def simulate(network: Network, model: Model, **options: Unpack[RunOptions]) -> Outbreaks:
    """Run a rumour until no contact can change anything, or for so many steps; `options` are those of `RunSettings`.

    Raises CounterpointError for what cannot be run: no nodes, unknown names, runs or steps below 1.

    >>> from counterpoint.spread.models.presets import model
    >>> from counterpoint.networks.generators import barabasi_albert
    >>> outbreaks = simulate(barabasi_albert(500, 3, rng=1), model("sir", spread=0.3), runs=10, rng=2)
    >>> outbreaks.stocks.shape[0], int(outbreaks.stocks.sum(axis=2).max())
    (10, 500)
    """
    settings = RunSettings(**options)
    if network.nodes == 0:
        raise CounterpointError("the network has no nodes: nobody can spread anything")
    seed, interventions = settings.seed(), tuple(settings.interventions)
    sources = int(settings.sources) if isinstance(settings.sources, Integral) else settings.sources
    began = _sources(network, sources, settings.runs, seed)
    planned = periods(network, model, interventions, began, steps=settings.steps, seed=seed)
    nodes = settings.keep != "counts" or any(map(_may_return, planned))
    spec = RunSpec(planned, began, np.arange(settings.runs), settings.steps, seed, nodes, settings.keep == "tree")
    simulator = select_simulator(spec, settings.simulator)
    raw = run(spec, simulator)
    return Outbreaks(
        network,
        model,
        began,
        raw.stocks,
        raw.entries,
        raw.ended,
        raw.planted,
        raw.first if nodes else None,
        raw.parent if settings.keep == "tree" else None,
        raw.last if nodes else None,
        f"{simulator}: {SIMULATORS[simulator]}",
        {
            "version": version("counterpoint"),
            "network": f"{network.nodes} nodes, {network.edges} edges",
            "model": model.name,
            "contact": model.contact,
            "about": model.about,
            "rules": tuple(map(repr, model.rules)),
            "classes": dict(model.classes),
            "runs": settings.runs,
            "sources": sources if isinstance(sources, int) else list(sources),
            "interventions": tuple(map(repr, interventions)),
            "steps": settings.steps,
            "seed": seed,
        },
    )


def _sources(network: Network, sources: Sequence[Any] | int, runs: int, seed: int) -> NDArray[np.int32]:
    if not isinstance(sources, int):
        numbers = np.unique(network.numbers(sources))
        if not len(numbers):
            raise CounterpointError("a rumour needs a source: name one, or say how many")
        return np.tile(numbers.astype(np.int32), (runs, 1))
    if not 1 <= sources <= network.nodes:
        raise CounterpointError(f"{sources} sources of {network.nodes} nodes cannot be drawn")
    rng = np.random.default_rng([seed, 1])
    if sources == 1:
        return rng.integers(network.nodes, size=(runs, 1), dtype=np.int32)
    return np.stack([rng.choice(network.nodes, sources, replace=False) for _ in range(runs)]).astype(np.int32)


def _may_return(period: Period) -> bool:
    """Return whether somebody may come back to the first state: then who was reached must be kept."""
    model = period.model
    into = (
        model.contact_chances[..., 0],
        model.spontaneous_chances[..., 0],
        model.joint_chances[..., 0, :],
        model.joint_chances[..., 0],
    )
    # At the start everybody is in it, and nobody can come back.
    return any(each.any() for each in into) or (period.since > 0 and any(state == 0 for state, _ in period.planted))

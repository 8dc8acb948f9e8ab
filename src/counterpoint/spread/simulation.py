"""Let a rumour spread: one verb, whatever the network, the model and the number of runs."""

from collections.abc import Iterable, Sequence
from importlib.metadata import version
from numbers import Integral
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from counterpoint.errors import CounterpointError, suggestion
from counterpoint.networks.graph import Network
from counterpoint.rng import check_seed, generator
from counterpoint.spread.engines import bit_parallel, by_counts, pairwise
from counterpoint.spread.engines.run_spec import Period, RunSpec
from counterpoint.spread.interventions import Intervention, periods
from counterpoint.spread.models.model import PAIRWISE, Model
from counterpoint.spread.outbreaks import Outbreaks

Keep = Literal["counts", "nodes", "tree"]
Engine = Literal["bit-parallel", "per-run", "single-large", "pairwise"]
ENGINES: Final = {
    "bit-parallel": "512 runs a word",
    "per-run": "neighbours counted, a thread a run",
    "single-large": "neighbours counted, all threads in one run",
    "pairwise": "meeting by meeting, a thread a run",
}
MANY: Final = 64  # runs from which lanes are worth it
LARGE: Final = 50_000  # nodes from which threads share a run
STEPS: Final = 1000


def simulate(  # noqa: PLR0913  what spreads where, from whom, how often, and what is done to it
    network: Network,
    model: Model,
    *,
    runs: int = 1,
    sources: Sequence[Any] | int = 1,
    steps: int = STEPS,
    interventions: Iterable[Intervention] = (),
    keep: Keep = "counts",
    engine: Engine | None = None,
    rng: int | np.random.Generator = 0,
) -> Outbreaks:
    """Run a rumour `runs` times, until no contact can change anything or for so many steps.

    sources : the nodes it begins at, by name; or how many, at random, for every run its own
    interventions   : what is done to it on the way
    keep    : "counts"; or also "nodes": first changes and last states; or also "tree": who changed whom
    engine  : None: the fastest that can do it; the result says which. An engine gives the same outbreaks for the same
              seed on any number of threads; "per-run" and "single-large" give the same ones,
              "bit-parallel" others of the same law

    Raises CounterpointError for what cannot be run: no nodes, unknown names, runs or steps below 1.

    >>> from counterpoint.spread.models.presets import model
    >>> from counterpoint.networks.generate import barabasi_albert
    >>> out = simulate(barabasi_albert(500, 3, rng=1), model("sir", spread=0.3), runs=10, rng=2)
    >>> out.stocks.shape[0], int(out.stocks.sum(axis=2).max())
    (10, 500)
    """
    _check(network, runs, steps, keep)
    seed = check_seed(int(rng)) if isinstance(rng, Integral) else int(generator(rng).integers(2**32))
    sources = int(sources) if isinstance(sources, Integral) else sources
    began = _sources(network, sources, runs, seed)
    interventions = tuple(interventions)
    planned = periods(network, model, interventions, began, steps=steps, seed=seed)
    nodes = keep != "counts" or any(map(_returns, planned))
    spec = RunSpec(planned, began, np.arange(runs), steps, seed, nodes, keep == "tree")
    name = _engine(spec, engine)
    match name:
        case "bit-parallel":
            raw = bit_parallel.run(spec)
        case "pairwise":
            raw = pairwise.run(spec)
        case _:
            raw = by_counts.run(spec, wide=name == "single-large")
    return Outbreaks(
        network,
        model,
        began,
        raw.stocks,
        raw.entries,
        raw.ended,
        raw.planted,
        raw.first if nodes else None,
        raw.parent if keep == "tree" else None,
        raw.last if nodes else None,
        f"{name}: {ENGINES[name]}",
        {
            "version": version("counterpoint"),
            "network": f"{network.nodes} nodes, {network.edges} edges",
            "model": model.name,
            "contact": model.contact,
            "about": model.about,
            "rules": tuple(map(repr, model.rules)),
            "classes": dict(model.classes),
            "runs": runs,
            "sources": sources if isinstance(sources, int) else list(sources),
            "interventions": tuple(map(repr, interventions)),
            "steps": steps,
            "seed": seed,
        },
    )


def _check(network: Network, runs: int, steps: int, keep: str) -> None:
    if network.nodes == 0:
        raise CounterpointError("the network has no nodes: nobody can spread anything")
    for name, value in (("runs", runs), ("steps", steps)):
        if value < 1:
            raise CounterpointError(f"{name} must be 1 or more, got {value}")
    if keep not in ("counts", "nodes", "tree"):
        raise CounterpointError(f"nothing to keep is called {keep!r}; {suggestion(keep, ('counts', 'nodes', 'tree'))}")


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


def _returns(period: Period) -> bool:
    """Return whether somebody may come back to the first state: then who was touched must be kept."""
    model = period.model
    into = (
        model.contact_chances[..., 0],
        model.spontaneous_chances[..., 0],
        model.joint_chances[..., 0, :],
        model.joint_chances[..., 0],
    )
    # At the start everybody is in it, and nobody can come back.
    return any(each.any() for each in into) or (period.since > 0 and any(state == 0 for state, _ in period.planted))


def _engine(spec: RunSpec, wanted: Engine | None) -> Engine:
    if wanted is not None and wanted not in ENGINES:
        raise CounterpointError(f"no engine {wanted!r}; {suggestion(wanted, ENGINES)}")
    by_pairs = spec.model.contact in PAIRWISE
    if by_pairs or wanted == "pairwise":
        if not by_pairs or wanted not in (None, "pairwise"):
            raise CounterpointError(f"contact {spec.model.contact!r} cannot be run by engine {wanted!r}")
        return "pairwise"
    if wanted == "bit-parallel" and not bit_parallel.fits(spec):
        raise CounterpointError(
            "lanes run broadcasts without weights on networks that fit memory; they keep counts only, of models in"
            " which nobody comes back to the first state, and nothing is done on the way but plant"
        )
    if wanted is not None:
        return wanted
    if len(spec.numbers) >= MANY and bit_parallel.fits(spec):
        return "bit-parallel"
    return "single-large" if spec.network.nodes >= LARGE and len(spec.numbers) < 4 else "per-run"

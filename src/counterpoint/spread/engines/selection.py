"""Which simulator runs what: the one asked for, if it can, or the fastest that can."""

from typing import Final, Literal

from counterpoint.errors import CounterpointError, suggestion
from counterpoint.spread.engines import bit_parallel, by_counts, pairwise
from counterpoint.spread.engines.run_spec import RawOutbreaks, RunSpec
from counterpoint.spread.models.model import PAIRWISE

Simulator = Literal["bit-parallel", "per-run", "single-large", "pairwise"]
SIMULATORS: Final = {
    "bit-parallel": "512 runs a word",
    "per-run": "neighbours counted, a thread a run",
    "single-large": "neighbours counted, all threads in one run",
    "pairwise": "meeting by meeting, a thread a run",
}
MANY_RUNS: Final = 64  # from which lanes of a word are worth it
LARGE_NETWORK: Final = 50_000  # nodes from which threads share a run


def select_simulator(spec: RunSpec, wanted: Simulator | None) -> Simulator:
    """Return the simulator of a run; raises CounterpointError if the one that is wanted is none or cannot run it."""
    if wanted is not None and wanted not in SIMULATORS:
        raise CounterpointError(f"no simulator {wanted!r}; {suggestion(wanted, SIMULATORS)}")
    by_pairs = spec.model.contact in PAIRWISE
    if by_pairs or wanted == "pairwise":
        if not by_pairs or wanted not in (None, "pairwise"):
            raise CounterpointError(f"contact {spec.model.contact!r} cannot be run by simulator {wanted!r}")
        return "pairwise"
    if wanted == "bit-parallel" and not bit_parallel.fits(spec):
        raise CounterpointError(
            "lanes run broadcasts without weights on networks that fit memory; they keep counts only, of models in"
            " which nobody comes back to the first state, and nothing is done on the way but plant"
        )
    if wanted is not None:
        return wanted
    if len(spec.numbers) >= MANY_RUNS and bit_parallel.fits(spec):
        return "bit-parallel"
    return "single-large" if spec.network.nodes >= LARGE_NETWORK and len(spec.numbers) < 4 else "per-run"


def run(spec: RunSpec, simulator: Simulator) -> RawOutbreaks:
    """Run it."""
    match simulator:
        case "bit-parallel":
            return bit_parallel.run(spec)
        case "pairwise":
            return pairwise.run(spec)
        case _:
            return by_counts.run(spec, wide=simulator == "single-large")

"""Several detectors as one: their probabilities multiplied, each raised to what it turned out to be worth.

A logarithmic pool (Genest & Zidek 1986, Statistical Science 1) whose weights are fitted on outbreaks that none of its
members has learned from. That they need not add up to one, and that the likeliest may get more than the weights give
them, makes its probabilities as sure as they may be.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from math import ceil
from pathlib import Path
from statistics import fmean
from time import perf_counter
from typing import Any, ClassVar, Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from counterpoint.errors import CounterpointError
from counterpoint.rng import generator
from counterpoint.storage import serializer
from counterpoint.trace.calibration import Calibration, calibrated
from counterpoint.trace.graph_network import GraphNetwork
from counterpoint.trace.listwise import Group, ListwiseData
from counterpoint.trace.problem import Codes, Problem
from counterpoint.trace.protocol import Detector, FixedScores, Scores, probabilities
from counterpoint.trace.ranker import TREE_SUSPECTS, Ranker
from counterpoint.trace.sampler import Sampler
from counterpoint.trace.sampler_diagnostics import SampledPosterior

Floats = NDArray[np.float64]
Progress = Callable[[str], None]
FLOOR: Final = 1e-3  # of the probability is left for whoever a member rules out
MIN_UNVISITED_SHARE: Final = 0.03  # and of what a sampler found at least: its chains never come to everybody
# Standard deviation of weights that are no guess: of one member alone, and of a sampler that mixed.
TIGHT_WEIGHT_SPREAD: Final = 0.15
SAMPLER_PRIOR_WEIGHT: Final = 0.8  # what the weight of a sampler that mixed is drawn towards: it is exact but for noise
TIME_SHARES: Final = {"graph-network": 0.5, "ranker": 0.2, "sampler": 0.2, "fitting": 0.15}  # of the time
MAX_NODES_FOR_GRAPH_NETWORK: Final = 5_000  # nodes, above which no graph network is learned
MIN_SECONDS_FOR_GRAPH_NETWORK: Final = 20.0  # seconds, below which none is
MAX_NODES_FOR_DISTANCES: Final = 20_000  # nodes, above which distances are not looked at
SUSPECTS_PER_SECOND, ARCS_PER_SECOND = 15_000, 2_500_000  # suspects and arcs that the ranker learns from in a second
MAX_REDRAWS_PER_SECOND: Final = 5e7  # arcs, a step each, that a chain redraws in a second at most
RANKER_OUTBREAKS: Final = 50, 6000  # that the ranker learns from, at least and at most
MIN_FITTING_OUTBREAKS: Final = 25  # outbreaks that weights are fitted on at least, if there is room
MAX_FITTING_SUSPECTS: Final = 10_000_000  # suspects in them, about, at most: .9 GiB
COST_OUTBREAKS: Final = 16  # outbreaks that show beforehand what others will cost
TIMING_SHARE: Final = 0.1  # of its sweeps show beforehand how long the sampler takes
SURE_PROBABILITY: Final = 0.98  # the sampler is not asked where the others give somebody more
# Outbreaks sampled: given up if none mixed; given up if few did; enough to fit weights on.
TRIALS_IF_NONE_MIXED, TRIALS_IF_FEW_MIXED, ENOUGH_TRIALS = 4, 8, 24
# Bits that it gained where it mixed, and their spread (benchmarks/results/tracing-notes.csv): over nine settings of
# two to eight steps. After 12, 16 and 23: .01, .00 and, in truth, -.03; there its populations agree too easily.
GAIN_PRIOR: Final = 0.15, 0.15
LATE_STEPS: Final = 10  # steps, above which less is hoped for
LATE_GAIN_PRIOR: Final = 0.0, 0.05
MIN_GAIN: Final = 0.02  # bits that something as slow must gain
MIN_MIXED_SHARE: Final = 0.2  # share of outbreaks on which the sampler must mix
MAX_COST_SHARE: Final = 0.05  # share of the time that one sampled outbreak may cost
DISPLAY_NAMES: Final = {"ranker-fast": "fast ranker", "graph-network": "graph network"}


def floored(scores: Scores, suspect: NDArray[np.bool_]) -> Scores:
    """Return ln of probabilities of which a small part is spread over all suspects, so that none is at zero."""
    even = suspect / suspect.sum()
    with np.errstate(divide="ignore"):
        return np.asarray(np.log((1 - FLOOR) * probabilities(scores) + FLOOR * even))


class EnsembleResult(NamedTuple):
    """What an ensemble says of a snapshot.

    scores       : ln of each node's probability to be the source; of several, its share of them
    sampler_note : what the sampler did, in a sentence; nothing if it takes no part
    sampled      : what it found; None if it was not asked
    """

    scores: Scores
    sampler_note: str
    sampled: SampledPosterior | None


@dataclass(frozen=True, eq=False)
class Ensemble:
    """A ranker, a graph network and a sampler, as far as each can be had; made by `Ensemble.learn` for one problem.

    key     : of the problem
    members : by name, the sampler last
    unmixed : what they are worth without the sampler
    mixed   : what all are on snapshots on which the sampler mixed; None if it takes no part
    metadata : how it was learned: nodes, seconds asked for and taken; outbreaks that weights are fitted on, and the
              bits that members and ensemble need on these to name the source; the same of those on which the sampler
              mixed; on how many of how many doubtful ones it did; and why members were left out
    """

    key: str
    members: Mapping[str, Detector]
    unmixed: Calibration
    mixed: Calibration | None
    metadata: Mapping[str, Any]

    name: ClassVar = "ensemble"
    about: ClassVar = "Logarithmic pool of its members, weighted by simulated outbreaks (Genest & Zidek 1986)."
    is_probabilistic: ClassVar = True

    def __post_init__(self) -> None:
        if len(self.unmixed.weights) != len(self.learned_members) or (
            self.mixed and len(self.mixed.weights) != len(self.members)
        ):
            raise CounterpointError("an ensemble has a weight for every member; this one has more or fewer")

    @classmethod
    def learn(  # noqa: PLR0913  what it may take, and what it may cost
        cls,
        problem: Problem,
        *,
        seconds: float = 60.0,
        rng: int | np.random.Generator,
        progress: Progress = lambda _: None,
        graph_network: bool = True,
        sampler: Sampler | None = Sampler(),  # noqa: B008  frozen
        outbreaks: int = 3000,
    ) -> Self:
        """Learn what can be learned in about so many seconds, and what each member is worth.

        graph_network : whether to teach a graph network, if the network is small enough and there is time
        sampler       : taken in if it serves this problem, mixes on a fifth of the outbreaks on which the others are in
                        doubt, is quick enough, and tells more than they do
        outbreaks     : that weights are fitted on; fewer if looking at them takes long

        Raises CounterpointError for no time, and if hardly any outbreak becomes large enough.
        """
        if not 0 < seconds < np.inf:
            raise CounterpointError(f"an ensemble has {seconds:g} seconds to learn in; more than 0 would be right")
        rng, start, nodes = generator(rng), perf_counter(), problem.network.nodes
        left_out = {}
        if why_no_network := _without_graph_network(nodes, seconds, wanted=graph_network):
            left_out["graph-network"] = why_no_network
        why_no_sampler = "not asked for" if sampler is None else _without_sampler(sampler, problem, seconds, rng)
        budget = _Budget.of(seconds, network=not why_no_network, sampler=not why_no_sampler)
        members = _learn_members(problem, budget, rng, progress)
        held_out = _HeldOutOutbreaks.of(problem, outbreaks, members, TIME_SHARES["fitting"] * seconds, rng)
        unmixed = held_out.fit_calibration()
        worth = zip(members, unmixed.weights, strict=True)
        left_out |= {name: "it adds no more than luck would" for name, weight in worth if not weight}
        metadata = {
            "nodes": nodes,
            "asked": seconds,
            "outbreaks": len(held_out.codes),
            "bits": held_out.bits_by_member(unmixed),
        }
        if sampler is None or why_no_sampler:
            trial = _SamplerTrial(why_no_sampler)
        else:
            trial = _try_sampler(sampler, problem, held_out, unmixed, seconds, rng)
        mixed, why_no_sampler, about_sampler = _weigh_sampler(trial, held_out, unmixed, problem.time)
        if sampler is not None and mixed is not None:
            members["sampler"] = sampler
        if why_no_sampler:
            left_out["sampler"] = why_no_sampler
        metadata |= about_sampler | {"seconds": round(perf_counter() - start, 1), "left out": left_out}
        ensemble = cls(problem.key, members, unmixed, mixed, metadata)
        progress(ensemble.why)
        return ensemble

    @property
    def learned_members(self) -> dict[str, Detector]:
        """The members but the sampler, which are asked about every snapshot."""
        return {name: member for name, member in self.members.items() if name != "sampler"}

    @property
    def why(self) -> str:
        """What is pooled, and why so, in a sentence."""
        names = [DISPLAY_NAMES.get(name, name) for name in self.learned_members]
        taken = {name: weight for name, weight in zip(names, self.unmixed.weights, strict=True) if weight}
        weights = " and ".join(f"{weight:.2f}" for weight in taken.values())
        what = " and ".join(taken) or "nobody knows anything"
        what += f" pooled, weights {weights}" if len(taken) > 1 else " alone" * len(taken)
        parts = [f"{self.metadata['nodes']:,} nodes and {self.metadata['asked']:g} s: {what}"]
        if self.mixed is not None:
            good, tried = self.metadata["mixed"]
            weights = ", ".join(f"{weight:.2f}" for weight in self.mixed.weights)
            parts.append(
                f"the sampler mixed on {good} of {tried} outbreaks that left doubt, and is used on such ({weights})"
            )
        parts += [f"no {DISPLAY_NAMES.get(name, name)}: {why}" for name, why in self.metadata["left out"].items()]
        return "; ".join(parts)

    def scores(self, problem: Problem, codes: Codes, rng: np.random.Generator) -> Scores:
        """Return ln of each node's probability to be the source; of several, its share of them.

        Raises CounterpointError if it was learned for another problem.
        """
        return self.score_in_detail(problem, codes, rng).scores

    def score_in_detail(self, problem: Problem, codes: Codes, rng: np.random.Generator) -> EnsembleResult:
        """Return the scores, and what the sampler did; it is asked if the others are in doubt.

        Raises CounterpointError if the ensemble was learned for another problem.
        """
        if problem.key != self.key:
            raise CounterpointError("this ensemble was learned for another problem: learn one for this")
        suspect = problem.suspect[codes]
        logs = _member_logs(problem, codes, self.learned_members, rng)
        total, sampler_note, posterior = calibrated(logs, self.unmixed), "", None
        sampler = self.members.get("sampler")
        if self.mixed is not None and isinstance(sampler, Sampler):
            sampler_note = "the others are sure: the sampler was not asked"
            if _in_doubt(total):
                posterior = _sample(sampler, problem, codes, total, rng)
                sampler_note = _sampler_note(posterior)
                if posterior.mixed:
                    total = calibrated(np.column_stack([logs, _blended(posterior, suspect, total)]), self.mixed)
        scores = np.full(len(codes), -np.inf)
        scores[suspect] = total
        return EnsembleResult(scores, sampler_note, posterior)

    def save(self, folder: Path | str) -> None:
        """Write it into a folder that is not there yet."""
        Path(folder).mkdir()
        serializer.save(self, Path(folder), "ensemble")

    @classmethod
    def load(cls, folder: Path | str) -> Self:
        """Read what `save` wrote; raises CounterpointError if that is not what the folder holds."""
        return serializer.load(cls, Path(folder), "ensemble", among=(Ranker, GraphNetwork, Sampler))


class _Budget(NamedTuple):
    """Seconds for each member that is learned; 0: it is not."""

    ranker: float
    network: float

    @classmethod
    def of(cls, seconds: float, *, network: bool, sampler: bool) -> Self:
        """Share the time out: what the sampler does not take goes to the best that can be had."""
        rest = TIME_SHARES["graph-network"] + (0 if sampler else TIME_SHARES["sampler"])
        ranker = (TIME_SHARES["ranker"] + (0 if network else rest)) * seconds
        return cls(ranker, rest * seconds if network else 0.0)


def _learn_members(
    problem: Problem, budget: _Budget, rng: np.random.Generator, progress: Progress
) -> dict[str, Detector]:
    """Learn a ranker, and a graph network if it has time."""
    outbreaks = _affordable(budget.ranker, _cost(problem, rng))
    ranker = Ranker.learn(
        problem, outbreaks=outbreaks, rng=rng, progress=progress, fast=problem.network.nodes > MAX_NODES_FOR_DISTANCES
    )
    members: dict[str, Detector] = {ranker.name: ranker}
    if budget.network:
        members["graph-network"] = GraphNetwork.learn(problem, seconds=budget.network, rng=rng, progress=progress)
    return members


def _weigh_sampler(
    trial: "_SamplerTrial", held_out: "_HeldOutOutbreaks", unmixed: Calibration, steps: int
) -> tuple[Calibration | None, str, dict[str, Any]]:
    """Return what all are worth where the sampler mixed, or why it is left out; and what is to be said of it."""
    metadata: dict[str, Any] = {"mixed": [len(trial.mixed), len(trial.posteriors)]} if trial.posteriors else {}
    if trial.why_left_out or not trial.posteriors:
        return None, trial.why_left_out, metadata
    better = held_out.with_sampler(trial, unmixed)
    weights = [*((1 - SAMPLER_PRIOR_WEIGHT) * weight for weight in unmixed.weights), SAMPLER_PRIOR_WEIGHT]
    mixed = better.lists.fit_calibration(weights, TIGHT_WEIGHT_SPREAD)
    others = unmixed._replace(weights=(*unmixed.weights, 0.0))
    metadata["bits where the sampler mixed"] = {**better.bits_by_member(mixed), "without it": better.mean_bits(others)}
    gain = better.bits_per_outbreak(others) - better.bits_per_outbreak(mixed)
    if _expected_gain(gain, steps) > MIN_GAIN:
        return mixed, "", metadata
    why = f"it gained {gain.mean():.2f} bits on {len(gain)} outbreaks, too little for what it costs"
    return None, why, metadata


class _SamplerTrial(NamedTuple):
    """How the sampler did on outbreaks: why it is left out, if it is, and the posteriors it found, by outbreak."""

    why_left_out: str
    posteriors: Mapping[int, SampledPosterior] = {}

    @property
    def mixed(self) -> list[int]:
        """On which it mixed."""
        return [index for index, posterior in self.posteriors.items() if posterior.mixed]


@dataclass(frozen=True)
class _HeldOutOutbreaks:
    """What members say of outbreaks that none has learned from.

    names   : of the members
    codes   : uint8[n, nodes]
    suspect : bool[n, nodes]
    groups  : of each, members' logarithms, float64[suspects, members], and the suspects' shares of the sources
    """

    names: list[str]
    codes: Codes
    suspect: NDArray[np.bool_]
    groups: list[Group]

    @classmethod
    def of(
        cls,
        problem: Problem,
        outbreaks: int,
        members: Mapping[str, Detector],
        seconds: float,
        rng: np.random.Generator,
    ) -> Self:
        """Ask the members about so many outbreaks, or about a few and then as many as time and memory allow."""
        block_size = int(np.clip(MAX_FITTING_SUSPECTS // problem.network.nodes, 1, MIN_FITTING_OUTBREAKS))
        deadline, suspects = np.inf, 0
        parts: list[Codes] = []
        groups: list[Group] = []
        while len(groups) < outbreaks and perf_counter() < deadline and suspects < MAX_FITTING_SUSPECTS:
            simulated = problem.simulate_outbreaks(min(block_size, outbreaks - len(groups)), rng)
            parts.append(simulated.codes)
            for codes, sources in zip(simulated.codes, simulated.sources, strict=True):
                true = np.isin(np.flatnonzero(problem.suspect[codes]), sources) / len(sources)
                groups.append((_member_logs(problem, codes, members, rng), true))
            suspects = sum(len(true) for _, true in groups)
            deadline = min(deadline, perf_counter() + seconds)  # the first few may compile
        codes = np.concatenate(parts)
        return cls(list(members), codes, problem.suspect[codes], groups)

    @cached_property
    def lists(self) -> ListwiseData:
        """What members say, as one."""
        return ListwiseData.of(self.groups)

    def with_sampler(self, trial: _SamplerTrial, known: Calibration) -> Self:
        """Return the same with the sampler, of those on which it mixed; `known` is what the others are worth."""
        groups = []
        for index in trial.mixed:
            logs, true = self.groups[index]
            sampler_logs = _blended(trial.posteriors[index], self.suspect[index], calibrated(logs, known))
            groups.append((np.column_stack([logs, sampler_logs]), true))
        return type(self)([*self.names, "sampler"], self.codes[trial.mixed], self.suspect[trial.mixed], groups)

    def fit_calibration(self) -> Calibration:
        """Return what the members are worth; none but the best anything if all gain no more over it than luck would."""
        count = len(self.names)
        together = self.lists.fit_calibration([1 / count] * count)
        best = min(range(count), key=lambda index: self.mean_bits(_single_member(index, count)))
        column = self.lists.features[:, [best]]
        (weight,), sharpening = replace(self.lists, features=column).fit_calibration([1.0], TIGHT_WEIGHT_SPREAD)
        alone = _single_member(best, count, weight, sharpening)
        return together if _beyond_luck(self.bits_per_outbreak(alone) - self.bits_per_outbreak(together)) else alone

    def bits_by_member(self, worth: Calibration) -> dict[str, float]:
        """Return what each member alone needs to name the source, and all of them if that is what they are worth."""
        alone = {name: self.mean_bits(_single_member(index, len(self.names))) for index, name in enumerate(self.names)}
        return {**alone, "ensemble": self.mean_bits(worth)}

    def mean_bits(self, worth: Calibration) -> float:
        """Return the mean number of bits that the source costs."""
        return round(float(self.bits_per_outbreak(worth).mean()), 3)

    def bits_per_outbreak(self, worth: Calibration) -> Floats:
        """Return the bits that the source of each outbreak costs; of several, their mean."""
        return np.asarray(self.lists.losses(self.lists.calibrated(worth)) / np.log(2))


def _single_member(index: int, count: int, weight: float = 1.0, sharpening: float = 0.0) -> Calibration:
    """Return that one of so many members is worth anything."""
    return Calibration((0.0,) * index + (weight,) + (0.0,) * (count - index - 1), sharpening)


def _beyond_luck(gain: Floats) -> bool:
    """Return whether the bits gained on outbreaks are on average more than their standard error."""
    return bool(gain.mean() > gain.std() / np.sqrt(len(gain)))


def _expected_gain(gain: Floats, steps: int) -> float:
    """Return the bits that a sampler gains after so many steps, as far as a few outbreaks that weigh it tell.

    One on which it errs can cost five, so one alone says little.
    """
    hoped, spread = LATE_GAIN_PRIOR if steps > LATE_STEPS else GAIN_PRIOR
    error = (gain.var() + 1 / len(gain)) / len(gain)
    return float((hoped / spread**2 + gain.mean() / error) / (1 / spread**2 + 1 / error))


def _member_logs(problem: Problem, codes: Codes, members: Mapping[str, Detector], rng: np.random.Generator) -> Floats:
    """Return what each member says of the suspects, float64[suspects, members]."""
    suspect = problem.suspect[codes]
    columns = [floored(each.scores(problem, codes, rng), suspect)[suspect] for each in members.values()]
    return np.column_stack(columns)


def _blended(posterior: SampledPosterior, suspect: NDArray[np.bool_], known: Floats) -> Floats:
    """Return ln of what the sampler found, but as the others have it for as much as its chains differ."""
    left = max(posterior.between, MIN_UNVISITED_SHARE)
    return np.asarray(np.log((1 - left) * posterior.probability[suspect] + left * probabilities(known)))


def _sample(
    sampler: Sampler, problem: Problem, codes: Codes, known: Scores, rng: np.random.Generator
) -> SampledPosterior:
    """Return what the sampler finds if its chains begin where the other members look first."""
    scores = np.full(len(codes), -np.inf)
    scores[problem.suspect[codes]] = known
    return replace(sampler, first=FixedScores(scores)).sample(problem, codes, rng)


def _in_doubt(logs: Scores) -> bool:
    return bool(probabilities(logs).max() < SURE_PROBABILITY)


def _sampler_note(posterior: SampledPosterior) -> str:
    diagnostics = f"its chains differ by {posterior.between:.2f}, {posterior.exact:.0%} of the histories are exact"
    return (
        f"the sampler mixed and is used: {diagnostics}"
        if posterior.mixed
        else f"the sampler did not mix and is left out: {diagnostics}"
    )


def _try_sampler(
    sampler: Sampler,
    problem: Problem,
    held_out: _HeldOutOutbreaks,
    unmixed: Calibration,
    seconds: float,
    rng: np.random.Generator,
) -> _SamplerTrial:
    """Let the sampler look at doubtful outbreaks until its time is up, or it turns out to be of no use."""
    start = perf_counter()
    posteriors: dict[int, SampledPosterior] = {}
    durations = []
    for index, (codes, (logs, _)) in enumerate(zip(held_out.codes, held_out.groups, strict=True)):
        known = calibrated(logs, unmixed)
        if not _in_doubt(known):
            continue
        sample_start = perf_counter()
        posteriors[index] = _sample(sampler, problem, codes, known, rng)
        durations.append(perf_counter() - sample_start)
        mixed, tried = sum(posterior.mixed for posterior in posteriors.values()), len(posteriors)
        few_mixed = tried >= TRIALS_IF_FEW_MIXED and mixed < MIN_MIXED_SHARE * tried
        if few_mixed or (tried >= TRIALS_IF_NONE_MIXED and not mixed):
            return _SamplerTrial(f"it mixed on {mixed} of {tried} outbreaks that left doubt", posteriors)
        mean_seconds = fmean(durations[1:] or durations)  # the first one compiles
        if tried > 1 and mean_seconds > MAX_COST_SHARE * seconds:
            return _SamplerTrial(
                f"it takes {mean_seconds:.1f} s an outbreak, too long to learn what it is worth", posteriors
            )
        if tried >= ENOUGH_TRIALS and perf_counter() - start > TIME_SHARES["sampler"] * seconds:
            break
    if not any(posterior.mixed for posterior in posteriors.values()):
        return _SamplerTrial(f"it mixed on none of {len(posteriors)} outbreaks that left doubt", posteriors)
    return _SamplerTrial("", posteriors)


def _without_graph_network(nodes: int, seconds: float, *, wanted: bool) -> str:
    """Return why no graph network is taught; nothing if one is."""
    if not wanted:
        return "not asked for"
    if nodes > MAX_NODES_FOR_GRAPH_NETWORK:
        return f"it is taught on at most {MAX_NODES_FOR_GRAPH_NETWORK:,} nodes"
    return f"it takes {MIN_SECONDS_FOR_GRAPH_NETWORK:g} s or more" if seconds < MIN_SECONDS_FOR_GRAPH_NETWORK else ""


def _without_sampler(sampler: Sampler, problem: Problem, seconds: float, rng: np.random.Generator) -> str:
    """Return why the sampler is not even tried; nothing if it is."""
    if why := sampler.refusal(problem):
        return why
    snapshots = problem.simulate_outbreaks(COST_OUTBREAKS, rng).codes
    median_snapshot = sorted(snapshots, key=lambda codes: sampler.effort(problem, codes))[COST_OUTBREAKS // 2]
    affordable_seconds = MAX_COST_SHARE * seconds
    seconds_per_outbreak = sampler.effort(problem, median_snapshot) / MAX_REDRAWS_PER_SECOND
    if seconds_per_outbreak <= affordable_seconds:  # if each chain has a core of its own
        warm, sweeps = ceil(TIMING_SHARE * sampler.warm), ceil(TIMING_SHARE * sampler.sweeps)
        short_sampler = replace(sampler, warm=warm, sweeps=sweeps)
        for _ in range(2):  # the first time compiles
            start = perf_counter()
            short_sampler.sample(problem, median_snapshot, rng)
        seconds_per_outbreak = (perf_counter() - start) * sampler.total_sweeps / short_sampler.total_sweeps
    if seconds_per_outbreak <= affordable_seconds:
        return ""
    return f"it would take {seconds_per_outbreak:.0f} s an outbreak, or more"


def affordable(problem: Problem, seconds: float, rng: np.random.Generator) -> int:
    """Return from about how many outbreaks a ranker learns in so many seconds."""
    return _affordable(seconds, _cost(problem, rng))


def _affordable(seconds: float, cost: float) -> int:
    return int(np.clip(seconds / cost, *RANKER_OUTBREAKS))


def _cost(problem: Problem, rng: np.random.Generator) -> float:
    """Return about how many seconds the ranker takes to learn from an outbreak."""
    suspects = problem.suspect[problem.simulate_outbreaks(COST_OUTBREAKS, rng).codes].sum(1)
    ranked = np.minimum(suspects, TREE_SUSPECTS).mean()
    return float(ranked / SUSPECTS_PER_SECOND + len(problem.network.to) / ARCS_PER_SECOND)

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
from counterpoint.trace.ranker import KEPT, Ranker
from counterpoint.trace.sampler import Sampler
from counterpoint.trace.sampler_diagnostics import SampledPosterior

Floats = NDArray[np.float64]
Progress = Callable[[str], None]
FLOOR: Final = 1e-3  # of the probability is left for whoever a member rules out
RARE: Final = 0.03  # and of what a sampler found at least: its chains never come to everybody
FIRM: Final = 0.15  # standard deviation of weights that are no guess: of one member alone, and of one that mixed
TRUSTED: Final = 0.8  # what the weight of a sampler that mixed is drawn towards: it is exact but for noise
SHARES: Final = {"graph-network": 0.5, "ranker": 0.2, "sampler": 0.2, "fitting": 0.15}  # of the time
TAUGHT: Final = 5_000  # nodes, above which no graph network is taught
SHORT: Final = 20.0  # seconds, below which none is
MAX_NODES_FOR_DISTANCES: Final = 20_000  # nodes, above which distances are not looked at
ROWS, ARCS = 15_000, 2_500_000  # suspects and arcs that the ranker learns from in a second
SWEPT: Final = 5e7  # arcs, a step each, that a chain redraws in a second at most
OUTBREAKS: Final = 50, 6000  # that the ranker learns from, at least and at most
FEW: Final = 25  # outbreaks that weights are fitted on at least, if there is room
ROOM: Final = 10_000_000  # suspects in them, about, at most: .9 GiB
SOME: Final = 16  # outbreaks that progress beforehand what others will cost
BRIEF: Final = 0.1  # of its sweeps progress beforehand how long the sampler takes
SURE: Final = 0.98  # the sampler is not asked where the others give somebody more
HOPELESS, PILOT, ENOUGH = 4, 8, 24  # outbreaks sampled: given up if none mixed; if few did; weights can be fitted
# Bits that it gained where it mixed, and their spread (benchmarks/results/tracing-notes.csv): over nine settings of
# two to eight steps. After 12, 16 and 23: .01, .00 and, in truth, -.03; there its populations agree too easily.
HOPED: Final = 0.15, 0.15
LATE: Final = 10  # steps, above which less is hoped for
HOPED_LATE: Final = 0.0, 0.05
DUE: Final = 0.02  # bits that something as slow must gain
MIXES: Final = 0.2  # share of outbreaks on which the sampler must mix
DEAR: Final = 0.05  # share of the time that one sampled outbreak may cost
WORDS: Final = {"ranker-fast": "fast ranker", "graph-network": "graph network"}


def floored(scores: Scores, suspect: NDArray[np.bool_]) -> Scores:
    """Return ln of probabilities of which a small part is spread over all suspects, so that none is at zero."""
    even = suspect / suspect.sum()
    with np.errstate(divide="ignore"):
        return np.asarray(np.log((1 - FLOOR) * probabilities(scores) + FLOOR * even))


class Looked(NamedTuple):
    """What an ensemble found.

    scores  : ln of each node's probability to be the source; of several, its share of them
    said    : what the sampler did, in a sentence; nothing if it takes no part
    sampled : what it found; None if it was not asked
    """

    scores: Scores
    said: str
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
        if len(self.unmixed.weights) != len(self.taught) or (
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
        neural: bool = True,
        sampler: Sampler | None = Sampler(),  # noqa: B008  frozen
        outbreaks: int = 3000,
    ) -> Self:
        """Learn what can be learned in about so many seconds, and what each member is worth.

        neural    : whether to teach a graph network, if the network is small enough and there is time
        sampler   : taken in if it serves this problem, mixes on a fifth of the outbreaks on which the others are in
                    doubt, is quick enough, and tells more than they do
        outbreaks : that weights are fitted on; fewer if looking at them takes long

        Raises CounterpointError for no time, and if hardly any outbreak becomes large enough.
        """
        if not 0 < seconds < np.inf:
            raise CounterpointError(f"an ensemble has {seconds:g} seconds to learn in; more than 0 would be right")
        rng, begun, nodes = generator(rng), perf_counter(), problem.network.nodes
        left_out = {}
        if why_no_network := _without_graph_network(nodes, seconds, wanted=neural):
            left_out["graph-network"] = why_no_network
        why_no_sampler = "not asked for" if sampler is None else _without_sampler(sampler, problem, seconds, rng)
        budget = _Budget.of(seconds, network=not why_no_network, sampler=not why_no_sampler)
        members = _learn_members(problem, budget, rng, progress)
        exam = _Exam.of(problem, outbreaks, members, SHARES["fitting"] * seconds, rng)
        unmixed = exam.fit_calibration()
        worth = zip(members, unmixed.weights, strict=True)
        left_out |= {name: "it adds no more than luck would" for name, weight in worth if not weight}
        metadata = {"nodes": nodes, "asked": seconds, "outbreaks": len(exam.codes), "bits": exam.bits(unmixed)}
        if sampler is None or why_no_sampler:
            trial = _Trial(why_no_sampler)
        else:
            trial = _tried(sampler, problem, exam, unmixed, seconds, rng)
        mixed, why_no_sampler, about_sampler = _weigh_sampler(trial, exam, unmixed, problem.time)
        if sampler is not None and mixed is not None:
            members["sampler"] = sampler
        if why_no_sampler:
            left_out["sampler"] = why_no_sampler
        metadata |= about_sampler | {"seconds": round(perf_counter() - begun, 1), "left out": left_out}
        ensemble = cls(problem.key, members, unmixed, mixed, metadata)
        progress(ensemble.why)
        return ensemble

    @property
    def taught(self) -> dict[str, Detector]:
        """The members but the sampler, which are asked about every snapshot."""
        return {name: member for name, member in self.members.items() if name != "sampler"}

    @property
    def why(self) -> str:
        """What is pooled, and why so, in a sentence."""
        names = [WORDS.get(name, name) for name in self.taught]
        taken = {name: weight for name, weight in zip(names, self.unmixed.weights, strict=True) if weight}
        weights = " and ".join(f"{weight:.2f}" for weight in taken.values())
        what = " and ".join(taken) or "nobody knows anything"
        what += f" pooled, weights {weights}" if len(taken) > 1 else " alone" * len(taken)
        said = [f"{self.metadata['nodes']:,} nodes and {self.metadata['asked']:g} s: {what}"]
        if self.mixed is not None:
            good, tried = self.metadata["mixed"]
            weights = ", ".join(f"{weight:.2f}" for weight in self.mixed.weights)
            said.append(
                f"the sampler mixed on {good} of {tried} outbreaks that left doubt, and is used on such ({weights})"
            )
        said += [f"no {WORDS.get(name, name)}: {why}" for name, why in self.metadata["left out"].items()]
        return "; ".join(said)

    def scores(self, problem: Problem, codes: Codes, rng: np.random.Generator) -> Scores:
        """Return ln of each node's probability to be the source; of several, its share of them.

        Raises CounterpointError if it was learned for another problem.
        """
        return self.look(problem, codes, rng).scores

    def look(self, problem: Problem, codes: Codes, rng: np.random.Generator) -> Looked:
        """Return the scores, and what the sampler did; it is asked if the others are in doubt.

        Raises CounterpointError if the ensemble was learned for another problem.
        """
        if problem.key != self.key:
            raise CounterpointError("this ensemble was learned for another problem: learn one for this")
        suspect = problem.suspect[codes]
        logs = _logs(problem, codes, self.taught, rng)
        total, said, found = calibrated(logs, self.unmixed), "", None
        sampler = self.members.get("sampler")
        if self.mixed is not None and isinstance(sampler, Sampler):
            said = "the others are sure: the sampler was not asked"
            if _doubtful(total):
                found = _sampled(sampler, problem, codes, total, rng)
                said = _said(found)
                if found.mixed:
                    total = calibrated(np.column_stack([logs, _spread(found, suspect, total)]), self.mixed)
        scores = np.full(len(codes), -np.inf)
        scores[suspect] = total
        return Looked(scores, said, found)

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
        rest = SHARES["graph-network"] + (0 if sampler else SHARES["sampler"])
        ranker = (SHARES["ranker"] + (0 if network else rest)) * seconds
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
    trial: "_Trial", exam: "_Exam", unmixed: Calibration, steps: int
) -> tuple[Calibration | None, str, dict[str, Any]]:
    """Return what all are worth where the sampler mixed, or why it is left out; and what is to be said of it."""
    metadata: dict[str, Any] = {"mixed": [len(trial.mixed), len(trial.found)]} if trial.found else {}
    if trial.without or not trial.found:
        return None, trial.without, metadata
    better = exam.on(trial, unmixed)
    weights = [*((1 - TRUSTED) * weight for weight in unmixed.weights), TRUSTED]
    mixed = better.lists.fit_calibration(weights, FIRM)
    others = unmixed._replace(weights=(*unmixed.weights, 0.0))
    metadata["bits where the sampler mixed"] = {**better.bits(mixed), "without it": better.needs(others)}
    gain = better.needed(others) - better.needed(mixed)
    if _expected(gain, steps) > DUE:
        return mixed, "", metadata
    why = f"it gained {gain.mean():.2f} bits on {len(gain)} outbreaks, too little for what it costs"
    return None, why, metadata


class _Trial(NamedTuple):
    """How the sampler did on outbreaks: why it is left out, if it is, and what it found, by their places."""

    without: str
    found: Mapping[int, SampledPosterior] = {}

    @property
    def mixed(self) -> list[int]:
        """On which it mixed."""
        return [at for at, each in self.found.items() if each.mixed]


@dataclass(frozen=True)
class _Exam:
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
        until, few = np.inf, int(np.clip(ROOM // problem.network.nodes, 1, FEW))
        parts: list[Codes] = []
        groups: list[Group] = []
        while len(groups) < outbreaks and perf_counter() < until and sum(len(true) for _, true in groups) < ROOM:
            some = problem.simulate_outbreaks(min(few, outbreaks - len(groups)), rng)
            parts.append(some.codes)
            for codes, sources in zip(some.codes, some.sources, strict=True):
                true = np.isin(np.flatnonzero(problem.suspect[codes]), sources) / len(sources)
                groups.append((_logs(problem, codes, members, rng), true))
            until = min(until, perf_counter() + seconds)  # the first few may compile
        codes = np.concatenate(parts)
        return cls(list(members), codes, problem.suspect[codes], groups)

    @cached_property
    def lists(self) -> ListwiseData:
        """What members say, as one."""
        return ListwiseData.of(self.groups)

    def on(self, trial: _Trial, known: Calibration) -> Self:
        """Return the same with the sampler, of those on which it mixed; `known` is what the others are worth."""
        groups = []
        for at in trial.mixed:
            logs, true = self.groups[at]
            found = _spread(trial.found[at], self.suspect[at], calibrated(logs, known))
            groups.append((np.column_stack([logs, found]), true))
        return type(self)([*self.names, "sampler"], self.codes[trial.mixed], self.suspect[trial.mixed], groups)

    def fit_calibration(self) -> Calibration:
        """Return what the members are worth; none but the best anything if all gain no more over it than luck would."""
        many = len(self.names)
        together = self.lists.fit_calibration([1 / many] * many)
        best = min(range(many), key=lambda at: self.needs(_only(at, many)))
        column = self.lists.features[:, [best]]
        (weight,), sharpening = replace(self.lists, features=column).fit_calibration([1.0], FIRM)
        alone = _only(best, many, weight, sharpening)
        return together if _beyond_luck(self.needed(alone) - self.needed(together)) else alone

    def bits(self, worth: Calibration) -> dict[str, float]:
        """Return what each member alone needs to name the source, and all of them if that is what they are worth."""
        alone = {name: self.needs(_only(at, len(self.names))) for at, name in enumerate(self.names)}
        return {**alone, "ensemble": self.needs(worth)}

    def needs(self, worth: Calibration) -> float:
        """Return the mean number of bits that the source costs."""
        return round(float(self.needed(worth).mean()), 3)

    def needed(self, worth: Calibration) -> Floats:
        """Return the bits that the source of each outbreak costs; of several, their mean."""
        return np.asarray(self.lists.losses(self.lists.calibrated(worth)) / np.log(2))


def _only(at: int, many: int, weight: float = 1.0, sharpening: float = 0.0) -> Calibration:
    """Return that one of so many members is worth anything."""
    return Calibration((0.0,) * at + (weight,) + (0.0,) * (many - at - 1), sharpening)


def _beyond_luck(gain: Floats) -> bool:
    """Return whether the bits gained on outbreaks are on average more than their standard error."""
    return bool(gain.mean() > gain.std() / np.sqrt(len(gain)))


def _expected(gain: Floats, steps: int) -> float:
    """Return the bits that a sampler gains after so many steps, as far as a few outbreaks that weigh it progress.

    One on which it errs can cost five, so one alone says little.
    """
    hoped, spread = HOPED_LATE if steps > LATE else HOPED
    error = (gain.var() + 1 / len(gain)) / len(gain)
    return float((hoped / spread**2 + gain.mean() / error) / (1 / spread**2 + 1 / error))


def _logs(problem: Problem, codes: Codes, members: Mapping[str, Detector], rng: np.random.Generator) -> Floats:
    """Return what each member says of the suspects, float64[suspects, members]."""
    suspect = problem.suspect[codes]
    columns = [floored(each.scores(problem, codes, rng), suspect)[suspect] for each in members.values()]
    return np.column_stack(columns)


def _spread(found: SampledPosterior, suspect: NDArray[np.bool_], known: Floats) -> Floats:
    """Return ln of what the sampler found, but as the others have it for as much as its chains differ."""
    left = max(found.between, RARE)
    return np.asarray(np.log((1 - left) * found.probability[suspect] + left * probabilities(known)))


def _sampled(
    sampler: Sampler, problem: Problem, codes: Codes, known: Scores, rng: np.random.Generator
) -> SampledPosterior:
    """Return what the sampler finds if its chains begin where the other members look first."""
    scores = np.full(len(codes), -np.inf)
    scores[problem.suspect[codes]] = known
    return replace(sampler, first=FixedScores(scores)).sample(problem, codes, rng)


def _doubtful(logs: Scores) -> bool:
    return bool(probabilities(logs).max() < SURE)


def _said(found: SampledPosterior) -> str:
    told = f"its chains differ by {found.between:.2f}, {found.exact:.0%} of the histories are exact"
    return (
        f"the sampler mixed and is used: {told}" if found.mixed else f"the sampler did not mix and is left out: {told}"
    )


def _tried(
    sampler: Sampler,
    problem: Problem,
    exam: _Exam,
    unmixed: Calibration,
    seconds: float,
    rng: np.random.Generator,
) -> _Trial:
    """Let the sampler look at doubtful outbreaks until its time is up, or it turns out to be of no use."""
    begun = perf_counter()
    found: dict[int, SampledPosterior] = {}
    took = []
    for at, (codes, (logs, _)) in enumerate(zip(exam.codes, exam.groups, strict=True)):
        known = calibrated(logs, unmixed)
        if not _doubtful(known):
            continue
        since = perf_counter()
        found[at] = _sampled(sampler, problem, codes, known, rng)
        took.append(perf_counter() - since)
        mixed, tried = sum(each.mixed for each in found.values()), len(found)
        if (tried >= HOPELESS and not mixed) or (tried >= PILOT and mixed < MIXES * tried):
            return _Trial(f"it mixed on {mixed} of {tried} outbreaks that left doubt", found)
        dear = fmean(took[1:] or took)  # the first one compiles
        if tried > 1 and dear > DEAR * seconds:
            return _Trial(f"it takes {dear:.1f} s an outbreak, too long to learn what it is worth", found)
        if tried >= ENOUGH and perf_counter() - begun > SHARES["sampler"] * seconds:
            break
    if not any(each.mixed for each in found.values()):
        return _Trial(f"it mixed on none of {len(found)} outbreaks that left doubt", found)
    return _Trial("", found)


def _without_graph_network(nodes: int, seconds: float, *, wanted: bool) -> str:
    """Return why no graph network is taught; nothing if one is."""
    if not wanted:
        return "not asked for"
    if nodes > TAUGHT:
        return f"it is taught on at most {TAUGHT:,} nodes"
    return f"it takes {SHORT:g} s or more" if seconds < SHORT else ""


def _without_sampler(sampler: Sampler, problem: Problem, seconds: float, rng: np.random.Generator) -> str:
    """Return why the sampler is not even tried; nothing if it is."""
    if why := sampler.refusal(problem):
        return why
    some = sorted(problem.simulate_outbreaks(SOME, rng).codes, key=lambda codes: sampler.effort(problem, codes))
    middle = some[SOME // 2]
    if (least := sampler.effort(problem, middle) / SWEPT) <= DEAR * seconds:  # if each chain has a core of its own
        brief = replace(sampler, warm=ceil(BRIEF * sampler.warm), sweeps=ceil(BRIEF * sampler.sweeps))
        for _ in range(2):  # the first time compiles
            begun = perf_counter()
            brief.sample(problem, middle, rng)
        least = (perf_counter() - begun) * sampler.total_sweeps / brief.total_sweeps
    return f"it would take {least:.0f} s an outbreak, or more" if least > DEAR * seconds else ""


def affordable(problem: Problem, seconds: float, rng: np.random.Generator) -> int:
    """Return from about how many outbreaks a ranker learns in so many seconds."""
    return _affordable(seconds, _cost(problem, rng))


def _affordable(seconds: float, cost: float) -> int:
    return int(np.clip(seconds / cost, *OUTBREAKS))


def _cost(problem: Problem, rng: np.random.Generator) -> float:
    """Return about how many seconds the ranker takes to learn from an outbreak."""
    suspects = problem.suspect[problem.simulate_outbreaks(SOME, rng).codes].sum(1)
    return float(np.minimum(suspects, KEPT).mean() / ROWS + len(problem.network.to) / ARCS)

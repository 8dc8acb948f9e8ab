"""Whole histories that end in what is seen, sampled: the exact posterior, where the sampler mixes."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import dijkstra

from counterpoint.errors import CounterpointError
from counterpoint.rng import generator
from counterpoint.spread.engines.by_counts import arcs_of, fields_of
from counterpoint.spread.models.model import PAIRWISE, Model
from counterpoint.trace import gibbs_kernels
from counterpoint.trace.detector import Detector, Scores, ranked
from counterpoint.trace.heuristics import nearest_first, undirected
from counterpoint.trace.problem import Codes, Problem

POPULATIONS: Final = 2
BLOCK: Final = 25  # sweeps after which chains are weighed
TABLED: Final = 48  # contacts of a field whose odds are tabulated
FIELDS: Final = 2
LONGEST: Final = 30  # steps
DEAR, CHEAP = 2e-3, 0.03  # what a change that nothing explains costs at the end, and at the beginning
AGREE: Final = 0.35  # populations further apart have not mixed
REST: Final = 1e-3  # of the probability is left for suspects that no chain came to


class Sampled(NamedTuple):
    """What chains found.

    probability : float64[nodes], of each to be a source; adds up to one
    exact       : share of histories kept that are exact: all of them, in chains that have any, have the posterior's law
    between     : total variation distance between what the two populations of chains found
    """

    probability: NDArray[np.float64]
    exact: float
    between: float

    @property
    def mixed(self) -> bool:
        """Whether the populations, which know nothing of each other, agree."""
        return self.between < AGREE

    def scores(self, suspect: NDArray[np.bool_]) -> Scores:
        """Return ln of the probabilities, a small part of which is left for all suspects."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log((1 - REST) * self.probability + REST * suspect / suspect.sum()))


@dataclass(frozen=True)
class Sampler:
    """Histories of everybody that end in what is seen, redrawn node by node (Gibbs), annealed.

    Chains begin at the likeliest nodes by another detector, and get about at a price for every change that no contact
    explains; it rises while they warm. On the way chains are weighed by what they pay, and drawn anew by their weights
    (population annealing: Hukushima & Iba 2003), in two populations. Histories that paid for nothing but their
    beginning are exact.

    chains : how many
    warm   : sweeps in which the price rises; sweeps: those that are kept
    first  : tells where chains begin; None: at the nodes nearest to all that are reached
    """

    chains: int = 12
    warm: int = 500
    sweeps: int = 200
    first: Detector | None = None

    name: ClassVar = "sampler"
    about: ClassVar = (
        "Gibbs sampling of whole histories (Chib 1996, J. Econometrics 75; Geman & Geman 1984), annealed; ours."
    )
    is_probabilistic: ClassVar = True

    def refusal(self, problem: Problem) -> str | None:
        """Return why this problem cannot be sampled; None: it can be."""
        model, contact = problem.model, problem.model.contact
        reasons = {
            "one model": len(problem.models) > 1,
            "one source": problem.sources > 1,
            f"contact in steps by what each hears, not {contact!r}": contact in PAIRWISE,
            f"models with at most {FIELDS} states that matter to those who meet them": len(fields_of(model)) > FIELDS,
            f"1 to {LONGEST} steps": not 1 <= problem.time <= LONGEST,
            "networks that do not change": len(problem.network.changes()) > 0,
        }
        return next((f"the sampler takes {what}" for what, hit in reasons.items() if hit), None)

    @property
    def swept(self) -> int:
        """How many sweeps a chain makes: it warms in blocks."""
        return -(-self.warm // BLOCK) * BLOCK + self.sweeps

    def effort(self, problem: Problem, codes: Codes) -> int:
        """Return how many times a chain looks at an arc in a step."""
        seen, _ = _seen(problem, codes)
        arcs = np.diff(problem.network.start)[seen.free].sum()
        return int(self.swept * problem.time * arcs)

    def scores(self, problem: Problem, codes: Codes, rng: np.random.Generator) -> Scores:
        """Return ln of the probabilities found, a small part of which is left for all suspects.

        Raises CounterpointError for a problem that cannot be sampled.
        """
        return self.look(problem, codes, rng).scores(problem.suspect[codes])

    def look(self, problem: Problem, codes: Codes, rng: int | np.random.Generator) -> Sampled:
        """Return what chains find; raises CounterpointError for a problem that cannot be sampled."""
        if why := self.refusal(problem):
            raise CounterpointError(why)
        rng = generator(rng)
        seen, unit = _seen(problem, codes)
        rules = rules_of(problem.model, unit)
        chains = self._chains(problem, codes, rules, seen, rng)
        states = rng.integers(2**63, size=(self.chains, 1)).astype(np.uint64)
        found, began = np.zeros((2, self.chains, problem.network.nodes), np.int64)
        rounds, prices, weights = -(-self.warm // BLOCK), np.full(self.chains, CHEAP), np.zeros(self.chains)

        def redraw(which: int, cooling: float, sweeps: int) -> tuple[int, float, float]:
            own, price = gibbs_kernels.Chain(*(part[which] for part in chains)), prices[which]
            told = found[which], began[which]
            return tuple(gibbs_kernels.advance(rules, seen, own, states[which], price, cooling, sweeps, *told))

        with ThreadPoolExecutor() as pool:
            cool = partial(redraw, cooling=(DEAR / CHEAP) ** (1 / (rounds * BLOCK)), sweeps=BLOCK)
            for _ in range(rounds):
                _, prices, gains = map(np.array, zip(*pool.map(cool, range(self.chains)), strict=True))
                weights += gains
                for population in np.array_split(np.arange(self.chains), POPULATIONS):
                    weights[population] = _drawn_anew(chains, population, weights[population], rng)
            found[:], began[:] = 0, 0
            ended = pool.map(partial(redraw, cooling=1.0, sweeps=self.sweeps), range(self.chains))
            exact = np.array([count for count, _, _ in ended])
        return _told(found, exact, began, self.sweeps, problem.suspect[codes])

    def _chains(
        self,
        problem: Problem,
        codes: Codes,
        rules: gibbs_kernels.Rules,
        seen: gibbs_kernels.Seen,
        rng: np.random.Generator,
    ) -> gibbs_kernels.Chain:
        """Return a history for each chain: from where it begins, everybody in it one step after a neighbour."""
        nodes, last = problem.network.nodes, problem.time
        if self.first is None:
            order = nearest_first(problem, codes, rng)
        else:
            order = ranked(self.first.scores(problem, codes, rng), rng)
        loud = np.flatnonzero(~seen.silent)
        joined = undirected(problem.network)[loud][:, loud]
        origins = np.searchsorted(loud, np.resize(order[: self.chains], self.chains))
        distance = np.full((self.chains, nodes), np.inf)
        distance[:, loud] = np.minimum(dijkstra(joined, indices=origins, unweighted=True), max(last - 1, 0))
        distance[:, ~problem.reached[codes]] = np.inf
        path = np.zeros((self.chains, nodes, last + 1), np.uint8)
        path[distance[:, :, None] <= np.arange(last + 1)] = rules.source
        known = problem.reached[codes]
        path[:, known, last] = codes[known]
        chains = gibbs_kernels.Chain(
            path,
            np.zeros((self.chains, nodes), np.uint8),
            np.full((self.chains, nodes, last), -1, np.int16),
            np.zeros((self.chains, nodes, last, FIELDS), np.int32),
        )
        for which in range(self.chains):
            gibbs_kernels.settle(rules, seen, gibbs_kernels.Chain(*(part[which] for part in chains)))
        return chains


def rules_of(model: Model, unit: float) -> gibbs_kernels.Rules:
    """Return a model as the kernel's arrays."""
    fields, classes, states = fields_of(model), len(model.class_names), len(model.states)
    meet: NDArray[np.float64] = np.zeros((classes, states, FIELDS, states))
    meet[:, :, : len(fields)] = model.contact_chances[0][:, :, fields]
    chance = meet.sum(-1)
    alone = model.spontaneous_chances.copy()
    own = np.arange(states)
    alone[:, own, own] = 1 - model.spontaneous_chances.sum(-1)
    field = np.full(states, -1)
    field[fields] = np.arange(len(fields))
    told = np.zeros((classes, states, states, 8))
    columns = (
        (gibbs_kernels.FIRST, gibbs_kernels.CHANCE, gibbs_kernels.INTO),
        (gibbs_kernels.SECOND, gibbs_kernels.OTHER, gibbs_kernels.ELSE),
    )
    for place, (weight, lost, into) in enumerate(columns):
        told[..., weight] = meet[:, :, place] + (1 - chance[:, :, place, None]) * alone
        told[..., lost] = chance[:, :, place, None]
        told[..., into] = meet[:, :, place]
    told[..., gibbs_kernels.ALONE] = alone
    told[..., gibbs_kernels.UNIT] = unit
    can = (meet.sum(2) > 0) | (alone > 0) | np.eye(states, dtype=np.bool_)
    source = model.number(model.source)
    can[0, 0, source] = True
    steps = told.reshape(-1, 8)
    table = np.empty((len(steps), 0, 0), np.float32)
    if model.contact == "broadcast":
        table = gibbs_kernels.tabulated(steps, TABLED if unit == 1.0 else 1)
    shares = np.array([1 - sum(model.classes.values()), *model.classes.values()], np.float64)
    return gibbs_kernels.Rules(
        steps, table, np.array([classes, states]), field, can.ravel(), (chance > 0).any(-1), shares, source
    )


def _drawn_anew(
    chains: gibbs_kernels.Chain, which: NDArray[np.int64], weights: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Draw a population's chains anew by ln of their weights if few of them weigh most; return the weights then."""
    shares = np.exp(weights - weights.max())
    shares /= shares.sum()
    if (shares**2).sum() < 2 / len(which):
        return weights
    at = (rng.random() + np.arange(len(which))) / len(which)
    parents = which[np.minimum(np.searchsorted(np.cumsum(shares), at), len(which) - 1)]
    for part in chains:
        part[which] = part[parents]
    return np.zeros(len(which))


def _seen(problem: Problem, codes: Codes) -> tuple[gibbs_kernels.Seen, float]:
    """Return what is given as the kernel's arrays, and what one contact adds to a count."""
    network, last = problem.network, problem.time
    arcs, unit = arcs_of(network)
    may = problem.possible_states[codes]
    silent = may[:, 0] & (may.sum(1) == 1) & ~_returns(problem.model)
    near = ~silent
    near[network.to[near[network.tails]]] = True
    prior = np.zeros(last + 1)
    for time, weight in problem.times:
        prior[last - time] += weight
    begins = np.where(prior > 0, prior / prior.max(), 1.0)
    strength = arcs.strength if problem.model.contact == "pull" else np.empty(0)
    times = arcs.times.astype(np.int64)
    given = network.start, network.to, times, strength, np.flatnonzero(near), silent, may, begins, prior > 0
    return gibbs_kernels.Seen(*given), unit


def _returns(model: Model) -> bool:
    """Return whether somebody may come back to the first state."""
    return bool(model.contact_chances[..., 0].any() or model.spontaneous_chances[..., 0].any())


def _told(
    found: NDArray[np.int64],
    exact: NDArray[np.int64],
    began: NDArray[np.int64],
    sweeps: int,
    suspect: NDArray[np.bool_],
) -> Sampled:
    """Put chains together: of each its exact histories if there are any, of all the exact ones if there are any."""
    each = np.where(exact[:, None] > 0, found, began) * suspect
    if not each.any():
        return Sampled(suspect / suspect.sum(), 0.0, 1.0)
    each = each / np.maximum(each.sum(1, keepdims=True), 1)
    parts = [part[part.sum(1) > 0] for part in np.array_split(each, POPULATIONS)]
    means = [part.mean(0) for part in parts if len(part)]
    between = float(np.abs(means[0] - means[-1]).sum() / 2) if len(means) > 1 else 1.0
    good = (exact > 0) if exact.any() else (each.sum(1) > 0)
    return Sampled(each[good].mean(0), float(exact.mean() / sweeps), between)

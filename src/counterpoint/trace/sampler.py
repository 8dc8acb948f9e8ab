"""Whole histories that end in what is seen, sampled: the exact posterior, where the sampler mixes."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import dijkstra

from counterpoint.errors import CounterpointError
from counterpoint.rng import generator
from counterpoint.spread.engines.by_counts import arcs_of, fields_of
from counterpoint.spread.models.model import PAIRWISE, Model
from counterpoint.trace import gibbs_kernels
from counterpoint.trace.heuristics import nearest_first, undirected
from counterpoint.trace.problem import Codes, Problem
from counterpoint.trace.protocol import Detector, Scores, ranked
from counterpoint.trace.sampler_diagnostics import POPULATIONS, ChainCounts, SampledPosterior, combine_chains

BLOCK: Final = 25  # sweeps after which chains are weighed
TABLE_SIZE: Final = 48  # contacts of a field whose odds are tabulated
MAX_FIELDS: Final = 2
MAX_STEPS: Final = 30
FINAL_PRICE, FIRST_PRICE = 2e-3, 0.03  # what a change that nothing explains costs at the end, and at the beginning


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
            f"models with at most {MAX_FIELDS} states that matter to those who meet them": len(fields_of(model))
            > MAX_FIELDS,
            f"1 to {MAX_STEPS} steps": not 1 <= problem.time <= MAX_STEPS,
            "networks that do not change": len(problem.network.changes()) > 0,
        }
        return next((f"the sampler takes {what}" for what, hit in reasons.items() if hit), None)

    @property
    def total_sweeps(self) -> int:
        """How many sweeps a chain makes: it warms in blocks."""
        return -(-self.warm // BLOCK) * BLOCK + self.sweeps

    def effort(self, problem: Problem, codes: Codes) -> int:
        """Return how many times a chain looks at an arc in a step."""
        evidence, _ = _evidence(problem, codes)
        arcs = np.diff(problem.network.start)[evidence.redrawn].sum()
        return int(self.total_sweeps * problem.time * arcs)

    def scores(self, problem: Problem, codes: Codes, rng: np.random.Generator) -> Scores:
        """Return ln of the probabilities found, a small part of which is left for all suspects.

        Raises CounterpointError for a problem that cannot be sampled.
        """
        return self.sample(problem, codes, rng).scores(problem.suspect[codes])

    def sample(self, problem: Problem, codes: Codes, rng: int | np.random.Generator) -> SampledPosterior:
        """Return what chains find; raises CounterpointError for a problem that cannot be sampled."""
        if why := self.refusal(problem):
            raise CounterpointError(why)
        rng = generator(rng)
        evidence, unit = _evidence(problem, codes)
        rules = rules_of(problem.model, unit)
        histories = self._first_histories(problem, codes, rules, evidence, rng)
        states = rng.integers(2**63, size=(self.chains, 1)).astype(np.uint64)
        population = _Population(rules, evidence, histories, states)
        with ThreadPoolExecutor() as pool:
            population.warm_up(pool, -(-self.warm // BLOCK), rng)
            counts = population.collect(pool, self.sweeps)
        return combine_chains(counts, problem.suspect[codes])

    def _first_histories(
        self,
        problem: Problem,
        codes: Codes,
        rules: gibbs_kernels.Rules,
        evidence: gibbs_kernels.Evidence,
        rng: np.random.Generator,
    ) -> gibbs_kernels.Chain:
        """Return a history for each chain: from where it begins, everybody in it one step after a neighbour."""
        nodes, last = problem.network.nodes, problem.time
        if self.first is None:
            order = nearest_first(problem, codes, rng)
        else:
            order = ranked(self.first.scores(problem, codes, rng), rng)
        heard = np.flatnonzero(~evidence.silent)
        joined = undirected(problem.network)[heard][:, heard]
        origins = np.searchsorted(heard, np.resize(order[: self.chains], self.chains))
        distance = np.full((self.chains, nodes), np.inf)
        distance[:, heard] = np.minimum(dijkstra(joined, indices=origins, unweighted=True), max(last - 1, 0))
        reached = problem.reached[codes]
        distance[:, ~reached] = np.inf
        path = np.zeros((self.chains, nodes, last + 1), np.uint8)
        path[distance[:, :, None] <= np.arange(last + 1)] = rules.source
        path[:, reached, last] = codes[reached]
        histories = gibbs_kernels.Chain(
            path,
            np.zeros((self.chains, nodes), np.uint8),
            np.full((self.chains, nodes, last), -1, np.int16),
            np.zeros((self.chains, nodes, last, MAX_FIELDS), np.int32),
        )
        for chain in range(self.chains):
            gibbs_kernels.synchronise(rules, evidence, _chain(histories, chain))
        return histories


class _Population:
    """Chains that warm up together: their histories, their random numbers, what they pay and what they found."""

    def __init__(
        self,
        rules: gibbs_kernels.Rules,
        evidence: gibbs_kernels.Evidence,
        histories: gibbs_kernels.Chain,
        states: NDArray[np.uint64],
    ) -> None:
        self.rules, self.evidence, self.histories, self.states = rules, evidence, histories, states
        chains, nodes = histories.kind.shape
        self.exact_origins, self.origins = np.zeros((2, chains, nodes), np.int64)
        self.prices, self.weights = np.full(chains, FIRST_PRICE), np.zeros(chains)

    def warm_up(self, pool: ThreadPoolExecutor, rounds: int, rng: np.random.Generator) -> None:
        """Raise the price in so many rounds; after each, chains are drawn anew by what they paid."""
        chains = range(len(self.states))
        cool = partial(self._sweep, cooling=(FINAL_PRICE / FIRST_PRICE) ** (1 / (rounds * BLOCK)), sweeps=BLOCK)
        for _ in range(rounds):
            _, self.prices, gains = map(np.array, zip(*pool.map(cool, chains), strict=True))
            self.weights += gains
            for population in np.array_split(np.arange(len(chains)), POPULATIONS):
                self.weights[population] = _resampled(self.histories, population, self.weights[population], rng)

    def collect(self, pool: ThreadPoolExecutor, sweeps: int) -> ChainCounts:
        """Count where histories begin in so many sweeps at the last price."""
        self.exact_origins[:], self.origins[:] = 0, 0
        ended = pool.map(partial(self._sweep, cooling=1.0, sweeps=sweeps), range(len(self.states)))
        exact = np.array([count for count, _, _ in ended])
        return ChainCounts(exact, self.exact_origins, self.origins, sweeps)

    def _sweep(self, chain: int, cooling: float, sweeps: int) -> tuple[int, float, float]:
        history, price = _chain(self.histories, chain), self.prices[chain]
        counted = self.exact_origins[chain], self.origins[chain]
        return tuple(
            gibbs_kernels.sweep(
                self.rules, self.evidence, history, self.states[chain], price, cooling, sweeps, *counted
            )
        )


def _chain(histories: gibbs_kernels.Chain, chain: int) -> gibbs_kernels.Chain:
    return gibbs_kernels.Chain(*(part[chain] for part in histories))


def rules_of(model: Model, unit: float) -> gibbs_kernels.Rules:
    """Return a model as the kernel's arrays; one contact adds `unit` to a count."""
    fields, classes, states = fields_of(model), len(model.class_names), len(model.states)
    contact: NDArray[np.float64] = np.zeros((classes, states, MAX_FIELDS, states))
    contact[:, :, : len(fields)] = model.contact_chances[0][:, :, fields]
    chance = contact.sum(-1)
    spontaneous = model.spontaneous_chances.copy()
    diagonal = np.arange(states)
    spontaneous[:, diagonal, diagonal] = 1 - model.spontaneous_chances.sum(-1)
    field = np.full(states, -1)
    field[fields] = np.arange(len(fields))
    possible = (contact.sum(2) > 0) | (spontaneous > 0) | np.eye(states, dtype=np.bool_)
    source = model.number(model.source)
    possible[0, 0, source] = True
    steps = _steps(contact, spontaneous, unit)
    table = np.empty((len(steps), 0, 0), np.float32)
    if model.contact == "broadcast":
        table = gibbs_kernels.odds_table(steps, TABLE_SIZE if unit == 1.0 else 1)
    shares = np.array([1 - sum(model.classes.values()), *model.classes.values()], np.float64)
    dimensions, reacts = np.array([classes, states]), (chance > 0).any(-1)
    return gibbs_kernels.Rules(steps, table, dimensions, field, possible.ravel(), reacts, shares, source)


def _steps(contact: NDArray[np.float64], spontaneous: NDArray[np.float64], unit: float) -> NDArray[np.float64]:
    """Return `gibbs_kernels.Rules.steps`, from the chances of a contact by field and of a change by itself."""
    chance = contact.sum(-1)
    steps = np.zeros((*spontaneous.shape, 8))
    columns = (
        (gibbs_kernels.FIRST, gibbs_kernels.CHANCE, gibbs_kernels.INTO),
        (gibbs_kernels.SECOND, gibbs_kernels.OTHER, gibbs_kernels.ELSE),
    )
    for place, (weight, changes, into) in enumerate(columns):
        steps[..., weight] = contact[:, :, place] + (1 - chance[:, :, place, None]) * spontaneous
        steps[..., changes] = chance[:, :, place, None]
        steps[..., into] = contact[:, :, place]
    steps[..., gibbs_kernels.ALONE] = spontaneous
    steps[..., gibbs_kernels.UNIT] = unit
    return steps.reshape(-1, 8)


def _resampled(
    histories: gibbs_kernels.Chain,
    population: NDArray[np.int64],
    weights: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Draw a population's chains anew by ln of their weights if few of them weigh most; return the weights then."""
    shares = np.exp(weights - weights.max())
    shares /= shares.sum()
    if (shares**2).sum() < 2 / len(population):
        return weights
    places = (rng.random() + np.arange(len(population))) / len(population)
    parents = population[np.minimum(np.searchsorted(np.cumsum(shares), places), len(population) - 1)]
    for part in histories:
        part[population] = part[parents]
    return np.zeros(len(population))


def _evidence(problem: Problem, codes: Codes) -> tuple[gibbs_kernels.Evidence, float]:
    """Return what is given as the kernel's arrays, and what one contact adds to a count."""
    network, last = problem.network, problem.time
    arcs, unit = arcs_of(network)
    possible = problem.possible_states[codes]
    silent = possible[:, 0] & (possible.sum(1) == 1) & ~_returns(problem.model)
    redrawn = ~silent
    redrawn[network.to[redrawn[network.tails]]] = True
    prior = np.zeros(last + 1)
    for time, weight in problem.times:
        prior[last - time] += weight
    begin_weights = np.where(prior > 0, prior / prior.max(), 1.0)
    strength = arcs.strength if problem.model.contact == "pull" else np.empty(0)
    times = arcs.times.astype(np.int64)
    given = (
        network.start,
        network.to,
        times,
        strength,
        np.flatnonzero(redrawn),
        silent,
        possible,
        begin_weights,
        prior > 0,
    )
    return gibbs_kernels.Evidence(*given), unit


def _returns(model: Model) -> bool:
    """Return whether somebody may come back to the first state."""
    return bool(model.contact_chances[..., 0].any() or model.spontaneous_chances[..., 0].any())

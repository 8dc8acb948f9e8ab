"""The sampler against enumeration: every history of a few nodes, every class they may be of."""

from itertools import combinations, product

import numpy as np
import pytest

from counterpoint.errors import CounterpointError
from counterpoint.networks.generators import barabasi_albert, ring
from counterpoint.networks.graph import Network
from counterpoint.spread.models.model import Model
from counterpoint.spread.models.presets import model
from counterpoint.trace.problem import Problem
from counterpoint.trace.sampler import Sampler

KITE = Network.of([0, 1, 2, 0, 3], [1, 2, 3, 2, 4])
WEIGHED = Network.of([0, 1, 2, 0, 3], [1, 2, 3, 2, 4], weight=[1.0, 2.0, 1.0, 3.0, 1.0])
ONE_WAY = Network.of([0, 1, 2, 0, 3, 4], [1, 2, 3, 2, 4, 0], directed=True)
LONG = Sampler(chains=4, warm=300, sweeps=12_000)


def by_order(rules: Model, c: int, s: int, counts: tuple[float, ...]) -> np.ndarray:
    """What becomes of somebody who meets these contacts in random order, one after the other."""
    alone = rules.spontaneous_chances[c, s].copy()
    alone[s] += 1 - alone.sum()
    if not sum(counts):
        return alone
    found = np.zeros(len(rules.states))
    for j, count in enumerate(counts):
        if count:
            left = tuple(n - (i == j) for i, n in enumerate(counts))
            chances = rules.contact_chances[0][c, s, j]
            found += count / sum(counts) * (chances + (1 - chances.sum()) * by_order(rules, c, s, left))
    return found


def one_of(rules: Model, c: int, s: int, counts: tuple[float, ...], whole: float) -> np.ndarray:
    """What becomes of somebody who takes one contact of so many."""
    alone = rules.spontaneous_chances[c, s].copy()
    alone[s] += 1 - alone.sum()
    if not whole:
        return alone
    found = (1 - sum(counts) / whole) * alone
    for j, count in enumerate(counts):
        chances = rules.contact_chances[0][c, s, j]
        found += count / whole * (chances + (1 - chances.sum()) * alone)
    return found


def enumerated(problem: Problem, codes: np.ndarray) -> np.ndarray:
    """P(each node is the source | what is seen), by every history."""
    rules, network = problem.model, problem.network
    n, states = network.nodes, len(rules.states)
    start, heard = network.heard
    active = [rules.number(state) for state in rules.active]
    weight = np.ones(len(network.to)) if network.weight is None else network.weight[network.heard_places]
    strength = np.bincount(np.repeat(np.arange(n), np.diff(start)), weight, n)
    shares = [1 - sum(rules.classes.values()), *rules.classes.values()]

    def law(config: tuple[int, ...], kinds: tuple[int, ...], v: int) -> np.ndarray:
        counts = [0.0] * states
        for at in range(start[v], start[v + 1]):
            state = config[heard[at]]
            if state in active:
                counts[state] += weight[at]
        met = tuple(counts)
        if rules.contact == "broadcast":
            return by_order(rules, kinds[v], config[v], met)
        whole = sum(counts) if rules.contact == "active-pull" else strength[v]
        return one_of(rules, kinds[v], config[v], met, whole)

    found, may, times = np.zeros(n), problem.possible_states[codes], dict(problem.times)
    for sources in combinations(range(n), problem.sources):
        others = [range(len(shares)) if v not in sources else (0,) for v in range(n)]
        for kinds in product(*others):
            prior = np.prod([shares[kinds[v]] for v in range(n) if v not in sources])
            now = {tuple(rules.number(rules.source) if v in sources else 0 for v in range(n)): 1.0}
            for time in range(1, problem.time + 1):
                later: dict[tuple[int, ...], float] = {}
                for config, chance in now.items():
                    ways = [[(k, p) for k, p in enumerate(law(config, kinds, v)) if p > 0] for v in range(n)]
                    for way in product(*ways):
                        to = tuple(k for k, _ in way)
                        later[to] = later.get(to, 0.0) + chance * float(np.prod([p for _, p in way]))
                now = later
                fits = sum(p for config, p in now.items() if all(may[v, config[v]] for v in range(n)))
                found[list(sources)] += prior * times.get(time, 0.0) * fits
    return found / found.sum()


CASES = {
    "active pull": Problem.of(KITE, model("sidr-active-pull"), 3),
    "broadcast": Problem.of(KITE, model("sidr"), 2),
    "pull": Problem.of(KITE, model("sidr-pull"), 3),
    "forgetting": Problem.of(KITE, model("sidr-active-pull", forget=0.2), 2),
    "weighed": Problem.of(WEIGHED, model("sidr-active-pull"), 3),
    "one way": Problem.of(ONE_WAY, model("sidr-active-pull"), 3),
    "indistinguishable": Problem.of(KITE, model("sidr-active-pull"), 3, indistinguishable=("R",)),
    "half seen": Problem.of(KITE, model("sidr"), 2, share=0.6),
    "eight nodes": Problem.of(ring(8), model("sir", spread=0.6, recover=0.3), 2, min_size=4),
    "unknown time": Problem(KITE, ((model("sidr"), 1.0),), ((1, 0.2), (2, 0.5), (3, 0.3))),
    "those who return": Problem.of(KITE, model("sis", spread=0.4, recover=0.3), 3),
}


def far(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one - other).sum() / 2)


@pytest.mark.parametrize("name", CASES)
def test_the_sampler_agrees_with_enumeration(name):
    problem = CASES[name]
    seen = problem.simulate_outbreaks(40, 3)
    # The snapshot that leaves most open among the first: the one with the most suspects.
    codes = seen.codes[problem.suspect[seen.codes].sum(1).argmax()]
    found = LONG.sample(problem, codes, 5)
    assert found.exact > 0.05
    assert found.mixed
    assert far(found.probability, enumerated(problem, codes)) < 0.03


def test_one_step_on_a_star_leaves_no_doubt():
    """One step on a star: whoever is seen to be infected beside the hub did not infect it alone."""
    problem = Problem.of(Network.of([0, 0, 0], [1, 2, 3]), model("sir", spread=0.5, recover=0.0), 1)
    found = Sampler(chains=2, warm=50, sweeps=200).sample(problem, np.array([1, 1, 1, 0], np.uint8), 1)
    np.testing.assert_allclose(found.probability, [1, 0, 0, 0])


def test_the_same_seed_gives_the_same_posterior():
    problem = Problem.of(barabasi_albert(60, 2, rng=1), model("sidr-active-pull"), 3, min_size=5)
    codes = problem.simulate_outbreaks(1, 2).codes[0]
    short = Sampler(chains=3, warm=30, sweeps=30)
    one, other = (short.sample(problem, codes, 7) for _ in range(2))
    np.testing.assert_array_equal(one.probability, other.probability)
    assert one[1:] == other[1:]


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (Problem.of(KITE, model("sidr-pairwise"), 2), "not 'pairwise'"),
        (Problem.of(KITE, model("sidr"), 31), "1 to 30 steps"),
        (Problem.of(KITE, model("sidr"), 0), "1 to 30 steps"),
        (Problem(KITE, ((model("sidr"), 0.5), (model("sidr-both"), 0.5)), ((2, 1.0),)), "one model"),
        (Problem.of(KITE, model("sidr"), 2, sources=2), "one source"),
        (Problem.of(Network.of([0, 1], [1, 2], since=[0.0, 1.0], until=[2.0, 3.0]), model("sidr"), 2), "do not change"),
    ],
)
def test_problems_that_cannot_be_sampled_are_refused(problem, said):
    with pytest.raises(CounterpointError, match=said):
        Sampler().sample(problem, np.ones(problem.network.nodes, np.uint8), 1)

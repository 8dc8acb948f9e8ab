"""Lanes are other outbreaks of the same law, and each is a run of its own.

- Means and variances over runs are those of the simulator that counts neighbours, whatever they can run.
- No two lanes have anything in common: the mean of n runs varies as the mean of n independent ones does.
"""

import numpy as np
import pytest
from tests.spread.sigmas import alike, near, shares

from counterpoint.networks.generators import barabasi_albert, erdos_renyi, star
from counterpoint.networks.graph import Network
from counterpoint.spread.interventions import Plant
from counterpoint.spread.models.model import Contact, Model, Spontaneous
from counterpoint.spread.models.presets import model
from counterpoint.spread.simulation import simulate

RUNS = 3000
SEEDS = 60
LANES = 512
APART = Model(
    "apart",
    ("S", "I", "D", "R"),
    (Contact("S", "I", {"I": 0.3, "D": 0.1}), Contact("S", "D", {"D": 0.2, "R": 0.1}), Contact("I", "D", {"R": 0.4})),
    source="I",
    active=("I", "D"),
)


def measures(out):
    """What is compared: stocks early and at the end, peaks, when it ended, and what came in a step."""
    length = out.stocks.shape[1]
    for state in range(len(out.model.states)):
        stock = out.stocks[:, :, state]
        yield from (stock[:, min(3, length - 1)], stock[:, -1], stock.max(1), stock.argmax(1))
        yield from (out.entries[:, min(2, length - 1), state], out.entries[:, :, state].sum(1))
    yield out.ended


@pytest.mark.parametrize(
    "a_model",
    [
        *(model(name) for name in ("sidr", "sidr-both", "sidr-remove", "sidr-theta")),
        model("sidr", event="fur-collar", forget=0.1),
        model("sir", spread=0.2),
        model("seir", spread=0.2),
        model("cascade", spread=1.0),
        model("icsar"),
        APART,
    ],
    ids=lambda each: each.name,
)
def test_lanes_have_the_law_of_runs(a_model):
    net = barabasi_albert(150, 3, rng=6)
    interventions = [Plant(2, "TA", "hubs")] if a_model.name == "icsar" else ()
    lanes, runs = (
        simulate(
            net, a_model, runs=RUNS, sources=2, steps=60, interventions=interventions, simulator=simulator, rng=seed
        )
        for simulator, seed in (("bit-parallel", 1), ("per-run", 2))
    )
    for one, other in zip(measures(lanes), measures(runs), strict=True):
        alike(one, other)


def test_lanes_hear_one_way_too():
    rng = np.random.default_rng(0)
    net = Network.of(rng.integers(80, size=400), rng.integers(80, size=400), nodes=80, directed=True)
    lanes, runs = (
        simulate(net, model("sidr"), runs=RUNS, sources=1, simulator=each, rng=3)
        for each in ("bit-parallel", "per-run")
    )
    for one, other in zip(measures(lanes), measures(runs), strict=True):
        alike(one, other)


@pytest.mark.parametrize(
    "interventions",
    [[Plant(0, "D", "next", 2)], [Plant(3, "D", "hubs", 3), Plant(3, "R", "random", 5)], [Plant(25, "I", [0, 1, 1])]],
    ids=["next", "two at once", "late and twice"],
)
def test_what_is_planted_in_lanes_is_planted_as_in_runs(interventions):
    net = erdos_renyi(100, degree=5, rng=6)
    lanes, runs = (
        simulate(net, model("sidr"), runs=RUNS, steps=40, interventions=interventions, simulator=simulator, rng=seed)
        for simulator, seed in (("bit-parallel", 1), ("per-run", 2))
    )
    for one, other in list(zip(measures(lanes), measures(runs), strict=True))[:-1]:
        alike(one, other)


def ensembles(net, a_model, state, step):
    """How many are in a state after a step, [seeds, lanes]."""
    outs = (
        simulate(net, a_model, runs=LANES, sources=[0], steps=step, simulator="bit-parallel", rng=seed)
        for seed in range(SEEDS)
    )
    return np.array([out.stocks[:, -1, a_model.number(state)] for out in outs], float)


def independent(counts):
    """The variance of the mean of n runs is a run's over n, and so it is of the difference of two halves."""
    seeds, lanes = counts.shape
    far = 4.5 * (2 / (seeds - 1)) ** 0.5
    one = counts.var(axis=1, ddof=1).mean()
    assert abs(counts.mean(1).var(ddof=1) / (one / lanes) - 1) < far
    for half in (counts[:, : lanes // 2] - counts[:, lanes // 2 :], counts[:, ::2] - counts[:, 1::2]):
        assert abs(half.mean(1).var(ddof=1) / (4 * one / lanes) - 1) < far


def test_checkers_are_drawn_anew_in_every_lane():
    """Around a source that convinces everybody, those who deny are binomial: in every ensemble, and between them."""
    counts = ensembles(star(201), model("sidr", alpha1=1.0, alpha2=1.0), "D", 1)
    near(counts.ravel(), 200 * 0.2)
    near((counts.ravel() - 40.0) ** 2, 200 * 0.2 * 0.8)
    independent(counts)


@pytest.mark.parametrize(("state", "step"), [("I", 1), ("D", 3), ("R", 30)])
def test_lanes_do_not_know_of_each_other(state, step):
    independent(ensembles(barabasi_albert(150, 3, rng=1), model("sidr"), state, step))


def test_neighbouring_lanes_and_runs_are_not_correlated():
    counts = ensembles(barabasi_albert(100, 2, rng=1), model("sidr"), "R", 30)
    apart = counts - counts.mean()
    for lag in (1, 8, 63, 64, 65, 128):
        products = apart[:, lag:] * apart[:, :-lag]
        near(products.ravel() / counts.var(), 0.0)


ALIKE = {  # every listener has two fates, decided in another way each
    "by a coin": (Contact("L", "A", {"P": 0.5}),),
    "by where one contact leads": (Contact("L", "A", {"P": 0.5, "Q": 0.5}),),
    "by which of two contacts is first": (Contact("L", "A", {"P": 1.0}), Contact("L", "B", {"Q": 1.0})),
    "by which of three contacts is first": (
        Contact("L", "A", {"P": 1.0}),
        Contact("L", "B", {"Q": 1.0}),
        Contact("L", "C", {"R": 1.0}),
    ),
    "by oneself": (Spontaneous("L", {"P": 0.5}),),
    "by where one goes by oneself": (Spontaneous("L", {"P": 0.5, "Q": 0.5}),),
    "by what person one is": (Contact("L", "A", {"P": 1.0}, who="other"),),
}


@pytest.mark.parametrize("rules", ALIKE.values(), ids=ALIKE)
def test_no_two_lanes_share_a_draw(rules):
    """Of 200 who decide between two fates, how many come to P is another number in each lane, and not correlated."""
    states = ("L", "A", "B", "C", "P", "Q", "R")
    a_model = Model("alike", states, rules, "A", ("A", "B", "C"), classes={"other": 0.5}, given=states)
    speakers, listeners = np.repeat([0, 1, 2], 200), np.tile(np.arange(3, 203), 3)
    net = Network.of(speakers, listeners, directed=True)
    interventions = [Plant(0, "B", [1]), Plant(0, "C", [2])]
    counts = np.array(
        [
            simulate(
                net,
                a_model,
                runs=LANES,
                sources=[0],
                steps=1,
                interventions=interventions,
                simulator="bit-parallel",
                rng=seed,
            ).stocks[:, 1, 4]
            for seed in range(SEEDS)
        ],
        float,
    )
    assert counts.std(axis=0).min() > 0
    correlations = np.corrcoef(counts, rowvar=False)[np.triu_indices(LANES, 1)]
    assert np.abs(correlations).max() < 0.8  # of 60 seeds; chance alone makes some of 130,816 about 0.55


def test_runs_of_the_last_lot_are_as_those_of_the_first():
    """The chances of one step are the same whichever lot of 512 a run is in, the last and shorter one too."""
    out = simulate(
        star(2), model("sir", spread=0.3, recover=0.4), runs=20_000, sources=[0], steps=1, simulator="bit-parallel"
    )
    for part in (slice(0, 512), slice(512, 10_000), slice(10_000, 20_000)):
        shares(np.bincount(out.stocks[part, 1, 0], minlength=2), [0.3, 0.7])
        shares(np.bincount(out.stocks[part, 1, 2], minlength=2), [0.6, 0.4])

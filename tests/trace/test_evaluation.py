"""An evaluation is right about detectors of which everything is known, and says how sure it is."""

import json
from dataclasses import dataclass

import numpy as np
import pytest
from tests.logs import refused
from tests.spread.sigmas import near

from counterpoint.networks.generators import barabasi_albert
from counterpoint.spread.models.presets import model
from counterpoint.trace.evaluation import DetectorEvaluation, evaluate, evaluate_snapshot
from counterpoint.trace.heuristics import Degree, Random
from counterpoint.trace.problem import Problem

PROBLEM = Problem.of(barabasi_albert(60, 2, rng=3), model("sidr-active-pull"), 3, min_size=3)
N = 300


@dataclass(frozen=True)
class Given:
    """A detector that gives what it is told to: probabilities of nodes, if it claims any."""

    chance: dict[int, float]
    is_probabilistic: bool = True
    name = "given"
    about = ""

    def scores(self, _, codes, rng):
        rng.random()
        scores = np.full(len(codes), -np.inf)
        for node, chance in self.chance.items():
            scores[node] = np.log(chance)
        return scores


class Honest:
    """Any suspect is as likely as any other, and that is true of who was drawn: see below."""

    name, about, is_probabilistic = "honest", "", True

    def scores(self, problem, codes, _):
        return np.where(problem.suspect[codes], 0.0, -np.inf)


def one(detector, sources, problem=PROBLEM):
    codes = np.ones(60, np.uint8)
    return evaluate_snapshot(problem, detector, codes, np.array(sources, np.int32), np.random.default_rng(1))


def test_a_snapshot_is_evaluated_as_by_hand():
    row = one(Given({4: 0.5, 9: 0.25, 7: 0.15, 2: 0.06, 3: 0.04}), [9])
    assert (row["rank"], row["recall"], row["size"], row["coverage"]) == (2, [0, 1, 1], 3, 1)
    assert [row["source_probability"], *row["claimed"], row["nominal_coverage"]] == pytest.approx(
        [0.25, 0.5, 0.9, 1, 0.9]
    )
    assert row["reached"] == 60
    assert json.loads(json.dumps(row)) == row


def test_rank_is_of_the_first_source_found_and_recall_of_both():
    two = Problem.of(PROBLEM.network, model("sidr-active-pull"), 3, sources=2)
    row = one(Given({4: 0.4, 9: 0.3, 7: 0.2, 2: 0.1}), [7, 4], two)
    assert (row["rank"], row["recall"]) == (1, [0.5, 1, 1])
    assert row["claimed"] == pytest.approx([0.4, 0.9, 1])
    assert row["source_probability"] == pytest.approx((0.8 * 0.4) ** 0.5)
    assert (row["size"], row["coverage"], row["hops"]) == (3, 1, 0)


def test_a_source_ruled_out_has_the_last_rank():
    row = one(Given({4: 1.0}), [9])
    assert (row["rank"], row["recall"], row["source_probability"], row["coverage"]) == (61, [0, 0, 0], 0, 0)
    table = DetectorEvaluation.of({"sure": [row, row]}).table()
    assert table["bits"].to_list() == [np.inf]


def test_a_ranking_without_probabilities_has_no_calibration():
    row = one(Given({4: 1.0, 9: 0.5}, is_probabilistic=False), [4])
    assert row["rank"] == 1
    assert {row[name] for name in ("source_probability", "nominal_coverage", "size", "coverage")} == {None}
    table = DetectorEvaluation.of({"ranks": [row] * 3}).table()
    assert table.select("claimed1", "size", "coverage", "nominal_coverage", "bits").row(0) == (None,) * 5


class Drawn(Problem):
    """Outbreaks of which nothing can be said: any of the reached nodes may have begun them."""

    def simulate_outbreaks(self, count, rng):
        some = super().simulate_outbreaks(count, rng)
        for codes, sources in zip(some.codes, some.sources, strict=True):
            sources[0] = np.random.default_rng(codes.sum()).choice(np.flatnonzero(self.suspect[codes]))
        return some


def test_calibrated_probabilities_achieve_what_they_claim():
    even = Drawn(PROBLEM.network, PROBLEM.models, PROBLEM.times, min_size=3)
    found = evaluate(even, {"honest": Honest()}, outbreaks=N, rng=3)
    for place, first in enumerate((1, 3, 5)):
        near((found.ranks[:, 0] <= first) - found.claimed[:, 0, place], 0)
    near(found.coverage[:, 0] - found.nominal_coverage[:, 0], 0)
    assert (found.nominal_coverage[:, 0] >= 0.9 - 1e-9).all()
    table = found.table()
    suspects = 1 / found.claimed[:, 0, 0]
    assert table["bits"][0] == pytest.approx(np.log2(suspects).mean())
    assert table["size"][0] == pytest.approx(np.ceil(0.9 * suspects - 1e-9).mean())
    for name in ("top1", "coverage", "bits"):
        assert table[f"{name}_low"][0] <= table[name][0] <= table[f"{name}_high"][0]


def test_the_deficit_is_what_a_detector_misses_on_the_same_snapshots():
    best, worse = ([one(Given({4: 0.6, 9: 0.4}), [node]) for node in nodes] for nodes in ([4] * 10, [4] * 7 + [9] * 3))
    table = DetectorEvaluation.of({"best": best, "worse": worse}).table()
    assert table["top1_deficit"].to_list() == pytest.approx([0, 0.3])
    assert table.select("top1_deficit_low", "top1_deficit_high").row(0) == (0, 0)
    assert table["top1_deficit_low"][1] < 0.3 < table["top1_deficit_high"][1]
    other = DetectorEvaluation.of({"best": best, "worse": worse}).table("worse")
    assert other["top1_deficit"].to_list() == pytest.approx([-0.3, 0])
    with refused("did you mean 'best'"):
        DetectorEvaluation.of({"best": best}).table("bast")


def test_results_do_not_depend_on_other_detectors():
    alone = evaluate(PROBLEM, {"random": Random()}, outbreaks=20, rng=5)
    beside = evaluate(PROBLEM, {"degree": Degree(), "random": Random()}, outbreaks=20, rng=5)
    assert alone.ranks[:, 0].tolist() == beside.ranks[:, 1].tolist()
    assert alone.reached.tolist() == beside.reached.tolist()
    other = evaluate(PROBLEM, {"random": Random()}, outbreaks=20, rng=6)
    assert alone.ranks.tolist() != other.ranks.tolist()


def test_detectors_are_compared_on_the_same_snapshots_only():
    row = one(Given({4: 1.0}), [4])
    with refused("same snapshots"):
        DetectorEvaluation.of({"one": [row], "other": [row, row]})
    with refused("same snapshots"):
        DetectorEvaluation.of({})


def test_a_source_that_cannot_be_reached_has_no_distance():
    apart = Problem.of(barabasi_albert(60, 2, rng=3).without(nodes=[9]), model("sidr-active-pull"), 3)
    row = one(Given({4: 1.0}), [9], apart)
    assert row["hops"] is None
    assert DetectorEvaluation.of({"far": [row]}).table()["hops"].to_list() == [None]


def test_recall_is_reported_for_several_sources():
    two = Problem.of(PROBLEM.network, model("sidr-active-pull"), 3, sources=2)
    rows = [one(Given({4: 0.5, 9: 0.5}), [4, 9], two)] * 4
    row = DetectorEvaluation.of({"knows": rows}, sources=2).table().row(0, named=True)
    assert (row["top1"], row["recall1"], row["recall3"], row["claimed1"], row["bits"]) == (1, 0.5, 1, 0.5, 0)
    assert row["coverage"] == 1

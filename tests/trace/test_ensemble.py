"""An ensemble weighs its members, is as sure as it may be, and comes back from disk as it was."""

from dataclasses import replace

import numpy as np
import pytest
from tests.logs import refused
from tests.trace.test_listwise import snapshots

from counterpoint.networks.generators import barabasi_albert
from counterpoint.spread.models.presets import model
from counterpoint.trace import ensemble, graph_network_training, ranker
from counterpoint.trace.calibration import Calibration
from counterpoint.trace.ensemble import Ensemble, floored
from counterpoint.trace.problem import Problem
from counterpoint.trace.sampler import Sampler
from counterpoint.trace.sampler_diagnostics import SampledPosterior

RANKER_OUTBREAKS = 60, 60  # outbreaks that a ranker learns from


@pytest.fixture(scope="module")
def problem():
    return Problem.of(barabasi_albert(60, 2, rng=3), model("sidr-active-pull"), 3, min_size=3)


@pytest.fixture(scope="module")
def learned(problem):
    """An ensemble of all three members, quickly learned."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(graph_network_training, "VALIDATION_OUTBREAKS", 200)
        patch.setattr(ensemble, "MIN_SECONDS_FOR_GRAPH_NETWORK", 0.0)
        patch.setattr(ensemble, "MAX_COST_SHARE", 100.0)
        patch.setattr(ensemble, "RANKER_OUTBREAKS", RANKER_OUTBREAKS)
        patch.setattr(ranker, "MAX_ROUNDS", 20)
        quick = Sampler(chains=2, warm=100, sweeps=50)
        return Ensemble.learn(problem, seconds=0.5, rng=1, sampler=quick, outbreaks=50)


def test_the_floor_leaves_every_suspect_some_probability():
    suspect = np.array([True, True, True, False])
    found = np.exp(floored(np.array([0.0, -np.inf, -2000.0, -np.inf]), suspect))
    assert found.sum() == pytest.approx(1)
    assert found[:3] == pytest.approx([1 - 2 * ensemble.FLOOR / 3, ensemble.FLOOR / 3, ensemble.FLOOR / 3])
    assert found[3] == 0


def test_an_ensemble_needs_no_more_bits_than_its_best_member(learned):
    bits = learned.metadata["bits"]
    assert bits["ensemble"] <= min(bits["ranker"], bits["graph-network"]) + 0.001  # they are told with three digits
    assert bits["ensemble"] < np.log2(60)


def examined(*members):
    """What members said of snapshots, as if they had been asked; the source is by the first one's probabilities."""
    groups = [(np.column_stack([member(logs[:, 0]) for member in members]), true) for logs, true in snapshots(800, 6)]
    return ensemble._HeldOutOutbreaks(list("abc")[: len(members)], np.zeros((800, 1), np.uint8), None, groups)


def test_a_member_that_adds_nothing_beyond_luck_gets_no_weight():
    rng = np.random.default_rng(7)
    noisy = lambda each: each + rng.normal(0, 1, len(each))  # noqa: E731
    found = examined(lambda each: each, noisy, lambda each: np.zeros(len(each))).fit_calibration()
    assert found.weights == (pytest.approx(1, abs=0.1), 0, 0)
    assert examined(lambda each: each).fit_calibration().weights == (pytest.approx(1, abs=0.1),)


def test_an_ensemble_without_useful_members_says_so(learned):
    none = replace(learned, unmixed=Calibration((0.0, 0.0)), mixed=None)
    assert "nobody knows anything" in none.why
    assert "ranker alone;" in replace(none, unmixed=Calibration((1.0, 0.0))).why + ";"


def test_two_members_with_independent_errors_are_better_together():
    rng = np.random.default_rng(8)
    noisy = lambda each: each + rng.normal(0, 1, len(each))  # noqa: E731
    found = examined(noisy, noisy)
    worth = found.fit_calibration()
    assert min(worth.weights) > 0.2
    assert found.mean_bits(worth) < min(found.mean_bits(Calibration(one)) for one in ((1.0, 0.0), (0.0, 1.0))) - 0.02


def test_scores_are_log_probabilities_over_the_suspects(learned, problem):
    some = problem.simulate_outbreaks(5, 9)
    for codes in some.codes:
        scores = learned.scores(problem, codes, np.random.default_rng(1))
        assert np.exp(scores).sum() == pytest.approx(1)
        assert ((scores > -np.inf) == problem.suspect[codes]).all()


def with_sampler(original):
    """An ensemble in which the sampler takes part whatever it is worth, and alone counts where it mixed."""
    return replace(
        original,
        members={**original.learned_members, "sampler": Sampler()},
        mixed=Calibration((0.0, 0.0, 2.0)),
    )


def sampled(problem, codes, between):
    """The sampler finds one suspect, and mixed or not."""
    probability = np.zeros(len(codes))
    probability[np.flatnonzero(problem.suspect[codes])[-1]] = 1.0
    return SampledPosterior(probability, 0.5, between)


@pytest.mark.parametrize(
    ("between", "word"), [(0.0, "mixed and is used"), (0.3, "mixed and is used"), (1.0, "did not mix and is left out")]
)
def test_the_sampler_counts_only_where_it_mixed(learned, problem, monkeypatch, between, word):
    codes = problem.simulate_outbreaks(1, 5).codes[0]
    mine = with_sampler(learned)
    monkeypatch.setattr(ensemble, "_sample", lambda _, problem, codes, *__: sampled(problem, codes, between))
    monkeypatch.setattr(ensemble, "SURE_PROBABILITY", 1.1)
    scores, said, found = mine.score_in_detail(problem, codes, np.random.default_rng(1))
    assert found.between == between
    without = replace(learned, members=learned.learned_members, mixed=None)
    assert word in said
    known = np.exp(without.scores(problem, codes, np.random.default_rng(1)))
    if between < 0.5:
        left = max(ensemble.MIN_UNVISITED_SHARE, between)
        squared = ((1 - left) * sampled(problem, codes, 0).probability + left * known) ** 2
        assert np.exp(scores) == pytest.approx(squared / squared.sum())
    else:
        assert np.exp(scores) == pytest.approx(known)


def test_the_sampler_is_not_asked_where_the_others_are_sure(learned, problem, monkeypatch):
    def fail(*_):
        raise AssertionError("asked")

    codes = problem.simulate_outbreaks(1, 5).codes[0]
    mine = with_sampler(learned)
    monkeypatch.setattr(ensemble, "_sample", fail)
    monkeypatch.setattr(ensemble, "SURE_PROBABILITY", 0.0)
    without = replace(learned, members=learned.learned_members, mixed=None)
    looked = mine.score_in_detail(problem, codes, np.random.default_rng(1))
    assert (looked.sampled, looked.sampler_note) == (None, "the others are sure: the sampler was not asked")
    assert looked.scores.tolist() == without.scores(problem, codes, np.random.default_rng(1)).tolist()


def test_a_sampler_that_does_not_mix_is_left_out_with_a_reason(problem, monkeypatch):
    monkeypatch.setattr(ensemble, "_sample", lambda _, problem, codes, *__: sampled(problem, codes, 1.0))
    monkeypatch.setattr(ensemble, "RANKER_OUTBREAKS", RANKER_OUTBREAKS)
    monkeypatch.setattr(ensemble, "MAX_COST_SHARE", 100.0)
    monkeypatch.setattr(ranker, "MAX_ROUNDS", 20)
    found = Ensemble.learn(problem, seconds=0.5, rng=1, outbreaks=8)
    assert "mixed on 0 of 4 outbreaks" in found.why
    assert not found.mixed
    assert "graph network: it takes 20 s or more" in found.why


def test_one_bad_outbreak_does_not_outweigh_the_prior_gain():
    rng = np.random.default_rng(9)
    one_bad = np.array([-5.0, *[0.2] * 16])
    assert one_bad.mean() < 0 < ensemble.MIN_GAIN < ensemble._expected_gain(one_bad, 5)
    assert ensemble._expected_gain(np.tile(one_bad, 20), 5) < 0
    assert ensemble._expected_gain(np.array([0.0]), 5) == pytest.approx(0.15, abs=0.01)
    useless = rng.normal(0, 0.2, 150)
    assert ensemble._expected_gain(useless - useless.mean(), 5) < ensemble.MIN_GAIN


def test_after_many_steps_only_many_outbreaks_show_a_gain():
    few = np.tile([-0.4, 0.6], 12)
    assert ensemble._expected_gain(few, 23) < ensemble.MIN_GAIN < ensemble._expected_gain(few, 8)
    assert ensemble._expected_gain(np.tile(few, 4), 23) > ensemble.MIN_GAIN


def test_a_sampler_that_gains_nothing_is_left_out_with_a_reason(problem, monkeypatch):
    def alike(_, problem, codes, *__):
        suspect = problem.suspect[codes]
        return SampledPosterior(suspect / suspect.sum(), 0.5, 0.0)

    monkeypatch.setattr(ensemble, "_sample", alike)
    monkeypatch.setattr(ensemble, "RANKER_OUTBREAKS", RANKER_OUTBREAKS)
    monkeypatch.setattr(ensemble, "MAX_COST_SHARE", 100.0)
    monkeypatch.setattr(ranker, "MAX_ROUNDS", 20)
    found = Ensemble.learn(problem, seconds=0.5, rng=1, outbreaks=40)
    assert "too little for what it costs" in found.why
    assert not found.mixed
    assert "sampler" not in found.members


def test_a_saved_ensemble_gives_the_same_results_when_loaded(learned, problem, tmp_path):
    learned.save(tmp_path / "ensemble")
    again = Ensemble.load(tmp_path / "ensemble")
    assert (again.why, again.metadata) == (learned.why, learned.metadata)
    for codes in problem.simulate_outbreaks(3, 7).codes:
        one, other = (each.score_in_detail(problem, codes, np.random.default_rng(1)) for each in (learned, again))
        assert one.sampler_note == other.sampler_note
        assert one.scores.tolist() == other.scores.tolist()


def test_a_damaged_ensemble_is_refused_in_one_line(learned, tmp_path):
    folder = tmp_path / "ensemble"
    learned.save(folder)
    for path in sorted(folder.iterdir()):
        whole = path.read_bytes()
        for broken in (b"", whole[: len(whole) // 2]):
            path.write_bytes(broken)
            with refused("make it again"):
                Ensemble.load(folder)
        path.unlink()
        with refused("make it again"):
            Ensemble.load(folder)
        path.write_bytes(whole)


def test_an_ensemble_has_a_weight_for_every_member(learned):
    with refused("more or fewer"):
        replace(learned, unmixed=Calibration((1.0,)))
    with refused("more or fewer"):
        replace(learned, mixed=Calibration((0.5,) * (len(learned.members) + 1)))


def test_an_ensemble_refuses_another_problem(learned, problem):
    other = replace(problem, min_size=4)
    with refused("learned for another problem"):
        learned.scores(other, other.simulate_outbreaks(1, 1).codes[0], np.random.default_rng(1))
    with refused("more than 0 would be right"):
        Ensemble.learn(problem, seconds=0, rng=1)


def test_a_sampler_that_would_take_too_long_is_not_tried(problem, monkeypatch):
    monkeypatch.setattr(ensemble, "_try_sampler", lambda *_: pytest.fail("it was tried"))
    monkeypatch.setattr(ensemble, "RANKER_OUTBREAKS", RANKER_OUTBREAKS)
    monkeypatch.setattr(ranker, "MAX_ROUNDS", 20)
    slow = Sampler(sweeps=10**9)
    for sampler, dear in ((slow, ensemble.MAX_COST_SHARE), (Sampler(), 1e-4)):
        monkeypatch.setattr(ensemble, "MAX_COST_SHARE", dear)
        found = Ensemble.learn(problem, seconds=0.3, rng=1, graph_network=False, sampler=sampler, outbreaks=20)
        assert "or more" in found.metadata["left out"]["sampler"]
        assert "sampler" not in found.members
    few = problem.simulate_outbreaks(1, 1).codes[0]
    assert slow.effort(problem, few) > 10**9 > Sampler().effort(problem, few) > 0

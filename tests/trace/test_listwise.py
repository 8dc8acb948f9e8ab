"""What detectors say is worth as much as it is right, and no more."""

import numpy as np
import pytest

from counterpoint.trace.calibration import Calibration, calibrated
from counterpoint.trace.listwise import SHARPENING_BOUNDS, ListwiseData

SUSPECTS = 8


def snapshots(count, seed):
    """What is truly known of sources, as logarithms of probabilities, and a source drawn from it."""
    rng = np.random.default_rng(seed)
    chances = rng.dirichlet(np.ones(SUSPECTS), count)
    return [(np.log(p)[:, None], np.eye(SUSPECTS)[rng.choice(SUSPECTS, p=p)]) for p in chances]


def changed(groups, change):
    """The same snapshots as somebody sees them who changes the logarithms."""
    return ListwiseData.of([(change(logs), true) for logs, true in groups])


def loss(worth, groups):
    """The mean of -ln P(source), term by term."""
    total = 0.0
    for logs, true in groups:
        product = np.exp(logs @ np.array(worth.weights))
        product /= product.sum()
        raised = product * np.exp(worth.sharpening * product)
        total -= (true * np.log(raised / raised.sum())).sum()
    return total / len(groups)


def test_a_perfect_member_gets_all_weight_and_a_random_one_none():
    rng = np.random.default_rng(11)
    guess = lambda logs: np.hstack([logs, np.log(rng.dirichlet(np.ones(SUSPECTS)))[:, None]])  # noqa: E731
    weights, sharpening = changed(snapshots(4_000, 1), guess).fit_calibration([0.5, 0.5])
    assert weights == pytest.approx((1, 0), abs=0.1)
    assert sharpening == pytest.approx(0, abs=0.2)


def test_an_overconfident_member_is_tempered():
    weights, sharpening = changed(snapshots(10_000, 2), lambda logs: 2 * logs).fit_calibration([1.0])
    assert weights == pytest.approx((0.5,), abs=0.05)
    assert sharpening == pytest.approx(0, abs=0.2)


def test_an_underconfident_maximum_is_sharpened():
    calmed = lambda logs: logs - 0.8 * np.exp(logs)  # noqa: E731
    lists = changed(snapshots(4000, 3), calmed)
    worth = lists.fit_calibration([1.0])
    assert worth.sharpening > 0.5
    first = np.maximum.reduceat(np.exp(lists.calibrated(worth)), lists.start)
    hits = np.maximum.reduceat(lists.true * np.exp(lists.calibrated(worth)), lists.start) == first
    assert abs(first.mean() - hits.mean()) < 3 * hits.std() / np.sqrt(len(hits))


def test_the_fitted_calibration_is_optimal_for_one_source_or_two():
    rng = np.random.default_rng(4)
    for many in (1, 2):
        groups = []
        for _ in range(40):
            true = rng.permutation(np.arange(SUSPECTS) < many) / many
            groups.append((np.log(rng.dirichlet(np.ones(SUSPECTS), 3).T) + 2 * true[:, None], true))
        found = ListwiseData.of(groups).fit_calibration([1 / 3] * 3, spread=1e4)
        best = loss(found, groups)
        for *step, sharpening in rng.normal(0, 0.05, (200, 4)):
            other = Calibration(
                tuple(np.maximum(np.add(found.weights, step), 0)),
                max(found.sharpening + sharpening, SHARPENING_BOUNDS[0]),
            )
            assert loss(other, groups) >= best - 1e-6


def test_a_few_easy_snapshots_do_not_drive_weights_far():
    easy = [(np.log(np.full((2, 2), [[0.9], [0.1]])), np.array([1.0, 0.0]))] * 10
    weights, sharpening = ListwiseData.of(easy).fit_calibration([0.5, 0.5])
    assert sum(weights) < 2.5
    assert 0 <= sharpening < 2.5
    weights, sharpening = ListwiseData.of(easy[:1]).fit_calibration([0.7, 0.3])
    assert (*weights, sharpening) == pytest.approx((0.7, 0.3, 0), abs=0.1)
    weights, sharpening = ListwiseData.of(snapshots(10_000, 5)).fit_calibration([0.2])
    assert (*weights, sharpening) == pytest.approx((1, 0), abs=0.2)


def test_many_snapshots_are_calibrated_as_each_alone_is():
    groups, worth = snapshots(5, 6), Calibration((0.7,), 0.4)
    apart = [calibrated(logs, worth) for logs, _ in groups]
    assert ListwiseData.of(groups).calibrated(worth) == pytest.approx(np.concatenate(apart))
    assert np.exp(apart).sum(1) == pytest.approx(1)


def test_snapshots_with_missing_sources_count_fully():
    groups = snapshots(300, 7)
    others = [(np.log(np.full((3, 1), 1 / 3)), np.zeros(3)), *((logs, true / 3) for logs, true in groups)]
    assert ListwiseData.of(others).fit_calibration([1.0]) == ListwiseData.of(groups).fit_calibration([1.0])


def test_calibration_is_monotone_in_the_probability():
    logs = np.log(np.sort(np.random.default_rng(8).dirichlet(np.ones(SUSPECTS))))[:, None]
    for sharpening in SHARPENING_BOUNDS:
        assert (np.diff(calibrated(logs, Calibration((0.5,), sharpening))) > 0).all()

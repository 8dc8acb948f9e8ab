"""The autoencoder's gradients are those of its loss, its steps are Adam's, and it lists the best known songs alone."""

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_array
from tests.logs import refused

from counterpoint.recommend.interactions import Interactions
from counterpoint.recommend.models.adam_kernels import adam_step
from counterpoint.recommend.models.autoencoder import Autoencoder, _gradients
from counterpoint.recommend.models.protocol import nothing_excluded

PEOPLE, SONGS, HIDDEN = 5, 7, 3


def loss(parts, given, wanted):
    """The mean cross-entropy, term by term."""
    first, beside, last, common = parts
    told = np.tanh(given @ first + beside) @ last.T + common
    chance = np.exp(told) / np.exp(told).sum(1, keepdims=True)
    return -(wanted * np.log(chance)).sum() / len(given)


def test_gradients_are_those_of_the_loss():
    rng = np.random.default_rng(1)
    given = rng.random((PEOPLE, SONGS)) * (rng.random((PEOPLE, SONGS)) < 0.5)
    wanted = rng.random((PEOPLE, SONGS)) * (rng.random((PEOPLE, SONGS)) < 0.6) + np.eye(PEOPLE, SONGS)
    wanted /= wanted.sum(1, keepdims=True)
    parts = [rng.normal(size=shape) for shape in ((SONGS, HIDDEN), HIDDEN, (SONGS, HIDDEN), SONGS)]
    found = _gradients(parts, csr_array(given), csr_array(wanted))
    for part, slope in zip(parts, found, strict=True):
        for at in np.ndindex(part.shape):
            there = part[at]
            ends = []
            for step in (1e-5, -1e-5):
                part[at] = there + step
                ends.append(loss(parts, given, wanted))
            part[at] = there
            assert slope[at] == pytest.approx((ends[0] - ends[1]) / 2e-5, abs=1e-6)


def test_steps_are_adams():
    rng = np.random.default_rng(2)
    values = rng.normal(size=9).astype(np.float32)
    mean, square = np.zeros((2, 9), np.float32)
    plain, first, second = values.astype(np.float64), np.zeros(9), np.zeros(9)
    for step in range(1, 6):
        slope = rng.normal(size=9).astype(np.float32)
        adam_step(values, slope, mean, square, 0.01, step)
        first = 0.9 * first + 0.1 * slope
        second = 0.999 * second + 0.001 * slope.astype(np.float64) ** 2
        plain -= 0.01 * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
    assert values == pytest.approx(plain, abs=1e-4)


def test_songs_that_few_know_take_no_part():
    rows = [(uid, song) for uid in range(30) for song in range(10) if (uid + song) % 3 and song <= uid + 1]
    seen = Interactions.from_table(pl.DataFrame(rows, schema=["uid", "song_id"], orient="row"))
    model = Autoencoder(songs=6, hidden=8, steps=20).fit(seen, seed=1)
    lists = model.top(seen, 10, excluded=nothing_excluded(seen))
    assert lists.song.shape == (30, 6)
    assert lists.song.max() < 6
    known = [set(seen.song[seen.start[n] : seen.start[n + 1]].tolist()) for n in range(30)]
    assert all(not known[n] & set(lists.song[n].tolist()) for n in range(30))


@pytest.mark.parametrize("settings", [{"hidden": 0}, {"nets": 0}, {"hide": 1.0}, {"hide": -0.1}])
def test_settings_that_cannot_be_are_refused(settings):
    seen = Interactions.from_table(pl.DataFrame({"uid": [1, 1], "song_id": [1, 2]}))
    with refused("an autoencoder has 1 net or more"):
        Autoencoder(**settings).fit(seen, seed=1)

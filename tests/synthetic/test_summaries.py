"""The invented world is like the real platform, as far as the published summaries say, and no easier.

The numbers are the published ones (world.toml names them); the tolerance leaves room for the chance of 4,000 listeners.
"""

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from counterpoint.churn.feature_table import listener_table
from counterpoint.events.formats import load_format
from counterpoint.events.ingestion import ingest
from counterpoint.snapshots.snapshot import Snapshot
from counterpoint.synthetic.platform import Platform, generate

AT = Snapshot.of("2017-04-28")


@pytest.fixture(scope="module")
def listeners(tmp_path_factory):
    """Return the listeners of the published snapshot with their features, whether they left, and their true chance."""
    folder = tmp_path_factory.mktemp("world")
    generate(folder / "logs", Platform(listeners=4000, days=44, songs=2000), rng=0)
    ingest([folder / "logs"], to=folder / "workspace", format=load_format("music-box"))
    told = pl.read_parquet(folder / "logs" / "truth" / "leaving.parquet").filter(at=AT.days[1]).drop("at")
    rows = listener_table(folder / "workspace", AT).rows
    return rows.join(told, on="uid", how="left")


def test_as_many_leave_as_published(listeners):
    assert listeners["churned"].mean() == pytest.approx(0.62, abs=0.03)


def test_as_much_of_a_song_is_heard_as_published(listeners):
    bands = ("0_to_20", "20_to_40", "40_to_60", "60_to_80", "larger_than_80")
    means = [listeners[f"time_percentage_{band}"].mean() for band in bands]
    assert means == pytest.approx([0.358, 0.058, 0.063, 0.085, 0.422], abs=0.02)


def test_as_long_is_played_as_published(listeners):
    assert listeners["total_play_time"].median() == pytest.approx(3623, rel=0.2)


def test_as_long_ago_was_the_last_play_as_published(listeners):
    assert listeners["last_P_time"].median() == pytest.approx(15, abs=3)


def test_everybody_in_the_table_has_a_true_chance(listeners):
    assert listeners["leaves"].null_count() == 0


def test_the_true_chances_are_what_happens(listeners):
    chance = listeners["leaves"].to_numpy()
    order = np.argsort(chance)
    for tenth in np.array_split(order, 10):
        left, expected = listeners["churned"].to_numpy()[tenth].sum(), chance[tenth]
        assert abs(left - expected.sum()) < 4 * np.sqrt((expected * (1 - expected)).sum())


def test_leaving_can_be_predicted_but_not_wholly_and_better_than_by_recency(listeners):
    left = listeners["churned"].to_numpy()
    best, recency = (roc_auc_score(left, listeners[name].to_numpy()) for name in ("leaves", "days_since_seen"))
    assert 0.85 < best < 0.92
    assert best > recency + 0.03


@pytest.mark.parametrize("feature", ["events", "freq_P_last_7", "freq_P_last_30", "freq_D_last_30", "freq_S_last_30"])
def test_no_single_number_ranks_listeners_better_than_the_truth(listeners, feature):
    left = listeners["churned"].to_numpy()
    assert roc_auc_score(left, listeners["leaves"].to_numpy()) > roc_auc_score(left, -listeners[feature].to_numpy())

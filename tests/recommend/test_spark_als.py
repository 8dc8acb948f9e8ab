"""Spark's own ALS lists songs for everybody that they do not know, in whatever parts, and nothing that they dislike."""

import polars as pl
import pytest
from tests.commands import run
from tests.engines.session import spark_session  # noqa: F401

from counterpoint import train_recommender
from counterpoint.errors import CounterpointError
from counterpoint.recommend.spark_als import SparkAlsSettings, write_songs_on_spark
from counterpoint.recommend.training import TrainingSettings, latest_snapshot
from counterpoint.storage import parquet


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A small platform whose listeners dislike things."""
    home = tmp_path_factory.mktemp("platform")
    made = "--listeners 300 --days 20 --songs 800 --seed 6 --format eventsim --habits"
    assert run(f"counterpoint events generate --to {home / 'logs'} {made}").status == 0
    assert run(f"counterpoint events ingest {home / 'logs'} --to {home / 'work'} --format eventsim").status == 0
    return home / "work"


@pytest.mark.parametrize("include_known", [False, True])
def test_everybody_gets_songs_in_order_and_none_that_they_know_or_dislike(work, tmp_path, spark_session, include_known):  # noqa: F811
    snapshot = latest_snapshot(work, known_for=20)
    settings = SparkAlsSettings(count=5, include_known=include_known, factors=4, iterations=2)
    rows = write_songs_on_spark(work, tmp_path / "songs", snapshot, settings=settings, spark=spark_session)
    lists = parquet.read(tmp_path / "songs").sort("uid", "rank")
    assert lists.height == rows
    seen = train_recommender(work, snapshot, settings=TrainingSettings(kind="popular")).recommender.seen
    assert set(lists["uid"].to_list()) == set(seen.listeners.filter(pl.Series(seen.liked.counts > 0)).to_list())
    assert lists.group_by("uid").len()["len"].to_list() == [5] * lists["uid"].n_unique()
    assert (lists["score"].diff().fill_null(0) <= 0).filter(lists["rank"] > 1).all()
    unwanted = seen.pairs(seen.disliked) if include_known else seen
    pairs = pl.DataFrame({"uid": unwanted.listeners[unwanted.listener], "song_id": unwanted.songs[unwanted.song]})
    assert pairs.height > 50
    assert lists.join(pairs, on=["uid", "song_id"]).is_empty()


def test_a_folder_that_is_there_is_not_written_over(work, tmp_path):
    with pytest.raises(CounterpointError, match="is there already"):
        write_songs_on_spark(work, tmp_path)

"""Spark's own ALS lists songs for everybody that they do not know, in whatever parts, and nothing that they dislike."""

import polars as pl
import pytest
from tests.commands import run
from tests.engines.session import spark_session  # noqa: F401

from counterpoint import train_recommender
from counterpoint.errors import CounterpointError
from counterpoint.recommend.spark_als import songs_on_spark
from counterpoint.storage import parquet


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A small platform whose listeners dislike things."""
    home = tmp_path_factory.mktemp("platform")
    made = "--listeners 300 --days 20 --songs 800 --seed 6 --format eventsim --habits"
    assert run(f"counterpoint events make --to {home / 'logs'} {made}").status == 0
    assert run(f"counterpoint events ingest {home / 'logs'} --to {home / 'work'} --format eventsim").status == 0
    return home / "work"


@pytest.mark.parametrize("new", [True, False])
def test_everybody_gets_songs_in_order_and_none_that_they_know_or_dislike(work, tmp_path, spark_session, new):  # noqa: F811
    rows = songs_on_spark(
        work, tmp_path / "songs", known_for=20, count=5, new=new, factors=4, iterations=2, spark=spark_session
    )
    lists = parquet.read(tmp_path / "songs").sort("uid", "rank")
    assert lists.height == rows
    seen = train_recommender(work, known_for=20, kind="popular").recommender.seen
    assert set(lists["uid"].to_list()) == set(seen.listeners.filter(pl.Series(seen.liked.counts > 0)).to_list())
    assert lists.group_by("uid").len()["len"].to_list() == [5] * lists["uid"].n_unique()
    assert (lists["score"].diff().fill_null(0) <= 0).filter(lists["rank"] > 1).all()
    unwanted = seen if new else seen.pairs(seen.disliked)
    pairs = pl.DataFrame({"uid": unwanted.listeners[unwanted.whose], "song_id": unwanted.songs[unwanted.song]})
    assert pairs.height > 50
    assert lists.join(pairs, on=["uid", "song_id"]).is_empty()


def test_a_folder_that_is_there_is_not_written_over(work, tmp_path):
    with pytest.raises(CounterpointError, match="is there already"):
        songs_on_spark(work, tmp_path)

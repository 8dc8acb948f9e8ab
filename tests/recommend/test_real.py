"""On real listening the blend is surely ahead of popularity and of the published single methods with their settings.

HetRec 2011 Last.fm (Cantador, Brusilovsky and Kuflik 2011): 1,892 listeners and the artists that each plays most, if
five of them do; a random fifth of each listener's artists is held out, and weights are fitted on a fifth of the others.
Nobody rated anything there, so the published methods learn who knows whom; item-item does worse with made-up ratings.
"""

import os
from pathlib import Path

import polars as pl
import pytest

from counterpoint import evaluate_interactions
from counterpoint.recommend.comparison import RecommenderEvaluationSettings

DATA = os.environ.get("COUNTERPOINT_DATA")
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not DATA, reason="the variable COUNTERPOINT_DATA does not say where the real data lie"),
]
OTHERS = ("popular", "svd-as-published", "neighbours-as-published")


@pytest.fixture(scope="module")
def discovery(hurried):
    table = pl.read_csv(Path(DATA, "lastfm-hetrec", "user_artists.dat.gz"), separator="\t")
    table = table.rename({"userID": "uid", "artistID": "song_id", "weight": "plays"})
    table = table.filter(pl.col("uid") % 2 == 0)  # half of them say it as surely, in a fraction of the time
    table = table.filter(pl.len().over("song_id") >= 5)  # most artists have fewer, and few of the rows
    [window] = evaluate_interactions(table, RecommenderEvaluationSettings(windows=1, kinds=["blend", *OTHERS])).windows
    return {judged.recommender: judged for judged in window.discovery}


@pytest.mark.parametrize("other", OTHERS)
def test_the_blend_is_surely_ahead(discovery, other):
    # How far the other is ahead of the blend, on the same listeners: the whole interval says that it is behind.
    gap = discovery[other].improvement["blend"]
    assert gap.count > 900
    assert gap.high < 0

"""Recommenders are compared evenly: what a stranger would hear is judged too, and all are searched alike.

- Strangers are judged by what the recommender itself gives to somebody unknown, against what was popular lately.
- A recommender of ratings is asked what it remembers of them, if there are any.
- As many settings are tried of a kind that is judged as of a member of the blend; the study's stay as they are.
"""

import dataclasses

import numpy as np
import polars as pl
import pytest

from counterpoint.recommend.comparison import Judging
from counterpoint.recommend.interactions import Interactions
from counterpoint.recommend.model_selection import UNTRIED, choose, searched
from counterpoint.recommend.models.registry import AS_PUBLISHED, KINDS
from counterpoint.recommend.ranking_evaluation import lists_of, task
from counterpoint.recommend.recommender import Recommender
from counterpoint.stats.ranking import METRICS

SECOND = 1 / np.log2(3)  # what a hit in the second place is worth


def pairs_of(rows):
    return pl.DataFrame(sorted(rows), schema={"uid": pl.Int64, "song_id": pl.Int64}, orient="row")


def judging(*names):
    return Judging((*names, "popular-lately"), "popular-lately", 1, 200)


# Strangers


@pytest.fixture
def old_and_new():
    """Ten listeners know song 1 from long ago, four know song 2 of yesterday."""
    rows = [(uid, 1, 17000) for uid in range(10)] + [(uid, 2, 17100) for uid in range(10, 14)]
    table = pl.DataFrame(rows, schema={"uid": pl.Int64, "song_id": pl.Int64, "day": pl.Int32}, orient="row")
    device = pl.Series(["phone"] * 10 + ["car"] * 4)
    return table.with_columns(device=device)


def test_strangers_are_judged_by_what_they_would_hear_against_what_was_popular_lately(old_and_new):
    # Three strangers choose the old song, a fourth the new one, a fifth a song that nobody knew.
    later = pairs_of({(90, 1), (91, 1), (92, 1), (93, 2), (94, 77), (3, 2)})
    given = task(Interactions.of(old_and_new), later, seed=1)
    assert Recommender.fit(old_and_new, kind="cosine").songs([90], count=2)["song_id"].to_list() == [1, 2]
    ours, lately = judging().look(given, UNTRIED).cold()
    assert (ours.recommender, lately.recommender) == ("popular-by-device", "popular-lately")
    gain = {each.recommender: each.metrics["ndcg@10"].value for each in (ours, lately)}
    assert gain["popular-by-device"] == pytest.approx((3 + SECOND) / 5)
    assert gain["popular-lately"] == pytest.approx((1 + 3 * SECOND) / 5)
    assert ours.ahead["popular-lately"].value == pytest.approx(gain["popular-by-device"] / gain["popular-lately"] - 1)
    assert set(ours.metrics) == set(METRICS)
    assert {found.count for found in ours.metrics.values()} == {5}
    assert (ours.by_history, ours.reach) == ({}, None)


def test_where_nobody_is_a_stranger_there_is_nothing_to_judge_them_by(old_and_new):
    given = task(Interactions.of(old_and_new), pairs_of({(3, 2)}), seed=1)
    looked = judging().look(given, UNTRIED)
    assert looked.cold() == looked.replay() == ()
    assert looked.discovery()


# Settings


@pytest.fixture(scope="module")
def tastes():
    """Two tastes of songs; each listener knows most of one, and later chooses the rest of it."""
    rng = np.random.default_rng(8)
    rows = {(u, s) for u in range(160) for s in range(30) if (u + s) % 2 == 0 and rng.random() < 0.8}
    hidden = {row for row in sorted(rows) if rng.random() < 0.3}
    return task(Interactions.of(pairs_of(rows - hidden)), pairs_of(hidden), seed=1)


def test_as_many_settings_are_tried_of_what_is_judged_as_of_a_member(tastes):
    choice, _ = choose(tastes, settings=4, seed=3, names=("walk",), beside=("blend", "bm25", "walk", *AS_PUBLISHED))
    tried = dict(choice.tried)
    assert set(tried) == {"walk", "bm25"}
    for name, kind in tried.items():
        assert kind == searched(KINDS[name], tastes, settings=4, seed=3)[0]


def test_what_is_judged_has_the_settings_that_were_found(tastes):
    found = dataclasses.replace(KINDS["cosine"], neighbours=1)
    lists = [
        judging("cosine").look(tastes, dataclasses.replace(UNTRIED, tried=tried)).lists["cosine"][:, :20]
        for tried in ((), (("cosine", found),))
    ]
    for kind, listed in zip((KINDS["cosine"], found), lists, strict=True):
        assert listed.tolist() == lists_of(kind.fit(tastes.seen, seed=1), tastes).tolist()
    assert lists[0].tolist() != lists[1].tolist()


def test_where_no_settings_are_asked_for_all_are_as_they_are(tastes):
    choice, _ = choose(tastes, seed=3, names=("walk",), beside=("bm25",))
    assert choice.tried == (("walk", KINDS["walk"]),)


# What is remembered of ratings


def test_where_nobody_rated_anything_no_recommender_remembers_ratings(tastes):
    assert judging("svd-as-published").look(tastes, UNTRIED).remembered == ()


def test_a_recommender_of_ratings_is_asked_what_it_remembers(tastes):
    rated = dataclasses.replace(tastes.seen, rating=(1 + tastes.seen.song % 5).astype(np.float32))
    looked = judging("svd-as-published", "svd").look(dataclasses.replace(tastes, seen=rated), UNTRIED)
    assert [name for name, *_ in looked.remembered] == ["svd-as-published"]

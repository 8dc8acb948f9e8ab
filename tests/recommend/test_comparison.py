"""Recommenders are compared evenly: what a new user would hear is judged too, and all are searched alike.

- New users are judged by what the recommender itself gives to somebody unknown, against what was popular recently.
- A recommender of ratings is asked what it remembers of them, if there are any.
- As many settings are tried of a kind that is judged as of a member of the blend; the published ones stay as they are.
"""

import dataclasses

import numpy as np
import polars as pl
import pytest

from counterpoint.recommend.comparison import RecommenderEvaluationSettings, compare
from counterpoint.recommend.interactions import Interactions
from counterpoint.recommend.model_selection import DEFAULT_BLEND, BlendSearch, search_settings, select_blend
from counterpoint.recommend.models.registry import PUBLISHED_MODELS, RECOMMENDERS
from counterpoint.recommend.prediction_task import discovery_lists, make_task
from counterpoint.recommend.recommender import Recommender, Request
from counterpoint.stats.ranking import METRICS

SECOND = 1 / np.log2(3)  # what a hit in the second place is worth


def pairs_of(rows):
    return pl.DataFrame(sorted(rows), schema={"uid": pl.Int64, "song_id": pl.Int64}, orient="row")


def settings_of(*names):
    return RecommenderEvaluationSettings(kinds=names, rng=1, resamples=200)


# New users


@pytest.fixture
def old_and_new():
    """Ten listeners know song 1 from long ago, four know song 2 of yesterday."""
    rows = [(uid, 1, 17000) for uid in range(10)] + [(uid, 2, 17100) for uid in range(10, 14)]
    table = pl.DataFrame(rows, schema={"uid": pl.Int64, "song_id": pl.Int64, "day": pl.Int32}, orient="row")
    device = pl.Series(["phone"] * 10 + ["car"] * 4)
    return table.with_columns(device=device)


def test_new_users_are_judged_by_what_they_would_hear_against_what_was_popular_recently(old_and_new):
    # Three new users choose the old song, a fourth the new one, a fifth a song that nobody knew.
    later = pairs_of({(90, 1), (91, 1), (92, 1), (93, 2), (94, 77), (3, 2)})
    given = make_task(Interactions.from_table(old_and_new), later, seed=1)
    assert Recommender.fit(old_and_new, kind="item-knn-cosine").songs([90], Request(count=2))["song_id"].to_list() == [
        1,
        2,
    ]
    ours, lately = compare(given, DEFAULT_BLEND, settings_of()).cold_start()
    assert (ours.recommender, lately.recommender) == ("popular-by-device", "popular-recent")
    gain = {each.recommender: each.metrics["ndcg@10"].value for each in (ours, lately)}
    assert gain["popular-by-device"] == pytest.approx((3 + SECOND) / 5)
    assert gain["popular-recent"] == pytest.approx((1 + 3 * SECOND) / 5)
    assert ours.improvement["popular-recent"].value == pytest.approx(
        gain["popular-by-device"] / gain["popular-recent"] - 1
    )
    assert set(ours.metrics) == set(METRICS)
    assert {found.count for found in ours.metrics.values()} == {5}
    assert (ours.by_history, ours.reach) == ({}, None)


def test_where_nobody_is_a_new_user_there_is_nothing_to_evaluate_on(old_and_new):
    given = make_task(Interactions.from_table(old_and_new), pairs_of({(3, 2)}), seed=1)
    comparison = compare(given, DEFAULT_BLEND, settings_of())
    assert comparison.cold_start() == comparison.repeat_consumption() == ()
    assert comparison.discovery()


# Settings


@pytest.fixture(scope="module")
def tastes():
    """Two tastes of songs; each listener knows most of one, and later chooses the rest of it."""
    rng = np.random.default_rng(8)
    rows = {(u, s) for u in range(160) for s in range(30) if (u + s) % 2 == 0 and rng.random() < 0.8}
    hidden = {row for row in sorted(rows) if rng.random() < 0.3}
    return make_task(Interactions.from_table(pairs_of(rows - hidden)), pairs_of(hidden), seed=1)


def test_as_many_settings_are_tried_of_what_is_judged_as_of_a_member(tastes):
    choice, _ = select_blend(
        tastes,
        BlendSearch(trials=4, seed=3, members=("rp3beta",), beside=("blend", "bm25", "rp3beta", *PUBLISHED_MODELS)),
    )
    tried = dict(choice.tuned)
    assert set(tried) == {"rp3beta", "bm25"}
    for name, kind in tried.items():
        assert kind == search_settings(RECOMMENDERS[name], tastes, trials=4, seed=3).estimator


def test_what_is_judged_has_the_settings_that_were_found(tastes):
    found = dataclasses.replace(RECOMMENDERS["item-knn-cosine"], neighbours=1)
    lists = [
        compare(tastes, dataclasses.replace(DEFAULT_BLEND, tuned=tuned), settings_of("item-knn-cosine")).lists[
            "item-knn-cosine"
        ][:, :20]
        for tuned in ((), (("item-knn-cosine", found),))
    ]
    for kind, listed in zip((RECOMMENDERS["item-knn-cosine"], found), lists, strict=True):
        assert listed.tolist() == discovery_lists(kind.fit(tastes.seen, seed=1), tastes).tolist()
    assert lists[0].tolist() != lists[1].tolist()


def test_where_no_settings_are_asked_for_all_are_as_they_are(tastes):
    choice, _ = select_blend(tastes, BlendSearch(seed=3, members=("rp3beta",), beside=("bm25",)))
    assert choice.tuned == (("rp3beta", RECOMMENDERS["rp3beta"]),)


# What is remembered of ratings


def test_where_nobody_rated_anything_no_recommender_remembers_ratings(tastes):
    assert compare(tastes, DEFAULT_BLEND, settings_of("svd-as-published")).train_errors == ()


def test_a_recommender_of_ratings_is_asked_what_it_remembers(tastes):
    rated = dataclasses.replace(tastes.seen, rating=(1 + tastes.seen.song % 5).astype(np.float32))
    comparison = compare(dataclasses.replace(tastes, seen=rated), DEFAULT_BLEND, settings_of("svd-as-published", "svd"))
    assert [name for name, *_ in comparison.train_errors] == ["svd-as-published"]

"""What every recommender must do: one body, every kind, and blends of them.

- The checkerboard: two tastes, each listener lacks one song of their own, and that one comes first. Who only counts
  tells everybody the same.
- Names of ids and the order of rows do not matter; the same seed gives the same model; a listener is a history.
- What a listener knows stays away if asked, what they dislike always; what is excluded is never heard.
- No history, one song, all songs, more asked for than there is: right answers, and never a number for a song.
- What is kept on the disk gives the same answers.
- What each part of a history adds to a score adds up to the score.
"""

import dataclasses
from functools import cache

import numpy as np
import polars as pl
import pytest
from tests.logs import refusal
from tests.recommend.towns import APART, TOWN, table

from counterpoint.recommend.interactions import WEIGHTINGS, Interactions
from counterpoint.recommend.models.blend import DEPTH, Blend, member_lists
from counterpoint.recommend.models.blend_weights import fit_weights
from counterpoint.recommend.models.clusters import ClusterPopularityModel, find_clusters
from counterpoint.recommend.models.factors import ProjectionModel
from counterpoint.recommend.models.ials import IalsModel
from counterpoint.recommend.models.item_knn import ItemKnn
from counterpoint.recommend.models.item_similarity import ItemSimilarityModel
from counterpoint.recommend.models.protocol import nothing_excluded
from counterpoint.recommend.models.published import ITEM_KNN
from counterpoint.recommend.models.registry import MODEL_CLASSES, RECOMMENDERS, estimator_named
from counterpoint.recommend.models.rp3beta import Rp3Beta
from counterpoint.stats.ranking import Relevant
from counterpoint.storage import serializer

SMALL = {"factors": 4, "clusters": 2, "hidden": 32}  # a world of two tastes has no 64 factors


@dataclasses.dataclass(frozen=True)
class SmallBlend:
    """Three members, with weights fitted on the last song of each history, in groups by length and by cluster."""

    edges: tuple[int, ...] = ()
    tastes: int = 0

    def fit(self, seen, *, seed):
        estimators = [small(RECOMMENDERS[name]) for name in ("popular", "rp3beta", "svd-degree-normalised")]
        last = np.zeros(len(seen.song), bool)
        last[seen.start[1:][seen.counts > 1] - 1] = True
        hidden, rest = seen.pairs(last), seen.pairs(~last)
        lists = member_lists(
            [each.fit(rest, seed=seed) for each in estimators], rest, DEPTH, excluded=nothing_excluded(seen)
        )
        told = hidden.counts > 0
        right = Relevant(hidden.start, hidden.song.astype(np.int64)).rows(told)
        clusters = find_clusters(seen, self.tastes, factors=2, seed=seed) if self.tastes else None
        weights = (
            fit_weights(lists[:, told], right)
            if told.any()
            else np.full(len(estimators), 1 / len(estimators), np.float32)
        )
        weights = np.tile(weights, (max(1, self.tastes) * (len(self.edges) + 1), 1))
        return Blend(tuple(each.fit(seen, seed=seed) for each in estimators), weights, self.edges, clusters)


def small(estimator):
    fields = {field.name for field in dataclasses.fields(estimator)}
    return dataclasses.replace(estimator, **{name: value for name, value in SMALL.items() if name in fields})


EVERY = {name: small(each) for name, each in RECOMMENDERS.items()} | {
    "small blend": SmallBlend(),
    "small blend by history and taste": SmallBlend((5, 12), 2),
}
COUNTS_ONLY = ("popular", "popular-recent", "popular-by-device")
every = pytest.mark.parametrize("name", EVERY)


CHECKERBOARD = Interactions.from_table(
    table([(u, s) for u in range(40) for s in range(40) if (u + s) % 2 == 0 and u != s])
)


SEEN = Interactions.from_table(TOWN)


@cache
def model(name):
    return EVERY[name].fit(SEEN, seed=3)


def history(*songs, disliked=(), seen=SEEN):
    """One listener who knows these songs, by number."""
    songs, device = np.array(sorted(songs), np.int32), np.array([-1], np.int8)
    ones = np.ones(len(songs), np.float32)
    ratings = (1 + 4 * np.sin(songs) ** 2).astype(np.float32)  # no two the same
    return Interactions(
        listeners=pl.Series([77], dtype=pl.Int64),
        songs=seen.songs,
        start=np.array([0, len(songs)]),
        song=songs,
        rating=ratings,
        plays=ones,
        last_day=np.zeros(len(songs), np.int32),
        disliked=np.isin(songs, disliked),
        device=device,
    )


def top(of, histories=SEEN, count=10, *, new=True, excluded=()):
    mask = nothing_excluded(SEEN)
    mask[list(excluded)] = True
    return of.top(histories, count, excluded=mask, new=new)


def listed(ranked):
    """The lists as lists of numbers, without what fills them."""
    return [[song for song in row if song >= 0] for row in ranked.song.tolist()]


# The checkerboard


@every
def test_the_one_song_that_a_listener_lacks_of_their_own_comes_first(name):
    found = EVERY[name].fit(CHECKERBOARD, seed=1).top(CHECKERBOARD, 5, excluded=nothing_excluded(CHECKERBOARD))
    if name in COUNTS_ONLY:
        # All songs are known by as many: everybody hears the first that they do not know.
        for own, songs in zip(CHECKERBOARD.listeners, listed(found), strict=True):
            known = set(CHECKERBOARD.song[CHECKERBOARD.start[own] : CHECKERBOARD.start[own + 1]].tolist())
            assert songs == [song for song in range(40) if song not in known][:5]
    else:
        assert CHECKERBOARD.songs.gather(found.song[:, 0]).to_list() == CHECKERBOARD.listeners.to_list()


@pytest.mark.parametrize(
    "name", [name for name in RECOMMENDERS if name not in COUNTS_ONLY and name != "popular-in-cluster"]
)
def test_a_listener_whom_no_model_has_seen_hears_the_song_they_lack_too(name):
    learned = EVERY[name].fit(CHECKERBOARD, seed=1)
    own = history(*[n for n, song in enumerate(CHECKERBOARD.songs) if song % 2 and song != 31], seen=CHECKERBOARD)
    found = learned.top(own, 1, excluded=nothing_excluded(CHECKERBOARD))
    assert CHECKERBOARD.songs[int(found.song[0, 0])] == 31


@pytest.mark.parametrize("name", ["svd", "nmf", "ials", "autoencoder", "as-published"])  # whose settings are small here
def test_settings_for_many_songs_find_the_lacking_song_among_forty_too(name):
    found = RECOMMENDERS[name].fit(CHECKERBOARD, seed=1).top(CHECKERBOARD, 1, excluded=nothing_excluded(CHECKERBOARD))
    assert CHECKERBOARD.songs.gather(found.song[:, 0]).to_list() == CHECKERBOARD.listeners.to_list()


# Names, rows, seeds


@every
def test_names_of_ids_and_the_order_of_rows_do_not_matter(name):
    # k-means begins at listeners drawn by number: its clusters are the same only where tastes lie apart.
    rows = APART if name == "popular-in-cluster" else TOWN
    rng = np.random.default_rng(4)
    people, songs = 100 + rng.permutation(60), 500 + rng.permutation(30)
    renamed = rows.with_columns(uid=people[rows["uid"].to_numpy()], song_id=songs[rows["song_id"].to_numpy()])
    seen, other = (
        Interactions.from_table(rows),
        Interactions.from_table(renamed.sample(fraction=1, shuffle=True, seed=9)),
    )
    assert other.songs.to_list() == songs[seen.songs.to_numpy()].tolist()
    place = other.listener_numbers(pl.Series(people[seen.listeners.to_numpy()]))
    before = top(EVERY[name].fit(seen, seed=3), seen)
    after = top(EVERY[name].fit(other, seed=3), other.rows(place))
    assert after.song.tolist() == before.song.tolist()
    assert after.score == pytest.approx(before.score, rel=1e-2, abs=1e-3)


@every
def test_the_same_seed_gives_the_same_model_to_the_bit(name, tmp_path):
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
        serializer.save(EVERY[name].fit(SEEN, seed=5), tmp_path / folder, "model")
    files = [{file.name: file.read_bytes() for file in (tmp_path / folder).iterdir()} for folder in ("one", "other")]
    assert files[0] == files[1]


@every
def test_a_model_read_from_the_disk_lists_the_same(name, tmp_path):
    serializer.save(model(name), tmp_path, "model")
    again = serializer.load(type(model(name)), tmp_path, "model", among=MODEL_CLASSES)
    assert top(again).song.tobytes() == top(model(name)).song.tobytes()
    assert top(again).score.tobytes() == top(model(name)).score.tobytes()


@every
def test_a_listener_alone_hears_what_they_hear_among_others(name):
    among = top(model(name), count=5)
    for at in (0, 17, 59):
        alone = top(model(name), SEEN.rows(np.array([at])), count=5)
        assert alone.song.tolist() == [among.song[at].tolist()]
        assert alone.score[0] == pytest.approx(among.score[at], rel=1e-3, abs=1e-4)


def test_a_mixture_of_factors_is_a_listeners_own_whoever_else_is_asked():
    own = RECOMMENDERS["nmf"].fit(SEEN, seed=3)
    among = own.fold_in(SEEN)
    for at in (0, 17, 59):
        assert own.fold_in(SEEN.rows(np.array([at])))[0] == pytest.approx(among[at], rel=1e-3, abs=1e-5)


@every
def test_learning_and_listing_leave_the_interactions_as_they_are(name):
    parts = ("start", "song", "rating", "plays", "last_day", "disliked", "device")
    before = [getattr(SEEN, part).copy() for part in parts]
    weights = [SEEN.weights(by).copy() for by in WEIGHTINGS]
    EVERY[name].fit(SEEN, seed=1)
    top(model(name), new=False)
    for part, array in zip(parts, before, strict=True):
        assert getattr(SEEN, part).tobytes() == array.tobytes()
    for by, weight in zip(WEIGHTINGS, weights, strict=True):
        assert SEEN.weights(by).tobytes() == weight.tobytes()


# Lists


@every
def test_a_list_is_songs_that_differ_the_best_first_and_then_nothing(name):
    for count, new in ((1, True), (10, False), (30, True), (99, True), (99, False)):
        ranked = top(model(name), count=count, new=new)
        assert ranked.song.shape == ranked.score.shape == (60, min(count, 30))
        assert (ranked.song.dtype, ranked.score.dtype) == (np.int32, np.float32)
        assert (ranked.song < 30).all()
        assert np.isfinite(ranked.score).all()
        for songs, scores in zip(ranked.song, ranked.score, strict=True):
            filled = songs >= 0
            assert len(set(songs[filled].tolist())) == filled.sum()
            assert not (np.diff(filled.astype(int)) > 0).any()
            assert (np.diff(scores[filled]) <= 0).all()
            assert not scores[~filled].any()


@every
def test_a_longer_list_begins_with_the_shorter_one(name):
    assert top(model(name), count=20).song[:, :5].tolist() == top(model(name), count=5).song.tolist()


@every
def test_what_a_listener_knows_stays_away_if_asked_and_what_they_dislike_always(name):
    known = [set(SEEN.song[a:b].tolist()) for a, b in zip(SEEN.start, SEEN.start[1:], strict=False)]
    hated = SEEN.pairs(SEEN.disliked)
    hated = [set(hated.song[a:b].tolist()) for a, b in zip(hated.start, hated.start[1:], strict=False)]
    assert any(hated)
    assert not any(own & set(songs) for own, songs in zip(known, listed(top(model(name), count=30)), strict=True))
    old = listed(top(model(name), count=30, new=False))
    assert not any(own & set(songs) for own, songs in zip(hated, old, strict=True))
    assert any(own & set(songs) for own, songs in zip(known, old, strict=True))


@every
def test_what_is_disliked_is_no_reason_for_anything(name):
    liked = history(4, 7, 12)
    ranked = top(model(name), history(4, 7, 9, 12, disliked=[9]), count=30)
    others = top(model(name), liked, count=30, excluded=[9])
    assert ranked.song.tolist() == others.song.tolist()
    assert ranked.score == pytest.approx(others.score, rel=1e-4, abs=1e-5)


@every
def test_what_is_excluded_is_never_heard(name):
    for new in (True, False):
        found = listed(top(model(name), count=30, excluded=[0, 3, 5, 29], new=new))
        assert not any({0, 3, 5, 29} & set(songs) for songs in found)
        assert any(found)


# A blend of lists looks deeper where songs are excluded, and what lies deeper may count in two lists.
@pytest.mark.parametrize("name", [name for name in RECOMMENDERS if name != "as-published"])
def test_where_songs_are_excluded_the_others_stay_in_order(name):
    before, after = top(model(name), count=30), top(model(name), count=30, excluded=[0, 3, 5, 29])
    assert listed(after) == [[song for song in songs if song not in {0, 3, 5, 29}] for songs in listed(before)]


@every
def test_where_all_is_excluded_nothing_is_heard(name):
    assert listed(top(model(name), excluded=range(30), new=False)) == [[]] * 60


# Odd histories


@every
def test_of_an_empty_history_every_model_makes_a_list_without_a_song_twice(name):
    [songs] = listed(top(model(name), history(), count=30))
    assert len(set(songs)) == len(songs)


@every
def test_one_song_is_a_history(name):
    [songs] = listed(top(model(name), history(8), count=30))
    assert songs
    assert 8 not in songs
    # Songs of the same taste are in front; but a mean of one rating is that rating, whatever the song.
    if name not in {*COUNTS_ONLY, "neighbours-as-published"}:
        same = [SEEN.songs[song] % 2 == SEEN.songs[8] % 2 for song in songs[:6]]
        assert sum(same) >= 4


@every
def test_who_knows_every_song_hears_nothing_new_and_something_old(name):
    everything = history(*range(30))
    assert listed(top(model(name), everything)) == [[]]
    [songs] = listed(top(model(name), everything, new=False))
    assert len(songs) == 10


@every
def test_of_nobody_there_are_no_lists(name):
    nobody = SEEN.rows(np.zeros(0, np.int64))
    ranked = top(model(name), nobody)
    assert ranked.song.shape == ranked.score.shape == (0, 10)


POOR_TABLES = {
    "one listener, one song": [(1, 1)],
    "one listener": [(1, 1), (1, 2), (1, 3)],
    "one song": [(1, 7), (2, 7), (3, 7)],
    "all know all": [(u, s) for u in range(4) for s in range(3)],
    "nothing in common": [(1, 1), (2, 2), (3, 3)],
}


@pytest.mark.parametrize("name", [*RECOMMENDERS, "small blend"])
def test_a_table_that_hardly_says_anything_is_learned_from_and_nothing_known_is_listed(name):
    estimator = RECOMMENDERS[name] if name in RECOMMENDERS else EVERY[name]
    for pairs in POOR_TABLES.values():
        seen = Interactions.from_table(table(pairs))
        ranked = estimator.fit(seen, seed=1).top(seen, 5, excluded=nothing_excluded(seen))
        for own, songs in zip(seen.listeners, listed(ranked), strict=True):
            assert not {(own, seen.songs[song]) for song in songs} & set(pairs)


@pytest.mark.parametrize("name", RECOMMENDERS)
def test_where_everything_is_disliked_nothing_is_known_and_lists_are_whole_or_empty(name):
    seen = Interactions.from_table(table([(1, 1), (1, 2), (2, 2), (2, 3)], disliked=True))
    ranked = RECOMMENDERS[name].fit(seen, seed=1).top(seen, 5, excluded=nothing_excluded(seen))
    for own, songs in zip(seen.listeners, listed(ranked), strict=True):
        assert not {(own, seen.songs[song]) for song in songs} & {(1, 1), (1, 2), (2, 2), (2, 3)}
    assert np.isfinite(ranked.score).all()


# Explanations


@every
def test_explanations_add_up_to_the_score(name):
    own = model(name)
    sums = isinstance(own, ItemSimilarityModel | ProjectionModel | IalsModel)
    for at in range(0, 60, 20):
        one = SEEN.rows(np.array([at]))
        ranked = top(own, one, count=5)
        for song, score in zip(ranked.song[0], ranked.score[0], strict=True):
            given = own.explanation(one, int(song)) if song >= 0 else None
            if sums and song >= 0:
                assert given.shape == one.song.shape
                assert given.sum() == pytest.approx(float(score), rel=1e-3, abs=1e-5)
                assert not given[one.disliked].any()
            elif given is not None:  # a blend's members that can tell
                assert given.shape == one.song.shape
                assert given.sum() <= score * (1 + 1e-5)
    assert sums or isinstance(own, Blend) or own.explanation(SEEN.rows(np.array([0])), 0) is None


@pytest.mark.parametrize("mean", [True, False])
@pytest.mark.parametrize("weighting", ["one", "plays", "rating"])
def test_explanations_of_item_knn_add_up_whatever_a_pair_weighs(mean, weighting):
    own = ItemKnn(weighting=weighting, mean=mean, neighbours=9).fit(SEEN, seed=0)
    one = SEEN.rows(np.array([30]))
    ranked = top(own, one)
    sums = [own.explanation(one, song).sum() for song in listed(ranked)[0]]
    assert sums == pytest.approx(ranked.score[0, : len(sums)].tolist(), rel=1e-4)


# Single kinds


def test_an_unknown_recommender_is_refused_with_the_nearest_name():
    assert "item-knn-cosine" in refusal(lambda: estimator_named("item-knn-cosin"))


def test_what_is_popular_recently_is_what_the_last_days_played():
    rows = [(1, 1), (2, 1), (3, 1), (4, 2)]
    seen = Interactions.from_table(table(rows, day=pl.Series([17000, 17000, 17001, 17030], dtype=pl.Int32)))
    found = {
        name: seen.songs[
            int(
                RECOMMENDERS[name]
                .fit(seen, seed=0)
                .top(history(seen=seen), 1, excluded=nothing_excluded(seen))
                .song[0, 0]
            )
        ]
        for name in ("popular", "popular-recent")
    }
    assert found == {"popular": 1, "popular-recent": 2}


def test_what_is_popular_by_device_is_what_those_with_the_same_device_know():
    rows = [(u, u % 2) for u in range(2000)] + [(2000, 0), (2001, 2), (2002, 3)]
    seen = Interactions.from_table(table(rows, device=pl.Series(["app", "web"] * 1000 + ["app", "app", "web"])))
    ranked = (
        RECOMMENDERS["popular-by-device"]
        .fit(seen, seed=0)
        .top(seen.rows(np.array([2001, 2002])), 1, excluded=nothing_excluded(seen))
    )
    assert seen.songs.gather(ranked.song[:, 0]).to_list() == [0, 1]


def test_what_is_popular_in_a_cluster_is_what_those_of_the_same_taste_know():
    own = model("popular-in-cluster")
    assert isinstance(own, ClusterPopularityModel)
    group = own.clusters.assign(SEEN)
    by_taste = SEEN.listeners.to_numpy() % 2
    assert max((group == by_taste).mean(), (group != by_taste).mean()) > 0.9


def test_of_songs_with_the_same_mean_the_better_known_comes_first():
    # Where nobody has rated anything every mean is that of equal ratings.
    seen = Interactions.from_table(TOWN.drop("rating", "disliked"))
    ranked = ITEM_KNN.fit(seen, seed=0).top(seen, 10, excluded=nothing_excluded(seen))
    assert [songs for songs in listed(ranked) if songs != sorted(songs)] == []


def test_the_more_popular_a_song_the_less_a_walk_with_a_larger_beta_leads_to_it():
    mean = [
        np.mean([np.mean(songs) for songs in listed(top(Rp3Beta(beta=beta).fit(SEEN, seed=0))) if songs])
        for beta in (0.0, 0.4, 0.8)
    ]
    assert mean == sorted(mean)  # songs are numbered from the best known

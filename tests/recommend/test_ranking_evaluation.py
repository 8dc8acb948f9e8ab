"""Recommenders are judged by what listeners chose later, and blends are fitted on what no member has seen.

- What was new to a listener and what they came back to are never mixed; nothing that was chosen is left out.
- A song that nobody knew counts as missed; who is not known at all is a stranger, and apart from all others.
- An estimate holds the plain mean; who is ahead by 1 % and surely wins, and nobody else does.
- A perfect member gets all the weight, a random one none; groups get weights of their own only if that holds elsewhere.
"""

import dataclasses
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.logs import refusal

from counterpoint.recommend import model_selection as choosing
from counterpoint.recommend.interactions import Interactions, parse_table
from counterpoint.recommend.model_selection import (
    DEFAULT_BLEND,
    BlendSearch,
    group_weights_generalize,
    search_settings,
    select_blend,
)
from counterpoint.recommend.models.blend import Blend, listener_groups
from counterpoint.recommend.models.blend_weights import (
    MIN_GROUP_SIZE,
    MIN_MEMBER_GAIN,
    blended_ndcg,
    fit_group_weights,
    fit_weights,
)
from counterpoint.recommend.models.item_knn import ItemKnn
from counterpoint.recommend.models.popularity import Popularity
from counterpoint.recommend.models.protocol import RankedLists, nothing_excluded
from counterpoint.recommend.models.registry import RECOMMENDERS
from counterpoint.recommend.models.search_space import SEARCH_SPACE, NumberRange, sample_settings
from counterpoint.recommend.prediction_task import PredictionTask, discovery_lists, make_task
from counterpoint.recommend.ranking_evaluation import NDCG, Audience, RankingEvaluation, evaluate_lists, mean_ndcg
from counterpoint.recommend.repeat_consumption import most_played, recently_played
from counterpoint.recommend.splitting import hold_out
from counterpoint.stats.intervals import Estimate
from counterpoint.stats.ranking import METRICS, Relevant, list_metrics

few = settings(max_examples=40)


def pairs_of(rows):
    return pl.DataFrame(sorted(rows), schema={"uid": pl.Int64, "song_id": pl.Int64}, orient="row")


def by_id(made, who, right, songs, people=None):
    """What is right as pairs of ids; of a song that nobody knew, None."""
    people = made.seen.listeners if people is None else people
    return {
        (people[int(n)], songs[item] if item < len(songs) else None)
        for n, (a, b) in zip(who, pairwise(right.start), strict=True)
        for item in right.item[a:b]
    }


BEFORE = {(1, 10), (1, 11), (2, 10), (3, 12), (4, 11), (4, 10)}
AFTER = {(1, 10), (1, 12), (2, 11), (2, 12), (2, 99), (3, 12), (7, 10), (8, 98), (8, 97)}


def example(later=AFTER, **options):
    return make_task(Interactions.from_table(pairs_of(BEFORE)), pairs_of(later), seed=1, **options)


# Tasks

some = st.sets(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=40)


@few
@given(some.filter(bool), some)
def test_what_is_new_and_what_is_known_are_all_that_was_chosen_later_and_never_the_same_pair(before, later):
    made = make_task(Interactions.from_table(pairs_of(before)), pairs_of(later), seed=1)
    songs = made.seen.songs.to_list()
    new, known = (
        by_id(made, made.discoverers, made.discovered, songs),
        by_id(made, made.returners, made.returned_to, songs),
    )
    people, catalogue = {uid for uid, _ in before}, {song for _, song in before}
    assert known == later & before
    assert new == {(uid, song if song in catalogue else None) for uid, song in later - before if uid in people}
    assert len(made.discovered.item) == len([uid for uid, _ in later - before if uid in people])
    assert made.n_listeners == len({uid for uid, _ in later})
    strangers = sorted({uid for uid, _ in later} - people)
    assert made.n_new_users == len(strangers) == len(made.empty_histories)
    cold = by_id(made, range(len(strangers)), made.chosen_by_new, songs, pl.Series(strangers, dtype=pl.Int64))
    assert cold == {(uid, song if song in catalogue else None) for uid, song in later if uid in strangers}
    assert len(made.chosen_by_new.item) == len([uid for uid, _ in later if uid in strangers])
    assert not len(made.empty_histories.song)
    assert made.n_discoverers == len(made.discoverers) == len({uid for uid, _ in later - before} & people)
    assert made.unreachable == pytest.approx(np.mean([song not in catalogue for _, song in later]) if later else 0)
    assert (np.diff(made.discoverers) > 0).all()
    assert (made.discovered.counts > 0).all()
    assert (made.returned_to.counts > 0).all()


def test_a_song_that_nobody_knew_counts_as_missed():
    made = example()
    songs = made.seen.songs.to_list()
    # Listener 2 chose 11, 12, and 99, which nobody knew.
    perfect = np.array([[songs.index(12), -1], [songs.index(11), songs.index(12)]])
    assert made.seen.listeners.gather(made.discoverers).to_list() == [1, 2]
    recall = list_metrics(perfect, made.discovered)[:, list(METRICS).index("recall@10")]
    assert recall.tolist() == pytest.approx([1, 2 / 3])
    assert made.unreachable == pytest.approx(3 / 9)
    assert made.n_new_users == 2


def test_doubles_count_once():
    rows = pairs_of(AFTER)
    once, twice = (
        example(),
        make_task(Interactions.from_table(pairs_of(BEFORE)), pl.concat([rows, rows, rows[:3]]), seed=1),
    )
    assert twice.discovered.item.tolist() == once.discovered.item.tolist()
    assert twice.discovered.start.tolist() == once.discovered.start.tolist()
    assert twice.unreachable == once.unreachable


@few
@given(st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_at_most_so_many_listeners_are_drawn_each_with_all_that_they_chose(most, seed):
    rng = np.random.default_rng(0)
    before = {(int(u), int(s)) for u in range(9) for s in rng.integers(0, 20, 4)}
    later = {(int(u), int(s)) for u in range(9) for s in rng.integers(0, 20, 6)}
    seen, after = Interactions.from_table(pairs_of(before)), pairs_of(later)
    whole, drawn_ = make_task(seen, after, seed=seed), make_task(seen, after, seed=seed, max_listeners=most)
    again = make_task(seen, after, seed=seed, max_listeners=most)
    assert len(drawn_.discoverers) == min(most, len(whole.discoverers))
    assert drawn_.discoverers.tolist() == again.discoverers.tolist()
    assert (np.diff(drawn_.discoverers) > 0).all()
    songs = seen.songs.to_list()
    all_of, some_of = (
        by_id(whole, whole.discoverers, whole.discovered, songs),
        by_id(drawn_, drawn_.discoverers, drawn_.discovered, songs),
    )
    chosen = set(seen.listeners.gather(drawn_.discoverers))
    assert some_of == {pair for pair in all_of if pair[0] in chosen}
    assert (drawn_.n_listeners, drawn_.n_discoverers) == (whole.n_listeners, whole.n_discoverers)


def test_where_ids_are_of_another_type_all_are_strangers():
    made = make_task(Interactions.from_table(pairs_of(BEFORE)), pairs_of(AFTER).cast(pl.String), seed=1)
    assert len(made.discoverers) == len(made.returners) == 0
    assert made.n_new_users == made.n_listeners == 5


def test_a_model_is_asked_for_songs_that_are_new_to_those_judged():
    made = example()
    lists = discovery_lists(Popularity().fit(made.seen, seed=0), made)
    songs = made.seen.songs
    assert [[songs[int(n)] for n in row if n >= 0] for row in lists] == [[12], [11, 12]]
    assert mean_ndcg(lists, made.discovered) == pytest.approx(list_metrics(lists, made.discovered)[:, 0].mean())
    assert np.isnan(mean_ndcg(lists[:0], made.discovered.rows(np.zeros(0, np.int64))))


def test_held_out_are_the_last_pairs_by_day_and_what_is_left_is_older():
    rng = np.random.default_rng(1)
    rows = pairs_of({(int(u), int(s)) for u in range(20) for s in rng.integers(0, 30, 10)})
    rows = rows.with_columns(day=pl.Series(rng.permutation(rows.height) + 17000, dtype=pl.Int32))
    made = hold_out(parse_table(rows), seed=2)
    later = rows.height - len(made.seen.song)
    assert later == pytest.approx(rows.height / 5, abs=1)
    assert set(made.seen.last_day.tolist()) == set(range(17000, 17000 + rows.height - later))
    assert len(made.discovered.item) == later
    assert len(made.returned_to.item) == 0


# Judging


def world(listeners=300, songs=60, seed=0):
    """Histories of 1 to 9 songs, what was chosen later, and the lists of recommenders from perfect to random."""
    rng = np.random.default_rng(seed)
    order = [rng.permutation(songs) for _ in range(listeners)]
    known = rng.integers(1, 10, listeners)
    seen = Interactions.from_table(pairs_of({(u, int(s)) for u in range(listeners) for s in order[u][: known[u]]}))
    right = [np.sort(each[10 : 11 + rng.integers(1, 8)]) for each in order]
    relevant = Relevant(np.append(0, np.cumsum([len(each) for each in right])), np.concatenate(right))
    perfect, none = np.full((listeners, 20), -1, np.int32), np.zeros((listeners, 20), np.int32)
    for u, each in enumerate(right):
        perfect[u, : len(each)] = each
    none = np.stack([rng.permutation(songs)[:20] for _ in range(listeners)]).astype(np.int32)
    half = perfect.copy()
    half[::2] = none[::2]
    return seen, relevant, {"perfect": perfect, "half": half, "random": none}


SEEN, RIGHT, LISTS = world()
WHO = np.arange(len(SEEN))


def evaluate_all(lists=LISTS, **options):
    options = {"baselines": ("random", "half"), "seed": 4, "resamples": 200} | options
    audience = Audience(SEEN, WHO, RIGHT, returning=options.pop("returning", False))
    return {each.recommender: each for each in evaluate_lists(lists, audience, **options)}


def test_every_estimate_holds_the_plain_mean():
    for name, of in evaluate_all().items():
        each = list_metrics(LISTS[name], RIGHT)
        for at, metric in enumerate(METRICS):
            found = of.metrics[metric]
            assert found.value == pytest.approx(each[:, at].mean())
            assert found.low <= found.value <= found.high
            assert found.count == len(WHO)
        short = SEEN.counts < 5
        assert of.by_history["1 to 4 songs"].value == pytest.approx(each[short, 0].mean())
        assert of.by_history["5 songs or more"].value == pytest.approx(each[~short, 0].mean())


def test_an_estimate_of_some_listeners_counts_only_them():
    short = SEEN.counts < 5
    counts = {group: found.count for group, found in evaluate_all()["half"].by_history.items()}
    assert counts == {"1 to 4 songs": short.sum(), "5 songs or more": (~short).sum()}


def test_being_ahead_is_relative_to_the_others_mean_and_not_told_of_oneself():
    found = evaluate_all()
    mean = {name: list_metrics(lists, RIGHT)[:, 0].mean() for name, lists in LISTS.items()}
    assert {name: set(of.improvement) for name, of in found.items()} == {
        "perfect": {"random", "half"},
        "half": {"random"},
        "random": {"half"},
    }
    for name, of in found.items():
        for other, ahead in of.improvement.items():
            assert ahead.value == pytest.approx(mean[name] / mean[other] - 1)
    assert found["perfect"].wins("half")
    assert found["half"].wins("random")
    assert not found["random"].wins("half")


def test_the_same_lists_under_two_names_are_told_apart_by_nothing():
    found = evaluate_all({"one": LISTS["half"], "other": LISTS["half"].copy()}, baselines=("other",))
    assert found["one"].metrics == found["other"].metrics
    gap = found["one"].improvement["other"]
    assert (gap.value, gap.low, gap.high) == (0, 0, 0)
    assert not found["one"].wins("other")


def test_who_is_judged_beside_whom_changes_no_estimate():
    whole, alone = evaluate_all(), evaluate_all({"half": LISTS["half"]})
    assert alone["half"].metrics == whole["half"].metrics
    for group, found in alone["half"].by_history.items():
        other = whole["half"].by_history[group]
        assert [found.value, found.low, found.high] == pytest.approx([other.value, other.low, other.high])


@pytest.mark.parametrize(
    ("gap", "wins"),
    [
        (Estimate(0.01, 0.001, 0.02, 9), True),
        (Estimate(0.0099, 0.009, 0.02, 9), False),
        (Estimate(0.5, 0.0, 0.9, 9), False),
        (Estimate(0.5, -0.1, 0.9, 9), False),
        (Estimate(-0.5, -0.9, -0.1, 9), False),
    ],
)
def test_who_is_ahead_by_1_percent_and_surely_wins_and_nobody_else(gap, wins):
    of = RankingEvaluation("one", {}, {"other": gap}, {}, None)
    assert of.wins("other") is wins
    assert not of.wins("another")


def test_lists_of_songs_that_listeners_know_reach_nothing_to_tell():
    assert all(of.reach is None for of in evaluate_all(returning=True).values())
    of = evaluate_all()["random"].reach
    share = SEEN.listener_counts / len(SEEN)
    assert of.coverage == 1
    assert of.novelty == pytest.approx(-np.log2(np.maximum(share, 1 / 3000))[LISTS["random"][:, :10]].mean())
    own = np.mean([share[SEEN.song[a:b]].mean() for a, b in pairwise(SEEN.start)])
    assert of.lift == pytest.approx(share[LISTS["random"][:, :10]].mean() / own)


@pytest.mark.parametrize(
    ("returning", "says"), [(True, "came back to a song"), (False, "chose a song they did not know")]
)
def test_where_there_is_nobody_to_evaluate_on_it_says_so(returning, says):
    nobody = Relevant(np.zeros(1, np.int64), np.zeros(0, np.int64))
    empty = np.zeros(0, np.int64)
    audience = Audience(SEEN, empty, nobody, returning=returning)
    assert says in refusal(lambda: evaluate_lists({"a": LISTS["half"][:0]}, audience, baselines=(), seed=0))


# Weights


def stacked(*names):
    return np.stack([LISTS[name] for name in names])


@pytest.mark.parametrize("order", [("perfect", "random", "half"), ("random", "half", "perfect")])
def test_a_perfect_member_gets_all_the_weight(order):
    assert fit_weights(stacked(*order), RIGHT).tolist() == [float(name == "perfect") for name in order]


def test_a_member_whose_lists_are_random_is_dropped():
    assert fit_weights(stacked("half", "random"), RIGHT).tolist() == [1, 0]
    assert fit_weights(stacked("random", "half"), RIGHT).tolist() == [0, 1]


def test_members_that_know_different_things_are_both_kept_and_together_are_better():
    odd, even = np.full_like(LISTS["perfect"], -1), np.full_like(LISTS["perfect"], -1)
    for u, row in enumerate(LISTS["perfect"]):
        there = row[row >= 0]
        odd[u, : len(there[::2])], even[u, : len(there[1::2])] = there[::2], there[1::2]
    lists = np.stack([odd, even, LISTS["random"]])
    weights = fit_weights(lists, RIGHT)
    assert (weights[:2] > 0).all()
    assert weights.sum() == pytest.approx(1)
    together = blended_ndcg(lists, np.tile(weights, (len(WHO), 1)), RIGHT).mean()
    assert together > 1.1 * max(mean_ndcg(each, RIGHT) for each in lists)


@settings(max_examples=4)
@given(st.integers(0, 2**32 - 1))
def test_fitted_weights_add_up_to_1_and_are_hardly_worse_than_the_best_member(seed):
    _, right, lists = world(40, 30, seed)
    rng = np.random.default_rng(seed)
    members = np.stack([np.where(rng.random((40, 1)) < 0.5, lists["perfect"], lists["random"]) for _ in range(3)])
    weights = fit_weights(members, right)
    assert (weights >= 0).all()
    assert weights.sum() == pytest.approx(1)
    best = max(mean_ndcg(each, right) for each in members)
    assert blended_ndcg(members, np.tile(weights, (40, 1)), right).mean() >= best * (1 - MIN_MEMBER_GAIN) - 1e-9


@pytest.fixture(scope="module")
def split():
    """Two groups of listeners: the first is served well by one member, the second by the other."""
    _, right, lists = world(2 * MIN_GROUP_SIZE + 100, 60, 3)
    group = np.arange(2 * MIN_GROUP_SIZE + 100) % 2
    one = np.where(group[:, None] == 0, lists["perfect"], lists["random"])
    other = np.where(group[:, None] == 1, lists["perfect"], lists["random"])
    return group, np.stack([one, other]), right


def test_each_group_gets_the_member_that_serves_it(split):
    group, lists, right = split
    whole = fit_weights(lists, right)
    assert fit_group_weights(group, 2, lists, right, whole).tolist() == [[1, 0], [0, 1]]


def test_a_group_of_too_few_gets_the_weights_of_all(split):
    group, lists, right = split
    whole = np.array([0.25, 0.75], np.float32)
    few_of = np.where(np.cumsum(group == 1) < MIN_GROUP_SIZE, group, 0) * (group == 1)
    assert (few_of == 1).sum() == MIN_GROUP_SIZE - 1
    assert fit_group_weights(few_of, 3, lists, right, whole)[1:].tolist() == [whole.tolist()] * 2


def test_groups_that_differ_are_borne_out_by_the_other_half(split):
    group, lists, right = split
    # Each half of a group must have enough listeners of its own.
    lists, right = np.concatenate([lists, lists], axis=1), doubled(right)
    assert group_weights_generalize(np.tile(group, 2), lists, right, seed=1)
    assert not group_weights_generalize(np.tile(group, 2), lists, right, seed=1, against=np.tile(group, 2))


def doubled(right):
    return Relevant(np.append(right.start, right.start[1:] + right.start[-1]), np.tile(right.item, 2))


@pytest.mark.parametrize("seed", range(2))
def test_random_groups_are_not_borne_out(split, seed):
    _, lists, right = split
    lists, right = np.concatenate([lists, lists], axis=1), doubled(right)
    group = np.random.default_rng(seed).integers(0, 2, lists.shape[1])
    assert not group_weights_generalize(group, lists, right, seed=seed)


def test_one_group_or_fewer_than_100_listeners_bear_out_nothing(split):
    group, lists, right = split
    assert not group_weights_generalize(np.zeros_like(group), lists, right, seed=1)
    assert not group_weights_generalize(group[:99], lists[:, :99], right.rows(np.arange(99)), seed=1)


# Blends


@dataclasses.dataclass(frozen=True)
class Always:
    """Recommends the same to everybody."""

    first: tuple[int, ...]

    def top(self, histories, count, *, excluded, new=True):  # noqa: ARG002
        song = np.full((len(histories), count), -1, np.int32)
        listed = [each for each in self.first if not excluded[each]][:count]
        song[:, : len(listed)] = listed
        return RankedLists(song, np.zeros(song.shape, np.float32))

    def explanation(self, history, song):  # noqa: ARG002
        return None


def test_a_blend_adds_up_weights_over_ranks():
    seen = SEEN.rows(np.array([0]))
    blend = Blend((Always((7, 8, 9)), Always((9, 8))), np.array([[0.25, 0.75]], np.float32), offset=10)
    ranked = blend.top(seen, 4, excluded=nothing_excluded(SEEN))
    assert ranked.song.tolist() == [[9, 8, 7, -1]]
    assert ranked.score[0] == pytest.approx([0.25 / 13 + 0.75 / 11, 0.25 / 12 + 0.75 / 12, 0.25 / 11, 0])


def test_a_blend_may_ask_that_several_members_list_a_song():
    blend = Blend((Always((7, 8)), Always((9, 8))), np.array([[0.5, 0.5]], np.float32), min_lists=2)
    assert blend.top(SEEN.rows(np.array([0])), 3, excluded=nothing_excluded(SEEN)).song.tolist() == [[8, -1, -1]]


def test_a_blends_group_is_how_many_liked_songs_a_history_reaches():
    seen = Interactions.from_table(pairs_of({(u, s) for u in range(7) for s in range(u + 1)}))
    assert listener_groups(seen, (2, 5), None).tolist() == [0, 1, 1, 1, 2, 2, 2]
    weights = np.array([[1, 0], [0, 1], [0.5, 0.5]], np.float32)
    blend = Blend((Always((3,)), Always((4,))), weights, edges=(2, 5))
    found = blend.top(seen, 1, excluded=nothing_excluded(seen)).song[:, 0]
    assert found.tolist() == [3, 4, 4, 4, 3, 3, 3]


def test_no_two_clusters_share_a_group():
    made = example_of_tastes()
    tastes = RECOMMENDERS["popular-in-cluster"].fit(made.seen, seed=1).clusters
    found = listener_groups(made.seen, (3, 9), tastes)
    assert (found // 3).tolist() == tastes.assign(made.seen).tolist()
    assert (found % 3).tolist() == listener_groups(made.seen, (3, 9), None).tolist()


# Choosing


def example_of_tastes(listeners=160, songs=30):
    """Two tastes of songs; each listener knows most of one, and later chooses the rest of it."""
    rng = np.random.default_rng(8)
    rows = {(u, s) for u in range(listeners) for s in range(songs) if (u + s) % 2 == 0 and rng.random() < 0.8}
    hidden = {row for row in sorted(rows) if rng.random() < 0.3}
    return make_task(Interactions.from_table(pairs_of(rows - hidden)), pairs_of(hidden), seed=1)


def test_the_settings_it_has_are_tried_first_and_more_settings_are_never_worse():
    made = example_of_tastes()
    kind = ItemKnn()
    assert search_settings(kind, made, trials=1, seed=3).estimator == kind
    found = [search_settings(kind, made, trials=count, seed=3) for count in (1, 2, 5)]
    assert [each.mean for each in found] == sorted(each.mean for each in found)
    best = found[-1]
    assert mean_ndcg(discovery_lists(best.model, made), made.discovered) == best.mean
    assert mean_ndcg(discovery_lists(best.estimator.fit(made.seen, seed=3), made), made.discovered) == best.mean


@dataclasses.dataclass(frozen=True)
class Guess:
    """Draws lots, anew for each setting; from `knows` on it knows tastes by the first song that somebody knows."""

    lot: int = 0
    knows: int = 1000

    def fit(self, seen, *, seed):  # noqa: ARG002
        return self

    def top(self, histories, count, *, excluded, new=True):  # noqa: ARG002
        rng = np.random.default_rng(self.lot)
        score = rng.random((len(histories), len(excluded)))
        known = [histories.song[slice(*each)] for each in pairwise(histories.start)]
        names = histories.songs.to_numpy()
        for row, songs in enumerate(known):
            if self.lot >= self.knows:
                score[row] += names % 2 == names[songs[0]] % 2
            score[row, songs] = -1
        order = np.argsort(-score, axis=1)[:, :count]
        return RankedLists(order.astype(np.int32), np.take_along_axis(score, order, 1).astype(np.float32))


def test_settings_that_were_only_lucky_are_not_taken(monkeypatch):
    monkeypatch.setitem(SEARCH_SPACE, Guess, {"lot": tuple(range(1000))})
    made = example_of_tastes()
    tried = [
        search_settings(kind, made, trials=40, seed=seed).estimator
        for seed in range(4)
        for kind in (Guess(), Guess(knows=500))
    ]
    assert tried[::2] == [Guess()] * 4
    assert all(found.lot >= 500 for found in tried[1::2])


@few
@given(st.integers(0, 2**32 - 1), st.sampled_from(sorted(RECOMMENDERS)))
def test_settings_are_drawn_from_their_ranges_the_same_by_the_same_seed(seed, name):
    kind = RECOMMENDERS[name]
    made = sample_settings(kind, np.random.default_rng(seed))
    assert made == sample_settings(kind, np.random.default_rng(seed))
    for setting, choices in SEARCH_SPACE[type(kind)].items():
        value = getattr(made, setting)
        if isinstance(choices, NumberRange):
            assert choices.low <= value <= choices.high
            assert isinstance(value, type(choices.low))
        else:
            assert value in choices
    untouched = {field.name for field in dataclasses.fields(kind)} - set(SEARCH_SPACE[type(kind)])
    assert all(getattr(made, field) == getattr(kind, field) for field in untouched)


@dataclasses.dataclass(frozen=True)
class Told:
    """A kind whose models know what will be chosen, or, with `luck`, draw songs at random."""

    given: PredictionTask
    luck: bool = False

    def fit(self, seen, *, seed):  # noqa: ARG002
        return self

    def top(self, histories, count, *, excluded, new=True):  # noqa: ARG002
        rng, songs = np.random.default_rng(9), len(excluded)
        song = np.full((len(histories), min(count, songs)), -1, np.int32)
        for u, number in enumerate(self.given.seen.listener_numbers(histories.listeners)):
            at = np.searchsorted(self.given.discoverers, number)
            right = self.given.discovered.item[self.given.discovered.start[at] : self.given.discovered.start[at + 1]]
            told = rng.permutation(songs) if self.luck else right[right < songs]
            song[u, : len(told[:count])] = told[:count]
        return RankedLists(song, np.zeros(song.shape, np.float32))

    def explanation(self, history, song):  # noqa: ARG002
        return None


def test_a_blend_is_chosen_of_the_member_that_knows_and_without_the_one_that_guesses(monkeypatch):
    made = example_of_tastes()
    monkeypatch.setattr(choosing, "RECOMMENDERS", {"guesses": Told(made, luck=True), "knows": Told(made)})
    choice, blend = select_blend(made, BlendSearch(members=("guesses", "knows"), seed=1))
    assert [name for name, _ in choice.members] == ["knows"]
    assert choice.shares == (("knows", 1.0),)
    assert mean_ndcg(discovery_lists(blend, made), made.discovered) == pytest.approx(1)


def test_the_same_seed_chooses_the_same():
    made = example_of_tastes(60)
    (one, blend), (two, _) = (
        select_blend(made, BlendSearch(members=("rp3beta", "item-knn-cosine"), trials=2, seed=5)) for _ in range(2)
    )
    assert one.members == two.members
    assert one.weights.tobytes() == two.weights.tobytes()
    assert discovery_lists(one.fit(made.seen, seed=5), made).tobytes() == discovery_lists(blend, made).tobytes()


def test_where_there_is_nothing_to_choose_by_the_untried_blend_is_taken():
    choice, blend = select_blend(example(later=set()), BlendSearch(seed=1))
    assert choice is DEFAULT_BLEND
    assert blend.weights is DEFAULT_BLEND.weights
    assert DEFAULT_BLEND.weights.sum() == 1


# Replay


def slow_first(histories, worth, count):
    found = np.full((len(histories), count), -1, np.int32)
    for u, (a, b) in enumerate(pairwise(histories.start)):
        order = sorted(range(a, b), key=lambda at: (-worth[at], histories.song[at]))[:count]
        found[u, : len(order)] = histories.song[order]
    return found


@pytest.fixture
def played():
    rng = np.random.default_rng(3)
    rows = pairs_of({(int(u), int(s)) for u in range(12) for s in rng.integers(0, 20, rng.integers(1, 15))})
    return Interactions.from_table(
        rows.with_columns(
            plays=rng.integers(0, 5, rows.height),
            day=pl.Series(rng.integers(17000, 17030, rows.height), dtype=pl.Int32),
            disliked=rng.random(rows.height) < 0.2,
        )
    )


@pytest.mark.parametrize("count", [1, 5, 40])
def test_own_songs_come_by_plays_the_better_known_first_if_equal(played, count):
    assert most_played(played, count).tolist() == slow_first(played, played.plays, count).tolist()


@pytest.mark.parametrize("count", [1, 5, 40])
def test_own_songs_come_by_plays_that_halve_every_week_and_disliked_ones_last(played, count):
    age = (played.last_day.max() - played.last_day).astype(float)
    worth = np.where(played.disliked, 0, (0.5 + played.plays.astype(float)) * 0.5 ** (age / 7))
    assert recently_played(played, count).tolist() == slow_first(played, worth, count).tolist()


def test_an_estimate_of_discovery_is_named_by_its_metric():
    assert set(METRICS) == set(evaluate_all()["half"].metrics)
    assert NDCG in METRICS

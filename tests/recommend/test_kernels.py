"""Every compiled loop says what a dense, slow twin says, in the same order, and the same bits however many threads run.

- The best are the best, in order, ties to the smaller song: above 600 songs, with negative values, with more asked for
  than there is.
- What is excluded, or out for a listener, is never listed; a row without anything is -1 and 0.
- Products of songs are those of the dense matrix; ranks are added up as on paper; ridge regressions are numpy's.
"""

from itertools import product

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoint.recommend.models import als_conjugate_gradient_kernels
from counterpoint.recommend.models.als_conjugate_gradient_kernels import solve_rows
from counterpoint.recommend.models.reciprocal_rank_fusion_kernels import fuse_ranks
from counterpoint.recommend.models.scoring_kernels import top_listed, top_means, top_of_rows, top_sums
from counterpoint.recommend.models.similarity_kernels import products, top_products
from counterpoint.recommend.models.topk_kernels import best_of, key, score_of, select, song_of, write_best

F32 = np.float32
LOWEST = F32(-3.4e38)
SIZES = [1, 15, 16, 17, 255, 256, 300, 700, 4999]
few = settings(max_examples=25)


def sparse(dense):
    """Rows of a dense matrix as start, song, value; what is nan is not there."""
    row, song = np.nonzero(~np.isnan(dense))
    start = np.append(0, np.cumsum(np.bincount(row, minlength=len(dense)))).astype(np.int64)
    return start, song.astype(np.int32), dense[row, song].astype(F32)


def some_of(rng, shape, *, filled=0.3, low=-3, high=4):
    """Small whole numbers, for which sums in any order are the same; nan where nothing is; every third row empty."""
    dense = rng.integers(low, high, shape).astype(np.float64)
    dense[rng.random(shape) >= filled] = np.nan
    dense[2::3] = np.nan
    return dense


def no_more(shape, out):
    """What is out for each listener: start, song."""
    start, song, _ = sparse(np.where(out, 1.0, np.nan).reshape(shape))
    return start, song


def slow_best(scores, count):
    """The best of float[listeners, songs] in order, ties to the smaller song; nan is no candidate."""
    found, size = np.full((len(scores), count), -1, np.int32), np.zeros((len(scores), count), F32)
    for u, row in enumerate(scores):
        there = np.flatnonzero(~np.isnan(row))
        order = there[np.argsort(-row[there], kind="stable")][:count]
        found[u, : len(order)], size[u, : len(order)] = order, row[order]
    return found, size


def same(found, slowly):
    assert found[0].tolist() == slowly[0].tolist()
    assert found[1].tolist() == slowly[1].tolist()


def with_threads(act):
    """The answers of one and of two threads."""
    before = numba.get_num_threads()
    answers = []
    try:
        for threads in (1, min(2, numba.config.NUMBA_NUM_THREADS)):
            numba.set_num_threads(threads)
            answers.append(act())
    finally:
        numba.set_num_threads(before)
    return [[np.asarray(part).tobytes() for part in (each if isinstance(each, tuple) else (each,))] for each in answers]


# Candidates as numbers


@few
@given(st.lists(st.tuples(st.floats(width=32, allow_nan=False), st.integers(0, 2**31 - 1)), min_size=1, max_size=20))
def test_a_candidate_is_a_number_that_says_its_score_and_its_song(candidates):
    for score, song in candidates:
        made = np.uint64(key(F32(score), np.int32(song)))
        assert score_of(made) == F32(score)
        assert song_of(made) == song


@few
@given(st.lists(st.tuples(st.integers(-3, 3).map(float), st.integers(0, 9)), min_size=2, max_size=20, unique=True))
def test_greater_candidates_have_greater_scores_and_of_equal_scores_the_smaller_song(candidates):
    by_key = sorted(candidates, key=lambda each: key(F32(each[0]), np.int32(each[1])), reverse=True)
    assert by_key == sorted(candidates, key=lambda each: (-each[0], each[1]))


@few
@given(st.lists(st.integers(0, 50), min_size=1, max_size=60), st.data())
def test_selecting_moves_the_largest_to_the_front_and_returns_the_least_of_them(numbers, data):
    best = data.draw(st.integers(1, len(numbers)))
    keys = np.array(numbers, np.uint64)
    least = select(keys, len(keys), best)
    assert sorted(keys[:best].tolist()) == sorted(numbers)[-best:]
    assert least == sorted(numbers)[-best]
    assert sorted(keys.tolist()) == sorted(numbers)


def row_of(kind, songs, rng):
    match kind:
        case "any":
            return rng.standard_normal(songs)
        case "ties":
            return rng.integers(-2, 3, songs)
        case "negative":
            return -1 - rng.integers(0, 50, songs)
        case "rising":
            return np.arange(songs)
        case "falling":
            return -np.arange(songs)
        case "one":
            return np.where(np.arange(songs) == songs - 1, 1.0, -2.0)


@pytest.mark.parametrize("kind", ["any", "ties", "negative", "rising", "falling", "one"])
def test_the_best_of_a_row_are_those_of_sorting_it(kind):
    for songs, count in product(SIZES, (1, 3, 20, 100)):
        values = row_of(kind, songs, np.random.default_rng(songs * count)).astype(F32)
        keys = np.empty(4 * count + 64 + songs // 256, np.uint64)
        room = np.empty(songs // 16, F32), np.empty(songs // 256, F32)
        found, size = np.empty((1, count), np.int32), np.empty((1, count), F32)
        write_best(keys, best_of(values, LOWEST, count, keys, *room), found[0], size[0])
        same((found, size), slow_best(values[None].astype(np.float64), count))


def test_what_is_below_the_low_end_is_no_candidate():
    values = np.array([1, -1, 0, 2, -np.inf] * 200, F32)
    keys, room = np.empty(8192, np.uint64), (np.empty(62, F32), np.empty(3, F32))
    found = best_of(values, F32(0), 1000, keys, *room)
    assert sorted(song_of(each) for each in keys[:found]) == np.flatnonzero(values >= 0).tolist()


# Scores


@pytest.mark.parametrize(("songs", "count"), [(1, 3), (30, 5), (30, 40), (700, 10), (700, 300), (2500, 5)])
@pytest.mark.parametrize("filled", [0.004, 0.3])  # sums are made in one of two ways, by how many songs are reached
class TestWhatAHistoryAddsUpTo:
    def world(self, songs, filled):
        rng = np.random.default_rng(songs)
        history = some_of(rng, (11, songs), filled=min(1, filled * 3), low=1)
        matrix = some_of(rng, (songs, songs), filled=filled)
        out = rng.random((11, songs)) < 0.1
        excluded = rng.random(songs) < 0.2
        return history, matrix, out, excluded

    def test_the_highest_sums_above_0_are_those_of_the_dense_product(self, songs, count, filled):
        history, matrix, out, excluded = self.world(songs, filled)
        sums = np.nan_to_num(history) @ np.nan_to_num(matrix)
        sums[(sums <= 0) | out | excluded] = np.nan
        found = top_sums(*sparse(history), *sparse(matrix), *no_more(out.shape, out), excluded, count)
        same(found, slow_best(sums, count))

    def test_the_highest_means_are_those_of_the_dense_division(self, songs, count, filled):
        history, matrix, out, excluded = self.world(songs, filled)
        size = (~np.isnan(history)).astype(float) @ np.abs(np.nan_to_num(matrix))
        size[out | excluded] = 0
        total = np.nan_to_num(history) @ np.nan_to_num(matrix)
        means = np.divide(total.astype(F32), size.astype(F32), out=np.full(size.shape, np.nan, F32), where=size > 0)
        found = top_means(*sparse(history), *sparse(matrix), *no_more(out.shape, out), excluded, count)
        same(found, slow_best(np.rint(means * F32(1 << 16)) / F32(1 << 16), count))


@pytest.mark.parametrize("filled", [0.004, 0.3])
def test_threads_change_no_bit_of_sums_and_means(filled):
    rng = np.random.default_rng(1)
    history, matrix = some_of(rng, (1100, 700), filled=0.03) * 0.37, some_of(rng, (700, 700), filled=filled) * 0.73
    given = *sparse(history), *sparse(matrix), *no_more(history.shape, rng.random(history.shape) < 0.05)
    for top in (top_sums, top_means):
        one, two = with_threads(lambda top=top: top(*given, np.zeros(700, bool), 10))
        assert one == two


def test_sums_that_cancel_on_the_way_are_counted_once():
    # Song 0 gets 1 - 1 + 0 + 2 = 2 from four songs, by the way that remembers what it has touched.
    matrix = np.full((64, 64), np.nan)
    matrix[1:5, 0] = [1, -1, 0, 2]
    history = np.full((1, 64), np.nan)
    history[0, 1:5] = 1
    nobody = np.zeros((1, 64), bool)
    song, score = top_sums(*sparse(history), *sparse(matrix), *no_more((1, 64), nobody), nobody[0], 3)
    assert song.tolist() == [[0, -1, -1]]
    assert score.tolist() == [[2, 0, 0]]


@pytest.mark.parametrize(("songs", "count"), [(1, 1), (1, 4), (40, 7), (600, 5), (700, 30), (700, 800), (9000, 20)])
@pytest.mark.parametrize("whole", [True, False])
def test_the_highest_of_rows_are_those_of_sorting_and_threads_change_no_bit(songs, count, whole):
    rng = np.random.default_rng(songs)
    values = rng.integers(-9, 4, (35, songs)) if whole else rng.standard_normal((35, songs))
    values = values.astype(F32)
    out, excluded = rng.random(values.shape) < 0.1, rng.random(songs) < 0.1
    slowly = slow_best(np.where(out | excluded, np.nan, values.astype(np.float64)), count)
    same(top_of_rows(values.copy(), *no_more(out.shape, out), excluded, count), slowly)
    one, two = with_threads(lambda: top_of_rows(values.copy(), *no_more(out.shape, out), excluded, count))
    assert one == two


def test_of_zeros_with_and_without_a_sign_the_smaller_song_is_listed_first():
    values = np.array([[-0.0, 0.0, -0.0, 0.0]], F32)
    nothing = np.zeros((1, 4), bool)
    assert top_of_rows(values, *no_more((1, 4), nothing), nothing[0], 4)[0].tolist() == [[0, 1, 2, 3]]


@pytest.mark.parametrize(("songs", "count"), [(1, 2), (25, 5), (25, 40), (900, 30)])
def test_what_is_listed_is_the_groups_list_without_what_is_out_and_threads_change_no_bit(songs, count):
    rng = np.random.default_rng(3)
    values = rng.integers(0, 5, (3, songs)).astype(F32)
    order = np.argsort(-values, axis=1, kind="stable").astype(np.int32)
    group = rng.integers(0, 3, 1100)
    out, excluded = rng.random((1100, songs)) < 0.3, rng.random(songs) < 0.2
    out[5] = True
    given = order, values, group, *no_more(out.shape, out), excluded, count
    same(top_listed(*given), slow_best(np.where(out | excluded, np.nan, values[group].astype(np.float64)), count))
    one, two = with_threads(lambda: top_listed(*given))
    assert one == two


# Products


def slow_products(dense, scale, keep):
    """The largest products above 0 of each song with others."""
    whole = np.nan_to_num(dense)
    product = (whole.T @ whole).astype(F32) * scale[None]
    product = product.astype(np.float64)
    np.fill_diagonal(product, np.nan)
    product[~(product > 0)] = np.nan
    return slow_best(product, keep)


@pytest.mark.parametrize(
    ("listeners", "songs", "keep", "filled"),
    [
        (5, 1, 1, 1),
        (9, 2, 1, 0.9),
        (0, 4, 2, 0),
        (40, 30, 5, 0.3),
        (40, 30, 60, 0.3),
        (30, 700, 4, 0.2),
        (12, 2200, 3, 0.1),
    ],
)
def test_the_largest_products_of_songs_are_those_of_the_dense_matrix(listeners, songs, keep, filled):
    for low in (1, -2):
        rng = np.random.default_rng(songs)
        dense = some_of(rng, (listeners, songs), filled=filled, low=low)
        scale = rng.choice(np.array([0, 0.25, 0.5, 1, 2], F32), songs)
        same(top_products(*sparse(dense), scale, keep), slow_products(dense, scale, keep))


def test_a_product_is_scaled_by_the_other_song():
    dense = np.array([[1.0, 2.0]])
    found, size = top_products(*sparse(dense), np.array([10, 3], F32), 1)
    assert found.tolist() == [[1], [0]]
    assert size.tolist() == [[6], [20]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_all_products_of_the_first_songs_are_those_of_the_dense_matrix(dtype):
    for songs, first in ((1, 1), (30, 30), (30, 7), (700, 300), (30, 0)):
        dense = some_of(np.random.default_rng(songs), (25, songs))
        start, song, weight = sparse(dense)
        found = products(start, song, weight.astype(dtype), first, 7)
        whole = np.nan_to_num(dense)[:, :first]
        assert found.dtype == dtype
        assert found.tolist() == (whole.T @ whole).tolist()


def test_threads_change_no_bit_of_products():
    rng = np.random.default_rng(1)
    start, song, weight = sparse(some_of(rng, (60, 2300), filled=0.1) * 0.37)
    scale = rng.random(2300, F32)
    for act in (lambda: top_products(start, song, weight, scale, 5), lambda: products(start, song, weight, 300, 128)):
        one, two = with_threads(act)
        assert one == two


# Lists that become one


def slow_fused(lists, weights, offset, min_lists, count):
    members, listeners, depth = lists.shape
    worth = [{} for _ in range(listeners)]
    for u in range(listeners):
        for m in range(members):
            for rank in range(depth):
                song = int(lists[m, u, rank])
                if weights[u, m] and song >= 0:
                    had, times = worth[u].get(song, (F32(0), 0))
                    worth[u][song] = F32(had + weights[u, m].astype(float) / (float(offset) + rank + 1)), times + 1
    found, size = np.full((listeners, count), -1, np.int32), np.zeros((listeners, count), F32)
    for u in range(listeners):
        order = sorted((-score, song) for song, (score, times) in worth[u].items() if times >= min_lists)[:count]
        for place, (score, song) in enumerate(order):
            found[u, place], size[u, place] = song, -score
    return found, size


def some_lists(rng, members, listeners, depth, songs):
    """Lists of different songs, some shorter than others, some empty."""
    lists = np.stack([[rng.permutation(songs)[:depth] for _ in range(listeners)] for _ in range(members)])
    lists[np.arange(depth) >= rng.integers(0, depth + 1, (members, listeners, 1))] = -1
    return lists.astype(np.int32)


@pytest.mark.parametrize(
    ("members", "depth", "songs"), [(1, 1, 1), (1, 6, 9), (3, 6, 9), (4, 100, 3000), (3, 8, 2**31 - 1)]
)
def test_fused_lists_are_those_added_up_on_paper_and_threads_change_no_bit(members, depth, songs):
    rng = np.random.default_rng(members * depth)
    lists = some_lists(rng, members, 20, depth, min(songs, 3000))
    lists = np.where(lists >= 0, songs - 1 - lists, -1).astype(np.int32)
    weights = rng.choice(np.array([0, 0.25, 0.3, 1], F32), (20, members))
    for min_lists, count in product((1, 2), (1, 5, 50)):
        arguments = lists, weights, F32(10), min_lists, 3, count
        same(fuse_ranks(*arguments), slow_fused(lists, weights, F32(10), min_lists, count))
        one, two = with_threads(lambda arguments=arguments: fuse_ranks(*arguments))
        assert one == two


@few
@given(st.integers(0, 2**32 - 1), st.integers(1, 9))
def test_into_how_many_pieces_the_listeners_are_shared_out_changes_nothing(seed, chunks):
    lists = some_lists(np.random.default_rng(seed), 3, 7, 5, 8)
    weights = np.ones((7, 3), F32)
    same(fuse_ranks(lists, weights, F32(10), 1, chunks, 6), fuse_ranks(lists, weights, F32(10), 1, 1, 6))


# Ridge regressions


def regressions(rng, rows, columns, width, longest):
    """Sparse rows of very different lengths, the third of them empty."""
    length = rng.integers(0, longest + 1, rows)
    length[-1], length[2::3] = longest, 0
    start = np.append(0, np.cumsum(length)).astype(np.int64)
    column = np.concatenate([np.sort(rng.choice(columns, each, replace=False)) for each in length]).astype(np.int32)
    weight = rng.uniform(0.2, 3, len(column)).astype(F32)
    other = rng.standard_normal((columns, width)).astype(F32)
    spectrum, ridge = rng.uniform(0, 5, width).astype(F32), rng.uniform(0.5, 2, rows).astype(F32)
    return start, column, weight, other, spectrum, ridge


def slow_solved(start, column, weight, other, spectrum, ridge):
    found = np.zeros((len(start) - 1, other.shape[1]))
    for row in range(len(found)):
        own = slice(start[row], start[row + 1])
        y, w = other[column[own]].astype(float), weight[own].astype(float)
        normal = y.T @ (y * w[:, None]) + np.diag(spectrum.astype(float) + ridge[row])
        found[row] = np.linalg.solve(normal, y.T @ w)
    return found


@pytest.mark.parametrize(
    ("rows", "columns", "width", "longest"),
    [
        (1, 3, 1, 2),
        (20, 50, 8, 30),
        (20, 50, 13, 50),
        pytest.param(4, 9000, 32, 6001, id="rows longer than the block"),
    ],
)
def test_after_many_steps_the_rows_are_those_of_solving_the_equations(rows, columns, width, longest):
    given = regressions(np.random.default_rng(width), rows, columns, width, longest)
    assert (longest > als_conjugate_gradient_kernels.BLOCK // width) == (width == 32)
    first = np.zeros((rows, width), F32)
    found = solve_rows(*given, first, np.array([0, rows // 2, rows]), 4 * width)
    assert found == pytest.approx(slow_solved(*given), abs=2e-4)


def test_where_a_row_begins_does_not_matter_after_many_steps_and_an_empty_row_is_0():
    rng = np.random.default_rng(2)
    given = regressions(rng, 20, 50, 8, 30)
    first = rng.standard_normal((20, 8)).astype(F32)
    found = solve_rows(*given, first, np.array([0, 20]), 60)
    assert found == pytest.approx(slow_solved(*given), abs=2e-4)
    assert not found[2::3][:-1].any()


def test_every_step_comes_nearer_to_the_solution():
    given = regressions(np.random.default_rng(5), 30, 60, 12, 40)
    exact, first, cuts = slow_solved(*given), np.zeros((30, 12), F32), np.array([0, 30])
    off = [np.abs(solve_rows(*given, first, cuts, steps) - exact).mean() for steps in range(5)]
    assert off == sorted(off, reverse=True)
    assert off[-1] < off[0] / 10


def test_threads_and_pieces_change_no_bit_of_solutions():
    given = regressions(np.random.default_rng(7), 200, 400, 16, 90)
    first = np.zeros((200, 16), F32)
    one, two = with_threads(lambda: solve_rows(*given, first, np.array([0, 50, 51, 120, 120, 200]), 3))
    assert one == two
    assert solve_rows(*given, first, np.array([0, 200]), 3).tobytes() == one[0]

"""A table is cut as a log would be: what is known is all that the known rows say, and nothing that later rows do.

- Songs and listeners that only come later are unreachable and new users; songs are numbered by the known rows alone.
- A pair that is heard again is known before and comes back after.
- Without days, a fifth of each listener's songs is held out, whole.
"""

import datetime as dt

import polars as pl
import pytest

from counterpoint.errors import CounterpointError
from counterpoint.recommend.interactions import aggregate_rows, parse_table
from counterpoint.recommend.models.popularity import Popularity
from counterpoint.recommend.prediction_task import discovery_lists, make_task
from counterpoint.recommend.ranking_evaluation import mean_ndcg
from counterpoint.recommend.splitting import day_reached, hold_out, split_windows

DAY = dt.date(2020, 1, 1)


def table(rows):
    """Return checked rows of (uid, song_id, day of 2020)."""
    days = [(uid, song, DAY + dt.timedelta(day)) for uid, song, day in rows]
    return parse_table(pl.DataFrame(days, schema=["uid", "song_id", "day"], orient="row"))


def test_how_popular_a_song_becomes_later_is_no_secret_told_by_its_number():
    # A hundred songs, all known by two listeners; later some take to the one with the highest id.
    known = [(uid, (uid + step) % 100, uid % 80) for uid in range(100) for step in (0, 50)]
    later = [(uid, 99, 90) for uid in range(20)]
    [part] = split_windows(table(known + later), 1, seed=0)
    given = make_task(aggregate_rows(part.known), part.later, seed=0)
    popular = Popularity().fit(given.seen, seed=0)
    assert mean_ndcg(discovery_lists(popular, given), given.discovered) < 0.05


def test_who_only_comes_later_is_a_new_user_and_what_only_comes_later_unreachable():
    known = [(uid, song, 1 + song) for uid in range(10) for song in range(9)]
    later = [(99, 0, 50), (1, 777, 50)] + [(uid, 8, 50) for uid in range(8)]
    [part] = split_windows(table(known + later), 1, seed=0)
    given = make_task(aggregate_rows(part.known), part.later, seed=0)
    assert len(given.seen) == 10
    assert len(given.seen.songs) == 9
    assert given.n_new_users == 1
    assert given.unreachable == pytest.approx(1 / 10)


def test_what_is_heard_again_is_known_before_and_comes_back_after():
    rows = [(1, song, song) for song in range(9)] + [(1, 3, 30)]
    [part] = split_windows(table(rows), 1, seed=0)
    given = make_task(aggregate_rows(part.known), part.later, seed=0)
    assert given.seen.song_numbers(pl.Series([3]))[0] >= 0
    assert given.returned_to.counts.tolist() == [1]
    assert not len(given.discoverers)


def test_without_days_a_fifth_of_each_listeners_songs_is_held_out_whole():
    rows = parse_table(
        pl.DataFrame({"uid": [u for u in range(20) for _ in range(20)], "song_id": list(range(10)) * 40})
    )
    [part] = split_windows(rows, 1, seed=3)
    assert part.later.group_by("uid").len()["len"].to_list() == [2] * 20
    assert part.known.join(part.later, on=["uid", "song_id"]).is_empty()
    assert len(hold_out(rows, seed=3).discoverers) == 20


@pytest.mark.parametrize("count", [0, 10])
def test_no_table_has_so_many_windows(count):
    with pytest.raises(CounterpointError, match="1 to 9 would be right"):
        split_windows(table([(1, 1, 1), (1, 2, 2)]), count, seed=0)


def test_the_day_that_some_tenths_of_the_rows_reach_is_counted_in_rows():
    for rows in (1, 10, 91, 171, 331):  # 0.7 * 90 is less than 63 in floats
        for tenths in range(11):
            assert day_reached(pl.Series(range(rows)), tenths) == tenths * (rows - 1) // 10

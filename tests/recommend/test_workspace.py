"""From logs to everybody's songs, as a user does it: what is learned, kept, listed, judged and reported.

- A recommender knows nothing of the days after its own: logs without them give the same lists, song by song.
- What is kept is what was learned; everybody's lists in the file are those that each listener gets alone.
- What was planted is found by those refinements that look for it, and by no other.
- Every wrong wish is refused in one line.
"""

import datetime as dt
import json
import shutil

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from tests.commands import run

from counterpoint import evaluate_interactions, evaluate_recommenders, train_recommender
from counterpoint.recommend.comparison import RecommenderEvaluationSettings
from counterpoint.recommend.evaluation import evaluations_in
from counterpoint.recommend.recommender import Request
from counterpoint.recommend.training import TrainingSettings, trained_in
from counterpoint.snapshots.snapshot import Snapshot
from counterpoint.storage.workspace import open_workspace

pytestmark = pytest.mark.usefixtures("hurried")  # what is asked here does not depend on how good a blend is
LISTENERS, DAYS, SONGS = 900, 52, 800
ITEM_KNN = TrainingSettings(kind="item-knn-cosine")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """An invented platform with habits and dislikes, ingested, and one without its last week."""
    home = tmp_path_factory.mktemp("platform")
    made = f"--listeners {LISTENERS} --days {DAYS} --songs {SONGS} --seed 4 --format eventsim --habits"
    assert run(f"counterpoint events generate --to {home / 'logs'} {made}").status == 0
    assert run(f"counterpoint events ingest {home / 'logs'} --to {home / 'work'} --format eventsim").status == 0
    shorter = home / "shorter"
    shorter.mkdir()
    for log in sorted((home / "logs").glob("*.json"))[: DAYS - 7]:
        shutil.copy(log, shorter)
    assert run(f"counterpoint events ingest {shorter} --to {home / 'before'} --format eventsim").status == 0
    return home


@pytest.fixture(scope="module")
def work(home):
    """A workspace with a recommender."""
    done = run(f"counterpoint recommend train {home / 'work'}")
    assert done.status == 0, done.err
    assert "blend learned from" in done.out
    return home / "work"


def recommender(work):
    with open_workspace(work) as view:
        return trained_in(view).recommender


def refused(command):
    done = run(command)
    line = done.err.removeprefix("counterpoint: ")
    assert done.status == 1, done.err
    assert not done.out
    assert done.err.startswith("counterpoint: ")
    assert done.err.count("\n") == 1
    return line


def test_nothing_is_known_of_the_days_to_come(home):
    last = Snapshot.of("2017-05-13", known_for=30, outcome_for=7)
    assert "has no recommender" in refused(f"counterpoint recommend songs {home / 'before'} 7")
    made = [train_recommender(home / name, last, settings=ITEM_KNN).recommender for name in ("work", "before")]
    with_them, without = (each.songs(None, Request(count=5)) for each in made)
    assert_frame_equal(with_them, without)


def test_everybodys_file_has_what_each_listener_gets_alone(work, tmp_path):
    done = run(f"counterpoint recommend songs {work} --out {tmp_path / 'songs.parquet'} --count 5")
    made, rows = recommender(work), pl.read_parquet(tmp_path / "songs.parquet")
    assert done.out == f"{tmp_path / 'songs.parquet'}: {rows.height:,} rows\n"
    assert rows["uid"].n_unique() == len(made.seen)
    some = made.seen.listeners.gather_every(97)
    assert_frame_equal(rows.filter(pl.col("uid").is_in(some.implode())), made.songs(some, Request(count=5)))
    known = pl.DataFrame({"uid": made.seen.listeners[made.seen.listener], "song_id": made.seen.songs[made.seen.song]})
    assert rows.join(known, on=["uid", "song_id"]).is_empty()


def test_what_somebody_dislikes_is_never_listed_not_even_among_known_songs(work):
    made = recommender(work)
    disliked = made.seen.pairs(made.seen.disliked)
    pairs = pl.DataFrame({"uid": disliked.listeners[disliked.listener], "song_id": disliked.songs[disliked.song]})
    assert pairs.height > 100
    lists = made.songs(pairs["uid"].unique().sort(), Request(count=50, include_known=True))
    assert lists.join(pairs, on=["uid", "song_id"]).is_empty()


def test_the_hour_moves_songs_whose_singers_are_heard_then(work):
    made = recommender(work)
    assert made.context_strength > 0
    somebody = made.seen.listeners.gather_every(10)
    morning, evening = (made.songs(somebody, Request(hour=hour, weekday=2)) for hour in (8, 21))

    def lift(rows, hour):
        number = made.seen.song_numbers(rows["song_id"])
        return made.lifts.hour[hour][number].mean()

    assert lift(evening, 21) > lift(morning, 21)
    assert lift(morning, 8) > lift(evening, 8)


def test_songs_pushed_down_come_later_or_not_at_all(work):
    made = recommender(work)
    before = made.songs(None, Request(count=5))
    pushed = before["song_id"].value_counts(sort=True)["song_id"].head(5)
    after = made.songs(None, Request(count=5, push_down=pushed))
    listed = [rows["song_id"].is_in(pushed.implode()).sum() for rows in (before, after)]
    assert listed[1] < listed[0] / 4


def test_songs_of_a_file_are_left_out_and_those_nobody_knows_are_counted(work, tmp_path):
    made = recommender(work)
    uid = made.seen.listeners[0]
    denied = made.songs([uid], Request(count=2))["song_id"].to_list()
    pl.DataFrame({"song_id": [*denied, "nobody knows this"]}).write_csv(tmp_path / "deny.csv")
    done = run(f"counterpoint recommend songs {work} {uid} --count 3 --deny {tmp_path / 'deny.csv'} --json")
    assert [row["song_id"] for row in json.loads(done.out)] == made.songs([uid], Request(count=3, deny=denied))[
        "song_id"
    ].to_list()
    done = run(f"counterpoint recommend songs {work} {uid} --deny {tmp_path / 'deny.csv'}")
    assert "1 song of" in done.err


@pytest.fixture(scope="module")
def judged(work):
    """What two windows say."""
    return evaluate_recommenders(
        work,
        settings=RecommenderEvaluationSettings(windows=2, kinds=["blend", "popular", "item-knn-cosine"], resamples=200),
    )


def test_windows_follow_each_other_and_judge_all_recommenders(judged, work):
    assert [(window.day, window.until) for window in judged.windows] == [
        ("2017-05-06", "2017-05-13"),
        ("2017-05-13", "2017-05-20"),
    ]
    for window in judged.windows:
        assert [each.recommender for each in window.discovery] == [
            "blend",
            "popular",
            "item-knn-cosine",
            "popular-recent",
        ]
        assert [each.recommender for each in window.repeat_consumption] == ["own-recent", "own-most-played"]
        assert [each.recommender for each in window.cold_start] == ["popular-by-device", "popular-recent"]
        assert 0 < window.evaluable <= 1
    with open_workspace(work) as view:
        assert judged in evaluations_in(view)


def test_a_planted_taste_and_a_planted_hour_are_found(judged):
    effects = {effect.name: effect for effect in judged.windows[-1].refinements}
    assert effects["popularity by cluster"].wins
    assert effects["hour and weekday"].strength > 0
    assert effects["hour and weekday"].improvement.value > 0
    assert judged.wins("blend", "popular-recent")


def test_the_report_tells_what_was_judged_and_shows_examples_without_a_uid(judged, work, tmp_path):
    assert judged.windows
    assert run(f"counterpoint report {work} --to {tmp_path / 'r.html'}").status == 0
    page = (tmp_path / "r.html").read_text()
    assert "What listeners would have heard next" in page
    assert "What to play next" in page
    assert not any(str(uid) in page for uid in recommender(work).seen.listeners.head(200))


def test_songs_alike_share_their_listeners(work):
    made = recommender(work)
    song = made.seen.songs[0]
    done = run(f"counterpoint recommend similar {work} '{song}' --count 3 --json")
    assert done.status == 0
    best = made.similar(song, count=1).row(0, named=True)
    known = made.seen.matrix().toarray() > 0
    other = int(made.seen.song_numbers(pl.Series([best["song_id"]]))[0])
    cosine = (known[:, 0] & known[:, other]).sum() / (known[:, 0].sum() * known[:, other].sum()) ** 0.5
    disliked_apart = made.seen.liked.matrix().toarray() > 0
    exact = (disliked_apart[:, 0] & disliked_apart[:, other]).sum() / (
        disliked_apart[:, 0].sum() * disliked_apart[:, other].sum()
    ) ** 0.5
    assert best["similarity"] == pytest.approx(exact, rel=1e-4)
    assert abs(cosine - exact) < 0.2


def test_reasons_are_songs_that_the_listener_knows(work):
    made = recommender(work)
    uid = made.seen.listeners[int(made.seen.counts.argmax())]
    done = run(f"counterpoint recommend songs {work} {uid} 7 --reasons --count 3")
    assert done.status == 0
    assert "because" in done.out
    assert "1 listener not known (such as 7)" in done.err
    own = set(made.seen.songs[made.seen.rows(made.seen.listener_numbers(pl.Series([uid]))).song].to_list())
    for song in made.songs([uid], Request(count=5))["song_id"]:
        assert set(made.explanation(uid, song)["song_id"].to_list()) <= own


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("", "add --out songs.parquet"),
        ("--out songs.csv", "a name that ends in .parquet"),
        ("no-number", "is no listener here: ids are whole numbers"),
        ("7 --hour 24", "24 is no hour"),
        ("7 --weekday someday", "is no day of the week"),
        ("7 --push-down", "has no songs heard before leaving"),
        ("7 --allow {file}", "none of the songs allowed is known"),
        ("7 --deny missing.csv", "cannot read missing.csv"),
    ],
)
def test_a_wrong_wish_for_songs_is_refused_in_one_line(work, tmp_path, options, words):
    (tmp_path / "allow.csv").write_text("song_id\nnobody knows this\n")
    assert words in refused(f"counterpoint recommend songs {work} {options.format(file=tmp_path / 'allow.csv')}")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("train {work} --at 2016-01-01", "2016"),
        ("train {work} --model item-knn-cosine --trials 3", "settings are searched for the members of a blend"),
        ("songs {work} 7 --engine spark", "only --out, --count and --include-known hold"),
        ("train {work} --styles {file}", "has no column 'style'"),
        ("evaluate {work} --models blend,rp3bet", "did you mean 'rp3beta'?"),
        ("evaluate {work} --interactions {file}", "has no column 'uid'"),
        ("similar {work} nobody", "no listener knows a song 'nobody'"),
    ],
)
def test_every_other_wrong_wish_too(work, tmp_path, command, words):
    (tmp_path / "table.csv").write_text("song_id\na\n")
    places = {"work": work, "file": tmp_path / "table.csv"}
    assert words in refused(f"counterpoint recommend {command.format(**places)}")


def test_new_users_have_lines_of_their_own_with_their_number(work, tmp_path):
    days = [dt.date(2020, 1, 1) + dt.timedelta(n) for n in range(20)]
    known = [(uid, song, days[(uid * song) % 18]) for uid in range(40) for song in range(9) if (uid + song) % 3]
    later = [(900, 1, days[19]), (901, 2, days[19]), (3, 3, days[19])]
    rows = pl.DataFrame([*known, *later], schema=["uid", "song_id", "day"], orient="row")
    rows.write_parquet(tmp_path / "table.parquet")
    command = (
        f"counterpoint recommend evaluate {work} --interactions {tmp_path / 'table.parquet'} --models item-knn-cosine"
    )
    told, found = run(f"{command} --windows 1"), run(f"{command} --windows 1 --json")
    assert "\n2 new users " in told.out
    cold = json.loads(found.out)["windows"][0]["cold_start"]
    assert [(each["recommender"], each["metrics"]["ndcg@10"]["count"]) for each in cold] == [
        ("popular-by-device", 2),
        ("popular-recent", 2),
    ]


@pytest.mark.parametrize(
    "option",
    ["--at 2017-05-06", "--known-for 20", "--outcome-for 3", "--styles {file}", "--bots 95", "--engine spark"],
)
def test_what_is_about_logs_is_refused_where_a_table_is_judged(work, tmp_path, option):
    file = tmp_path / "table.csv"
    file.write_text("uid,song_id\n1,a\n")
    said = refused(f"counterpoint recommend evaluate {work} --interactions {file} {option.format(file=file)}")
    assert said.startswith(f"{option.split()[0]} is about a workspace's logs")


def test_a_table_with_days_is_judged_on_its_last_tenths_and_one_without_on_random_fifths(work):
    seen = recommender(work).seen
    table = pl.DataFrame({"uid": seen.listeners[seen.listener], "song_id": seen.songs[seen.song], "plays": seen.plays})
    days = table.with_columns(pl.Series("day", seen.last_day).cast(pl.Date))
    by_day, by_chance = (
        evaluate_interactions(
            rows, RecommenderEvaluationSettings(windows=2, kinds=["item-knn-cosine", "popular"], resamples=100)
        )
        for rows in (days, table)
    )
    assert [window.until for window in by_day.windows][-1] == "2017-05-20"
    assert by_day.windows[0].until == by_day.windows[1].day
    assert [window.day for window in by_chance.windows] == ["random fifth, seed 0", "random fifth, seed 1"]
    assert by_chance.wins("item-knn-cosine", "popular-recent")


def test_other_styles_make_another_recommender(home):
    styles = pl.DataFrame({"song_id": recommender(home / "work").seen.songs, "style": "one"})
    for told, count in ((None, None), (styles, 1), (None, None)):
        made = train_recommender(home / "before", settings=TrainingSettings(kind="popular"), styles=told).recommender
        assert count in (None, made.styles.count)
        kept = recommender(home / "before")
        assert kept.styles.count == made.styles.count


def test_a_list_is_the_same_whoever_else_is_asked_for(work):
    made = recommender(work)
    some = made.seen.listeners.gather_every(40)
    together = made.songs(some, Request(count=4))
    alone = pl.concat([made.songs([uid], Request(count=4)) for uid in some])
    assert_frame_equal(together.drop("score"), alone.drop("score"))
    assert (together["score"] - alone["score"]).abs().max() < 1e-5


def test_every_list_is_full_as_long_as_there_are_songs(home):
    made = train_recommender(home / "before", settings=ITEM_KNN).recommender
    few = made.seen.songs.gather_every(50)
    lists = made.songs(None, Request(count=3, allow=few)).group_by("uid").len()["len"]
    assert len(few) == 16
    assert (lists == 3).mean() > 0.8


def test_new_users_have_no_device(work):
    assert recommender(work).histories(pl.Series([7, 8])).device.tolist() == [-1, -1]


def test_what_speaks_for_and_against_a_song_adds_up_to_no_more_than_its_worth(work):
    made = recommender(work)
    for uid in made.seen.listeners.gather_every(60):
        history = made.histories(pl.Series([uid]))
        for song in made.songs([uid], Request(count=3))["song_id"]:
            given = made.model.explanation(history, made.number_of(song))
            if given is not None:
                assert 0 < given.sum() <= made.model.score(history, made.number_of(song)) + 1e-9

"""A platform is a folder of logs and their truth: the same for the same seed, whole or not there at all.

- The truth about leaving names everybody seen so far, on each day it is told of; songs are planted as asked.
- What cannot be is refused in a line before anything is written, and what is accepted can be written and ingested.
- A writing that fails leaves nothing.
"""

import json
from concurrent.futures import Future
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from tests.logs import refusal, refused

from counterpoint.events.formats import load_format
from counterpoint.events.ingestion import ingest
from counterpoint.events.schema import EPOCH
from counterpoint.synthetic import platform as module
from counterpoint.synthetic.platform import FORMATS, Platform, generate

SMALL = Platform(listeners=60, days=4, songs=800, outcome=2)


def small(**changes):
    return Platform(**(vars(SMALL) | changes))


def content(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# The same seed


@pytest.mark.parametrize("style", FORMATS)
def test_the_same_seed_writes_the_same_bytes_and_another_seed_others(tmp_path, style):
    asked = small(format=style)
    for name, seed in (("one", 5), ("same", 5), ("other", 6)):
        generate(tmp_path / name, asked, rng=seed)
    one, same, other = (content(tmp_path / name) for name in ("one", "same", "other"))
    assert one == same
    assert one.keys() == other.keys()
    alike = {name for name in one if one[name] == other[name]}
    assert alike == {"truth/world.json"}


def test_a_seed_and_its_generator_write_the_same_bytes(tmp_path):
    generate(tmp_path / "seed", SMALL, rng=5)
    generate(tmp_path / "generator", SMALL, rng=np.random.default_rng(5))
    assert content(tmp_path / "seed") == content(tmp_path / "generator")


@pytest.mark.parametrize("style", FORMATS)
def test_how_many_lines_are_written_at_once_changes_no_truth(tmp_path, monkeypatch, style):
    """Nor any line, but those of searches: for what is searched is drawn as it is written."""
    generate(tmp_path / "one", small(format=style), rng=5)
    monkeypatch.setattr(module, "LINES_PER_WRITE", 7)
    generate(tmp_path / "few", small(format=style), rng=5)
    one, few = ({n: text for n, text in content(tmp_path / to).items() if "search" not in n} for to in ("one", "few"))
    assert len(one) > 5
    assert one == few


# What is in the folder


def test_a_folder_has_its_logs_friends_and_truth(platform):
    on, asked = [platform.request.first_day + timedelta(days=day) for day in range(30)], platform.request
    kinds = ("down", "play", "search")
    logs = [f"{day:%Y%m%d}_1_{kind}.log" for day in on for kind in kinds]
    expected = [f"{day}.json" for day in on] if asked.format == "eventsim" else logs
    told = ("dirt.parquet", "leaving.parquet", "songs.parquet", "world.json")
    assert platform.files == expected
    assert set(content(platform.logs.folder)) == {
        *expected,
        "network/friends.csv",
        *(f"truth/{name}" for name in told),
    }
    assert all(file.parent == platform.logs.folder for file in platform.logs.files)


def test_the_truth_names_the_settings(platform):
    told = json.loads((platform.logs.folder / "truth" / "world.json").read_text(encoding="utf-8"))
    assert told["invented"]
    settings = {
        name: str(value) if isinstance(value, date) else value for name, value in vars(platform.request).items()
    }
    assert settings.pop("habits") is False  # not told where there are none
    assert told | settings == told
    assert told["a day with a leaver multiplies the chances to drift, to fade and to leave by"] == 2.0
    likes = 0.5 if platform.request.format == "eventsim" else None
    assert told["a day with a like multiplies them by"] == likes


def test_friends_are_people_of_the_platform(platform):
    pairs = pl.read_csv(platform.logs.folder / "network" / "friends.csv")
    assert pairs.columns == ["uid", "friend"]
    seen = platform.table("events")["uid"].drop_nulls().unique()
    assert (pairs["uid"] < pairs["friend"]).all()
    assert pairs.select("uid", "friend").is_unique().all()
    assert (pairs["uid"].is_in(seen.implode()) | pairs["friend"].is_in(seen.implode())).mean() > 0.8


def test_everybody_seen_so_far_has_a_chance_of_leaving_on_each_day_of_the_truth(platform):
    asked, told = platform.request, platform.truth("leaving")
    last = (asked.first_day - EPOCH).days + asked.days - 1 - asked.outcome
    assert sorted(told["at"].unique()) == [last - 14, last - 7, last]
    seen = platform.table("events").drop_nulls("uid")
    for (at,), here in told.group_by("at"):
        so_far = seen.filter(pl.col("day") <= at)["uid"].unique()
        assert sorted(here["uid"]) == sorted(so_far)
    assert told["leaves"].is_between(0, 1).all()


def test_the_chances_of_leaving_are_what_happens_in_the_log(platform):
    asked, told = platform.request, platform.truth("leaving")
    seen = platform.table("events").drop_nulls("uid").select("uid", "day").unique()
    for (at,), here in told.group_by("at"):
        back = seen.filter(pl.col("day").is_between(at + 1, at + asked.outcome))["uid"].unique()
        silent = (~here["uid"].is_in(back.implode())).sum()
        chance = here["leaves"].to_numpy()
        assert abs(silent - chance.sum()) < 4 * np.sqrt((chance * (1 - chance)).sum()), at


def test_a_log_too_short_for_an_outcome_tells_no_chance_of_leaving(tmp_path):
    generate(tmp_path / "short", small(days=2, outcome=2), rng=1)
    told = pl.read_parquet(tmp_path / "short" / "truth" / "leaving.parquet")
    assert told.is_empty()
    assert told.schema == {"uid": pl.Int64, "at": pl.Int32, "leaves": pl.Float64}


@pytest.mark.parametrize("style", FORMATS)
@pytest.mark.parametrize("leavers", [True, False])
def test_songs_that_make_people_leave_are_played_if_asked_for(tmp_path, style, leavers):
    asked = small(listeners=300, format=style, leavers=leavers)
    made = generate(tmp_path / "logs", asked, rng=1)
    titles = pl.read_parquet(tmp_path / "logs" / "truth" / "songs.parquet").filter(role="leaver")["song_name"]
    text = b"".join(file.read_bytes() for file in made.files if "search" not in file.name and "down" not in file.name)
    played = sum(text.count(title.encode()) for title in titles)
    assert (played > 10) if leavers else (played == 0)


# What cannot be


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"listeners": 0}, "0 listeners"),
        ({"listeners": -1}, "-1 listeners"),
        ({"days": 0}, "0 days"),
        ({"songs": 10}, "10 songs"),
        ({"songs": 799}, "799 songs"),
        ({"outcome": 0}, "0 days of outcome"),
        ({"format": "eventsin"}, "eventsim"),
        ({"format": ""}, "music-box"),
        ({"first_day": date(9999, 12, 30)}, "9999-12-30"),
        ({"first_day": date(2199, 12, 30)}, "2199-12-30"),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_and_nothing_is_written(tmp_path, changes, why):
    assert why in refusal(lambda: generate(tmp_path / "logs", small(**changes), rng=1))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_empty_is_refused_and_stays_as_it_is(tmp_path):
    for name in ("file", ".hidden"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / name).write_text("mine")
        with refused("not an empty folder"):
            generate(folder, SMALL, rng=1)
        assert content(folder) == {name: b"mine"}
    assert sorted(path.name for path in tmp_path.iterdir()) == [".hidden", "file"]


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "logs").write_text("mine")
    with refused("not an empty folder"):
        generate(tmp_path / "logs", SMALL, rng=1)
    assert content(tmp_path) == {"logs": b"mine"}


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_that_is_none_is_refused_and_nothing_is_written(tmp_path, seed):
    with refused("seed"):
        generate(tmp_path / "below" / "logs", SMALL, rng=seed)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_and_one_to_be_made_will_do(tmp_path):
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", tmp_path / "a" / "b" / "logs"):
        made = generate(folder, SMALL, rng=1)
        assert made.folder == folder
        assert all(file.is_file() for file in made.files)
        assert [path.name for path in folder.parent.iterdir() if path.name.startswith(".")] == []


def test_the_empty_folder_where_one_is_will_do(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    generate(module.Path(), SMALL, rng=1)
    assert (tmp_path / "here" / "truth" / "world.json").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["here"]


@pytest.mark.parametrize("style", FORMATS)
@pytest.mark.parametrize("listeners", [1, 2])
def test_a_single_listener_will_do_though_nobody_may_come_on_some_day(tmp_path, style, listeners):
    for seed in range(2):
        made = generate(tmp_path / str(seed), small(listeners=listeners, days=20, format=style), rng=seed)
        assert len(made.files) == 20 * (3 if style == "music-box" else 1)


@pytest.mark.parametrize("style", FORMATS)
@pytest.mark.parametrize(
    "first", [date(999, 1, 1), date(1899, 12, 31), date(1900, 1, 1), date(2199, 12, 28), date(3000, 1, 1)]
)
def test_a_platform_of_any_year_is_refused_or_can_be_ingested(tmp_path, style, first):
    """The calendar of events goes from 1900 to 2199: what is invented beyond could never be read."""
    asked = small(format=style, first_day=first, listeners=30)
    if not 1900 <= first.year <= 2199:
        assert str(first) in refusal(lambda: generate(tmp_path / "logs", asked, rng=1))
        return
    generate(tmp_path / "logs", asked, rng=1)
    taken = ingest([tmp_path / "logs"], to=tmp_path / "workspace", format=load_format(style))
    days = [one.ledger.days for one in taken if one.ledger.days]
    start = (first - EPOCH).days
    assert (min(days)[0], max(days)[1]) == (start, start + asked.days - 1)


def test_more_songs_than_there_are_titles_are_refused(tmp_path):
    """A title is five of twenty-four signs, and no two are alike: there are 24 to the fifth."""
    with refused("songs"):
        generate(tmp_path / "logs", small(songs=24**5 + 8), rng=1)


# What fails


class NoSpaceError(Exception):
    """What a disk may say."""


def failing(*_, **__):
    raise NoSpaceError


@pytest.mark.parametrize(
    "where", ["_write_truth", "draw_friendships", "draw_songs", "leaving_filter", "simulate_activity"]
)
def test_a_writing_that_fails_leaves_nothing(tmp_path, monkeypatch, where):
    monkeypatch.setattr(module, where, failing)
    with pytest.raises(NoSpaceError):
        generate(tmp_path / "logs", SMALL, rng=1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("at", [0, 1, 3])
def test_a_day_that_cannot_be_written_leaves_nothing(tmp_path, monkeypatch, at):
    write = module._Log.write

    def write_some(self, day, *more):
        return failing() if day.day == at else write(self, day, *more)

    monkeypatch.setattr(module._Log, "write", write_some)
    with pytest.raises(NoSpaceError):
        generate(tmp_path / "logs", SMALL, rng=1)
    assert list(tmp_path.iterdir()) == []


def test_a_writing_that_is_stopped_leaves_an_empty_folder_empty(tmp_path, monkeypatch):
    def stopped(*_):
        raise KeyboardInterrupt

    (tmp_path / "logs").mkdir()
    monkeypatch.setattr(Future, "result", stopped)
    with pytest.raises(KeyboardInterrupt):
        generate(tmp_path / "logs", SMALL, rng=1)
    assert [path.name for path in tmp_path.iterdir()] == ["logs"]
    assert content(tmp_path) == {}

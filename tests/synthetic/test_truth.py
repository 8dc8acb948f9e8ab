"""The chances of leaving that the truth tells are found from the log alone, by whoever knows the chances of the world.

Who reads the log, ingests it and tells songs apart finds what the filter saw, play by play, in spite of all dirt.
"""

import numpy as np
import polars as pl
import pytest

from counterpoint.events.schema import EPOCH
from counterpoint.synthetic import platform as module
from counterpoint.synthetic.bayes_filter import leaving_filter
from counterpoint.synthetic.day_counts import Day

WHAT = {"P": 0, "D": 1, "S": 2}


def once(platform):
    """Return the events that have a listener, each once though the log says some twice, with the role of their song."""
    twice = platform.truth("dirt").filter(dirt="said twice").select("file", pl.col("line") + 1)
    events = platform.table("events").drop_nulls("uid").join(twice, on=["file", "line"], how="anti")
    titles = platform.truth("songs").select("song_id", "song_name", "role")
    if platform.request.format == "music-box":
        events = events.join(titles.select("song_id", by_id="role"), on="song_id", how="left")
    else:
        events = events.with_columns(by_id=pl.lit(None, pl.String))
    events = events.join(titles.select("song_name", by_name="role"), on="song_name", how="left")
    role = pl.coalesce("by_id", "by_name").replace({"ordinary": "0", "leaver": "1", "decoy": "2"}).cast(pl.Int64)
    return events.with_columns(role=role)


def fifths(platform, plays):
    """Return the clean plays with the fifth of the song that was heard; all alike where the log does not say."""
    if platform.request.format == "eventsim":
        return plays.with_columns(fifth=pl.lit(4))
    clean = plays.filter(pl.col("song_ms") > 0, pl.col("play_ms") >= 0)
    in_ms = pl.col("play_ms") > 20 * pl.col("song_ms")
    heard = pl.when(in_ms).then(pl.col("play_ms") // 1000).otherwise(pl.col("play_ms"))
    return clean.with_columns(fifth=(5 * heard // pl.col("song_ms")).clip(upper_bound=4))


def counted(who, shape, *places):
    table = np.zeros((who.max() + 1, *shape), np.int64)
    np.add.at(table, places, 1)
    return table


def read_back(platform, events, uids):
    """Yield the days as the log shows them; a listener's number is the place of their uid."""
    first = (platform.request.first_day - EPOCH).days
    events = events.with_columns(who=uids.search_sorted(events["uid"]))
    for day in range(platform.request.days):
        today = events.filter(day=first + day)
        acts = today.filter(pl.col("kind").is_in(list(WHAT)))
        clean, liked = fifths(platform, acts.filter(kind="P")), today.filter(kind="L").with_columns(fifth=pl.lit(4))
        everybody = np.arange(len(uids))
        accepted = counted(everybody, (3,), acts["who"], acts["kind"].replace_strict(WHAT))
        cells, likes = (counted(everybody, (5, 3), *part.select("who", "fifth", "role")) for part in (clean, liked))
        yield Day(day, everybody, np.zeros_like(accepted), accepted, cells, likes)


def test_the_chances_of_leaving_are_found_from_the_log(platform):
    events, told = once(platform), platform.truth("leaving")
    uids = events["uid"].unique().sort()
    hidden, chances = module._world(platform.request)
    monday = platform.request.first_day.weekday()
    known = leaving_filter(hidden, chances, listeners=len(uids), monday=monday)
    found = {}
    for day in read_back(platform, events, uids):
        known.see(day)
        found[(platform.request.first_day - EPOCH).days + day.day] = known.leaves(day.day, platform.request.outcome)
    for (at,), here in told.group_by("at"):
        by_log = found[at][uids.search_sorted(here["uid"]).to_numpy()]
        assert by_log == pytest.approx(here["leaves"].to_numpy(), rel=1e-6)

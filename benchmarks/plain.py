"""The same table as an analyst would write it once, in pandas and in PySpark: what `events.py` compares with ours.

Nothing of Counterpoint is used. Both are written with care: whole numbers where ours has them, one pass for the bots, a
histogram for all thresholds, one pass for the features. So their tables can be compared with ours cell by cell.
"""

from collections.abc import Sequence
from math import ceil, floor
from typing import Any

import numpy as np
from numpy.typing import NDArray

AT, KNOWN, OUTCOME, WEEK = 17284, 30, 14, 7
WINDOWS, KINDS = (1, 3, 7, 14, 30), "PDS"
BANDS = ("0_to_20", "20_to_40", "40_to_60", "60_to_80", "larger_than_80")
COLUMNS = ["uid", "kind", "day", "device", "play_ms", "song_ms"]


def names() -> list[str]:
    """Return the columns of the table."""
    return [
        *("uid", "churned", "device", "total_play_time", "average_play_time", "total_play_time_7d_over_30d"),
        *(f"time_percentage_{band}" for band in BANDS),
        "time_percentage_larger_than_80_7d_over_30d",
        *(f"freq_{kind}_last_{days}" for kind in KINDS for days in WINDOWS),
        *(f"{kind}_7d_over_{kind}_30d" for kind in KINDS),
        *(f"last_{kind}_time" for kind in KINDS),
    ]


def percentile(values: NDArray[Any], counts: NDArray[Any], share: float) -> float:
    """Return a percentile of a histogram, linear between neighbours."""
    order = np.argsort(values)
    upto, place = np.cumsum(counts[order]), share * (counts.sum() - 1)
    low, high = (values[order][np.searchsorted(upto, at, side="right")] for at in (floor(place), ceil(place)))
    return float(low + (high - low) * (place - floor(place)))


def thresholds(song: NDArray[Any], play: NDArray[Any], n: NDArray[Any]) -> dict[str, int]:
    """Return the four numbers that cleaning needs, from a histogram of (song_ms, play_ms), nan where missing."""
    known = song >= 0
    song_top = floor(percentile(song[known], n[known], 0.999))
    fine = (song > 0) & (song <= song_top)
    song_mean = floor((song[fine] * n[fine]).sum() / n[fine].sum() + 0.5)
    kept = song <= song_top
    song, play, n = np.where(song[kept] > 0, song[kept], song_mean), play[kept], n[kept]
    play = np.where((play > 20 * song) & (play <= 1000 * song_top), np.floor(play / 1000), play)
    timed = play >= 0
    play_top = floor(percentile(play[timed], n[timed], 0.999))
    fine = timed & (play <= play_top)
    play_mean = floor((play[fine] * n[fine]).sum() / n[fine].sum() + 0.5)
    return {"song_top": song_top, "song_mean": song_mean, "play_top": play_top, "play_mean": play_mean}


def by_pandas(files: Sequence[str], to: str) -> None:
    """Read, clean, count and write with pandas."""
    import pandas as pd

    events = pd.concat([pd.read_parquet(file, columns=COLUMNS) for file in files], ignore_index=True)
    events = events[events.uid.notna() & events.day.notna()]
    known = events[(events.day > AT - KNOWN) & (events.day <= AT)]
    plays = known[known.kind == "P"]
    count = plays.groupby("uid").size()
    bots = count[count >= ceil(np.percentile(count, 99.9))].index
    known, plays = known[~known.uid.isin(bots)], plays[~plays.uid.isin(bots)].copy()
    histogram = plays.groupby(["song_ms", "play_ms"], dropna=False).size().reset_index(name="n")
    number = thresholds(*(histogram[name].to_numpy("float64") for name in ("song_ms", "play_ms", "n")))
    plays = plays[plays.song_ms <= number["song_top"]]
    song = plays.song_ms.where(plays.song_ms > 0, number["song_mean"])
    play = plays.play_ms.where(
        ~((plays.play_ms > 20 * song) & (plays.play_ms <= 1000 * number["song_top"])), plays.play_ms // 1000
    )
    kept = ~(play > number["play_top"])
    plays, song, play = plays[kept], song[kept], play[kept]
    plays = plays.assign(song=song, play=play.where(play >= 0, number["play_mean"]))
    table = pd.DataFrame(index=pd.Index(np.sort(known.uid.unique()), name="uid"))
    after = events[(events.day > AT) & (events.day <= AT + OUTCOME)]
    table["churned"] = (~table.index.isin(after.uid.unique())).astype("int64")
    counted = pd.concat([plays, known[known.kind != "P"]])
    android, iphone = (counted[counted.device == on].groupby("uid").size() for on in ("ar", "ip"))
    android, iphone = (part.reindex(table.index).fillna(0) for part in (android, iphone))
    table["device"] = (android > iphone).astype("float64").where(android + iphone > 0)
    played, of = plays.groupby("uid").play.sum(), plays.groupby("uid").size()
    recent = plays[plays.day > AT - WEEK]
    table["total_play_time"] = (played / 1000).reindex(table.index).fillna(0)
    table["average_play_time"] = played / (1000 * of)
    table["total_play_time_7d_over_30d"] = (
        recent.groupby("uid").play.sum().reindex(played.index).fillna(0) / played
    ).where(played > 0)
    band = sum((5 * plays.play >= fifth * plays.song).astype("int8") for fifth in range(1, 5))
    for at, name in enumerate(BANDS):
        table[f"time_percentage_{name}"] = plays[band == at].groupby("uid").size().reindex(of.index).fillna(0) / of
    full = plays[band == 4].groupby("uid").size()
    lately = plays[(band == 4) & (plays.day > AT - WEEK)].groupby("uid").size()
    table["time_percentage_larger_than_80_7d_over_30d"] = lately.reindex(full.index).fillna(0) / full
    for kind in KINDS:
        rows = plays if kind == "P" else known[known.kind == kind]
        for days in WINDOWS:
            frequency = rows[rows.day > AT - days].groupby("uid").size()
            table[f"freq_{kind}_last_{days}"] = frequency.reindex(table.index).fillna(0).astype("int64")
        table[f"{kind}_7d_over_{kind}_30d"] = table[f"freq_{kind}_last_7"] / table[f"freq_{kind}_last_30"]
        table[f"last_{kind}_time"] = AT - rows.groupby("uid").day.max()
    table.reset_index()[names()].to_parquet(to)


def by_pyspark(files: Sequence[str], to: str) -> None:
    """Read, clean, count and write with PySpark."""
    from pyspark.sql import Column, SparkSession
    from pyspark.sql import functions as f

    spark = (
        SparkSession.builder.master("local[*]")
        .config("spark.driver.memory", "3g")
        .config("spark.sql.shuffle.partitions", "8")
        .config("spark.ui.enabled", "false")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    events = spark.read.parquet(*files).select(COLUMNS).filter("uid IS NOT NULL AND day IS NOT NULL")
    day = f.col("day")
    is_known = (day > AT - KNOWN) & (day <= AT)
    plays = events.filter(is_known & (f.col("kind") == "P"))
    count = plays.groupBy("uid").agg(f.count("*").alias("n"))
    steps = count.groupBy("n").agg(f.count("*").alias("c")).toArrow()
    bots_from = ceil(percentile(steps["n"].to_numpy(), steps["c"].to_numpy(), 0.999))
    bots = count.filter(f.col("n") >= bots_from).select("uid")
    histogram = (
        plays.join(bots, "uid", "left_anti").groupBy("song_ms", "play_ms").agg(f.count("*").alias("n")).toArrow()
    )
    columns = (histogram[name].to_numpy(zero_copy_only=False).astype("float64") for name in ("song_ms", "play_ms", "n"))
    number = thresholds(*columns)
    events = events.filter((day > AT - KNOWN) & (day <= AT + OUTCOME)).join(bots, "uid", "left_anti")
    song = f.when(f.col("song_ms") > 0, f.col("song_ms")).otherwise(number["song_mean"])
    play = f.when(
        (f.col("play_ms") > 20 * f.col("song")) & (f.col("play_ms") <= 1000 * number["song_top"]),
        f.floor(f.col("play_ms") / 1000),
    ).otherwise(f.col("play_ms"))
    is_play = f.col("kind") == "P"
    events = events.withColumn("song", song).withColumn("play", play)
    keep = ~is_play | (
        f.coalesce(f.col("song_ms") <= number["song_top"], f.lit(False))
        & ~f.coalesce(f.col("play") > number["play_top"], f.lit(False))
    )
    time = f.when(f.col("play") >= 0, f.col("play")).otherwise(number["play_mean"])
    events = events.withColumns({"keep": keep, "time": time, "known": is_known})
    kept = f.col("known") & f.col("keep")

    def times(when: Column) -> Column:
        return f.sum(f.when(when, 1).otherwise(0))

    def share(over: str, under: str) -> Column:
        return f.when(f.col(under) > 0, f.col(over).cast("double") / f.col(under))

    def heard(fifths: int) -> Column:
        return 5 * f.col("time") >= fifths * f.col("song")

    bands = [heard(at) & (~heard(at + 1) if at < 4 else f.lit(True)) for at in range(5)]
    sums = {
        "n_known": times(f.col("known")),
        "n_after": times(~f.col("known")),
        "n_ar": times(kept & (f.col("device") == "ar")),
        "n_ip": times(kept & (f.col("device") == "ip")),
        "n_play": times(kept & is_play),
        "ms": f.sum(f.when(kept & is_play, f.col("time")).otherwise(0)),
        "ms_7": f.sum(f.when(kept & is_play & (day > AT - WEEK), f.col("time")).otherwise(0)),
        "full_7": times(kept & is_play & heard(4) & (day > AT - WEEK)),
        **{f"band_{at}": times(kept & is_play & band) for at, band in enumerate(bands)},
        **{
            f"freq_{kind}_last_{days}": times(kept & (f.col("kind") == kind) & (day > AT - days))
            for kind in KINDS
            for days in WINDOWS
        },
        **{f"max_{kind}": f.max(f.when(kept & (f.col("kind") == kind), day)) for kind in KINDS},
    }
    table = events.groupBy("uid").agg(*[part.alias(name) for name, part in sums.items()]).filter("n_known > 0")
    features = {
        "churned": f.when(f.col("n_after") > 0, 0).otherwise(1),
        "device": f.when(f.col("n_ar") > f.col("n_ip"), 1).when(f.col("n_ar") + f.col("n_ip") > 0, 0),
        "total_play_time": f.col("ms") / 1000,
        "average_play_time": f.when(f.col("n_play") > 0, f.col("ms").cast("double") / (1000 * f.col("n_play"))),
        "total_play_time_7d_over_30d": share("ms_7", "ms"),
        **{f"time_percentage_{name}": share(f"band_{at}", "n_play") for at, name in enumerate(BANDS)},
        "time_percentage_larger_than_80_7d_over_30d": share("full_7", "band_4"),
        **{f"{kind}_7d_over_{kind}_30d": share(f"freq_{kind}_last_7", f"freq_{kind}_last_30") for kind in KINDS},
        **{f"last_{kind}_time": AT - f.col(f"max_{kind}") for kind in KINDS},
    }
    table.withColumns(features).select(names()).write.mode("overwrite").parquet(to)
    spark.stop()

"""Spark's own ALS, for what one machine cannot hold: ratings, factors and everybody's songs never leave the cluster.

The one module outside of `storage/` that knows an engine: what Spark learns with is no SQL.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from counterpoint.errors import CounterpointError
from counterpoint.events.rules import OURS, Practice
from counterpoint.events.schema import date
from counterpoint.recommend.ratings import known_songs, pairs_sql
from counterpoint.rng import check_seed
from counterpoint.snapshots.session import cleaning_in, open_session
from counterpoint.snapshots.snapshot import Snapshot
from counterpoint.storage.commit import publish_folder, readable_errors
from counterpoint.storage.spark_engine import Spark, explained_spark
from counterpoint.storage.workspace import edit_workspace

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

SPARE: Final = 200  # songs listed beyond those asked for, since what a listener knows is only then left out


def songs_on_spark(  # noqa: PLR0913  all but two are options
    workspace: Path,
    to: Path,
    *,
    at: str | None = None,
    known_for: str | int = "30",
    count: int = 10,
    new: bool = True,
    factors: int = 64,
    iterations: int = 10,
    seed: int = 0,
    practice: Practice = OURS,
    spark: "SparkSession | None" = None,
) -> int:
    """Let Spark's implicit ALS learn from the days known at `at`, and write everybody's songs; return the rows.

    `to` becomes a folder of Parquet parts: uid, rank, song_id, score. Of the best `count` + 200, those that a listener
    dislikes are left out, and with `new` those that they know. Nothing is kept in the workspace but its cleaning.

    Raises
    ------
    CounterpointError
        If Spark is not there or cannot finish, the log does not cover the days, or `to` is there already.
    """
    check_seed(seed)
    if to.exists():
        raise CounterpointError(f"{to} is there already: name a new folder")
    with edit_workspace(workspace) as writer, open_session(writer, spark or "spark", practice=practice) as session:
        engine = session.engine
        if not isinstance(engine, Spark):  # `open_session` gives what it is asked for
            raise CounterpointError("Spark's own ALS needs Spark")
        last = date(session.coverage.last).isoformat() if at is None else at
        snapshot = Snapshot.of(last, known_for=known_for)
        session.check_coverage(snapshot, outcome=False)
        after, until, _ = snapshot.days
        by = session.cleaning(snapshot)
        songs, _ = known_songs(session, by, after, until)
        names = writer.stage() / "songs.parquet"
        songs.with_row_index("song").select("song", "song_id").write_parquet(names)
        engine.register("songs", [names])
        part = writer.stage()
        with explained_spark():
            running = engine.session
            running.sql(pairs_sql(cleaning_in(by), after, until)).createOrReplaceTempView("pairs")
            listed = _listed(running, count=count, new=new, factors=factors, iterations=iterations, seed=seed)
            listed.write.mode("overwrite").option("compression", "zstd").parquet(f"file:{part.absolute()}")
            rows = int(running.read.parquet(f"file:{part.absolute()}").count())
        for mark in (*part.glob(".*.crc"), part / "_SUCCESS"):
            mark.unlink(missing_ok=True)
        with readable_errors(to):
            publish_folder(part, to.resolve())
    return rows


def _listed(spark: "SparkSession", *, count: int, new: bool, factors: int, iterations: int, seed: int) -> "DataFrame":
    """Return everybody's songs (uid, rank, song_id, score), learned from the view `pairs`."""
    from pyspark.ml.recommendation import ALS

    # ALS takes whole numbers of 32 bits: listeners are numbered by the rank of their uid among all.
    people = spark.sql("SELECT DISTINCT uid FROM pairs").rdd.map(lambda row: row[0]).sortBy(lambda uid: uid)
    numbered = people.zipWithIndex().map(lambda each: (each[0], each[1]))
    spark.createDataFrame(numbered, ["uid", "listener"]).createOrReplaceTempView("listeners")
    weighed = spark.sql(
        "SELECT CAST(l.listener AS INT) AS listener, p.song AS song, CAST(1 + ln(CASE WHEN p.plays > 1 THEN p.plays"
        " ELSE 1 END) AS FLOAT) AS weight FROM pairs p JOIN listeners l ON p.uid = l.uid WHERE NOT p.disliked"
    ).cache()
    learner = ALS(
        rank=factors,
        maxIter=iterations,
        implicitPrefs=True,
        userCol="listener",
        itemCol="song",
        ratingCol="weight",
        seed=seed,
    )
    ranked = learner.fit(weighed).recommendForAllUsers(count + SPARE)
    ranked.createOrReplaceTempView("ranked")
    which = "" if new else " WHERE p.disliked"
    spark.sql(
        "SELECT CAST(l.listener AS INT) AS listener, p.song AS song FROM pairs p JOIN listeners l ON p.uid = l.uid"
        + which
    ).createOrReplaceTempView("unwanted")
    return spark.sql(
        "SELECT uid, rank, song_id, score FROM (SELECT l.uid AS uid, s.song_id AS song_id, r.score AS score,"
        " row_number() OVER (PARTITION BY r.listener ORDER BY r.score DESC, r.song) AS rank"
        " FROM (SELECT listener, found.song AS song, found.rating AS score FROM"
        f" (SELECT listener, explode(recommendations) AS found FROM ranked) e) r"
        " LEFT ANTI JOIN unwanted w ON r.listener = w.listener AND r.song = w.song"
        f" JOIN listeners l ON r.listener = l.listener JOIN songs s ON r.song = s.song) t WHERE rank <= {count}"
    )

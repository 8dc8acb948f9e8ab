"""Spark's own ALS, for what one machine cannot hold: ratings, factors and everybody's songs never leave the cluster.

The one module outside of `storage/` that knows an engine: what Spark learns with is no SQL.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from counterpoint.errors import CounterpointError
from counterpoint.events import cleaning_rules as event_rules
from counterpoint.events.cleaning_rules import RuleSet
from counterpoint.recommend.catalogue import register_songs
from counterpoint.recommend.ratings import pairs_sql
from counterpoint.recommend.training import latest_snapshot
from counterpoint.rng import check_seed
from counterpoint.snapshots.session import cleaning_in, open_session
from counterpoint.snapshots.snapshot import Snapshot
from counterpoint.storage.commit import publish_folder, readable_errors
from counterpoint.storage.engine import Engine
from counterpoint.storage.engines import SparkSession
from counterpoint.storage.spark_engine import Spark, readable_spark_errors
from counterpoint.storage.workspace import edit_workspace

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql import SparkSession as PySparkSession

SPARE_SONGS: Final = 200  # listed beyond those asked for, since what a listener knows is only then left out


@dataclass(frozen=True, kw_only=True)
class SparkAlsSettings:
    """How Spark's implicit ALS learns, and how many songs it lists for each; `rng` is a seed."""

    count: int = 10
    include_known: bool = False
    factors: int = 64
    iterations: int = 10
    rng: int = 0


DEFAULT_SETTINGS: Final = SparkAlsSettings()


def write_songs_on_spark(
    workspace: Path,
    to: Path,
    snapshot: Snapshot | None = None,
    *,
    settings: SparkAlsSettings = DEFAULT_SETTINGS,
    rules: RuleSet = event_rules.DEFAULT_RULES,
    spark: SparkSession | None = None,
) -> int:
    """Let Spark's implicit ALS learn from the days that a snapshot knows, and write everybody's songs; return the rows.

    `to` becomes a folder of Parquet parts: uid, rank, song_id, score. Of the best `count` + 200, those that a listener
    dislikes are left out, and unless `include_known` those that they know. Nothing is kept in the workspace but its
    cleaning. By default the snapshot is `latest_snapshot`.

    Raises
    ------
    CounterpointError
        If Spark is not there or cannot finish, the log does not cover the days, or `to` is there already.
    """
    check_seed(settings.rng)
    if to.exists():
        raise CounterpointError(f"{to} is there already: name a new folder")
    snapshot = snapshot or latest_snapshot(workspace)
    with edit_workspace(workspace) as writer, open_session(writer, spark or "spark", rules=rules) as session:
        session.check_coverage(snapshot, outcome=False)
        after, until, _ = snapshot.days
        cleaning = session.cleaning(snapshot)
        songs, _ = register_songs(session, cleaning, after, until)
        names = writer.stage() / "songs.parquet"
        songs.with_row_index("song").select("song", "song_id").write_parquet(names)
        session.engine.register("songs", [names])
        part = writer.stage()
        rows = _write_lists(session.engine, pairs_sql(cleaning_in(cleaning), after, until), settings, part)
        with readable_errors(to):
            publish_folder(part, to.resolve())
    return rows


def _write_lists(engine: Engine, pairs: str, settings: SparkAlsSettings, folder: Path) -> int:
    """Write everybody's songs into a folder, learned from the rows of the SQL `pairs`; return the rows."""
    if not isinstance(engine, Spark):  # `open_session` gives what it is asked for
        raise CounterpointError("Spark's own ALS needs Spark")
    with readable_spark_errors():
        running = engine.session
        running.sql(pairs).createOrReplaceTempView("pairs")
        lists = _recommend(running, settings)
        lists.write.mode("overwrite").option("compression", "zstd").parquet(f"file:{folder.absolute()}")
        rows = int(running.read.parquet(f"file:{folder.absolute()}").count())
    for mark in (*folder.glob(".*.crc"), folder / "_SUCCESS"):
        mark.unlink(missing_ok=True)
    return rows


def _recommend(spark: "PySparkSession", settings: SparkAlsSettings) -> "DataFrame":
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
        rank=settings.factors,
        maxIter=settings.iterations,
        implicitPrefs=True,
        userCol="listener",
        itemCol="song",
        ratingCol="weight",
        seed=settings.rng,
    )
    ranked = learner.fit(weighed).recommendForAllUsers(settings.count + SPARE_SONGS)
    ranked.createOrReplaceTempView("ranked")
    which = " WHERE p.disliked" if settings.include_known else ""
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
        " JOIN listeners l ON r.listener = l.listener JOIN songs s ON r.song = s.song) t"
        f" WHERE rank <= {settings.count}"
    )

"""What did they hear before they left? Songs and singers that leavers heard more than stayers like them did.

An association, not a cause. A leaver's last active day is compared with days of stayers: the same calendar day, device,
number of plays, share of days active so far and number of them. A stayer gives their first day and one later day, drawn
at random; first days are compared with first days only, so nobody is compared twice with the same people.
"""

import json
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from counterpoint.churn.matching import DEVICE, band
from counterpoint.errors import CounterpointError
from counterpoint.events import rules
from counterpoint.events.rules import Practice
from counterpoint.rng import check_seed, generator
from counterpoint.snapshots.session import SnapshotSession, open_session
from counterpoint.snapshots.snapshot import Snapshot
from counterpoint.stats.intervals import Z
from counterpoint.stats.matching import Association, Cells, false_discovery, mantel_haenszel, shrunk
from counterpoint.storage import parquet
from counterpoint.storage.engines import EngineChoice
from counterpoint.storage.workspace import Folder, Staged, WorkspaceView, edit_workspace, key_of, verify

SONGS: Final = "songs:churn:"
OF: Final = {"song": "song_id", "singer": "singer"}  # the column that says which
PLAYS: Final = (1, 2, 4, 6, 8, 10, 14, 18, 23, 30, 38, 48, 61, 78, 100, 132, 175, 250, 400)
RATES: Final = (0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9)
VISITS: Final = (1, 2, 4, 8)
REGULAR: Final = 3  # earlier active days from which on a listener's habits are known
EXPECTED: Final = 20.0  # leavers exposed by chance, from which on an item is tested
CLOSE: Final = 1e-6  # to that, where sums of floats could be on the wrong side
FALSE: Final = 0.05
SEVERAL: Final = 10  # items, or nothing can be said of all of them
LEAST_ODDS: Final = 1.2  # below, residual confounding could do it
MEDIAN: Final = 0.45493642  # of chi-squared with one degree of freedom


@dataclass(frozen=True)
class Songs:
    """The songs (or singers) that were tested at a snapshot, the most telling first.

    rows      : item (song_id or singer), name, singer; leavers (who heard it on their last day), expected, odds, low,
                high (the matched odds ratio and its 95 % interval), shrunk (the odds ratio drawn to the mean of all),
                p, q (the least false discovery rate), regulars (the odds ratio of listeners with three earlier days),
                found
    leavers   : of the snapshot that were compared, with so many days of `stayers`
    inflation : the median of z squared over what chance gives: 1 if nothing is confounded, or by far most songs are
                not; None, like `shrunk`, of fewer than 10 items
    """

    of: str
    snapshot: Snapshot
    seed: int
    leavers: int
    stayers: int
    inflation: float | None
    logs: str
    rows: pl.DataFrame

    @property
    def found(self) -> pl.DataFrame:
        """Those over-represented before leaving: q at most .05, and odds of 1.2 or more."""
        return self.rows.filter("found")


def songs(
    workspace: Path,
    snapshot: Snapshot,
    *,
    of: str = "song",
    seed: int = 0,
    practice: Practice = rules.OURS,
    engine: EngineChoice = "duckdb",
) -> Songs:
    """Find the songs, or with `of` the singers, over-represented before leaving, and keep the result in the workspace.

    Raises
    ------
    CounterpointError
        If the log does not cover the snapshot, has no plays of songs, or too few for any to be tested.
    """
    if of not in OF:
        raise CounterpointError(f"over-represented are songs or singers, not {of!r}")
    check_seed(seed)
    with edit_workspace(workspace) as writer, open_session(writer, engine, practice=practice) as session:
        session.check(snapshot)
        days = _days(session, session.cleaning(snapshot), snapshot)
        rows = compared(days, seed=seed)
        chosen = writer.stage() / "rows.parquet"
        rows.write_parquet(chosen)
        session.engine.register("compared", [chosen])
        tested = _tested(session.engine.fetch(_heard_sql(of)), rows)
        found = Songs(
            of=of,
            snapshot=snapshot,
            seed=seed,
            leavers=int(rows["gone"].sum()),
            stayers=int((1 - rows["gone"]).sum()),
            inflation=float(np.median(tested["z"].to_numpy() ** 2)) / MEDIAN if tested.height >= SEVERAL else None,
            logs=key_of(session.logs()),
            rows=_ranked(tested),
        )
        folder = writer.stage()
        found.rows.write_parquet(folder / "songs.parquet")
        made = {name: getattr(found, name) for name in ("of", "seed", "leavers", "stayers", "inflation", "logs")}
        made |= {name: str(getattr(snapshot, name)) for name in ("day", "known_for", "outcome_for")}
        (folder / "songs.json").write_text(json.dumps(made))
        writer.commit(Staged(f"{SONGS}{of}", key_of(SONGS, made), folder, made))
    return found


def _ranked(tested: pl.DataFrame) -> pl.DataFrame:
    """Return the items with odds ratios, intervals and false discovery rates, the most telling first."""
    log_odds, error = (tested[name].to_numpy() for name in ("log_odds", "error"))
    q = false_discovery(tested["p"].to_numpy())
    rows = tested.select(
        "item",
        "name",
        "singer",
        "leavers",
        "expected",
        odds=pl.Series(np.exp(log_odds)),
        low=pl.Series(np.exp(log_odds - Z * error)),
        high=pl.Series(np.exp(log_odds + Z * error)),
        shrunk=pl.Series(np.exp(shrunk(log_odds, error)) if tested.height >= SEVERAL else [None] * tested.height),
        p="p",
        q=pl.Series(q),
        regulars="regulars",
        found=pl.Series((q <= FALSE) & (log_odds >= np.log(LEAST_ODDS))),
    )
    return rows.sort("p", "item")


def _days(session: SnapshotSession, cleaning: Folder, snapshot: Snapshot) -> pl.DataFrame:
    """Return the known active days in order: uid, day, plays, android, iphone, first, earlier, gone.

    first   : the listener's first day in the whole log; earlier : active days before what is known
    """
    session.roll_up(cleaning)
    after, at, end = snapshot.days
    whole = (
        "SELECT uid, min(day) AS first, count(CASE WHEN day <= "
        f"{after} THEN 1 END) AS earlier, max(CASE WHEN day > {at} THEN 1 ELSE 0 END) AS stays"
        f" FROM rollup WHERE day <= {end} GROUP BY uid"
    )
    return session.engine.fetch(
        "SELECT r.uid AS uid, r.day AS day, r.P AS plays, r.android AS android, r.iphone AS iphone, w.first AS first,"
        f" w.earlier AS earlier, 1 - w.stays AS gone FROM rollup r JOIN ({whole}) w ON r.uid = w.uid"
        f" WHERE r.day > {after} AND r.day <= {at}"
    ).sort("uid", "day")


def compared(days: pl.DataFrame, *, seed: int) -> pl.DataFrame:
    """Choose the listener-days to compare: uid, day, gone, stratum, regular.

    A leaver gives the last active day, a stayer the first day in the log and one later day, drawn at random.

    >>> two = pl.DataFrame({"uid": [1, 1, 2, 2, 2], "day": [3, 5, 3, 4, 5], "gone": [1, 1, 0, 0, 0]})
    >>> alike = {"plays": 1, "android": 1, "iphone": 0, "first": 3, "earlier": 0}
    >>> days = two.with_columns(pl.lit(value).alias(name) for name, value in alike.items())
    >>> compared(days, seed=1).select("uid", "day", "gone").rows()
    [(1, 5, 1), (2, 3, 0), (2, 4, 0)]
    """
    before = pl.col("earlier") + pl.int_range(pl.len()).over("uid")
    last = pl.col("day") == pl.col("day").max().over("uid")
    luck = pl.Series("luck", generator(seed).random(days.height))
    marked = days.with_columns(luck, before=before, last=last, is_first=pl.col("day") == pl.col("first"))
    leavers = marked.filter((pl.col("gone") == 1) & pl.col("last") & (pl.col("plays") > 0))
    stayers = marked.filter((pl.col("gone") == 0) & (pl.col("plays") > 0))
    later = stayers.filter(~pl.col("is_first")).filter(pl.col("luck") == pl.col("luck").max().over("uid"))
    rows = pl.concat([leavers, stayers.filter("is_first"), later]).sort("uid", "day")
    rate = pl.col("before") / (pl.col("day") - pl.col("first"))
    alike = rows.select(
        "day",
        DEVICE.alias("device"),
        band(pl.col("plays"), PLAYS).alias("plays"),
        pl.when("is_first").then(-1).otherwise(band(rate, RATES)).alias("rate"),
        band(pl.col("before"), VISITS).alias("visits"),
    )
    stratum = alike.select(pl.struct(pl.all()).rank("dense").cast(pl.Int64)).to_series()
    return rows.select(
        "uid",
        "day",
        pl.col("gone").cast(pl.Int64),
        stratum.alias("stratum"),
        (pl.col("before") >= REGULAR).cast(pl.Int64).alias("regular"),
    )


def _heard_sql(of: str) -> str:
    """Return portable SQL to one row an item and stratum: item, name, singer, stratum, regular, hit, exposed."""
    heard = (
        f"SELECT e.{OF[of]} AS item, max(e.song_name) AS name, max(e.singer) AS singer, c.gone AS gone,"
        " c.stratum AS stratum, c.regular AS regular"
        " FROM events e JOIN compared c ON e.uid = c.uid AND e.day = c.day"
        f" WHERE e.kind = 'P' AND e.{OF[of]} IS NOT NULL"
        f" GROUP BY e.{OF[of]}, c.uid, c.day, c.gone, c.stratum, c.regular"
    )
    return (
        "SELECT item, max(name) AS name, max(singer) AS singer, stratum, regular, CAST(sum(gone) AS BIGINT) AS hit,"
        f" CAST(count(*) AS BIGINT) AS exposed FROM ({heard}) h GROUP BY item, stratum, regular"
    )


def _tested(heard: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Return the items that enough leavers should have heard by chance: item, name, singer, then what was found.

    Raises
    ------
    CounterpointError
        If there is none.
    """
    cells = _cells(heard, rows)
    enough = expected_enough(cells)
    names = heard.group_by("item").agg(pl.max("name"), pl.max("singer")).join(enough, on="item").sort("item")
    found = _association(cells, names["item"])
    regulars = _association(
        _cells(heard.filter(pl.col("regular") == 1), rows.filter(pl.col("regular") == 1)), names["item"]
    )
    tested = names.with_columns(
        leavers=pl.Series(found.observed).cast(pl.Int64),
        expected=pl.Series(found.expected),
        log_odds=pl.Series(found.log_odds),
        error=pl.Series(found.error),
        z=pl.Series(found.z),
        p=pl.Series(found.p),
        regulars=pl.Series(np.exp(regulars.log_odds)).fill_nan(None),
    ).drop_nans("log_odds")
    if not tested.height:
        raise CounterpointError(
            f"no song can be tested: {EXPECTED:g} leavers or more would have to hear it by chance, and others not"
        )
    return tested


def _cells(heard: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Return item, hit, exposed, hits, all: of every item and stratum that has both leavers and stayers."""
    strata = rows.group_by("stratum").agg(hits=pl.sum("gone"), all=pl.len())
    both = strata.filter((pl.col("hits") > 0) & (pl.col("hits") < pl.col("all")))
    return (
        heard.group_by("item", "stratum")
        .agg(pl.sum("hit"), pl.sum("exposed"))
        .join(both, on="stratum")
        .sort("item", "stratum")
    )


def expected_enough(cells: pl.DataFrame) -> pl.DataFrame:
    """Return the items that EXPECTED leavers or more would have heard by chance: item, expected.

    Counted in fractions where the sum of floats is too close to say.

    >>> thirds = pl.DataFrame({"item": 1, "exposed": [1] * 60, "hits": 1, "all": 3})
    >>> sum([1 / 3] * 60) < EXPECTED, expected_enough(thirds).height
    (True, 1)
    """
    by_chance = (pl.col("exposed") * pl.col("hits") / pl.col("all")).sum()
    expected = cells.group_by("item").agg(by_chance.alias("expected"))
    close = expected.filter((pl.col("expected") - EXPECTED).abs() < CLOSE)["item"]
    own = cells.filter(pl.col("item").is_in(close.implode())).select("item", "exposed", "hits", "all")
    exact = dict.fromkeys(close.to_list(), Fraction(0))
    for item, exposed, hits, whole in own.iter_rows():
        exact[item] += Fraction(exposed * hits, whole)
    reached = close.filter(pl.Series([sum_ >= EXPECTED for sum_ in exact.values()], dtype=pl.Boolean))
    return expected.filter((pl.col("expected") >= EXPECTED + CLOSE) | pl.col("item").is_in(reached.implode()))


def _association(cells: pl.DataFrame, items: pl.Series) -> Association:
    """Return what was found of these items; of one that has no cells, nan."""
    places = pl.DataFrame({"item": items, "place": pl.int_range(len(items), dtype=pl.Int64, eager=True)})
    own = cells.join(places, on="item").sort("place", "stratum")
    of = {name: own[name].cast(pl.Float64).to_numpy() for name in ("hit", "exposed", "hits", "all")}
    found = mantel_haenszel(Cells(own["place"].to_numpy(), **of))
    there = own["place"].unique().sort().to_numpy()

    def at_its_place(values: NDArray[np.float64]) -> NDArray[np.float64]:
        held = np.full(len(items), np.nan)
        held[there] = values
        return held

    return Association(*(at_its_place(getattr(found, field.name)) for field in fields(Association)))


def songs_in(view: WorkspaceView) -> tuple[Songs, ...]:
    """Return what a workspace has found about songs, and about singers."""
    return tuple(_read(folder) for folder in view.with_prefix(SONGS))


def _read(folder: Folder) -> Songs:
    verify(folder)
    made: dict[str, Any] = json.loads(folder.file("songs.json").read_text())
    spans = {name: made.pop(name) for name in ("day", "known_for", "outcome_for")}
    return Songs(snapshot=Snapshot.of(**spans), rows=parquet.read(folder.file("songs.parquet")), **made)

"""What did they hear before they left? Songs and singers that leavers heard more than stayers like them did.

An association, not a cause. A leaver's last active day is compared with days of stayers: the same calendar day, device,
number of plays, share of days active so far and number of them. A stayer gives their first day and one later day, drawn
at random; first days are compared with first days only, so nobody is compared twice with the same people.
"""

from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from counterpoint.churn.matching import DEVICE, band
from counterpoint.errors import CounterpointError
from counterpoint.events import cleaning_rules
from counterpoint.events.cleaning_rules import RuleSet
from counterpoint.rng import check_seed, generator
from counterpoint.snapshots.session import SnapshotSession, open_session
from counterpoint.snapshots.snapshot import Snapshot
from counterpoint.stats.intervals import Z
from counterpoint.stats.matching import Association, Cells, false_discovery, mantel_haenszel, shrink
from counterpoint.storage.engines import EngineChoice
from counterpoint.storage.results import all_kept, keep
from counterpoint.storage.serializer import plain
from counterpoint.storage.workspace import Folder, WorkspaceView, edit_workspace, key_of

SONGS: Final = "songs:churn:"
COLUMNS: Final = {"song": "song_id", "singer": "singer"}  # the column that says which
PLAY_CUTS: Final = (1, 2, 4, 6, 8, 10, 14, 18, 23, 30, 38, 48, 61, 78, 100, 132, 175, 250, 400)
ACTIVITY_CUTS: Final = (0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9)
VISIT_CUTS: Final = (1, 2, 4, 8)
REGULAR_FROM: Final = 3  # earlier active days from which on a listener's habits are known
MIN_EXPECTED: Final = 20.0  # leavers exposed by chance, from which on an item is tested
CLOSE: Final = 1e-6  # to that, where sums of floats could be on the wrong side
MAX_FALSE_DISCOVERY: Final = 0.05
MIN_ITEMS: Final = 10  # items, or nothing can be said of all of them
MIN_ODDS_RATIO: Final = 1.2  # below, residual confounding could do it
CHI_SQUARED_MEDIAN: Final = 0.45493642  # of chi-squared with one degree of freedom


@dataclass(frozen=True, kw_only=True)
class SongsBeforeLeaving:
    """The songs (or singers) that were tested at a snapshot, the most telling first.

    rows      : item (song_id or singer), name, singer; leavers (who heard it on their last day), expected, odds, low,
                high (the matched odds ratio and its 95 % interval), shrunk (the odds ratio drawn to the mean of all),
                p, q (the least false discovery rate), regulars (the odds ratio of listeners with three earlier days),
                over_represented
    leavers   : of the snapshot that were compared, with so many days of `stayers`
    inflation : the median of z squared over what chance gives: 1 if nothing is confounded, or by far most songs are
                not; None, like `shrunk`, of fewer than 10 items
    """

    item_kind: str
    snapshot: Snapshot
    seed: int
    leavers: int
    stayers: int
    inflation: float | None
    log_key: str
    rows: pl.DataFrame

    @property
    def over_represented(self) -> pl.DataFrame:
        """Those over-represented before leaving: q at most .05, and odds of 1.2 or more."""
        return self.rows.filter("over_represented")


def songs_before_leaving(
    workspace: Path,
    snapshot: Snapshot,
    *,
    item_kind: str = "song",
    rng: int = 0,
    rules: RuleSet = cleaning_rules.DEFAULT_RULES,
    engine: EngineChoice = "duckdb",
) -> SongsBeforeLeaving:
    """Find the songs, or with `item_kind` the singers, over-represented before leaving, and keep the result.

    Raises
    ------
    CounterpointError
        If the log does not cover the snapshot, has no plays of songs, or too few for any to be tested.
    """
    if item_kind not in COLUMNS:
        raise CounterpointError(f"over-represented are songs or singers, not {item_kind!r}")
    check_seed(rng)
    with edit_workspace(workspace) as writer, open_session(writer, engine, rules=rules) as session:
        session.check_coverage(snapshot)
        days = _days(session, session.cleaning(snapshot), snapshot)
        rows = days_to_compare(days, rng=rng)
        file = writer.stage() / "rows.parquet"
        rows.write_parquet(file)
        session.engine.register("compared", [file])
        tested = _tested(session.engine.fetch(_heard_sql(item_kind)), rows)
        songs = SongsBeforeLeaving(
            item_kind=item_kind,
            snapshot=snapshot,
            seed=rng,
            leavers=int(rows["gone"].sum()),
            stayers=int((1 - rows["gone"]).sum()),
            inflation=float(np.median(tested["z"].to_numpy() ** 2)) / CHI_SQUARED_MEDIAN
            if tested.height >= MIN_ITEMS
            else None,
            log_key=key_of(session.log_keys()),
            rows=_ranked(tested),
        )
        counts = (songs.leavers, songs.stayers, songs.inflation)
        keep(
            writer, f"{SONGS}{item_kind}", key_of(SONGS, item_kind, plain(snapshot), rng, *counts, songs.log_key), songs
        )
    return songs


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
        shrunk=pl.Series(np.exp(shrink(log_odds, error)) if tested.height >= MIN_ITEMS else [None] * tested.height),
        p="p",
        q=pl.Series(q),
        regulars="regulars",
        over_represented=pl.Series((q <= MAX_FALSE_DISCOVERY) & (log_odds >= np.log(MIN_ODDS_RATIO))),
    )
    return rows.sort("p", "item")


def _days(session: SnapshotSession, cleaning: Folder, snapshot: Snapshot) -> pl.DataFrame:
    """Return the known active days in order: uid, day, plays, android, iphone, first, earlier, gone.

    first   : the listener's first day in the whole log; earlier : active days before what is known
    """
    session.roll_up(cleaning)
    after, day, end = snapshot.days
    whole = (
        "SELECT uid, min(day) AS first, count(CASE WHEN day <= "
        f"{after} THEN 1 END) AS earlier, max(CASE WHEN day > {day} THEN 1 ELSE 0 END) AS stays"
        f" FROM rollup WHERE day <= {end} GROUP BY uid"
    )
    return session.engine.fetch(
        "SELECT r.uid AS uid, r.day AS day, r.P AS plays, r.android AS android, r.iphone AS iphone, w.first AS first,"
        f" w.earlier AS earlier, 1 - w.stays AS gone FROM rollup r JOIN ({whole}) w ON r.uid = w.uid"
        f" WHERE r.day > {after} AND r.day <= {day}"
    ).sort("uid", "day")


def days_to_compare(days: pl.DataFrame, *, rng: int) -> pl.DataFrame:
    """Choose the listener-days to compare: uid, day, gone, stratum, regular.

    A leaver gives the last active day, a stayer the first day in the log and one later day, drawn at random.

    >>> two = pl.DataFrame({"uid": [1, 1, 2, 2, 2], "day": [3, 5, 3, 4, 5], "gone": [1, 1, 0, 0, 0]})
    >>> likeness = {"plays": 1, "android": 1, "iphone": 0, "first": 3, "earlier": 0}
    >>> days = two.with_columns(pl.lit(value).alias(name) for name, value in likeness.items())
    >>> days_to_compare(days, rng=1).select("uid", "day", "gone").rows()
    [(1, 5, 1), (2, 3, 0), (2, 4, 0)]
    """
    before = pl.col("earlier") + pl.int_range(pl.len()).over("uid")
    last = pl.col("day") == pl.col("day").max().over("uid")
    order = pl.Series("order", generator(rng).random(days.height))
    marked = days.with_columns(order, before=before, last=last, is_first=pl.col("day") == pl.col("first"))
    leavers = marked.filter((pl.col("gone") == 1) & pl.col("last") & (pl.col("plays") > 0))
    stayers = marked.filter((pl.col("gone") == 0) & (pl.col("plays") > 0))
    later = stayers.filter(~pl.col("is_first")).filter(pl.col("order") == pl.col("order").max().over("uid"))
    rows = pl.concat([leavers, stayers.filter("is_first"), later]).sort("uid", "day")
    rate = pl.col("before") / (pl.col("day") - pl.col("first"))
    likeness = rows.select(
        "day",
        DEVICE.alias("device"),
        band(pl.col("plays"), PLAY_CUTS).alias("plays"),
        pl.when("is_first").then(-1).otherwise(band(rate, ACTIVITY_CUTS)).alias("rate"),
        band(pl.col("before"), VISIT_CUTS).alias("visits"),
    )
    stratum = likeness.select(pl.struct(pl.all()).rank("dense").cast(pl.Int64)).to_series()
    return rows.select(
        "uid",
        "day",
        pl.col("gone").cast(pl.Int64),
        stratum.alias("stratum"),
        (pl.col("before") >= REGULAR_FROM).cast(pl.Int64).alias("regular"),
    )


def _heard_sql(item_kind: str) -> str:
    """Return portable SQL to one row an item and stratum: item, name, singer, stratum, regular, hit, exposed."""
    heard = (
        f"SELECT e.{COLUMNS[item_kind]} AS item, max(e.song_name) AS name, max(e.singer) AS singer, c.gone AS gone,"
        " c.stratum AS stratum, c.regular AS regular"
        " FROM events e JOIN compared c ON e.uid = c.uid AND e.day = c.day"
        f" WHERE e.kind = 'P' AND e.{COLUMNS[item_kind]} IS NOT NULL"
        f" GROUP BY e.{COLUMNS[item_kind]}, c.uid, c.day, c.gone, c.stratum, c.regular"
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
    all_listeners = _association(cells, names["item"])
    regulars = _association(
        _cells(heard.filter(pl.col("regular") == 1), rows.filter(pl.col("regular") == 1)), names["item"]
    )
    tested = names.with_columns(
        leavers=pl.Series(all_listeners.observed).cast(pl.Int64),
        expected=pl.Series(all_listeners.expected),
        log_odds=pl.Series(all_listeners.log_odds),
        error=pl.Series(all_listeners.error),
        z=pl.Series(all_listeners.z),
        p=pl.Series(all_listeners.p),
        regulars=pl.Series(np.exp(regulars.log_odds)).fill_nan(None),
    ).drop_nans("log_odds")
    if not tested.height:
        raise CounterpointError(
            f"no song can be tested: {MIN_EXPECTED:g} leavers or more would have to hear it by chance, and others not"
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
    """Return the items that MIN_EXPECTED leavers or more would have heard by chance: item, expected.

    Counted in fractions where the sum of floats is too close to say.

    >>> thirds = pl.DataFrame({"item": 1, "exposed": [1] * 60, "hits": 1, "all": 3})
    >>> sum([1 / 3] * 60) < MIN_EXPECTED, expected_enough(thirds).height
    (True, 1)
    """
    by_chance = (pl.col("exposed") * pl.col("hits") / pl.col("all")).sum()
    expected = cells.group_by("item").agg(by_chance.alias("expected"))
    close = expected.filter((pl.col("expected") - MIN_EXPECTED).abs() < CLOSE)["item"]
    own_cells = cells.filter(pl.col("item").is_in(close.implode())).select("item", "exposed", "hits", "all")
    exact = dict.fromkeys(close.to_list(), Fraction(0))
    for item, exposed, hits, whole in own_cells.iter_rows():
        exact[item] += Fraction(exposed * hits, whole)
    reached = close.filter(pl.Series([sum_ >= MIN_EXPECTED for sum_ in exact.values()], dtype=pl.Boolean))
    return expected.filter((pl.col("expected") >= MIN_EXPECTED + CLOSE) | pl.col("item").is_in(reached.implode()))


def _association(cells: pl.DataFrame, items: pl.Series) -> Association:
    """Return what was found of these items; of one that has no cells, nan."""
    places = pl.DataFrame({"item": items, "place": pl.int_range(len(items), dtype=pl.Int64, eager=True)})
    placed = cells.join(places, on="item").sort("place", "stratum")
    counts = {name: placed[name].cast(pl.Float64).to_numpy() for name in ("hit", "exposed", "hits", "all")}
    association = mantel_haenszel(Cells(placed["place"].to_numpy(), *counts.values()))
    present = placed["place"].unique().sort().to_numpy()

    def at_its_place(values: NDArray[np.float64]) -> NDArray[np.float64]:
        in_place = np.full(len(items), np.nan)
        in_place[present] = values
        return in_place

    return Association(*(at_its_place(getattr(association, field.name)) for field in fields(Association)))


def songs_before_leaving_in(view: WorkspaceView) -> tuple[SongsBeforeLeaving, ...]:
    """Return what a workspace has found about songs, and about singers."""
    return all_kept(view, SONGS, SongsBeforeLeaving)

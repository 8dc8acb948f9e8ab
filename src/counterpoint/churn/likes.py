"""Do those who like something stay? Days with a like against days like them without one: an association, not a cause.

A day is followed by silence or not. Compared are days of one calendar day, device and number of plays, both a
listener's first day or neither, and of listeners who had liked something before or had not.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from counterpoint.churn.matching import DEVICE
from counterpoint.errors import CounterpointError
from counterpoint.events import cleaning_rules
from counterpoint.events.cleaning_rules import RuleSet
from counterpoint.events.schema import EVENT_KIND_NAMES, date
from counterpoint.snapshots.session import SnapshotSession, open_session
from counterpoint.snapshots.snapshot import Snapshot, Span
from counterpoint.stats.intervals import Estimate, Z
from counterpoint.stats.matching import Cells, jackknife_error, mantel_haenszel, risk_difference
from counterpoint.storage.engines import EngineChoice
from counterpoint.storage.results import all_kept, keep
from counterpoint.storage.serializer import plain
from counterpoint.storage.workspace import WorkspaceView, edit_workspace, key_of

LIKES: Final = "likes:churn:"
EVENT_KINDS: Final = {"like": "L", "dislike": "X"}
MAX_EXACT_PLAYS: Final = 30  # plays a day that are matched one by one; above, to within 7 %
JACKKNIFE_GROUPS: Final = 50  # of listeners, for the jackknife
MIN_EXPOSED_DAYS: Final = 10  # days with one, to be compared


@dataclass(frozen=True)
class MatchedDays:
    """Days of one sort: `exposed` of `days` had a like; the odds ratio and the difference of the chance of silence."""

    days_of: str
    exposed: int
    days: int
    odds_ratio: Estimate
    risk_difference: Estimate


@dataclass(frozen=True)
class LikeComparison:
    """What likes (or dislikes) go with: the odds of silence for `outcome_for` after a day with one, matched.

    Intervals leave out groups of listeners in turn (jackknife); their count is that of the listeners.
    """

    event: str
    outcome_for: str
    first: str
    last: str
    log_key: str
    rows: tuple[MatchedDays, ...]


def compare_likes(
    workspace: Path,
    *,
    event: str = "like",
    outcome_for: str | int = 14,
    rules: RuleSet = cleaning_rules.DEFAULT_RULES,
    engine: EngineChoice = "duckdb",
) -> LikeComparison:
    """Compare days with a like (or dislike) with days like them without, and keep the result in the workspace.

    Every active day counts whose following `outcome_for` the log has.

    Raises
    ------
    CounterpointError
        If there are no such events in the logs, or too few.
    """
    if event not in EVENT_KINDS:
        raise CounterpointError(f"compared are likes or dislikes, not {event!r}")
    kind, span = EVENT_KINDS[event], Span.of(outcome_for)
    with edit_workspace(workspace) as writer, open_session(writer, engine, rules=rules) as session:
        last = span.until(date(session.coverage.last))
        # Cleaned as all the days teach that are compared.
        first = date(session.coverage.first)
        known = (last - first).days + 1
        if known < 1:
            raise CounterpointError(f"the log has no day that {span.words} of it follow")
        session.roll_up(session.cleaning(Snapshot(last, Span(known), span)))
        rows = days_with_outcome(active_days(session, kind), span, until=(last - date(0)).days)
        comparison = LikeComparison(
            event=event,
            outcome_for=str(span),
            first=first.isoformat(),
            last=last.isoformat(),
            log_key=key_of(session.log_keys()),
            rows=compare_days(rows, rows["silent"].cast(pl.Float64).to_numpy(), EVENT_KIND_NAMES[kind]),
        )
        keep(writer, f"{LIKES}{event}", key_of(LIKES, plain(comparison)), comparison)
    return comparison


def active_days(session: SnapshotSession, kind: str) -> pl.DataFrame:
    """Return all active days: uid, bucket, day, plays, exposed (events of the kind), android, iphone; in order."""
    return session.engine.fetch(
        f"SELECT uid, bucket, day, P AS plays, {kind} AS exposed, android, iphone FROM rollup"
    ).sort("uid", "day")


def days_with_outcome(days: pl.DataFrame, outcome_for: Span, *, until: int) -> pl.DataFrame:
    """Return the active days up to `until`: uid, day, group, exposed, first, stratum, silent (1 if nothing follows).

    >>> days = pl.DataFrame({"uid": [1, 1, 2], "bucket": [5, 5, 6], "day": [3, 4, 3], "plays": [2, 2, 2],
    ...                      "exposed": [1, 0, 0], "android": [1, 1, 1], "iphone": [0, 0, 0]})
    >>> days_with_outcome(days, Span(2), until=4).select("uid", "day", "exposed", "silent").rows()
    [(1, 3, 1, 0), (1, 4, 0, 1), (2, 3, 0, 1)]
    """
    following = pl.col("day").shift(-1).over("uid")
    before = pl.col("exposed").cum_sum().over("uid") - pl.col("exposed")
    plays = pl.col("plays").cast(pl.Float64)
    plays_band = (
        pl.when(plays <= MAX_EXACT_PLAYS)
        .then(plays)
        .otherwise(MAX_EXACT_PLAYS + (plays / MAX_EXACT_PLAYS).log(1.07).floor())
    )
    if outcome_for.months:
        ends = {day: (outcome_for.from_day(date(day)) - date(0)).days for day in days["day"].unique().to_list()}
        end = pl.col("day").replace_strict(ends, return_dtype=pl.Int64)
    else:
        end = pl.col("day") + outcome_for.count
    marked = days.with_columns(
        first=pl.int_range(pl.len()).over("uid") == 0,
        silent=(following.is_null() | (following > end)).cast(pl.Int64),
        likeness=pl.struct(
            "day",
            DEVICE.alias("device"),
            plays_band.alias("plays"),
            (before > 0).alias("before"),
        ),
    ).filter(pl.col("day") <= until)
    stratum = pl.struct("first", "likeness").rank("dense").cast(pl.Int64)
    return marked.select(
        "uid",
        "day",
        (pl.col("bucket").cast(pl.Int64) % JACKKNIFE_GROUPS).alias("group"),
        (pl.col("exposed") > 0).cast(pl.Int64),
        "first",
        stratum.alias("stratum"),
        "silent",
    )


def compare_days(rows: pl.DataFrame, silent: NDArray[np.float64], event: str) -> tuple[MatchedDays, ...]:
    """Return the comparison of all days, of first days and of later days.

    rows   : as `days_with_outcome` returns them; `silent` is float64[rows], whether silence followed, or its chance
    """
    is_first, everything = rows["first"].to_numpy(), np.ones(rows.height, np.bool_)
    parts = {"all days": everything, "first days": is_first, "later days": ~is_first}
    exposed = rows["exposed"].to_numpy()
    if (few := int(exposed.sum())) < MIN_EXPOSED_DAYS:
        raise CounterpointError(
            f"the logs have {few} days with a {event}: {MIN_EXPOSED_DAYS} would be the least to compare"
        )
    comparisons = [
        _compare_part(name, rows.filter(pl.Series(chosen)), silent[chosen])
        for name, chosen in parts.items()
        if exposed[chosen].sum() >= MIN_EXPOSED_DAYS
    ]
    if comparisons[0] is None:
        raise CounterpointError(f"no days with a {event} are like days without one: there is nothing to compare")
    return tuple(comparison for comparison in comparisons if comparison)


def _compare_part(name: str, rows: pl.DataFrame, silent: NDArray[np.float64]) -> MatchedDays | None:
    """Return the comparison of days of one sort, or None if none of them can be compared."""
    group, listeners = rows["group"].to_numpy(), rows["uid"].n_unique()
    exposed, stratum = rows["exposed"].to_numpy().astype(np.float64), rows["stratum"].rank("dense").to_numpy() - 1
    stratum = stratum.astype(np.int64)

    def measured(kept: NDArray[np.bool_]) -> tuple[float, float]:
        cells = _cells(stratum[kept], exposed[kept], silent[kept])
        if not len(cells.item):
            return np.nan, np.nan
        return float(mantel_haenszel(cells).log_odds[0]), float(risk_difference(cells)[0])

    log_odds, difference = measured(np.ones(len(group), np.bool_))
    left_out = np.array([measured(group != each) for each in np.unique(group)])
    if np.isnan([log_odds, *left_out[:, 0]]).any():
        return None
    far, wide = (Z * jackknife_error(column) for column in left_out.T)
    ratio, low, high = (float(np.exp(log_odds + step)) for step in (0, -far, far))
    odds_ratio = Estimate(ratio, low, high, listeners)
    return MatchedDays(
        name,
        int(exposed.sum()),
        rows.height,
        odds_ratio,
        Estimate(difference, difference - wide, difference + wide, listeners),
    )


def _cells(stratum: NDArray[np.int64], exposed: NDArray[np.float64], silent: NDArray[np.float64]) -> Cells:
    """Return the strata that have both sorts of day, as one item."""
    weights = (silent * exposed, exposed, silent, np.ones(len(stratum)))
    hit, with_one, hits, whole = (np.bincount(stratum, weight).astype(np.float64) for weight in weights)
    both = (with_one > 0) & (with_one < whole)
    return Cells(np.zeros(int(both.sum()), np.int64), hit[both], with_one[both], hits[both], whole[both])


def like_comparisons_in(view: WorkspaceView) -> tuple[LikeComparison, ...]:
    """Return what a workspace has found about likes, and about dislikes."""
    return all_kept(view, LIKES, LikeComparison)

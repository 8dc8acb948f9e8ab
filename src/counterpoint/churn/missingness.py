"""Do plays without a length or a time belong to listeners who leave? A test whose units are listeners, not plays.

Plays of one listener are alike, so a test that counts plays takes a few heavy listeners for evidence. Here the labels
of whole listeners are permuted among listeners of like activity and device, the size of the difference is Cohen's h,
and its interval resamples listeners. What is small enough to neglect is said so; that values are missing at random
cannot be tested at all, since what decides it is missing too.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from counterpoint.churn.feature_table import churn_table
from counterpoint.errors import CounterpointError
from counterpoint.events.cleaning_rules import DEFAULT_RULES, RuleSet
from counterpoint.rng import generator
from counterpoint.snapshots.session import BOTS_FILE, open_session
from counterpoint.snapshots.snapshot import Snapshot
from counterpoint.stats.intervals import Estimate, bootstrap
from counterpoint.stats.labels import Weights
from counterpoint.stats.permutation import linear_test
from counterpoint.storage.engines import EngineChoice
from counterpoint.storage.workspace import edit_workspace

NEGLIGIBLE_H: Final = 0.1  # of Cohen's h: half of what is called small (Cohen 1988)
CONFIDENCE_LEVEL: Final = 0.9
DECILES: Final = 10
PRESENT_SQL: Final = "kind = 'P' AND song_ms > 0 AND play_ms IS NOT NULL"
MISSING_SQL: Final = {
    "song length 0, though it was played": "kind = 'P' AND song_ms = 0 AND play_ms <> 0",
    "song length missing": "kind = 'P' AND song_ms IS NULL",
    "play time missing": "kind = 'P' AND song_ms IS NOT NULL AND play_ms IS NULL",
}


@dataclass(frozen=True)
class PermutationSettings:
    """How many permutations are behind a p-value, and how many resamples of listeners behind an interval."""

    permutations: int = 9999
    resamples: int = 1000


DEFAULT_PERMUTATIONS: Final = PermutationSettings()


@dataclass(frozen=True, kw_only=True)
class MissingnessCheck:
    """How plays that lack something differ from those that do not, in how many are of listeners who left.

    plays, listeners : how many plays lack it, of how many listeners
    churn_rate       : the share of listeners who left, over those plays; present_churn_rate over the plays that lack
                       nothing
    p                : of the permutation test
    h                : Cohen's h of the two shares, with a 90 % interval over listeners; None if it has none
    """

    what: str
    plays: int
    listeners: int
    churn_rate: float
    present_churn_rate: float
    p: float
    h: Estimate | None

    @property
    def verdict(self) -> str:
        """Say "negligible" only if the whole interval is; "no telling" where there are too few for one."""
        if self.h is None:
            return "no telling"
        if max(abs(self.h.low), abs(self.h.high)) < NEGLIGIBLE_H:
            return "negligible"
        away = self.h.low >= NEGLIGIBLE_H or self.h.high <= -NEGLIGIBLE_H
        return "different" if away else "not shown to be negligible"


def check_missingness(
    workspace: Path,
    snapshot: Snapshot,
    *,
    rng: int | np.random.Generator = 0,
    settings: PermutationSettings = DEFAULT_PERMUTATIONS,
    rules: RuleSet = DEFAULT_RULES,
    engine: EngineChoice = "duckdb",
) -> tuple[MissingnessCheck, ...]:
    """Check each thing that a play can lack, in a snapshot's known window and without its bots.

    What no play lacks is left out.

    Raises
    ------
    CounterpointError
        If the log does not cover the snapshot, or has no plays that lack nothing.
    """
    with edit_workspace(workspace) as writer, open_session(writer, engine, rules=rules) as session:
        cleaning = session.cleaning(snapshot)
        table = churn_table(session, snapshot, cleaning, outcome=True)
        session.engine.register("bots", [cleaning.file(BOTS_FILE)])
        counts = session.engine.fetch(_counts_sql(*snapshot.days[:2]))
    rows = table.rows.select("uid", "churned", "device").join(counts, on="uid").filter(pl.col("plays") > 0).sort("uid")
    if not rows.height:
        return ()
    listeners = _Listeners(
        left=rows["churned"].to_numpy() == 1,
        strata=_deciles(rows["plays"].to_numpy()) * 3 + rows["device"].fill_null(2).to_numpy(),
        present=rows["present"].cast(pl.Float64).to_numpy(),
    )
    draws = generator(rng)
    return tuple(
        listeners.check(what, lacks, rng=draws, settings=settings)
        for number, what in enumerate(MISSING_SQL)
        if (lacks := rows[f"lacks{number}"].cast(pl.Float64).to_numpy()).any()
    )


@dataclass(frozen=True)
class _Listeners:
    """One entry a listener: whether they left, who is like them, and how many plays of theirs lack nothing."""

    left: NDArray[np.bool_]
    strata: NDArray[np.int64]
    present: NDArray[np.float64]

    def check(
        self, what: str, lacks: NDArray[np.float64], *, rng: np.random.Generator, settings: PermutationSettings
    ) -> MissingnessCheck:
        """Compare plays that lack something, of which each listener has so many, with those that lack nothing."""
        if not self.present.any():
            raise CounterpointError("every play of the log lacks its length or its time: there is nothing to compare")
        weights = lacks / lacks.sum() - self.present / self.present.sum()
        p = linear_test(weights, self.left, self.strata, rng=rng, permutations=settings.permutations)
        try:
            h = bootstrap(
                lambda drawn: self._h(lacks, drawn),
                np.arange(len(lacks)),
                rng=rng,
                resamples=settings.resamples,
                level=CONFIDENCE_LEVEL,
            )
        except CounterpointError:  # a handful of listeners: on too many resamples nobody lacks it
            h = None
        churn_rate, present_churn_rate = (
            self._left_among(plays, np.ones_like(lacks)) for plays in (lacks, self.present)
        )
        return MissingnessCheck(
            what=what,
            plays=int(lacks.sum()),
            listeners=int((lacks > 0).sum()),
            churn_rate=churn_rate,
            present_churn_rate=present_churn_rate,
            p=p,
            h=h,
        )

    def _h(self, lacks: NDArray[np.float64], drawn: Weights) -> float:
        return cohens_h(self._left_among(lacks, drawn), self._left_among(self.present, drawn))

    def _left_among(self, plays: NDArray[np.float64], drawn: Weights) -> float:
        weighted = plays * drawn
        total = float(weighted.sum())
        return float(weighted[self.left].sum()) / total if total else np.nan


def cohens_h(one: float, other: float) -> float:
    """Return the distance of two shares on the scale where distances mean the same everywhere (Cohen 1988).

    >>> round(cohens_h(0.32, 0.26), 3)  # the churn report's difference for songs of length 0
    0.132
    """
    return float(2 * (np.arcsin(np.sqrt(one)) - np.arcsin(np.sqrt(other))))


def _counts_sql(after: int, day: int) -> str:
    conditions = {
        "plays": "kind = 'P'",
        "present": PRESENT_SQL,
        **{f"lacks{i}": of for i, of in enumerate(MISSING_SQL.values())},
    }
    sums = ", ".join(
        f"CAST(sum(CASE WHEN {of} THEN 1 ELSE 0 END) AS BIGINT) AS {name}" for name, of in conditions.items()
    )
    return (
        f"SELECT uid, {sums} FROM events WHERE uid IS NOT NULL AND day > {after} AND day <= {day}"
        " AND uid NOT IN (SELECT uid FROM bots) GROUP BY uid"
    )


def _deciles(plays: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return in which tenth of the listeners each falls by their plays; who play alike fall alike.

    The deciles are linear between neighbours (Hyndman & Fan 1996, type 7), ten times as large so that they are whole.

    >>> int(_deciles(np.arange(91))[63])  # exactly the seventh decile, of which the product of floats is short
    6
    """
    place, part = np.divmod(np.arange(1, DECILES) * (len(plays) - 1), DECILES)
    ordered = np.append(np.sort(plays), plays.max())
    cuts = DECILES * ordered[place] + part * (ordered[place + 1] - ordered[place])
    return np.searchsorted(cuts, DECILES * plays)

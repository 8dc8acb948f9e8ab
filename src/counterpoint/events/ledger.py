"""The ledger: for every log, how many lines it had and what became of each. Accepted + repaired + rejected = lines."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from counterpoint.errors import CounterpointError


@dataclass(frozen=True)
class ValueProblem:
    """How many of a column's values could not be parsed, for one reason."""

    column: str
    reason: str
    count: int


@dataclass(frozen=True)
class FileLedger:
    """One log's account. Counts are lines, except `records` and `doubles` (records that repeat an earlier one).

    days : the first and last day of its events (days since 1970-01-01), None if it has none
    """

    file: str
    format: str
    kind: str
    days: tuple[int, int] | None
    lines: int
    records: int
    accepted: int
    repaired: int
    rejected: int
    doubles: int
    repairs: Mapping[str, int]
    reasons: Mapping[str, int]
    problems: tuple[ValueProblem, ...]
    bytes: int
    sha256: str
    id_types: tuple[str, str]

    @property
    def useless(self) -> str:
        """Why none of its events will ever count; empty if some may."""
        if self.lines and not self.records:
            return f"none of its {self.lines:,} lines is a record"
        if self.records and self.days is None:
            return f"none of its {self.records:,} records has a day"
        lost = sum(problem.count for problem in self.problems if problem.column == "uid")
        return f"none of its {self.records:,} records has a uid" if self.records and lost == self.records else ""


@dataclass
class Tally:
    """An account in the making; `closed` checks that nothing was lost."""

    lines: int = 0
    records: int = 0
    accepted: int = 0
    repairs: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    problems: Counter[tuple[str, str]] = field(default_factory=Counter)
    kinds: set[str] = field(default_factory=set)
    days: tuple[int, int] | None = None

    def add_events(self, events: pl.DataFrame) -> None:
        """Take note of which kinds and days a batch of events has."""
        self.kinds |= set(events["kind"].unique().drop_nulls())
        low, high = events["day"].min(), events["day"].max()
        if isinstance(low, int) and isinstance(high, int):
            self.days = (min(low, self.days[0]), max(high, self.days[1])) if self.days else (low, high)

    def closed(self, *, file: str, doubles: int, about: Mapping[str, Any]) -> FileLedger:
        """Return the account, if accepted + repaired + rejected = lines."""
        repaired, rejected = self.repairs.total(), self.reasons.total()
        if self.accepted + repaired + rejected != self.lines:
            raise CounterpointError(
                f"{file}: {self.accepted} accepted + {repaired} repaired + {rejected} rejected != {self.lines} lines:"
                " a fault of ours; nothing of the file was taken"
            )
        return FileLedger(
            file=file,
            kind="".join(sorted(self.kinds)),
            days=self.days,
            lines=self.lines,
            records=self.records,
            accepted=self.accepted,
            repaired=repaired,
            rejected=rejected,
            doubles=doubles,
            repairs=dict(sorted(self.repairs.items())),
            reasons=dict(sorted(self.reasons.items())),
            problems=tuple(ValueProblem(*problem, count) for problem, count in sorted(self.problems.items())),
            **about,
        )

"""Numbers about a listener as data: a feature is an expression over totals of the daily roll-up."""

from dataclasses import dataclass
from typing import Final

RATIO: Final = "CASE WHEN {1} > 0 THEN CAST({0} AS DOUBLE) / {1} END"


@dataclass(frozen=True)
class WindowTotal:
    """A total of the roll-up over the last `days` days of what is known; over all of it if `days` is None."""

    total: str
    days: int | None = None

    def aggregate(self, day: int) -> str:
        """Return its SQL over a listener's days, of a snapshot at that day."""
        within = self.total if self.days is None else f"CASE WHEN day > {day - self.days} THEN {self.total} ELSE 0 END"
        return f"CAST(sum({within}) AS BIGINT)"


@dataclass(frozen=True)
class LastDay:
    """The last known day on which a total was above zero; null = never."""

    total: str

    def aggregate(self, day: int) -> str:
        """Return its SQL over a listener's days, of a snapshot at that day."""
        return f"max(CASE WHEN {self.total} > 0 AND day <= {day} THEN day END)"


@dataclass(frozen=True)
class Feature:
    """A number about a listener.

    sql     : an expression over `terms` ({0}, {1}) and the snapshot's day ({at}); null where it has no meaning
    phrase  : what it says of a listener, with its value in braces
    if_null : what it says where it is null
    """

    name: str
    sql: str
    terms: tuple[WindowTotal | LastDay, ...]
    phrase: str
    if_null: str = "not known"

    @property
    def is_ratio(self) -> bool:
        """Whether it is the first of `terms` as a share of the second."""
        return self.sql == RATIO


@dataclass(frozen=True)
class Label:
    """What became of a listener: `sql` over `o.uid`, which is null for whom the outcome window shows nothing."""

    name: str
    sql: str


def count(name: str, over: WindowTotal, phrase: str) -> Feature:
    """Return a feature that is a total over a window."""
    return Feature(name, "{0}", (over,), phrase)


def ratio(name: str, over: WindowTotal, under: WindowTotal, phrase: str, if_null: str) -> Feature:
    """Return a feature that is one total as a share of another; null where that is zero."""
    return Feature(name, RATIO, (over, under), phrase, if_null)

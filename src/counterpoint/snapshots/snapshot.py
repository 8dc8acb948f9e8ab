"""A snapshot cuts time in two: features see only what was known, labels only what came after.

::

    |<----- known ----->|<---- outcome ---->|
    after              day                 end          (after, day] is known, (day, end] is the outcome
"""

import datetime as dt
import re
from calendar import monthrange
from dataclasses import dataclass

from counterpoint.errors import CounterpointError
from counterpoint.events.schema import EPOCH
from counterpoint.text import pluralize

_SPAN = re.compile(r"([0-9]{1,5})(d|mo)?")


@dataclass(frozen=True)
class Span:
    """A length of time: so many days, or so many calendar months."""

    count: int
    months: bool = False

    @classmethod
    def of(cls, text: str | int) -> "Span":
        """Read "30" or "30d" as days and "6mo" as months.

        >>> Span.of("6mo"), Span.of(14)
        (Span(count=6, months=True), Span(count=14, months=False))
        """
        parts = _SPAN.fullmatch(str(text))
        if not parts or int(parts[1]) < 1:
            raise CounterpointError(f"{text!r} is no length of time: '30' (days) or '6mo' (months) would be")
        return cls(int(parts[1]), parts[2] == "mo")

    @property
    def days(self) -> int:
        """Its days, a month taken for 30: what windows within it are measured by."""
        return self.count * 30 if self.months else self.count

    @property
    def words(self) -> str:
        """It as a person says it."""
        return pluralize(self.count, "month" if self.months else "day")

    def __str__(self) -> str:
        return f"{self.count}mo" if self.months else str(self.count)

    def from_day(self, day: dt.date, *, back: bool = False) -> dt.date:
        """Return the day this far after `day` (or before it); from a month's last day to a month's last day.

        >>> Span.of("6mo").from_day(dt.date(1997, 6, 30)), Span.of("6mo").from_day(dt.date(1997, 12, 31), back=True)
        (datetime.date(1997, 12, 31), datetime.date(1997, 6, 30))
        """
        try:
            return self._from_day(day, -self.count if back else self.count)
        except (OverflowError, ValueError) as error:
            raise CounterpointError(
                f"{self.words} {'before' if back else 'after'} {day} is beyond the calendar"
            ) from error

    def until(self, end: dt.date) -> dt.date:
        """Return the last day from which this length is over on the day `end`.

        >>> Span.of("1mo").until(dt.date(2010, 3, 30))  # from February's last day a month leads to March's last
        datetime.date(2010, 2, 27)
        """
        day = self.from_day(end, back=True)
        while self.from_day(day) > end:  # months are not all of one length
            day -= dt.timedelta(1)
        return day

    def _from_day(self, day: dt.date, step: int) -> dt.date:
        if not self.months:
            return day + dt.timedelta(step)
        year, month = divmod(day.year * 12 + day.month - 1 + step, 12)
        longest = monthrange(year, month + 1)[1]
        is_last = day.day == monthrange(day.year, day.month)[1]
        return dt.date(year, month + 1, longest if is_last else min(day.day, longest))


@dataclass(frozen=True)
class Snapshot:
    """What was known on a day, and what happened next.

    >>> Snapshot.of("2017-04-28", known_for="30", outcome_for="14").days
    (17254, 17284, 17298)
    """

    day: dt.date
    known_for: Span
    outcome_for: Span

    @classmethod
    def of(cls, day: str | dt.date, *, known_for: str | int = 30, outcome_for: str | int = 14) -> "Snapshot":
        """Make one from texts, as the command line has them."""
        return cls(day_of(day), Span.of(known_for), Span.of(outcome_for))

    @property
    def days(self) -> tuple[int, int, int]:
        """(after, day, end) in days since 1970-01-01."""
        after, end = self.known_for.from_day(self.day, back=True), self.outcome_for.from_day(self.day)
        return (after - EPOCH).days, (self.day - EPOCH).days, (end - EPOCH).days

    def shares_outcome(self, other: "Snapshot") -> bool:
        """Say whether some day is in the outcome of both."""
        _, day, end = self.days
        _, other_day, other_end = other.days
        return day < other_end and other_day < end


def day_of(text: str | dt.date) -> dt.date:
    """Return the day that a text in ISO 8601 says, or that of a date or a datetime."""
    if isinstance(text, dt.date):
        return text.date() if isinstance(text, dt.datetime) else text
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise CounterpointError(f"{text!r} is no day: 2017-04-28 would be one") from error

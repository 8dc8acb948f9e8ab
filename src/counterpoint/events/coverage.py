"""Which days a log has: a stray clock does not stretch it, and a day never delivered is no day of silence."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from counterpoint.errors import CounterpointError
from counterpoint.events.schema import date
from counterpoint.storage.engine import Engine

BUSY_DAY_EVENTS: Final = 20  # events on a median day: from there on a day without any is a day that is missing
STRAY_DAY_DIVISOR: Final = 100  # a day with less than a hundredth of a median day's events is no beginning and no end
MAX_MISSING_SHARE: Final = 0.1  # of a window's days


@dataclass(frozen=True)
class Coverage:
    """The first and last day of a log (days since 1970-01-01), and the days between that are missing."""

    first: int
    last: int
    missing: tuple[int, ...]

    def check(self, after: int, until: int, what: str) -> None:
        """Refuse a window (after, until] that the log does not cover.

        Raises
        ------
        CounterpointError
            With the days of the log and those needed, or with the days that are missing, if they are more than one in
            ten of the window.
        """
        if after + 1 < self.first or until > self.last:
            raise CounterpointError(
                f"the log has {date(self.first)} to {date(self.last)}; {what} needs {date(after + 1)} to {date(until)}"
            )
        missing = [day for day in self.missing if after < day <= until]
        if len(missing) > MAX_MISSING_SHARE * (until - after):
            raise CounterpointError(
                f"the log has no event on {len(missing)} days from {date(missing[0])} to {date(missing[-1])}, which"
                f" {what} needs: ingest the logs of those days"
            )


def measure_coverage(engine: Engine) -> Coverage:
    """Return which days the `events` have.

    Raises
    ------
    CounterpointError
        If no event has a day.
    """
    days = engine.fetch(
        "SELECT day, CAST(count(*) AS BIGINT) AS n FROM events WHERE day IS NOT NULL GROUP BY day ORDER BY day"
    )
    if not days.height:
        raise CounterpointError("no event of the logs has a day; `counterpoint events show` says what was lost")
    day, n = days["day"].to_numpy(), days["n"].to_numpy()
    median = float(np.median(n))
    busy = day[n >= median / STRAY_DAY_DIVISOR] if median >= BUSY_DAY_EVENTS else day
    first, last = int(busy[0]), int(busy[-1])
    within = (day >= first) & (day <= last)
    often = 2 * within.sum() > last - first + 1 and median >= BUSY_DAY_EVENTS
    missing = sorted(set(range(first, last + 1)) - set(day[within].tolist())) if often else []
    return Coverage(first, last, tuple(missing))

"""What a log covers: a stray clock does not stretch it, and days that were never delivered are no days of silence."""

import pytest
from tests.small_logs import Event, write

from counterpoint.errors import CounterpointError
from counterpoint.events.coverage import Coverage, measure_coverage
from counterpoint.storage.duckdb_engine import open_duckdb

DAY = 17_000


def covered(tmp_path, days):
    """The coverage of a log with so many events on each day."""
    events = [Event(uid, "P", day) for day, count in days.items() for uid in range(count)]
    with open_duckdb(tmp_path) as engine:
        engine.register("events", [write(events, tmp_path / "events.parquet")])
        return measure_coverage(engine)


def test_a_log_reaches_from_its_first_day_to_its_last(tmp_path):
    assert covered(tmp_path, {DAY: 1, DAY + 3: 2}) == Coverage(DAY, DAY + 3, ())


def test_a_few_stray_clocks_do_not_stretch_a_busy_log(tmp_path):
    days = {DAY + day: 300 for day in range(20)} | {DAY - 4000: 1, DAY + 5000: 2}
    assert covered(tmp_path, days) == Coverage(DAY, DAY + 19, ())


def test_days_without_an_event_are_missing_where_days_are_busy(tmp_path):
    days = {DAY + day: 50 for day in range(20) if day not in (7, 8)}
    assert covered(tmp_path, days) == Coverage(DAY, DAY + 19, (DAY + 7, DAY + 8))


@pytest.mark.parametrize("days", [{DAY + day: 19 for day in (0, 1, 3)}, {DAY + day: 500 for day in range(0, 300, 30)}])
def test_no_day_is_missing_where_days_without_an_event_are_usual(tmp_path, days):
    assert covered(tmp_path, days).missing == ()


def test_a_log_without_a_day_covers_nothing(tmp_path):
    with pytest.raises(CounterpointError, match="no event of the logs has a day"):
        covered(tmp_path, {None: 3})


def test_a_log_that_covers_exactly_what_is_needed_is_enough():
    Coverage(1, 44, ()).check(0, 44, "it")


@pytest.mark.parametrize(("first", "last"), [(2, 44), (1, 43), (9, 10)])
def test_a_log_that_lacks_a_day_is_refused_with_its_days_and_those_needed(first, last):
    with pytest.raises(CounterpointError, match=r"the log has 1970-.*; it needs 1970-01-02 to 1970-02-14"):
        Coverage(first, last, ()).check(0, 44, "it")


def test_one_missing_day_in_ten_is_bearable_and_more_are_refused():
    Coverage(1, 60, (5,)).check(0, 10, "it")
    with pytest.raises(CounterpointError, match="no event on 2 days from 1970-01-06 to 1970-01-10"):
        Coverage(1, 60, (5, 9)).check(0, 10, "it")
    Coverage(1, 60, (5, 9)).check(10, 20, "it")

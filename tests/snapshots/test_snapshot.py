"""A snapshot cuts time in two, without overlap and without a gap.

- Days known are (after, at], days of outcome (at, end]; a month goes from a month's last day to a month's last day.
- A log that does not cover the windows, and a text that is no day or no length of time, is one clear line.
"""

import datetime as dt

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from counterpoint.churn.evaluation import training_snapshot
from counterpoint.errors import CounterpointError
from counterpoint.events.schema import EPOCH, date
from counterpoint.snapshots.snapshot import Snapshot, Span, day_of

DATES = st.dates(dt.date(1950, 1, 1), dt.date(2100, 1, 1))
SPANS = st.builds(Span, st.integers(1, 400)) | st.builds(Span, st.integers(1, 30), months=st.just(True))


def dates_of(snapshot):
    return tuple(date(day).isoformat() for day in snapshot.days)


@pytest.mark.parametrize(
    ("at", "known_for", "outcome_for", "days"),
    [
        (
            "2017-04-28",
            "30",
            "14",
            ("2017-03-29", "2017-04-28", "2017-05-12"),
        ),  # the report's: 03-30..04-28, 04-29..05-12
        ("1997-12-31", "9mo", "6mo", ("1997-03-31", "1997-12-31", "1998-06-30")),
        ("2010-08-31", "8mo", "4mo", ("2009-12-31", "2010-08-31", "2010-12-31")),
        ("2012-02-29", "1mo", "1mo", ("2012-01-31", "2012-02-29", "2012-03-31")),
        ("2011-02-28", "12mo", "12mo", ("2010-02-28", "2011-02-28", "2012-02-29")),
        ("2017-03-15", "1mo", "2mo", ("2017-02-15", "2017-03-15", "2017-05-15")),
        ("2017-03-30", "1mo", "1mo", ("2017-02-28", "2017-03-30", "2017-04-30")),
        ("1970-01-01", "1", "1", ("1969-12-31", "1970-01-01", "1970-01-02")),
    ],
)
def test_the_windows_are_those_of_the_calendar(at, known_for, outcome_for, days):
    assert dates_of(Snapshot.of(at, known_for=known_for, outcome_for=outcome_for)) == days


@given(at=DATES, known_for=SPANS, outcome_for=SPANS)
def test_known_days_end_where_the_outcome_begins_and_neither_is_empty(at, known_for, outcome_for):
    snapshot = Snapshot(at, known_for, outcome_for)
    after, last_known, end = snapshot.days
    assert after < last_known == (at - EPOCH).days < end
    if not known_for.months:
        assert last_known - after == known_for.count
    if not outcome_for.months:
        assert end - last_known == outcome_for.count


@given(at=DATES, later=st.integers(0, 400), span=SPANS, back=st.booleans())
def test_time_is_never_turned_round(at, later, span, back):
    assert span.from_day(at, back=back) <= span.from_day(at + dt.timedelta(later), back=back)


@given(at=DATES, span=st.builds(Span, st.integers(1, 30), months=st.just(True)))
def test_months_from_a_months_last_day_lead_to_a_months_last_day(at, span):
    last = at.replace(day=1) - dt.timedelta(1)
    for found in (span.from_day(last), span.from_day(last, back=True)):
        assert (found + dt.timedelta(1)).day == 1


@given(span=SPANS)
def test_a_length_of_time_survives_being_written_and_read(span):
    assert Span.of(str(span)) == span


@pytest.mark.parametrize(("text", "span"), [("30", Span(30)), ("30d", Span(30)), (7, Span(7)), ("6mo", Span(6, True))])
def test_a_length_of_time_is_read_as_people_write_it(text, span):
    assert Span.of(text) == span


@pytest.mark.parametrize(
    "text", ["", "0", "0mo", 0, -3, "-3", "30 d", "6 mo", "1.5", "2w", "mo", "30\n", "٣", "100000"]
)
def test_a_text_that_is_no_length_of_time_is_refused_with_one_that_would_be(text):
    with pytest.raises(CounterpointError, match=r"is no length of time: '30' \(days\) or '6mo' \(months\) would be$"):
        Span.of(text)


@pytest.mark.parametrize("text", ["", "2017-02-29", "28.4.2017", "yesterday", "2017-04-28T00:00"])
def test_a_text_that_is_no_day_is_refused_with_one_that_would_be(text):
    with pytest.raises(CounterpointError, match=r"is no day: 2017-04-28 would be one$"):
        day_of(text)


@pytest.mark.parametrize(
    ("at", "known_for", "outcome_for"),
    [
        ("2017-04-28", "99999mo", "14"),
        ("2017-04-28", "30", "99999mo"),
        ("0001-01-05", "30", "14"),
        ("9999-12-30", 1, 9),
    ],
)
def test_windows_beyond_the_calendar_are_refused_in_one_line(at, known_for, outcome_for):
    with pytest.raises(CounterpointError) as refusal:
        _ = Snapshot.of(at, known_for=known_for, outcome_for=outcome_for).days
    assert "\n" not in str(refusal.value)


class Endless:
    """A session over a log that covers every day."""

    def check_coverage(self, snapshot):
        """Never refuse."""


@given(at=DATES, outcome_for=SPANS)
@example(at=dt.date(2000, 1, 30), outcome_for=Span(2, months=True))
def test_the_default_training_day_is_the_last_whose_outcome_is_over_by_the_test_day(at, outcome_for):
    earlier, note = training_snapshot(Endless(), Snapshot(at, Span(30), outcome_for), None)
    assert note == ""
    assert outcome_for.from_day(earlier.day) <= at < outcome_for.from_day(earlier.day + dt.timedelta(1))


@given(last=DATES, outcome_for=SPANS)
@example(last=dt.date(2000, 3, 29), outcome_for=Span(1, months=True))
def test_a_length_of_time_is_counted_back_to_the_last_day_from_which_it_is_over(last, outcome_for):
    at = outcome_for.until(last)
    assert outcome_for.from_day(at) <= last < outcome_for.from_day(at + dt.timedelta(1))

"""The drawing of how long cohorts last is the same each time, takes any name, and refuses what colours cannot tell.

- A curve falls in steps from 1 and goes on to where the longest ends.
- One to six curves are drawn, even those without a step.
"""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import escape
from tests.logs import refused

from counterpoint.report import chart
from counterpoint.report.svg import label
from counterpoint.stats.intervals import Estimate

CURVE = [(3, Estimate(0.8, 0.7, 0.9, 50)), (9, Estimate(0.5, 0.4, 0.6, 50))]


def drawn(curves, title="How long they last", axis="Days since first seen"):
    return chart.survival_curves(curves, title=title, axis=axis)


@pytest.mark.parametrize("count", [0, 7])
def test_no_curves_and_more_than_there_are_colours_are_refused_in_one_line(count):
    with refused(f"1 to 6 curves apart by colour, got {count}"):
        drawn({f"cohort {at}": CURVE for at in range(count)})


@pytest.mark.parametrize("count", [1, 6])
def test_each_curve_has_its_own_colour_and_its_name(count):
    svg = drawn({f"cohort {at}": CURVE for at in range(count)})
    for at, colour in enumerate(chart.PALETTE):
        assert (colour.lower() in svg.lower()) == (at < count)
        assert (f"cohort {at}" in svg) == (at < count)


@given(st.lists(st.tuples(st.integers(1, 90), st.floats(0, 1)), min_size=1, max_size=6, unique_by=lambda step: step[0]))
@settings(max_examples=10)
def test_the_same_values_give_the_same_drawing(steps):
    curve = [(day, Estimate(share, share / 2, share, 9)) for day, share in sorted(steps)]
    assert drawn({"May": curve}) == drawn({"May": list(curve)})


@pytest.mark.parametrize(
    "end", [Estimate(0.45, 0.4, 0.6, 50), Estimate(0.5, 0.3, 0.6, 50), Estimate(0.5, 0.4, 0.7, 50)]
)
def test_another_share_and_another_end_of_its_interval_give_another_drawing(end):
    assert drawn({"May": CURVE}) != drawn({"May": [CURVE[0], (9, end)]})


@pytest.mark.parametrize("name", ["晴天", "$9.99$", "$", "_hidden", "<b>&amp;</b>", "a\x00b\x1b"])
def test_names_titles_and_axes_are_escaped(name):
    assert str(escape(label(name))) in drawn({name: CURVE})
    assert str(escape(label(name))) in drawn({"May": CURVE}, axis=name)


def test_a_title_is_what_a_screen_reader_says():
    svg = drawn({"May": CURVE}, title='"Fish" & <chips>')
    assert 'role="img" aria-label="&quot;Fish&quot; &amp; &lt;chips&gt;"' in svg
    assert "<chips>" not in svg


def steps_of(svg):
    """The corners of the curve of the first colour, in points, from left to right."""
    [path] = re.findall(rf'<path d="([^"]+)"[^>]*stroke: {chart.PALETTE[0].lower()}', svg)[:1]
    return [tuple(map(float, pair)) for pair in re.findall(r"[ML] (\S+) (\S+)", path)]


def test_a_curve_falls_in_steps_from_the_top_and_goes_on_to_the_end():
    corners = steps_of(drawn({"May": CURVE, "June": [(18, Estimate(0.9, 0.8, 1, 50))]}))
    (left, top), (right, low) = corners[0], corners[-1]
    wide = right - left
    at = {round(18 * (x - left) / wide, 2) for x, _ in corners}
    assert at <= {0, 3, 9, 18}
    assert {0, 3, 9, 18} <= at
    assert low > top  # y grows downwards


@pytest.mark.parametrize("curve", [[], [(0, Estimate(0.5, 0.4, 0.6, 50))], [(1, Estimate(0.0, 0.0, 0.3, 9))]])
def test_a_curve_without_steps_or_with_all_gone_on_the_first_day_is_drawn(curve):
    assert drawn({"May": curve}).startswith("<svg ")

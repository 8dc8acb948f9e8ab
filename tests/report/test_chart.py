"""Drawings are the same each time, hold no address, and take any title a song may have."""

import re

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import escape

from counterpoint.errors import CounterpointError
from counterpoint.report import chart
from counterpoint.report.svg import label, width
from counterpoint.stats.calibration import CalibrationBin
from counterpoint.stats.intervals import Estimate, wilson

CURVE = (np.array([0.0, 0.2, 1.0]), np.array([0.0, 0.7, 1.0]))


def drawings(title="A title"):
    yield chart.roc({"forest": CURVE, "boosting": CURVE}, title=title)
    yield chart.calibration(
        [CalibrationBin(0.2, wilson(22, 100), 100), CalibrationBin(0.7, wilson(71, 100), 100)], title=title
    )
    yield chart.bars(["one", "two"], [Estimate(0.3, 0.2, 0.4, 9), Estimate(-0.1, -0.2, 0.0, 9)], title=title)
    yield chart.histogram(np.array([0, 1, 2]), np.array([1500, 2]), title=title, axis="Days")


def test_the_same_values_give_the_same_drawing():
    assert list(drawings()) == list(drawings())


def test_a_drawing_fetches_nothing_and_styles_nothing_but_itself():
    for svg in drawings():
        assert svg.startswith("<svg ")
        for outside in ("://", "xmlns", "xlink", "<metadata", "<!", "<style", "font-family", "src="):
            assert outside not in svg, outside


def test_a_drawing_is_an_image_with_a_name():
    for svg in drawings(title='"Fish" & <chips>'):
        assert 'role="img" aria-label="&quot;Fish&quot; &amp; &lt;chips&gt;"' in svg


def test_every_pointer_of_a_page_points_into_its_own_drawing():
    seen = set()
    for svg in drawings():
        ids = re.findall(r' id="([^"]+)"', svg)
        pointers = re.findall(r'(?:href="#|url\(#)([^")]+)', svg)
        assert len(ids) == len(set(ids))
        assert set(pointers) == set(ids)
        assert seen.isdisjoint(ids)
        seen.update(ids)


def test_words_and_axes_take_the_colour_of_the_page():
    for svg in drawings():
        assert "currentColor" in svg
        assert not re.search("#(000000|010203|ffffff)", svg)


@pytest.mark.parametrize(
    "name", ["晴天", "$9.99$", "$", "_hidden", "مرحبا", "👩‍🎤", "a\x00b\x1b\ud800", "<b>&amp;</b>", "\n"]
)
def test_a_song_may_have_any_title(name):
    shown = str(escape(label(name)))
    assert shown in chart.bars([name], [1.0], title="Songs")
    assert shown in chart.roc({name: CURVE}, title="Songs")
    assert shown in chart.histogram(np.array([0, 1]), np.array([1]), title="Songs", axis=name)


def test_a_drawing_leaves_the_settings_of_the_caller_alone():
    before = dict(mpl.rcParams)
    list(drawings())
    assert dict(mpl.rcParams) == before


@given(st.text(), st.integers(1, 50))
def test_a_label_is_one_line_that_fits(text, columns):
    short = label(text, columns)
    assert width(short) <= columns
    assert short.split() == short.split(" ") or not short


@settings(max_examples=10)
@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=6))
def test_bars_of_any_length_can_be_drawn(values):
    svg = chart.bars([f"bar {place}" for place in range(len(values))], values, title="Bars")
    assert svg.count(">bar ") == len(values)


def test_a_bar_says_its_number_as_a_table_would():
    svg = chart.bars(["plays", "share"], [1234567, 0.25], title="Bars")
    assert ">1,234,567<" in svg
    assert ">0.250<" in svg


@pytest.mark.parametrize(
    ("draw", "says"),
    [
        (lambda: chart.roc({}, title=""), "got 0"),
        (lambda: chart.roc(dict.fromkeys("abcdefg", CURVE), title=""), "1 to 6 curves"),
        (lambda: chart.bars(["one"], [], title=""), "1 labels and 0 values"),
        (lambda: chart.bars(["one"], [float("nan")], title=""), "'one' has no finite length"),
        (lambda: chart.histogram(np.arange(3), np.arange(3), title="", axis=""), "3 edges for 3 counts"),
        (lambda: chart.histogram(np.array([1, 0]), np.array([1]), title="", axis=""), "rising edges"),
    ],
)
def test_what_cannot_be_drawn_is_refused(draw, says):
    with pytest.raises(CounterpointError, match=says):
        draw()

"""Drawings of what spreads are the same each time, hold no address, and refuse what they cannot draw."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.logs import refused

from counterpoint.report import outbreak_chart
from counterpoint.report.svg import standalone

BAND = np.array([[0.0, 0.1, 0.2], [0.1, 0.2, 0.3], [0.2, 0.3, 0.4]])
RING = np.array([[at, (at + 1) % 12] for at in range(12)])
STATES = ["S", "I", "D"]


def drawings(title="A title"):
    yield outbreak_chart.curves({"I": BAND, "D": BAND / 2}, title=title, axis="Share")
    yield outbreak_chart.curves({"one row": BAND[0]}, title=title, axis="Share")
    yield outbreak_chart.networks(RING, {"step 1": np.arange(12) % 3, "step 9": np.zeros(12, int)}, STATES, title=title)


def test_the_same_values_give_the_same_drawing():
    assert list(drawings()) == list(drawings())


def test_a_drawing_fetches_nothing_is_an_image_with_a_name_and_takes_the_page_s_colours():
    for svg in drawings(title='"Fish" & <chips>'):
        assert not re.search("://|xmlns|xlink|<style|font-family|#010203", svg)
        assert 'role="img" aria-label="&quot;Fish&quot; &amp; &lt;chips&gt;"' in svg
        assert "currentColor" in svg


def test_a_drawing_in_a_file_of_its_own_can_be_read_by_an_image_viewer():
    for svg in drawings():
        assert standalone(svg).count('xmlns="http://www.w3.org/2000/svg"') == 1


def test_a_picture_has_a_mark_for_each_state_that_somebody_is_in_and_names_all():
    svg = outbreak_chart.networks(RING, {"now": np.zeros(12, int)}, STATES, title="").lower()
    assert svg.count(outbreak_chart.UNTOUCHED) > 1
    assert svg.count(f"stroke: {outbreak_chart.COLOURS[0].lower()}; stroke-width") == 0
    for name in STATES:
        assert f">{name.lower()}</text>" in svg


def test_a_course_reaches_from_the_first_step_to_the_last():
    svg = outbreak_chart.curves({"I": np.array([0.0, 0.5, 1.0])}, title="", axis="Share")
    [path] = re.findall(rf'<path d="([^"]+)"[^>]*stroke: {outbreak_chart.COLOURS[0].lower()}', svg)[:1]
    xs, ys = np.array([list(map(float, pair)) for pair in re.findall(r"[ML] (\S+) (\S+)", path)]).T
    assert len(xs) == 3
    assert np.allclose(np.diff(xs), xs[1] - xs[0], atol=0.02)
    assert (np.diff(ys) < 0).all()  # y grows downwards


@pytest.mark.parametrize(
    ("draw", "says"),
    [
        (lambda: outbreak_chart.curves({}, title="", axis=""), "got 0"),
        (lambda: outbreak_chart.curves(dict.fromkeys("abcdefg", BAND), title="", axis=""), "1 to 6 curves"),
        (lambda: outbreak_chart.curves({"I": np.array([np.nan])}, title="", axis=""), "'I' needs finite values"),
        (lambda: outbreak_chart.curves({"I": BAND[:2]}, title="", axis=""), "one row or three"),
        (lambda: outbreak_chart.curves({"I": np.empty(0)}, title="", axis=""), "one row or three"),
        (lambda: outbreak_chart.networks(RING, {}, STATES, title=""), "at least one"),
        (
            lambda: outbreak_chart.networks(RING, {"a": np.zeros(12, int), "b": np.zeros(9, int)}, STATES, title=""),
            "same nodes",
        ),
        (
            lambda: outbreak_chart.networks(RING, {"a": np.zeros(5, int)}, STATES, title=""),
            "pairs of the nodes 0 to 4",
        ),
        (lambda: outbreak_chart.networks(RING, {"a": np.full(12, 3)}, STATES, title=""), "numbers are 0 to 2"),
        (
            lambda: outbreak_chart.networks(RING, {"a": np.zeros(12, int)}, list("abcdefgh"), title=""),
            "1 to 7 states",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused(draw, says):
    with refused(says):
        draw()


@settings(max_examples=25)
@given(st.integers(1, 40), st.lists(st.tuples(st.integers(0, 39), st.integers(0, 39)), max_size=80))
def test_any_network_has_places_within_the_frame(nodes, pairs):
    edges = np.array([(one % nodes, other % nodes) for one, other in pairs], int).reshape(-1, 2)
    edges = edges[edges[:, 0] != edges[:, 1]]
    places = outbreak_chart.node_places(edges, nodes)
    assert places.shape == (nodes, 2)
    assert np.isfinite(places).all()
    assert (np.hypot(*places.T) <= 1 + 1e-6).all()
    assert (places == outbreak_chart.node_places(edges, nodes)).all()


def test_two_groups_of_friends_lie_apart():
    groups = [[(a + 10 * g, b + 10 * g) for a in range(10) for b in range(a)] for g in range(2)]
    places = outbreak_chart.node_places(np.array([*groups[0], *groups[1], (0, 10)]), 20)
    away = np.hypot(*(places[:, None] - places[None]).T)
    same = np.equal.outer(np.arange(20) // 10, np.arange(20) // 10)
    assert away[same].mean() < away[~same].mean() / 2

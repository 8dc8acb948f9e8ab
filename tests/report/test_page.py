"""A page says what was found, fetches nothing, and runs nothing that a text brought along."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import Markup

from counterpoint.errors import CounterpointError
from counterpoint.report import chart
from counterpoint.report.finding import Figure, Finding, Table, format_cell
from counterpoint.report.page import numeric, render
from counterpoint.report.svg import label
from counterpoint.stats.intervals import Estimate

VOID = {"meta", "br", "hr"}


class Reader(HTMLParser):
    """Collects tags, attributes and text, and whether every tag was closed in order."""

    def __init__(self, page):
        super().__init__()
        self.open, self.tags, self.attributes, self.texts = [], [], [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    def values(self, name):
        return [value for attribute, value in self.attributes if attribute == name]


def everything(text="Dawn", drawing=None):
    """Return a page with one of each kind of evidence and `text` wherever a text may stand."""
    drawing = chart.bars([text, "two"], [1.0, 2.0], title=text) if drawing is None else drawing
    evidence = (Table(text, (text, "plays"), ((text, 1200), ("Dusk", None)), text), Figure(text, drawing, text))
    findings = [Finding(text, text, evidence, (text, "Efron 1979")), Finding("Second", "Words.", (), ("Efron 1979",))]
    return render(text, findings, {text: text})


def test_every_tag_is_closed_in_order():
    reader = Reader(everything())
    assert reader.open == []


def test_a_page_fetches_nothing():
    page = everything()
    assert "://" not in page
    assert "src=" not in page
    assert "@import" not in page
    assert all(value.startswith("#") for value in Reader(page).values("href"))
    assert not re.search(r"url\((?!#)", page)


def test_a_page_forbids_scripts_and_has_none():
    page = everything()
    assert "<script" not in page
    assert "content=\"default-src 'none'; style-src 'unsafe-inline'\"" in page


def test_every_link_leads_somewhere_on_the_page_and_no_id_is_there_twice():
    reader = Reader(everything())
    ids = reader.values("id")
    assert len(ids) == len(set(ids))
    assert {value[1:] for value in reader.values("href")} <= set(ids)
    assert set(reader.values("aria-labelledby")) <= set(ids)


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7 * 7 }}", "&amp;"]
)
def test_a_text_is_shown_as_it_is_and_never_run(text):
    reader = Reader(everything(text))
    assert text in reader.texts
    assert not {"script", "img"} & set(reader.tags)
    assert not [name for name, _ in reader.attributes if name.startswith("on")]


@settings(max_examples=15)
@given(st.text(st.characters(exclude_categories=["Cs"])).filter(label))
def test_no_text_changes_the_shape_of_the_page(text):
    assert Reader(everything(text)).tags == Reader(everything("x")).tags


def test_only_what_the_chart_drew_enters_as_markup():
    assert "&lt;svg onload" in everything(drawing="<svg onload=alert(1)>")
    assert "<svg class=drawn>" in everything(drawing=Markup("<svg class=drawn></svg>"))


def test_a_reference_of_two_findings_is_listed_once_and_keeps_its_number():
    page = everything()
    assert page.count("Efron 1979") == 1
    assert page.count('href="#reference-2">[2]<') == 2


def test_a_page_without_findings_still_says_how_it_was_made():
    reader = Reader(render("Nothing", [], {"seed": "7"}))
    assert "seed" in reader.texts
    assert "references" not in reader.values("id")


def test_numbers_line_up_at_the_right_and_words_at_the_left():
    table = Table(
        "Songs", ("song", "plays", "AUC"), (("Dawn", 1200, Estimate(0.8, 0.7, 0.9, 10)), ("Dusk", None, None))
    )
    page = render("Songs", [Finding("Songs", "Two.", (table,))], {})
    assert numeric(table) == (False, True, True)
    assert '<th scope="row" class="name">Dawn</th>' in page
    assert '<td class="number">1,200</td>' in page
    assert '<td class="number">0.80 [0.70, 0.90] (n = 10)</td>' in page


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (-1234567, "-1,234,567"),
        (np.int64(1234), "1,234"),
        (np.float64(0.5), "0.500"),
        (99.94, "99.9"),
        (99.96, "100"),
        (1234567.8, "1,234,568"),
        (-0.0, "0.00"),
        (float("inf"), "inf"),
        (float("nan"), "\N{EN DASH}"),
        (None, "\N{EN DASH}"),
        ("12", "12"),
        (True, "True"),
    ],
)
def test_a_cell_shows_its_number_as_a_reader_wants_it(value, text):
    assert format_cell(value) == text


def test_a_table_with_a_ragged_row_is_refused():
    with pytest.raises(CounterpointError, match="row 1 has 3 cells"):
        Table("Songs", ("song", "plays"), (("Dawn", 1), ("Dusk", 2, 3)))

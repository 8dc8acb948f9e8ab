"""A figure stands in one place: tables of the documentation are what the CSVs of results say."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [page for page in sorted((ROOT / "docs").rglob("*.md")) if "<!-- results: " in page.read_text(encoding="utf-8")]


@pytest.fixture(scope="module")
def tables():
    spec = importlib.util.spec_from_file_location("tables", ROOT / "benchmarks" / "tables.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_tables_of_a_page_are_those_of_the_results(page, tables):
    text = page.read_text(encoding="utf-8")
    assert tables.rendered(text) == text


def test_every_csv_of_results_is_shown_or_summarised(tables):
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    unshown = {path.stem for path in tables.RESULTS.glob("*.csv") if f"results: {path.stem} " not in text}
    assert unshown == {"tracing", "tracing-cells", "tracing-notes", "tracing-speed"}
    assert all(f"{name}.csv" in text for name in unshown)


def test_a_figure_changed_on_a_page_is_seen(tables):
    page = next(page.read_text(encoding="utf-8") for page in PAGES if page.name == "speed.md")
    altered = page.replace("| 19.7 |", "| 9.7 |")
    assert altered != page
    assert tables.rendered(altered) == page

"""Every picture that a page shows is there, small, and readable by itself; none lies about unused."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
SHOWN = {
    (page.parent / target).resolve(): page.name
    for page in DOCS.rglob("*.md")
    for target in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", page.read_text())
}


def test_the_pictures_that_are_there_are_the_ones_that_are_shown():
    assert {path.resolve() for path in DOCS.rglob("*.svg")} == set(SHOWN)
    assert len(SHOWN) >= 3


@pytest.mark.parametrize("picture", SHOWN, ids=lambda picture: picture.name)
def test_a_picture_is_small_and_stands_by_itself(picture):
    assert picture.stat().st_size < 150_000
    assert picture.read_text().startswith('<svg xmlns="http://www.w3.org/2000/svg" ')

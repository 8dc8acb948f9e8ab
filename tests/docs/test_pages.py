"""Docs cannot lie: what README and guide show is run here, and what it prints is compared.

Numbers may differ by two percent or one hundredth from machine to machine (the last digits of trees and solvers depend
on the processor); words may not. A line that is `...` stands for any lines, `...` within a line for any text.
"""

import doctest
import re
from pathlib import Path

import pytest
from tests.commands import run

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")


def _blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def _sessions(page: Path) -> list[tuple[str, str]]:
    """Return each command of a page's console blocks with the output that the page shows."""
    found = []
    for block in _blocks(page, "console"):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            found.append((command, output))
    return found


def _same(shown: str, printed: str) -> bool:
    """Compare words exactly and numbers nearly."""
    pieces = [re.escape(piece) for piece in NUMBER.split(" ".join(shown.split()))]
    pattern = r"(\d[\d,]*(?:\.\d+)?)".join(piece.replace(r"\.\.\.", r".*?") for piece in pieces)
    found = re.fullmatch(pattern, " ".join(printed.split()), re.DOTALL)
    if not found:
        return False
    wanted = [float(number.replace(",", "")) for number in NUMBER.findall(shown)]
    got = [float(number.replace(",", "")) for number in found.groups()]
    return all(abs(a - b) <= max(0.02 * abs(a), 0.011) for a, b in zip(wanted, got, strict=True))


WITH_COMMANDS = [page for page in PAGES if _sessions(page)]
WITH_EXAMPLES = [page for page in PAGES if ">>> " in page.read_text()]


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: page.name)
def test_commands_print_what_the_page_shows(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for command, shown in _sessions(page):
        done = run(command)
        assert done.status == 0, done.err
        assert _same(shown, done.out), f"$ {command}\n{done.out}"
    for code in _blocks(page, "python"):
        exec(compile(code, page.name, "exec"), {})  # noqa: S102  the page's own example


@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=lambda page: page.name)
def test_examples_give_what_the_page_shows(page, tmp_path):
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    failed, tried = doctest.testfile(str(page), module_relative=False, globs={"home": tmp_path}, optionflags=flags)
    assert tried > 0
    assert failed == 0


def test_there_are_pages_with_commands_and_with_examples():
    assert {page.name for page in WITH_COMMANDS} >= {"README.md", "first-steps.md"}
    assert "how-it-works.md" in {page.name for page in WITH_EXAMPLES}


def test_comparing_output_lets_numbers_differ_a_little_and_words_not_at_all():
    assert _same("0.886 left", "0.890 left\n")
    assert not _same("0.886 left", "0.930 left")
    assert not _same("0.886 left", "0.886 right")
    assert _same("rank ...\nend", "rank 1 2 3\nend")


def test_formats_in_the_guide_are_formats(tmp_path):
    from counterpoint.events.formats import load_format

    for number, text in enumerate(_blocks(ROOT / "docs/guide/formats.md", "toml")):
        path = tmp_path / f"format-{number}.toml"
        path.write_text(text)
        assert load_format(str(path)).files

"""The rules of the house, read from the code: what a room may load, how long a function is, what is kept where."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

SRC = Path(__file__).parents[1] / "src" / "counterpoint"
MODULES = {path.relative_to(SRC).as_posix(): path for path in sorted(SRC.rglob("*.py"))}


def _imported(path: Path) -> set[str]:
    """Return the packages that a module imports, lazily or not."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def _that_import(*packages: str) -> set[str]:
    return {name for name, path in MODULES.items() if _imported(path) & set(packages)}


def test_only_storage_knows_an_sql_engine_and_only_recommend_knows_sparks_als():
    assert {name for name in _that_import("duckdb", "pyspark") if not name.startswith("storage/")} == {
        "recommend/spark_als.py"
    }


def test_only_kernels_compile_loops():
    assert [
        name for name in _that_import("numba", "llvmlite") if not name.endswith(("_kernels.py", "_kernel.py"))
    ] == []


def test_only_report_draws():
    assert [name for name in _that_import("matplotlib", "jinja2") if not name.startswith("report/")] == []


@pytest.mark.parametrize("packages", [("duckdb", "pyspark"), ("numba",), ("matplotlib", "jinja2")])
def test_the_rules_of_the_house_speak_of_packages_that_are_used(packages):
    assert all(_that_import(package) for package in packages)


# How long a function is

MOST_LINES = 60
MOST_ARGUMENTS = 7
LONGEST_TEST_NAME = 90


def _functions(path: Path) -> Iterator[ast.FunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            yield node


def _arguments(function: ast.FunctionDef) -> int:
    given = function.args
    names = [each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    several = (given.vararg is not None) + (given.kwarg is not None)
    return len([name for name in names if name not in ("self", "cls")]) + several


def test_outside_kernels_no_function_is_long_or_takes_many_arguments():
    over = [
        f"{name}:{function.name}"
        for name, path in MODULES.items()
        if not name.endswith("_kernels.py")
        for function in _functions(path)
        if function.end_lineno - function.lineno >= MOST_LINES or _arguments(function) > MOST_ARGUMENTS
    ]
    assert over == []


def test_names_of_tests_are_short_enough_to_read():
    tests = Path(__file__).parent
    long = [
        function.name
        for path in sorted(tests.rglob("test_*.py"))
        for function in _functions(path)
        if len(function.name) > LONGEST_TEST_NAME
    ]
    assert long == []


# What is kept, and by whom

# Text of a log's own values, a result printed for machines, a network in numpy's own format, and tables for an engine.
NOT_KEPT = {"cli/printing.py", "events/line_reading.py", "networks/formats/saved.py"}
FOR_ENGINES = {
    "churn/leaving_songs.py",
    "recommend/catalogue.py",
    "recommend/refinement_effects.py",
    "recommend/spark_als.py",
}


def test_only_storage_keeps_results():
    keeps = re.compile(r"json\.dumps|np\.savez|\.write_parquet|import pickle")
    found = {name for name, path in MODULES.items() if keeps.search(path.read_text(encoding="utf-8"))}
    assert {name for name in found if not name.startswith("storage/")} - NOT_KEPT - FOR_ENGINES == set()

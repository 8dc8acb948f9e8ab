"""Folders are the pipeline: what each room may load from outside, read from the code itself."""

import ast
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

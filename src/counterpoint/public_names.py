"""A package's public names, declared once in its stub (`__init__.pyi`) and loaded when they are first used.

The library lazy-loader does the same, but for stubs that rename nothing and only reach into their own package.
"""

import ast
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any


def attach(package: str, file: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return `__getattr__`, `__dir__` and `__all__` of a package, whose stub lies beside `file`."""
    stub = ast.parse(Path(file).with_suffix(".pyi").read_text(encoding="utf-8"))
    places = {
        alias.asname: (node.module, alias.name)
        for node in stub.body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
        if alias.asname
    }

    def get(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, attribute = places[name]
        if module == package:
            return import_module(f"{module}.{attribute}")
        return getattr(import_module(module), attribute)

    return get, lambda: sorted(places), sorted(places)

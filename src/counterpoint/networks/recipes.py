"""A network in a word: a file, a recipe such as `ba:10000,3`, or what another library made."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from counterpoint.errors import CounterpointError, suggestion
from counterpoint.networks import generators
from counterpoint.networks.converters import from_object
from counterpoint.networks.graph import Network
from counterpoint.networks.readers import read

Rng = int | np.random.Generator


@dataclass(frozen=True)
class Recipe:
    """How a network is made of the numbers that follow its name.

    numbers  : what they are, and of which kind, in order
    optional : how many of the last may be left out
    """

    make: Callable[..., Network]
    numbers: Mapping[str, type[int] | type[float]]
    example: str
    about: str
    optional: int = 0
    random: bool = True


def _by_degree(nodes: int, degree: float, *, rng: Rng) -> Network:
    return generators.erdos_renyi(nodes, degree=degree, rng=rng)


RECIPES: Final[Mapping[str, Recipe]] = {
    "ba": Recipe(generators.barabasi_albert, {"nodes": int, "m": int}, "ba:10000,3", "scale-free (Barabasi-Albert)"),
    "ws": Recipe(
        generators.watts_strogatz,
        {"nodes": int, "k": int, "p": float},
        "ws:10000,10,0.1",
        "small world (Watts-Strogatz)",
    ),
    "er": Recipe(_by_degree, {"nodes": int, "degree": float}, "er:10000,8", "random, by its mean degree (Erdos-Renyi)"),
    "powerlaw": Recipe(
        generators.power_law,
        {"nodes": int, "exponent": float, "min_degree": int},
        "powerlaw:10000,2.5",
        "degrees of a power law, from min_degree (1) on",
        optional=1,
    ),
    "cluster": Recipe(
        generators.power_law_cluster,
        {"nodes": int, "m": int, "p": float},
        "cluster:10000,3,0.3",
        "scale-free with triangles (Holme-Kim)",
    ),
    "complete": Recipe(generators.complete, {"nodes": int}, "complete:100", "everybody joined to all", random=False),
    "star": Recipe(generators.star, {"nodes": int}, "star:200", "one joined to all the others", random=False),
    "ring": Recipe(generators.ring, {"nodes": int}, "ring:200", "each joined to the next", random=False),
}
"""The recipes by name."""


def network(what: Any, *, rng: Rng = 0) -> Network:
    """Return the network that is meant: a file's, a recipe's, or an object's of networkx, igraph, scipy, or a table.

    A text with a colon is a recipe, unless there is a file of this name. Only recipes draw from `rng`.

    Raises CounterpointError for a recipe that is none, and whatever cannot be read or taken.

    >>> network("star:5").edges, network("er:1000,4", rng=1).nodes
    (4, 1000)
    >>> network("start:5")
    Traceback (most recent call last):
    counterpoint.errors.CounterpointError: 'start:5' is no recipe such as ba:10000,3; did you mean 'star'?
    """
    if isinstance(what, Path) or (isinstance(what, str) and not _is_recipe(what)):
        return read(what)
    return _cooked(what, rng) if isinstance(what, str) else from_object(what)


def _is_recipe(what: str) -> bool:
    name, colon, _ = what.partition(":")
    return (bool(colon) or name in RECIPES) and "/" not in name and not _is_there(what)


def _is_there(what: str) -> bool:
    try:
        return Path(what).exists()
    except OSError:  # too long for a name
        return False


def _cooked(what: str, rng: Rng) -> Network:
    name, _, rest = what.partition(":")
    if (recipe := RECIPES.get(name.strip().lower())) is None:
        raise CounterpointError(f"{what!r} is no recipe such as ba:10000,3; {suggestion(name, RECIPES)}")
    texts = [text.strip() for text in rest.split(",")] if rest.strip() else []
    kinds = list(recipe.numbers.items())
    if not len(kinds) - recipe.optional <= len(texts) <= len(kinds):
        wanted = ", ".join(recipe.numbers)
        raise CounterpointError(f"{what!r} has {len(texts)} numbers; {wanted} would be right, as in {recipe.example}")
    numbers = [_number(what, text, key, kind) for text, (key, kind) in zip(texts, kinds, strict=False)]
    return recipe.make(*numbers, **({"rng": rng} if recipe.random else {}))


def _number(what: str, text: str, name: str, kind: type[int] | type[float]) -> float:
    try:
        return kind(text)
    except (ValueError, OverflowError) as error:
        wanted = "a whole number" if kind is int else "a number"
        raise CounterpointError(f"{what!r}: its {name} is {text!r}; {wanted} would be right") from error

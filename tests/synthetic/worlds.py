"""Small worlds for tests: the published constants, cut down to a few kinds of listener and changed where wanted."""

from collections.abc import Mapping
from typing import Any

from counterpoint.synthetic.day_counts import Chances
from counterpoint.synthetic.hidden_states import published

CHANCES = Chances(lost=(0.05, 0.02, 0.1), spoiled=0.1, liked=0.0, worse=2.0, better=1.0)
LIKES = Chances(lost=(0.05, 0.02, 0.1), spoiled=0.1, liked=0.1, worse=5.0, better=0.3)
MONDAY = 3


def small(*kinds: int, **changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the published world with some of its kinds only, and some of its sections changed."""
    world = published()
    world["kind"] = [world["kind"][at] for at in kinds]
    for name, change in changes.items():
        world[name] = {**world[name], **change}
    return world


def unchanging(**changes: float) -> dict[str, Any]:
    """Return a world of one kind of listener who all come on the first day and stay engaged, changed by `changes`.

    A change is of the chances of life, or of the one kind.
    """
    life = dict.fromkeys(("drifts", "leaves", "fades", "recovers", "returns"), 0.0)
    world = small(5, arrivals={"panel": 1.0}, life=life, bot={"weight": 0.0})
    kind = {"bounces": 0.0, "restless": 1.0}
    world["life"] |= {name: value for name, value in changes.items() if name in life}
    world["kind"][0] |= kind | {name: value for name, value in changes.items() if name not in life}
    return world

"""The kinds of model there are, by name."""

from collections.abc import Mapping
from typing import Final

from counterpoint.churn.models.blend import BlendKind
from counterpoint.churn.models.boosted import BoostedKind
from counterpoint.churn.models.forest import ForestKind, GradientBoostingKind, SearchedForestKind
from counterpoint.churn.models.logistic import LogisticKind
from counterpoint.churn.models.protocol import Kind
from counterpoint.errors import CounterpointError, suggestion

OURS: Final = "blend"
SEARCHED: Final = "random-forest-searched"
KINDS: Final[Mapping[str, Kind]] = {
    OURS: BlendKind(),
    "lightgbm": BoostedKind(),
    "logistic": LogisticKind(),
    "random-forest": ForestKind(trees=50, depth=20, leaf=20),
    "gradient-boosting": GradientBoostingKind(),
    SEARCHED: ForestKind(trees=200, depth=15, leaf=2),  # what the study's search found best
}
STUDY: Final[Mapping[str, Kind]] = {
    "logistic": LogisticKind(logged=False),
    **{name: KINDS[name] for name in ("random-forest", "gradient-boosting", SEARCHED)},
}
GRID_SEARCH: Final = SearchedForestKind(trees=200, depth=15, leaf=2)


def kind_named(name: str) -> Kind:
    """Return the kind of model of this name; refuse one that there is none of."""
    if name not in KINDS:
        raise CounterpointError(f"no model {name!r}; {suggestion(name, KINDS)}")
    return KINDS[name]

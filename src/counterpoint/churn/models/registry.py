"""The kinds of model there are, by name."""

from collections.abc import Mapping
from typing import Final

from counterpoint.churn.models.blend import Blend, BlendKind
from counterpoint.churn.models.boosted import Boosted, BoostedKind
from counterpoint.churn.models.forest import Forest, ForestKind, GradientBoostingKind, SearchedForestKind
from counterpoint.churn.models.logistic import Logistic, LogisticKind
from counterpoint.churn.models.protocol import ModelKind
from counterpoint.errors import CounterpointError, suggestion

DEFAULT_MODEL: Final = "blend"
SEARCHED_FOREST: Final = "random-forest-searched"
MODELS: Final[Mapping[str, ModelKind]] = {
    DEFAULT_MODEL: BlendKind(),
    "lightgbm": BoostedKind(),
    "logistic": LogisticKind(),
    "random-forest": ForestKind(trees=50, depth=20, leaf=20),
    "gradient-boosting": GradientBoostingKind(),
    SEARCHED_FOREST: ForestKind(trees=200, depth=15, leaf=2),  # what the churn report's search found best
}
PUBLISHED_MODELS: Final[Mapping[str, ModelKind]] = {
    "logistic": LogisticKind(logged=False),
    **{name: MODELS[name] for name in ("random-forest", "gradient-boosting", SEARCHED_FOREST)},
}
FITTED_MODELS: Final = (Blend, Boosted, Forest, Logistic)
"""The classes of fitted models, for reading what was kept."""
GRID_SEARCHED_FOREST: Final = SearchedForestKind(trees=200, depth=15, leaf=2)


def model_kind(name: str) -> ModelKind:
    """Return the kind of model of this name; refuse one that there is none of."""
    if name not in MODELS:
        raise CounterpointError(f"no model {name!r}; {suggestion(name, MODELS)}")
    return MODELS[name]

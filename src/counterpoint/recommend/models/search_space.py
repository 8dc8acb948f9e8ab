"""Which settings of each kind of recommender can be searched, and how others are drawn."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from counterpoint.recommend.interactions import WEIGHTINGS
from counterpoint.recommend.models.autoencoder import Autoencoder
from counterpoint.recommend.models.clusters import ClusterPopularity
from counterpoint.recommend.models.ease import Ease
from counterpoint.recommend.models.ials import Ials
from counterpoint.recommend.models.item_knn import ItemKnn
from counterpoint.recommend.models.nmf import Nmf
from counterpoint.recommend.models.popularity import Popularity
from counterpoint.recommend.models.protocol import Estimator
from counterpoint.recommend.models.published import PublishedBlend
from counterpoint.recommend.models.rp3beta import Rp3Beta
from counterpoint.recommend.models.svd import TruncatedSvd

NEIGHBOURHOOD: Final = 0.2  # of the way between the ends of a range, in a search nearby
KEEP_PROBABILITY: Final = 0.7  # that a choice stays in a search nearby


@dataclass(frozen=True)
class NumberRange:
    """Numbers from low to high, evenly by size or by ratio; whole ones if both ends are."""

    low: float
    high: float
    by_ratio: bool = False

    def sample(self, rng: np.random.Generator, near: float | None = None) -> float:
        """Return one of them, or one `near` another: within a fifth of the way between the ends."""
        place = rng.random()
        if near is not None:
            place = float(np.clip(self._place(near) + NEIGHBOURHOOD * (2 * place - 1), 0, 1))
        if self.by_ratio:
            value = self.low * (self.high / self.low) ** place
        else:
            value = self.low + (self.high - self.low) * place
        return round(value) if isinstance(self.low, int) and isinstance(self.high, int) else float(value)

    def _place(self, value: float) -> float:
        """Return how far from low to high a value is, from 0 to 1."""
        value = min(max(value, self.low), self.high)
        if self.by_ratio:
            return float(np.log(value / self.low) / np.log(self.high / self.low))
        return (value - self.low) / (self.high - self.low)


Dimension = NumberRange | tuple[Any, ...]
SEARCH_SPACE: Final[Mapping[type, Mapping[str, Dimension]]] = {
    Popularity: {"prior_listeners": NumberRange(1.0, 1000.0, by_ratio=True)},  # what else it has is in its names
    ItemKnn: {
        "neighbours": NumberRange(20, 500, by_ratio=True),
        "weighting": WEIGHTINGS,
        "shrink": NumberRange(0.01, 30.0, by_ratio=True),
        "k1": NumberRange(0.2, 5.0, by_ratio=True),
        "b": NumberRange(0.0, 1.0),
    },
    Rp3Beta: {
        "neighbours": NumberRange(50, 600, by_ratio=True),
        "alpha": NumberRange(0.3, 1.2),
        "beta": NumberRange(0.0, 0.7),
        "weighting": WEIGHTINGS,
    },
    TruncatedSvd: {
        "factors": NumberRange(16, 256, by_ratio=True),
        "listener_exponent": NumberRange(0.0, 0.5),
        "song_exponent": NumberRange(0.0, 0.6),
        "weighting": WEIGHTINGS,
    },
    Nmf: {
        "factors": NumberRange(16, 128, by_ratio=True),
        "ridge": NumberRange(1e-6, 1e-2, by_ratio=True),
        "weighting": WEIGHTINGS,
    },
    Ials: {
        "factors": NumberRange(64, 256, by_ratio=True),
        "iterations": NumberRange(6, 20),
        "weighting": WEIGHTINGS,
        "unobserved": NumberRange(0.01, 0.5, by_ratio=True),
        "ridge": NumberRange(0.001, 0.05, by_ratio=True),
        "power": NumberRange(0.0, 1.0),
    },
    PublishedBlend: {},
    ClusterPopularity: {
        "clusters": NumberRange(4, 64, by_ratio=True),
        "factors": NumberRange(8, 64, by_ratio=True),
        "prior_listeners": NumberRange(1.0, 300.0, by_ratio=True),
    },
    Autoencoder: {
        "hidden": NumberRange(128, 512, by_ratio=True),
        "steps": NumberRange(100, 400, by_ratio=True),
        "hide": NumberRange(0.4, 0.85),
        "rate": NumberRange(0.0005, 0.004, by_ratio=True),
        "weighting": WEIGHTINGS,
    },
    Ease: {
        "ridge": NumberRange(3.0, 1000.0, by_ratio=True),
        "power": NumberRange(0.0, 0.5),
        "weighting": WEIGHTINGS,
    },
}


def sample_settings(estimator: Estimator, rng: np.random.Generator, *, near: bool = False) -> Estimator:
    """Return an estimator with other settings, drawn from its ranges, or from near the settings that it has."""
    settings: dict[str, Any] = {}
    for name, dimension in SEARCH_SPACE[type(estimator)].items():
        current = getattr(estimator, name)
        if isinstance(dimension, NumberRange):
            settings[name] = dimension.sample(rng, current if near else None)
        elif near and rng.random() < KEEP_PROBABILITY:
            settings[name] = current
        else:
            settings[name] = dimension[rng.integers(len(dimension))]
    return replace(estimator, **settings)  # type: ignore[type-var]  # every estimator is a dataclass

"""The kinds of recommender, by name, with the settings that can be searched; and how their models are kept."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from counterpoint.errors import CounterpointError, suggestion
from counterpoint.recommend.interactions import WEIGHTS
from counterpoint.recommend.models import published
from counterpoint.recommend.models.autoencoder import Autoencoded, AutoencoderKind
from counterpoint.recommend.models.blend import Blend
from counterpoint.recommend.models.clusters import Clusters, PopularInCluster, PopularInClusterKind
from counterpoint.recommend.models.ease import EaseKind
from counterpoint.recommend.models.factors import Projected
from counterpoint.recommend.models.ials import IalsKind, LeastSquares
from counterpoint.recommend.models.item_similarity import SimilarSongs
from counterpoint.recommend.models.neighbours import NeighboursKind
from counterpoint.recommend.models.nmf import NmfKind, NonNegative
from counterpoint.recommend.models.popular import Popular, PopularKind
from counterpoint.recommend.models.protocol import Kind, Model
from counterpoint.recommend.models.rp3beta import WalkKind
from counterpoint.recommend.models.svd import SvdKind

KINDS: Final[Mapping[str, Kind]] = {
    "popular": PopularKind(),
    "popular-lately": PopularKind(days=7),
    "popular-by-device": PopularKind(by_device=True),
    "cosine": NeighboursKind("cosine"),
    "tf-idf": NeighboursKind("tf-idf", weigh="plays"),
    "bm25": NeighboursKind("bm25", weigh="plays"),
    "neighbours-as-published": published.NEIGHBOURS,
    "svd-as-published": published.SVD,
    "nmf-as-published": published.NMF,
    "as-published": published.PublishedKind(),
    "walk": WalkKind(),
    "svd": SvdKind(),
    "svd-by-degree": SvdKind(songs=0.3),
    "nmf": NmfKind(),
    "ials": IalsKind(),
    "ease": EaseKind(),
    "autoencoder": AutoencoderKind(),
    "popular-in-cluster": PopularInClusterKind(),
}
MEMBERS: Final = (
    "popular-lately",
    "popular-by-device",
    "popular-in-cluster",
    "walk",
    "svd-by-degree",
    "ials",
    "ease",
    "autoencoder",
)
AS_PUBLISHED: Final = ("neighbours-as-published", "svd-as-published", "nmf-as-published", "as-published")
"""The study's: their settings are what they are."""

NEAR: Final = 0.2
KEPT: Final = 0.7  # chance that a choice stays in a search nearby


@dataclass(frozen=True)
class Span:
    """Numbers from low to high, evenly by size or by ratio; whole ones if both ends are."""

    low: float
    high: float
    by_ratio: bool = False

    def drawn(self, rng: np.random.Generator, near: float | None = None) -> float:
        """Return one of them, or one `near` another: within a fifth of the way between the ends."""
        luck = rng.random()
        if near is not None:
            luck = float(np.clip(self._place(near) + NEAR * (2 * luck - 1), 0, 1))
        value = self.low * (self.high / self.low) ** luck if self.by_ratio else self.low + (self.high - self.low) * luck
        return round(value) if isinstance(self.low, int) and isinstance(self.high, int) else float(value)

    def _place(self, value: float) -> float:
        """Return how far from low to high a value is, from 0 to 1."""
        value = min(max(value, self.low), self.high)
        if self.by_ratio:
            return float(np.log(value / self.low) / np.log(self.high / self.low))
        return (value - self.low) / (self.high - self.low)


Choices = Span | tuple[Any, ...]
RANGES: Final[Mapping[type, Mapping[str, Choices]]] = {
    PopularKind: {"drawn": Span(1.0, 1000.0, by_ratio=True)},  # what else it has is in its names
    NeighboursKind: {
        "neighbours": Span(20, 500, by_ratio=True),
        "weigh": WEIGHTS,
        "shrink": Span(0.01, 30.0, by_ratio=True),
        "k1": Span(0.2, 5.0, by_ratio=True),
        "b": Span(0.0, 1.0),
    },
    WalkKind: {
        "neighbours": Span(50, 600, by_ratio=True),
        "alpha": Span(0.3, 1.2),
        "beta": Span(0.0, 0.7),
        "weigh": WEIGHTS,
    },
    SvdKind: {
        "factors": Span(16, 256, by_ratio=True),
        "listeners": Span(0.0, 0.5),
        "songs": Span(0.0, 0.6),
        "weigh": WEIGHTS,
    },
    NmfKind: {"factors": Span(16, 128, by_ratio=True), "ridge": Span(1e-6, 1e-2, by_ratio=True), "weigh": WEIGHTS},
    IalsKind: {
        "factors": Span(64, 256, by_ratio=True),
        "iterations": Span(6, 20),
        "weigh": WEIGHTS,
        "unseen": Span(0.01, 0.5, by_ratio=True),
        "ridge": Span(0.001, 0.05, by_ratio=True),
        "power": Span(0.0, 1.0),
    },
    published.PublishedKind: {},
    PopularInClusterKind: {
        "clusters": Span(4, 64, by_ratio=True),
        "factors": Span(8, 64, by_ratio=True),
        "drawn": Span(1.0, 300.0, by_ratio=True),
    },
    AutoencoderKind: {
        "hidden": Span(128, 512, by_ratio=True),
        "steps": Span(100, 400, by_ratio=True),
        "hide": Span(0.4, 0.85),
        "rate": Span(0.0005, 0.004, by_ratio=True),
        "weigh": WEIGHTS,
    },
    EaseKind: {"ridge": Span(3.0, 1000.0, by_ratio=True), "power": Span(0.0, 0.5), "weigh": WEIGHTS},
}


def kind_named(name: str) -> Kind:
    """Return the kind of recommender of this name; refuse one that there is none of."""
    if name not in KINDS:
        raise CounterpointError(f"no recommender {name!r}; {suggestion(name, KINDS)}")
    return KINDS[name]


def drawn(kind: Kind, rng: np.random.Generator, *, near: bool = False) -> Kind:
    """Return a kind with other settings, drawn from its ranges, or from near the settings that it has."""
    told: dict[str, Any] = {}
    for name, choices in RANGES[type(kind)].items():
        own = getattr(kind, name)
        if isinstance(choices, Span):
            told[name] = choices.drawn(rng, own if near else None)
        else:
            told[name] = own if near and rng.random() < KEPT else choices[rng.integers(len(choices))]
    return replace(kind, **told)  # type: ignore[type-var]  # every kind is a dataclass


MODELS: Final[Mapping[str, type]] = {
    model.__name__: model
    for model in (
        Popular,
        PopularInCluster,
        Clusters,
        SimilarSongs,
        Projected,
        NonNegative,
        LeastSquares,
        Autoencoded,
        Blend,
    )
}
Arrays = dict[str, NDArray[Any]]


def taken_apart(model: Model) -> tuple[str, Arrays]:
    """Return a model as JSON and arrays; `put_together` is the way back."""
    arrays: Arrays = {}
    return json.dumps(_apart(model, "model", arrays), sort_keys=True), arrays


def _apart(value: Any, path: str, arrays: Arrays) -> Any:
    if isinstance(value, np.ndarray):
        arrays[path] = value
        return {"array": path}
    if isinstance(value, tuple):
        return [_apart(each, f"{path}.{at}", arrays) for at, each in enumerate(value)]
    if type(value).__name__ in MODELS:
        told = {
            field.name: _apart(getattr(value, field.name), f"{path}.{field.name}", arrays) for field in fields(value)
        }
        return {"model": type(value).__name__, "of": told}
    return value


def put_together(text: str, arrays: Mapping[str, NDArray[Any]]) -> Model:
    """Return the model that was taken apart.

    Raises
    ------
    CounterpointError
        If it is none.
    """
    try:
        model = _together(json.loads(text), arrays)
    except (ValueError, KeyError, TypeError) as error:
        raise CounterpointError(f"this is no recommender that Counterpoint kept ({error}): train it again") from error
    if type(model).__name__ not in MODELS:
        raise CounterpointError("this is no recommender that Counterpoint kept: train it again")
    return model  # type: ignore[no-any-return]  # of a class in MODELS


def _together(value: Any, arrays: Mapping[str, NDArray[Any]]) -> Any:
    match value:
        case {"array": str(path)}:
            return arrays[path]
        case {"model": str(name), "of": dict(told)}:
            return MODELS[name](**{field: _together(each, arrays) for field, each in told.items()})
        case list():
            return tuple(_together(each, arrays) for each in value)
    return value

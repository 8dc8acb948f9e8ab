"""The recommenders there are, by name: a new one gets its line here (and its ranges in `search_space`)."""

from collections.abc import Mapping
from typing import Final

from counterpoint.errors import CounterpointError, suggestion
from counterpoint.recommend.models import published
from counterpoint.recommend.models.autoencoder import Autoencoder, AutoencoderModel
from counterpoint.recommend.models.blend import Blend
from counterpoint.recommend.models.clusters import ClusterPopularity, ClusterPopularityModel
from counterpoint.recommend.models.ease import Ease
from counterpoint.recommend.models.factors import ProjectionModel
from counterpoint.recommend.models.ials import Ials, IalsModel
from counterpoint.recommend.models.item_knn import ItemKnn
from counterpoint.recommend.models.item_similarity import ItemSimilarityModel
from counterpoint.recommend.models.nmf import Nmf, NmfModel
from counterpoint.recommend.models.popularity import Popularity, PopularityModel
from counterpoint.recommend.models.protocol import Estimator
from counterpoint.recommend.models.rp3beta import Rp3Beta
from counterpoint.recommend.models.svd import TruncatedSvd

BLEND: Final = "blend"
"""Not among the others: its members and weights are selected (`model_selection`)."""

RECOMMENDERS: Final[Mapping[str, Estimator]] = {
    "popular": Popularity(),
    "popular-recent": Popularity(days=7),
    "popular-by-device": Popularity(by_device=True),
    "item-knn-cosine": ItemKnn("cosine"),
    "tf-idf": ItemKnn("tf-idf", weighting="plays"),
    "bm25": ItemKnn("bm25", weighting="plays"),
    "neighbours-as-published": published.ITEM_KNN,
    "svd-as-published": published.SVD,
    "nmf-as-published": published.NMF,
    "as-published": published.PublishedBlend(),
    "rp3beta": Rp3Beta(),
    "svd": TruncatedSvd(),
    "svd-degree-normalised": TruncatedSvd(song_exponent=0.3),
    "nmf": Nmf(),
    "ials": Ials(),
    "ease": Ease(),
    "autoencoder": Autoencoder(),
    "popular-in-cluster": ClusterPopularity(),
}
BLEND_MEMBERS: Final = (
    "popular-recent",
    "popular-by-device",
    "popular-in-cluster",
    "rp3beta",
    "svd-degree-normalised",
    "ials",
    "ease",
    "autoencoder",
)
PUBLISHED_MODELS: Final = ("neighbours-as-published", "svd-as-published", "nmf-as-published", "as-published")
"""Those of the churn report: their settings are what they are."""

COLD_START: Final = "popular-by-device"
"""What somebody without a history hears, whatever the recommender."""

MODEL_CLASSES: Final = (
    PopularityModel,
    ClusterPopularityModel,
    ItemSimilarityModel,
    ProjectionModel,
    NmfModel,
    IalsModel,
    AutoencoderModel,
    Blend,
)
"""What a kept recommender may be made of."""


def estimator_named(name: str) -> Estimator:
    """Return the recommender of this name, not yet fitted; refuse one that there is none of."""
    if name not in RECOMMENDERS:
        raise CounterpointError(f"no recommender {name!r}; {suggestion(name, RECOMMENDERS)}")
    return RECOMMENDERS[name]


def check_kind(kind: str, *, trials: int = 1) -> None:
    """Refuse a kind of recommender that there is none of, and a search of settings for any but a blend."""
    if kind not in (BLEND, *RECOMMENDERS):
        raise CounterpointError(f"no recommender {kind!r}; {suggestion(kind, (BLEND, *RECOMMENDERS))}")
    if trials < 1:
        raise CounterpointError(f"{trials} settings are none to try: 1 or more would be right")
    if trials > 1 and kind != BLEND:
        raise CounterpointError(f"settings are searched for the members of a blend; {kind!r} is used as it is")

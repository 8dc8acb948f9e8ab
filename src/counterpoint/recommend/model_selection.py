"""Settings, members and weights, selected by what listeners did later, and never by what they are evaluated on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from counterpoint.recommend.interactions import Interactions
from counterpoint.recommend.models.blend import DEPTH, HISTORY_EDGES, Blend, Weights, listener_groups, member_lists
from counterpoint.recommend.models.blend_weights import blended_ndcg, fit_group_weights, fit_weights
from counterpoint.recommend.models.clusters import Clusters, find_clusters
from counterpoint.recommend.models.protocol import Estimator, ListModel, nothing_excluded
from counterpoint.recommend.models.registry import BLEND_MEMBERS, PUBLISHED_MODELS, RECOMMENDERS
from counterpoint.recommend.models.reranked import Reranked
from counterpoint.recommend.models.search_space import sample_settings
from counterpoint.recommend.prediction_task import PredictionTask, discovery_lists
from counterpoint.recommend.ranking_evaluation import MIN_IMPROVEMENT, listener_ndcg
from counterpoint.recommend.styles import Styles
from counterpoint.rng import generator
from counterpoint.stats.intervals import bootstrap
from counterpoint.stats.ranking import DEEPEST, Relevant

N_CLUSTERS: Final = 8
CLUSTER_FACTORS: Final = 16
MIN_LISTENERS: Final = 100  # for weights by group
STRENGTHS: Final = (0.5, 1.0, 2.0, 4.0)  # that are tried of what may reorder a list
MIN_STANDARD_ERRORS: Final = 3.0  # of 40 settings that are no better, one is as far ahead once in twenty times
MAX_AUTOENCODER_LISTENERS: Final = 50_000  # above which an autoencoder would not read all, and is no member


@dataclass(frozen=True, eq=False, kw_only=True)
class BlendChoice:
    """A blend before it has learned; `weights`, `edges` and `clusters` (over the catalogue `songs`) are a `Blend`'s.

    overall_weights  : float32[1, members], the weights that fit all listeners together
    dislike_strength : how far songs of a style that a listener dislikes go down (`Reranked`); 0 if that did not help
    context_strength : the power of a style's lift at a time of day or week; 0 if that did not help
    tuned            : name of each kind whose settings were searched, members or not, and the best
    """

    members: tuple[tuple[str, Estimator], ...]
    weights: Weights
    overall_weights: Weights
    edges: tuple[int, ...] = ()
    clusters: Clusters | None = None
    songs: pl.Series | None = None
    dislike_strength: float = 0.0
    context_strength: float = 0.0
    tuned: tuple[tuple[str, Estimator], ...] = ()

    @property
    def shares(self) -> tuple[tuple[str, float], ...]:
        """Name of each member, and its weight in the mean over the groups."""
        return tuple(
            (name, float(mean)) for (name, _), mean in zip(self.members, self.weights.mean(axis=0), strict=True)
        )

    def fit(self, seen: Interactions, *, seed: int) -> Blend:
        """Let every member learn."""
        members = tuple(estimator.fit(seen, seed=seed) for _, estimator in self.members)
        clusters = self.clusters
        if clusters is not None and self.songs is not None:
            clusters = Clusters(clusters.projection.reindexed(self.songs, seen), clusters.centres)
        return Blend(members, self.weights, self.edges, clusters)


EQUAL_WEIGHTS: Final = np.array([[0.5, 0.5]], np.float32)
DEFAULT_BLEND: Final = BlendChoice(
    members=tuple((name, RECOMMENDERS[name]) for name in ("rp3beta", "ials")),
    weights=EQUAL_WEIGHTS,
    overall_weights=EQUAL_WEIGHTS,
)
"""Where there is nothing to choose by."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """An estimator with settings that were tried, its model, and the NDCG@10 of each listener."""

    estimator: Estimator
    model: ListModel
    ndcg: NDArray[np.float64]

    @property
    def mean(self) -> float:
        """The mean NDCG@10."""
        return float(self.ndcg.mean())


def search_settings(estimator: Estimator, task: PredictionTask, *, trials: int, seed: int) -> Candidate:
    """Return the settings with the highest NDCG@10 of so many tried that are surely ahead of those it has, or these.

    It is those, then others: half of them drawn from anywhere in the ranges, the rest near the best so far. The best of
    many is partly the luckiest of many: of few listeners it often does worse later on than what a kind comes with.
    """
    rng = generator(seed)

    def tried(settings: Estimator) -> Candidate:
        model = settings.fit(task.seen, seed=seed)
        return Candidate(settings, model, listener_ndcg(discovery_lists(model, task), task.discovered))

    default = best = selected = tried(estimator)
    for trial in range(1, trials):
        is_near = 2 * trial > trials
        other = tried(sample_settings(best.estimator if is_near else estimator, rng, near=is_near))
        best = max(best, other, key=lambda candidate: candidate.mean)
        ahead = other.ndcg - default.ndcg
        is_ahead = ahead.mean() > MIN_STANDARD_ERRORS * ahead.std() / np.sqrt(len(ahead))
        if is_ahead and other.ndcg.mean() > selected.ndcg.mean():
            selected = other
    return selected


@dataclass(frozen=True, kw_only=True)
class BlendSearch:
    """What a blend is selected from.

    members : names of the kinds that may be members
    beside  : names of kinds that are evaluated beside the blend, and searched with as many trials
    trials  : settings that are tried of each
    """

    members: Sequence[str] = BLEND_MEMBERS
    beside: Sequence[str] = ()
    trials: int = 1
    seed: int = 0


def select_blend(
    task: PredictionTask, search: BlendSearch, *, styles: Styles | None = None
) -> tuple[BlendChoice, Blend]:
    """Return the blend that does best on a task, as a choice and as it has learned from what was seen.

    Each member's settings are searched, then the weights fitted: for all listeners, or by how many songs they know, or
    by cluster as well, whichever the other half of the listeners bears out. A member that nobody needs is dropped. With
    `styles`, what is like a disliked song goes down if that wins. The published models have settings of their own.
    """
    if not len(task.discoverers):
        return DEFAULT_BLEND, DEFAULT_BLEND.fit(task.seen, seed=search.seed)
    candidates, tuned = _search_members(task, search)
    names, models = list(candidates), [candidate.model for candidate in candidates.values()]
    histories = task.seen.rows(task.discoverers)
    lists = member_lists(models, histories, DEPTH, excluded=nothing_excluded(task.seen))
    overall = fit_weights(lists, task.discovered)
    grouping = _select_groups(lists, overall, task, seed=search.seed)
    needed = np.flatnonzero(grouping.weights.any(axis=0) | (overall > 0)).tolist()
    choice = BlendChoice(
        members=tuple((names[member], candidates[names[member]].estimator) for member in needed),
        weights=np.ascontiguousarray(grouping.weights[:, needed]),
        overall_weights=np.ascontiguousarray(overall[None, needed]),
        edges=grouping.edges,
        clusters=grouping.clusters,
        songs=task.seen.songs,
        tuned=tuned,
    )
    blend = Blend(tuple(models[member] for member in needed), choice.weights, grouping.edges, grouping.clusters)
    if styles is not None:
        choice = replace(choice, dislike_strength=select_dislike_strength(blend, task, styles, seed=search.seed))
    return choice, blend


def _search_members(
    task: PredictionTask, search: BlendSearch
) -> tuple[dict[str, Candidate], tuple[tuple[str, Estimator], ...]]:
    """Return what was selected of each member; and of all kinds searched, members first, the settings."""

    def selected(name: str) -> Candidate:
        return search_settings(RECOMMENDERS[name], task, trials=search.trials, seed=search.seed)

    is_small = len(task.seen) <= MAX_AUTOENCODER_LISTENERS
    members = {name: selected(name) for name in search.members if name != "autoencoder" or is_small}
    tuned = {name: candidate.estimator for name, candidate in members.items()}
    for name in search.beside:
        if search.trials > 1 and name in RECOMMENDERS and name not in {*members, *PUBLISHED_MODELS}:
            tuned[name] = selected(name).estimator
    return members, tuple(tuned.items())


@dataclass(frozen=True, eq=False)
class Grouping:
    """The groups of listeners that have weights of their own, and the weights, float32[groups, members]."""

    weights: Weights
    edges: tuple[int, ...] = ()
    clusters: Clusters | None = None


def _select_groups(
    lists: NDArray[np.int32], overall: NDArray[np.float32], task: PredictionTask, *, seed: int
) -> Grouping:
    """Return the groups whose weights generalize: none, by the length of the history, by cluster, or by both."""
    histories, relevant = task.seen.rows(task.discoverers), task.discovered
    grouping = Grouping(overall[None])
    by_length = listener_groups(histories, HISTORY_EDGES, None)
    if group_weights_generalize(by_length, lists, relevant, seed=seed):
        weights = fit_group_weights(by_length, len(HISTORY_EDGES) + 1, lists, relevant, overall)
        grouping = Grouping(weights, HISTORY_EDGES)
    clusters = find_clusters(task.seen, N_CLUSTERS, factors=CLUSTER_FACTORS, seed=seed)
    by_cluster = listener_groups(histories, grouping.edges, clusters)
    without = listener_groups(histories, grouping.edges, None)
    if group_weights_generalize(by_cluster, lists, relevant, seed=seed, against=without):
        weights = fit_group_weights(by_cluster, int(by_cluster.max()) + 1, lists, relevant, overall)
        grouping = Grouping(weights, grouping.edges, clusters)
    return grouping


def group_weights_generalize(
    group: NDArray[np.int64],
    lists: NDArray[np.int32],
    relevant: Relevant,
    *,
    seed: int,
    against: NDArray[np.int64] | None = None,
) -> bool:
    """Say whether weights for each group, fitted on half of the listeners, serve the other half surely better.

    Than the same weights for all, or for each group `against`.
    """
    if len(np.unique(group)) < 2 or len(group) < MIN_LISTENERS:
        return False
    against = np.zeros_like(group) if against is None else against
    half = generator(seed).random(len(group)) < 0.5
    ahead = np.zeros(len(group))
    for fitted in (half, ~half):
        overall = fit_weights(lists[:, fitted], relevant.rows(fitted))
        by_group, plain = (
            fit_group_weights(of[fitted], int(of.max()) + 1, lists[:, fitted], relevant.rows(fitted), overall)[
                of[~fitted]
            ]
            for of in (group, against)
        )
        others, right = np.ascontiguousarray(lists[:, ~fitted]), relevant.rows(~fitted)
        ahead[~fitted] = blended_ndcg(others, by_group, right) - blended_ndcg(others, plain, right)
    gap = bootstrap(lambda weights: float(np.average(ahead, weights=weights)), np.arange(len(ahead)), rng=seed)
    return gap.low > 0


def select_dislike_strength(model: ListModel, task: PredictionTask, styles: Styles, *, seed: int) -> float:
    """Return how far to push down songs of styles that listeners dislike songs of: what surely wins, or 0."""
    tried = {strength: ndcg_with_aversion(model, task, styles, strength) for strength in (0.0, *STRENGTHS)}
    if len(tried[0.0]) < MIN_LISTENERS:
        return 0.0
    return best_strength(tried, task.discoverers[dislikers(task)], seed=seed)


def dislikers(task: PredictionTask) -> NDArray[np.bool_]:
    """Return which of the discoverers dislike something, bool[listeners]."""
    return np.asarray(task.seen.pairs(task.seen.disliked).counts[task.discoverers] > 0)


def ndcg_with_aversion(model: ListModel, task: PredictionTask, styles: Styles, strength: float) -> NDArray[np.float64]:
    """Return the NDCG@10 of each of those who dislike something, with what they may dislike pushed down so far."""
    rows = dislikers(task)
    even = np.ones(len(task.seen.songs), np.float32)
    histories, excluded = task.seen.rows(task.discoverers[rows]), nothing_excluded(task.seen)
    lists = Reranked(model, even, styles, strength).top(histories, DEEPEST, excluded=excluded)
    return listener_ndcg(lists.song, task.discovered.rows(rows))


def best_strength(ndcg: Mapping[float, NDArray[np.float64]], listeners: NDArray[np.int64], *, seed: int) -> float:
    """Return the strength with the highest mean NDCG@10 if it wins over 0: by 1 %, and surely ahead; otherwise 0.

    ndcg : float64[lists] of each strength, 0 among them; listeners : int64[lists], whose list each is
    """
    best = max(ndcg, key=lambda strength: float(ndcg[strength].mean()))
    plain, other = ndcg[0.0], ndcg[best]
    if best == 0 or not plain.any():
        return 0.0
    gap = bootstrap(
        lambda weights: float(np.average(other, weights=weights) / np.average(plain, weights=weights) - 1),
        listeners,
        rng=seed,
    )
    return best if gap.value >= MIN_IMPROVEMENT and gap.low > 0 else 0.0

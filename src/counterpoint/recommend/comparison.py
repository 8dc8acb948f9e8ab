"""Recommenders side by side: all learn the same, list for the same listeners, and are evaluated by the same choices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from counterpoint.errors import CounterpointError
from counterpoint.recommend.context import Lifts
from counterpoint.recommend.model_selection import BlendChoice, dislikers, ndcg_with_aversion
from counterpoint.recommend.models.blend import Blend
from counterpoint.recommend.models.factors import ProjectionModel
from counterpoint.recommend.models.nmf import NmfModel
from counterpoint.recommend.models.protocol import ListModel, nothing_excluded
from counterpoint.recommend.models.published import train_errors
from counterpoint.recommend.models.registry import BLEND, COLD_START, RECOMMENDERS, check_kind
from counterpoint.recommend.models.reranked import Reranked
from counterpoint.recommend.prediction_task import PredictionTask, discovery_lists
from counterpoint.recommend.ranking_evaluation import Audience, RankingEvaluation, evaluate_lists, listener_ndcg
from counterpoint.recommend.recommender import PUSH_DOWN_FACTOR
from counterpoint.recommend.refinement_effects import (
    ChoiceTimes,
    RefinementEffect,
    deep_lists,
    measure_effect,
    timed_ndcg,
)
from counterpoint.recommend.repeat_consumption import most_played, recently_played
from counterpoint.recommend.styles import Styles
from counterpoint.rng import check_seed
from counterpoint.stats.ranking import DEEPEST, Lists

BASELINE: Final = "popular-recent"
DEFAULT_KINDS: Final = (BLEND, "popular-recent", "popular", "item-knn-cosine", "rp3beta", "svd-degree-normalised")
OWN_MOST_PLAYED: Final = "own-most-played"
OWN_RECENT: Final = "own-recent"
COMPARED_DEPTH: Final = 100


@dataclass(frozen=True, kw_only=True)
class RecommenderEvaluationSettings:
    """Which recommenders are evaluated, and how.

    kinds     : their names; `BASELINE` is always evaluated beside them
    windows   : on at most so many
    trials    : settings that are tried of each recommender, and of each member of the blend
    resamples : of the bootstrap behind an interval
    rng       : a seed; the same one gives the same evaluation

    Raises
    ------
    CounterpointError
        If a kind of recommender is not known, or nothing can be evaluated.
    """

    kinds: Sequence[str] = DEFAULT_KINDS
    windows: int = 3
    trials: int = 1
    resamples: int = 1000
    rng: int = 0

    def __post_init__(self) -> None:
        for name in self.kinds:
            check_kind(name)
        check_seed(self.rng)
        if self.windows < 1:
            raise CounterpointError(f"{self.windows} windows are none to judge on: 3 would be right")

    @property
    def names(self) -> tuple[str, ...]:
        """Each kind once, and the baseline."""
        return tuple(dict.fromkeys((*self.kinds, BASELINE)))


def compare(task: PredictionTask, choice: BlendChoice, settings: RecommenderEvaluationSettings) -> "Comparison":
    """Let all recommenders learn what is known, and list what listeners should discover."""
    histories, excluded = task.seen.rows(task.discoverers), nothing_excluded(task.seen)
    blend, estimators = choice.fit(task.seen, seed=settings.rng), {**RECOMMENDERS, **dict(choice.tuned)}
    lists: dict[str, NDArray[np.int32]] = {}
    errors, is_rated = [], not np.isnan(task.seen.liked.rating).all()
    for name in settings.names:
        model = blend if name == BLEND else estimators[name].fit(task.seen, seed=settings.rng)
        songs = model.top(histories, COMPARED_DEPTH, excluded=excluded).song
        lists[name] = np.pad(songs, ((0, 0), (0, COMPARED_DEPTH - songs.shape[1])), constant_values=-1)
        if is_rated and isinstance(model, ProjectionModel | NmfModel) and model.weighting == "rating":
            errors.append((name, *train_errors(model, task.seen)))
    return Comparison(settings, task, blend, lists, tuple(errors))


@dataclass(frozen=True, eq=False)
class Comparison:
    """What recommenders would have had listeners discover: lists of int32[listeners, 100], and the blend itself.

    train_errors : (recommender of ratings, RMSE, MAE) on the ratings that it was fitted to
    """

    settings: RecommenderEvaluationSettings
    task: PredictionTask
    blend: Blend
    lists: Mapping[str, Lists]
    train_errors: tuple[tuple[str, float, float], ...]

    def discovery(self) -> tuple[RankingEvaluation, ...]:
        """Evaluate the lists by the songs chosen that were new to a listener, against the baseline and the blend."""
        task, lists = self.task, {name: deep[:, :DEEPEST] for name, deep in self.lists.items()}
        audience = Audience(task.seen, task.discoverers, task.discovered)
        return self._evaluated(lists, audience, (BASELINE, BLEND))

    def repeat_consumption(self) -> tuple[RankingEvaluation, ...]:
        """Evaluate what listeners play most by the songs that they came back to."""
        task, histories = self.task, self.task.seen.rows(self.task.returners)
        lists = {
            OWN_RECENT: recently_played(histories, DEEPEST),
            OWN_MOST_PLAYED: most_played(histories, DEEPEST),
        }
        audience = Audience(task.seen, task.returners, task.returned_to, returning=True)
        return self._evaluated(lists, audience, (OWN_MOST_PLAYED,))

    def cold_start(self) -> tuple[RankingEvaluation, ...]:
        """Evaluate what every recommender gives to new users by what they chose, against the baseline."""
        task, empty = self.task, self.task.empty_histories
        models = {name: RECOMMENDERS[name].fit(task.seen, seed=self.settings.rng) for name in (COLD_START, BASELINE)}
        excluded = nothing_excluded(empty)
        lists = {name: model.top(empty, DEEPEST, excluded=excluded).song for name, model in models.items()}
        audience = Audience(empty, np.arange(len(empty)), task.chosen_by_new)
        return self._evaluated(lists, audience, (BASELINE,))

    def _evaluated(
        self, lists: Mapping[str, Lists], audience: Audience, baselines: tuple[str, ...]
    ) -> tuple[RankingEvaluation, ...]:
        """Return nothing where there is nobody to evaluate on."""
        if not len(audience.listeners):
            return ()
        seed, resamples = self.settings.rng, self.settings.resamples
        return evaluate_lists(lists, audience, baselines=baselines, seed=seed, resamples=resamples)

    def effects(
        self, choice: BlendChoice, styles: Styles, lifts: Lifts, times: ChoiceTimes, push_down: pl.Series | None
    ) -> tuple[RefinementEffect, ...]:
        """Return what each refinement does: chosen or not, at the strength chosen, or else at 1."""
        effects = (
            self._effect_of_clusters(),
            self._effect_of_groups(choice),
            self._effect_of_dislikes(choice, styles),
            self._effect_of_context(choice, lifts, times),
            None if push_down is None else self._effect_of_pushing_down(push_down),
        )
        return tuple(effect for effect in effects if effect is not None)

    def _effect_of_clusters(self) -> RefinementEffect | None:
        popular, in_cluster = (
            self._ndcg(RECOMMENDERS[name].fit(self.task.seen, seed=self.settings.rng))
            for name in ("popular", "popular-in-cluster")
        )
        return self._effect("popularity by cluster", 1.0, (popular, in_cluster))

    def _effect_of_groups(self, choice: BlendChoice) -> RefinementEffect | None:
        overall = replace(self.blend, weights=choice.overall_weights, edges=(), clusters=None)
        strength = float(len(choice.weights) > 1)
        return self._effect("weights by group", strength, (self._ndcg(overall), self._ndcg(self.blend)))

    def _effect_of_dislikes(self, choice: BlendChoice, styles: Styles) -> RefinementEffect | None:
        task, strength = self.task, choice.dislike_strength
        plain, refined = (ndcg_with_aversion(self.blend, task, styles, tried) for tried in (0.0, strength or 1.0))
        return self._effect("dislikes", strength, (plain, refined), task.discoverers[dislikers(task)])

    def _effect_of_context(self, choice: BlendChoice, lifts: Lifts, times: ChoiceTimes) -> RefinementEffect | None:
        deep, strength = deep_lists(self.blend, self.task, times), choice.context_strength
        plain, refined = (timed_ndcg(deep, times, lifts, tried) for tried in (0.0, strength or 1.0))
        return self._effect("hour and weekday", strength, (plain, refined), times.listeners)

    def _effect_of_pushing_down(self, songs: pl.Series) -> RefinementEffect | None:
        """Return what it does to push down the songs heard before leaving, and how much less often they are listed."""
        task = self.task
        number = task.seen.song_numbers(songs)
        factor = np.ones(len(task.seen.songs), np.float32)
        factor[number[number >= 0]] = PUSH_DOWN_FACTOR
        refined = discovery_lists(Reranked(self.blend, factor), task)
        plain = self.lists[BLEND] if BLEND in self.lists else discovery_lists(self.blend, task)
        ndcg = listener_ndcg(plain, task.discovered), listener_ndcg(refined, task.discovered)
        effect = self._effect("songs heard before leaving pushed down", 0.0, ndcg)
        listed = tuple(float((factor[lists[:, :10]] < 1).mean()) for lists in (plain, refined))
        return None if effect is None else replace(effect, listed=listed)

    def _effect(
        self,
        name: str,
        strength: float,
        ndcg: tuple[NDArray[np.float64], NDArray[np.float64]],
        listeners: NDArray[np.int64] | None = None,
    ) -> RefinementEffect | None:
        listeners = self.task.discoverers if listeners is None else listeners
        return measure_effect(name, strength, ndcg, listeners, seed=self.settings.rng)

    def _ndcg(self, model: ListModel) -> NDArray[np.float64]:
        return listener_ndcg(discovery_lists(model, self.task), self.task.discovered)


def list_overlap(lists: Mapping[str, Lists]) -> tuple[tuple[str, str, float, float], ...]:
    """Return how many songs the lists of two recommenders have in common, in the mean over listeners.

    >>> list_overlap({"a": np.array([[1, 2, 3]]), "b": np.array([[3, 4, 1]])})
    (('a', 'b', 2.0, 2.0),)
    """
    names = list(lists)
    return tuple(
        (name, other, _common(lists[name][:, :10], lists[other][:, :10]), _common(lists[name], lists[other]))
        for number, name in enumerate(names)
        for other in names[number + 1 :]
    )


def _common(first: Lists, second: Lists) -> float:
    # In a row of both lists side by side, sorted, what is in both is there twice.
    both = np.sort(np.concatenate([first, second], axis=1), axis=1)
    return float(((both[:, 1:] == both[:, :-1]) & (both[:, 1:] >= 0)).sum() / max(1, len(first)))

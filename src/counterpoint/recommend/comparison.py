"""Recommenders side by side: all learn the same, list for the same listeners, and are judged by the same choices."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from counterpoint.errors import CounterpointError
from counterpoint.recommend.context import Lifts
from counterpoint.recommend.effects import Effect, Times, at_times, effect, lists_at
from counterpoint.recommend.interactions import Interactions
from counterpoint.recommend.model_selection import Choice, averse, dislikers
from counterpoint.recommend.models.blend import Blend
from counterpoint.recommend.models.factors import Projected
from counterpoint.recommend.models.nmf import NonNegative
from counterpoint.recommend.models.protocol import Model, nothing_barred
from counterpoint.recommend.models.published import train_errors
from counterpoint.recommend.models.registry import KINDS
from counterpoint.recommend.models.reranked import Reranked, Styles
from counterpoint.recommend.ranking_evaluation import Judged, Task, judge, lists_of, ndcgs
from counterpoint.recommend.recommender import FALLBACK, OURS, PUSHED, check_kind
from counterpoint.recommend.repeat_consumption import most_played, played_lately
from counterpoint.rng import check_seed
from counterpoint.stats.ranking import DEEPEST, Lists, Relevant

OWN: Final = "own most played"
LATELY: Final = "own, lately"
DEEP: Final = 100


@dataclass(frozen=True)
class Judging:
    """Which recommenders are judged, against which of them, and how."""

    names: tuple[str, ...]
    baseline: str
    seed: int
    resamples: int

    def check(self, windows: int) -> None:
        """Refuse what cannot be judged."""
        for name in self.names:
            check_kind(name)
        check_seed(self.seed)
        if windows < 1:
            raise CounterpointError(f"{windows} windows are none to judge on: 3 would be right")

    def look(self, given: Task, choice: Choice) -> "Looked":
        """Let all recommenders learn what is known, and list what listeners should discover."""
        histories, barred = given.seen.rows(given.who), nothing_barred(given.seen)
        ours, kinds = choice.fit(given.seen, seed=self.seed), {**KINDS, **dict(choice.tried)}
        lists: dict[str, NDArray[np.int32]] = {}
        remembered, rated = [], not np.isnan(given.seen.liked.rating).all()
        for name in self.names:
            model = ours if name == OURS else kinds[name].fit(given.seen, seed=self.seed)
            found = model.top(histories, DEEP, barred=barred).song
            lists[name] = np.pad(found, ((0, 0), (0, DEEP - found.shape[1])), constant_values=-1)
            if rated and isinstance(model, Projected | NonNegative) and model.weigh == "rating":
                remembered.append((name, *train_errors(model, given.seen)))
        return Looked(self, given, ours, lists, tuple(remembered))


@dataclass(frozen=True, eq=False)
class Looked:
    """What recommenders would have had listeners discover: lists of int32[listeners, 100], and the blend itself."""

    judging: Judging
    given: Task
    ours: Blend
    lists: Mapping[str, Lists]
    remembered: tuple[tuple[str, float, float], ...]

    def discovery(self) -> tuple[Judged, ...]:
        """Judge the lists by the songs chosen that were new to a listener, against the baseline and the blend."""
        given, lists = self.given, {name: deep[:, :DEEPEST] for name, deep in self.lists.items()}
        return self._judged(lists, given.new, given.who, given.seen, baselines=(self.judging.baseline, OURS))

    def replay(self) -> tuple[Judged, ...]:
        """Judge what listeners play most by the songs that they came back to."""
        given, own = self.given, self.given.seen.rows(self.given.again)
        lists = {LATELY: played_lately(own, DEEPEST), OWN: most_played(own, DEEPEST)}
        return self._judged(lists, given.known, given.again, given.seen, baselines=(OWN,), again=True)

    def cold(self) -> tuple[Judged, ...]:
        """Judge what every recommender gives to strangers by what they chose, against the baseline."""
        given, nobody, baseline = self.given, self.given.nothing_known, self.judging.baseline
        models = {name: KINDS[name].fit(given.seen, seed=self.judging.seed) for name in (FALLBACK, baseline)}
        barred = nothing_barred(nobody)
        lists = {name: model.top(nobody, DEEPEST, barred=barred).song for name, model in models.items()}
        return self._judged(lists, given.cold, np.arange(len(nobody)), nobody, baselines=(baseline,))

    def _judged(
        self,
        lists: Mapping[str, Lists],
        relevant: Relevant,
        who: NDArray[np.int64],
        seen: Interactions,
        **options: Any,
    ) -> tuple[Judged, ...]:
        """Return nothing where there is nobody to judge by."""
        if not len(who):
            return ()
        seed, resamples = self.judging.seed, self.judging.resamples
        return judge(lists, relevant, who, seen, seed=seed, resamples=resamples, **options)

    def effects(
        self, choice: Choice, styles: Styles, said: Lifts, when: Times, leavers: pl.Series | None
    ) -> tuple[Effect, ...]:
        """Return what each refinement does: chosen or not, at the strength chosen, or else at 1."""
        given, who, seed = self.given, self.given.who, self.judging.seed
        dislike, context = choice.dislike or 1.0, choice.context or 1.0
        deep = lists_at(self.ours, given, when)
        alone = replace(self.ours, weights=choice.whole, edges=(), clusters=None)
        ours, plain = (self._gains(model) for model in (self.ours, alone))
        popular, in_cluster = (
            self._gains(KINDS[name].fit(given.seen, seed=seed)) for name in ("popular", "popular-in-cluster")
        )
        told = [
            effect("popularity by cluster", 1.0, (popular, in_cluster), who, seed=seed),
            effect("weights by group", float(len(choice.weights) > 1), (plain, ours), who, seed=seed),
            effect(
                "dislikes",
                choice.dislike,
                (averse(self.ours, given, styles, 0.0), averse(self.ours, given, styles, dislike)),
                who[dislikers(given)],
                seed=seed,
            ),
            effect(
                "hour and weekday",
                choice.context,
                (at_times(deep, when, said, 0.0), at_times(deep, when, said, context)),
                when.who,
                seed=seed,
            ),
        ]
        if leavers is not None:
            told.append(self._pushed(leavers))
        return tuple(each for each in told if each is not None)

    def _gains(self, model: Model) -> NDArray[np.float64]:
        return ndcgs(lists_of(model, self.given), self.given.new)

    def _pushed(self, leavers: pl.Series) -> Effect | None:
        """Return what it does to push down the songs heard before leaving, and how much less often they are listed."""
        given = self.given
        number = given.seen.song_numbers(leavers)
        factor = np.ones(len(given.seen.songs), np.float32)
        factor[number[number >= 0]] = PUSHED
        lists = lists_of(Reranked(self.ours, factor), given)
        before = self.lists[OURS] if OURS in self.lists else lists_of(self.ours, given)
        found = effect(
            "songs heard before leaving pushed down",
            0.0,
            (ndcgs(before, given.new), ndcgs(lists, given.new)),
            given.who,
            seed=self.judging.seed,
        )
        listed = (float((factor[each[:, :10]] < 1).mean()) for each in (before, lists))
        return None if found is None else replace(found, listed=tuple(listed))


def overlap(lists: Mapping[str, Lists]) -> tuple[tuple[str, str, float, float], ...]:
    """Return how many songs the lists of two recommenders have in common, in the mean over listeners.

    >>> overlap({"a": np.array([[1, 2, 3]]), "b": np.array([[3, 4, 1]])})
    (('a', 'b', 2.0, 2.0),)
    """
    names = list(lists)
    return tuple(
        (one, other, _common(lists[one][:, :10], lists[other][:, :10]), _common(lists[one], lists[other]))
        for at, one in enumerate(names)
        for other in names[at + 1 :]
    )


def _common(one: Lists, other: Lists) -> float:
    # In a row of both lists side by side, sorted, what is in both is there twice.
    both = np.sort(np.concatenate([one, other], axis=1), axis=1)
    return float(((both[:, 1:] == both[:, :-1]) & (both[:, 1:] >= 0)).sum() / max(1, len(one)))

"""Lists evaluated by what listeners chose later: every song that could have been listed competes, none is sampled."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from counterpoint.errors import CounterpointError
from counterpoint.recommend.interactions import Interactions
from counterpoint.stats.intervals import Estimate, bootstrap_each
from counterpoint.stats.labels import Weights
from counterpoint.stats.ranking import METRICS, Lists, Reach, Relevant, list_metrics, measure_reach

NDCG: Final = "ndcg@10"
MIN_HISTORY: Final = 5  # songs that make a history
MIN_IMPROVEMENT: Final = 0.01  # relative, from which on a recommender wins


@dataclass(frozen=True)
class RankingEvaluation:
    """How well one recommender did.

    metrics     : an estimate of each of `METRICS`
    improvement : by how much its NDCG@10 is above that of others, relative, on the same resamples
    by_history  : the NDCG@10 of those who knew 1 to 4 songs, and of those who knew more
    reach       : what its lists reach, whatever is right; None of repeat consumption, and where nobody knew anything
    """

    recommender: str
    metrics: Mapping[str, Estimate]
    improvement: Mapping[str, Estimate]
    by_history: Mapping[str, Estimate]
    reach: Reach | None

    def wins(self, over: str) -> bool:
        """Say whether it is ahead by 1 % or more, and surely ahead."""
        gap = self.improvement.get(over)
        return gap is not None and gap.value >= MIN_IMPROVEMENT and gap.low > 0


@dataclass(frozen=True, eq=False)
class Audience:
    """Whom lists are for, and what is right for each of them.

    listeners : int64[lists], their numbers in `seen`
    relevant  : what each of them chose
    returning : whether that is songs they knew, and came back to
    """

    seen: Interactions
    listeners: NDArray[np.int64]
    relevant: Relevant
    returning: bool = False

    @property
    def history_lengths(self) -> dict[str, NDArray[np.bool_]]:
        """Who of them knew 1 to 4 songs, and who more."""
        known = self.seen.counts[self.listeners]
        return {
            f"1 to {MIN_HISTORY - 1} songs": (known > 0) & (known < MIN_HISTORY),
            f"{MIN_HISTORY} songs or more": known >= MIN_HISTORY,
        }


def listener_ndcg(lists: Lists, relevant: Relevant) -> NDArray[np.float64]:
    """Return the NDCG@10 of each list, float64[lists]."""
    return list_metrics(lists, relevant)[:, list(METRICS).index(NDCG)]


def mean_ndcg(lists: Lists, relevant: Relevant) -> float:
    """Return the mean NDCG@10; nan of no list."""
    return float(listener_ndcg(lists, relevant).mean()) if len(lists) else np.nan


def evaluate_lists(
    lists: Mapping[str, Lists], audience: Audience, *, baselines: Sequence[str], seed: int, resamples: int = 1000
) -> tuple[RankingEvaluation, ...]:
    """Evaluate the lists of each recommender, int[listeners, 20], on the same listeners and resamples.

    Raises
    ------
    CounterpointError
        If there is no listener to evaluate on.
    """
    if not len(audience.listeners):
        what = "came back to a song they knew" if audience.returning else "chose a song they did not know"
        raise CounterpointError(f"no listener {what} in the days to judge by")
    names, baselines = list(lists), [name for name in baselines if name in lists]
    each = np.stack(
        [list_metrics(lists[name], audience.relevant) for name in names]
    )  # [recommenders, listeners, metrics]
    groups = audience.history_lengths
    statistics = _statistics(each, [names.index(name) for name in baselines], list(groups.values()))
    estimates = bootstrap_each(statistics, audience.listeners, rng=seed, resamples=resamples)
    means, gaps = len(names) * len(METRICS), len(names) * len(baselines)
    evaluations = []
    for number, name in enumerate(names):
        improvement = _named(baselines, estimates[means + number * len(baselines) :])
        by_history = _named(groups, estimates[means + gaps + number * len(groups) :])
        evaluations.append(
            RankingEvaluation(
                name,
                _named(METRICS, estimates[number * len(METRICS) :]),
                {other: estimate for other, estimate in improvement.items() if other != name},
                {group: replace(one, count=int(groups[group].sum())) for group, one in by_history.items()},
                _reach(lists[name], audience),
            )
        )
    return tuple(evaluations)


def _statistics(
    each: NDArray[np.float64], baselines: list[int], groups: list[NDArray[np.bool_]]
) -> Callable[[Weights], NDArray[np.float64]]:
    """Return what is estimated: all means, all relative gaps to baselines, and the NDCG@10 of each group."""

    def statistics(weights: Weights) -> NDArray[np.float64]:
        total = weights.sum()
        mean = np.einsum("rlm,l->rm", each, weights) / total
        base = mean[baselines, 0]
        with np.errstate(divide="ignore", invalid="ignore"):
            gap = mean[:, 0][:, None] / base - 1
            by_group = np.stack([each[:, of, 0] @ weights[of] / weights[of].sum() for of in groups], axis=1)
        return np.concatenate([mean.ravel(), np.where(np.isfinite(gap), gap, np.nan).ravel(), by_group.ravel()])

    return statistics


def _named(names: Iterable[str], estimates: Sequence[Estimate | None]) -> dict[str, Estimate]:
    return {name: estimate for name, estimate in zip(names, estimates, strict=False) if estimate is not None}


def _reach(lists: Lists, audience: Audience) -> Reach | None:
    if audience.returning or not audience.seen.counts[audience.listeners].any():
        return None
    popularity = audience.seen.listener_counts / max(1, len(audience.seen))
    histories = audience.seen.rows(audience.listeners)
    total = np.bincount(histories.listener, popularity[histories.song], minlength=len(histories))
    return measure_reach(lists, popularity, total / np.maximum(histories.counts, 1))

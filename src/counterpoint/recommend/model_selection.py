"""Settings, members and weights, chosen by what listeners did later, and never by what they are judged on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from counterpoint.recommend.interactions import Interactions
from counterpoint.recommend.models.blend import (
    DEPTH,
    EDGES,
    Blend,
    Weights,
    fitted,
    fitted_by,
    gains,
    groups,
    member_lists,
)
from counterpoint.recommend.models.clusters import Clusters, clusters
from counterpoint.recommend.models.protocol import Kind, Model, nothing_barred
from counterpoint.recommend.models.registry import AS_PUBLISHED, KINDS, MEMBERS, drawn
from counterpoint.recommend.models.reranked import Reranked, Styles
from counterpoint.recommend.ranking_evaluation import WIN, Task, lists_of, ndcgs
from counterpoint.rng import generator
from counterpoint.stats.intervals import bootstrap
from counterpoint.stats.ranking import DEEPEST, Relevant

CLUSTERS: Final = 8
FEWEST: Final = 100  # listeners, for weights by group
STRENGTHS: Final = (0.5, 1.0, 2.0, 4.0)  # that are tried of what may reorder a list
PLACES: Final = 16  # factors that listeners are clustered by
LUCK: Final = 3.0  # standard errors: of 40 settings that are no better, one is as far ahead once in twenty times
READ: Final = 50_000  # listeners, above which an autoencoder would not read all, and is not asked


@dataclass(frozen=True, eq=False)
class Choice:
    """A blend before it has learned; `weights`, `edges` and `clusters` (over the catalogue `songs`) are a `Blend`'s.

    whole   : float32[1, members], the weights that fit all listeners together
    dislike : how far songs of a style that a listener dislikes go down (`Reranked`); 0 if that was not seen to help
    context : the power of a style's lift at a time of day or week; 0 if that was not seen to help
    tried   : name of each kind whose settings were searched, members or not, and the best
    """

    members: tuple[tuple[str, Kind], ...]
    weights: Weights
    whole: Weights
    edges: tuple[int, ...] = ()
    clusters: Clusters | None = None
    songs: pl.Series | None = None
    dislike: float = 0.0
    context: float = 0.0
    tried: tuple[tuple[str, Kind], ...] = ()

    @property
    def shares(self) -> tuple[tuple[str, float], ...]:
        """Name of each member, and its weight in the mean over the groups."""
        return tuple(
            (name, float(mean)) for (name, _), mean in zip(self.members, self.weights.mean(axis=0), strict=True)
        )

    def fit(self, seen: Interactions, *, seed: int) -> Blend:
        """Let every member learn."""
        members = tuple(kind.fit(seen, seed=seed) for _, kind in self.members)
        where = self.clusters
        if where is not None and self.songs is not None:
            where = Clusters(where.places.over(self.songs, seen), where.centres)
        return Blend(members, self.weights, self.edges, where)


EVEN: Final = np.array([[0.5, 0.5]], np.float32)
UNTRIED: Final = Choice((("walk", KINDS["walk"]), ("ials", KINDS["ials"])), EVEN, EVEN)
"""Where there is nothing to choose by."""


def searched(kind: Kind, given: Task, *, settings: int, seed: int) -> tuple[Kind, Model, float]:
    """Return the settings with the highest NDCG@10 of so many tried that are surely ahead of those it has, or these.

    It is those, then others: half of them drawn from anywhere in the ranges, the rest near the best so far. The best of
    many is partly the luckiest of many: of few listeners it often does worse later on than what a kind comes with.
    """
    rng = generator(seed)

    def with_gains(tried: Kind) -> tuple[Kind, Model, NDArray[np.float64]]:
        model = tried.fit(given.seen, seed=seed)
        return tried, model, ndcgs(lists_of(model, given), given.new)

    own = best = found = with_gains(kind)
    for at in range(1, settings):
        other = with_gains(drawn(best[0], rng, near=True) if 2 * at > settings else drawn(kind, rng))
        best = max(best, other, key=lambda each: float(each[2].mean()))
        ahead = other[2] - own[2]
        if ahead.mean() > LUCK * ahead.std() / np.sqrt(len(ahead)) and other[2].mean() > found[2].mean():
            found = other
    return found[0], found[1], float(found[2].mean())


def choose(
    given: Task,
    *,
    settings: int = 1,
    seed: int,
    names: Sequence[str] = MEMBERS,
    styles: Styles | None = None,
    beside: Sequence[str] = (),
) -> tuple[Choice, Blend]:
    """Return the blend that does best on a task, as a choice and as it has learned from what was seen.

    Each member's settings are searched, then the weights fitted: for all listeners, or by how many songs they know, or
    by cluster as well, whichever the other half of the listeners bears out. A member that nobody needs is dropped. With
    `styles`, what is like a disliked song goes down if that wins. Kinds that are to be judged `beside` the blend are
    searched with as many settings; the study's have their own.
    """
    if not len(given.who):
        return UNTRIED, UNTRIED.fit(given.seen, seed=seed)
    names = [name for name in names if name != "autoencoder" or len(given.seen) <= READ]
    found = {name: searched(KINDS[name], given, settings=settings, seed=seed) for name in names}
    others = [name for name in beside if settings > 1 and name in KINDS and name not in {*names, *AS_PUBLISHED}]
    tried = {name: kind for name, (kind, _, _) in found.items()} | {
        name: searched(KINDS[name], given, settings=settings, seed=seed)[0] for name in others
    }
    histories = given.seen.rows(given.who)
    models = tuple(model for _, model, _ in found.values())
    lists = member_lists(models, histories, DEPTH, barred=nothing_barred(given.seen))
    whole = fitted(lists, given.new)
    edges: tuple[int, ...] = ()
    where, weights = None, whole[None]
    bands = groups(histories, EDGES, None)
    if borne_out(bands, lists, given.new, seed=seed):
        edges = EDGES
        weights = fitted_by(bands, len(EDGES) + 1, lists, given.new, whole)
    tastes = clusters(given.seen, CLUSTERS, factors=PLACES, seed=seed)
    each = groups(histories, edges, tastes)
    if borne_out(each, lists, given.new, seed=seed, against=groups(histories, edges, None)):
        where = tastes
        weights = fitted_by(each, int(each.max()) + 1, lists, given.new, whole)
    needed = np.flatnonzero(weights.any(axis=0) | (whole > 0)).tolist()
    made = Choice(
        tuple((names[at], found[names[at]][0]) for at in needed),
        np.ascontiguousarray(weights[:, needed]),
        np.ascontiguousarray(whole[None, needed]),
        edges,
        where,
        given.seen.songs,
        tried=tuple(tried.items()),
    )
    blend = Blend(tuple(models[at] for at in needed), made.weights, edges, where)
    if styles is not None:
        made = replace(made, dislike=dislike_by(blend, given, styles, seed=seed))
    return made, blend


def dislike_by(model: Model, given: Task, styles: Styles, *, seed: int) -> float:
    """Return how far to push down songs of styles that listeners dislike songs of: what surely wins, or 0."""
    tried = {strength: averse(model, given, styles, strength) for strength in (0.0, *STRENGTHS)}
    return surely_best(tried, given.who[dislikers(given)], seed=seed) if len(tried[0.0]) >= FEWEST else 0.0


def dislikers(given: Task) -> NDArray[np.bool_]:
    """Return which of those judged dislike something, bool[listeners]."""
    return np.asarray(given.seen.pairs(given.seen.disliked).counts[given.who] > 0)


def averse(model: Model, given: Task, styles: Styles, strength: float) -> NDArray[np.float64]:
    """Return the NDCG@10 of each of those who dislike something, with what they may dislike pushed down so far."""
    of = dislikers(given)
    even = np.ones(len(given.seen.songs), np.float32)
    histories, barred = given.seen.rows(given.who[of]), nothing_barred(given.seen)
    lists = Reranked(model, even, styles, strength).top(histories, DEEPEST, barred=barred)
    return ndcgs(lists.song, given.new.rows(of))


def surely_best(gains: Mapping[float, NDArray[np.float64]], who: NDArray[np.int64], *, seed: int) -> float:
    """Return the strength with the highest mean gain if it wins over 0: by 1 %, and surely ahead; otherwise 0.

    gains : float64[lists] of each strength, 0 among them; who : int64[lists], whose list each is
    """
    best = max(gains, key=lambda strength: float(gains[strength].mean()))
    plain, other = gains[0.0], gains[best]
    if best == 0 or not plain.any():
        return 0.0
    gap = bootstrap(
        lambda weights: float(np.average(other, weights=weights) / np.average(plain, weights=weights) - 1),
        who,
        rng=seed,
    )
    return best if gap.value >= WIN and gap.low > 0 else 0.0


def borne_out(
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
    if len(np.unique(group)) < 2 or len(group) < FEWEST:
        return False
    against = np.zeros_like(group) if against is None else against
    half = generator(seed).random(len(group)) < 0.5
    ahead = np.zeros(len(group))
    for own in (half, ~half):
        whole = fitted(lists[:, own], relevant.rows(own))
        by, plain = (
            fitted_by(of[own], int(of.max()) + 1, lists[:, own], relevant.rows(own), whole)[of[~own]]
            for of in (group, against)
        )
        other = np.ascontiguousarray(lists[:, ~own])
        ahead[~own] = gains(other, by, relevant.rows(~own)) - gains(other, plain, relevant.rows(~own))
    found = bootstrap(lambda weights: float(np.average(ahead, weights=weights)), np.arange(len(ahead)), rng=seed)
    return found.low > 0

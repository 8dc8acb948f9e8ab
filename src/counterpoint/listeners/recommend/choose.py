"""Which settings, which members, which weights: chosen by what listeners did later, never by what they are judged on."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from counterpoint.evaluate.intervals import bootstrap
from counterpoint.evaluate.ranking import Relevant
from counterpoint.listeners.recommend.interactions import Interactions
from counterpoint.listeners.recommend.judge import Task, gain, lists_of
from counterpoint.listeners.recommend.models.blend import (
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
from counterpoint.listeners.recommend.models.clusters import Clusters, clusters
from counterpoint.listeners.recommend.models.kinds import KINDS, MEMBERS, drawn
from counterpoint.listeners.recommend.models.model import Kind, Model, nothing_barred
from counterpoint.rng import generator

CLUSTERS: Final = 8
FEWEST: Final = 100  # listeners, for weights by group
PLACES: Final = 16  # factors that listeners are clustered by


@dataclass(frozen=True, eq=False)
class Choice:
    """A blend before it has learned; `weights`, `edges` and `clusters` (over the catalogue `songs`) are a `Blend`'s."""

    members: tuple[tuple[str, Kind], ...]
    weights: Weights
    edges: tuple[int, ...] = ()
    clusters: Clusters | None = None
    songs: pl.Series | None = None

    @property
    def shares(self) -> tuple[tuple[str, float], ...]:
        """Name of each member, and its weight in the mean over the groups."""
        return tuple((name, float(mean)) for (name, _), mean in zip(self.members, self.weights.mean(axis=0), strict=True))

    @property
    def settings(self) -> Mapping[str, Any]:
        """The settings of each member."""
        return {name: asdict(kind) for name, kind in self.members}  # type: ignore[call-overload]

    def fit(self, seen: Interactions, *, seed: int) -> Blend:
        """Let every member learn."""
        members = tuple(kind.fit(seen, seed=seed) for _, kind in self.members)
        where = self.clusters
        if where is not None and self.songs is not None:
            where = Clusters(where.places.over(self.songs, seen), where.centres)
        return Blend(members, self.weights, self.edges, where)


UNTRIED: Final = Choice((("walk", KINDS["walk"]), ("ials", KINDS["ials"])), np.array([[0.5, 0.5]], np.float32))
"""Where there is nothing to choose by."""


def searched(kind: Kind, given: Task, *, settings: int, seed: int) -> tuple[Kind, Model, float]:
    """Return the settings with the highest NDCG@10 of so many tried: those it has, then others drawn at random."""
    rng = generator(seed)

    def judged(tried: Kind) -> tuple[Kind, Model, float]:
        model = tried.fit(given.seen, seed=seed)
        return tried, model, gain(lists_of(model, given), given.new)

    best = judged(kind)
    for _ in range(settings - 1):
        best = max(best, judged(drawn(kind, rng)), key=lambda found: found[2])
    return best


def choose(
    given: Task, *, settings: int = 1, seed: int, names: Sequence[str] = MEMBERS, kinds: Mapping[str, Kind] = KINDS
) -> Choice:
    """Return the blend that does best on a task.

    Each member's settings are searched, then the weights fitted: for all listeners, or by how many songs they know, or
    by cluster as well, whichever the other half of the listeners bears out. A member that nobody needs is dropped.
    """
    if not len(given.who):
        return UNTRIED
    found = {name: searched(kinds[name], given, settings=settings, seed=seed) for name in names}
    histories = given.seen.rows(given.who)
    models = tuple(model for _, model, _ in found.values())
    lists = member_lists(models, histories, DEPTH, barred=nothing_barred(given.seen))
    whole = fitted(lists, given.new)
    edges, where, weights = (), None, whole[None]
    bands = groups(histories, EDGES, None)
    if borne_out(bands, lists, given.new, seed=seed):
        edges = EDGES
        weights = fitted_by(bands, len(EDGES) + 1, lists, given.new, whole)
    tastes = clusters(given.seen, CLUSTERS, factors=PLACES, seed=seed)
    each = groups(histories, edges, tastes)
    if borne_out(each, lists, given.new, seed=seed, against=groups(histories, edges, None)):
        where = tastes
        weights = fitted_by(each, int(each.max()) + 1, lists, given.new, whole)
    needed = np.flatnonzero(weights.any(axis=0))
    members = tuple((names[at], found[names[at]][0]) for at in needed)
    return Choice(members, np.ascontiguousarray(weights[:, needed]), edges, where, given.seen.songs)


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

"""What most listeners know: overall, lately, or of those with the same device. Hard to beat without a history."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from counterpoint.recommend.interactions import UNKNOWN_DEVICE, Interactions
from counterpoint.recommend.models.protocol import Excluded, RankedLists, unwanted
from counterpoint.recommend.models.scoring_kernels import top_listed


@dataclass(frozen=True, eq=False)
class PopularityModel:
    """A recommender that has counted.

    share : float32[groups, songs], of a group's listeners; group 0 is everybody, group d + 1 those with device d,
            shrunk towards everybody's
    """

    share: NDArray[np.float32]

    @cached_property
    def order(self) -> NDArray[np.int32]:
        """Each group's songs, int32[groups, songs], the largest share first."""
        return largest_first(self.share)

    def top(self, histories: Interactions, count: int, *, excluded: Excluded, new: bool = True) -> RankedLists:
        """Return the songs that most listeners of the same device know; see `ListModel.top`."""
        group = np.where(histories.device < len(self.share) - 1, histories.device + 1, 0).astype(np.int64)
        return top_of_groups(self.order, self.share, group, unwanted(histories, new=new), excluded, count)

    def explanation(self, history: Interactions, song: int) -> NDArray[np.float64] | None:
        """Return None: nothing of the history matters."""


@dataclass(frozen=True)
class Popularity:
    """Counts listeners; those whose last play is of the last `days`, if these are given.

    by_device       : a list for each device, shrunk towards the list of all
    prior_listeners : listeners of all that stand beside a device's own
    """

    days: int | None = None
    by_device: bool = False
    prior_listeners: float = 100.0

    def fit(self, seen: Interactions, *, seed: int) -> PopularityModel:  # noqa: ARG002  nothing is drawn
        """Count."""
        counted = seen.liked
        if self.days is not None and len(counted.last_day):
            counted = counted.pairs(counted.last_day > counted.last_day.max() - self.days)
        everybody = _counts(counted, np.ones(len(seen), np.bool_)) / max(1, len(seen))
        groups = [everybody]
        if self.by_device:
            for device in range(UNKNOWN_DEVICE + 1, int(seen.device.max(initial=UNKNOWN_DEVICE)) + 1):
                users, prior = seen.device == device, self.prior_listeners
                groups.append((_counts(counted, users) + prior * everybody) / (users.sum() + prior))
        return PopularityModel(np.stack(groups).astype(np.float32))


def top_of_groups(
    order: NDArray[np.int32],
    share: NDArray[np.float32],
    group: NDArray[np.int64],
    skipped: Interactions,
    excluded: Excluded,
    count: int,
) -> RankedLists:
    """Return for each listener the first songs of their group's list that are neither skipped nor excluded."""
    return RankedLists(
        *top_listed(order, share, group, skipped.start, skipped.song, excluded, min(count, len(excluded)))
    )


def largest_first(share: NDArray[np.float32]) -> NDArray[np.int32]:
    """Return the songs of each group in order, int32[groups, songs]; of equal shares the better known song first."""
    return np.argsort(-share, axis=1, kind="stable").astype(np.int32)


def _counts(counted: Interactions, of: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.bincount(counted.song[of[counted.listener]], minlength=len(counted.songs)).astype(np.float64)

"""What most listeners know: overall, lately, or of those with the same device. Hard to beat without a history."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from counterpoint.recommend.interactions import ANY_DEVICE, Interactions
from counterpoint.recommend.models.protocol import Barred, Ranked, unwanted
from counterpoint.recommend.models.scoring_kernels import top_listed


@dataclass(frozen=True, eq=False)
class Popular:
    """A recommender that has counted.

    share : float32[groups, songs], of a group's listeners; group 0 is everybody, group d + 1 those with device d,
            drawn to everybody
    """

    share: NDArray[np.float32]

    @cached_property
    def order(self) -> NDArray[np.int32]:
        """Each group's songs, int32[groups, songs], the largest share first."""
        return largest_first(self.share)

    def top(self, histories: Interactions, count: int, *, barred: Barred, new: bool = True) -> Ranked:
        """Return the songs that most listeners of the same device know; see `Model.top`."""
        group = np.where(histories.device < len(self.share) - 1, histories.device + 1, 0).astype(np.int64)
        out = unwanted(histories, new=new)
        return Ranked(*top_listed(self.order, self.share, group, out.start, out.song, barred, min(count, len(barred))))

    def because(self, history: Interactions, song: int) -> NDArray[np.float64] | None:
        """Return None: nothing of the history matters."""


@dataclass(frozen=True)
class PopularKind:
    """Counts listeners; those whose last play is of the last `days`, if these are given.

    by_device : a list for each device, drawn to the list of all: `drawn` listeners of all stand beside its own
    """

    days: int | None = None
    by_device: bool = False
    drawn: float = 100.0

    def fit(self, seen: Interactions, *, seed: int) -> Popular:  # noqa: ARG002  nothing is drawn
        """Count."""
        counted = seen.liked
        if self.days is not None and len(counted.last):
            counted = counted.pairs(counted.last > counted.last.max() - self.days)
        everybody = _counts(counted, np.ones(len(seen), np.bool_)) / max(1, len(seen))
        groups = [everybody]
        if self.by_device:
            for device in range(ANY_DEVICE + 1, int(seen.device.max(initial=ANY_DEVICE)) + 1):
                own = seen.device == device
                groups.append((_counts(counted, own) + self.drawn * everybody) / (own.sum() + self.drawn))
        return Popular(np.stack(groups).astype(np.float32))


def largest_first(share: NDArray[np.float32]) -> NDArray[np.int32]:
    """Return the songs of each group in order, int32[groups, songs]; of equal shares the better known song first."""
    return np.argsort(-share, axis=1, kind="stable").astype(np.int32)


def _counts(counted: Interactions, of: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.bincount(counted.song[of[counted.whose]], minlength=len(counted.songs)).astype(np.float64)

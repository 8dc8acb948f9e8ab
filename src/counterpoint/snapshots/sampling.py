"""A share of the listeners instead of all of them: the same ones on every engine and in every run."""

from dataclasses import dataclass
from typing import Final

from counterpoint.errors import CounterpointError
from counterpoint.events.schema import BUCKETS
from counterpoint.rng import generator


@dataclass(frozen=True)
class Sample:
    """A share of the listeners, chosen by a hash of their uid: whoever is in it is so on every engine and in every run.

    >>> Sample(0.1).where == Sample(0.1).where, Sample(0.1, seed=1).where == Sample(0.1).where
    (True, False)
    """

    share: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise CounterpointError(f"a sample is a share of the listeners in (0, 1]; got {self.share}")

    @property
    def where(self) -> str:
        """Portable SQL: which events are of its listeners, those in the first buckets of a permutation."""
        rng = generator(self.seed)
        factor = next(int(odd) for odd in 2 * rng.integers(BUCKETS // 2, size=100) + 1 if odd % 5)
        return (
            f"(CAST(bucket AS BIGINT) * {factor} + {rng.integers(BUCKETS)}) % {BUCKETS} < {round(self.share * BUCKETS)}"
        )


ALL_LISTENERS: Final = Sample()

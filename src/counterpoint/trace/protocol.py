"""What every detector is: a snapshot in, a score for every node out."""

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from counterpoint.trace.problem import Codes, Problem

Scores = NDArray[np.float64]


class Detector(Protocol):
    """One way to tell sources from others.

    name   : what it is called
    about  : where it is from
    is_probabilistic : whether exp(scores), made to add up to one, are meant as probabilities; else their order counts
    """

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def about(self) -> str: ...  # noqa: D102
    @property
    def is_probabilistic(self) -> bool: ...  # noqa: D102

    def scores(self, problem: Problem, codes: Codes, rng: np.random.Generator) -> Scores:
        """Return how much each node looks like a source, float64[nodes]; -inf for those that cannot be one."""
        ...


@dataclass(frozen=True, eq=False)
class FixedScores:
    """Scores of one snapshot that are known already, as a detector."""

    given: Scores
    name: ClassVar = "known"
    about: ClassVar = "Scores that were given."
    is_probabilistic: ClassVar = True

    def scores(self, problem: Problem, codes: Codes, rng: np.random.Generator) -> Scores:  # noqa: ARG002
        """Return them."""
        return self.given


def probabilities(scores: Scores) -> NDArray[np.float64]:
    """Return exp(scores), made to add up to one.

    >>> probabilities(np.log([1.0, 3.0]) - 2000)
    array([0.25, 0.75])
    """
    weights = np.exp(scores - scores.max())
    return np.asarray(weights / weights.sum())


def ranked(scores: Scores, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the nodes by falling score, equal ones in random order, without those that cannot be a source."""
    order = np.lexsort((rng.random(len(scores)), -scores))
    return order[: int((scores > -np.inf).sum())]

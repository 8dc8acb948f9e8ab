"""Whether a sampler mixed, and what its chains found together.

Chains run in two populations that know nothing of each other. Only if both find nearly the same, by total variation
distance, has the sampler mixed; what did not mix is sure of itself and may be wrong.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from counterpoint.trace.protocol import Scores

POPULATIONS: Final = 2
MAX_DISTANCE: Final = 0.35  # populations further apart have not mixed
UNVISITED_SHARE: Final = 1e-3  # of the probability is left for suspects that no chain came to


class SampledPosterior(NamedTuple):
    """What chains found.

    probability : float64[nodes], of each to be a source; adds up to one
    exact       : share of histories kept that are exact: all of them, in chains that have any, have the posterior's law
    between     : total variation distance between what the two populations of chains found
    """

    probability: NDArray[np.float64]
    exact: float
    between: float

    @property
    def mixed(self) -> bool:
        """Whether the populations, which know nothing of each other, agree."""
        return self.between < MAX_DISTANCE

    def scores(self, suspect: NDArray[np.bool_]) -> Scores:
        """Return ln of the probabilities, a small part of which is left for all suspects."""
        with np.errstate(divide="ignore"):
            left = UNVISITED_SHARE * suspect / suspect.sum()
            return np.asarray(np.log((1 - UNVISITED_SHARE) * self.probability + left))


class ChainCounts(NamedTuple):
    """How often histories began where, in the sweeps that were kept.

    exact         : int64[chains], exact histories
    exact_origins : int64[chains, nodes], where exact ones began
    origins       : int64[chains, nodes], where one of the beginnings was, of all
    sweeps        : how many were kept, a chain
    """

    exact: NDArray[np.int64]
    exact_origins: NDArray[np.int64]
    origins: NDArray[np.int64]
    sweeps: int


def combine_chains(counts: ChainCounts, suspect: NDArray[np.bool_]) -> SampledPosterior:
    """Put chains together: of each its exact histories if there are any, of all the exact ones if there are any."""
    exact = counts.exact
    origins = np.where(exact[:, None] > 0, counts.exact_origins, counts.origins) * suspect
    if not origins.any():
        return SampledPosterior(suspect / suspect.sum(), 0.0, 1.0)
    shares = origins / np.maximum(origins.sum(1, keepdims=True), 1)
    populations = [part[part.sum(1) > 0] for part in np.array_split(shares, POPULATIONS)]
    means = [part.mean(0) for part in populations if len(part)]
    between = float(np.abs(means[0] - means[-1]).sum() / 2) if len(means) > 1 else 1.0
    used = (exact > 0) if exact.any() else (shares.sum(1) > 0)
    return SampledPosterior(shares[used].mean(0), float(exact.mean() / counts.sweeps), between)

"""A permutation test asks how often chance alone, within groups of like units, gives as much as was seen."""

import numpy as np
from numpy.typing import NDArray

from counterpoint.errors import CounterpointError
from counterpoint.rng import generator


def linear_test(
    weights: NDArray[np.float64],
    labels: NDArray[np.bool_],
    strata: NDArray[np.int64],
    *,
    rng: int | np.random.Generator,
    permutations: int = 9999,
) -> float:
    """Return the two-sided p value of the sum of `weights` over the labelled units, labels permuted within strata.

    One entry a unit, all arrays of one length. The p value counts the order seen as one of the permutations (Phipson &
    Smyth 2010), so it is never 0; the centre is the mean under permutation. Units of one stratum and one weight are
    alike, so a permutation is how many labels fall on each such group: drawn as that (multivariate hypergeometric), it
    is exact, and cheap where many units are alike.

    Raises CounterpointError if there is not one weight, label and stratum a unit, or no permutation is asked for.

    >>> linear_test(np.arange(8.0), np.arange(8) > 3, np.zeros(8, np.int64), rng=1) < 0.06  # 2 of 70 orders
    True
    """
    if not len(weights) == len(labels) == len(strata) or permutations < 1:
        raise CounterpointError(
            f"one weight, label and stratum a unit and a permutation or more are needed; got {len(weights)},"
            f" {len(labels)}, {len(strata)} and {permutations}"
        )
    rng, sums, observed, mean = generator(rng), np.zeros(permutations), 0.0, 0.0
    for stratum in np.unique(strata):
        inside = strata == stratum
        values, units = np.unique(weights[inside], return_counts=True)
        labelled = int(labels[inside].sum())
        sums += rng.multivariate_hypergeometric(units, labelled, permutations, method="marginals") @ values
        observed += float(weights[inside & labels].sum())
        mean += labelled * float(values @ units) / int(units.sum())
    # Sums of the same numbers in another order differ in their last bits: these are ties, not less.
    tolerance = 1e-9 * max(1e-300, float(np.abs(weights).sum()))
    as_extreme = int((np.abs(sums - mean) >= abs(observed - mean) - tolerance).sum())
    return (1 + as_extreme) / (1 + permutations)

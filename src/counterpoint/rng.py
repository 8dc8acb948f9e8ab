"""Randomness is an argument: whatever draws takes `rng`, and the same seed tells the same story."""

import numpy as np


def generator(rng: int | np.random.Generator) -> np.random.Generator:
    """Return a generator for `rng`: a seed makes a new one, a generator is used as it is.

    >>> int(generator(7).integers(100)) == int(generator(7).integers(100))
    True
    """
    return rng if isinstance(rng, np.random.Generator) else np.random.default_rng(rng)

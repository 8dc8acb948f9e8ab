"""Randomness is an argument: whatever draws takes `rng`, and the same seed tells the same story."""

import numpy as np

from counterpoint.errors import CounterpointError


def generator(rng: int | np.random.Generator) -> np.random.Generator:
    """Return a generator for `rng`: a seed makes a new one, a generator is used as it is.

    >>> int(generator(7).integers(100)) == int(generator(7).integers(100))
    True
    """
    return rng if isinstance(rng, np.random.Generator) else np.random.default_rng(check_seed(rng))


def check_seed(seed: int) -> int:
    """Return the seed if it is one: a whole number that fits 32 bits, as every library below takes it."""
    if not 0 <= seed < 2**32:
        raise CounterpointError(f"the seed must lie within [0, 2^32), got {seed}")
    return seed

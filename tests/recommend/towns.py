"""Small worlds of two tastes, with all that a table of interactions can tell."""

import numpy as np
import polars as pl


def table(pairs, **columns):
    """Return one row a pair (uid, song_id), with more columns."""
    return pl.DataFrame(pairs, schema=["uid", "song_id"], orient="row").with_columns(**columns)


def town(taste=8.0):
    """Return sixty listeners of two tastes and thirty songs, no two of which as many know."""
    rng = np.random.default_rng(11)
    rows = []
    for song in range(30):
        chance = np.where(np.arange(60) % 2 == song % 2, taste, 1.0)
        rows += [(int(uid), song) for uid in rng.choice(60, 6 + song, replace=False, p=chance / chance.sum())]
    known = len(rows)
    return table(
        rows,
        plays=rng.integers(1, 9, known),
        rating=rng.uniform(1, 5, known).round(3),
        day=pl.Series(rng.integers(17000, 17030, known), dtype=pl.Int32),
        disliked=rng.random(known) < 0.05,
        device=pl.Series(["phone", "desk", "car"])[rng.integers(0, 3, known)],
    )


TOWN = town()
APART = town(taste=1000.0)

"""The invented people: who they are to the platform, what they like, and who their friends are."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from counterpoint.synthetic.hidden_states import Bools, Floats, Ints
from counterpoint.synthetic.songs import TASTES

FIRST_UID: Final = 168_000_000
FRIENDS: Final = 3  # that everybody looks for; those who are popular are found by many more
SHARED_TASTE: Final = 0.7  # of the friends share the taste


@dataclass(frozen=True)
class People:
    """One entry a listener.

    uid         : int64[n]
    android     : bool[n]
    two_devices : bool[n], sometimes the other one
    taste       : int64[n], in [0, TASTES)
    paid        : bool[n], where the log says so
    hour        : float64[n], the hour around which they listen
    """

    uid: Ints
    android: Bools
    two_devices: Bools
    taste: Ints
    paid: Bools
    hour: Floats


def draw_people(count: int, rng: np.random.Generator) -> People:
    """Invent so many people."""
    return People(
        uid=FIRST_UID + rng.permutation(count),
        android=rng.random(count) < 0.87,
        two_devices=rng.random(count) < 0.04,
        taste=rng.integers(TASTES, size=count),
        paid=rng.random(count) < 0.2,
        hour=np.clip(rng.normal(rng.choice([8.0, 13.0, 20.5], count, p=[0.2, 0.25, 0.55]), 2.0), 0, 23),
    )


def draw_friendships(who: People, rng: np.random.Generator) -> pl.DataFrame:
    """Return who is whose friend (uid, friend), each pair once: a few know very many, and friends have like tastes.

    Everybody looks for three friends, and finds people in proportion to a popularity with a heavy tail (Pareto 2.5).
    """
    count = len(who.uid)
    popular = rng.pareto(1.5, count) + 1
    friendships = [np.zeros((0, 2), np.int64)]
    for taste in range(TASTES):
        same_taste = np.flatnonzero(who.taste == taste)
        if len(same_taste):
            seekers = np.repeat(same_taste, rng.binomial(FRIENDS, SHARED_TASTE, len(same_taste)))
            friendships.append(np.stack([seekers, _draw_popular(same_taste, popular, len(seekers), rng)], axis=1))
    seekers = np.repeat(np.arange(count), rng.binomial(FRIENDS, 1 - SHARED_TASTE, count))
    friendships.append(np.stack([seekers, _draw_popular(np.arange(count), popular, len(seekers), rng)], axis=1))
    pairs = np.sort(who.uid[np.concatenate(friendships)], axis=1)
    table = pl.DataFrame({"uid": pairs[:, 0], "friend": pairs[:, 1]})
    return table.filter(pl.col("uid") != pl.col("friend")).unique().sort("uid", "friend")


def _draw_popular(among: Ints, weight: Floats, count: int, rng: np.random.Generator) -> Ints:
    reach = np.cumsum(weight[among])
    people: Ints = among[np.searchsorted(reach, reach[-1] * rng.random(count), side="right")]
    return people

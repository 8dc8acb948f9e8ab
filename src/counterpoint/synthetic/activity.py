"""Who came on which day and did how much: the invented world as counts, before a single record is written.

What spoils a record is decided here too, before what it says, and by chance alone. A record that is lost, or whose
length or time is spoiled, therefore betrays nothing of its listener's state: that keeps the filter exact.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from counterpoint.synthetic.hidden_states import COUNTED_ACTIONS, LEAVER, ROLES, Floats, Ints, States


@dataclass(frozen=True)
class Chances:
    """What happens to a record by chance alone, whoever it is of.

    lost    : share of the plays, downloads and searches whose line does not reach the event table with its listener
    spoiled : share of the other plays that arrive without a believable length or time
    liked   : share of the clean plays that are liked
    worse   : what a day with a song that makes people leave multiplies the chances to drift, to fade and to leave by
    better  : what a day with a like multiplies them by
    """

    lost: tuple[float, float, float]
    spoiled: float
    liked: float
    worse: float
    better: float


@dataclass(frozen=True)
class Day:
    """One day of those who came; one entry a visitor.

    who      : int64[n], the listener's number, ascending
    lost     : int64[n, 3], plays, downloads, searches that no event table will show under their listener
    accepted : int64[n, 3], those that it will
    clean    : int64[n, 5, 3], the clean plays by the fifth of the song heard and the song's role (`ROLES`); the
               other accepted plays are spoiled
    liked    : int64[n, 5, 3], how many of them are liked
    """

    day: int
    who: Ints
    lost: Ints
    accepted: Ints
    clean: Ints
    liked: Ints


def simulate_activity(
    states: States, chances: Chances, *, listeners: int, days: int, monday: int, rng: np.random.Generator
) -> Iterator[Day]:
    """Yield the days of so many listeners' lives, each drawn from the chances of `states`.

    `monday` is how many days the first day is after a Monday.
    """
    state = rng.choice(len(states.start), listeners, p=states.start)
    moves = {factor: np.cumsum(states.moves(factor), axis=1) for factor in _factors(chances)}
    for day in range(days):
        who = np.flatnonzero(rng.random(listeners) < states.visits[(monday + day) % 7, state])
        today = _visits(states, chances, day, who, state[who], rng)
        yield today
        state = _tomorrow(moves, chances, today, state, rng)


def _factors(chances: Chances) -> list[float]:
    return [1.0, chances.worse, chances.better, chances.worse * chances.better]


def factor(chances: Chances, day: Day) -> Floats:
    """Return what a day multiplied each visitor's chances to drift and to leave by."""
    sorry, glad = day.clean[:, :, LEAVER].any(axis=1), day.liked.any(axis=(1, 2))
    return np.where(sorry, chances.worse, 1.0) * np.where(glad, chances.better, 1.0)


def _visits(states: States, chances: Chances, day: int, who: Ints, state: Ints, rng: np.random.Generator) -> Day:
    # A negative binomial is a Poisson whose mean is drawn from a gamma.
    means = states.means[state] * rng.gamma(states.spread, 1 / states.spread, (len(who), len(COUNTED_ACTIONS)))
    lost = rng.poisson(means * chances.lost)
    accepted = rng.poisson(means * (1 - np.array(chances.lost)))
    clean = rng.binomial(accepted[:, 0], 1 - chances.spoiled)
    cells = rng.multinomial(clean, states.plays[state]).reshape(-1, 5, len(ROLES))
    return Day(day, who, lost, accepted, cells, rng.binomial(cells, chances.liked))


def _tomorrow(moves: dict[float, Floats], chances: Chances, today: Day, state: Ints, rng: np.random.Generator) -> Ints:
    luck, changed = rng.random(len(state)), np.ones(len(state))
    changed[today.who] = factor(chances, today)
    following = np.empty_like(state)
    for factor_, upto in moves.items():
        of = np.flatnonzero(changed == factor_)
        following[of] = (luck[of, None] >= upto[state[of], :-1]).sum(axis=1)
    return following

"""Where a made-up listener decides to leave: tonight's draw of tomorrow's state, after what today's songs did to them.

The chances to drift, to fade and to leave are of the hidden state (`States.transition_matrix`). A day with a song that
makes people leave multiplies them, a day with a like multiplies them too: that product is the day's leaving factor.
"""

import numpy as np

from counterpoint.synthetic.day_counts import Chances, Day
from counterpoint.synthetic.hidden_states import LEAVER, Floats, Ints, States


def leaving_factor(chances: Chances, day: Day) -> Floats:
    """Return what a day multiplied each visitor's chances to drift, to fade and to leave by."""
    sorry, glad = day.clean[:, :, LEAVER].any(axis=1), day.liked.any(axis=(1, 2))
    return np.where(sorry, chances.worse, 1.0) * np.where(glad, chances.better, 1.0)


def cumulative_transitions(states: States, chances: Chances) -> dict[float, Floats]:
    """Return, for every leaving factor that a day can have, the chances of tomorrow's states, added up."""
    factors = [1.0, chances.worse, chances.better, chances.worse * chances.better]
    return {factor: np.cumsum(states.transition_matrix(factor), axis=1) for factor in factors}


def draw_next_states(
    transitions: dict[float, Floats], chances: Chances, today: Day, state: Ints, rng: np.random.Generator
) -> Ints:
    """Draw everybody's state of tomorrow, int64[listeners]; `transitions` is of `cumulative_transitions`."""
    luck, factors = rng.random(len(state)), np.ones(len(state))
    factors[today.who] = leaving_factor(chances, today)
    following = np.empty_like(state)
    for factor, upto in transitions.items():
        rows = np.flatnonzero(factors == factor)
        following[rows] = (luck[rows, None] >= upto[state[rows], :-1]).sum(axis=1)
    return following

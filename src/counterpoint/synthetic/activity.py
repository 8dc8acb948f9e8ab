"""Who came on which day and did how much: the invented world as counts, before a single record is written.

What spoils a record is decided here too, before what it says, and by chance alone. A record that is lost, or whose
length or time is spoiled, therefore betrays nothing of its listener's state: that keeps the filter exact.
"""

from collections.abc import Iterator

import numpy as np

from counterpoint.synthetic.day_counts import Chances, Day
from counterpoint.synthetic.hidden_states import COUNTED_ACTIONS, ROLES, Ints, States
from counterpoint.synthetic.leaving import cumulative_transitions, draw_next_states


def simulate_activity(
    states: States, chances: Chances, *, listeners: int, days: int, monday: int, rng: np.random.Generator
) -> Iterator[Day]:
    """Yield the days of so many listeners' lives, each drawn from the chances of `states`.

    `monday` is how many days the first day is after a Monday.
    """
    state = rng.choice(len(states.start), listeners, p=states.start)
    transitions = cumulative_transitions(states, chances)
    for day in range(days):
        who = np.flatnonzero(rng.random(listeners) < states.visits[(monday + day) % 7, state])
        today = _draw_visits(states, chances, day, who, state[who], rng)
        yield today
        state = draw_next_states(transitions, chances, today, state, rng)


def _draw_visits(states: States, chances: Chances, day: int, who: Ints, state: Ints, rng: np.random.Generator) -> Day:
    # A negative binomial is a Poisson whose mean is drawn from a gamma.
    means = states.means[state] * rng.gamma(states.spread, 1 / states.spread, (len(who), len(COUNTED_ACTIONS)))
    lost = rng.poisson(means * chances.lost)
    accepted = rng.poisson(means * (1 - np.array(chances.lost)))
    clean = rng.binomial(accepted[:, 0], 1 - chances.spoiled)
    cells = rng.multinomial(clean, states.plays[state]).reshape(-1, 5, len(ROLES))
    return Day(day, who, lost, accepted, cells, rng.binomial(cells, chances.liked))

"""The most that anyone could know: each listener's chance of silence, given all that the log has shown so far.

An exact forward filter over the hidden states (Rabiner 1989, section III.A). It sees what the event table has: who came
on which day, how much they played, downloaded and searched, how much of the songs they heard, and which plays may have
changed their mind. It never sees a state. No model that learns from these logs can rank listeners better, on average.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from counterpoint.synthetic.day_counts import Chances, Day
from counterpoint.synthetic.hidden_states import Floats, States
from counterpoint.synthetic.leaving import leaving_factor


@dataclass
class LeavingFilter:
    """The filter: `belief` is float64[listeners, k], what the days so far say of each listener's state tomorrow."""

    states: States
    chances: Chances
    monday: int
    belief: Floats

    def see(self, day: Day) -> None:
        """Take a day into account, the silence of those who did not come included."""
        shown = day.accepted.sum(axis=1) > 0
        who, factors = day.who[shown], leaving_factor(self.chances, day)[shown]
        active = self.belief[who] * self._evidence(day, shown)
        self.belief *= self.silence(day.day)
        self.belief[who] = active
        self.belief = self.belief @ self.states.transition_matrix()
        for factor in np.unique(factors[factors != 1.0]):
            rows = factors == factor
            self.belief[who[rows]] = active[rows] @ self.states.transition_matrix(factor)
        self.belief /= self.belief.sum(axis=1, keepdims=True)

    def silence(self, day: int) -> Floats:
        """Return the chance that a day shows nothing of a listener, float64[k]."""
        visits = self._visits(day)
        nothing = (self._spread / (self._spread + self._means)) ** self._spread
        silent: Floats = 1 - visits + visits * nothing.prod(axis=1)
        return silent

    def leaves(self, after: int, days: int) -> Floats:
        """Return each listener's chance that the `days` days after the day `after` show nothing, float64[listeners].

        `after` is the last day that was seen.
        """
        ahead = np.ones(len(self.states.start))
        for day in range(after + days, after, -1):
            ahead = self.silence(day) * ahead
            if day > after + 1:
                ahead = self.states.transition_matrix() @ ahead
        chance: Floats = self.belief @ ahead
        return chance

    @property
    def _means(self) -> Floats:
        means: Floats = self.states.means * (1 - np.array(self.chances.lost))
        return means

    @property
    def _spread(self) -> Floats:
        return self.states.spread

    def _visits(self, day: int) -> Floats:
        visits: Floats = self.states.visits[(self.monday + day) % 7]
        return visits

    def _evidence(self, day: Day, shown: NDArray[np.bool_]) -> Floats:
        """Return how likely each visitor's counts are in each state, up to a factor of the visitor's, float64[n, k].

        Negative binomial counts and multinomial fifths: the logarithm is linear in what was counted.
        """
        means, spread = self._means, self._spread
        counts = np.hstack([day.accepted[shown], day.clean[shown].reshape(-1, 15)]).astype(np.float64)
        with np.errstate(divide="ignore"):
            an_event = np.log(means / (means + spread))
            no_event = spread * np.log(spread / (means + spread))
            log_visit = np.log(self._visits(day.day))
            a_play = np.log(self.states.plays)
        slopes = np.maximum(np.hstack([an_event, a_play]), -1e4)  # never: and no 0 times infinity
        log = counts @ slopes.T + no_event.sum(axis=1) + log_visit
        likely: Floats = np.exp(log - log.max(axis=1, keepdims=True))
        return likely


def leaving_filter(states: States, chances: Chances, *, listeners: int, monday: int) -> LeavingFilter:
    """Return the filter before the first day: it knows nobody."""
    return LeavingFilter(states, chances, monday, np.tile(states.start, (listeners, 1)))

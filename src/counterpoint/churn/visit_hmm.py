"""When should they have come again? A hidden Markov model of visits: how long a silence means that a listener is gone.

Listeners are of a few kinds, learned from the log alone; each is new, engaged, drifting or gone, and may move from one
to another from day to day. A visit shows how much was played, downloaded and searched, and how much of the songs was
heard. There are no labels to be learned by heart, so the model needs no folds (Baum et al. 1970).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from counterpoint.churn.visit_hmm_kernels import expected, last_beliefs
from counterpoint.churn.visits import HISTORY_DAYS, Visits
from counterpoint.errors import CounterpointError
from counterpoint.rng import generator

NEW, ENGAGED, DRIFTING, GONE = range(STAGES := 4)
LISTENER_KINDS: Final = 12
COUNT_LEVELS: Final = 8  # of a positive count, by its quantiles
EM_ITERATIONS: Final = 100
MAX_TRAINING_LISTENERS: Final = 20_000  # to learn from: more did not help
LISTENERS_PER_PART: Final = 50_000  # listeners, to bound the memory
MODELS: Final = 2  # whose log-odds are averaged: learning ends in one of several good places
MIN_LISTENERS: Final = 200  # listeners, or there is no model to be learned
MIN_LOG: Final = -80.0  # a logarithm that 32 bits still hold
INITIAL_TRANSITION: Final = np.array(
    [[0, 0.7, 0.05, 0.25], [0, 0.96, 0.03, 0.01], [0, 0.06, 0.9, 0.04], [0, 0.01, 0, 0.99]]
)
LEARNING_VERSION: Final = (
    1,
    LISTENER_KINDS,
    COUNT_LEVELS,
    EM_ITERATIONS,
    MAX_TRAINING_LISTENERS,
    HISTORY_DAYS,
    MODELS,
)  # first the version of how it learns

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class VisitHMM:
    """The model that was learned; c kinds and 4 stages.

    initial    : float64[c, 4], chances on the first day seen
    transition : float64[c, 4, 4], chances from one day to the next
    visit_rate : float64[c, 4], chance of a visit a day
    emission   : float64[features, c, 4], logarithms of the chances of what a visit shows
    count_cuts : float64[k, levels], the least value of each level of the counts; what is not there is infinite
    """

    initial: Floats
    transition: Floats
    visit_rate: Floats
    emission: Floats
    count_cuts: Floats

    def log_odds(self, visits: Visits, *, until: int, ahead: int) -> Floats:
        """Return each listener's log-odds of silence on the `ahead` days after the last visit, and after `until`.

        float64[listeners, 2]; the second knows of the silence since the last visit, too.
        """
        people = len(visits.first) - 1
        parts = [
            np.arange(begin, min(begin + LISTENERS_PER_PART, people)) for begin in range(0, people, LISTENERS_PER_PART)
        ]
        return np.concatenate([self._log_odds(visits.of(part), until, ahead) for part in parts])

    def _log_odds(self, visits: Visits, until: int, ahead: int) -> Floats:
        quiet = until - visits.last
        across, silent = self.silence_matrices(int(max(visits.gap.max(), 1)), int(quiet.max()) + ahead)
        belief = last_beliefs(
            visits.first,
            visits.gap,
            self.likelihoods(_observations(visits, self.count_cuts)),
            self.visit_rate,
            self.initial,
            across,
        )
        at_last_visit = np.einsum("ncs,cs->n", belief, silent[ahead])
        so_far, longer = (np.einsum("ncs,ncs->n", belief, silent[quiet + more]) for more in (0, ahead))
        return np.column_stack([_bounded_logit(at_last_visit), _bounded_logit(longer / so_far)])

    def likelihoods(self, observations: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return how likely what each visit shows is in each state, float32[visits, c, 4], at most 1 a visit."""
        log = observations @ self.emission.reshape(len(self.emission), -1).astype(np.float32)
        log -= log.max(axis=1, keepdims=True)
        # What suits only a state that cannot be must not make all others impossible.
        np.maximum(log, MIN_LOG, out=log)
        return np.exp(log, out=log).reshape(len(log), *self.initial.shape)

    def silence_matrices(self, gaps: int, days: int) -> tuple[Floats, Floats]:
        """Return the matrices from visit to visit over 0 to `gaps` days, and the chances of 0 to `days` of silence."""
        through = self.transition * (1 - self.visit_rate)[:, None, :]
        power = np.broadcast_to(np.eye(STAGES), self.transition.shape)
        across, silent = [self.transition], [np.ones_like(self.initial)]
        for _ in range(max(gaps, days)):
            across.append(power @ self.transition)
            power = power @ through
            silent.append(power.sum(axis=2))
        return np.stack(across[: gaps + 1]), np.stack(silent[: days + 1])


def fit_visit_hmm(visits: Visits, *, until: int, seed: int) -> VisitHMM:
    """Learn kinds and stages from visits up to the day `until`, by expectation-maximisation.

    Raises CounterpointError with fewer than 200 listeners.
    """
    listeners = len(visits.first) - 1
    if listeners < MIN_LISTENERS:
        raise CounterpointError(
            f"{listeners} listeners are too few for a model of visits: {MIN_LISTENERS} would be the least"
        )
    rng = generator(seed)
    training = visits.of(np.sort(rng.permutation(listeners)[:MAX_TRAINING_LISTENERS]))
    cuts = _count_cuts(training.counts)
    model, observations = _initial_model(training, cuts, until, rng), _observations(training, cuts)
    for _ in range(EM_ITERATIONS):
        model = _em_step(model, training, observations, until)
    return model


def _em_step(model: VisitHMM, visits: Visits, observations: NDArray[np.float32], until: int) -> VisitHMM:
    """Return the model after one step of expectation-maximisation."""
    quiet = until - visits.last
    gaps, days = int(max(visits.gap.max(), 1)), int(quiet.max())
    across, silent = model.silence_matrices(gaps, days)
    belief, between, after, _ = expected(
        visits.first,
        visits.gap,
        quiet,
        model.likelihoods(observations),
        model.visit_rate,
        model.initial,
        across,
        silent,
    )
    moved, silent_days = _expected_moves(model, between, after)
    first = visits.first[:-1]
    returns = belief.sum(axis=0) - belief[first].sum(axis=0)
    visit_rate = (returns + 0.01) / (returns + silent_days + 0.02)
    visit_rate[:, [NEW, GONE]] = 0
    transition = moved + 0.1 * model.transition
    initial = belief[first].sum(axis=0)
    return VisitHMM(
        initial / initial.sum(),
        transition / transition.sum(axis=2, keepdims=True),
        visit_rate,
        _emission_logs(observations, belief, model.count_cuts),
        model.count_cuts,
    )


def _expected_moves(model: VisitHMM, between: Floats, after: Floats) -> tuple[Floats, Floats]:
    """Return how often each move was made, float64[c, 4, 4], and silent days in each state, float64[c, 4].

    Day by day through the silences, of all gaps at once, from the longest to the shortest.
    """
    silence = 1 - model.visit_rate
    through = model.transition * silence[:, None, :]
    back, moved_on = np.swapaxes(through, 1, 2), np.swapaxes(model.transition, 1, 2)
    days = max(len(between), len(after)) - 1
    zero, none = np.zeros_like(model.transition), np.zeros_like(model.initial)
    # For each day t of a silence: what lies beyond it, in gaps that end with a visit and in the last ones, that do not.
    beyond, open_ended, held = zero, zero, []
    for t in range(days - 1, -1, -1):
        ends = between[t + 1] if t + 1 < len(between) else zero
        stops = (after[t + 1] if t + 1 < len(after) else none)[:, :, None] * np.ones(STAGES)
        open_ended = stops + open_ended @ back
        held.append((ends, (beyond + open_ended) * silence[:, None, :]))
        beyond = ends @ moved_on + beyond @ back
    power = np.broadcast_to(np.eye(STAGES), model.transition.shape)
    moved, silent_days = np.zeros_like(model.transition), np.zeros_like(model.initial)
    for ends, goes_on in reversed(held):
        reached = np.swapaxes(power, 1, 2)
        silently = (reached @ goes_on) * model.transition
        moved += silently + (reached @ ends) * model.transition
        silent_days += silently.sum(axis=1)
        power = power @ through
    return moved, silent_days


def _initial_model(visits: Visits, cuts: Floats, until: int, rng: np.random.Generator) -> VisitHMM:
    """Return a first guess: kinds by k-means on how often and how much, stages by how busy a visit is."""
    visits_each = np.diff(visits.first)
    listener = np.repeat(np.arange(len(visits_each)), visits_each)
    rate = visits_each / (until - visits.day[visits.first[:-1]] + 1)
    means = np.stack(
        [np.bincount(listener, column, len(visits_each)) / visits_each for column in visits.counts.T], axis=1
    )
    traits = np.column_stack(
        [2 * np.sqrt(rate) / _deviation(np.sqrt(rate)), np.log1p(means) / _deviation(np.log1p(means))]
    )
    kind = _kmeans(traits, rng)
    usual = np.array(
        [np.clip(rate[kind == c].mean(), 0.02, 0.97) if (kind == c).any() else 0.1 for c in range(LISTENER_KINDS)]
    )
    visit_rate = np.zeros((LISTENER_KINDS, STAGES))
    visit_rate[:, ENGAGED], visit_rate[:, DRIFTING] = np.minimum(0.97, 1.2 * usual), 0.6 * usual
    transition = INITIAL_TRANSITION * np.exp(0.1 * rng.standard_normal((LISTENER_KINDS, STAGES, STAGES)))
    initial = np.zeros((LISTENER_KINDS, STAGES))
    initial[:, NEW] = 1 / LISTENER_KINDS
    emission = _emission_logs(_observations(visits, cuts), _initial_belief(visits, listener, kind, rng), cuts)
    return VisitHMM(initial, transition / transition.sum(axis=2, keepdims=True), visit_rate, emission, cuts)


def _initial_belief(visits: Visits, listener: Ints, kind: Ints, rng: np.random.Generator) -> Floats:
    """Return a first guess of the states at each visit, float64[visits, c, 4]: a busy one is of the engaged."""
    listeners = len(visits.first) - 1
    events = visits.counts.sum(axis=1)
    is_quiet = events < (np.bincount(listener, events, listeners) / np.diff(visits.first))[listener]
    belief = np.full((len(listener), LISTENER_KINDS, STAGES), 0.02 / LISTENER_KINDS)
    place, own_kind = np.arange(len(listener)), kind[listener]
    belief[place, own_kind, NEW] += 1
    belief[place, own_kind, ENGAGED] += np.where(is_quiet, 0.4, 0.8) * rng.uniform(0.5, 1.5, len(listener))
    belief[place, own_kind, DRIFTING] += np.where(is_quiet, 0.6, 0.1) * rng.uniform(0.5, 1.5, len(listener))
    return belief


def _kmeans(traits: Floats, rng: np.random.Generator) -> Ints:
    """Return a kind for each listener, int64[listeners], by k-means (Lloyd 1982)."""
    centres = traits[rng.choice(len(traits), LISTENER_KINDS, replace=False)]
    for _ in range(15):
        near: Ints = ((centres**2).sum(axis=1) - 2 * traits @ centres.T).argmin(axis=1)
        centres = np.stack(
            [
                traits[near == c].mean(axis=0) if (near == c).any() else traits[rng.integers(len(traits))]
                for c in range(LISTENER_KINDS)
            ]
        )
    return near


def _deviation(values: Floats) -> Floats:
    return np.asarray(np.maximum(values.std(axis=0), 1e-9))


def _count_cuts(counts: Floats) -> Floats:
    """Return where the levels of each kind's positive counts begin, float64[k, levels]: 1, then their quantiles."""
    levels = np.full((counts.shape[1], COUNT_LEVELS), np.inf)
    for kind, column in enumerate(counts.T):
        positive = column[column > 0]
        if len(positive):
            quantiles = np.unique(np.quantile(positive, np.arange(COUNT_LEVELS) / COUNT_LEVELS, method="higher"))
            levels[kind, : len(quantiles)] = quantiles
            levels[kind, 0] = 0.5
    return levels


def _observations(visits: Visits, cuts: Floats) -> NDArray[np.float32]:
    """Return what each visit shows: the level of each count as indicators, then how plays fall into three shares."""
    levels = [(column[:, None] >= begins).sum(axis=1) for column, begins in zip(visits.counts.T, cuts, strict=True)]
    little, much, any_ = visits.heard.T
    indicators = [np.eye(COUNT_LEVELS + 1)[level] for level in levels]
    shares = np.column_stack([little, much, np.maximum(any_ - little - much, 0)])
    return np.hstack([*indicators, shares]).astype(np.float32)


def _emission_logs(observations: NDArray[np.float32], belief: Floats, cuts: Floats) -> Floats:
    """Return the logarithms of the chances of what a visit shows, drawn a little towards those of all visits."""
    states = belief.reshape(len(belief), -1)
    totals = (observations.T @ states.astype(np.float32)).astype(np.float64)
    blocks = [*np.full(len(cuts), COUNT_LEVELS + 1), 3]
    logs, begin = [], 0
    for width in blocks:
        block = totals[begin : begin + width]
        overall = block.sum(axis=1, keepdims=True) + 1e-9
        smoothed = block + width * overall / overall.sum()
        logs.append(np.log(smoothed / smoothed.sum(axis=0)))
        begin += width
    return np.concatenate(logs).reshape(-1, *belief.shape[1:])


def _bounded_logit(chance: Floats) -> Floats:
    inside = np.clip(chance, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(inside / (1 - inside)))


def mean_log_odds(models: Sequence[VisitHMM], visits: Visits, *, until: int, ahead: int) -> Floats:
    """Return the mean of the log-odds that several models give, as `VisitHMM.log_odds`."""
    return np.asarray(np.mean([model.log_odds(visits, until=until, ahead=ahead) for model in models], axis=0))

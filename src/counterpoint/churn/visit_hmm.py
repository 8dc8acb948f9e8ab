"""When should they have come again? A hidden Markov model of visits: how long a silence means that a listener is gone.

Listeners are of a few kinds, learned from the log alone; each is new, engaged, drifting or gone, and may move from one
to another from day to day. A visit shows how much was played, downloaded and searched, and how much of the songs was
heard. There are no labels to be learned by heart, so the model needs no folds (Baum et al. 1970).
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import NDArray

from counterpoint.churn.visit_hmm_kernels import expected, last_beliefs
from counterpoint.errors import CounterpointError
from counterpoint.rng import generator

NEW, ENGAGED, DRIFTING, GONE = range(STAGES := 4)
KINDS: Final = 12
LEVELS: Final = 8  # of a positive count, by its quantiles
ITERATIONS: Final = 100
LISTENERS: Final = 20_000  # to learn from: more did not help
HISTORY: Final = 366  # days that it looks back
AT_ONCE: Final = 50_000  # listeners, to bound the memory
MODELS: Final = 2  # whose log-odds are averaged: learning ends in one of several good places
FEWEST: Final = 200  # listeners, or there is no rhythm to be learned
UNLIKELY: Final = -80.0  # a logarithm that 32 bits still hold
HEARD: Final = ("heard_0_to_20", "heard_larger_than_80", "heard")
LEARNING: Final = (1, KINDS, LEVELS, ITERATIONS, LISTENERS, HISTORY, MODELS)  # first the version of how it learns

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Visits:
    """Active days, one listener after another, each one's in order.

    first  : int64[listeners + 1], where each listener's begin
    day    : int64[visits]
    counts : float64[visits, k], events of each kind; `heard` : float64[visits, 3], plays of which less than a fifth,
             four fifths or more, and any known share was heard
    """

    first: Ints
    day: Ints
    counts: Floats
    heard: Floats

    @property
    def gap(self) -> Ints:
        """Days since the visit before, int64[visits]; 0 of a first visit."""
        gap = np.diff(self.day, prepend=self.day[:1])
        gap[self.first[:-1]] = 0
        return gap

    @property
    def last(self) -> Ints:
        """The day of each listener's last visit, int64[listeners]."""
        return self.day[self.first[1:] - 1]

    def of(self, chosen: Ints) -> "Visits":
        """Return the visits of some listeners."""
        sizes = np.diff(self.first)[chosen]
        first = np.concatenate([[0], np.cumsum(sizes)])
        rows = np.repeat(self.first[chosen] - first[:-1], sizes) + np.arange(first[-1])
        return Visits(first, self.day[rows], self.counts[rows], self.heard[rows])


@dataclass(frozen=True, eq=False)
class Rhythm:
    """The model that was learned; c kinds and 4 stages.

    start  : float64[c, 4], chances on the first day seen; moves : float64[c, 4, 4], from one day to the next
    visits : float64[c, 4], chance of a visit a day
    shows  : float64[features, c, 4], logarithms of the chances of what a visit shows
    cuts   : float64[k, levels], the least value of each level of the counts; what is not there is infinite
    """

    start: Floats
    moves: Floats
    visits: Floats
    shows: Floats
    cuts: Floats

    def foretold(self, seen: Visits, *, until: int, ahead: int) -> Floats:
        """Return each listener's log-odds of silence on the `ahead` days after the last visit, and after `until`.

        float64[listeners, 2]; the second knows of the silence since the last visit, too.
        """
        people = len(seen.first) - 1
        parts = [np.arange(at, min(at + AT_ONCE, people)) for at in range(0, people, AT_ONCE)]
        return np.concatenate([self._foretold(seen.of(part), until, ahead) for part in parts])

    def _foretold(self, seen: Visits, until: int, ahead: int) -> Floats:
        quiet = until - seen.last
        across, silent = self.steps(int(max(seen.gap.max(), 1)), int(quiet.max()) + ahead)
        belief = last_beliefs(
            seen.first, seen.gap, self.likely(_shown(seen, self.cuts)), self.visits, self.start, across
        )
        then = np.einsum("ncs,cs->n", belief, silent[ahead])
        so_far, longer = (np.einsum("ncs,ncs->n", belief, silent[quiet + more]) for more in (0, ahead))
        return np.column_stack([_log_odds(then), _log_odds(longer / so_far)])

    def content(self) -> bytes:
        """Return the arrays as npz."""
        held = io.BytesIO()
        np.savez_compressed(held, **{field.name: getattr(self, field.name) for field in fields(self)})
        return held.getvalue()

    @classmethod
    def read(cls, content: bytes) -> "Rhythm":
        """Read what `content` returned."""
        with np.load(io.BytesIO(content), allow_pickle=False) as held:
            return cls(**{name: held[name] for name in held.files})

    def likely(self, shown: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return how likely what each visit shows is in each state, float32[visits, c, 4], at most 1 a visit."""
        log = shown @ self.shows.reshape(len(self.shows), -1).astype(np.float32)
        log -= log.max(axis=1, keepdims=True)
        # What suits only a state that cannot be must not make all others impossible.
        np.maximum(log, UNLIKELY, out=log)
        return np.exp(log, out=log).reshape(len(log), *self.start.shape)

    def steps(self, gaps: int, days: int) -> tuple[Floats, Floats]:
        """Return the matrices from visit to visit over 0 to `gaps` days, and the chances of 0 to `days` of silence."""
        through = self.moves * (1 - self.visits)[:, None, :]
        power = np.broadcast_to(np.eye(STAGES), self.moves.shape)
        across, silent = [self.moves], [np.ones_like(self.start)]
        for _ in range(max(gaps, days)):
            across.append(power @ self.moves)
            power = power @ through
            silent.append(power.sum(axis=2))
        return np.stack(across[: gaps + 1]), np.stack(silent[: days + 1])


def learn(seen: Visits, *, until: int, seed: int) -> Rhythm:
    """Learn kinds and stages from visits up to the day `until`, by expectation-maximisation.

    Raises CounterpointError with fewer than 200 listeners.
    """
    people = len(seen.first) - 1
    if people < FEWEST:
        raise CounterpointError(f"{people} listeners are too few for a rhythm of visits: {FEWEST} would be the least")
    rng = generator(seed)
    seen = seen.of(np.sort(rng.permutation(people)[:LISTENERS]))
    cuts = _cuts(seen.counts)
    model, shown = _begin(seen, cuts, until, rng), _shown(seen, cuts)
    for _ in range(ITERATIONS):
        model = _improved(model, seen, shown, until)
    return model


def _improved(model: Rhythm, seen: Visits, shown: NDArray[np.float32], until: int) -> Rhythm:
    """Return the model after one step of expectation-maximisation."""
    quiet = until - seen.last
    gaps, days = int(max(seen.gap.max(), 1)), int(quiet.max())
    across, silent = model.steps(gaps, days)
    belief, between, after, _ = expected(
        seen.first,
        seen.gap,
        quiet,
        model.likely(shown),
        model.visits,
        model.start,
        across,
        silent,
    )
    moved, stood = _silences(model, between, after)
    first = seen.first[:-1]
    came = belief.sum(axis=0) - belief[first].sum(axis=0)
    visits = (came + 0.01) / (came + stood + 0.02)
    visits[:, [NEW, GONE]] = 0
    moves = moved + 0.1 * model.moves
    start = belief[first].sum(axis=0)
    return Rhythm(
        start / start.sum(),
        moves / moves.sum(axis=2, keepdims=True),
        visits,
        _emission(shown, belief, model.cuts),
        model.cuts,
    )


def _silences(model: Rhythm, between: Floats, after: Floats) -> tuple[Floats, Floats]:
    """Return how often each move was made, float64[c, 4, 4], and silent days in each state, float64[c, 4].

    Day by day through the silences, of all gaps at once, from the longest to the shortest.
    """
    silence = 1 - model.visits
    through = model.moves * silence[:, None, :]
    back, moved_on = np.swapaxes(through, 1, 2), np.swapaxes(model.moves, 1, 2)
    days = max(len(between), len(after)) - 1
    zero, none = np.zeros_like(model.moves), np.zeros_like(model.start)
    # For each day t of a silence: what lies beyond it, in gaps that end with a visit and in the last ones, that do not.
    beyond, open_ended, held = zero, zero, []
    for t in range(days - 1, -1, -1):
        ends = between[t + 1] if t + 1 < len(between) else zero
        stops = (after[t + 1] if t + 1 < len(after) else none)[:, :, None] * np.ones(STAGES)
        open_ended = stops + open_ended @ back
        held.append((ends, (beyond + open_ended) * silence[:, None, :]))
        beyond = ends @ moved_on + beyond @ back
    power = np.broadcast_to(np.eye(STAGES), model.moves.shape)
    moved, stood = np.zeros_like(model.moves), np.zeros_like(model.start)
    for ends, goes_on in reversed(held):
        reached = np.swapaxes(power, 1, 2)
        silently = (reached @ goes_on) * model.moves
        moved += silently + (reached @ ends) * model.moves
        stood += silently.sum(axis=1)
        power = power @ through
    return moved, stood


def _begin(seen: Visits, cuts: Floats, until: int, rng: np.random.Generator) -> Rhythm:
    """Return a first guess: kinds by k-means on how often and how much, stages by how busy a visit is."""
    people = len(seen.first) - 1
    times = np.diff(seen.first)
    who = np.repeat(np.arange(people), times)
    rate = times / (until - seen.day[seen.first[:-1]] + 1)
    means = np.stack([np.bincount(who, column, people) / times for column in seen.counts.T], axis=1)
    traits = np.column_stack([2 * np.sqrt(rate) / _spread(np.sqrt(rate)), np.log1p(means) / _spread(np.log1p(means))])
    kind = _clustered(traits, rng)
    usual = np.array([np.clip(rate[kind == c].mean(), 0.02, 0.97) if (kind == c).any() else 0.1 for c in range(KINDS)])
    visits = np.zeros((KINDS, STAGES))
    visits[:, ENGAGED], visits[:, DRIFTING] = np.minimum(0.97, 1.2 * usual), 0.6 * usual
    moves = np.array([[0, 0.7, 0.05, 0.25], [0, 0.96, 0.03, 0.01], [0, 0.06, 0.9, 0.04], [0, 0.01, 0, 0.99]])
    moves = moves * np.exp(0.1 * rng.standard_normal((KINDS, STAGES, STAGES)))
    start = np.zeros((KINDS, STAGES))
    start[:, NEW] = 1 / KINDS
    busy = seen.counts.sum(axis=1)
    less = busy < (np.bincount(who, busy, people) / times)[who]
    belief = np.full((len(who), KINDS, STAGES), 0.02 / KINDS)
    here, own = np.arange(len(who)), kind[who]
    belief[here, own, NEW] += 1
    belief[here, own, ENGAGED] += np.where(less, 0.4, 0.8) * rng.uniform(0.5, 1.5, len(who))
    belief[here, own, DRIFTING] += np.where(less, 0.6, 0.1) * rng.uniform(0.5, 1.5, len(who))
    shows = _emission(_shown(seen, cuts), belief, cuts)
    return Rhythm(start, moves / moves.sum(axis=2, keepdims=True), visits, shows, cuts)


def _clustered(traits: Floats, rng: np.random.Generator) -> Ints:
    """Return a kind for each listener, int64[listeners], by k-means (Lloyd 1982)."""
    centres = traits[rng.choice(len(traits), KINDS, replace=False)]
    for _ in range(15):
        near: Ints = ((centres**2).sum(axis=1) - 2 * traits @ centres.T).argmin(axis=1)
        centres = np.stack(
            [
                traits[near == c].mean(axis=0) if (near == c).any() else traits[rng.integers(len(traits))]
                for c in range(KINDS)
            ]
        )
    return near


def _spread(values: Floats) -> Floats:
    return np.asarray(np.maximum(values.std(axis=0), 1e-9))


def _cuts(counts: Floats) -> Floats:
    """Return where the levels of each kind's positive counts begin, float64[k, levels]: 1, then their quantiles."""
    found = np.full((counts.shape[1], LEVELS), np.inf)
    for kind, column in enumerate(counts.T):
        positive = column[column > 0]
        if len(positive):
            cuts = np.unique(np.quantile(positive, np.arange(LEVELS) / LEVELS, method="higher"))
            found[kind, : len(cuts)] = cuts
            found[kind, 0] = 0.5
    return found


def _shown(seen: Visits, cuts: Floats) -> NDArray[np.float32]:
    """Return what each visit shows: the level of each count as indicators, then how plays fall into three shares."""
    levels = [(column[:, None] >= own).sum(axis=1) for column, own in zip(seen.counts.T, cuts, strict=True)]
    little, much, any_ = seen.heard.T
    indicators = [np.eye(LEVELS + 1)[level] for level in levels]
    shares = np.column_stack([little, much, np.maximum(any_ - little - much, 0)])
    return np.hstack([*indicators, shares]).astype(np.float32)


def _emission(shown: NDArray[np.float32], belief: Floats, cuts: Floats) -> Floats:
    """Return the logarithms of the chances of what a visit shows, drawn a little towards those of all visits."""
    states = belief.reshape(len(belief), -1)
    totals = (shown.T @ states.astype(np.float32)).astype(np.float64)
    blocks = [*np.full(len(cuts), LEVELS + 1), 3]
    found, at = [], 0
    for width in blocks:
        own = totals[at : at + width]
        whole = own.sum(axis=1, keepdims=True) + 1e-9
        drawn = own + width * whole / whole.sum()
        found.append(np.log(drawn / drawn.sum(axis=0)))
        at += width
    return np.concatenate(found).reshape(-1, *belief.shape[1:])


def _log_odds(chance: Floats) -> Floats:
    inside = np.clip(chance, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(inside / (1 - inside)))


def foretold(models: Sequence[Rhythm], seen: Visits, *, until: int, ahead: int) -> Floats:
    """Return the mean of the log-odds that several models foretell, as `Rhythm.foretold`."""
    return np.asarray(np.mean([model.foretold(seen, until=until, ahead=ahead) for model in models], axis=0))

"""How well would recommenders have done in a workspace? Judged on what listeners chose afterwards, window after window.

::

    |<---- known ---->|<- outcome ->|                               chooses settings and weights
                  |<---- known ---->|<- outcome ->|                 first window to judge on
                                |<---- known ---->|<- outcome ->|   the next ...

What is chosen is chosen once, before the first window's outcome begins; no outcome is in two windows.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from counterpoint.errors import CounterpointError
from counterpoint.evaluate.intervals import Estimate
from counterpoint.evaluate.ranking import DEEPEST, Lists, Reach
from counterpoint.listeners.churn.snapshot import Snapshot
from counterpoint.listeners.churn.songs import songs_in
from counterpoint.listeners.churn.table import Study, log_keys, studied
from counterpoint.listeners.events import rules
from counterpoint.listeners.events.rules import Practice
from counterpoint.listeners.events.schema import date
from counterpoint.listeners.recommend.choose import Choice, averse, choose, dislikers
from counterpoint.listeners.recommend.context import Lifts, known_as, lifts, plays_by_time, styles_of
from counterpoint.listeners.recommend.effects import Effect, Times, at_times, effect, lists_at, times
from counterpoint.listeners.recommend.interactions import checked, gathered
from counterpoint.listeners.recommend.judge import Judged, Task, judge, lists_of, ndcgs, task
from counterpoint.listeners.recommend.models.blend import Blend
from counterpoint.listeners.recommend.models.factors import Projected
from counterpoint.listeners.recommend.models.kinds import kind_named
from counterpoint.listeners.recommend.models.model import Model, nothing_barred
from counterpoint.listeners.recommend.models.nmf import NonNegative
from counterpoint.listeners.recommend.models.published import train_errors
from counterpoint.listeners.recommend.models.reranked import Reranked, Styles
from counterpoint.listeners.recommend.ratings import liked_later, ratings
from counterpoint.listeners.recommend.recommender import OURS, PUSHED, check_kind
from counterpoint.listeners.recommend.replay import most_played, played_lately
from counterpoint.listeners.recommend.slices import held_out, slices
from counterpoint.listeners.recommend.train import chosen
from counterpoint.rng import check_seed
from counterpoint.tables.engine import Chosen
from counterpoint.tables.workspace import Staged, View, key_of, writing

EVALUATION: Final = "evaluation:recommend:"
BASELINE: Final = "popular-lately"
USUAL: Final = (OURS, "popular-lately", "popular", "cosine", "walk", "svd-by-degree")
OWN: Final = "own most played"
LATELY: Final = "own, lately"
DEEP: Final = 100


@dataclass(frozen=True)
class Window:
    """What became of the recommendations of one day.

    listeners   : with a history, on `at`
    evaluable   : of those who liked anything later, the share that had a history and liked a song new to them
    strangers   : of those who liked anything later, the share without a history
    unreachable : share of what was liked later that nobody knew before
    discovery   : of songs that listeners did not know; replay: of those they came back to
    effects     : what refinements of the blend's lists do
    """

    at: str
    until: str
    listeners: int
    songs: int
    pairs: int
    evaluable: float
    strangers: float
    unreachable: float
    discovery: tuple[Judged, ...]
    replay: tuple[Judged, ...]
    effects: tuple[Effect, ...]


@dataclass(frozen=True)
class Evaluation:
    """The windows, oldest first; `members` of the blend with their weights; songs in common between lists.

    overlap : (recommender, another, of the first 10, of the first 100): mean songs in common, in the last window
    logs    : stands for the logs it was made from
    remembered : (recommender of factors, RMSE, MAE) of the ratings that it was fitted to: the study's measure, of those
                 that learn ratings
    """

    known_for: str
    outcome_for: str
    seed: int
    resamples: int
    logs: str
    members: tuple[tuple[str, float], ...]
    windows: tuple[Window, ...]
    overlap: tuple[tuple[str, str, float, float], ...]
    remembered: tuple[tuple[str, float, float], ...] = ()

    def wins(self, name: str, over: str) -> bool:
        """Say whether a recommender discovers better than another in every window: by 1 % or more, and surely."""
        found = [judged for window in self.windows for judged in window.discovery if judged.recommender == name]
        return bool(found) and all(judged.wins(over) for judged in found)


def evaluate(  # noqa: PLR0913  all but one are options
    workspace: Path,
    *,
    at: str | None = None,
    known_for: str | int = "30",
    outcome_for: str | int = "7",
    windows: int = 3,
    kinds: Sequence[str] = USUAL,
    settings: int = 1,
    seed: int = 0,
    resamples: int = 1000,
    styles: pl.DataFrame | None = None,
    practice: Practice = rules.OURS,
    engine: Chosen = "duckdb",
) -> Evaluation:
    """Judge recommenders on at most so many windows, as far as the logs go back, and keep the result.

    at : the day of the last window; by default the last whose outcome the logs have

    Raises
    ------
    CounterpointError
        If the log does not cover one window, or a kind of recommender is not known.
    """
    judging = Judging(tuple(dict.fromkeys((*kinds, BASELINE))), seed, resamples)
    judging.check(windows)
    with writing(workspace) as writer, studied(writer, engine, practice=practice) as study:
        last = Snapshot.of(at or _last(study, outcome_for), known_for=known_for, outcome_for=outcome_for)
        rolling = study.before(last, windows)[::-1]
        by = study.cleaning(rolling[0])
        choice = chosen(study, by, rolling[0], settings=settings, seed=seed, styles=styles)
        judged = []
        for snapshot in rolling:
            after, until, end = snapshot.days
            known = ratings(study, by, after, until)
            given = task(known.interactions, liked_later(study, by, end, known), seed=seed)
            looked = judging.look(given, choice)
            days = str(snapshot.at), str(snapshot.outcome_for.from_day(snapshot.at))
            style = styles_of(known.names, styles, known.versions)
            said = lifts(plays_by_time(study, after, until), known.names["song_id"], style, known.versions)
            when = times(study, given, (until, end), known.versions, seed=seed)
            leavers = _leavers(writer.view, snapshot, known.versions)
            effects = looked.effects(choice, style, said, when, leavers)
            judged.append(looked.window(days, effects))
        found = Evaluation(
            str(last.known_for),
            str(last.outcome_for),
            seed,
            resamples,
            key_of(log_keys(writer.view)),
            choice.shares,
            tuple(judged),
            overlap(looked.lists),
            looked.remembered,
        )
        folder = writer.stage()
        (folder / "evaluation.json").write_text(json.dumps(asdict(found)))
        made = {"at": str(last.at), "known_for": str(last.known_for), "outcome_for": str(last.outcome_for)}
        writer.commit(Staged(EVALUATION + str(last.at), key_of(EVALUATION, asdict(found)), folder, made))
    return found


def evaluate_table(
    table: Any,
    *,
    windows: int = 3,
    kinds: Sequence[str] = USUAL,
    settings: int = 1,
    seed: int = 0,
    resamples: int = 1000,
) -> Evaluation:
    """Judge recommenders on any table that exports Arrow (`Interactions.of` says which columns).

    With days, the windows are the last tenths of the pairs, each told from all before it; without, so many random
    fifths of each listener's pairs. Settings and weights are chosen on what is known in the first.

    Raises
    ------
    CounterpointError
        If the table cannot be read, or nothing in it can be judged.
    """
    judging = Judging(tuple(dict.fromkeys((*kinds, BASELINE))), seed, resamples)
    judging.check(windows)
    parts = slices(checked(table), windows, seed=seed)
    choice, _ = choose(held_out(parts[0].known, seed=seed), settings=settings, seed=seed)
    judged = []
    for part in parts:
        looked = judging.look(task(gathered(part.known), part.later, seed=seed), choice)
        judged.append(looked.window((part.at, part.until), ()))
    return Evaluation(
        "", "", seed, resamples, "", choice.shares, tuple(judged), overlap(looked.lists), looked.remembered
    )


@dataclass(frozen=True)
class Judging:
    """Which recommenders are judged, and how."""

    names: tuple[str, ...]
    seed: int
    resamples: int

    def check(self, windows: int) -> None:
        """Refuse what cannot be judged."""
        for name in self.names:
            check_kind(name)
        check_seed(self.seed)
        if windows < 1:
            raise CounterpointError(f"{windows} windows are none to judge on: 3 would be right")

    def look(self, given: Task, choice: Choice) -> "Looked":
        """Let all recommenders learn what is known, and list what listeners should discover."""
        histories, barred = given.seen.rows(given.who), nothing_barred(given.seen)
        ours = choice.fit(given.seen, seed=self.seed)
        lists: dict[str, NDArray[np.int32]] = {}
        remembered = []
        for name in self.names:
            model = ours if name == OURS else kind_named(name).fit(given.seen, seed=self.seed)
            found = model.top(histories, DEEP, barred=barred).song
            lists[name] = np.pad(found, ((0, 0), (0, DEEP - found.shape[1])), constant_values=-1)
            if isinstance(model, Projected | NonNegative) and model.weigh == "rating":
                remembered.append((name, *train_errors(model, given.seen)))
        return Looked(self, given, ours, lists, tuple(remembered))


@dataclass(frozen=True, eq=False)
class Looked:
    """What recommenders would have had listeners discover: lists of int32[listeners, 100], and the blend itself."""

    judging: Judging
    given: Task
    ours: Blend
    lists: Mapping[str, Lists]
    remembered: tuple[tuple[str, float, float], ...]

    def window(self, days: tuple[str, str], effects: tuple[Effect, ...]) -> Window:
        """Judge the lists, and what listeners came back to."""
        given, seen = self.given, self.given.seen
        how: dict[str, Any] = {"seed": self.judging.seed, "resamples": self.judging.resamples}
        first = {name: deep[:, :DEEPEST] for name, deep in self.lists.items()}
        discovery: tuple[Judged, ...] = ()
        if len(given.who):
            discovery = judge(first, given.new, given.who, seen, baselines=(BASELINE, OURS), **how)
        replay: tuple[Judged, ...] = ()
        if len(given.again):
            own = seen.rows(given.again)
            lists = {LATELY: played_lately(own, DEEPEST), OWN: most_played(own, DEEPEST)}
            replay = judge(lists, given.known, given.again, seen, baselines=(OWN,), again=True, **how)
        people = max(1, given.listeners)
        return Window(
            *days,
            *seen.shape,
            len(seen.song),
            given.discoverers / people,
            given.strangers / people,
            given.unreachable,
            discovery,
            replay,
            effects,
        )

    def effects(
        self, choice: Choice, styles: Styles, said: Lifts, when: Times, leavers: pl.Series | None
    ) -> tuple[Effect, ...]:
        """Return what each refinement does: chosen or not, at the strength chosen, or else at 1."""
        given, who, seed = self.given, self.given.who, self.judging.seed
        dislike, context = choice.dislike or 1.0, choice.context or 1.0
        deep = lists_at(self.ours, given, when)
        alone = replace(self.ours, weights=choice.whole, edges=(), clusters=None)
        ours, plain = (self._gains(model) for model in (self.ours, alone))
        popular, in_cluster = (
            self._gains(kind_named(name).fit(given.seen, seed=seed)) for name in ("popular", "popular-in-cluster")
        )
        told = [
            effect("popularity by cluster", 1.0, (popular, in_cluster), who, seed=seed),
            effect("weights by group", float(len(choice.weights) > 1), (plain, ours), who, seed=seed),
            effect(
                "dislikes",
                choice.dislike,
                (averse(self.ours, given, styles, 0.0), averse(self.ours, given, styles, dislike)),
                who[dislikers(given)],
                seed=seed,
            ),
            effect(
                "hour and weekday",
                choice.context,
                (at_times(deep, when, said, 0.0), at_times(deep, when, said, context)),
                when.who,
                seed=seed,
            ),
        ]
        if leavers is not None:
            told.append(self._pushed(leavers))
        return tuple(each for each in told if each is not None)

    def _gains(self, model: Model) -> NDArray[np.float64]:
        return ndcgs(lists_of(model, self.given), self.given.new)

    def _pushed(self, leavers: pl.Series) -> Effect | None:
        """Return what it does to push down the songs heard before leaving, and how much less often they are listed."""
        given = self.given
        number = given.seen.song_numbers(leavers)
        factor = np.ones(len(given.seen.songs), np.float32)
        factor[number[number >= 0]] = PUSHED
        lists = lists_of(Reranked(self.ours, factor), given)
        before = self.lists[OURS] if OURS in self.lists else lists_of(self.ours, given)
        found = effect(
            "songs heard before leaving pushed down",
            0.0,
            (ndcgs(before, given.new), ndcgs(lists, given.new)),
            given.who,
            seed=self.judging.seed,
        )
        listed = (float((factor[each[:, :10]] < 1).mean()) for each in (before, lists))
        return None if found is None else replace(found, listed=tuple(listed))


def _leavers(view: View, snapshot: Snapshot, versions: pl.DataFrame) -> pl.Series | None:
    """Return the songs found over-represented before leaving, by an outcome that had ended on the snapshot's day."""
    for each in songs_in(view):
        if each.of == "song" and each.found.height and each.snapshot.days[2] <= snapshot.days[1]:
            return known_as(each.found["item"], versions)
    return None


def _last(study: Study, outcome_for: str | int) -> str:
    probe = Snapshot.of(date(study.days.last), known_for=1, outcome_for=outcome_for)
    return probe.outcome_for.until(date(study.days.last)).isoformat()


def overlap(lists: Mapping[str, Lists]) -> tuple[tuple[str, str, float, float], ...]:
    """Return how many songs the lists of two recommenders have in common, in the mean over listeners.

    >>> overlap({"a": np.array([[1, 2, 3]]), "b": np.array([[3, 4, 1]])})
    (('a', 'b', 2.0, 2.0),)
    """
    names = list(lists)
    return tuple(
        (one, other, _common(lists[one][:, :10], lists[other][:, :10]), _common(lists[one], lists[other]))
        for at, one in enumerate(names)
        for other in names[at + 1 :]
    )


def _common(one: Lists, other: Lists) -> float:
    # In a row of both lists side by side, sorted, what is in both is there twice.
    both = np.sort(np.concatenate([one, other], axis=1), axis=1)
    return float(((both[:, 1:] == both[:, :-1]) & (both[:, 1:] >= 0)).sum() / max(1, len(one)))


def evaluations_in(view: View) -> tuple[Evaluation, ...]:
    """Return the evaluations of a workspace, by day."""
    return tuple(_read(json.loads(folder.file("evaluation.json").read_text())) for folder in view.below(EVALUATION))


def _read(made: dict[str, Any]) -> Evaluation:
    windows = tuple(
        Window(
            **{
                **window,
                **{name: tuple(map(_judged, window[name])) for name in ("discovery", "replay")},
                "effects": tuple(map(_effect, window["effects"])),
            }
        )
        for window in made["windows"]
    )
    pairs = {name: tuple(tuple(row) for row in made[name]) for name in ("members", "overlap", "remembered")}
    return Evaluation(**{**made, **pairs, "windows": windows})


def _judged(made: dict[str, Any]) -> Judged:
    estimates = {
        part: {name: Estimate(**told) for name, told in made[part].items()}
        for part in ("metrics", "ahead", "by_history")
    }
    return Judged(**{**made, **estimates, "reach": Reach(**made["reach"]) if made["reach"] else None})


def _effect(made: dict[str, Any]) -> Effect:
    estimates = {name: Estimate(**made[name]) for name in ("plain", "refined", "ahead")}
    return Effect(**{**made, **estimates, "listed": tuple(made["listed"])})

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
from counterpoint.listeners.churn.table import Study, log_keys, studied
from counterpoint.listeners.events import rules
from counterpoint.listeners.events.rules import Practice
from counterpoint.listeners.events.schema import date
from counterpoint.listeners.recommend.choose import Choice
from counterpoint.listeners.recommend.interactions import Interactions
from counterpoint.listeners.recommend.judge import NDCG, Judged, Task, judge, lists_of, task
from counterpoint.listeners.recommend.models.kinds import KINDS, kind_named
from counterpoint.listeners.recommend.models.model import nothing_barred
from counterpoint.listeners.recommend.ratings import liked_later, ratings
from counterpoint.listeners.recommend.recommender import OURS, kind_or_ours
from counterpoint.listeners.recommend.replay import most_played, played_lately
from counterpoint.listeners.recommend.train import chosen
from counterpoint.rng import check_seed
from counterpoint.tables.engine import Chosen
from counterpoint.tables.workspace import Folder, Staged, View, key_of, writing

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


@dataclass(frozen=True)
class Evaluation:
    """The windows, oldest first; `members` of the blend with their weights; songs in common between lists.

    overlap : (recommender, another, of the first 10, of the first 100): mean songs in common, in the last window
    logs    : stands for the logs it was made from
    """

    known_for: str
    outcome_for: str
    seed: int
    resamples: int
    logs: str
    members: tuple[tuple[str, float], ...]
    windows: tuple[Window, ...]
    overlap: tuple[tuple[str, str, float, float], ...]

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
    for kind in kinds:
        kind_or_ours(kind)
    check_seed(seed)
    if windows < 1:
        raise CounterpointError(f"{windows} windows are none to judge on: 3 would be right")
    with writing(workspace) as writer, studied(writer, engine, practice=practice) as study:
        last = Snapshot.of(at or _last(study, outcome_for), known_for=known_for, outcome_for=outcome_for)
        rolling = study.before(last, windows)[::-1]
        by = study.cleaning(rolling[0])
        choice = chosen(study, by, rolling[0], settings=settings, seed=seed)
        names = list(dict.fromkeys((*kinds, BASELINE)))
        judged, lists = [], {}
        for snapshot in rolling:
            given = _task(study, by, snapshot, seed=seed)
            lists = {name: _deep(name, choice, given, seed=seed) for name in names}
            judged.append(_window(snapshot, given, lists, seed=seed, resamples=resamples))
        found = Evaluation(
            str(last.known_for),
            str(last.outcome_for),
            seed,
            resamples,
            key_of(log_keys(writer.view)),
            choice.shares,
            tuple(judged),
            overlap(lists),
        )
        folder = writer.stage()
        (folder / "evaluation.json").write_text(json.dumps(asdict(found)))
        made = {"at": str(last.at), "known_for": str(last.known_for), "outcome_for": str(last.outcome_for)}
        writer.commit(Staged(EVALUATION + str(last.at), key_of(EVALUATION, asdict(found)), folder, made))
    return found


def _last(study: Study, outcome_for: str | int) -> str:
    probe = Snapshot.of(date(study.days.last), known_for=1, outcome_for=outcome_for)
    return probe.outcome_for.until(date(study.days.last)).isoformat()


def _task(study: Study, by: Folder, snapshot: Snapshot, *, seed: int) -> Task:
    after, until, end = snapshot.days
    return task(ratings(study, by, after, until).interactions, liked_later(study, by, until, end), seed=seed)


def _deep(name: str, choice: Choice, given: Task, *, seed: int) -> NDArray[np.int32]:
    """Return what a kind of recommender would have had listeners discover, int32[listeners, 100]."""
    model = choice.fit(given.seen, seed=seed) if name == OURS else kind_named(name).fit(given.seen, seed=seed)
    found = model.top(given.seen.rows(given.who), DEEP, barred=nothing_barred(given.seen)).song
    lists = np.full((len(found), DEEP), -1, np.int32)
    lists[:, : found.shape[1]] = found
    return lists


def _window(
    snapshot: Snapshot, given: Task, lists: Mapping[str, Lists], *, seed: int, resamples: int
) -> Window:
    seen = given.seen
    first = {name: deep[:, :DEEPEST] for name, deep in lists.items()}
    discovery = judge(first, given.new, given.who, seen, baselines=(BASELINE, OURS), seed=seed, resamples=resamples)
    replay: tuple[Judged, ...] = ()
    if len(given.again):
        own = seen.rows(given.again)
        replays = {LATELY: played_lately(own, DEEPEST), OWN: most_played(own, DEEPEST)}
        replay = judge(
            replays, given.known, given.again, seen, baselines=(OWN,), seed=seed, resamples=resamples, again=True
        )
    people = max(1, given.listeners)
    return Window(
        str(snapshot.at),
        str(snapshot.outcome_for.from_day(snapshot.at)),
        len(seen),
        len(seen.songs),
        len(seen.song),
        given.discoverers / people,
        given.strangers / people,
        given.unreachable,
        discovery,
        replay,
    )


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
        Window(**{**window, **{name: tuple(map(_judged, window[name])) for name in ("discovery", "replay")}})
        for window in made["windows"]
    )
    pairs = {name: tuple(tuple(row) for row in made[name]) for name in ("members", "overlap")}
    return Evaluation(**{**made, **pairs, "windows": windows})


def _judged(made: dict[str, Any]) -> Judged:
    estimates = {
        part: {name: Estimate(**told) for name, told in made[part].items()} for part in ("metrics", "ahead", "by_history")
    }
    return Judged(**{**made, **estimates, "reach": Reach(**made["reach"]) if made["reach"] else None})

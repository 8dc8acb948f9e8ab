"""How well would recommenders have done in a workspace? Judged on what listeners chose afterwards, window after window.

::

    |<---- known ---->|<- outcome ->|                               chooses settings and weights
                  |<---- known ---->|<- outcome ->|                 first window to judge on
                                |<---- known ---->|<- outcome ->|   the next ...

What is chosen is chosen once, before the first window's outcome begins; no outcome is in two windows.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from counterpoint.events import rules
from counterpoint.events.rules import Practice
from counterpoint.events.schema import date
from counterpoint.recommend.comparison import Judging, Looked, overlap
from counterpoint.recommend.context import known_as, lifts, plays_by_time, styles_of
from counterpoint.recommend.effects import Effect, times
from counterpoint.recommend.interactions import checked, gathered
from counterpoint.recommend.model_selection import choose
from counterpoint.recommend.ranking_evaluation import Judged, task
from counterpoint.recommend.ratings import liked_later, ratings
from counterpoint.recommend.recommender import OURS
from counterpoint.recommend.splitting import held_out, slices
from counterpoint.recommend.train import chosen
from counterpoint.snapshots.rolling import rolling_snapshots
from counterpoint.snapshots.session import SnapshotSession, log_keys, open_session
from counterpoint.snapshots.snapshot import Snapshot
from counterpoint.stats.intervals import Estimate
from counterpoint.stats.ranking import Reach
from counterpoint.storage.engines import EngineChoice
from counterpoint.storage.workspace import Staged, WorkspaceView, edit_workspace, key_of

EVALUATION: Final = "evaluation:recommend:"
BASELINE: Final = "popular-lately"
USUAL: Final = (OURS, "popular-lately", "popular", "cosine", "walk", "svd-by-degree")


@dataclass(frozen=True)
class Window:
    """What became of the recommendations of one day.

    listeners   : with a history, on `at`
    evaluable   : of those who liked anything later, the share that had a history and liked a song new to them
    strangers   : of those who liked anything later, the share without a history
    unreachable : share of what was liked later that nobody knew before
    discovery   : of songs that listeners did not know; replay: of those they came back to
    cold        : of what strangers chose, told by what every recommender falls back to
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
    cold: tuple[Judged, ...]
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
    push_down: pl.DataFrame | None = None,
    practice: Practice = rules.OURS,
    engine: EngineChoice = "duckdb",
) -> Evaluation:
    """Judge recommenders on at most so many windows, as far as the logs go back, and keep the result.

    at        : the day of the last window; by default the last whose outcome the logs have
    push_down : songs to be tried further down: song_id, and known_from, the first day (since 1970-01-01) on which that
                was known of them; a window uses those known by its day

    Raises
    ------
    CounterpointError
        If the log does not cover one window, or a kind of recommender is not known.
    """
    judging = Judging(tuple(dict.fromkeys((*kinds, BASELINE))), BASELINE, seed, resamples)
    judging.check(windows)
    with edit_workspace(workspace) as writer, open_session(writer, engine, practice=practice) as session:
        last = Snapshot.of(at or _last(session, outcome_for), known_for=known_for, outcome_for=outcome_for)
        rolling = rolling_snapshots(session, last, windows)[::-1]
        by = session.cleaning(rolling[0])
        choice = chosen(session, by, rolling[0], settings=settings, seed=seed, styles=styles, beside=kinds)
        judged = []
        for snapshot in rolling:
            after, until, end = snapshot.days
            known = ratings(session, by, after, until)
            given = task(known.interactions, liked_later(session, by, end, known), seed=seed)
            looked = judging.look(given, choice)
            days = str(snapshot.day), str(snapshot.outcome_for.from_day(snapshot.day))
            style = styles_of(known.names, styles, known.versions)
            said = lifts(plays_by_time(session, after, until), known.names["song_id"], style, known.versions)
            when = times(session, given, (until, end), known.versions, seed=seed)
            leavers = _pushed_down(push_down, snapshot, known.versions)
            effects = looked.effects(choice, style, said, when, leavers)
            judged.append(_window(looked, days, effects))
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
        made = {"at": str(last.day), "known_for": str(last.known_for), "outcome_for": str(last.outcome_for)}
        writer.commit(Staged(EVALUATION + str(last.day), key_of(EVALUATION, asdict(found)), folder, made))
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
    judging = Judging(tuple(dict.fromkeys((*kinds, BASELINE))), BASELINE, seed, resamples)
    judging.check(windows)
    parts = slices(checked(table), windows, seed=seed)
    choice, _ = choose(held_out(parts[0].known, seed=seed), settings=settings, seed=seed, beside=kinds)
    judged = []
    for part in parts:
        looked = judging.look(task(gathered(part.known), part.later, seed=seed), choice)
        judged.append(_window(looked, (part.at, part.until), ()))
    return Evaluation(
        "", "", seed, resamples, "", choice.shares, tuple(judged), overlap(looked.lists), looked.remembered
    )


def _window(looked: Looked, days: tuple[str, str], effects: tuple[Effect, ...]) -> Window:
    given, people = looked.given, max(1, looked.given.listeners)
    return Window(
        *days,
        *given.seen.shape,
        len(given.seen.song),
        given.discoverers / people,
        given.strangers / people,
        given.unreachable,
        looked.discovery(),
        looked.replay(),
        looked.cold(),
        effects,
    )


def _pushed_down(songs: pl.DataFrame | None, snapshot: Snapshot, versions: pl.DataFrame) -> pl.Series | None:
    """Return the songs to push down that were known as such by the snapshot's day."""
    if songs is None:
        return None
    known = songs.filter(pl.col("known_from") <= snapshot.days[1])
    return known_as(known["song_id"], versions) if known.height else None


def _last(session: SnapshotSession, outcome_for: str | int) -> str:
    probe = Snapshot.of(date(session.coverage.last), known_for=1, outcome_for=outcome_for)
    return probe.outcome_for.until(date(session.coverage.last)).isoformat()


def evaluations_in(view: WorkspaceView) -> tuple[Evaluation, ...]:
    """Return the evaluations of a workspace, by day."""
    return tuple(
        _read(json.loads(folder.file("evaluation.json").read_text())) for folder in view.with_prefix(EVALUATION)
    )


def _read(made: dict[str, Any]) -> Evaluation:
    windows = tuple(
        Window(
            **{
                **window,
                **{name: tuple(map(_judged, window[name])) for name in ("discovery", "replay", "cold")},
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

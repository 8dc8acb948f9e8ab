"""How well would recommenders have done in a workspace? By what listeners chose afterwards, window after window.

::

    |<---- known ---->|<- outcome ->|                               selects settings and weights
                  |<---- known ---->|<- outcome ->|                 first window to evaluate on
                                |<---- known ---->|<- outcome ->|   the next ...

What is selected is selected once, before the first window's outcome begins; no outcome is in two windows.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from counterpoint.events import cleaning_rules as event_rules
from counterpoint.events.cleaning_rules import RuleSet
from counterpoint.recommend.catalogue import canonical_ids
from counterpoint.recommend.comparison import Comparison, RecommenderEvaluationSettings, compare, list_overlap
from counterpoint.recommend.context import compute_lifts, plays_by_time
from counterpoint.recommend.interactions import aggregate_rows, parse_table
from counterpoint.recommend.model_selection import BlendChoice, BlendSearch, select_blend
from counterpoint.recommend.prediction_task import make_task
from counterpoint.recommend.ranking_evaluation import RankingEvaluation
from counterpoint.recommend.ratings import compute_ratings, liked_later
from counterpoint.recommend.refinement_effects import RefinementEffect, choice_times
from counterpoint.recommend.splitting import hold_out, split_windows
from counterpoint.recommend.styles import styles_of
from counterpoint.recommend.training import select_on_snapshot
from counterpoint.snapshots.rolling_snapshots import last_snapshot, rolling_snapshots
from counterpoint.snapshots.session import SnapshotSession, log_keys, open_session
from counterpoint.snapshots.snapshot import Snapshot
from counterpoint.storage.engines import EngineChoice
from counterpoint.storage.results import all_kept, keep
from counterpoint.storage.serializer import plain
from counterpoint.storage.workspace import Folder, WorkspaceView, edit_workspace, key_of

EVALUATION: Final = "evaluation:recommend:"
DEFAULT_SETTINGS: Final = RecommenderEvaluationSettings()


@dataclass(frozen=True, kw_only=True)
class EvaluationWindow:
    """What became of the recommendations of one day.

    listeners          : with a history, on that `day`
    evaluable          : of those who liked anything later, the share that had a history and liked a song new to them
    new_users          : of those who liked anything later, the share without a history
    unreachable        : share of what was liked later that nobody knew before
    discovery          : of songs that listeners did not know; repeat_consumption: of those they came back to
    cold_start         : of what new users chose, predicted by what every recommender falls back to
    refinements        : what refinements of the blend's lists do
    """

    day: str
    until: str
    listeners: int
    songs: int
    pairs: int
    evaluable: float
    new_users: float
    unreachable: float
    discovery: tuple[RankingEvaluation, ...]
    repeat_consumption: tuple[RankingEvaluation, ...]
    cold_start: tuple[RankingEvaluation, ...]
    refinements: tuple[RefinementEffect, ...]


@dataclass(frozen=True, kw_only=True)
class RecommenderEvaluation:
    """The windows, oldest first; `members` of the blend with their weights; songs in common between lists.

    overlap      : (recommender, another, of the first 10, of the first 100): mean songs in common, in the last window
    log_key      : stands for the logs it was made from
    train_errors : (recommender of factors, RMSE, MAE) of the ratings that it was fitted to: the churn report's measure,
                   of those that learn ratings
    """

    known_for: str
    outcome_for: str
    seed: int
    resamples: int
    log_key: str
    members: tuple[tuple[str, float], ...]
    windows: tuple[EvaluationWindow, ...]
    overlap: tuple[tuple[str, str, float, float], ...]
    train_errors: tuple[tuple[str, float, float], ...] = ()

    def wins(self, name: str, over: str) -> bool:
        """Say whether a recommender discovers better than another in every window: by 1 % or more, and surely."""
        evaluations = [each for window in self.windows for each in window.discovery if each.recommender == name]
        return bool(evaluations) and all(each.wins(over) for each in evaluations)


def evaluate(  # noqa: PLR0913  all but one are options
    workspace: Path,
    snapshot: Snapshot | None = None,
    *,
    settings: RecommenderEvaluationSettings = DEFAULT_SETTINGS,
    styles: pl.DataFrame | None = None,
    push_down: pl.DataFrame | None = None,
    rules: RuleSet = event_rules.DEFAULT_RULES,
    engine: EngineChoice = "duckdb",
) -> RecommenderEvaluation:
    """Evaluate recommenders on at most so many windows, as far as the logs go back, and keep the result.

    snapshot  : the last window; by default the last whose outcome the logs have, 30 days known and 7 of outcome
    push_down : songs to be tried further down: song_id, and known_from, the first day (since 1970-01-01) on which that
                was known of them; a window uses those known by its day

    Raises
    ------
    CounterpointError
        If the log does not cover one window.
    """
    last = snapshot or last_snapshot(workspace, known_for=30, outcome_for=7)
    with edit_workspace(workspace) as writer, open_session(writer, engine, rules=rules) as session:
        rolling = rolling_snapshots(session, last, settings.windows)[::-1]
        source = _Source(session, session.cleaning(rolling[0]), styles, push_down)
        search = BlendSearch(beside=settings.kinds, trials=settings.trials, seed=settings.rng)
        choice = select_on_snapshot(session, source.cleaning, rolling[0], search, styles=styles)
        compared = [_compare_window(source, each, choice, settings) for each in rolling]
        evaluation = _evaluation(
            [window for window, _ in compared],
            compared[-1][1],
            choice,
            known_for=str(last.known_for),
            outcome_for=str(last.outcome_for),
            log_key=key_of(log_keys(writer.view)),
        )
        metadata = {name: str(getattr(last, name)) for name in ("day", "known_for", "outcome_for")}
        key = key_of(EVALUATION, plain(evaluation))
        keep(writer, EVALUATION + metadata["day"], key, evaluation, metadata=metadata)
    return evaluation


def evaluate_interactions(
    table: Any, settings: RecommenderEvaluationSettings = DEFAULT_SETTINGS
) -> RecommenderEvaluation:
    """Evaluate recommenders on any table that exports Arrow (`Interactions.from_table` says which columns).

    With days, the windows are the last tenths of the pairs, each predicted from all before it; without, so many random
    fifths of each listener's pairs. Settings and weights are selected on what is known in the first.

    Raises
    ------
    CounterpointError
        If the table cannot be read, or nothing in it can be evaluated.
    """
    splits = split_windows(parse_table(table), settings.windows, seed=settings.rng)
    search = BlendSearch(beside=settings.kinds, trials=settings.trials, seed=settings.rng)
    choice, _ = select_blend(hold_out(splits[0].known, seed=settings.rng), search)
    windows = []
    for split in splits:
        task = make_task(aggregate_rows(split.known), split.later, seed=settings.rng)
        comparison = compare(task, choice, settings)
        windows.append(_window(comparison, (split.day, split.until), ()))
    return _evaluation(windows, comparison, choice)


@dataclass(frozen=True, eq=False)
class _Source:
    """What windows are made from: a session with its cleaning, and the user's tables of songs."""

    session: SnapshotSession
    cleaning: Folder
    styles: pl.DataFrame | None
    push_down: pl.DataFrame | None


def _compare_window(
    source: _Source, snapshot: Snapshot, choice: BlendChoice, settings: RecommenderEvaluationSettings
) -> tuple[EvaluationWindow, Comparison]:
    """Return what became of the recommendations at a snapshot, and the recommenders' lists."""
    session, (after, until, end) = source.session, snapshot.days
    known = compute_ratings(session, source.cleaning, after, until)
    task = make_task(known.interactions, liked_later(session, source.cleaning, end, known), seed=settings.rng)
    comparison = compare(task, choice, settings)
    style = styles_of(known.names, source.styles, known.versions)
    lifts = compute_lifts(plays_by_time(session, after, until), known.names["song_id"], style, known.versions)
    times = choice_times(session, task, (until, end), known.versions, seed=settings.rng)
    push_down = _known_to_push_down(source.push_down, snapshot, known.versions)
    effects = comparison.effects(choice, style, lifts, times, push_down)
    days = str(snapshot.day), str(snapshot.outcome_for.from_day(snapshot.day))
    return _window(comparison, days, effects), comparison


def _window(comparison: Comparison, days: tuple[str, str], effects: tuple[RefinementEffect, ...]) -> EvaluationWindow:
    task, people = comparison.task, max(1, comparison.task.n_listeners)
    listeners, songs = task.seen.shape
    return EvaluationWindow(
        day=days[0],
        until=days[1],
        listeners=listeners,
        songs=songs,
        pairs=len(task.seen.song),
        evaluable=task.n_discoverers / people,
        new_users=task.n_new_users / people,
        unreachable=task.unreachable,
        discovery=comparison.discovery(),
        repeat_consumption=comparison.repeat_consumption(),
        cold_start=comparison.cold_start(),
        refinements=effects,
    )


def _evaluation(
    windows: list[EvaluationWindow],
    comparison: Comparison,
    choice: BlendChoice,
    *,
    known_for: str = "",
    outcome_for: str = "",
    log_key: str = "",
) -> RecommenderEvaluation:
    """Return the windows together; `comparison` is of the last one."""
    return RecommenderEvaluation(
        known_for=known_for,
        outcome_for=outcome_for,
        seed=comparison.settings.rng,
        resamples=comparison.settings.resamples,
        log_key=log_key,
        members=choice.shares,
        windows=tuple(windows),
        overlap=list_overlap(comparison.lists),
        train_errors=comparison.train_errors,
    )


def _known_to_push_down(songs: pl.DataFrame | None, snapshot: Snapshot, versions: pl.DataFrame) -> pl.Series | None:
    """Return the songs to push down that were known as such by the snapshot's day."""
    if songs is None:
        return None
    known = songs.filter(pl.col("known_from") <= snapshot.days[1])
    return canonical_ids(known["song_id"], versions) if known.height else None


def evaluations_in(view: WorkspaceView) -> tuple[RecommenderEvaluation, ...]:
    """Return the evaluations of a workspace, by day."""
    return all_kept(view, EVALUATION, RecommenderEvaluation)

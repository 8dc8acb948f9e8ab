"""Learn what listeners should hear next from a workspace, and keep it there."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import polars as pl

from counterpoint.errors import CounterpointError
from counterpoint.events import cleaning_rules as event_rules
from counterpoint.events.cleaning_rules import RuleSet
from counterpoint.events.coverage import measure_coverage
from counterpoint.events.schema import BUCKETS, date
from counterpoint.recommend.context import compute_lifts, plays_by_time
from counterpoint.recommend.model_selection import DEFAULT_BLEND, BlendChoice, BlendSearch, select_blend
from counterpoint.recommend.models.registry import BLEND, MODEL_CLASSES, check_kind
from counterpoint.recommend.prediction_task import make_task
from counterpoint.recommend.ratings import compute_ratings, liked_later
from counterpoint.recommend.recommender import Recommender, SongMetadata, fit_recommender
from counterpoint.recommend.refinement_effects import choice_times, deep_lists, select_context_strength
from counterpoint.recommend.styles import styles_of
from counterpoint.rng import check_seed
from counterpoint.snapshots.session import SnapshotSession, open_session, register_events
from counterpoint.snapshots.snapshot import Snapshot
from counterpoint.storage.duckdb_engine import open_duckdb
from counterpoint.storage.engines import EngineChoice
from counterpoint.storage.results import keep, kept
from counterpoint.storage.workspace import Folder, WorkspaceView, edit_workspace, key_of, open_workspace, verify

MODEL: Final = "model:recommend"
MAX_LISTENERS: Final = 100_000  # whose choices a blend is selected from
MAX_EVALUATED: Final = 10_000  # of them, by whose later choices it is selected


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """Which recommender is trained, and how.

    kind   : "blend", or the name of a recommender
    trials : settings that are tried of each member of a blend
    rng    : a seed; the same one gives the same recommender

    Raises
    ------
    CounterpointError
        If there is no such kind of recommender, or the settings of one cannot be searched.
    """

    kind: str = BLEND
    trials: int = 1
    rng: int = 0

    def __post_init__(self) -> None:
        check_kind(self.kind, trials=self.trials)
        check_seed(self.rng)


DEFAULT_SETTINGS: Final = TrainingSettings()


@dataclass(frozen=True, eq=False)
class TrainedRecommender:
    """A recommender that a workspace keeps, and the days it learned from: those of the snapshot that were known.

    log_key : stands for the logs it was made from
    """

    snapshot: Snapshot
    recommender: Recommender
    log_key: str


def train(
    workspace: Path,
    snapshot: Snapshot | None = None,
    *,
    settings: TrainingSettings = DEFAULT_SETTINGS,
    styles: pl.DataFrame | None = None,
    rules: RuleSet = event_rules.DEFAULT_RULES,
    engine: EngineChoice = "duckdb",
) -> TrainedRecommender:
    """Learn from the days that a snapshot knows, and keep what was learned as the workspace's recommender.

    By default the snapshot is `latest_snapshot`. A blend is selected by what listeners liked in the last `outcome_for`
    of the days known, predicted from those before. `styles` (song_id, style) says what songs have in common; without
    it, the singer does.

    Raises
    ------
    CounterpointError
        If the log does not cover the days, or nothing was played in them.
    """
    snapshot = snapshot or latest_snapshot(workspace)
    with edit_workspace(workspace) as writer, open_session(writer, engine, rules=rules) as session:
        session.check_coverage(snapshot, outcome=False)
        cleaning = session.cleaning(snapshot)
        choice = None
        if settings.kind == BLEND:
            search = BlendSearch(trials=settings.trials, seed=settings.rng)
            choice = select_on_snapshot(session, cleaning, snapshot, search, styles=styles)
        recommender = _fit(session, cleaning, snapshot, choice, settings=settings, styles=styles)
        log_key = key_of(session.log_keys())
        trained = TrainedRecommender(snapshot, recommender, log_key)
        metadata = {name: str(getattr(snapshot, name)) for name in ("day", "known_for", "outcome_for")}
        metadata |= {"kind": settings.kind, "seed": str(settings.rng), "logs": log_key}
        key = key_of(MODEL, metadata, settings.trials, cleaning.key, _digest(styles))
        keep(writer, MODEL, key, trained, metadata=metadata)
    return trained


def _fit(
    session: SnapshotSession,
    cleaning: Folder,
    snapshot: Snapshot,
    choice: BlendChoice | None,
    *,
    settings: TrainingSettings,
    styles: pl.DataFrame | None,
) -> Recommender:
    """Return what has learned from all that the snapshot knows."""
    after, until, _ = snapshot.days
    ratings = compute_ratings(session, cleaning, after, until)
    style = styles_of(ratings.names, styles, ratings.versions)
    lifts = compute_lifts(plays_by_time(session, after, until), ratings.names["song_id"], style, ratings.versions)
    songs = SongMetadata(ratings.names, ratings.versions, style, lifts)
    return fit_recommender(ratings.interactions, choice, songs, kind=settings.kind, seed=settings.rng)


def _digest(styles: pl.DataFrame | None) -> str | None:
    """Return what stands for a table of styles."""
    return None if styles is None else hashlib.sha256(styles.write_csv().encode()).hexdigest()


def select_on_snapshot(
    session: SnapshotSession,
    cleaning: Folder,
    snapshot: Snapshot,
    search: BlendSearch,
    *,
    styles: pl.DataFrame | None = None,
) -> BlendChoice:
    """Return the blend that predicts best, from the days known before the last `outcome_for`, what was liked in these.

    By at most 100,000 listeners. With it, whether to heed dislikes, the clock and the day of the week.
    """
    after, until, _ = snapshot.days
    cut = until - snapshot.outcome_for.days
    if cut <= after:
        return DEFAULT_BLEND
    where = _sample_sql(session, after, until)
    before = compute_ratings(session, cleaning, after, cut, where=where)
    later = liked_later(session, cleaning, until, before, where=where)
    task = make_task(before.interactions, later, seed=search.seed, max_listeners=MAX_EVALUATED)
    style = styles_of(before.names, styles, before.versions)
    choice, blend = select_blend(task, search, styles=style)
    lifts = compute_lifts(plays_by_time(session, after, cut), before.names["song_id"], style, before.versions)
    times = choice_times(session, task, (cut, until), before.versions, seed=search.seed)
    strength = select_context_strength(deep_lists(blend, task, times), times, lifts, seed=search.seed)
    return replace(choice, context_strength=strength)


def _sample_sql(session: SnapshotSession, after: int, until: int) -> str:
    """Return SQL that keeps about 100,000 of the listeners of some days, after an AND; empty where there are fewer."""
    people = session.engine.fetch(
        f"SELECT count(DISTINCT uid) AS n FROM events WHERE day > {after} AND day <= {until}"
    ).item()
    buckets = min(BUCKETS, -(-MAX_LISTENERS * BUCKETS // max(1, int(people))))
    return f" AND e.bucket < {buckets}" if buckets < BUCKETS else ""


def latest_snapshot(workspace: Path, *, known_for: str | int = 30, outcome_for: str | int = 7) -> Snapshot:
    """Return the snapshot at the last day of the workspace's logs: what is learned from when nobody waits."""
    with open_workspace(workspace) as view, TemporaryDirectory() as scratch, open_duckdb(Path(scratch)) as engine:
        register_events(engine, view)
        return Snapshot.of(date(measure_coverage(engine).last), known_for=known_for, outcome_for=outcome_for)


def trained_in(view: WorkspaceView) -> TrainedRecommender:
    """Return the recommender that a workspace keeps.

    Raises
    ------
    CounterpointError
        If there is none, or it is damaged.
    """
    folder = view.get(MODEL)
    if folder is None:
        raise CounterpointError(
            f"workspace {view.root} has no recommender; `counterpoint recommend train {view.root}` first"
        )
    verify(folder)
    return kept(folder, TrainedRecommender, among=MODEL_CLASSES)

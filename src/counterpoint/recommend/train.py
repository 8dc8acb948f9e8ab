"""Learn what listeners should hear next from a workspace, and keep it there."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import polars as pl

from counterpoint.errors import CounterpointError
from counterpoint.events import rules
from counterpoint.events.rules import Practice
from counterpoint.events.schema import BUCKETS, date
from counterpoint.recommend.context import lifts, plays_by_time, styles_of
from counterpoint.recommend.effects import context_by, lists_at, times
from counterpoint.recommend.model_selection import UNTRIED, Choice, choose
from counterpoint.recommend.ranking_evaluation import task
from counterpoint.recommend.ratings import liked_later, ratings
from counterpoint.recommend.recommender import OURS, Recommender, check_kind, learned
from counterpoint.recommend.serialization import read, write
from counterpoint.rng import check_seed
from counterpoint.snapshots.session import SnapshotSession, open_session
from counterpoint.snapshots.snapshot import Snapshot
from counterpoint.storage.engines import EngineChoice
from counterpoint.storage.workspace import Folder, Staged, WorkspaceView, edit_workspace, key_of, verify

MODEL: Final = "model:recommend"
ENOUGH: Final = 100_000  # listeners whose choice a blend is learned from before it is chosen
CHOOSERS: Final = 10_000  # of them, by whose later choices it is chosen


@dataclass(frozen=True, eq=False)
class TrainedRecommender:
    """A recommender that a workspace keeps, and the days it learned from: those of the snapshot that were known.

    logs : stands for the logs it was made from
    """

    snapshot: Snapshot
    recommender: Recommender
    logs: str


def train(  # noqa: PLR0913  all but one are options
    workspace: Path,
    *,
    at: str | None = None,
    known_for: str | int = "30",
    outcome_for: str | int = "7",
    kind: str = OURS,
    settings: int = 1,
    seed: int = 0,
    styles: pl.DataFrame | None = None,
    practice: Practice = rules.OURS,
    engine: EngineChoice = "duckdb",
) -> TrainedRecommender:
    """Learn from the days known at `at`, by default the last of the logs, and keep it as the workspace's recommender.

    A blend is chosen by what listeners liked in the last `outcome_for` of these days, told from those before. `styles`
    (song_id, style) says what songs have in common; without it, the singer does.

    Raises
    ------
    CounterpointError
        If the log does not cover the days, or nothing was played in them.
    """
    check_kind(kind, settings=settings)
    check_seed(seed)
    with edit_workspace(workspace) as writer, open_session(writer, engine, practice=practice) as session:
        at = date(session.coverage.last).isoformat() if at is None else at
        snapshot = Snapshot.of(at, known_for=known_for, outcome_for=outcome_for)
        session.check_coverage(snapshot, outcome=False)
        by = session.cleaning(snapshot)
        after, until, _ = snapshot.days
        choice = chosen(session, by, snapshot, settings=settings, seed=seed, styles=styles) if kind == OURS else None
        found = ratings(session, by, after, until)
        style = styles_of(found.names, styles, found.versions)
        made = learned(
            found.interactions,
            choice,
            kind=kind,
            seed=seed,
            names=found.names,
            versions=found.versions,
            styles=style,
            lifts=lifts(plays_by_time(session, after, until), found.names["song_id"], style, found.versions),
        )
        folder = writer.stage()
        write(made, folder)
        told = {name: str(getattr(snapshot, name)) for name in ("day", "known_for", "outcome_for")}
        told |= {"kind": kind, "seed": str(seed), "logs": key_of(session.log_keys())}
        writer.commit(Staged(MODEL, key_of(MODEL, told, _digests(folder)), folder, told))
        return TrainedRecommender(snapshot, made, told["logs"])


def _digests(folder: Path) -> list[str]:
    """Return what stands for the content of a folder's files: the same key would mean the same recommender."""
    return [hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.iterdir())]


def chosen(  # noqa: PLR0913  four are options
    session: SnapshotSession,
    by: Folder,
    snapshot: Snapshot,
    *,
    settings: int,
    seed: int,
    styles: pl.DataFrame | None = None,
    beside: Sequence[str] = (),
) -> Choice:
    """Return the blend that tells best, from the days known before the last `outcome_for`, what was liked in these.

    By at most 100,000 listeners. With it, whether to heed dislikes, the clock and the day of the week; and the settings
    of kinds that are judged `beside` it.
    """
    after, until, _ = snapshot.days
    cut = until - snapshot.outcome_for.days
    if cut <= after:
        return UNTRIED
    people = session.engine.fetch(
        f"SELECT count(DISTINCT uid) AS n FROM events WHERE day > {after} AND day <= {until}"
    ).item()
    buckets = min(BUCKETS, -(-ENOUGH * BUCKETS // max(1, int(people))))
    of = f" AND e.bucket < {buckets}" if buckets < BUCKETS else ""
    before = ratings(session, by, after, cut, of=of)
    given = task(before.interactions, liked_later(session, by, until, before, of=of), seed=seed, most=CHOOSERS)
    style = styles_of(before.names, styles, before.versions)
    choice, blend = choose(given, settings=settings, seed=seed, styles=style, beside=beside)
    said = lifts(plays_by_time(session, after, cut), before.names["song_id"], style, before.versions)
    when = times(session, given, (cut, until), before.versions, seed=seed)
    return replace(choice, context=context_by(lists_at(blend, given, when), when, said, seed=seed))


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
    told = {name: str(folder.metadata[name]) for name in ("day", "known_for", "outcome_for")}
    return TrainedRecommender(Snapshot.of(**told), read(folder.path), str(folder.metadata["logs"]))

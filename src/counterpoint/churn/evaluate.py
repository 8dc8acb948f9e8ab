"""How well is leaving foreseen in a workspace? Every model asked for, and the two plainest predictors, side by side.

Two splits. Random: one snapshot, each listener judged by a model that did not see them. Time: models learned at earlier
snapshots, whose outcomes ended before the test snapshot's day, judged on what came later; only this says how a model
will do next month. As published: the study's own models, features and split, for comparison.
"""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from counterpoint.churn.models.crossfit import CrossFitted, cross_fit
from counterpoint.churn.models.protocol import Kind
from counterpoint.churn.models.registry import GRID_SEARCH, OURS, SEARCHED, STUDY, kind_named
from counterpoint.churn.out_of_fold import (
    Importance,
    Judged,
    Rules,
    Split,
    judge_fitted,
    judge_held_out,
    judge_later,
)
from counterpoint.churn.train import MODEL, SNAPSHOTS, check_snapshots, gathered, model_key, trained_in
from counterpoint.churn.training_set import Examples
from counterpoint.errors import CounterpointError
from counterpoint.events import rules
from counterpoint.events.rules import AS_PUBLISHED, Practice
from counterpoint.events.schema import date
from counterpoint.rng import check_seed
from counterpoint.snapshots.session import ListenerTable, SnapshotSession, open_session
from counterpoint.snapshots.snapshot import Snapshot, day_of
from counterpoint.stats.calibration import Bin
from counterpoint.stats.intervals import Estimate
from counterpoint.storage.engines import EngineChoice
from counterpoint.storage.workspace import Folder, Staged, WorkspaceView, edit_workspace, key_of

EVALUATION: Final = "evaluation:churn:"
PLAIN: Final = ("recency alone", "frequency alone")
USUAL: Final = (OURS, "logistic")
HELD_OUT: Final = 0.2  # by the study


@dataclass(frozen=True)
class Evaluation:
    """The splits of one snapshot; `note` says why a split is missing, `logs` stands for the logs it was made from."""

    at: str
    known_for: str
    outcome_for: str
    practice: str
    seed: int
    resamples: int
    logs: str
    note: str
    splits: tuple[Split, ...]


def evaluate(  # noqa: PLR0913  all but two are options
    workspace: Path,
    snapshot: Snapshot,
    *,
    models: Sequence[str] = USUAL,
    train_at: str | dt.date | None = None,
    snapshots: int = SNAPSHOTS,
    grid: bool = False,
    seed: int = 0,
    resamples: int = 1000,
    practice: Practice = rules.OURS,
    engine: EngineChoice = "duckdb",
) -> Evaluation:
    """Judge `models`, recency alone and frequency alone at a snapshot, and keep the result in the workspace.

    The time split trains at `train_at` and before, on at most so many `snapshots`; by default from the last day whose
    outcome ends on the snapshot's day. It is left out, with the reason in the evaluation's `note`, where the log does
    not reach back that far. With the practice AS_PUBLISHED the study's four models are judged as the study did, on a
    random fifth of the listeners, whatever `models` says; `grid` searches its grid again.

    Raises
    ------
    CounterpointError
        If the log does not cover the snapshot, a model cannot be learned, or the outcome of `train_at` ends after the
        snapshot's day: the model would know what it is to foresee.
    """
    kinds = {name: kind_named(name) for name in dict.fromkeys(models)}
    if not kinds:
        raise CounterpointError("name a model or more to judge")
    if grid and SEARCHED in kinds:
        kinds[SEARCHED] = GRID_SEARCH
    check_seed(seed)
    check_snapshots(snapshots)
    published = practice.name == AS_PUBLISHED.name
    with edit_workspace(workspace) as writer, open_session(writer, engine, practice=practice) as session:
        if published:
            chosen = {**STUDY, **({SEARCHED: GRID_SEARCH} if grid else {})}
            splits, note = [_as_published(session, snapshot, chosen, Rules((SEARCHED, PLAIN[0]), seed, resamples))], ""
        else:
            against = Rules((next(iter(kinds)), PLAIN[0]), seed, resamples)
            splits, note = _splits(session, snapshot, kinds, against, train_at, snapshots)
        found = Evaluation(
            at=snapshot.day.isoformat(),
            known_for=str(snapshot.known_for),
            outcome_for=str(snapshot.outcome_for),
            practice=practice.name,
            seed=seed,
            resamples=resamples,
            logs=key_of(session.logs()),
            note=note,
            splits=tuple(splits),
        )
        folder = writer.stage()
        (folder / "evaluation.json").write_text(json.dumps(asdict(found)))
        name = f"{EVALUATION}{found.at}:{found.known_for}:{found.outcome_for}{':as published' if published else ''}"
        writer.commit(Staged(name, key_of(name, asdict(found)), folder, {"at": found.at, "seed": seed}))
    return found


def _splits(
    session: SnapshotSession,
    snapshot: Snapshot,
    kinds: Mapping[str, Kind],
    against: Rules,
    train_at: str | dt.date | None,
    snapshots: int,
) -> tuple[list[Split], str]:
    """Return the random split and, where the log has room for it, the time split; or else why it has not."""
    earlier, note = _earlier(session, snapshot, None if train_at is None else day_of(train_at))
    splits = [_judge_random(session, snapshot, kinds, against)]
    if earlier is None:
        return splits, note
    try:
        splits.append(_judge_time(session, session.before(earlier, snapshots), snapshot, kinds, against))
    except CounterpointError as error:
        if train_at is not None:
            raise
        note = f"no time split: at {earlier.day} {error}"
    return splits, note


def _earlier(session: SnapshotSession, snapshot: Snapshot, train_at: dt.date | None) -> tuple[Snapshot | None, str]:
    """Return the newest snapshot to train at, or why there is none."""
    latest = snapshot.outcome_for.until(snapshot.day)
    earlier = replace(snapshot, day=train_at or latest)
    if earlier.days[2] > snapshot.days[1]:
        raise CounterpointError(
            f"a model trained at {earlier.day} knows outcomes up to {date(earlier.days[2])}, after the test day"
            f" {snapshot.day}: train at {latest} or before"
        )
    try:
        session.check(earlier)
    except CounterpointError as error:
        if train_at is not None:
            raise
        return None, f"no time split: {error}"
    return earlier, ""


def _judge_random(session: SnapshotSession, snapshot: Snapshot, kinds: Mapping[str, Kind], against: Rules) -> Split:
    """Judge out of fold: no listener by a model that saw them."""
    cleaning = session.cleaning(snapshot)
    test = session.table(snapshot, cleaning, outcome=True, rhythm=True)
    examples = test.examples
    fitted = {
        name: _kept(session, snapshot, cleaning, examples, name, against.seed)
        or cross_fit(kind, examples, seed=against.seed)
        for name, kind in kinds.items()
    }
    return judge_fitted(examples, fitted, _plain(test), against)


def _kept(
    session: SnapshotSession, snapshot: Snapshot, cleaning: Folder, examples: Examples, kind: str, seed: int
) -> CrossFitted | None:
    """Return the workspace's model, if it is the very one that would be fitted."""
    kept = session.writer.view.get(MODEL)
    made: dict[str, Any] = {
        "kind": kind,
        "at": [snapshot.day.isoformat()],
        "known_for": str(snapshot.known_for),
        "outcome_for": str(snapshot.outcome_for),
        "features": list(examples.names),
        "listeners": len(examples),
        "churned": int(examples.y.sum()),
        "seed": seed,
    }
    if kept is None or kept.key != model_key(session, cleaning, made):
        return None
    return trained_in(session.writer.view)[0].fitted


def _judge_time(
    session: SnapshotSession, past: tuple[Snapshot, ...], snapshot: Snapshot, kinds: Mapping[str, Kind], against: Rules
) -> Split:
    """Judge on a later snapshot, cleaned as the newest of the earlier ones was."""
    cleaning = session.cleaning(past[0])
    test = session.table(snapshot, cleaning, outcome=True, rhythm=True)
    split = judge_later(gathered(session, past, cleaning), test.examples, kinds, _plain(test), against)
    return replace(split, learned="at " + ", ".join(str(earlier.day) for earlier in past))


def _as_published(session: SnapshotSession, snapshot: Snapshot, kinds: Mapping[str, Kind], against: Rules) -> Split:
    """Judge the study's models on its own table and split."""
    test = session.table(snapshot, session.cleaning(snapshot), outcome=True)
    split = judge_held_out(test.examples, HELD_OUT, kinds, _plain(test), against)
    return replace(split, name=f"as published: {split.name}")


def _plain(test: ListenerTable) -> dict[str, NDArray[np.float64]]:
    """Score by the day last seen alone, and by the number of events alone (rarer = likelier to leave)."""
    idle = test.rows["days_since_seen"].to_numpy().astype(np.float64)
    return dict(zip(PLAIN, (idle, -test.rows["events"].to_numpy().astype(np.float64)), strict=True))


def evaluations_in(view: WorkspaceView) -> tuple[Evaluation, ...]:
    """Return the evaluations that a workspace keeps, in the order of their snapshots."""
    folders = view.with_prefix(EVALUATION)
    return tuple(_read(json.loads(folder.file("evaluation.json").read_text())) for folder in folders)


def _read(made: dict[str, Any]) -> Evaluation:
    splits = tuple(_read_split(split) for split in made["splits"])
    return Evaluation(**{**made, "splits": splits})


def _read_judged(made: dict[str, Any]) -> Judged:
    estimates = {
        part: {name: value and Estimate(**value) for name, value in made[part].items()} for part in ("metrics", "ahead")
    }
    calibration = made["calibration"] and (made["calibration"][0], Estimate(**made["calibration"][1]))
    return Judged(**{**made, **estimates, "calibration": calibration})


def _read_split(made: dict[str, Any]) -> Split:
    judged = tuple(_read_judged(row) for row in made["judged"])
    bins = {
        kind: tuple(Bin(**{**row, "observed": Estimate(**row["observed"])}) for row in rows)
        for kind, rows in made["calibration"].items()
    }
    curves = {
        part: {name: (tuple(fpr), tuple(tpr)) for name, (fpr, tpr) in made[part].items()}
        for part in ("roc", "roc_trained")
    }
    importance = {
        kind: tuple(Importance(row["feature"], row["share"], Estimate(**row["drop"])) for row in rows)
        for kind, rows in made["importance"].items()
    }
    return Split(**{**made, **curves, "judged": judged, "calibration": bins, "importance": importance})

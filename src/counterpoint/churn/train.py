"""Learn who leaves from snapshots, and keep the model with all it needs: its cleaning, its features, its folds."""

import json
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

from counterpoint.churn.features import FORETOLD
from counterpoint.churn.models.crossfit import CrossFitted, cross_fit
from counterpoint.churn.models.registry import KINDS, OURS, kind_named
from counterpoint.churn.training_set import FOLDS, Examples, together
from counterpoint.errors import CounterpointError
from counterpoint.events import rules
from counterpoint.events.rules import Practice
from counterpoint.rng import check_seed
from counterpoint.snapshots.session import KINDS as EVENT_KINDS
from counterpoint.snapshots.session import ListenerTable, SnapshotSession, open_session, rhythm_file
from counterpoint.snapshots.snapshot import Snapshot
from counterpoint.storage.engines import EngineChoice
from counterpoint.storage.workspace import Folder, Staged, WorkspaceView, edit_workspace, key_of, verify

MODEL: Final = "model:churn"
SNAPSHOTS: Final = 3


@dataclass(frozen=True)
class Trained:
    """A model that a workspace keeps: what it learned from, and its fitted parts.

    snapshots : newest first; together they have so many `listeners` (one may be in several), and so many left
    """

    kind: str
    snapshots: tuple[Snapshot, ...]
    features: tuple[str, ...]
    listeners: int
    churned: int
    seed: int
    fitted: CrossFitted

    @property
    def snapshot(self) -> Snapshot:
        """The newest."""
        return self.snapshots[0]

    @property
    def has_rhythm(self) -> bool:
        """Whether it learned from the rhythm of visits."""
        return FORETOLD in self.features

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of event that its features are of."""
        return tuple(kind for kind in EVENT_KINDS if f"last_{kind}_time" in self.features)


def train(  # noqa: PLR0913  all but two are options
    workspace: Path,
    snapshot: Snapshot,
    *,
    kind: str = OURS,
    snapshots: int = SNAPSHOTS,
    seed: int = 0,
    practice: Practice = rules.OURS,
    engine: EngineChoice = "duckdb",
) -> Trained:
    """Fit the model called `kind` to a snapshot and those before it, and keep it as the workspace's churn model.

    It learns from at most so many `snapshots`, as far as the logs go back, each ending where the next one's outcome
    begins.

    Raises
    ------
    CounterpointError
        If the log does not cover the snapshot, or a model cannot be learned from what it has.
    """
    kind_named(kind)
    check_seed(seed)
    check_snapshots(snapshots)
    with edit_workspace(workspace) as writer, open_session(writer, engine, practice=practice) as session:
        trained_at = session.before(snapshot, snapshots)
        cleaning = session.cleaning(snapshot)
        examples = gathered(session, trained_at, cleaning)
        trained = fit(examples, trained_at, kind, seed=seed)
        folder = writer.stage()
        _write(folder, trained)
        for name in ("cleaning.json", "bots.parquet"):
            (folder / name).write_bytes(cleaning.file(name).read_bytes())
        for at, model in enumerate(session.rhythms(cleaning)):
            (folder / rhythm_file(at)).write_bytes(model.content())
        writer.commit(Staged(MODEL, model_key(session, cleaning, about(trained)), folder, about(trained)))
    return trained


def gathered(session: SnapshotSession, snapshots: tuple[Snapshot, ...], cleaning: Folder) -> Examples:
    """Return the listeners of several snapshots, all cleaned alike, with what became of them."""
    return together([session.table(snapshot, cleaning, outcome=True, rhythm=True).examples for snapshot in snapshots])


def fit(examples: Examples, snapshots: tuple[Snapshot, ...], kind: str, *, seed: int) -> Trained:
    """Fit a model to examples, whole and once without each fold."""
    fitted = cross_fit(kind_named(kind), examples, seed=seed)
    return Trained(kind, snapshots, examples.names, len(examples), int(examples.y.sum()), seed, fitted)


def model_key(session: SnapshotSession, cleaning: Folder, made: dict[str, object]) -> str:
    """Return the key of a model: all that decides what it is."""
    libraries = {name: version(name) for name in ("counterpoint", "lightgbm", "scikit-learn", "numpy")}
    return key_of("model", cleaning.key, session.logs(), made, libraries)


def check_snapshots(snapshots: int) -> None:
    """Refuse a number of snapshots that is none."""
    if snapshots < 1:
        raise CounterpointError(f"a model learns from one snapshot or more; got {snapshots}")


def check_features(trained: Trained, table: ListenerTable) -> None:
    """Refuse a table whose features are not those that the model learned from, by name."""
    if missing := [name for name in trained.features if name not in table.names]:
        raise CounterpointError(f"the model needs the feature {missing[0]!r}, which these logs do not give")
    if extra := [name for name in table.names if name not in trained.features]:
        raise CounterpointError(
            f"these logs give the feature {extra[0]!r}, which the model has not seen: train it again"
        )


def trained_in(view: WorkspaceView) -> tuple[Trained, Folder]:
    """Return the churn model that a workspace keeps, and its folder (which holds its cleaning too)."""
    folder = view.get(MODEL)
    if folder is None:
        raise CounterpointError(f"workspace {view.root} has no churn model; `counterpoint churn train` makes one")
    verify(folder)
    told = json.loads(folder.file("model.json").read_text())
    read = KINDS[told["kind"]].read
    parts = [read(folder.file(_part(at)).read_bytes()) for at in range(FOLDS + 1)]
    spans = {name: told[name] for name in ("known_for", "outcome_for")}
    snapshots = tuple(Snapshot.of(at, **spans) for at in told["at"])
    counts = {name: told[name] for name in ("kind", "listeners", "churned", "seed")}
    fitted = CrossFitted(parts[0], tuple(parts[1:]))
    return Trained(snapshots=snapshots, features=tuple(told["features"]), fitted=fitted, **counts), folder


def _write(folder: Path, trained: Trained) -> None:
    (folder / "model.json").write_text(json.dumps(about(trained), indent=1))
    for at, part in enumerate(trained.fitted.parts):
        (folder / _part(at)).write_bytes(part.content())


def _part(at: int) -> str:
    return "whole" if at == 0 else f"without-fold-{at - 1}"


def about(trained: Trained) -> dict[str, object]:
    """Return what a model is, as JSON values."""
    return {
        "kind": trained.kind,
        "at": [snapshot.day.isoformat() for snapshot in trained.snapshots],
        "known_for": str(trained.snapshot.known_for),
        "outcome_for": str(trained.snapshot.outcome_for),
        "features": list(trained.features),
        "listeners": trained.listeners,
        "churned": trained.churned,
        "seed": trained.seed,
    }

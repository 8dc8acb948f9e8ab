"""Learn who leaves from a snapshot, and keep the model with all it needs: its cleaning, its features, its folds."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from counterpoint.errors import CounterpointError, nearest
from counterpoint.listeners.churn.models import FOLDS, MODELS, CrossFitted, cross_fit
from counterpoint.listeners.churn.snapshot import Snapshot
from counterpoint.listeners.churn.table import KINDS, ListenerTable, studied
from counterpoint.listeners.events.rules import OURS, Practice
from counterpoint.rng import check_seed
from counterpoint.tables.engine import Chosen
from counterpoint.tables.workspace import Folder, Staged, View, key_of, verify, writing

MODEL: Final = "model:churn"


@dataclass(frozen=True)
class Trained:
    """A model that a workspace keeps: what it learned from, and its fitted parts."""

    kind: str
    snapshot: Snapshot
    features: tuple[str, ...]
    listeners: int
    churned: int
    seed: int
    fitted: CrossFitted

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of event that its features are of."""
        return tuple(kind for kind in KINDS if f"last_{kind}_time" in self.features)


def train(
    workspace: Path,
    snapshot: Snapshot,
    *,
    kind: str = "lightgbm",
    seed: int = 0,
    practice: Practice = OURS,
    engine: Chosen = "duckdb",
) -> Trained:
    """Fit the model called `kind` ("lightgbm" or "logistic") to a snapshot, and keep it as the workspace's churn model.

    Raises
    ------
    CounterpointError
        If the log does not cover the snapshot, or a model cannot be learned from what it has.
    """
    check_kind(kind)
    check_seed(seed)
    with writing(workspace) as writer, studied(writer, engine, practice=practice) as study:
        cleaning = study.cleaning(snapshot)
        table = study.table(snapshot, cleaning, outcome=True)
        trained = fit(table, kind, seed=seed)
        folder = writer.stage()
        _write(folder, trained)
        for name in ("cleaning.json", "bots.parquet"):
            (folder / name).write_bytes(cleaning.file(name).read_bytes())
        key = key_of("model", cleaning.key, about(trained), [part.text() for part in trained.fitted.parts])
        writer.commit(Staged(MODEL, key, folder, about(trained)))
    return trained


def fit(table: ListenerTable, kind: str, *, seed: int) -> Trained:
    """Fit a model to a table, whole and once without each fold."""
    y = table.churned
    fitted = cross_fit(kind, table.matrix, y, table.bucket, seed=seed)
    names = tuple(feature.name for feature in table.features)
    return Trained(kind, table.snapshot, names, len(y), int(y.sum()), seed, fitted)


def check_kind(kind: str) -> None:
    """Refuse the name of a model that there is none of."""
    if kind not in MODELS:
        raise CounterpointError(f"no model {kind!r}; {nearest(kind, MODELS)}")


def check_features(trained: Trained, table: ListenerTable) -> None:
    """Refuse a table whose features are not those that the model learned from, by name."""
    names = [feature.name for feature in table.features]
    if missing := [name for name in trained.features if name not in names]:
        raise CounterpointError(f"the model needs the feature {missing[0]!r}, which these logs do not give")
    if extra := [name for name in names if name not in trained.features]:
        raise CounterpointError(
            f"these logs give the feature {extra[0]!r}, which the model has not seen: train it again"
        )


def trained_in(view: View) -> tuple[Trained, Folder]:
    """Return the churn model that a workspace keeps, and its folder (which holds its cleaning too)."""
    folder = view.get(MODEL)
    if folder is None:
        raise CounterpointError(f"workspace {view.root} has no churn model; `counterpoint churn train` makes one")
    verify(folder)
    about = json.loads(folder.file("model.json").read_text())
    read = MODELS[about["kind"]].read
    parts = [read(folder.file(_part(at)).read_text()) for at in range(FOLDS + 1)]
    snapshot = Snapshot.of(about["at"], known_for=about["known_for"], outcome_for=about["outcome_for"])
    counts = {name: about[name] for name in ("kind", "listeners", "churned", "seed")}
    fitted = CrossFitted(parts[0], tuple(parts[1:]))
    return Trained(snapshot=snapshot, features=tuple(about["features"]), fitted=fitted, **counts), folder


def _write(folder: Path, trained: Trained) -> None:
    (folder / "model.json").write_text(json.dumps(about(trained), indent=1))
    for at, part in enumerate(trained.fitted.parts):
        (folder / _part(at)).write_text(part.text())


def _part(at: int) -> str:
    return "whole.txt" if at == 0 else f"without-fold-{at - 1}.txt"


def about(trained: Trained) -> dict[str, object]:
    """Return what a model is, as JSON values."""
    return {
        "kind": trained.kind,
        "at": trained.snapshot.at.isoformat(),
        "known_for": str(trained.snapshot.known_for),
        "outcome_for": str(trained.snapshot.outcome_for),
        "features": list(trained.features),
        "listeners": trained.listeners,
        "churned": trained.churned,
        "seed": trained.seed,
    }

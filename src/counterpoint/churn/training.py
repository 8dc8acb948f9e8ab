"""Learn who leaves from snapshots, and keep the model with all it needs: its cleaning, its features, its folds."""

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

from counterpoint.churn.feature_catalogue import EVENT_KINDS, HMM_PROBABILITY
from counterpoint.churn.feature_table import churn_table
from counterpoint.churn.hmm_features import save_visit_hmms, visit_hmms
from counterpoint.churn.models.crossfit import CrossFitted, cross_fit
from counterpoint.churn.models.registry import DEFAULT_MODEL, FITTED_MODELS, model_kind
from counterpoint.churn.training_set import Examples, concatenate
from counterpoint.errors import CounterpointError
from counterpoint.events import cleaning_rules
from counterpoint.events.cleaning_rules import RuleSet
from counterpoint.rng import check_seed
from counterpoint.snapshots.listener_table import ListenerTable
from counterpoint.snapshots.rolling_snapshots import rolling_snapshots
from counterpoint.snapshots.session import SnapshotSession, copy_cleaning, open_session
from counterpoint.snapshots.snapshot import Snapshot
from counterpoint.storage.engines import EngineChoice
from counterpoint.storage.results import RESULT, kept
from counterpoint.storage.serializer import save
from counterpoint.storage.workspace import Folder, Staged, WorkspaceView, edit_workspace, key_of

MODEL: Final = "model:churn"
DEFAULT_SNAPSHOTS: Final = 3


@dataclass(frozen=True, kw_only=True)
class TrainedChurnModel:
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
    def has_visit_hmm(self) -> bool:
        """Whether it learned from the hidden Markov model of visits."""
        return HMM_PROBABILITY in self.features

    @property
    def event_kinds(self) -> tuple[str, ...]:
        """The kinds of event that its features are of."""
        return tuple(kind for kind in EVENT_KINDS if f"last_{kind}_time" in self.features)

    @property
    def description(self) -> dict[str, object]:
        """What the model is, as JSON values."""
        return {
            "kind": self.kind,
            "days": [snapshot.day.isoformat() for snapshot in self.snapshots],
            "known_for": str(self.snapshot.known_for),
            "outcome_for": str(self.snapshot.outcome_for),
            "features": list(self.features),
            "listeners": self.listeners,
            "churned": self.churned,
            "seed": self.seed,
        }

    def check_features(self, table: ListenerTable) -> None:
        """Refuse a table whose features are not those that the model learned from, by name."""
        if missing := [name for name in self.features if name not in table.names]:
            raise CounterpointError(f"the model needs the feature {missing[0]!r}, which these logs do not give")
        if extra := [name for name in table.names if name not in self.features]:
            raise CounterpointError(
                f"these logs give the feature {extra[0]!r}, which the model has not seen: train it again"
            )


def train(  # noqa: PLR0913  all but one are options
    workspace: Path,
    snapshot: Snapshot,
    *,
    kind: str = DEFAULT_MODEL,
    snapshots: int = DEFAULT_SNAPSHOTS,
    rng: int = 0,
    rules: RuleSet = cleaning_rules.DEFAULT_RULES,
    engine: EngineChoice = "duckdb",
) -> TrainedChurnModel:
    """Fit the model called `kind` to a snapshot and those before it, and keep it as the workspace's churn model.

    It learns from at most so many `snapshots`, as far as the logs go back, each ending where the next one's outcome
    begins.

    Raises
    ------
    CounterpointError
        If the log does not cover the snapshot, or a model cannot be learned from what it has.
    """
    model_kind(kind)
    check_seed(rng)
    check_snapshots(snapshots)
    with edit_workspace(workspace) as writer, open_session(writer, engine, rules=rules) as session:
        training_snapshots = rolling_snapshots(session, snapshot, snapshots)
        cleaning = session.cleaning(snapshot)
        trained = fit(training_examples(session, training_snapshots, cleaning), training_snapshots, kind, seed=rng)
        folder = writer.stage()
        save(trained, folder, RESULT)
        copy_cleaning(cleaning, folder)
        save_visit_hmms(visit_hmms(session, cleaning), folder)
        key = model_key(session, cleaning, trained.description)
        writer.commit(Staged(MODEL, key, folder, trained.description))
    return trained


def training_examples(session: SnapshotSession, snapshots: tuple[Snapshot, ...], cleaning: Folder) -> Examples:
    """Return the listeners of several snapshots, all cleaned alike, with what became of them."""
    tables = (churn_table(session, snapshot, cleaning, outcome=True, visit_hmm=True) for snapshot in snapshots)
    return concatenate([Examples.of(table) for table in tables])


def fit(examples: Examples, snapshots: tuple[Snapshot, ...], kind: str, *, seed: int) -> TrainedChurnModel:
    """Fit a model to examples, whole and once without each fold."""
    return TrainedChurnModel(
        kind=kind,
        snapshots=snapshots,
        features=examples.names,
        listeners=len(examples),
        churned=int(examples.y.sum()),
        seed=seed,
        fitted=cross_fit(model_kind(kind), examples, seed=seed),
    )


def model_key(session: SnapshotSession, cleaning: Folder, description: dict[str, object]) -> str:
    """Return the key of a model: all that decides what it is."""
    libraries = {name: version(name) for name in ("counterpoint", "lightgbm", "scikit-learn", "numpy")}
    return key_of("model", cleaning.key, session.log_keys(), description, libraries)


def check_snapshots(snapshots: int) -> None:
    """Refuse a number of snapshots that is none."""
    if snapshots < 1:
        raise CounterpointError(f"a model learns from one snapshot or more; got {snapshots}")


def trained_in(view: WorkspaceView) -> tuple[TrainedChurnModel, Folder]:
    """Return the churn model that a workspace keeps, and its folder (which holds its cleaning too)."""
    folder = view.get(MODEL)
    if folder is None:
        raise CounterpointError(f"workspace {view.root} has no churn model; `counterpoint churn train` makes one")
    return kept(folder, TrainedChurnModel, among=FITTED_MODELS), folder

"""One row a listener known at a snapshot: the value that models learn from, and how its rows are fetched."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from counterpoint.errors import CounterpointError
from counterpoint.snapshots.listener_features import Feature, Label
from counterpoint.snapshots.observation_window import listeners_sql
from counterpoint.snapshots.session import SnapshotSession
from counterpoint.snapshots.snapshot import Snapshot
from counterpoint.storage.workspace import Folder


@dataclass(frozen=True)
class ListenerTable:
    """One row a listener seen in a snapshot's known window, in the order of uid.

    rows : uid, bucket, churned (null where the outcome is not asked for), days_since_seen, events, then the features
    """

    snapshot: Snapshot
    features: tuple[Feature, ...]
    rows: pl.DataFrame

    @property
    def matrix(self) -> NDArray[np.float64]:
        """The features, float64[listeners, features]; what is missing is nan."""
        return self.rows.select(pl.col(list(self.names)).cast(pl.Float64)).to_numpy(order="c")

    @property
    def names(self) -> tuple[str, ...]:
        """The features' names."""
        return tuple(feature.name for feature in self.features)


def fetch_listeners(
    session: SnapshotSession,
    snapshot: Snapshot,
    cleaning: Folder,
    features: Sequence[Feature],
    label: Label,
    *,
    outcome: bool,
) -> pl.DataFrame:
    """Return the rows of a listener table, cleaned by the cleaning in a folder (a cleaning's or a model's).

    Raises
    ------
    CounterpointError
        If the logs do not cover the snapshot's windows, or nobody was seen in the known one.
    """
    session.check_coverage(snapshot, outcome=outcome)
    session.roll_up(cleaning)
    rows = session.engine.fetch(listeners_sql(features, snapshot, label, outcome=outcome)).sort("uid")
    if not rows.height:
        raise CounterpointError(f"no listener was seen in the {snapshot.known_for.words} up to {snapshot.day}")
    return rows

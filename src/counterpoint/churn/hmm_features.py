"""What the hidden Markov model of visits adds to a listener table: two columns, and models that are kept."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from counterpoint.churn.feature_catalogue import HMM_FEATURES, HMM_PROBABILITY, HMM_SILENCE_ODDS
from counterpoint.churn.visit_hmm import (
    LEARNING_VERSION,
    MAX_TRAINING_LISTENERS,
    MIN_LISTENERS,
    MODELS,
    VisitHMM,
    fit_visit_hmm,
    mean_log_odds,
)
from counterpoint.churn.visits import fetch_visits, in_history
from counterpoint.events.schema import BUCKETS
from counterpoint.snapshots.listener_table import ListenerTable
from counterpoint.snapshots.session import SnapshotSession, cleaning_in
from counterpoint.storage.results import keep, kept
from counterpoint.storage.serializer import load, save
from counterpoint.storage.workspace import Folder, key_of

VISIT_HMM: Final = "visit_hmm"
MAX_ROLLUP_ROWS: Final = 8_000_000  # rows of the roll-up that are read together


@dataclass(frozen=True)
class VisitHMMs:
    """Models that differ in where learning began, so that their log-odds are averaged; none of too few listeners."""

    models: tuple[VisitHMM, ...]


def with_hmm_features(session: SnapshotSession, table: ListenerTable, cleaning: Folder) -> ListenerTable:
    """Return the table with the columns of the visit HMM; as it is where there are too few listeners to learn one."""
    models = visit_hmms(session, cleaning)
    if not models:
        return table
    _, day, end = table.snapshot.days
    log_odds = np.empty((table.rows.height, 2))
    parts = _parts(session, day)
    places = table.rows.select("uid", pl.col("bucket").cast(pl.Int64) % parts, place=pl.int_range(pl.len()))
    for part in range(parts):
        listeners = places.filter(pl.col("bucket") == part)
        visits = fetch_visits(session, day, f"CAST(bucket AS BIGINT) % {parts} = {part}", listeners["uid"])
        log_odds[listeners["place"].to_numpy()] = mean_log_odds(models, visits, until=day, ahead=end - day)
    probability, odds = 1 / (1 + np.exp(-log_odds[:, 0])), np.exp(log_odds[:, 1] - log_odds[:, 0])
    rows = table.rows.with_columns(pl.Series(HMM_PROBABILITY, probability), pl.Series(HMM_SILENCE_ODDS, odds))
    return ListenerTable(table.snapshot, (*table.features, *HMM_FEATURES), rows)


def visit_hmms(session: SnapshotSession, cleaning: Folder) -> tuple[VisitHMM, ...]:
    """Return the models that a folder holds, or that everybody seen up to its cleaning teaches.

    None where these are too few.
    """
    until = cleaning_in(cleaning).until
    if (cleaning.path / f"{VISIT_HMM}.json").exists():
        return load(VisitHMMs, cleaning.path, VISIT_HMM).models
    rollup = session.rollup(cleaning)
    name = f"visit-hmm:{rollup.name.removeprefix('rollup:')}"
    key = key_of("visit-hmm", rollup.key, until, LEARNING_VERSION)
    folder = session.kept(name, key) or _learn(session, name, key, cleaning, until)
    return kept(folder, VisitHMMs).models


def save_visit_hmms(models: tuple[VisitHMM, ...], folder: Path) -> None:
    """Write the models beside a cleaning, so that the folder does not depend on what else the workspace keeps."""
    save(VisitHMMs(models), folder, VISIT_HMM)


def _learn(session: SnapshotSession, name: str, key: str, cleaning: Folder, until: int) -> Folder:
    session.roll_up(cleaning)
    listeners = session.engine.fetch(f"SELECT count(DISTINCT uid) AS n FROM rollup WHERE {in_history(until)}").item()
    # A few more than are learned from, by whole buckets.
    buckets = min(BUCKETS, -(-6 * MAX_TRAINING_LISTENERS * BUCKETS // (5 * max(listeners, 1))))
    visits = fetch_visits(session, until, f"bucket < {buckets}")
    enough = len(visits.first) > MIN_LISTENERS
    models = tuple(fit_visit_hmm(visits, until=until, seed=number) for number in range(MODELS if enough else 0))
    return keep(session.writer, name, key, VisitHMMs(models), metadata={"until": until})


def _parts(session: SnapshotSession, until: int) -> int:
    """Return in how many parts the active days up to a day fit a small memory."""
    rows = session.engine.fetch(f"SELECT count(*) AS n FROM rollup WHERE {in_history(until)}").item()
    return max(1, -(-int(rows) // MAX_ROLLUP_ROWS))

"""The listener table that churn models learn from: features, the label, and what the visit HMM adds."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from counterpoint.churn.feature_catalogue import EVENT_KINDS, PUBLISHED_EVENT_KINDS, catalogue
from counterpoint.churn.hmm_features import with_hmm_features
from counterpoint.churn.label import CHURNED
from counterpoint.churn.published_features import rounded_as_published, whole_terms
from counterpoint.errors import CounterpointError
from counterpoint.events.cleaning_rules import DEFAULT_RULES, PUBLISHED_RULES, RuleSet
from counterpoint.events.ingestion import ledgers
from counterpoint.snapshots.listener_table import ListenerTable, fetch_listeners
from counterpoint.snapshots.sampling import ALL_LISTENERS, Sample
from counterpoint.snapshots.session import SnapshotSession, cleaning_in, open_session
from counterpoint.snapshots.snapshot import Snapshot
from counterpoint.storage.engines import EngineChoice
from counterpoint.storage.workspace import Folder, edit_workspace


@dataclass(frozen=True)
class TableSettings:
    """Which listeners and columns a listener table has.

    outcome    : whether it says who left; the logs must then cover the outcome
    cleaned_by : the snapshot whose known days say how to clean, by default the table's own: several snapshots that are
                 cleaned alike share one roll-up, and take seconds after the first
    sample     : the share of the listeners that is kept, cleaning and all
    visit_hmm  : add what the hidden Markov model of visits foretells
    """

    outcome: bool = True
    cleaned_by: Snapshot | None = None
    sample: Sample = ALL_LISTENERS
    visit_hmm: bool = False


DEFAULT_TABLE: Final = TableSettings()


def listener_table(
    workspace: Path,
    snapshot: Snapshot,
    settings: TableSettings = DEFAULT_TABLE,
    *,
    rules: RuleSet = DEFAULT_RULES,
    engine: EngineChoice = "duckdb",
) -> ListenerTable:
    """Return the listeners of a snapshot with their features and, if asked for, whether they left.

    `rules` is the way of cleaning; PUBLISHED_RULES gives the churn report's own numbers, with its rounding, fills and
    thresholds: for comparison only. `engine` is "duckdb", "spark" or a Spark session of your own: the rows are the
    same.

    Raises
    ------
    CounterpointError
        If there is no workspace, or its logs do not cover the snapshot.
    """
    with edit_workspace(workspace) as writer, open_session(writer, engine, settings.sample, rules) as session:
        session.check_coverage(snapshot, outcome=settings.outcome)
        cleaning = session.cleaning(settings.cleaned_by or snapshot)
        return churn_table(session, snapshot, cleaning, outcome=settings.outcome, visit_hmm=settings.visit_hmm)


def churn_table(
    session: SnapshotSession,
    snapshot: Snapshot,
    cleaning: Folder,
    *,
    outcome: bool,
    event_kinds: Sequence[str] | None = None,
    visit_hmm: bool = False,
) -> ListenerTable:
    """Return a snapshot's listeners, cleaned by the cleaning in a folder (a cleaning's or a model's).

    The features are of the `event_kinds` given, by default of those that the logs have; with `visit_hmm` they end with
    what the hidden Markov model of visits foretells, where there are enough listeners to learn it from.

    Raises
    ------
    CounterpointError
        If the log does not cover the snapshot's windows, nobody was seen in the known one, or no features are left.
    """
    session.check_coverage(snapshot, outcome=outcome)
    is_published = cleaning_in(cleaning).rule_set == PUBLISHED_RULES.name
    kinds = _event_kinds(session, is_published=is_published) if event_kinds is None else event_kinds
    if not kinds:
        raise CounterpointError("the logs have no plays, downloads or searches, and features are made of these")
    features = catalogue(snapshot.known_for, kinds=kinds)
    if is_published:
        rows = fetch_listeners(session, snapshot, cleaning, whole_terms(features), CHURNED, outcome=outcome)
        return ListenerTable(snapshot, features, rounded_as_published(rows, features, snapshot))
    rows = fetch_listeners(session, snapshot, cleaning, features, CHURNED, outcome=outcome)
    table = ListenerTable(snapshot, features, rows)
    return with_hmm_features(session, table, cleaning) if visit_hmm else table


def _event_kinds(session: SnapshotSession, *, is_published: bool) -> list[str]:
    """Return the kinds of event that the logs have and features are made of."""
    candidates = PUBLISHED_EVENT_KINDS if is_published else EVENT_KINDS
    logs = ledgers(session.writer.view)
    return [kind for kind in candidates if any(kind in log.kind for log in logs)]

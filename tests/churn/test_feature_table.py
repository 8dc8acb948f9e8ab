"""From a workspace to a table: each step is made once, kept, and made again when what it depends on has changed.

- A cleaning and a roll-up are used again as long as the logs are the same.
- A roll-up is of one cleaning, its bots included.
- A log that replaces another changes the table; nothing of the old one is left in it.
"""

from dataclasses import replace

import numpy as np
import pytest
from tests.logs import refusal
from tests.small_logs import Event, ingested

from counterpoint.churn.feature_table import churn_table
from counterpoint.churn.training import train, trained_in
from counterpoint.churn.training_set import Examples, listener_folds
from counterpoint.snapshots.listener_table import ListenerTable
from counterpoint.snapshots.session import cleaning_in, open_session
from counterpoint.snapshots.snapshot import Snapshot
from counterpoint.storage.duckdb_engine import DuckDB
from counterpoint.storage.workspace import edit_workspace, open_workspace

DAY = 17_000
AT = Snapshot.of("2016-07-27", known_for=10, outcome_for=5)  # DAY + 9
PEOPLE = [Event(uid, "P", DAY + 9 * (day > 0) + 5 * (day > 1), 1000, 2000) for uid in range(1000) for day in range(3)]


def machine(uid):
    """A log of a thousand listeners, one of whom plays a hundred times more."""
    return PEOPLE + [Event(uid, "P", DAY, 1000, 2000)] * 100


def tabled(workspace, snapshot=AT, *, by=None) -> ListenerTable:
    with edit_workspace(workspace) as writer, open_session(writer) as session:
        folder = by(writer.view) if by else session.cleaning(snapshot)
        return churn_table(session, snapshot, folder, outcome=True)


def live(workspace):
    with open_workspace(workspace) as view:
        return dict(view.live)


def test_what_was_made_is_used_again_and_not_made_twice(tmp_path, monkeypatch):
    workspace = ingested(PEOPLE[:90], tmp_path)
    first = tabled(workspace)
    made = live(workspace)
    monkeypatch.setattr(DuckDB, "write", lambda *_: pytest.fail("it was made again"))
    assert tabled(workspace).rows.equals(first.rows)
    assert live(workspace) == made


def test_another_snapshot_under_the_same_cleaning_has_the_same_rollup(tmp_path):
    workspace = ingested(PEOPLE[:90], tmp_path)
    with edit_workspace(workspace) as writer, open_session(writer) as session:
        cleaning = session.cleaning(AT)
        churn_table(session, AT, cleaning, outcome=True)
        made = dict(writer.view.live)
        churn_table(session, replace(AT, day=AT.outcome_for.from_day(AT.day)), cleaning, outcome=False)
        assert writer.view.live == made


def test_a_replaced_log_is_cleaned_and_rolled_up_anew(tmp_path):
    workspace = ingested(PEOPLE[:90], tmp_path)
    before = tabled(workspace).rows
    ingested([event._replace(uid=event.uid + 500) for event in PEOPLE[:60]], tmp_path, replace=True)
    after = tabled(workspace).rows
    assert before["uid"].to_list() == list(range(30))
    assert after["uid"].to_list() == list(range(500, 520))


def test_a_model_keeps_the_cleaning_of_its_training_day(tmp_path):
    workspace = ingested([event for event in PEOPLE if event.uid % 3 or event.day < DAY + 14][:300], tmp_path)
    with edit_workspace(workspace) as writer, open_session(writer) as session:
        learned = cleaning_in(session.cleaning(AT))
    train(workspace, AT, kind="logistic")
    with open_workspace(workspace) as view:
        _, folder = trained_in(view)
        assert cleaning_in(folder) == learned


def test_the_bots_of_a_cleaning_are_in_no_table_of_it(tmp_path):
    workspace = ingested(machine(7), tmp_path)
    assert 7 not in tabled(workspace).rows["uid"]


def test_a_rollup_leaves_out_the_bots_of_its_own_cleaning_and_no_other(tmp_path):
    """A model trained before a log was replaced knows other bots than a cleaning learned after it."""
    events = [event for event in machine(7) if event.uid % 3 or event.day < DAY + 14]
    workspace = ingested(events, tmp_path)
    train(workspace, AT, kind="logistic")
    other = [event._replace(uid={7: 8, 8: 7}.get(event.uid, event.uid)) for event in events]
    ingested(other, tmp_path, replace=True)
    by_itself, by_the_model = tabled(workspace), tabled(workspace, by=lambda view: trained_in(view)[1])
    assert set(range(1000)) - set(by_itself.rows["uid"]) == {8}
    assert set(range(1000)) - set(by_the_model.rows["uid"]) == {7}


def test_a_matrix_has_a_column_a_feature_and_nan_where_a_number_is_missing(tmp_path):
    table = tabled(ingested([*PEOPLE[:90], Event(1, "D", DAY)], tmp_path))
    names = [feature.name for feature in table.features]
    assert table.matrix.shape == (30, len(names))
    last_download = table.matrix[:, names.index("last_D_time")]
    assert last_download[1] == 9
    assert np.isnan(np.delete(last_download, 1)).all()
    assert Examples.of(table).y.tolist() == table.rows["churned"].to_list()
    assert (
        listener_folds(table).tolist()
        == Examples.of(table).fold.tolist()
        == [bucket % 5 for bucket in table.rows["bucket"]]
    )


def test_a_workspace_without_events_says_how_to_get_some(tmp_path):
    with edit_workspace(tmp_path / "workspace", create=True):
        pass
    assert refusal(lambda: tabled(tmp_path / "workspace")).endswith(
        "has no logs; `counterpoint events ingest LOGS...` first"
    )


def test_days_on_which_nobody_was_seen_are_refused(tmp_path):
    workspace = ingested([Event(1, "P", DAY), Event(1, "P", DAY + 60)], tmp_path)
    nobody = Snapshot.of("2016-08-17", known_for=10, outcome_for=5)
    assert refusal(lambda: tabled(workspace, nobody)) == "no listener was seen in the 10 days up to 2016-08-17"

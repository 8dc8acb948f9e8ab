"""A report says what the workspace found: every section from its result, nobody by their uid, nothing from outside."""

import re
import shutil

import polars as pl
import pytest

from counterpoint import (
    Platform,
    Snapshot,
    evaluate_churn,
    generate_platform,
    ingest,
    plan_offers,
    score_churn,
    train_churn,
    write_report,
)
from counterpoint.churn import ChurnEvaluationSettings, follow_cohorts, visit_hmm
from counterpoint.errors import CounterpointError
from counterpoint.events import load_format
from counterpoint.platform.workspace_report import workspace_findings
from counterpoint.storage.workspace import edit_workspace, open_workspace

SNAPSHOT = Snapshot.of("2017-05-14")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    home = tmp_path_factory.mktemp("told")
    made = generate_platform(home / "logs", Platform(listeners=1500, days=60), rng=11)
    ingest([made.folder], to=home / "work", format=load_format("music-box"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(visit_hmm, "EM_ITERATIONS", 5)
        evaluate_churn(home / "work", SNAPSHOT, ChurnEvaluationSettings(models=["logistic", "lightgbm"], resamples=100))
        train_churn(home / "work", SNAPSHOT, kind="logistic")
        score_churn(home / "work")
        plan_offers(home / "work")
    follow_cohorts(home / "work")
    return home / "work"


@pytest.fixture(scope="module")
def told(workspace):
    with open_workspace(workspace) as view:
        return workspace_findings(view)


def test_the_sections_follow_the_data(told):
    assert [finding.title for finding in told] == [
        "The logs",
        "Cleaning",
        "Prediction at 2017-05-14, 30 days known, 14 days of outcome: random split (out of fold)",
        "Prediction at 2017-05-14, 30 days known, 14 days of outcome: time split",
        "Most likely to leave",
        "What to do",
        "Least likely to leave",
        "Churn by week of first appearance",
    ]


def test_the_ledger_adds_up_on_the_page(told):
    [table] = [table for table in told[0].evidence if table.title == "What became of every line"]
    total = dict(zip(table.columns, table.rows[-1], strict=True))
    assert total["accepted"] + total["repaired"] + total["rejected"] == total["lines"]


def test_the_cleaning_report_counts_what_each_rule_met(told):
    [table] = told[1].evidence
    plays = dict(zip((row[0] for row in table.rows), (row[2] for row in table.rows), strict=True))
    assert plays["play time in milliseconds"] > 0
    assert plays["song length not positive"] > 0
    assert all(0 <= row[3] <= 1 for row in table.rows)


def test_the_at_risk_table_names_nobody(workspace, tmp_path):
    write_report(workspace, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    uids = score_churn(workspace).rows["uid"].cast(pl.String)
    assert not {uid for uid in uids if re.search(rf"\b{uid}\b", page)}
    assert "L-" in page


def test_a_pseudonym_is_the_same_at_every_scoring(workspace):
    one, other = (dict(score_churn(workspace).rows.select("uid", "pseudonym").iter_rows()) for _ in range(2))
    assert one == other
    assert len(set(one.values())) == len(one)


def test_the_page_is_whole_in_itself(workspace, tmp_path):
    write_report(workspace, tmp_path / "report.html", title="<script>alert(1)</script>")
    page = (tmp_path / "report.html").read_text()
    assert "://" not in page
    assert "<script" not in page
    assert page.count("<svg") == 17  # two splits: two ROC, two calibrations, four importances; how long cohorts last


def test_scores_of_an_older_model_are_not_told(workspace, tmp_path):
    copy = tmp_path / "work"
    shutil.copytree(workspace, copy)
    train_churn(copy, SNAPSHOT, kind="logistic", rng=99)
    with open_workspace(copy) as view:
        assert "Most likely to leave" not in [finding.title for finding in workspace_findings(view)]


def test_what_was_made_before_the_logs_changed_says_so(workspace, tmp_path):
    copy = tmp_path / "work"
    shutil.copytree(workspace, copy)
    (tmp_path / "20170529_1_search.log").write_text("7\tar\t2017-05-29 10:00:00\tq\n")
    ingest([tmp_path / "20170529_1_search.log"], to=copy, format=load_format("music-box"))
    with open_workspace(copy) as view:
        stale = [
            finding.title for finding in workspace_findings(view) if finding.summary.startswith("The logs have changed")
        ]
    assert len(stale) == 6
    with open_workspace(workspace) as view:
        assert not [
            finding for finding in workspace_findings(view) if finding.summary.startswith("The logs have changed")
        ]


def test_a_workspace_without_logs_has_nothing_to_tell(tmp_path):
    with edit_workspace(tmp_path / "empty", create=True):
        pass
    with pytest.raises(CounterpointError, match="has no logs"):
        write_report(tmp_path / "empty", tmp_path / "report.html")

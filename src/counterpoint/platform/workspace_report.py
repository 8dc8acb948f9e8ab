"""One page of all that a workspace has found."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Final

from counterpoint.churn.cohorts import cohorts_in
from counterpoint.churn.evaluation import evaluations_in
from counterpoint.churn.findings.associations import likes_finding, songs_finding
from counterpoint.churn.findings.at_risk import at_risk_finding, offers_finding, safest_finding
from counterpoint.churn.findings.cohorts import cohorts_finding
from counterpoint.churn.findings.evaluation import split_finding
from counterpoint.churn.leaving_songs import songs_before_leaving_in
from counterpoint.churn.likes import like_comparisons_in
from counterpoint.churn.offer_experiment import offers_in
from counterpoint.churn.scoring import scores_in
from counterpoint.errors import CounterpointError
from counterpoint.events.findings import ledger_finding
from counterpoint.events.ingestion import ledgers
from counterpoint.events.ledger import FileLedger
from counterpoint.recommend.evaluation import evaluations_in as recommended_in
from counterpoint.recommend.findings import evaluation_finding as recommender_evaluation_finding
from counterpoint.recommend.findings import recommender_finding
from counterpoint.recommend.training import MODEL as RECOMMENDER
from counterpoint.recommend.training import trained_in
from counterpoint.report import page
from counterpoint.report.finding import Finding
from counterpoint.snapshots.findings import cleaning_finding
from counterpoint.snapshots.session import CLEANING, cleaning_in, log_keys
from counterpoint.storage.commit import replace_file
from counterpoint.storage.workspace import WorkspaceView, key_of, open_workspace
from counterpoint.text import pluralize

STALE: Final = "The logs have changed since this was made: make it again. "


def write_report(
    workspace: Path,
    to: Path,
    *,
    title: str = "Who is about to leave, and why",
    extra_findings: Sequence[Finding] = (),
    metadata: Mapping[str, str] | None = None,
) -> int:
    """Write one plain HTML page of all that the workspace has found; return the number of findings.

    It has a section for the logs, and one for each of the cleaning, the evaluations and the ranked list if they were
    made. Listeners appear under pseudonyms; `churn score --out` gives the table that says who is who.

    extra_findings : findings of another kind, to follow these; `metadata` : how they were made

    Raises
    ------
    CounterpointError
        If there is no workspace or no log in it, or the page cannot be written.
    """
    with open_workspace(workspace) as view:
        findings = (*workspace_findings(view), *extra_findings)
        how_made = {"Counterpoint": version("counterpoint"), "Logs": _log_digest(ledgers(view))}
        how_made |= {
            f"Evaluation at {evaluation.day}, {evaluation.known_for} known, {evaluation.outcome_for} of outcome": (
                f"seed {evaluation.seed}, {evaluation.resamples:,} resamples"
            )
            for evaluation in evaluations_in(view)
        }
    replace_file(to, page.render(title, findings, how_made | dict(metadata or {})).encode())
    return len(findings)


def workspace_findings(view: WorkspaceView) -> tuple[Finding, ...]:
    """Return what a workspace has found, in the order of a report."""
    accounts = ledgers(view)
    if not accounts:
        raise CounterpointError(f"workspace {view.root} has no logs; `counterpoint events ingest LOGS...` first")
    log_key = key_of(log_keys(view))
    cleanings = sorted(view.with_prefix(CLEANING), key=lambda folder: cleaning_in(folder).until)
    return (
        ledger_finding(accounts),
        *(cleaning_finding(folder) for folder in cleanings[-1:]),
        *(
            finding if made_of == log_key else replace(finding, summary=STALE + finding.summary)
            for made_of, finding in (*_churn_findings(view), *_recommender_findings(view))
        ),
    )


def _churn_findings(view: WorkspaceView) -> list[tuple[str, Finding]]:
    """Return what churn found, each with the key of the logs that it was made from."""
    scores, offers, cohorts = scores_in(view), offers_in(view), cohorts_in(view)
    ranking: list[tuple[str, Finding]] = []
    if scores:
        ranking = [
            (scores.log_key, at_risk_finding(scores, offers)),
            *([(scores.log_key, offers_finding(offers))] if offers else []),
            (scores.log_key, safest_finding(scores)),
        ]
    return [
        *(
            (evaluation.log_key, split_finding(evaluation, split))
            for evaluation in evaluations_in(view)
            for split in evaluation.splits
        ),
        *ranking,
        *([(cohorts.log_key, cohorts_finding(cohorts))] if cohorts else []),
        *((songs.log_key, songs_finding(songs)) for songs in songs_before_leaving_in(view)),
        *((likes.log_key, likes_finding(likes)) for likes in like_comparisons_in(view)),
    ]


def _recommender_findings(view: WorkspaceView) -> list[tuple[str, Finding]]:
    """Return what the recommender found, each with the key of the logs that it was made from."""
    findings = [(evaluation.log_key, recommender_evaluation_finding(evaluation)) for evaluation in recommended_in(view)]
    if view.get(RECOMMENDER):
        trained = trained_in(view)
        findings.append((trained.log_key, recommender_finding(trained)))
    return findings


def _log_digest(accounts: Sequence[FileLedger]) -> str:
    """Name the logs by one digest: that of their own digests, in the order of their names."""
    digest = sha256("".join(account.sha256 for account in accounts).encode()).hexdigest()[:16]
    size = sum(account.bytes for account in accounts)
    return f"{pluralize(len(accounts), 'file')}, {size:,} bytes, digest {digest}"

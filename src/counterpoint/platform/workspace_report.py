"""One page of all that a workspace has found."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Final

from counterpoint.churn.cohorts import cohorts_in
from counterpoint.churn.evaluate import evaluations_in
from counterpoint.churn.findings_associations import tell_likes, tell_songs
from counterpoint.churn.findings_at_risk import tell_at_risk, tell_least, tell_plan
from counterpoint.churn.findings_cohorts import tell_cohorts
from counterpoint.churn.findings_evaluation import tell_split
from counterpoint.churn.likes import likes_in
from counterpoint.churn.score import scores_in
from counterpoint.churn.songs import songs_in
from counterpoint.errors import CounterpointError
from counterpoint.events.ingest import ledgers
from counterpoint.events.ledger import FileLedger
from counterpoint.recommend.evaluate import evaluations_in as recommended_in
from counterpoint.recommend.findings import tell_evaluation as tell_recommended
from counterpoint.recommend.findings import tell_recommender
from counterpoint.recommend.train import MODEL as RECOMMENDER
from counterpoint.recommend.train import trained_in
from counterpoint.report import page
from counterpoint.report.finding import Finding
from counterpoint.snapshots.findings import tell_cleaning, tell_ledger
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
    more: Sequence[Finding] = (),
    made: Mapping[str, str] | None = None,
) -> int:
    """Write one plain HTML page of all that the workspace has found; return the number of findings.

    It has a section for the logs, and one for each of the cleaning, the evaluations and the ranked list if they were
    made. Listeners appear under pseudonyms; `churn score --out` gives the table that says who is who.

    more : findings of another kind, to follow these, and `made`: how they were made

    Raises
    ------
    CounterpointError
        If there is no workspace or no log in it, or the page cannot be written.
    """
    with open_workspace(workspace) as view:
        found = (*findings(view), *more)
        told = {"Counterpoint": version("counterpoint"), "Logs": _logs(ledgers(view))}
        told |= {
            f"Evaluation at {e.at}, {e.known_for} known, {e.outcome_for} of outcome": (
                f"seed {e.seed}, {e.resamples:,} resamples"
            )
            for e in evaluations_in(view)
        }
    replace_file(to, page.render(title, found, told | dict(made or {})).encode())
    return len(found)


def findings(view: WorkspaceView) -> tuple[Finding, ...]:
    """Return what a workspace has found, in the order of a report."""
    accounts = ledgers(view)
    if not accounts:
        raise CounterpointError(f"workspace {view.root} has no logs; `counterpoint events ingest LOGS...` first")
    logs, cleanings = key_of(log_keys(view)), sorted(view.with_prefix(CLEANING), key=lambda one: cleaning_in(one).until)
    scores, followed = scores_in(view), cohorts_in(view)
    dated = [
        *((e.logs, tell_split(e, split)) for e in evaluations_in(view) for split in e.splits),
        *([(scores.logs, tell(scores)) for tell in (tell_at_risk, tell_plan, tell_least)] if scores else []),
        *([(followed.logs, tell_cohorts(followed))] if followed else []),
        *((each.logs, tell_songs(each)) for each in songs_in(view)),
        *((each.logs, tell_likes(each)) for each in likes_in(view)),
        *((each.logs, tell_recommended(each)) for each in recommended_in(view)),
    ]
    if view.get(RECOMMENDER):
        trained = trained_in(view)
        dated.append((trained.logs, tell_recommender(trained)))
    return (
        tell_ledger(accounts),
        *(tell_cleaning(folder) for folder in cleanings[-1:]),
        *(
            finding if made_of == logs else replace(finding, summary=STALE + finding.summary)
            for made_of, finding in dated
        ),
    )


def _logs(accounts: Sequence[FileLedger]) -> str:
    """Name the logs by one digest: that of their own digests, in the order of their names."""
    together = sha256("".join(account.sha256 for account in accounts).encode()).hexdigest()[:16]
    size = sum(account.bytes for account in accounts)
    return f"{pluralize(len(accounts), 'file')}, {size:,} bytes, digest {together}"

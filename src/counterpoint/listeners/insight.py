"""What was found about listeners, in words: results that a workspace keeps become findings, and findings a report."""

from collections.abc import Sequence
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from counterpoint.errors import CounterpointError
from counterpoint.evaluate.intervals import Estimate
from counterpoint.listeners.churn.cleaning import report_in
from counterpoint.listeners.churn.evaluate import PLAIN, Evaluation, Split, evaluations_in
from counterpoint.listeners.churn.score import Scores, scores_in
from counterpoint.listeners.churn.snapshot import Span
from counterpoint.listeners.churn.table import CLEANING, cleaning_in, log_keys
from counterpoint.listeners.events.ingest import ledgers
from counterpoint.listeners.events.ledger import FileLedger
from counterpoint.listeners.events.schema import KINDS, date
from counterpoint.report import chart, page
from counterpoint.report.finding import Cell, Figure, Finding, Table
from counterpoint.tables.commit import replace_file
from counterpoint.tables.workspace import Folder, View, key_of, reading
from counterpoint.words import counted

FILES_SHOWN: Final = 40
PROBLEMS_SHOWN: Final = 20
AT_RISK_SHOWN: Final = 25
STALE: Final = "The logs have changed since this was made: make it again. "
FEATURES_SHOWN: Final = 12

BOOTSTRAP: Final = "Efron, B. (1979). Bootstrap methods: another look at the jackknife. Annals of Statistics 7(1)."
AUC: Final = "Mann, H. B. & Whitney, D. R. (1947). On a test of whether one of two random variables is stochastically larger than the other. Annals of Mathematical Statistics 18(1)."  # noqa: E501
WILSON: Final = (
    "Wilson, E. B. (1927). Probable inference, the law of succession, and statistical inference. JASA 22(158)."
)
CALIBRATED: Final = "Naeini, M. P., Cooper, G. F. & Hauskrecht, M. (2015). Obtaining well calibrated probabilities using Bayesian binning. AAAI."  # noqa: E501
LIGHTGBM: Final = "Ke, G. et al. (2017). LightGBM: a highly efficient gradient boosting decision tree. NeurIPS 30."
CONTRIBUTIONS: Final = "Lundberg, S. M. et al. (2020). From local explanations to global understanding with explainable AI for trees. Nature Machine Intelligence 2."  # noqa: E501


def write_report(workspace: Path, to: Path, *, title: str = "Who is about to leave, and why") -> int:
    """Write one plain HTML page of all that the workspace has found; return the number of findings.

    It has a section for the logs, and one for each of the cleaning, the evaluations and the ranked list if they were
    made. Listeners appear under pseudonyms; `churn score --out` gives the table that says who is who.

    Raises
    ------
    CounterpointError
        If there is no workspace or no log in it, or the page cannot be written.
    """
    with reading(workspace) as view:
        found = findings(view)
        made = {"Counterpoint": version("counterpoint"), "Logs": _logs(ledgers(view))}
        made |= {
            f"Evaluation at {e.at}, {e.known_for} known, {e.outcome_for} of outcome": (
                f"seed {e.seed}, {e.resamples:,} resamples"
            )
            for e in evaluations_in(view)
        }
    replace_file(to, page.render(title, found, made).encode())
    return len(found)


def findings(view: View) -> tuple[Finding, ...]:
    """Return what a workspace has found, in the order of a report."""
    accounts = ledgers(view)
    if not accounts:
        raise CounterpointError(f"workspace {view.root} has no logs; `counterpoint events ingest LOGS...` first")
    evaluations, scores, logs = evaluations_in(view), scores_in(view), key_of(log_keys(view))
    cleanings = sorted(view.below(CLEANING), key=lambda folder: cleaning_in(folder).until)
    return (
        tell_ledger(accounts),
        *(tell_cleaning(folder) for folder in cleanings[-1:]),
        *(tell_split(e, split, stale=e.logs != logs) for e in evaluations for split in e.splits),
        *([tell_at_risk(scores, stale=scores.logs != logs)] if scores else []),
    )


def tell_ledger(accounts: Sequence[FileLedger]) -> Finding:
    """Say what became of every line."""
    lines, accepted, repaired, rejected = (
        sum(getattr(account, name) for account in accounts) for name in ("lines", "accepted", "repaired", "rejected")
    )
    says = (
        f"{lines:,} lines in {counted(len(accounts), 'log')}: {accepted:,} accepted, {repaired:,} repaired,"
        f" {rejected:,} rejected; nothing was lost. Rejected lines are kept with their reason and text."
    )
    return Finding("The logs", says, (_files(accounts), *_problems(accounts)))


def _files(accounts: Sequence[FileLedger]) -> Table:
    """Show every log; of many logs the kinds, and the logs with most rejected lines."""
    columns = ("log", "kind", "days", "lines", "records", "accepted", "repaired", "rejected", "doubles")
    shown = (
        sorted(accounts, key=lambda a: (-a.rejected, a.file))[:FILES_SHOWN] if len(accounts) > FILES_SHOWN else accounts
    )
    rows = [
        (a.file, _kinds(a.kind), _days(a), a.lines, a.records, a.accepted, a.repaired, a.rejected, a.doubles)
        for a in shown
    ]
    total: tuple[Cell, ...] = ("all", "", "", *(sum(getattr(a, name) for a in accounts) for name in columns[3:]))
    note = (
        "" if len(shown) == len(accounts) else f"{len(shown)} of {len(accounts)} shown: those with most rejected lines."
    )
    return Table("What became of every line", columns, (*rows, total), note)


def _problems(accounts: Sequence[FileLedger]) -> list[Table]:
    """Show the values that were none, and the lines that were no records, by reason."""
    values: dict[tuple[str, str], int] = {}
    lines: dict[str, int] = {}
    for account in accounts:
        for problem in account.problems:
            values[problem.column, problem.reason] = values.get((problem.column, problem.reason), 0) + problem.count
        for reason, count in account.reasons.items():
            lines[reason] = lines.get(reason, 0) + count
    ordered = sorted(values.items(), key=lambda item: -item[1])[:PROBLEMS_SHOWN]
    reasons = sorted(lines.items(), key=lambda item: -item[1])[:PROBLEMS_SHOWN]
    tables = [
        Table("Values that were none", ("column", "reason", "values"), tuple((*what, n) for what, n in ordered)),
        Table("Lines that were no records", ("reason", "lines"), tuple(reasons)),
    ]
    return [table for table in tables if table.rows]


def tell_cleaning(folder: Folder) -> Finding:
    """Say which plays were not believed, by rule."""
    report = report_in(folder)
    how = report.how
    rows: list[tuple[Cell, ...]] = [
        (rule.name, "changed" if rule.changed else "dropped", rule.plays, rule.plays / max(report.plays, 1), rule.why)
        for rule in report.rules
    ]
    learned = [f"{name.replace('_', ' ')} {value / 1000:,.0f} s" for name, value in how.numbers if value is not None]
    numbers = ", ".join(learned)
    days = f"{date(how.after + 1)} to {date(how.until)}"
    bots = (
        f"{counted(report.bots, 'listener')} with {how.bots_from:,} plays or more counted as bots."
        if how.bots_from is not None
        else "No bots can be told by their number of plays: too few listeners play, or too many alike."
    )
    says = f"Of {report.plays:,} plays from {days}, {report.dropped:,} were dropped. {bots}"
    table = Table(
        "Plays by cleaning rule", ("rule", "plays are", "plays", "share", "why"), tuple(rows), f"Learned: {numbers}."
    )
    return Finding("Cleaning", says, (table,) if rows else ())


def tell_split(evaluation: Evaluation, split: Split, *, stale: bool = False) -> Finding:
    """Say how well leaving was foreseen; `stale` if the logs have changed since."""
    best = max((judged for judged in split.judged if judged.brier), key=lambda judged: judged.auc.value)
    base = next(judged for judged in split.judged if judged.predictor == PLAIN[0])
    says = (
        f"{split.listeners:,} listeners known on {evaluation.at} ({Span.of(evaluation.known_for).words} known,"
        f" {Span.of(evaluation.outcome_for).words} of outcome); {split.churned / split.listeners:.1%} left."
        f" Best: {best.predictor}, AUC {best.auc}; the day last seen alone: {base.auc}."
    )
    learned = (
        f"Models learned at {split.trained_at}." if split.trained_at != evaluation.at else "Models learned out of fold."
    )
    figures = [
        Figure(
            "ROC curves", chart.roc({name: _curve(*xy) for name, xy in split.roc.items()}, title="ROC curves"), learned
        ),
        *(_calibration(split, kind) for kind in split.calibration),
        *(_importance(split, kind) for kind in split.importance),
    ]
    windows = f"{Span.of(evaluation.known_for).words} known, {Span.of(evaluation.outcome_for).words} of outcome"
    title = f"Foresight at {evaluation.at}, {windows}: {split.name}"
    references = (BOOTSTRAP, AUC, WILSON, CALIBRATED, LIGHTGBM, CONTRIBUTIONS)
    return Finding(
        title, f"{STALE if stale else ''}{says} {evaluation.note}".strip(), (*_metrics(split), *figures), references
    )


def _metrics(split: Split) -> tuple[Table, ...]:
    order = tuple((j.predictor, j.auc.brief, _brief(j.ahead), j.lift.brief) for j in split.judged)
    said = tuple(
        (j.predictor, j.brier.brief, _brief(j.log_loss), j.calibration_error, _brief(j.calibration_noise))
        for j in split.judged
        if j.brier
    )
    at_half = tuple((j.predictor, j.accuracy, j.precision, j.recall, j.f1) for j in split.judged if j.brier)
    resampled = f"95 % intervals by bootstrap over {split.listeners:,} listeners; 'ahead' on the same resamples."
    by_chance = "A perfectly calibrated model shows an error too, by chance: the last column."
    return (
        Table("Ranking", ("predictor", "AUC", "ahead of recency alone", "lift in the top tenth"), order, resampled),
        Table("Probabilities", ("model", "Brier", "log loss", "calibration error", "by chance"), said, by_chance),
        Table("At the threshold .5", ("model", "accuracy", "precision", "recall", "F1"), at_half),
    )


def _calibration(split: Split, kind: str) -> Figure:
    drawn = chart.calibration(split.calibration[kind], title=f"Calibration of {kind}")
    return Figure(f"Calibration of {kind}", drawn, "Tenths of the listeners by probability; bars are 95 % intervals.")


def _importance(split: Split, kind: str) -> Figure:
    leading = list(split.importance[kind].items())[:FEATURES_SHOWN]
    drawn = chart.bars([name for name, _ in leading], [size for _, size in leading], title=f"Importance in {kind}")
    return Figure(f"What {kind} looks at", drawn, "Mean absolute contribution to the log-odds of leaving.")


def tell_at_risk(scores: Scores, *, stale: bool = False) -> Finding:
    """Show who is most likely to leave, and the main reason; `stale` if the logs have changed since."""
    rows = scores.rows
    expected = float(rows["probability"].sum())
    says = (
        f"{rows.height:,} listeners known on {scores.snapshot.at} were ranked by {scores.model}; it expects"
        f" {expected:,.0f} of them ({expected / rows.height:.0%}) to be silent for {scores.snapshot.outcome_for.words}"
        " after it. A probability is no certainty, and a reason is what the model looked at, not a cause."
    )
    top = rows.head(AT_RISK_SHOWN).select("rank", "pseudonym", "probability", "reason", "days_since_seen", "events")
    columns = ("rank", "listener", "probability", "main reason", "days since seen", "events")
    note = "Under pseudonyms; the table that `counterpoint churn score --out` writes says who is who."
    return Finding(
        "Most likely to leave",
        f"{STALE if stale else ''}{says}",
        (Table("At risk", columns, tuple(top.iter_rows()), note),),
        (CONTRIBUTIONS,),
    )


def _logs(accounts: Sequence[FileLedger]) -> str:
    """Name the logs by one digest: that of their own digests, in the order of their names."""
    together = sha256("".join(account.sha256 for account in accounts).encode()).hexdigest()[:16]
    size = sum(account.bytes for account in accounts)
    return f"{counted(len(accounts), 'file')}, {size:,} bytes, digest {together}"


def _kinds(codes: str) -> str:
    return ", ".join(KINDS[code] for code in codes) or "none"


def _days(account: FileLedger) -> str:
    if account.days is None:
        return ""
    first, last = (date(day).isoformat() for day in account.days)
    return first if first == last else f"{first} to {last}"


def _brief(estimate: Estimate | None) -> str | None:
    return estimate.brief if estimate else None


def _curve(fpr: Sequence[float], tpr: Sequence[float]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.asarray(fpr), np.asarray(tpr)

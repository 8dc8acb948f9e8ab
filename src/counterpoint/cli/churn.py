"""`counterpoint churn`: who is about to leave."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from counterpoint.cli.output import progress, say, say_json, say_table

if TYPE_CHECKING:
    from counterpoint.evaluate.intervals import Estimate
    from counterpoint.listeners.churn.evaluate import Evaluation
    from counterpoint.listeners.churn.snapshot import Snapshot
    from counterpoint.listeners.events.rules import Practice

app = typer.Typer(help="Train, judge and use a model of who leaves.", no_args_is_help=True)

Workspace = Annotated[Path, typer.Argument(help="The workspace.")]
At = Annotated[str | None, typer.Option("--at", help="The snapshot's day; by default the last whose outcome is known.")]
Known = Annotated[str, typer.Option("--known-for", help="How much is known up to that day: 30 (days) or 6mo (months).")]
Outcome = Annotated[str, typer.Option("--outcome-for", help="How much silence after it counts as leaving.")]
Seed = Annotated[int, typer.Option("--seed", min=0, max=2**32 - 1, help="The same seed, the same result.")]
Engine = Annotated[str, typer.Option("--engine", help="duckdb, or spark (an extra); the rows are the same.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result for machines.")]
AsPublished = Annotated[
    bool, typer.Option("--as-published", help="The study's own numbers, mistakes included, for comparison.")
]
Bots = Annotated[float, typer.Option("--bots", help="The percentile of plays from which on a listener is a bot.")]


@app.command()
def cleaning(
    workspace: Workspace,
    at: At = None,
    known_for: Known = "30",
    outcome_for: Outcome = "14",
    as_published: AsPublished = False,
    bots: Bots = 99.9,
    seed: Seed = 0,
    engine: Engine = "duckdb",
    as_json: Json = False,
) -> None:
    """Show what cleaning does to the known plays, rule by rule, and whether what is missing is missing of leavers.

    Example: counterpoint churn cleaning work --at 2017-04-28
    """
    from counterpoint.listeners.churn.cleaning import cleaning_report
    from counterpoint.listeners.churn.missing import missing_checks

    snapshot = _snapshot(workspace, at, known_for, outcome_for)
    with progress("cleaning"):
        practice = _practice(bots, as_published=as_published)
        report = cleaning_report(workspace, snapshot, practice=practice, engine=engine)
        checks = missing_checks(workspace, snapshot, seed=seed, practice=_practice(bots), engine=engine)
    if as_json:
        say_json({"cleaning": report, "missing": [{**vars(check), "verdict": check.verdict} for check in checks]})
        return
    say(f"{report.plays:,} plays known on {snapshot.at}, {report.dropped:,} dropped; {report.bots:,} bots left out")
    rows = [(rule.name, "changed" if rule.changed else "dropped", rule.plays, rule.why) for rule in report.rules]
    say_table(("rule", "plays are", "plays", "why"), rows)
    if checks:
        say("\nWhat is missing, and how many of those plays are of listeners who left (Cohen's h, 90 % over listeners)")
        tests = [(c.what, c.plays, c.listeners, c.among, c.present, c.p, _brief(c.h), c.verdict) for c in checks]
        say_table(("plays without", "plays", "listeners", "left", "left, of the rest", "p", "h", "difference"), tests)
        say("That values are missing at random cannot be tested: what decides it is missing too.")


@app.command()
def features(
    workspace: Workspace,
    out: Annotated[Path, typer.Option("--out", help="The .csv or .parquet file to write.")],
    at: At = None,
    known_for: Known = "30",
    outcome_for: Outcome = "14",
    as_published: AsPublished = False,
    bots: Bots = 99.9,
    cleaned_at: Annotated[
        str | None, typer.Option("--cleaned-at", help="Clean as the days known at this day teach; by default --at's.")
    ] = None,
    sample: Annotated[float, typer.Option("--sample", help="Keep this share of the listeners.")] = 1.0,
    seed: Seed = 0,
    engine: Engine = "duckdb",
) -> None:
    """Write the table that models learn from: one row a listener, with every feature and whether they left.

    Example: counterpoint churn features work --out features.parquet
    """
    from counterpoint.listeners.churn.table import Sample, listener_table
    from counterpoint.tables.handout import hand_out

    snapshot = _snapshot(workspace, at, known_for, outcome_for)
    with progress("counting"):
        table = listener_table(
            workspace,
            snapshot,
            practice=_practice(bots, as_published=as_published),
            cleaned_by=None if cleaned_at is None else _snapshot(workspace, cleaned_at, known_for, outcome_for),
            sample=Sample(sample, seed),
            engine=engine,
        )
        hand_out(table.rows, out)
    say(f"{out}: {table.rows.height:,} listeners known on {snapshot.at}, {len(table.features)} features")


@app.command()
def train(
    workspace: Workspace,
    at: At = None,
    known_for: Known = "30",
    outcome_for: Outcome = "14",
    model: Annotated[str, typer.Option("--model", help="lightgbm or logistic.")] = "lightgbm",
    bots: Bots = 99.9,
    seed: Seed = 0,
    engine: Engine = "duckdb",
    as_json: Json = False,
) -> None:
    """Learn who leaves from one snapshot, and keep the model in the workspace.

    Example: counterpoint churn train work --at 2017-04-28
    """
    from counterpoint.listeners.churn.train import about
    from counterpoint.listeners.churn.train import train as learn

    snapshot = _snapshot(workspace, at, known_for, outcome_for)
    with progress("learning"):
        trained = learn(workspace, snapshot, kind=model, seed=seed, practice=_practice(bots), engine=engine)
    if as_json:
        say_json(about(trained))
        return
    say(
        f"{trained.kind} learned from {trained.listeners:,} listeners known on {snapshot.at};"
        f" {trained.churned / trained.listeners:.1%} of them left"
    )


@app.command()
def evaluate(
    workspace: Workspace,
    at: At = None,
    known_for: Known = "30",
    outcome_for: Outcome = "14",
    train_at: Annotated[
        str | None, typer.Option("--train-at", help="Where the time split's models are trained.")
    ] = None,
    bots: Bots = 99.9,
    seed: Seed = 0,
    resamples: Annotated[
        int, typer.Option("--resamples", min=100, max=100_000, help="Bootstrap resamples behind an interval.")
    ] = 1000,
    engine: Engine = "duckdb",
    as_json: Json = False,
) -> None:
    """Judge every model, recency alone and frequency alone, out of fold and on a later snapshot, with 95 % intervals.

    Example: counterpoint churn evaluate work --at 2017-04-28
    """
    from counterpoint.listeners.churn.evaluate import evaluate as judge

    snapshot = _snapshot(workspace, at, known_for, outcome_for)
    with progress("judging"):
        found = judge(
            workspace,
            snapshot,
            train_at=train_at,
            seed=seed,
            resamples=resamples,
            practice=_practice(bots),
            engine=engine,
        )
    if as_json:
        say_json(found)
    else:
        _say_evaluation(found)


def _say_evaluation(found: "Evaluation") -> None:
    for split in found.splits:
        left = f"{split.churned / split.listeners:.1%} left"
        say(f"{split.name}: {split.listeners:,} listeners known on {found.at}, {left}; learned at {split.trained_at}")
        rows = [(j.predictor, *map(_brief, (j.auc, j.ahead, j.lift, j.brier, j.log_loss))) for j in split.judged]
        say_table(("predictor", "AUC", "ahead of recency", "lift, top tenth", "Brier", "log loss"), rows)
        say()
    if found.note:
        say(found.note)


def _brief(estimate: "Estimate | None") -> str | None:
    return estimate.brief if estimate else None


@app.command()
def score(
    workspace: Workspace,
    at: Annotated[
        str | None, typer.Option("--at", help="The day to score at; by default the last of the logs.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write the whole ranked list to a .csv or .parquet file.")
    ] = None,
    top: Annotated[int, typer.Option("--top", min=0, help="How many to print.")] = 10,
    engine: Engine = "duckdb",
    as_json: Json = False,
) -> None:
    """Rank every listener by the probability to leave, each with the main reason.

    Example: counterpoint churn score work --out ranked.csv
    """
    from counterpoint.listeners.churn.score import score as rank
    from counterpoint.tables.handout import hand_out

    with progress("scoring"):
        scores = rank(workspace, at=at, engine=engine)
        if out is not None:
            hand_out(scores.rows, out)
    leading = scores.rows.head(top)
    if as_json:
        say_json(
            {
                "at": scores.snapshot.at,
                "model": scores.model,
                "listeners": scores.rows.height,
                "top": leading.to_dicts(),
            }
        )
        return
    columns = ("rank", "uid", "probability", "reason", "days_since_seen", "events")
    rows = [(rank, str(uid), *rest) for rank, uid, *rest in leading.select(columns).iter_rows()]
    say(f"{scores.rows.height:,} listeners known on {scores.snapshot.at}, ranked by {scores.model}")
    say_table(("rank", "uid", "probability", "main reason", "days since seen", "events"), rows)
    if out is not None:
        say(f"\nall of them: {out}")


def _practice(bots: float, *, as_published: bool = False) -> "Practice":
    from counterpoint.listeners.events.rules import AS_PUBLISHED, OURS

    return (AS_PUBLISHED if as_published else OURS).with_bots(bots)


def _snapshot(workspace: Path, at: str | None, known_for: str, outcome_for: str) -> "Snapshot":
    """Return the snapshot asked for, or the last one whose outcome the logs have."""
    from counterpoint.listeners.churn.snapshot import Snapshot
    from counterpoint.listeners.churn.table import last_snapshot

    if at is not None:
        return Snapshot.of(at, known_for=known_for, outcome_for=outcome_for)
    return last_snapshot(workspace, known_for=known_for, outcome_for=outcome_for)

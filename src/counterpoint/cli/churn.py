"""`counterpoint churn`: who is about to leave."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from counterpoint.cli.output import progress, say, say_json, say_table

if TYPE_CHECKING:
    import polars as pl

    from counterpoint.churn.evaluation import ChurnEvaluation
    from counterpoint.churn.retention_offers import OfferCosts, Uplift
    from counterpoint.events.rules import Practice
    from counterpoint.snapshots.snapshot import Snapshot
    from counterpoint.stats.intervals import Estimate

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
Snapshots = Annotated[int, typer.Option("--snapshots", min=1, help="Learn from so many snapshots at most.")]
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
    from counterpoint.churn.missingness import check_missingness
    from counterpoint.snapshots.cleaning_report import cleaning_report

    snapshot = _snapshot(workspace, at, known_for, outcome_for)
    with progress("cleaning"):
        practice = _practice(bots, as_published=as_published)
        report = cleaning_report(workspace, snapshot, practice=practice, engine=engine)
        checks = check_missingness(workspace, snapshot, rng=seed, practice=_practice(bots), engine=engine)
    if as_json:
        say_json({"cleaning": report, "missing": [{**vars(check), "verdict": check.verdict} for check in checks]})
        return
    say(f"{report.plays:,} plays known on {snapshot.day}, {report.dropped:,} dropped; {report.bots:,} bots left out")
    rows = [(rule.name, "changed" if rule.changed else "dropped", rule.plays, rule.why) for rule in report.rules]
    say_table(("rule", "plays are", "plays", "why"), rows)
    if checks:
        say("\nWhat is missing, and how many of those plays are of listeners who left (Cohen's h, 90 % over listeners)")
        tests = [
            (c.what, c.plays, c.listeners, c.churn_rate, c.present_churn_rate, c.p, _brief(c.h), c.verdict)
            for c in checks
        ]
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
    visit_hmm: Annotated[
        bool, typer.Option("--visit-hmm", help="Add what the hidden Markov model of visits predicts.")
    ] = False,
    seed: Seed = 0,
    engine: Engine = "duckdb",
) -> None:
    """Write the table that models learn from: one row a listener, with every feature and whether they left.

    Example: counterpoint churn features work --out features.parquet
    """
    from counterpoint.churn.feature_table import TableSettings, listener_table
    from counterpoint.snapshots.sampling import Sample
    from counterpoint.storage.exchange import write_table

    snapshot = _snapshot(workspace, at, known_for, outcome_for)
    with progress("counting"):
        table = listener_table(
            workspace,
            snapshot,
            TableSettings(
                cleaned_by=None if cleaned_at is None else _snapshot(workspace, cleaned_at, known_for, outcome_for),
                sample=Sample(sample, seed),
                visit_hmm=visit_hmm,
            ),
            practice=_practice(bots, as_published=as_published),
            engine=engine,
        )
        write_table(table.rows, out)
    say(f"{out}: {table.rows.height:,} listeners known on {snapshot.day}, {len(table.features)} features")


@app.command()
def train(
    workspace: Workspace,
    at: At = None,
    known_for: Known = "30",
    outcome_for: Outcome = "14",
    model: Annotated[str, typer.Option("--model", help="The kind of model.")] = "blend",
    snapshots: Snapshots = 3,
    bots: Bots = 99.9,
    seed: Seed = 0,
    engine: Engine = "duckdb",
    as_json: Json = False,
) -> None:
    """Learn who leaves from one snapshot, and keep the model in the workspace.

    Example: counterpoint churn train work --at 2017-04-28
    """
    from counterpoint.churn.training import train as learn

    snapshot = _snapshot(workspace, at, known_for, outcome_for)
    with progress("learning"):
        trained = learn(
            workspace,
            snapshot,
            kind=model,
            snapshots=snapshots,
            rng=seed,
            practice=_practice(bots),
            engine=engine,
        )
    if as_json:
        say_json(trained.description)
        return
    days = ", ".join(str(snapshot.day) for snapshot in trained.snapshots)
    say(
        f"{trained.kind} learned from {trained.listeners:,} listeners known on {days};"
        f" {trained.churned / trained.listeners:.1%} of them left"
    )


@app.command()
def evaluate(
    workspace: Workspace,
    at: At = None,
    known_for: Known = "30",
    outcome_for: Outcome = "14",
    models: Annotated[
        str, typer.Option("--models", help="The kinds of model to judge, with commas between, or all.")
    ] = "blend,logistic",
    train_at: Annotated[
        str | None, typer.Option("--train-at", help="Where the time split's models are trained.")
    ] = None,
    snapshots: Snapshots = 3,
    as_published: AsPublished = False,
    grid: Annotated[bool, typer.Option("--grid", help="Search the study's grid of forests again (minutes).")] = False,
    bots: Bots = 99.9,
    seed: Seed = 0,
    resamples: Annotated[
        int, typer.Option("--resamples", min=100, max=100_000, help="Bootstrap resamples behind an interval.")
    ] = 1000,
    engine: Engine = "duckdb",
    as_json: Json = False,
) -> None:
    """Judge models, recency alone and frequency alone, out of fold and on a later snapshot, with 95 % intervals.

    Example: counterpoint churn evaluate work --at 2017-04-28
    """
    from counterpoint.churn.evaluation import EvaluationSettings
    from counterpoint.churn.evaluation import evaluate as judge
    from counterpoint.churn.models.registry import MODELS

    snapshot = _snapshot(workspace, at, known_for, outcome_for)
    with progress("judging"):
        found = judge(
            workspace,
            snapshot,
            EvaluationSettings(
                models=list(MODELS) if models == "all" else [name.strip() for name in models.split(",")],
                train_at=train_at,
                snapshots=snapshots,
                grid=grid,
                rng=seed,
                resamples=resamples,
            ),
            practice=_practice(bots, as_published=as_published),
            engine=engine,
        )
    if as_json:
        say_json(found)
    else:
        _say_evaluation(found)


def _say_evaluation(found: "ChurnEvaluation") -> None:
    for split in found.splits:
        left = f"{split.churn_rate:.1%} left"
        say(f"{split.name}: {split.listeners:,} listeners known on {found.day}, {left}; learned {split.trained_on}")
        others = list(dict.fromkeys(other for judged in split.predictors for other in judged.auc_gain))
        columns = ("AUC", "PR-AUC", "lift", *(f"ahead of {other}" for other in others), "Brier", "log loss")
        rows = [
            (
                judged.predictor,
                *(_brief(judged.metrics.get(name)) for name in ("auc", "pr_auc", "lift")),
                *(_brief(judged.auc_gain.get(other)) for other in others),
                *(_brief(judged.metrics.get(name)) for name in ("brier", "log_loss")),
            )
            for judged in split.predictors
        ]
        say_table(("predictor", *columns), rows)
        at_half = ("accuracy", "precision", "recall", "f1")
        rows = [
            (j.predictor, *(_brief(j.metrics[name]) for name in at_half)) for j in split.predictors if j.calibration
        ]
        say_table(("at .5", "accuracy", "precision", "recall", "F1"), rows)
        for judged in split.predictors:
            if leading := [row.feature for row in split.importance.get(judged.predictor, ())[:5]]:
                say(f"{judged.predictor} looks at {', '.join(leading)}")
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
    least: Annotated[int, typer.Option("--least", min=0, help="How many of the least likely to print.")] = 0,
    outcome: Annotated[
        Path | None,
        typer.Option("--outcome", help="Who left since (columns uid, left): what did the offers do? Scores nobody."),
    ] = None,
    holdout: Annotated[
        float, typer.Option("--holdout", help="Keep offers from this share, to learn what they do.")
    ] = 0,
    seed: Seed = 0,
    offer_cost: Annotated[float, typer.Option("--offer-cost", help="What an offer costs.")] = 5,
    acquisition_cost: Annotated[float, typer.Option("--acquisition-cost", help="What a new customer costs.")] = 10,
    value_kept: Annotated[float, typer.Option("--value-kept", help="What a listener who is kept is worth.")] = 50,
    at_risk: Annotated[float, typer.Option("--at-risk", help="The probability from which to act.")] = 0.5,
    stickiness_from: Annotated[
        float, typer.Option("--stickiness-from", help="The expected share of leavers from which keeping comes first.")
    ] = 0.5,
    platform: Annotated[str, typer.Option("--platform", help="freemium, or paid (all pay).")] = "freemium",
    paying: Annotated[Path | None, typer.Option("--paying", help="Who pays: a file with a column uid.")] = None,
    watch_after: Annotated[int, typer.Option("--watch-after", help="Idle days from which to watch.")] = 7,
    act_after: Annotated[int, typer.Option("--act-after", help="Idle days from which to act.")] = 14,
    engine: Engine = "duckdb",
    as_json: Json = False,
) -> None:
    """Rank every listener by the probability to leave, with reasons and what to do; or say what offers did.

    Example: counterpoint churn score work --out ranked.csv --holdout 0.1
    """
    from counterpoint.churn.offers import measure_offers, plan_offers
    from counterpoint.churn.retention_offers import OfferPlan
    from counterpoint.churn.scoring import score as rank
    from counterpoint.storage.exchange import read_table, write_table

    if outcome is not None:
        _say_uplift(measure_offers(workspace, read_table(outcome), at=at), as_json=as_json)
        return
    plan = OfferPlan(
        watch_after=watch_after,
        act_after=act_after,
        at_risk=at_risk,
        stickiness_from=stickiness_from,
        platform=platform,
        offer_cost=offer_cost,
        acquisition_cost=acquisition_cost,
        value_kept=value_kept,
        holdout=holdout,
        seed=seed,
    )
    with progress("scoring"):
        payers = None if paying is None else read_table(paying, "uid")["uid"]
        scores = rank(workspace, at=at, engine=engine)
        offers = plan_offers(workspace, plan, paying=payers)
        if out is not None:
            write_table(offers.rows, out)
    if as_json:
        say_json(
            {
                "at": scores.snapshot.day,
                "model": scores.model,
                "listeners": scores.rows.height,
                "costs": offers.costs,
                "top": offers.rows.head(top).to_dicts(),
                "least": offers.rows.tail(least).reverse().to_dicts(),
                "in common": scores.traits,
            }
        )
        return
    say(f"{scores.rows.height:,} listeners known on {scores.snapshot.day}, ranked by {scores.model}")
    _say_ranked(offers.rows.head(top))
    if least:
        say("\nleast likely to leave")
        _say_ranked(offers.rows.tail(least).reverse())
        rows = [(trait.feature, trait.safest, trait.others, trait.superiority) for trait in scores.traits]
        say("\nwhat the least likely tenth has in common")
        say_table(("feature", "their median", "of the others", "larger for one of them"), rows)
    _say_costs(offers.costs)
    if out is not None:
        say(f"all of them: {out}")


def _say_ranked(rows: "pl.DataFrame") -> None:
    columns = ("rank", "uid", "probability", "alert", "reasons", "offer", "days_since_seen", "events")
    shown = [(rank, str(uid), *rest) for rank, uid, *rest in rows.select(columns).iter_rows()]
    say_table(("rank", "uid", "probability", "alert", "main reasons", "offer", "days since seen", "events"), shown)


def _say_costs(costs: "OfferCosts") -> None:
    say(
        f"\n{costs.stage} stage: {costs.offered:,} offers cost {costs.cost:,.0f}, {costs.on_stayers:,.0f} of it on"
        f" listeners who would stay anyway; they pay from a fall of {costs.break_even:.1%} in the probability to leave"
    )
    if not costs.offered + costs.held_out:
        say("nobody gets an offer: nobody is at risk, or an offer costs no less than a new customer (then: e-mail)")
        return
    if costs.break_even > costs.churn_rate:
        say(
            f"only {costs.churn_rate:.1%} of them are expected to leave: no offer can lower that so far, so none can pay"
        )
        return
    held = f"{costs.held_out:,} are held out" if costs.held_out else "nobody is held out (--holdout)"
    needed = "" if costs.needed is None else f"; to find that fall, {costs.needed:,} would be needed"
    say(f"no effect of an offer is claimed: {held}{needed}")


def _say_uplift(found: "Uplift", *, as_json: bool) -> None:
    if as_json:
        say_json({**asdict(found), "verdict": found.verdict})
        return
    rows = [
        ("offer", found.offered, found.offered_left, found.offered_left / found.offered),
        ("hold-out", found.held_out, found.held_out_left, found.held_out_left / found.held_out),
    ]
    say_table(("group", "listeners", "left", "share"), rows)
    say(f"offers kept {found.uplift.brief} of those who got one; they pay from {found.break_even:.3f}: {found.verdict}")
    if found.unknown:
        say(f"{found.unknown:,} listeners of the two groups are not in the outcome, and not counted")


@app.command()
def cohorts(
    workspace: Workspace,
    by: Annotated[str, typer.Option("--by", help="week or month in which listeners were first seen.")] = "week",
    known_for: Known = "30",
    outcome_for: Outcome = "14",
    bots: Bots = 99.9,
    engine: Engine = "duckdb",
    as_json: Json = False,
) -> None:
    """Follow listeners by when they were first seen: how many left at each snapshot, and how long they last.

    Example: counterpoint churn cohorts work --by month
    """
    from counterpoint.churn.cohorts import follow_cohorts

    with progress("following"):
        found = follow_cohorts(
            workspace, period=by, known_for=known_for, outcome_for=outcome_for, practice=_practice(bots), engine=engine
        )
    if as_json:
        say_json(found)
        return
    rows = [(row.cohort, row.day, row.left.count, row.left.brief) for row in found.churn]
    say_table((f"first seen in the {by} of", "known on", "listeners", "share that left"), rows)
    say()
    lasting = [(life.cohort, life.listeners, life.left, life.median) for life in found.survival]
    say_table((f"first seen in the {by} of", "listeners", "left", "half are gone after days"), lasting)


@app.command()
def songs(
    workspace: Workspace,
    of: Annotated[str, typer.Option("--of", help="song or singer.")] = "song",
    at: At = None,
    known_for: Known = "30",
    outcome_for: Outcome = "14",
    out: Annotated[Path | None, typer.Option("--out", help="Write all tested to a .csv or .parquet file.")] = None,
    top: Annotated[int, typer.Option("--top", min=0, help="How many to print.")] = 20,
    bots: Bots = 99.9,
    seed: Seed = 0,
    engine: Engine = "duckdb",
    as_json: Json = False,
) -> None:
    """Find songs or singers that leavers heard on their last day more often than stayers like them: an association.

    Example: counterpoint churn songs work --at 2017-04-28
    """
    from counterpoint.churn.leaving_songs import songs_before_leaving
    from counterpoint.storage.exchange import write_table

    snapshot = _snapshot(workspace, at, known_for, outcome_for)
    with progress("comparing"):
        found = songs_before_leaving(
            workspace, snapshot, item_kind=of, rng=seed, practice=_practice(bots), engine=engine
        )
        if out is not None:
            write_table(found.rows, out)
    if as_json:
        said = {name: getattr(found, name) for name in ("item_kind", "seed", "leavers", "stayers", "inflation")}
        say_json({**said, "at": snapshot.day, "tested": found.rows.height, "found": found.over_represented.to_dicts()})
        return
    say(
        f"{found.over_represented.height:,} of {found.rows.height:,} {of}s tested are over-represented before leaving:"
        f" {found.leavers:,} leavers against {found.stayers:,} days of stayers like them; an association, no cause"
    )
    columns = ("item", "name", "singer", "leavers", "expected", "odds", "low", "high", "shrunk", "q", "regulars")
    rows = [(str(row[0]), *row[1:]) for row in found.over_represented.head(top).select(columns).iter_rows()]
    say_table((of, "name", "singer", "leavers", "by chance", "odds", "low", "high", "shrunk", "fdr", "regulars"), rows)
    if out is not None:
        say(f"\nall of them: {out}")


@app.command()
def likes(
    workspace: Workspace,
    of: Annotated[str, typer.Option("--of", help="like or dislike.")] = "like",
    outcome_for: Outcome = "14",
    bots: Bots = 99.9,
    engine: Engine = "duckdb",
    as_json: Json = False,
) -> None:
    """Compare days with a like (or dislike) with days like them without one: which does silence follow? An association.

    Example: counterpoint churn likes work
    """
    from counterpoint.churn.likes import compare_likes

    with progress("comparing"):
        found = compare_likes(workspace, event=of, outcome_for=outcome_for, practice=_practice(bots), engine=engine)
    if as_json:
        say_json(found)
        return
    rows = [(row.days_of, row.exposed, row.days, row.odds_ratio.brief, row.risk_difference.brief) for row in found.rows]
    say_table(("days", f"with a {of}", "in all", "odds ratio of silence", "difference in its probability"), rows)
    say("an association: who likes things may differ in ways that no log shows")


def _practice(bots: float, *, as_published: bool = False) -> "Practice":
    from counterpoint.events.rules import AS_PUBLISHED, OURS

    return (AS_PUBLISHED if as_published else OURS).with_bots(bots)


def _snapshot(workspace: Path, at: str | None, known_for: str, outcome_for: str) -> "Snapshot":
    """Return the snapshot asked for, or the last one whose outcome the logs have."""
    from counterpoint.snapshots.rolling import last_snapshot
    from counterpoint.snapshots.snapshot import Snapshot

    if at is not None:
        return Snapshot.of(at, known_for=known_for, outcome_for=outcome_for)
    return last_snapshot(workspace, known_for=known_for, outcome_for=outcome_for)

"""`counterpoint churn`: who is about to leave."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from counterpoint.cli import churn_results as results
from counterpoint.cli.options import (
    CleaningOptions,
    Engine,
    KnownFor,
    OutcomeFor,
    OutputOptions,
    Resamples,
    Seed,
    SnapshotOptions,
    Workspace,
    command,
)
from counterpoint.cli.printing import progress, say, say_json

if TYPE_CHECKING:
    import polars as pl

    from counterpoint.churn.offer_assignment import OfferPlan

app = typer.Typer(help="Train, evaluate and use a model of who leaves.", no_args_is_help=True)

ModelName = Literal["blend", "lightgbm", "logistic", "random-forest", "gradient-boosting", "random-forest-searched"]
AsPublished = Annotated[
    bool, typer.Option("--as-published", help="The published figures' own rules, mistakes included, for comparison.")
]
Snapshots = Annotated[int, typer.Option("--snapshots", min=1, help="Learn from so many snapshots at most.")]
ScoredAt = Annotated[str | None, typer.Option("--at", help="The day to score at; by default the last of the logs.")]
Out = Annotated[Path | None, typer.Option("--out", help="Write all rows to a .csv or .parquet file.")]


@dataclass(frozen=True, kw_only=True)
class CleaningRequest:
    """What `churn cleaning` is asked."""

    workspace: Workspace
    snapshot: SnapshotOptions = SnapshotOptions()
    as_published: AsPublished = False
    cleaning: CleaningOptions = CleaningOptions()
    seed: Seed = 0
    output: OutputOptions = OutputOptions()


@command(app)
def cleaning(request: CleaningRequest) -> None:
    """Show what cleaning does to the known plays, rule by rule, and whether what is missing is missing of leavers.

    Example: counterpoint churn cleaning work --at 2017-04-28
    """
    from counterpoint.churn.missingness import check_missingness
    from counterpoint.snapshots.cleaning_report import report_cleaning

    engine = request.cleaning.engine
    snapshot = request.snapshot.snapshot(request.workspace)
    with progress("cleaning"):
        published = request.cleaning.rules(as_published=request.as_published)
        report = report_cleaning(request.workspace, snapshot, rules=published, engine=engine)
        rules = request.cleaning.rules()
        checks = check_missingness(request.workspace, snapshot, rng=request.seed, rules=rules, engine=engine)
    if request.output.as_json:
        say_json({"cleaning": report, "missing": [{**vars(check), "verdict": check.verdict} for check in checks]})
    else:
        results.say_cleaning(report, checks, snapshot)


@dataclass(frozen=True, kw_only=True)
class FeaturesRequest:
    """What `churn features` is asked."""

    workspace: Workspace
    out: Annotated[Path, typer.Option("--out", help="The .csv or .parquet file to write.")]
    snapshot: SnapshotOptions = SnapshotOptions()
    as_published: AsPublished = False
    cleaning: CleaningOptions = CleaningOptions()
    cleaned_at: Annotated[
        str | None, typer.Option("--cleaned-at", help="Clean as the days known at this day teach; by default --at's.")
    ] = None
    sample: Annotated[float, typer.Option("--sample", help="Keep this share of the listeners.")] = 1.0
    visit_hmm: Annotated[
        bool, typer.Option("--visit-hmm", help="Add what the hidden Markov model of visits predicts.")
    ] = False
    seed: Seed = 0


@command(app)
def features(request: FeaturesRequest) -> None:
    """Write the table that models learn from: one row a listener, with every feature and whether they left.

    Example: counterpoint churn features work --out features.parquet
    """
    from counterpoint.churn.feature_table import TableSettings, listener_table
    from counterpoint.snapshots.sampling import Sample
    from counterpoint.storage.exchange import write_table

    snapshot, cleaned_at = request.snapshot.snapshot(request.workspace), request.cleaned_at
    with progress("counting"):
        table = listener_table(
            request.workspace,
            snapshot,
            TableSettings(
                cleaned_by=None if cleaned_at is None else request.snapshot.snapshot(request.workspace, cleaned_at),
                sample=Sample(request.sample, request.seed),
                visit_hmm=request.visit_hmm,
            ),
            rules=request.cleaning.rules(as_published=request.as_published),
            engine=request.cleaning.engine,
        )
        write_table(table.rows, request.out)
    say(f"{request.out}: {table.rows.height:,} listeners known on {snapshot.day}, {len(table.features)} features")


@dataclass(frozen=True, kw_only=True)
class TrainRequest:
    """What `churn train` is asked."""

    workspace: Workspace
    snapshot: SnapshotOptions = SnapshotOptions()
    model: Annotated[ModelName, typer.Option("--model", help="The kind of model.")] = "blend"
    snapshots: Snapshots = 3
    cleaning: CleaningOptions = CleaningOptions()
    seed: Seed = 0
    output: OutputOptions = OutputOptions()


@command(app)
def train(request: TrainRequest) -> None:
    """Learn who leaves from one snapshot, and keep the model in the workspace.

    Example: counterpoint churn train work --at 2017-04-28
    """
    from counterpoint.churn import training

    snapshot = request.snapshot.snapshot(request.workspace)
    with progress("learning"):
        trained = training.train(
            request.workspace,
            snapshot,
            kind=request.model,
            snapshots=request.snapshots,
            rng=request.seed,
            rules=request.cleaning.rules(),
            engine=request.cleaning.engine,
        )
    if request.output.as_json:
        say_json(trained.description)
    else:
        results.say_trained(trained)


@dataclass(frozen=True, kw_only=True)
class EvaluateRequest:
    """What `churn evaluate` is asked."""

    workspace: Workspace
    snapshot: SnapshotOptions = SnapshotOptions()
    models: Annotated[
        str,
        typer.Option(
            "--models",
            metavar="NAME,NAME",
            help="The kinds of model to evaluate, or all: blend, lightgbm, logistic, random-forest, gradient-boosting,"
            " random-forest-searched.",
        ),
    ] = "blend,logistic"
    train_at: Annotated[str | None, typer.Option("--train-at", help="Where the time split's models are trained.")] = (
        None
    )
    snapshots: Snapshots = 3
    as_published: AsPublished = False
    grid: Annotated[bool, typer.Option("--grid", help="Search the published grid of forests again (minutes).")] = False
    cleaning: CleaningOptions = CleaningOptions()
    seed: Seed = 0
    resamples: Resamples = 1000
    output: OutputOptions = OutputOptions()


@command(app)
def evaluate(request: EvaluateRequest) -> None:
    """Evaluate models, recency alone and frequency alone, out of fold and on a later snapshot, with 95 % intervals.

    Example: counterpoint churn evaluate work --at 2017-04-28
    """
    from counterpoint.churn import evaluation
    from counterpoint.churn.models.registry import MODELS

    snapshot = request.snapshot.snapshot(request.workspace)
    with progress("evaluating"):
        evaluated = evaluation.evaluate(
            request.workspace,
            snapshot,
            evaluation.ChurnEvaluationSettings(
                models=list(MODELS)
                if request.models == "all"
                else [name.strip() for name in request.models.split(",")],
                train_at=request.train_at,
                snapshots=request.snapshots,
                grid=request.grid,
                rng=request.seed,
                resamples=request.resamples,
            ),
            rules=request.cleaning.rules(as_published=request.as_published),
            engine=request.cleaning.engine,
        )
    if request.output.as_json:
        say_json(evaluated)
    else:
        results.say_evaluation(evaluated)


@dataclass(frozen=True, kw_only=True)
class ScoreRequest:
    """What `churn score` is asked."""

    workspace: Workspace
    at: ScoredAt = None
    out: Out = None
    top: Annotated[int, typer.Option("--top", min=0, help="How many to print.")] = 10
    safest: Annotated[int, typer.Option("--safest", min=0, help="How many of the least likely to print.")] = 0
    engine: Engine = "duckdb"
    output: OutputOptions = OutputOptions()


@command(app)
def score(request: ScoreRequest) -> None:
    """Rank every listener by the probability to leave, with reasons.

    Example: counterpoint churn score work --out ranked.csv --safest 10
    """
    from counterpoint.churn import scoring

    with progress("scoring"):
        scores = scoring.score(request.workspace, at=request.at, engine=request.engine)
        _write(scores.rows, request.out)
    if request.output.as_json:
        say_json(results.scores_as_json(scores, request.top, request.safest))
        return
    results.say_scores(scores, request.top, request.safest)
    results.say_out(request.out)


@dataclass(frozen=True, kw_only=True)
class PlanOptions:
    """What offers cost, who gets one, and from whom they are kept to learn what they do."""

    holdout: Annotated[float, typer.Option("--holdout", help="Keep offers from this share, to learn what they do.")] = 0
    offer_cost: Annotated[float, typer.Option("--offer-cost", help="What an offer costs.")] = 5
    acquisition_cost: Annotated[float, typer.Option("--acquisition-cost", help="What a new customer costs.")] = 10
    value_kept: Annotated[float, typer.Option("--value-kept", help="What a listener who is kept is worth.")] = 50
    at_risk: Annotated[float, typer.Option("--at-risk", help="The probability from which to act.")] = 0.5
    stickiness_from: Annotated[
        float, typer.Option("--stickiness-from", help="The expected share of leavers from which keeping comes first.")
    ] = 0.5
    platform: Annotated[Literal["freemium", "paid"], typer.Option("--platform", help="Whether some pay or all do.")] = (
        "freemium"
    )
    watch_after: Annotated[int, typer.Option("--watch-after", help="Idle days from which to watch.")] = 7
    act_after: Annotated[int, typer.Option("--act-after", help="Idle days from which to act.")] = 14
    seed: Seed = 0

    def plan(self) -> "OfferPlan":
        """Return the plan asked for."""
        from counterpoint.churn.offer_assignment import OfferPlan

        return OfferPlan(**vars(self))


@dataclass(frozen=True, kw_only=True)
class OffersRequest:
    """What `churn offers` is asked."""

    workspace: Workspace
    out: Out = None
    top: Annotated[int, typer.Option("--top", min=0, help="How many to print.")] = 10
    plan: PlanOptions = PlanOptions()
    paying: Annotated[Path | None, typer.Option("--paying", help="Who pays: a file with a column uid.")] = None
    outcome: Annotated[
        Path | None,
        typer.Option("--outcome", help="Who left since (columns uid, left): what did the offers do? Offers nothing."),
    ] = None
    at: Annotated[
        str | None, typer.Option("--at", help="The day of the experiment that --outcome is of; by default the last.")
    ] = None
    output: OutputOptions = OutputOptions()


@command(app)
def offers(request: OffersRequest) -> None:
    """Say who of the ranked list should get which offer; or, with an outcome, what the offers of an experiment did.

    Example: counterpoint churn offers work --out offers.csv --holdout 0.1
    """
    from counterpoint.churn.offer_experiment import measure_offers, plan_offers
    from counterpoint.storage.exchange import read_table

    if request.outcome is not None:
        uplift = measure_offers(request.workspace, read_table(request.outcome), at=request.at)
        results.say_uplift(uplift, as_json=request.output.as_json)
        return
    with progress("planning"):
        paying = None if request.paying is None else read_table(request.paying, "uid")["uid"]
        planned = plan_offers(request.workspace, request.plan.plan(), paying=paying)
        _write(planned.rows, request.out)
    if request.output.as_json:
        say_json(results.offers_as_json(planned, request.top))
        return
    results.say_offers(planned, request.top)
    results.say_out(request.out)


def _write(rows: "pl.DataFrame", to: Path | None) -> None:
    from counterpoint.storage.exchange import write_table

    if to is not None:
        write_table(rows, to)


@dataclass(frozen=True, kw_only=True)
class CohortsRequest:
    """What `churn cohorts` is asked."""

    workspace: Workspace
    by: Annotated[
        Literal["week", "month"], typer.Option("--by", help="The period in which listeners were first seen.")
    ] = "week"
    known_for: KnownFor = "30"
    outcome_for: OutcomeFor = "14"
    cleaning: CleaningOptions = CleaningOptions()
    output: OutputOptions = OutputOptions()


@command(app)
def cohorts(request: CohortsRequest) -> None:
    """Follow listeners by when they were first seen: how many left at each snapshot, and how long they last.

    Example: counterpoint churn cohorts work --by month
    """
    from counterpoint.churn.cohorts import follow_cohorts

    with progress("following"):
        followed = follow_cohorts(
            request.workspace,
            period=request.by,
            known_for=request.known_for,
            outcome_for=request.outcome_for,
            rules=request.cleaning.rules(),
            engine=request.cleaning.engine,
        )
    if request.output.as_json:
        say_json(followed)
    else:
        results.say_cohorts(followed, request.by)


@dataclass(frozen=True, kw_only=True)
class SongsRequest:
    """What `churn songs` is asked."""

    workspace: Workspace
    of: Annotated[Literal["song", "singer"], typer.Option("--of", help="What is compared.")] = "song"
    snapshot: SnapshotOptions = SnapshotOptions()
    out: Out = None
    top: Annotated[int, typer.Option("--top", min=0, help="How many to print.")] = 20
    cleaning: CleaningOptions = CleaningOptions()
    seed: Seed = 0
    output: OutputOptions = OutputOptions()


@command(app)
def songs(request: SongsRequest) -> None:
    """Find songs or singers that leavers heard on their last day more often than stayers like them: an association.

    Example: counterpoint churn songs work --at 2017-04-28
    """
    from counterpoint.churn.leaving_songs import songs_before_leaving
    from counterpoint.storage.exchange import write_table

    snapshot = request.snapshot.snapshot(request.workspace)
    with progress("comparing"):
        compared = songs_before_leaving(
            request.workspace,
            snapshot,
            item_kind=request.of,
            rng=request.seed,
            rules=request.cleaning.rules(),
            engine=request.cleaning.engine,
        )
        if request.out is not None:
            write_table(compared.rows, request.out)
    if request.output.as_json:
        say_json(results.songs_as_json(compared, snapshot))
        return
    results.say_songs(compared, request.top)
    results.say_out(request.out, before="\n")


@dataclass(frozen=True, kw_only=True)
class LikesRequest:
    """What `churn likes` is asked."""

    workspace: Workspace
    of: Annotated[Literal["like", "dislike"], typer.Option("--of", help="What is compared.")] = "like"
    outcome_for: OutcomeFor = "14"
    cleaning: CleaningOptions = CleaningOptions()
    output: OutputOptions = OutputOptions()


@command(app)
def likes(request: LikesRequest) -> None:
    """Compare days with a like (or dislike) with days like them without one: which does silence follow? An association.

    Example: counterpoint churn likes work
    """
    from counterpoint.churn.likes import compare_likes

    with progress("comparing"):
        compared = compare_likes(
            request.workspace,
            event=request.of,
            outcome_for=request.outcome_for,
            rules=request.cleaning.rules(),
            engine=request.cleaning.engine,
        )
    if request.output.as_json:
        say_json(compared)
    else:
        results.say_likes(compared, request.of)

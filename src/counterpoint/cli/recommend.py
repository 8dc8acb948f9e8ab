"""`counterpoint recommend`: what each listener should hear next."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from counterpoint.cli import recommend_results as results
from counterpoint.cli.options import (
    CleaningOptions,
    EngineName,
    Given,
    OutputOptions,
    Resamples,
    Seed,
    SnapshotOptions,
    Workspace,
    command,
    refuse_given,
)
from counterpoint.cli.printing import progress, say, say_json
from counterpoint.errors import CounterpointError
from counterpoint.text import pluralize

if TYPE_CHECKING:
    import polars as pl

    from counterpoint.recommend.comparison import RecommenderEvaluationSettings
    from counterpoint.recommend.evaluation import RecommenderEvaluation
    from counterpoint.recommend.recommender import Recommender, Request

app = typer.Typer(help="Train, evaluate and use a recommender of songs.", no_args_is_help=True)

ModelName = Literal[
    "blend",
    "popular",
    "popular-recent",
    "popular-by-device",
    "item-knn-cosine",
    "tf-idf",
    "bm25",
    "neighbours-as-published",
    "svd-as-published",
    "nmf-as-published",
    "as-published",
    "rp3beta",
    "svd",
    "svd-degree-normalised",
    "nmf",
    "ials",
    "ease",
    "autoencoder",
    "popular-in-cluster",
]
Trials = Annotated[
    int, typer.Option("--trials", min=1, help="How many settings of each recommender, or member of the blend, to try.")
]
StylesFile = Annotated[
    Path | None, typer.Option("--styles", help="What songs have in common: a file with columns song_id, style.")
]
OF_LOGS = ("at", "known_for", "outcome_for", "styles", "bots", "engine")


@dataclass(frozen=True, kw_only=True)
class WindowOptions(SnapshotOptions):
    """The day up to which something is known, and how long after it choices are looked at."""

    at: Annotated[
        str | None,
        typer.Option("--at", help="The last day known; by default the last that leaves what is asked for after it."),
    ] = None
    outcome_for: Annotated[str, typer.Option("--outcome-for", help="How long after it choices are looked at.")] = "7"


@dataclass(frozen=True, kw_only=True)
class TrainRequest:
    """What `recommend train` is asked."""

    workspace: Workspace
    window: WindowOptions = WindowOptions()
    model: Annotated[ModelName, typer.Option("--model", help="The kind of recommender.")] = "blend"
    trials: Trials = 1
    styles: StylesFile = None
    cleaning: CleaningOptions = CleaningOptions()
    seed: Seed = 0
    output: OutputOptions = OutputOptions()


@command(app)
def train(request: TrainRequest) -> None:
    """Learn from the days known what listeners should hear, and keep the recommender in the workspace.

    Example: counterpoint recommend train work
    """
    from counterpoint.recommend.training import TrainingSettings, latest_snapshot
    from counterpoint.recommend.training import train as learn

    with progress("learning"):
        trained = learn(
            request.workspace,
            request.window.snapshot(request.workspace, otherwise=latest_snapshot),
            settings=TrainingSettings(kind=request.model, trials=request.trials, rng=request.seed),
            styles=_table(request.styles, "song_id", "style"),
            rules=request.cleaning.rules(),
            engine=request.cleaning.engine,
        )
    if request.output.as_json:
        say_json(results.trained_as_json(trained))
    else:
        results.say_trained(trained)


@dataclass(frozen=True, kw_only=True)
class EvaluateRequest:
    """What `recommend evaluate` is asked."""

    workspace: Workspace
    window: WindowOptions = WindowOptions()
    windows: Annotated[int, typer.Option("--windows", min=1, help="How many windows to evaluate on at most.")] = 3
    models: Annotated[
        str | None,
        typer.Option(
            "--models",
            metavar="NAME,NAME",
            help="The kinds to evaluate, or all; the names are those of `recommend train --model`.",
        ),
    ] = None
    trials: Trials = 1
    interactions: Annotated[
        Path | None,
        typer.Option(
            "--interactions",
            help="Evaluate on this table (uid, song_id, ...), by itself: no log, day or style of the workspace counts.",
        ),
    ] = None
    styles: StylesFile = None
    cleaning: CleaningOptions = CleaningOptions()
    seed: Seed = 0
    resamples: Resamples = 1000
    output: OutputOptions = OutputOptions()
    given: Given = frozenset()

    def settings(self) -> "RecommenderEvaluationSettings":
        """Return what is compared, and how."""
        from counterpoint.recommend.comparison import DEFAULT_KINDS, RecommenderEvaluationSettings
        from counterpoint.recommend.models.registry import RECOMMENDERS

        kinds = list(DEFAULT_KINDS) if self.models is None else [name.strip() for name in self.models.split(",")]
        return RecommenderEvaluationSettings(
            windows=self.windows,
            kinds=["blend", *RECOMMENDERS] if self.models == "all" else kinds,
            trials=self.trials,
            rng=self.seed,
            resamples=self.resamples,
        )


@command(app)
def evaluate(request: EvaluateRequest) -> None:
    """Evaluate recommenders by what listeners chose afterwards, window after window, with 95 % intervals.

    Example: counterpoint recommend evaluate work
    """
    if request.interactions is not None:
        why = "is about a workspace's logs, and --interactions evaluates on a table: drop one"
        refuse_given(request.given, OF_LOGS, why)
    with progress("evaluating"):
        evaluation = _evaluate_logs(request) if request.interactions is None else _evaluate_table(request)
    if request.output.as_json:
        say_json(evaluation)
    else:
        results.say_evaluation(evaluation)


def _evaluate_logs(request: EvaluateRequest) -> "RecommenderEvaluation":
    from counterpoint.platform.push_down import push_down_if_known
    from counterpoint.recommend import evaluation
    from counterpoint.storage.workspace import open_workspace

    with open_workspace(request.workspace) as view:
        push_down = push_down_if_known(view)
    return evaluation.evaluate(
        request.workspace,
        request.window.snapshot(request.workspace),
        settings=request.settings(),
        styles=_table(request.styles, "song_id", "style"),
        push_down=push_down,
        rules=request.cleaning.rules(),
        engine=request.cleaning.engine,
    )


def _evaluate_table(request: EvaluateRequest) -> "RecommenderEvaluation":
    from counterpoint.recommend import evaluation

    return evaluation.evaluate_interactions(_table(request.interactions, "uid", "song_id"), request.settings())


@dataclass(frozen=True, kw_only=True)
class ListOptions:
    """Which songs may be listed, and for when."""

    allow: Annotated[Path | None, typer.Option("--allow", help="Only songs of this file (column song_id).")] = None
    deny: Annotated[Path | None, typer.Option("--deny", help="No songs of this file (column song_id).")] = None
    push_down: Annotated[
        bool, typer.Option("--push-down", help="Push down the songs that `churn songs` found heard before leaving.")
    ] = False
    hour: Annotated[int | None, typer.Option("--hour", help="At which hour they will listen, 0 to 23.")] = None
    weekday: Annotated[
        str | None, typer.Option("--weekday", help="On which day of the week they will listen: Monday to Sunday.")
    ] = None


@dataclass(frozen=True, kw_only=True)
class SongsRequest:
    """What `recommend songs` is asked."""

    workspace: Workspace
    uids: Annotated[list[str] | None, typer.Argument(help="For whom; by default for everybody (with --out).")] = None
    out: Annotated[Path | None, typer.Option("--out", help="The .parquet file to write.")] = None
    count: Annotated[int, typer.Option("--count", min=1, help="How many songs for each.")] = 10
    include_known: Annotated[bool, typer.Option("--include-known", help="List songs that they know already, too.")] = (
        False
    )
    listing: ListOptions = ListOptions()
    reasons: Annotated[bool, typer.Option("--reasons", help="Say because of which songs they know.")] = False
    engine: Annotated[
        EngineName,
        typer.Option("--engine", help="spark: its own ALS learns and lists everybody's, for what is too large."),
    ] = "duckdb"
    output: OutputOptions = OutputOptions()
    given: Given = frozenset()

    def as_request(self, denied: "pl.Series | None", push_down: "pl.Series | tuple[()]") -> "Request":
        """Return the library's request for these songs."""
        from counterpoint.recommend.context import weekday_named
        from counterpoint.recommend.recommender import Request

        listing = self.listing
        return Request(
            count=self.count,
            include_known=self.include_known,
            allow=_ids(listing.allow),
            deny=() if denied is None else denied,
            push_down=push_down,
            hour=listing.hour,
            weekday=None if listing.weekday is None else weekday_named(listing.weekday),
        )


@command(app)
def songs(request: SongsRequest) -> None:
    """List the songs that each listener should hear next.

    Example: counterpoint recommend songs work 168000123 --reasons
    """
    from counterpoint.platform.push_down import songs_to_push_down
    from counterpoint.recommend.export import write_songs
    from counterpoint.recommend.training import trained_in
    from counterpoint.storage.workspace import open_workspace

    if request.engine == "spark":
        _songs_on_spark(request)
        return
    with progress("listing"), open_workspace(request.workspace) as view:
        recommender, denied = trained_in(view).recommender, _ids(request.listing.deny)
        push_down = songs_to_push_down(view)["song_id"] if request.listing.push_down else ()
        wanted = request.as_request(denied, push_down)
        rows = None if request.out is None else write_songs(recommender, request.uids or None, wanted, request.out)
        listed = None if rows is not None else _listed(recommender, request, wanted)
    if request.output.as_json and listed is not None:
        say_json(listed.to_dicts())
        return
    if rows is not None:
        say(f"{request.out}: {pluralize(rows, 'row')}")
    results.warn_of_unknown_songs(recommender, request.listing.deny, denied)
    if listed is not None:
        results.say_songs(listed, recommender, request.uids or ())


def _listed(recommender: "Recommender", request: SongsRequest, wanted: "Request") -> "pl.DataFrame":
    import polars as pl

    if not request.uids:
        raise CounterpointError("for everybody the lists go into a file: add --out songs.parquet, or say for whom")
    listed = pl.concat(recommender.stream(request.uids, wanted))
    if not request.reasons:
        return listed
    reasons = [
        results.reasons(recommender.explanation(row["uid"], row["song_id"])) for row in listed.iter_rows(named=True)
    ]
    return listed.with_columns(because=pl.Series(reasons, dtype=pl.String))


def _songs_on_spark(request: SongsRequest) -> None:
    from counterpoint.recommend.spark_als import SparkAlsSettings, write_songs_on_spark

    if request.given & {"uids", "allow", "deny", "push_down", "reasons", "hour", "weekday"}:
        raise CounterpointError(
            "on Spark only --out, --count and --include-known hold: everybody is listed as they are"
        )
    if request.out is None:
        raise CounterpointError("Spark lists everybody's songs into a folder: add --out songs")
    with progress("listing"):
        settings = SparkAlsSettings(count=request.count, include_known=request.include_known)
        rows = write_songs_on_spark(request.workspace, request.out, settings=settings)
    say(f"{request.out}: {pluralize(rows, 'row')}")


@dataclass(frozen=True, kw_only=True)
class SimilarRequest:
    """What `recommend similar` is asked."""

    workspace: Workspace
    song_id: Annotated[str, typer.Argument(help="The song.")]
    count: Annotated[int, typer.Option("--count", min=1, help="How many.")] = 10
    output: OutputOptions = OutputOptions()


@command(app)
def similar(request: SimilarRequest) -> None:
    """List the songs that the same listeners know.

    Example: counterpoint recommend similar work 100123
    """
    from counterpoint.recommend.training import trained_in
    from counterpoint.storage.workspace import open_workspace

    with progress("looking"), open_workspace(request.workspace) as view:
        listed = trained_in(view).recommender.similar(request.song_id, count=request.count)
    if request.output.as_json:
        say_json(listed.to_dicts())
    else:
        results.say_similar(listed)


def _table(path: Path | None, *columns: str) -> "pl.DataFrame | None":
    from counterpoint.storage.exchange import read_table

    return None if path is None else read_table(path, *columns)


def _ids(path: Path | None) -> "pl.Series | None":
    table = _table(path, "song_id")
    return None if table is None else table["song_id"]

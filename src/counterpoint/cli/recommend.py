"""`counterpoint recommend`: what each listener should hear next."""

from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from counterpoint.cli.output import progress, say, say_json, say_table, warn
from counterpoint.text import pluralize

if TYPE_CHECKING:
    import polars as pl

    from counterpoint.recommend.evaluation import EvaluationWindow, RecommenderEvaluation
    from counterpoint.recommend.ranking_evaluation import RankingEvaluation
    from counterpoint.recommend.recommender import Recommender
    from counterpoint.stats.intervals import Estimate

app = typer.Typer(help="Train, judge and use a recommender of songs.", no_args_is_help=True)

Workspace = Annotated[Path, typer.Argument(help="The workspace.")]
Known = Annotated[str, typer.Option("--known-for", help="How much is known up to that day: 30 (days) or 6mo (months).")]
Outcome = Annotated[str, typer.Option("--outcome-for", help="How long after it choices are looked at.")]
Settings = Annotated[
    int, typer.Option("--settings", min=1, help="How many settings of each member of the blend to try.")
]
Styles = Annotated[
    Path | None, typer.Option("--styles", help="What songs have in common: a file with columns song_id, style.")
]
Bots = Annotated[float, typer.Option("--bots", help="The percentile of plays from which on a listener is a bot.")]
Seed = Annotated[int, typer.Option("--seed", min=0, max=2**32 - 1, help="The same seed, the same result.")]
Engine = Annotated[str, typer.Option("--engine", help="duckdb, or spark (an extra); the rows are the same.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result for machines.")]


@app.command()
def train(
    workspace: Workspace,
    at: Annotated[str | None, typer.Option("--at", help="The last day known; by default the last of the logs.")] = None,
    known_for: Known = "30",
    outcome_for: Outcome = "7",
    model: Annotated[str, typer.Option("--model", help="The kind of recommender.")] = "blend",
    settings: Settings = 1,
    styles: Styles = None,
    bots: Bots = 99.9,
    seed: Seed = 0,
    engine: Engine = "duckdb",
    as_json: Json = False,
) -> None:
    """Learn from the days known what listeners should hear, and keep the recommender in the workspace.

    Example: counterpoint recommend train work
    """
    from counterpoint.events.rules import OURS
    from counterpoint.recommend.training import TrainingSettings, latest_snapshot
    from counterpoint.recommend.training import train as learn
    from counterpoint.snapshots.snapshot import Snapshot

    with progress("learning"):
        spans = {"known_for": known_for, "outcome_for": outcome_for}
        trained = learn(
            workspace,
            latest_snapshot(workspace, **spans) if at is None else Snapshot.of(at, **spans),
            settings=TrainingSettings(kind=model, trials=settings, rng=seed),
            styles=_table(styles, "song_id", "style"),
            rules=OURS.with_bots(bots),
            engine=engine,
        )
    made = trained.recommender
    if as_json:
        shape = {"listeners": len(made.seen), "songs": len(made.seen.songs), "pairs": len(made.seen.song)}
        told = {"kind": made.kind, "at": trained.snapshot.day, **shape, "members": dict(made.members)}
        say_json({**told, "dislike": made.dislike_strength, "context": made.context_strength, "seed": made.seed})
        return
    listeners, songs = made.seen.shape
    say(
        f"{made.kind} learned from {pluralize(listeners, 'listener')} and {pluralize(songs, 'song')},"
        f" {pluralize(len(made.seen.song), 'pair')}, known on {trained.snapshot.day}"
    )
    if made.members:
        say("members and their weights: " + ", ".join(f"{name} {weight:.2f}" for name, weight in made.members))
        heeds = {"dislikes": made.dislike_strength, "the hour and the day of the week": made.context_strength}
        for what, strength in heeds.items():
            say(f"{what}: {'heeded' if strength else 'not heeded: nothing was gained by it'}")


@app.command()
def evaluate(
    workspace: Workspace,
    at: Annotated[
        str | None, typer.Option("--at", help="The last window's day; by default the last whose outcome is known.")
    ] = None,
    known_for: Known = "30",
    outcome_for: Outcome = "7",
    windows: Annotated[int, typer.Option("--windows", min=1, help="How many windows to judge on at most.")] = 3,
    models: Annotated[
        str | None, typer.Option("--models", help="The kinds to judge, with commas between, or all.")
    ] = None,
    settings: Annotated[
        int,
        typer.Option(
            "--settings", min=1, help="How many settings of each recommender, and member of the blend, to try."
        ),
    ] = 1,
    interactions: Annotated[
        Path | None,
        typer.Option(
            "--interactions",
            help="Judge on this table (uid, song_id, ...), by itself: no log, day or style of the workspace counts.",
        ),
    ] = None,
    styles: Styles = None,
    bots: Bots = 99.9,
    seed: Seed = 0,
    resamples: Annotated[
        int, typer.Option("--resamples", min=100, max=100_000, help="Bootstrap resamples behind an interval.")
    ] = 1000,
    engine: Engine = "duckdb",
    as_json: Json = False,
) -> None:
    """Judge recommenders by what listeners chose afterwards, window after window, with 95 % intervals.

    Example: counterpoint recommend evaluate work
    """
    from counterpoint.events.rules import OURS
    from counterpoint.platform.push_down import push_down_if_known
    from counterpoint.recommend.comparison import DEFAULT_KINDS, EvaluationSettings
    from counterpoint.recommend.evaluation import evaluate as judge
    from counterpoint.recommend.evaluation import evaluate_interactions
    from counterpoint.recommend.models.registry import RECOMMENDERS
    from counterpoint.snapshots.rolling import last_snapshot
    from counterpoint.snapshots.snapshot import Snapshot
    from counterpoint.storage.workspace import open_workspace

    kinds = list(DEFAULT_KINDS) if models is None else [name.strip() for name in models.split(",")]
    kinds = ["blend", *RECOMMENDERS] if models == "all" else kinds
    if interactions is not None:
        _refuse_options_of_logs(
            at=at, known_for=known_for, outcome_for=outcome_for, styles=styles, bots=bots, engine=engine
        )
    how = EvaluationSettings(windows=windows, kinds=kinds, trials=settings, rng=seed, resamples=resamples)
    with progress("judging"):
        if interactions is not None:
            found = evaluate_interactions(_table(interactions, "uid", "song_id"), how)
        else:
            with open_workspace(workspace) as view:
                push_down = push_down_if_known(view)
            spans = {"known_for": known_for, "outcome_for": outcome_for}
            found = judge(
                workspace,
                last_snapshot(workspace, **spans) if at is None else Snapshot.of(at, **spans),
                settings=how,
                styles=_table(styles, "song_id", "style"),
                push_down=push_down,
                rules=OURS.with_bots(bots),
                engine=engine,
            )
    if as_json:
        say_json(found)
    else:
        _say_evaluation(found)


def _refuse_options_of_logs(**given: object) -> None:
    """Refuse options that say something of a workspace's logs where a table is judged by itself."""
    from counterpoint.errors import CounterpointError

    for name, value in given.items():
        if value != signature(evaluate).parameters[name].default:
            option = name.replace("_", "-")
            raise CounterpointError(
                f"--{option} is about a workspace's logs, and --interactions judges a table: drop one"
            )


def _say_evaluation(found: "RecommenderEvaluation") -> None:
    for window in found.windows:
        _say_window(window)
    if found.members:
        say("blend: " + ", ".join(f"{name} {weight:.2f}" for name, weight in found.members))
    if "blend" in {judged.recommender for judged in found.windows[0].discovery}:
        over = "popular-recent"
        verdict = "wins over" if found.wins("blend", over) else "does not win over"
        say(f"blend {verdict} {over} (by 1 % or more, and surely) in all {pluralize(len(found.windows), 'window')}")
    if found.train_errors:
        say("\ntrain RMSE and MAE (of the ratings that the model was fitted to)")
        say_table(("recommender", "RMSE", "MAE"), found.train_errors)
    say("\nsongs in common, of the first 10 and 100, in the last window")
    say_table(("recommender", "and", "of 10", "of 100"), found.overlap)


def _say_window(window: "EvaluationWindow") -> None:
    say(
        f"{window.day}{' to ' + window.until if window.until else ''}: {pluralize(window.listeners, 'listener')} known,"
        f" {pluralize(window.songs, 'song')}; {window.evaluable:.1%} of those who chose anything can be judged,"
        f" {window.new_users:.1%} were not known; {window.unreachable:.1%} of the choices were songs nobody knew"
    )
    told = {"new songs": window.discovery, "songs known": window.repeat_consumption}
    if window.cold_start:
        told[f"{window.cold_start[0].metrics['ndcg@10'].count:,} new users"] = window.cold_start
    for what, judged in told.items():
        if judged:
            _say_judged(what, judged)
    rows = [
        (
            each.name,
            "on" if each.strength else "off",
            each.improvement.count,
            each.without.brief,
            each.refined.brief,
            each.improvement.brief,
            " -> ".join(f"{share:.2%}" for share in each.listed) or None,
        )
        for each in window.refinements
    ]
    if rows:
        say_table(("refinement", "chosen", "listeners", "without", "with", "ahead by", "listed"), rows)
    say()


def _say_judged(what: str, judged: "tuple[RankingEvaluation, ...]") -> None:
    others = list(dict.fromkeys(other for each in judged for other in each.improvement))
    histories = list(judged[0].by_history)
    rows = [
        (
            each.recommender,
            *(_brief(each.metrics.get(name)) for name in ("ndcg@10", "recall@10", "recall@20", "map@10")),
            *(_brief(each.improvement.get(other)) for other in others),
            *(_brief(each.by_history.get(name)) for name in histories),
            *((each.reach.coverage, each.reach.novelty, each.reach.lift) if each.reach else ()),
        )
        for each in judged
    ]
    reach = ("coverage", "bits", "popularity") if judged[0].reach else ()
    ahead = [f"ahead of {other}" for other in others]
    say_table((what, "NDCG@10", "recall@10", "recall@20", "MAP@10", *ahead, *histories, *reach), rows)


def _brief(estimate: "Estimate | None") -> str | None:
    return estimate.brief if estimate else None


@app.command()
def songs(
    workspace: Workspace,
    uids: Annotated[list[str] | None, typer.Argument(help="For whom; by default for everybody (with --out).")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="The .parquet file to write.")] = None,
    count: Annotated[int, typer.Option("--count", min=1, help="How many songs for each.")] = 10,
    known: Annotated[bool, typer.Option("--known", help="Songs that they know already, too.")] = False,
    allow: Annotated[Path | None, typer.Option("--allow", help="Only songs of this file (column song_id).")] = None,
    deny: Annotated[Path | None, typer.Option("--deny", help="No songs of this file (column song_id).")] = None,
    push_down: Annotated[
        bool, typer.Option("--push-down", help="Push down the songs that `churn songs` found heard before leaving.")
    ] = False,
    hour: Annotated[int | None, typer.Option("--hour", help="At which hour they will listen, 0 to 23.")] = None,
    weekday: Annotated[str | None, typer.Option("--weekday", help="On which day of the week, as Saturday.")] = None,
    reasons: Annotated[bool, typer.Option("--reasons", help="Say because of which songs they know.")] = False,
    engine: Annotated[
        str, typer.Option("--engine", help="spark: its own ALS learns and lists everybody's, for what is too large.")
    ] = "duckdb",
    as_json: Json = False,
) -> None:
    """List the songs that each listener should hear next.

    Example: counterpoint recommend songs work 168000123 --reasons
    """
    import polars as pl

    from counterpoint.errors import CounterpointError, suggestion
    from counterpoint.platform.push_down import songs_to_push_down
    from counterpoint.recommend.context import weekday_named
    from counterpoint.recommend.export import write_songs
    from counterpoint.recommend.recommender import Request
    from counterpoint.recommend.training import trained_in
    from counterpoint.storage.engines import ENGINES
    from counterpoint.storage.workspace import open_workspace

    if engine not in ENGINES:
        raise CounterpointError(f"no engine {engine!r}; {suggestion(engine, ENGINES)}")
    if engine == "spark":
        if uids or allow or deny or push_down or reasons or hour is not None or weekday is not None:
            raise CounterpointError("on Spark only --out, --count and --known hold: everybody is listed as they are")
        _songs_on_spark(workspace, out, count=count, known=known)
        return
    with progress("listing"), open_workspace(workspace) as view:
        made, denied = trained_in(view).recommender, _ids(deny)
        request = Request(
            count=count,
            include_known=known,
            allow=_ids(allow),
            deny=() if denied is None else denied,
            push_down=songs_to_push_down(view)["song_id"] if push_down else (),
            hour=hour,
            weekday=None if weekday is None else weekday_named(weekday),
        )
        if out is not None:
            written = write_songs(made, uids or None, request, out)
            say(f"{out}: {pluralize(written, 'row')}")
            _warn_of_unknown(made, deny, denied)
            return
        if not uids:
            raise CounterpointError("for everybody the lists go into a file: add --out songs.parquet, or say for whom")
        found = pl.concat(made.stream(uids, request))
        if reasons:
            why = [_because(made.explanation(row["uid"], row["song_id"])) for row in found.iter_rows(named=True)]
            found = found.with_columns(because=pl.Series(why, dtype=pl.String))
    if as_json:
        say_json(found.to_dicts())
        return
    _warn_of_unknown(made, deny, denied)
    told = found.with_columns(pl.col("uid", "song_id").cast(pl.String))
    say_table(told.columns, told.rows())
    strangers = made.cold_start_users(uids)
    if len(strangers):
        warn(f"{pluralize(len(strangers), 'listener')} not known (such as {strangers[0]}): they get what is popular")


def _warn_of_unknown(made: "Recommender", deny: Path | None, denied: "pl.Series | None") -> None:
    """Say of how many songs that are denied nobody knows anything: an id may be misspelt."""
    if denied is not None and (unknown := made.unknown_items(denied)):
        warn(f"{pluralize(unknown, 'song')} of {deny} are not known to anybody, so denying them changes nothing")


def _songs_on_spark(workspace: Path, out: Path | None, *, count: int, known: bool) -> None:
    from counterpoint.errors import CounterpointError
    from counterpoint.recommend.spark_als import SparkAlsSettings, write_songs_on_spark

    if out is None:
        raise CounterpointError("Spark lists everybody's songs into a folder: add --out songs")
    with progress("listing"):
        written = write_songs_on_spark(workspace, out, settings=SparkAlsSettings(count=count, include_known=known))
    say(f"{out}: {pluralize(written, 'row')}")


@app.command()
def similar(
    workspace: Workspace,
    song_id: Annotated[str, typer.Argument(help="The song.")],
    count: Annotated[int, typer.Option("--count", min=1, help="How many.")] = 10,
    as_json: Json = False,
) -> None:
    """List the songs that the same listeners know.

    Example: counterpoint recommend similar work 100123
    """
    from counterpoint.recommend.training import trained_in
    from counterpoint.storage.workspace import open_workspace

    with progress("looking"), open_workspace(workspace) as view:
        found = trained_in(view).recommender.similar(song_id, count=count)
    if as_json:
        say_json(found.to_dicts())
        return
    rows = [(str(row[0]), *row[1:]) for row in found.iter_rows()]
    say_table(("song_id", "name", "singer", "similarity"), rows)


def _because(parts: "pl.DataFrame") -> str | None:
    """Return the songs that speak most for one, in words."""
    told = [f"{row['name'] or row['song_id']} ({row['share']:.0%})" for row in parts.iter_rows(named=True)]
    return ", ".join(told) or None


def _table(path: Path | None, *columns: str) -> "pl.DataFrame | None":
    from counterpoint.storage.exchange import read_table

    return None if path is None else read_table(path, *columns)


def _ids(path: Path | None) -> "pl.Series | None":
    table = _table(path, "song_id")
    return None if table is None else table["song_id"]

"""What the commands of `counterpoint recommend` print."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterpoint.cli.printing import brief, say, say_table, warn
from counterpoint.text import pluralize

if TYPE_CHECKING:
    import polars as pl

    from counterpoint.recommend.evaluation import EvaluationWindow, RecommenderEvaluation
    from counterpoint.recommend.ranking_evaluation import RankingEvaluation
    from counterpoint.recommend.recommender import Recommender
    from counterpoint.recommend.training import TrainedRecommender


def trained_as_json(trained: "TrainedRecommender") -> dict[str, Any]:
    """Return what a recommender learned from, for machines."""
    recommender = trained.recommender
    shape = {
        "listeners": len(recommender.seen),
        "songs": len(recommender.seen.songs),
        "pairs": len(recommender.seen.song),
    }
    about = {"kind": recommender.kind, "at": trained.snapshot.day, **shape, "members": dict(recommender.members)}
    return {
        **about,
        "dislike": recommender.dislike_strength,
        "context": recommender.context_strength,
        "seed": recommender.seed,
    }


def say_trained(trained: "TrainedRecommender") -> None:
    """Print what a recommender learned from, and what it heeds."""
    recommender = trained.recommender
    listeners, songs = recommender.seen.shape
    say(
        f"{recommender.kind} learned from {pluralize(listeners, 'listener')} and {pluralize(songs, 'song')},"
        f" {pluralize(len(recommender.seen.song), 'pair')}, known on {trained.snapshot.day}"
    )
    if recommender.members:
        say("members and their weights: " + ", ".join(f"{name} {weight:.2f}" for name, weight in recommender.members))
        heeds = {
            "dislikes": recommender.dislike_strength,
            "the hour and the day of the week": recommender.context_strength,
        }
        for what, strength in heeds.items():
            say(f"{what}: {'heeded' if strength else 'not heeded: nothing was gained by it'}")


def say_evaluation(evaluation: "RecommenderEvaluation") -> None:
    """Print how well each recommender does, window by window."""
    for window in evaluation.windows:
        _say_window(window)
    if evaluation.members:
        say("blend: " + ", ".join(f"{name} {weight:.2f}" for name, weight in evaluation.members))
    if "blend" in {judged.recommender for judged in evaluation.windows[0].discovery}:
        over = "popular-recent"
        verdict = "wins over" if evaluation.wins("blend", over) else "does not win over"
        windows = pluralize(len(evaluation.windows), "window")
        say(f"blend {verdict} {over} (by 1 % or more, and surely) in all {windows}")
    if evaluation.train_errors:
        say("\ntrain RMSE and MAE (as published: of ratings that the model was fitted to)")
        say_table(("recommender", "RMSE", "MAE"), evaluation.train_errors)
    say("\nsongs in common, of the first 10 and 100, in the last window")
    say_table(("recommender", "and", "of 10", "of 100"), evaluation.overlap)


def _say_window(window: "EvaluationWindow") -> None:
    say(
        f"{window.day}{' to ' + window.until if window.until else ''}: {pluralize(window.listeners, 'listener')} known,"
        f" {pluralize(window.songs, 'song')}; {window.evaluable:.1%} of those who chose anything can be judged,"
        f" {window.new_users:.1%} were not known; {window.unreachable:.1%} of the choices were songs nobody knew"
    )
    parts = {"new songs": window.discovery, "songs known": window.repeat_consumption}
    if window.cold_start:
        parts[f"{window.cold_start[0].metrics['ndcg@10'].count:,} new users"] = window.cold_start
    for what, judged in parts.items():
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
            *(brief(each.metrics.get(name)) for name in ("ndcg@10", "recall@10", "recall@20", "map@10")),
            *(brief(each.improvement.get(other)) for other in others),
            *(brief(each.by_history.get(name)) for name in histories),
            *((each.reach.coverage, each.reach.novelty, each.reach.lift) if each.reach else ()),
        )
        for each in judged
    ]
    reach = ("coverage", "bits", "popularity") if judged[0].reach else ()
    ahead = [f"ahead of {other}" for other in others]
    say_table((what, "NDCG@10", "recall@10", "recall@20", "MAP@10", *ahead, *histories, *reach), rows)


def say_songs(listed: "pl.DataFrame", recommender: "Recommender", uids: Sequence[str]) -> None:
    """Print songs by listener, and who of them is not known."""
    import polars as pl

    texts = listed.with_columns(pl.col("uid", "song_id").cast(pl.String))
    say_table(texts.columns, texts.rows())
    unknown = recommender.cold_start_users(uids)
    if len(unknown):
        warn(f"{pluralize(len(unknown), 'listener')} not known (such as {unknown[0]}): they get what is popular")


def warn_of_unknown_songs(recommender: "Recommender", file: Path | None, denied: "pl.Series | None") -> None:
    """Say of how many songs that are denied nobody knows anything: an id may be misspelt."""
    if denied is not None and (unknown := recommender.unknown_items(denied)):
        warn(f"{pluralize(unknown, 'song')} of {file} are not known to anybody, so denying them changes nothing")


def reasons(parts: "pl.DataFrame") -> str | None:
    """Return the songs that speak most for one, in words."""
    songs = [f"{row['name'] or row['song_id']} ({row['share']:.0%})" for row in parts.iter_rows(named=True)]
    return ", ".join(songs) or None


def say_similar(listed: "pl.DataFrame") -> None:
    """Print songs that the same listeners know."""
    rows = [(str(row[0]), *row[1:]) for row in listed.iter_rows()]
    say_table(("song_id", "name", "singer", "similarity"), rows)

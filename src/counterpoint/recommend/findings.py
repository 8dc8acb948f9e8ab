"""What listeners should hear next: how well that is predicted, what refines it, and some examples with reasons."""

from typing import Final

import numpy as np

from counterpoint.recommend.comparison import BASELINE
from counterpoint.recommend.evaluation import EvaluationWindow, RecommenderEvaluation
from counterpoint.recommend.models.registry import BLEND
from counterpoint.recommend.ranking_evaluation import RankingEvaluation
from counterpoint.recommend.recommender import Recommender, Request
from counterpoint.recommend.training import TrainedRecommender
from counterpoint.report.finding import Cell, Finding, Table
from counterpoint.text import pluralize

EXAMPLE_LISTENERS: Final = 3
EXAMPLE_SONGS: Final = 3

JARVELIN_2002: Final = (
    "Jarvelin, K. & Kekalainen, J. (2002). Cumulated gain-based evaluation of IR techniques. ACM TOIS 20(4)."
)
CORMACK_2009: Final = "Cormack, G., Clarke, C. & Buettcher, S. (2009). Reciprocal rank fusion outperforms Condorcet and individual rank learning methods. SIGIR."  # noqa: E501
PAUDEL_2017: Final = "Paudel, B., Christoffel, F., Newell, C. & Bernstein, A. (2017). Updatable, accurate, diverse, and scalable recommendations for interactive applications. ACM TiiS 7(1)."  # noqa: E501
HU_2008: Final = (
    "Hu, Y., Koren, Y. & Volinsky, C. (2008). Collaborative filtering for implicit feedback datasets. ICDM."
)
RENDLE_2022: Final = "Rendle, S., Krichene, W., Zhang, L. & Koren, Y. (2022). Revisiting the performance of iALS on item recommendation benchmarks. RecSys."  # noqa: E501
STECK_2019: Final = "Steck, H. (2019). Embarrassingly shallow autoencoders for sparse data. WWW."
NIKOLAKOPOULOS_2019: Final = "Nikolakopoulos, A., Kalantzis, V., Gallopoulos, E. & Garofalakis, J. (2019). EigenRec: generalizing PureSVD for effective and efficient top-N recommendations. Knowledge and Information Systems 58."  # noqa: E501
REFERENCES: Final = (
    JARVELIN_2002,
    CORMACK_2009,
    PAUDEL_2017,
    HU_2008,
    RENDLE_2022,
    STECK_2019,
    NIKOLAKOPOULOS_2019,
)


def evaluation_finding(evaluation: RecommenderEvaluation) -> Finding:
    """Show how well recommenders predict what listeners choose, window by window."""
    windows = pluralize(len(evaluation.windows), "window")
    sentence = f"Evaluated on what listeners chose in {windows}, among all songs that they did not know."
    if any(each.recommender == BLEND for window in evaluation.windows for each in window.discovery):
        is_ahead = "is" if evaluation.wins(BLEND, BASELINE) else "is not"
        sentence += f" The blend {is_ahead} ahead of what was popular lately, by 1 % or more and surely, in each."
    overlap = Table(
        "Songs in common, of the first 10 and of 100, in the last window",
        ("recommender", "and", "of 10", "of 100"),
        evaluation.overlap,
    )
    evidence = (*(table for window in evaluation.windows for table in _window_tables(window)), overlap)
    return Finding("What listeners would have heard next", sentence, evidence, REFERENCES)


def _window_tables(window: EvaluationWindow) -> tuple[Table, ...]:
    days = f"{window.day} to {window.until}" if window.until else window.day
    note = (
        f"{pluralize(window.listeners, 'listener')} and {pluralize(window.songs, 'song')} known; {window.evaluable:.1%}"
        f" of those who chose anything can be judged, {window.new_users:.1%} were not known; {window.unreachable:.1%}"
        " of the choices were songs nobody knew. Bits: how seldom those listed are known; popularity: over their own."
    )
    evaluated = window.discovery or window.repeat_consumption
    histories = tuple(evaluated[0].by_history) if evaluated else ()
    columns = ("recommender", "NDCG@10", "recall@20", "MAP@10", *histories, "coverage", "bits", "popularity")
    rows = tuple((*_metric_cells(each, histories), *_reach_cells(each)) for each in window.discovery)
    tables = [Table(f"Songs new to them, {days}", columns, rows, note)]
    if window.repeat_consumption:
        rows = tuple(_metric_cells(each, histories) for each in window.repeat_consumption)
        tables.append(Table(f"Songs they came back to, {days}", columns[: 4 + len(histories)], rows))
    if window.cold_start:
        rows = tuple(_metric_cells(each, ()) for each in window.cold_start)
        tables.append(Table(f"What new users chose, {days}", columns[:4], rows))
    if window.refinements:
        tables.append(_refinements_table(window, days))
    return tuple(tables)


def _refinements_table(window: EvaluationWindow, days: str) -> Table:
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (each.name, "on" if each.strength else "off", each.without, each.refined, each.improvement)
        for each in window.refinements
    )
    columns = ("refinement", "chosen", "NDCG@10 without", "with", "ahead by")
    return Table(f"Refinements, {days}", columns, rows, "On: it won in the days before, and is used.")


def _metric_cells(evaluation: RankingEvaluation, histories: tuple[str, ...]) -> tuple[Cell, ...]:
    metrics = (evaluation.metrics.get(name) for name in ("ndcg@10", "recall@20", "map@10"))
    return (evaluation.recommender, *metrics, *(evaluation.by_history.get(name) for name in histories))


def _reach_cells(evaluation: RankingEvaluation) -> tuple[Cell, ...]:
    reach = evaluation.reach
    return (reach.coverage, reach.novelty, reach.lift) if reach else (None, None, None)


def recommender_finding(trained: TrainedRecommender) -> Finding:
    """Show what the workspace's recommender has learned from, and some of what it would play to whom, and why."""
    recommender = trained.recommender
    listeners, songs = recommender.seen.shape
    sentence = (
        f"The recommender ({recommender.kind}) learned from {pluralize(listeners, 'listener')} and"
        f" {pluralize(songs, 'song')}, known on {trained.snapshot.day}."
    )
    members = Table("Its members", ("member", "weight"), recommender.members) if recommender.members else None
    columns = ("knows", "could hear", "by", "because of")
    rows = tuple(row for number in _example_listeners(recommender) for row in _listener_rows(recommender, number))
    examples = Table("Three listeners, as examples", columns, rows, "Shares of what speaks for the song.")
    return Finding("What to play next", sentence, (*((members,) if members else ()), examples))


def _example_listeners(recommender: Recommender) -> list[int]:
    """Return the numbers of three listeners: a quarter, half and three quarters of all know fewer songs."""
    order = np.argsort(recommender.seen.counts, kind="stable")
    return [int(order[len(order) * part // (EXAMPLE_LISTENERS + 1)]) for part in range(1, EXAMPLE_LISTENERS + 1)]


def _listener_rows(recommender: Recommender, number: int) -> list[tuple[Cell, ...]]:
    uid = recommender.seen.listeners[number]
    history = recommender.seen.rows(np.array([number]))
    best = history.song[np.argsort(-history.plays, kind="stable")[:EXAMPLE_SONGS]]
    knows = ", ".join(_title(row) for row in recommender.names[best].iter_rows(named=True))
    rest = f" and {len(history.song) - len(best):,} more" if len(history.song) > len(best) else ""
    rows: list[tuple[Cell, ...]] = []
    for row in recommender.songs([uid], Request(count=EXAMPLE_SONGS)).iter_rows(named=True):
        reasons = recommender.explanation(uid, row["song_id"]).iter_rows(named=True)
        because = ", ".join(f"{_title(reason)} ({reason['share']:.0%})" for reason in reasons)
        rows.append(("" if rows else knows + rest, _title(row), row["by"], because or None))
    return rows


def _title(row: dict[str, object]) -> str:
    return str(row["name"] or row["song_id"])

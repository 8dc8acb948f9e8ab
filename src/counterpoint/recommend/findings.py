"""What listeners should hear next: how well that is told, what refines it, and some examples with their reasons."""

from typing import Final

import numpy as np

from counterpoint.recommend.evaluate import BASELINE, Evaluation, Window
from counterpoint.recommend.ranking_evaluation import Judged
from counterpoint.recommend.recommender import OURS, Recommender
from counterpoint.recommend.train import TrainedRecommender
from counterpoint.report.finding import Cell, Finding, Table
from counterpoint.text import pluralize

EXAMPLES: Final = 3
SONGS: Final = 3

GAIN: Final = "Jarvelin, K. & Kekalainen, J. (2002). Cumulated gain-based evaluation of IR techniques. ACM TOIS 20(4)."
FUSION: Final = "Cormack, G., Clarke, C. & Buettcher, S. (2009). Reciprocal rank fusion outperforms Condorcet and individual rank learning methods. SIGIR."  # noqa: E501
WALK: Final = "Paudel, B., Christoffel, F., Newell, C. & Bernstein, A. (2017). Updatable, accurate, diverse, and scalable recommendations for interactive applications. ACM TiiS 7(1)."  # noqa: E501
IMPLICIT: Final = (
    "Hu, Y., Koren, Y. & Volinsky, C. (2008). Collaborative filtering for implicit feedback datasets. ICDM."
)
TUNED: Final = "Rendle, S., Krichene, W., Zhang, L. & Koren, Y. (2022). Revisiting the performance of iALS on item recommendation benchmarks. RecSys."  # noqa: E501
LINEAR: Final = "Steck, H. (2019). Embarrassingly shallow autoencoders for sparse data. WWW."
SPECTRAL: Final = "Nikolakopoulos, A., Kalantzis, V., Gallopoulos, E. & Garofalakis, J. (2019). EigenRec: generalizing PureSVD for effective and efficient top-N recommendations. Knowledge and Information Systems 58."  # noqa: E501


def tell_evaluation(found: Evaluation) -> Finding:
    """Show how well recommenders tell what listeners choose, window by window."""
    windows = pluralize(len(found.windows), "window")
    says = f"Judged on what listeners chose in {windows}, among all songs that they did not know."
    if any(each.recommender == OURS for window in found.windows for each in window.discovery):
        is_ahead = "is" if found.wins(OURS, BASELINE) else "is not"
        says += f" The blend {is_ahead} ahead of what was popular lately, by 1 % or more and surely, in each."
    evidence = (
        *(table for window in found.windows for table in _window(window)),
        Table(
            "Songs in common, of the first 10 and of 100, in the last window",
            ("recommender", "and", "of 10", "of 100"),
            found.overlap,
        ),
    )
    return Finding(
        "What listeners would have heard next", says, evidence, (GAIN, FUSION, WALK, IMPLICIT, TUNED, LINEAR, SPECTRAL)
    )


def _window(window: Window) -> tuple[Table, ...]:
    days = f"{window.at} to {window.until}" if window.until else window.at
    note = (
        f"{pluralize(window.listeners, 'listener')} and {pluralize(window.songs, 'song')} known; {window.evaluable:.1%}"
        f" of those who chose can be judged, {window.strangers:.1%} were not known; {window.unreachable:.1%} of"
        " the choices were songs nobody knew. Bits: how seldom those listed are known; popularity: over their own."
    )
    histories = tuple((window.discovery or window.replay)[0].by_history) if window.discovery or window.replay else ()
    columns = ("recommender", "NDCG@10", "recall@20", "MAP@10", *histories, "coverage", "bits", "popularity")
    rows = tuple((*_row(each, histories), *_reach(each)) for each in window.discovery)
    tables = [Table(f"Songs new to them, {days}", columns, rows, note)]
    if window.replay:
        again = tuple(_row(each, histories) for each in window.replay)
        tables.append(Table(f"Songs they came back to, {days}", columns[: 4 + len(histories)], again))
    if window.cold:
        strangers = tuple(_row(each, ()) for each in window.cold)
        tables.append(Table(f"What strangers chose, {days}", columns[:4], strangers))
    if window.effects:
        effects: tuple[tuple[Cell, ...], ...] = tuple(
            (each.name, "on" if each.strength else "off", each.plain, each.refined, each.ahead)
            for each in window.effects
        )
        names = ("refinement", "chosen", "NDCG@10 without", "with", "ahead by")
        tables.append(Table(f"Refinements, {days}", names, effects, "On: it won in the days before, and is used."))
    return tuple(tables)


def _row(judged: Judged, histories: tuple[str, ...]) -> tuple[Cell, ...]:
    metrics = (judged.metrics.get(name) for name in ("ndcg@10", "recall@20", "map@10"))
    return (judged.recommender, *metrics, *(judged.by_history.get(name) for name in histories))


def _reach(judged: Judged) -> tuple[Cell, ...]:
    return (judged.reach.coverage, judged.reach.novelty, judged.reach.lift) if judged.reach else (None, None, None)


def tell_recommender(trained: TrainedRecommender) -> Finding:
    """Show what the workspace's recommender has learned from, and some of what it would play to whom, and why."""
    made = trained.recommender
    listeners, songs = made.seen.shape
    says = (
        f"The recommender ({made.kind}) learned from {pluralize(listeners, 'listener')} and {pluralize(songs, 'song')},"
        f" known on {trained.snapshot.day}."
    )
    parts = Table("Its members", ("member", "weight"), made.members) if made.members else None
    columns = ("knows", "could hear", "by", "because of")
    rows = tuple(row for number in _examples(made) for row in _listener(made, number))
    examples = Table("Three listeners, as examples", columns, rows, "Shares of what speaks for the song.")
    return Finding("What to play next", says, (*((parts,) if parts else ()), examples))


def _examples(made: Recommender) -> list[int]:
    """Return the numbers of three listeners: a quarter, half and three quarters of all know fewer songs."""
    order = np.argsort(made.seen.counts, kind="stable")
    return [int(order[len(order) * at // (EXAMPLES + 1)]) for at in range(1, EXAMPLES + 1)]


def _listener(made: Recommender, number: int) -> list[tuple[Cell, ...]]:
    uid = made.seen.listeners[number]
    own = made.seen.rows(np.array([number]))
    best = own.song[np.argsort(-own.plays, kind="stable")[:SONGS]]
    knows = ", ".join(_called(row) for row in made.names[best].iter_rows(named=True))
    rest = f" and {len(own.song) - len(best):,} more" if len(own.song) > len(best) else ""
    rows: list[tuple[Cell, ...]] = []
    for row in made.songs([uid], count=SONGS).iter_rows(named=True):
        why = [f"{_called(of)} ({of['part']:.0%})" for of in made.because(uid, row["song_id"]).iter_rows(named=True)]
        rows.append(("" if rows else knows + rest, _called(row), row["by"], ", ".join(why) or None))
    return rows


def _called(row: dict[str, object]) -> str:
    return str(row["name"] or row["song_id"])

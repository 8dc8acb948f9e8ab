"""How well songs are recommended beside the peers and the published method, and how fast.

    python benchmarks/recommend.py --to FOLDER --cases hetrec,file,speed,published
        [--hetrec FOLDER] [--interactions FILE] [--matrix FILE] [--trials 40] [--seeds 5]

needs `pip install implicit irspack` beside Counterpoint.

    hetrec : Last.fm artists (HetRec 2011, user_artists.dat.gz in the folder --hetrec), a random fifth of what each
             listener knows held out, once a seed
    file   : the same for any table of interactions (uid, song_id; perhaps rating, plays, day); with days it is the last
             fifth that is held out, and the fifth before it that settings are chosen on
    published : an invented table of the published size: the published methods' training error, overlap and seconds
    speed  : 600,000 listeners x 53,000 songs, one process a method: seconds and the highest memory. --matrix holds its
             indptr and indices, songs numbered from the best known; it is invented there if there is none

The settings of every method, ours or not, are searched alike: its first settings, then random ones and in the end some
near the best, --trials in all, by NDCG@10 on a fifth of what is known. That is done once, on the first seed's; all
seeds use what was found. The weights of our blend are fitted on each seed's own. What was measured is kept in
FOLDER/results.jsonl, one line a case, seed and method, and what each listener's list was worth in FOLDER/each: a second
run goes on where the first stopped. `--methods 'a;b'` runs some of the methods only.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from functools import lru_cache
from io import StringIO
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import numpy as np
import polars as pl
from scipy.sparse import csr_array, csr_matrix

from counterpoint.recommend.comparison import list_overlap
from counterpoint.recommend.interactions import Interactions, positions_in
from counterpoint.recommend.model_selection import (
    DEFAULT_BLEND,
    BlendChoice,
    BlendSearch,
    search_settings,
    select_blend,
)
from counterpoint.recommend.models.blend import Blend
from counterpoint.recommend.models.protocol import (
    Estimator,
    Excluded,
    ListModel,
    RankedLists,
    nothing_excluded,
    unwanted,
)
from counterpoint.recommend.models.registry import BLEND_MEMBERS, RECOMMENDERS
from counterpoint.recommend.models.scoring_kernels import top_of_rows
from counterpoint.recommend.models.search_space import SEARCH_SPACE, Dimension, NumberRange
from counterpoint.recommend.prediction_task import PredictionTask, discovery_lists, make_task
from counterpoint.stats.intervals import bootstrap_each
from counterpoint.stats.ranking import METRICS, list_metrics

SHARE: Final = 0.2
ROWS: Final = 1000  # listeners whose scores for all songs are held at once
DEEP: Final = 100
MOST: Final = 12_000  # songs that a dense method takes
THREADS: Final = os.cpu_count() or 1
OURS: Final = "ours"
RANKED: Final = "implicit ALS, our weights"
PUBLISHED_BLEND: Final = "the published blend"
STRONGER: Final = "the same, NMF with a ridge"
AS_IT_IS: Final = "the same, not searched"


@dataclass(frozen=True, eq=False)
class Scored:
    """A peer's model: a score for every song, for listeners given by their numbers."""

    seen: Interactions
    scores: Callable[[np.ndarray], np.ndarray]

    def top(self, histories: Interactions, count: int, *, excluded: Excluded, new: bool = True) -> RankedLists:
        numbers, out = self.seen.listener_numbers(histories.listeners), unwanted(histories, new=new)
        song, score = np.empty((len(out), count), np.int32), np.empty((len(out), count), np.float32)
        for first in range(0, len(out), ROWS):
            some = slice(first, first + ROWS)
            own = out.rows(np.arange(first, min(first + ROWS, len(out))))
            values = np.ascontiguousarray(self.scores(numbers[some]), np.float32)
            song[some], score[some] = top_of_rows(values, own.start, own.song, excluded, count)
        return RankedLists(song, score)


@dataclass(frozen=True, eq=False)
class Asked:
    """A model of implicit: asked for lists as its users would ask."""

    seen: Interactions
    matrix: csr_matrix
    model: Any

    def top(self, histories: Interactions, count: int, *, excluded: Excluded, new: bool = True) -> RankedLists:  # noqa: ARG002
        numbers = self.seen.listener_numbers(histories.listeners)
        song, score = self.model.recommend(numbers, self.matrix[numbers], N=count, filter_already_liked_items=new)
        return RankedLists(
            np.where(score > np.finfo(np.float32).min, song, -1).astype(np.int32), score.astype(np.float32)
        )


def weighed(seen: Interactions, weighting: str, *, by_mean: bool = False) -> csr_matrix:
    """Return the weights as the peers want them; `by_mean` divides them by their mean."""
    matrix = csr_matrix(seen.liked.matrix(weighting))
    if by_mean:
        matrix.data /= matrix.data.mean()
    return matrix


@dataclass(frozen=True)
class ImplicitNeighbours:
    likeness: str
    neighbours: int = 75
    weighting: str = "one"
    k1: float = 1.2
    b: float = 0.75

    def fit(self, seen: Interactions, *, seed: int) -> Asked:  # noqa: ARG002
        from implicit.nearest_neighbours import BM25Recommender, CosineRecommender

        model, matrix = CosineRecommender(self.neighbours, THREADS), weighed(seen, self.weighting)
        if self.likeness == "bm25":
            model = BM25Recommender(self.neighbours, self.k1, self.b, THREADS)
        model.fit(matrix, show_progress=False)
        return Asked(seen, matrix, model)


@dataclass(frozen=True)
class ImplicitAls:
    factors: int = 64
    iterations: int = 15
    weighting: str = "plays"
    alpha: float = 6.0
    ridge: float = 20.0

    def fit(self, seen: Interactions, *, seed: int) -> Asked:
        from implicit.als import AlternatingLeastSquares

        settings = {"alpha": self.alpha, "regularization": self.ridge, "iterations": self.iterations}
        model = AlternatingLeastSquares(self.factors, random_state=seed, num_threads=THREADS, **settings)
        matrix = weighed(seen, self.weighting, by_mean=True)
        model.fit(matrix, show_progress=False)
        return Asked(seen, matrix, model)


@dataclass(frozen=True)
class IrspackIals:
    factors: int = 128
    iterations: int = 16
    weighting: str = "plays"
    unseen: float = 0.05
    ridge: float = 0.01
    power: float = 1.0

    def fit(self, seen: Interactions, *, seed: int) -> Scored:
        from irspack import IALSRecommender

        settings = {"alpha0": self.unseen, "reg": self.ridge, "nu": self.power, "train_epochs": self.iterations}
        matrix = weighed(seen, self.weighting, by_mean=True)
        model = IALSRecommender(matrix, self.factors, random_seed=seed, n_threads=THREADS, **settings)
        with redirect_stdout(StringIO()):  # it shows its progress
            model.learn()
        return Scored(seen, model.get_score)


@dataclass(frozen=True)
class Scikit:
    """What scikit-learn has: SVD, or NMF, of at most 60 sweeps and with a ridge."""

    what: str
    factors: int = 64
    weighting: str = "one"
    ridge: float = 0.0

    def fit(self, seen: Interactions, *, seed: int) -> Scored:
        from sklearn.decomposition import NMF, TruncatedSVD

        model: Any = TruncatedSVD(self.factors, n_iter=7, random_state=seed)
        if self.what == "NMF":
            model = NMF(self.factors, init="nndsvda", max_iter=60, random_state=seed, alpha_W=self.ridge)
        listeners = model.fit_transform(weighed(seen, self.weighting))
        return Scored(seen, lambda numbers: listeners[numbers] @ model.components_)


@dataclass(frozen=True)
class WithRidge(Scikit):
    """NMF with a ridge that is searched: more than was published."""


@dataclass(frozen=True)
class PlainEase:
    """EASE (Steck 2019) on all songs that two listeners know, in closed form and dense."""

    ridge: float = 300.0
    weighting: str = "one"

    def fit(self, seen: Interactions, *, seed: int) -> Scored:  # noqa: ARG002
        count = min(MOST, int((seen.listener_counts >= 2).sum()))
        x = weighed(seen, self.weighting).astype(np.float64)
        own = x[:, :count]
        if count <= len(seen):
            inverse = np.linalg.inv((own.T @ own).toarray() + self.ridge * np.eye(count))
        else:  # Woodbury: the inverse of the smaller side
            smaller = np.linalg.inv((own @ own.T).toarray() + self.ridge * np.eye(len(seen)))
            inverse = (np.eye(count) - own.T @ (smaller @ own)) / self.ridge
        weights = inverse / -np.diag(inverse)
        np.fill_diagonal(weights, 0)
        rest = len(seen.songs) - count
        return Scored(seen, lambda numbers: np.pad(own[numbers] @ weights, ((0, 0), (0, rest)), constant_values=-9e9))


@dataclass(frozen=True)
class StudyBlend:
    """.2 popularity, .2 item-item, .6 the songs on the first hundred of both NMF and SVD, by reciprocal ranks."""

    nmf: Scikit
    svd: Scikit
    offset: float = 10.0

    def fit(self, seen: Interactions, *, seed: int) -> Blend:
        popular, items, nmf, svd = parts(seen, self.nmf, self.svd, seed)
        both = Blend((nmf, svd), np.full((1, 2), 0.5, np.float32), offset=self.offset, min_lists=2)
        return Blend((popular, items, both), np.array([[0.2, 0.2, 0.6]], np.float32), offset=self.offset)


@lru_cache(maxsize=1)
def parts(seen: Interactions, nmf: Scikit, svd: Scikit, seed: int) -> tuple[ListModel, ...]:
    kinds = (RECOMMENDERS["popular"], RECOMMENDERS["neighbours-as-published"], nmf, svd)
    return tuple(kind.fit(seen, seed=seed) for kind in kinds)


@dataclass(frozen=True)
class RankedAls(ImplicitAls):
    """The same, given our weights by rank, which it does not have."""

    weighting: str = "rank"


ALS: Final[Mapping[str, Dimension]] = {
    "factors": NumberRange(32, 256, by_ratio=True),
    "iterations": NumberRange(5, 20),
    "alpha": NumberRange(1.0, 40.0, by_ratio=True),
    "ridge": NumberRange(1.0, 100.0, by_ratio=True),
}
THEIRS: Final = ("one", "plays", "rating")
PEERS: Final[Mapping[type, Mapping[str, Dimension]]] = {
    ImplicitNeighbours: {
        **{
            name: told for name, told in SEARCH_SPACE[type(RECOMMENDERS["item-knn-cosine"])].items() if name != "shrink"
        },
        "weighting": THEIRS,
    },
    ImplicitAls: {**ALS, "weighting": THEIRS},
    RankedAls: {**ALS, "weighting": ("rank",)},
    IrspackIals: {
        "factors": NumberRange(64, 256, by_ratio=True),
        "iterations": NumberRange(6, 20),
        "weighting": THEIRS,
        "unseen": NumberRange(0.01, 0.5, by_ratio=True),
        "ridge": NumberRange(1e-4, 0.1, by_ratio=True),
        "power": NumberRange(0.5, 1.0),
    },
    Scikit: {"factors": NumberRange(16, 128, by_ratio=True), "weighting": THEIRS},
    WithRidge: {
        "factors": NumberRange(16, 128, by_ratio=True),
        "weighting": THEIRS,
        "ridge": NumberRange(1e-6, 1e-2, by_ratio=True),
    },
    PlainEase: {"ridge": NumberRange(10.0, 3000.0, by_ratio=True), "weighting": THEIRS},
    StudyBlend: {"offset": NumberRange(1.0, 100.0, by_ratio=True)},
}
SINGLE: Final[Mapping[str, Estimator]] = {
    "popularity": RECOMMENDERS["popular"],
    "item-item as published": RECOMMENDERS["neighbours-as-published"],
    "implicit cosine": ImplicitNeighbours("cosine"),
    "implicit BM25": ImplicitNeighbours("bm25"),
    "implicit ALS": ImplicitAls(),
    RANKED: RankedAls(),
    "irspack iALS": IrspackIals(),
    "scikit-learn SVD": Scikit("SVD"),
    "scikit-learn NMF": Scikit("NMF"),
    "scikit-learn NMF, ridge": WithRidge("NMF"),
    "plain EASE": PlainEase(),
    **{f"our {name}": RECOMMENDERS[name] for name in ("item-knn-cosine", "tf-idf", "bm25", *BLEND_MEMBERS)},
}
FIXED: Final = ("popularity", "item-item as published")  # nothing to search, or it is published
BLENDS: Final = (PUBLISHED_BLEND, STRONGER, AS_IT_IS, OURS)
METHODS: Final = (*SINGLE, *BLENDS)


class Results:
    """Lines that are kept: what is there is not measured again."""

    def __init__(self, home: Path) -> None:
        self.home, self.path = home, home / "results.jsonl"
        (home / "each").mkdir(parents=True, exist_ok=True)

    def line(self, **labels: Any) -> dict[str, Any] | None:
        lines = map(json.loads, self.path.read_text().splitlines()) if self.path.exists() else ()
        return next((line for line in lines if all(line.get(name) == value for name, value in labels.items())), None)

    def kept(self, measure: Callable[[], dict[str, Any]], **labels: Any) -> dict[str, Any]:
        """Return the line with these labels, measured now if there is none."""
        if line := self.line(**labels):
            return line
        before = time.perf_counter()
        found = {**labels, **measure(), "seconds": round(time.perf_counter() - before, 2)}
        with self.path.open("a") as file:
            file.write(json.dumps(found) + "\n")
        print(json.dumps(found), flush=True)
        return found

    def each(self, case: str, seed: int, method: str) -> Path:
        return self.home / "each" / f"{case}-{seed}-{method.replace(' ', '-')}.npy"


@dataclass(frozen=True, eq=False)
class Trial:
    """One table, held out once a seed: the task to choose by (`choosing`), and the one to judge by (`judging`)."""

    case: str
    table: pl.DataFrame
    trials: int
    results: Results

    def tasks(self, seed: int) -> tuple[PredictionTask, PredictionTask]:
        known, test = hold_out(self.table, seed, 1 - SHARE)
        # The last fifth but one by day; without days, a fifth of what is known.
        share = SHARE / (1 - SHARE) if "day" in known.columns else SHARE
        before, validation = hold_out(known, seed + 1000, 1 - share)
        return make_task(learned(before), pairs(validation), seed=seed), make_task(
            learned(known), pairs(test), seed=seed
        )

    def ranges(self) -> dict[type, dict[str, Dimension]]:
        """Return what is searched of whom; where there are no ratings, only the published methods weigh by them."""
        out = () if "rating" in self.table.columns else ("rating",)
        return {
            kind: {
                name: tuple(by for by in told if by not in out) if isinstance(told, tuple) else told
                for name, told in ranges.items()
            }
            for kind, ranges in {**SEARCH_SPACE, **PEERS}.items()
        }

    def searched(self, method: str) -> Estimator:
        """Return a method with its best settings on the first seed's choosing task."""
        if method == AS_IT_IS:
            return StudyBlend(Scikit("NMF"), Scikit("SVD"))
        if method in (PUBLISHED_BLEND, STRONGER):
            names = ("NMF" if method == PUBLISHED_BLEND else "NMF, ridge", "SVD")
            kind: Any = StudyBlend(*(self.searched(f"scikit-learn {name}") for name in names))
        else:
            kind = SINGLE[method]

        def search() -> dict[str, Any]:
            choosing, _ = tasks_of(self, 0)
            with patch.dict(SEARCH_SPACE, self.ranges()):
                best = search_settings(kind, choosing, trials=1 if method in FIXED else self.trials, seed=0)
                found = {name: getattr(best.estimator, name) for name in SEARCH_SPACE[type(kind)]}
            return {"settings": found, "validation": round(best.mean, 5)}

        return replace(kind, **self.results.kept(search, case=self.case, step="search", method=method)["settings"])

    def fitted(self, method: str, seed: int) -> tuple[ListModel, dict[str, Any]]:
        choosing, judging = tasks_of(self, seed)
        if method != OURS:
            return self.searched(method).fit(judging.seen, seed=seed), {}
        # The members' settings are searched once: from here on they are those that the members have.
        with patch.dict(RECOMMENDERS, {name: self.searched(f"our {name}") for name in BLEND_MEMBERS}):
            choice, _ = select_blend(choosing, BlendSearch(seed=seed))
        return choice.fit(judging.seen, seed=seed), {"shares": dict(choice.shares), "groups": len(choice.weights)}

    def judge(self, method: str, seed: int) -> dict[str, Any]:
        """Judge a method on a seed; each listener's figures go to a file, with the number of the listener."""
        _, judging = tasks_of(self, seed)
        model, told = self.fitted(method, seed)
        each = list_metrics(discovery_lists(model, judging), judging.discovered)
        who = positions_in(judging.seen.listeners[judging.discoverers], self.table["uid"].unique().sort())
        np.save(self.results.each(self.case, seed, method), np.column_stack([who, each]))
        return dict(zip(METRICS, each.mean(axis=0).round(5).tolist(), strict=True)) | {"listeners": len(who)} | told


@lru_cache(maxsize=2)
def tasks_of(trial: Trial, seed: int) -> tuple[PredictionTask, PredictionTask]:
    return trial.tasks(seed)


def hold_out(table: pl.DataFrame, seed: int, share: float) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the first pairs by day and the last; without days, a share of each listener's pairs and the others."""
    if "day" in table.columns:
        cut = table["day"].quantile(share, "nearest")
        return table.filter(pl.col("day") <= cut), table.filter(pl.col("day") > cut)
    luck = pl.Series("luck", np.random.default_rng(seed).random(table.height))
    rank = pl.col("luck").rank("ordinal").over("uid")
    marked = table.sort("uid", "song_id").with_columns(luck)
    marked = marked.with_columns(later=rank <= (pl.len().over("uid") * (1 - share)).round())
    return marked.filter(~pl.col("later")).drop("luck", "later"), marked.filter("later").drop("luck", "later")


def pairs(table: pl.DataFrame) -> pl.DataFrame:
    return table.select("uid", "song_id")


def learned(table: pl.DataFrame) -> Interactions:
    """Return the interactions; a missing rating is which fifth of the listener's own counts of plays a count is in."""
    if "rating" not in table.columns and "plays" in table.columns:
        total = table.group_by("uid", "song_id").agg(pl.col("plays").sum())
        fifth = (5 * pl.col("plays").rank("average") / pl.len()).ceil().over("uid")
        table = table.join(total.select("uid", "song_id", rating=fifth), on=["uid", "song_id"])
    return Interactions.from_table(table)


def table_of(path: Path) -> pl.DataFrame:
    """Return a table of interactions; without days one row a pair, for no pair may be on both sides."""
    if path.is_dir():
        table = pl.read_csv(path / "user_artists.dat.gz", separator="\t")
        return table.rename({"userID": "uid", "artistID": "song_id", "weight": "plays"})
    table = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path, try_parse_dates=True)
    columns = [name for name in ("uid", "song_id", "rating", "plays", "day") if name in table.columns]
    table = table.select(columns)
    if "day" in columns:
        return table.with_columns(pl.col("day").cast(pl.Date).cast(pl.Int32))
    merged = {"rating": pl.col("rating").max(), "plays": pl.col("plays").sum()}
    return table.group_by("uid", "song_id").agg(merged[name] for name in columns[2:])


def compared(results: Results, case: str, seeds: int) -> None:
    """Print every method's figures, and by how much ours is ahead: paired, listeners drawn with all their lists."""
    done = {
        method: np.concatenate([np.load(results.each(case, seed, method)) for seed in range(seeds)])
        for method in METHODS
        if all(results.line(case=case, seed=seed, method=method) for seed in range(seeds))
    }
    if OURS not in done:
        return
    gains = np.stack([each[:, 1] for each in done.values()])
    at = list(done).index(OURS)

    def ratios(weights: np.ndarray) -> np.ndarray:
        means = gains @ weights
        return means[at] / means

    ahead = dict(zip(done, bootstrap_each(ratios, done[OURS][:, 0], rng=0), strict=True))
    mean = {method: each[:, 1:].mean(axis=0) for method, each in done.items()}
    print(f"\n{case}, {seeds} seeds\n{'':24}" + "".join(f"{name:>11}" for name in METRICS) + "   ours is times as good")
    for method in sorted(done, key=lambda name: -mean[name][0]):
        estimate = ahead[method]
        told = "" if method == OURS or estimate is None else estimate.brief
        print(f"{method:24}" + "".join(f"{value:11.4f}" for value in mean[method]) + f"   {told}")
    singles = [name for name in done if name in SINGLE]
    rivals = {
        "the published blend": [name for name in done if name == PUBLISHED_BLEND],
        "the best of implicit": [name for name in singles if name.startswith("implicit") and name != RANKED],
        "implicit's ALS, given our weights": [name for name in singles if name == RANKED],
        "the best single model": singles,
    }
    for name, among in rivals.items():
        if among and (estimate := ahead[best := max(among, key=lambda name: mean[name][0])]):
            print(f"ours over {name}: {estimate.brief} ({best})")


def invented(seed: int = 0) -> Interactions:
    """Return an invented table of the published size: 2,125 listeners, 53,728 songs and 129,407 ratings."""
    people, songs, count, tastes = 2_125, 53_728, 129_407, 12
    rng = np.random.default_rng(seed)
    taste, own = rng.integers(tastes, size=songs), rng.integers(tastes, size=people)
    active = np.exp(rng.normal(0, 1, people)) + 0.1
    chance = 1 / (np.arange(songs) + 10.0)
    key = np.arange(songs) + songs * rng.choice(people, songs, p=active / active.sum())  # every song is known
    more = [np.repeat(np.arange(people), 5), rng.choice(people, count * 2, p=active / active.sum())]
    who = np.concatenate(more)
    song = np.empty(len(who), np.int64)
    for group in range(tastes):
        upto = np.cumsum(chance * np.where(taste == group, 8.0, 1.0))
        mine = own[who] == group
        song[mine] = np.searchsorted(upto, rng.random(mine.sum()) * upto[-1])
    _, first = np.unique(every := np.concatenate([key, who * songs + song]), return_index=True)
    uid, song_id = np.divmod(every[np.sort(first)[:count]], songs)
    mix = np.array([[0.24, 0.10, 0.10, 0.11, 0.45], [0.08, 0.05, 0.06, 0.09, 0.72]])[(taste[song_id] == own[uid]) * 1]
    rating = 1 + (rng.random(count)[:, None] > mix.cumsum(axis=1)[:, :4]).sum(axis=1)
    return Interactions.from_table(pl.DataFrame({"uid": uid, "song_id": song_id, "rating": rating}))


@dataclass(frozen=True)
class DenseNeighbours:
    """The published item-item in a dense matrix, float32[songs, songs]."""

    neighbours: int = 75

    def fit(self, seen: Interactions, *, seed: int) -> Scored:  # noqa: ARG002
        rating, one = (csr_matrix(seen.matrix(by)) for by in ("rating", "one"))
        known = rating.toarray()
        known /= np.maximum(np.sqrt((known**2).sum(axis=0)), 1e-9)
        likeness = known.T @ known
        np.fill_diagonal(likeness, 0)
        for row in likeness:
            row[np.argpartition(row, -self.neighbours)[: -self.neighbours]] = 0
        likeness = np.ascontiguousarray(likeness.T)  # from a neighbour to the songs whose neighbour it is
        return Scored(seen, lambda numbers: (rating[numbers] @ likeness) / np.maximum(one[numbers] @ likeness, 1e-9))


SMALL: Final = 16_000  # songs whose dense matrix, while it is made, stays below 4 GiB
SVD_PUBLISHED_METHODS: Final = replace(RECOMMENDERS["svd"], factors=700, iterations=7, weighting="rating")
NMF_PUBLISHED_METHODS: Final = replace(RECOMMENDERS["nmf"], factors=700, iterations=20, weighting="rating")
PUBLISHED_METHODS: Final[Mapping[str, tuple[Estimator, int | None]]] = {
    "popularity": (RECOMMENDERS["popular"], None),
    "item-item": (RECOMMENDERS["neighbours-as-published"], None),
    "item-item, 16,000 songs": (RECOMMENDERS["neighbours-as-published"], SMALL),
    "item-item dense, 16,000 songs": (DenseNeighbours(), SMALL),
    "SVD, 700 factors, 7 iterations": (SVD_PUBLISHED_METHODS, None),
    "NMF, 700 factors, 20 iterations": (NMF_PUBLISHED_METHODS, None),
}


def published(method: str, home: Path) -> dict[str, Any]:
    """Fit and ask one of the published methods; songs that a listener knows may be on the lists, as published."""
    kind, songs = PUBLISHED_METHODS[method]
    seen = invented()
    seen = replace(seen.pairs(seen.song < songs), songs=seen.songs[:songs]) if songs else seen
    kind.fit(seen.rows(np.arange(50)), seed=0).top(seen.rows(np.arange(2)), 10, excluded=nothing_excluded(seen))
    clock = [time.perf_counter()]
    model = kind.fit(seen, seed=0)
    clock.append(time.perf_counter())
    model.top(seen.rows(np.array([7])), 10, excluded=nothing_excluded(seen), new=False)
    clock.append(time.perf_counter())
    lists = model.top(seen, DEEP, excluded=nothing_excluded(seen), new=False).song
    clock.append(time.perf_counter())
    np.save(home / "each" / f"published-{list(PUBLISHED_METHODS).index(method)}.npy", lists)
    seconds = dict(zip(("fit", "one", "all"), np.diff(clock).round(4).tolist(), strict=True))
    return {**seconds, "songs": len(seen.songs), **error(model, seen), **memory()}


def error(model: Any, seen: Interactions) -> dict[str, float]:
    """Return the error on the very ratings that were learned from, in stars; not of popularity."""
    rating, cells = seen.weights("rating") * 5, (seen.listener, seen.song)
    if hasattr(model, "fold_in"):
        factors = model.fold_in(seen)
        pieces = zip(*(np.array_split(each, 16) for each in cells), strict=True)
        told = 5 * np.concatenate([(factors[who] * model.song_factors[song]).sum(axis=1) for who, song in pieces])
    elif hasattr(model, "mean"):
        matrix = csr_array((model.value, model.song, model.start), shape=(len(seen.songs),) * 2)
        total = (seen.matrix("one") @ matrix)[cells]
        given = (seen.matrix("rating") @ matrix)[cells]
        told = 5 * np.divide(given, total, out=np.full(len(total), np.nan, np.float32), where=total > 0)
    else:
        return {}
    off = (told - rating)[~np.isnan(told)].astype(np.float64)
    rmse, mae = float(np.sqrt((off**2).mean())), float(np.abs(off).mean())
    return {"rmse": round(rmse, 4), "mae": round(mae, 4), "of": len(off)}


def memory() -> dict[str, float]:
    return {"gigabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)}


SPEED: Final[Mapping[str, Estimator | BlendChoice]] = {
    "implicit cosine 75": ImplicitNeighbours("cosine"),
    "our item-knn-cosine 75": RECOMMENDERS["item-knn-cosine"],
    "our rp3beta": RECOMMENDERS["rp3beta"],
    "implicit ALS 64, 3 iterations": ImplicitAls(64, 3, "one", 1.0, 0.01),
    "our ials 64, 3 iterations": replace(RECOMMENDERS["ials"], factors=64, iterations=3, weighting="one"),
    "our svd-degree-normalised": RECOMMENDERS["svd-degree-normalised"],
    "our ials": RECOMMENDERS["ials"],
    "our ease": RECOMMENDERS["ease"],
    "our popular-in-cluster": RECOMMENDERS["popular-in-cluster"],
    "our blend (rp3beta, ials)": DEFAULT_BLEND,
}


def speed(method: str, path: Path, listeners: int) -> dict[str, Any]:
    """Fit on the first so many listeners, and recommend each of them ten songs, 20,000 at a time."""
    with np.load(path) as kept:
        start = kept["indptr"][: listeners + 1].astype(np.int64)
        song = kept["indices"][: start[-1]].astype(np.int32)
        songs = int(kept["indices"].max()) + 1
    n, kind = len(song), SPEED[method]
    seen = Interactions(
        listeners=pl.int_range(len(start) - 1, eager=True),
        songs=pl.int_range(songs, eager=True),
        start=start,
        song=song,
        rating=np.full(n, np.nan, np.float32),
        plays=np.ones(n, np.float32),
        last_day=np.zeros(n, np.int32),
        disliked=np.zeros(n, np.bool_),
        device=np.full(len(start) - 1, -1, np.int8),
    )
    excluded, before = nothing_excluded(seen), memory()["gigabytes"]
    first = seen.rows(np.arange(300))
    kind.fit(first, seed=0).top(first, 10, excluded=excluded)  # compiled loops are read from where they are kept
    clock = [time.perf_counter()]
    model = kind.fit(seen, seed=0)
    clock.append(time.perf_counter())
    fitted = memory()["gigabytes"]
    for at in range(0, len(seen), 20_000):
        model.top(seen.rows(np.arange(at, min(at + 20_000, len(seen)))), 10, excluded=excluded)
    clock.append(time.perf_counter())
    seconds = dict(zip(("fit", "all"), np.diff(clock).round(2).tolist(), strict=True))
    return {**seconds, "pairs": n, "data gigabytes": before, "fit gigabytes": fitted, **memory()}


def matrix_made(path: Path, seed: int = 7) -> None:
    """Invent 20 million pairs of 600,000 listeners and 53,000 songs in groups of taste, if there is no such file."""
    if path.exists():
        return
    people, songs, tastes, most = 600_000, 53_000, 8, 20_000_000
    rng = np.random.default_rng(seed)
    chance, taste = 1 / (np.arange(songs) + 20.0) ** 0.85, rng.integers(tastes, size=songs)
    active = np.clip(np.exp(rng.normal(2.75, 1.25, people)), 1, 6000)
    times, own = np.maximum(1, rng.poisson(active / active.sum() * 21.8e6)), rng.integers(tastes, size=people)
    keys = []
    for group in range(tastes):
        upto = np.cumsum(chance * np.where(taste == group, 6.0, 0.6))
        who = np.repeat(np.flatnonzero(own == group), times[own == group])
        keys.append(who * songs + np.searchsorted(upto, rng.random(len(who)) * upto[-1]))
    key = np.unique(np.concatenate(keys))
    who, song = np.divmod(rng.permutation(key)[:most], songs)
    number = np.empty(songs, np.int64)
    number[np.argsort(-np.bincount(song, minlength=songs), kind="stable")] = np.arange(songs)
    who, song = np.divmod(np.sort(who * songs + number[song]), songs)
    start = np.append(0, np.cumsum(np.bincount(who, minlength=people)))
    np.savez(path, indptr=start, indices=song.astype(np.int32))


def apart(name: str, *given: Any) -> dict[str, Any]:
    """Measure in a process of its own."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), str(THREADS))
    if "implicit" in given[0]:  # as it asks for: it has threads of its own
        threads["OPENBLAS_NUM_THREADS"] = "1"
    command = [sys.executable, __file__, "--apart", name, *map(str, given)]
    made = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env={**os.environ, **threads})
    return json.loads(made.stdout.splitlines()[-1])


def published_case(results: Results, methods: list[str]) -> None:
    lines = {
        method: results.kept(
            lambda method=method: apart("published", method, results.home), case="published", method=method
        )
        for method in PUBLISHED_METHODS
        if not methods or method in methods
    }
    print("\npublished" + " " * 26 + "      fit s    one s    all s      GiB     RMSE      MAE")
    for method, line in lines.items():
        told = "".join(f"{line.get(name, np.nan):9.3f}" for name in ("fit", "one", "all", "gigabytes", "rmse", "mae"))
        print(f"{method:35}  {told}")
    for size in (None, SMALL):
        places = {
            name: at
            for at, (name, (_, songs)) in enumerate(PUBLISHED_METHODS.items())
            if songs == size and name in lines
        }
        lists = {name: np.load(results.home / "each" / f"published-{at}.npy") for name, at in places.items()}
        for one, other, ten, hundred in list_overlap(lists):
            print(f"in common, {one} and {other}: {ten:.2f} of 10, {hundred:.2f} of 100")


def speed_case(results: Results, methods: list[str], path: Path, sizes: list[int]) -> None:
    matrix_made(path)
    print("\nspeed" + " " * 30 + "  listeners    fit s    all s   us each  fit GiB  all GiB")
    for size in sizes:
        for method in (name for name in SPEED if not methods or name in methods):
            measure = lambda method=method, size=size: apart("speed", method, path, size)  # noqa: E731
            line = results.kept(measure, case="speed", method=method, listeners=size)
            told = f"{line['fit']:9.2f}{line['all']:9.2f}{line['all'] / size * 1e6:10.1f}"
            print(f"{method:35}  {size:9,}{told}{line['fit gigabytes']:9.2f}{line['gigabytes']:9.2f}")


def quality_case(trial: Trial, methods: list[str], seeds: int) -> None:
    for seed in range(seeds):
        for method in (name for name in METHODS if not methods or name in methods):
            trial.results.kept(
                lambda method=method, seed=seed: trial.judge(method, seed), case=trial.case, seed=seed, method=method
            )
    compared(trial.results, trial.case, seeds)


def main() -> None:
    """Run the cases that have not been run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--cases", default="hetrec,file,speed,published")
    parser.add_argument("--methods", default="", help="some only, by name")
    parser.add_argument("--hetrec", type=Path)
    parser.add_argument("--interactions", type=Path)
    parser.add_argument("--matrix", type=Path)
    parser.add_argument("--speed-listeners", default="150000,600000")
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=5)
    asked = parser.parse_args()
    results, cases = Results(asked.to), asked.cases.split(",")
    methods = [name for name in asked.methods.split(";") if name]
    for case, path in (("hetrec", asked.hetrec), ("file", asked.interactions)):
        if case in cases and path:
            table = table_of(path)
            seeds = 1 if "day" in table.columns else asked.seeds
            quality_case(Trial(case, table, asked.trials, results), methods, seeds)
    if "published" in cases:
        published_case(results, methods)
    if "speed" in cases:
        sizes = [int(size) for size in asked.speed_listeners.split(",")]
        speed_case(results, methods, asked.matrix or asked.to / "matrix.npz", sizes)


if __name__ == "__main__":
    warnings.simplefilter(
        "ignore"
    )  # of implicit, about its own matrices; of NMF, that it is stopped where it is to stop
    if sys.argv[1:2] == ["--apart"]:
        name, method, path, *size = sys.argv[2:]
        print(
            json.dumps(
                published(method, Path(path)) if name == "published" else speed(method, Path(path), int(size[0]))
            )
        )
    else:
        main()

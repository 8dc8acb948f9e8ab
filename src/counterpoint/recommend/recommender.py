"""A recommender with all it needs: ids in, ids out, whoever asks.

A listener without a history, or with too short a one for the model to beat it, hears what is popular.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from counterpoint.errors import CounterpointError
from counterpoint.recommend.catalogue import canonical_ids
from counterpoint.recommend.context import Lifts, check_time
from counterpoint.recommend.explanation import MAX_REASONS, explain
from counterpoint.recommend.interactions import (
    UNKNOWN_DEVICE,
    Floats,
    Interactions,
    aggregate_rows,
    cast_ids,
    parse_table,
)
from counterpoint.recommend.model_selection import BlendChoice, BlendSearch, select_blend
from counterpoint.recommend.models.item_knn import ItemKnn
from counterpoint.recommend.models.item_similarity import ItemSimilarityModel
from counterpoint.recommend.models.protocol import Excluded, ListModel, RankedLists, nothing_excluded
from counterpoint.recommend.models.registry import BLEND, COLD_START, MODEL_CLASSES, RECOMMENDERS, check_kind
from counterpoint.recommend.models.reranked import Reranked
from counterpoint.recommend.ranking_evaluation import MIN_HISTORY
from counterpoint.recommend.splitting import hold_out
from counterpoint.recommend.styles import Styles, styles_of
from counterpoint.rng import check_seed
from counterpoint.storage.results import load_folder, save_new_folder

LISTENERS_PER_BATCH: Final = 20_000
LISTENERS_PER_FILLING: Final = 1000  # whose short lists are filled at once
SIMILAR_SONGS_KEPT: Final = 50  # of each
PUSH_DOWN_FACTOR: Final = 0.1  # what the worth of a song that is pushed down is multiplied by


@dataclass(frozen=True, eq=False, kw_only=True)
class Request:
    """What lists are to be like, whoever they are for.

    count           : songs for each listener
    include_known   : songs that a listener knows, too; what they dislike is left out always
    allow           : the only songs to choose from; any version's id stands for the song
    deny            : songs to leave out
    push_down       : songs whose worth is divided by ten
    hour, weekday   : when they will listen: 0 to 23, Monday 0; styles heard then go up, if that was seen to help

    Raises
    ------
    CounterpointError
        If `count` is below 1, or there is no such hour or weekday.
    """

    count: int = 10
    include_known: bool = False
    allow: Iterable[Any] | None = None
    deny: Iterable[Any] = ()
    push_down: Iterable[Any] = ()
    hour: int | None = None
    weekday: int | None = None

    def __post_init__(self) -> None:
        if self.count < 1:
            raise CounterpointError(f"{self.count} songs are too few to recommend: 1 or more would be right")
        check_time(self.hour, self.weekday)


TEN_NEW_SONGS: Final = Request()


@dataclass(frozen=True, eq=False)
class SongMetadata:
    """What is known of the songs beside who hears them; see `Recommender`."""

    names: pl.DataFrame
    versions: pl.DataFrame
    styles: Styles
    lifts: Lifts | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Recommender:
    """What was learned, and from whom.

    kind             : of the model, "blend" or a name of `RECOMMENDERS`
    members          : name and weight of each member of a blend
    min_history      : songs from which on a history is asked; below, what is popular is recommended
    similarity       : which songs are like which
    styles           : which songs have a style in common
    dislike_strength : how far songs of a style that a listener dislikes go down (`Reranked`)
    lifts            : when which song's style is heard; None where nobody knows
    context_strength : the power of these lifts that is used where a time is asked for
    names            : song_id, name, singer, in the order of the songs; names are null where nobody knows them
    versions         : song_id, song: another id of a song that is known by the id `song`
    """

    kind: str
    seed: int
    seen: Interactions
    model: ListModel
    cold_start_model: ListModel
    similarity: ItemSimilarityModel
    min_history: int
    members: tuple[tuple[str, float], ...]
    styles: Styles
    dislike_strength: float
    lifts: Lifts | None
    context_strength: float
    names: pl.DataFrame
    versions: pl.DataFrame

    @classmethod
    def fit(cls, table: Any, *, kind: str = BLEND, trials: int = 1, rng: int = 0) -> "Recommender":
        """Learn from any table that exports Arrow (`Interactions.from_table` says which columns).

        A blend's weights are fitted on a fifth of the pairs: the last ones, where the table has days. So are its
        members' settings, so many of each tried. `rng` is a seed: the same one gives the same recommender.

        >>> rows = [(uid, song) for uid in range(40) for song in range(12) if (uid + song) % 2]
        >>> table = pl.DataFrame(rows, schema=["uid", "song_id"], orient="row")
        >>> recommender = Recommender.fit(table, kind="item-knn-cosine")
        >>> recommender.songs([3], Request(count=2, include_known=True))["song_id"].to_list()
        [0, 2]
        """
        check_kind(kind, trials=trials)
        check_seed(rng)
        rows = parse_table(table)
        seen = aggregate_rows(rows)
        choice = None
        if kind == BLEND:
            choice, _ = select_blend(hold_out(rows, seed=rng), BlendSearch(trials=trials, seed=rng))
        names = pl.DataFrame({"song_id": seen.songs, "name": None, "singer": None})
        versions = pl.DataFrame({"song_id": seen.songs.head(0), "song": seen.songs.head(0)})
        return fit_recommender(seen, choice, SongMetadata(names, versions, styles_of(names)), kind=kind, seed=rng)

    def songs(self, uids: Iterable[Any] | None = None, request: Request = TEN_NEW_SONGS) -> pl.DataFrame:
        """Return the best songs for each listener: uid, rank, song_id, name, singer, score, by.

        `by` is "history", or "popularity" where the history says too little; the score of what fills a list up is 0.

        Parameters
        ----------
        uids
            For whom; by default everybody. Somebody unknown hears what is popular.
        request
            What the lists are to be like.

        Raises
        ------
        CounterpointError
            If an id is of another type, or none of the allowed songs is known.
        """
        return pl.concat(self.stream(uids, request))

    def stream(self, uids: Iterable[Any] | None = None, request: Request = TEN_NEW_SONGS) -> Iterator[pl.DataFrame]:
        """Yield what `songs` returns, some thousand listeners at a time."""
        asked = self.seen.listeners if uids is None else cast_ids(uids, self.seen.listeners, "listener")
        excluded, factor, new = self._excluded(request), self._factor(request), not request.include_known
        for first in range(0, max(1, len(asked)), LISTENERS_PER_BATCH):
            batch = asked[first : first + LISTENERS_PER_BATCH]
            histories = self.histories(batch)
            ranked = self.ranked(histories, request.count, factor, excluded=excluded, new=new)
            yield self._table(batch, histories, ranked, self.filled(histories, ranked, excluded=excluded, new=new))

    def histories(self, uids: pl.Series) -> Interactions:
        """Return the histories of listeners, in this order; of one who is not known, an empty one."""
        number = self.seen.listener_numbers(uids)
        known, unknown = self.seen.rows(np.where(number >= 0, number, 0)), number < 0
        if not unknown.any():
            return known
        device = np.where(unknown, UNKNOWN_DEVICE, known.device).astype(np.int8)
        return replace(known.pairs(~unknown[known.listener]), listeners=uids, device=device)

    def ranked(
        self, histories: Interactions, count: int, factor: Floats | None = None, *, excluded: Excluded, new: bool = True
    ) -> RankedLists:
        """Return the best songs for histories, by the model where they are long enough, otherwise by popularity.

        factor : float32[songs], what a song's worth is multiplied by; None changes nothing
        """
        count = min(count, len(excluded))
        is_short = histories.liked.counts < self.min_history
        song, score = np.full((len(histories), count), -1, np.int32), np.zeros((len(histories), count), np.float32)
        even = np.ones(len(excluded), np.float32) if factor is None else factor
        for model, rows in ((self.model, ~is_short), (self.cold_start_model, is_short)):
            if rows.any():
                if factor is not None or self.dislike_strength:
                    model = Reranked(model, even, self.styles, self.dislike_strength)  # noqa: PLW2901
                lists = model.top(histories.rows(rows), count, excluded=excluded, new=new)
                song[rows], score[rows] = lists.song, lists.score
        return RankedLists(song, score)

    def filled(
        self, histories: Interactions, ranked: RankedLists, *, excluded: Excluded, new: bool = True
    ) -> NDArray[np.int32]:
        """Return lists that what is popular fills up where they are short, int32[listeners, count]."""
        count = ranked.song.shape[1]
        song, short = ranked.song.copy(), np.flatnonzero((ranked.song < 0).any(axis=1))
        for first in range(0, len(short), LISTENERS_PER_FILLING):
            rows = short[first : first + LISTENERS_PER_FILLING]
            popular = self.cold_start_model.top(histories.rows(rows), 2 * count, excluded=excluded, new=new).song
            is_listed = (popular[:, :, None] == song[rows][:, None, :]).any(axis=2)
            both = np.concatenate([song[rows], np.where(is_listed, -1, popular)], axis=1)
            order = np.argsort(both < 0, axis=1, kind="stable")[:, :count]
            song[rows] = np.take_along_axis(both, order, axis=1)
        return song

    def similar(self, song_id: Any, *, count: int = 10) -> pl.DataFrame:
        """Return the songs most like one: song_id, name, singer, similarity (cosine over listeners)."""
        songs, cosine = self.similarity.most_similar(self.number_of(song_id))
        return self.names[songs[:count]].with_columns(similarity=pl.Series(cosine[:count]))

    def explanation(self, uid: Any, song_id: Any, *, count: int = MAX_REASONS) -> pl.DataFrame:
        """Return the songs of a history that speak most for a song: song_id, name, singer, share.

        The share is of its score or, if other songs speak against it, of all that speaks for it. Empty where what is
        popular is recommended.
        """
        history, song = self.histories(cast_ids([uid], self.seen.listeners, "listener")), self.number_of(song_id)
        if history.liked.counts[0] < self.min_history:
            return self.names.head(0).with_columns(share=pl.lit(0.0))
        songs, shares = explain(self.model, history, song, count=count)
        return self.names[songs].with_columns(share=pl.Series(shares, dtype=pl.Float64))

    def cold_start_users(self, uids: Iterable[Any]) -> pl.Series:
        """Return those of these listeners who are not known."""
        asked = cast_ids(uids, self.seen.listeners, "listener")
        return asked.filter(pl.Series(self.seen.listener_numbers(asked) < 0))

    def unknown_items(self, song_ids: Iterable[Any]) -> int:
        """Return how many of these songs nobody knows."""
        return int((self._numbers(song_ids) < 0).sum())

    def number_of(self, song_id: Any) -> int:
        """Return the number of a song, whichever version's id it is given by; refuse one that nobody knows."""
        number = int(self._numbers([song_id])[0])
        if number < 0:
            raise CounterpointError(
                f"no listener knows a song {song_id!r}: the id of one, such as {self.seen.songs[0]!r}, would be right"
            )
        return number

    def save(self, folder: Path) -> None:
        """Write it into a new folder: arrays in npz, tables in Parquet, the rest in JSON; whole or not at all."""
        save_new_folder(self, folder)

    @classmethod
    def load(cls, folder: Path) -> "Recommender":
        """Read what `save` wrote."""
        return load_folder(cls, folder, among=MODEL_CLASSES)

    def _numbers(self, song_ids: Iterable[Any]) -> NDArray[np.int64]:
        return self.seen.song_numbers(canonical_ids(cast_ids(song_ids, self.seen.songs, "song"), self.versions))

    def _factor(self, request: Request) -> Floats | None:
        """Return what each song's worth is multiplied by, float32[songs]; None if by nothing."""
        factor = np.ones(len(self.seen.songs), np.float32)
        has_time = request.hour is not None or request.weekday is not None
        if self.lifts is not None and self.context_strength and has_time:
            factor *= self.lifts.at(request.hour, request.weekday) ** np.float32(self.context_strength)
        pushed = self._numbers(request.push_down)
        factor[pushed[pushed >= 0]] *= np.float32(PUSH_DOWN_FACTOR)
        return None if (factor == 1).all() else factor

    def _excluded(self, request: Request) -> Excluded:
        excluded = nothing_excluded(self.seen)
        if request.allow is not None:
            allowed = self._numbers(request.allow)
            if not (allowed >= 0).any():
                raise CounterpointError(
                    "none of the songs allowed is known to anybody: there is nothing to choose from"
                )
            excluded[:] = True
            excluded[allowed[allowed >= 0]] = False
        denied = self._numbers(request.deny)
        excluded[denied[denied >= 0]] = True
        return excluded

    def _table(
        self, uids: pl.Series, histories: Interactions, ranked: RankedLists, songs: NDArray[np.int32]
    ) -> pl.DataFrame:
        filled = songs >= 0
        row, place = np.nonzero(filled)
        popular = (ranked.song < 0) | (histories.liked.counts < self.min_history)[:, None]
        by = pl.Series(popular[filled].astype(np.int8)).replace_strict(
            {0: "history", 1: "popularity"}, return_dtype=pl.String
        )
        return pl.concat(
            [
                pl.DataFrame({"uid": uids[row], "rank": pl.Series(place + 1, dtype=pl.Int32)}),
                self.names[songs[filled]],
                pl.DataFrame({"score": ranked.score[filled], "by": by}),
            ],
            how="horizontal",
        )


def fit_recommender(
    seen: Interactions, choice: BlendChoice | None, songs: SongMetadata, *, kind: str, seed: int
) -> Recommender:
    """Return a recommender that has learned from all that was `seen`: the blend chosen, or a kind by itself."""
    estimator = choice or RECOMMENDERS[kind]
    return Recommender(
        kind=kind,
        seed=seed,
        seen=seen,
        model=estimator.fit(seen, seed=seed),
        cold_start_model=RECOMMENDERS[COLD_START].fit(seen, seed=seed),
        similarity=ItemKnn(neighbours=SIMILAR_SONGS_KEPT).fit(seen, seed=seed),
        min_history=1 if choice else MIN_HISTORY,
        members=choice.shares if choice else (),
        styles=songs.styles,
        dislike_strength=choice.dislike_strength if choice else 0.0,
        lifts=songs.lifts,
        context_strength=choice.context_strength if choice else 0.0,
        names=songs.names,
        versions=songs.versions,
    )

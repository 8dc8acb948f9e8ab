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

from counterpoint.errors import CounterpointError, suggestion
from counterpoint.recommend.context import Lifts, check_time, known_as, styles_of
from counterpoint.recommend.interactions import ANY_DEVICE, Floats, Interactions, checked, gathered
from counterpoint.recommend.model_selection import Choice, choose
from counterpoint.recommend.models.blend import Blend
from counterpoint.recommend.models.item_similarity import SimilarSongs
from counterpoint.recommend.models.neighbours import NeighboursKind
from counterpoint.recommend.models.protocol import Barred, Model, Ranked, nothing_barred
from counterpoint.recommend.models.registry import KINDS, kind_named
from counterpoint.recommend.models.reranked import Reranked, Styles
from counterpoint.recommend.ranking_evaluation import FEW
from counterpoint.recommend.splitting import held_out
from counterpoint.rng import check_seed

OURS: Final = "blend"
AT_ONCE: Final = 20_000  # listeners
FILLED: Final = 1000  # listeners whose short lists are filled at once
ALIKE: Final = 50  # songs that are kept of each, as like it
FALLBACK: Final = "popular-by-device"
REASONS: Final = 3
PUSHED: Final = 0.1  # what the worth of a song that is pushed down is multiplied by


@dataclass(frozen=True, eq=False)
class Request:
    """What a list is to be like, whoever it is for; `Recommender.songs` says what each of these means.

    Raises
    ------
    CounterpointError
        If `count` is below 1, or there is no such hour or weekday.
    """

    count: int
    new: bool
    allow: Iterable[Any] | None
    deny: Iterable[Any]
    push_down: Iterable[Any]
    hour: int | None
    weekday: int | None

    def __post_init__(self) -> None:
        if self.count < 1:
            raise CounterpointError(f"{self.count} songs are too few to recommend: 1 or more would be right")
        check_time(self.hour, self.weekday)


@dataclass(frozen=True, eq=False)
class Recommender:
    """What was learned, and from whom.

    kind     : of the model; "blend" is ours
    members  : name and weight of each member of a blend
    fewest   : songs from which on a history is asked; below, what is popular is recommended
    alike    : which songs are like which
    styles   : which songs have a style in common
    dislike  : how far songs of a style that a listener dislikes go down (`Reranked`)
    lifts    : when which song's style is heard; None where nobody knows
    context  : the power of these lifts that is used where a time is asked for
    names    : song_id, name, singer, in the order of the songs; names are null where nobody knows them
    versions : song_id, song: another id of a song that is known by the id `song`
    """

    kind: str
    seed: int
    seen: Interactions
    model: Model
    fallback: Model
    alike: SimilarSongs
    fewest: int
    members: tuple[tuple[str, float], ...]
    styles: Styles
    dislike: float
    lifts: Lifts | None
    context: float
    names: pl.DataFrame
    versions: pl.DataFrame

    @classmethod
    def fit(cls, table: Any, *, kind: str = OURS, settings: int = 1, seed: int = 0) -> "Recommender":
        """Learn from any table that exports Arrow (`Interactions.of` says which columns).

        A blend's weights are fitted on a fifth of the pairs: the last ones, where the table has days. So are its
        members' settings, so many of each tried.

        >>> rows = [(uid, song) for uid in range(40) for song in range(12) if (uid + song) % 2]
        >>> made = Recommender.fit(pl.DataFrame(rows, schema=["uid", "song_id"], orient="row"), kind="cosine")
        >>> made.songs([3], count=2, new=False)["song_id"].to_list()
        [0, 2]
        """
        check_kind(kind, settings=settings)
        check_seed(seed)
        rows = checked(table)
        seen = gathered(rows)
        choice = choose(held_out(rows, seed=seed), settings=settings, seed=seed)[0] if kind == OURS else None
        names = pl.DataFrame({"song_id": seen.songs, "name": None, "singer": None})
        return learned(seen, choice, kind=kind, seed=seed, names=names)

    def songs(  # noqa: PLR0913  all but one are options
        self,
        uids: Iterable[Any] | None = None,
        *,
        count: int = 10,
        new: bool = True,
        allow: Iterable[Any] | None = None,
        deny: Iterable[Any] = (),
        push_down: Iterable[Any] = (),
        hour: int | None = None,
        weekday: int | None = None,
    ) -> pl.DataFrame:
        """Return the best songs for each listener: uid, rank, song_id, name, singer, score, by.

        uids  : who; by default everybody. Somebody unknown hears what is popular
        new   : leave out what a listener knows; what they dislike is left out always
        allow : the only songs to choose from; deny : songs to leave out. Any version's id stands for the song
        push_down     : songs whose worth is divided by ten
        hour, weekday : when they will listen: 0 to 23, Monday 0; styles heard then go up, if that was seen to help
        by    : "history", or "popularity" where the history says too little; the score of what fills a list up is 0

        Raises
        ------
        CounterpointError
            If `count` is below 1, an id is of another type, or none of the allowed songs is known.
        """
        request = Request(count, new, allow, deny, push_down, hour, weekday)
        return pl.concat(self.stream(uids, request))

    def stream(self, uids: Iterable[Any] | None, request: Request) -> Iterator[pl.DataFrame]:
        """Yield what `songs` returns, some thousand listeners at a time."""
        asked = self.seen.listeners if uids is None else _ids(uids, self.seen.listeners, "listener")
        barred, factor, new = self._barred(request), self._factor(request), request.new
        for first in range(0, max(1, len(asked)), AT_ONCE):
            some = asked[first : first + AT_ONCE]
            histories = self.histories(some)
            ranked = self.ranked(histories, request.count, factor, barred=barred, new=new)
            yield self._told(some, histories, ranked, self.filled(histories, ranked, barred=barred, new=new))

    def histories(self, uids: pl.Series) -> Interactions:
        """Return the histories of listeners, in this order; of one who is not known, an empty one."""
        number = self.seen.listener_numbers(uids)
        known, strangers = self.seen.rows(np.where(number >= 0, number, 0)), number < 0
        if not strangers.any():
            return known
        device = np.where(strangers, ANY_DEVICE, known.device).astype(np.int8)
        return replace(known.pairs(~strangers[known.whose]), listeners=uids, device=device)

    def ranked(
        self, histories: Interactions, count: int, factor: Floats | None = None, *, barred: Barred, new: bool = True
    ) -> Ranked:
        """Return the best songs for histories, by the model where they are long enough, otherwise by popularity.

        factor : float32[songs], what a song's worth is multiplied by; None changes nothing
        """
        count = min(count, len(barred))
        cold = histories.liked.counts < self.fewest
        song, score = np.full((len(histories), count), -1, np.int32), np.zeros((len(histories), count), np.float32)
        even = np.ones(len(barred), np.float32) if factor is None else factor
        for model, rows in ((self.model, ~cold), (self.fallback, cold)):
            if rows.any():
                if factor is not None or self.dislike:
                    model = Reranked(model, even, self.styles, self.dislike)  # noqa: PLW2901
                found = model.top(histories.rows(rows), count, barred=barred, new=new)
                song[rows], score[rows] = found.song, found.score
        return Ranked(song, score)

    def filled(self, histories: Interactions, ranked: Ranked, *, barred: Barred, new: bool = True) -> NDArray[np.int32]:
        """Return lists that what is popular fills up where they are short, int32[listeners, count]."""
        count = ranked.song.shape[1]
        song, short = ranked.song.copy(), np.flatnonzero((ranked.song < 0).any(axis=1))
        for first in range(0, len(short), FILLED):
            rows = short[first : first + FILLED]
            more = self.fallback.top(histories.rows(rows), 2 * count, barred=barred, new=new).song
            twice = (more[:, :, None] == song[rows][:, None, :]).any(axis=2)
            both = np.concatenate([song[rows], np.where(twice, -1, more)], axis=1)
            order = np.argsort(both < 0, axis=1, kind="stable")[:, :count]
            song[rows] = np.take_along_axis(both, order, axis=1)
        return song

    def similar(self, song_id: Any, *, count: int = 10) -> pl.DataFrame:
        """Return the songs most like one: song_id, name, singer, likeness (cosine over listeners)."""
        number = self.number_of(song_id)
        songs, likeness = self.alike.alike(number)
        return self.names[songs[:count]].with_columns(likeness=pl.Series(likeness[:count]))

    def strangers(self, uids: Iterable[Any]) -> pl.Series:
        """Return those of these listeners who are not known."""
        asked = _ids(uids, self.seen.listeners, "listener")
        return asked.filter(pl.Series(self.seen.listener_numbers(asked) < 0))

    def because(self, uid: Any, song_id: Any, *, count: int = REASONS) -> pl.DataFrame:
        """Return the songs of a history that speak most for a song: song_id, name, singer, part.

        The part is of its score or, if other songs speak against it, of all that speaks for it. Empty where what is
        popular is recommended.
        """
        history = self.histories(_ids([uid], self.seen.listeners, "listener"))
        number, given, whole = self.number_of(song_id), None, 0.0
        if history.liked.counts[0] >= self.fewest:
            given = self.model.because(history, number)
        if given is not None:
            whole = self.model.worth(history, number) if isinstance(self.model, Blend) else float(given.sum())
        if given is None or whole <= 0:
            return self.names.head(0).with_columns(part=pl.lit(0.0))
        order = np.argsort(-given, kind="stable")[:count]
        order = order[given[order] > 0]
        parts = given[order] / max(whole, float(given[given > 0].sum()))
        return self.names[history.song[order]].with_columns(part=pl.Series(parts, dtype=pl.Float64))

    def number_of(self, song_id: Any) -> int:
        """Return the number of a song, whichever version's id it is given by; refuse one that nobody knows."""
        number = int(self._numbers([song_id])[0])
        if number < 0:
            raise CounterpointError(
                f"no listener knows a song {song_id!r}: the id of one, such as {self.seen.songs[0]!r}, would be right"
            )
        return number

    def unknown(self, song_ids: Iterable[Any]) -> int:
        """Return how many of these songs nobody knows."""
        return int((self._numbers(song_ids) < 0).sum())

    def save(self, folder: Path) -> None:
        """Write it into a new folder: arrays in npz, tables in Parquet, the rest in JSON; whole or not at all."""
        from counterpoint.recommend.serialization import save

        save(self, folder)

    @classmethod
    def load(cls, folder: Path) -> "Recommender":
        """Read what `save` wrote."""
        from counterpoint.recommend.serialization import read

        return read(folder)

    def _numbers(self, song_ids: Iterable[Any]) -> np.ndarray[Any, np.dtype[np.int64]]:
        return self.seen.song_numbers(known_as(_ids(song_ids, self.seen.songs, "song"), self.versions))

    def _factor(self, request: Request) -> Floats | None:
        """Return what each song's worth is multiplied by, float32[songs]; None if by nothing."""
        factor = np.ones(len(self.seen.songs), np.float32)
        if self.lifts is not None and self.context and (request.hour is not None or request.weekday is not None):
            factor *= self.lifts.at(request.hour, request.weekday) ** np.float32(self.context)
        pushed = self._numbers(request.push_down)
        factor[pushed[pushed >= 0]] *= np.float32(PUSHED)
        return None if (factor == 1).all() else factor

    def _barred(self, request: Request) -> Barred:
        barred = nothing_barred(self.seen)
        if request.allow is not None:
            allowed = self._numbers(request.allow)
            if not (allowed >= 0).any():
                raise CounterpointError(
                    "none of the songs allowed is known to anybody: there is nothing to choose from"
                )
            barred[:] = True
            barred[allowed[allowed >= 0]] = False
        denied = self._numbers(request.deny)
        barred[denied[denied >= 0]] = True
        return barred

    def _told(self, uids: pl.Series, histories: Interactions, ranked: Ranked, songs: NDArray[np.int32]) -> pl.DataFrame:
        there = songs >= 0
        row, place = np.nonzero(there)
        popular = (ranked.song < 0) | (histories.liked.counts < self.fewest)[:, None]
        by = pl.Series(popular[there].astype(np.int8)).replace_strict(
            {0: "history", 1: "popularity"}, return_dtype=pl.String
        )
        return pl.concat(
            [
                pl.DataFrame({"uid": uids[row], "rank": pl.Series(place + 1, dtype=pl.Int32)}),
                self.names[songs[there]],
                pl.DataFrame({"score": ranked.score[there], "by": by}),
            ],
            how="horizontal",
        )


def check_kind(kind: str, *, settings: int = 1) -> None:
    """Refuse a kind of recommender that there is none of, and a search of settings for any but a blend."""
    if kind not in (OURS, *KINDS):
        raise CounterpointError(f"no recommender {kind!r}; {suggestion(kind, (OURS, *KINDS))}")
    if settings < 1:
        raise CounterpointError(f"{settings} settings are none to try: 1 or more would be right")
    if settings > 1 and kind != OURS:
        raise CounterpointError(f"settings are searched for the members of a blend; {kind!r} is used as it is")


def _ids(asked: Iterable[Any], known: pl.Series, what: str) -> pl.Series:
    """Return ids as the type that they have here; refuse those of another.

    A whole number may come as text, as the command line has it.
    """
    try:
        given = asked if isinstance(asked, pl.Series) else pl.Series(list(asked))
    except TypeError as error:
        raise CounterpointError(f"the ids of {what}s are of different types: whole numbers, or texts") from error
    if not len(given):
        return known.head(0)
    found = (
        given.cast(known.dtype, strict=False) if given.dtype.is_integer() or given.dtype == pl.String else given.clear()
    )
    if len(found) != len(given) or found.null_count():
        kind = "whole numbers" if known.dtype.is_integer() else "texts"
        wrong = given.filter(found.is_null())[0] if len(found) == len(given) else given[0]
        raise CounterpointError(f"{wrong!r} is no {what} here: ids are {kind}")
    return found


def learned(  # noqa: PLR0913  all but three are labels
    seen: Interactions,
    choice: Choice | None,
    *,
    kind: str,
    seed: int,
    names: pl.DataFrame,
    versions: pl.DataFrame | None = None,
    styles: Styles | None = None,
    lifts: Lifts | None = None,
) -> Recommender:
    """Return a recommender that has learned from all that was `seen`: the blend chosen, or a kind by itself."""
    none = pl.DataFrame({"song_id": seen.songs.head(0), "song": seen.songs.head(0)})
    return Recommender(
        kind,
        seed,
        seen,
        choice.fit(seen, seed=seed) if choice else kind_named(kind).fit(seen, seed=seed),
        KINDS[FALLBACK].fit(seen, seed=seed),
        NeighboursKind(neighbours=ALIKE).fit(seen, seed=seed),
        1 if choice else FEW,
        choice.shares if choice else (),
        styles_of(names) if styles is None else styles,
        choice.dislike if choice else 0.0,
        lifts,
        choice.context if choice else 0.0,
        names,
        none if versions is None else versions,
    )

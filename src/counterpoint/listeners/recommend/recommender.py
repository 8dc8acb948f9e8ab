"""A recommender with all it needs: ids in, ids out, whoever asks.

A listener without a history, or with too short a one for the model to beat it, hears what is popular.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from counterpoint.errors import CounterpointError, nearest
from counterpoint.listeners.recommend.interactions import Interactions
from counterpoint.listeners.recommend.choose import Choice, choose
from counterpoint.listeners.recommend.judge import FEW, Task, task
from counterpoint.listeners.recommend.models.kinds import KINDS, kind_named
from counterpoint.listeners.recommend.models.model import Barred, Model, Ranked, nothing_barred
from counterpoint.listeners.recommend.models.neighbours import NeighboursKind
from counterpoint.listeners.recommend.models.similar import SimilarSongs
from counterpoint.rng import check_seed, generator

OURS: Final = "blend"
HELD_OUT: Final = 0.2  # of the pairs, to fit a blend on
AT_ONCE: Final = 20_000  # listeners
FALLBACK: Final = "popular-by-device"
REASONS: Final = 3
ALIKE: Final = 50  # songs that are kept of each


@dataclass(frozen=True, eq=False)
class Recommender:
    """What was learned, and from whom.

    kind     : of the model; "blend" is ours
    members  : name and weight of each member of a blend
    fewest   : songs from which on a history is asked; below, what is popular is recommended
    alike    : which songs are like which
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
        kind_or_ours(kind)
        check_seed(seed)
        seen = Interactions.of(table)
        choice = choose(held_out(seen, seed=seed), settings=settings, seed=seed) if kind == OURS else None
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
    ) -> pl.DataFrame:
        """Return the best songs for each listener: uid, rank, song_id, name, singer, score, by.

        uids  : who; by default everybody. Somebody unknown hears what is popular
        new   : leave out what a listener knows; what they dislike is left out always
        allow : the only songs to choose from; deny : songs to leave out. Any version's id stands for the song
        by    : "history" or "popularity"

        Raises
        ------
        CounterpointError
            If `count` is below 1, an id is of another type, or none of the allowed songs is known.
        """
        return pl.concat(self.stream(uids, count=count, new=new, allow=allow, deny=deny))

    def stream(  # noqa: PLR0913
        self,
        uids: Iterable[Any] | None = None,
        *,
        count: int = 10,
        new: bool = True,
        allow: Iterable[Any] | None = None,
        deny: Iterable[Any] = (),
    ) -> Iterator[pl.DataFrame]:
        """Yield what `songs` returns, some thousand listeners at a time."""
        if count < 1:
            raise CounterpointError(f"{count} songs are too few to recommend: 1 or more would be right")
        asked = self.seen.listeners if uids is None else _ids(uids, self.seen.listeners, "listener")
        barred = self._barred(allow, deny)
        for first in range(0, max(1, len(asked)), AT_ONCE):
            some = asked[first : first + AT_ONCE]
            histories = self.histories(some)
            yield self._told(some, histories, self.ranked(histories, count, barred=barred, new=new))

    def histories(self, uids: pl.Series) -> Interactions:
        """Return the histories of listeners, in this order; of one who is not known, an empty one."""
        number = self.seen.listener_numbers(uids)
        known = self.seen.rows(np.where(number >= 0, number, 0))
        strangers = number < 0
        return known.pairs(~strangers[known.whose]) if strangers.any() else known

    def ranked(self, histories: Interactions, count: int, *, barred: Barred, new: bool = True) -> Ranked:
        """Return the best songs for histories, by the model where they are long enough, otherwise by popularity."""
        count = min(count, len(barred))
        cold = histories.liked.counts < self.fewest
        song, score = np.full((len(histories), count), -1, np.int32), np.zeros((len(histories), count), np.float32)
        for model, rows in ((self.model, ~cold), (self.fallback, cold)):
            if rows.any():
                found = model.top(histories.rows(rows), count, barred=barred, new=new)
                song[rows], score[rows] = found.song, found.score
        return Ranked(song, score)

    def similar(self, song_id: Any, *, count: int = 10) -> pl.DataFrame:
        """Return the songs most like one: song_id, name, singer, likeness (cosine over listeners)."""
        number = self.number_of(song_id)
        songs, likeness = self.alike.alike(number)
        return self.names[songs[:count]].with_columns(likeness=pl.Series(likeness[:count]))

    def because(self, uid: Any, song_id: Any, *, count: int = REASONS) -> pl.DataFrame:
        """Return the songs of a history that speak most for a song: song_id, name, singer, part (of the score).

        Empty where what is popular is recommended.
        """
        history = self.histories(_ids([uid], self.seen.listeners, "listener"))
        given = None
        if history.liked.counts[0] >= self.fewest:
            given = self.model.because(history, self.number_of(song_id))
        if given is None:
            return self.names.head(0).with_columns(part=pl.lit(0.0))
        order = np.argsort(-given, kind="stable")[:count]
        order = order[given[order] > 0]
        parts = given[order] / np.abs(given).sum()
        return self.names[history.song[order]].with_columns(part=pl.Series(parts, dtype=pl.Float64))

    def number_of(self, song_id: Any) -> int:
        """Return the number of a song, whichever version's id it is given by; refuse one that nobody knows."""
        number = int(self._numbers([song_id])[0])
        if number < 0:
            raise CounterpointError(f"no listener knows a song {song_id!r}; {nearest(str(song_id), map(str, self.seen.songs.head(1000)))}")
        return number

    def _numbers(self, song_ids: Iterable[Any]) -> np.ndarray[Any, np.dtype[np.int64]]:
        asked = _ids(song_ids, self.seen.songs, "song").to_frame("song_id")
        known = asked.join(self.versions, on="song_id", how="left", maintain_order="left")
        return self.seen.song_numbers(known.select(pl.coalesce("song", "song_id")).to_series())

    def _barred(self, allow: Iterable[Any] | None, deny: Iterable[Any]) -> Barred:
        barred = nothing_barred(self.seen)
        if allow is not None:
            allowed = self._numbers(allow)
            if not (allowed >= 0).any():
                raise CounterpointError("none of the songs allowed is known to anybody: there is nothing to choose from")
            barred[:] = True
            barred[allowed[allowed >= 0]] = False
        denied = self._numbers(deny)
        barred[denied[denied >= 0]] = True
        return barred

    def _told(self, uids: pl.Series, histories: Interactions, ranked: Ranked) -> pl.DataFrame:
        there = ranked.song >= 0
        row, place = np.nonzero(there)
        cold = histories.liked.counts < self.fewest
        by = pl.Series(np.where(cold, 1, 0)[row]).replace_strict({0: "history", 1: "popularity"}, return_dtype=pl.String)
        return pl.concat(
            [
                pl.DataFrame({"uid": uids[row], "rank": pl.Series(place + 1, dtype=pl.Int32)}),
                self.names[ranked.song[there]],
                pl.DataFrame({"score": ranked.score[there], "by": by}),
            ],
            how="horizontal",
        )


def kind_or_ours(kind: str) -> None:
    """Refuse a kind of recommender that there is none of."""
    if kind not in (OURS, *KINDS):
        raise CounterpointError(f"no recommender {kind!r}; {nearest(kind, (OURS, *KINDS))}")


def _ids(asked: Iterable[Any], known: pl.Series, what: str) -> pl.Series:
    """Return ids as the type that they have here; refuse those of another.

    A whole number may come as text, as the command line has it.
    """
    given = asked if isinstance(asked, pl.Series) else pl.Series(list(asked))
    if not len(given):
        return known.head(0)
    found = given.cast(known.dtype, strict=False) if given.dtype.is_integer() or given.dtype == pl.String else given.clear()
    if len(found) != len(given) or found.null_count():
        kind = "whole numbers" if known.dtype.is_integer() else "texts"
        raise CounterpointError(f"{given[0]!r} is no {what} here: ids are {kind}")
    return found


def held_out(seen: Interactions, *, seed: int, share: float = HELD_OUT) -> Task:
    """Return the task to tell a share of the pairs from the others: the last ones by day, or any where there are no days."""
    last = seen.last.astype(np.float64) + generator(seed).random(len(seen.last))
    if not seen.last.any():
        last = generator(seed).random(len(seen.last))
    cut = np.quantile(last, 1 - share)
    later = seen.pairs((last > cut) & ~seen.disliked)
    frame = pl.DataFrame({"uid": later.listeners[later.whose], "song_id": later.songs[later.song]})
    return task(seen.pairs(last <= cut), frame, seed=seed)


def learned(  # noqa: PLR0913  all but three are labels
    seen: Interactions,
    choice: Choice | None,
    *,
    kind: str,
    seed: int,
    names: pl.DataFrame,
    versions: pl.DataFrame | None = None,
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
        names,
        none if versions is None else versions,
    )

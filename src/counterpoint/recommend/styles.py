"""What songs have in common: a style each, which a table says (a tag, a genre), or else the singer."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_array

from counterpoint.errors import CounterpointError, suggestion
from counterpoint.recommend.catalogue import canonical_ids
from counterpoint.recommend.interactions import Interactions


@dataclass(frozen=True, eq=False)
class Styles:
    """Which songs have which style in common (tags, or the singer).

    number : int32[songs], a number for each style; -1 of a song without one
    count  : how many styles there are
    """

    number: NDArray[np.int32]
    count: int

    def aversion(self, histories: Interactions) -> NDArray[np.float64]:
        """Return the share of what each listener knows of each style that they dislike, float64[listeners, styles + 1].

        One song more is taken for not disliked; the last column, of no style, is 0.
        """
        number = np.where(self.number >= 0, self.number, self.count)
        shape = (len(histories), self.count + 1)

        def count_songs(pairs: Interactions) -> NDArray[np.float64]:
            one = np.ones(len(pairs.song))
            return np.asarray(csr_array((one, number[pairs.song], pairs.start), shape=shape).toarray())

        share = count_songs(histories.pairs(histories.disliked)) / (count_songs(histories) + 1)
        share[:, self.count] = 0
        return share


def styles_of(names: pl.DataFrame, table: pl.DataFrame | None = None, versions: pl.DataFrame | None = None) -> Styles:
    """Return the style of each song: what a table (song_id, style) says of it first, or without a table its singer.

    names    : song_id, singer, in the order of the songs
    versions : song_id, song: another version's id, and the one that the song goes by

    Raises
    ------
    CounterpointError
        If the table has not these columns, or other ids than the songs.
    """
    if table is None:
        style = names["singer"].cast(pl.String)
    else:
        for column in ("song_id", "style"):
            if column not in table.columns:
                raise CounterpointError(f"the styles have no column {column!r}; {suggestion(column, table.columns)}")
        ids = table["song_id"].cast(names.schema["song_id"], strict=False)
        if ids.null_count():
            raise CounterpointError("the column 'song_id' of the styles holds what is no id of a song here")
        rows = pl.DataFrame({"song_id": canonical_ids(ids, versions), "style": table["style"].cast(pl.String)})
        first = rows.unique("song_id", keep="first", maintain_order=True)
        style = names.join(first, on="song_id", how="left", maintain_order="left")["style"]
    return Styles((style.rank("dense").cast(pl.Int32).fill_null(0) - 1).to_numpy(), style.drop_nulls().n_unique())

"""The invented songs: what they are called, how long they are, how often they are chosen, what they do to people."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from counterpoint.synthetic.hidden_states import DECOY, LEAVER, ORDINARY, ROLES, Bools, Floats, Ints

TASTES: Final = 8  # songs whose ranks have the same remainder are of one taste
TO_TASTE: Final = 0.6  # of the choices
SPECIAL_SONG_COUNT: Final = 20  # of each special role: songs that make people leave, and decoys
_TITLE: Final = np.array(list("云山水月风花雪夜星河梦雨灯海桥城叶光影歌春秋远归"))
_SINGER: Final = np.array(list("岚舟桐汐砚笙榆澜栖棠泠崧"))
LETTERS: Final = 5  # of a name
MAX_SONGS: Final = len(_TITLE) ** LETTERS
_TABLE: Final = 1 << 20  # as fine as popularity is cut


@dataclass(frozen=True)
class Songs:
    """A catalogue in the order of popularity (rank 0 first).

    table  : song_id, song_type, song_name (no two alike), singer, seconds, role
    chosen : int64[2**20], ranks of ordinary songs, each as often as it is chosen
    by_role: the ranks of each role
    """

    table: pl.DataFrame
    chosen: Ints
    by_role: tuple[Ints, ...]

    def choose(self, role: Ints, taste: Ints, to_taste: float | Floats, rng: np.random.Generator) -> Ints:
        """Return the rank of a song of each role, six in ten (or where `to_taste` says so) of the listener's taste."""
        rank = self.chosen[rng.integers(0, _TABLE, len(role), dtype=np.int32)]
        to_own_taste = rng.random(len(role), dtype=np.float32) < to_taste
        tasted = rank - rank % TASTES + taste
        rank = np.where(to_own_taste & self.ordinary[tasted], tasted, rank)
        for special in (LEAVER, DECOY):
            rows = np.flatnonzero(role == special)
            rank[rows] = rng.choice(self.by_role[special], len(rows))
        return rank

    @property
    def ordinary(self) -> Bools:
        """Which ranks are ordinary songs, bool[songs]."""
        return (self.table["role"] == ROLES[ORDINARY]).to_numpy()


def draw_songs(count: int, rng: np.random.Generator) -> Songs:
    """Invent so many songs (800 or more), popular by Zipf's law."""
    count -= count % TASTES
    special = rng.permutation(np.arange(100, min(count, 4000)))[: 2 * SPECIAL_SONG_COUNT]
    role = np.full(count, ORDINARY)
    role[special[:SPECIAL_SONG_COUNT]], role[special[SPECIAL_SONG_COUNT:]] = LEAVER, DECOY
    weight = np.where(role == ORDINARY, 1 / np.arange(10, count + 10), 0)
    reach = np.cumsum(weight) / weight.sum()
    chosen = np.searchsorted(reach, (np.arange(_TABLE) + 0.5) / _TABLE)
    singers = np.array(["阿" + "".join(signs) for signs in rng.choice(_SINGER, (max(1, count // 20), 3))])
    long = rng.random(count) < 0.004  # whole concerts
    seconds = np.where(
        long, rng.integers(1000, 5000, count), np.clip(rng.normal(238, 55, count), 30, 900).astype(np.int64)
    )
    table = pl.DataFrame(
        {
            "song_id": 100_000 + rng.permutation(count),
            "song_type": rng.choice(3, count, p=(0.885, 0.112, 0.003)),
            "song_name": _titles(count, rng),
            "singer": rng.choice(singers, count),
            "seconds": seconds,
            "role": [ROLES[code] for code in role],
        }
    )
    return Songs(table, chosen, tuple(np.flatnonzero(role == code) for code in range(len(ROLES))))


def _titles(count: int, rng: np.random.Generator) -> list[str]:
    codes = rng.choice(MAX_SONGS, count, replace=False)
    signs = _TITLE[codes[:, None] // len(_TITLE) ** np.arange(LETTERS) % len(_TITLE)]
    return ["".join(row) for row in signs]

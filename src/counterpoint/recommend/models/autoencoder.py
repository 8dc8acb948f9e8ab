"""A denoising autoencoder of histories: what is left of one, told from a part of it (Liang et al., WWW 2018, Mult-DAE).

It is wrong about other songs than those who add up what songs say of each other, so that a blend gains from it.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from counterpoint.errors import CounterpointError
from counterpoint.recommend.interactions import Interactions
from counterpoint.recommend.models.adam_kernels import descend
from counterpoint.recommend.models.factors import Factors, top_in_direction
from counterpoint.recommend.models.protocol import Barred, Ranked
from counterpoint.rng import generator

BATCH: Final = 200


@dataclass(frozen=True, eq=False)
class Autoencoded:
    """A listener is what a layer makes of the songs of a history.

    first  : float32[songs, hidden], what each of the best known songs tells; beside: float32[hidden]
    songs  : float32[songs, hidden + 1], what speaks for it; the last is for all alike
    """

    first: Factors
    beside: NDArray[np.float32]
    songs: Factors
    weigh: str

    def placed(self, histories: Interactions) -> Factors:
        """Return what the layer makes of each, and one, float32[listeners, hidden + 1]."""
        rows = _of_length_one(histories.liked.matrix(self.weigh)[:, : len(self.first)])
        found = np.tanh(rows @ self.first + self.beside)
        return np.hstack([found, np.ones((len(found), 1), np.float32)]).astype(np.float32)

    def top(self, histories: Interactions, count: int, *, barred: Barred, new: bool = True) -> Ranked:
        """See `Model.top`."""
        return top_in_direction(self, histories, count, barred=barred, new=new)

    def because(self, history: Interactions, song: int) -> NDArray[np.float64] | None:  # noqa: ARG002
        """Return None: the score is no sum."""
        return None


@dataclass(frozen=True)
class AutoencoderKind:
    """Learns to fill in histories of which a part is hidden, by gradients on the log-likelihood of all their songs.

    hidden : values in the layer
    steps  : gradients that are followed, each of BATCH histories: the time does not grow with the listeners
    hide   : the share of a history that is hidden
    rate   : of learning
    nets   : how many learn, from other beginnings; the mean of what they tell is better than each
    songs  : how many of the best known songs take part
    """

    hidden: int = 384
    steps: int = 240
    hide: float = 0.7
    rate: float = 0.0015
    nets: int = 2
    songs: int = 7000
    weigh: str = "rank"

    def fit(self, seen: Interactions, *, seed: int) -> Autoencoded:
        """Learn."""
        if min(self.hidden, self.nets) < 1 or not 0 <= self.hide < 1:
            raise CounterpointError(
                "an autoencoder has 1 net or more of 1 value or more, and hides 0 to less than 1 of a history; got"
                f" {self.nets}, {self.hidden} and {self.hide:g}"
            )
        rng, known = generator(seed), seen.liked
        count = min(self.songs, int((known.known_by > 0).sum()))
        matrix = known.matrix(self.weigh)[:, :count]
        some = np.flatnonzero(np.diff(matrix.indptr))
        # In an order that is the histories' own, whatever the listeners are called.
        matrix = matrix[some[np.argsort(matrix[some] @ rng.standard_normal(count, np.float32))]]
        firsts, besides, lasts, commons = zip(*(_learned(matrix, self, rng) for _ in range(self.nets)), strict=True)
        songs = np.asarray(np.hstack([*lasts, np.sum(commons, axis=0)[:, None]]) / self.nets, np.float32)
        return Autoencoded(np.hstack(firsts), np.hstack(besides), songs, self.weigh)


def _learned(matrix: csr_array, kind: AutoencoderKind, rng: np.random.Generator) -> list[Factors]:
    """Return both layers, each with what is beside it; the second comes as float32[songs, hidden]."""
    rows, wanted = _of_length_one(matrix), _of_sum_one(matrix)
    people, songs = rows.shape
    if not people:
        empty = (np.zeros(shape, np.float32) for shape in ((0, kind.hidden), kind.hidden, (0, kind.hidden), 0))
        return list(empty)
    wide = np.float32(np.sqrt(2 / (songs + kind.hidden)))
    common = np.log(np.asarray(wanted.sum(0)) + wanted.sum() / songs).astype(np.float32)
    parts = [
        rng.standard_normal((songs, kind.hidden), np.float32) * wide,
        np.zeros(kind.hidden, np.float32),
        rng.standard_normal((songs, kind.hidden), np.float32) * wide,
        common - common.mean(),
    ]
    means, squares = ([np.zeros_like(part) for part in parts] for _ in range(2))
    order = np.empty(0, np.int64)
    for step in range(1, kind.steps + 1):
        if not len(order):
            order = rng.permutation(people) if people > BATCH else np.arange(people)
        some, order = order[:BATCH], order[BATCH:]
        given = rows[some]
        given.data *= (rng.random(len(given.data), np.float32) >= kind.hide) / np.float32(1 - kind.hide)
        for each in zip(parts, _slopes(parts, given, wanted[some]), means, squares, strict=True):
            values, slope, mean, square = (part.reshape(-1) for part in each)
            descend(values, slope, mean, square, kind.rate, step)
    return parts


def _slopes(parts: list[Factors], given: csr_array, wanted: csr_array) -> list[Factors]:
    """Return the gradients of the mean cross-entropy between what is wanted and what is told from what is given."""
    first, beside, last, common = parts
    layer = np.tanh(given @ first + beside)
    told = layer @ last.T + common
    told -= told.max(1, keepdims=True)
    np.exp(told, out=told)
    told /= told.sum(1, keepdims=True)
    told[np.repeat(np.arange(len(told)), np.diff(wanted.indptr)), wanted.indices] -= wanted.data
    told /= np.float32(len(told))
    back = (told @ last) * (1 - layer * layer)
    return [np.asarray(given.T @ back), back.sum(0), told.T @ layer, told.sum(0)]


def _of_length_one(rows: csr_array) -> csr_array:
    return _over(rows, np.sqrt(np.asarray((rows * rows).sum(1))))


def _of_sum_one(rows: csr_array) -> csr_array:
    return _over(rows, np.asarray(rows.sum(1)))


def _over(rows: csr_array, size: NDArray[np.float32]) -> csr_array:
    """Return rows divided by their sizes; empty ones stay."""
    found = rows.astype(np.float32)
    found.data /= np.repeat(np.maximum(size, np.finfo(np.float32).tiny), np.diff(rows.indptr)).astype(np.float32)
    return found

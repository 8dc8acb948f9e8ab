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
from counterpoint.recommend.models.adam_kernels import adam_step
from counterpoint.recommend.models.factors import Factors, top_by_inner_product
from counterpoint.recommend.models.protocol import Excluded, RankedLists
from counterpoint.rng import generator

BATCH_SIZE: Final = 200


@dataclass(frozen=True, eq=False)
class AutoencoderModel:
    """A listener is what a layer makes of the songs of a history.

    encoder      : float32[songs, hidden], of the best known songs; bias: float32[hidden]
    song_factors : float32[songs, hidden + 1], the decoder; the last is its bias
    """

    encoder: Factors
    bias: NDArray[np.float32]
    song_factors: Factors
    weighting: str

    def fold_in(self, histories: Interactions) -> Factors:
        """Return what the layer makes of each, and one, float32[listeners, hidden + 1]."""
        rows = _l2_normalized(histories.liked.matrix(self.weighting)[:, : len(self.encoder)])
        hidden = np.tanh(rows @ self.encoder + self.bias)
        return np.hstack([hidden, np.ones((len(hidden), 1), np.float32)]).astype(np.float32)

    def top(self, histories: Interactions, count: int, *, excluded: Excluded, new: bool = True) -> RankedLists:
        """See `ListModel.top`."""
        return top_by_inner_product(self, histories, count, excluded=excluded, new=new)

    def explanation(self, history: Interactions, song: int) -> NDArray[np.float64] | None:  # noqa: ARG002
        """Return None: the score is no sum."""
        return None


@dataclass(frozen=True)
class Autoencoder:
    """Learns to fill in histories of which a part is hidden, by gradients on the log-likelihood of all their songs.

    hidden : values in the layer
    steps  : gradients that are followed, each of BATCH_SIZE histories: the time does not grow with the listeners
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
    weighting: str = "rank"

    def fit(self, seen: Interactions, *, seed: int) -> AutoencoderModel:
        """Learn."""
        if min(self.hidden, self.nets) < 1 or not 0 <= self.hide < 1:
            raise CounterpointError(
                "an autoencoder has 1 net or more of 1 value or more, and hides 0 to less than 1 of a history; got"
                f" {self.nets}, {self.hidden} and {self.hide:g}"
            )
        rng, liked = generator(seed), seen.liked
        count = min(self.songs, int((liked.listener_counts > 0).sum()))
        matrix = liked.matrix(self.weighting)[:, :count]
        rows = np.flatnonzero(np.diff(matrix.indptr))
        # In an order that is the histories' own, whatever the listeners are called.
        matrix = matrix[rows[np.argsort(matrix[rows] @ rng.standard_normal(count, np.float32))]]
        nets = [_fit_net(matrix, self, rng) for _ in range(self.nets)]
        encoders, biases, decoders, decoder_biases = zip(*nets, strict=True)
        factors = np.hstack([*decoders, np.sum(decoder_biases, axis=0)[:, None]]) / self.nets
        return AutoencoderModel(np.hstack(encoders), np.hstack(biases), np.asarray(factors, np.float32), self.weighting)


def _fit_net(matrix: csr_array, settings: Autoencoder, rng: np.random.Generator) -> list[Factors]:
    """Return both layers, each followed by its bias; the decoder comes as float32[songs, hidden]."""
    rows, target = _l2_normalized(matrix), _l1_normalized(matrix)
    people, songs = rows.shape
    if not people:
        empty = (
            np.zeros(shape, np.float32) for shape in ((0, settings.hidden), settings.hidden, (0, settings.hidden), 0)
        )
        return list(empty)
    scale = np.float32(np.sqrt(2 / (songs + settings.hidden)))
    log_share = np.log(np.asarray(target.sum(0)) + target.sum() / songs).astype(np.float32)
    parts = [
        rng.standard_normal((songs, settings.hidden), np.float32) * scale,
        np.zeros(settings.hidden, np.float32),
        rng.standard_normal((songs, settings.hidden), np.float32) * scale,
        log_share - log_share.mean(),
    ]
    means, squares = ([np.zeros_like(part) for part in parts] for _ in range(2))
    order = np.empty(0, np.int64)
    for step in range(1, settings.steps + 1):
        if not len(order):
            order = rng.permutation(people) if people > BATCH_SIZE else np.arange(people)
        batch, order = order[:BATCH_SIZE], order[BATCH_SIZE:]
        shown = rows[batch]
        shown.data *= (rng.random(len(shown.data), np.float32) >= settings.hide) / np.float32(1 - settings.hide)
        for each in zip(parts, _gradients(parts, shown, target[batch]), means, squares, strict=True):
            values, gradient, mean, square = (part.reshape(-1) for part in each)
            adam_step(values, gradient, mean, square, settings.rate, step)
    return parts


def _gradients(parts: list[Factors], shown: csr_array, target: csr_array) -> list[Factors]:
    """Return the gradients of the mean cross-entropy between the target and what is predicted from what is shown."""
    encoder, bias, decoder, decoder_bias = parts
    hidden = np.tanh(shown @ encoder + bias)
    error = hidden @ decoder.T + decoder_bias
    error -= error.max(1, keepdims=True)
    np.exp(error, out=error)
    error /= error.sum(1, keepdims=True)
    error[np.repeat(np.arange(len(error)), np.diff(target.indptr)), target.indices] -= target.data
    error /= np.float32(len(error))
    back = (error @ decoder) * (1 - hidden * hidden)
    return [np.asarray(shown.T @ back), back.sum(0), error.T @ hidden, error.sum(0)]


def _l2_normalized(rows: csr_array) -> csr_array:
    return _divided(rows, np.sqrt(np.asarray((rows * rows).sum(1))))


def _l1_normalized(rows: csr_array) -> csr_array:
    return _divided(rows, np.asarray(rows.sum(1)))


def _divided(rows: csr_array, size: NDArray[np.float32]) -> csr_array:
    """Return rows divided by their sizes; empty ones stay."""
    divided = rows.astype(np.float32)
    divided.data /= np.repeat(np.maximum(size, np.finfo(np.float32).tiny), np.diff(rows.indptr)).astype(np.float32)
    return divided

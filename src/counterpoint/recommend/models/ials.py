"""iALS: implicit-feedback alternating least squares (Hu, Koren & Volinsky 2008), regularised by frequency.

Rendle, Krichene, Zhang & Koren (RecSys 2022) show that it is among the best there is when it is tuned.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from counterpoint.recommend.interactions import Interactions
from counterpoint.recommend.models.als_conjugate_gradient_kernels import solved
from counterpoint.recommend.models.factors import Factors, at_most, top_in_direction
from counterpoint.recommend.models.protocol import Barred, Ranked
from counterpoint.rng import generator

FOLDING: Final = 8  # steps of conjugate gradients that place a listener from nothing: as good as exact
CHUNKS: Final = 128
A_ROW: Final = 8  # pairs that a row costs beside its own


@dataclass(frozen=True, eq=False)
class LeastSquares:
    """A listener is what explains a history best, all other songs taken for weakly unwanted.

    songs    : float32[songs, f], in the axes in which all songs together weigh
    spectrum : float32[f], along each
    mean     : what weights are divided by
    unseen   : the weight of a pair that is not there
    ridge    : times typical * ((songs known + unseen * songs) / typical) ** power it penalises a listener's squares
    typical  : the mean of songs known + unseen * songs
    """

    songs: Factors
    spectrum: NDArray[np.float32]
    weigh: str
    mean: float
    unseen: float
    ridge: float
    power: float
    typical: float

    def placed(self, histories: Interactions) -> Factors:
        """Return the solutions, float32[listeners, f]."""
        rows = histories.liked.matrix(self.weigh)
        rows.data /= self.mean
        first = np.zeros((len(histories), self.songs.shape[1]), np.float32)
        return _half(rows, self.songs, self.spectrum, _ridge(_paid(rows, self), self.typical, self), first, FOLDING)

    def top(self, histories: Interactions, count: int, *, barred: Barred, new: bool = True) -> Ranked:
        """See `Model.top`."""
        return top_in_direction(self, histories, count, barred=barred, new=new)

    def because(self, history: Interactions, song: int) -> NDArray[np.float64] | None:
        """Return each pair's part of the least-squares sum (Hu et al. 2008, section 5); see `Model.because`."""
        own = self.songs[history.song].astype(np.float64)
        weight = np.where(history.disliked, 0, history.weights(self.weigh) / self.mean).astype(np.float64)
        known = float((~history.disliked).sum())
        ridge = _ridge(np.array([known]) + self.unseen * len(self.songs), self.typical, self)[0]
        normal = np.diag(self.spectrum + ridge) + own.T @ (own * weight[:, None])
        return np.asarray(weight * (own @ np.linalg.solve(normal, self.songs[song].astype(np.float64))))


@dataclass(frozen=True)
class IalsKind:
    """Alternates between listeners and songs, each solved by a few steps of conjugate gradients.

    `LeastSquares` says what `unseen`, `ridge` and `power` are.
    """

    factors: int = 128
    iterations: int = 10
    weigh: str = "rank"
    unseen: float = 0.06
    ridge: float = 0.012
    power: float = 0.7
    steps: int = 2

    def fit(self, seen: Interactions, *, seed: int) -> LeastSquares:
        """Alternate."""
        factors = at_most(self.factors, seen)
        rows = seen.liked.matrix(self.weigh)
        # What matters is how much a pair weighs beside one that is not there.
        mean = float(rows.data.mean()) if len(rows.data) else 1.0
        rows.data /= mean
        columns = rows.T.tocsr()
        songs = generator(seed).standard_normal((len(seen.songs), factors), np.float32) * np.float32(0.1 / factors**0.5)
        listeners = np.zeros((len(seen), factors), np.float32)
        for _ in range(self.iterations):
            spectrum, songs, listeners = _turned(songs, listeners, self.unseen)
            listeners = _half(rows, songs, spectrum, _penalties(rows, self), listeners, self.steps)
            spectrum, listeners, songs = _turned(listeners, songs, self.unseen)
            songs = _half(columns, listeners, spectrum, _penalties(columns, self), songs, self.steps)
        spectrum, songs, _ = _turned(songs, listeners, self.unseen)
        return LeastSquares(
            songs, spectrum, self.weigh, mean, self.unseen, self.ridge, self.power, _typical(rows, self)
        )


def _turned(fixed: Factors, other: Factors, unseen: float) -> tuple[NDArray[np.float32], Factors, Factors]:
    """Return the squares of the fixed side along its axes, times `unseen`, and both sides in these axes."""
    spectrum, axes = np.linalg.eigh((fixed.T @ fixed).astype(np.float64))
    turn = axes.astype(np.float32)
    return (unseen * np.maximum(spectrum, 0)).astype(np.float32), fixed @ turn, other @ turn


def _paid(rows: csr_array, of: "LeastSquares | IalsKind") -> NDArray[np.float64]:
    """Return what each row's pairs weigh together, absent ones included, float64[rows]."""
    return np.asarray(np.diff(rows.indptr) + of.unseen * rows.shape[1])


def _typical(rows: csr_array, of: "LeastSquares | IalsKind") -> float:
    return float(_paid(rows, of).mean())


def _ridge(paid: NDArray[np.float64], typical: float, of: "LeastSquares | IalsKind") -> NDArray[np.float32]:
    """Return each row's penalty, float32[rows]: the same for all with power 0, as it is paid with power 1."""
    return np.asarray(of.ridge * typical * (paid / typical) ** of.power, np.float32)


def _penalties(rows: csr_array, of: "IalsKind") -> NDArray[np.float32]:
    return _ridge(_paid(rows, of), _typical(rows, of), of)


def _half(
    rows: csr_array,
    other: Factors,
    spectrum: NDArray[np.float32],
    ridge: NDArray[np.float32],
    first: Factors,
    steps: int,
) -> Factors:
    """Return the rows' solutions with the other side as it is, float32[rows, f]."""
    start = rows.indptr.astype(np.int64)
    work = start + A_ROW * np.arange(len(start))
    cuts = np.searchsorted(work, np.linspace(0, work[-1], CHUNKS + 1))
    return np.asarray(solved(start, rows.indices, rows.data, other, spectrum, ridge, first, cuts, steps))

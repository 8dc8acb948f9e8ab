"""iALS: implicit-feedback alternating least squares (Hu, Koren & Volinsky 2008), regularised by frequency.

Rendle, Krichene, Zhang & Koren (RecSys 2022) show that it is among the best there is when it is tuned.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from counterpoint.recommend.interactions import Interactions
from counterpoint.recommend.models.als_conjugate_gradient_kernels import solve_rows
from counterpoint.recommend.models.factors import Factors, limit_factors, top_by_inner_product
from counterpoint.recommend.models.protocol import Excluded, RankedLists
from counterpoint.rng import generator

FOLD_IN_STEPS: Final = 8  # of conjugate gradients, from nothing: as good as exact
CHUNKS: Final = 128
ROW_COST: Final = 8  # pairs that a row costs beside its own


@dataclass(frozen=True, eq=False)
class IalsModel:
    """A listener is what explains a history best, all other songs taken for weakly unwanted.

    song_factors : float32[songs, f], in the axes in which all songs together weigh
    spectrum     : float32[f], along each
    mean_weight  : what weights are divided by
    unobserved   : the weight of a pair that is not there
    ridge        : what a listener's squares are multiplied by, times typical * (total / typical) ** power, where the
                   total weight of a listener is the number of songs known + unobserved * all songs
    typical      : the mean total weight
    """

    song_factors: Factors
    spectrum: NDArray[np.float32]
    weighting: str
    mean_weight: float
    unobserved: float
    ridge: float
    power: float
    typical: float

    def fold_in(self, histories: Interactions) -> Factors:
        """Return the solutions, float32[listeners, f]."""
        rows = histories.liked.matrix(self.weighting)
        rows.data /= self.mean_weight
        first = np.zeros((len(histories), self.song_factors.shape[1]), np.float32)
        ridge = _ridge(_total_weight(rows, self), self.typical, self)
        return _solve_half(rows, self.song_factors, self.spectrum, ridge, first, FOLD_IN_STEPS)

    def top(self, histories: Interactions, count: int, *, excluded: Excluded, new: bool = True) -> RankedLists:
        """See `ListModel.top`."""
        return top_by_inner_product(self, histories, count, excluded=excluded, new=new)

    def explanation(self, history: Interactions, song: int) -> NDArray[np.float64] | None:
        """Return each pair's part of the least-squares sum (Hu et al. 2008, section 5); see `ListModel.explanation`."""
        factors = self.song_factors[history.song].astype(np.float64)
        weight = np.where(history.disliked, 0, history.weights(self.weighting) / self.mean_weight).astype(np.float64)
        known = float((~history.disliked).sum())
        ridge = _ridge(np.array([known]) + self.unobserved * len(self.song_factors), self.typical, self)[0]
        normal = np.diag(self.spectrum + ridge) + factors.T @ (factors * weight[:, None])
        return np.asarray(weight * (factors @ np.linalg.solve(normal, self.song_factors[song].astype(np.float64))))


@dataclass(frozen=True)
class Ials:
    """Alternates between listeners and songs, each solved by a few steps of conjugate gradients.

    `IalsModel` says what `unobserved`, `ridge` and `power` are.
    """

    factors: int = 128
    iterations: int = 10
    weighting: str = "rank"
    unobserved: float = 0.06
    ridge: float = 0.012
    power: float = 0.7
    steps: int = 2

    def fit(self, seen: Interactions, *, seed: int) -> IalsModel:
        """Alternate."""
        factors = limit_factors(self.factors, seen)
        rows = seen.liked.matrix(self.weighting)
        # What matters is how much a pair weighs beside one that is not there.
        mean = float(rows.data.mean()) if len(rows.data) else 1.0
        rows.data /= mean
        columns = rows.T.tocsr()
        songs = generator(seed).standard_normal((len(seen.songs), factors), np.float32) * np.float32(0.1 / factors**0.5)
        listeners = np.zeros((len(seen), factors), np.float32)
        for _ in range(self.iterations):
            spectrum, songs, listeners = _in_own_axes(songs, listeners, self.unobserved)
            listeners = _solve_half(rows, songs, spectrum, _penalties(rows, self), listeners, self.steps)
            spectrum, listeners, songs = _in_own_axes(listeners, songs, self.unobserved)
            songs = _solve_half(columns, listeners, spectrum, _penalties(columns, self), songs, self.steps)
        spectrum, songs, _ = _in_own_axes(songs, listeners, self.unobserved)
        return IalsModel(
            songs, spectrum, self.weighting, mean, self.unobserved, self.ridge, self.power, _typical(rows, self)
        )


def _in_own_axes(fixed: Factors, other: Factors, unobserved: float) -> tuple[NDArray[np.float32], Factors, Factors]:
    """Return the squares of the fixed side along its axes, times `unobserved`, and both sides in these axes."""
    spectrum, axes = np.linalg.eigh((fixed.T @ fixed).astype(np.float64))
    turn = axes.astype(np.float32)
    return (unobserved * np.maximum(spectrum, 0)).astype(np.float32), fixed @ turn, other @ turn


def _total_weight(rows: csr_array, settings: "IalsModel | Ials") -> NDArray[np.float64]:
    """Return what each row's pairs weigh together, absent ones included, float64[rows]."""
    return np.asarray(np.diff(rows.indptr) + settings.unobserved * rows.shape[1])


def _typical(rows: csr_array, settings: "IalsModel | Ials") -> float:
    return float(_total_weight(rows, settings).mean())


def _ridge(total: NDArray[np.float64], typical: float, settings: "IalsModel | Ials") -> NDArray[np.float32]:
    """Return each row's penalty, float32[rows]: the same for all with power 0, as `total` with power 1."""
    return np.asarray(settings.ridge * typical * (total / typical) ** settings.power, np.float32)


def _penalties(rows: csr_array, settings: "Ials") -> NDArray[np.float32]:
    return _ridge(_total_weight(rows, settings), _typical(rows, settings), settings)


def _solve_half(
    rows: csr_array,
    other: Factors,
    spectrum: NDArray[np.float32],
    ridge: NDArray[np.float32],
    first: Factors,
    steps: int,
) -> Factors:
    """Return the rows' solutions with the other side as it is, float32[rows, f]."""
    start = rows.indptr.astype(np.int64)
    work = start + ROW_COST * np.arange(len(start))
    cuts = np.searchsorted(work, np.linspace(0, work[-1], CHUNKS + 1))
    return np.asarray(solve_rows(start, rows.indices, rows.data, other, spectrum, ridge, first, cuts, steps))

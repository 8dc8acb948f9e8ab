"""Sparse matrices of scipy's: the entry in row i and column j is the weight of the edge from i to j, and above 0."""

from io import BytesIO
from typing import Any

import numpy as np
import polars as pl
from scipy.sparse import coo_array, load_npz

from counterpoint.errors import CounterpointError
from counterpoint.networks.formats.edge_table import EdgeTable, ReadReport, check_count, explained


def read_npz(file: str, data: bytes) -> EdgeTable:
    """Read what `scipy.sparse.save_npz` wrote; no pickle is ever opened. Raises CounterpointError for anything else."""
    with explained(f"{file}: no sparse matrix of scipy's"):
        matrix = load_npz(BytesIO(data))
        rows, columns = matrix.shape
        _check_shape(file, rows, columns, len(data))
        if hasattr(matrix, "check_format"):
            matrix.check_format(full_check=True)  # places beyond the matrix would be followed, wherever they lead
        matrix = coo_array(matrix)
        if any(((end < 0) | (end >= rows)).any() for end in matrix.coords):
            raise CounterpointError(f"{file}: an entry beyond the {rows:,} rows and columns")
    return of_matrix(file, matrix, first=0, directed=None)


def of_matrix(file: str, matrix: Any, *, first: int, directed: bool | None) -> EdgeTable:
    """Return the edges of a matrix in coordinates.

    first    : what the first node is called
    directed : False: each pair of entries that mirror each other is one edge; None: that, if the matrix is symmetric

    Raises CounterpointError for entries that are no weights.
    """
    if matrix.dtype.kind not in "biuf":
        raise CounterpointError(f"{file}: its entries are {matrix.dtype}; numbers above 0 would be right")
    weight = matrix.data.astype(np.float64)
    if len(bad := np.flatnonzero(~((weight > 0) & np.isfinite(weight)))):
        place = [int(end[bad[0]]) + first for end in matrix.coords]
        raise CounterpointError(f"{file}: the entry at {place} is {weight[bad[0]]:g}; a number above 0 would be right")
    source, target = matrix.coords
    if directed is None:
        directed = bool((matrix != matrix.T).nnz)
    if not directed:
        upper = source >= target
        source, target, weight = source[upper], target[upper], weight[upper]
    names = pl.Series("node", np.arange(first, first + matrix.shape[0]))
    columns = {} if (weight == 1).all() else {"weight": weight}
    return EdgeTable(names, source, target, ReadReport(len(source)), directed, None, columns)


def _check_shape(file: str, rows: int, columns: int, size: int) -> None:
    if rows != columns:
        raise CounterpointError(f"{file}: a matrix of {rows:,} x {columns:,}; a network is a square one")
    check_count(file, rows, size)

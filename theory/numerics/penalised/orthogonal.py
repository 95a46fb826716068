"""Orthogonal factors that are accurate row by row, whatever the units of rows and columns are."""

from __future__ import annotations

import numpy as np
from scipy.linalg import qr

_ROUNDING = float(np.finfo(np.float64).eps)


def orthogonal_factors(a: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return Q, R and the order of the columns, with as many rows of R as A has rank.

    With the rows sorted by size and the columns pivoted, the error of Householder's method is
    small in every row, relative to that row (Cox and Higham 1998).
    """
    scale = np.abs(a).max(axis=0)
    scale = np.exp2(np.round(np.log2(np.where(scale > 0, scale, 1.0))))
    rows = np.argsort(-np.abs(a / scale).max(axis=1), kind="stable")
    basis, triangle, order = qr(
        (a / scale)[rows], mode="economic", pivoting=True, check_finite=False
    )
    sizes = np.abs(np.diagonal(triangle))
    rank = int((sizes > max(a.shape) * _ROUNDING * sizes[0]).sum())
    sorted_back = np.empty_like(basis[:, :rank])
    sorted_back[rows] = basis[:, :rank]
    return sorted_back, triangle[:rank] * scale[order], order

"""Orthogonal factors that are accurate row by row, whatever the units of rows and columns are."""

from __future__ import annotations

from math import inf

import numpy as np
from scipy.linalg import LinAlgError, cholesky, qr

from grokflow.theory.numerics.rounding import (
    down,
    minus,
    multiplied,
    norm_above,
    product_above,
    ratio_above,
)

_ROUNDING = float(np.finfo(np.float64).eps)
# Least pivot of a Gram matrix of unit diagonal that loses no digits to speak of.
_WELL_CONDITIONED = 0.1
# Rows whose errors are computed at a time, which takes little memory.
_BLOCK = 4096


def by_size(matrix: np.ndarray) -> np.ndarray:
    """Return the order of rows from the largest to the smallest.

    In this order, and with pivoting, Householder's method errs in each row by rounding of that row.
    """
    return np.argsort(-np.abs(matrix).max(axis=1), kind="stable")


def gram_triangle(matrix: np.ndarray) -> np.ndarray | None:
    """Return T in ``A = U T`` from the Gram matrix, which costs little; None where it loses digits.

    It does where columns nearly combine, or where rows differ in size by orders.
    """
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        gram = matrix.T @ matrix
        size = np.sqrt(np.diagonal(gram))
        gram = gram / size / size[:, None]
    try:
        triangle = cholesky(gram, check_finite=False)
    except LinAlgError:
        return None
    return triangle * size if np.diagonal(triangle).min() > _WELL_CONDITIONED else None


def row_triangle(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return T and the order of columns in ``A[:, order] = U T``, accurate row by row."""
    triangle, order = qr(matrix[by_size(matrix)], mode="r", pivoting=True, check_finite=False)
    return triangle[: matrix.shape[1]], order


def orthogonal_factors(a: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return Q, R and the order of the columns, with as many rows of R as A has rank.

    With the rows sorted by size and the columns pivoted, the error of Householder's method is
    small in every row, relative to that row (Cox and Higham 1998).
    """
    scale = np.abs(a).max(axis=0)
    scale = np.exp2(np.round(np.log2(np.where(scale > 0, scale, 1.0))))
    rows = by_size(a / scale)
    basis, triangle, order = qr(
        (a / scale)[rows], mode="economic", pivoting=True, check_finite=False
    )
    sizes = np.abs(np.diagonal(triangle))
    rank = int((sizes > max(a.shape) * _ROUNDING * sizes[0]).sum())
    sorted_back = np.empty_like(basis[:, :rank])
    sorted_back[rows] = basis[:, :rank]
    return sorted_back, triangle[:rank] * scale[order], order


@np.errstate(over="ignore", invalid="ignore")  # what overflows bounds nothing
def factors_error(x: np.ndarray, q: np.ndarray, r: np.ndarray, right: np.ndarray) -> float:
    """Bound how far Q is from combinations of the columns of ``X ≈ Q R``, in the Frobenius norm.

    With ``X = Q R + E`` and ``R Y = 1 + F`` the combinations ``X Y (1 + F)⁻¹`` differ from Q by
    ``E Y (1 + F)⁻¹``. Both errors are computed, with bounds on what rounding hides of them.

    Parameters
    ----------
    x, q, r : ndarray, shapes (n, d), (n, k) and (k, d)
        The matrix and its factors.
    right : ndarray, shape (d, k)
        Y, an approximate right inverse of R.

    Returns
    -------
    float
        Infinite where F is not below 1.
    """
    miss = norm_above(minus(multiplied(r, right), np.eye(len(r))).size)
    if not miss < 1:
        return inf
    parts = [slice(i, i + _BLOCK) for i in range(0, len(x), _BLOCK)]
    left = norm_above(np.array([_product_error(q[part], r, x[part]) for part in parts]))
    return ratio_above(product_above(left, norm_above(right)), down(1 - miss))


def _product_error(q: np.ndarray, r: np.ndarray, x: np.ndarray) -> float:
    return norm_above(minus(multiplied(q, r), x).size)

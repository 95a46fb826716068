"""Eigenvalues of symmetric matrices from below, proved by a Cholesky factorisation.

Where Cholesky's method ends on a matrix in floating point, the exact matrix plus
``γ_{n+1}/(1 - γ_{n+1})`` times its trace is positive semidefinite (Demmel 1989, Rump 2006). So a
shifted matrix that it ends on proves a lower bound on the least eigenvalue.
"""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cholesky, svd
from scipy.linalg.lapack import dpocon

from grokflow.theory.numerics.hard_margin import independent_rows
from grokflow.theory.numerics.rounding import (
    TINY,
    down,
    gamma,
    minus,
    multiplied,
    norm_above,
    ratio_below,
)

# Fractions of the estimated least eigenvalue that are tried as bounds.
_FRACTIONS = (0.5, 0.1, 0.01)
# Entries of a matrix up to which its rank is found in rational numbers, in about a second.
_MOST_FOR_RANK = 20_000


def least_eigenvalue_above(matrix: np.ndarray, error: float = 0.0) -> float:
    """Return a proved lower bound on the least eigenvalue, 0 where none is found.

    Parameters
    ----------
    matrix : ndarray, shape (n, n)
        A symmetric matrix with diagonal entries of order one.
    error : float
        How far each of its entries may be from the exact one.
    """
    if not np.isfinite(matrix).all():
        return 0.0
    estimate = _least_eigenvalue(matrix)
    n = len(matrix)
    # Rounding of Cholesky's method and of the shifted diagonal, and what the entries miss.
    trace = float(np.trace(matrix)) * (1 + gamma(n))
    doubt = 1.01 * (2 * gamma(n + 2) * trace + n * error + n * n * TINY)
    for fraction in _FRACTIONS:
        shift = fraction * estimate
        if shift > doubt and _ends(matrix, shift):
            return (shift - doubt) * (1 - 4 * 2.0**-53)
    return 0.0


class Spanning(NamedTuple):
    """Equations that imply all others, and a lower bound on the least singular value of their rows.

    The bound is 0 where it is not proved to be positive, and then nothing is proved.
    """

    rows: list[int]
    least: float


def spanning_equations(x: np.ndarray, targets: np.ndarray) -> Spanning:
    """Choose equations of ``Xw = t`` that imply the others, if that is proved.

    Where rows depend on each other, the rank of X with t beside is found in rational numbers: the
    equations of as many independent rows imply all.

    Parameters
    ----------
    x : ndarray, shape (n, d)
        Rows, of lengths from 1 to 2.
    targets : ndarray, shape (n,)
        t.
    """
    rows = list(range(len(x)))
    least = _least_singular_value(x)
    if least > 0 or x.size > _MOST_FOR_RANK:
        return Spanning(rows, least)
    # Rational arithmetic takes a while to import, and most data do without.
    from grokflow.theory.numerics.rational import matrix

    chosen = independent_rows(x)
    if matrix(np.column_stack([x, targets])).rank() > len(chosen):
        return Spanning(rows, 0.0)
    return Spanning(chosen, _least_singular_value(x[chosen]))


def _least_singular_value(x: np.ndarray) -> float:
    """Return a proved lower bound on the singular values of rows that are shorter than 2."""
    # |<x_i, x_j> - K_ij| ≤ γ_d ‖x_i‖‖x_j‖.
    error = 4.1 * gamma(x.shape[1]) + x.shape[1] * TINY
    least = down(sqrt(least_eigenvalue_above(x @ x.T, error)))
    # Products of rows square the condition.
    return least if least > 0 else _by_inverse(x)


def _by_inverse(x: np.ndarray) -> float:
    """Bound singular values by ``(1 - ‖I - XP‖)/‖P‖``, with any P near the pseudoinverse of X."""
    if x.shape[0] > x.shape[1] or not np.isfinite(x).all():
        return 0.0
    u, s, v = svd(x, full_matrices=False, lapack_driver="gesvd", check_finite=False)
    if not s[-1] > 0:
        return 0.0
    inverse = (v.T / s) @ u.T
    missed = minus(multiplied(x, inverse), np.eye(len(x)))
    share = norm_above(missed.size)
    return ratio_below(down(1 - share), norm_above(inverse)) if share < 1 else 0.0


def _least_eigenvalue(matrix: np.ndarray) -> float:
    """Estimate the least eigenvalue by that of the inverse in the 1-norm; 0 if not positive."""
    try:
        factor, lower = cho_factor(matrix, lower=True, check_finite=False)
    except LinAlgError:
        return 0.0
    norm = float(np.abs(matrix).sum(axis=0).max())
    reciprocal, _ = dpocon(factor, norm, uplo="L" if lower else "U")
    return float(reciprocal) * norm


def _ends(matrix: np.ndarray, shift: float) -> bool:
    shifted = matrix.copy()
    shifted[np.diag_indices_from(shifted)] -= shift
    try:
        cholesky(shifted, lower=True, overwrite_a=True, check_finite=False)
    except LinAlgError:
        return False
    return True

"""Penalised least squares in rational arithmetic, for small data that rounding does not resolve.

Where the data can be fitted and the penalty is slight the least objective is far below the squared
rounding of the outputs. Solved exactly, it is known, and the weights nearest to the optimum in
double precision are as good as there are. Above a size that takes seconds there is no answer.
"""

from __future__ import annotations

import numpy as np

from grokflow.theory.certificate import Certificate
from grokflow.theory.numerics.exact_answers import Rounded, system_size
from grokflow.theory.numerics.exact_programs import Features, Impossible, least_square_above
from grokflow.theory.numerics.rational import (
    double_above,
    double_below,
    doubles,
    exact,
    fmpq,
    fmpq_mat,
    inner,
    largest,
    matrix,
    one_norm,
    squared_norm,
)

# Largest r² max(n, d), r = min(n, d): a second where all entries have digits of their own.
_MOST = 300_000


def exact_l1(x: np.ndarray, targets: np.ndarray, tau: float, guess: np.ndarray) -> Rounded | None:
    """Minimise ``(1/n) Σ (<w, x_i> - y_i)² + τ‖w‖₁`` exactly.

    With v the outputs, multipliers ``μ = 2(y - v)/n`` obey ``|Xᵀμ| ≤ τ`` where v is the shortest
    vector with ``±Xᵀv ≥ ±Xᵀy - nτ/2`` for both signs, and w are the multipliers of this program.

    Parameters
    ----------
    x : ndarray, shape (n, d)
        Inputs.
    targets : ndarray, shape (n,)
        y.
    tau : float
        Strength τ.
    guess : ndarray, shape (d,)
        Weights near the optimum, of which the signs only save time.

    Returns
    -------
    Rounded or None
        None where the size forbids an answer, or the weights overflow.
    """
    if system_size(x) > _MOST:
        return None
    a, b, strength = matrix(x), matrix(targets), exact(tau)
    n, d = x.shape
    pulled = (a.transpose() * b).entries()
    wanted = [sign * q - n * strength / 2 for sign in (1, -1) for q in pulled]
    rows = fmpq_mat([*a.transpose().tolist(), *(-1 * a.transpose()).tolist()])
    signs = np.flatnonzero(np.concatenate([guess > 0, guess < 0])).tolist()
    found = least_square_above(Features(rows), fmpq_mat(2 * d, 1, wanted), signs)
    assert not isinstance(found, Impossible)  # v = y satisfies all
    halves = found.entries()
    w = fmpq_mat(d, 1, [p - m for p, m in zip(halves[:d], halves[d:], strict=True)])
    mu = (b - a * w) * fmpq(2, n)
    assert largest(a.transpose() * mu) <= strength
    rounded = doubles(w)
    if not np.isfinite(rounded).all():
        return None
    penalty = strength * one_norm(matrix(rounded))
    return _certified(a, b, rounded, mu, penalty, fmpq(0))


def exact_l2(x: np.ndarray, targets: np.ndarray, lam: float) -> Rounded | None:
    """Minimise ``(1/n) Σ (<w, x_i> - y_i)² + (λ/2)‖w‖²`` exactly; for the rest see `exact_l1`."""
    if system_size(x) > _MOST:
        return None
    a, b, strength = matrix(x), matrix(targets), exact(lam)
    n, d = x.shape
    ridge = n * strength / 2
    if n <= d:
        w = a.transpose() * _shifted(a * a.transpose(), ridge).solve(b)
    else:
        w = _shifted(a.transpose() * a, ridge).solve(a.transpose() * b)
    mu = (b - a * w) * fmpq(2, n)
    rounded = doubles(w)
    if not np.isfinite(rounded).all():
        return None
    penalty = strength / 2 * squared_norm(matrix(rounded))
    return _certified(a, b, rounded, mu, penalty, squared_norm(a.transpose() * mu) / (2 * strength))


def _certified(
    a: fmpq_mat, b: fmpq_mat, w: np.ndarray, mu: fmpq_mat, penalty: fmpq, pulled: fmpq
) -> Rounded:
    """Bound the optimum by the rounded weights, and by weak duality for exact multipliers."""
    n = b.nrows()
    upper = squared_norm(a * matrix(w) - b) / n + penalty
    lower = inner(mu, b) - n * squared_norm(mu) / 4 - pulled
    certificate = Certificate(double_below(lower), double_above(upper), 0.0)
    return Rounded(w, doubles(mu), certificate)


def _shifted(gram: fmpq_mat, ridge: fmpq) -> fmpq_mat:
    """Return the matrix with a number added on its diagonal."""
    size = gram.nrows()
    return gram + fmpq_mat(size, size, [ridge * (i == j) for i in range(size) for j in range(size)])

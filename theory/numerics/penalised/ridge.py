"""L2-penalised losses through orthogonal factors, for data that a Gram matrix loses in rounding.

Newton's method on ``(1/n) Σ l(q_i) + (λ/2)‖w‖²`` with ``q = Xw``: each step is a ridge regression
of weighted rows ``A = √h X`` on ``b = √h q + pull/√h``,

    ``w = Aᵀ y``,    ``(A Aᵀ + nλ) y = b``,    multipliers ``μ = λ √h y``.

The matrix is ``MᵀM`` with M the columns of Aᵀ over ``√(nλ)`` times the identity. With ``M = QR``
follows ``t = R⁻ᵀ b``, w from t by the upper part of Q, and ``y = R⁻¹ t``: neither is a difference
of nearly equal numbers, however small λ is. Where n > d, A is first factored into ``Q_A R_A`` and
what b has beyond the range of A is added to the residual.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg import qr, solve_triangular

from grokflow.theory.losses import Loss
from grokflow.theory.numerics.penalised.orthogonal import orthogonal_factors

_STEPS = 200
_SHORTEST = 1e-18
# Newton's decrement, relative to the objective, below which a step changes rounding alone.
_SETTLED = 1e-20
_LEAST_CURVATURE = 1e-14
_ROUNDING = float(np.finfo(np.float64).eps)


class _Step(NamedTuple):
    """Weights and multipliers after a Newton step."""

    w: np.ndarray
    mu: np.ndarray


def ridge(
    x: np.ndarray, targets: np.ndarray, loss: Loss, lam: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return weights (d,) and multipliers (n,) that minimise the penalised loss.

    Parameters
    ----------
    x : ndarray, shape (n, d)
        The data X.
    targets : ndarray, shape (n,)
        What the loss is given besides the outputs.
    loss : Loss
        Loss l.
    lam : float
        Weight decay λ.
    """
    n, d = x.shape
    across = None
    if d > n:
        # In the span of the rows there are n unknowns.
        across, lower = qr(x.T, mode="economic", check_finite=False)
        x = lower.T
    # A wild trial step may overflow, and is not taken.
    with np.errstate(over="ignore", invalid="ignore"):
        step = _descend(x, targets, loss, lam)
    return (step.w if across is None else across @ step.w), step.mu


def _descend(x: np.ndarray, targets: np.ndarray, loss: Loss, lam: float) -> _Step:
    """Take Newton steps until the objective no longer falls."""
    w = np.zeros(x.shape[1])

    def objective(w: np.ndarray) -> float:
        return float(loss.value(x @ w, targets).mean() + lam / 2 * (w @ w))

    value = objective(w)
    for _ in range(_STEPS):
        direction = _newton(x, targets, loss, lam, w).w - w
        before, length = value, 1.0
        while not (value := objective(w + length * direction)) < before:
            length /= 2
            if length < _SHORTEST:
                return _newton(x, targets, loss, lam, w)
        # Far from the data an exponential tail lets Newton's step gain one unit of margin only.
        while length >= 1 and (longer := objective(w + 2 * length * direction)) < value:
            length, value = 2 * length, longer
        w = w + length * direction
        if before - value <= _SETTLED * abs(value):
            break
    return _newton(x, targets, loss, lam, w)


def _newton(x: np.ndarray, targets: np.ndarray, loss: Loss, lam: float, w: np.ndarray) -> _Step:
    n, d = x.shape
    q = x @ w
    pull = loss.descent(q, targets)
    curvature = np.maximum(loss.curvature(q, targets), _LEAST_CURVATURE * np.abs(pull))
    root = np.sqrt(curvature)
    a = x * root[:, None]
    # The square loss is its own quadratic model: q cancels, and is better left out.
    b = root * q + np.divide(pull, root, out=np.zeros(n), where=root > 0)
    rest = np.zeros(n)
    basis = None
    if d < n:
        basis, triangle, order = orthogonal_factors(a)
        rest = b - basis @ (basis.T @ b)
        rest -= basis @ (basis.T @ rest)
        blur = _ROUNDING * (np.abs(a) @ np.abs(w) + np.abs(b))
        if (np.abs(rest) <= 4 * d * blur).all():
            rest = np.zeros(n)
        a = np.empty((len(triangle), d))
        a[:, order] = triangle
        b = basis.T @ b
    stacked = np.vstack([a.T, np.sqrt(n * lam) * np.eye(len(a))])
    factor, triangle = qr(stacked, mode="economic", check_finite=False)
    t = solve_triangular(triangle, b, trans="T", check_finite=False)
    y = n * lam * solve_triangular(triangle, t, check_finite=False)
    residual = y if basis is None else basis @ y + rest
    return _Step(factor[:d] @ t, root * residual / n)

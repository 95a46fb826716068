"""Certificates for matrix completion, from (problem, answer) alone.

As in `grokflow.theory.linear.certificates`: the multipliers are scaled until they are dual
feasible, weak duality bounds the optimum from below, and the answer bounds it from above. An answer
that misses observed entries bounds nothing: they are put in first. General measurements cannot be
put in exactly; what is missed of them is charged with the multipliers, to first order.

Every bound is moved to the safe side by its rounding. Eigenvalues and singular values that LAPACK
computes are those of a matrix within ``p(d) u ‖W‖_F`` of W, with a modestly growing p [1]_, here
8 d; they differ from those of W by no more than that, and their sum by √d times it (Mirsky).

References
----------
.. [1] Anderson et al., LAPACK Users' Guide (1999), sections 4.7 to 4.9.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import NamedTuple

import numpy as np

from grokflow.theory.certificate import Certificate
from grokflow.theory.completion.problem import CompletionProblem
from grokflow.theory.completion.spaces.protocol import MatrixSpace
from grokflow.theory.numerics.rounding import (
    down,
    gamma,
    half_square_below,
    inner_below,
    norm_above,
    power_of_two,
    ratio_below,
    up,
)


def min_frobenius_norm(
    problem: CompletionProblem, w: np.ndarray, multipliers: np.ndarray
) -> Certificate:
    """Certify ``min ½‖W‖_F² : A(W) = y`` by the dual ``max yᵀμ - ½‖A*(μ)‖_F²``."""
    fitted = _fit(problem, w, multipliers)
    # Sums of d² squares, and the rounding of what is squared.
    slack = gamma(problem.d**2 + problem.measurements.sums + 8)
    # The dual bound does not depend on the unit of the multipliers.
    mu = multipliers / power_of_two(np.array([np.abs(multipliers).max(initial=0.0)]))
    norm = up(sqrt(problem.space.squared_norm(problem.measurements.adjoint(mu)) * (1 + slack)))
    best = max(inner_below(problem.values, mu), 0.0)
    lower = half_square_below(ratio_below(best, norm)) if best > 0 else 0.0
    upper = problem.space.squared_norm(fitted.matrix) / 2 * (1 + slack) + fitted.penalty
    if fitted.matrix.any():  # squares may underflow
        upper += problem.d**2 * float(np.finfo(float).smallest_subnormal)
    return Certificate(lower, _above(upper), fitted.miss)


def min_nuclear_norm(
    problem: CompletionProblem, w: np.ndarray, multipliers: np.ndarray
) -> Certificate:
    """Certify ``min ‖W‖_* : A(W) = y`` by the dual ``max yᵀμ : ‖A*(μ)‖₂ ≤ 1``.

    The upper bound is that of `w` with the observed entries put in.
    """
    fitted = _fit(problem, w, multipliers)
    reach = max(1.0, _reach_above(problem, multipliers))
    lower = down(inner_below(problem.values, multipliers) / reach)
    upper = nuclear_norm_above(problem.space, fitted.matrix) + fitted.penalty
    return Certificate(max(lower, 0.0), _above(upper), fitted.miss)


def nuclear_penalised(
    problem: CompletionProblem, w: np.ndarray, multipliers: np.ndarray, lam: float
) -> Certificate:
    """Certify ``min (1/N) Σ (<A_i, W> - y_i)² + (λ/2)‖W‖_*`` by its Fenchel dual.

    ``max yᵀμ - Σ N μ_i² / 4c_i : ‖A*(μ)‖₂ ≤ λ/2``, c_i the counts. Every `w` is feasible; the
    multipliers are scaled down to feasibility.
    """
    reach = _reach_above(problem, multipliers)
    mu = multipliers * min(1.0, lam / 2 / reach) if reach > 0 else multipliers
    slack = gamma(mu.size + problem.measurements.terms + 8)
    cost = float((mu**2 / problem.weights).sum()) / 4 * (1 + slack)
    lower = down(inner_below(problem.values, mu) - up(cost))
    norm = nuclear_norm_above(problem.space, w)
    return Certificate(
        max(lower, 0.0), _above(problem.loss(w) * (1 + slack) + _above(lam / 2 * norm)), 0.0
    )


def operator_norm_above(space: MatrixSpace, w: np.ndarray) -> float:
    """Return an upper bound on ``‖W‖₂``."""
    return _above(space.operator_norm(w) + _backward_error(space, w))


def nuclear_norm_above(space: MatrixSpace, w: np.ndarray) -> float:
    """Return an upper bound on ``‖W‖_*``."""
    error = float(np.sqrt(space.d)) * _backward_error(space, w)
    return _above(space.nuclear_norm(w) * (1 + gamma(space.d)) + error)


@dataclass(frozen=True)
class FactorCertificate:
    """How far factors (U, V) are from the global minimum of the regularised loss.

    With ``M₁ = (4/N) Σ (<A_i, W> - y_i) A_i`` the first-order conditions are
    ``(M₁ + λI) U = 0`` and ``(λI - M₁) V = 0``; with ``-λI ⪯ M₁ ⪯ λI`` as well, (U, V) is a global
    minimum (Lyu et al. 2024, Lemmas F.1-F.3).

    Parameters
    ----------
    stationarity : float
        Norm of the gradient, ``‖((M₁ + λI) U, (λI - M₁) V)‖_F``, relative to ``λ ‖(U, V)‖_F``.
    excess : float
        ``max(0, ‖M₁‖₂ / λ - 1)``.
    slackness : float
        ``(λ ‖(U, V)‖_F² + <M₁, W>) / λ ‖(U, V)‖_F²``: complementary slackness, 0 at an optimum.
    curvature : float
        Smallest eigenvalue of ``λI ± M₁``: where U (or V) has a kernel and this is negative, it
        is a direction of negative curvature of the regularised loss, so (U, V) is no minimum.
    value : Certificate
        Bounds on the global minimum of ``L(UUᵀ - VVᵀ) + (λ/2)(‖U‖² + ‖V‖²)``.
    """

    stationarity: float
    excess: float
    slackness: float
    curvature: float
    value: Certificate


def factors(
    problem: CompletionProblem, u: np.ndarray, v: np.ndarray, lam: float
) -> FactorCertificate:
    """Certify factors `u` (d, p) and `v` (d, q) of ``W = UUᵀ - VVᵀ`` at weight decay `lam`."""
    full = u @ u.T - v @ v.T
    w = problem.space.stored(full)
    m1 = problem.space.embed(2 * problem.gradient(w))
    size = float(np.sum(u**2) + np.sum(v**2))
    gradient = np.hypot(np.linalg.norm(m1 @ u + lam * u), np.linalg.norm(lam * v - m1 @ v))
    eigenvalues = np.linalg.eigvalsh(m1)
    reach = float(np.abs(eigenvalues).max())
    pull = -2 * problem.weights * problem.residuals(w)
    dual = nuclear_penalised(problem, w, pull, lam)
    upper = problem.loss(w) + lam / 2 * size
    return FactorCertificate(
        float(gradient) / (lam * np.sqrt(size)) if size > 0 else 0.0,
        max(0.0, reach / lam - 1),
        (lam * size + float(np.sum(m1 * full))) / (lam * size) if size > 0 else 0.0,
        lam - reach,
        Certificate(dual.lower, upper, 0.0),
    )


class _Fitted(NamedTuple):
    """A matrix with the measured values, what is charged for them, and what was missed."""

    matrix: np.ndarray
    penalty: float
    miss: float


def _fit(problem: CompletionProblem, w: np.ndarray, multipliers: np.ndarray) -> _Fitted:
    """Put the measured values in, where that is possible exactly."""
    miss = float(np.abs(problem.residuals(w)).max())
    size = float(np.abs(problem.values).max()) or 1.0
    fitted = problem.measurements.put_in(w, problem.values)
    if fitted is None:
        return _Fitted(w, miss * float(np.abs(multipliers).sum()), miss / size)
    return _Fitted(fitted, 0.0, miss / size)


def _reach_above(problem: CompletionProblem, multipliers: np.ndarray) -> float:
    """Return an upper bound on ``‖A*(μ)‖₂``, also for a μ whose last digit is rounded."""
    measurements = problem.measurements
    rounded = gamma(measurements.sums + 4) * float(np.abs(multipliers) @ measurements.norms)
    if measurements.sums == 1:  # distinct entries do not add up
        rounded = gamma(5) * float(np.linalg.norm(multipliers))
    reach = operator_norm_above(problem.space, measurements.adjoint(multipliers))
    return _above(reach + rounded)


def _backward_error(space: MatrixSpace, w: np.ndarray) -> float:
    # A block form has twice the squares of its block.
    return gamma(8 * space.d) * 1.5 * norm_above(w) if w.any() else 0.0


def _above(value: float) -> float:
    """Return a number above the exact one; zero comes from zeros alone."""
    return up(value) if value else 0.0

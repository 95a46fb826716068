"""Certificates for matrix completion, from (problem, answer) alone.

As in `grokflow.theory.linear.certificates`: the multipliers are scaled until they are dual
feasible, weak duality bounds the optimum from below, and the answer bounds it from above.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grokflow.theory.certificate import Certificate
from grokflow.theory.completion.problem import CompletionProblem


def min_frobenius_norm(
    problem: CompletionProblem, w: np.ndarray, multipliers: np.ndarray
) -> Certificate:
    """Certify ``min ½‖W‖_F² : A(W) = y`` by the dual ``max yᵀμ - ½‖A*(μ)‖_F²``."""
    penalty, miss = _equality_penalty(problem, w, multipliers)
    norm = problem.space.squared_norm(problem.measurements.adjoint(multipliers))
    best = float(problem.values @ multipliers)
    lower = best**2 / (2 * norm) if norm > 0 else 0.0
    return Certificate(lower, problem.space.squared_norm(w) / 2 + penalty, miss)


def min_nuclear_norm(
    problem: CompletionProblem, w: np.ndarray, multipliers: np.ndarray
) -> Certificate:
    """Certify ``min ‖W‖_* : A(W) = y`` by the dual ``max yᵀμ : ‖A*(μ)‖₂ ≤ 1``.

    The residual of `w` is charged for by the multipliers, as in `certificates.min_l1_norm`.
    """
    penalty, miss = _equality_penalty(problem, w, multipliers)
    reach = max(1.0, problem.space.operator_norm(problem.measurements.adjoint(multipliers)))
    lower = float(problem.values @ multipliers) / reach
    return Certificate(lower, problem.space.nuclear_norm(w) + penalty, miss)


def nuclear_penalised(
    problem: CompletionProblem, w: np.ndarray, multipliers: np.ndarray, lam: float
) -> Certificate:
    """Certify ``min (1/N) Σ (<A_i, W> - y_i)² + (λ/2)‖W‖_*`` by its Fenchel dual.

    ``max yᵀμ - Σ N μ_i² / 4c_i : ‖A*(μ)‖₂ ≤ λ/2``, c_i the counts. Every `w` is feasible; the
    multipliers are scaled down to feasibility.
    """
    reach = problem.space.operator_norm(problem.measurements.adjoint(multipliers))
    mu = multipliers * min(1.0, lam / 2 / reach) if reach > 0 else multipliers
    lower = float(problem.values @ mu - (mu**2 / problem.weights).sum() / 4)
    return Certificate(lower, problem.loss(w) + lam / 2 * problem.space.nuclear_norm(w), 0.0)


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


def _equality_penalty(
    problem: CompletionProblem, w: np.ndarray, multipliers: np.ndarray
) -> tuple[float, float]:
    miss = float(np.abs(problem.residuals(w)).max())
    size = float(np.abs(problem.values).max()) or 1.0
    return miss * float(np.abs(multipliers).sum()), miss / size

"""Certificates for matrix completion, from (problem, answer) alone.

As in `grokflow.theory.linear.certificates`: the multipliers are scaled until they are dual
feasible, weak duality bounds the optimum from below, and the answer bounds it from above. An answer
that misses observed entries bounds nothing: they are put in first. General measurements cannot be
put in exactly: the bound is that of a matrix with the measured values which is proved to be near.

Every bound is moved to the safe side by its rounding. Eigenvalues and singular values that LAPACK
computes are those of a matrix within ``p(d) u ‖W‖_F`` of W, with a modestly growing p [1]_, here
8 d; they differ from those of W by no more than that, and their sum by √d times it (Mirsky).

References
----------
.. [1] Anderson et al., LAPACK Users' Guide (1999), sections 4.7 to 4.9.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, sqrt
from typing import NamedTuple

import numpy as np

from grokflow.theory.certificate import Certificate
from grokflow.theory.completion.measurements import Matrices
from grokflow.theory.completion.problem import CompletionProblem
from grokflow.theory.completion.spaces.protocol import MatrixSpace
from grokflow.theory.completion.spaces.units import Units
from grokflow.theory.numerics.rounding import (
    MOST_EXACT,
    TINY,
    Enclosed,
    down,
    exact_size_above,
    gamma,
    half_square_above,
    half_square_below,
    inner_below,
    minus,
    multiplied,
    norm_above,
    power_of_two,
    product_above,
    ratio_above,
    ratio_below,
    sum_above,
    up,
)
from grokflow.theory.numerics.verified import spanning_equations


def min_frobenius_norm(
    problem: CompletionProblem, w: np.ndarray, multipliers: np.ndarray
) -> Certificate:
    """Certify ``min ½‖W‖_F² : A(W) = y`` by the dual ``max yᵀμ - ½‖A*(μ)‖_F²``."""
    units = Units.of(problem)
    problem, mu = units.of_problem(problem), multipliers * units.rows
    fitted = _fit(problem, w / units.size)
    # Sums of d² squares, and the rounding of what is squared.
    slack = gamma(problem.d**2 + problem.measurements.sums + 8)
    # The dual bound does not depend on the unit of the multipliers.
    mu = mu / power_of_two(np.array([np.abs(mu).max(initial=0.0)]))
    norm = up(sqrt(problem.space.squared_norm(problem.measurements.adjoint(mu)) * (1 + slack)))
    best = max(inner_below(problem.values, mu), 0.0)
    lower = half_square_below(ratio_below(best, norm)) if best > 0 else 0.0
    size = _above(sqrt(problem.space.squared_norm(fitted.matrix) * (1 + slack)))
    if fitted.matrix.any():  # squares may underflow
        size = up(size + problem.d * 2.0**-537)
    upper = half_square_above(_above(size + fitted.distance))
    return units.restored(Certificate(lower, upper, fitted.miss), 2)


def min_nuclear_norm(
    problem: CompletionProblem, w: np.ndarray, multipliers: np.ndarray
) -> Certificate:
    """Certify ``min ‖W‖_* : A(W) = y`` by the dual ``max yᵀμ : ‖A*(μ)‖₂ ≤ 1``.

    The upper bound is that of `w` with the observed entries put in.
    """
    units = Units.of(problem)
    problem, mu = units.of_problem(problem), multipliers * units.rows
    fitted = _fit(problem, w / units.size)
    reach = max(1.0, _reach_above(problem, mu))
    lower = down(inner_below(problem.values, mu) / reach)
    # A difference of d×d matrices has a nuclear norm of at most √d times its Frobenius norm.
    far = product_above(fitted.distance, up(sqrt(problem.d)))
    upper = _above(nuclear_norm_above(problem.space, fitted.matrix) + far)
    return units.restored(Certificate(max(lower, 0.0), upper, fitted.miss), 1)


def nuclear_penalised(
    problem: CompletionProblem, w: np.ndarray, multipliers: np.ndarray, lam: float
) -> Certificate:
    """Certify ``min (1/N) Σ (<A_i, W> - y_i)² + (λ/2)‖W‖_*`` by its Fenchel dual.

    ``max yᵀμ - Σ N μ_i² / 4c_i : ‖A*(μ)‖₂ ≤ λ/2``, c_i the counts. Every `w` is feasible; the
    multipliers are scaled down to feasibility.
    """
    if not (w.any() or problem.values.any()):
        return Certificate(0.0, 0.0, 0.0)
    units = Units.of_values(problem)
    if lam / units.size * units.size == lam:  # squares of small values would be lost
        problem, w = units.of_problem(problem), w / units.size
        multipliers, lam = multipliers / units.size, lam / units.size
    else:
        units = Units(units.rows, 1.0)
    found = _nuclear_penalised(problem, w, multipliers, lam)
    return units.restored(found, 2)


def _nuclear_penalised(
    problem: CompletionProblem, w: np.ndarray, multipliers: np.ndarray, lam: float
) -> Certificate:
    with np.errstate(over="ignore", invalid="ignore"):
        reach = _reach_above(problem, multipliers)
        mu = multipliers * min(1.0, lam / 2 / reach) if reach > 0 else multipliers
        slack = gamma(mu.size + problem.measurements.terms + 8)
        cost = float((mu**2 / problem.weights).sum()) / 4 * (1 + slack)
        lower = down(inner_below(problem.values, mu) - up(cost))
        missed = problem.weights * _residuals(problem, w).size ** 2
        penalty = _above(lam / 2 * nuclear_norm_above(problem.space, w))
    lost = sum_above(missed) * (1 + gamma(8)) + missed.size * TINY
    return Certificate(max(lower, 0.0), _above(_above(lost) + penalty), 0.0)


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
    """A matrix, how far one with the measured values is from it at most, and what was missed."""

    matrix: np.ndarray
    distance: float
    miss: float


def _fit(problem: CompletionProblem, w: np.ndarray) -> _Fitted:
    """Put the measured values in, or prove that a matrix with these values is near.

    With residuals r that matrix is ``W + A⁺r``, at most ‖r‖ over the least singular value of the
    measurements away: infinitely far where this is not proved to be positive.
    """
    fitted = problem.measurements.put_in(w, problem.values)
    if fitted is not None:
        missed = np.abs(problem.residuals(w))
        size = float(np.abs(problem.values).max()) or 1.0
        return _Fitted(fitted, 0.0, float(missed.max()) / size)
    if not (w.any() or problem.values.any()):
        return _Fitted(w, 0.0, 0.0)
    assert isinstance(problem.measurements, Matrices)  # entries are put in
    residuals, norms = _residuals(problem, w), problem.measurements.norms
    typical = norms * float(np.linalg.norm(w)) + np.abs(problem.values)
    missed = np.abs(residuals.value)
    miss = float((missed / np.where(missed > 0, typical, 1.0)).max())
    lengths = power_of_two(norms)
    rows = problem.measurements.array.reshape(len(norms), -1) / lengths[:, None]
    chosen, least = spanning_equations(rows, problem.values / lengths)
    size = norm_above(np.nextafter(residuals.size / lengths, inf)[chosen])
    return _Fitted(w, ratio_above(size, least) if least > 0 else inf, miss)


def missed_values(problem: CompletionProblem, w: np.ndarray) -> float:
    """Return an upper bound on the largest ``|<A_i, W> - y_i|`` over the largest value.

    Few measurements are summed without rounding, of others rounding is allowed for.
    """
    largest = float(np.abs(problem.values).max())
    if not largest > 0:
        return 0.0
    if not isinstance(problem.measurements, Matrices):
        return ratio_above(_above(float(np.abs(problem.residuals(w)).max())), largest)
    rows, point = problem.measurements.array.reshape(len(problem.values), -1), np.append(w, 1.0)
    if rows.size > MOST_EXACT:
        return ratio_above(float(_residuals(problem, w).size.max()), largest)
    terms = (np.append(row, -y) for row, y in zip(rows, problem.values, strict=True))
    return ratio_above(max(exact_size_above(term, point) for term in terms), largest)


def _residuals(problem: CompletionProblem, w: np.ndarray) -> Enclosed:
    """Enclose ``<A_i, W> - y_i``."""
    measurements = problem.measurements
    if isinstance(measurements, Matrices):
        outputs = multiplied(measurements.array.reshape(measurements.size, -1), w.ravel())
    else:
        entries = measurements.apply(w)
        outputs = Enclosed(entries, np.zeros_like(entries))
    return minus(outputs, problem.values)


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

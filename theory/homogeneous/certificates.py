"""Certificates of kernel machines: bounds from (kernel, targets, multipliers) alone.

The predictor is ``h = Σ c_i ∇f_i`` with ``c = μ`` for interpolation and ``c = y μ`` for margins;
``‖h‖² = cᵀKc`` and ``⟨∇f_i, h⟩ = (Kc)_i``, so the kernel is all that is needed. Targets and
multipliers of shape (n,), or (n, C) for C copies of the model, whose bounds add up.

The bounds hold for features whose inner products are the entries of K to within 64 roundings of
``√(K_ii K_jj)``; rounding of what is computed from K is bounded too.
"""

from __future__ import annotations

from math import inf, sqrt

import numpy as np

from grokflow.theory.certificate import Certificate, Farkas
from grokflow.theory.numerics.rounding import (
    Enclosed,
    divided,
    down,
    gamma,
    half_square_above,
    inner_below,
    minus,
    norm_above,
    of_products,
    power_of_two,
    ratio_above,
    ratio_below,
    sum_below,
    up,
)
from grokflow.theory.numerics.verified import least_eigenvalue_above

# Roundings of √(K_ii K_jj) that an entry of the kernel may be off by.
_ENTRY_ROUNDINGS = 64


def kernel_margin(gram: np.ndarray, labels: np.ndarray, multipliers: np.ndarray) -> Certificate:
    """Certify (K1), ``min ½‖h‖² : y_i ⟨∇f_i, h⟩ ≥ 1``, by ``max 1ᵀμ - ½ (yμ)ᵀK(yμ), μ ≥ 0``.

    The answer is scaled to margin 1; for the dual, multipliers are clipped at zero and rescaled
    to the best multiple. Of the model, one copy a column of `labels` is meant.
    """
    return total([_margin(gram, y, mu) for y, mu in _columns(labels, multipliers)])


def _margin(gram: np.ndarray, labels: np.ndarray, multipliers: np.ndarray) -> Certificate:
    signed = labels * multipliers
    outputs = _outputs(gram, signed)
    margin = float(np.where(labels > 0, outputs.low, -outputs.high).min())
    clipped = np.maximum(multipliers, 0)
    size = _norm_above(gram, labels * clipped)
    ratio = ratio_below(sum_below(clipped), size) if size > 0 else 0.0
    lower = max(down(ratio * ratio / 2), 0.0)
    if margin <= 0:
        return Certificate(lower, inf, inf)
    upper = half_square_above(ratio_above(_norm_above(gram, signed), margin))
    return Certificate(lower, upper, abs(1 / margin - 1))


def kernel_norm(gram: np.ndarray, targets: np.ndarray, multipliers: np.ndarray) -> Certificate:
    """Certify (K2), ``min ½‖h‖² : ⟨∇f_i, h⟩ = y_i``, by ``max yᵀμ - ½ μᵀKμ``.

    An equality cannot be repaired by scaling. With features of unit length and residuals r there is
    an exact interpolant within ``√(rᵀK⁻¹r)``: without a proof that K is definite the upper bound is
    infinite. The infeasibility is the largest ``|r_i| / (|y_i| + √K_ii ‖h‖)``.
    """
    if not targets.any() and not multipliers.any():
        return Certificate(0.0, 0.0, 0.0)
    lengths, least = _scaled(gram)
    pairs = _columns(targets, multipliers)
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows bounds nothing
        return total([_norm(gram, y, mu, lengths, least) for y, mu in pairs])


def _norm(
    gram: np.ndarray, targets: np.ndarray, mu: np.ndarray, lengths: np.ndarray, least: float
) -> Certificate:
    residual = minus(_outputs(gram, mu), targets)
    size = _norm_above(gram, mu)
    ratio = ratio_below(max(inner_below(targets, mu), 0.0), size) if size > 0 else 0.0
    lower = max(down(ratio * ratio / 2), 0.0)
    missed, typical = np.abs(residual.value), lengths * size + np.abs(targets)
    miss = float((missed / np.where(missed > 0, typical, 1.0)).max())
    if not least > 0:
        return Certificate(lower, inf, miss)
    distance = ratio_above(norm_above(np.nextafter(residual.size / lengths, inf)), least)
    return Certificate(lower, half_square_above(up(size + distance)), miss)


def kernel_farkas(gram: np.ndarray, labels: np.ndarray, multipliers: np.ndarray) -> Farkas:
    """Bound the margin of unit h by ``‖Σ μ_i y_i ∇f_i‖ / Σμ``, rounded up, for μ ≥ 0."""
    mu = np.maximum(multipliers, 0)
    mu = mu / mu.sum()
    return Farkas(mu, ratio_above(_norm_above(gram, labels * mu), sum_below(mu)))


def _outputs(gram: np.ndarray, coefficients: np.ndarray) -> Enclosed:
    sizes = np.sqrt(np.diagonal(gram))
    reach = sizes * float(sizes @ np.abs(coefficients))
    return of_products(gram @ coefficients, reach, len(gram) + _ENTRY_ROUNDINGS)


def _norm_above(gram: np.ndarray, coefficients: np.ndarray) -> float:
    """Return an upper bound on ``√(cᵀKc)``."""
    reach = float(np.sqrt(np.diagonal(gram)) @ np.abs(coefficients))
    with np.errstate(over="ignore", invalid="ignore"):
        value = np.asarray(coefficients @ gram @ coefficients)
        reach_squared = np.asarray(np.square(reach))
    square = of_products(value, reach_squared, 2 * len(gram) + _ENTRY_ROUNDINGS)
    return up(sqrt(max(float(square.high), 0.0))) if np.isfinite(square.error) else inf


def _scaled(gram: np.ndarray) -> tuple[np.ndarray, float]:
    """Return powers of two near the lengths of features, and a singular value of them scaled."""
    lengths = power_of_two(np.sqrt(np.diagonal(gram)))
    scaled = divided(divided(gram, lengths), lengths[:, None])
    least = least_eigenvalue_above(scaled, 4.1 * gamma(_ENTRY_ROUNDINGS))
    return lengths, max(down(sqrt(least)), 0.0)


def _columns(targets: np.ndarray, multipliers: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pair the columns of both; one pair for vectors."""
    columns = (table.reshape(len(table), -1).T for table in (targets, multipliers))
    return list(zip(*columns, strict=True))


def total(parts: list[Certificate]) -> Certificate:
    """Return the bounds of a sum of independent problems."""
    count = len(parts)
    return Certificate(
        sum(part.lower for part in parts) * (1 - gamma(count)),
        sum(part.upper for part in parts) * (1 + gamma(count)),
        max(part.infeasibility for part in parts),
    )

"""Certificates of kernel machines: bounds from (kernel, targets, multipliers) alone.

The predictor is ``h = Σ c_i ∇f_i`` with ``c = μ`` for interpolation and ``c = y μ`` for margins;
``‖h‖² = cᵀKc`` and ``⟨∇f_i, h⟩ = (Kc)_i``, so the kernel is all that is needed. Targets and
multipliers of shape (n,), or (n, C) for C copies of the model, whose bounds add up.
"""

from __future__ import annotations

import numpy as np

from grokflow.theory.certificate import Certificate, Farkas

_NO_BOUND = float("inf")


def kernel_margin(gram: np.ndarray, labels: np.ndarray, multipliers: np.ndarray) -> Certificate:
    """Certify (K1), ``min ½‖h‖² : y_i ⟨∇f_i, h⟩ ≥ 1``, by ``max 1ᵀμ - ½ (yμ)ᵀK(yμ), μ ≥ 0``.

    The answer is scaled to margin 1; for the dual, multipliers are clipped at zero and rescaled
    to the best multiple. Of the model, one copy a column of `labels` is meant.
    """
    return _sum([_margin(gram, y, mu) for y, mu in _columns(labels, multipliers)])


def _margin(gram: np.ndarray, labels: np.ndarray, multipliers: np.ndarray) -> Certificate:
    signed = labels * multipliers
    margin = float((labels * (gram @ signed)).min())
    clipped = labels * np.maximum(multipliers, 0)
    norm = float(clipped @ gram @ clipped)
    lower = float(np.abs(clipped).sum()) ** 2 / (2 * norm) if norm > 0 else 0.0
    if margin <= 0:
        return Certificate(lower, _NO_BOUND, _NO_BOUND)
    upper = float(signed @ gram @ signed) / (2 * margin**2)
    return Certificate(lower, upper, abs(1 / margin - 1))


def kernel_norm(gram: np.ndarray, targets: np.ndarray, multipliers: np.ndarray) -> Certificate:
    """Certify (K2), ``min ½‖h‖² : ⟨∇f_i, h⟩ = y_i``, by ``max yᵀμ - ½ μᵀKμ``.

    An equality cannot be repaired by scaling: the answer is charged ``‖μ‖₁ ‖Kμ - y‖_∞`` for its
    residual, an upper bound up to second order.
    """
    return _sum([_norm(gram, y, mu) for y, mu in _columns(targets, multipliers)])


def _norm(gram: np.ndarray, targets: np.ndarray, multipliers: np.ndarray) -> Certificate:
    outputs = gram @ multipliers
    norm = float(multipliers @ outputs)
    miss = float(np.abs(outputs - targets).max())
    size = float(np.abs(targets).max()) or 1.0
    lower = float(targets @ multipliers) ** 2 / (2 * norm) if norm > 0 else 0.0
    upper = norm / 2 + miss * float(np.abs(multipliers).sum())
    return Certificate(lower, upper, miss / size)


def kernel_farkas(gram: np.ndarray, labels: np.ndarray, multipliers: np.ndarray) -> Farkas:
    """Certify that no unit h has margin above ``‖Σ μ_i y_i ∇f_i‖``, for μ ≥ 0 summing to 1."""
    mu = np.maximum(multipliers, 0)
    mu = mu / mu.sum()
    square = float((labels * mu) @ gram @ (labels * mu))
    return Farkas(mu, float(np.sqrt(max(square, 0.0))))


def _columns(targets: np.ndarray, multipliers: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pair the columns of both; one pair for vectors."""
    columns = (table.reshape(len(table), -1).T for table in (targets, multipliers))
    return list(zip(*columns, strict=True))


def _sum(parts: list[Certificate]) -> Certificate:
    """Return the bounds of a sum of independent problems."""
    return Certificate(
        sum(part.lower for part in parts),
        sum(part.upper for part in parts),
        max(part.infeasibility for part in parts),
    )

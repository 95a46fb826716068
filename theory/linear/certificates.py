"""Certificates: bounds on how far an answer is from optimal, from (problem, answer) alone.

A solver never computes its own certificate. Each function here recomputes everything from the
data: it scales the answer until it is feasible, evaluates weak duality, and reports by how much
it had to scale.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from grokflow.theory.certificate import Certificate, Farkas
from grokflow.theory.linear.problem import Problem
from grokflow.theory.losses import Loss
from grokflow.theory.numerics.penalised.bounds import PenalisedBounds
from grokflow.theory.numerics.rounding import norm_above, product_above, sum_above, up


def _scaled_to_margin(problem: Problem, w: np.ndarray) -> tuple[np.ndarray, float]:
    """Scale `w` to margin exactly 1 and return it with the relative change (inf if hopeless)."""
    margin = float(problem.inputs.combine(w).min())
    if margin <= 0:
        return w, float("inf")
    return w / margin, abs(1 / margin - 1)


def max_l2_margin(problem: Problem, w: np.ndarray, multipliers: np.ndarray) -> Certificate:
    """Certify ``min ½‖w‖² : Zw ≥ 1`` by the dual ``max 1ᵀμ - ½‖Zᵀμ‖², μ ≥ 0``.

    The multipliers are clipped at zero and rescaled to the best multiple; `w` is scaled to
    margin 1. Shapes: `w` (d,), `multipliers` (n,).
    """
    feasible, change = _scaled_to_margin(problem, w)
    mu = np.maximum(multipliers, 0)
    norm = float(np.sum(problem.inputs.correlate(mu) ** 2))
    lower = float(mu.sum()) ** 2 / (2 * norm) if norm > 0 else 0.0
    upper = float(feasible @ feasible) / 2 if np.isfinite(change) else float("inf")
    return Certificate(lower, upper, change)


def max_l1_margin(problem: Problem, w: np.ndarray, multipliers: np.ndarray) -> Certificate:
    """Certify ``min ‖w‖₁ : Zw ≥ 1`` by the dual ``max 1ᵀμ : μ ≥ 0, ‖Zᵀμ‖_∞ ≤ 1``."""
    feasible, change = _scaled_to_margin(problem, w)
    mu = np.maximum(multipliers, 0)
    mu = mu / max(1.0, float(np.abs(problem.inputs.correlate(mu)).max()))
    upper = float(np.abs(feasible).sum()) if np.isfinite(change) else float("inf")
    return Certificate(float(mu.sum()), upper, change)


def min_l2_norm(problem: Problem, w: np.ndarray, multipliers: np.ndarray) -> Certificate:
    """Certify ``min ½‖w‖² : Xw = y`` by the dual ``max yᵀμ - ½‖Xᵀμ‖²``.

    An equality cannot be repaired by scaling: `w` is charged for its residual by the
    multipliers, ``½‖w‖² + ‖μ‖₁ ‖Xw - y‖_∞``, an upper bound up to second order.
    """
    penalty, residual = _equality_penalty(problem, w, multipliers)
    norm = float(np.sum(problem.inputs.correlate(multipliers) ** 2))
    best = float(problem.targets @ multipliers)
    lower = best**2 / (2 * norm) if norm > 0 else 0.0
    return Certificate(lower, float(w @ w) / 2 + penalty, residual)


def min_l1_norm(problem: Problem, w: np.ndarray, multipliers: np.ndarray) -> Certificate:
    """Certify ``min ‖w‖₁ : Xw = y`` by the dual ``max yᵀμ : ‖Xᵀμ‖_∞ ≤ 1``."""
    penalty, residual = _equality_penalty(problem, w, multipliers)
    reach = max(1.0, float(np.abs(problem.inputs.correlate(multipliers)).max()))
    lower = float(problem.targets @ multipliers) / reach
    return Certificate(lower, float(np.abs(w).sum()) + penalty, residual)


def _equality_penalty(
    problem: Problem, w: np.ndarray, multipliers: np.ndarray
) -> tuple[float, float]:
    miss = float(np.abs(problem.inputs.combine(w) - problem.targets).max())
    size = float(np.abs(problem.targets).max()) or 1.0
    return miss * float(np.abs(multipliers).sum()), miss / size


def l1_penalised(
    problem: Problem, w: np.ndarray, multipliers: np.ndarray, loss: Loss, lam: float
) -> Certificate:
    """Certify ``min (1/n) Σ l(q_i) + (λ/2)‖w‖₁`` by its Fenchel dual.

    Multipliers outside the pulls of the loss are moved to the nearest one, then all are scaled to
    ``‖Xᵀμ‖_∞ ≤ λ/2``; every `w` is feasible.
    """
    if _rests_at_zero(problem, w, loss):
        return Certificate(0.0, 0.0, 0.0)
    tau = lam / 2
    bounds = PenalisedBounds(problem.inputs, problem.targets, loss)
    penalty = product_above(tau, sum_above(np.abs(w)))
    upper = up(bounds.mean_loss_above(w) + penalty)
    return Certificate(bounds.dual_below(multipliers, tau), upper, 0.0)


def l1_penalised_by_curvature(
    problem: Problem, w: np.ndarray, multipliers: np.ndarray, loss: Loss, lam: float
) -> Certificate:
    """Certify as `l1_penalised` does, from below also by the curvature of the loss at w.

    Where λ is below the rounding of ``Xᵀμ``, as it may be for data that cannot be fitted, the
    Fenchel dual says little.
    """
    found = l1_penalised(problem, w, multipliers, loss, lam)
    bounds = PenalisedBounds(problem.inputs, problem.targets, loss)
    return replace(found, lower=max(found.lower, bounds.curved_below(w, lam / 2)))


def _rests_at_zero(problem: Problem, w: np.ndarray, loss: Loss) -> bool:
    """Whether w is zero and neither loses nor is pulled anywhere, as with targets of zero."""
    zero = np.zeros(problem.n)
    lost = loss.value(zero, problem.targets), loss.descent(zero, problem.targets)
    return not (w.any() or np.any(lost))


def l2_penalised(
    problem: Problem, w: np.ndarray, multipliers: np.ndarray, loss: Loss, lam: float
) -> Certificate:
    """Certify ``min (1/n) Σ l(q_i) + (λ/2)‖w‖₂²`` by ``max -(1/n) Σ l*(nμ_i) - ‖Xᵀμ‖²/2λ``.

    Multipliers outside the pulls of the loss are moved to the nearest one.
    """
    if _rests_at_zero(problem, w, loss):
        return Certificate(0.0, 0.0, 0.0)
    bounds = PenalisedBounds(problem.inputs, problem.targets, loss)
    size = norm_above(w)
    penalty = product_above(lam / 2, size, size)
    upper = up(bounds.mean_loss_above(w) + penalty)
    return Certificate(bounds.ridge_below(multipliers, lam), upper, 0.0)


def farkas(problem: Problem, multipliers: np.ndarray) -> Farkas:
    """Certify that the best unit-norm margin is at most ``‖Zᵀμ‖₂``, for μ ≥ 0 summing to 1."""
    mu = np.maximum(multipliers, 0)
    mu = mu / mu.sum()
    return Farkas(mu, float(np.linalg.norm(problem.inputs.correlate(mu))))

"""Certificates for the non-convex problems of depth L ≥ 3: KKT residuals and global bounds.

With ``θ = (u, v)``, ``u_j = max(w_j, 0)^{1/L}``, ``v_j = max(-w_j, 0)^{1/L}``, stationarity of
``½‖θ‖²`` under the constraints reads ``θ = Σ μ_i ∇_θ q_i``; coordinates with ``w_j = 0`` satisfy it
for L ≥ 2 by themselves. In units of ``‖θ‖`` the residual over the support is

    |w_j|^{1/L} - L |w_j|^{(L-1)/L} sign(w_j) (Xᵀμ)_j.

Global bounds come from ``Σ|w_j|^{2/L} ≥ ‖w‖₁^{2/L}``: the L1 problem bounds this one from below.
They meet the answer only when it has one nonzero weight; a KKT point is all that is claimed.
"""

from __future__ import annotations

from dataclasses import replace
from math import inf

import numpy as np
from scipy.optimize import lsq_linear

from grokflow.theory.certificate import Certificate
from grokflow.theory.homogeneous.kkt import Stationarity, stationarity
from grokflow.theory.linear.certificates import (
    interpolant_distance,
    l1_penalised,
    max_l1_margin,
    min_l1_norm,
    rests_at_zero,
)
from grokflow.theory.linear.prediction import first_copies
from grokflow.theory.linear.problem import Problem
from grokflow.theory.losses import Loss
from grokflow.theory.numerics.penalised.bounds import PenalisedBounds
from grokflow.theory.numerics.rounding import (
    combined,
    down,
    gamma,
    product_above,
    ratio_below,
    sum_above,
    up,
)

# Roundings of a power: of its base, of its exponent below 1 times a logarithm below 745, and some
# units in the last place of the function.
_POWER = 1024
# What a power is kept below, so that it does not overflow.
_LARGEST_POWER = 1e300
# Margins up to one plus this count as active.
ACTIVE_EXCESS = 1e-5


def quasi_norm(w: np.ndarray, depth: int) -> float:
    """Return ``Σ|w_j|^{2/L}``, the smallest ``‖u‖² + ‖v‖²`` with ``u^L - v^L = w``."""
    return float((np.abs(w) ** (2 / depth)).sum())


def of_constraints(problem: Problem, w: np.ndarray, depth: int) -> Stationarity:
    """Return how far `w` is from a KKT point of (R1) (classification) or (R2) (regression)."""
    support = np.flatnonzero(w)
    x = problem.inputs.take(support)
    size, sign = np.abs(w[support]), np.sign(w[support])
    gradients = (x * (depth * size ** ((depth - 1) / depth) * sign)).T
    margins = x @ w[support] if problem.is_classification else None
    wanted = size ** (1 / depth)
    found = stationarity(gradients, wanted, margins, float(depth))
    return found._replace(multipliers=_spread(gradients, wanted, margins))


def _spread(gradients: np.ndarray, wanted: np.ndarray, margins: np.ndarray | None) -> np.ndarray:
    """Return multipliers of the active samples, from the inside where they are not unique.

    Those of few samples, a vertex of all that are stationary, bound the optimum less well.
    """
    active = np.full(gradients.shape[1], True)
    if margins is not None:
        active = margins <= float(margins.min()) * (1 + ACTIVE_EXCESS)
    low = -np.inf if margins is None else 0.0
    multipliers = np.zeros(gradients.shape[1])
    multipliers[active] = lsq_linear(gradients[:, active], wanted, (low, np.inf), tol=1e-15).x
    return multipliers


def of_penalty(problem: Problem, w: np.ndarray, depth: int, loss: Loss, lam: float) -> Stationarity:
    """Return the pulls ``-l'(q_i)/n`` and the residual of ``∇L + λθ = 0`` relative to ``λ‖θ‖``."""
    pull = loss.descent(problem.inputs.combine(w), problem.targets) / problem.n
    support = np.flatnonzero(w)
    if support.size == 0:
        return Stationarity(0.0, 0.0, 0.0, pull)
    size, sign = np.abs(w[support]), np.sign(w[support])
    wanted = lam * size ** (1 / depth)
    slope = depth * size ** ((depth - 1) / depth) * sign * problem.inputs.correlate(pull)[support]
    residual = float(np.linalg.norm(slope - wanted) / np.linalg.norm(wanted))
    return Stationarity(residual, 0.0, residual, pull)


def quasi_constrained(
    problem: Problem, w: np.ndarray, multipliers: np.ndarray, depth: int
) -> Certificate:
    """Bound ``min Σ|w|^{2/L} : q ≥ 1`` (classification) or ``q = y`` (regression).

    The upper bound is that of weights which satisfy the constraints for certain: `w` over a margin
    that it is proved to have, or an interpolant that is proved to be near (`_interpolant_above`).
    It is infinite where nothing is proved.
    """
    bound = max_l1_margin if problem.is_classification else min_l1_norm
    # The bound asks for ‖Xᵀμ‖_∞ ≤ 1 and takes the best multiple of μ only if it is larger.
    reach = float(np.abs(problem.inputs.correlate(multipliers)).max())
    l1 = bound(problem, w, multipliers / reach if reach > 0 else multipliers)
    lower = max(l1.lower, 0.0) ** (2 / depth) * (1 - gamma(_POWER))
    if not problem.is_classification:
        return Certificate(lower, _interpolant_above(problem, w, depth), l1.infeasibility)
    margin = float(combined(problem.inputs, w).low.min())
    upper = _quasi_norm_above(np.abs(w) / margin, depth) if margin > 0 else inf
    return Certificate(lower, upper, l1.infeasibility)


def _interpolant_above(problem: Problem, w: np.ndarray, depth: int) -> float:
    """Return the quasi-norm of an exact interpolant near `w` from above.

    If one differs from `w` by a vector δ, each weight has at most ``|w_j| + ‖δ‖``. Beyond the
    support ``Σ|δ_j|^{2/L} ≤ k^{1-1/L} ‖δ‖^{2/L}`` for k weights (Hölder), so that an interpolant on
    the support alone is the better one, where it exists.
    """
    if not (w.any() or problem.targets.any()):
        return 0.0
    kept, support = first_copies(problem), np.flatnonzero(w)
    inputs, targets = problem.inputs.of_samples(kept), problem.targets[kept]
    problem = replace(problem, inputs=inputs, targets=targets)
    part = replace(problem, inputs=problem.inputs.restricted(support))
    distance, others = interpolant_distance(part, w[support])[0], 0
    if distance == inf:
        distance, others = interpolant_distance(problem, w)[0], problem.d - len(support)
    powers = others ** (1 - 1 / depth), distance ** (2 / depth)
    spread = product_above(*powers, 1 + gamma(_POWER))
    inside = _quasi_norm_above(np.abs(w[support]) + distance, depth)
    return up(inside + spread)


def _quasi_norm_above(sizes: np.ndarray, depth: int) -> float:
    """Return an upper bound on ``Σ a_j^{2/L}`` for numbers that are rounded once."""
    largest = np.where(sizes > 0, np.nextafter(sizes, inf), 0.0)
    return sum_above(largest ** (2 / depth) * (1 + gamma(_POWER)))


def quasi_penalised(
    problem: Problem, w: np.ndarray, multipliers: np.ndarray, depth: int, loss: Loss, lam: float
) -> Certificate:
    """Bound ``min (1/n) Σ l(q_i) + (λ/2) Σ|w|^{2/L}``.

    No minimiser has an L1 norm above ``R = (2 F/λ)^{L/2}``, F the value at `w` or at zero; up to R,
    ``Σ|w|^{2/L} ≥ R^{2/L - 1} ‖w‖₁``, a problem with an L1 penalty: λ times ``(λ/2F)^{L/2 - 1}``.
    """
    if rests_at_zero(problem, w, loss):
        return Certificate(0.0, 0.0, 0.0)
    bounds = PenalisedBounds(problem.inputs, problem.targets, loss)
    penalty = product_above(0.5, lam, _quasi_norm_above(np.abs(w), depth))
    upper = up(bounds.mean_loss_above(w) + penalty)
    at_zero = bounds.mean_loss_above(np.zeros(problem.d))
    share = ratio_below(lam, product_above(2.0, min(upper, at_zero)))
    # A weaker penalty bounds less: the power of a share above 1 is kept below overflow.
    weakened = min(share, _LARGEST_POWER ** (2 / depth)) ** (depth / 2 - 1)
    weak = max(down(lam * (1 - gamma(_POWER)) * weakened), 0.0)
    return Certificate(l1_penalised(problem, w, multipliers, loss, weak).lower, upper, 0.0)

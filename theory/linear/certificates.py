"""Certificates: bounds on how far an answer is from optimal, from (problem, answer) alone.

A solver never computes its own certificate. Each function here recomputes everything from the
data: it scales the answer until it is feasible, evaluates weak duality, and reports by how much
it had to scale. Rounding is bounded on the way (`grokflow.theory.numerics.rounding`), so that the
optimum for the numbers that are stored lies between the bounds without any reservation.
"""

from __future__ import annotations

from dataclasses import replace
from math import inf, sqrt
from typing import TYPE_CHECKING

import numpy as np

from grokflow.theory.certificate import Certificate, Farkas
from grokflow.theory.linear.problem import Problem
from grokflow.theory.losses import Loss
from grokflow.theory.numerics.design_matrix import DesignMatrix
from grokflow.theory.numerics.penalised.bounds import PenalisedBounds
from grokflow.theory.numerics.rounding import (
    MOST_EXACT,
    TINY,
    combined,
    correlated,
    divided,
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
    sum_below,
    up,
)
from grokflow.theory.numerics.verified import least_eigenvalue_above

if TYPE_CHECKING:
    from grokflow.theory.numerics.penalised.exact_bounds import ExactBounds


def max_l2_margin(problem: Problem, w: np.ndarray, multipliers: np.ndarray) -> Certificate:
    """Certify ``min ½‖w‖² : Zw ≥ 1`` by the dual ``max 1ᵀμ - ½‖Zᵀμ‖², μ ≥ 0``.

    The multipliers are clipped at zero and rescaled to the best multiple; `w` is scaled to
    margin 1. Shapes: `w` (d,), `multipliers` (n,).
    """
    margin, change = _margin(problem, w)
    upper = half_square_above(ratio_above(norm_above(w), margin)) if margin > 0 else inf
    mu = np.maximum(multipliers, 0)
    pulled = norm_above(correlated(problem.inputs, mu).size)
    lower = half_square_below(ratio_below(sum_below(mu), pulled)) if pulled > 0 else 0.0
    return Certificate(lower, upper, change)


def max_l1_margin(problem: Problem, w: np.ndarray, multipliers: np.ndarray) -> Certificate:
    """Certify ``min ‖w‖₁ : Zw ≥ 1`` by the dual ``max 1ᵀμ : μ ≥ 0, ‖Zᵀμ‖_∞ ≤ 1``."""
    margin, change = _margin(problem, w)
    upper = ratio_above(sum_above(np.abs(w)), margin) if margin > 0 else inf
    mu = np.maximum(multipliers, 0)
    reach = max(1.0, float(correlated(problem.inputs, mu).size.max()))
    return Certificate(ratio_below(sum_below(mu), reach), upper, change)


def min_l2_norm(problem: Problem, w: np.ndarray, multipliers: np.ndarray) -> Certificate:
    """Certify ``min ½‖w‖² : Xw = y`` by the dual ``max yᵀμ - ½‖Xᵀμ‖²``.

    An equality cannot be repaired by scaling. The upper bound is that of an exact interpolant
    which is proved to exist near `w` (`interpolant_distance`); without the proof it is infinite.
    """
    distance, miss = interpolant_distance(problem, w)
    upper = half_square_above(up(norm_above(w) + distance))
    pulled = norm_above(correlated(problem.inputs, multipliers).size)
    best = inner_below(problem.targets, multipliers)
    lower = half_square_below(ratio_below(best, pulled)) if best > 0 and pulled > 0 else 0.0
    return Certificate(lower, upper, miss)


def min_l1_norm(problem: Problem, w: np.ndarray, multipliers: np.ndarray) -> Certificate:
    """Certify ``min ‖w‖₁ : Xw = y`` by the dual ``max yᵀμ : ‖Xᵀμ‖_∞ ≤ 1``."""
    distance, miss = interpolant_distance(problem, w)
    # The interpolant that is near in the Euclidean norm is at most √d times as far in this one.
    upper = up(sum_above(np.abs(w)) + product_above(distance, up(sqrt(problem.d))))
    reach = max(1.0, float(correlated(problem.inputs, multipliers).size.max()))
    best = max(inner_below(problem.targets, multipliers), 0.0)
    return Certificate(ratio_below(best, reach), upper, miss)


def _margin(problem: Problem, w: np.ndarray) -> tuple[float, float]:
    """Return a margin that `w` has for certain, and how much scaling it to 1 changes `w`."""
    outputs = combined(problem.inputs, w)
    margin = float(outputs.low.min())
    return margin, abs(1 / margin - 1) if margin > 0 else inf


def interpolant_distance(problem: Problem, w: np.ndarray) -> tuple[float, float]:
    """Return how far the nearest exact interpolant is at most, and by how much `w` misses.

    With rows scaled to unit length and residuals r, that interpolant is ``w + X⁺r``: its distance
    is at most ‖r‖ over the least singular value of X. Where that is not proved to be positive the
    distance is infinite. The miss is the largest ``|<x_i, w> - y_i| / (‖x_i‖‖w‖ + |y_i|)``.
    """
    residual = minus(combined(problem.inputs, w), problem.targets)
    if not residual.size.any():
        return 0.0, 0.0
    lengths, smallest = scaled_rows(problem.inputs)
    typical = lengths * float(np.linalg.norm(w)) + np.abs(problem.targets)
    missed = np.abs(residual.value)
    miss = float((missed / np.where(missed > 0, typical, 1.0)).max())
    if not smallest > 0:
        return inf, miss
    return ratio_above(norm_above(np.nextafter(residual.size / lengths, inf)), smallest), miss


def missed_targets(problem: Problem, w: np.ndarray, enough: float) -> float:
    """Return an upper bound on the largest ``|<x_i, w> - y_i|`` over the largest target.

    Rounding of the outputs is bounded beforehand. Where that is most of the bound, samples are
    computed without rounding: all of a small table, and those of a large one whose bound is above
    `enough`.
    """
    residual = minus(combined(problem.inputs, w), problem.targets)
    largest, sizes = float(np.abs(problem.targets).max()), residual.size
    certain = np.nan_to_num(np.abs(residual.value) - residual.error, nan=0.0, neginf=0.0)
    if sizes.max() <= 1.001 * certain.max():
        return ratio_above(float(sizes.max()), largest)
    small = problem.n * np.count_nonzero(w) <= MOST_EXACT
    exact, allowed = 0.0, 0.0 if small else enough * largest
    for i in np.argsort(-sizes):
        if sizes[i] <= max(exact, allowed):
            return ratio_above(max(exact, float(sizes[i])), largest)
        row = problem.inputs.sample(int(i))
        terms = np.append(row, -problem.targets[i]), np.append(w, 1.0)
        exact = max(exact, exact_size_above(*terms))
    return ratio_above(exact, largest)


def scaled_rows(inputs: DesignMatrix) -> tuple[np.ndarray, float]:
    """Return powers of two near the lengths of the rows, and a singular value of X over them.

    The least singular value of the rows, each divided by its power of two, is not below the second
    number, which is 0 where it is not proved to be positive.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        gram = inputs.gram
        lengths = power_of_two(np.sqrt(np.diagonal(gram)))
        scaled = gram / lengths / lengths[:, None]
    # |<x_i, x_j> - K_ij| ≤ γ_d ‖x_i‖‖x_j‖, and a row over its power of two is shorter than 2.
    error = 4.1 * gamma(inputs.shape[1]) + TINY / float(lengths.min()) ** 2 * inputs.shape[1]
    least = least_eigenvalue_above(scaled, error)
    return lengths, max(down(sqrt(least)), 0.0)


def l1_penalised(
    problem: Problem,
    w: np.ndarray,
    multipliers: np.ndarray,
    loss: Loss,
    lam: float,
    *,
    exactly: bool = False,
) -> Certificate:
    """Certify ``min (1/n) Σ l(q_i) + (λ/2)‖w‖₁`` by its Fenchel dual.

    Multipliers outside the pulls of the loss are moved to the nearest one, then all are scaled to
    ``‖Xᵀμ‖_∞ ≤ λ/2``; every `w` is feasible. Products with X are rational numbers where `exactly`
    is set, which is slow.
    """
    if rests_at_zero(problem, w, loss):
        return Certificate(0.0, 0.0, 0.0)
    tau = lam / 2
    bounds = _penalised_bounds(problem, loss, exactly)
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


def _penalised_bounds(problem: Problem, loss: Loss, exactly: bool) -> PenalisedBounds | ExactBounds:
    if not exactly:
        return PenalisedBounds(problem.inputs, problem.targets, loss)
    # Rational arithmetic takes a while to import, and most data do without.
    from grokflow.theory.numerics.penalised.exact_bounds import ExactBounds

    return ExactBounds(problem.inputs, problem.targets, loss)


def rests_at_zero(problem: Problem, w: np.ndarray, loss: Loss) -> bool:
    """Whether w is zero and neither loses nor is pulled anywhere, as with targets of zero."""
    zero = np.zeros(problem.n)
    lost = loss.value(zero, problem.targets), loss.descent(zero, problem.targets)
    return not (w.any() or np.any(lost))


def l2_penalised(
    problem: Problem,
    w: np.ndarray,
    multipliers: np.ndarray,
    loss: Loss,
    lam: float,
    *,
    exactly: bool = False,
) -> Certificate:
    """Certify ``min (1/n) Σ l(q_i) + (λ/2)‖w‖₂²`` by ``max -(1/n) Σ l*(nμ_i) - ‖Xᵀμ‖²/2λ``.

    Multipliers outside the pulls of the loss are moved to the nearest one. For `exactly` see
    `l1_penalised`.
    """
    if rests_at_zero(problem, w, loss):
        return Certificate(0.0, 0.0, 0.0)
    bounds = _penalised_bounds(problem, loss, exactly)
    size = norm_above(w)
    penalty = product_above(lam / 2, size, size)
    upper = up(bounds.mean_loss_above(w) + penalty)
    return Certificate(bounds.ridge_below(multipliers, lam), upper, 0.0)


def refuted_margin(z: np.ndarray, multipliers: np.ndarray) -> bool:
    """Prove that no w has ``Zw > 0`` from positive multipliers with ``Zᵀμ ≈ 0``; False if it fails.

    Exact multipliers are ``μ_i (1 - <z_i, g>)`` with ``(Zᵀ diag(μ) Z) g = Zᵀμ``: they combine the
    rows to zero, and are positive where every ``|<z_i, g>|`` is below 1. Columns are scaled first.
    """
    mu = np.maximum(multipliers, 0)
    rows, columns = mu > 0, z.any(axis=0)
    if not rows.any() or rows.sum() <= columns.sum() or not np.isfinite(mu).all():
        return False
    z, mu = z[np.ix_(rows, columns)], mu[rows] / mu.max()
    root = np.sqrt(mu)[:, None] * z
    scale = power_of_two(np.linalg.norm(root, axis=0))
    scaled = divided(z, scale)
    least = _least_gram_eigenvalue(root / scale)
    miss = norm_above(multiplied(mu, scaled).size)
    longest = max(map(norm_above, scaled))
    return least > 0 and product_above(longest, miss) < least


def refuted_interpolation(x: np.ndarray, targets: np.ndarray, multipliers: np.ndarray) -> bool:
    """Prove that no w has ``Xw = y`` from multipliers with ``Xᵀm ≈ 0``; False if it fails.

    Exact multipliers are ``m - X(XᵀX)⁻¹Xᵀm``, which combine the rows to zero but not the targets,
    where ``|yᵀm|`` is more than ``‖Xᵀy‖‖Xᵀm‖`` over the least eigenvalue of XᵀX.
    """
    x = x[:, x.any(axis=0)]
    if not np.isfinite(multipliers).all() or len(x) <= x.shape[1]:
        return False
    scaled = divided(x, power_of_two(np.linalg.norm(x, axis=0)))
    least = _least_gram_eigenvalue(scaled)
    miss = norm_above(multiplied(multipliers, scaled).size)
    pulled = norm_above(multiplied(targets, scaled).size)
    combined_targets = multiplied(multipliers[None, :], targets)
    size = float(np.maximum(combined_targets.low, -combined_targets.high)[0])
    return least > 0 and size > 0 and ratio_above(product_above(pulled, miss), least) < size


def _least_gram_eigenvalue(x: np.ndarray) -> float:
    """Return a proved lower bound on the eigenvalues of XᵀX, columns at most 2 long."""
    # Entries of X may be off by two roundings, and those of the product by n more.
    error = 4.1 * gamma(len(x) + 8) + 4 * len(x) * TINY
    return least_eigenvalue_above(x.T @ x, error)


def farkas(problem: Problem, multipliers: np.ndarray) -> Farkas:
    """Bound the margin of unit vectors by ``‖Zᵀμ‖₂ / Σμ``, rounded up, for μ ≥ 0."""
    mu = np.maximum(multipliers, 0)
    mu = mu / mu.sum()
    size = norm_above(correlated(problem.inputs, mu).size)
    return Farkas(mu, ratio_above(size, sum_below(mu)))

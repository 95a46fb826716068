"""How far the mean loss is from its minimum: a proof from the outputs alone.

The minimum is that of the data as they are, with all their digits. A `RowSpace` takes combinations
of inputs that vanish up to rounding for zero; weights of 1e14 make something of those that do not
vanish. The bounds therefore hold for all outputs that any weights reach.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg import LinAlgError, cholesky, solve_triangular

from grokflow.theory.certificate import Certificate
from grokflow.theory.linear.certificates import rests_at_zero
from grokflow.theory.linear.least_loss.reached import Reached, all_reached
from grokflow.theory.linear.problem import Problem
from grokflow.theory.losses import ConcordantLoss
from grokflow.theory.numerics.penalised.orthogonal import gram_triangle, row_triangle
from grokflow.theory.numerics.penalised.units import Units
from grokflow.theory.numerics.rounding import (
    TINY,
    UNIT,
    combined,
    down,
    power_of_two,
    product_above,
    up,
)

# Where ρν is above this, differences of terms ρν times larger lose less than this of their digits.
_CANCELS = 1e-6
# Above the square root of what a sum of squares loses where they underflow.
_UNSEEN = 1e-150
# Lengths of columns whose squares are so far above underflow that it is no rounding of them.
_SHORTEST = 1e-140


class Distance(NamedTuple):
    """Bounds on how far a minimum is: of the mean loss, and of every output, shape (n,)."""

    loss: float
    outputs: np.ndarray


@np.errstate(over="ignore", invalid="ignore")  # what overflows proves nothing
def distance_to_least(
    reached: Reached,
    targets: np.ndarray,
    loss: ConcordantLoss,
    outputs: np.ndarray,
    rounding: np.ndarray,
) -> Distance | None:
    """Prove that the mean loss has a minimum over ``q + Q c``, and bound the distance to it.

    Along any direction δ the curvature φ'' falls by a factor ``e^{-ρt}`` at most, ``ρ = c max_i
    |(Qδ)_i|``, so that with Newton's decrement ν and ‖δ‖ = 1 in the norm of the Hessian the slope
    is ``φ'(t) ≥ -ν + (1 - e^{-ρt})/ρ``. It is positive from ``t₀ = -log(1 - ρν)/ρ`` on: where
    ``ρν < 1`` the minimum exists within t₀, and is below by the integral of the slope up to there,
    ``(ν - (1 - ρν) t₀)/ρ``.

    Parameters
    ----------
    reached : Reached
        The columns Q, and bounds on their errors.
    targets : ndarray, shape (n,)
        Targets of the loss.
    loss : ConcordantLoss
        The loss.
    outputs, rounding : ndarray, shape (n,)
        The outputs q, and bounds on what rounding may have changed in them.

    Returns
    -------
    Distance or None
        The bounds, roundings of this computation included; None where there is no proof.
    """
    pulls, curvature = loss.descent(outputs, targets), loss.curvature(outputs, targets)
    basis, error = _orthonormal(_of_order_one(reached), np.sqrt(curvature))
    n, r = basis.shape
    size = np.abs(basis)
    slope = pulls @ basis / n
    doubt = (((n + 4) * UNIT) * np.abs(pulls) + 2 * rounding * curvature) @ size / n
    doubt += np.linalg.norm(pulls * error) / n + (r + 1) * UNIT * np.abs(slope) + (n + 1) * TINY
    hessian = (basis.T * (curvature / n)) @ basis
    unit = np.sqrt(np.diagonal(hessian))
    if not ((unit > _SHORTEST) & np.isfinite(unit) & np.isfinite(slope + doubt)).all():
        return None
    hessian = hessian / unit / unit[:, None]
    # Each entry errs by n + 4 roundings, the factorisation by r + 1: a lower bound of the Hessian.
    hessian[np.diag_indices(r)] -= 2 * r * (n + r + 5) * UNIT
    # With Q + E for Q it falls by 2 ‖A‖ ‖F‖ at most, A its root and F the change of that.
    moved = np.linalg.norm(np.sqrt(curvature / n) * error) / unit.min()
    hessian[np.diag_indices(r)] -= 2 * np.sqrt(r) * moved
    try:
        lower = cholesky(hessian, lower=True, check_finite=False)
    except LinAlgError:
        return None
    inverse = solve_triangular(lower, np.eye(r) / unit, lower=True, check_finite=False)
    decrement = float(np.linalg.norm(inverse @ slope) + np.linalg.norm(np.abs(inverse) @ doubt))
    reach = np.linalg.norm(basis @ inverse.T, axis=1) + np.linalg.norm(inverse) * error
    return _within(decrement + _UNSEEN, reach + _UNSEEN, loss.concordance)


def _of_order_one(reached: Reached) -> Reached:
    """Return columns that combine to the same outputs, in a unit in which their squares are near 1.

    Entries that underflow there are off by less than what is added to the bounds.
    """
    unit = power_of_two(np.abs(reached.basis).max(axis=(0, 1), keepdims=True))
    return Reached(reached.basis / unit, reached.rounding / unit.ravel() + TINY)


def _orthonormal(reached: Reached, root: np.ndarray) -> Reached:
    """Return columns ``Q T^{-1}`` of the same outputs, orthonormal once rows are weighted by these.

    Sizes of rows are squared in the Hessian, which loses those that differ by orders. Columns whose
    Gram matrix is well conditioned are returned as they are, and those that T does not divide.
    Nothing is asked of T but that it is what the columns are divided by: of a row q of the
    quotient, each entry errs by r roundings of ``|q| |T| |T^{-1}|``.
    """
    basis, error = reached
    n, r = basis.shape
    weighted = root[:, None] * basis
    if n < r or not np.isfinite(weighted).all() or gram_triangle(weighted) is not None:
        return reached
    triangle, order = row_triangle(weighted)
    try:
        inverse = solve_triangular(triangle, np.eye(r), check_finite=False)
    except LinAlgError:
        return reached
    quotient = solve_triangular(triangle, basis[:, order].T, trans="T", check_finite=False).T
    # The computed inverse Y errs by A |T| |Y| roundings at most, A = |T^{-1}|, and this bounds A.
    grown = (r + 2) * UNIT * np.abs(triangle) @ np.abs(inverse)
    largest = solve_triangular(np.eye(r) - grown, np.abs(inverse).T, trans="T", check_finite=False)
    lost = (r + 2) * UNIT * np.abs(quotient) @ np.abs(triangle) @ largest.T
    bound = error * np.linalg.norm(largest) + np.sqrt(n) * np.linalg.norm(lost, axis=1)
    # Squares of rows of both errors over their sum add up to 2, and √2 is less than 1.5 even with
    # what rounding takes off the bounds.
    return Reached(quotient, 1.5 * bound)


def _within(decrement: float, reach: np.ndarray, concordance: float) -> Distance | None:
    """Return the bounds from Newton's decrement and the largest outputs of unit directions."""
    steepness = concordance * float(reach.max())
    turned = steepness * decrement
    if not turned < 1:
        return None
    far = -np.log1p(-turned) / steepness if steepness else decrement
    # The integral of the slope, ½ν² (1 + ρν/3 + ...); its closed form cancels for small ρν.
    below = decrement**2 / 2 * (1 + turned)
    if turned > _CANCELS:
        below = (decrement - (1 - turned) * far) / steepness * (1 + _CANCELS)
    return Distance(below, far * reach)


def unit_of_targets(problem: Problem, loss: ConcordantLoss) -> float:
    """Return a power of two near the largest target, in which its square is far from underflow.

    It is 1 for losses of margins.
    """
    return Units.of(problem.inputs, problem.targets, loss, 2).targets


@np.errstate(over="ignore", invalid="ignore")  # what overflows bounds nothing
def min_loss(problem: Problem, w: np.ndarray, loss: ConcordantLoss) -> Certificate:
    """Certify ``min (1/n) Σ l(q_i)`` by `distance_to_least`, from the outputs of w.

    Where it proves nothing, as where it is not known which outputs weights reach, what the loss is
    at its least for each sample alone remains.
    """
    if rests_at_zero(problem, w, loss):
        return Certificate(0.0, 0.0, 0.0)
    n, unit, found = problem.n, unit_of_targets(problem, loss), combined(problem.inputs, w)
    outputs, targets = found.value / unit, problem.targets / unit
    # The ends of an interval are rounded, and quotients that underflow.
    rounding = (found.error + 2 * UNIT * np.abs(found.value)) / unit + TINY
    # A convex loss is largest at an end, and above its tangents. Means err by n + 4 roundings.
    ends = [loss.value(outputs + off, targets) for off in (-rounding, rounding)]
    upper = float(np.maximum(*ends).mean()) * (1 + (n + 8) * UNIT) + TINY
    lower = 0.0 - float(loss.conjugate(np.zeros(n), targets).mean())
    reached = all_reached(problem.inputs, problem.row_space)
    if reached is not None:
        distance = distance_to_least(reached, targets, loss, outputs, rounding)
        if distance is not None:
            value = float(loss.value(outputs, targets).mean())
            tilted = float((np.abs(loss.descent(outputs, targets)) * rounding).mean())
            lower = max(lower, value * (1 - (n + 8) * UNIT) - tilted - distance.loss - TINY)
    if unit == 1:
        return Certificate(lower, up(upper), 0.0)
    lower = max(down(down(lower * unit) * unit), 0.0)
    return Certificate(lower, product_above(up(upper), unit, unit), 0.0)

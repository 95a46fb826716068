"""Bounds on ``min (1/n) Σ l(q_i) + penalty`` with ``q = Xw`` that rounding cannot make false.

Outputs and correlations are enclosed by `grokflow.theory.numerics.rounding`. Of a loss it is taken
that its functions err by a few units in the last place: of the value, and of what moving q by a
rounding changes (``|q l'(q)|``; ``|u q|`` for the conjugate at u).

From below there are two bounds. The dual one needs multipliers with ``‖Xᵀμ‖_∞ ≤ τ``, and where
τ is below the rounding of ``Xᵀμ`` it is worth little: that is so for any data that cannot be
fitted as τ → 0. Then the curvature of the loss helps. With g the distance of 0 from the
subdifferential at w (component by component, rounding included) and ``‖δ‖_H² = Σ l''_i (Xδ)_i²/n``,

    ``F(w + δ) ≥ F(w) - gᵀ|δ| + k ‖δ‖_H²``,

k = ½ for the square loss. Exponential and logistic losses have ``|l'''| ≤ l''``, so that
``l(q + t) ≥ l(q) + l'(q) t + l''(q) (e^{-|t|} - 1 + |t|)`` and k = 1/e while ``|t| ≤ 1`` (Bach
2010). On columns A with ``√(l''/n) X_A = Y W⁻¹`` and ``‖YᵀY - 1‖ ≤ ε``, ``gᵀ|δ| ≤ G ‖δ‖_H`` with
``G = ‖|W|ᵀ g‖ / √(1 - ε)``, and the objective is above ``F(w) - G²/4k``; any other column, which
carries no weight, only adds to it where ``τ - |c_j| ≥ G ‖x_j‖_H``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import e, inf, sqrt
from typing import NamedTuple

import numpy as np
from scipy.linalg import solve_triangular

from grokflow.theory.losses import Exponential, Logistic, Loss, Square
from grokflow.theory.numerics.design_matrix import DesignMatrix
from grokflow.theory.numerics.penalised.orthogonal import orthogonal_factors
from grokflow.theory.numerics.rounding import (
    TINY,
    UNIT,
    Enclosed,
    combined,
    correlated,
    down,
    gamma,
    multiplied,
    norm_above,
    product_above,
    ratio_above,
    sum_above,
    up,
)

# Units in the last place by which the functions of a loss err at most.
_FUNCTION = 16 * UNIT
# Correlations this close to τ belong to columns that may carry weight.
_NEARLY_ACTIVE = 1e-6
# Covers the rounding of ratios that are wanted to a few digits.
_SLACK = 1.001
# k of the quadratic lower bound, and whether it holds for outputs that move by at most 1 only.
_CURVED: dict[type[Loss], tuple[float, bool]] = {
    Square: (0.5, False),
    Exponential: (1 / e, True),
    Logistic: (1 / e, True),
}


class _Columns(NamedTuple):
    """What bounds a change δ of the weights by the objective.

    Parameters
    ----------
    pull : float
        G, the largest ``gᵀ|δ| / ‖Xδ‖_H`` on the columns A.
    reach : float
        B, the largest ``|(Xδ)_i| / ‖Xδ‖_H`` on them.
    spread : float
        How far an output moves at most for what the other columns add to the objective.
    """

    pull: float
    reach: float
    spread: float


@dataclass(frozen=True, eq=False)
class PenalisedBounds:
    """What is known of the optimum from weights w and multipliers μ.

    Parameters
    ----------
    x : DesignMatrix, shape (n, d)
        The data X.
    targets : ndarray, shape (n,)
        What the loss is given besides the outputs.
    loss : Loss
        Loss l.
    """

    x: DesignMatrix
    targets: np.ndarray
    loss: Loss

    def mean_loss_above(self, w: np.ndarray) -> float:
        """Return an upper bound on ``(1/n) Σ l(q_i)``."""
        outputs = combined(self.x, w)
        ends = [self._value_above(q) for q in (outputs.low, outputs.high)]
        return ratio_above(sum_above(np.maximum(*ends)), float(self.x.shape[0]))

    def _value_above(self, q: np.ndarray) -> np.ndarray:
        return np.asarray(self.loss.value(q, self.targets) + self._value_error(q))

    def _value_error(self, q: np.ndarray) -> np.ndarray:
        moved = np.abs(q * self.loss.descent(q, self.targets))
        return np.asarray(_FUNCTION * (np.abs(self.loss.value(q, self.targets)) + moved) + TINY)

    def pulls(self, mu: np.ndarray) -> np.ndarray:
        """Return the numbers nμ, moved into the range of the pulls."""
        return self.loss.pull_range.clip(self.x.shape[0] * mu)

    def conjugate_above(self, pulls: np.ndarray) -> float:
        """Return an upper bound on ``(1/n) Σ l*(u_i)`` for pulls u."""
        values = self.loss.conjugate(pulls, self.targets)
        with np.errstate(divide="ignore", invalid="ignore"):
            moved = np.abs(pulls * self.loss.outputs_of_pull(pulls, self.targets))
        error = _FUNCTION * (np.abs(values) + np.where(np.isfinite(moved), moved, 0.0)) + TINY
        total = float(np.sum(values)) + sum_above(error + gamma(len(values)) * np.abs(values))
        return up(up(total) / self.x.shape[0])

    def dual_below(self, mu: np.ndarray, tau: float) -> float:
        """Return a lower bound with the multipliers scaled to ``‖Xᵀμ‖_∞ ≤ τ``."""
        pulls = self.pulls(mu)
        size = correlated(self.x, pulls)
        # The second error is for rounding the scaled pulls.
        reach = up(float((size.size + size.error).max()))
        most = down(self.x.shape[0] * tau)
        if not reach < inf:
            return -inf
        if reach > most:
            pulls = pulls * max(down(most / reach), 0.0)
        return -self.conjugate_above(self.loss.pull_range.clip(pulls))

    def ridge_below(self, mu: np.ndarray, lam: float) -> float:
        """Return the lower bound ``-(1/n) Σ l*(nμ_i) - ‖Xᵀμ‖²/2λ`` with the penalty (λ/2)‖w‖²."""
        pulls = self.pulls(mu)
        pulled = up(norm_above(correlated(self.x, pulls).size) / self.x.shape[0])
        squares = up(product_above(pulled, pulled) / lam) / 2
        return down(-self.conjugate_above(pulls) - squares)

    def curved_below(self, w: np.ndarray, tau: float) -> float:
        """Return a lower bound by the curvature of the loss; minus infinity where it has none."""
        k, local = _CURVED.get(type(self.loss), (0.0, True))
        if k == 0:
            return -inf
        columns = _Slope(self, w, tau).columns
        if columns is None:
            return -inf
        lost = up(columns.pull * columns.pull / (4 * k))
        # Where ‖Xδ‖_H is 1/2B, or the other columns add 1/(2 spread), no output has moved by more
        # than 1 and the objective is above that at w: the minimum is inside.
        if local and not (2 * columns.reach * columns.pull < k and 2 * columns.spread * lost < 1):
            return -inf
        return down(self._objective_below(w, tau) - lost)

    def _objective_below(self, w: np.ndarray, tau: float) -> float:
        """Return a lower bound on the objective at w, by tangents at the computed outputs."""
        q = combined(self.x, w)
        values = self.loss.value(q.value, self.targets)
        slope = np.abs(self.loss.descent(q.value, self.targets)) * (1 + _FUNCTION)
        error = self._value_error(q.value) + slope * q.error + gamma(len(values)) * np.abs(values)
        mean = down((float(np.sum(values)) - sum_above(error)) / self.x.shape[0])
        penalty = tau * float(np.sum(np.abs(w))) * (1 - gamma(len(w) + 3))
        return down(mean + penalty)


@dataclass(frozen=True, eq=False)
class _Slope:
    """The subdifferential of the L1-penalised objective at w, and the curvature there."""

    bounds: PenalisedBounds
    w: np.ndarray
    tau: float

    @cached_property
    def _outputs(self) -> Enclosed:
        return combined(self.bounds.x, self.w)

    @cached_property
    def _curvature(self) -> np.ndarray:
        """Lower bounds on ``l''_i / n``: it has no minimum inside so short an interval."""
        ends = [
            self.bounds.loss.curvature(q, self.bounds.targets)
            for q in (self._outputs.low, self._outputs.high)
        ]
        return np.asarray(np.minimum(*ends) * (1 - _FUNCTION) / len(self.bounds.targets))

    @cached_property
    def _correlations(self) -> Enclosed:
        """Enclose ``c = Xᵀ pull / n``."""
        bounds, n = self.bounds, len(self.bounds.targets)
        ends = [
            bounds.loss.descent(q, bounds.targets)
            for q in (self._outputs.value, self._outputs.low, self._outputs.high)
        ]
        doubt = np.maximum(np.abs(ends[1] - ends[0]), np.abs(ends[2] - ends[0]))
        doubt += _FUNCTION * np.max(np.abs(ends), axis=0)
        found = correlated(bounds.x, ends[0])
        error = (found.error + 1.01 * bounds.x.absolute.correlate(doubt)) / n
        error = np.where(np.isnan(error), inf, error)  # zero times a doubt that overflows
        return Enclosed(found.value / n, error + 4 * UNIT * np.abs(found.value) / n + TINY)

    @cached_property
    def columns(self) -> _Columns | None:
        """The columns that may carry weight, with G, or None where nothing is proved."""
        c, tau = self._correlations, self.tau
        chosen = (self.w != 0) | (c.size > (1 - _NEARLY_ACTIVE) * tau)
        for _ in range(3):
            if chosen.sum() > len(self.bounds.targets) or not chosen.any():
                return None
            pull, reach = self._pull(np.flatnonzero(chosen))
            lengths = np.sqrt(self.bounds.x.column_squares * self._most_curved) * (1 + 1e-6)
            needed = (c.size + lengths * pull) * (1 + 8 * UNIT) > tau
            if not (needed & ~chosen).any():
                left = (tau - c.size - lengths * pull)[~chosen]
                moved = (reach * lengths + np.sqrt(self.bounds.x.column_squares))[~chosen]
                spread = float(np.max(moved / np.maximum(left, TINY), initial=0.0))
                return _Columns(pull, _SLACK * reach, _SLACK * spread)
            chosen |= needed
        return None

    @property
    def _most_curved(self) -> float:
        ends = (self._outputs.low, self._outputs.high)
        curvature = [self.bounds.loss.curvature(q, self.bounds.targets) for q in ends]
        return up(float(np.max(curvature)) * (1 + _FUNCTION) / len(self.bounds.targets))

    def _pull(self, chosen: np.ndarray) -> tuple[float, float]:
        """Return G and B for these columns."""
        c, weights = self._correlations, self.w[chosen]
        value, error = c.value[chosen], c.error[chosen]
        size = np.where(
            weights != 0,
            np.abs(value - self.tau * np.sign(weights)),
            np.maximum(np.abs(value) - self.tau, 0.0),
        )
        gradient = (size + error) * (1 + 4 * UNIT) + 2 * UNIT * self.tau
        part = self.bounds.x.take(chosen)
        rows = part * np.sqrt(np.maximum(self._curvature, 0))[:, None]
        inverse = _right_inverse(rows)
        if inverse is None:
            return inf, inf
        orthonormal = multiplied(rows, inverse)
        # Entries of the rows are rounded three times.
        doubt = orthonormal.error + 4 * UNIT * (np.abs(rows) @ np.abs(inverse)) + TINY
        largest = np.abs(orthonormal.value) + doubt
        product = multiplied(orthonormal.value.T, orthonormal.value)
        miss = np.abs(product.value - np.eye(len(chosen))) + product.error
        miss = norm_above(miss + _SLACK * (2 * largest.T @ doubt))
        if not miss < 1:
            return inf, inf
        root = down(sqrt(down(1 - miss)))
        pulled = norm_above(_SLACK * (np.abs(inverse).T @ gradient))
        reach = max(map(norm_above, multiplied(part, inverse).size))
        return ratio_above(pulled, root), ratio_above(reach, root)


def _right_inverse(rows: np.ndarray) -> np.ndarray | None:
    """Return W for which the columns of AW are nearly orthonormal; None for dependent columns."""
    scale = np.abs(rows).max(axis=0)
    if not (scale > 0).all():
        return None
    _, triangle, order = orthogonal_factors(rows)
    if len(triangle) < len(order):
        return None
    inverse = np.empty_like(triangle)
    inverse[order] = solve_triangular(triangle, np.eye(len(order)), check_finite=False)
    return inverse

"""Convex duals in one unknown per sample, shared by every predictor.

A predictor minimises a data term plus a separable potential of the weights; its dual has the
conjugate of the data term and the conjugate potential of ``Xᵀμ``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from grokflow.theory.linear.problem import Problem
from grokflow.theory.losses import Loss
from grokflow.theory.numerics.data_matrix import Potential
from grokflow.theory.numerics.newton import (
    Box,
    Dense,
    Hessian,
    LowRank,
    ValueGradient,
    natural_residual,
)


@runtime_checkable
class Conjugate(Protocol):
    """The data term of a dual: ``Σ_i g_i(μ_i)`` over ``lower ≤ μ ≤ upper``."""

    @property
    def lower(self) -> float:
        """Lower bound on μ, minus infinity for none."""

    @property
    def upper(self) -> float:
        """Upper bound on μ, infinity for none."""

    def value(self, mu: np.ndarray) -> float:
        """Return the sum, infinite outside the domain."""

    def gradient(self, mu: np.ndarray) -> np.ndarray:
        """Return its gradient."""

    def curvature(self, mu: np.ndarray) -> np.ndarray:
        """Return the diagonal of its Hessian."""

    def box(self, mu: np.ndarray) -> Box:
        """Return how far μ may move in one step."""

    def residual(self, mu: np.ndarray, gradient: np.ndarray, lower: np.ndarray) -> float:
        """Return the distance from optimality, relative to what the data ask for."""


@dataclass(frozen=True, eq=False)
class Constraint:
    """Conjugate of a constraint: ``-tᵀμ``, for margins at least t (lower 0) or outputs equal t.

    Parameters
    ----------
    targets : ndarray, shape (n,)
        t.
    lower : float
        Lower bound on μ: 0 for margins, -inf for outputs.
    unit : float or ndarray of shape (n,)
        A typical multiplier, or by how much each must change to change its own output by a typical
        target: distances from the bound are judged against it.
    upper : float
        Upper bound on μ: none.
    """

    targets: np.ndarray
    lower: float
    unit: float | np.ndarray = 1.0
    upper: float = np.inf

    def value(self, mu: np.ndarray) -> float:
        """Return ``-tᵀμ``."""
        return -float(self.targets @ mu)

    def gradient(self, mu: np.ndarray) -> np.ndarray:
        """Return ``-t``."""
        return -self.targets

    def curvature(self, mu: np.ndarray) -> np.ndarray:
        """Return zeros."""
        return np.zeros_like(mu)

    def box(self, mu: np.ndarray) -> Box:
        """Return no limit beyond the constraint itself."""
        return Box()

    def residual(self, mu: np.ndarray, gradient: np.ndarray, lower: np.ndarray) -> float:
        """Return the violation of the constraints, relative to the largest target and the unit."""
        size = float(np.abs(self.targets).max())
        return natural_residual(mu / self.unit, gradient / size, lower / self.unit)


@dataclass(frozen=True, eq=False)
class OfLoss:
    """Conjugate of the mean loss over τ, ``(1/τn) Σ l*(τn μ_i)``.

    Dividing the objective by the penalty's strength τ keeps μ of order one as λ → 0.
    """

    loss: Loss
    targets: np.ndarray
    tau: float

    @property
    def lower(self) -> float:
        """The least pull over τn where outputs have it; otherwise `box` keeps off it."""
        pulls = self.loss.pull_range
        return pulls.low / self._factor if pulls.attained else -np.inf

    @property
    def upper(self) -> float:
        """The largest pull over τn where outputs have it; otherwise `box` keeps off it."""
        pulls = self.loss.pull_range
        return pulls.high / self._factor if pulls.attained else np.inf

    def value(self, mu: np.ndarray) -> float:
        """Return the mean conjugate, infinite outside its domain."""
        return float(self.loss.conjugate(self._pulls(mu), self.targets).mean()) / self.tau

    def gradient(self, mu: np.ndarray) -> np.ndarray:
        """Return ``-q(μ)``: the outputs whose pull is nμ."""
        return -self._outputs(mu)

    def curvature(self, mu: np.ndarray) -> np.ndarray:
        """Return ``τn / l''(q(μ))``."""
        with np.errstate(divide="ignore"):  # infinite where a tail has no curvature left
            return self._factor / self.loss.curvature(self._outputs(mu), self.targets)

    def box(self, mu: np.ndarray) -> Box:
        """Let μ go 19/20 of the way to the edge of the domain, component by component."""
        pulls = self.loss.pull_range
        if pulls.attained:
            return Box()
        low, high = pulls.low / self._factor, pulls.high / self._factor
        return Box(
            low + (mu - low) / 20 if np.isfinite(low) else -np.inf,
            high - (high - mu) / 20 if np.isfinite(high) else np.inf,
        )

    def residual(self, mu: np.ndarray, gradient: np.ndarray, lower: np.ndarray) -> float:
        """Return the gradient, or how far μ is from the pull of its own outputs: the smaller.

        Each vanishes only at the minimum, and each fails somewhere in floating point: the gradient
        is large where μ ≈ 0 should be smaller still, the pull of the square loss at tiny τ is a
        difference of nearly equal numbers.
        """
        outputs = self._outputs(mu) + gradient
        pull = self.loss.descent(outputs, self.targets) / self._factor
        mismatch = np.abs(pull - mu).max() / max(np.abs(pull).max(), np.abs(mu).max())
        return float(min(mismatch, np.abs(gradient).max() / np.abs(self.targets).max()))

    def _outputs(self, mu: np.ndarray) -> np.ndarray:
        return self.loss.outputs_of_pull(self._pulls(mu), self.targets)

    def _pulls(self, mu: np.ndarray) -> np.ndarray:
        pulls = self.loss.pull_range
        # μ on its bound may be outside the range by a rounding error.
        return pulls.clip(self._factor * mu) if pulls.attained else self._factor * mu

    @property
    def _factor(self) -> float:
        return self.tau * len(self.targets)


@dataclass(frozen=True, eq=False)
class Moved:
    """A potential whose arguments are counted from a point of its own, ``φ_j(z_j + ξ_j)``.

    Parameters
    ----------
    potential : Potential
        The terms φ_j.
    origin : ndarray, shape (d,)
        z.
    """

    potential: Potential
    origin: np.ndarray

    def weights(self, xi: np.ndarray, columns: slice = slice(None)) -> np.ndarray:
        """Return ``φ'(z + ξ)``."""
        return self.potential.weights(self.origin[columns] + xi, columns)

    def value(self, xi: np.ndarray, columns: slice = slice(None)) -> float:
        """Return ``Σ_j φ_j(z_j + ξ_j)``."""
        return self.potential.value(self.origin[columns] + xi, columns)

    def curvature(self, xi: np.ndarray, columns: slice = slice(None)) -> np.ndarray:
        """Return ``φ''(z + ξ)``."""
        return self.potential.curvature(self.origin[columns] + xi, columns)


@dataclass(frozen=True, eq=False)
class Dual:
    """What every predictor minimises: ``Σ_i g_i(μ_i) + Σ_j φ_j((Xᵀμ)_j) + (ε/2)‖μ - μ_0‖²``.

    Parameters
    ----------
    problem : Problem
        The data X.
    data : Conjugate
        The terms g_i.
    potential : Potential
        The terms φ_j; their derivatives are the weights.
    ridge, center : float, ndarray
        ε and μ_0 of an optional proximal term.
    level : float
        A constant of the value, which says against what its rounding is judged.
    """

    problem: Problem
    data: Conjugate
    potential: Potential
    ridge: float = 0.0
    center: np.ndarray | float = 0.0
    level: float = 0.0

    def value_gradient(self, mu: np.ndarray) -> ValueGradient:
        """Return value and gradient, in one pass over X."""
        value = self.data.value(mu)
        if not np.isfinite(value):
            return ValueGradient(np.inf, np.zeros_like(mu))
        part, outputs = self.problem.inputs.value_and_outputs(mu, self.potential)
        offset = mu - self.center
        value += self.level + part + self.ridge / 2 * float(offset @ offset)
        return ValueGradient(value, outputs + self.data.gradient(mu) + self.ridge * offset)

    def hessian(self, mu: np.ndarray) -> Hessian:
        """Return the Hessian, in one pass over the active columns of X."""
        shift = self.ridge + self.data.curvature(mu)
        factor = self.problem.inputs.active(mu, self.potential)
        if factor is not None and factor.shape[1] <= len(mu):
            return LowRank(shift, factor)
        if factor is None:
            matrix = self.problem.inputs.curvature(mu, self.potential)
        else:
            matrix = factor @ factor.T
        matrix[np.diag_indices_from(matrix)] += shift
        return Dense(matrix)

    def box(self, mu: np.ndarray) -> Box:
        """Return the limits that the data term sets."""
        return self.data.box(mu)

    def residual(self, mu: np.ndarray, gradient: np.ndarray, lower: np.ndarray) -> float:
        """Return the distance from optimality that the data term measures."""
        return self.data.residual(mu, gradient, lower)

"""The zero-loss set ``{f(θ) = y}`` of a model, and the ways along it and onto it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, runtime_checkable

import numpy as np
from scipy.linalg import cho_solve, lapack

from grokflow.theory.numerics.newton import NotConverged

# Gauss-Newton converges quadratically near the set: more steps mean that it is elsewhere.
_MOST_CORRECTIONS = 12
# Reciprocal condition of J Jᵀ, rows of J scaled to unit norm, below which rounding decides.
_SMALLEST_CONDITION = 1e-14


@runtime_checkable
class ConstraintModel(Protocol):
    """Outputs of a model on the training set, as functions of the parameters θ of shape (P,)."""

    def outputs(self, theta: np.ndarray) -> np.ndarray:
        """Return f(θ), shape (n,)."""

    def jacobian(self, theta: np.ndarray) -> np.ndarray:
        """Return ``J = ∂f/∂θ``, shape (n, P)."""


@dataclass(frozen=True, eq=False)
class ManifoldPoint:
    """A point with its Jacobian J and the Cholesky factor of ``S J Jᵀ S``.

    Parameters
    ----------
    theta : ndarray, shape (P,)
        Parameters.
    excess : ndarray, shape (n,)
        ``f(θ) - y``.
    jacobian : ndarray, shape (n, P)
        ``∂f/∂θ``.
    scale : ndarray, shape (n,)
        The diagonal of S: one over the norms of the rows of J.
    factor : ndarray, shape (n, n)
        Lower triangular factor.
    """

    theta: np.ndarray
    excess: np.ndarray
    jacobian: np.ndarray
    scale: np.ndarray
    factor: np.ndarray

    @classmethod
    def of(cls, model: ConstraintModel, targets: np.ndarray, theta: np.ndarray) -> ManifoldPoint:
        """Evaluate a model, in O(n²P).

        Raises
        ------
        NotConverged
            Where J has no full row rank, to rounding.
        """
        jacobian = model.jacobian(theta)
        norms = np.linalg.norm(jacobian, axis=1)
        scale = 1 / np.where(norms > 0, norms, 1.0)
        gram = (jacobian @ jacobian.T) * np.outer(scale, scale)
        factor, failed = lapack.dpotrf(gram, lower=1)
        condition = 0.0 if failed else lapack.dpocon(factor, np.linalg.norm(gram, 1), uplo="L")[0]
        if not condition >= _SMALLEST_CONDITION:
            raise NotConverged(
                f"J Jᵀ has lost full rank (reciprocal condition {condition:.0e}), expected "
                f"{_SMALLEST_CONDITION:.0e} or more: stop the path earlier, or drop samples whose "
                "gradients depend on others"
            )
        return cls(theta, model.outputs(theta) - targets, jacobian, scale, factor)

    def towards(self, excess: np.ndarray) -> np.ndarray:
        """Return the shortest step that changes the outputs by ``-excess`` to first order."""
        return np.asarray(-self._solve(excess) @ self.jacobian)

    @cached_property
    def multipliers(self) -> np.ndarray:
        """``μ = (J Jᵀ)⁻¹ J θ``; what rounding leaves of ``J (θ - Jᵀμ) = 0`` is solved for again."""
        first = self._solve(self.jacobian @ self.theta)
        again = self._solve(self.jacobian @ (self.theta - first @ self.jacobian))
        return np.asarray(first + again)

    @cached_property
    def tangential(self) -> np.ndarray:
        """``Pθ = θ - Jᵀμ``, the part of θ in ker J."""
        return np.asarray(self.theta - self.multipliers @ self.jacobian)

    @cached_property
    def rounding(self) -> float:
        """What a hundred roundings of every parameter change in an output."""
        reach = np.abs(self.jacobian) @ np.abs(self.theta)
        return 100 * float(np.finfo(float).eps * reach.max())

    def _solve(self, right: np.ndarray) -> np.ndarray:
        """Return ``(J Jᵀ)⁻¹ right``."""
        return np.asarray(self.scale * cho_solve((self.factor, True), self.scale * right))


@dataclass(eq=False)
class ZeroLossSet:
    """The set ``{f(θ) = y}``, counting the Jacobians that were computed on it.

    Parameters
    ----------
    model : ConstraintModel
        f.
    targets : ndarray, shape (n,)
        y.
    misfit : float
        Largest ``|f - y|`` of points that count as on the set, over the largest target; rounding
        of f comes on top.
    """

    model: ConstraintModel
    targets: np.ndarray
    misfit: float
    jacobians: int = 0

    def point(self, theta: np.ndarray) -> ManifoldPoint:
        """Evaluate the model at `theta`, on the set or off."""
        self.jacobians += 1
        return ManifoldPoint.of(self.model, self.targets, theta)

    def contains(self, at: ManifoldPoint, excess: np.ndarray) -> bool:
        """Whether a point at (or near) `at` with this excess is on the set."""
        allowed = self.misfit * float(np.abs(self.targets).max()) + at.rounding
        return float(np.abs(excess).max()) <= allowed

    def correction(self, at: ManifoldPoint) -> np.ndarray:
        """Return the way back to the set, in Gauss-Newton steps with the one Jacobian of `at`.

        It is infinite where they do not arrive.
        """
        back, excess = np.zeros_like(at.theta), at.excess
        for _ in range(_MOST_CORRECTIONS):
            if self.contains(at, excess):
                return back
            back = back + at.towards(excess)
            excess = self.model.outputs(at.theta + back) - self.targets
        return np.full_like(at.theta, np.inf)

    def land(self, start: np.ndarray, reach: float) -> ManifoldPoint:
        """Move a start onto the set by Gauss-Newton steps of at most ``reach ‖start‖`` in all.

        Raises
        ------
        ValueError
            For starts farther away, and where J has no full rank.
        """
        largest = reach * float(np.linalg.norm(start))
        try:
            at = self.point(start)
            for _ in range(_MOST_CORRECTIONS):
                if self.contains(at, at.excess):
                    return at
                candidate = at.theta + at.towards(at.excess)
                if not np.linalg.norm(candidate - start) <= largest:
                    break
                at = self.point(candidate)
        except NotConverged as error:
            raise ValueError(f"at the start, {error}") from None
        misfit = float(np.abs(self.model.outputs(start) - self.targets).max())
        raise ValueError(
            f"the start misses the targets by {misfit:.2g}, farther than {reach:g} ‖θ‖ from the "
            "zero-loss set, expected a point near it: pass the end of the fast phase"
        )

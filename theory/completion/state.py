"""What can be measured of ``W = UUᵀ - VVᵀ`` at one time, from W and ``S = UUᵀ + VVᵀ``.

The gradient of ``<A, W>`` is ``(2AU, -2AV)``, so that the tangent kernel is ``4 tr(A_i S A_j)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from grokflow.theory.completion.problem import CompletionProblem
from grokflow.theory.homogeneous.comparisons import effective_rank
from grokflow.theory.homogeneous.kkt import stationarity_from_kernel


@dataclass(frozen=True, eq=False)
class CompletionState:
    """The factorisation at one time.

    Parameters
    ----------
    problem : CompletionProblem
        Its measurements.
    matrix : ndarray
        ``UUᵀ - VVᵀ``, as the measurements' space stores it.
    total : ndarray, shape (d, d)
        ``UUᵀ + VVᵀ``.
    """

    problem: CompletionProblem
    matrix: np.ndarray
    total: np.ndarray

    @cached_property
    def kkt_residual(self) -> float:
        """``min_μ ‖θ - Σ μ_i ∇f_i‖ / ‖θ‖``, the KKT residual of (R2)."""
        kernel = 2 * self.problem.measurements.metric_gram(self._total)
        radial = 2 * self.problem.measurements.apply(self._matrix)
        return stationarity_from_kernel(kernel, radial, self._residual, inequalities=False).residual

    @cached_property
    def kkt_bound(self) -> float:
        """The same with the best multiple of the pulls of the loss."""
        mu = -self.problem.weights * self.problem.residuals(self.matrix)
        kernel = 2 * self.problem.measurements.metric_gram(self._total)
        mu = mu / (np.abs(mu).max() or 1.0)
        along = float(mu @ self.problem.measurements.apply(self._matrix)) * 2
        square = float(mu @ kernel @ mu)
        return self._residual(along / square * mu) if square else 1.0

    def kernel_drift(self, scale: float) -> float:
        """Return ``‖K(θ/α(s)) - K(θ̄)‖_F / ‖K(θ̄)‖_F`` with ``θ̄ = (I, I)`` and ``α(s) = scale``."""
        gram, identity = self.problem.measurements.metric_gram, np.eye(self.problem.d)
        start = gram(2 * identity)
        change = gram(self.total / scale**2 - 2 * identity)
        return float(np.linalg.norm(change) / np.linalg.norm(start))

    @cached_property
    def effective_rank(self) -> float:
        """Effective rank of W."""
        return effective_rank(np.abs(self.problem.space.spectrum(self.matrix)))

    @cached_property
    def _size(self) -> float:
        return float(np.trace(self.total))

    @property
    def _total(self) -> np.ndarray:
        return np.asarray(self.total / self._size)

    @property
    def _matrix(self) -> np.ndarray:
        return np.asarray(self.matrix / self._size)

    def _residual(self, mu: np.ndarray) -> float:
        """Return ``(‖U - 2MU‖² + ‖V + 2MV‖²)^½ / ‖θ‖`` with ``M = Σ μ_i A_i``."""
        embed = self.problem.space.embed
        m, matrix = 2 * embed(self.problem.measurements.adjoint(mu)), embed(self._matrix)
        one = np.eye(len(m))
        first, second = one - m, one + m
        square = np.sum((first @ first) * (self._total + matrix))
        square += np.sum((second @ second) * (self._total - matrix))
        return float(np.sqrt(max(square / 2, 0.0)))

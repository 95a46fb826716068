"""What can be measured of a diagonal net ``u^L - v^L`` at one time, in closed form.

The gradient of an output ``<w, x>`` is ``L (u^{L-1} x, -v^{L-1} x)``, so that the tangent kernel is
``L² X diag(u^{2L-2} + v^{2L-2}) Xᵀ``. KKT residuals do not depend on the size of θ and are computed
for ``θ / ‖θ‖``: at α = 1e100 neither the kernel nor ``u^L`` is a double.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from grokflow.theory.diagonal.parameters import parameters
from grokflow.theory.diagonal.scale import DiagonalScale
from grokflow.theory.homogeneous.kkt import Stationarity, stationarity_from_kernel
from grokflow.theory.linear.problem import Problem


@dataclass(frozen=True, eq=False)
class DiagonalState:
    """A diagonal net at one time.

    Parameters
    ----------
    problem : Problem
        Its data.
    depth : int
        L.
    log_u, log_v : ndarray, shape (d,)
        Logarithms of u and v.
    log_scale : float
        Logarithm of ``α(s) = α e^{-s}``.
    """

    problem: Problem
    depth: int
    log_u: np.ndarray
    log_v: np.ndarray
    log_scale: float

    @classmethod
    def of(cls, problem: Problem, scale: DiagonalScale, s: float, w: np.ndarray) -> DiagonalState:
        """Return the net that has the weights w, shape (d,), at slow time s."""
        log_scale = scale.log_scale(s)
        u, v = np.log(parameters(w, scale.depth, log_scale))
        return cls(problem, scale.depth, u, v, log_scale)

    def kkt(self, q: np.ndarray) -> Stationarity:
        """Return the KKT residual of (R1) or (R2) over all of u and v.

        `q` are the margins or outputs on the training set, shape (n,).
        """
        return stationarity_from_kernel(
            self._gram,
            self._radial(q),
            self._residual,
            inequalities=self.problem.is_classification,
        )

    def kkt_bound(self, q: np.ndarray, pulls: np.ndarray) -> float:
        """Return the residual with the best multiple of the loss's own pulls ``-l'(q)``."""
        mu = pulls / (np.abs(pulls).max() or 1.0)
        along, square = float(mu @ self._radial(q)), float(mu @ self._gram @ mu)
        if square == 0 or (along < 0 and self.problem.is_classification):
            return 1.0
        return self._residual(along / square * mu)

    @cached_property
    def kernel_drift(self) -> float:
        """``‖K(θ/α(s)) - K(θ̄)‖_F / ‖K(θ̄)‖_F`` with ``θ̄ = (1, 1)``."""
        power = 2 * self.depth - 2
        u, v = (np.expm1(power * (log - self.log_scale)) for log in (self.log_u, self.log_v))
        start = 2 * self.problem.inputs.gram
        return float(np.linalg.norm(self._weighted(u + v)) / np.linalg.norm(start))

    @cached_property
    def departure(self) -> float:
        """``‖θ/α(s) - θ̄‖`` (Lemma C.5)."""
        both = np.concatenate([self.log_u, self.log_v]) - self.log_scale
        return float(np.linalg.norm(np.expm1(both)))

    @cached_property
    def _log_norm(self) -> float:
        return float(np.logaddexp.reduce(2 * np.concatenate([self.log_u, self.log_v])) / 2)

    @cached_property
    def _powers(self) -> tuple[np.ndarray, np.ndarray]:
        """``u^{L-1}`` and ``v^{L-1}`` of ``θ / ‖θ‖``."""
        power = self.depth - 1
        u, v = (np.exp(power * (log - self._log_norm)) for log in (self.log_u, self.log_v))
        return u, v

    @cached_property
    def _gram(self) -> np.ndarray:
        u, v = self._powers
        return np.asarray(self.depth**2 * self._weighted(u**2 + v**2))

    def _radial(self, q: np.ndarray) -> np.ndarray:
        """Return ``J θ = L q`` (Euler) of ``θ / ‖θ‖``."""
        logs = np.log(np.maximum(np.abs(q), 1e-300)) - self.depth * self._log_norm
        return np.asarray(self.depth * np.sign(q) * np.exp(logs))

    def _residual(self, mu: np.ndarray) -> float:
        """Return ``‖θ - Jᵀμ‖`` of ``θ / ‖θ‖``."""
        pulled = self.depth * self.problem.inputs.correlate(mu)
        gradients = np.concatenate([g * pulled for g in (self._powers[0], -self._powers[1])])
        theta = np.exp(np.concatenate([self.log_u, self.log_v]) - self._log_norm)
        return float(np.linalg.norm(theta - gradients))

    def _weighted(self, weights: np.ndarray) -> np.ndarray:
        """Return ``X diag(weights) Xᵀ``."""
        return self.problem.inputs.weighted_gram(weights)

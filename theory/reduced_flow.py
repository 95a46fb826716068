"""The gradient flow with weight decay of a depth-2 diagonal net, reduced to n unknowns.

In the coordinates of `theory.mirror` the flow reads, exactly and for every α and λ,

    ε(s) (dp/ds + c(s) p) = -l'(q),    q = X w(p, s),    ε = nλκ/4,    c = 2 tanh(κ)/κ.

The state is of order one, ε is tiny in the kernel regime and of order nλ later. Solvers run in
the time τ with ``s + log(1 + s/s_c) = τ``: uniform in log s while the data are fitted (the
transient lasts ``s_c ~ λ/α²``) and uniform in s afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import wrightomega

from theory.losses import Loss
from theory.mirror import DiagonalScale, Hypentropy
from theory.problems import Problem

# |κξ| below which sinh(κξ) = κξ to double precision: (1e-8)²/6 < 2^-53.
_LINEAR = 1e-8


@dataclass(frozen=True)
class ReducedFlow:
    """Right-hand side and Jacobian of the reduced flow.

    Parameters
    ----------
    problem : Problem
        The data, n samples of d inputs.
    loss : Loss
        Loss of the outputs of the design.
    scale : DiagonalScale
        Initial scale α and typical weight ω.
    lam : float
        Weight decay λ of the objective ``L + (λ/2)‖θ‖²``.
    """

    problem: Problem
    loss: Loss
    scale: DiagonalScale
    lam: float

    @cached_property
    def transient(self) -> float:
        """Slow time s_c in which the stiffest mode of the linearised flow fits the data."""
        gram = self.problem.inputs.gram
        pull = self.scale.omega * float(np.trace(gram)) / self.problem.n
        return self.stiffness(0.0) / (pull * self.loss.largest_curvature_at_zero)

    def time(self, s: np.ndarray) -> np.ndarray:
        """Return the solver's time ``τ = s + log(1 + s/s_c)``."""
        return np.asarray(s + np.log1p(s / self.transient))

    def slow_time(self, tau: float) -> float:
        """Return s for the solver's time τ: ``s + s_c`` is the Wright omega function."""
        s_c = self.transient
        return float(max(wrightomega(tau + np.log(s_c) + s_c).real - s_c, 0.0))

    def pace(self, s: float) -> float:
        """Return ``ds/dτ``."""
        shifted = s + self.transient
        return shifted / (1 + shifted)

    def stiffness(self, s: float) -> float:
        """Return ``ε = nλκ/4``, the size of ``l'(q)`` that holds the state in place."""
        return self.problem.n * self.lam * self.scale.kappa(s) / 4

    def outputs(self, s: float, p: np.ndarray) -> np.ndarray:
        """Return ``q = X w``: one pass over X, or none while the map is linear to rounding."""
        potential = self.scale.potential(s)
        if self._is_linear(potential, p):
            return np.asarray(self.scale.omega * (self.problem.inputs.gram @ p))
        return self.problem.inputs.outputs(p, potential)

    def output_jacobian(self, s: float, p: np.ndarray) -> np.ndarray:
        """Return ``dq/dp = X diag(dw/dξ) X.T``, symmetric positive semidefinite."""
        potential = self.scale.potential(s)
        if self._is_linear(potential, p):
            return self.scale.omega * self.problem.inputs.gram
        return self.problem.inputs.curvature(p, potential)

    def _is_linear(self, potential: Hypentropy, p: np.ndarray) -> bool:
        # |ξ_j| ≤ |p|₂ |X_j|₂ ≤ √n max|p| |X_j|₂
        reach = np.sqrt(len(p)) * np.abs(p).max() * self.problem.inputs.largest_column
        return bool(potential.kappa * max(reach, 1.0) < _LINEAR)

    def rate(self, s: float, p: np.ndarray) -> np.ndarray:
        """Return ``dp/ds``."""
        pull = self.loss.descent(self.outputs(s, p), self.problem.targets)
        return np.asarray(pull / self.stiffness(s) - self.scale.drift(s) * p)

    def rate_jacobian(self, s: float, p: np.ndarray) -> np.ndarray:
        """Return the Jacobian of `rate`, ``-diag(l'') (dq/dp) / ε - c``."""
        curvature = self.loss.curvature(self.outputs(s, p), self.problem.targets)
        scale = -curvature / self.stiffness(s)
        jacobian: np.ndarray = self.output_jacobian(s, p) * scale[:, None]
        jacobian[np.diag_indices_from(jacobian)] -= self.scale.drift(s)
        return jacobian

    def defect(self, s: float, p: np.ndarray, rate: np.ndarray) -> np.ndarray:
        """Return ``ε (dp/ds + c p) + l'(q)``, which the flow keeps at zero.

        For the square loss this form keeps all digits where `rate` subtracts two numbers of
        size 1/ε.
        """
        pull = self.loss.descent(self.outputs(s, p), self.problem.targets)
        return np.asarray(self.stiffness(s) * (rate + self.scale.drift(s) * p) - pull)

    def defect_jacobian(self, s: float, p: np.ndarray, rate_weight: float) -> np.ndarray:
        """Return the Jacobian of `defect` in p when ``d(rate)/dp`` is ``rate_weight`` times 1."""
        curvature = self.loss.curvature(self.outputs(s, p), self.problem.targets)
        jacobian: np.ndarray = self.output_jacobian(s, p) * curvature[:, None]
        diagonal = self.stiffness(s) * (rate_weight + self.scale.drift(s))
        jacobian[np.diag_indices_from(jacobian)] += diagonal
        return jacobian

    def weights(self, s: float, p: np.ndarray) -> np.ndarray:
        """Return the weights w of shape (d,)."""
        return self.scale.potential(s).weights(self.problem.inputs.correlate(p))

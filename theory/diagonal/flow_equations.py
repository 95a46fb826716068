"""The gradient flow with weight decay of a diagonal net, reduced to n unknowns.

In the coordinates of `grokflow.theory.diagonal.scale` the flow reads, exactly and for every α, λ
and depth,

    ε(s) (dp/ds + d(s) p) = -l'(q),    q = X w(p, s),    ε = nλ unit / c,    d = d log(unit)/ds.

The state is of order one; ε is tiny in the kernel regime, of order ``α^{-2(L-1)} λ``, and of order
nλ later. Solvers run in the time τ of `grokflow.theory.numerics.solver_time`. ε, the transient and
the pull of exponential tails enter by their logarithms, which stay doubles where they do not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from grokflow.theory.diagonal.deep_mirror import MirrorMap
from grokflow.theory.diagonal.scale import DiagonalScale
from grokflow.theory.linear.problem import Problem
from grokflow.theory.losses import Loss, TailedLoss, with_tail
from grokflow.theory.numerics.solver_time import SolverMoment, SolverTime

# |ν_j| below which the mirror map is linear to double precision: (1e-8)²/6 < 2^-53.
_LINEAR_MULTIPLIER = 1e-8


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
        Initial scale α, typical weight ω and depth L.
    lam : float
        Weight decay λ of the objective ``L + (λ/2)‖θ‖²``.
    """

    problem: Problem
    loss: Loss
    scale: DiagonalScale
    lam: float

    def log_stiffness(self, s: float) -> float:
        """Return ``log ε``; ε is the size of ``l'(q)`` that holds the state in place."""
        unit = self.scale.potential(s).log_unit
        return math.log(self.problem.n * self.lam) + unit - self.scale.log_speed(s)

    @cached_property
    def clock(self) -> SolverTime:
        """The solver's time; the transient is that of the stiffest mode of the linearised flow."""
        gram = self.problem.inputs.gram
        pull = self.scale.omega * float(np.trace(gram)) / self.problem.n
        fit = float(np.log(pull * self.loss.largest_curvature_at_zero))
        return SolverTime(self.log_stiffness(0.0) - fit)

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

    def _is_linear(self, potential: MirrorMap, p: np.ndarray) -> bool:
        # |ξ_j| ≤ |p|₂ |X_j|₂ ≤ √n max|p| |X_j|₂, and κ = 4 unit
        kappa = 4 * potential.unit
        if kappa >= _LINEAR_MULTIPLIER:
            return False
        reach = np.sqrt(len(p)) * np.abs(p).max() * self.problem.inputs.largest_column
        return bool(kappa * reach < _LINEAR_MULTIPLIER)

    def rate(self, at: SolverMoment, p: np.ndarray) -> np.ndarray:
        """Return ``dp/dτ``, for losses with an exponential tail."""
        pull = self._pull(at, self.outputs(at.s, p))
        return np.asarray(pull - at.pace * self.scale.potential(at.s).drift * p)

    def rate_jacobian(self, at: SolverMoment, p: np.ndarray) -> np.ndarray:
        """Return the Jacobian of `rate`, ``-pace (diag(l'') (dq/dp) / ε + d)``."""
        q = self.outputs(at.s, p)
        scale = -self._pull(at, q) * self._tailed_loss.tail(q)
        jacobian: np.ndarray = self.output_jacobian(at.s, p) * scale[:, None]
        jacobian[np.diag_indices_from(jacobian)] -= at.pace * self.scale.potential(at.s).drift
        return jacobian

    def _pull(self, at: SolverMoment, q: np.ndarray) -> np.ndarray:
        """Return ``-pace l'(q) / ε``, of order one while its factors under- and overflow."""
        log_pull = self._tailed_loss.log_descent(q) + at.log_pace - self.log_stiffness(at.s)
        # A wild trial state saturates instead of overflowing, and is rejected.
        return np.asarray(np.exp(np.minimum(log_pull, 300.0)))

    @cached_property  # a structural check takes longer than an evaluation of a small problem
    def _tailed_loss(self) -> TailedLoss:
        return with_tail(self.loss, "the flow at large scales")

    def defect(self, at: SolverMoment, p: np.ndarray, rate: np.ndarray) -> np.ndarray:
        """Return ``ε (dp/ds + d p) + l'(q)``, which the flow keeps at zero; `rate` is ``dp/dτ``.

        For the square loss this form keeps all digits where `rate` subtracts two numbers of
        size 1/ε.
        """
        pull = self.loss.descent(self.outputs(at.s, p), self.problem.targets)
        weight, drift = self._weights_of_defect(at)
        return np.asarray(weight * rate + drift * p - pull)

    def defect_jacobian(self, at: SolverMoment, p: np.ndarray, rate_weight: float) -> np.ndarray:
        """Return the Jacobian of `defect` in p when ``d(rate)/dp`` is ``rate_weight`` times 1."""
        curvature = self.loss.curvature(self.outputs(at.s, p), self.problem.targets)
        jacobian: np.ndarray = self.output_jacobian(at.s, p) * curvature[:, None]
        weight, drift = self._weights_of_defect(at)
        jacobian[np.diag_indices_from(jacobian)] += weight * rate_weight + drift
        return jacobian

    def _weights_of_defect(self, at: SolverMoment) -> tuple[float, float]:
        """Return ``ε / pace`` and ``ε d``."""
        log_stiffness = self.log_stiffness(at.s)
        weight = float(np.exp(log_stiffness - at.log_pace))
        return weight, float(np.exp(log_stiffness)) * self.scale.potential(at.s).drift

    def start_rate(self) -> np.ndarray:
        """Return ``dp/dτ`` at time 0, where p = 0 and q = 0."""
        pull = self.loss.descent(np.zeros(self.problem.n), self.problem.targets)
        log_pace = SolverMoment(0.0, self.clock.log_transient).log_pace
        return np.asarray(pull * np.exp(log_pace - self.log_stiffness(0.0)))

    def weights(self, s: float, p: np.ndarray) -> np.ndarray:
        """Return the weights w of shape (d,)."""
        return self.scale.potential(s).weights(self.problem.inputs.correlate(p))

    def reach(self, s: float, p: np.ndarray, w: np.ndarray) -> np.ndarray:
        """Return how far every |x_j| would come if the weights stayed at `w`, shape (d,); L ≥ 3.

        From `s` on x moves by ``Xᵀr / (nλ)`` times the integral of c, ``L α(s)^{L-2}``. A weight
        of zero can become another one only where this is 1 or more.
        """
        scale, inputs = self.scale, self.problem.inputs
        pull = self.loss.descent(inputs.combine(w), self.problem.targets)
        left = math.log(scale.depth) + (scale.depth - 2) * scale.log_scale(s)
        drive = math.exp(left - math.log(self.problem.n * self.lam))
        x = math.exp(scale.potential(s).log_unit) * inputs.correlate(p)
        return np.asarray(np.abs(x) + drive * np.abs(inputs.correlate(pull)))

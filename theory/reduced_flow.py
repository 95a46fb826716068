"""The gradient flow with weight decay of a diagonal net, reduced to n unknowns.

In the coordinates of `theory.diagonal_scale` the flow reads, exactly and for every α, λ and depth,

    ε(s) (dp/ds + d(s) p) = -l'(q),    q = X w(p, s),    ε = nλ unit / c,    d = d log(unit)/ds.

The state is of order one; ε is tiny in the kernel regime, of order ``α^{-2(L-1)} λ``, and of order
nλ later. Solvers run in the time τ with ``s + log(1 + s/s_c) = τ``: uniform in log s while the data
are fitted (the transient lasts ``s_c ~ ε(0)``) and uniform in s afterwards. ε, s_c and the pull of
exponential tails enter by their logarithms, which stay doubles where they do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.special import wrightomega

from theory.deep_mirror import MirrorMap
from theory.diagonal_scale import DiagonalScale
from theory.losses import Loss, TailedLoss
from theory.problems import Problem

# |ν_j| below which the mirror map is linear to double precision: (1e-8)²/6 < 2^-53.
_LINEAR = 1e-8


class Clock(NamedTuple):
    """A moment: slow time s, and ``log(s + s_c)``."""

    s: float
    log_shifted: float

    @property
    def pace(self) -> float:
        """``ds/dτ = (s + s_c) / (1 + s + s_c)``."""
        shifted = np.exp(self.log_shifted)
        return float(shifted / (1 + shifted))


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
        return float(np.log(self.problem.n * self.lam) + unit - self.scale.log_speed(s))

    @cached_property
    def log_transient(self) -> float:
        """``log s_c``, the slow time in which the stiffest mode of the linearised flow fits."""
        gram = self.problem.inputs.gram
        pull = self.scale.omega * float(np.trace(gram)) / self.problem.n
        return self.log_stiffness(0.0) - float(np.log(pull * self.loss.largest_curvature_at_zero))

    def time(self, s: np.ndarray) -> np.ndarray:
        """Return the solver's time ``τ = s + log(1 + s/s_c)``."""
        with np.errstate(divide="ignore"):
            return np.asarray(s + np.logaddexp(0.0, np.log(s) - self.log_transient))

    def clock(self, tau: float) -> Clock:
        """Return the moment τ: ``s + s_c`` is the Wright omega function."""
        s_c = float(np.exp(self.log_transient))
        at = tau + self.log_transient + s_c
        shifted = float(wrightomega(at).real)
        # log ω(x) = x - ω(x), which is exact where ω itself underflows
        log_shifted = at - shifted if shifted < 1 else float(np.log(shifted))
        return Clock(max(shifted - s_c, 0.0), log_shifted)

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
        reach = np.sqrt(len(p)) * np.abs(p).max() * self.problem.inputs.largest_column
        return bool(4 * potential.unit * max(reach, 1.0) < _LINEAR)

    def rate(self, at: Clock, p: np.ndarray) -> np.ndarray:
        """Return ``dp/dτ``, for losses with an exponential tail."""
        pull = self._pull(at, self.outputs(at.s, p))
        return np.asarray(pull - at.pace * self.scale.potential(at.s).drift * p)

    def rate_jacobian(self, at: Clock, p: np.ndarray) -> np.ndarray:
        """Return the Jacobian of `rate`, ``-pace (diag(l'') (dq/dp) / ε + d)``."""
        q = self.outputs(at.s, p)
        scale = -self._pull(at, q) * self._tailed.tail(q)
        jacobian: np.ndarray = self.output_jacobian(at.s, p) * scale[:, None]
        jacobian[np.diag_indices_from(jacobian)] -= at.pace * self.scale.potential(at.s).drift
        return jacobian

    def _pull(self, at: Clock, q: np.ndarray) -> np.ndarray:
        """Return ``-pace l'(q) / ε``, of order one while its factors under- and overflow."""
        log_pace = at.log_shifted - np.log1p(np.exp(at.log_shifted))
        log_pull = self._tailed.log_descent(q) + log_pace - self.log_stiffness(at.s)
        # A wild trial state saturates instead of overflowing, and is rejected.
        return np.asarray(np.exp(np.minimum(log_pull, 300.0)))

    @property
    def _tailed(self) -> TailedLoss:
        assert isinstance(self.loss, TailedLoss)
        return self.loss

    def defect(self, at: Clock, p: np.ndarray, rate: np.ndarray) -> np.ndarray:
        """Return ``ε (dp/ds + d p) + l'(q)``, which the flow keeps at zero; `rate` is ``dp/dτ``.

        For the square loss this form keeps all digits where `rate` subtracts two numbers of
        size 1/ε.
        """
        pull = self.loss.descent(self.outputs(at.s, p), self.problem.targets)
        weight, drift = self._weights_of_defect(at)
        return np.asarray(weight * rate + drift * p - pull)

    def defect_jacobian(self, at: Clock, p: np.ndarray, rate_weight: float) -> np.ndarray:
        """Return the Jacobian of `defect` in p when ``d(rate)/dp`` is ``rate_weight`` times 1."""
        curvature = self.loss.curvature(self.outputs(at.s, p), self.problem.targets)
        jacobian: np.ndarray = self.output_jacobian(at.s, p) * curvature[:, None]
        weight, drift = self._weights_of_defect(at)
        jacobian[np.diag_indices_from(jacobian)] += weight * rate_weight + drift
        return jacobian

    def _weights_of_defect(self, at: Clock) -> tuple[float, float]:
        """Return ``ε / pace`` and ``ε d``."""
        log_stiffness = self.log_stiffness(at.s)
        log_pace = at.log_shifted - np.log1p(np.exp(at.log_shifted))
        weight = float(np.exp(log_stiffness - log_pace))
        return weight, float(np.exp(log_stiffness)) * self.scale.potential(at.s).drift

    def start_rate(self) -> np.ndarray:
        """Return ``dp/dτ`` at time 0, where p = 0 and q = 0."""
        pull = self.loss.descent(np.zeros(self.problem.n), self.problem.targets)
        log_pace = self.log_transient - np.log1p(np.exp(self.log_transient))
        return np.asarray(pull * np.exp(log_pace - self.log_stiffness(0.0)))

    def weights(self, s: float, p: np.ndarray) -> np.ndarray:
        """Return the weights w of shape (d,)."""
        return self.scale.potential(s).weights(self.problem.inputs.correlate(p))

"""The gradient flow with weight decay of a diagonal net, reduced to r unknowns, the rank of X.

With ``X = Q R`` of `grokflow.theory.linear.row_space` and in the coordinates of
`grokflow.theory.diagonal.scale` the flow reads, exactly and for every α, λ and depth,

    ε(s) (dp/ds + d(s) p) = -Qᵀ l'(q),    q = Q R w(Rᵀp, s),    ε = nλ unit / c,

with ``d = d log(unit)/ds``. Where X has full row rank Q is the identity. With more samples than
that, one multiplier for each would not be determined by the weights, and drift.

The state is of order one; ε is tiny in the kernel regime, of order ``α^{-2(L-1)} λ``, and of order
nλ later. Solvers run in the time τ of `grokflow.theory.numerics.solver_time`. ε, the transient and
the pull of exponential tails enter by their logarithms, which stay doubles where they do not.
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property, lru_cache

import numpy as np

from grokflow.theory.diagonal.anchored import Anchor, AnchoredHypentropy
from grokflow.theory.diagonal.deep_mirror import MirrorMap
from grokflow.theory.diagonal.scale import DiagonalScale
from grokflow.theory.linear.problem import Problem
from grokflow.theory.linear.row_space import RowSpace, row_space
from grokflow.theory.linear.ties import EqualColumns
from grokflow.theory.losses import Loss, TailedLoss, with_tail
from grokflow.theory.numerics.solver_time import SolverMoment, SolverTime

# |ν_j| below which the mirror map is linear to double precision: (1e-8)²/6 < 2^-53.
_LINEAR_MULTIPLIER = 1e-8


@dataclass(frozen=True, eq=False)
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
    space : RowSpace
        The row space of the data, in whose coordinates the state is given.
    anchor : Anchor or None
        From where the coordinates of the weights are counted, in depths L ≥ 3; None for 0, in
        units that follow the scale.
    equal : EqualColumns or None
        Inputs whose anchors are kept alike; None where there are no anchors.
    """

    problem: Problem
    loss: Loss
    scale: DiagonalScale
    lam: float
    space: RowSpace
    anchor: Anchor | None = None
    equal: EqualColumns | None = None

    @classmethod
    def of(cls, problem: Problem, loss: Loss, scale: DiagonalScale, lam: float) -> ReducedFlow:
        """Return the flow of a problem from its start on."""
        # Each weight has an anchor at L ≥ 3 alone.
        equal = EqualColumns.of(problem) if scale.depth > 2 else None
        return cls(problem, loss, scale, lam, row_space(problem.inputs).graded(), equal=equal)

    def anchored(self, s: float, p: np.ndarray) -> ReducedFlow:
        """Return the flow whose coordinates are counted from where they are now, L ≥ 3."""
        return replace(self, anchor=self._anchor(self._move(s, p)))

    def resolution(self, s: float, p: np.ndarray) -> float:
        """Return the least fraction that coordinates keep of their distance to the pole, L ≥ 3."""
        move = self._move(s, p)
        return float((self.anchor or Anchor.at(np.zeros_like(move))).left(move))

    def _move(self, s: float, p: np.ndarray) -> np.ndarray:
        """Return how far coordinates have moved from their anchor, alike on equal columns.

        Their weights stay equal, but at L ≥ 3 that is not stable: once parted by rounding, they go
        apart.
        """
        move = np.asarray(self.potential(s).unit * self.space.rows.correlate(p))
        return move if self.equal is None else self.equal.spread(move)

    def _anchor(self, move: np.ndarray) -> Anchor:
        return Anchor.at(move) if self.anchor is None else self.anchor.moved(move)

    def potential(self, s: float) -> MirrorMap | AnchoredHypentropy:
        """Return the mirror map at slow time `s`."""
        if self.anchor is None:
            return self.scale.potential(s)
        return _anchored(self.anchor, self.scale, s)

    def log_stiffness(self, s: float) -> float:
        """Return ``log ε``; ε is the size of ``l'(q)`` that holds the state in place."""
        return self._log_stiffness(s, self.potential(s).log_unit)

    def _log_stiffness(self, s: float, log_unit: float) -> float:
        return math.log(self.problem.n * self.lam) + log_unit - self.scale.log_speed(s)

    @cached_property
    def clock(self) -> SolverTime:
        """The solver's time, whatever the anchor.

        The transient is that of the stiffest mode of the linearised flow.
        """
        mean = self.problem.inputs.mean_square * self.problem.d  # of the squares of the rows
        fit = float(np.log(self.scale.omega * mean * self.loss.largest_curvature_at_zero))
        return SolverTime(self._log_stiffness(0.0, self.scale.potential(0.0).log_unit) - fit)

    def outputs(self, s: float, p: np.ndarray) -> np.ndarray:
        """Return ``q = X w``: one pass over R, or none while the map is linear to rounding."""
        potential, rows = self.potential(s), self.space.rows
        if self._is_linear(potential, p):
            return self.space.spread(self.scale.omega * (rows.gram @ p))
        return self.space.spread(rows.outputs(p, potential))

    def output_jacobian(self, s: float, p: np.ndarray) -> np.ndarray:
        """Return ``R diag(dw/dξ) R.T``, symmetric positive semidefinite: ``dq/dp`` without Q."""
        potential, rows = self.potential(s), self.space.rows
        if self._is_linear(potential, p):
            return self.scale.omega * rows.gram
        return rows.curvature(p, potential)

    def _is_linear(self, potential: MirrorMap | AnchoredHypentropy, p: np.ndarray) -> bool:
        if self.anchor is not None:
            return False
        # |ξ_j| ≤ |p|₂ |R_j|₂ ≤ √r max|p| |R_j|₂, and κ = 4 unit
        kappa = 4 * potential.unit
        if kappa >= _LINEAR_MULTIPLIER:
            return False
        reach = np.sqrt(len(p)) * np.abs(p).max() * self.space.rows.largest_column
        return bool(kappa * reach < _LINEAR_MULTIPLIER)

    def rate(self, at: SolverMoment, p: np.ndarray) -> np.ndarray:
        """Return ``dp/dτ``, for losses with an exponential tail."""
        return self.rate_of_pulls(at, p, self.pulls(at, p))

    def pulls(self, at: SolverMoment, p: np.ndarray) -> np.ndarray:
        """Return the pulls on the samples in units of `rate`, ``-pace l'(q) / ε``."""
        return self._pull(at, self.outputs(at.s, p))

    def is_pulled(self, at: SolverMoment, q: np.ndarray) -> np.ndarray:
        """Whether samples with outputs q are pulled, for losses with an exponential tail.

        The pull of a margin far beyond 700 is zero in doubles.
        """
        return ~(self._pull(at, q) <= 0)

    def rate_of_pulls(self, at: SolverMoment, p: np.ndarray, pulls: np.ndarray) -> np.ndarray:
        """Return `rate` where the pulls are known."""
        pull = self.space.gather(pulls)
        return np.asarray(pull - at.pace * self.potential(at.s).drift * p)

    def rate_jacobian(self, at: SolverMoment, p: np.ndarray) -> np.ndarray:
        """Return the Jacobian of `rate`, ``-pace (Qᵀ diag(l'') (dq/dp) / ε + d)``."""
        q = self.outputs(at.s, p)
        jacobian = -self._bent(q, self._pull(at, q), self.output_jacobian(at.s, p))
        jacobian[np.diag_indices_from(jacobian)] -= at.pace * self.potential(at.s).drift
        return jacobian

    def _pull(self, at: SolverMoment, q: np.ndarray) -> np.ndarray:
        """Return ``-pace l'(q) / ε``, of order one while its factors under- and overflow."""
        log_pull = self._log_descent(q) + at.log_pace - self.log_stiffness(at.s)
        # A wild trial state saturates instead of overflowing, and is rejected.
        return np.asarray(np.exp(np.minimum(log_pull, 300.0)))

    def _log_descent(self, q: np.ndarray) -> np.ndarray:
        """Return the logarithms of the pulls, ``log -l'(q)``."""
        return self._tailed_loss.log_descent(q)

    def _descent(self, q: np.ndarray) -> np.ndarray:
        """Return the pulls ``-l'(q)``."""
        return self.loss.descent(q, self.problem.targets)

    def _bent(self, q: np.ndarray, pulls: np.ndarray, matrix: np.ndarray) -> np.ndarray:
        """Return ``Qᵀ H Q A`` with the second derivatives H of the loss, in units of the pulls."""
        if self.loss.acts_on_margins:
            return self.space.weigh(pulls * self._tailed_loss.tail(q), matrix)
        return self.space.weigh(self.loss.curvature(q, self.problem.targets), matrix)

    @cached_property  # a structural check takes longer than an evaluation of a small problem
    def _tailed_loss(self) -> TailedLoss:
        return with_tail(self.loss, "the flow at large scales")

    def defect(self, at: SolverMoment, p: np.ndarray, rate: np.ndarray) -> np.ndarray:
        """Return ``ε (dp/ds + d p) + Qᵀ l'(q)``, which the flow keeps at zero; `rate` is ``dp/dτ``.

        For the square loss this form keeps all digits where `rate` subtracts two numbers of
        size 1/ε.
        """
        return self.defect_of_descent(at, p, rate, self.descent(at, p))

    def descent(self, at: SolverMoment, p: np.ndarray) -> np.ndarray:
        """Return ``-l'(q)``, the pulls on the samples as they are."""
        return self._descent(self.outputs(at.s, p))

    def defect_of_descent(
        self, at: SolverMoment, p: np.ndarray, rate: np.ndarray, descent: np.ndarray
    ) -> np.ndarray:
        """Return `defect` where the pulls are known."""
        weight, drift = self._weights_of_defect(at)
        return np.asarray(weight * rate + drift * p - self.space.gather(descent))

    def defect_jacobian(self, at: SolverMoment, p: np.ndarray, rate_weight: float) -> np.ndarray:
        """Return the Jacobian of `defect` in p when ``d(rate)/dp`` is ``rate_weight`` times 1."""
        q = self.outputs(at.s, p)
        jacobian = self._bent(q, self._descent(q), self.output_jacobian(at.s, p))
        weight, drift = self._weights_of_defect(at)
        jacobian[np.diag_indices_from(jacobian)] += weight * rate_weight + drift
        return jacobian

    def _weights_of_defect(self, at: SolverMoment) -> tuple[float, float]:
        """Return ``ε / pace`` and ``ε d``."""
        potential = self.potential(at.s)
        log_stiffness = self._log_stiffness(at.s, potential.log_unit)
        return math.exp(log_stiffness - at.log_pace), math.exp(log_stiffness) * potential.drift

    def log_weight(self, at: SolverMoment) -> float:
        """Return ``log(ε / pace)``, the weight of the rate in `defect`."""
        return self.log_stiffness(at.s) - at.log_pace

    @cached_property
    def is_balanced(self) -> bool:
        """Whether pulls cancel exactly at time 0, for every input, so that all weights stay zero.

        In doubles they then leave rounding, of which the solver would make a flow.
        """
        inputs, pull = self.problem.inputs, self._descent(np.zeros(self.problem.n))
        rounding = len(pull) * np.finfo(float).eps * inputs.absolute.correlate(np.abs(pull))
        if (np.abs(inputs.correlate(pull)) > rounding).any():
            return False
        exact = [Fraction(size) for size in pull]
        columns = ([Fraction(x) for x in column] for column in inputs.to_array().T.astype(float))
        return all(sum(map(operator.mul, column, exact)) == 0 for column in columns)

    def start_rate(self) -> np.ndarray:
        """Return ``dp/dτ`` at time 0, where p = 0 and q = 0."""
        pull = self._descent(np.zeros(self.problem.n))
        log_pace = SolverMoment(0.0, self.clock.log_transient).log_pace
        return np.asarray(self.space.gather(pull) * np.exp(log_pace - self.log_stiffness(0.0)))

    def weights(self, s: float, p: np.ndarray) -> np.ndarray:
        """Return the weights w of shape (d,)."""
        return self.potential(s).weights(self.space.rows.correlate(p))

    def reach(self, s: float, w: np.ndarray) -> np.ndarray:
        """Return how far every |x_j| would still move if the weights stayed at `w`, for L ≥ 3.

        The answer has shape (d,). From `s` on x moves by ``Xᵀr / (nλ)`` times the integral of c,
        ``L α(s)^{L-2}``.
        """
        inputs = self.problem.inputs
        pull = self.loss.descent(inputs.combine(w), self.problem.targets)
        return np.asarray(self._drive(s) * np.abs(inputs.correlate(pull)))

    def largest_reach(self, s: float, w: np.ndarray) -> np.ndarray:
        """Return the most that every |x_j| may still move while no weight exceeds `w`, for L ≥ 3.

        Outputs then stay within ``|X| w`` of zero, and a pull, which is monotone, within its values
        at both ends.
        """
        inputs, targets = self.problem.inputs, self.problem.targets
        far = inputs.sizes(w)
        ends = [np.abs(self.loss.descent(q, targets)) for q in (far, -far)]
        return np.asarray(self._drive(s) * inputs.absolute.correlate(np.maximum(*ends)))

    def _drive(self, s: float) -> float:
        """Return what a pull of 1 that lasts from `s` on moves x by, n times."""
        left = math.log(self.scale.depth) + (self.scale.depth - 2) * self.scale.log_scale(s)
        return math.exp(left - math.log(self.problem.n * self.lam))


@lru_cache(maxsize=16)
def _anchored(anchor: Anchor, scale: DiagonalScale, s: float) -> AnchoredHypentropy:
    """Return the mirror map; one evaluation of a flow asks for it several times."""
    log_beta = scale.depth * scale.log_scale(s)
    return AnchoredHypentropy(anchor, scale.depth, log_beta, anchor.unit)

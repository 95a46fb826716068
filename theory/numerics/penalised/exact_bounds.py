"""Bounds on ``min (1/n) Σ l(q_i) + penalty`` with ``q = Xw`` by exact products, for stubborn data.

They are those of `PenalisedBounds`, where the rounding of ``Xw`` and ``Xᵀμ`` leaves these wide.
Products are rational, and losses are balls that hold the true value.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import inf

import numpy as np

from grokflow.theory.losses import Loss
from grokflow.theory.numerics.design_matrix import DesignMatrix
from grokflow.theory.numerics.penalised.ball_losses import BallLoss, ball_loss
from grokflow.theory.numerics.rational import (
    PRECISION,
    arb,
    ctx,
    double_above,
    double_below,
    exact,
    fmpq,
    fmpq_mat,
    largest,
    matrix,
    squared_norm,
)


@dataclass(frozen=True, eq=False)
class ExactBounds:
    """What is known of the optimum from weights w (d,) and multipliers μ (n,), without rounding.

    Parameters
    ----------
    x : DesignMatrix, shape (n, d)
        The data X.
    targets : ndarray, shape (n,)
        What the loss is given besides the outputs.
    loss : Loss
        Loss l, one of the package.
    """

    x: DesignMatrix
    targets: np.ndarray
    loss: Loss

    @cached_property
    def _a(self) -> fmpq_mat:
        return matrix(self.x.to_array())

    @cached_property
    def _ball(self) -> BallLoss:
        return ball_loss(self.loss)

    def mean_loss_above(self, w: np.ndarray) -> float:
        """Return an upper bound on ``(1/n) Σ l(q_i)``."""
        outputs = (self._a * matrix(w)).entries()
        if not self._ball.holds(outputs):
            return inf
        with ctx.workprec(PRECISION):
            values = map(self._ball.value, map(arb, outputs), self._targets)
            mean = sum(values, arb(0)) / len(self.targets)
            return double_above(mean.upper().fmpq())

    def dual_below(self, mu: np.ndarray | fmpq_mat, tau: float) -> float:
        """Return a lower bound with the multipliers scaled to ``‖Xᵀμ‖_∞ ≤ τ``."""
        pulls = self._pulls(mu)
        reach = largest(self._a.transpose() * pulls)
        most = len(self.targets) * exact(tau)
        return self._dual_below(pulls * min(fmpq(1), most / reach) if reach else pulls, fmpq(0))

    def ridge_below(self, mu: np.ndarray | fmpq_mat, lam: float) -> float:
        """Return the lower bound ``-(1/n) Σ l*(nμ_i) - ‖Xᵀμ‖²/2λ`` with the penalty (λ/2)‖w‖²."""
        pulls = self._pulls(mu)
        pulled = squared_norm(self._a.transpose() * pulls) / len(self.targets) ** 2
        return self._dual_below(pulls, pulled / (2 * exact(lam)))

    @property
    def _targets(self) -> Iterator[arb]:
        return map(arb, matrix(self.targets).entries())

    def _pulls(self, mu: np.ndarray | fmpq_mat) -> fmpq_mat:
        """Return the numbers nμ, moved into the range of the pulls."""
        n, exact = len(self.targets), mu if isinstance(mu, fmpq_mat) else matrix(mu)
        return fmpq_mat(n, 1, [self._ball.clip(n * u) for u in exact.entries()])

    def _dual_below(self, pulls: fmpq_mat, penalty: fmpq) -> float:
        with ctx.workprec(PRECISION):
            conjugates = map(self._ball.conjugate, map(arb, pulls.entries()), self._targets)
            mean = sum(conjugates, arb(0)) / len(self.targets)
            return double_below((-mean - penalty).lower().fmpq())

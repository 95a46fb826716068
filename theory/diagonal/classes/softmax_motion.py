"""The slow motion under cross-entropy at finite λ: all margins of a sample share its pulls.

The slow equations of the stacked problem are those of a loss of single margins
(`grokflow.theory.diagonal.finite_decay.motion`) with the pulls r_ic of softmax. One implicit step
minimises the same dual, in which the conjugate of the loss is minus the entropy of
``(r_i, 1 - Σ_c r_ic)``. Its second derivative couples the margins of a sample,
``diag(1/r_i) + 1/(1 - Σ_c r_ic)``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import xlog1py, xlogy

from grokflow.theory.diagonal.finite_decay.motion import SlowMotion
from grokflow.theory.linear.classes.softmax import log_pulls
from grokflow.theory.linear.dual import Dual
from grokflow.theory.linear.problem import Problem
from grokflow.theory.losses import LOSSES
from grokflow.theory.numerics.data_matrix import Potential
from grokflow.theory.numerics.newton import Box, Dense, Hessian


@dataclass(frozen=True, eq=False)
class OfSoftmax:
    """Conjugate of the mean cross-entropy over τ, in the pulls over τn.

    Parameters
    ----------
    others : int
        C - 1, the number of margins of a sample.
    factor : float
        τn: a multiplier μ has the pull τnμ.
    """

    others: int
    factor: float
    lower: float = -np.inf
    upper: float = np.inf

    def value(self, mu: np.ndarray) -> float:
        """Return minus the entropies over τn, infinite outside their domain."""
        r = self._pulls(mu)
        total = r.sum(axis=1)
        if not (r.min() > 0 and total.max() < 1):
            return float("inf")
        return float((xlogy(r, r).sum(axis=1) + xlog1py(1 - total, -total)).sum()) / self.factor

    def gradient(self, mu: np.ndarray) -> np.ndarray:
        """Return ``log r_ic - log(1 - Σ_c r_ic)``, minus the margins that have these pulls."""
        r = self._pulls(mu)
        return np.asarray((np.log(r) - np.log1p(-r.sum(axis=1, keepdims=True))).ravel())

    def curvature(self, mu: np.ndarray) -> np.ndarray:
        """Return the diagonal of the second derivative."""
        r = self._pulls(mu)
        return np.asarray(self.factor * (1 / r + 1 / (1 - r.sum(axis=1, keepdims=True))).ravel())

    def coupling(self, mu: np.ndarray) -> np.ndarray:
        """Return what the second derivative has between two margins of each sample, shape (n,)."""
        return np.asarray(self.factor / (1 - self._pulls(mu).sum(axis=1)))

    def box(self, mu: np.ndarray) -> Box:
        """Let μ go 19/20 of the way to 0, and to where one pull alone would be 1 less the rest."""
        r = self._pulls(mu)
        room = (1 - r.sum(axis=1, keepdims=True)) / self.others
        return Box(mu / 20, mu + 0.95 * np.broadcast_to(room, r.shape).ravel() / self.factor)

    def residual(self, mu: np.ndarray, gradient: np.ndarray, lower: np.ndarray) -> float:
        """Return the gradient, or how far μ is from the pull of its own outputs: the smaller."""
        margins = gradient - self.gradient(mu)
        pull = np.exp(log_pulls(margins.reshape(-1, self.others))).ravel() / self.factor
        mismatch = np.abs(pull - mu).max() / max(pull.max(), np.abs(mu).max())
        return float(min(mismatch, np.abs(gradient).max()))

    def _pulls(self, mu: np.ndarray) -> np.ndarray:
        return np.asarray(self.factor * mu.reshape(-1, self.others))


@dataclass(frozen=True, eq=False)
class JointDual(Dual):
    """A dual in which the terms of the data couple the margins of a sample."""

    def hessian(self, mu: np.ndarray) -> Hessian:
        """Return the Hessian."""
        data = self.data
        assert isinstance(data, OfSoftmax)
        matrix = self.problem.inputs.curvature(mu, self.potential)
        places = np.arange(len(mu)).reshape(-1, data.others)
        matrix[places[:, :, None], places[:, None]] += data.coupling(mu)[:, None, None]
        r = self.data.curvature(mu) - np.repeat(data.coupling(mu), data.others)
        matrix[np.diag_indices_from(matrix)] += r
        return Dense(matrix)


@dataclass(frozen=True, eq=False)
class SoftmaxMotion(SlowMotion):
    """The slow equations of a net with an output for each class.

    The problem is the stacked one, over whose n (C-1) rows the loss is a mean with weight decay
    ``λ / (C-1)``, as in `grokflow.theory.diagonal.classes.softmax_flow`.

    Parameters
    ----------
    others : int
        C - 1.
    """

    others: int = 1

    @classmethod
    def of_classes(
        cls, stacked: Problem, early: np.ndarray, lam: float, others: int
    ) -> SoftmaxMotion:
        """Return the motion of the net with these early weights."""
        loss, omega = LOSSES["logistic"], float(np.abs(early).max())
        return cls(stacked, loss, lam / others, 2, omega, stacked.n, others)

    def dual(self, strength: float, potential: Potential) -> Dual:
        """Return what a step minimises at this strength of the potential beside the mean loss."""
        data = OfSoftmax(self.others, strength * len(self.problem.targets))
        return JointDual(self.problem, data, potential)

"""The gradient flow with weight decay of a diagonal net under cross-entropy, depth 2.

With ``u v = α(s)²`` the net of C outputs has one unknown for each weight,
``w = ω sinh(κy) / sinh κ`` in the coordinates of `grokflow.theory.diagonal.mirror`, in which

    dy/ds = (4 / (nλκ)) Zᵀr - d y,    κ = asinh(ω / 2α(s)²),    d = d log κ/ds,

exactly, with the pulls r of `grokflow.theory.linear.classes.softmax`. It is integrated in the time
of `grokflow.theory.numerics.solver_time`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from grokflow.theory.diagonal.mirror import Hypentropy
from grokflow.theory.diagonal.scale import DiagonalScale
from grokflow.theory.linear.classes.problem import ClassesProblem
from grokflow.theory.linear.classes.softmax import log_pulls, stacked_problem
from grokflow.theory.numerics.solver_time import SolverMoment, SolverTime


@dataclass(frozen=True, eq=False)
class SoftmaxEquations:
    """Right-hand side and Jacobian of the flow.

    Parameters
    ----------
    problem : ClassesProblem
        The data.
    alpha, lam : float
        Scale of the start and weight decay.
    """

    problem: ClassesProblem
    alpha: float
    lam: float

    @cached_property
    def rows(self) -> np.ndarray:
        """Z, shape (n (C-1), C d)."""
        return stacked_problem(self.problem).inputs.to_array()

    @property
    def others(self) -> int:
        """Number of classes that are not a sample's own."""
        return len(self.problem.classes) - 1

    @cached_property
    def scale(self) -> DiagonalScale:
        """The scale of the net: a typical weight brings a margin of one."""
        omega = math.sqrt(len(self.rows) / float(np.sum(self.rows**2)))
        return DiagonalScale(self.alpha, omega)

    @cached_property
    def clock(self) -> SolverTime:
        """The solver's time; the transient is that of the fastest mode at the start."""
        kappa = math.log(self.scale.kappa(0.0))
        fit = math.log(self.scale.omega * float(np.sum(self.rows**2)) / self.problem.n)
        return SolverTime(math.log(self.lam / 4) + kappa - fit)

    def weights(self, s: float, y: np.ndarray) -> np.ndarray:
        """Return the weights, shape (C d,)."""
        return self._map(s).weights(y)

    def margins(self, w: np.ndarray) -> np.ndarray:
        """Return the margins, shape (n, C-1)."""
        return np.asarray((self.rows @ w).reshape(-1, self.others))

    def rate(self, at: SolverMoment, y: np.ndarray) -> np.ndarray:
        """Return ``dy/dτ``."""
        pulls = self._pulls(at, self.margins(self.weights(at.s, y)))
        return np.asarray(self.rows.T @ pulls.ravel() - at.pace * self._map(at.s).drift * y)

    def rate_jacobian(self, at: SolverMoment, y: np.ndarray) -> np.ndarray:
        """Return the Jacobian of `rate`."""
        potential = self._map(at.s)
        q = self.margins(potential.weights(y))
        pulls, shares = self._pulls(at, q), np.exp(log_pulls(q))
        slopes = self.rows * potential.curvature(y)
        # dr_c = r_c (-dq_c + Σ_e r_e dq_e)
        by_sample = slopes.reshape(len(q), self.others, -1)
        mean = np.einsum("ic,icj->ij", shares, by_sample)
        change = pulls[:, :, None] * (mean[:, None] - by_sample)
        jacobian: np.ndarray = self.rows.T @ change.reshape(slopes.shape)
        jacobian[np.diag_indices_from(jacobian)] -= at.pace * potential.drift
        return jacobian

    def _pulls(self, at: SolverMoment, q: np.ndarray) -> np.ndarray:
        """Return ``pace 4 r / (nλκ)``, of order one while its factors under- and overflow."""
        kappa = math.log(self.scale.kappa(at.s))
        size = at.log_pace - math.log(self.problem.n) - math.log(self.lam / 4) - kappa
        return np.asarray(np.exp(np.minimum(log_pulls(q) + size, 300.0)))

    def _map(self, s: float) -> Hypentropy:
        return Hypentropy(self.scale.omega, self.scale.kappa(s))

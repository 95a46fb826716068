"""Predictors at finite λ: where gradient flow with weight decay ends.

A diagonal net of depth 2 ends at the minimiser of ``(1/n) Σ l + (λ/2)‖w‖₁``, because
``min_{u²-v²=w} ‖u‖² + ‖v‖² = ‖w‖₁``; a linear model at that of ``(1/n) Σ l + (λ/2)‖w‖²``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grokflow.theory.arguments import check_positive
from grokflow.theory.certificate import Certificate
from grokflow.theory.linear import certificates
from grokflow.theory.linear.dual import Dual, OfLoss
from grokflow.theory.linear.prediction import Prediction, PrimalDual, normalised_margin
from grokflow.theory.linear.problem import Problem, check_problem
from grokflow.theory.linear.proximal_points import L1Program, reach
from grokflow.theory.losses import Loss, set_loss
from grokflow.theory.numerics.newton import minimise

# Losses of targets balance residuals of this size, relative to them, against the penalty.
_SQUARE_RESIDUAL = 4e-15


@dataclass(frozen=True)
class L1Penalised:
    """The minimiser of ``(1/n) Σ l(q_i) + (λ/2) ‖w‖₁``: where the flow at weight decay λ ends.

    The penalty of the weights ``w = u² - v²`` of a diagonal net is that of ``(λ/2) ‖(u, v)‖²``.

    Parameters
    ----------
    loss : Loss
        Loss l of the flow.
    lam : float
        Weight decay λ of the flow; the L1 strength is half of it.
    gap : float
        Certified relative duality gap at which to stop.

    Examples
    --------
    >>> import grokflow as gf
    >>> problem = gf.sparse_regression(n=20, d=50, k=2, n_test=100)
    >>> for lam in (1.0, 0.1):
    ...     found = gf.L1Penalised(gf.LOSSES["square"], lam).predict(problem)
    ...     print(found.w[:4].round(2) + 0.0)
    [0.84 0.88 0.   0.  ]
    [0.98 0.99 0.   0.  ]
    """

    loss: Loss
    lam: float
    gap: float = 1e-7
    name: str = "L1-penalised"

    def __post_init__(self) -> None:
        """Take a loss by its name, and refuse numbers that are out of range."""
        set_loss(self)
        check_positive("lam", self.lam, "for λ → 0 take gf.MaxL1Margin() or gf.MinL1Norm()")
        check_positive("gap", self.gap, "try 1e-7")

    def predict(self, problem: Problem) -> Prediction:
        """Solve the penalised problem; it has a solution for any data."""
        check_problem(problem, margins=self.loss.name if self.loss.acts_on_margins else None)
        tau = self.lam / 2
        pull = self.loss.descent(np.zeros(problem.n), problem.targets) / problem.n
        largest = reach(problem, pull)
        least = _SQUARE_RESIDUAL * largest
        if not self.loss.acts_on_margins and tau < least:
            raise ValueError(
                f"lam is {self.lam:.3g}, expected at least {2 * least:.3g} for these data: below "
                "it the residuals are lost in rounding, use min-L1-norm"
            )
        start = PrimalDual(np.zeros(problem.d), pull / max(largest, tau))
        program = L1Program(OfLoss(self.loss, problem.targets, tau), self._certify, self.gap)
        w, mu = program.solve(problem, start)
        margin = normalised_margin(problem, w, 1)
        return Prediction(self.name, w, tau * mu, margin, self._certify(problem, w, mu))

    def _certify(self, problem: Problem, w: np.ndarray, mu: np.ndarray) -> Certificate:
        """Certify w and the multipliers ``τμ``."""
        return certificates.l1_penalised(problem, w, self.lam / 2 * mu, self.loss, self.lam)


@dataclass(frozen=True)
class _HalfSquare:
    """The potential of ``½‖w‖²``: ``φ(ξ) = ξ²/2``, so that ``w = Xᵀμ``."""

    def weights(self, xi: np.ndarray, columns: slice = slice(None)) -> np.ndarray:
        return xi

    def value(self, xi: np.ndarray, columns: slice = slice(None)) -> float:
        return float(xi @ xi) / 2

    def curvature(self, xi: np.ndarray, columns: slice = slice(None)) -> np.ndarray:
        return np.ones_like(xi)


@dataclass(frozen=True)
class L2Penalised:
    """The minimiser of ``(1/n) Σ l(q_i) + (λ/2) ‖w‖²``, for a linear model.

    It is where gradient flow with weight decay λ ends. Its limits for λ → 0 are the max-L2-margin
    direction and the min-L2-norm interpolant.

    Parameters
    ----------
    loss : Loss
        Loss l of the flow.
    lam : float
        Weight decay λ.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> problem = gf.sparse_regression(n=20, d=50, k=2, n_test=100)
    >>> for lam in (1.0, 0.01):
    ...     found = gf.L2Penalised(gf.LOSSES["square"], lam).predict(problem)
    ...     print(f"norm {np.linalg.norm(found.w):.2f}")
    norm 0.91
    norm 1.13
    """

    loss: Loss
    lam: float
    name: str = "L2-penalised"

    def __post_init__(self) -> None:
        """Take a loss by its name, and refuse numbers that are out of range."""
        set_loss(self)
        check_positive("lam", self.lam, "for λ → 0 take gf.MaxL2Margin() or gf.MinL2Norm()")

    def predict(self, problem: Problem) -> Prediction:
        """Solve the penalised problem by Newton's method on its dual; any data have a solution.

        Raises
        ------
        NotConverged
            When the multipliers do not reproduce the pull of their outputs to 1e-9.
        """
        check_problem(problem, margins=self.loss.name if self.loss.acts_on_margins else None)
        pull = self.loss.descent(np.zeros(problem.n), problem.targets) / problem.n
        # With μ = s · pull the outputs are s K pull: a step on which they stay of order one.
        size = float(np.abs(problem.inputs.gram @ pull).max())
        start = pull / max(size, self.lam)
        data = OfLoss(self.loss, problem.targets, self.lam)
        found = minimise(
            Dual(problem, data, _HalfSquare()),
            start,
            tolerance=1e-9,
            lower=data.lower,
            upper=data.upper,
        )
        mu = found.x
        w = problem.inputs.correlate(mu)
        certificate = certificates.l2_penalised(problem, w, self.lam * mu, self.loss, self.lam)
        margin = normalised_margin(problem, w, 2)
        return Prediction(self.name, w, self.lam * mu, margin, certificate)

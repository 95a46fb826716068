"""Late predictors of the depth-2 diagonal net as λ → 0: L1 margins and L1 interpolation.

Corollary 3.7 of Lyu et al. (2024): after the transition the weights head for the max-L1-margin
direction, because ``min_{u²-v²=w} ‖u‖² + ‖v‖² = ‖w‖₁``; in regression Theorem 3.10 gives the
interpolant of least L1-norm. At finite λ the end is `L1Penalised`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grokflow.theory.linear import certificates
from grokflow.theory.linear.dual import Constraint
from grokflow.theory.linear.l2 import MaxL2Margin, MinL2Norm
from grokflow.theory.linear.penalised import L1Penalised
from grokflow.theory.linear.prediction import Prediction, PrimalDual, normalised_margin
from grokflow.theory.linear.problem import Problem, check_problem
from grokflow.theory.linear.proximal_points import L1Program, reach
from grokflow.theory.losses import Exponential
from grokflow.theory.numerics.newton import NotConverged

# Fraction of the strength at which the penalised predictor vanishes that starts a linear program.
_LIGHT_PENALTY = 1e-4


@dataclass(frozen=True)
class MaxL1Margin:
    """The classifier of largest L1-margin: ``min ‖w‖₁`` with ``y_i <w, x_i> ≥ 1``.

    It is where a diagonal net of depth 2 ends as λ → 0 (Lyu et al. 2024, Corollary 3.7).

    Parameters
    ----------
    gap : float
        Certified relative duality gap at which to stop.

    Examples
    --------
    >>> import grokflow as gf
    >>> problem = gf.sparse(n=60, d=100, k=3, n_test=100)
    >>> found = gf.MaxL1Margin().predict(problem)
    >>> print(found.w[:5].round(2) + 0.0)
    [1. 1. 1. 0. 0.]
    >>> found.certificate.gap < 1e-6
    True
    """

    gap: float = 1e-7
    name: str = "max-L1-margin"

    def predict(self, problem: Problem, *, near: Prediction | None = None) -> Prediction:
        """Solve the linear program.

        Parameters
        ----------
        problem : Problem
            Separable classification data.
        near : Prediction, optional
            A nearby predictor to start from, such as `L1Penalised`; it saves some of the work.

        Raises
        ------
        NotSeparable
            With a Farkas certificate, when no w has a positive margin.
        """
        check_problem(problem, margins=self.name)
        near = near or _lightly_penalised(problem)
        least = 0.0 if near is None else float(problem.inputs.combine(near.w).min())
        if near is not None and least > 0:
            start = PrimalDual(near.w / least, _scaled_dual(problem, near.multipliers))
        else:
            early = MaxL2Margin().predict(problem)
            start = PrimalDual(np.zeros(problem.d), _scaled_dual(problem, early.multipliers))
        data = Constraint(problem.targets, 0.0, unit=float(start.mu.max()))
        program = L1Program(data, certificates.max_l1_margin, self.gap)
        w, mu = program.solve_with_fallback(problem, start)
        w = w / float(problem.inputs.combine(w).min())
        certificate = certificates.max_l1_margin(problem, w, mu)
        return Prediction(self.name, w, mu, normalised_margin(problem, w, 1), certificate)


@dataclass(frozen=True)
class MinL1Norm:
    """The interpolant of least L1-norm: ``min ‖w‖₁`` with ``<w, x_i> = y_i`` (basis pursuit).

    It is where a diagonal net of depth 2 ends in regression as λ → 0 (Lyu et al. 2024, Theorem
    3.10).

    Parameters
    ----------
    gap : float
        Certified relative duality gap at which to stop.

    Examples
    --------
    >>> import grokflow as gf
    >>> problem = gf.sparse_regression(n=20, d=50, k=2, n_test=100)
    >>> found = gf.MinL1Norm().predict(problem)
    >>> print(found.w[:4].round(3) + 0.0)
    [1. 1. 0. 0.]
    >>> found.certificate.gap < 1e-6
    True
    """

    gap: float = 1e-7
    name: str = "min-L1-norm"

    def predict(self, problem: Problem, *, near: Prediction | None = None) -> Prediction:
        """Solve the linear program.

        Parameters
        ----------
        problem : Problem
            Regression data that some weights interpolate.
        near : Prediction, optional
            A nearby predictor to start from, such as `L1Penalised`; it saves some of the work.

        Raises
        ------
        NotInterpolable
            When no w interpolates the targets.
        """
        check_problem(problem)
        early = MinL2Norm().predict(problem)
        if near is not None and near.w.any():
            start = PrimalDual(near.w, _scaled_dual(problem, near.multipliers))
        else:
            start = PrimalDual(np.zeros(problem.d), _scaled_dual(problem, early.multipliers))
        program = L1Program(
            Constraint(problem.targets, -np.inf), certificates.min_l1_norm, self.gap
        )
        # Few columns interpolate nothing, and multipliers of such a program lead astray.
        w, mu = program.solve_with_fallback(problem, start, np.arange(problem.d))
        return Prediction(self.name, w, mu, None, certificates.min_l1_norm(problem, w, mu))


def _lightly_penalised(problem: Problem) -> Prediction | None:
    """Return the rough predictor at a small fraction of the λ that makes it vanish, if any."""
    largest = reach(problem, np.full(problem.n, 1 / problem.n))
    try:
        rough = L1Penalised(Exponential(), 2 * _LIGHT_PENALTY * largest, gap=1e-3)
        return rough.predict(problem) if largest > 0 else None
    except NotConverged:
        return None


def _scaled_dual(problem: Problem, mu: np.ndarray) -> np.ndarray:
    """Scale multipliers so that ``‖Xᵀμ‖_∞ = 1``."""
    return mu / reach(problem, mu)

"""Early predictors of the depth-2 diagonal net: what the kernel regime converges to.

Theorem 3.4 and Corollary 3.6 of Lyu et al. (2024): the direction of w at ``T_c^-`` tends to the
max-L2-margin direction; Theorem 3.9 gives the min-L2-norm interpolant for regression. Both live
in the span of the n training inputs, so the n×n Gram matrix decides them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from grokflow.theory.linear import certificates
from grokflow.theory.linear.prediction import Prediction, normalised_margin
from grokflow.theory.linear.problem import Problem, check_problem
from grokflow.theory.numerics.design_matrix import with_column
from grokflow.theory.numerics.hard_margin import hard_margin, interpolate
from grokflow.theory.predictor import INTERCEPT, REMEDY, NoPredictor, NotInterpolable, NotSeparable


@dataclass(frozen=True)
class MaxL2Margin:
    """The classifier of largest L2-margin: ``min ½‖w‖²`` with ``y_i <w, x_i> ≥ 1``.

    This is the hard-margin support vector machine without bias, the early predictor of diagonal
    nets (Lyu et al. 2024, Corollary 3.6).

    Examples
    --------
    >>> import grokflow as gf
    >>> problem = gf.sparse(n=20, d=50, k=3, n_test=100)
    >>> found = gf.MaxL2Margin().predict(problem)
    >>> print(f"least distance of a sample from the plane {found.margin:.2f}")
    least distance of a sample from the plane 1.72
    """

    name: str = "max-L2-margin"

    def predict(self, problem: Problem) -> Prediction:
        """Solve the quadratic program in its dual, which has n unknowns.

        Raises
        ------
        NotSeparable
            With the certificate, when no w has a positive margin.
        """
        check_problem(problem, margins=self.name)
        mu, separable = hard_margin(problem.inputs.gram)
        if not separable:
            raise NotSeparable(certificates.farkas(problem, mu), remedy=_remedy(problem))
        w = problem.inputs.correlate(mu)
        return Prediction(
            self.name,
            w,
            mu,
            normalised_margin(problem, w, 2),
            certificates.max_l2_margin(problem, w, mu),
        )


@dataclass(frozen=True)
class MinL2Norm:
    """The interpolant of least L2-norm: ``min ½‖w‖²`` with ``<w, x_i> = y_i``.

    It is the early predictor of diagonal nets in regression (Lyu et al. 2024, Theorem 3.9).

    Examples
    --------
    >>> import grokflow as gf
    >>> problem = gf.sparse_regression(n=20, d=50, k=2, n_test=100)
    >>> found = gf.MinL2Norm().predict(problem)
    >>> found.certificate.gap < 1e-6
    True
    >>> print(problem.score(found.w[:, None]).error.round(2))
    [0.68]
    """

    name: str = "min-L2-norm"

    def predict(self, problem: Problem) -> Prediction:
        """Solve ``K μ = y`` with the Gram matrix ``K = XXᵀ`` of the samples; then ``w = Xᵀμ``.

        Raises
        ------
        NotInterpolable
            When no w interpolates the targets.
        """
        check_problem(problem)
        mu = interpolate(problem.inputs.gram, problem.targets)
        w = problem.inputs.correlate(mu)
        certificate = certificates.min_l2_norm(problem, w, mu)
        if certificate.infeasibility > 1e-6:
            raise NotInterpolable(
                f"no w interpolates the targets (residual {certificate.infeasibility:.1e}), "
                "expected linearly independent rows: use fewer samples or more inputs"
            )
        return Prediction(self.name, w, mu, None, certificate)


# Samples up to which a second hard margin is worth a hint.
_HINTED = 2000


def intercept_separates(problem: Problem) -> bool:
    """Say whether a column of ones makes classes separable, by finding weights that do it.

    False where these are not looked for: the labels are not known beside the rows, there is a
    column already, or the samples are many.
    """
    has_one = problem.transform is not None and problem.transform.intercept
    if problem.signs is None or has_one or problem.n > _HINTED:
        return False
    size = float(np.sqrt(problem.inputs.mean_square * problem.d)) or 1.0
    inputs = with_column(problem.inputs, size * problem.signs)
    try:
        MaxL2Margin().predict(replace(problem, inputs=inputs, signs=None))
    except NoPredictor:
        return False
    return True


def _remedy(problem: Problem) -> str:
    return INTERCEPT if intercept_separates(problem) else REMEDY

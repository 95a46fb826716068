"""Early predictors of the depth-2 diagonal net: what the kernel regime converges to.

Theorem 3.4 and Corollary 3.6 of Lyu et al. (2024): the direction of w at ``T_c^-`` tends to the
max-L2-margin direction; Theorem 3.9 gives the min-L2-norm interpolant for regression. Both live
in the span of the n training inputs, so the n×n Gram matrix decides them.
"""

from __future__ import annotations

from dataclasses import dataclass

from theory import certificates
from theory.gram import hard_margin, interpolate
from theory.predictors import NoPredictor, NotSeparable, Prediction, normalised_margin
from theory.problems import Problem


@dataclass(frozen=True)
class MaxL2Margin:
    """``min ½‖w‖² : y_i <w, x_i> ≥ 1``, the hard-margin support vector machine without bias."""

    name: str = "max-L2-margin"

    def predict(self, problem: Problem) -> Prediction:
        """Solve through `theory.gram.hard_margin`.

        Raises
        ------
        NotSeparable
            With the certificate, when no w has a positive margin.
        """
        mu, separable = hard_margin(problem.inputs.gram)
        if not separable:
            raise NotSeparable(certificates.farkas(problem, mu))
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
    """``min ½‖w‖² : <w, x_i> = y_i``, the min-norm interpolant."""

    name: str = "min-L2-norm"

    def predict(self, problem: Problem) -> Prediction:
        """Solve ``K μ = y``.

        Raises
        ------
        NoPredictor
            When no w interpolates the targets.
        """
        mu = interpolate(problem.inputs.gram, problem.targets)
        w = problem.inputs.correlate(mu)
        certificate = certificates.min_l2_norm(problem, w, mu)
        if certificate.infeasibility > 1e-6:
            raise NoPredictor(
                f"no w interpolates the targets (residual {certificate.infeasibility:.1e}), "
                "expected linearly independent rows: use fewer samples or more inputs"
            )
        return Prediction(self.name, w, mu, None, certificate)

"""Early predictors of the depth-2 diagonal net: what the kernel regime converges to.

Theorem 3.4 and Corollary 3.6 of Lyu et al. (2024): the direction of w at ``T_c^-`` tends to the
max-L2-margin direction; Theorem 3.9 gives the min-L2-norm interpolant for regression. Both live
in the span of the n training inputs, so the n×n Gram matrix decides them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh, lstsq
from scipy.optimize import nnls

from theory import certificates
from theory.predictors import NoPredictor, NotSeparable, Prediction, normalised_margin
from theory.problems import Problem


@dataclass(frozen=True)
class MaxL2Margin:
    """``min ½‖w‖² : y_i <w, x_i> ≥ 1``, the hard-margin support vector machine without bias."""

    name: str = "max-L2-margin"

    def predict(self, problem: Problem) -> Prediction:
        """Solve through nonnegative least squares on a square root of the Gram matrix.

        The least-distance form of Lawson and Hanson (1974, chapter 23): with ``K = Z Zᵀ = C Cᵀ``
        minimise ``‖Cᵀμ‖² + (1ᵀμ - 1)²`` over μ ≥ 0; the residual vanishes if and only if the data
        are not separable, and then μ is the Farkas certificate.

        Raises
        ------
        NotSeparable
            With the certificate, when no w has a positive margin.
        """
        gram = problem.inputs.gram
        root = _square_root(gram)
        size = float(np.sqrt(np.trace(gram)))
        system = np.vstack([root.T / size, np.ones(problem.n)])
        target = np.append(np.zeros(root.shape[1]), 1.0)
        mu, distance = nnls(system, target)
        # distance² = γ²/(γ² + size²) with γ the largest L2 margin: nothing above rounding is left.
        if distance < 1e-7:
            raise NotSeparable(certificates.farkas(problem, mu))
        mu = mu / (1 - mu.sum()) / size**2
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
        gram = problem.inputs.gram
        mu = lstsq(gram, problem.targets, lapack_driver="gelsy")[0]
        mu = mu + lstsq(gram, problem.targets - gram @ mu, lapack_driver="gelsy")[0]
        w = problem.inputs.correlate(mu)
        certificate = certificates.min_l2_norm(problem, w, mu)
        if certificate.infeasibility > 1e-6:
            raise NoPredictor(
                f"no w interpolates the targets (residual {certificate.infeasibility:.1e}), "
                "expected linearly independent rows: use fewer samples or more inputs"
            )
        return Prediction(self.name, w, mu, None, certificate)


def _square_root(gram: np.ndarray) -> np.ndarray:
    """Return C with ``C Cᵀ = gram``, dropping directions below rounding."""
    values, vectors = eigh(gram)
    keep = values > values[-1] * len(gram) * np.finfo(float).eps
    return np.asarray(vectors[:, keep] * np.sqrt(values[keep]))

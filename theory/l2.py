"""Early predictors of the depth-2 diagonal net: what the kernel regime converges to.

Theorem 3.4 and Corollary 3.6 of Lyu et al. (2024): the direction of w at ``T_c^-`` tends to the
max-L2-margin direction; Theorem 3.9 gives the min-L2-norm interpolant for regression. Both live
in the span of the n training inputs, so the n×n Gram matrix decides them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve, eigh, lstsq
from scipy.optimize import nnls

from theory import certificates
from theory.predictors import NoPredictor, NotSeparable, Prediction, normalised_margin
from theory.problems import Problem

# Where the solver stops: a relative gap, or a margin this far below the size of the data.
_GAP = 1e-10
_NO_MARGIN = 1e-7

# First proximal term relative to a diagonal entry, and how long to try before another method.
_RIDGE = 1e-2
_PROXIMAL_STEPS = 12
_PIVOT_TRIES = 6


@dataclass(frozen=True)
class MaxL2Margin:
    """``min ½‖w‖² : y_i <w, x_i> ≥ 1``, the hard-margin support vector machine without bias."""

    name: str = "max-L2-margin"

    def predict(self, problem: Problem) -> Prediction:
        """Solve the dual ``min ½ μᵀKμ - 1ᵀμ : μ ≥ 0`` with ``K = Z Zᵀ``.

        Proximal points on μ by block pivoting; where that does not end, nonnegative least squares.

        Raises
        ------
        NotSeparable
            With the certificate, when no w has a positive margin.
        """
        gram = problem.inputs.gram
        mu = _proximal_pivoting(gram)
        if mu is None:
            mu = _least_distance(gram)
        if np.sqrt(max(mu @ gram @ mu, 0.0)) <= _NO_MARGIN * mu.sum() * np.sqrt(np.trace(gram)):
            raise NotSeparable(certificates.farkas(problem, mu))
        w = problem.inputs.correlate(mu)
        return Prediction(
            self.name,
            w,
            mu,
            normalised_margin(problem, w, 2),
            certificates.max_l2_margin(problem, w, mu),
        )


def _proximal_pivoting(gram: np.ndarray) -> np.ndarray | None:
    """Return the multipliers, or those of a Farkas certificate; None where pivoting cycles.

    The proximal term makes the matrix definite where there are more samples than inputs; a
    hundredth of it at each step makes the iteration superlinear. Where no margin exists the
    multipliers grow without bound along ``Zᵀμ ≈ 0``.
    """
    n, size = len(gram), np.trace(gram) / len(gram)
    mu, free, ridge = np.zeros(n), np.ones(n, dtype=bool), _RIDGE
    for _ in range(_PROXIMAL_STEPS):
        matrix = gram / size
        matrix[np.diag_indices(n)] += ridge
        found = _block_pivoting(matrix, 1 + ridge * mu, free)
        if found is None:
            return None
        mu, free = found, found > 0
        outputs = gram @ mu / size
        square, total = float(mu @ outputs), float(mu.sum())
        if np.sqrt(max(square, 0.0)) <= _NO_MARGIN * total * np.sqrt(n):
            return np.asarray(mu / size)
        least = max(float(outputs.min()), 0.0)
        if 1 - (least * total / square) ** 2 <= _GAP:
            return np.asarray(mu / least / size)
        ridge = max(ridge / 100, 1e-10)
    return None


def _block_pivoting(matrix: np.ndarray, pull: np.ndarray, free: np.ndarray) -> np.ndarray | None:
    """Minimise ``½ μᵀMμ - pᵀμ`` over μ ≥ 0 by exchanging all wrong signs at once.

    Portugal, Júdice and Vicente (1994): unknowns that come out negative become zero, zeros with a
    negative derivative become free. From n/5 to n unknowns change places in the first steps and
    the count of wrong signs falls to none in about ten; None where it stops falling.
    """
    fewest, tries = len(pull) + 1, _PIVOT_TRIES
    rounding = 1e-12 * np.abs(pull).max()
    while tries:
        mu = np.zeros(len(pull))
        block = matrix[np.ix_(free, free)]
        try:
            factor = cho_factor(block, lower=True, overwrite_a=True, check_finite=False)
        except LinAlgError:
            return None
        mu[free] = cho_solve(factor, pull[free], check_finite=False)
        wrong = np.where(free, mu < 0, matrix @ mu - pull < -rounding)
        count = int(wrong.sum())
        if count == 0:
            return mu
        fewest, tries = (count, _PIVOT_TRIES) if count < fewest else (fewest, tries - 1)
        free = free ^ wrong
    return None


def _least_distance(gram: np.ndarray) -> np.ndarray:
    """Return the multipliers by the least-distance problem of Lawson and Hanson (1974, ch. 23).

    With ``K = C Cᵀ`` minimise ``‖Cᵀμ‖²/s² + (1ᵀμ - 1)²`` over μ ≥ 0. The minimum is
    ``γ²/(γ² + s²)`` with γ the largest margin: it vanishes where the data are not separable.
    """
    root = _square_root(gram)
    size = float(np.sqrt(np.trace(gram)))
    system = np.vstack([root.T / size, np.ones(len(gram))])
    mu, distance = nnls(system, np.append(np.zeros(root.shape[1]), 1.0))
    return np.asarray(mu if distance < _NO_MARGIN else mu / (1 - mu.sum()) / size**2)


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

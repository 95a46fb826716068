"""Hard margins and interpolation in the span of the training features, from the Gram matrix alone.

The early predictors live in the span of n feature vectors, so an n×n matrix decides them,
whether the features are the inputs of a linear model or the gradients of a net.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve, eigh, lstsq
from scipy.optimize import nnls

from grokflow.theory.numerics.newton import NotConverged

# Where the solver stops: a relative gap, or a margin this far below the size of the data.
_RELATIVE_GAP = 1e-10
_NO_MARGIN = 1e-7

# First proximal term relative to a diagonal entry, and how long to try before another method.
_RIDGE = 1e-2
_PROXIMAL_STEPS = 12
_PIVOT_TRIES = 6


class HardMargin(NamedTuple):
    """Multipliers (n,) of the hard margin; a convex combination that vanishes if there is none."""

    multipliers: np.ndarray
    separable: bool


def hard_margin(gram: np.ndarray) -> HardMargin:
    """Solve ``min ½ μᵀKμ - 1ᵀμ : μ ≥ 0``, the dual of the largest margin.

    Proximal points on μ by block pivoting; where that does not end, nonnegative least squares.

    Parameters
    ----------
    gram : ndarray, shape (n, n)
        Inner products of the features, each multiplied by its label.

    Raises
    ------
    NotConverged
        When neither method ends.
    """
    mu = _proximal_pivoting(gram)
    if mu is None:
        mu = _least_distance(gram)
    reach = np.sqrt(max(float(mu @ gram @ mu), 0.0))
    return HardMargin(mu, bool(reach > _NO_MARGIN * mu.sum() * np.sqrt(np.trace(gram))))


def interpolate(gram: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return the least-norm μ with ``Kμ = y``, or nearest to it.

    Shapes: `gram` (n, n), `targets` and the result (n,) or (n, C).
    """
    return np.asarray(lstsq(gram, targets, lapack_driver="gelsy")[0])


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
        if 1 - (least * total / square) ** 2 <= _RELATIVE_GAP:
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
    target = np.append(np.zeros(root.shape[1]), 1.0)
    try:
        mu, distance = nnls(system, target, maxiter=10 * len(gram) + 100)
    except RuntimeError as error:
        raise NotConverged(
            f"hard margin of {len(gram)} samples: {error}: scale the features to similar norms, or "
            "drop near-copies of samples"
        ) from None
    if distance < _NO_MARGIN:
        return np.asarray(mu)
    return _refined(gram, mu / (1 - mu.sum()) / size**2)


def _refined(gram: np.ndarray, mu: np.ndarray) -> np.ndarray:
    """Solve again for margins 1 on the support, where that keeps the multipliers positive."""
    support = mu > 0
    block = gram[np.ix_(support, support)]
    for _ in range(2):
        new = mu[support] + lstsq(block, 1 - block @ mu[support], lapack_driver="gelsy")[0]
        if (new <= 0).any():
            break
        mu = mu.copy()
        mu[support] = new
    return mu


def _square_root(gram: np.ndarray) -> np.ndarray:
    """Return C with ``C Cᵀ = gram``, dropping directions below rounding."""
    values, vectors = eigh(gram)
    keep = values > values[-1] * len(gram) * np.finfo(float).eps
    return np.asarray(vectors[:, keep] * np.sqrt(values[keep]))

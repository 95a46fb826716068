"""Hard margins and interpolation in the span of the training features, from the Gram matrix alone.

The early predictors live in the span of n feature vectors, so an n×n matrix decides them,
whether the features are the inputs of a linear model or the gradients of a net.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg import eigh, lstsq
from scipy.optimize import nnls

from theory.newton import NotConverged

# γ / size below which data count as not separable: margins there are lost in rounding.
_SMALLEST_MARGIN = 1e-7


class HardMargin(NamedTuple):
    """Multipliers (n,) of the hard margin; a convex combination that vanishes if there is none."""

    multipliers: np.ndarray
    separable: bool


def hard_margin(gram: np.ndarray) -> HardMargin:
    """Solve ``min ½ μᵀKμ : Kμ ≥ 1`` over combinations μ ≥ 0 of the samples.

    The least-distance form of Lawson and Hanson (1974, chapter 23): with ``K = C Cᵀ`` minimise
    ``‖Cᵀμ‖² + (1ᵀμ - 1)²`` over μ ≥ 0; the residual vanishes if and only if the data are not
    separable, and then μ is the Farkas certificate.

    Parameters
    ----------
    gram : ndarray, shape (n, n)
        Inner products of the features, each multiplied by its label.

    Raises
    ------
    NotConverged
        When the active set method does not end within 10 n + 100 changes of its set.
    """
    n = len(gram)
    root = _square_root(gram)
    size = float(np.sqrt(np.trace(gram)))
    system = np.vstack([root.T / size, np.ones(n)])
    target = np.append(np.zeros(root.shape[1]), 1.0)
    try:
        mu, distance = nnls(system, target, maxiter=10 * n + 100)
    except RuntimeError as error:
        raise NotConverged(
            f"hard margin of {n} samples: {error}: scale the features to similar norms, or drop "
            "near-copies of samples"
        ) from None
    # distance² = γ²/(γ² + size²) with γ the largest margin: nothing above rounding is left.
    if distance < _SMALLEST_MARGIN:
        return HardMargin(mu, False)
    return HardMargin(mu / (1 - mu.sum()) / size**2, True)


def interpolate(gram: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return the least-norm μ with ``Kμ = y``, or nearest to it.

    Shapes: `gram` (n, n), `targets` and the result (n,) or (n, C).
    """
    return np.asarray(lstsq(gram, targets, lapack_driver="gelsy")[0])


def _square_root(gram: np.ndarray) -> np.ndarray:
    """Return C with ``C Cᵀ = gram``, dropping directions below rounding."""
    values, vectors = eigh(gram)
    keep = values > values[-1] * len(gram) * np.finfo(float).eps
    return np.asarray(vectors[:, keep] * np.sqrt(values[keep]))

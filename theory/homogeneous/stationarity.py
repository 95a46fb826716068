"""What can be measured of any model along its training, in numbers alone.

The models add what is their own: `grokflow.theory.nets.state`, `grokflow.theory.diagonal.state` and
`grokflow.theory.completion.state`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import nnls

from grokflow.theory.numerics.hard_margin import interpolate


class Stationarity(NamedTuple):
    """How far θ is from a KKT point of (R1) or (R2), scaled to feasibility.

    Parameters
    ----------
    residual : float
        ``min_μ ‖θ - Jᵀμ‖ / ‖θ‖``.
    slackness : float
        ``Σ μ_i (q_i / min q - 1) / Σ μ_i`` for (R1), 0 for (R2).
    """

    residual: float
    slackness: float


def best_multipliers(gram: np.ndarray, radial: np.ndarray, nonnegative: bool) -> np.ndarray:
    """Return the μ that minimises ``‖θ - Jᵀμ‖``, at least 0 for (R1).

    Parameters
    ----------
    gram : ndarray, shape (n, n)
        ``J Jᵀ`` with the gradients J of the constraints.
    radial : ndarray, shape (n,)
        ``J θ``, which is L times the constraints by Euler's identity.
    nonnegative : bool
        Whether the constraints are inequalities.
    """
    if not nonnegative:
        return interpolate(gram, radial)
    values, vectors = np.linalg.eigh(gram)
    kept = values > values[-1] * len(gram) * np.finfo(float).eps
    roots = np.sqrt(values[kept])
    # ‖Rμ - c‖² is the objective but for a constant, with R = S^½Vᵀ and c = S^-½Vᵀ Jθ.
    system = roots[:, None] * vectors[:, kept].T
    found, _ = nnls(system, vectors[:, kept].T @ radial / roots, maxiter=100 * len(gram))
    return np.asarray(found)


def slackness(multipliers: np.ndarray, margins: np.ndarray) -> float:
    """Return ``Σ μ_i (q_i / min q - 1) / Σ μ_i``, how far multipliers pull at inactive samples.

    NaN while some margin is not positive: no multiple of θ is feasible then.
    """
    if not margins.min() > 0:
        return float("nan")
    total = max(float(multipliers.sum()), 1e-300)
    return float(multipliers @ (margins / margins.min() - 1)) / total


def relative_distance(found: np.ndarray, predicted: np.ndarray, normalised: bool) -> float:
    """Return ``‖f - g‖ / ‖g‖``, NaN for g = 0; with `normalised` of the directions only.

    Theorems 3.4 and 3.5 are about directions (classification), 3.9 and 3.10 about values.
    """
    f, g = (np.asarray(a, dtype=np.float64).ravel() for a in (found, predicted))
    if normalised:
        f, g = (a / (np.linalg.norm(a) or 1.0) for a in (f, g))
    return float(np.linalg.norm(f - g) / size) if (size := np.linalg.norm(g)) else float("nan")


def effective_rank(singular_values: np.ndarray) -> float:
    """Return the exponential of the entropy of the shares of singular values [1]_; 0 if all are 0.

    References
    ----------
    .. [1] Roy and Vetterli, The effective rank, EUSIPCO 2007.
    """
    total = float(singular_values.sum())
    if total == 0:
        return 0.0
    shares = singular_values[singular_values > 0] / total
    return float(np.exp(-(shares @ np.log(shares))))

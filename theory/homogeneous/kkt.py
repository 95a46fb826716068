"""How far parameters are from KKT points of (R1) and (R2), whatever the model.

(R1) is ``min ½‖θ‖² : q_i(θ) ≥ 1`` for margins ``q_i = y_i f(θ; x_i)``, (R2) is
``min ½‖θ‖² : f(θ; x_i) = y_i`` (Lyu et al. 2024, Theorems 3.5 and 3.10). For an L-homogeneous
model, θ is judged at the multiple whose least margin is one, by the least value over the
multipliers (``μ ≥ 0`` for (R1)) of

    hypot(‖θ - Σ μ_i ∇q_i‖ / ‖θ‖,  L Σ μ_i (q_i - 1) / ‖θ‖²),

stationarity and complementary slackness; by Euler's relation ``L Σ μ_i q_i = ‖θ‖²`` where the
former holds, so the latter is a fraction. Flows at λ > 0 end at points that are stationary but for
slackness, which is why the former is also given alone. At a sparse maximum margin many multipliers
are stationary: then those of the least slackness count.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.optimize import nnls

from grokflow.theory.numerics.hard_margin import interpolate

# Weight of slackness where it only chooses among multipliers that are equally stationary.
_TIE_BREAK = 1e-6


class Stationarity(NamedTuple):
    """How far θ is from a KKT point of (R1) or (R2), and the multipliers that show it.

    Parameters
    ----------
    residual : float
        ``min_μ ‖θ - Σ μ_i ∇q_i‖ / ‖θ‖``.
    slackness : float
        ``Σ μ_i (q_i / min q - 1) / Σ μ_i``, the least for which that is reached: how far
        multipliers pull at inactive samples. 0 for (R2); NaN while some margin is not positive,
        for no multiple of θ is feasible then.
    total : float
        Stationarity and slackness minimised together, 0 at KKT points only; infinite where no
        multiple of θ is feasible.
    multipliers : ndarray, shape (n,)
        The μ of `total`, at θ itself.
    """

    residual: float
    slackness: float
    total: float
    multipliers: np.ndarray


def stationarity(
    gradients: np.ndarray,
    theta: np.ndarray,
    margins: np.ndarray | None = None,
    degree: float | None = None,
) -> Stationarity:
    """Return how far θ is from a KKT point of (R1), with margins, or (R2), without.

    Parameters
    ----------
    gradients : ndarray, shape (P, n)
        ``∇q_i`` in columns.
    theta : ndarray, shape (P,)
        Parameters. Both may be given in any orthonormal basis of a space that holds them.
    margins : ndarray, shape (n,), optional
        q_i at θ, for (R1).
    degree : float, optional
        L. Where it is not given it is found by Euler's relation ``∇q_i · θ = L q_i``; do give it
        where margins are differences of much larger numbers, of which rounding leaves little.

    Examples
    --------
    Two samples on the axes, and the maximum margin of a linear model:

    >>> import numpy as np
    >>> from grokflow.theory.homogeneous.kkt import stationarity
    >>> round(stationarity(np.eye(2), np.array([1.0, 1.0]), np.array([1.0, 1.0])).total, 12)
    0.0
    >>> round(stationarity(np.eye(2), np.array([1.0, 2.0]), np.array([1.0, 2.0])).total, 2)
    0.37
    """
    size = float(np.linalg.norm(theta))

    gradients, theta = gradients / size, theta / size

    def residual(mu: np.ndarray) -> float:
        return float(np.linalg.norm(theta - gradients @ mu))

    if margins is None:
        return _of_equalities(np.asarray(np.linalg.lstsq(gradients, theta)[0]), residual)
    if degree is None:
        square = float(margins @ margins)
        degree = abs(float(margins @ (theta @ gradients))) * size**2 / square if square > 0 else 1.0
    return _of_margins(gradients, theta, degree * margins / size**2, residual)


def stationarity_from_kernel(
    kernel: np.ndarray,
    radial: np.ndarray,
    residual: Callable[[np.ndarray], float],
    *,
    inequalities: bool,
) -> Stationarity:
    """Return the same for ``‖θ‖ = 1`` from inner products of the gradients J alone.

    Parameters
    ----------
    kernel : ndarray, shape (n, n)
        ``J Jᵀ``.
    radial : ndarray, shape (n,)
        ``J θ``, which is L times the constraints by Euler's identity.
    residual : callable
        ``‖θ - Jᵀμ‖`` of μ, which the kernel gives with half of the digits only.
    inequalities : bool
        Whether the constraints are those of (R1).
    """
    if not inequalities:
        return _of_equalities(interpolate(kernel, radial), residual)
    values, vectors = np.linalg.eigh(kernel)
    kept = values > values[-1] * len(kernel) * np.finfo(float).eps
    roots = np.sqrt(values[kept])
    # ‖Rμ - c‖² is ‖θ - Jᵀμ‖² but for a constant, with R = S^½Vᵀ and c = S^-½Vᵀ Jθ.
    system, wanted = roots[:, None] * vectors[:, kept].T, vectors[:, kept].T @ radial / roots
    return _of_margins(system, wanted, radial, residual)


def _of_equalities(mu: np.ndarray, residual: Callable[[np.ndarray], float]) -> Stationarity:
    return Stationarity(residual(mu), 0.0, residual(mu), mu)


def _of_margins(
    system: np.ndarray,
    wanted: np.ndarray,
    radial: np.ndarray,
    residual: Callable[[np.ndarray], float],
) -> Stationarity:
    """Solve both problems of (R1) for ``‖θ‖ = 1``; `radial` is L times the margins."""
    if not radial.min() > 0:
        mu = _nonnegative(system, wanted, np.zeros_like(radial))
        return Stationarity(residual(mu), float("nan"), np.inf, mu)
    slack = radial - radial.min()

    def total(mu: np.ndarray) -> float:
        return float(np.hypot(residual(mu), slack @ mu))

    # Gradients that are orthogonal to θ but for rounding ask for huge multipliers: zero is better.
    nothing = np.zeros_like(radial)
    stationary = _nonnegative(system, wanted, _TIE_BREAK * slack)
    stationary = min(stationary, nothing, key=residual)
    mu = min(_nonnegative(system, wanted, slack), nothing, key=total)
    share = float(stationary @ slack) / max(float(stationary.sum() * radial.min()), 1e-300)
    return Stationarity(residual(stationary), share, total(mu), mu)


def _nonnegative(system: np.ndarray, wanted: np.ndarray, slack: np.ndarray) -> np.ndarray:
    """Minimise ``‖wanted - system μ‖² + (slack · μ)²`` over ``μ ≥ 0``."""
    found, _ = nnls(
        np.vstack([system, slack]), np.append(wanted, 0.0), maxiter=100 * system.shape[1]
    )
    return np.asarray(found)

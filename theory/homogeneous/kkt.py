"""How far parameters are from KKT points of (R1) and (R2), from θ, the outputs and their gradients.

(R1) is ``min ½‖θ‖² : q_i(θ) ≥ 1`` for margins ``q_i = y_i f(θ; x_i)``, (R2) is
``min ½‖θ‖² : f(θ; x_i) = y_i`` (Lyu et al. 2024, Theorems 3.5 and 3.10). Residuals are relative and
minimised over the multipliers; both are zero at KKT points only.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import nnls


def margin_residual(
    theta: np.ndarray, margins: np.ndarray, jacobian: np.ndarray, degree: float
) -> float:
    """Return the residual of (R1) at the multiple of θ whose least margin is one.

    That is the least value over ``μ ≥ 0`` of

        hypot(‖θ - Σ μ_i ∇q_i‖ / ‖θ‖,  L Σ μ_i (q_i - 1) / ‖θ‖²),

    stationarity and complementary slackness; by Euler's relation ``L Σ μ_i q_i = ‖θ‖²`` where the
    former holds, so the latter is a fraction.

    Parameters
    ----------
    theta : ndarray, shape (P,)
        Parameters of an L-homogeneous model.
    margins : ndarray, shape (n,)
        q_i at θ; infinite is returned unless all are positive.
    jacobian : ndarray, shape (n, P)
        Their gradients.
    degree : float
        L.
    """
    least = float(margins.min())
    if least <= 0:
        return np.inf
    scale = least ** (1 / degree)
    norm = float(np.linalg.norm(theta)) / scale
    gradients = jacobian / scale ** (degree - 1)
    slack = degree * (margins / least - 1) / norm**2
    wanted = np.append(theta / (scale * norm), 0.0)
    return float(nnls(np.vstack([gradients.T / norm, slack]), wanted)[1])


def interpolation_residual(
    theta: np.ndarray, outputs: np.ndarray, jacobian: np.ndarray, targets: np.ndarray
) -> float:
    """Return the residual of (R2), ``hypot(‖θ - Σ μ_i ∇f_i‖ / ‖θ‖, ‖f - y‖ / ‖y‖)``.

    Parameters
    ----------
    theta : ndarray, shape (P,)
        Parameters.
    outputs, targets : ndarray, shape (n,)
        f at θ, and y.
    jacobian : ndarray, shape (n, P)
        Gradients of the outputs.
    """
    multipliers = np.linalg.lstsq(jacobian.T, theta)[0]
    turned = np.linalg.norm(theta - jacobian.T @ multipliers) / np.linalg.norm(theta)
    return float(np.hypot(turned, np.linalg.norm(outputs - targets) / np.linalg.norm(targets)))

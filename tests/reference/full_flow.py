"""The unreduced flow of (u, v), transcribed line by line and integrated at high accuracy."""

import numpy as np
from scipy.integrate import solve_ivp
from scipy.special import expit

PULL = {
    "exponential": lambda q, y: np.exp(-q),
    "logistic": lambda q, y: expit(-q),
    "square": lambda q, y: 2 * (y - q),
}


def weights(z, targets, alpha, lam, loss, lambda_t, rtol=1e-11, depth=2):
    """Return w = u^L - v^L at every slow time, shape (d, m), from 2d unknowns."""
    n, d = z.shape

    def right_hand_side(s, theta):
        u, v = theta[:d], theta[d:]
        q = z @ (u**depth - v**depth)
        gradient = -z.T @ PULL[loss](q, targets) / n
        du = -depth * gradient * u ** (depth - 1) / lam - u
        dv = +depth * gradient * v ** (depth - 1) / lam - v
        return np.concatenate([du, dv])

    start = np.full(2 * d, float(alpha))
    solution = solve_ivp(
        right_hand_side,
        (0, lambda_t[-1]),
        start,
        method="Radau",
        t_eval=lambda_t,
        rtol=rtol,
        atol=1e-13,
    )
    assert solution.success, solution.message
    return solution.y[:d] ** depth - solution.y[d:] ** depth

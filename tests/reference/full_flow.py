"""The unreduced flow of (u, v), transcribed line by line and integrated at high accuracy."""

import numpy as np
from scipy.integrate import solve_ivp
from scipy.special import expit

PULL = {
    "exponential": lambda q, y: np.exp(-q),
    "logistic": lambda q, y: expit(-q),
    "square": lambda q, y: 2 * (y - q),
}


def weights(z, targets, alpha, lam, loss, lambda_t, rtol=1e-11):
    """Return w = u² - v² at every slow time, shape (d, m), from 2d unknowns."""
    n, d = z.shape

    def right_hand_side(s, theta):
        u, v = theta[:d], theta[d:]
        q = z @ (u**2 - v**2)
        gradient = -z.T @ PULL[loss](q, targets) / n
        du = -2 * gradient * u / lam - u
        dv = +2 * gradient * v / lam - v
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
    return solution.y[:d] ** 2 - solution.y[d:] ** 2

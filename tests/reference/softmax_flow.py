"""The flow under cross-entropy in all of (u, v), written down without any reduction.

Small problems and moderate α only: the unknowns are log u and log v.
"""

import numpy as np
from scipy.integrate import solve_ivp


def softmax_weights(x, labels, classes, alpha, lam, times, rtol=1e-7):
    """Return the weights u² - v², shape (C, d, m), of the flow of mean cross-entropy with decay."""
    n, d = x.shape
    own = np.eye(classes)[labels]

    def rate(_, state):
        log_u, log_v = state.reshape(2, classes, d)
        outputs = x @ (np.exp(2 * log_u) - np.exp(2 * log_v)).T
        outputs -= outputs.max(axis=1, keepdims=True)
        share = np.exp(outputs) / np.exp(outputs).sum(axis=1, keepdims=True)
        slope = (share - own).T @ x / n
        return np.array([-2 * slope / lam - 1, 2 * slope / lam - 1]).ravel()

    start = np.full(2 * classes * d, np.log(alpha))
    found = solve_ivp(
        rate, (0, times[-1]), start, t_eval=times, method="Radau", rtol=rtol, atol=rtol / 1e3
    )
    assert found.success, found.message
    log_u, log_v = found.y.reshape(2, classes, d, -1)
    return np.exp(2 * log_u) - np.exp(2 * log_v)

"""The flow of (U, V) with weight decay, transcribed line by line and integrated tightly."""

import numpy as np
from scipy.integrate import solve_ivp


def matrices(a, y, alpha, lam, lambda_t, rtol=1e-7, start=None):
    """Return W = UUᵀ - VVᵀ at every slow time, shape (k, d, d), for measurements a (N, d, d).

    `start` holds U(0) and V(0), shape (2, d, d); the default is α I for both.
    """
    n, d, _ = a.shape

    def right_hand_side(s, theta):
        u, v = theta.reshape(2, d, d)
        residual = np.einsum("nij,ij->n", a, u @ u.T - v @ v.T) - y
        g = np.einsum("n,nij->ij", 2 / n * residual, a)
        du = -2 * g @ u / lam - u
        dv = +2 * g @ v / lam - v
        return np.concatenate([du.ravel(), dv.ravel()])

    if start is None:
        start = alpha * np.stack([np.eye(d), np.eye(d)])
    solution = solve_ivp(
        right_hand_side,
        (0, lambda_t[-1]),
        start.ravel(),
        method="Radau",
        t_eval=lambda_t,
        rtol=rtol,
        atol=rtol * 1e-2,
    )
    assert solution.success, solution.message
    u, v = solution.y.T.reshape(-1, 2, d, d).transpose(1, 0, 2, 3)
    return u @ u.transpose(0, 2, 1) - v @ v.transpose(0, 2, 1)

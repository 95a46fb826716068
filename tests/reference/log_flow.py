"""The unreduced flow of (u, v) in logarithms, which no scale of α or of the weights breaks."""

import warnings
from itertools import count

import numpy as np
from scipy.integrate import solve_ivp
from scipy.linalg import LinAlgWarning
from scipy.special import expit


class TooStiff(ValueError):
    """The full system takes more evaluations than a test can wait for."""


def _pull(loss, q, targets):
    """Return the pull and its derivative."""
    if loss == "exponential":
        pull = np.exp(-np.maximum(q, -600))
        return pull, -pull
    if loss == "logistic":
        return expit(-q), -expit(q) * expit(-q)
    return 2 * (targets - q), np.full_like(q, -2.0)


def weights(z, targets, alpha, lam, loss, times, rtol=1e-8, depth=2, most=np.inf, method="Radau"):
    """Return w at every slow time, from ``m, δ = (log u ± log v) / 2`` by Radau's method or BDF.

    More than `most` evaluations of the rate raise TooStiff. BDF takes fewer where the pulls are
    large numbers that cancel, on which the Newton iteration of Radau's method stalls.
    """
    n, d = z.shape
    c, L = depth / 2 / (n * lam), depth
    evaluations = count()

    def split(y):
        m, delta = y[:d], y[d:]
        w = 2 * np.exp(L * m) * np.sinh(L * delta)
        pull, bend = _pull(loss, z @ w, targets)
        even = 2 * np.exp((L - 2) * m) * np.cosh((L - 2) * delta)
        odd = 2 * np.exp((L - 2) * m) * np.sinh((L - 2) * delta)
        return m, delta, w, z.T @ pull, bend, even, odd

    def rate(_, y):
        if next(evaluations) >= most:
            raise TooStiff(f"{most} evaluations do not suffice")
        _, _, _, g, _, even, odd = split(y)
        return np.concatenate([c * odd * g - 1, c * even * g])

    def jacobian(_, y):
        m, delta, w, g, bend, even, odd = split(y)
        gram = (z.T * bend) @ z
        by_m, by_delta = gram * (L * w), gram * (2 * L * np.exp(L * m) * np.cosh(L * delta))
        odd_g, even_g = np.diag((L - 2) * odd * g), np.diag((L - 2) * even * g)
        return c * np.block(
            [
                [odd[:, None] * by_m + odd_g, odd[:, None] * by_delta + even_g],
                [even[:, None] * by_m + even_g, even[:, None] * by_delta + odd_g],
            ]
        )

    size = np.sqrt(np.mean(targets**2) / np.mean((z**2).sum(axis=1)))
    small = min(1.0, 0.05 * size / L * np.exp(-L * np.log(alpha)))
    # Trial states may overflow, and their matrices be singular: such steps are taken again.
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", LinAlgWarning)
        found = solve_ivp(
            rate,
            (0, times[-1]),
            np.concatenate([np.full(d, np.log(alpha)), np.zeros(d)]),
            method=method,
            jac=jacobian,
            t_eval=times,
            rtol=rtol,
            atol=rtol * np.concatenate([np.ones(d), np.full(d, small)]),
        )
    assert found.success, found.message
    m, delta = found.y[:d], found.y[d:]
    return 2 * np.exp(L * m) * np.sinh(L * delta)

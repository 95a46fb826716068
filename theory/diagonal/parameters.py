"""The parameters (u, v) of a diagonal net, from its weights and its effective scale.

The flow from ``u = v = α`` keeps ``u v`` (L = 2) or ``u^{2-L} + v^{2-L}`` (L ≥ 3) where
``u = v = α(s)`` would have it, ``α(s) = α e^{-s}``. With ``w = u^L - v^L`` this gives both: for
``β = α(s)^L``, ``p = L/(L-2)`` and t of the sign of w,

    L = 2:  log(u/α(s)) =  t,                      w = 2β sinh(2t),
    L ≥ 3:  log(u/α(s)) = (t + log cosh t)/(L-2),  w = 2β (cosh t)^p sinh(p t),

and the same at -t for v. All of it is done by logarithms, so that no scale overflows.
"""

from __future__ import annotations

import numpy as np

# log(|w|/β) below which w is linear in t to double precision.
_LINEAR_LOG_RATIO = -30.0
_NEWTON_STEPS = 12


def parameters(w: np.ndarray, depth: int, log_scale: float) -> np.ndarray:
    """Return u and v, shape (2, d), of a net with the weights w at effective scale α(s).

    Parameters
    ----------
    w : ndarray, shape (d,)
        Weights ``u^L - v^L``.
    depth : int
        L ≥ 2.
    log_scale : float
        ``log α(s) = log α - s``.
    """
    return np.asarray(np.exp(log_scale + _log_growth(w, depth, log_scale)))


def log_departure(w: np.ndarray, depth: int, log_scale: float) -> float:
    """Return ``log ‖θ/α(s) - (1, …, 1)‖``, how far θ has turned away from its start."""
    size = float(np.abs(w).max())
    if size == 0:
        return -np.inf
    if np.log(size) - depth * log_scale < _LINEAR_LOG_RATIO:
        # The two halves move by w/(2Lβ) and its opposite.
        root = np.log(np.sqrt(2) * depth)
        return float(np.log(size) + np.log(np.linalg.norm(w / size)) - depth * log_scale - root)
    return float(np.log(np.linalg.norm(np.expm1(_log_growth(w, depth, log_scale)))))


def _log_growth(w: np.ndarray, depth: int, log_scale: float) -> np.ndarray:
    """Return ``log(u/α(s))`` and ``log(v/α(s))``, shape (2, d)."""
    with np.errstate(divide="ignore"):
        log_ratio = np.log(np.abs(w)) - depth * log_scale
    if depth == 2:
        t = np.sign(w) * _log_arcsinh(log_ratio - np.log(2)) / 2
        return np.stack([t, -t])
    t = np.sign(w) * _angle(log_ratio, depth / (depth - 2))
    return np.asarray(np.stack([t, -t]) + _log_cosh(t)) / (depth - 2)


def _log_cosh(t: np.ndarray) -> np.ndarray:
    """Return ``log cosh t`` to full relative accuracy, without overflow."""
    small = np.log1p(2 * np.sinh(np.clip(t, -1, 1) / 2) ** 2)
    large = np.abs(t) + np.log1p(np.exp(-2 * np.abs(t))) - np.log(2)
    return np.asarray(np.where(np.abs(t) < 1, small, large))


def _log_arcsinh(log_x: np.ndarray) -> np.ndarray:
    """Return ``arcsinh(e^log_x)`` without overflow."""
    small = np.arcsinh(np.exp(np.minimum(log_x, 20.0)))
    return np.asarray(np.where(log_x > 20, log_x + np.log(2), small))


def _angle(log_ratio: np.ndarray, p: float) -> np.ndarray:
    """Return the t ≥ 0 with ``p log cosh t + log(2 sinh pt) = log_ratio``.

    The left side is increasing and convex in log t: Newton's method from a point where it is too
    large, that of ``cosh t = 1``, descends to the root.
    """
    t = _log_arcsinh(log_ratio - np.log(2)) / p
    some = log_ratio >= _LINEAR_LOG_RATIO
    x = t[some]
    for _ in range(_NEWTON_STEPS):
        excess = p * (_log_cosh(x) + x) + np.log(-np.expm1(-2 * p * x)) - log_ratio[some]
        x = x * np.exp(-excess / (p * x * (np.tanh(x) + 1 / np.tanh(p * x))))
    t[some] = x
    return np.asarray(t)

"""The slow motion on the zero-loss set in closed form, for one sample and two weights.

As λ → 0 the flow of ``(f(θ) - y)² + (λ/2) ‖θ‖²`` hugs the set on which the sample is fitted, and in
slow time ``s = λt`` the weights move on it down their norm [1]_: ``dθ/ds = -Pθ``, with P the
projection on the directions along the set. Across the set the loss holds what is left of the
decay, so that ``(f - y)/λ`` tends to a value that only the place on the set decides.

References
----------
.. [1] Musat 2025, arXiv 2511.01938.
"""

from __future__ import annotations

import numpy as np


def line_path(x: np.ndarray, start: np.ndarray, s: np.ndarray) -> np.ndarray:
    """Return the weights of ``f = w·x`` at slow times s, shape (m, 2), from a start on the set."""
    end = x * (start @ x) / (x @ x)
    return np.asarray(end + np.exp(-s)[:, None] * (start - end))


def hyperbola_path(start: np.ndarray, s: np.ndarray) -> np.ndarray:
    """Return the weights of ``f = w₁w₂`` at slow times s, shape (m, 2), from a start on the set.

    The loss leaves ``w₁² - w₂²`` as it is, and decay shrinks it by ``e^{-2s}``. Weights keep their
    signs, as their product stays.
    """
    squares = start**2
    spread = (squares[0] - squares[1]) * np.exp(-2 * s)
    total = np.sqrt(spread**2 + 4 * np.prod(squares))
    sizes = np.sqrt(np.column_stack([total + spread, total - spread]) / 2)
    return np.asarray(np.sign(start) * sizes)


def misfit_per_decay(theta: np.ndarray, gradient: np.ndarray) -> float:
    """Return the limit of ``(f - y)/λ`` at a place on the set, from the gradient of f there."""
    return float(-(gradient @ theta) / (2 * (gradient @ gradient)))

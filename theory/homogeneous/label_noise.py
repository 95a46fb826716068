"""Label noise as weight decay: what a noisy step does to the two layers of a diagonal net.

Gradient descent with step η on ``(1/n) Σ (f_i - y_i - ξ_i)²``, ``f = Xw``, ``w = u² - v²``, fresh
noise ξ of standard deviation s on every target, multiplies u and v by ``1 - ηλ ∓ 2ηg``, g the
gradient in w. So their product, which without noise and decay stays as it is, falls as if the decay
were larger. Pillaud-Vivien et al. [1]_ have noise that drives weights to sparse ones.

References
----------
.. [1] Pillaud-Vivien, Reygner and Flammarion 2022, arXiv 2206.09841.
"""

from __future__ import annotations

import numpy as np


def product_factor(gradient: np.ndarray, lr: float, lam: float) -> np.ndarray:
    """Return by what a step multiplies every ``u_j v_j``, from its gradient in w."""
    return np.asarray((1 - lr * lam) ** 2 - 4 * lr**2 * gradient**2)


def effective_decay(
    mean_square: np.ndarray, lr: float, lam: float, noise: float, samples: int
) -> np.ndarray:
    """Return the weight decay that makes ``u_j v_j`` fall as fast, once the net fits, for small η.

    Parameters
    ----------
    mean_square : ndarray, shape (d,)
        Means over the samples of the squares of the inputs.
    lr, lam, noise : float
        Step η, weight decay λ, and standard deviation s of the noise.
    samples : int
        n.
    """
    return np.asarray(lam + 8 * lr * noise**2 * mean_square / samples)

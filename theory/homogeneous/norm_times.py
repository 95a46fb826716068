"""When weight decay has brought the weights down to a norm: the law of Liu et al., with constants.

Liu et al. [1]_ have all weights shrink as ``e^{-γt}``, γ the weight decay, so that a net that
starts at the norm w₀ and generalises at the norm w_c does so after ``ln(w₀/w_c)/γ``, whereas the
samples are fitted after a time without γ. In models whose flow is known, what shrinks so is a part
of the weights only, and the rest is held by the samples.

References
----------
.. [1] Liu, Michaud and Tegmark 2023, arXiv 2210.01117.
"""

from __future__ import annotations

import numpy as np


def linear_norm_time(outside: float, held: float, critical: float) -> float:
    """Return the limit γ → 0 of γ times the time at which ``‖w‖`` is critical, for ``f = Xw``.

    The part of the start `outside` of the span of the samples shrinks, and at the end the
    interpolation of least norm, of length `held`, is left.
    """
    return float(np.log(outside / np.sqrt(critical**2 - held**2)))


def net_norm(weights: np.ndarray, scale: float) -> float:
    """Return ``‖(u, v)‖`` of the diagonal net ``w = u² - v²`` where every ``u_j v_j`` is `scale`.

    Every ``u_j v_j`` shrinks as ``e^{-2γt}`` from α² on, whatever the samples do.
    """
    return float(np.sqrt(np.sqrt(weights**2 + 4 * scale**2).sum()))


def net_norm_time(alpha: float, scale: float) -> float:
    """Return γ times the time at which the diagonal net from u = v = α has come to `scale`."""
    return float(np.log(alpha**2 / scale) / 2)


def fit_loss(start: np.ndarray, rates: np.ndarray, time: float) -> float:
    """Return the loss of ``f = Xw`` without weight decay, as a share of that of the start.

    Parameters
    ----------
    start : ndarray, shape (k,)
        Misfits of the start along the singular vectors of X.
    rates : ndarray, shape (k,)
        Curvatures of the loss along them.
    time : float
        Time of the flow.
    """
    left = start * np.exp(-rates * time)
    return float((left @ left) / (start @ start))

"""Sparse weights of a linear model: how long an L1 penalty takes, and what weight decay misses.

Notsawo et al. [1]_ train ``f = Xa`` with a small penalty β. With ``β‖a‖₁`` the weights move, once
the samples are fitted, to the interpolation of least L1 norm, in a time of the order of 1/β. With
weight decay they never get there.

The time is that of a convex function under its own steepest descent, whose worst case is known
[2]_: a distance D from the least point is enough for a gap of ``D²/(4t)`` after the time t.

References
----------
.. [1] Notsawo, Dumas and Rabusseau 2025, arXiv 2506.05718.
.. [2] Taylor, Hendrickx and Glineur 2017, SIAM Journal on Optimization 27(3), 1283-1313, for
   proximal steps, which are steepest descent as they get short.
"""

from __future__ import annotations

import numpy as np


def l1_steps(distance: float, gap: float, lr: float, beta: float) -> float:
    """Return after how many steps the penalised norm is within the gap of its least, as β → 0.

    Parameters
    ----------
    distance : float
        From where the samples are fitted first to the interpolation of least norm.
    gap : float
        Of the norm that is penalised: the L1 norm, or the nuclear norm of a matrix.
    lr, beta : float
        Step and penalty.
    """
    return distance**2 / (4 * lr * beta * gap)


def least_decay_error(start: np.ndarray, truth: np.ndarray) -> float:
    """Return how near to the truth weight decay comes at best, at any time and strength.

    Parameters
    ----------
    start, truth : ndarray, shape (d,)
        What of the start, and of the truth, is outside of the span of the samples. The former
        keeps its direction; the latter is never learned.
    """
    along = np.maximum(start @ truth, 0.0)
    if along == 0:
        return float(np.linalg.norm(truth))
    return float(np.sqrt(truth @ truth - along**2 / (start @ start)))

"""How many steps ridge regression takes to fit its samples, and how many to generalise.

Gradient descent on ``‖Xw - y‖²/n + (λ/2) ‖w‖²`` shrinks the weights along the singular vectors of X
at rates that the samples set, and those outside of their span by ``1 - ηλ`` a step. Between the two
times lies the delay, about ``log(scale)/(ηλ)`` for starts of a large scale [1]_. The bounds here
hold for any step with ``η (λ + σ) < 1``, σ the curvatures of the loss.

References
----------
.. [1] Xu, Vardi and Safran 2026, arXiv 2601.19791.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Steps(NamedTuple):
    """Between so many steps."""

    least: float
    most: float


def fit_steps(
    curvatures: np.ndarray, lr: float, lam: float, misfit: float, floor: float, target: float
) -> Steps:
    """Return bounds on the first step with ``‖Xw - y‖/√n`` at most the target.

    Parameters
    ----------
    curvatures : ndarray, shape (k,)
        Eigenvalues of ``2 XᵀX/n`` other than 0.
    lr, lam : float
        Step η and weight decay λ.
    misfit, floor : float
        ``‖X(w - ŵ)‖/√n`` of the start, and ``‖Xŵ - y‖/√n``, where ŵ is the end.
    target : float
        More than the floor.
    """
    fast = -np.log(1 - lr * (lam + np.max(curvatures)))
    slow = -np.log(1 - lr * (lam + np.min(curvatures)))
    least, most = np.log(misfit / (target + floor)), np.log(misfit / (target - floor))
    return Steps(float(least / fast), float(most / slow))


def generalisation_steps(
    lr: float, lam: float, outside: float, unseen: float, inside: float, target: float
) -> Steps:
    """Return bounds on the first step with ``‖w - w*‖`` at most the target.

    Parameters
    ----------
    lr, lam : float
        Step η and weight decay λ.
    outside, unseen : float
        Lengths of what of the start, and of w*, is outside of the span of the samples.
    inside : float
        The largest length of ``w - w*`` inside of it, from the first of these steps on.
    target : float
        More than `unseen` and `inside` together.
    """
    rate = -np.log(1 - lr * lam)
    left = np.sqrt(target**2 - inside**2)
    least, most = np.log(outside / (target + unseen)), np.log(outside / (left - unseen))
    return Steps(float(least / rate), float(most / rate))

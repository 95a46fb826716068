"""Gradient descent on a linear teacher and student: its losses in closed form.

With ``x ~ N(0, I)``, n samples of d inputs and ``D`` the difference of student and teacher,
gradient descent with step η on the mean squared error is linear,
``D(t) = (I - 2ηΣ)^t D(0)``, ``Σ = XᵀX / n``. For D(0) with independent entries of variance 1/d the
losses are averages over the spectrum of Σ, which for d, n → ∞ at fixed ``ratio = d/n`` is that of
Marchenko and Pastur [1]_.

References
----------
.. [1] Levi, Beck and Bar-Sinai, ICLR 2024, arXiv 2310.16441.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

_NODES = 4000
# Between the nodes of Gauss-Chebyshev quadrature of the second kind, and these.
_ANGLE = np.pi / (_NODES + 1)
_ANGLES = _ANGLE * np.arange(1, _NODES + 1)


class StudentLosses(NamedTuple):
    """Mean squared errors per output, on the training samples and on new ones."""

    train: np.ndarray
    test: np.ndarray


def spectral_losses(
    eigenvalues: np.ndarray, weights: np.ndarray, lr: float, steps: np.ndarray
) -> StudentLosses:
    """Return the losses of gradient descent from the spectrum of ``Σ = XᵀX / n``.

    Parameters
    ----------
    eigenvalues : ndarray, shape (k,)
        The spectrum.
    weights : ndarray, shape (k,)
        Squared component of D(0) along each eigenvector, summed over an eigenspace.
    lr : float
        Step η of descent on the mean of ``(f - y)²``.
    steps : ndarray, shape (m,)
        Numbers of steps.
    """
    decay = (1 - 2 * lr * eigenvalues[None, :]) ** (2 * np.asarray(steps)[:, None])
    return StudentLosses(decay @ (weights * eigenvalues), decay @ weights)


def limit_losses(ratio: float, lr: float, steps: np.ndarray) -> StudentLosses:
    """Return the losses in the limit d, n → ∞ with ``d/n = ratio``, for ``E ‖D(0)‖² = 1``.

    The density on ``(1 ± √ratio)²`` is integrated by Gauss-Chebyshev quadrature of the second
    kind, whose weight is its square root; for ratio > 1 a fraction 1 - 1/ratio of D is never
    seen.
    """
    if not ratio > 0:
        raise ValueError(f"ratio is {ratio}, expected d/n above 0: choose sizes of at least 1")
    eigenvalues, weights = marchenko_pastur(ratio)
    unseen = max(0.0, 1 - 1 / ratio)
    return spectral_losses(np.append(eigenvalues, 0.0), np.append(weights, unseen), lr, steps)


def marchenko_pastur(ratio: float) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights of quadrature over the spectrum of Marchenko and Pastur above 0."""
    eigenvalues = 1 + ratio + 2 * np.sqrt(ratio) * np.cos(_ANGLES)
    return eigenvalues, 2 / np.pi * np.sin(_ANGLES) ** 2 / eigenvalues * _ANGLE

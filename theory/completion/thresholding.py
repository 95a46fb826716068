"""Soft-thresholding of the eigenvalues of a symmetric matrix, with its derivative.

It is the proximal map of the nuclear norm over symmetric matrices, as soft-thresholding is that of
the L1 norm. One eigendecomposition serves the value, the matrix and every directional derivative.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import eigh


@dataclass(frozen=True, eq=False)
class Thresholded:
    """``S_σ(Y) = Q (Λ - clip(Λ, -σ, σ)) Qᵀ`` for ``Y = Q Λ Qᵀ``.

    Parameters
    ----------
    eigenvalues : ndarray, shape (d,)
        Λ.
    vectors : ndarray, shape (d, d)
        Q.
    sigma : float
        Threshold σ.
    """

    eigenvalues: np.ndarray
    vectors: np.ndarray
    sigma: float

    @classmethod
    def of(cls, y: np.ndarray, sigma: float) -> Thresholded:
        """Diagonalise `y`, shape (d, d), for a threshold σ of its eigenvalues."""
        eigenvalues, vectors = eigh(y, check_finite=False)
        return cls(eigenvalues, vectors, sigma)

    @cached_property
    def kept(self) -> np.ndarray:
        """Thresholded eigenvalues, shape (d,)."""
        return np.asarray(self.eigenvalues - np.clip(self.eigenvalues, -self.sigma, self.sigma))

    @cached_property
    def active(self) -> np.ndarray:
        """Indices of the eigenvalues that are not thresholded to zero, shape (r,)."""
        return np.flatnonzero(self.kept)

    @cached_property
    def matrix(self) -> np.ndarray:
        """The thresholded matrix, of rank r."""
        q = self.vectors[:, self.active]
        return np.asarray((q * self.kept[self.active]) @ q.T)

    @cached_property
    def value(self) -> float:
        """The potential ``‖S_σ(Y)‖_F² / 2σ``, whose gradient in ``Y/σ`` is the matrix."""
        return float(self.kept @ self.kept) / (2 * self.sigma)

    @cached_property
    def _slopes(self) -> np.ndarray:
        """Divided differences between active and all eigenvalues, shape (r, d).

        Pairs of active ones are halved: `derivative` counts them twice.
        """
        a = self.active
        run = self.eigenvalues[a, None] - self.eigenvalues
        rise = self.kept[a, None] - self.kept
        near = np.abs(run) <= 1e-12 * np.abs(self.eigenvalues).max()
        slopes = np.where(near, 1.0, rise / np.where(near, 1.0, run))
        slopes[:, a] /= 2
        return np.asarray(slopes)

    def derivative(self, h: np.ndarray) -> np.ndarray:
        """Return the (generalised) derivative of the thresholded matrix along symmetric `h`."""
        q = self.vectors[:, self.active]
        half = q @ ((self._slopes * ((q.T @ h) @ self.vectors)) @ self.vectors.T)
        return np.asarray(half + half.T)

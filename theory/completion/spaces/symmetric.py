"""All symmetric matrices, and the soft-thresholding of their eigenvalues with its derivative.

Thresholding is the proximal map of the nuclear norm over symmetric matrices, as soft-thresholding
is that of the L1 norm. One eigendecomposition serves the value, the matrix and every directional
derivative.
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


@dataclass(frozen=True)
class SymmetricMatrices:
    """The symmetric d×d matrices, stored whole.

    Parameters
    ----------
    d : int
        Number of rows.
    """

    d: int

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of what is stored of W."""
        return self.d, self.d

    @property
    def words(self) -> str:
        """The size in words."""
        return f"d = {self.d}"

    @property
    def square(self) -> bool:
        """Whether W itself is stored."""
        return True

    def embed(self, w: np.ndarray) -> np.ndarray:
        """Return `w` itself."""
        return w

    def stored(self, full: np.ndarray) -> np.ndarray:
        """Return the matrix itself."""
        return full

    def squared_norm(self, w: np.ndarray) -> float:
        """Return ``‖W‖_F²``."""
        return float(np.sum(w**2))

    def nuclear_norm(self, w: np.ndarray) -> float:
        """Return ``‖W‖_*``."""
        return float(np.abs(np.linalg.eigvalsh(w)).sum())

    def operator_norm(self, w: np.ndarray) -> float:
        """Return ``‖W‖₂``."""
        return float(np.abs(np.linalg.eigvalsh(w)).max())

    def spectrum(self, w: np.ndarray) -> np.ndarray:
        """Return the eigenvalues, largest modulus first."""
        values = np.linalg.eigvalsh(w)
        return np.asarray(values[np.argsort(-np.abs(values))])

    def shrunk(self, y: np.ndarray, sigma: float) -> Thresholded:
        """Draw the eigenvalues towards zero by σ."""
        return Thresholded.of(y, sigma)

    def metric(self, w: np.ndarray, beta: float) -> np.ndarray:
        """Return ``S = (W² + 4β² I)^{1/2}``, shape (d, d)."""
        values, vectors = eigh(w, check_finite=False)
        return np.asarray((vectors * np.hypot(values, 2 * beta)) @ vectors.T)

    def spread(self, s: np.ndarray, h: np.ndarray) -> np.ndarray:
        """Return ``S H + H S``."""
        half = s @ h
        return np.asarray(half + half.T)

    def pack(self, w: np.ndarray) -> np.ndarray:
        """Return the upper triangle."""
        return np.asarray(w[np.triu_indices(self.d)])

    def unpack(self, packed: np.ndarray) -> np.ndarray:
        """Return the symmetric matrix with the given upper triangle."""
        w = np.zeros(self.shape)
        w[np.triu_indices(self.d)] = packed
        return np.asarray(w + np.triu(w, 1).T)

"""Block forms ``W = [[0, A], [Aᵀ, 0]]`` of rectangular matrices, of which only A is stored.

With the involution ``J = diag(I, -I)`` the block forms are the symmetric W with ``J W J = -W``. The
eigenvalues of W are ± the singular values of A and u - i zeros, so that ``‖W‖_* = 2 ‖A‖_*``,
``‖W‖_F² = 2 ‖A‖_F²`` and ``‖W‖₂ = ‖A‖₂``, and every odd function of W is again a block form.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.linalg import eigh, svd

# From so many rows and columns on, the eigenvectors of AAᵀ are found in less than half the time of
# singular vectors. Singular values are then exact to ``1e-16 σ_1² / σ``, so that those below this
# part of the largest are taken for zero.
_LARGE, _RESOLVED = 400, 1e-6


class _Decomposed(NamedTuple):
    """``P Σ Qᵀ`` with k falling singular values: (u, k), (k,), (i, k)."""

    left: np.ndarray
    values: np.ndarray
    right: np.ndarray


def _decomposed(a: np.ndarray) -> _Decomposed:
    """Return the singular values and vectors of a block."""
    if min(a.shape) < _LARGE:
        left, values, right = svd(a, full_matrices=False, check_finite=False)
        return _Decomposed(left, values, right.T)
    if a.shape[0] > a.shape[1]:
        swapped = _decomposed(a.T)
        return _Decomposed(swapped.right, swapped.values, swapped.left)
    squares, vectors = eigh(a @ a.T, check_finite=False)
    squares, vectors = squares[::-1], vectors[:, ::-1]
    above = squares > _RESOLVED**2 * squares[0]
    values, left = np.sqrt(squares[above]), np.ascontiguousarray(vectors[:, above])
    return _Decomposed(left, values, (a.T @ left) / values)


@dataclass(frozen=True, eq=False)
class ShrunkBlock:
    """``P (Σ - σ)₊ Qᵀ`` for ``Y = P Σ Qᵀ``: the eigenvalues of the block form shrink by σ.

    Parameters
    ----------
    left : ndarray, shape (u, k)
        P.
    singular_values : ndarray, shape (k,)
        Σ, falling.
    right : ndarray, shape (i, k)
        Q.
    sigma : float
        Threshold σ.
    """

    left: np.ndarray
    singular_values: np.ndarray
    right: np.ndarray
    sigma: float

    @cached_property
    def kept(self) -> np.ndarray:
        """The singular values that are left, shape (r,)."""
        above = self.singular_values[self.singular_values > self.sigma]
        return np.asarray(above - self.sigma)

    @cached_property
    def matrix(self) -> np.ndarray:
        """The shrunk block, of rank r."""
        r = len(self.kept)
        return np.asarray((self.left[:, :r] * self.kept) @ self.right[:, :r].T)

    @cached_property
    def value(self) -> float:
        """The potential ``‖S_σ(Y)‖_F² / 2σ``; the block form has every singular value twice."""
        return float(self.kept @ self.kept) / self.sigma

    @cached_property
    def _slopes(self) -> tuple[np.ndarray, np.ndarray]:
        """Half sum and half difference of the slopes of symmetric and skew changes, shape (r, k).

        Pairs of active singular values are halved: `derivative` counts them twice.
        """
        r, values = len(self.kept), self.singular_values
        kept = np.zeros_like(values)
        kept[:r] = self.kept
        run = values[:r, None] - values
        near = np.abs(run) <= 1e-12 * values[0]
        rise = kept[:r, None] - kept
        symmetric = np.where(near, 1.0, rise / np.where(near, 1.0, run))
        skew = (kept[:r, None] + kept) / (values[:r, None] + values)
        symmetric[:, :r] /= 2
        skew[:, :r] /= 2
        return (symmetric + skew) / 2, (symmetric - skew) / 2

    def derivative(self, h: np.ndarray) -> np.ndarray:
        """Return the (generalised) derivative of the shrunk block along `h`, shape (u, i)."""
        r = len(self.kept)
        p, q = self.left[:, :r], self.right[:, :r]
        same, crossed = self._slopes
        shrink = (self.kept / self.singular_values[:r])[:, None]
        from_left, from_right = p.T @ h, h @ q
        rows, columns = from_left @ self.right, (self.left.T @ from_right).T
        upper = same * rows + crossed * columns
        lower = same * columns + crossed * rows
        # What leaves the span of the singular vectors shrinks like the singular value itself.
        upper_change = (upper - shrink * rows) @ self.right.T + shrink * from_left
        lower_change = (lower - shrink * columns) @ self.left.T + shrink * from_right.T
        return np.asarray(p @ upper_change + lower_change.T @ q.T)


@dataclass(frozen=True)
class BlockMatrices:
    """The block forms of u×i matrices A.

    Parameters
    ----------
    rows, columns : int
        u and i.
    """

    rows: int
    columns: int

    @property
    def d(self) -> int:
        """Number of rows of W."""
        return self.rows + self.columns

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of A."""
        return self.rows, self.columns

    @property
    def words(self) -> str:
        """The size in words."""
        return f"{self.rows} × {self.columns}"

    @property
    def square(self) -> bool:
        """Whether W itself is stored."""
        return False

    def embed(self, w: np.ndarray) -> np.ndarray:
        """Return ``[[0, A], [Aᵀ, 0]]``."""
        full, u = np.zeros((self.d, self.d)), self.rows
        full[:u, u:], full[u:, :u] = w, w.T
        return full

    def stored(self, full: np.ndarray) -> np.ndarray:
        """Return A."""
        return np.asarray(full[: self.rows, self.rows :])

    def squared_norm(self, w: np.ndarray) -> float:
        """Return ``‖W‖_F² = 2 ‖A‖_F²``."""
        return 2 * float(np.sum(w**2))

    def nuclear_norm(self, w: np.ndarray) -> float:
        """Return ``‖W‖_* = 2 ‖A‖_*``."""
        return 2 * float(self.spectrum(w).sum())

    def operator_norm(self, w: np.ndarray) -> float:
        """Return ``‖W‖₂ = ‖A‖₂``."""
        return float(self.spectrum(w)[0])

    def spectrum(self, w: np.ndarray) -> np.ndarray:
        """Return the singular values of A, falling."""
        return np.asarray(np.linalg.svd(w, compute_uv=False))

    def shrunk(self, y: np.ndarray, sigma: float) -> ShrunkBlock:
        """Draw the singular values towards zero by σ."""
        return ShrunkBlock(*_decomposed(y), sigma)

    def metric(self, w: np.ndarray, beta: float) -> np.ndarray:
        """Return ``diag((AAᵀ + 4β²)^{1/2}, (AᵀA + 4β²)^{1/2})``, shape (d, d)."""
        left, values, right = _decomposed(w)
        # The excess over 2β, without cancellation.
        excess = values**2 / (np.hypot(values, 2 * beta) + 2 * beta)
        out, u = np.zeros((self.d, self.d)), self.rows
        out[:u, :u] = (left * excess) @ left.T
        out[u:, u:] = (right * excess) @ right.T
        out[np.diag_indices(self.d)] += 2 * beta
        return out

    def spread(self, s: np.ndarray, h: np.ndarray) -> np.ndarray:
        """Return the block of ``S H + H S``."""
        u = self.rows
        return np.asarray(s[:u, :u] @ h + h @ s[u:, u:])

    def pack(self, w: np.ndarray) -> np.ndarray:
        """Return the entries of A."""
        return np.asarray(w.ravel())

    def unpack(self, packed: np.ndarray) -> np.ndarray:
        """Return A."""
        return np.asarray(packed.reshape(self.shape))

"""What solvers ask of the set of matrices among which they look for W.

All are symmetric d×d matrices W; a set may store less of them than all d² entries. Norms and inner
products are those of W, so that every formula of the theory holds for each set as it is printed.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np


@runtime_checkable
class Shrunk(Protocol):
    """A matrix whose eigenvalues are drawn towards zero by σ."""

    @property
    def matrix(self) -> np.ndarray:
        """The shrunk matrix, as its set stores it."""

    @property
    def value(self) -> float:
        """The potential ``‖S_σ(Y)‖_F² / 2σ``, whose gradient in ``Y/σ`` is the matrix."""

    def derivative(self, h: np.ndarray) -> np.ndarray:
        """Return the (generalised) derivative of the matrix along `h`."""


@runtime_checkable
class MatrixSpace(Protocol):
    """A linear set of symmetric d×d matrices, closed under odd functions of a matrix."""

    @property
    def d(self) -> int:
        """Number of rows of W."""

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of what is stored of W."""

    @property
    def words(self) -> str:
        """The size in words."""

    @property
    def square(self) -> bool:
        """Whether W itself is stored."""

    def embed(self, w: np.ndarray) -> np.ndarray:
        """Return the d×d matrix of what is stored."""

    def stored(self, full: np.ndarray) -> np.ndarray:
        """Return what is stored of a d×d matrix of the set."""

    def squared_norm(self, w: np.ndarray) -> float:
        """Return ``‖W‖_F²``."""

    def nuclear_norm(self, w: np.ndarray) -> float:
        """Return ``‖W‖_*``."""

    def operator_norm(self, w: np.ndarray) -> float:
        """Return ``‖W‖₂``."""

    def spectrum(self, w: np.ndarray) -> np.ndarray:
        """Return the eigenvalues or singular values of what is stored, largest modulus first."""

    def shrunk(self, y: np.ndarray, sigma: float) -> Shrunk:
        """Draw the eigenvalues towards zero by σ: the proximal map of ``σ ‖·‖_*``."""

    def metric(self, w: np.ndarray, beta: float) -> np.ndarray:
        """Return ``S = (W² + 4β² I)^{1/2}``, which is ``UUᵀ + VVᵀ``, shape (d, d)."""

    def spread(self, s: np.ndarray, h: np.ndarray) -> np.ndarray:
        """Return ``S H + H S`` for a metric S of shape (d, d)."""

    def pack(self, w: np.ndarray) -> np.ndarray:
        """Return the numbers that decide W as one vector."""

    def unpack(self, packed: np.ndarray) -> np.ndarray:
        """Return what is stored of W from such a vector."""

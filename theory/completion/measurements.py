"""Linear measurements of a symmetric matrix: single entries, or inner products with matrices.

Every measurement is ``<A_i, W>`` with a symmetric A_i of shape (d, d); the entry (i, j) has
``A = (e_i e_jᵀ + e_j e_iᵀ) / 2``. Solvers need four things of them: ``A(W)``, its adjoint
``A*(μ) = Σ μ_i A_i``, the Gram matrix, and the Gram matrix ``2 tr(A_i S A_j)`` in the metric of a
positive matrix S. What they measure is stored as their `space` says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float
from scipy.linalg import cho_factor, cho_solve

from grokflow.theory.completion.spaces.protocol import MatrixSpace
from grokflow.theory.completion.spaces.symmetric import SymmetricMatrices

Square = Float[np.ndarray, "d d"]
Values = Float[np.ndarray, " m"]
Kernel = Float[np.ndarray, "m m"]


# Up to so many measurements their kernel is written out and factored.
DIRECT = 5000


class Places(NamedTuple):
    """Where some of the stored entries of W stand: indices of shape (k,)."""

    rows: np.ndarray
    columns: np.ndarray


class MetricProduct(NamedTuple):
    """A kernel that is not written out: its product with a vector, and its diagonal."""

    of: Callable[[np.ndarray], np.ndarray]
    diagonal: np.ndarray


@runtime_checkable
class Measurements(Protocol):
    """m linear functions of a symmetric d×d matrix."""

    @property
    def space(self) -> MatrixSpace:
        """The symmetric matrices that are measured."""

    @property
    def size(self) -> int:
        """Number m of measurements."""

    @property
    def fixed_entries(self) -> Places:
        """Stored entries of W that they fix each by itself, one of each pair of mirrors."""

    @property
    def norms(self) -> np.ndarray:
        """Frobenius norms of the A_i, shape (m,)."""

    def apply(self, w: np.ndarray) -> np.ndarray:
        """Return ``<A_i, W>``, shape (m,)."""

    def adjoint(self, mu: np.ndarray) -> np.ndarray:
        """Return ``Σ μ_i A_i``, of the shape of W."""

    @property
    def sums(self) -> int:
        """Number of terms in an entry of the adjoint."""

    @property
    def terms(self) -> int:
        """Number of products in a measured value."""

    def put_in(self, w: np.ndarray, values: np.ndarray) -> np.ndarray | None:
        """Return `w` with exactly these values, or None where that cannot be done exactly."""

    def solve_gram(self, rhs: np.ndarray, shift: np.ndarray) -> np.ndarray:
        """Solve ``(<A_i, A_j> + diag(shift)) x = rhs`` for shift ≥ 0."""

    def metric_gram(self, s: np.ndarray) -> np.ndarray:
        """Return ``K_ij = <A_i, S A_j + A_j S> = 2 tr(A_i S A_j)`` for symmetric `s`, (m, m)."""

    def metric_product(self, s: np.ndarray) -> MetricProduct:
        """Return the product with that matrix, which is not written out."""


@dataclass(frozen=True, eq=False)
class Entries:
    """Distinct entries ``W[rows, columns]`` on or above the diagonal.

    Parameters
    ----------
    d : int
        Number of rows of the matrix.
    rows, columns : ndarray of int, shape (m,)
        Indices with ``rows <= columns``.
    """

    d: int
    rows: np.ndarray
    columns: np.ndarray

    @property
    def space(self) -> SymmetricMatrices:
        """All symmetric matrices."""
        return SymmetricMatrices(self.d)

    @property
    def size(self) -> int:
        """Number of entries."""
        return len(self.rows)

    @property
    def fixed_entries(self) -> Places:
        """All that are measured."""
        return Places(self.rows, self.columns)

    @cached_property
    def norms(self) -> Values:
        """One on the diagonal, ``1/√2`` off it."""
        return np.where(self.rows == self.columns, 1.0, np.sqrt(0.5))

    def apply(self, w: Square) -> Values:
        """Return the entries of `w`."""
        return np.asarray(w[self.rows, self.columns])

    def adjoint(self, mu: Values) -> Square:
        """Put half of every multiplier at its entry and half at the mirror."""
        out = np.zeros((self.d, self.d))
        scattered = mu * self.norms**2
        out[self.rows, self.columns] = scattered
        out[self.columns, self.rows] = scattered
        return out

    @property
    def sums(self) -> int:
        """One: distinct entries do not add up."""
        return 1

    @property
    def terms(self) -> int:
        """None: an entry is read off."""
        return 0

    def put_in(self, w: Square, values: Values) -> Square:
        """Return the symmetric part of `w` with these entries."""
        out = (w + w.T) / 2
        out[self.rows, self.columns] = values
        out[self.columns, self.rows] = values
        return np.asarray(out)

    def solve_gram(self, rhs: Values, shift: Values) -> Values:
        """Solve by division, since distinct entries are orthogonal."""
        return np.asarray(rhs / (self.norms**2 + shift))

    def metric_gram(self, s: Square) -> Kernel:
        """Return ``½ (δ_ac S_bd + δ_ad S_bc + δ_bd S_ac + δ_bc S_ad)`` for entries (a,b), (c,d)."""
        place, left, right = self._shared_indices
        flat = np.bincount(place, weights=s[left, right] / 2, minlength=self.size**2)
        return flat.reshape(self.size, self.size)

    def metric_product(self, s: Square) -> MetricProduct:
        """Return the product with the matrix of `metric_gram`."""
        on = np.diagonal(s)
        # Twice as much on the diagonal of W, where an entry is its own mirror.
        diagonal = (on[self.rows] + on[self.columns]) * self.norms**2
        return MetricProduct(partial(_spread_product, self, s), diagonal)

    @cached_property
    def _shared_indices(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where two entries share an index: the place in the kernel, and the two other indices."""
        ends = (self.rows, self.columns), (self.columns, self.rows)
        parts = []
        for shared, other in ends:
            for shared_too, other_too in ends:
                i, j = np.nonzero(shared[:, None] == shared_too[None, :])
                parts.append((i * self.size + j, other[i], other_too[j]))
        place, left, right = (np.concatenate(part) for part in zip(*parts, strict=True))
        return place, left, right


@dataclass(frozen=True, eq=False)
class Matrices:
    """Inner products with general symmetric matrices.

    Parameters
    ----------
    array : ndarray, shape (m, d, d)
        Symmetric A_i, distinct and nonzero.
    """

    array: np.ndarray

    @property
    def space(self) -> SymmetricMatrices:
        """All symmetric matrices."""
        return SymmetricMatrices(int(self.array.shape[1]))

    @property
    def size(self) -> int:
        """Number of measurements."""
        return len(self.array)

    @property
    def fixed_entries(self) -> Places:
        """No entry is fixed by itself."""
        return Places(np.zeros(0, dtype=int), np.zeros(0, dtype=int))

    @cached_property
    def norms(self) -> Values:
        """Frobenius norms."""
        return np.asarray(np.linalg.norm(self._flat, axis=1))

    @cached_property
    def _flat(self) -> np.ndarray:
        return np.asarray(self.array.reshape(self.size, -1))

    @cached_property
    def gram(self) -> Kernel:
        """Inner products ``<A_i, A_j>``."""
        return np.asarray(self._flat @ self._flat.T)

    def apply(self, w: Square) -> Values:
        """Return the inner products."""
        return np.asarray(self._flat @ w.ravel())

    def adjoint(self, mu: Values) -> Square:
        """Return ``Σ μ_i A_i``."""
        return np.asarray((mu @ self._flat).reshape(self.array.shape[1:]))

    @property
    def sums(self) -> int:
        """Every measurement adds to every entry."""
        return self.size

    @property
    def terms(self) -> int:
        """All entries."""
        return int(self.array[0].size)

    def put_in(self, w: Square, values: Values) -> None:
        """Return None: a correction has rounding of its own."""

    def solve_gram(self, rhs: Values, shift: Values) -> Values:
        """Solve by Cholesky, lifted by its own rounding where measurements are dependent."""
        scale = 1 / np.sqrt(np.diagonal(self.gram) + shift)
        block = self.gram * np.outer(scale, scale)
        block[np.diag_indices_from(block)] += shift * scale**2 + 1e-13 * self.size
        factor = cho_factor(block, lower=True, check_finite=False)
        return np.asarray(scale * cho_solve(factor, scale * rhs))

    def metric_gram(self, s: Square) -> Kernel:
        """Return ``2 tr(A_i S A_j)``, one product with S for every measurement."""
        return np.asarray(2 * (self.array @ s).reshape(self.size, -1) @ self._flat.T)

    def metric_product(self, s: Square) -> MetricProduct:
        """Return the product with the matrix of `metric_gram`."""
        diagonal = 2 * np.einsum("ijk,ijk->i", self.array @ s, self.array)
        return MetricProduct(partial(_spread_product, self, s), diagonal)


def _spread_product(measurements: Measurements, s: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return ``<A_i, S H + H S>`` with ``H = A*(x)``."""
    return measurements.apply(measurements.space.spread(s, measurements.adjoint(x)))

"""A data matrix stored by its nonzero entries, for tables such as word counts.

It answers what `grokflow.theory.numerics.data_matrix.DataMatrix` does, at a cost that grows with
the number of nonzero entries; no array of shape (n, d) is ever made on the way.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float
from scipy.sparse import csc_array, csr_array, diags_array, issparse

from grokflow.theory.numerics.data_matrix import (
    Groups,
    Inputs,
    Kernel,
    Matrix,
    Potential,
    Samples,
)
from grokflow.theory.numerics.threads import thread_count

# Bytes up to which an array is made of all entries of a sparse matrix, or of its rows by its rows.
MOST_BYTES = 2**30

# An array of shape (n, d), or a sparse array or matrix of scipy of any format.
Table: TypeAlias = Any


def is_sparse(table: Table) -> bool:
    """Say whether a table is a sparse array or matrix of scipy."""
    return bool(issparse(table))


def nonzero_rows(table: Table) -> csr_array[Any]:
    """Return the rows of a sparse table by their nonzero entries, each stored once."""
    rows: csr_array[Any] = csr_array(table, copy=True)
    rows.sum_duplicates()
    rows.eliminate_zeros()
    return rows


def signed_rows(table: Table, labels: np.ndarray) -> Table:
    """Return the rows ``y_i x_i``, in the type of the table where that has all their signs."""
    if is_sparse(table):
        return diags_array(labels) @ csr_array(table)
    small = table.dtype == np.int8 and table.min() > -128
    dtype = table.dtype if small or table.dtype.kind == "f" else np.float64
    return np.asarray(table * labels.astype(dtype)[:, None])


class Products:
    """What dual solvers ask of a matrix X, from its products and its weighted Gram matrix."""

    def outputs(self, nu: Samples, potential: Potential) -> Samples:
        """Return ``X φ'(Xᵀν)`` of shape (n,)."""
        return self.combine(potential.weights(self.correlate(nu)))

    def value_and_outputs(self, nu: Samples, potential: Potential) -> tuple[float, Samples]:
        """Return ``Σ φ(Xᵀν)`` and its gradient ``X φ'(Xᵀν)``."""
        xi = self.correlate(nu)
        return potential.value(xi), self.combine(potential.weights(xi))

    def curvature(self, nu: Samples, potential: Potential) -> Kernel:
        """Return ``X diag(φ''(Xᵀν)) Xᵀ`` of shape (n, n)."""
        return self.weighted_gram(potential.curvature(self.correlate(nu)))

    @abstractmethod
    def correlate(self, nu: np.ndarray) -> np.ndarray:
        """Return ``Xᵀν`` of shape (d,)."""

    @abstractmethod
    def combine(self, w: np.ndarray) -> np.ndarray:
        """Return ``X w``."""

    @abstractmethod
    def weighted_gram(self, weights: np.ndarray) -> Kernel:
        """Return ``X diag(weights) Xᵀ``."""


@dataclass(frozen=True, eq=False)
class SparseMatrix(Products):
    """A data matrix X of n samples (rows) and d inputs (columns), by its nonzero entries.

    Parameters
    ----------
    entries : csc_array, shape (n, d)
        The nonzero entries in float64, column by column.
    threads : int
        What is made of a part of the matrix uses so many threads; its own passes use one.
    """

    entries: csc_array[Any]
    threads: int = field(default_factory=thread_count)

    @classmethod
    def from_table(cls, table: Table, threads: int | None = None) -> SparseMatrix:
        """Store a sparse array or matrix of scipy, of any format."""
        entries = csc_array(nonzero_rows(table), dtype=np.float64)
        return cls(entries, thread_count() if threads is None else threads)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of samples n and number of inputs d."""
        n, d = self.entries.shape
        return int(n), int(d)

    def to_array(self) -> Matrix:
        """Return X as one array of shape (n, d), zeros included; MemoryError above `MOST_BYTES`."""
        self._check_memory(self.shape[1], "stored with its zeros")
        return self.entries.toarray()

    def _check_memory(self, columns: int, how: str) -> None:
        """Refuse an array of n rows that is too large, before its memory is asked for."""
        n, d = self.shape
        if (needed := 8 * n * columns) > MOST_BYTES:
            raise MemoryError(
                f"a sparse table of {n} rows and {d} inputs takes {needed / 2**30:.3g} GiB {how}, "
                f"expected at most {MOST_BYTES / 2**30:.3g} GiB: use fewer rows or inputs"
            )

    def with_signs(self, signs: Samples) -> SparseMatrix:
        """Return the matrix with every row times its sign, ±1."""
        entries = self.entries.copy()
        entries.data *= signs[entries.indices]
        return SparseMatrix(entries, self.threads)

    def to_sparse(self) -> csc_array[Any]:
        """Return X by its nonzero entries."""
        return self.entries

    @property
    def nonzeros(self) -> int:
        """The number of nonzero entries."""
        return int(self.entries.nnz)

    def take(self, columns: np.ndarray) -> Matrix:
        """Return the columns of these increasing indices as an array of shape (n, k)."""
        return self.entries[:, columns].toarray()

    def restricted(self, columns: np.ndarray) -> SparseMatrix:
        """Return the matrix of these columns alone (increasing indices)."""
        return SparseMatrix(self.entries[:, columns], self.threads)

    def correlate(self, nu: Float[np.ndarray, "*m n"]) -> Float[np.ndarray, "*m d"]:
        """Return ``X.T @ nu`` of shape (d,), or ``nu @ X`` of shape (m, d) for `nu` (m, n)."""
        return np.asarray(self.entries.T @ nu if nu.ndim == 1 else (self.entries.T @ nu.T).T)

    def combine(self, w: np.ndarray) -> np.ndarray:
        """Return ``X @ w`` for `w` of shape (d,) or (d, p)."""
        return np.asarray(self.entries @ w)

    def sizes(self, w: Inputs) -> Samples:
        """Return ``|X| |w|``: what the terms of the outputs ``X @ w`` add up to in size."""
        return np.asarray(abs(self.entries) @ np.abs(w))

    def active(self, nu: Samples, potential: Potential) -> Matrix | None:
        """Return F with ``F Fᵀ`` the curvature, or None where it has more than n/2 columns."""
        curvature = potential.curvature(self.correlate(nu))
        columns = np.flatnonzero(curvature > 0)
        if 2 * len(columns) > self.shape[0]:
            return None
        return np.asarray(self.take(columns) * np.sqrt(curvature[columns]))

    def weighted_gram(self, weights: np.ndarray) -> Kernel:
        """Return ``X diag(weights) X.T`` of shape (n, n); columns of weight zero cost nothing."""
        self._check_memory(self.shape[0], "multiplied by its transpose")
        part, chosen = self.entries, weights
        columns = np.flatnonzero(weights)
        if len(columns) < len(weights):
            part, chosen = self.entries[:, columns], weights[columns]
        scaled = part.copy()
        scaled.data *= np.repeat(chosen, np.diff(part.indptr))
        return np.asarray((scaled @ part.T).toarray())

    def gram_diagonal(self, weights: np.ndarray) -> Samples:
        """Return the diagonal of `weighted_gram`, shape (n,)."""
        return np.asarray(self.entries.power(2) @ weights)

    def sample(self, i: int) -> Inputs:
        """Return one row, shape (d,), zeros included."""
        return np.asarray(self.entries[[i]].toarray()[0])

    def of_samples(self, rows: np.ndarray) -> SparseMatrix:
        """Return the matrix of these rows alone."""
        return SparseMatrix(self.entries[rows], self.threads)

    @cached_property
    def alike(self) -> tuple[Inputs, Groups]:
        """Signs and group numbers, shape (d,): signed columns of a group are equal."""
        sign, numbers = np.ones(self.shape[1]), dict[tuple[bytes, bytes], int]()
        group = np.empty(self.shape[1], dtype=np.intp)
        rows, values, ends = self.entries.indices, self.entries.data, self.entries.indptr
        for j, (start, stop) in enumerate(pairwise(ends)):
            column = values[start:stop]
            if len(column) and column[0] < 0:
                sign[j], column = -1.0, -column
            key = rows[start:stop].tobytes(), column.tobytes()
            group[j] = numbers.setdefault(key, len(numbers))
        return sign, group

    @cached_property
    def absolute(self) -> SparseMatrix:
        """The matrix of absolute values; what bounds the rounding of products."""
        return SparseMatrix(abs(self.entries), self.threads)

    @cached_property
    def gram(self) -> Kernel:
        """The Gram matrix ``X @ X.T`` of shape (n, n)."""
        self._check_memory(self.shape[0], "multiplied by its transpose")
        return np.asarray((self.entries @ self.entries.T).toarray())

    @cached_property
    def mean_square(self) -> float:
        """The mean of the squared entries."""
        n, d = self.shape
        return float(self.entries.data @ self.entries.data) / n / d

    @cached_property
    def largest(self) -> float:
        """The largest absolute value of an entry."""
        return float(np.abs(self.entries.data).max(initial=0.0))

    def scaled(self, factor: float) -> SparseMatrix:
        """Return the matrix times a number."""
        return SparseMatrix(self.entries * factor, self.threads)

    @cached_property
    def column_squares(self) -> Inputs:
        """Squared Euclidean norms of the columns, shape (d,)."""
        return np.asarray(self.entries.power(2).sum(axis=0))

    @cached_property
    def row_squares(self) -> Samples:
        """Squared Euclidean norms of the rows, shape (n,)."""
        return np.asarray(self.entries.power(2).sum(axis=1))

    @property
    def largest_column(self) -> float:
        """Largest Euclidean norm of a column; times |nu| it bounds ``|X.T @ nu|``."""
        return float(np.sqrt(self.column_squares.max()))

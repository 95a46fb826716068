"""Observed entries of a rectangular matrix, as measurements of its block form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from grokflow.theory.completion.measurements import Kernel, MetricProduct, Places, Square, Values
from grokflow.theory.completion.spaces.blocks import BlockMatrices

Stored = Float[np.ndarray, "rows columns"]


@dataclass(frozen=True, eq=False)
class BlockEntries:
    """Distinct entries ``A[rows, columns]`` of the block of a block form.

    In W the entry (a, b) is the entry (a, u + b), so that its measurement matrix has norm ``1/√2``.

    Parameters
    ----------
    space : BlockMatrices
        The block forms of u×i matrices.
    rows, columns : ndarray of int, shape (m,)
        Indices in A.
    """

    space: BlockMatrices
    rows: np.ndarray
    columns: np.ndarray

    @property
    def size(self) -> int:
        """Number of entries."""
        return len(self.rows)

    @property
    def fixed_entries(self) -> Places:
        """All that are measured."""
        return Places(self.rows, self.columns)

    @property
    def norms(self) -> Values:
        """``1/√2`` for each."""
        return np.full(self.size, np.sqrt(0.5))

    def apply(self, w: Stored) -> Values:
        """Return the entries of A."""
        return np.asarray(w[self.rows, self.columns])

    def adjoint(self, mu: Values) -> Stored:
        """Put half of every multiplier at its entry; the other half is at the mirror."""
        out = np.zeros(self.space.shape)
        out[self.rows, self.columns] = mu / 2
        return out

    @property
    def sums(self) -> int:
        """One: distinct entries do not add up."""
        return 1

    @property
    def terms(self) -> int:
        """None: an entry is read off."""
        return 0

    def put_in(self, w: Stored, values: Values) -> Stored:
        """Return `w` with these entries."""
        out = w.copy()
        out[self.rows, self.columns] = values
        return np.asarray(out)

    def solve_gram(self, rhs: Values, shift: Values) -> Values:
        """Solve by division, since distinct entries are orthogonal."""
        return np.asarray(rhs / (0.5 + shift))

    def metric_gram(self, s: Square) -> Kernel:
        """Return ``½ (δ_ac S_bd + δ_bd S_ac)`` for entries (a, b), (c, d)."""
        u, size = self.space.rows, self.size
        gram = np.zeros((size, size))
        for index, block in ((self.rows, s[u:, u:]), (self.columns, s[:u, :u])):
            other = self.columns if index is self.rows else self.rows
            i, j = np.nonzero(index[:, None] == index[None, :])
            gram[i, j] += block[other[i], other[j]] / 2
        return gram

    def metric_product(self, s: Square) -> MetricProduct:
        """Return the product with the matrix of `metric_gram`: one block a row and a column."""
        u = self.space.rows
        left, right = s[:u, :u], s[u:, u:]
        on_left, on_right = np.diagonal(left), np.diagonal(right)
        diagonal = (on_left[self.rows] + on_right[self.columns]) / 2
        blocks = [(at, right[np.ix_(to, to)]) for at, to in self._lines(self.rows, self.columns)]
        blocks += [(at, left[np.ix_(to, to)]) for at, to in self._lines(self.columns, self.rows)]

        def of(x: np.ndarray) -> np.ndarray:
            out = np.zeros_like(x)
            for at, block in blocks:
                out[at] += block @ x[at]
            return out / 2

        return MetricProduct(of, diagonal)

    def _lines(
        self, index: np.ndarray, other: np.ndarray
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the entries of every row (or column), and their indices in the other."""
        order = np.argsort(index, kind="stable")
        for at in np.split(order, np.flatnonzero(np.diff(index[order])) + 1):
            yield at, other[at]

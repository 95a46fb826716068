"""A data matrix stored without loss in as few bytes as possible, and one fused pass over it.

Every solver here evaluates the same thing: with ``xi = X.T @ nu``, the values, weights
``w = phi'(xi)``, outputs ``X @ w`` and curvature ``X diag(phi''(xi)) X.T`` of a separable
potential ``phi``. Columns are visited in blocks that fit the second-level cache, so one
evaluation reads X from memory once. ±1 data occupy one byte an entry; arithmetic is float64.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import csc_array

from grokflow.theory.numerics.threads import parallel, thread_count

Samples = Float[np.ndarray, " n"]
Inputs = Float[np.ndarray, " d"]
Groups = Int[np.ndarray, " d"]
Matrix = Float[np.ndarray, "n d"]
Kernel = Float[np.ndarray, "n n"]

# What a sweep does with a range of columns and their block of the matrix.
Visit = Callable[[slice, np.ndarray], np.ndarray]

# Columns a block: 2048 float64 columns of 64 samples are 1 MiB, about one second-level cache.
_BLOCK_ENTRIES = 2**19
# Entries of a matrix that is small enough to be kept in float64 as well.
_SMALL_ENTRIES = 2**15


@runtime_checkable
class Potential(Protocol):
    """A separable convex potential ``sum_j phi_j(xi_j)`` over the columns of a data matrix."""

    def weights(self, xi: np.ndarray, columns: slice = ...) -> np.ndarray:
        """Return ``phi'(xi)``, the weight of each column."""

    def value(self, xi: np.ndarray, columns: slice = ...) -> float:
        """Return ``sum_j phi_j(xi_j)``."""

    def curvature(self, xi: np.ndarray, columns: slice = ...) -> np.ndarray:
        """Return ``phi''(xi)``; columns where it is zero cost nothing."""


def _smallest_exact_dtype(array: np.ndarray) -> np.dtype[Any]:
    """Return the first of int8, float32, float64 that represents every entry exactly."""
    with np.errstate(invalid="ignore", over="ignore"):
        for dtype in (np.int8, np.float32):
            if np.array_equal(array.astype(dtype), array):
                return np.dtype(dtype)
    return np.dtype(np.float64)


@dataclass(frozen=True, eq=False)
class DataMatrix:
    """A data matrix X of n samples (rows) and d inputs (columns), in column blocks.

    Parameters
    ----------
    blocks : tuple of ndarray
        Consecutive column blocks, each of shape (n, at most ``width``), of one dtype.
    width : int
        Number of columns of every block but the last.
    threads : int
        Threads that share a pass; sums depend on it in their last digits.
    """

    blocks: tuple[np.ndarray, ...]
    width: int
    threads: int = field(default_factory=thread_count)

    @classmethod
    def from_array(cls, array: np.ndarray, threads: int | None = None) -> DataMatrix:
        """Store `array` of shape (n, d) in the smallest dtype that holds every entry exactly."""
        n, d = array.shape
        dtype = np.dtype(array.dtype)
        if dtype != np.int8:
            dtype = _smallest_exact_dtype(array)
        width = int(np.clip(_BLOCK_ENTRIES // max(n, 1), 64, 8192))
        cut = range(0, d, width)
        blocks = (np.ascontiguousarray(array[:, i : i + width], dtype=dtype) for i in cut)
        return cls(tuple(blocks), width, thread_count() if threads is None else threads)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of samples n and number of inputs d."""
        return self.blocks[0].shape[0], sum(block.shape[1] for block in self.blocks)

    def to_array(self) -> Matrix:
        """Return X as one float64 array of shape (n, d)."""
        return np.concatenate(self.blocks, axis=1).astype(np.float64)

    def with_signs(self, signs: Samples) -> DataMatrix:
        """Return the matrix with every row times its sign, ±1, in the same type of numbers."""
        blocks = self.blocks
        if blocks[0].dtype == np.int8 and min(int(block.min()) for block in blocks) == -128:
            blocks = tuple(block.astype(np.float32) for block in blocks)  # +128 is no int8
        column = signs.astype(blocks[0].dtype)[:, None]
        return DataMatrix(tuple(block * column for block in blocks), self.width, self.threads)

    def to_sparse(self) -> csc_array[Any]:
        """Return X by its nonzero entries."""
        return csc_array(self.to_array())

    @property
    def nonzeros(self) -> int:
        """The number of entries."""
        return int(np.prod(self.shape))

    def take(self, columns: np.ndarray) -> Matrix:
        """Return the columns of these increasing indices, as float64 of shape (n, k)."""
        cut = np.searchsorted(columns, [part.stop for part in self._columns()])[:-1]
        parts = zip(self.blocks, self._columns(), np.split(columns, cut), strict=True)
        chosen = [block[:, few - part.start] for block, part, few in parts if few.size]
        return np.hstack([self.blocks[0][:, :0], *chosen]).astype(np.float64)

    def _columns(self) -> Iterator[slice]:
        start = 0
        for block in self.blocks:
            yield slice(start, start + block.shape[1])
            start += block.shape[1]

    def sweep(self, visit: Visit, precision: type[np.floating[Any]] = np.float64) -> np.ndarray:
        """Sum ``visit(columns, block)`` over the blocks, each given in `precision`.

        The blocks are dealt to the threads in a fixed order, so the sum is reproducible for a
        given number of threads.
        """
        if precision is np.float64 and self._small is not None:
            return visit(slice(0, self._small.shape[1]), self._small)
        threads = min(self.threads, len(self.blocks))
        if threads == 1:
            return self._share(visit, precision, 1, 0)
        parts = parallel(partial(self._share, visit, precision, threads), range(threads), threads)
        return np.asarray(np.sum(parts, axis=0))

    @cached_property
    def _small(self) -> Matrix | None:
        """The one block in float64, if converting it takes as long as what is done with it."""
        small = len(self.blocks) == 1 and self.blocks[0].size <= _SMALL_ENTRIES
        return self.blocks[0].astype(np.float64) if small else None

    def _share(
        self, visit: Visit, precision: type[np.floating[Any]], threads: int, first: int
    ) -> np.ndarray:
        """Sum one thread's share of the blocks."""
        buffer = np.empty_like(self.blocks[0], dtype=precision)  # no other is wider
        total: np.ndarray | None = None
        jobs = list(zip(self._columns(), self.blocks, strict=True))
        for columns, block in jobs[first::threads]:
            view = block
            if block.dtype != precision:
                view = buffer[:, : block.shape[1]]
                np.copyto(view, block)
            part = visit(columns, view)
            total = part if total is None else total + part
        assert total is not None
        return total

    def correlate(self, nu: Float[np.ndarray, "*m n"]) -> Float[np.ndarray, "*m d"]:
        """Return ``X.T @ nu`` of shape (d,), or ``nu @ X`` of shape (m, d) for `nu` (m, n)."""
        out = np.empty((*nu.shape[:-1], self.shape[1]))
        self.sweep(partial(_correlate, nu, out))
        return out

    def combine(self, w: np.ndarray) -> np.ndarray:
        """Return ``X @ w`` for `w` of shape (d,) or (d, p); rows of zeros in `w` cost nothing."""
        rows = np.flatnonzero(w.any(axis=1) if w.ndim == 2 else w)
        if len(rows) < len(w) / 16:
            return np.asarray(self.take(rows) @ w[rows])
        return self.sweep(lambda columns, block: block @ w[columns])

    def sizes(self, w: Inputs) -> Samples:
        """Return ``|X| |w|``: what the terms of the outputs ``X @ w`` add up to in size."""
        return self.sweep(lambda columns, block: np.abs(block) @ np.abs(w)[columns])

    def outputs(self, nu: Samples, potential: Potential) -> Samples:
        """Return ``X @ phi'(X.T @ nu)`` of shape (n,), in one pass."""
        return self.sweep(lambda columns, block: block @ potential.weights(nu @ block, columns))

    def value_and_outputs(self, nu: Samples, potential: Potential) -> tuple[float, Samples]:
        """Return ``sum phi(X.T @ nu)`` and its gradient ``X @ phi'(X.T @ nu)``, in one pass."""
        total = self.sweep(partial(_outputs_and_value, nu, potential))
        return float(total[-1]), total[:-1]

    def curvature(self, nu: Samples, potential: Potential) -> Kernel:
        """Return ``X diag(phi''(X.T @ nu)) X.T`` of shape (n, n), in one pass."""
        return self.sweep(partial(_curvature, nu, potential))

    def active(self, nu: Samples, potential: Potential) -> Matrix | None:
        """Return F with ``F Fᵀ`` the curvature, one column for each that is active.

        Of more than one block None is returned: the curvature is summed without keeping F.
        """
        if len(self.blocks) > 1:
            return None
        return self.sweep(partial(_active, nu, potential))

    def weighted_gram(self, weights: np.ndarray) -> Kernel:
        """Return ``X diag(weights) X.T`` of shape (n, n), in one pass."""
        return self.sweep(partial(_weighted_gram, weights))

    def gram_diagonal(self, weights: np.ndarray) -> Samples:
        """Return the diagonal of `weighted_gram`, shape (n,)."""
        return self.sweep(lambda columns, block: block**2 @ weights[columns])

    def restricted(self, columns: np.ndarray) -> DataMatrix:
        """Return the matrix of these columns alone (increasing indices), in float64."""
        return DataMatrix((self.take(columns),), len(columns), self.threads)

    def sample(self, i: int) -> Inputs:
        """Return one row, shape (d,), as float64."""
        return np.concatenate([block[i] for block in self.blocks]).astype(np.float64)

    def of_samples(self, rows: np.ndarray) -> DataMatrix:
        """Return the matrix of these rows alone."""
        return DataMatrix(tuple(block[rows] for block in self.blocks), self.width, self.threads)

    @cached_property
    def alike(self) -> tuple[Inputs, Groups]:
        """Signs and group numbers, shape (d,): signed columns of a group are equal."""
        signs, groups, numbers = [], [], dict[bytes, int]()
        for block in self.blocks:
            columns = block.T + block.dtype.type(0)  # there is no -0.0 in a sum with 0.0
            first = columns[np.arange(len(columns)), np.argmax(columns != 0, axis=1)]
            sign = np.where(first < 0, -1, 1).astype(block.dtype)
            keys = (column.tobytes() for column in columns * sign[:, None])
            groups += [numbers.setdefault(key, len(numbers)) for key in keys]
            signs.append(sign.astype(np.float64))
        return np.concatenate(signs), np.array(groups)

    @cached_property
    def absolute(self) -> DataMatrix:
        """The matrix of absolute values, in as many bytes; what bounds the rounding of products."""
        return DataMatrix(tuple(map(_absolute, self.blocks)), self.width, self.threads)

    @cached_property
    def gram(self) -> Kernel:
        """The Gram matrix ``X @ X.T`` of shape (n, n)."""
        # Whole numbers below 2^24 add exactly in single precision, at twice the speed.
        exact = self.blocks[0].dtype == np.int8 and self.largest**2 * self.shape[1] <= 2**24
        gram = self.sweep(_gram, np.float32 if exact else np.float64)
        return gram.astype(np.float64, copy=False)

    @cached_property
    def mean_square(self) -> float:
        """The mean of the squared entries."""
        n, d = self.shape
        return float(self.sweep(_sum_of_squares)[0]) / n / d

    @cached_property
    def largest(self) -> float:
        """The largest absolute value of an entry."""
        # Whole numbers of one byte have no room for the absolute value of the least.
        return max(max(float(block.max()), -float(block.min())) for block in self.blocks)

    def scaled(self, factor: float) -> DataMatrix:
        """Return the matrix times a number, in float64."""
        blocks = tuple(block * np.float64(factor) for block in self.blocks)
        return DataMatrix(blocks, self.width, self.threads)

    @cached_property
    def column_squares(self) -> Inputs:
        """Squared Euclidean norms of the columns, shape (d,)."""
        out = np.empty(self.shape[1])
        self.sweep(partial(_column_squares, out))
        return out

    @cached_property
    def row_squares(self) -> Samples:
        """Squared Euclidean norms of the rows, shape (n,)."""
        return self.sweep(_row_squares)

    @property
    def largest_column(self) -> float:
        """Largest Euclidean norm of a column; times |nu| it bounds ``|X.T @ nu|``."""
        return float(np.sqrt(self.column_squares.max()))


# What a sweep does to one block. These are functions of the module, not closures, because they
# are called hundreds of times a solve.


def _correlate(nu: np.ndarray, out: np.ndarray, columns: slice, block: np.ndarray) -> np.ndarray:
    out[..., columns] = nu @ block
    return np.zeros(1)


def _column_squares(out: np.ndarray, columns: slice, block: np.ndarray) -> np.ndarray:
    out[columns] = np.einsum("ij,ij->j", block, block)
    return np.zeros(1)


def _row_squares(_: slice, block: np.ndarray) -> np.ndarray:
    return np.asarray(np.einsum("ij,ij->i", block, block))


def _absolute(block: np.ndarray) -> np.ndarray:
    # The least whole number of a byte has no absolute value in a byte.
    wide = block.dtype == np.int8 and int(block.min()) == -128
    return np.asarray(np.abs(block.astype(np.int16) if wide else block))


def _sum_of_squares(_: slice, block: np.ndarray) -> np.ndarray:
    return np.array([np.vdot(block, block)])


def _gram(_: slice, block: np.ndarray) -> np.ndarray:
    return np.asarray(block @ block.T)


def _weighted_gram(weights: np.ndarray, columns: slice, block: np.ndarray) -> np.ndarray:
    return np.asarray((block * weights[columns]) @ block.T)


def _outputs_and_value(
    nu: np.ndarray, potential: Potential, columns: slice, block: np.ndarray
) -> np.ndarray:
    xi = nu @ block
    outputs = block @ potential.weights(xi, columns)
    return np.append(outputs, potential.value(xi, columns))


def _curvature(
    nu: np.ndarray, potential: Potential, columns: slice, block: np.ndarray
) -> np.ndarray:
    scaled = _active(nu, potential, columns, block)
    return np.asarray(scaled @ scaled.T)


def _active(nu: np.ndarray, potential: Potential, columns: slice, block: np.ndarray) -> np.ndarray:
    """Return the columns times ``sqrt(phi'')``, without those where it vanishes."""
    scale = np.sqrt(potential.curvature(nu @ block, columns))
    active = scale > 0
    return np.asarray(block * scale if active.all() else block[:, active] * scale[active])

"""A data matrix stored without loss in as few bytes as possible, and one fused pass over it.

Every solver here evaluates the same thing: with ``xi = X.T @ nu``, the values, weights
``w = phi'(xi)``, outputs ``X @ w`` and curvature ``X diag(phi''(xi)) X.T`` of a separable
potential ``phi``. Columns are visited in blocks that fit the second-level cache, so one
evaluation reads X from memory once. ±1 data occupy one byte an entry; arithmetic is float64.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, cached_property, partial
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import Float
from threadpoolctl import ThreadpoolController

Samples = Float[np.ndarray, " n"]
Inputs = Float[np.ndarray, " d"]
Matrix = Float[np.ndarray, "n d"]
Kernel = Float[np.ndarray, "n n"]

# What a sweep does with a range of columns and their block of the matrix.
Visit = Callable[[slice, np.ndarray], np.ndarray]

Item = TypeVar("Item")
Result = TypeVar("Result")

# Columns a block: 2048 float64 columns of 64 samples are 1 MiB, about one second-level cache.
_BLOCK_ENTRIES = 2**19


@runtime_checkable
class Potential(Protocol):
    """A separable convex potential ``sum_j phi_j(xi_j)`` over the columns of a data matrix."""

    def weights(self, xi: np.ndarray, columns: slice = ...) -> np.ndarray:
        """Return ``phi'(xi)``, the weight of each column."""

    def value(self, xi: np.ndarray, columns: slice = ...) -> float:
        """Return ``sum_j phi_j(xi_j)``."""

    def curvature(self, xi: np.ndarray, columns: slice = ...) -> np.ndarray:
        """Return ``phi''(xi)``; columns where it is zero cost nothing."""


@cache
def _workers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(thread_count(), thread_name_prefix="features")


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()  # type: ignore[no-untyped-call]


def thread_count() -> int:
    """Return how many threads a pass over a data matrix uses (OMP_NUM_THREADS, or all cores)."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return int(wanted) if wanted.isdigit() and int(wanted) > 0 else (os.cpu_count() or 1)


def parallel(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Map `function` over `items` on all cores, each call with one BLAS thread."""
    if len(items) == 1:
        return [function(items[0])]
    with _blas().limit(limits=1):
        return list(_workers().map(function, items))


def _smallest_exact_dtype(array: np.ndarray) -> np.dtype[Any]:
    """Return the first of int8, float32, float64 that represents every entry exactly."""
    with np.errstate(invalid="ignore", over="ignore"):
        for dtype in (np.int8, np.float32):
            if np.array_equal(array.astype(dtype), array):
                return np.dtype(dtype)
    return np.dtype(np.float64)


@dataclass(frozen=True, eq=False)
class Features:
    """A data matrix X of n samples (rows) and d inputs (columns), in column blocks.

    Parameters
    ----------
    blocks : tuple of ndarray
        Consecutive column blocks, each of shape (n, at most ``width``), of one dtype.
    width : int
        Number of columns of every block but the last.
    """

    blocks: tuple[np.ndarray, ...]
    width: int

    @classmethod
    def from_array(cls, array: np.ndarray) -> Features:
        """Store `array` of shape (n, d) in the smallest dtype that holds every entry exactly."""
        n, d = array.shape
        dtype = np.dtype(array.dtype)
        if dtype != np.int8:
            dtype = _smallest_exact_dtype(array)
        width = int(np.clip(_BLOCK_ENTRIES // max(n, 1), 64, 8192))
        cut = range(0, d, width)
        return cls(
            tuple(np.ascontiguousarray(array[:, i : i + width], dtype=dtype) for i in cut), width
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Number of samples n and number of inputs d."""
        return self.blocks[0].shape[0], sum(block.shape[1] for block in self.blocks)

    @property
    def nbytes(self) -> int:
        """Bytes that the stored matrix occupies."""
        return sum(block.nbytes for block in self.blocks)

    def to_array(self) -> Matrix:
        """Return X as one float64 array of shape (n, d)."""
        return np.concatenate(self.blocks, axis=1).astype(np.float64)

    def select(self, columns: np.ndarray, scale: np.ndarray | float = 1.0) -> Features:
        """Return the given columns, in increasing order, each multiplied by its scale."""
        inside = np.split(
            columns, np.searchsorted(columns, np.arange(1, len(self.blocks)) * self.width)
        )
        parts = [
            block[:, own - i * self.width]
            for i, (block, own) in enumerate(zip(self.blocks, inside, strict=True))
        ]
        return Features.from_array(np.concatenate(parts, axis=1) * scale)

    def _columns(self) -> Iterator[slice]:
        start = 0
        for block in self.blocks:
            yield slice(start, start + block.shape[1])
            start += block.shape[1]

    def sweep(self, visit: Visit) -> np.ndarray:
        """Sum ``visit(columns, block)`` over the blocks, each given in float64, on all cores.

        The blocks are dealt to the threads in a fixed order, so the sum is reproducible for a
        given number of threads.
        """
        threads = min(thread_count(), len(self.blocks))
        parts = parallel(partial(self._share, visit, threads), range(threads))
        return np.sum(parts, axis=0) if threads > 1 else parts[0]

    def _share(self, visit: Visit, threads: int, first: int) -> np.ndarray:
        """Sum one thread's share of the blocks."""
        buffer = np.empty((self.shape[0], self.width))
        total: np.ndarray | None = None
        jobs = list(zip(self._columns(), self.blocks, strict=True))
        for columns, block in jobs[first::threads]:
            view = buffer[:, : block.shape[1]]
            np.copyto(view, block)
            part = visit(columns, view)
            total = part if total is None else total + part
        assert total is not None
        return total

    def correlate(self, nu: Samples) -> Inputs:
        """Return ``X.T @ nu`` of shape (d,)."""
        out = np.empty(self.shape[1])
        self.sweep(partial(_correlate, nu, out))
        return out

    def combine(self, w: np.ndarray) -> np.ndarray:
        """Return ``X @ w`` for `w` of shape (d,) or (d, p)."""
        return self.sweep(lambda columns, block: block @ w[columns])

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

    @cached_property
    def gram(self) -> Kernel:
        """The Gram matrix ``X @ X.T`` of shape (n, n)."""
        return self.sweep(lambda _, block: block @ block.T)

    @cached_property
    def largest_column(self) -> float:
        """Largest Euclidean norm of a column; times |nu| it bounds ``|X.T @ nu|``."""
        return max(
            float(np.sqrt((block.astype(np.float64) ** 2).sum(axis=0).max()))
            for block in self.blocks
        )


# What a sweep does to one block. These are functions of the module, not closures, because they
# are called hundreds of times a solve.


def _correlate(nu: np.ndarray, out: np.ndarray, columns: slice, block: np.ndarray) -> np.ndarray:
    out[columns] = nu @ block
    return np.zeros(1)


def _outputs_and_value(
    nu: np.ndarray, potential: Potential, columns: slice, block: np.ndarray
) -> np.ndarray:
    xi = nu @ block
    outputs = block @ potential.weights(xi, columns)
    return np.append(outputs, potential.value(xi, columns))


def _curvature(
    nu: np.ndarray, potential: Potential, columns: slice, block: np.ndarray
) -> np.ndarray:
    scale = np.sqrt(potential.curvature(nu @ block, columns))
    active = scale > 0
    if not active.any():
        return np.zeros((len(block), len(block)))
    scaled = block * scale if active.all() else block[:, active] * scale[active]
    return np.asarray(scaled @ scaled.T)

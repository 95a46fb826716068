"""The row space of a data matrix: ``X = Q R`` with as many rows of R as X has rank.

With more samples than rank the n multipliers ν of ``ξ = Xᵀν`` are not unique: only their r
coordinates ``Qᵀν`` in the row space are, for ``ξ = Rᵀ(Qᵀν)``. Whatever is solved or integrated in
the samples is therefore done in these coordinates, where the solution is unique.

The rank does not depend on the units of samples and inputs. Rows and columns are first scaled by
powers of two, which rounds nothing, until their largest entries are near 1, and the rank of the
scaled matrix decides.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.linalg import LinAlgError, cholesky, qr, qr_multiply, solve_triangular

from grokflow.theory.numerics.data_matrix import DataMatrix
from grokflow.theory.numerics.design_matrix import DesignMatrix
from grokflow.theory.numerics.penalised.orthogonal import by_size, factors_error
from grokflow.theory.numerics.rounding import UNIT
from grokflow.theory.numerics.sparse_matrix import SparseMatrix

# Rounds of scaling rows, then columns. One is enough for a matrix of entries of order one times
# a unit for each row and each column; the second serves what is scattered beyond that.
_SCALING_ROUNDS = 2
# Ratio of the sizes of columns up to which they count as of one size. Differences of large columns
# that move a small one carry the rounding of the large ones, 1e-15 of the small one at this ratio:
# less than the tightest tolerance of a flow in these coordinates, 3e-13, by two orders.
_ALIKE = 10.0
# Relative change of the data that is no harm: a hundredth of the tightest tolerance of a flow.
_DROPPED = 1e-12


@dataclass(frozen=True, eq=False)
class RowSpace:
    """The factorisation ``X = Q R`` of a data matrix of n samples, d inputs and rank r.

    Parameters
    ----------
    rows : DesignMatrix
        R, r independent rows that span the row space of X: X itself where it has full row rank.
    basis : ndarray or None, shape (n, r)
        Q, orthonormal columns times a power of two for each sample; None for the identity, where
        X has full row rank.
    dropped : float
        Frobenius norm of what was taken for rounding, relative to that of the scaled matrix.
    rounding : ndarray or None, shape (n,)
        What bounds the errors of Q: each row divided by its entry, they have a Frobenius norm of
        at most 1. None where Q is the identity.
    """

    rows: DesignMatrix
    basis: np.ndarray | None
    dropped: float = 0.0
    rounding: np.ndarray | None = None

    @property
    def rank(self) -> int:
        """The rank r of X."""
        return self.rows.shape[0]

    @property
    def fills_inputs(self) -> bool:
        """Whether outputs determine the weights: the rank is d, without inputs that are zero.

        The weight of an input that is zero in every sample stays zero.
        """
        return self.rank == _nonzero_columns(self.rows)

    @property
    def coordinate_sizes(self) -> np.ndarray:
        """What bounds the change of ``Rᵀp`` by errors of one size in these units, shape (r,)."""
        if self.basis is None:
            return np.full(self.rank, self.rows.largest_column)
        return np.asarray(np.sqrt(self.rank) * np.abs(self.rows.to_array()).max(axis=1))

    def graded(self) -> RowSpace:
        """Return the factorisation with columns of R eliminated from the largest to the smallest.

        Where inputs differ in size by orders, coordinates that move the small ones alone would
        otherwise move the large ones by differences that are mostly rounding. Sparse data stay as
        they are.
        """
        rotation, rows = graded_rows(self.rows)
        if rotation is None:
            return self
        basis = rotation if self.basis is None else self.basis @ rotation
        return replace(self, rows=rows, basis=basis)

    def apart(self, samples: np.ndarray) -> Apart | None:
        """Return the factorisation in which some samples have coordinates of their own.

        The first coordinates span the rows of these samples. In all others these rows, and every
        row in their span, are exactly zero, so that no multiplier of theirs is rounded into them.
        Within both groups columns are eliminated from the largest to the smallest, as by `graded`.
        None where rounding hides what is in the span: what is taken for zero would change the
        scaled data by more than `_DROPPED`.

        Parameters
        ----------
        samples : ndarray of bool, shape (n,)
            The samples.
        """
        assert self.basis is not None
        if not samples.any():
            return Apart(self, np.eye(self.rank), samples)
        own, data = self.rows.to_array(), self.basis @ self.rows.to_array()
        row_sizes, column_sizes, scaled = equilibrated(data)
        rounding = _tolerance(scaled) * float(np.linalg.norm(scaled))
        across, triangle, _ = qr(scaled[samples].T, mode="economic", pivoting=True)
        rank, _ = _rank(triangle, rounding / float(np.linalg.norm(triangle)))
        if rank == self.rank:
            return Apart(self, np.eye(rank), np.ones(len(data), dtype=bool))
        span = across[:, :rank]
        inside = np.linalg.norm(scaled - scaled @ span @ span.T, axis=1) <= rounding
        inside |= samples
        turn, _, _ = qr(self.basis[inside].T / row_sizes[inside], pivoting=True)
        parts = [_eliminated(part.T @ own) for part in (turn[:, :rank], turn[:, rank:])]
        turn = np.hstack([turn[:, :rank] @ parts[0][0], turn[:, rank:] @ parts[1][0]])
        rows, basis = np.vstack([part[1] for part in parts]), self.basis @ turn
        dropped = basis[inside, rank:] @ rows[rank:] / column_sizes / row_sizes[inside, None]
        if not np.linalg.norm(dropped) <= _DROPPED * np.linalg.norm(scaled):
            return None
        basis[inside, rank:] = 0.0
        matrix = DataMatrix.from_array(rows, self.rows.threads)
        return Apart(replace(self, rows=matrix, basis=basis), turn, inside)

    def spread(self, coordinates: np.ndarray) -> np.ndarray:
        """Return ``Q c``: the outputs, shape (n,), of weights with ``R w = c``, shape (r,)."""
        return coordinates if self.basis is None else np.asarray(self.basis @ coordinates)

    def gather(self, multipliers: np.ndarray) -> np.ndarray:
        """Return ``Qᵀν``, shape (r,): the coordinates of multipliers of the samples."""
        return multipliers if self.basis is None else np.asarray(multipliers @ self.basis)

    def multipliers(self, coordinates: np.ndarray) -> np.ndarray:
        """Return multipliers ν of the samples, shape (n,), with ``Qᵀν = p``, shape (r,).

        Q is orthonormal but for the sizes of the samples, so that ``Q p`` is none where these
        differ.
        """
        if self.basis is None:
            return coordinates
        size = np.linalg.norm(self.basis, axis=1)
        size[size == 0] = 1.0
        found = np.linalg.lstsq((self.basis / size[:, None]).T, coordinates, rcond=None)[0]
        return np.asarray(found / size)

    def weighted(self, weights: np.ndarray) -> Float[np.ndarray, "r r"]:
        """Return ``Qᵀ diag(h) Q``, for weights h of the samples."""
        if self.basis is None:
            return np.diag(weights)
        return np.asarray((self.basis.T * weights) @ self.basis)

    def weigh(self, weights: np.ndarray, matrix: np.ndarray) -> Float[np.ndarray, "r r"]:
        """Return ``Qᵀ diag(h) Q A``, for weights h of the samples and a matrix A (r, r).

        It is infinite where numbers overflow, as at states that a solver tries and rejects.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            if self.basis is None:
                return np.asarray(weights[:, None] * matrix)
            return np.asarray(self.weighted(weights) @ matrix)


class Apart(NamedTuple):
    """A row space with some samples apart, the turn of its coordinates ``p = turn y``, and these.

    `inside` has, beside the samples that were asked for, all others in the span of their rows.
    """

    space: RowSpace
    turn: np.ndarray
    inside: np.ndarray


def row_space(inputs: DesignMatrix) -> RowSpace:
    """Factor a data matrix into independent rows and the coordinates of the samples in them.

    A part of the scaled matrix that is below its rounding is taken to be zero. Householder's
    method with k = min(n, d) reflections of vectors of m = max(n, d) entries errs by ``k √m u``
    times the Frobenius norm, u = 1.1e-16, for the m roundings of a sum add like random numbers.
    The bound on the errors of Q does not rest on that: they are computed.

    Sparse rows that are independent stay sparse. Those that depend on each other, as with more
    samples than inputs, are written out: Q, of shape (n, r), has no zeros to leave out. That takes
    some three arrays of n d numbers at a time, each of at most 1 GiB.

    Parameters
    ----------
    inputs : DesignMatrix
        The matrix X, of shape (n, d), with an entry that is not zero.

    Returns
    -------
    RowSpace
        The factors; without work beyond one Gram matrix where X has full row rank.

    Raises
    ------
    MemoryError
        With sizes, before memory is asked for, where X is sparse, its rows are dependent, and it
        would take too much with its zeros: the factor Q has none.
    """
    n, d = inputs.shape
    if n <= d and _rows_are_independent(inputs):
        return RowSpace(inputs, None)
    rows, columns, scaled = equilibrated(inputs.to_array())
    found = _orthonormal(scaled, *inputs.alike)
    if len(found.rows) == n:
        return RowSpace(inputs, None)
    factor = DataMatrix.from_array(found.rows * columns, inputs.threads)
    return RowSpace(factor, found.basis * rows[:, None], found.dropped, found.rounding * rows)


def graded_rows(rows: DesignMatrix) -> tuple[np.ndarray | None, DesignMatrix]:
    """Return the turn and the rows of `RowSpace.graded`; None and `rows` where they stay."""
    squares = rows.column_squares
    least = float(squares[squares > 0].min())
    if not isinstance(rows, DataMatrix) or squares.max() <= _ALIKE**2 * least:
        return None, rows
    rotation, graded = _eliminated(rows.to_array())
    return rotation, DataMatrix.from_array(graded, rows.threads)


def least_norm(rows: DesignMatrix, coordinates: np.ndarray) -> np.ndarray:
    """Return the weights of least L2-norm with ``R w = c``, for independent rows R.

    With ``Rᵀ = U T`` they are ``U T^{-T} c``. Inputs of different units are no harm to any weight:
    their rows of Rᵀ are sorted by size, and U stays a product of reflections (Cox and Higham 1998).
    Weights beyond double precision are NaN.

    Parameters
    ----------
    rows : DesignMatrix
        R, of shape (r, d).
    coordinates : ndarray, shape (r,)
        c.
    """
    across = rows.to_array().T
    order = by_size(across)
    across = across[order]
    nothing = np.zeros(across.shape[1])
    _, triangle, pivots = qr_multiply(across, nothing, mode="left", pivoting=True)
    combination = solve_triangular(triangle, coordinates[pivots], trans="T", check_finite=False)
    w = np.full(len(order), np.nan)
    if not np.isfinite(combination).all():
        return w
    w[order] = qr_multiply(across, combination, mode="left", pivoting=True)[0]
    return w


def _eliminated(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return Q and R of ``matrix = Q R``, columns eliminated from the largest to the smallest."""
    rotation, triangle, order = qr(matrix, mode="economic", pivoting=True)
    rows = np.empty_like(triangle)
    rows[:, order] = triangle
    return rotation, rows


def _rows_are_independent(inputs: DesignMatrix) -> bool:
    """Whether the Gram matrix proves that the rows are independent.

    At unit diagonal its n² entries err by d + 2 roundings each, and Cholesky's method commits
    n + 1 more: where it factors the matrix minus twice their sum, no eigenvalue is zero.
    """
    n, d = inputs.shape
    with np.errstate(over="ignore", invalid="ignore"):
        gram = inputs.gram
    size = np.sqrt(np.diagonal(gram))
    if not (np.isfinite(size).all() and (size > 1e-150).all()):
        return False
    shifted = gram / size / size[:, None]
    shifted[np.diag_indices(n)] -= 2 * n * (n + d + 3) * UNIT
    try:
        cholesky(shifted, lower=True, overwrite_a=True, check_finite=False)
    except LinAlgError:
        return False
    return True


def equilibrated(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return scales of rows and columns, powers of two, and the matrix divided by both."""
    rows, columns = np.ones(len(matrix)), np.ones(matrix.shape[1])
    scaled = matrix
    for _ in range(_SCALING_ROUNDS):
        for axis, scales in ((1, rows), (0, columns)):
            largest = np.abs(scaled).max(axis=axis)
            scale = np.exp2(np.round(np.log2(np.where(largest > 0, largest, 1.0))))
            scales *= scale
            scaled = scaled / np.expand_dims(scale, axis)
    return rows, columns, scaled


class _Factors(NamedTuple):
    """Orthonormal columns, the rows that they combine, the part taken to be zero, and errors."""

    basis: np.ndarray
    rows: np.ndarray
    dropped: float
    rounding: float


def _orthonormal(scaled: np.ndarray, sign: np.ndarray, group: np.ndarray) -> _Factors:
    """Factor a scaled matrix ``X = Q R``, and bound the errors of Q in the Frobenius norm."""
    n, d = scaled.shape
    if n >= d:
        basis, triangle, order = qr(scaled, mode="economic", pivoting=True, check_finite=False)
        rank, dropped = _rank(triangle, _tolerance(scaled))
        basis, rows, right = basis[:, :rank], np.empty((rank, d)), np.zeros((d, rank))
        rows[:, order] = triangle[:rank]
        right[order[:rank]] = _inverse(triangle[:rank, :rank])
    else:
        across, triangle, order = qr(scaled.T, mode="economic", pivoting=True, check_finite=False)
        rank, dropped = _rank(triangle, _tolerance(scaled))
        basis, inner = qr(triangle[:rank, np.argsort(order)].T, mode="economic", check_finite=False)
        rows, right = inner @ across[:, :rank].T, across[:, :rank] @ _inverse(inner)
    # Rounding must not tell equal columns apart: the flow keeps their weights equal.
    first = np.unique(group, return_index=True)[1][group]
    rows = rows[:, first] * (sign * sign[first])
    return _Factors(basis, rows, dropped, factors_error(scaled, basis, rows, right))


def _inverse(triangle: np.ndarray) -> np.ndarray:
    return np.asarray(solve_triangular(triangle, np.eye(len(triangle)), check_finite=False))


def _tolerance(matrix: np.ndarray) -> float:
    """Return the error of Householder's method, relative to the Frobenius norm."""
    return float(min(matrix.shape) * np.sqrt(max(matrix.shape)) * UNIT)


def _rank(triangle: np.ndarray, tolerance: float) -> tuple[int, float]:
    """Return how many rows of the triangle hold all but rounding, and what they leave."""
    size = float(np.linalg.norm(triangle))
    squares = np.sum(np.triu(triangle) ** 2, axis=1)
    left = np.sqrt(np.append(np.cumsum(squares[::-1])[::-1], 0.0)) / (size or 1.0)
    rank = int(np.flatnonzero(left <= tolerance)[0])
    return rank, float(left[rank])


def _nonzero_columns(matrix: DesignMatrix) -> int:
    """Return how many columns hold anything."""
    if isinstance(matrix, SparseMatrix):
        return int(np.count_nonzero(np.diff(matrix.entries.indptr)))
    return sum(int(block.any(axis=0).sum()) for block in matrix.blocks)

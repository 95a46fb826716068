"""The matrix of a problem, stored in full or by its nonzero entries: solvers do not ask which.

Both kinds have the same methods, those of `grokflow.theory.numerics.data_matrix.DataMatrix`;
`to_array` alone makes an array of shape (n, d), so that solvers keep off it.

Examples
--------
>>> import numpy as np
>>> from scipy import sparse
>>> from grokflow.theory.numerics.design_matrix import design_matrix
>>> for table in (np.eye(3), sparse.eye_array(3)):
...     x = design_matrix(table)
...     print(type(x).__name__, x.shape, x.correlate(np.arange(3.0)))
DataMatrix (3, 3) [0. 1. 2.]
SparseMatrix (3, 3) [0. 1. 2.]
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from scipy.sparse import csc_array, hstack

from grokflow.theory.numerics.data_matrix import DataMatrix
from grokflow.theory.numerics.sparse_matrix import SparseMatrix, Table, is_sparse

# Not a protocol: asking whether an object has these members would compute its Gram matrix.
DesignMatrix: TypeAlias = DataMatrix | SparseMatrix


def design_matrix(table: Table, threads: int | None = None) -> DesignMatrix:
    """Store a table of shape (n, d): in full, or by its nonzero entries where it comes so.

    Parameters
    ----------
    table : ndarray, or sparse array or matrix of scipy
        Real numbers.
    threads : int, optional
        Threads that share a pass; see `thread_count`.
    """
    if is_sparse(table):
        return SparseMatrix.from_table(table, threads)
    return DataMatrix.from_array(table, threads)


def with_column(matrix: DesignMatrix, column: np.ndarray) -> DesignMatrix:
    """Return the matrix with one more column, the last, shape (n,)."""
    if isinstance(matrix, SparseMatrix):
        return SparseMatrix(
            hstack([matrix.entries, csc_array(column[:, None])], format="csc"), matrix.threads
        )
    return DataMatrix.from_array(np.column_stack([matrix.to_array(), column]), matrix.threads)

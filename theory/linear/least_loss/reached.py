"""Which outputs some weights reach, where inputs combine others up to rounding.

A rank in double precision cannot tell a column that is the sum of two others from one that differs
from it by 1e-16. Exact arithmetic can: with r independent columns K, the others are ``K C`` for a
rational C that r rows determine, and what is left of them in all rows is zero or a direction of its
own, known to all its digits.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg import qr

from grokflow.theory.linear.row_space import RowSpace, equilibrated, row_space
from grokflow.theory.numerics.data_matrix import DataMatrix
from grokflow.theory.numerics.design_matrix import DesignMatrix
from grokflow.theory.numerics.rational import doubles, largest, matrix, take_rows

# Products of rational numbers that take some seconds.
_MOST_PRODUCTS = 5_000_000


class Reached(NamedTuple):
    """Columns Q, shape (n, r), of which outputs are combinations, and bounds on their errors.

    Each row of errors divided by its bound, shape (n,), they have a Frobenius norm of at most 1.
    """

    basis: np.ndarray
    rounding: np.ndarray


def resolved(space: RowSpace) -> Reached:
    """Return the outputs that a row space has, without what it takes for rounding."""
    if space.basis is None or space.rounding is None:
        return _any_outputs(space.rank)
    return Reached(space.basis, space.rounding)


def all_reached(inputs: DesignMatrix, space: RowSpace) -> Reached | None:
    """Return columns that combine to all outputs ``Xw``, for weights however large.

    Parameters
    ----------
    inputs : DesignMatrix
        The matrix X, of shape (n, d).
    space : RowSpace
        Its row space in double precision.

    Returns
    -------
    Reached or None
        None where exact arithmetic would take long, or double precision does not hold what it
        finds.
    """
    near = resolved(space)
    if space.basis is None or space.fills_inputs:
        return near
    table = np.asarray(inputs.to_array())
    n, d = table.shape
    if n < d:
        left = _left_over(table.T, space.rank)
        return None if left is None else _freed(near, left.columns)
    left = _left_over(table, space.rank)
    if left is None or not left.columns:
        return None if left is None else near
    whole = np.hstack([table[:, left.kept], left.directions])
    if whole.shape[1] >= n:
        return _any_outputs(n)
    found = row_space(DataMatrix.from_array(whole, inputs.threads))
    return resolved(found) if found.fills_inputs else None


def _any_outputs(n: int) -> Reached:
    """Return those of n independent samples."""
    return Reached(np.eye(n), np.zeros(n))


def _freed(near: Reached, samples: list[int]) -> Reached:
    """Return outputs in which some samples have any."""
    basis, rounding = near.basis.copy(), near.rounding.copy()
    basis[samples], rounding[samples] = 0.0, 0.0
    return Reached(np.hstack([basis, np.eye(len(basis))[:, samples]]), rounding)


class _LeftOver(NamedTuple):
    """Independent columns, those that are no combination of them, and what these leave."""

    kept: list[int]
    columns: list[int]
    directions: np.ndarray


def _left_over(table: np.ndarray, rank: int) -> _LeftOver | None:
    """Return what is left of the columns, `rank` independent ones taken off, in exact arithmetic.

    Columns that only combine the independent ones leave nothing. None where it would take long.
    """
    n, d = table.shape
    if rank**3 + n * rank * (d - rank) + n * d > _MOST_PRODUCTS:
        return None
    scaled = equilibrated(table)[2]
    order = qr(scaled, mode="r", pivoting=True, check_finite=False)[1]
    kept, others = sorted(order[:rank].tolist()), sorted(order[rank:].tolist())
    rows = qr(scaled[:, kept].T, mode="r", pivoting=True, check_finite=False)[1][:rank]
    independent, rest = matrix(table[:, kept]), matrix(table[:, others])
    try:
        combined = matrix(table[np.ix_(rows, kept)]).solve(matrix(table[np.ix_(rows, others)]))
    except ZeroDivisionError:
        return None
    left = (rest - independent * combined).transpose()
    found = [j for j, row in enumerate(left.table()) if any(row)]
    directions = np.empty((n, len(found)))
    for i, j in enumerate(found):
        row = take_rows(left, [j])
        # Each entry is rounded once, whatever the size of the row.
        directions[:, i] = doubles(row / largest(row))
    return _LeftOver(kept, [others[j] for j in found], directions)

"""Problems of observed entries, of symmetric and of rectangular matrices."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from grokflow.theory.completion.checks import (
    Merged,
    check_entries,
    contradiction,
    merge,
    refuse_contradiction,
)
from grokflow.theory.completion.measurements import Entries, Measurements
from grokflow.theory.completion.problem import CompletionProblem, TestEntries, tested_once
from grokflow.theory.completion.spaces.block_entries import BlockEntries
from grokflow.theory.completion.spaces.blocks import BlockMatrices
from grokflow.theory.conversion import as_array, as_table
from grokflow.theory.merged import rounded_vector
from grokflow.theory.numerics.sparse_matrix import is_sparse
from grokflow.theory.pairing import check_paired


def make_entries_problem(
    name: str,
    d: int | tuple[int, int],
    rows: ArrayLike,
    columns: ArrayLike,
    values: ArrayLike,
    test: TestEntries | None = None,
    settings: Mapping[str, object] | None = None,
    notes: tuple[str, ...] = (),
) -> CompletionProblem:
    """Check observed entries of a matrix and make a `CompletionProblem` of them.

    An entry that is observed again counts as often as it is, with the mean of its values: that
    changes the loss by a constant alone. One that is tested again counts once, with that mean.

    Parameters
    ----------
    name : str
        What the problem is called in results.
    d : int or tuple of int
        Number of rows of a symmetric matrix; the shape (u, i) of a rectangular one.
    rows, columns : ndarray of int, shape (N,)
        Indices from 0.
    values : ndarray, shape (N,)
        Observed values.
    test : TestEntries, optional
        Entries to predict.
    settings : mapping, optional
        What reproduces the problem.
    notes : tuple of str, optional
        What was changed in the data before.

    Raises
    ------
    ValueError
        For mismatched shapes, NaN, indices out of range, and an entry of a symmetric matrix whose
        mirror image has another value, beyond rounding.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> seen = np.array([0, 0, 1]), np.array([0, 1, 1]), np.array([1.0, 2.0, 4.0])
    >>> gf.make_entries_problem("mine", 2, *seen)
    CompletionProblem(name=mine, d=2, n=3, test entries=0)
    >>> gf.make_entries_problem("ratings", (2, 3), *seen)
    CompletionProblem(name=ratings, shape=2×3, n=3, test entries=0)
    """
    check_paired(rows=rows, columns=columns, values=values)
    rows, columns = as_array("i", rows), as_array("j", columns)
    values = as_array("value", values)
    notes += rounded_vector("value", values)
    if test is not None:
        check_paired(**test._asdict())
        named = zip(("i_test", "j_test", "value_test"), test, strict=True)
        test = TestEntries(*(as_array(what, part) for what, part in named))
        rounded_vector("value_test", test.values)
    shape = _shape(d)
    check_entries(shape, rows, columns, values, "value")
    if test is not None and len(test.values):
        check_entries(shape, *test, "value_test")
    rows, columns = rows.astype(np.int64), columns.astype(np.int64)
    make = _symmetric_entries if isinstance(d, Integral) else _block_entries
    found = make(shape, rows, columns, values)
    space = found.measurements.space
    judged = tested_once(space, TestEntries.none() if test is None else test)
    return CompletionProblem(
        name,
        found.measurements,
        found.merged.values,
        found.merged.counts,
        judged.test,
        dict(settings or {}),
        (*notes, *found.notes, *judged.notes, *_on_test(rows, columns, judged.test, space.square)),
    )


def _on_test(
    rows: np.ndarray, columns: np.ndarray, test: TestEntries, symmetric: bool
) -> tuple[str, ...]:
    """Say how many test entries are learned too, and of how many the data say nothing."""
    if not len(test.values):
        return ()
    i, j = test.rows.astype(np.int64), test.columns.astype(np.int64)
    seen = set(zip(rows.tolist(), columns.tolist(), strict=True))
    if symmetric:
        seen |= {(column, row) for row, column in seen}
        rows = columns = np.concatenate([rows, columns])
    again = sum(entry in seen for entry in zip(i.tolist(), j.tolist(), strict=True))
    blind = int((~(np.isin(i, rows) & np.isin(j, columns))).sum())
    mirrors = ", or their mirrors," if symmetric else ""
    said = {
        f"test entries that{mirrors} are learned too: {again} of {len(i)}": again,
        "test entries in rows or columns of which nothing is learned, so that they cannot be "
        f"predicted: {blind} of {len(i)}": blind,
    }
    return tuple(note for note, count in said.items() if count)


def _shape(d: int | tuple[int, int]) -> tuple[int, int]:
    """Return the shape of a matrix, which has two sizes or one."""
    if isinstance(d, Integral):
        return int(d), int(d)
    if not (isinstance(d, tuple | list) and len(d) == 2):
        raise ValueError(f"d is {d!r}, expected a number of rows or (rows, columns): give one")
    return int(d[0]), int(d[1])


class _Found(NamedTuple):
    """Distinct entries, their values, and what was merged."""

    measurements: Measurements
    merged: Merged
    notes: tuple[str, ...]


def _symmetric_entries(
    shape: tuple[int, int], rows: np.ndarray, columns: np.ndarray, values: np.ndarray
) -> _Found:
    """Merge entries with their mirrors, which must agree to rounding."""
    d = shape[0]
    notes, once = _again(rows * d + columns, values)
    low, high = np.minimum(rows, columns), np.maximum(rows, columns)
    first = once.first
    refuse_contradiction(
        (low * d + high)[first],
        once.values,
        lambda i: f"({rows[first[i]]}, {columns[first[i]]})",
        "drop one, average them, or make a rectangular problem of shape (rows, columns)",
    )
    kept = merge(low * d + high, values)
    if extra := len(values) - len(kept.first):
        notes += (
            f"{extra} of {len(values)} observed entries repeat another or its mirror: the "
            "features are dependent there (A3.8 of Corollary 3.11 fails, its conclusion holds)",
        )
    return _Found(Entries(d, low[kept.first], high[kept.first]), kept, notes)


def _block_entries(
    shape: tuple[int, int], rows: np.ndarray, columns: np.ndarray, values: np.ndarray
) -> _Found:
    """Merge entries that are observed again."""
    notes, kept = _again(rows * shape[1] + columns, values)
    space = BlockMatrices(*shape)
    return _Found(BlockEntries(space, rows[kept.first], columns[kept.first]), kept, notes)


def _again(key: np.ndarray, values: np.ndarray) -> tuple[tuple[str, ...], Merged]:
    """Merge samples of one entry, and say how far they differ."""
    kept = merge(key, values)
    found = contradiction(key, values)
    if found is None:
        return (), kept
    place = np.searchsorted(key[kept.first], key)
    apart = np.abs(values - kept.values[place])
    note = (
        f"{len(values) - len(kept.first)} of {len(values)} entries are observed again: each counts "
        f"with the mean of its values, from which they differ by up to {apart.max():.3g}"
    )
    return (note,), kept


def make_matrix_problem(
    name: str,
    matrix: Any,
    test: TestEntries | None = None,
    settings: Mapping[str, object] | None = None,
    *,
    rectangular: bool | None = None,
) -> CompletionProblem:
    """Make a `CompletionProblem` of a matrix that is NaN where nothing is observed.

    Parameters
    ----------
    name : str
        What the problem is called in results.
    matrix : ndarray or sparse matrix, shape (u, i)
        Values, or NaN; of a sparse matrix of scipy the stored entries are observed, zeros included.
    test, settings
        As for `make_entries_problem`.
    rectangular : bool, optional
        Whether rows and columns are different things; by default they are unless the matrix is
        square and each entry that is observed with its mirror equals it.

    Raises
    ------
    ValueError
        For another kind of array, one without any value, or mirrors that differ where
        ``rectangular`` is false.

    Examples
    --------
    >>> import numpy as np
    >>> import grokflow as gf
    >>> nan = np.nan
    >>> gf.make_matrix_problem("ratings", np.array([[5.0, 3.0, nan], [nan, 1.0, 4.0]]))
    CompletionProblem(name=ratings, shape=2×3, n=4, test entries=0)
    >>> gf.make_matrix_problem("distances", np.array([[0.0, 2.0], [nan, 0.0]]))
    CompletionProblem(name=distances, d=2, n=3, test entries=0)
    """
    shape, rows, columns, values = _observed(matrix)
    if rectangular is None:
        rectangular = shape[0] != shape[1]
        if not rectangular:
            low, high = np.minimum(rows, columns), np.maximum(rows, columns)
            rectangular = contradiction(low * shape[0] + high, values) is not None
    size = shape if rectangular else shape[0]
    return make_entries_problem(name, size, rows, columns, values, test, settings)


class _Observed(NamedTuple):
    """The shape of a matrix, and its observed entries."""

    shape: tuple[int, int]
    rows: np.ndarray
    columns: np.ndarray
    values: np.ndarray


def _observed(matrix: Any) -> _Observed:
    """Return what is stored of a sparse matrix, or not NaN in an array."""
    if is_sparse(matrix):
        # Entries that are stored twice are observed twice.
        stored = matrix.tocoo()
        return _Observed(stored.shape, stored.row, stored.col, stored.data)
    array = as_array("matrix", matrix)
    if array.dtype.kind == "O":  # None stands for NaN among numbers
        array = as_table("matrix", matrix, missing=True)
    if array.ndim != 2 or array.dtype.kind not in "biuf":
        raise ValueError(
            f"matrix has shape {array.shape} and holds {array.dtype}, expected two dimensions of "
            "real numbers with NaN where nothing is observed: convert it"
        )
    rows, columns = np.nonzero(~np.isnan(array))
    return _Observed((array.shape[0], array.shape[1]), rows, columns, array[rows, columns])

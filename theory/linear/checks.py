"""What is refused as data of a linear model: other shapes, gaps, and rows of zeros."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array, csr_array

from grokflow.theory.numerics.sparse_matrix import Table, is_sparse

# Sizes of the largest input at which squares, and sums of thousands of them, are doubles.
_SIZES = (1e-152, 1e152)
# Largest entry of a column beside larger ones at which its weight is a double.
_LEAST_COLUMN = 1e-290


def check_length(x: Table, y: np.ndarray) -> None:
    """Refuse labels that are not one for each row."""
    if y.shape != (x.shape[0],):
        raise ValueError(
            f"y has shape {y.shape}, expected ({x.shape[0]},) to match the rows of X: give one "
            "label for each row"
        )


def check_shapes(x: Table, inputs: Table, labels: np.ndarray) -> None:
    """Refuse a test set of other inputs than X has, or without one label for each row."""
    if inputs.shape[1] != x.shape[1]:
        raise ValueError(
            f"test inputs have shape {inputs.shape}, expected (m, {x.shape[1]}) as X has "
            f"{x.shape[1]} columns: give both the same inputs"
        )
    if labels.shape != (inputs.shape[0],):
        raise ValueError(
            f"test labels have shape {labels.shape}, expected ({inputs.shape[0]},) to match the "
            "test inputs: give one label for each row"
        )


def check_inputs(x: Table, y: np.ndarray, what: str = "X") -> None:
    """Refuse arrays that are not an (n, d) table of finite numbers with n labels."""
    if x.ndim != 2 or 0 in x.shape:
        raise ValueError(f"{what} has shape {x.shape}, expected (n, d) with n, d ≥ 1: reshape it")
    if y.shape != (x.shape[0],):
        raise ValueError(
            f"y has shape {y.shape}, expected ({x.shape[0]},) to match the rows of {what}: "
            "give one label for each row"
        )
    for label, array in ((what, x), ("y", y)):
        if array.dtype.kind not in "biuf":
            raise ValueError(f"{label} holds {array.dtype}, expected real numbers: convert it")
        if array.dtype.kind == "f" and (at := _not_finite(array)) is not None:
            value = coo_array(array).tocsr()[at] if is_sparse(array) else array[at]
            raise ValueError(
                f"{label}{list(at)} is {value}, expected finite numbers: drop or impute it"
            )


def _not_finite(array: Table) -> tuple[int, ...] | None:
    """Return the indices of the first entry that is NaN or infinite."""
    if is_sparse(array):
        stored = coo_array(array)
        bad = np.column_stack(stored.coords)[~np.isfinite(stored.data)]
    else:
        bad = np.argwhere(~np.isfinite(array))
    return tuple(int(i) for i in bad[0]) if len(bad) else None


def check_places(places: object, n: int) -> None:
    """Refuse what are no places of n samples among rows: whole numbers from 0, no two alike."""
    if places is None:
        return
    if not isinstance(places, np.ndarray) or places.dtype.kind not in "iu" or places.ndim != 1:
        said = getattr(places, "dtype", type(places).__name__)
        raise ValueError(
            f"places is {said}, expected a vector of whole numbers: give an array of them"
        )
    if len(places) != n:
        raise ValueError(f"places has {len(places)} numbers, expected {n}: one for each sample")
    if (places < 0).any() or len(np.unique(places)) < n:
        raise ValueError(
            "places holds a number below 0 or twice, expected each row from 0 once: leave it out"
        )


def check_sizes(x: Table, targets: np.ndarray, places: np.ndarray | None = None) -> None:
    """Refuse columns and targets whose squares, or whose weights, leave double precision."""
    sizes = _column_sizes(x)
    largest, (low, high) = float(sizes.max(initial=0.0)), _SIZES
    low = low if largest < low else _LEAST_COLUMN
    bad = np.flatnonzero((sizes > high) | ((0 < sizes) & (sizes < low)))
    if bad.size:
        j = int(bad[0])
        raise ValueError(
            f"column {j} of X has entries of size {sizes[j]:.3g} at most, expected {low:g} to "
            f"{high:g}, whose squares and weights are doubles: rescale the column, or standardise "
            "the inputs with standardise=True (--standardise)"
        )
    i = int(np.argmax(np.abs(targets)))
    if targets[i] and not _SIZES[0] <= abs(targets[i]) <= high:
        where = f"y[{i}]" if places is None else f"the target in row {places[i] + 1} of the data"
        raise ValueError(
            f"{where} is {targets[i]:.3g}, the largest, expected a size from {_SIZES[0]:g} to "
            f"{high:g}, whose square is a double: rescale the targets"
        )


def _column_sizes(x: Table) -> np.ndarray:
    """Return the largest absolute value of every column, shape (d,)."""
    if is_sparse(x):
        return np.asarray(abs(x).max(axis=0).toarray(), dtype=np.float64).ravel()
    ends = x.max(axis=0).astype(np.float64), -x.min(axis=0).astype(np.float64)
    return np.asarray(np.maximum(*ends))


def check_rows(x: Table, targets: np.ndarray, places: np.ndarray | None = None) -> None:
    """Refuse rows of zeros, whose outputs no weights change, and sizes that have no squares.

    Parameters
    ----------
    x : ndarray or sparse array, shape (n, d)
        Inputs of the training samples.
    targets : ndarray, shape (n,)
        Their targets.
    places : ndarray of int, shape (n,), optional
        Their places among the rows that the user gave, from 0.
    """
    check_sizes(x, targets, places)
    entries = np.diff(x.indptr) if isinstance(x, csr_array) else x.any(axis=1)
    empty = np.flatnonzero(entries == 0)
    if empty.size:
        first = int(empty[0])
        where = f"row {first} of X" if places is None else f"row {places[first] + 1} of the data"
        raise ValueError(
            f"{where} is all zeros, expected a nonzero input: its margin is 0 for "
            "every w, so drop the row"
        )


def rescaling(*, is_classification: bool) -> str:
    """Return the advice to rescale real targets, which is empty for classes.

    Parameters
    ----------
    is_classification : bool
        Whether the labels are signs.
    """
    return "" if is_classification else "rescale the targets to sizes near 1"

"""From what users hold to arrays: lists, data frames, tensors, sparse matrices, any number type.

Everything that takes data comes through here, before any arithmetic: integers of few bits would
overflow, and booleans add up to booleans.

Examples
--------
>>> import numpy as np
>>> from grokflow.theory.conversion import as_table, as_vector
>>> as_table("X", np.array([[255, 1]], dtype=np.uint8))
array([[255.,   1.]])
>>> as_vector("y", [[1], [2]])
array([1., 2.])
>>> as_table("X", [["a", "b"]])
Traceback (most recent call last):
    ...
ValueError: X[0, 0] is 'a', expected real numbers: convert it
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grokflow.theory.holders import check_no_name, check_sparse, check_unmasked, of_tensor
from grokflow.theory.labels import is_missing, kept_apart, name_of, names_of_categories
from grokflow.theory.merged import LARGEST_WHOLE, rounded_inputs, rounded_vector

# Floating types whose products with ±1, and whose differences from float64, are exact.
_KEPT = (np.dtype(np.float32), np.dtype(np.float64))


def as_table(what: str, value: Any, *, missing: bool = False) -> Any:
    """Return inputs as an (n, d) array of finite floating-point numbers.

    Parameters
    ----------
    what : str
        What messages call them.
    value : array-like
        A list of rows, an array of any real type, a data frame of pandas or polars, a tensor of
        torch, or a sparse matrix or array of scipy.
    missing : bool
        Whether NaN is accepted, as what is missing, except in sparse ones.

    Returns
    -------
    ndarray, or csr_array
        In float64, or float32 as it was; whole numbers of one signed byte stay so where their
        negatives are of that type too. Sparse ones stay sparse, in float64.

    Raises
    ------
    ValueError
        In one line, for another shape and for entries that are no finite real numbers.
    """
    array = _plain(what, value)
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(
            f"{what} has shape {array.shape}, expected (n, d) with n, d ≥ 1: reshape it"
        )
    if hasattr(array, "tocsr"):
        rounded_inputs(what, array)
        return _sparse(what, array)
    if array.dtype == np.int8 and array.min() > np.iinfo(np.int8).min:
        return array
    found = _real(what, array)
    rounded_inputs(what, array)
    _check_finite(what, found, missing)
    return found


def as_array(what: str, value: Any) -> NDArray[Any]:
    """Return numbers of whatever shape as an array, in the type that they have.

    Parameters
    ----------
    what : str
        What messages call them.
    value : array-like
        As for `as_table`.

    Raises
    ------
    ValueError
        In one line, for what is no array.
    """
    return _dense(_plain(what, value))


def as_vector(what: str, value: Any) -> NDArray[Any]:
    """Return numbers as a float64 vector; a single column, of shape (n, 1), is one too.

    Parameters
    ----------
    what : str
        What messages call them.
    value : array-like
        As for `as_table`.

    Raises
    ------
    ValueError
        In one line, for another shape and for entries that are no finite real numbers.
    """
    array = _one_column(what, _dense(_plain(what, value)))
    found = _real(what, array).astype(np.float64)
    rounded_vector(what, array)
    _check_finite(what, found)
    return found


def as_labels(what: str, value: Any) -> NDArray[Any]:
    """Return labels as a vector of float64 numbers, or of words as an array of objects.

    Booleans become the words False and True; one-hot rows the number of their column, as a word:
    all of these are names of classes, whatever their numbers.

    Parameters
    ----------
    what : str
        What messages call them.
    value : array-like
        As for `as_table`, and words.

    Raises
    ------
    ValueError
        In one line, for another shape, and where a label is missing.
    """
    array = _dense(_plain(what, names_of_categories(value)))
    if array.ndim == 2 and array.shape[1] > 1 and _is_one_hot(array):
        return np.asarray(np.argmax(array, axis=1).astype(str), dtype=object)
    array = _one_column(what, array)
    if array.dtype.kind in "bUS":
        return array.astype(str).astype(object)
    if array.dtype.kind == "O" and any(isinstance(item, str | bool | np.bool_) for item in array):
        return _words(what, array)
    found = _real(what, array).astype(np.float64)
    _check_finite(what, found)
    if array.dtype.kind in "iuO" and np.abs(found).max(initial=0.0) >= 2**53:
        alike = kept_apart(array, found)
        if alike is not None and alike.are_names:
            return _words(what, array)
        rounded_vector(what, array)
    return found


def labels_and_gaps(what: str, value: Any) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return labels as `as_labels` does, and which are missing: any label is in their place."""
    array = _dense(_plain(what, names_of_categories(value)))
    column = array.ravel() if array.shape == (array.size, 1) else array
    if column.ndim != 1 or column.dtype.kind not in "fO":
        return (labels := as_labels(what, array)), np.zeros(len(labels), dtype=bool)
    gaps = np.array([is_missing(item) for item in column.tolist()], dtype=bool)
    if gaps.any() and not gaps.all():
        column = np.where(gaps, column[int(gaps.argmin())], column)
    return as_labels(what, column), gaps


def _plain(what: str, value: Any) -> Any:
    """Return an array of numpy, or a sparse matrix of scipy, of whatever type."""
    if hasattr(value, "tocsr"):
        check_sparse(what, value)
        return value
    if hasattr(value, "detach"):
        value = of_tensor(what, value)
    elif hasattr(value, "to_numpy"):
        # Arrays of pyarrow are copied if one says so, as words must be.
        of_arrow = type(value).__module__.startswith("pyarrow") and hasattr(value, "null_count")
        value = value.to_numpy(zero_copy_only=False) if of_arrow else value.to_numpy()
    check_unmasked(what, value)
    check_no_name(what, value)
    if hasattr(value, "collect") and hasattr(value, "explain"):
        raise ValueError(
            f"{what} is a {type(value).__name__}, expected rows: call its method collect()"
        )
    if value is None or isinstance(value, bytes | dict | set | Iterator):
        raise ValueError(f"{what} is a {type(value).__name__}, expected an array: convert it")
    try:
        array = np.asarray(value)
        if array is not value and array.dtype == np.float64 and _may_be_rounded(value, array):
            return np.asarray(value, dtype=object)
        return array
    except (ValueError, TypeError, RuntimeError):
        raise ValueError(
            f"{what} is no array: its rows differ in length or kind, expected one shape: mend it"
        ) from None


def _may_be_rounded(value: Any, array: NDArray[Any]) -> bool:
    """Whether numpy may have rounded whole numbers of a list, which it does beside broken ones."""
    return isinstance(value, list | tuple) and bool((np.abs(array) > LARGEST_WHOLE).any())


def _dense(array: Any) -> NDArray[Any]:
    """Return a vector that is stored as a sparse matrix as an array."""
    return np.asarray(array.toarray() if hasattr(array, "tocsr") else array)


def _sparse(what: str, matrix: Any) -> Any:
    """Return a sparse matrix in rows, of finite float64 numbers."""
    from scipy import sparse

    # Entries that are stored in parts are summed in double precision, not in their own.
    entries = sparse.coo_array(matrix)
    data = _real(what, entries.data).astype(np.float64)
    found: Any = sparse.csr_array((data, tuple(entries.coords)), shape=entries.shape)
    found.sum_duplicates()
    bad = np.flatnonzero(~np.isfinite(found.data))
    if bad.size:
        entries = found.tocoo()
        at = [int(entries.coords[axis][bad[0]]) for axis in (0, 1)]
        raise ValueError(
            f"{what}{at} is {found.data[bad[0]]}, expected finite numbers: drop or impute it"
        )
    return found


def _one_column(what: str, array: NDArray[Any]) -> NDArray[Any]:
    """Return a vector, also of a single column."""
    if array.ndim == 2 and array.shape[1] == 1:
        return array[:, 0]
    if array.ndim != 1:
        raise ValueError(f"{what} has shape {array.shape}, expected (n,): give one for each row")
    return array


def _is_one_hot(array: NDArray[Any]) -> bool:
    """Whether every row is zero but for a single one."""
    if array.dtype.kind not in "biuf":
        return False
    return bool(np.isin(array, (0, 1)).all() and (array.sum(axis=1) == 1).all())


def _words(what: str, array: NDArray[Any]) -> NDArray[Any]:
    """Return words, numbers among them as they are written; refuse what is missing."""
    words = np.empty(len(array), dtype=object)
    first: dict[str, int] = {}
    for i, item in enumerate(array.tolist()):
        if is_missing(item):
            raise ValueError(f"{what}[{i}] is missing, expected a label: drop the row")
        words[i] = name_of(item)
        other = first.setdefault(words[i], i)
        if isinstance(item, str) != isinstance(array[other], str):
            raise ValueError(
                f"{what}[{other}] is {array[other]!r} and {what}[{i}] is {item!r}, expected labels "
                "of one kind: make all of them words, or numbers"
            )
    return words


def _real(what: str, array: NDArray[Any]) -> NDArray[Any]:
    """Return real numbers as float32 where they were so, as float64 otherwise."""
    if array.dtype in _KEPT:
        return array
    if array.dtype.kind in "biuf":
        return _in_double(what, array)
    if array.dtype.kind == "O":
        # What pandas has for a missing value is no number; None becomes NaN by itself.
        plain = np.array([None if is_missing(item) else item for item in array.flat], dtype=object)
        try:
            return plain.astype(np.float64).reshape(array.shape)
        except (ValueError, TypeError, OverflowError):
            _refuse_entry(what, array)
    if array.dtype.kind in "US":
        _refuse_entry(what, array)
    raise ValueError(f"{what} holds {array.dtype}, expected real numbers: convert it")


def _in_double(what: str, array: NDArray[Any]) -> NDArray[np.float64]:
    """Return numbers as float64; refuse floating-point numbers that have more digits, or a range.

    Of whole numbers `rounded_inputs` says what is rounded.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        found = array.astype(np.float64)
    changed = (found != array) & ~np.isnan(found) if array.dtype.kind == "f" else np.False_
    if changed.any():
        at = tuple(int(i) for i in np.argwhere(changed)[0])
        raise ValueError(
            f"{what}{list(at)} is {array[at]!s} of type {array.dtype}, which float64 rounds "
            f"to {found[at]}, expected numbers of its digits: take astype(float) if they will do"
        )
    return found


def _refuse_entry(what: str, array: NDArray[Any]) -> None:
    """Name the first entry that is no number."""
    for at, item in np.ndenumerate(array):
        if isinstance(item, str | bytes) or not _is_number(item):
            kind = repr(str(item)[:40]) if isinstance(item, str | bytes) else str(item)[:40]
            raise ValueError(f"{what}{list(at)} is {kind}, expected real numbers: convert it")


def _is_number(item: Any) -> bool:
    try:
        float(item)
    except (ValueError, TypeError, OverflowError):
        return False
    return True


def _check_finite(what: str, array: NDArray[Any], missing: bool = False) -> None:
    finite = np.isfinite(array) | np.isnan(array) if missing else np.isfinite(array)
    if not finite.all():
        at = tuple(int(i) for i in np.argwhere(~finite)[0])
        raise ValueError(
            f"{what}{list(at)} is {array[at]}, expected finite numbers: drop or impute it"
        )

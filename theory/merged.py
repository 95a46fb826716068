"""Whole numbers beyond 2^53, of which some become one number in double precision."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

# Up to here every whole number is one of double precision.
LARGEST_WHOLE = 2**53


class RoundedNumbers(NamedTuple):
    """In how many rows numbers were rounded, and one of them as it was and as it is."""

    rows: int
    before: int
    after: int


def rounded_numbers(what: str, given: Any, numbers: np.ndarray) -> RoundedNumbers | None:
    """Return what was rounded when whole numbers were converted; None where nothing was.

    Parameters
    ----------
    what : str
        What messages call the numbers.
    given : sequence of int or None, length n
        Whole numbers as they were; None where there is none.
    numbers : ndarray, shape (n,)
        The same in double precision.

    Raises
    ------
    ValueError
        Where different numbers have become one.

    Examples
    --------
    >>> import numpy as np
    >>> from grokflow.theory.merged import rounded_numbers
    >>> rounded_numbers("X[:, 0]", [2**53 + 1, 5], np.array([2.0**53, 5.0]))
    RoundedNumbers(rows=1, before=9007199254740993, after=9007199254740992)
    """
    large = np.flatnonzero(np.abs(numbers) >= LARGEST_WHOLE)
    pairs = [(given[i], int(numbers[i])) for i in large.tolist() if given[i] is not None]
    first: dict[int, int] = {}
    for before, after in pairs:
        if (other := first.setdefault(after, before)) != before:
            raise ValueError(
                f"{what} holds {other} and {before}, which are one number in double precision, "
                f"expected numbers that stay apart: subtract {min(other, before)} from all of "
                "them, or leave them out if they are names"
            )
    changed = [(before, after) for before, after in pairs if before != after]
    return RoundedNumbers(len(changed), *changed[0]) if changed else None


def rounded_inputs(what: str, array: Any) -> tuple[str, ...]:
    """Return what is to be said of whole numbers in a table that double precision rounds.

    Parameters
    ----------
    what : str
        What messages call the table.
    array : ndarray, shape (n, d)
        Numbers in their own type; or a sparse matrix.

    Raises
    ------
    ValueError
        Where different numbers of a column become one.
    """
    if hasattr(array, "tocsc"):
        return _rounded_entries(what, array)
    if array.ndim != 2 or not array.size or not _holds_large(array):
        return ()
    columns = (rounded_vector(f"{what}[:, {i}]", column) for i, column in enumerate(array.T))
    return tuple(note for notes in columns for note in notes)


def rounded_vector(what: str, array: np.ndarray) -> tuple[str, ...]:
    """Return what is to be said of whole numbers that double precision rounds; as `rounded_inputs`.

    Parameters
    ----------
    what : str
        What messages call them.
    array : ndarray, shape (n,)
        Numbers in their own type.
    """
    if array.ndim != 1 or not array.size or not _holds_large(array):
        return ()
    whole = [isinstance(item, int | np.integer) for item in array.tolist()]
    given = [int(item) if w else None for item, w in zip(array.tolist(), whole, strict=True)]
    found = rounded_numbers(what, given, np.array([float(item or 0) for item in given]))
    return () if found is None else (note_on(what, found),)


def _rounded_entries(what: str, matrix: Any) -> tuple[str, ...]:
    """Return what is to be said of the columns of a sparse matrix."""
    data = matrix.tocoo().data  # rows of lists have no numbers of their own
    if not data.size or not _holds_large(data):
        return ()
    columns = matrix.tocsc()
    parts = (columns.data[start:end] for start, end in pairwise(columns.indptr.tolist()))
    found = (rounded_vector(f"{what}[:, {i}]", part) for i, part in enumerate(parts))
    return tuple(note for notes in found for note in notes)


def note_on(name: str, found: RoundedNumbers) -> str:
    """Say that whole numbers were rounded.

    Parameters
    ----------
    name : str
        What they are called.
    found : RoundedNumbers
        What was rounded.
    """
    return (
        f"{name} is rounded to double precision in {found.rows} rows, as {found.before} to "
        f"{found.after}: whole numbers beyond 2^53 do not fit"
    )


def _holds_large(array: np.ndarray) -> bool:
    """Whether there are whole numbers that double precision may round."""
    if array.dtype.kind == "O":
        whole = (item for item in array.flat if isinstance(item, int | np.integer))
        return any(abs(int(item)) > LARGEST_WHOLE for item in whole)
    if array.dtype.kind not in "iu" or array.dtype.itemsize < 8:
        return False
    return max(int(array.max()), -int(array.min())) > LARGEST_WHOLE

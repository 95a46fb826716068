"""Whether entries are those of a symmetric matrix or of a rectangular one, and its indices.

Entries are those of a rectangular matrix where the columns of their ids are called user and item,
where the ids of one are words and those of the other numbers, where most pairs (i, j) and (j, i)
that are both observed have different values, or where fewer than half of the ids on the shorter
side stand on the other side too. Otherwise they are those of a symmetric matrix. What was decided,
and why, is a note of the problem.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from grokflow.simulations.completion.columns import EntryColumns
from grokflow.simulations.completion.mirrors import compare_mirrors
from grokflow.theory.completion.checks import check_entries
from grokflow.theory.completion.problem import EntryNames, TestEntries

# Ids from 0 are indices of a symmetric matrix, rows that nobody observes included, up to so many
# rows for each entry; beyond, they are ids with gaps.
_ROWS_PER_ENTRY = 10


class Decision(NamedTuple):
    """Whether a matrix is rectangular, and why."""

    rectangular: bool
    reason: str


class Indexed(NamedTuple):
    """Entries by index, the size or shape of their matrix, and the names of rows and columns."""

    size: int | tuple[int, int]
    train: TestEntries
    test: TestEntries | None
    names: EntryNames | None
    notes: tuple[str, ...]


def indexed(entries: EntryColumns, d: int | None, asked: bool | None) -> Indexed:
    """Return the numbered rows and columns of the matrix that the entries are decided to be of.

    Parameters
    ----------
    entries : EntryColumns
        Ids and values.
    d : int, optional
        Number of rows, where that of a symmetric matrix is known.
    asked : bool, optional
        Whether the matrix is rectangular, where the user says so.
    """
    if "truth" in entries.arrays:
        return _of_truth(entries, np.asarray(entries.arrays["truth"]), asked)
    if "shape" in entries.arrays:
        u, i = (int(n) for n in np.ravel(entries.arrays["shape"]))
        return Indexed((u, i), entries.train, entries.test, None, ())
    if d is None and "d" in entries.arrays:
        d = int(entries.arrays["d"])
    decided = _decide(entries, False if asked is None and d is not None else asked)
    if decided.rectangular and d is not None:
        raise ValueError(f"d is {d}, expected none for a rectangular matrix: leave it out")
    found = _rectangular(entries) if decided.rectangular else _symmetric(entries, d)
    kind = "rectangular" if decided.rectangular else "symmetric"
    u, i = (found.size, found.size) if isinstance(found.size, int) else found.size
    note = (
        f"read as a {kind} {u} × {i} matrix: {decided.reason} "
        f"(set rectangular={int(not decided.rectangular)} for the other kind)"
    )
    return found._replace(notes=(note, *found.notes))


def unobserved(truth: np.ndarray, entries: TestEntries, *, mirrored: bool) -> TestEntries:
    """Return the entries of `truth` that are not observed, nor their mirrors where `mirrored`."""
    seen = np.zeros(truth.shape, dtype=bool)
    seen[entries.rows, entries.columns] = True
    left = np.nonzero(~(seen | seen.T) if mirrored else ~seen)
    return TestEntries(left[0], left[1], truth[left])


def _of_truth(entries: EntryColumns, truth: np.ndarray, asked: bool | None) -> Indexed:
    """Return entries with the whole matrix to test on; their ids are its indices."""
    shape = truth.shape
    square = truth.ndim == 2 and shape[0] == shape[1]
    is_rectangular = not square if asked is None else asked
    if truth.ndim != 2 or not (is_rectangular or (square and np.array_equal(truth, truth.T))):
        raise ValueError(
            f"truth has shape {shape}, expected a symmetric (d, d) matrix: symmetrise it, or set "
            "rectangular=1"
        )
    check_entries((shape[0], shape[1]), *entries.train, "value")
    test = entries.test or unobserved(truth, entries.train, mirrored=not is_rectangular)
    size = (shape[0], shape[1]) if is_rectangular else shape[0]
    return Indexed(size, entries.train, test, None, ())


def _decide(entries: EntryColumns, asked: bool | None) -> Decision:
    """Decide whether the matrix is rectangular.

    Raises
    ------
    ValueError
        Where some mirrored pairs agree and some differ, so that it is an error either way.
    """
    rows, columns, values = entries.train
    name, other = entries.names
    if asked is not None:
        return Decision(asked, "as asked for")
    if entries.differ:
        return Decision(True, f"the columns are called {name} and {other}")
    if (rows.dtype.kind in "iu") != (columns.dtype.kind in "iu"):
        return Decision(True, f"{name} and {other} hold numbers and words")
    mirrored = compare_mirrors(rows, columns, values)
    if mirrored.differ > mirrored.agree:
        return Decision(
            True, f"{mirrored.differ} of {mirrored.pairs} entries differ from their mirrors"
        )
    if mirrored.example:
        i, j, one, two = mirrored.example
        raise ValueError(
            f"({i}, {j}) is {one} but ({j}, {i}) is {two}, and {mirrored.agree} of "
            f"{mirrored.pairs} mirrored entries agree, expected all or few: average them for a "
            "symmetric matrix, or set rectangular=1"
        )
    left, right = np.unique(rows), np.unique(columns)
    shared, least = len(np.intersect1d(left, right)), min(len(left), len(right))
    words = f"{name} and {other} share {shared} of {least} ids"
    if 2 * shared < least:
        return Decision(True, words)
    mirrors = f", all {mirrored.pairs} mirrored entries agree" if mirrored.pairs else ""
    return Decision(False, words + mirrors)


def _rectangular(entries: EntryColumns) -> Indexed:
    """Give the ids of rows and those of columns numbers, each in their order."""
    parts = [entries.train] + ([] if entries.test is None else [entries.test])
    rows, row_indices = _numbered([part.rows for part in parts])
    columns, column_indices = _numbered([part.columns for part in parts])
    moved = [
        TestEntries(i, j, part.values)
        for i, j, part in zip(row_indices, column_indices, parts, strict=True)
    ]
    names = EntryNames(rows, columns)
    shape = len(rows), len(columns)
    return Indexed(shape, moved[0], moved[1] if len(moved) > 1 else None, names, ())


def _symmetric(entries: EntryColumns, d: int | None) -> Indexed:
    """Take whole numbers from 0 as indices, and number other ids in their order."""
    parts = [entries.train] + ([] if entries.test is None else [entries.test])
    ids = [index for part in parts for index in part[:2]]
    whole = all(index.dtype.kind in "iu" for index in ids)
    largest = max((int(index.max()) for index in ids if len(index)), default=0) if whole else 0
    least = min((int(index.min()) for index in ids if len(index)), default=0) if whole else 0
    near = largest < max(100, _ROWS_PER_ENTRY * len(entries.train.values))
    if whole and (d is not None or least < 0 or near):
        return Indexed(1 + largest if d is None else d, entries.train, entries.test, None, ())
    names, indices = _numbered(ids)
    moved = [
        TestEntries(indices[2 * k], indices[2 * k + 1], part.values) for k, part in enumerate(parts)
    ]
    note = f"{len(names)} ids stand for the rows 0 to {len(names) - 1}, in their order"
    test = moved[1] if len(moved) > 1 else None
    size = len(names) if d is None else d
    return Indexed(size, moved[0], test, EntryNames(names, names), (note,))


def _numbered(ids: Sequence[np.ndarray]) -> tuple[tuple[str, ...], list[np.ndarray]]:
    """Return the names of the distinct ids in their order, and the number of every id."""
    distinct, place = np.unique(np.concatenate(ids), return_inverse=True)
    ends = np.cumsum([len(part) for part in ids])[:-1]
    return tuple(map(str, distinct.tolist())), np.split(place, ends)

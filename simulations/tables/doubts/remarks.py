"""What is worth saying of a table once it is read: inputs that give the target away, copies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from grokflow.simulations.tables.contents import TARGET_NAMES
from grokflow.simulations.tables.doubts.leaks import affine_copies
from grokflow.simulations.tables.doubts.sentinels import sentinels
from grokflow.simulations.tables.reading import spelled
from grokflow.theory.labels import name_of
from grokflow.theory.numerics.sparse_matrix import is_sparse
from grokflow.theory.samples import fingerprints

# Fewer rows a class, and an input may have one value in each of them by chance.
_ROWS_PER_CLASS = 4
# Inputs that a note lists.
_LISTED = 10


def remarks_on(
    x: Any,
    y: np.ndarray,
    names: tuple[str, ...],
    columns: tuple[str, ...],
    *,
    regression: bool,
) -> tuple[str, ...]:
    """Return what is to be said of the inputs of training rows; nothing of sparse ones.

    Parameters
    ----------
    x : ndarray, shape (n, d)
        Inputs.
    y : ndarray, shape (n,)
        Real targets, or numbers of classes.
    names, columns : tuple of str
        Names of the inputs, and of the columns that they were made from; none for arrays.
    regression : bool
        Whether y are real targets.

    Raises
    ------
    ValueError
        For an input with the name of a target, which is the target over again.
    """
    if is_sparse(x):
        return ()
    same = np.flatnonzero(_repeats(x, y, columns, regression))
    again = [name for name in (columns[i] for i in same if names) if name.lower() in TARGET_NAMES]
    if again:
        raise ValueError(
            f"column {again[0]!r} is the target over again, expected inputs: leave it out with "
            f"{spelled('drop', again[0])}"
        )
    notes = []
    if same.size and (regression or len(y) >= _ROWS_PER_CLASS * len(np.unique(y))):
        like = _likeness(x[:, same], y) if regression else "of one value in each class"
        # Of the inputs that a column of words became the first stands for all.
        shown = np.unique([columns.index(columns[i]) for i in same]) if columns else same
        remedy = f"; {spelled('drop', columns[same[0]])} leaves the first out" if names else ""
        notes.append(
            f"inputs {like}, as if they were the target: {_listed(shown, columns)}{remedy}"
        )
    return tuple(notes)


def remark_on_constants(x: Any, names: Sequence[str], *, standardised: bool) -> Iterator[str]:
    """Say which inputs are constant, and what becomes of them; nothing of sparse ones.

    Parameters
    ----------
    x : ndarray, shape (n, d)
        Inputs of training rows.
    names : sequence of str
        Names of the inputs; none for arrays.
    standardised : bool
        Whether the inputs are to be centred, which leaves constant ones out.
    """
    if is_sparse(x) or len(x) < 2:
        return
    constant = np.flatnonzero(x.min(axis=0) == x.max(axis=0))
    if constant.size:
        does = "act as an intercept of that size, and not at all where it is 0"
        if standardised:
            does = "are 0 once they are centred, and so left out"
        listed = _listed(constant, names)
        yield f"inputs of one value in all {len(x)} training rows: {listed}; they {does}"


def _likeness(x: np.ndarray, y: np.ndarray) -> str:
    """Say in what inputs are like real targets."""
    if (x == y[:, None]).all():
        return "equal to y in every row"
    return "equal to a multiple of y plus a constant, up to rounding, in every row"


def remarks_on_sentinels(
    x: Any, y: np.ndarray, names: Sequence[str], classes: Sequence[str]
) -> Iterator[str]:
    """Say which numbers may stand for no value, in training or test rows; nothing of sparse ones.

    Parameters
    ----------
    x, y : ndarray, shapes (n, d) and (n,)
        Inputs and labels of all rows.
    names, classes : sequence of str
        Names of the inputs and of the classes; none for arrays and for real targets.
    """
    targets = _as_written(y, classes)
    tables = [] if is_sparse(x) else [(x, names)]
    for table, called in tables if targets is None else [*tables, (targets[:, None], ["y"])]:
        remedy = "missing='drop' (--missing drop) leaves such rows out"
        if table is x:
            remedy += ", missing='mean' (--missing mean) fills in the mean of the column"
        doubtful = sentinels(table, classes=table is not x and bool(classes))
        for value, others in groupby(doubtful, key=lambda found: found.value):
            found = list(others)
            places = np.array([item.place for item in found])
            counts = {item.often for item in found}
            often = f"up to {max(counts)}" if len(counts) > 1 else f"{max(counts)}"
            low, high = min(item.low for item in found), max(item.high for item in found)
            said = f"{spelled('na', name_of(value))} says so" if names else "write NaN"
            yield (
                f"{name_of(value)} in {often} of {len(y)} rows, far from all other values "
                f"({low:g} to {high:g}): {_listed(places, called)}; if that stands for no value, "
                f"{said}, and {remedy}"
            )


def _as_written(y: np.ndarray, classes: Sequence[str]) -> np.ndarray | None:
    """Return real targets, or the numbers that several classes are called; None for words."""
    if not classes:
        return y
    try:
        numbers = np.array([float(name) for name in classes])
    except ValueError:
        return None
    named = len(classes) > 2 and bool(np.isfinite(numbers).all())
    return numbers[y.astype(int)] if named else None


def remarks_on_copies(train: Iterable[bytes], test: Sequence[bytes]) -> tuple[str, ...]:
    """Return what is to be said of test rows that are copies of others, labels included.

    Parameters
    ----------
    train, test : iterables of bytes
        What tells the rows apart, see `fingerprints`.
    """
    known, size = set(train), len(test)
    learned, again = sum(mark in known for mark in test), size - len(set(test))
    notes = []
    if learned:
        notes.append(
            f"{learned} of {size} test rows are copies of training rows: these are known by heart, "
            "and say nothing about other rows; leave copies out of the data"
        )
    if again:
        notes.append(
            f"{again} of {size} test rows are copies of other test rows: intervals count distinct "
            "rows alone"
        )
    return tuple(notes)


def remarks_on_contradictions(x: Any, y: np.ndarray) -> Iterator[str]:
    """Say how many inputs have more than one class: no weights classify all of their rows.

    Parameters
    ----------
    x, y : array or sparse array, shape (n, d), and ndarray, shape (n,)
        Inputs and classes of all rows.
    """
    rows: dict[bytes, list[float]] = {}
    for mark, label in zip(fingerprints(x, np.zeros(len(y))), y.tolist(), strict=True):
        rows.setdefault(mark, []).append(label)
    several = [labels for labels in rows.values() if len(set(labels)) > 1]
    if several:
        missed = sum(len(labels) - max(map(labels.count, set(labels))) for labels in several)
        yield (
            f"inputs that occur with more than one class: {len(several)}, in "
            f"{sum(map(len, several))} of {len(y)} rows, of which any classifier misses "
            f"{missed} or more"
        )


def _repeats(x: np.ndarray, y: np.ndarray, columns: Sequence[str], regression: bool) -> np.ndarray:
    """Return which inputs are the target in some units, or have one value of its own per class.

    The inputs that one column of words became are judged together.
    """
    if regression:
        return np.asarray((x == y[:, None]).all(axis=0) | affine_copies(x, y))
    order = np.argsort(y, kind="stable")
    first = np.flatnonzero(np.diff(y[order], prepend=np.nan))
    if len(first) == len(y):
        return np.zeros(x.shape[1], dtype=bool)
    by_class = x[order]
    low = np.minimum.reduceat(by_class, first, axis=0)
    high = np.maximum.reduceat(by_class, first, axis=0)
    same = np.asarray((low == high).all(axis=0))
    same &= (np.diff(np.sort(low, axis=0), axis=0) > 0).all(axis=0)
    for together in _of_one_column(columns):
        values = low[:, together]
        distinct = len(np.unique(values, axis=0)) == len(first)
        same[together] = distinct and (values == high[:, together]).all()
    return same


def _of_one_column(columns: Sequence[str]) -> Iterator[slice]:
    """Yield where several inputs stand that one column became."""
    place = 0
    for _, group in groupby(columns):
        after = place + len(list(group))
        if after - place > 1:
            yield slice(place, after)
        place = after


def _listed(places: np.ndarray, names: Sequence[str]) -> str:
    shown = [repr(names[i]) if names else f"X[:, {i}]" for i in places[:_LISTED].tolist()]
    more = f" and {len(places) - _LISTED} more" if len(places) > _LISTED else ""
    return ", ".join(shown) + more

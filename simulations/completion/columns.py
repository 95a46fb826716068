"""The columns of a file of observed entries: which they are, and their ids and values.

Rows go by ``i``, ``row`` or ``user``, columns by ``j``, ``column``, ``col``, ``item`` or ``movie``,
both with or without ``id`` behind, and values by ``value`` or ``rating``. There may be a ``split``
with the words train and test; a ``timestamp`` is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from grokflow.simulations.tables.contents import Arrays, Column, Columns
from grokflow.simulations.tables.formats import read
from grokflow.simulations.tables.values import decimal_mark, numbers_of
from grokflow.theory.completion.problem import TestEntries

_ROLES = {
    "i": ("i", "row", "user"),
    "j": ("j", "column", "col", "item", "movie"),
    "value": ("value", "rating"),
}
_LEFT_OUT = "timestamp"
_LEARNED, _PREDICTED = ("train", "training"), ("test", "testing")
_NEITHER = ("val", "valid", "validation", "dev")
# These say that rows and columns are different things.
_DIFFERENT = frozenset(("user", "item", "movie"))


@dataclass(frozen=True, eq=False)
class EntryColumns:
    """Entries as they stand in a file.

    Parameters
    ----------
    source : str
        What messages call the file.
    train : TestEntries
        Ids of rows and columns, whole numbers or words, and values.
    test : TestEntries or None
        The same of the entries to predict, where the file has some.
    names : tuple of str
        What the columns of row and column ids are called.
    arrays : mapping
        All arrays of a file of arrays.
    notes : tuple of str
        What was left out.
    """

    source: str
    train: TestEntries
    test: TestEntries | None
    names: tuple[str, str]
    arrays: Mapping[str, Any]
    notes: tuple[str, ...] = ()

    @property
    def differ(self) -> bool:
        """Whether the names say that rows and columns are different things."""
        return bool(_DIFFERENT & set(map(_stem, self.names)))


def roles_of(names: Iterable[str]) -> dict[str, str]:
    """Return which names stand for rows, columns and values; what is not found is left out."""
    found: dict[str, str] = {}
    for name in names:
        for role, stems in _ROLES.items():
            if _stem(name) in stems and role not in found:
                found[role] = name
    return found


def are_entries(names: tuple[str, ...], *, alone: bool) -> bool:
    """Whether these name observed entries, and nothing else where they must be `alone`."""
    roles = roles_of(names)
    rest = {_stem(name) for name in names if name not in roles.values()}
    return len(roles) == len(_ROLES) and (not alone or rest <= {"split", _LEFT_OUT})


def read_entries(path: Path) -> EntryColumns:
    """Read a file of entries.

    Raises
    ------
    ValueError
        For files that cannot be read or that hold something else, and for a row without an id or a
        value, which is named.
    """
    contents = read(path)
    names = contents.names if isinstance(contents, Columns) else tuple(contents.arrays)
    roles = roles_of(names)
    if missing := [role for role in _ROLES if role not in roles]:
        raise ValueError(
            f"{path} has no {' and no '.join(missing)}, expected i, j and value: add them"
        )
    ids = roles["i"], roles["j"]
    if isinstance(contents, Columns):
        return _of_table(contents, roles, ids)
    return _of_arrays(contents, roles, ids)


def _of_table(table: Columns, roles: Mapping[str, str], ids: tuple[str, str]) -> EntryColumns:
    by_name = {column.name: column for column in table.columns}
    rows, columns = (_ids(table.source, by_name[name]) for name in ids)
    whole = TestEntries(rows, columns, _values(table.source, by_name[roles["value"]]))
    left = [name for name in by_name if _stem(name) == _LEFT_OUT]
    notes = table.notes + tuple(f"column {name!r} is left out" for name in left)
    split = next((column for name, column in by_name.items() if _stem(name) == "split"), None)
    if split is None:
        return EntryColumns(table.source, whole, None, ids, {}, notes)
    marked = _marked(split)
    train, test = (TestEntries(*(part[at] for part in whole)) for at in marked[:2])
    return EntryColumns(table.source, train, test, ids, {}, notes + marked.notes)


def _of_arrays(file: Arrays, roles: Mapping[str, str], ids: tuple[str, str]) -> EntryColumns:
    def entries(ending: str) -> TestEntries:
        parts = []
        for role, name in roles.items():
            array = np.asarray(file.arrays[name + ending])
            missing = np.zeros(array.shape, bool)
            if array.dtype.kind == "f" and role != "value":
                missing = np.isnan(array)
            column = Column(name + ending, array, missing, 1)
            parts.append(array if role == "value" else _ids(file.source, column))
        rows, columns, values = (parts[list(roles).index(role)] for role in _ROLES)
        return TestEntries(rows, columns, values)

    tested = all(f"{name}_test" in file.arrays for name in roles.values())
    return EntryColumns(
        file.source, entries(""), entries("_test") if tested else None, ids, file.arrays, file.notes
    )


def _ids(source: str, column: Column) -> np.ndarray:
    """Return whole numbers where all ids are some, and words otherwise."""
    if column.missing.any():
        row = int(np.flatnonzero(column.missing)[0]) + 1
        raise ValueError(
            f"row {row} of {source} has no {column.name}, expected an id in every row: fill it in, "
            "or drop the row"
        )
    values = column.values
    if values.dtype.kind in "iu":
        return values
    if values.dtype.kind == "f":
        return _whole(source, column, values)
    words = [str(word) for word in values.tolist()]
    try:
        return np.array([int(word) for word in words], dtype=np.int64)
    except (ValueError, OverflowError):
        pass
    try:
        return _whole(source, column, np.array([float(word) for word in words]))
    except ValueError as error:
        if not str(error).startswith("could not convert"):
            raise
    return np.array(words)


def _whole(source: str, column: Column, values: np.ndarray) -> np.ndarray:
    """Return numbers such as 3.0 as whole ones; beyond 2⁵³ they have lost their last digits."""
    wrong = np.flatnonzero((values != np.round(values)) | (np.abs(values) >= 2**53))
    if wrong.size:
        raise ValueError(
            f"row {wrong[0] + 1} of {source} has {column.name} {values[wrong[0]]}, expected whole "
            "numbers or words: write ids without a decimal point"
        )
    return np.asarray(values.astype(np.int64))


def _values(source: str, column: Column) -> np.ndarray:
    """Return the observed values, naming the first row that has none."""
    if column.missing.any():
        row = int(np.flatnonzero(column.missing)[0]) + 1
        raise ValueError(
            f"row {row} of {source} has no {column.name}, expected a number: drop the row (what is "
            "not observed does not stand in the file)"
        )
    numbers = numbers_of(column, decimal_mark([column]))
    if numbers is None:
        words = enumerate(column.values.tolist(), 1)
        row, word = next((row, word) for row, word in words if not _is_number(word))
        raise ValueError(
            f"row {row} of {source} has {column.name} {word!r}, expected a number: mend it"
        )
    return numbers


def _is_number(word: object) -> bool:
    return numbers_of(Column("", np.array([word], dtype=object), np.zeros(1, bool), 1)) is not None


class _Marked(NamedTuple):
    """Which rows are learned and which are predicted."""

    train: np.ndarray
    test: np.ndarray
    notes: tuple[str, ...]


def _marked(split: Column) -> _Marked:
    """Return which rows a column of words marks; those for validation are left out."""
    words = np.array([str(word).strip().casefold() for word in split.values])
    for row, word in enumerate(words.tolist(), 1):
        if word not in (*_LEARNED, *_PREDICTED, *_NEITHER):
            raise ValueError(
                f"{split.name} is {split.values[row - 1]!r} in row {row}, expected train, test or "
                "val: rename it, or drop those rows"
            )
    out = int(np.isin(words, _NEITHER).sum())
    notes = (f"{out} rows for validation are left out",) if out else ()
    return _Marked(np.isin(words, _LEARNED), np.isin(words, _PREDICTED), notes)


def _stem(name: str) -> str:
    """Return a name in small letters, without ``id`` behind it."""
    plain = name.strip().casefold()
    for ending in ("_id", " id", "id"):
        if plain.endswith(ending):
            return plain.removesuffix(ending)
    return plain

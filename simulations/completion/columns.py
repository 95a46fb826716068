"""The columns of observed entries, in a file or in memory: their ids and values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from grokflow.simulations.tables.contents import SPLIT_NAME, Arrays, Column, Columns, Contents
from grokflow.simulations.tables.doubts.rounding import remark_on_rounding
from grokflow.simulations.tables.entry_names import ROLES, entry_roles, stem_of
from grokflow.simulations.tables.formats import read
from grokflow.simulations.tables.frames import columns_of_frame, is_frame
from grokflow.simulations.tables.splits import marked
from grokflow.simulations.tables.text.marks import decimal_mark, remarks_on_marks
from grokflow.simulations.tables.values import numbers_of
from grokflow.theory.completion.problem import TestEntries
from grokflow.theory.conversion import as_array, as_vector
from grokflow.theory.labels import is_missing
from grokflow.theory.pairing import check_paired

# A whole number, perhaps written as 3.0; one of more digits does not fit into 64 bits.
_ID = re.compile(r"[+-]?[0-9]{1,19}(\.0*)?")
# A number that is not whole.
_BROKEN = re.compile(r"[+-]?[0-9]*\.[0-9]*[1-9][0-9]*")
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
        return bool(_DIFFERENT & set(map(stem_of, self.names)))


def read_entries(source: Any, decimal: str | None = None, *, drop: bool = False) -> EntryColumns:
    """Read entries from a file, a data frame, or arrays by name.

    Parameters
    ----------
    source : str, Path, data frame or mapping
        Where they are.
    decimal : str, optional
        The decimal mark of values that are written as words.
    drop : bool
        Whether rows of a table that lack an id or a value are left out.

    Raises
    ------
    ValueError
        For what cannot be read or holds something else, and for a row without an id or a value,
        which is named.
    """
    contents = _contents(source)
    names = contents.names if isinstance(contents, Columns) else tuple(contents.arrays)
    roles = entry_roles(names)
    if missing := [role for role in ROLES if role not in roles]:
        raise ValueError(
            f"{contents.source} has no {' and no '.join(missing)}, expected i, j and value beside "
            f"{', '.join(names[:12])}: add them, or rename what they are called"
        )
    if isinstance(source, Mapping):
        for ending in ("", "_test"):
            check_paired(**{name + ending: source.get(name + ending) for name in roles.values()})
    ids = roles["i"], roles["j"]
    if isinstance(contents, Columns):
        if drop:
            contents = _without_gaps(contents, set(roles.values()))
        return _of_table(contents, roles, ids, decimal)
    if drop:
        raise ValueError(
            f"missing is drop and {contents.source} holds arrays, expected a table of columns: "
            "take the entries without a value out of the arrays"
        )
    return _of_arrays(contents, roles, ids)


def _contents(source: Any) -> Contents:
    """Return columns or arrays; what has no names is refused."""
    if isinstance(source, str | Path):
        return read(Path(source))
    if is_frame(source):
        return columns_of_frame("the data frame", source)
    if isinstance(source, Mapping):
        arrays = {str(name): as_array(str(name), array) for name, array in source.items()}
        return Arrays("the mapping", arrays)
    raise ValueError(
        f"entries are a {type(source).__name__}, expected a file, a data frame, or a dict of the "
        "arrays i, j and value: name them, or give a whole matrix to gf.make_matrix_problem"
    )


def _without_gaps(table: Columns, names: set[str]) -> Columns:
    """Leave out the rows in which one of the named columns has no value, and say how many."""
    kept = ~np.any([column.missing for column in table.columns if column.name in names], axis=0)
    if kept.all():
        return table
    if not kept.any():
        raise ValueError(
            f"every row of {table.source} lacks an id or a value, expected some that do not: fill "
            "them in"
        )
    columns = tuple(column.at(kept) for column in table.columns)
    left = f"left out: {int((~kept).sum())} of {len(kept)} rows, which lack an id or a value"
    return replace(table, columns=columns, notes=(*table.notes, left))


def _of_table(
    table: Columns, roles: Mapping[str, str], ids: tuple[str, str], decimal: str | None
) -> EntryColumns:
    by_name = {column.name: column for column in table.columns}
    rows, columns = (_ids(table.source, by_name[name]) for name in ids)
    column = by_name[roles["value"]]
    mark = decimal_mark([column], decimal, semicolons=table.semicolons)
    whole = TestEntries(rows, columns, _values(table.source, column, mark))
    said = (*table.notes, *remarks_on_marks([column], mark))
    left = [name for name in by_name if name not in roles.values() and stem_of(name) != SPLIT_NAME]
    notes = said + tuple(f"column {name!r} is left out" for name in left)
    split = next((column for name, column in by_name.items() if stem_of(name) == SPLIT_NAME), None)
    if split is None:
        return EntryColumns(table.source, whole, None, ids, {}, notes)
    found = marked(split, "rename the column")
    train, test = (TestEntries(*(part[at] for part in whole)) for at in found[:2])
    return EntryColumns(table.source, train, test, ids, {}, notes + found.notes)


def _of_arrays(file: Arrays, roles: Mapping[str, str], ids: tuple[str, str]) -> EntryColumns:
    def entries(ending: str) -> TestEntries:
        parts = {}
        for role, name in roles.items():
            array = np.asarray(file.arrays[name + ending])
            if role == "value":
                array = as_vector(name + ending, array)
            else:
                missing = np.array([is_missing(item) for item in array.tolist()], dtype=bool)
                array = _ids(file.source, Column(name + ending, array, missing, 1))
            parts[role] = array
        lengths = {len(part) for part in parts.values()}
        if len(lengths) > 1:
            raise ValueError(
                f"{file.source} has {' and '.join(map(str, sorted(lengths)))} ids and values, "
                "expected as many of each: mend it"
            )
        return TestEntries(*(parts[role] for role in ROLES))

    known = {name + ending for name in roles.values() for ending in ("", "_test")}
    left = [name for name in file.arrays if name not in known | {"d", "shape", "truth", SPLIT_NAME}]
    notes = file.notes + tuple(f"array {name!r} is left out" for name in left)
    train, test = entries(""), None
    if all(f"{name}_test" in file.arrays for name in roles.values()):
        test = entries("_test")
    elif SPLIT_NAME in file.arrays:
        words = np.asarray(file.arrays[SPLIT_NAME])
        split = Column(SPLIT_NAME, words, np.zeros(len(words), dtype=bool), 1)
        found = marked(split, "rename the array")
        train, test = (TestEntries(*(part[at] for part in train)) for at in found[:2])
        notes += found.notes
    return EntryColumns(file.source, train, test, ids, file.arrays, notes)


def _ids(source: str, column: Column) -> np.ndarray:
    """Return whole numbers where all ids are some and stay apart, and words otherwise."""
    if column.missing.any():
        row = int(np.flatnonzero(column.missing)[0]) + 1
        raise ValueError(
            f"row {row} of {source} has no {column.name}, expected an id in every row: fill it in, "
            "or leave such rows out with missing='drop' (--missing drop)"
        )
    values = column.values
    if values.dtype.kind in "iu":
        # Larger ones would become numbers of double precision beside those of the other column.
        fits = values.dtype.kind == "i" or int(values.max(initial=0)) < 2**63
        return values.astype(np.int64) if fits else values.astype(str)
    if values.dtype.kind == "f":
        return _whole(source, column, values)
    words = [str(word) for word in values.tolist()]
    broken = [row for row, word in enumerate(words, 1) if _BROKEN.fullmatch(word)]
    if broken and all(_BROKEN.fullmatch(word) or _ID.fullmatch(word) for word in words):
        raise ValueError(
            f"row {broken[0]} of {source} has {column.name} {words[broken[0] - 1]}, expected whole "
            "numbers or words: write ids without a decimal point"
        )
    numbers = _whole_numbers(words)
    # 01, 1 and 1.0 are three ids where they occur together.
    if numbers is None or len(set(numbers)) < len(set(words)):
        return np.array(words)
    return np.array(numbers, dtype=np.int64)


def _whole_numbers(words: list[str]) -> list[int] | None:
    """Return words as whole numbers of 64 bits, without loss; None where one is none."""
    if not all(_ID.fullmatch(word) for word in words):
        return None
    numbers = [int(word.partition(".")[0]) for word in words]
    return numbers if max(map(abs, numbers), default=0) < 2**63 else None


def _whole(source: str, column: Column, values: np.ndarray) -> np.ndarray:
    """Return numbers such as 3.0 as whole ones; beyond 2⁵³ they have lost their last digits."""
    wrong = np.flatnonzero((values != np.round(values)) | (np.abs(values) >= 2**53))
    if wrong.size:
        raise ValueError(
            f"row {wrong[0] + 1} of {source} has {column.name} {values[wrong[0]]}, expected whole "
            "numbers or words: write ids without a decimal point"
        )
    return np.asarray(values.astype(np.int64))


def _values(source: str, column: Column, decimal: str) -> np.ndarray:
    """Return the observed values, naming the first row that has none."""
    if column.missing.any():
        row = int(np.flatnonzero(column.missing)[0]) + 1
        raise ValueError(
            f"row {row} of {source} has no {column.name}, expected a number: missing='drop' "
            "(--missing drop) leaves such rows out"
        )
    numbers = numbers_of(column, decimal)
    if numbers is None:
        words = enumerate(column.values.tolist(), 1)
        row, word = next((row, word) for row, word in words if not _is_number(word))
        raise ValueError(
            f"row {row} of {source} has {column.name} {word!r}, expected a number: mend it"
        )
    remark_on_rounding(column, numbers)
    return numbers


def _is_number(word: object) -> bool:
    return numbers_of(Column("", np.array([word], dtype=object), np.zeros(1, bool), 1)) is not None

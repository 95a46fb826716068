"""What the columns of a table are: the target, the split, an index, inputs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from grokflow.simulations.tables.contents import RISING, SPLIT_NAME, TARGET_NAMES, Column, Columns
from grokflow.simulations.tables.entry_names import are_entries, or_matrix
from grokflow.simulations.tables.reading import Reading, likely, one_line, spelled
from grokflow.simulations.tables.values import holds_times, is_number, numbers_of

_INDEX_NAMES = {"", "index", "id", "row", "unnamed: 0", "rownames", "row_id", "_id"}
# Names of numbers by which rows are held out in turn.
_FOLD_NAMES = {"fold", "folds", "kfold", "fold_id", "cv", "cv_fold", "cv_split", "split_id"}
# Names of numbers by which rows are weighed, of which one may be that of a body.
_WEIGHT_NAMES = {"weight", "weights", "sample_weight", "sample_weights"}
_TARGETS = frozenset(TARGET_NAMES)
# Names that a message lists.
_LISTED = 12


@dataclass(frozen=True, eq=False)
class Roles:
    """The columns of a table by what they are for.

    Parameters
    ----------
    target : Column
        What is learned.
    split : Column or None
        The words train and test.
    inputs : tuple of Column
        What it is learned from.
    notes : tuple of str
        What was left out, and why.
    """

    target: Column
    split: Column | None
    inputs: tuple[Column, ...]
    notes: tuple[str, ...]


class _Others(NamedTuple):
    """Columns that may be inputs, and what was left out of them."""

    columns: tuple[Column, ...]
    notes: tuple[str, ...]


def roles_of(table: Columns, reading: Reading) -> Roles:
    """Tell target, split, index and inputs.

    Raises
    ------
    ValueError
        Where two columns share a name, and where there is no target or more than one.
    """
    _check_names(table)
    kept = _without_dropped(table, reading)
    target = _target(table, kept.columns, reading)
    rest = tuple(column for column in kept.columns if column is not target)
    split = next((column for column in rest if column.name.lower() == SPLIT_NAME), None)
    rest = tuple(column for column in rest if column is not split)
    inputs = _without_index(rest)
    if not inputs.columns:
        raise ValueError(
            f"{table.source} has no inputs beside its target {target.name!r}, expected a column "
            "of numbers at least: add one"
        )
    return Roles(target, split, inputs.columns, (*kept.notes, *inputs.notes))


def without_index(table: Columns, reading: Reading) -> _Others:
    """Return the inputs of a table without a target."""
    _check_names(table)
    kept = _without_dropped(table, reading)
    inputs = _without_index(kept.columns)
    return _Others(inputs.columns, (*kept.notes, *inputs.notes))


def _check_names(table: Columns) -> None:
    if not table.rows:
        raise ValueError(f"{table.source} has no rows, expected some: add them")
    twice = [name for name, count in Counter(table.names).items() if name and count > 1]
    if twice:
        places = [str(column.place) for column in table.columns if column.name == twice[0]]
        raise ValueError(
            f"{table.source}: columns {' and '.join(places)} are both called {twice[0]!r}, "
            "expected distinct names: rename or remove one in the file"
        )


def _without_dropped(table: Columns, reading: Reading) -> _Others:
    """Leave out what the user drops."""
    wanted = [
        part
        for name in reading.drop
        for part in ([name] if _found(table, name) else name.split(","))
    ]
    dropped = []
    for name in wanted:
        if (column := _found(table, name)) is None:
            raise ValueError(
                f"{table.source} has no column {name!r} to drop, expected one of {_listed(table)}: "
                f"{likely('drop', name, table.names)}"
            )
        dropped.append(column)
    kept = tuple(column for column in table.columns if column not in dropped)
    return _Others(kept, tuple(f"left out: {column.label}, as asked" for column in dropped))


def _target(table: Columns, columns: tuple[Column, ...], reading: Reading) -> Column:
    """Return the column that is learned."""
    if reading.target is not None:
        found = _found(table, reading.target)
        if found not in columns:
            names = [column.name for column in columns]
            raise ValueError(
                f"{table.source} has no column {reading.target!r} to learn, expected one of "
                f"{_listed(table)}: {likely('target', reading.target, names)}"
            )
        assert found is not None
        _check_first(table, found)
        return found
    named = _named_as_targets(columns)
    if len(named) == 1:
        return named[0]
    if named:
        names = [column.name for column in named]
        raise ValueError(
            f"{table.source} has the columns {' and '.join(map(repr, names))}, expected one "
            f"target: leave the others out, as {spelled('drop', names[1])} does, or name it with "
            f"{spelled('target', names[0])}, and they are inputs"
        )
    if are_entries(table.names, alone=True):
        raise ValueError(
            f"{table.source} holds observed entries of a matrix ({', '.join(table.names)}), "
            "expected inputs and a target: gf.load_entries reads them"
        )
    if are_entries(table.names, alone=False):
        raise ValueError(
            f"{table.source} has no column y, expected a target, or user, item and value and no "
            "other columns but split and timestamp, if these are ratings: take the others out of "
            "the file, or read it with gf.load_entries, which leaves them out"
        )
    header = "" if table.headed else " no header line and"
    raise ValueError(
        f"{table.source} has{header} no column y, expected one of {_listed(table)} as the target: "
        f"name it, as in {spelled('target', table.columns[-1].name or 'NAME')}"
        f"{_or_header(table)}{_or_entries(table)}"
    )


def _check_first(table: Columns, column: Column) -> None:
    """Refuse a first label that may be the name of its column: no other row has it."""
    if name := _name_above(table, column):
        raise ValueError(
            f"{column.label} holds {name!r} in row 1 alone and {table.source} has no header line, "
            f"expected a class of two rows or more: {spelled('target', name)} reads the first line "
            "as the header, or write one above it"
        )


def _or_header(table: Columns) -> str:
    """Say how the first line is read as a header, where it may be one."""
    name = next(filter(None, (_name_above(table, column) for column in table.columns[::-1])), "")
    return f", or, if the first line is the header, {spelled('target', name)}" if name else ""


def _name_above(table: Columns, column: Column) -> str:
    """Return the word in the first row of a table without a header, above others that repeat."""
    if table.headed or not column.holds_words or column.missing[0]:
        return ""
    first, *below = column.values[~column.missing].tolist()
    repeats = len(set(below)) <= len(below) / 2
    return first if repeats and first not in below and not is_number(first) else ""


def _or_entries(table: Columns) -> str:
    """Say how entries of a matrix are recognised, where columns without names may hold some."""
    ids = all(_are_whole(column) for column in table.columns[:2])
    if table.headed or len(table.columns) not in (3, 4) or not ids:
        lacking = float(np.mean([column.missing.mean() for column in table.columns]))
        rows, columns = len(table.columns[0].values), len(table.columns)
        return or_matrix(rows, columns, lacking) if lacking > 0 else ""
    named = "user,item,rating" + (",timestamp" if len(table.columns) == 4 else "")
    return f", or write {named} above the rows if they are observed entries of a matrix"


def _are_whole(column: Column) -> bool:
    """Whether the first thousand values are whole numbers, or words of such numbers."""
    return all(str(value).removesuffix(".0").isdecimal() for value in column.values[:1000].tolist())


def _named_as_targets(columns: tuple[Column, ...]) -> list[Column]:
    """Return the columns whose names are those of a target, the likeliest first."""
    named = [column for column in columns if column.name.lower() in TARGET_NAMES]
    return sorted(named, key=lambda column: TARGET_NAMES.index(column.name.lower()))


def _without_index(columns: tuple[Column, ...]) -> _Others:
    """Leave out what numbers or names the rows, and what has no value at all."""
    kept, notes = [], []
    for column in columns:
        if column.missing[0] and column.missing.all():
            notes.append(f"left out: {column.label}, which has no values")
        elif _is_index(column):
            notes.append(f"left out: {column.label}, which numbers or names the rows")
        else:
            kept.append(column)
            name = column.name.lower()
            if name in _TARGETS:
                notes.append(
                    f"{column.label} is an input, though it has the name of a target: if it is "
                    f"one, leave it out with {spelled('drop', column.name)}"
                )
            if name in _FOLD_NAMES:
                notes.append(
                    f"{column.label} is an input, though it is called as what marks rows to train "
                    "and to test on: if it does, leave it out with "
                    f"{spelled('drop', column.name)}"
                )
            if name in _WEIGHT_NAMES:
                notes.append(
                    f"{column.label} is an input, though it may hold weights of the rows, all of "
                    "which weigh the same here: if it does, leave it out with "
                    f"{spelled('drop', column.name)}"
                )
            if _counts(column):
                notes.append(
                    f"{column.label} rises from row to row, as numbers of rows and times do: if "
                    "that is no input, leave it out with "
                    f"{spelled('drop', column.name or str(column.place))}"
                )
    return _Others(tuple(kept), tuple(notes))


def _is_index(column: Column) -> bool:
    """Whether a column is there to name the rows: the first without a name does, unique or not."""
    if column.is_index or (column.place == 1 and not column.name):
        return True
    return column.name.lower() in _INDEX_NAMES and _names_rows(column)


def _names_rows(column: Column) -> bool:
    """Whether every row has a value of its own, and all are whole numbers, or words."""
    if column.missing.any() or holds_times(column):
        return False
    numbers = numbers_of(column)
    if numbers is None:
        return len(set(column.values.tolist())) == len(column.values)
    return bool((numbers == np.round(numbers)).all()) and len(np.unique(numbers)) == len(numbers)


def _counts(column: Column) -> bool:
    """Whether a column is 0, 1, 2, ... or 1, 2, 3, ..., or rises by whole numbers in many rows."""
    # The first values say most of what there is to say of a wide table.
    start = column.values[:3].tolist()
    if column.holds_words:
        first = numbers_of(replace(column, values=column.values[:3], missing=column.missing[:3]))
        start = [] if first is None else first.tolist()
    if len(start) < 3 or not start[0] < start[1] < start[2]:
        return False
    numbers = numbers_of(column)
    if numbers is None or column.missing.any():
        return False
    counting = numbers[0] in (0, 1) and (numbers == numbers[0] + np.arange(len(numbers))).all()
    whole = (numbers == np.round(numbers)).all() and (np.diff(numbers) > 0).all()
    return bool(counting or (whole and len(numbers) >= RISING))


def _found(table: Columns, name: str) -> Column | None:
    """Return the column of this name, or else the one of it but for white space, or its place."""
    for column in table.columns:
        if column.name == name:
            return column
    alike = [column for column in table.columns if one_line(column.name) == one_line(name)]
    if name and len(alike) == 1:
        return alike[0]
    return next((column for column in table.columns if str(column.place) == name), None)


def _listed(table: Columns) -> str:
    names = [column.name or str(column.place) for column in table.columns]
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more

"""Data frames of pandas, polars and pyarrow as columns."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import Any, NoReturn

import numpy as np

from grokflow.simulations.tables.binary.arrow import columns_of
from grokflow.simulations.tables.compression import check_budget
from grokflow.simulations.tables.contents import Columns
from grokflow.theory.labels import is_missing

# Characters of a value that a message repeats.
_LONGEST = 40


def is_frame(value: Any) -> bool:
    """Whether a value is a data frame; one that is not computed yet is refused."""
    if hasattr(value, "collect") and hasattr(value, "collect_schema"):
        raise ValueError(
            f"the data are a {type(value).__name__}, expected rows: call its method collect()"
        )
    return hasattr(value, "__arrow_c_stream__") and hasattr(value, "columns")


def columns_of_frame(what: str, frame: Any) -> Columns:
    """Return the columns of a data frame.

    Parameters
    ----------
    what : str
        What messages call it.
    frame : data frame
        Of pandas, polars or pyarrow.

    Raises
    ------
    ValueError
        In one line, for a frame without columns, with two of one name, or with one of mixed kinds.
    """
    names = list(getattr(frame, "column_names", frame.columns))
    if not names:
        raise ValueError(f"{what} has no columns, expected some: give inputs")
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"{what} has two columns {twice!r}, expected distinct names: rename one")
    plain = _named(_dense(frame))
    table = _table_of(plain)
    if table is None:
        _refuse_column(what, plain)
    return columns_of(what, table)


def _table_of(frame: Any) -> Any:
    """Return a data frame as a table of pyarrow; None where a column is of no one kind."""
    pyarrow: Any = import_module("pyarrow")
    try:
        return pyarrow.table(frame)
    except (pyarrow.ArrowException, TypeError, OverflowError):
        return None


def _refuse_column(what: str, frame: Any) -> NoReturn:
    """Name a column that is no column of pyarrow, and its first rows of different kinds."""
    name = next(name for name in frame.columns if _table_of(frame[[name]]) is None)
    items = [(row, item) for row, item in enumerate(frame[name], 1) if not is_missing(item)]
    (first, item), *others = items
    other = next((pair for pair in others if type(pair[1]) is not type(item)), None)
    if other is not None:
        raise ValueError(
            f"column {name!r} of {what} holds {_short(item)} in row {first} and {_short(other[1])} "
            f"in row {other[0]}, expected one kind: convert it"
        )
    raise ValueError(
        f"column {name!r} of {what} holds {type(item).__name__} values such as {_short(item)} that "
        f"are neither numbers of 64 bits nor words, expected one of these: convert it"
    )


def _short(item: object) -> str:
    """Return an item as a message shows it, in one line."""
    shown = repr(item).replace("\n", " ")
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}..."


def _named(frame: Any) -> Any:
    """Return a data frame of pandas whose names are words."""
    plain = not hasattr(frame, "set_axis") or all(isinstance(name, str) for name in frame.columns)
    return frame if plain else frame.set_axis([str(name) for name in frame.columns], axis=1)


def _dense(frame: Any) -> Any:
    """Return a data frame of pandas without sparse columns, which pyarrow does not have."""
    kinds: Any = getattr(frame, "dtypes", None)
    if not hasattr(kinds, "items"):
        return frame
    sparse = {name: kind.subtype for name, kind in kinds.items() if str(kind).startswith("Sparse")}
    check_budget(8 * len(frame) * len(sparse), "its sparse columns")
    return frame.astype(sparse) if sparse else frame


def joined(table: Columns, test: Columns) -> Columns:
    """Return two tables with the same columns as one."""
    if set(table.names) != set(test.names):
        other = sorted(set(table.names) ^ set(test.names))[0]
        raise ValueError(
            f"X and X_test differ in column {other!r}, expected the same columns: give it to both"
        )
    extra = {column.name: column for column in test.columns}
    columns = []
    for column in table.columns:
        tested = extra[column.name]
        if column.holds_words != tested.holds_words:
            raise ValueError(
                f"{column.label} holds words in one of X and X_test and numbers in the other, "
                "expected one kind: convert it"
            )
        columns.append(
            replace(
                column,
                values=np.concatenate([column.values, tested.values]),
                missing=np.concatenate([column.missing, tested.missing]),
            )
        )
    return Columns(table.source, tuple(columns), notes=table.notes)

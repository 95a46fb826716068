"""Rows and columns that have names: what bears different names is never paired by place."""

from __future__ import annotations

from typing import Any

from grokflow.theory.labels import is_missing


def check_paired(**parts: Any) -> None:
    """Refuse parts of pandas whose rows are named differently, as pairing by place would mix them.

    Parameters
    ----------
    **parts : object
        Data of any kind by what users call them; only those of pandas have names of rows. All are
        compared with the first of these.

    Raises
    ------
    ValueError
        In one line, with what pairs them.

    Examples
    --------
    >>> import pandas as pd
    >>> from grokflow.theory.pairing import check_paired
    >>> x, y = pd.DataFrame({"a": [1.0, 2.0]}), pd.Series([2.0, 1.0], index=[1, 0])
    >>> check_paired(X=x, y=y.loc[x.index])
    >>> check_paired(X=x, y=y)
    Traceback (most recent call last):
        ...
    ValueError: row 1 is named 0 in X and 1 in y, expected the same names in the same order: ...
    """
    indices = {name: index for name, data in parts.items() if (index := _index(data)) is not None}
    for name, index in indices.items():
        first, names = next(iter(indices.items()))
        if len(index) == len(names) and not index.equals(names):
            _check_names(first, names.tolist(), name, index.tolist())


def check_same_columns(**parts: Any) -> None:
    """Refuse data frames whose columns are named differently, or stand in another order.

    Parameters
    ----------
    **parts : object
        Inputs of any kind by what users call them; only data frames have names of columns. All are
        compared with the first of these.

    Raises
    ------
    ValueError
        In one line, with what pairs them.

    Examples
    --------
    >>> import pandas as pd
    >>> from grokflow.theory.pairing import check_same_columns
    >>> x = pd.DataFrame({"a": [1.0, 2.0], "b": [2.0, 1.0]})
    >>> check_same_columns(X=x, X_test=x[["a", "b"]])
    >>> check_same_columns(X=x, X_test=x[["b", "a"]])
    Traceback (most recent call last):
        ...
    ValueError: column 1 is 'a' in X and 'b' in X_test, expected ...: X_test[X.columns] puts ...
    """
    named = {name: names for name, data in parts.items() if (names := _columns(data)) is not None}
    for name, names in named.items():
        first, expected = next(iter(named.items()))
        if len(names) != len(expected) or names == expected:
            continue
        place = next(
            i for i, pair in enumerate(zip(expected, names, strict=True)) if len({*pair}) > 1
        )
        remedy = f"rename the columns of {name}"
        if len(set(names)) == len(names) and set(names) == set(expected):
            remedy = f"{name}[{first}.columns] puts them in the order of {first}"
        raise ValueError(
            f"column {place + 1} is {expected[place]!r} in {first} and {names[place]!r} in {name}, "
            f"expected the same columns in the same order: {remedy}"
        )


def _columns(data: Any) -> list[Any] | None:
    """Return the names that a data frame has for its columns; None for data of other kinds."""
    # Frames that are not computed yet have no shape, and warn of being asked for columns.
    if not hasattr(type(data), "shape") or not hasattr(data, "columns"):
        return None
    return list(getattr(data, "column_names", data.columns))


def _check_names(what: str, names: list[object], other: str, others: list[object]) -> None:
    """Refuse names that differ somewhere."""
    pairs = enumerate(zip(names, others, strict=True), 1)
    differing = ((row, *pair) for row, pair in pairs if not _same(*pair))
    if (found := next(differing, None)) is None:
        return
    row, mine, strange = found
    reordered = len(set(names)) == len(names) and set(names) == set(others)
    order = f"{other}.loc[{what}.index] puts them in the order of {what}, " if reordered else ""
    raise ValueError(
        f"row {row} is named {mine!r} in {what} and {strange!r} in {other}, expected the same "
        f"names in the same order: {order}{other}.to_numpy() takes them as they stand"
    )


def _same(name: object, other: object) -> bool:
    """Whether two names are equal, of whatever kind they are."""
    known = not is_missing(name) and not is_missing(other)
    return repr(name) == repr(other) or (known and name == other)


def _index(data: Any) -> Any:
    """Return the names that pandas has for rows; None for data of other kinds."""
    index = getattr(data, "index", None)
    return index if hasattr(index, "is_unique") and hasattr(index, "equals") else None

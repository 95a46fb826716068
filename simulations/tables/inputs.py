"""From columns to the matrix of inputs, with every value that is no number named."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from grokflow.simulations.tables.compression import check_budget
from grokflow.simulations.tables.contents import Column
from grokflow.simulations.tables.reading import Reading
from grokflow.simulations.tables.values import holds_times, holds_truth, numbers_of


class Matrix(NamedTuple):
    """Inputs of shape (rows, d), NaN where there is no value, their names, and notes."""

    x: np.ndarray
    names: tuple[str, ...]
    notes: tuple[str, ...]


class _Part(NamedTuple):
    """What one column becomes: one input, or one for each of its words."""

    names: tuple[str, ...]
    values: tuple[np.ndarray, ...]
    note: str = ""


def matrix_of(columns: tuple[Column, ...], decimal: str, reading: Reading) -> Matrix:
    """Return the inputs that columns are.

    Parameters
    ----------
    columns : tuple of Column
        The inputs.
    decimal : str
        The decimal mark of words.
    reading : Reading
        Whether words are made numbers.

    Raises
    ------
    ValueError
        For dates, words and infinite numbers, by column and row, with what to do.
    """
    parts = [_part(column, decimal, reading) for column in columns]
    width = sum(len(part.names) for part in parts)
    check_budget(8 * width * len(columns[0].values), f"a table of {width} inputs")
    names = tuple(name for part in parts for name in part.names)
    x = np.column_stack([values for part in parts for values in part.values])
    truth = [column.label for column in columns if holds_truth(column)]
    notes = [part.note for part in parts if part.note]
    if truth:
        more = ", ..." if len(truth) > 10 else ""
        notes.append(f"True read as 1, False as 0: {', '.join(truth[:10])}{more}")
    return Matrix(x, names, tuple(notes))


def _part(column: Column, decimal: str, reading: Reading) -> _Part:
    """Return what one column becomes."""
    name = column.name or str(column.place)
    away = f"drop={name!r} (--drop {name}) leaves the column out"
    if holds_times(column):
        raise ValueError(
            f"{column.label} holds dates or times{_first(column)}, expected numbers: {away}"
        )
    numbers = numbers_of(column, decimal)
    if numbers is None:
        if reading.categories:
            return _categories(name, column)
        row, word = next(_words(column, decimal))
        raise ValueError(
            f"{column.label} holds {word!r} in row {row + 1}, expected numbers: {away}, "
            "categories=True (--categories) makes an input of each of its words"
        )
    infinite = np.flatnonzero(np.isinf(numbers))
    if infinite.size:
        raise ValueError(
            f"{column.label} is {numbers[infinite[0]]} in row {infinite[0] + 1}, expected finite "
            f"numbers: {away}, or mend the row"
        )
    return _Part((name,), (numbers,))


def _first(column: Column) -> str:
    """Return the first value of a column of words, in brackets."""
    words = [word for word in column.values[~column.missing].tolist() if isinstance(word, str)]
    return f" ({words[0]})" if words else ""


def _words(column: Column, decimal: str) -> Iterator[tuple[int, str]]:
    """Yield the rows of words that are no numbers, and then all others."""
    later = []
    for row in np.flatnonzero(~column.missing).tolist():
        word = str(column.values[row])
        lone = Column("", np.array([word], dtype=object), np.zeros(1, dtype=bool), 1)
        if numbers_of(lone, decimal) is None:
            yield row, word
        else:
            later.append((row, word))
    yield from later


def _categories(name: str, column: Column) -> _Part:
    """Return an input of 0 and 1 for each word."""
    words = sorted(set(column.values[~column.missing].tolist()))
    check_budget(8 * len(words) * len(column.values), f"an input for each word of {column.label}")
    values = []
    for word in words:
        hit = np.asarray(column.values == word, dtype=np.float64)
        hit[column.missing] = np.nan
        values.append(hit)
    listed = ", ".join(words[:8]) + (f" and {len(words) - 8} more" if len(words) > 8 else "")
    note = f"{column.label} is {len(words)} inputs of 0 and 1: {listed}"
    return _Part(tuple(f"{name}={word}" for word in words), tuple(values), note)

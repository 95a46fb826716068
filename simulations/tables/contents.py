"""What a file holds before anybody knows what it means: named columns, or named arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

# Numbers, or a sparse matrix of scipy.
AnyArray: TypeAlias = "NDArray[Any] | Any"

# Words that stand for no value, in tables of all kinds of programs; Excel speaks many languages.
NO_VALUE = frozenset(
    (
        *("", "NA", "N/A", "n/a", "na", "#N/A", "#NA", "#NV", "#N/D", "<NA>"),
        *("NULL", "Null", "null", "NaN", "NAN", "nan", "None", "?", "-", "--", ".", ".."),
    )
)

# Names of the column that is learned, the likeliest first; capitals do not matter.
TARGET_NAMES = ("y", "target", "label", "class", "targets", "labels")
# The column that marks training and test rows.
SPLIT_NAME = "split"
# So many numbers do not rise by chance: that would happen once in 10! = 3 628 800 times.
RISING = 10
# Columns that a note lists.
_LISTED = 10
# Names that say what a column is for, wherever they stand.
ROLE_NAMES = frozenset((*TARGET_NAMES, SPLIT_NAME))


@dataclass(frozen=True, eq=False)
class Column:
    """A column of a table.

    Parameters
    ----------
    name : str
        Its name; empty where the table has none for it.
    values : ndarray, shape (rows,)
        Numbers, booleans, times (``datetime64``), or words as an array of objects. All columns of
        a text file are words; `grokflow.simulations.tables.values` reads them as numbers.
    missing : ndarray of bool, shape (rows,)
        Where there is no value.
    place : int
        Its place in the file, from 1.
    is_index : bool
        Whether the table says that it names the rows, as data frames of pandas do.
    words : ndarray or None
        The words that numbers stood as, where they are kept: labels may differ in these alone.
    is_category : bool
        Whether the table says that its words name categories, also where they are digits.
    """

    name: str
    values: np.ndarray
    missing: np.ndarray
    place: int
    is_index: bool = False
    words: np.ndarray | None = None
    is_category: bool = False

    @property
    def label(self) -> str:
        """What messages call it: its name, or its place where it has none."""
        return f"column {self.name!r}" if self.name else f"column {self.place}"

    def at(self, rows: np.ndarray) -> Column:
        """Return some of the rows, chosen by a mask."""
        words = None if self.words is None else self.words[rows]
        return replace(self, values=self.values[rows], missing=self.missing[rows], words=words)

    @property
    def holds_words(self) -> bool:
        """Whether it holds text, which may be that of numbers."""
        return self.values.dtype.kind == "O"


def lacks_value(words: Sequence[str]) -> np.ndarray:
    """Return where words stand for no value; beside a plus sign a minus sign is one."""
    none = NO_VALUE - {"-"} if "+" in words else NO_VALUE
    return np.fromiter((word in none for word in words), bool, len(words))


@dataclass(frozen=True, eq=False)
class Columns:
    """A table as it stands in a file.

    Parameters
    ----------
    source : str
        What messages call the file.
    columns : tuple of Column
        The columns, of equal length.
    headed : bool
        Whether the file names its columns; otherwise they are called 1, 2, 3 and so on.
    notes : tuple of str
        What was guessed while the file was read: its encoding, a header that is not there.
    semicolons : bool
        Whether semicolons stand between the fields, as where the decimal mark is a comma.
    """

    source: str
    columns: tuple[Column, ...]
    headed: bool = True
    notes: tuple[str, ...] = ()
    semicolons: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(column.name for column in self.columns)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.columns[0].values) if self.columns else 0


def without_values(table: Columns, words: Sequence[str]) -> Columns:
    """Return a table in which some words, or numbers, stand for no value.

    Parameters
    ----------
    table : Columns
        The table.
    words : sequence of str
        The words; those between commas where no column holds the whole.

    Raises
    ------
    ValueError
        For a word that no column holds.
    """
    for text in words:
        marked = _without(table, text)
        parts = text.split(",") if marked is None else []
        for part in parts:
            if (marked := _without(marked or table, part)) is None:
                raise ValueError(
                    f"na is {part!r}, which no column of {table.source} holds, expected a word of "
                    "the data: check how it is written"
                )
        assert marked is not None
        table = marked
    return table


def _without(table: Columns, word: str) -> Columns | None:
    """Return a table in which one word stands for no value; None where no column holds it."""
    hits = [_holds(column, word) for column in table.columns]
    found = [(c, hit) for c, hit in zip(table.columns, hits, strict=True) if hit.any()]
    if not found:
        return None
    count, listed = sum(int(hit.sum()) for _, hit in found), [c.label for c, _ in found]
    more = f" and {len(listed) - _LISTED} more" if len(listed) > _LISTED else ""
    note = f"{word!r} read as no value, {count} times: {', '.join(listed[:_LISTED])}{more}"
    columns = tuple(
        replace(column, missing=column.missing | hit)
        for column, hit in zip(table.columns, hits, strict=True)
    )
    return replace(table, columns=columns, notes=(*table.notes, note))


def _holds(column: Column, word: str) -> np.ndarray:
    """Return where a column holds a word, or the number that it is."""
    if column.words is not None or column.holds_words:
        words = column.values if column.words is None else column.words
        return np.asarray(words == word, dtype=bool)
    if column.values.dtype.kind not in "iuf":
        return np.zeros(len(column.values), dtype=bool)
    try:
        return np.asarray(column.values == float(word))
    except ValueError:
        return np.zeros(len(column.values), dtype=bool)


@dataclass(frozen=True, eq=False)
class Arrays:
    """Arrays by name, as an ``.npz`` or ``.mat`` file holds them.

    Parameters
    ----------
    source : str
        What messages call the file.
    arrays : mapping
        Arrays of numpy, or sparse matrices of scipy.
    notes : tuple of str
        What was changed while the file was read.
    reader : str
        What messages name to get the arrays alone.
    """

    source: str
    arrays: Mapping[str, AnyArray]
    notes: tuple[str, ...] = ()
    reader: str = "numpy.load"


Contents: TypeAlias = Columns | Arrays

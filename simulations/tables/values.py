"""From columns to numbers and to the matrix of inputs: marks, thousands, truth, dates, gaps."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from grokflow.simulations.tables.compression import check_budget
from grokflow.simulations.tables.contents import Column
from grokflow.simulations.tables.doubts.rounding import remark_on_rounding
from grokflow.simulations.tables.doubts.words import (
    AS_NO_VALUE,
    are_mostly_numbers,
    likely_cause,
    signs_of,
)
from grokflow.simulations.tables.reading import Reading, spelled
from grokflow.simulations.tables.text.marks import (
    NUMBERS,
    PLAIN_CHARACTERS,
    all_match,
    remarks_on_marks,
    shown,
    with_point,
)
from grokflow.theory.merged import LARGEST_WHOLE

_DATE = re.compile(
    r"\d{4}-\d{1,2}-\d{1,2}([T ].*)?|\d{4}/\d{1,2}/\d{1,2}( .*)?"
    r"|\d{1,2}[/.]\d{1,2}[/.]\d{2,4}( .*)?"
    r"|\d{1,2}:\d{2}(:\d{2}(\.\d*)?)?"
)
# Excel writes truth in the language of its user.
_TRUTH = dict.fromkeys(("true", "wahr", "vrai"), 1.0) | dict.fromkeys(
    ("false", "falsch", "faux"), 0.0
)


def numbers_of(column: Column, decimal: str = ".") -> np.ndarray | None:
    """Return a column as float64, NaN where it has no value; None where it is no numbers.

    Parameters
    ----------
    column : Column
        Numbers, booleans, or words that may be those of numbers.
    decimal : str
        The decimal mark of words, as `decimal_mark` finds it.
    """
    if column.values.dtype.kind in "biuf":
        found = column.values.astype(np.float64)
    elif column.holds_words and (holds_truth(column) or not column.is_category):
        parsed = _parsed(column.values[~column.missing].tolist(), decimal)
        if parsed is None:
            return None
        found = np.empty(len(column.values))
        found[~column.missing] = parsed
    else:
        return None
    found[column.missing] = np.nan
    return found


def holds_times(column: Column) -> bool:
    """Whether a column holds dates or times of day."""
    if column.values.dtype.kind in "mM":
        return True
    if not column.holds_words:
        return False
    words = column.values[~column.missing].tolist()
    return bool(words) and all(_DATE.fullmatch(word) for word in words)


def holds_truth(column: Column) -> bool:
    """Whether a column holds True and False."""
    if not column.holds_words:
        return column.values.dtype.kind == "b"
    words = column.values[~column.missing].tolist()
    return bool(words) and words[0].lower() in _TRUTH and {w.lower() for w in words} <= set(_TRUTH)


def _parsed(words: list[str], decimal: str) -> np.ndarray | None:
    """Return the numbers that words are, all or none."""
    if {word.lower() for word in words[:1]} <= set(_TRUTH):
        lower = [word.lower() for word in words]
        if words and set(lower) <= set(_TRUTH):
            return np.array([_TRUTH[word] for word in lower])
    if decimal == "." and set("".join(words)) <= PLAIN_CHARACTERS:
        try:
            return np.fromiter(map(float, words), float, len(words))
        except ValueError:
            return None
    if not all(NUMBERS[decimal].fullmatch(word) for word in words):
        return None
    return np.array([float(with_point(word, decimal)) for word in words])


class Matrix(NamedTuple):
    """Inputs of shape (rows, d), NaN where there is no value, their names, and notes.

    The column from which each input was made goes by the name of ``columns``.
    """

    x: np.ndarray
    names: tuple[str, ...]
    notes: tuple[str, ...]
    columns: tuple[str, ...]


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
    plain = _numeric_matrix(columns)
    if plain is not None:
        x, names = plain, tuple(_shown_name(column) for column in columns)
        sources = names
        large = np.flatnonzero(np.fmax.reduce(np.abs(x), initial=0.0) >= LARGEST_WHOLE)
        said = (remark_on_rounding(columns[i], x[:, i]) for i in large)
        notes = [note for note in said if note]
    else:
        parts = [_part(column, decimal, reading) for column in columns]
        names = tuple(name for part in parts for name in part.names)
        widths = zip(columns, parts, strict=True)
        sources = tuple(_shown_name(column) for column, part in widths for _ in part.names)
        check_budget(8 * len(names) * len(columns[0].values), f"a table of {len(names)} inputs")
        x = np.column_stack([values for part in parts for values in part.values])
        notes = [part.note for part in parts if part.note]
    _check_infinite(x, names)
    truth = [column.label for column in columns if holds_truth(column)]
    if truth:
        more = ", ..." if len(truth) > 10 else ""
        notes.append(f"True read as 1, False as 0: {', '.join(truth[:10])}{more}")
    notes += remarks_on_marks(columns, decimal)
    return Matrix(x, names, tuple(notes), sources)


def _numeric_matrix(columns: tuple[Column, ...]) -> np.ndarray | None:
    """Return columns of numbers as a matrix, or None where some hold something else."""
    if any(column.values.dtype.kind not in "biuf" for column in columns):
        return None
    check_budget(9 * len(columns) * len(columns[0].values), f"a table of {len(columns)} inputs")
    x = np.array([column.values for column in columns], dtype=np.float64)
    x[np.array([column.missing for column in columns])] = np.nan
    return np.ascontiguousarray(x.T)


def _check_infinite(x: np.ndarray, names: tuple[str, ...]) -> None:
    """Refuse infinite inputs, by column and row."""
    if np.isinf(x).any():
        row, column = (int(place) for place in np.argwhere(np.isinf(x))[0])
        raise ValueError(
            f"column {names[column]!r} is {x[row, column]} in row {row + 1}, expected finite "
            f"numbers: {_away(names[column])}, or mend the row"
        )


def _shown_name(column: Column) -> str:
    return column.name or str(column.place)


def _away(name: str) -> str:
    return f"{spelled('drop', name)} leaves the column out"


def _part(column: Column, decimal: str, reading: Reading) -> _Part:
    """Return what one column becomes."""
    name = _shown_name(column)
    if holds_times(column):
        raise ValueError(
            f"{column.label} holds dates or times{_shown(column)}, expected numbers: {_away(name)}"
        )
    numbers = numbers_of(column, decimal)
    if numbers is not None:
        return _Part((name,), (numbers,), remark_on_rounding(column, numbers))
    words = column.values[~column.missing].tolist()
    many = not column.is_category and are_mostly_numbers(words, is_number)
    if reading.categories and not many:
        return _categories(name, column)
    check_one_mark(column, decimal)
    cause = likely_cause(words, is_number)
    more = f"; {cause}" if cause else ""
    if not many and (not cause or cause.endswith(AS_NO_VALUE)):
        more += ", categories=True (--categories) makes an input of each word"
    raise ValueError(f"{_odd_word(column, decimal)}, expected numbers: {_away(name)}{more}")


def check_labels(column: Column, decimal: str, *, regression: bool) -> None:
    """Refuse words as labels where they are numbers but for a few, or numbers are asked for.

    Parameters
    ----------
    column : Column
        Words that are not all numbers.
    decimal : str
        The decimal mark.
    regression : bool
        Whether the labels shall be numbers.
    """
    check_one_mark(column, decimal)
    words = column.values[~column.missing].tolist()
    cause = likely_cause(words, is_number)
    many = not column.is_category and are_mostly_numbers(words, is_number)
    if many or (regression and cause):
        raise ValueError(f"{_odd_word(column, decimal)}, expected numbers as labels: {cause}")


def is_number(word: str) -> bool:
    """Whether a word is a number with either decimal mark."""
    return any(pattern.fullmatch(word) for pattern in NUMBERS.values())


def _odd_word(column: Column, decimal: str) -> str:
    """Name the first word of a column that is no number with any mark, or else with this one."""
    rows = [(row, str(column.values[row])) for row in np.flatnonzero(~column.missing).tolist()]
    odd = [pair for pair in rows if not is_number(pair[1]) and pair[1].lower() not in _TRUTH]
    unread = [pair for pair in rows if not NUMBERS[decimal].fullmatch(pair[1])]
    row, word = (odd or unread or rows)[0]
    return f"{column.label} holds {word!r} in row {row + 1}"


def check_one_mark(column: Column, decimal: str) -> None:
    """Refuse words that are numbers with the other decimal mark alone."""
    other = "." if decimal == "," else ","
    if not column.is_category and all_match(column, other) and not all_match(column, decimal):
        named = {",": "comma", ".": "point"}[decimal]
        raise ValueError(
            f"{column.label} holds {shown(column, other)!r}, which has no decimal {named} as other "
            "columns have, or as was asked for, expected one decimal mark: write all numbers with "
            "the same"
        )


def _shown(column: Column) -> str:
    """Return the first value of a column of words, in brackets."""
    words = [word for word in column.values[~column.missing].tolist() if isinstance(word, str)]
    return f" ({words[0]})" if words else ""


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
    if signs := signs_of(words):
        note += f"; to read it as one input of numbers write them without {signs}"
    return _Part(tuple(f"{name}={word}" for word in words), tuple(values), note)

"""From columns to numbers and to the matrix of inputs: marks, thousands, truth, dates, gaps."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from grokflow.simulations.tables.compression import check_budget
from grokflow.simulations.tables.contents import Column
from grokflow.simulations.tables.doubts.rounding import remark_on_rounding
from grokflow.simulations.tables.doubts.words import likely_cause
from grokflow.simulations.tables.reading import Reading, spelled

_PLAIN_CHARACTERS = set("0123456789+-.eE")
_DATE = re.compile(
    r"\d{4}-\d{1,2}-\d{1,2}([T ].*)?|\d{4}/\d{1,2}/\d{1,2}( .*)?"
    r"|\d{1,2}[/.]\d{1,2}[/.]\d{2,4}( .*)?"
    r"|\d{1,2}:\d{2}(:\d{2}(\.\d*)?)?"
)
# Excel writes truth in the language of its user.
_TRUTH = dict.fromkeys(("true", "wahr", "vrai"), 1.0) | dict.fromkeys(
    ("false", "falsch", "faux"), 0.0
)


def _pattern(mark: str, thousands: str) -> re.Pattern[str]:
    grouped = rf"[1-9]\d{{0,2}}([{thousands} '\u00a0\u202f]\d{{3}})+"
    return re.compile(
        rf"[+-]?(({grouped}|\d+)({mark}\d*)?|{mark}\d+)([eE][+-]?\d+)?", flags=re.ASCII
    )


# How a number is written with each decimal mark; the other mark may separate thousands.
_NUMBERS = {".": _pattern(r"\.", ","), ",": _pattern(",", r"\.")}


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


def decimal_mark(
    columns: Sequence[Column], wanted: str | None = None, *, semicolons: bool = False
) -> str:
    """Return the decimal mark of a table of words.

    A number such as 1,100 has a decimal comma or a comma between thousands; where semicolons stand
    between the fields, a comma is as likely a decimal mark, and 1.100 is as open.

    Parameters
    ----------
    columns : sequence of Column
        All columns of a text file.
    wanted : str, optional
        What the user says.
    semicolons : bool
        Whether semicolons stand between the fields.

    Raises
    ------
    ValueError
        Where the numbers can be read with either mark, or some with one and some with the other.
    """
    if wanted is not None:
        return wanted
    marks = _marks_of([column for column in columns if column.holds_words], semicolons)
    if marks.commas and marks.points:
        comma, point = marks.commas[0], marks.points[0]
        raise ValueError(
            f"{comma.label} has {_first(comma)!r} and {point.label} {_first(point, '.')!r}, "
            f"expected one decimal mark: say which it is with {_EITHER_MARK}"
        )
    undecided = not marks.commas and not marks.points
    if marks.open_commas and undecided:
        raise ValueError(
            f"{marks.open_commas[0].label} has {_first(marks.open_commas[0])!r}, whose comma may "
            f"be a decimal mark or that of thousands: say which with {_EITHER_MARK}"
        )
    if marks.open_points and undecided and semicolons:
        raise ValueError(
            f"{marks.open_points[0].label} has {_first(marks.open_points[0], '.')!r}, whose point "
            "may be a decimal mark or, as semicolons stand between the fields, that of thousands: "
            f"say which with {_EITHER_MARK}"
        )
    return "," if marks.commas else "."


_EITHER_MARK = "decimal=',' (--decimal ,) or decimal='.' (--decimal .)"


class _Marks(NamedTuple):
    """Columns whose numbers can be read with a decimal comma alone, with a point alone, or both."""

    commas: list[Column]
    points: list[Column]
    open_commas: list[Column]
    open_points: list[Column]

    def add(self, column: Column, text: str) -> None:
        """Sort a column in, whose words joined are `text`."""
        as_comma, as_point = _all_match(column, ","), _all_match(column, ".")
        if as_comma and as_point:
            if "," in text or "." in text:
                (self.open_commas if "," in text else self.open_points).append(column)
        elif as_comma or as_point:
            (self.commas if as_comma else self.points).append(column)


def _marks_of(columns: Sequence[Column], semicolons: bool) -> _Marks:
    """Sort columns of words by their marks; points say nothing unless a comma is in doubt."""
    marks, plain = _Marks([], [], [], []), []
    for column in columns:
        text = "".join(column.values[~column.missing].tolist())
        if not set(text) <= _PLAIN_CHARACTERS:
            marks.add(column, text)
        elif "." in text:
            plain.append((column, text))
    if semicolons or marks.commas or marks.open_commas:
        for column, text in plain:
            if not marks.points:  # one of them is enough
                marks.add(column, text)
    return marks


def _all_match(column: Column, mark: str) -> bool:
    words = column.values[~column.missing].tolist()
    return bool(words) and all(_NUMBERS[mark].fullmatch(word) for word in words)


def _first(column: Column, mark: str = ",") -> str:
    words = column.values[~column.missing].tolist()
    return next((str(word) for word in words if mark in word), str(words[0]))


def _parsed(words: list[str], decimal: str) -> np.ndarray | None:
    """Return the numbers that words are, all or none."""
    if {word.lower() for word in words[:1]} <= set(_TRUTH):
        lower = [word.lower() for word in words]
        if words and set(lower) <= set(_TRUTH):
            return np.array([_TRUTH[word] for word in lower])
    if decimal == "." and set("".join(words)) <= _PLAIN_CHARACTERS:
        try:
            return np.fromiter(map(float, words), float, len(words))
        except ValueError:
            return None
    if not all(_NUMBERS[decimal].fullmatch(word) for word in words):
        return None
    return np.array([float(_with_point(word, decimal)) for word in words])


def _with_point(word: str, decimal: str) -> str:
    """Return a number as Python writes it."""
    plain = re.sub(r"[ '\u00a0\u202f]", "", word)
    return plain.replace(",", "") if decimal == "." else plain.replace(".", "").replace(",", ".")


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
    plain = _numeric_matrix(columns)
    if plain is not None:
        x, names = plain, tuple(_shown_name(column) for column in columns)
        said = (remark_on_rounding(column, x[:, i]) for i, column in enumerate(columns))
        notes = [note for note in said if note]
    else:
        parts = [_part(column, decimal, reading) for column in columns]
        names = tuple(name for part in parts for name in part.names)
        check_budget(8 * len(names) * len(columns[0].values), f"a table of {len(names)} inputs")
        x = np.column_stack([values for part in parts for values in part.values])
        notes = [part.note for part in parts if part.note]
    _check_infinite(x, names)
    truth = [column.label for column in columns if holds_truth(column)]
    if truth:
        more = ", ..." if len(truth) > 10 else ""
        notes.append(f"True read as 1, False as 0: {', '.join(truth[:10])}{more}")
    return Matrix(x, names, tuple(notes))


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
    if reading.categories:
        return _categories(name, column)
    row, word = next(_words(column, decimal))
    check_one_mark(column, decimal)
    words = column.values[~column.missing].tolist()
    cause = likely_cause(words, lambda item: _NUMBERS[decimal].fullmatch(item) is not None)
    more = f"; {cause}" if cause else ", categories=True (--categories) makes an input of each word"
    raise ValueError(
        f"{column.label} holds {word!r} in row {row + 1}, expected numbers: {_away(name)}{more}"
    )


def check_one_mark(column: Column, decimal: str) -> None:
    """Refuse words that are numbers with the other decimal mark alone."""
    other = "." if decimal == "," else ","
    if decimal == "," and _all_match(column, other):
        raise ValueError(
            f"{column.label} holds {_first(column, other)!r}, which has no decimal comma as other "
            "columns have, expected one decimal mark: write all numbers with the same"
        )


def _shown(column: Column) -> str:
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

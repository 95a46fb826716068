"""From the values of a column to numbers: decimal marks, thousands, truth, dates, gaps."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from grokflow.simulations.tables.contents import Column

_PLAIN_CHARACTERS = set("0123456789+-.eE")
_DATE = re.compile(
    r"\d{4}-\d{1,2}-\d{1,2}([T ].*)?|\d{4}/\d{1,2}/\d{1,2}( .*)?"
    r"|\d{1,2}[/.]\d{1,2}[/.]\d{2,4}( .*)?"
    r"|\d{1,2}:\d{2}(:\d{2}(\.\d*)?)?"
)
_TRUTH = {"true": 1.0, "false": 0.0}


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
    elif column.holds_words:
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
    words = set(column.values[~column.missing].tolist())
    return bool(words) and {word.lower() for word in words} <= set(_TRUTH)


def decimal_mark(columns: Sequence[Column], wanted: str | None = None) -> str:
    """Return the decimal mark of a table of words.

    Parameters
    ----------
    columns : sequence of Column
        All columns of a text file.
    wanted : str, optional
        What the user says.

    Raises
    ------
    ValueError
        Where the numbers can be read with either mark, or some with one and some with the other.
    """
    if wanted is not None:
        return wanted
    worded = [column for column in columns if column.holds_words]
    marked = [column for column in worded if not _is_plain(column)]
    reading = {mark: [c for c in marked if _all_match(c, mark)] for mark in _NUMBERS}
    commas = [column for column in reading[","] if column not in reading["."]]
    open_ones = [
        column
        for column in reading[","]
        if column in reading["."] and "," in "".join(column.values[~column.missing].tolist())
    ]
    points = [column for column in reading["."] if column not in reading[","]]
    if commas or open_ones:
        plain = [column for column in worded if _is_plain(column) and _all_match(column, ".")]
        points += [column for column in plain if not _all_match(column, ",")]
    if commas and points:
        raise ValueError(
            f"{commas[0].label} has {_first(commas[0])!r} and {points[0].label} "
            f"{_first(points[0], '.')!r}, expected one decimal mark: say which it is with "
            "decimal=',' (--decimal ,) or decimal='.'"
        )
    if open_ones and not commas and not points:
        raise ValueError(
            f"{open_ones[0].label} has {_first(open_ones[0])!r}, whose comma may be a decimal mark "
            "or that of thousands: say which with decimal=',' (--decimal ,) or decimal='.'"
        )
    return "," if commas else "."


def _is_plain(column: Column) -> bool:
    """Whether there is no mark in a column but the decimal points of Python."""
    return set("".join(column.values[~column.missing].tolist())) <= _PLAIN_CHARACTERS


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

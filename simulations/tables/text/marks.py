"""Decimal marks and those between thousands, in columns of words that are numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from grokflow.simulations.tables.contents import Column

# Minus signs and dashes that stand for the minus of programs, as texts that are set have them.
MINUS = "\u2212\u2010\u2011\u2013\ufe63\uff0d"
PLAIN_CHARACTERS = set("0123456789+-.eE")


def _pattern(mark: str, thousands: str) -> re.Pattern[str]:
    grouped = rf"[1-9]\d{{0,2}}([{thousands} '\u00a0\u202f]\d{{3}})+"
    return re.compile(
        rf"[+{MINUS}-]?(({grouped}|\d+)({mark}\d*)?|{mark}\d+)([eE][+{MINUS}-]?\d+)?",
        flags=re.ASCII,
    )


# How a number is written with each decimal mark; the other mark may separate thousands.
NUMBERS = {".": _pattern(r"\.", ","), ",": _pattern(",", r"\.")}


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
            f"{comma.label} has {shown(comma)!r} and {point.label} {shown(point, '.')!r}, "
            f"expected one decimal mark: say which it is with {_EITHER_MARK}"
        )
    undecided = not marks.commas and not marks.points
    if marks.open_commas and undecided:
        raise ValueError(
            f"{marks.open_commas[0].label} has {shown(marks.open_commas[0])!r}, whose comma may "
            f"be a decimal mark or that of thousands: say which with {_EITHER_MARK}"
        )
    if marks.open_points and undecided and semicolons:
        raise ValueError(
            f"{marks.open_points[0].label} has {shown(marks.open_points[0], '.')!r}, whose point "
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
        as_comma, as_point = all_match(column, ","), all_match(column, ".")
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
        if not set(text) <= PLAIN_CHARACTERS:
            marks.add(column, text)
        elif "." in text:
            plain.append((column, text))
    if semicolons or marks.commas or marks.open_commas:
        for column, text in plain:
            if not marks.points:  # one of them is enough
                marks.add(column, text)
    return marks


def all_match(column: Column, mark: str) -> bool:
    """Whether all words of a column are numbers with this decimal mark."""
    words = column.values[~column.missing].tolist()
    return bool(words) and all(NUMBERS[mark].fullmatch(word) for word in words)


def shown(column: Column, mark: str = ",") -> str:
    """Return the first word with a mark, or else the first word."""
    words = column.values[~column.missing].tolist()
    return next((str(word) for word in words if mark in word), str(words[0]))


def with_point(word: str, decimal: str) -> str:
    """Return a number as Python writes it."""
    plain = re.sub(rf"[{MINUS}]", "-", re.sub(r"[ '\u00a0\u202f]", "", word))
    return plain.replace(",", "") if decimal == "." else plain.replace(".", "").replace(",", ".")


def remarks_on_marks(columns: Sequence[Column], decimal: str) -> tuple[str, ...]:
    """Say which marks were read as those between thousands, and which as minus signs.

    Parameters
    ----------
    columns : sequence of Column
        Columns that may be words of numbers.
    decimal : str
        The decimal mark with which they are read.
    """
    thousands = (", " if decimal == "." else ". ") + "'\u00a0\u202f"
    named = "points or blanks" if decimal == "," else "commas or blanks"
    said = (
        _remark(f"{named} between thousands", thousands, columns, decimal),
        _remark("dashes as minus signs", MINUS, columns, decimal),
    )
    return tuple(filter(None, said))


def _remark(what: str, marks: str, columns: Sequence[Column], decimal: str) -> str:
    """Say which columns of numbers have some of these marks, with an example of each."""
    found = []
    for column in columns:
        if not column.holds_words:
            continue
        words = column.values[~column.missing].tolist()
        if set(marks).isdisjoint("".join(words)) or not all_match(column, decimal):
            continue
        word = next(word for word in words if not set(marks).isdisjoint(word))
        found.append(f"{column.label} has {word} as {float(with_point(word, decimal)):.15g}")
    more = f" and {len(found) - 10} more columns" if len(found) > 10 else ""
    return f"{what}: {', '.join(found[:10])}{more}" if found else ""

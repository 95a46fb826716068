"""Text with delimiters: which one it is, whether there is a header, and its columns as words.

The fields are split by the `csv` module of Python, which on tables of the sizes that people have
is faster than the readers of pyarrow, polars and pandas, because it starts at once.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Sequence, Set
from itertools import chain, islice, pairwise, repeat
from typing import NamedTuple

import numpy as np

from grokflow.simulations.tables.compression import Text, Unreadable, check_budget
from grokflow.simulations.tables.contents import (
    NO_VALUE,
    RISING,
    ROLE_NAMES,
    Column,
    Columns,
    lacks_value,
)
from grokflow.simulations.tables.reading import one_line
from grokflow.simulations.tables.text.blanks import split_at_blanks
from grokflow.simulations.tables.text.large import LARGE, columns_of_large
from grokflow.simulations.tables.text.marks import MINUS

# A comma comes last: it is a decimal comma where another delimiter fits as well.
_DELIMITERS = "\t;|,"
# Rows by which the delimiter is found.
_SAMPLE = 50
# From so many columns on they are read together, where all of them are plain numbers.
_WIDE = 1000
# Bytes that Python takes for one field and its place in a row.
_FIELD_BYTES = 70
# A number whose point is not one between thousands.
_POINTED = re.compile(r"[+-]?(0\.\d+|\d+\.(\d{1,2}|\d{4,}))")
_SIGN = f"[+{MINUS}-]?"
_NUMBER = re.compile(
    rf"{_SIGN}(\d+([.,]\d*)*|[.,]\d+)([eE]{_SIGN}\d+)?|{_SIGN}(inf|infinity)", re.IGNORECASE
)

Rows = list[list[str]]


class _Header(NamedTuple):
    """The names of the columns, whether they stand in the file, and where the data begin."""

    names: list[str]
    found: bool
    first: int


def read_delimited(source: str, text: Text, named: Set[str] = frozenset()) -> Columns:
    """Return the columns of a text file, all of them as words.

    Parameters
    ----------
    source : str
        What messages call the file.
    text : Text
        Its text; the notes on its encoding are kept.
    named : set of str
        Names of columns that the user gives; a first line that has one is a header.

    Raises
    ------
    Unreadable
        For text without two columns and a row, and for rows of unequal length.
    """
    if len(text.text) >= LARGE and (large := _large_table(source, text, named)) is not None:
        return large
    rows, delimiter = _split_text(text.text)
    if not rows:
        raise Unreadable("it is empty, expected a header line and rows")
    _check_first_row(text.text, rows, delimiter)
    header = _header(rows, named)
    body = rows[header.first :]
    names = _with_row_names(header.names, body)
    _check_lengths(names, body, header.first)
    columns, notes = tuple(_columns(names, body)), (*text.notes, *_said(header))
    return Columns(source, columns, header.found, notes, semicolons=delimiter == ";")


def _large_table(source: str, text: Text, named: Set[str]) -> Columns | None:
    """Return the columns of a large text that is plain; None for one to be read with more care."""
    lines = list(islice(io.StringIO(text.text, newline=""), _SAMPLE))
    if not lines[0].strip() or lines[0].lstrip().startswith(("#", "%", "sep=")):
        return None
    if len(lines) < _SAMPLE:
        return None  # few rows that are long
    rows, delimiter = _split_text("".join(lines))
    _check_first_row(text.text, rows, delimiter)
    header = _header(rows, named)
    names = _with_row_names(header.names, rows[header.first :])
    pointed = any(_POINTED.fullmatch(field) for row in rows[header.first :] for field in row)
    if delimiter == ";" and not pointed:
        return None  # which decimal mark it is must be found out
    columns = columns_of_large(text.text, names, delimiter, header.first)
    if columns is None:
        return None
    return Columns(source, tuple(columns), header.found, (*text.notes, *_said(header)))


def _said(header: _Header) -> tuple[str, ...]:
    """Say where there is no header, or one with numbers for names."""
    if not header.found:
        return (f"no header line: the columns are called 1 to {len(header.names)}",)
    if any(_NUMBER.fullmatch(name) for name in header.names):
        listed = ", ".join(header.names[:4]) + (", ..." if len(header.names) > 4 else "")
        return (f"the first line, {listed}, is read as the names of the columns",)
    return ()


def header_of(text: Text) -> tuple[str, ...]:
    """Return the names in the header of a text that may be cut off; none where there is none."""
    lines = list(io.StringIO(text.text, newline=""))
    try:
        cut = len(lines) > 1 and not lines[-1].endswith(("\n", "\r"))
        rows = _split_text("".join(lines[:-1] if cut else lines)).rows
    except Unreadable:
        return ()
    found = _header(rows) if rows else _Header([], False, 0)
    while found.names and not found.names[-1]:  # a comma at the end of each line
        found.names.pop()
    return tuple(found.names) if found.found else ()


class _Fields(NamedTuple):
    """The rows of a text as fields, and what stood between these."""

    rows: Rows
    delimiter: str


def _split_text(text: str) -> _Fields:
    """Split text into rows of fields; blank lines and comments before the header count for none."""
    lines = list(io.StringIO(text, newline=""))
    first = next((line for line in lines if line.strip()), "")
    told = re.fullmatch(r"sep=(.)\s*", first)
    if told:  # a line that Excel writes and reads
        lines = lines[lines.index(first) + 1 :]
    lines = _without_comments(lines)
    delimiter = told[1] if told else _delimiter(lines)
    check_budget(_FIELD_BYTES * (sum(line.count(delimiter) + 1 for line in lines)), "its table")
    return _Fields(_split(lines, delimiter), delimiter)


def _without_comments(lines: list[str]) -> list[str]:
    """Drop comments at the top; numpy writes the header as one, so the last may be the header."""
    count = 0
    while count < len(lines) and lines[count].lstrip().startswith(("#", "%")):
        count += 1
    if not 0 < count < len(lines):
        return lines
    header = lines[count - 1].lstrip().lstrip("#%").lstrip()
    delimiter = _delimiter(lines[count:])
    wide = len(_fields(header, delimiter)) == len(_fields(lines[count], delimiter)) > 1
    return [header, *lines[count:]] if wide else lines[count:]


def _fields(line: str, delimiter: str) -> list[str]:
    return next(iter(_split([line], delimiter)), [])


def _split(lines: Iterable[str], delimiter: str) -> Rows:
    """Split lines into fields; a field in quotes may hold delimiters and ends of lines."""
    if delimiter == " ":
        return split_at_blanks(lines)
    csv.field_size_limit(2**31 - 1)
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True)
    try:
        return [row for row in reader if any(field.strip() for field in row)]
    except csv.Error as error:
        raise Unreadable(f"line {reader.line_num}: {error}") from None


def _delimiter(lines: list[str]) -> str:
    """Return the delimiter by which the first rows have most evenly more than one field."""
    sample = [line for line in islice(lines, _SAMPLE) if line.strip()]
    best, found = (0.0, 0), ","
    together = "".join(sample)
    for delimiter in (mark for mark in _DELIMITERS + " " if mark in together):
        counts = Counter(len(row) for row in _sample_rows(sample, delimiter))
        if not counts:
            continue
        width, share = counts.most_common(1)[0]
        # Evenness in tenths: one bad row shall be named, not change the delimiter.
        quality = (round(10 * share / len(sample)) / 10, 0)
        if width > 1 and quality > best:
            best, found = quality, delimiter
    return found


def _sample_rows(sample: Sequence[str], delimiter: str) -> Rows:
    try:
        return _split(sample, delimiter)
    except Unreadable:
        return []


def _header(rows: Rows, asked: Set[str] = frozenset()) -> _Header:
    """Say whether the first row is a header: words, words above numbers, or numbers that count."""
    first = [field.strip() for field in rows[0]]
    numbers = _numbers(first)
    lone = len(rows) == 1 and len(first) == 1  # as likely a word as a name
    named = not numbers or _names_above(first, rows[1:], asked) or _counts(first, numbers)
    if lone or not named:
        return _Header([str(i + 1) for i in range(len(first))], False, 0)
    return _Header(first, True, 1)


def _names_above(first: list[str], below: Rows, asked: Set[str] = frozenset()) -> bool:
    """Whether a column begins with a name: a word above numbers or classes, or one to be known.

    That of a target is known, and one that the user gives. A word above words is a name where it
    stands among so many rising numbers as no row of data has by chance.
    """
    sample = [row for row in islice(below, _SAMPLE) if len(row) == len(first)]
    numbers = _numbers(first)
    rising = _rising(numbers)
    many = rising and len(numbers) >= RISING and not _rising(_numbers(sample[0] if sample else []))
    for name, fields in zip(first, zip(*sample, strict=True), strict=False):
        if not name or _NUMBER.fullmatch(name) or name in NO_VALUE:
            continue
        words = [field.strip() for field in fields if field.strip() not in NO_VALUE]
        if rising and words and all(_NUMBER.fullmatch(word) for word in words):
            return True
        known = name.lower() in ROLE_NAMES or one_line(name) in asked
        above = many and len(set(words)) <= len(words) / 2
        if (known or above) and name not in words:
            return True
    return False


def _check_first_row(text: str, rows: Rows, delimiter: str) -> None:
    """Refuse other lines above the header: each has fewer fields than it, or blanks at the end."""
    most = 0
    for place, row in enumerate(rows[:_SAMPLE]):
        fields = [field.strip() for field in row]
        filled = "".join(["x" if field else " " for field in fields]).rstrip()
        if 0 < most < len(filled) and " " not in filled and _is_named(fields, rows[place + 1 :]):
            lines = enumerate(io.StringIO(text, newline=""), 1)
            line = next((i for i, line in lines if row in _sample_rows([line], delimiter)), place)
            listed = ", ".join(fields[:4]) + (", ..." if len(filled) > 4 else "")
            raise Unreadable(
                f"its header seems to be in line {line} ({listed}), expected in the first line: "
                "delete the lines above it, or name every column in the first line"
            )
        most = max(most, len(filled))


def _is_named(fields: list[str], below: Rows) -> bool:
    """Whether a row below others is a header, and no row of data that begins with odd words."""
    numbers = _numbers(fields)
    if not numbers:
        return _names_above(fields, below)
    return len(numbers) > 2 and (_names_above(fields, below) or _counts(fields, numbers))


def _numbers(row: list[str]) -> list[str]:
    """Return the fields of a row that are numbers."""
    return [field.strip() for field in row if _NUMBER.fullmatch(field.strip())]


def _rising(numbers: list[str]) -> bool:
    """Whether numbers may be names in their order: years, wavelengths, or one or two whole ones."""
    if any(not word.replace(".", "", 1).isdecimal() for word in numbers):
        return False
    whole = len(numbers) > 2 or all(word.isdecimal() for word in numbers)
    return whole and all(float(before) < float(after) for before, after in pairwise(numbers))


def _counts(first: list[str], numbers: list[str]) -> bool:
    """Whether the numbers of a first row count its columns, from 0 or 1, or are years in turn."""
    counted = [str(i) for i in range(len(numbers))], [str(i + 1) for i in range(len(numbers))]
    if numbers in counted:
        return len(numbers) < len(first) or len(numbers) > 3
    if len(numbers) < 3 or not all(re.fullmatch(r"1[89]\d\d|20\d\d", word) for word in numbers):
        return False
    steps = {int(after) - int(before) for before, after in pairwise(numbers)}
    return len(steps) == 1 and steps != {0}


def _plain_numbers(body: Rows) -> np.ndarray | None:
    """Return a table of numbers without gaps and marks of other kinds, read at once; else None."""
    fields = list(chain.from_iterable(body))
    if not set("".join(fields)) <= set("0123456789+-.eE"):
        return None
    try:
        return np.fromiter(map(float, fields), float, len(fields)).reshape(len(body), -1)
    except ValueError:
        return None


def _with_row_names(names: list[str], body: Rows) -> list[str]:
    """Add a nameless first column where every row has one field more, as R writes row names."""
    if body and all(len(row) == len(names) + 1 for row in body):
        trailing = all(not row[-1].strip() for row in body)
        return [*names, ""] if trailing else ["", *names]
    return names


def _check_lengths(names: list[str], body: Rows, skipped: int) -> None:
    """Refuse rows of another length than the header, and files without rows."""
    if not body:
        raise Unreadable("it has a header and no rows, expected rows below it")
    for i, row in enumerate(body):
        if len(row) != len(names):
            raise Unreadable(
                f"row {i + 1} has {len(row)} fields, expected {len(names)} as in the "
                f"{'header' if skipped else 'first row'}: mend the row"
            )


def _columns(names: list[str], body: Rows) -> Iterable[Column]:
    """Yield the columns; those without a name and a value, as after a last comma, are none."""
    if len(names) > _WIDE and (numbers := _plain_numbers(body)) is not None:
        words, present = np.array(body, dtype=object), np.zeros(len(body), dtype=bool)
        places, plain = range(1, len(names) + 1), repeat(False)
        yield from map(Column, names, numbers.T, repeat(present), places, plain, words.T)
        return
    for place, (name, fields) in enumerate(zip(names, zip(*body, strict=True), strict=True), 1):
        stripped = [field.strip() for field in fields]
        words = np.empty(len(fields), dtype=object)
        words[:] = stripped
        missing = lacks_value(stripped)
        if name or not missing.all():
            yield Column(name, words, missing, place)

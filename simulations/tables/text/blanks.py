"""Text with blanks between its fields, of which those in quotes may hold blanks: R writes so."""

from __future__ import annotations

import re
from collections.abc import Iterable

from grokflow.simulations.tables.compression import Unreadable

# A field in quotes, in which a quote is doubled or stands behind a backslash; a word; the end of a
# line; a quote that has no end. One of them fits at every character but the blanks between fields.
_PIECES = re.compile(
    r'"([^"\\]*(?:(?:\\"|""|\\)[^"\\]*)*)"(?!\S)|([^"\s]\S*)|(\r\n?|\n)|(")',
)
_QUOTE_INSIDE = re.compile(r'\\"|""')


def split_at_blanks(lines: Iterable[str]) -> list[list[str]]:
    r"""Split lines into fields at blanks; those in quotes are one field without the quotes.

    Parameters
    ----------
    lines : iterable of str
        The lines, with their ends.

    Raises
    ------
    Unreadable
        For a field that begins with a quote and does not end with one.

    Examples
    --------
    >>> from grokflow.simulations.tables.text.blanks import split_at_blanks
    >>> split_at_blanks(['"Subject 1"  1.5 no\n', '"Subject 2" 2.5 "not yet"\n'])
    [['Subject 1', '1.5', 'no'], ['Subject 2', '2.5', 'not yet']]
    """
    text = "".join(lines)
    if '"' not in text:
        return [fields for line in re.split(r"\r\n?|\n", text) if (fields := line.split())]
    rows: list[list[str]] = [[]]
    for piece in _PIECES.finditer(text):
        if piece[4]:
            line = len(re.findall(r"\r\n?|\n", text[: piece.start()])) + 1
            raise Unreadable(
                f"line {line}: a quote has no end before a blank, expected fields in two quotes or "
                "in none: mend the line"
            )
        if piece[3]:
            rows.append([])
        else:
            rows[-1].append(piece[2] if piece[1] is None else _QUOTE_INSIDE.sub('"', piece[1]))
    return [fields for fields in rows if fields]

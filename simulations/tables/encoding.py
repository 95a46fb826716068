"""From bytes to text: byte-order marks, UTF-16, UTF-8, and what older programs write."""

from __future__ import annotations

import codecs
from typing import NamedTuple

from grokflow.simulations.tables.compression import Unreadable

# The longer marks first: that of UTF-32 begins with that of UTF-16.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


class Text(NamedTuple):
    """Text, and what was guessed about its encoding."""

    text: str
    notes: tuple[str, ...] = ()


def decoded(data: bytes) -> Text:
    """Return bytes as text.

    A byte-order mark decides; without one, every second byte zero means UTF-16, and what is no
    UTF-8 is read as Windows-1252, with a note.

    Raises
    ------
    Unreadable
        For bytes that are no text.
    """
    encoding = next((name for mark, name in _MARKS.items() if data.startswith(mark)), None)
    notes: tuple[str, ...] = ()
    if encoding is None:
        encoding = _without_mark(data[:1000])
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        if encoding != "utf-8":
            raise Unreadable(f"its bytes are no {encoding.upper()}: save it as UTF-8") from None
        text = data.decode("cp1252", errors="replace")
        notes = ("the text is no UTF-8 and was read as Windows-1252 (latin-1)",)
    if "\0" in text:
        raise Unreadable("it holds zero bytes, expected text: save it as UTF-8 text")
    return Text(text, notes)


def _without_mark(head: bytes) -> str:
    """Guess the encoding from where the first bytes are zero; ASCII in UTF-16 has every other."""
    for first, name in ((1, "utf-16-le"), (0, "utf-16-be")):
        zeros, others = head[first::2], head[1 - first :: 2]
        if len(zeros) > 1 and not any(zeros) and all(others):
            return name
    return "utf-8"

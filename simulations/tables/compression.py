"""The bytes of a file, decompressed, never more of them than memory holds; and their text."""

from __future__ import annotations

import codecs
import os
import re
import zipfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

# Where a compressed stream is recognised: by its first bytes, not by the name of the file.
_MAGIC = {
    rb"\x1f\x8b": "gzip",
    rb"\x28\xb5\x2f\xfd": "zstd",
    rb"BZh[1-9](1AY&|\x17rE8)": "bz2",
    rb"\xfd7zXZ": "xz",
}

# The longer marks first: that of UTF-32 begins with that of UTF-16.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


class Unreadable(ValueError):
    """A file cannot be read; the message says why, and the reader adds which file it is."""


@runtime_checkable
class _Stream(Protocol):
    def read(self, size: int, /) -> bytes: ...


def budget() -> int:
    """Return how many bytes one file may take in memory: half of what the machine has."""
    return int(os.sysconf("SC_PHYS_PAGES")) * int(os.sysconf("SC_PAGE_SIZE")) // 2


def check_budget(size: int, what: str) -> None:
    """Refuse what would not fit into memory, before memory is asked for.

    Parameters
    ----------
    size : int
        Number of bytes.
    what : str
        What would take them.
    """
    if size > budget():
        raise Unreadable(
            f"{what} would take {size / 2**30:.3g} GiB, expected at most {budget() / 2**30:.3g} "
            "GiB, half of the memory here: take a part of it"
        )


def content_of(path: Path, start: int | None = None) -> bytes:
    """Return the bytes of a file, decompressed where it is compressed.

    Parameters
    ----------
    path : Path
        The file.
    start : int, optional
        Only so many bytes from the start.

    Raises
    ------
    Unreadable
        For damaged streams, and for more bytes than memory holds.
    """
    with path.open("rb") as file:
        head = file.read(8)
        file.seek(0)
        if head.startswith(b"PK\x03\x04") and (lone := _lone_member(file)) is not None:
            return _decompressed(lone, "zip", str(path), start)
        file.seek(0)
        kind = next((kind for magic, kind in _MAGIC.items() if re.match(magic, head)), None)
        if kind is None:
            check_budget(0 if start else path.stat().st_size, str(path))
            return file.read() if start is None else file.read(start)
        opener = _opener(kind)
        return _decompressed(lambda: opener(file), kind, str(path), start)


def members_of(archive: zipfile.ZipFile) -> list[str]:
    """Return the names of the files in an archive, without those that macOS adds and folders."""
    names = (item.filename for item in archive.infolist() if not item.is_dir())
    return [name for name in names if not name.startswith("__MACOSX/")]


def _lone_member(file: Any) -> Callable[[], _Stream] | None:
    """Return what opens the one file of an archive; None for arrays of numpy, and other archives.

    A damaged one is left to the reader of archives, which says so.
    """
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, NotImplementedError):
        return None
    names = members_of(archive)
    if len(names) != 1 or names[0].endswith(".npy"):
        return None
    return lambda: archive.open(names[0])


def _decompressed(opened: Callable[[], _Stream], kind: str, name: str, start: int | None) -> bytes:
    """Return the bytes of a compressed stream, or only so many from the start."""
    try:
        return _bounded(opened(), name, start)
    except Unreadable:
        raise
    except Exception as error:
        # Every library has errors of its own for damaged streams.
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise Unreadable(f"its {kind} stream is damaged: {reason}") from None


def _bounded(stream: _Stream, name: str, start: int | None) -> bytes:
    """Read a stream in pieces, up to the budget: a small file may hold a very long stream."""
    parts, size = [], 0
    while start is None or size < start:
        part = stream.read(2**20 if start is None else min(2**20, start - size))
        if not part:
            break
        size += len(part)
        check_budget(size, f"{name}, decompressed,")
        parts.append(part)
    return b"".join(parts)


def _opener(kind: str) -> Callable[[Any], _Stream]:
    """Return the function that opens a compressed stream; the libraries are imported on demand."""
    if kind == "gzip":
        import gzip

        return gzip.open
    if kind == "bz2":
        import bz2

        return bz2.open
    if kind == "xz":
        import lzma

        return lzma.open
    return _zstd


def _zstd(file: Any) -> _Stream:
    pyarrow: Any = import_module("pyarrow")
    stream: _Stream = pyarrow.CompressedInputStream(pyarrow.PythonFile(file, "r"), "zstd")
    return stream


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

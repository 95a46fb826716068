"""From a file to what it holds: its format is told by its first bytes, not by its name."""

from __future__ import annotations

import re
from collections.abc import Callable, Set
from functools import partial
from pathlib import Path

from grokflow.simulations.tables.binary import archives, arrow, matlab
from grokflow.simulations.tables.compression import Unreadable, content_of, decoded
from grokflow.simulations.tables.contents import Columns, Contents
from grokflow.simulations.tables.text.delimited import header_of, read_delimited
from grokflow.simulations.tables.text.foreign import foreign_format
from grokflow.simulations.tables.text.own_results import own_result

# The endings by which a name is taken for a file although there is none.
SUFFIXES = (
    *(".csv", ".tsv", ".txt", ".data", ".npz", ".npy", ".mat", ".parquet", ".feather", ".arrow"),
    *(".gz", ".zst", ".bz2", ".xz", ".zip"),
)
# Enough for the header of a table.
_HEAD = 2**16

# A column may be called PAR1 too: what follows these bytes must be no text.
_BINARY: dict[bytes, Callable[[str, bytes], Contents]] = {
    rb"PK(\x03\x04|\x05\x06)": archives.read_npz,
    rb"\x93NUMPY": archives.read_npy,
    rb"PAR1[^\t\n\r -\xff]": arrow.read_parquet,
    rb"ARROW1[^\t\n\r -\xff]": arrow.read_arrow,
    rb"\xff\xff\xff\xff": arrow.read_arrow,
    rb"MATLAB \d\.\d MAT-file": matlab.read_mat,
}
_REFUSED = {
    # The protocols that begin so are 2 to 5; in Windows-1252 the first byte alone is a euro sign.
    rb"\x80[\x02-\x05]": "it is a pickle, which may run any program: save it as .npz, "
    "Parquet or CSV",
    rb"\x89HDF": "it is an HDF5 file (or MATLAB 7.3): save it as .npz, -v7 or CSV",
    rb"\xd0\xcf\x11\xe0": "it is an Excel workbook: save it as CSV",
    rb"(?s:.{257}ustar)|7z\xbc\xaf\x27\x1c|Rar!": "it is an archive of files: unpack it, and give "
    "one of its files",
    rb"%PDF-": "it is a PDF: save the table as CSV",
    rb"\x89PNG|\xff\xd8\xff|GIF8": "it is a picture, expected a table",
    rb"SQLite format 3\x00": "it is an SQLite database: save one of its tables as CSV",
    rb"RDX[23]\n|X\n\x00\x00": "it is a file of R: write.csv(x, 'data.csv', row.names = FALSE) "
    "saves a table",
    rb"\$FL[23]@": "it is an SPSS file: save it as CSV",
}


def looks_like_file(problem: str | Path) -> bool:
    """Whether a problem's name is that of a file: one that exists, or by its ending."""
    path = Path(problem)
    try:
        return path.suffix.lower() in SUFFIXES or path.is_file()
    except (OSError, ValueError):  # no name of a file: too long, or with a zero byte
        return False


def read(path: Path, named: Set[str] = frozenset()) -> Contents:
    """Return what a file holds: named columns, or named arrays.

    Parameters
    ----------
    path : Path
        A text file with delimiters, an ``.npz``, ``.npy``, ``.mat``, Parquet or Arrow file; all
        of them may be compressed by gzip, zstd, bz2 or xz, or alone in a zip archive.
    named : set of str
        Names of columns that the user gives; a first line of text that has one is a header.

    Raises
    ------
    ValueError
        In one line, when it cannot be read.
    """
    try:
        data = content_of(path)
        return _reader(data, path, named)(str(path), data)
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        remedy = "check the name" if isinstance(error, FileNotFoundError) else "check it"
        raise ValueError(
            f"cannot read {path} ({reason}), expected a file of data: {remedy}"
        ) from None
    except Unreadable as error:
        raise ValueError(f"cannot read {path}: {error}") from None


def names_of(path: Path) -> tuple[str, ...]:
    """Return the names of the columns or arrays of a file, from its start where that is enough.

    Returns
    -------
    tuple of str
        Empty for files that cannot be read, or that name nothing.
    """
    try:
        head = content_of(path, _HEAD)
        if not any(re.match(magic, head) for magic in (*_BINARY, *_REFUSED)):
            return header_of(decoded(head[: len(head) // 4 * 4]))
        if head.startswith(b"PK"):
            return archives.names_in_npz(content_of(path))
        found = read(path)
        return found.names if isinstance(found, Columns) else tuple(found.arrays)
    except (OSError, ValueError):
        return ()


def _reader(data: bytes, path: Path, named: Set[str]) -> Callable[[str, bytes], Contents]:
    """Return the function that reads these bytes."""
    for magic, reason in _REFUSED.items():
        if re.match(magic, data):
            raise Unreadable(reason)
    for magic, reader in _BINARY.items():
        if re.match(magic, data):
            return reader
    if not data.strip():
        raise Unreadable("it is empty, expected rows or arrays")
    if path.suffix.lower() in (".npz", ".npy", ".mat", ".parquet", ".feather", ".arrow"):
        raise Unreadable(f"its bytes are not those of {path.suffix} files: save it again")
    return partial(_read_text, named=named)


def _read_text(source: str, data: bytes, named: Set[str]) -> Columns:
    """Return the columns of a text, unless it is in a format that is none of a table."""
    text = decoded(data)
    if (reason := own_result(text.text) or foreign_format(text.text)) is not None:
        raise Unreadable(reason.replace("FILE", repr(Path(source).name)))
    return read_delimited(source, text, named)

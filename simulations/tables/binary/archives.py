"""Files of named arrays: ``.npz`` and ``.npy`` of numpy, sparse ones of scipy.

Nothing is ever unpickled: a pickle may run any program.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.lib import format as npy

from grokflow.simulations.tables.compression import Unreadable, check_budget, members_of
from grokflow.simulations.tables.contents import AnyArray, Arrays

# Arrays by which scipy.sparse.save_npz writes a matrix of one of these formats.
_SPARSE = {"csr", "csc", "bsr"}


# Files that a message lists.
_LISTED = 5


class _Layout(NamedTuple):
    """Shape and kind of an array, from the header of its file."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


def read_npz(source: str, data: bytes) -> Arrays:
    """Return the arrays of an ``.npz`` file; a sparse matrix of scipy is one array, ``X``."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            check_budget(sum(item.file_size for item in archive.infolist()), "its arrays")
            found = dict(_members(archive))
            names = members_of(archive)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise Unreadable(f"it is no readable archive: {error}") from None
    if names and not found:
        listed = ", ".join(names[:_LISTED]) + (", ..." if len(names) > _LISTED else "")
        raise Unreadable(
            f"it is an archive of {len(names)} files ({listed}), expected one file of data, or "
            "arrays (.npy): unpack it, and give one of its files"
        )
    return Arrays(source, _with_sparse(found))


def read_npy(source: str, data: bytes) -> Arrays:
    """Return the one array of an ``.npy`` file, called ``X``."""
    return Arrays(source, {"X": _array("X", io.BytesIO(data), len(data))})


def names_in_npz(data: bytes) -> tuple[str, ...]:
    """Return the names of the arrays of an ``.npz`` file."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return tuple(name.removesuffix(".npy") for name in archive.namelist())
    except zipfile.BadZipFile:
        return ()


def _members(archive: zipfile.ZipFile) -> Iterator[tuple[str, np.ndarray]]:
    for item in archive.infolist():
        if not item.filename.endswith(".npy"):
            if item.filename.endswith(("workbook.xml", "content.xml")):
                raise Unreadable("it is a workbook, expected a table: save it as CSV")
            continue
        name = item.filename.removesuffix(".npy")
        try:
            with archive.open(item) as member:
                yield name, _array(name, member, item.file_size)
        except (OSError, EOFError, KeyError) as error:
            raise Unreadable(f"array {name!r} is damaged: {error}") from None
        except Exception as error:
            if isinstance(error, Unreadable | zipfile.BadZipFile):
                raise
            # zlib has an error of its own, as has every other compression.
            raise Unreadable(f"array {name!r} is damaged: {error}") from None


def _array(name: str, file: Any, size: int) -> np.ndarray:
    """Return an array, after its header was compared with the bytes that are there."""
    try:
        layout = _layout(file)
    except (ValueError, SyntaxError, TypeError, EOFError) as error:
        reason = (str(error).splitlines() or ["no header"])[0]
        raise Unreadable(f"array {name!r} is damaged: {reason}") from None
    if layout.dtype.hasobject:
        raise Unreadable(
            f"array {name!r} holds Python objects, which are never unpickled: save it as numbers "
            "or as text, with dtype float or str"
        )
    count = int(np.prod([int(length) for length in layout.shape], dtype=object))
    needed, there = count * layout.dtype.itemsize, size - file.tell()
    if any(length < 0 for length in layout.shape) or needed > there:
        raise Unreadable(
            f"array {name!r} of shape {layout.shape} needs {needed} bytes, and {there} are there: "
            "save the file again"
        )
    file.seek(0)
    array = npy.read_array(file, allow_pickle=False)
    return np.asarray(array)


def _layout(file: Any) -> _Layout:
    """Read the header of an array."""
    version = npy.read_magic(file)
    if version == (1, 0):
        shape, _, dtype = npy.read_array_header_1_0(file)
    elif version == (2, 0):
        shape, _, dtype = npy.read_array_header_2_0(file)
    else:
        raise ValueError(f"version {version} of the format, expected 1.0 or 2.0")
    return _Layout(shape, dtype)


def _with_sparse(arrays: dict[str, np.ndarray]) -> dict[str, AnyArray]:
    """Put the parts of sparse matrices together: ``data, indices, indptr, shape, format``.

    With a prefix they are the matrix of that name: ``X_test_data`` and so on.
    """
    found: dict[str, AnyArray] = dict(arrays)
    for key in arrays:
        if key == "indptr" or key.endswith("_indptr"):
            prefix = key.removesuffix("indptr")
            parts = [f"{prefix}{part}" for part in ("data", "indices", "indptr", "shape")]
            if set(parts) <= set(arrays):
                kind = arrays.get(f"{prefix}format")
                matrix = _sparse([arrays[part] for part in parts], kind)
                for part in (*parts, f"{prefix}format", f"{prefix}_is_array"):
                    found.pop(part, None)
                found[prefix.rstrip("_") or "X"] = matrix
    return found


def _sparse(parts: list[np.ndarray], kind: np.ndarray | None) -> AnyArray:
    """Return a sparse matrix in rows, after all its indices were checked."""
    from scipy import sparse

    data, indices, indptr, shape = parts
    name = "csr" if kind is None else bytes(np.asarray(kind).astype("S").item()).decode("ascii")
    if name not in _SPARSE:
        raise Unreadable(f"its sparse matrix is {name!r}, expected one of csr, csc: convert it")
    size = tuple(int(length) for length in shape.ravel())
    if len(size) != 2 or min(size) < 0 or indices.dtype.kind not in "iu":
        raise Unreadable(f"its sparse matrix has shape {size}, expected (n, d): save it again")
    build = {"csr": sparse.csr_matrix, "csc": sparse.csc_matrix, "bsr": sparse.bsr_matrix}[name]
    try:
        matrix = build((data, indices, indptr), shape=size)
        matrix.check_format(full_check=True)
    except (ValueError, IndexError, TypeError) as error:
        raise Unreadable(f"its sparse matrix is damaged: {error}") from None
    check_budget(8 * (size[0] + 1), "the rows of its sparse matrix")
    return matrix.tocsr()

"""Files of MATLAB up to version 7, after every length that stands in them was checked."""

from __future__ import annotations

import io
import struct
import zlib
from importlib import import_module
from typing import Any

import numpy as np

from grokflow.simulations.tables.compression import Unreadable, budget, check_budget
from grokflow.simulations.tables.contents import AnyArray, Arrays

# Kinds of elements that hold others: an array, and a compressed element.
_ARRAY, _COMPRESSED = 14, 15
_DEEPEST = 16


def read_mat(source: str, data: bytes) -> Arrays:
    """Return the arrays of a MATLAB file up to version 7."""
    matlab: Any = import_module("scipy.io")
    if b"HDF" in data[:8] or b"HDF" in data[512:520] or data.startswith(b"MATLAB 7.3"):
        raise Unreadable("it is a MATLAB file of version 7.3: save it with -v7, or as CSV")
    _check_elements(data[128:], "<" if data[126:128] == b"IM" else ">")
    try:
        sizes = [
            int(np.prod(shape, dtype=object)) for _, shape, _ in matlab.whosmat(io.BytesIO(data))
        ]
        check_budget(16 * sum(sizes), "its arrays")
        found = matlab.loadmat(io.BytesIO(data), squeeze_me=False, chars_as_strings=True)
    except Unreadable:
        raise
    except Exception as error:
        # scipy passes on whatever its parser meets in a damaged file.
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise Unreadable(f"it is no readable MATLAB file: {reason}") from None
    arrays = {name: value for name, value in found.items() if not name.startswith("__")}
    arrays, notes = _unpacked(arrays)
    plain = {name: _plain(value) for name, value in arrays.items()}
    return Arrays(source, plain, notes, "scipy.io.loadmat")


def _unpacked(arrays: dict[str, AnyArray]) -> tuple[dict[str, AnyArray], tuple[str, ...]]:
    """Return the fields of the one variable, where it is a struct of one element; and a note."""
    lone = next(iter(arrays.values())) if len(arrays) == 1 else None
    fields = getattr(getattr(lone, "dtype", None), "names", None)
    if lone is None or not fields or lone.size != 1:
        return arrays, ()
    note = f"the fields of the struct {next(iter(arrays))} are read as arrays"
    return {name: lone[name].item() for name in fields}, (note,)


def _plain(value: AnyArray) -> AnyArray:
    """Return an array of MATLAB as numbers, text or a sparse matrix in rows."""
    if hasattr(value, "tocsr"):
        return value.tocsr()
    array = np.asarray(value)
    if array.dtype.kind == "O" and all(np.asarray(item).dtype.kind == "U" for item in array.flat):
        # A cell array of words holds an array of one word in each cell.
        words = ["".join(map(str, np.asarray(item).ravel())) for item in array.flat]
        return np.array(words, dtype=str).reshape(array.shape)
    return np.char.rstrip(array) if array.dtype.kind == "U" else array  # rows of text are padded


def _check_elements(data: bytes, order: str, depth: int = 0) -> None:
    """Refuse elements that are longer than what holds them: scipy asks for their memory at once.

    An element is a tag of eight bytes, its kind and its length, and that many bytes, filled up to
    a multiple of eight unless they are compressed. Short ones stand in the tag itself.
    """
    at = 0
    while at + 8 <= len(data) and depth <= _DEEPEST:
        kind, length = struct.unpack_from(f"{order}II", data, at)
        if kind >> 16:
            at += 8
            continue
        if length > len(data) - at - 8:
            raise Unreadable(
                f"it is no readable MATLAB file: an element of {length} bytes has "
                f"{len(data) - at - 8}: save it again"
            )
        body = data[at + 8 : at + 8 + length]
        if kind == _COMPRESSED:
            body = _inflated(body)
        if kind in (_ARRAY, _COMPRESSED):
            _check_elements(body, order, depth + 1)
        at += 8 + (length if kind == _COMPRESSED else -(-length // 8) * 8)


def _inflated(body: bytes) -> bytes:
    """Decompress an element, up to the budget."""
    stream = zlib.decompressobj()
    try:
        found = stream.decompress(body, budget())
    except zlib.error as error:
        raise Unreadable(f"it is no readable MATLAB file: {error}") from None
    check_budget(len(found) + len(stream.unconsumed_tail), "its arrays, decompressed,")
    return found

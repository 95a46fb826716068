"""A digest of data, by which a run that is taken up again is known."""

from __future__ import annotations

import hashlib
from dataclasses import fields, is_dataclass

import numpy as np
from scipy.sparse import csc_array


def fingerprint(*things: object) -> str:
    """Return a digest of arrays, of numbers and words, and of dataclasses made of them."""
    digest = hashlib.sha256()
    for part in _parts(things):
        digest.update(part)
    return digest.hexdigest()


def _parts(thing: object) -> list[bytes]:
    match thing:
        case np.ndarray():
            return [f"{thing.shape} {thing.dtype}".encode(), np.ascontiguousarray(thing).tobytes()]
        case csc_array():
            return _parts((thing.shape, thing.indptr, thing.indices, thing.data))
        case tuple() | list():
            return [part for item in thing for part in _parts(item)]
        case _ if is_dataclass(thing):
            return [part for field in fields(thing) for part in _parts(getattr(thing, field.name))]
        case _:
            return [repr(thing).encode()]

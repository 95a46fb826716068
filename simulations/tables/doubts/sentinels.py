"""Numbers that stand for no value, as -999 does: far from all others, and often there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from grokflow.theory.labels import name_of

# What occurs so often is no single outlier.
_OFTEN = 3
# How many times the range of all other values it must be away, numbers such as 999 once.
_FAR, _FAR_NINES = 20.0, 1.0
_NINES = re.compile(r"-?(99+(\.9+)?|9\.9+)")
# Columns that are looked at together.
_BLOCK = 256


class Sentinel(NamedTuple):
    """A value that may stand for none: its column, how often it is there, and the other values."""

    place: int
    value: float
    often: int
    low: float
    high: float


def sentinels(x: np.ndarray, *, classes: bool = False) -> Iterator[Sentinel]:
    """Yield values at an end of a column that repeat and are far from the rest of it.

    Parameters
    ----------
    x : ndarray, shape (n, d)
        Numbers.
    classes : bool
        Whether they are those of classes, all of which repeat.
    """
    for start in range(0, x.shape[1], _BLOCK):
        block = np.asarray(x[:, start : start + _BLOCK], dtype=np.float64)
        low, high = block.min(axis=0), block.max(axis=0)
        often = [np.count_nonzero(block == end, axis=0) >= _OFTEN for end in (low, high)]
        for place in np.flatnonzero((often[0] | often[1]) & (low < high)).tolist():
            yield from _at_ends(block[:, place], start + place, classes)


def _at_ends(column: np.ndarray, place: int, classes: bool) -> Iterator[Sentinel]:
    """Yield the least and the largest value of a column where they are sentinels."""
    values, counts = np.unique(column, return_counts=True)
    first, last = 0, len(values)
    if not classes:
        first, last = int(counts[0] >= _OFTEN), last - int(counts[-1] >= _OFTEN)
    for end in (0, -1):
        # What is at the other end and repeats may be one as well.
        rest = values[max(first, int(end == 0)) : min(last, len(values) - int(end == -1))]
        if len(rest) < 2 or not _OFTEN <= counts[end] <= len(column) / 2:
            continue
        value = float(values[end])
        away = float(rest[0]) - value if end == 0 else value - float(rest[-1])
        far = _FAR_NINES if _NINES.fullmatch(name_of(value)) else _FAR
        if away > far * float(rest[-1] - rest[0]):
            yield Sentinel(place, value, int(counts[end]), float(rest[0]), float(rest[-1]))

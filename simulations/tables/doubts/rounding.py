"""Whole numbers of columns that are too large for double precision."""

from __future__ import annotations

import re

import numpy as np

from grokflow.simulations.tables.contents import Column
from grokflow.theory.merged import LARGEST_WHOLE, note_on, rounded_numbers

# A whole number as it is written; no more digits than Python reads.
_WHOLE = re.compile(r"[+-]?[0-9]{16,4000}")


def remark_on_rounding(column: Column, numbers: np.ndarray) -> str:
    """Say how many whole numbers of a column were rounded; nothing where none was.

    Parameters
    ----------
    column : Column
        The column.
    numbers : ndarray, shape (rows,)
        Its numbers in double precision, NaN where it has no value.

    Raises
    ------
    ValueError
        Where different numbers have become one.
    """
    largest = max(np.fmax.reduce(numbers), -np.fmin.reduce(numbers))
    words = column.values if column.words is None else column.words
    if not LARGEST_WHOLE <= largest < np.inf or words.dtype.kind not in "iuO":
        return ""
    items = words.tolist()
    if words.dtype.kind == "O":
        items = [int(word) if _WHOLE.fullmatch(str(word)) else None for word in items]
    found = rounded_numbers(column.label, items, np.where(column.missing, 0.0, numbers))
    return "" if found is None else note_on(column.label, found)

"""What a matrix completion problem refuses, and how it merges repeated samples."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Merged(NamedTuple):
    """First occurrence of every distinct measurement, and how often it occurs."""

    first: np.ndarray
    counts: np.ndarray


def merge(key: np.ndarray, values: np.ndarray, names: list[str]) -> Merged:
    """Merge measurements of equal key; ValueError where their values differ."""
    _, first, inverse, counts = np.unique(
        key, return_index=True, return_inverse=True, return_counts=True
    )
    again = first[inverse]
    wrong = np.flatnonzero(values != values[again])
    if wrong.size:
        i, j = int(again[wrong[0]]), int(wrong[0])
        raise ValueError(
            f"{names[i]} is {values[i]} but {names[j]} is {values[j]}, expected one value (the "
            "matrix is symmetric): drop one, or average them"
        )
    return Merged(first, counts)


def check_entries(
    d: int, rows: np.ndarray, columns: np.ndarray, values: np.ndarray, what: str
) -> None:
    """Refuse indices that do not name one entry of a d×d matrix for each finite value."""
    check_values(values, len(rows), what)
    for name, index in (("i", rows), ("j", columns)):
        if index.shape != values.shape:
            raise ValueError(
                f"{name} has shape {index.shape}, expected {values.shape} as {what}: give one "
                "index for each value"
            )
        if index.dtype.kind not in "iu":
            raise ValueError(f"{name} holds {index.dtype}, expected whole numbers: convert it")
        if bad := [int(k) for k in index if not 0 <= k < d][:1]:
            raise ValueError(f"{name} is {bad[0]}, expected 0 to {d - 1} (d = {d}): change d")


def check_values(values: np.ndarray, n: int, what: str) -> None:
    """Refuse anything but n ≥ 1 finite values."""
    if values.shape != (n,) or n == 0:
        raise ValueError(
            f"{what} has shape {values.shape}, expected ({max(n, 1)},): give one value for each "
            "measurement, and one at least"
        )
    check_finite(values, what)


def check_finite(array: np.ndarray, what: str) -> None:
    """Refuse what is not a real number, naming the first place."""
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{what} holds {array.dtype}, expected real numbers: convert it")
    if not np.isfinite(array).all():
        at = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(
            f"{what}{list(at)} is {array[at]}, expected finite numbers: drop or impute it"
        )

"""What a matrix completion problem refuses, and how it merges repeated samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

# Sums of up to n products in another order differ by n roundings of the largest of them: n = 4096.
ROUNDING = 4096 * np.finfo(float).eps


# Bytes that an answer may take, and the product u² i: 100 times that of 1000 × 1700, which takes
# minutes.
_MOST_BYTES, _MOST_PRODUCTS = 2**33, 1.7e11
# Matrices of the shape of W that the integrator and the predictors hold at a time.
_HELD = 40


class Merged(NamedTuple):
    """The distinct measurements: where each stands first, how often it occurs, and its value."""

    first: np.ndarray
    counts: np.ndarray
    values: np.ndarray


def merge(key: np.ndarray, values: np.ndarray) -> Merged:
    """Merge measurements of equal key into their mean.

    The mean of the squares over them is that of their mean value and a constant, so that they count
    as often as they occur and the flow is the same.
    """
    _, first, inverse, counts = np.unique(
        key, return_index=True, return_inverse=True, return_counts=True
    )
    values = np.asarray(values, dtype=np.float64)
    # Added to the first one, so that equal values stay as they are.
    excess = np.bincount(inverse, values - values[first][inverse], len(first))
    return Merged(first, counts, np.asarray(values[first] + excess / counts))


class Contradiction(NamedTuple):
    """Two samples of one measurement that differ by more than rounding."""

    first: int
    second: int


def contradiction(key: np.ndarray, values: np.ndarray) -> Contradiction | None:
    """Return two measurements of equal key whose values differ by more than rounding."""
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    again = first[inverse]
    allowed = ROUNDING * float(np.abs(values).max(initial=0.0))
    wrong = np.flatnonzero(np.abs(np.asarray(values, float) - values[again]) > allowed)
    return Contradiction(int(again[wrong[0]]), int(wrong[0])) if wrong.size else None


def refuse_contradiction(
    key: np.ndarray, values: np.ndarray, name: Callable[[int], str], remedy: str
) -> None:
    """Refuse measurements of equal key with two values, naming the first."""
    if found := contradiction(key, values):
        i, j = found
        raise ValueError(
            f"{name(i)} is {values[i]} but {name(j)} is {values[j]}, expected one value (the "
            f"matrix is symmetric): {remedy}"
        )


def check_entries(
    shape: tuple[int, int], rows: np.ndarray, columns: np.ndarray, values: np.ndarray, what: str
) -> None:
    """Refuse indices that do not name one entry of a matrix for each finite value."""
    check_values(values, len(rows), what)
    if shape[0] * shape[1] > 2**62:
        raise ValueError(
            f"the matrix is {shape[0]} × {shape[1]}, expected at most 2^62 entries: number "
            "the rows and columns that occur from 0"
        )
    for name, index, size in (("i", rows, shape[0]), ("j", columns, shape[1])):
        if index.shape != values.shape:
            raise ValueError(
                f"{name} has shape {index.shape}, expected {values.shape} as {what}: give one "
                "index for each value"
            )
        if index.dtype.kind not in "iu":
            raise ValueError(f"{name} holds {index.dtype}, expected whole numbers: convert it")
        if (bad := (index < 0) | (index >= size)).any():
            raise ValueError(
                f"{name} is {index[bad][0]}, expected 0 to {size - 1} (d = {size}): change d"
            )


def check_size(shape: tuple[int, int], more: int = 0) -> None:
    """Refuse matrices that take too much memory or time, before either is spent.

    A decomposition of a u×i matrix, u ≤ i, takes some ``20 u² i`` operations, and a predictor or a
    forecast some 150 of them. `more` is what it takes in bytes besides such matrices.
    """
    u, i = sorted(shape)
    needed = 8 * (_HELD * u * i + 3 * (u + i) ** 2) + more
    if needed > _MOST_BYTES or u * u * i > _MOST_PRODUCTS:
        raise ValueError(
            f"the matrix is {shape[0]} × {shape[1]}, which takes {needed / 2**30:.2g} GiB and "
            f"{3000 * u * u * i:.1g} operations, expected at most {_MOST_BYTES / 2**30:.2g} GiB "
            f"and {3000 * _MOST_PRODUCTS:.1g}: take fewer rows or columns"
        )


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

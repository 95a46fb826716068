"""Families of corrections by which measurements differ from their limit.

Each function returns columns, the most important first. The last one is not fitted: it says how
much the terms that are left out may matter (`grokflow.proofs_check.evidence.extrapolation`).
"""

from __future__ import annotations

import numpy as np


def powers(small: np.ndarray, count: int = 3) -> np.ndarray:
    """Return x, x², ... of a small quantity, such as λ, 1/d or α^-L: `count` columns."""
    return np.column_stack([small**power for power in range(1, count + 1)])


def tails(a: np.ndarray) -> np.ndarray:
    """Return 1/A, log A/A², 1/A², (log A)²/A³ for a large logarithm A, such as log 1/λ.

    Margins at finite λ are A + O(log A) with constants that differ from sample to sample; divided
    by A they have these terms.
    """
    log_a = np.log(a)
    return np.column_stack([1 / a, log_a / a**2, 1 / a**2, log_a**2 / a**3])


def bent_tails(a: np.ndarray) -> np.ndarray:
    """Return 1/A and log A/A² for a large logarithm A, such as log α.

    The first of `tails`, for measurements whose factor of 1/A changes at some A, as where another
    sample comes to have the least margin. Further terms would follow these bends and carry them on
    to the limit.
    """
    return tails(a)[:, :2]


def lambert(a: np.ndarray) -> np.ndarray:
    """Return log A/A, 1/A, log A/A², (log A/A)² for a large logarithm A, such as log α.

    They are those of the Lambert function, W(e^A) = A - log A + log A/A + ...
    """
    log_a = np.log(a)
    return np.column_stack([log_a / a, 1 / a, log_a / a**2, (log_a / a) ** 2])


def releases(a: np.ndarray) -> np.ndarray:
    """Return log A/A, 1/A, log A/A^{3/2} for a large A, such as log t.

    Where margins are A + O(log A) and a sample is let go on the way: its margin leaves the others
    like the square of the way, and is of the order of theirs for a part A^{-1/2} of it.
    """
    log_a = np.log(a)
    return np.column_stack([log_a / a, 1 / a, log_a / a**1.5])


def two_powers(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return x, y, x², xy of two small quantities, such as α^{-cL} and 1/A."""
    return np.column_stack([x, y, x**2, x * y])


def order_in_lam() -> float:
    """Return the power of λ in the distance of the flow from the path, 1."""
    return 1.0

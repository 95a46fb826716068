"""Sums and products with a proof of how far rounding carries them, for bounds that are never false.

Whatever the order of summation, n products in double precision add up to their sum within
``γ_n Σ|a_i||b_i|`` with ``γ_n = nu/(1 - nu)`` and u = 2⁻⁵³, and n of the smallest normal number for
products that underflow (Higham 2002, ch. 3; Rump 2010). What overflows has an infinite error. A
single operation is rounded to the nearest number, so that its neighbour is on the safe side.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from grokflow.theory.numerics.design_matrix import DesignMatrix

UNIT = 2.0**-53
TINY = float(np.finfo(float).tiny)
# Products up to which sums are formed without rounding, in a tenth of a second.
MOST_EXACT = 100_000

# Covers the rounding of the bounds themselves: fewer than 2^40 terms have γ_n < 2^-12.
_SLACK = 1.001


def gamma(terms: int) -> float:
    """Return an upper bound on ``γ_n`` and its own rounding; `terms` is at most 2^40."""
    return _SLACK * terms * UNIT


def up(value: float) -> float:
    """Return a number above the exact result that `value` is the nearest double of."""
    return math.nextafter(value, math.inf) if value == value else math.inf


def down(value: float) -> float:
    """Return a number below the exact result that `value` is the nearest double of."""
    return math.nextafter(value, -math.inf) if value == value else -math.inf


class Enclosed(NamedTuple):
    """Computed numbers, and bounds on how far each is from the exact ones."""

    value: np.ndarray
    error: np.ndarray

    @property
    def low(self) -> np.ndarray:
        """Numbers that the exact ones are not below."""
        return np.asarray(np.nextafter(self._finite - self.error, -np.inf))

    @property
    def high(self) -> np.ndarray:
        """Numbers that the exact ones are not above."""
        return np.asarray(np.nextafter(self._finite + self.error, np.inf))

    @property
    def size(self) -> np.ndarray:
        """Numbers that the exact absolute values are not above."""
        return np.asarray(np.nextafter(np.abs(self._finite) + self.error, np.inf))

    @property
    def _finite(self) -> np.ndarray:
        return np.asarray(np.where(np.isfinite(self.error), self.value, 0.0))


def of_products(value: np.ndarray, sizes: np.ndarray, terms: int) -> Enclosed:
    """Enclose sums of so many products, given as computed and with absolute values throughout."""
    error = _SLACK * gamma(terms) * sizes + 2 * (terms + 1) * TINY
    finite = np.isfinite(value) & np.isfinite(error)
    return Enclosed(np.asarray(value), np.asarray(np.where(finite, error, np.inf)))


def combined(x: DesignMatrix, w: np.ndarray) -> Enclosed:
    """Enclose ``Xw``."""
    with np.errstate(over="ignore", invalid="ignore"):
        return of_products(x.combine(w), x.absolute.combine(np.abs(w)), len(w))


def correlated(x: DesignMatrix, mu: np.ndarray) -> Enclosed:
    """Enclose ``Xᵀμ``."""
    with np.errstate(over="ignore", invalid="ignore"):
        return of_products(x.correlate(mu), x.absolute.correlate(np.abs(mu)), len(mu))


def multiplied(a: np.ndarray, b: np.ndarray) -> Enclosed:
    """Enclose ``ab`` for matrices and vectors."""
    with np.errstate(over="ignore", invalid="ignore"):
        return of_products(a @ b, np.abs(a) @ np.abs(b), a.shape[-1])


def inner_below(a: np.ndarray, b: np.ndarray) -> float:
    """Return a lower bound on an inner product, minus infinity where it overflows."""
    bounds = multiplied(a[None, :], b)
    return float(bounds.low[0]) if np.isfinite(bounds.error[0]) else -math.inf


def exact_size_above(a: np.ndarray, b: np.ndarray) -> float:
    """Return ``|Σ a_i b_i|``, summed in whole numbers without rounding, as the next double above.

    Numbers are whole multiples of powers of two. A million products take about a second.
    """
    used = (a != 0) & (b != 0)
    terms = zip(*_whole(a[used]), *_whole(b[used]), strict=True)
    products = [(first * second, i + j) for first, i, second, j in terms]
    least = min((power for _, power in products), default=0)
    total = sum(product << (power - least) for product, power in products)
    try:
        return up(float(abs(total) * Fraction(2) ** least)) if total else 0.0
    except OverflowError:
        return math.inf


def _whole(values: np.ndarray) -> tuple[list[int], list[int]]:
    """Return whole numbers and powers of two of which these are the products."""
    fractions, powers = np.frexp(values)
    return np.ldexp(fractions, 53).astype(np.int64).tolist(), (powers - 53).tolist()


def minus(enclosed: Enclosed, exact: np.ndarray) -> Enclosed:
    """Enclose the difference to exact numbers."""
    value = enclosed.value - exact
    error = enclosed.error + np.abs(value) * (2 * UNIT)
    return Enclosed(value, np.nextafter(error, np.inf))


def divided(a: np.ndarray, powers: np.ndarray) -> np.ndarray:
    """Return the quotient by powers of two, NaN throughout where an entry underflows."""
    quotient = a / powers
    return quotient if np.array_equal(quotient * powers, a) else np.full_like(quotient, np.nan)


def products_are_exact(table: np.ndarray, terms: int, factor: float = 1.0) -> bool:
    """Whether sums of products of entries are free of rounding, whatever their order.

    They are where all entries are multiples of a power of two and `factor` (a whole number) times
    the sum of so many products of the largest stays below 2⁵³ of its squares.
    """
    sizes = np.abs(table[table != 0].astype(np.float64))
    if not sizes.size:
        return True
    fraction, exponent = np.frexp(sizes)
    digits = np.ldexp(fraction, 53).astype(np.int64)
    trailing = np.frexp((digits & -digits).astype(np.float64))[1] - 1
    lowest = int((exponent - 53 + trailing).min())
    widest = int(exponent.max()) - lowest
    in_range = -1074 <= 2 * lowest and 2 * int(exponent.max()) < 900
    return in_range and widest <= 26 and factor * terms * 4.0**widest <= 2.0**53


def sum_above(sizes: np.ndarray) -> float:
    """Return an upper bound on a sum of numbers that are not negative."""
    return up(float(np.sum(sizes)) * (1 + gamma(sizes.size + 2)))


def sum_below(sizes: np.ndarray) -> float:
    """Return a lower bound on a sum of numbers that are not negative."""
    return max(down(float(np.sum(sizes)) * (1 - gamma(sizes.size + 2))), 0.0)


def norm_above(sizes: np.ndarray) -> float:
    """Return an upper bound on the Euclidean norm of a vector or matrix."""
    if not (largest := float(np.abs(sizes).max(initial=0.0))) < math.inf:
        return math.inf
    power = math.frexp(largest)[1]
    squares = np.ldexp(sizes, -power) ** 2
    return up(float(np.ldexp(up(math.sqrt(sum_above(squares) + sizes.size * TINY)), power)))


def product_above(*factors: float) -> float:
    """Return an upper bound on the product of numbers that are not negative."""
    result = 1.0
    for factor in factors:
        result = 0.0 if factor == 0 or result == 0 else up(result * factor)
    return result


def ratio_above(numerator: float, denominator: float) -> float:
    """Return an upper bound on a ratio of numbers, the second positive, the first not negative."""
    return up(numerator / denominator) if numerator else 0.0


def ratio_below(numerator: float, denominator: float) -> float:
    """Return a lower bound on a ratio of numbers that are not negative, the second positive."""
    return max(down(numerator / denominator), 0.0) if denominator < math.inf else 0.0


def half_square_above(value: float) -> float:
    """Return an upper bound on half of the square."""
    return up(value * (value / 2)) if value else 0.0


def half_square_below(value: float) -> float:
    """Return a lower bound on half of the square."""
    return max(down(value * (value / 2)), 0.0)


def power_of_two(sizes: np.ndarray) -> np.ndarray:
    """Return the powers of two at or below positive numbers, 1 for zero and infinity."""
    safe = np.where(np.isfinite(sizes) & (sizes > 0), sizes, 1.0)
    return np.asarray(np.ldexp(1.0, np.frexp(safe)[1] - 1))

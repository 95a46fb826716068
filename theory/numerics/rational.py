"""Exact rational arithmetic on small arrays, for certificates that do not depend on rounding.

A float64 is a rational number: arrays are taken over exactly, and matrices are python-flint's
``fmpq_mat``.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from flint import arb, arb_mat, ctx, fmpq, fmpq_mat

from grokflow.theory.numerics.rounding import up

# The types of python-flint are part of this module, so that what needs them imports it, not flint.
__all__ = [
    "PRECISION",
    "Enclosure",
    "Proof",
    "arb",
    "arb_mat",
    "candidates",
    "ctx",
    "dominant",
    "double_above",
    "double_below",
    "doubles",
    "exact",
    "fmpq",
    "fmpq_mat",
    "fraction",
    "independent_rows",
    "inner",
    "largest",
    "matrix",
    "nearest_solution",
    "one_norm",
    "positive_part",
    "sqrt_above",
    "squared_norm",
    "take_columns",
    "take_rows",
    "total",
]

# Bits of a ball: its radius is far below the spacing of doubles.
PRECISION = 160
# Denominators up to which an answer is also tried rounded: optima of small problems have such.
_SIMPLE_DENOMINATOR = 10**6


@dataclass(frozen=True)
class Enclosure:
    """Exact bounds on the optimal value of a minimisation problem: ``lower ≤ optimum ≤ upper``.

    Parameters
    ----------
    lower, upper : Fraction
        The bounds, as exact rational numbers; irrational ones are rounded outwards.
    """

    lower: Fraction
    upper: Fraction

    @property
    def gap(self) -> Fraction:
        """Relative gap ``(upper - lower) / |upper|``, exact; 0 where the optimum is known."""
        if self.lower == self.upper:
            return Fraction(0)
        return (self.upper - self.lower) / max(abs(self.upper), abs(self.lower))


class Proof(NamedTuple):
    """A feasible answer and feasible multipliers, and the bounds on the optimum that they show."""

    primal: fmpq_mat
    dual: fmpq_mat
    lower: fmpq
    upper: fmpq

    @property
    def enclosure(self) -> Enclosure:
        """The bounds."""
        return Enclosure(fraction(self.lower), fraction(self.upper))


def exact(value: float) -> fmpq:
    """Return a double as the rational number that it is."""
    return fmpq(*float(value).as_integer_ratio())


def matrix(array: np.ndarray) -> fmpq_mat:
    """Return `array`, of shape (n, d) or (n,) for a column, as an exact matrix."""
    table = np.asarray(array, dtype=np.float64)
    if not np.isfinite(table).all():
        raise ValueError("the array holds NaN or infinity, expected finite numbers: check it")
    rows, columns = table.shape if table.ndim == 2 else (len(table), 1)
    entries = [exact(value) for value in table.ravel().tolist()]
    return fmpq_mat(rows, columns, entries)


def candidates(array: np.ndarray) -> Iterator[fmpq_mat]:
    """Yield `array` rounded to simple fractions, and as it is.

    The optimum of a small problem often has small denominators: rounding then finds it exactly.
    """
    exact = matrix(array)
    near = [fraction(x).limit_denominator(_SIMPLE_DENOMINATOR) for x in exact.entries()]
    simple = [fmpq(x.numerator, x.denominator) for x in near]
    yield fmpq_mat(exact.nrows(), exact.ncols(), simple)
    yield exact


def fraction(value: fmpq) -> Fraction:
    """Return a rational number of python-flint as one of Python."""
    return Fraction(int(value.p), int(value.q))


def positive_part(column: fmpq_mat) -> fmpq_mat:
    """Replace negative entries by zero."""
    return fmpq_mat(column.nrows(), column.ncols(), [max(x, fmpq(0)) for x in column.entries()])


def total(values: Iterable[fmpq]) -> fmpq:
    """Sum rational numbers."""
    return sum(values, fmpq(0))


def squared_norm(a: fmpq_mat) -> fmpq:
    """Return the sum of the squares of all entries."""
    return total(x * x for x in a.entries())


def one_norm(a: fmpq_mat) -> fmpq:
    """Return the sum of the absolute values of all entries."""
    return total(abs(x) for x in a.entries())


def largest(a: fmpq_mat) -> fmpq:
    """Return the largest absolute value of an entry."""
    return max((abs(x) for x in a.entries()), default=fmpq(0))


def inner(a: fmpq_mat, b: fmpq_mat) -> fmpq:
    """Return the sum of the products of the entries."""
    return total(x * y for x, y in zip(a.entries(), b.entries(), strict=True))


def dominant(a: fmpq_mat) -> bool:
    """Whether a symmetric matrix is diagonally dominant, so that no eigenvalue is negative."""
    return all(2 * row[i] >= total(map(abs, row)) for i, row in enumerate(a.table()))


def double_above(value: fmpq) -> float:
    """Return a double that is not below a rational number."""
    near = max(_nearest_double(value), -sys.float_info.max)
    return near if math.isinf(near) or exact(near) >= value else up(near)


def double_below(value: fmpq) -> float:
    """Return a double that is not above a rational number."""
    return -double_above(-value)


def doubles(column: fmpq_mat) -> np.ndarray:
    """Return the doubles nearest to rational numbers, infinite where they are too large."""
    return np.array([_nearest_double(x) for x in column.entries()])


def _nearest_double(value: fmpq) -> float:
    try:
        return float(fraction(value))
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def sqrt_above(value: fmpq) -> fmpq:
    """Return a rational number just above the square root."""
    with ctx.workprec(PRECISION):
        return arb(value).sqrt().upper().fmpq()


def nearest_solution(a: fmpq_mat, b: fmpq_mat, x: fmpq_mat) -> fmpq_mat | None:
    """Return the solution of ``a x = b`` nearest to `x`, exactly; None when there is none."""
    rows = independent_rows(a)
    if rows:
        chosen = take_rows(a, rows)
        miss = take_rows(b - a * x, rows)
        x = x + chosen.transpose() * (chosen * chosen.transpose()).solve(miss)
    return x if a * x == b else None


def take_columns(a: fmpq_mat, columns: list[int]) -> fmpq_mat:
    """Return the given columns."""
    return take_rows(a.transpose(), columns).transpose()


def take_rows(a: fmpq_mat, rows: list[int]) -> fmpq_mat:
    """Return the given rows."""
    return fmpq_mat(len(rows), a.ncols(), [a[i, j] for i in rows for j in range(a.ncols())])


def independent_rows(a: fmpq_mat) -> list[int]:
    """Return the indices of a largest independent set of rows: the pivots of the transpose."""
    reduced, rank = a.transpose().rref()
    table = reduced.table()
    return [next(j for j, x in enumerate(table[i]) if x != 0) for i in range(rank)]

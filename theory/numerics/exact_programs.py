"""Least norms under linear constraints in rational arithmetic: the optimum, or a proof of none.

``min ½‖w‖² : A w = b`` and ``min ½‖w‖² : A w ≥ b``, b > 0, are solved exactly. Where nothing
satisfies the constraints there are multipliers with ``Aᵀm = 0`` and ``bᵀm ≠ 0``, m ≥ 0 for
inequalities, which prove it. A guess of what is active, from floating point, only saves time. Of
``min ‖w‖₁ : A w = b or A w ≥ b`` a vertex is given, and checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from grokflow.theory.numerics.rational import (
    fmpq,
    fmpq_mat,
    largest,
    take_columns,
    take_rows,
)


class Optimum(NamedTuple):
    """Exact weights (d, 1) and multipliers (n, 1) of the optimum."""

    w: fmpq_mat
    mu: fmpq_mat


class Vertex(NamedTuple):
    """Rows where ``Aw = b``, as many columns where w is not zero, and the signs of w there."""

    rows: list[int]
    columns: list[int]
    signs: list[int]


class Impossible(NamedTuple):
    """Exact multipliers (n, 1) which prove that nothing satisfies the constraints."""

    multipliers: fmpq_mat


@dataclass(frozen=True, eq=False)
class Features:
    """Features by their rows (n, d), or by their kernel (n, n) where `is_kernel`."""

    table: fmpq_mat
    is_kernel: bool = False

    def outputs(self, rows: list[int], mu: fmpq_mat) -> list[fmpq]:
        """Return the outputs of ``Σ μ_i x_i`` over some rows."""
        if not rows:
            return [fmpq(0)] * self.table.nrows()
        if self.is_kernel:
            return (take_columns(self.table, rows) * mu).entries()
        return (self.table * (take_rows(self.table, rows).transpose() * mu)).entries()

    def solution(self, b: fmpq_mat, rows: list[int]) -> fmpq_mat | None:
        """Return μ for which outputs are b on these rows, None where they depend on each other."""
        if not rows:
            return fmpq_mat(0, 1)
        if len(rows) > self.table.ncols():
            return None
        try:
            return self._gram(rows, rows).solve(take_rows(b, rows))
        except ZeroDivisionError:
            return None

    def dependence(self, rows: list[int], row: int) -> list[fmpq] | None:
        """Return multipliers of independent rows and of one more, 1, that cancel, if any."""
        found = fmpq_mat(0, 1)
        if rows:
            found = self._gram(rows, rows).solve(self._gram(rows, [row]))
        rest = self._gram([row], [row])
        if rows:
            rest = rest - self._gram([row], rows) * found
        return [*(-x for x in found.entries()), fmpq(1)] if rest[0, 0] == 0 else None

    def _gram(self, rows: list[int], columns: list[int]) -> fmpq_mat:
        part = take_rows(self.table, rows)
        if self.is_kernel:
            return take_columns(part, columns)
        return part * take_rows(self.table, columns).transpose()


def least_square_equal(features: Features, b: fmpq_mat, guess: list[int]) -> fmpq_mat | Impossible:
    """Return the multipliers of ``min ½‖w‖² : A w = b``, on independent rows, from `guess`."""
    n = b.nrows()
    rows = guess if features.solution(b, guess) is not None else []
    while True:
        mu = features.solution(b, rows)
        assert mu is not None  # only independent rows are added
        pairs = zip(features.outputs(rows, mu), b.entries(), strict=True)
        missed = _most_negative([-abs(output - target) for output, target in pairs])
        if missed is None:
            return _spread(mu.entries(), rows, n)
        if (dependence := features.dependence(rows, missed)) is not None:
            return Impossible(_spread(dependence, [*rows, missed], n))
        rows = [*rows, missed]


def least_square_above(features: Features, b: fmpq_mat, guess: list[int]) -> fmpq_mat | Impossible:
    """Return the multipliers of ``min ½‖w‖² : A w ≥ b`` (Lawson and Hanson 1974, ch. 23).

    The multipliers of the active rows stay positive and the dual objective grows at every step, so
    that no active set comes twice.
    """
    n = b.nrows()
    rows, mu = _positive_start(features, b, guess)
    while True:
        pairs = zip(features.outputs(rows, _column(mu)), b.entries(), strict=True)
        missed = _most_negative([output - target for output, target in pairs])
        if missed is None:
            return _spread(mu, rows, n)
        step = _activated(features, b, rows, mu, missed)
        if isinstance(step, Impossible):
            return step
        rows, mu = step


def _positive_start(
    features: Features, b: fmpq_mat, rows: list[int]
) -> tuple[list[int], list[fmpq]]:
    """Return those of the rows, with multipliers, that are left when all are positive."""
    while (start := features.solution(b, rows)) is not None:
        mu = start.entries()
        if all(x > 0 for x in mu):
            return rows, mu
        rows = [row for row, x in zip(rows, mu, strict=True) if x > 0]
    return [], []


def _activated(
    features: Features, b: fmpq_mat, rows: list[int], mu: list[fmpq], missed: int
) -> tuple[list[int], list[fmpq]] | Impossible:
    """Return the active rows and their positive multipliers once a missed row has joined them."""
    rows, mu = [*rows, missed], [*mu, fmpq(0)]
    while True:
        wanted = features.solution(b, rows)
        if wanted is None:
            # The rows depend on each other: along the dependence nothing limits the dual but signs.
            others = [i for i in rows if i != missed]
            found = features.dependence(others, missed)
            assert found is not None
            at = dict(zip([*others, missed], found, strict=True))
            direction = [at[i] for i in rows]
            if all(x >= 0 for x in direction):
                return Impossible(_spread(direction, rows, b.nrows()))
            length = min(m / -x for m, x in zip(mu, direction, strict=True) if x < 0)
        else:
            direction = [z - m for z, m in zip(wanted.entries(), mu, strict=True)]
            bounds = [m / -x for m, x in zip(mu, direction, strict=True) if m + x <= 0]
            length = min([fmpq(1), *bounds])
        mu = [m + length * x for m, x in zip(mu, direction, strict=True)]
        kept = [k for k, m in enumerate(mu) if m > 0]
        rows, mu = [rows[k] for k in kept], [mu[k] for k in kept]
        if wanted is not None and length == 1 and len(kept) == len(direction):
            return rows, mu


def optimal_vertex(a: fmpq_mat, b: fmpq_mat, vertex: Vertex, *, equal: bool) -> Optimum | None:
    """Return weights and multipliers of a vertex of the L1 problem, if it is optimal."""
    if len(vertex.rows) != len(vertex.columns) or not vertex.rows:
        return None
    square = take_columns(take_rows(a, vertex.rows), vertex.columns)
    try:
        part = square.solve(take_rows(b, vertex.rows))
        pulls = square.transpose().solve(_column([fmpq(sign) for sign in vertex.signs]))
    except ZeroDivisionError:
        return None
    w = _spread(part.entries(), vertex.columns, a.ncols())
    mu = _spread(pulls.entries(), vertex.rows, a.nrows())
    miss = (a * w - b).entries()
    satisfied = not any(miss) if equal else min(miss) >= 0 and min(mu.entries()) >= 0
    signed = all(x * sign >= 0 for x, sign in zip(part.entries(), vertex.signs, strict=True))
    optimal = satisfied and signed and largest(a.transpose() * mu) <= 1
    return Optimum(w, mu) if optimal else None


def _most_negative(values: list[fmpq]) -> int | None:
    """Return where the least of the numbers is, or None where none is negative."""
    least = min(values)
    return values.index(least) if least < 0 else None


def _column(values: list[fmpq]) -> fmpq_mat:
    return fmpq_mat(len(values), 1, values)


def _spread(values: list[fmpq], rows: list[int], n: int) -> fmpq_mat:
    at = dict(zip(rows, values, strict=True))
    return _column([at.get(i, fmpq(0)) for i in range(n)])

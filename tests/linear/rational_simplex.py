"""A judge of the L1 linear programs: the simplex method in rational numbers, from no guess."""

from grokflow.theory.numerics.exact_programs import Impossible, Optimum
from grokflow.theory.numerics.rational import fmpq, fmpq_mat


def least_one_norm(a: fmpq_mat, b: fmpq_mat, *, equal: bool) -> Optimum | Impossible:
    """Solve ``min ‖w‖₁ : A w = b`` or ``A w ≥ b`` by the simplex method on its dual.

    The dual is ``max bᵀμ : -1 ≤ Aᵀμ ≤ 1``, μ ≥ 0 for inequalities; slack variables are its first
    basis, and Bland's rule keeps it from cycling.
    """
    n, d = a.nrows(), a.ncols()
    signed = [a.transpose(), -1 * a.transpose()]
    table = [row for part in signed for row in part.tolist()]
    prices = b.entries()
    if equal:
        table = [[*row, *(-x for x in row)] for row in table]
        prices = [*prices, *(-x for x in prices)]
    columns = len(prices)
    rows = [[*row, fmpq(1)] for row in table]
    last = [*prices, fmpq(0)]
    basis, outside = list(range(columns, columns + 2 * d)), list(range(columns))
    while True:
        entering = min((v for v, x in zip(outside, last, strict=False) if x > 0), default=None)
        if entering is None:
            break
        j = outside.index(entering)
        limits = [(row[-1] / row[j], basis[i], i) for i, row in enumerate(rows) if row[j] > 0]
        if not limits:
            ray = {basis[i]: -row[j] for i, row in enumerate(rows)} | {entering: fmpq(1)}
            return Impossible(_unsplit(ray, n, columns))
        i = min(limits)[2]
        _pivot(rows, last, i, j)
        basis[i], outside[j] = entering, basis[i]
    mu = _unsplit({v: rows[i][-1] for i, v in enumerate(basis)}, n, columns)
    slack = dict(zip(outside, (-x for x in last), strict=False))
    halves = [[slack.get(columns + k * d + j, fmpq(0)) for j in range(d)] for k in range(2)]
    return Optimum(column([p - m for p, m in zip(*halves, strict=True)]), mu)


def _pivot(rows: list[list[fmpq]], last: list[fmpq], i: int, j: int) -> None:
    """Exchange the basic variable of row i for the nonbasic one of column j."""
    inverse = 1 / rows[i][j]
    pivot = [x * inverse for x in rows[i]]
    pivot[j] = inverse
    rows[i] = pivot
    for row in [*rows[:i], *rows[i + 1 :], last]:
        if factor := row[j]:
            row[j] = fmpq(0)
            row[:] = [x - factor * p if p else x for x, p in zip(row, pivot, strict=True)]


def _unsplit(values: dict[int, fmpq], n: int, columns: int) -> fmpq_mat:
    """Return the multipliers, whose negative parts are variables of their own for equalities."""
    zero = fmpq(0)
    negative = (values.get(n + i, zero) if columns > n else zero for i in range(n))
    return column([values.get(i, zero) - part for i, part in enumerate(negative)])


def column(values: list[fmpq]) -> fmpq_mat:
    return fmpq_mat(len(values), 1, values)

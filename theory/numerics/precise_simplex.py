"""Vertices of the L1 linear programs by the simplex method in many digits.

``min ‖w‖₁ : A w = b``, or ``A w ≥ b``, has the dual ``max bᵀμ : -1 ≤ Aᵀμ ≤ 1``, with μ ≥ 0 for
inequalities. Its variables are μ and ``s = Aᵀμ``. All of them are bounded, and zero is feasible, so
that the method starts there. The weight of an input is the price of its bound on s.

Rows and columns whose sizes span many orders of magnitude ask for steps that are nothing beside the
first ones: they are lost in double precision, and not in two hundred digits. Nothing is proved
here. Whether a vertex is optimal is for exact arithmetic to say (`optimal_vertex`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grokflow.theory.numerics.exact_programs import Vertex
from grokflow.theory.numerics.hard_margin import row_lengths
from grokflow.theory.numerics.rational import arb, arb_mat, ctx, exact, fmpq_mat

# Bits of a number, and the size below which it counts as zero: numbers begin near 1, those that
# matter are above 1e-48 where rows and columns span 24 orders each, and rounding leaves 1e-190.
_BITS = 640
_ZERO = 2.0**-320
# Steps for each variable after which the method is given up, and steps without progress after
# which Bland's rule chooses, under which no basis comes twice.
_STEPS = 50
_IDLE_STEPS = 20


def find_vertex(x: np.ndarray, b: fmpq_mat, *, equal: bool) -> Vertex | None:
    """Return a vertex that is optimal up to rounding, None where there is none or it takes long.

    Parameters
    ----------
    x : ndarray, shape (n, d)
        A.
    b : fmpq_mat, shape (n, 1)
        The right-hand side.
    equal : bool
        Equalities or inequalities.
    """
    with ctx.workprec(_BITS), np.errstate(all="ignore"):
        tableau = _Tableau.at_zero(x, b, equal=equal)
        for _ in range(_STEPS * sum(x.shape)):
            entering = tableau.entering()
            if entering is None:
                return tableau.vertex(len(x))
            if not tableau.exchange(entering):
                return None
    return None


@dataclass(eq=False)
class _Tableau:
    """Basic variables as combinations of the others, ``x_B = T x_N``, and the objective likewise.

    Parameters
    ----------
    table : arb_mat, shape (d + 1, n)
        T, and in its last row the derivatives of the objective by the other variables.
    low, high : list of arb
        Bounds on every variable: μ of each sample, then s of each input.
    basic, outside : list of int
        Which variables are basic and which are not, in the order of the rows and columns of T.
    values : list of arb
        The value of every variable.
    idle : int
        Steps since the objective last grew.
    """

    table: arb_mat
    low: list[arb]
    high: list[arb]
    basic: list[int]
    outside: list[int]
    values: list[arb]
    idle: int = 0

    @classmethod
    def at_zero(cls, x: np.ndarray, b: fmpq_mat, *, equal: bool) -> _Tableau:
        """Return the tableau at μ = 0, with rows and columns of similar sizes."""
        n, d = x.shape
        columns = row_lengths(x.T)
        rows = row_lengths(x / columns)
        wanted = [value / exact(size) for value, size in zip(b.entries(), rows, strict=True)]
        largest = max(abs(value) for value in wanted)
        scaled = (x / columns / rows[:, None]).T.ravel().tolist()
        infinite, free = arb("inf"), [arb("-inf") if equal else arb(0)] * n
        bounds = [arb(size) for size in (columns.min() / columns).tolist()]
        return cls(
            arb_mat(d + 1, n, [*map(arb, scaled), *(arb(value / largest) for value in wanted)]),
            [*free, *(-size for size in bounds)],
            [*([infinite] * n), *bounds],
            list(range(n, n + d)),
            list(range(n)),
            [arb(0)] * (n + d),
        )

    def entering(self) -> int | None:
        """Return the column of a variable by which the objective grows, None at the optimum."""
        last, best, size = len(self.basic), None, 0.0
        for k, variable in enumerate(self.outside):
            slope = float(self.table[last, k])
            value = self.values[variable]
            grows = slope > _ZERO and value < self.high[variable]
            if not (grows or (slope < -_ZERO and value > self.low[variable])):
                continue
            if self.idle > _IDLE_STEPS:
                if best is None or variable < self.outside[best]:
                    best = k
            elif abs(slope) > size:
                best, size = k, abs(slope)
        return best

    def exchange(self, k: int) -> bool:
        """Move the variable of a column until a bound stops it; False where nothing does."""
        variable = self.outside[k]
        column = [self.table[h, k] for h in range(len(self.basic))]
        if self.table[len(self.basic), k] < 0:
            column = [-change for change in column]
        length, leaving = self._limit(variable, column)
        if not length < arb("inf"):
            return False
        self.idle = self.idle + 1 if length < _ZERO else 0
        for basic, change in zip(self.basic, column, strict=True):
            self.values[basic] = (self.values[basic] + length * change).mid()
        if self.table[len(self.basic), k] < 0:
            length = -length
        self.values[variable] = (self.values[variable] + length).mid()
        if leaving is not None:
            self._pivot(leaving, k, to_high=bool(column[leaving] > 0))
        return True

    def _limit(self, variable: int, column: list[arb]) -> tuple[arb, int | None]:
        """Return how far a variable may move, and the row of the variable that stops it."""
        length, leaving, size = self.high[variable] - self.low[variable], None, arb(0)
        for h, (basic, change) in enumerate(zip(self.basic, column, strict=True)):
            if abs(change) < _ZERO:
                continue
            bound = self.high[basic] if change > 0 else self.low[basic]
            limit = (bound - self.values[basic]) / change
            if limit < length - _ZERO:
                length, leaving, size = limit, h, abs(change)
            elif leaving is not None and limit < length + _ZERO:
                first = basic < self.basic[leaving]
                if first if self.idle > _IDLE_STEPS else abs(change) > size:
                    leaving, size = h, abs(change)
        return (length if length > 0 else arb(0)), leaving

    def _pivot(self, i: int, k: int, *, to_high: bool) -> None:
        """Exchange the basic variable of row i, which has reached a bound, for that of column k."""
        leaving, pivot = self.basic[i], self.table[i, k]
        bound = self.high[leaving] if to_high else self.low[leaving]
        self.values[leaving] = bound
        column = [self.table[h, k] for h in range(len(self.basic) + 1)]
        row = [self.table[i, j] for j in range(len(self.outside))]
        column[i], row[k] = pivot + 1, pivot - 1
        change = arb_mat(len(column), 1, [value / pivot for value in column])
        # Without `mid` the bounds on the rounding of each step would multiply.
        self.table = (self.table - change * arb_mat(1, len(row), row)).mid()
        self.basic[i], self.outside[k] = self.outside[k], leaving

    def vertex(self, n: int) -> Vertex:
        """Return the active ones of n samples, and of the inputs with the signs of weights."""
        active = sorted(variable - n for variable in self.outside if variable >= n)
        signs = [1 if self.values[n + j] > 0 else -1 for j in active]
        return Vertex(sorted(variable for variable in self.basic if variable < n), active, signs)

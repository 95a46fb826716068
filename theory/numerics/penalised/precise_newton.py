"""Newton's method in many digits for penalised losses of margins, on small data that need them.

Weights that are nearly right, as floating point leaves them, lead to the minimum to hundreds of
digits. Its multipliers then prove a bound as close as the nearest double.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from flint import arb_mat

from grokflow.theory.losses import Exponential, Logistic, Loss
from grokflow.theory.numerics.rational import arb, ctx, doubles, exact, fmpq, fmpq_mat, matrix

# Bits of a number: enough for squares of entries over 48 decades, many times.
_BITS = 1200
_STEPS = 200
# Columns that leave or enter before it is given up.
_ROUNDS = 60
# Pull relative to τ from which on a column enters: far below what changes a bound.
_EXCESS = 1 + fmpq(1, 10**20)
_HALVINGS = 30
# Newton's decrement, relative to the objective, at which the minimum is found.
_SETTLED = 1e-60
# Pulls below this power of two are zero: no double tells them from it.
_LEAST_POWER = -4000
# Largest number of weights that are not zero.
_MOST_WEIGHTS = 60


class Precise(NamedTuple):
    """Weights (d,) rounded to doubles, and multipliers (n, 1) as rational numbers."""

    w: np.ndarray
    mu: fmpq_mat

    @property
    def multipliers(self) -> np.ndarray:
        """The multipliers rounded to doubles, shape (n,)."""
        return doubles(self.mu)


class _Descended(NamedTuple):
    """Weights (k, 1) after some steps, and which of them has become zero, if one has."""

    w: arb_mat
    leaving: int | None


class _Entering(NamedTuple):
    """A column that enters with a sign."""

    column: int
    sign: int


@dataclass(frozen=True, eq=False)
class PreciseNewton:
    """The minimum of ``(1/n) Σ l(q_i) + τ‖w‖₁ + (λ/2)‖w‖²`` for a loss of margins.

    Parameters
    ----------
    x : ndarray, shape (n, d)
        Rows ``y_i x_i``.
    loss : Loss
        Exponential or logistic.
    tau, lam : float
        Strengths; one of them is zero.
    """

    x: np.ndarray
    loss: Loss
    tau: float = 0.0
    lam: float = 0.0

    def refined(self, start: np.ndarray) -> Precise | None:
        """Return the minimum, starting at weights (d,); None where it is not found.

        With τ, a weight that would change its sign leaves, and where the others are optimal the one
        enters whose pull exceeds τ most, as in `ActiveSet`.
        """
        if not isinstance(self.loss, Exponential | Logistic):
            return None
        with ctx.workprec(_BITS):
            try:
                return self._refined(start)
            except (ZeroDivisionError, ValueError):  # singular, or not finite
                return None

    @cached_property
    def _columns(self) -> fmpq_mat:
        """``Xᵀ``, whose numbers take longer to convert than to multiply."""
        return matrix(self.x.T)

    def _refined(self, start: np.ndarray) -> Precise | None:
        chosen = np.flatnonzero(start if self.tau else self.x.any(axis=0)).tolist()
        sign, w = np.sign(start), [arb(v) for v in start[chosen].tolist()]
        for _ in range(_ROUNDS):
            if len(chosen) > _MOST_WEIGHTS:
                return None
            outputs = [arb(0)] * len(self.x)
            if chosen:
                a = arb_mat(matrix(self.x[:, chosen]))
                found = self._descended(a, _column(w), arb_mat(matrix(sign[chosen])))
                if found is None:
                    return None
                w, outputs = found.w.entries(), (a * found.w).entries()
                if found.leaving is not None:
                    del chosen[found.leaving], w[found.leaving]
                    continue
            pulls = [_rational(pull / len(self.x)) for pull, _ in map(self._slopes, outputs)]
            mu = fmpq_mat(len(pulls), 1, pulls)
            entering = self._entering(mu, chosen)
            if entering is None:
                weights = np.zeros(self.x.shape[1])
                weights[chosen] = doubles(fmpq_mat(len(w), 1, list(map(_rational, w))))
                return Precise(weights, mu)
            chosen.append(entering.column)
            sign[entering.column] = entering.sign
            w.append(arb(0))
        return None

    def _entering(self, mu: fmpq_mat, chosen: list[int]) -> _Entering | None:
        """Return the column whose pull exceeds τ most, if any does."""
        if not self.tau:
            return None
        pulled = (self._columns * mu).entries()
        most = _EXCESS * exact(self.tau)
        outside = [(abs(c), j) for j, c in enumerate(pulled) if j not in chosen and abs(c) > most]
        if not outside:
            return None
        column = max(outside)[1]
        return _Entering(column, 1 if pulled[column] > 0 else -1)

    def _descended(self, a: arb_mat, w: arb_mat, sign: arb_mat) -> _Descended | None:
        """Take Newton steps until the decrement settles or a weight is zero; None if none falls."""
        value = self._objective(a, w, sign)
        for _ in range(_STEPS):
            step, decrement = self._newton(a, w, sign)
            settled = decrement < _SETTLED * value
            length, leaving = self._reach(w, step, sign)
            for halvings in range(_HALVINGS):
                moved = _middle(w - step * (length / 2**halvings))
                lower = self._objective(a, moved, sign)
                if lower < value or settled:
                    break
            else:
                return None
            w, value = moved, lower
            if leaving is not None and halvings == 0:
                return _Descended(w, leaving)
            if settled:
                return _Descended(w, None)
        return None

    def _newton(self, a: arb_mat, w: arb_mat, sign: arb_mat) -> tuple[arb_mat, arb]:
        """Return the step, to be subtracted, and the decrement."""
        n, k = a.nrows(), a.ncols()
        slopes = [self._slopes(q) for q in a * w]
        pull = _column([p for p, _ in slopes])
        curved = arb_mat(n, k, [c * a[i, j] for i, (_, c) in enumerate(slopes) for j in range(k)])
        gradient = self.tau * sign + self.lam * w - a.transpose() * pull / n
        hessian = a.transpose() * curved / n
        for j in range(k):
            hessian[j, j] += self.lam
        step = _middle(hessian.solve(gradient))
        return step, (gradient.transpose() * step)[0, 0]

    def _reach(self, w: arb_mat, step: arb_mat, sign: arb_mat) -> tuple[arb, int | None]:
        """Return the length of a step, at most 1, that makes a weight zero, and which."""
        length, leaving = arb(1), None
        for j, (x, s, side) in enumerate(zip(w, step, sign, strict=True)):
            if self.tau and (x - length * s) * side < 0:
                length, leaving = (x / s).mid(), j
        return length, leaving

    def _objective(self, a: arb_mat, w: arb_mat, sign: arb_mat) -> arb:
        losses = [self._value(q) for q in a * w]
        penalty = self.tau * (sign.transpose() * w)[0, 0]
        return sum(losses, arb(0)) / a.nrows() + penalty + self.lam * (w.transpose() * w)[0, 0] / 2

    def _value(self, q: arb) -> arb:
        tail = (-q).exp()
        return tail.log1p() if isinstance(self.loss, Logistic) else tail

    def _slopes(self, q: arb) -> tuple[arb, arb]:
        """Return ``-l'`` and ``l''``."""
        if isinstance(self.loss, Exponential):
            return ((-q).exp(),) * 2
        pull = 1 / (1 + q.exp())
        return pull, pull * (1 - pull)


def _middle(a: arb_mat) -> arb_mat:
    """Return the midpoints: Newton's method needs no bound on the error of a step."""
    return arb_mat(a.nrows(), a.ncols(), [x.mid() for x in a.entries()])


def _column(values: list[arb]) -> arb_mat:
    return arb_mat(len(values), 1, values)


def _rational(x: arb) -> fmpq:
    middle = x.mid()
    return fmpq(0) if abs(middle) < arb(2) ** _LEAST_POWER else middle.fmpq()

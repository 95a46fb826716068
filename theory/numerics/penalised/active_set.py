"""L1-penalised losses column by column: slow for many columns, accurate for any data.

``min (1/n) Σ l(q_i) + τ‖w‖₁`` with ``q = Xw`` is smooth while no weight changes its sign. On the
columns that carry weight, with their signs s held, Newton's method is used; a weight that would
change its sign stops the step and leaves, and where the rest is optimal the column enters whose
correlation with the multipliers exceeds τ most (Osborne, Presnell and Turlach 2000; Lee, Battle,
Raina and Ng 2006). The objective falls at every step, so that no set of signs comes back.

A Newton step is the least-squares problem ``min ½‖Aδ - r‖² + nτ sᵀδ`` with ``A = √h X_S`` and
``r = pull/√h``. It is solved through ``A = QR``, never through ``AᵀA``, which squares the
condition. Then the multipliers are ``√h (Q R⁻ᵀ nτs + (1 - QQᵀ) r) / n``, in which nothing nearly
equal is subtracted however small τ is, as it would be in ``pull(Xw)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.linalg import solve_triangular

from grokflow.theory.losses import Loss
from grokflow.theory.numerics.design_matrix import DesignMatrix
from grokflow.theory.numerics.penalised.orthogonal import orthogonal_factors

_ROUNDING = float(np.finfo(np.float64).eps)
# Newton's decrement, relative to the objective, at which the weights of a set of signs are found.
_SETTLED = 1e-14
_HALVINGS = 50
# Multiplications in the time that one step takes however small it is.
_OVERHEAD = 5e6
# A column may enter before the others have settled: when their next step is so small beside the
# objective, and its correlation exceeds τ so clearly.
_ROUGH, _CLEAR = 1e-3, 1.1
# Curvatures below this fraction of the pull, where a loss is nearly straight, are lifted to it.
_LEAST_CURVATURE = 1e-14


class Penalised(NamedTuple):
    """Weights (d,) and multipliers (n,)."""

    w: np.ndarray
    mu: np.ndarray


class _Step(NamedTuple):
    """A Newton step of the weights in a set (k,), the multipliers after it, its decrement."""

    direction: np.ndarray
    mu: np.ndarray
    decrement: float
    null: np.ndarray | None = None


class _Trial(NamedTuple):
    """Weights and signs after a step, whether a weight left, and the objective."""

    w: np.ndarray
    sign: np.ndarray
    left: bool
    value: float


@dataclass(frozen=True, eq=False)
class ActiveSet:
    """The problem ``min (1/n) Σ l(q_i) + τ‖w‖₁``.

    Parameters
    ----------
    x : DesignMatrix, shape (n, d)
        The data X.
    targets : ndarray, shape (n,)
        What the loss is given besides the outputs.
    loss : Loss
        Loss l.
    tau : float
        Strength τ, positive.
    """

    x: DesignMatrix
    targets: np.ndarray
    loss: Loss
    tau: float

    def solve(self, start: np.ndarray, tolerance: float, work: float) -> Penalised:
        """Minimise from the weights `start`, shape (d,), until correlations exceed τ by little.

        Parameters
        ----------
        start : ndarray, shape (d,)
            Any weights.
        tolerance : float
            By how much the largest correlation may exceed τ, relative to it.
        work : float
            Multiplications after which what is reached is returned.
        """
        # A wild trial step may overflow, and is not taken.
        with np.errstate(over="ignore", invalid="ignore"):
            return self._descend(start, tolerance, work)

    def _descend(self, start: np.ndarray, tolerance: float, work: float) -> Penalised:
        w, sign = start.copy(), np.sign(start)
        n, columns = self.x.shape
        mu = self.loss.descent(self.x.combine(w), self.targets) / n
        refused = np.zeros(len(w), dtype=bool)
        value = self._objective(w)
        while work > 0:
            work -= _OVERHEAD + (n + columns) * np.count_nonzero(sign) ** 2 + n * columns
            trial = None
            if sign.any():
                before, entered = value, (w == 0) & (sign != 0)
                found = self._newton(w, sign, before)
                trial = self._advance(w, sign, found, before)
                mu = found.mu
                if trial is not None:
                    w, sign, value = trial.w, trial.sign, trial.value
                if value < before:
                    refused[:] = False
                elif trial is not None:
                    # In rounding the column that entered is as good outside.
                    refused |= entered
                if not sign.any():
                    # Beyond the step all weights have left, and its multipliers say nothing.
                    mu = self.loss.descent(np.zeros(n), self.targets) / n
                if trial is not None and (trial.left or found.decrement > _ROUGH):
                    continue
            correlations = self.x.correlate(mu)
            outside = np.where((sign == 0) & ~refused, np.abs(correlations), 0.0)
            enters = int(np.argmax(outside))
            if trial is not None and outside[enters] <= _CLEAR * self.tau:
                continue
            if outside[enters] <= (1 + tolerance) * self.tau:
                break
            sign[enters] = np.sign(correlations[enters])
        return Penalised(w, mu)

    def _objective(self, w: np.ndarray) -> float:
        q = self.x.combine(w)
        return float(self.loss.value(q, self.targets).mean() + self.tau * np.abs(w).sum())

    def _newton(self, w: np.ndarray, sign: np.ndarray, value: float) -> _Step:
        """Return the Newton step on the columns with a sign.

        `value` is the objective at these weights. Where the columns are dependent the step leaves
        the last of them alone, and the direction in which the outputs do not change is tried first.
        """
        n, chosen = self.x.shape[0], np.flatnonzero(sign)
        part = self.x.take(chosen)
        q = part @ w[chosen]
        pull = self.loss.descent(q, self.targets)
        curvature = self.loss.curvature(q, self.targets)
        root = np.sqrt(np.maximum(curvature, _LEAST_CURVATURE * np.abs(pull)))
        basis, triangle, order = orthogonal_factors(part * root[:, None])
        rank = len(triangle)
        strength = n * self.tau * sign[chosen][order]
        square = triangle[:, :rank]
        held = solve_triangular(square, strength[:rank], trans="T", check_finite=False)
        wanted = np.divide(pull, root, out=np.zeros(n), where=root > 0)
        along = basis.T @ wanted
        rest = wanted - basis @ along
        # What is below the rounding of the outputs says nothing of the targets.
        blur = (np.abs(part) @ np.abs(w[chosen]) + np.abs(self.targets)) * root * _ROUNDING
        if not self.loss.acts_on_margins and (np.abs(rest) <= 4 * len(chosen) * blur).all():
            rest = np.zeros(n)
        direction = np.zeros(len(chosen))
        direction[order[:rank]] = solve_triangular(square, along - held, check_finite=False)
        decrement = float(np.sum((along - held) ** 2)) / n / max(abs(value), 1e-300)
        mu = root * (basis @ held + rest) / n
        if rank == len(chosen):
            return _Step(direction, mu, decrement)
        null = np.zeros(len(chosen))
        null[order[rank]] = 1.0
        null[order[:rank]] = -solve_triangular(square, triangle[:, rank], check_finite=False)
        slope = n * self.tau * float(sign[chosen] @ null) - float(pull @ (part @ null))
        null *= -np.sign(slope) if slope else 1.0
        return _Step(direction, mu, decrement, null)

    def _advance(self, w: np.ndarray, sign: np.ndarray, step: _Step, value: float) -> _Trial | None:
        """Go along the step while the objective falls, or a weight leaves; None if settled."""
        found = None
        if step.null is not None:
            found = self._search(w, sign, step.null, np.inf, value)
        if found is None and step.decrement > _SETTLED:
            found = self._search(w, sign, step.direction, 1.0, value)
        return found

    def _search(
        self, w: np.ndarray, sign: np.ndarray, direction: np.ndarray, length: float, before: float
    ) -> _Trial | None:
        """Go along a direction as far as the objective falls below `before`, if it does."""
        length = min(length, _reach(w, sign, direction))
        length = length if length < np.inf else 1.0
        for _ in range(_HALVINGS):
            trial = self._moved(w, sign, direction, length)
            if trial.value < before or (trial.left and trial.value == before):
                break
            length /= 2
        else:
            return None
        # Far from the data an exponential tail lets Newton's step gain one unit of margin only.
        while length >= 1 and not trial.left:
            length *= 2
            longer = self._moved(w, sign, direction, length)
            if not longer.value < trial.value:
                break
            trial = longer
        return trial

    def _moved(
        self, w: np.ndarray, sign: np.ndarray, direction: np.ndarray, length: float
    ) -> _Trial:
        """Move the weights with a sign, at most until one of them vanishes and leaves."""
        moved, signs, chosen = w.copy(), sign.copy(), np.flatnonzero(sign)
        reach = _crossings(w[chosen], sign[chosen], direction)
        length = min(length, float(reach.min()))
        moved[chosen] += length * direction
        leaving = chosen[reach <= length]
        moved[leaving] = signs[leaving] = 0.0
        return _Trial(moved, signs, bool(leaving.size), self._objective(moved))


def _reach(w: np.ndarray, sign: np.ndarray, direction: np.ndarray) -> float:
    chosen = np.flatnonzero(sign)
    return float(_crossings(w[chosen], sign[chosen], direction).min())


def _crossings(w: np.ndarray, sign: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Return the lengths at which the weights would change their sign."""
    against = direction * sign < 0
    infinite = np.full(len(w), np.inf)
    return np.asarray(np.divide(np.abs(w), np.abs(direction), out=infinite, where=against))

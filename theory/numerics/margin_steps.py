"""Newton's method for margins and outputs, each step an exact quadratic program.

With more samples than inputs, and inputs of different sizes, which multipliers are on their bounds
cannot be told from one multiplier at a time: `minimise` changes its mind about them for ever. The
quadratic model of a step is a least distance in as many unknowns as there are inputs,

    min ½‖v‖² : F v ≥ t,   F = X diag(√h),

h the curvatures of the potential, whose multipliers follow after finitely many exchanges of those
that are positive. F is factored as it is; its Gram matrix, which squares its condition, is not
formed.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol, TypeVar, runtime_checkable

import numpy as np

from grokflow.theory.numerics.hard_margin import binding_rows, independent_rows, least_norm
from grokflow.theory.numerics.newton import ValueGradient

# The model is exact at the end, where a step doubles the digits; far from it one is halved. After
# so many steps that do not halve what is missed rounding is taken to be the limit.
_HALVINGS, _PATIENT_STEPS = 30, 20
_EPSILON = float(np.finfo(np.float64).eps)
# Part of the value, in which its rounding hides whether a step descends.
_ROUNDING = 1e-13


class Model(NamedTuple):
    """The quadratic model of a function at a point x.

    Parameters
    ----------
    root : ndarray, shape (n, d)
        F, ``F Fᵀ`` the Hessian.
    above : ndarray, shape (d,)
        Minus ``Fᵀ lower``, summed over the unknowns that have a lower bound: what is above it.
        Where its terms cancel it is to be known better than from them.
    """

    root: np.ndarray
    above: np.ndarray


A = TypeVar("A", bound="Anchored")


@runtime_checkable
class Anchored(Protocol):
    """A convex function of changes from a point, over ``change ≥ lower``."""

    @property
    def lower(self) -> np.ndarray:
        """Lower bounds on the change, shape (n,), minus infinity where there is none."""

    def value_gradient(self, change: np.ndarray) -> ValueGradient:
        """Return the value and gradient after a change."""

    def residual(self, change: np.ndarray, gradient: np.ndarray, lower: np.ndarray) -> float:
        """Return the distance from optimality; see `natural_residual`."""

    def model(self) -> Model:
        """Return the quadratic model at the point."""

    def moved(self: A, step: np.ndarray) -> A:
        """Return the same function of changes from another point."""


def minimise_by_programs(function: A, tolerance: float) -> A:
    """Minimise a convex function over its bounds, as far as double precision goes.

    After every step changes are counted from the new point, so that what they leave of rounding
    shrinks with them.

    Parameters
    ----------
    function : Anchored
        The function, counted from a starting point within the bounds.
    tolerance : float
        Value of the function's `residual` at which to stop.

    Returns
    -------
    Anchored
        The function counted from its minimum.

    Raises
    ------
    NotConverged
        When a quadratic program is not solved.
    """
    at = best = function
    nothing = np.zeros_like(function.lower)
    value, gradient = at.value_gradient(nothing)
    least, idle = at.residual(nothing, gradient, at.lower), 0
    while least > tolerance and idle < _PATIENT_STEPS:
        step = _step(at.model(), gradient, at.lower, tolerance / 2)
        slope = float(gradient @ step)
        for length in 0.5 ** np.arange(_HALVINGS):
            trial = at.value_gradient(length * step)
            allowed = value + 1e-4 * length * slope + _ROUNDING * abs(value)
            if np.isfinite(trial.value) and trial.value <= allowed:
                break
        else:
            break
        at = at.moved(length * step)
        value, gradient = at.value_gradient(nothing)
        residual = at.residual(nothing, gradient, at.lower)
        idle = 0 if residual <= least / 2 else idle + 1
        if residual < least:
            best, least = at, residual
    return best


def _step(model: Model, gradient: np.ndarray, lower: np.ndarray, tolerance: float) -> np.ndarray:
    """Return the step to the minimum of the quadratic model over the bounds.

    One unknown after the other is let off its bound, or put on it (Lawson and Hanson 1974, ch. 23,
    from the unknowns that are off it at the point, most of which stay so). Where that does not end,
    the program is solved from nothing. How far unknowns move is counted from the point either way:
    near the end steps are small, and their rounding is smaller still.
    """
    root, free = model.root, np.isneginf(lower)
    search = _ActiveSet(root, gradient, lower, tolerance)
    for _ in range(3 * len(lower)):
        search.minimise_over_moving()
        entering = search.entering()
        if entering is None:
            return search.step
        search.let_move(entering)
    moving = binding_rows(root, root @ model.above - gradient, free)
    step = np.where(moving, 0.0, lower)
    if moving.any():
        step[moving] = least_norm(root[moving], -(gradient + root @ (step @ root))[moving])[1]
    return np.asarray(np.maximum(step, lower))


class _ActiveSet:
    """The search for the unknowns that are off their bounds at the minimum of a quadratic model.

    Parameters
    ----------
    root : ndarray, shape (n, d)
        F, ``F Fᵀ`` the Hessian.
    gradient, lower : ndarray, shape (n,)
        The gradient where the step is zero, and lower bounds of the step, none of them positive.
    tolerance : float
        What a gradient may miss zero by.
    """

    def __init__(
        self, root: np.ndarray, gradient: np.ndarray, lower: np.ndarray, tolerance: float
    ) -> None:
        self.root, self.gradient, self.lower, self.tolerance = root, gradient, lower, tolerance
        self.step = np.zeros_like(lower)
        self.moving = np.isneginf(lower) | (lower < 0)
        self.moving[self.moving] = self._independent(self.moving)

    def minimise_over_moving(self) -> None:
        """Move to the minimum in the unknowns that are off their bounds, or to the bounds on it."""
        while self.moving.any():
            change = np.zeros_like(self.step)
            wanted = -self._gradient()[self.moving]
            change[self.moving] = least_norm(self.root[self.moving], wanted)[1]
            if self._move(change, 1.0) is None:
                return

    def entering(self) -> int | None:
        """Return the unknown that the gradient pulls the most off where it is, or None."""
        size = np.abs(self.root)
        noise = len(size) * _EPSILON * (size @ (np.abs(self.step) @ size)) + self.tolerance
        after = self._gradient()
        pull = np.where(self.step > self.lower, np.abs(after), -after)
        pull = np.where(self.moving | (pull <= noise), 0.0, pull / np.linalg.norm(size, axis=1))
        return int(pull.argmax()) if pull.any() else None

    def let_move(self, entering: int) -> None:
        """Let an unknown move; where its row is a sum of the moving ones, others make room."""
        others = self.moving.copy()
        self.moving[entering] = True
        if self._independent(self.moving).all():
            return
        row, change = self.root[entering], np.zeros_like(self.step)
        rows = self.root[others]
        change[others] = -least_norm(rows, rows @ row)[1]
        change[entering] = 1.0
        # Along this direction the gradient stays, until one of them is on its bound.
        self._move(change * -np.sign(self._gradient()[entering]), np.inf)

    def _move(self, change: np.ndarray, longest: float) -> int | None:
        """Move as far as the bounds let it, and return which unknown is put on its own."""
        down = np.flatnonzero((change < 0) & np.isfinite(self.lower))
        room = (self.lower[down] - self.step[down]) / change[down]
        if not down.size or room.min() >= longest:
            self.step = self.step + min(longest, 1e300) * change
            return None
        first = int(down[room.argmin()])
        self.step = np.maximum(self.step + room.min() * change, self.lower)
        self.step[first], self.moving[first] = self.lower[first], False
        return first

    def _gradient(self) -> np.ndarray:
        return np.asarray(self.gradient + self.root @ (self.step @ self.root))

    def _independent(self, chosen: np.ndarray) -> np.ndarray:
        """Return which of the chosen rows are independent of those before."""
        found = np.full(int(chosen.sum()), False)
        if found.size:
            found[independent_rows(self.root[chosen])] = True
        return found

"""Newton's method for smooth convex functions with bounds, in n dual unknowns.

The predictors of the theory all reduce to it: their duals have one unknown per sample, a value
and gradient that cost one pass over the data, and a Hessian that costs about ten.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

# Steps without visible progress after which rounding is taken to be the limit.
_PATIENT_STEPS = 20


class ValueGradient(NamedTuple):
    """Value of a function and its gradient."""

    value: float
    gradient: np.ndarray


class Box(NamedTuple):
    """Bounds on the next point: constraints, or a fraction of the way to the domain's edge."""

    low: np.ndarray | float = -np.inf
    high: np.ndarray | float = np.inf


@dataclass(frozen=True, eq=False)
class Dense:
    """A Hessian stored as one positive semidefinite matrix of shape (n, n)."""

    matrix: np.ndarray

    @property
    def diagonal(self) -> np.ndarray:
        """The diagonal, shape (n,)."""
        return np.diagonal(self.matrix)

    def times(self, x: np.ndarray) -> np.ndarray:
        """Return the product with `x`."""
        return np.asarray(self.matrix @ x)

    def solve(self, free: np.ndarray, pull: np.ndarray) -> np.ndarray:
        """Solve with the rows and columns `free`, by Cholesky's factorisation."""
        return _solve_in_place(self.matrix[np.ix_(free, free)], pull)


@dataclass(frozen=True, eq=False)
class LowRank:
    """A Hessian ``diag(δ) + F Fᵀ`` with no more columns of F than unknowns.

    It is not written out: few of the unknowns may be free.

    Parameters
    ----------
    shift : ndarray, shape (n,)
        δ, positive.
    factor : ndarray, shape (n, r)
        F.
    """

    shift: np.ndarray
    factor: np.ndarray

    @property
    def diagonal(self) -> np.ndarray:
        """The diagonal, shape (n,)."""
        return np.asarray(self.shift + np.einsum("ij,ij->i", self.factor, self.factor))

    def times(self, x: np.ndarray) -> np.ndarray:
        """Return the product with `x`."""
        return np.asarray(self.shift * x + self.factor @ (x @ self.factor))

    def solve(self, free: np.ndarray, pull: np.ndarray) -> np.ndarray:
        """Solve with the rows and columns `free`, by Woodbury's formula where they are many."""
        if int(free.sum()) <= self.factor.shape[1]:
            factor = self.factor[free]
            matrix = factor @ factor.T
            matrix[np.diag_indices_from(matrix)] += self.shift[free]
            return _solve_in_place(matrix, pull)
        scale = 1 / np.sqrt(self.shift[free])
        factor = self.factor[free] * scale[:, None]
        inner = factor.T @ factor
        inner[np.diag_indices_from(inner)] += 1
        apart = scale * pull
        return np.asarray(scale * (apart - factor @ _solve_in_place(inner, apart @ factor)))


def _solve_in_place(matrix: np.ndarray, pull: np.ndarray) -> np.ndarray:
    """Solve by Cholesky's factorisation at unit diagonal, or by the diagonal where that fails."""
    scale = 1 / np.sqrt(np.diagonal(matrix))
    matrix *= scale[:, None]
    matrix *= scale
    # Rounding may leave a rank-deficient matrix slightly indefinite: lift it by its own noise.
    matrix[np.diag_indices_from(matrix)] += 1e-15 * len(matrix)
    try:
        factor = cho_factor(matrix, lower=True, overwrite_a=True, check_finite=False)
    except LinAlgError:
        return np.asarray(scale * scale * pull)
    return np.asarray(scale * cho_solve(factor, scale * pull, check_finite=False))


Hessian = Dense | LowRank


@runtime_checkable
class ConvexFunction(Protocol):
    """A convex function of n unknowns, infinite outside its domain."""

    def value_gradient(self, x: np.ndarray) -> ValueGradient:
        """Return the value and gradient at `x`."""

    def hessian(self, x: np.ndarray) -> Hessian:
        """Return the (generalised) Hessian at `x`, positive definite."""

    def box(self, x: np.ndarray) -> Box:
        """Return how far each unknown may move from `x` in one step."""

    def residual(self, x: np.ndarray, gradient: np.ndarray, lower: np.ndarray) -> float:
        """Return the distance from optimality; see `natural_residual`."""


def natural_residual(x: np.ndarray, gradient: np.ndarray, lower: np.ndarray) -> float:
    """Return the largest ``|min(x - lower, gradient)|``, zero exactly at a minimum."""
    return float(np.abs(np.minimum(x - lower, gradient)).max())


class NotConverged(RuntimeError):
    """An iteration ended before it reached its tolerance; the message says what to change.

    Examples
    --------
    Reweighting, as `QuasiPenalised` does it, may come to no end:

    >>> import grokflow as gf
    >>> try:
    ...     raise gf.NotConverged("w changes by 0.1 after 9 sweeps, expected 1e-8: start nearer")
    ... except RuntimeError as reason:
    ...     print(reason)
    w changes by 0.1 after 9 sweeps, expected 1e-8: start nearer
    """


@dataclass(frozen=True, eq=False)
class Minimum:
    """Where a minimisation ended.

    Parameters
    ----------
    x : ndarray, shape (n,)
        The minimiser.
    gradient : ndarray, shape (n,)
        The gradient there.
    residual : float
        The function's own measure of distance from optimality.
    steps : int
        Accepted Newton steps.
    hessian : Hessian
        The last Hessian used, to start the next minimisation nearby.
    """

    x: np.ndarray
    gradient: np.ndarray
    residual: float
    steps: int
    hessian: Hessian


class _Bounds(NamedTuple):
    """Constraints on the unknowns, each of shape (n,)."""

    lower: np.ndarray
    upper: np.ndarray


@dataclass(frozen=True, eq=False)
class _Iterate:
    """A point with the value and gradient there, and its distance from optimality."""

    x: np.ndarray
    value: float
    gradient: np.ndarray
    residual: float
    bounds: _Bounds

    @classmethod
    def of(cls, function: ConvexFunction, x: np.ndarray, bounds: _Bounds) -> _Iterate:
        value, gradient = function.value_gradient(x)
        finite = np.isfinite(value)
        residual = function.residual(x, gradient, bounds.lower) if finite else np.inf
        return cls(x, value, gradient, residual, bounds)

    def is_level_with(self, other: _Iterate) -> bool:
        return bool(abs(self.value - other.value) <= 1e-12 * abs(other.value))


def _directions(at: _Iterate, hessian: Hessian) -> Iterator[np.ndarray]:
    """Yield search directions, the fastest first and one that cannot fail last.

    The step of the primal-dual active set method (Hintermüller, Ito, Kunisch 2002) puts unknowns
    on their bound that a diagonal step would carry past it; the projected Newton step (Bertsekas
    1982) only holds those that are there; the scaled gradient always descends.
    """
    diagonal = hessian.diagonal
    lower, upper = at.bounds
    aim = at.x - at.gradient / diagonal
    yield _newton_step(at, hessian, aim <= lower, aim >= upper)
    downhill = at.gradient > 0, at.gradient < 0
    yield _newton_step(at, hessian, (at.x <= lower) & downhill[0], (at.x >= upper) & downhill[1])
    yield -at.gradient / diagonal


def _newton_step(at: _Iterate, hessian: Hessian, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Put unknowns on their lower or upper bound and minimise the quadratic model in the others."""
    free = ~(low | high)
    step = np.where(low, at.bounds.lower - at.x, np.where(high, at.bounds.upper - at.x, 0.0))
    if free.any():
        pull = at.gradient + hessian.times(step) if step.any() else at.gradient
        step[free] = -hessian.solve(free, pull[free])
    return step


def minimise(
    function: ConvexFunction,
    start: np.ndarray,
    *,
    tolerance: float,
    lower: np.ndarray | float = -np.inf,
    upper: np.ndarray | float = np.inf,
    hessian: Hessian | None = None,
    max_steps: int = 200,
    strict: bool = True,
) -> Minimum:
    """Minimise a convex function over ``lower ≤ x ≤ upper``.

    Newton steps with backtracking. The Hessian is refreshed only when the residual falls by less
    than a factor of four, because it costs ten gradients.

    Parameters
    ----------
    function : ConvexFunction
        Infinite outside its domain is allowed: trial steps that leave it are halved.
    start : ndarray, shape (n,)
        Starting point, moved into the bounds where it is outside.
    tolerance : float
        Bound on the function's `residual` at the end.
    lower : ndarray or float
        Lower bounds; minus infinity for none.
    upper : ndarray or float
        Upper bounds; infinity for none. With them the function's `residual` must be one that
        vanishes at a constrained minimum.
    hessian : Hessian, optional
        A Hessian from a nearby point to begin with.
    max_steps : int
        Steps after which the search gives up.
    strict : bool
        Whether an end above the tolerance raises. Iterations that judge the answer by a
        certificate of their own pass False and look at `Minimum.residual`.

    Raises
    ------
    NotConverged
        When the tolerance is not met; a rounding-limited end above it counts as not met.
    """
    low, high = (np.broadcast_to(np.asarray(b, dtype=float), start.shape) for b in (lower, upper))
    at = _Iterate.of(function, np.minimum(np.maximum(start, low), high), _Bounds(low, high))
    fresh = hessian is None
    current = function.hessian(at.x) if hessian is None else hessian
    idle = 0
    for step in range(max_steps + 1):
        if at.residual <= tolerance:
            return Minimum(at.x, at.gradient, at.residual, step, current)
        trial = _search(function, at, current, fresh)
        progress = trial is not None and trial.residual <= 0.25 * at.residual
        # Level steps may still sort out which unknowns are on their bound, but not for long.
        level = trial is not None and trial.is_level_with(at)
        idle = idle + 1 if level and fresh and not progress else 0
        if fresh and (trial is None or idle >= _PATIENT_STEPS):
            break
        at = trial or at
        if fresh := not progress:
            current = function.hessian(at.x)
    if not strict:
        return Minimum(at.x, at.gradient, at.residual, step, current)
    raise NotConverged(
        f"Newton's method stopped at residual {at.residual:.1e} after {step} steps, expected "
        f"{tolerance:.1e}: loosen the tolerance, or check the data for nearly equal rows"
    )


def _search(
    function: ConvexFunction, at: _Iterate, hessian: Hessian, fresh: bool
) -> _Iterate | None:
    """Return a better point along the first direction that has one; stale Hessians get one try."""
    for direction in _directions(at, hessian):
        found = _backtrack(function, at, direction, halvings=40 if fresh else 2)
        if found or not fresh:
            return found
    return None


def _backtrack(
    function: ConvexFunction, at: _Iterate, direction: np.ndarray, halvings: int
) -> _Iterate | None:
    """Return the first of the steps 1, 1/2, 1/4, … that decreases enough, or None."""
    low, high = function.box(at.x)
    low, high = np.maximum(low, at.bounds.lower), np.minimum(high, at.bounds.upper)
    for length in 0.5 ** np.arange(halvings + 1):
        x = np.clip(at.x + length * direction, low, high)
        new = _Iterate.of(function, x, at.bounds)
        if np.isfinite(new.value):
            slope = float(at.gradient @ (x - at.x))
            if new.is_level_with(at):
                # The value is lost in rounding here; the slope along the step tells as much.
                descends = abs(float(new.gradient @ (x - at.x))) < 0.9 * abs(slope)
            else:
                descends = new.value <= at.value + 1e-4 * slope
            if descends:
                return new
    return None

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

from collections.abc import Callable

import numpy as np

from grokflow.theory.numerics.hard_margin import constrained_least_norm
from grokflow.theory.numerics.newton import ConvexFunction

# The model is exact at the end, where a step doubles the digits; far from it one is halved. After
# so many steps that do not halve what is missed rounding is taken to be the limit.
_HALVINGS, _PATIENT_STEPS = 30, 6
# Part of the value, in which its rounding hides whether a step descends.
_ROUNDING = 1e-13


def minimise_by_programs(
    function: ConvexFunction,
    root: Callable[[np.ndarray], np.ndarray],
    start: np.ndarray,
    lower: np.ndarray,
    tolerance: float,
) -> np.ndarray:
    """Minimise a convex function over ``x ≥ lower``, as far as double precision goes.

    Parameters
    ----------
    function : ConvexFunction
        The function.
    root : callable
        Returns F of shape (n, d), ``F Fᵀ`` the Hessian at a point.
    start : ndarray, shape (n,)
        Starting point.
    lower : ndarray, shape (n,)
        Lower bounds, minus infinity where there is none.
    tolerance : float
        Value of the function's `residual` at which to stop.

    Raises
    ------
    NotConverged
        When a quadratic program is not solved.
    """
    x = best = np.maximum(start, lower)
    value, gradient = function.value_gradient(x)
    least, idle = function.residual(x, gradient, lower), 0
    while least > tolerance and idle < _PATIENT_STEPS:
        step = _model_minimum(root(x), gradient, x, lower) - x
        slope = float(gradient @ step)
        for length in 0.5 ** np.arange(_HALVINGS):
            trial = function.value_gradient(x + length * step)
            allowed = value + 1e-4 * length * slope + _ROUNDING * abs(value)
            if np.isfinite(trial.value) and trial.value <= allowed:
                break
        else:
            break
        x, (value, gradient) = x + length * step, trial
        residual = function.residual(x, gradient, lower)
        idle = 0 if residual <= least / 2 else idle + 1
        if residual < least:
            best, least = x, residual
    return np.asarray(best)


def _model_minimum(
    root: np.ndarray, gradient: np.ndarray, x: np.ndarray, lower: np.ndarray
) -> np.ndarray:
    """Return the minimum of the quadratic model over the bounds."""
    free = np.isneginf(lower)
    base = np.where(free, x, lower)
    wanted = -(gradient + root @ ((base - x) @ root))
    change = constrained_least_norm(root, wanted, free)[1]
    return np.asarray(base + np.where(free, change, np.maximum(change, 0.0)))

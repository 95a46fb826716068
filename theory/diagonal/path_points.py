"""One point of the quasi-static path: the weights at one scale, given the multipliers before it.

It is the minimum of a convex function of the multipliers. Newton's method, which needs one Gram
matrix a step, finds it on most data. Where inputs differ much in size it may exchange multipliers
on their bounds for ever; small data are then given to exact quadratic programs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import LinAlgError

from grokflow.theory.diagonal.deep_mirror import MirrorMap
from grokflow.theory.linear.dual import Constraint, Dual, Moved
from grokflow.theory.linear.problem import Problem
from grokflow.theory.numerics.margin_steps import minimise_by_programs
from grokflow.theory.numerics.newton import Hessian, Minimum, NotConverged, minimise
from grokflow.theory.predictor import NotResolved

# Where margins are held, at a level that is known up to 1/m, a violation so much larger than the
# tolerance still counts if rounding keeps it there.
_SLACK = 10.0
# Multiplications that one quadratic program may take, a second of them.
_PROGRAM = 1e8
# Steps of Newton's method: most points take ten. Where a program can follow, which takes as long
# as a few of them, it need not go on.
_MOST_STEPS, _PATIENT_STEPS = 200, 15
# Times that changes of the multipliers are counted from a new point; two have sufficed.
_ANCHORS = 8


@dataclass(frozen=True, eq=False)
class PathPoint:
    """One point of the path.

    With more samples than inputs, and inputs that nearly depend on each other, the terms of
    ``z = Xᵀp`` are large numbers that cancel, and outputs are sensitive to z: multipliers rounded
    to doubles do not say what the margins are. Therefore z is kept beside them, every step changes
    both, and small steps round little. That z differs from ``Xᵀp`` by rounding, e, is no harm where
    the outputs are held all the same: weights that hold them exactly at the minimum of a potential
    tilted by e differ from those of the true one by about e in units of typical weights.

    Parameters
    ----------
    multipliers : ndarray, shape (n,)
        p.
    coordinates : ndarray, shape (d,)
        ``z = Xᵀp``, of which the weights are functions.
    residual : float
        Violation of what is held, by the weights that are recorded, relative to the largest target.
    hessian : Hessian or None
        The last one of Newton's method.
    """

    multipliers: np.ndarray
    coordinates: np.ndarray
    residual: float
    hessian: Hessian | None


def path_point(
    problem: Problem,
    potential: MirrorMap,
    guess: np.ndarray,
    floor: np.ndarray,
    tolerance: float,
    hessian: Hessian | None,
) -> PathPoint:
    """Return one point of the path, as near to it as rounding lets it be."""
    start = np.maximum(guess, floor)
    at = PathPoint(start, problem.inputs.correlate(start), np.inf, hessian)
    for _ in range(_ANCHORS):
        new, known = _from_anchor(problem, potential, at, floor, tolerance), at.residual
        at = new if new.residual < known else at
        if at.residual <= tolerance or at.residual > known / 2:
            break
    return at


def _from_anchor(
    problem: Problem, potential: MirrorMap, at: PathPoint, floor: np.ndarray, tolerance: float
) -> PathPoint:
    """Return the point that Newton's method finds in changes of the multipliers from `at`."""
    targets, inputs = problem.targets, problem.inputs
    reach = potential.omega / float(potential.curvature(np.ones(1))[0])
    data = Constraint(targets, -np.inf, reach * float(np.abs(targets).max()))
    # With more samples than inputs the multipliers are not unique: a proximal term that costs
    # at most a hundredth of the tolerance picks those nearest to the guess.
    ridge = 1e-2 * tolerance / float(np.abs(at.multipliers).max())
    moved = Moved(potential, at.coordinates)
    nothing, lower = np.zeros(problem.n), floor - at.multipliers
    # Newton's method judges steps whose descent is lost in rounding by their slope. With the whole
    # value, not that of the change alone, it knows them; programs need no more than the change.
    level = data.value(at.multipliers)
    n, d = inputs.shape
    small = n * min(n, d) ** 2 <= _PROGRAM
    found = minimise(
        Dual(problem, data, moved, ridge, level=level),
        nothing,
        tolerance=tolerance,
        lower=lower,
        hessian=at.hessian,
        max_steps=_PATIENT_STEPS if small else _MOST_STEPS,
        strict=False,
    )
    # Without the proximal term the gradient is what the outputs miss the targets by.
    found = replace(found, gradient=found.gradient - ridge * found.x)
    if found.residual > tolerance and small:
        found = _by_programs(Dual(problem, data, moved), found, nothing, lower, tolerance)
    coordinates = at.coordinates + inputs.correlate(found.x)
    residual = data.residual(found.x, found.gradient, lower)
    multipliers = np.maximum(at.multipliers + found.x, floor)
    return PathPoint(multipliers, coordinates, residual, found.hessian)


def _by_programs(
    dual: Dual, found: Minimum, guess: np.ndarray, floor: np.ndarray, tolerance: float
) -> Minimum:
    """Return a point that Newton's method is kept from, or what it found where that is nearer."""
    inputs = dual.problem.inputs
    x = inputs.to_array()

    def root(mu: np.ndarray) -> np.ndarray:
        return np.asarray(x * np.sqrt(dual.potential.curvature(inputs.correlate(mu))))

    try:
        with np.errstate(all="ignore"):
            mu = minimise_by_programs(dual, root, guess, floor, tolerance)
    except (NotConverged, LinAlgError, ValueError):
        return found
    gradient = dual.value_gradient(mu).gradient
    residual = dual.residual(mu, gradient, floor)
    if found.residual <= residual:
        return found
    return replace(found, x=mu, gradient=gradient, residual=residual)


def check_point(found: PathPoint, log_beta: float, tolerance: float, *, margins: bool) -> None:
    """Refuse a point of the path at which rounding keeps Newton's method from its end.

    Parameters
    ----------
    found : PathPoint
        The point.
    log_beta : float
        Logarithm of its scale.
    tolerance : float
        Largest violation that is wanted.
    margins : bool
        Whether margins are held.

    Raises
    ------
    NotResolved
        Where what is held is missed by more.
    """
    allowed = _SLACK * tolerance if margins else tolerance
    if not found.residual <= allowed:
        held = "margins" if margins else "outputs"
        raise NotResolved(
            f"the {held} on the way from the early to the late weights are known to "
            f"{found.residual:.1e} in double precision at log β = {log_beta:.1f}, expected "
            f"{allowed:.1e}: standardise the inputs (--standardise, standardise=True), or follow "
            "the flow, which needs no predictor (grokflow simulate)"
        )

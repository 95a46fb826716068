"""One point of the quasi-static path: the weights at one scale, given the multipliers before it.

It is the minimum of a convex function of the multipliers. Newton's method, which needs one Gram
matrix a step, finds it on most data. Where inputs differ much in size it may exchange multipliers
on their bounds for ever; small data are then given to exact quadratic programs.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.linalg import LinAlgError

from grokflow.theory.diagonal.deep_mirror import MirrorMap
from grokflow.theory.linear.dual import Constraint, Dual
from grokflow.theory.linear.problem import Problem
from grokflow.theory.numerics.margin_steps import minimise_by_programs
from grokflow.theory.numerics.newton import Hessian, Minimum, NotConverged, minimise
from grokflow.theory.predictor import NotResolved

# Where margins are held, at a level that is known up to 1/m, a violation so much larger than the
# tolerance still counts if rounding keeps it there.
_SLACK = 10.0
# Multiplications that one quadratic program may take, a second of them.
_PROGRAM = 1e8
# Steps of Newton's method: most points take ten. Where a program can follow it need not go on.
_MOST_STEPS, _PATIENT_STEPS = 200, 40


def path_point(
    problem: Problem,
    potential: MirrorMap,
    guess: np.ndarray,
    floor: np.ndarray,
    tolerance: float,
    hessian: Hessian | None,
) -> Minimum:
    """Return the multipliers p of one point of the path, as near to it as rounding lets them be."""
    targets = problem.targets
    reach = potential.omega / float(potential.curvature(np.ones(1))[0])
    data = Constraint(targets, -np.inf, reach * float(np.abs(targets).max()))
    # With more samples than inputs the multipliers are not unique: a proximal term that costs
    # at most a hundredth of the tolerance picks those nearest to the guess.
    ridge = 1e-2 * tolerance / float(np.abs(guess).max())
    dual = Dual(problem, data, potential, ridge, guess)
    n, d = problem.inputs.shape
    small = n * min(n, d) ** 2 <= _PROGRAM
    found = minimise(
        dual,
        guess,
        tolerance=tolerance,
        lower=floor,
        hessian=hessian,
        max_steps=_PATIENT_STEPS if small else _MOST_STEPS,
        strict=False,
    )
    if found.residual <= tolerance or not small:
        return found
    return _by_programs(Dual(problem, data, potential), found, guess, floor, tolerance)


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
    residual = dual.residual(mu, dual.value_gradient(mu).gradient, floor)
    return found if found.residual <= residual else replace(found, x=mu, residual=residual)


def check_point(found: Minimum, log_beta: float, tolerance: float, *, margins: bool) -> None:
    """Refuse a point of the path at which rounding keeps Newton's method from its end.

    Parameters
    ----------
    found : Minimum
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

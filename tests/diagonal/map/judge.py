"""Judging the flow of a diagonal net by the full system of (u, v)."""

from enum import StrEnum

import numpy as np

from grokflow.simulations.diagonal.flow import DiagonalFlow
from grokflow.simulations.diagonal.start import DiagonalStart
from grokflow.simulations.runs.stopping import Stopped
from grokflow.theory.losses import LOSSES
from tests.diagonal.map.draw import Drawn
from tests.reference import log_flow

RTOL = 1e-4
# Evaluations after which the full system counts as too stiff to be a reference.
MOST_EVALUATIONS = 10_000
# Difference of two references up to which they count as one.
_AGREED = RTOL / 10
# Norm below which weights are rounding of the full system.
_DEAD = 1e-200


class Verdict(StrEnum):
    """What a flow is."""

    RIGHT = "right"
    REFUSED = "refused"
    WRONG = "wrong"
    UNKNOWN = "no reference"


def judged(case: Drawn) -> tuple[Verdict, str]:
    """Return what the flow of a case is, with what it says or how far it is off.

    A flow that the full system confirms at a loose tolerance is right. One that it does not is
    wrong where the full system is found to be right itself, at a tighter tolerance.
    """
    start = DiagonalStart(case.problem, case.alpha, case.depth)
    try:
        found = DiagonalFlow(lam=case.lam, loss=LOSSES[case.loss], rtol=RTOL).run(start, case.times)
    except Stopped as stopped:
        return Verdict.REFUSED, str(stopped)
    loose = reference_of(case, 1e-6)
    if loose is None:
        return Verdict.UNKNOWN, ""
    error = largest_error(found.weights, loose)
    if error <= RTOL:
        return Verdict.RIGHT, f"{error:.1e}"
    tight = reference_of(case, 1e-8)
    sure = tight is not None and largest_error(loose, tight) <= _AGREED
    return Verdict.WRONG if sure else Verdict.UNKNOWN, f"{error:.1e}"


def reference_of(case: Drawn, rtol: float) -> np.ndarray | None:
    """Return the weights of the full system, None where it is too stiff."""
    problem = case.problem
    try:
        return log_flow.weights(
            problem.inputs.to_array(),
            problem.targets,
            case.alpha,
            case.lam,
            case.loss,
            case.times,
            rtol,
            case.depth,
            MOST_EVALUATIONS,
            "BDF",
        )
    except (ValueError, AssertionError):  # too stiff, not finite, or given up
        return None


def largest_error(w: np.ndarray, reference: np.ndarray) -> float:
    """Return the largest relative error of weights, one time a column."""
    size = np.linalg.norm(reference, axis=0)
    errors = np.linalg.norm(w - reference, axis=0)[size > _DEAD] / size[size > _DEAD]
    return float(errors.max(initial=0.0))

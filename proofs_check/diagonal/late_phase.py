"""Diagonal nets after the kernel regime: the norm of θ, and θ itself at T_c^+.

Shared by Lemmas C.11 and D.8 and by Theorems 3.5 and 3.10: six samples of 20 inputs, depths 2, 3
and 4, nine scales. λ is a power of 1/α that keeps the square loss above rounding, and takes the
exponential loss, whose limits are approached by logarithms, to 1e-48 or 1e-80.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from grokflow.proofs_check.diagonal.kernel_phase import DEPTHS, log_capital_a, small_problem
from grokflow.proofs_check.laboratory import Experiment, Laboratory, remembered
from grokflow.simulations.diagonal.flow import DiagonalFlow
from grokflow.simulations.diagonal.start import DiagonalStart
from grokflow.theory.diagonal.parameters import parameters
from grokflow.theory.homogeneous.comparisons import relative_distance
from grokflow.theory.homogeneous.kkt import stationarity
from grokflow.theory.linear.problem import Problem
from grokflow.theory.losses import LOSSES
from grokflow.theory.transition.times import leading_order, window

RTOL = 1e-4
C = 4.0
# Least and largest α, and the power of 1/α that λ is. Deep nets reach rest early and cost more;
# at depth 2 a coordinate may fall to zero as slowly as α(s) to a small power.
_SCALES = {
    ("exponential", True): (1e4, 1e12, 4.0),
    ("exponential", False): (1e16, 1e80, 1.0),
    ("square", True): (1e2, 1e6, 1.0),
    ("square", False): (1e8, 1e80, 0.125),
}


class LatePhase(NamedTuple):
    """What is measured of one flow.

    Parameters
    ----------
    log_least, log_largest : float
        Logarithms of the smallest and the largest ``‖θ‖`` from the end of the kernel regime,
        ``(1/λ)(log α - (1/L) log log A)``, or ``(1/λ) log α`` for the square loss, to T_c^+, c = 4.
    early_residual, late_residual : float
        KKT residual of θ at T_c^-, c = ½, and at T_c^+, c = 4.
    """

    log_least: float
    log_largest: float
    early_residual: float
    late_residual: float


class LatePhases(NamedTuple):
    """The flows at all scales: log 1/λ and measurements, each of shape (9,)."""

    log_lam: np.ndarray
    log_least: np.ndarray
    log_largest: np.ndarray
    early_residual: np.ndarray
    late_residual: np.ndarray


@remembered
def late_phases(laboratory: Laboratory, loss: str, depth: int) -> LatePhases:
    """Follow the flow from every scale."""
    least, largest, power = _SCALES[loss, depth > 2]
    alphas = np.geomspace(least, largest, 9)
    rows = np.array([_late_phase(laboratory, loss, depth, a, a**-power) for a in alphas.tolist()])
    return LatePhases(power * np.log(alphas), *rows.T)


# What the claims share; deep nets take longest.
LATE_PHASES = {
    loss: tuple(Experiment(late_phases, (loss, depth), seconds=depth - 1.0) for depth in DEPTHS)
    for loss in ("exponential", "square")
}


def _late_phase(
    laboratory: Laboratory, loss: str, depth: int, alpha: float, lam: float
) -> LatePhase:
    """Follow the flow from scale α to T_c^+, c = 4."""
    problem, log_alpha = small_problem(laboratory, LOSSES[loss]), leading_order(alpha)
    first, last = log_alpha, window(alpha, C).late
    if problem.is_classification:
        power = -np.log(lam) / log_alpha
        first -= float(np.log(log_capital_a(depth, np.array(alpha), power))) / depth
    times = np.append(np.arange(first, min(first + 6.0, last), 0.5), last)
    flow = DiagonalFlow(lam=lam, loss=LOSSES[loss], rtol=RTOL)
    found = flow.run(DiagonalStart(problem, alpha, depth), np.append(log_alpha / 2, times))
    early, late = (
        residual(problem, found.weights[:, i], depth, log_alpha - float(found.lambda_t[i]))
        for i in (0, -1)
    )
    norms = np.log(found.norms[1:])
    return LatePhase(float(norms.min()), float(norms.max()), early, late)


def residual(problem: Problem, w: np.ndarray, depth: int, log_scale: float) -> float:
    """Return the KKT residual of (R1), for classification, or (R2) of the net with weights w."""
    u, v = parameters(w, depth, log_scale)
    x = problem.inputs.to_array()
    jacobian = depth * np.hstack([x * u ** (depth - 1), -x * v ** (depth - 1)])
    theta, outputs = np.append(u, v), x @ w
    if problem.is_classification:
        return stationarity(jacobian.T, theta, outputs, float(depth)).total
    return float(
        np.hypot(
            stationarity(jacobian.T, theta).residual,
            relative_distance(outputs, problem.targets, normalised=False),
        )
    )

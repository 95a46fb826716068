"""Diagonal nets after the kernel regime: the norm of θ, and θ itself at T_c^+.

Shared by Lemmas C.11 and D.8 and by Theorems 3.5 and 3.10: six samples of 20 inputs, depths 2, 3
and 4. λ is a power of 1/α that keeps the square loss above rounding, and takes the exponential
loss, whose limits are approached by logarithms, to 1e-80 or 1e-139.

Deep nets have many KKT points, of different coordinates, and which one the flow ends at may change
with α: measurements jump there, and a fit across the jump has no meaning. Limits are statements
about α → ∞, so they are taken over the scales beyond the last jump; where too few are left, nothing
is said of the limit. At depth 2 weights move from one coordinate to another without a jump.

θ is rebuilt from the weights by the invariants of the flow, not integrated: an error in these would
not show here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from grokflow.proofs_check.diagonal.kernel_phase import DEPTHS, log_capital_a, small_problem
from grokflow.proofs_check.evidence.extrapolation import Limit, extrapolate, points_needed
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
SOON, C = 1.0, 4.0
# Least and largest α, the power of 1/α that λ is, and the number of scales. At depth 2 a coordinate
# may fall to zero as slowly as α(s) to a small power. Deep nets may jump in the middle.
_SCALES = {
    ("exponential", True): (1e10, 1e100, 1.39, 19),
    ("exponential", False): (1e16, 1e80, 1.0, 9),
    ("square", True): (1e2, 1e6, 1.0, 9),
    ("square", False): (1e8, 1e80, 0.125, 9),
}


class LatePhase(NamedTuple):
    """What is measured of one flow.

    Parameters
    ----------
    log_least, log_largest : float
        Logarithms of the smallest and the largest ``‖θ‖`` from the end of the kernel regime,
        ``(1/λ)(log α - (1/L) log log A)``, or ``(1/λ) log α`` for the square loss, to T_c^+, c = 4.
    early_residual, soon_residual, late_residual : float
        KKT residual of θ at T_c^-, c = ½, and at T_c^+, c = 1 and c = 4.
    signs : ndarray, shape (d,)
        Signs of the weights at T_c^+, 0 where the integrator's tolerance does not tell them from 0.
    """

    log_least: float
    log_largest: float
    early_residual: float
    soon_residual: float
    late_residual: float
    signs: np.ndarray


class LatePhases(NamedTuple):
    """The flows at all scales beyond the last jump: log 1/λ and measurements, in order of α."""

    log_lam: np.ndarray
    log_least: np.ndarray
    log_largest: np.ndarray
    early_residual: np.ndarray
    soon_residual: np.ndarray
    late_residual: np.ndarray


@remembered
def late_phases(laboratory: Laboratory, loss: str, depth: int) -> LatePhases:
    """Follow the flow from every scale, and keep what is beyond the last jump."""
    least, largest, power, count = _SCALES[loss, depth > 2]
    alphas = np.geomspace(least, largest, count)
    phases = [late_phase(laboratory, loss, depth, a, a**-power) for a in alphas.tolist()]
    first = first_settled([phase.signs for phase in phases]) if depth > 2 else 0
    rows = np.array([phase[:5] for phase in phases[first:]])
    return LatePhases(power * np.log(alphas[first:]), *rows.T)


def settled_limit(values: np.ndarray, terms: np.ndarray) -> Limit:
    """Extrapolate values beyond the last jump, or return NaN where there are too few of them."""
    if len(values) < points_needed(terms):
        return Limit(float("nan"), float("nan"))
    return extrapolate(values, terms)


def first_settled(signs: Sequence[np.ndarray]) -> int:
    """Return the number of the first scale from which on the signs of the weights stay."""
    changed = [i for i in range(1, len(signs)) if (signs[i] != signs[i - 1]).any()]
    return changed[-1] if changed else 0


# What the claims share; deep nets take longest.
LATE_PHASES = {
    loss: tuple(Experiment(late_phases, (loss, depth), seconds=depth - 1.0) for depth in DEPTHS)
    for loss in ("exponential", "square")
}


def late_phase(
    laboratory: Laboratory, loss: str, depth: int, alpha: float, lam: float
) -> LatePhase:
    """Follow the flow from scale α to T_c^+, c = 4."""
    problem, log_alpha = small_problem(laboratory, LOSSES[loss]), leading_order(alpha)
    first, soon, last = log_alpha, window(alpha, SOON).late, window(alpha, C).late
    if problem.is_classification:
        power = -np.log(lam) / log_alpha
        first -= float(np.log(log_capital_a(depth, np.array(alpha), power))) / depth
    times = np.sort(np.append(np.arange(first, min(first + 6.0, last), 0.5), [soon, last]))
    flow = DiagonalFlow(lam=lam, loss=LOSSES[loss], rtol=RTOL)
    found = flow.run(DiagonalStart(problem, alpha, depth), np.append(log_alpha / 2, times))
    early, middle, late = (
        residual(problem, found.weights[:, i], depth, log_alpha - float(found.lambda_t[i]))
        for i in (0, 1 + int(np.searchsorted(times, soon)), -1)
    )
    norms = np.log(found.norms[1:])
    w = found.weights[:, -1]
    signs = np.sign(w) * (np.abs(w) > RTOL * np.abs(w).max())
    return LatePhase(float(norms.min()), float(norms.max()), early, middle, late, signs)


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

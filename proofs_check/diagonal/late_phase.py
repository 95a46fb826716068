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
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from grokflow.proofs_check import strategies
from grokflow.proofs_check.claim import ForEvery
from grokflow.proofs_check.diagonal.kernel.eq_23_24_33_gradients import gradients
from grokflow.proofs_check.diagonal.kernel_phase import DEPTHS, log_capital_a, small_problem
from grokflow.proofs_check.evidence.extrapolation import Limit, extrapolate, points_needed
from grokflow.proofs_check.falsification.instances import form_of
from grokflow.proofs_check.laboratory import Experiment, Laboratory, remembered
from grokflow.simulations.diagonal.flow import DiagonalFlow
from grokflow.simulations.diagonal.start import DiagonalStart
from grokflow.theory.diagonal.parameters import parameters
from grokflow.theory.homogeneous.comparisons import relative_distance
from grokflow.theory.homogeneous.kkt import stationarity
from grokflow.theory.linear.problem import Problem, Task, make_problem
from grokflow.theory.losses import LOSSES
from grokflow.theory.samples import StoredTestSet
from grokflow.theory.transition.times import leading_order, window

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

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
# Deep nets follow inputs whose sizes span six decades at most.
_DECADES = 4
# Where the inputs of `tied_targets` lie between two points.
_PLACES = np.linspace(0, 1, 5)


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


def distinct(problem: Problem) -> Problem:
    """Return the problem without inputs that repeat another one, up to its sign.

    A deep net holds the weights of equal inputs equal, at a saddle that rounding alone can leave:
    the flow spends minutes there, or stops.
    """
    form = form_of(problem)
    arrays = form.arrays(problem)
    columns = arrays["x"].T
    same = [[(a == b).all() or (a == -b).all() for a in columns] for b in columns]
    first = np.argmax(same, axis=1) == np.arange(problem.d)
    made = form.make(x=arrays["x"][:, first], y=arrays["y"])
    assert isinstance(made, Problem)
    return made


def _classes() -> SearchStrategy[Problem]:
    return strategies.separable(max_n=4, max_d=6, decades=_DECADES).map(distinct)


# What claims on these flows range over.
FOR_EVERY = {
    "exponential": (ForEvery(small_problem, _classes, (LOSSES["exponential"],)),),
    "square": (
        ForEvery(
            small_problem,
            partial(strategies.interpolable, 4, 6, min_d=4, decades=_DECADES, general=True),
            (LOSSES["square"],),
        ),
    ),
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


@remembered
def tied_targets(laboratory: Laboratory) -> Problem:
    """Draw targets of two samples whose five inputs lie on a line: all weights are needed equally.

    Every nonnegative interpolant has the least L1 norm, and the flow ends at one without zeros.
    """
    (seed,) = laboratory.draws("targets of tied inputs", 1)
    # Quarters are exact, and so are the ties.
    x = np.array([1 - _PLACES, _PLACES])
    y = np.array([np.random.default_rng(seed).uniform(5, 20), 1.0])
    return make_problem("tied inputs", Task.REGRESSION, x, y, StoredTestSet(x, y))


def tied_residuals(laboratory: Laboratory, power: float) -> tuple[np.ndarray, np.ndarray]:
    """Return log 1/λ, and the KKT residual at T_c^+ of depth-2 nets on tied inputs."""
    least, largest, decay, count = _SCALES["square", False]
    alphas, values = np.geomspace(least, largest, count), []
    problem = tied_targets(laboratory)
    for alpha in alphas.tolist():
        flow = DiagonalFlow(lam=alpha**-decay, loss=LOSSES["square"], rtol=RTOL)
        late = window(alpha, C).late
        (w,) = flow.run(DiagonalStart(problem, alpha), np.array([late])).weights.T
        values.append(residual(problem, w, 2, leading_order(alpha) - late, power))
    return decay * np.log(alphas), np.array(values)


def residual(
    problem: Problem, w: np.ndarray, depth: int, log_scale: float, power: float = 1
) -> float:
    """Return the KKT residual of (R1), for classification, or (R2) of the net with weights w.

    Gradients hold ``u^{L - power}``.
    """
    x, theta = problem.inputs.to_array(), parameters(w, depth, log_scale).ravel()
    jacobian, outputs = gradients(x, theta, depth, power), x @ w
    if problem.is_classification:
        return stationarity(jacobian.T, theta, outputs, float(depth)).total
    return float(
        np.hypot(
            stationarity(jacobian.T, theta).residual,
            relative_distance(outputs, problem.targets, normalised=False),
        )
    )

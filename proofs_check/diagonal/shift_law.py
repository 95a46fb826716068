"""The shift law: after the fit, the state depends on α and t only through α e^{-λt}.

How it is measured: the equations of u and v themselves, in their logarithms, by LSODA from
α = 100, 1e3 and 1e4, against the reduced flow of d + n unknowns, another solver, from α = 1e100, at
equal ``λt - log α``. The start is forgotten like ``α^-L log A``, with ``A = α²/λ`` at depth 2
(Lemmas C.5 and D.2), or faster: from α = 100 on the distance must fall so.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from scipy.integrate import solve_ivp
from scipy.special import expit

from grokflow.proofs_check import strategies
from grokflow.proofs_check.claim import (
    Broken,
    Claim,
    Evidence,
    ForEvery,
    StatementKind,
    Verdict,
    weakest,
)
from grokflow.proofs_check.diagonal.kernel_phase import small_problem
from grokflow.proofs_check.evidence.error_rates import NO_CHANCE
from grokflow.proofs_check.laboratory import Laboratory, remembered
from grokflow.proofs_check.scope import Scope
from grokflow.simulations.diagonal.flow import DiagonalFlow
from grokflow.simulations.diagonal.start import DiagonalStart
from grokflow.theory.linear.problem import Problem
from grokflow.theory.losses import LOSSES

_CASES = (("logistic", 1e-1), ("logistic", 1e-3), ("square", 1e-3))
_ALPHAS, _LARGEST = (1e2, 1e3, 1e4), 1e100
_SHIFTED = np.linspace(-1.0, 4.0, 26)
_RTOL = 1e-8

DERIVATION = (
    "the distance at α = 100 in the proportion of α^-2 log(α²/λ); the integrator keeps w to its "
    "relative tolerance of 1e-8 (tested against a tighter one), doubled for safety"
)


@remembered
def explicit_weights(laboratory: Laboratory, loss: str, lam: float, alpha: float) -> np.ndarray:
    """Follow log u and log v from scale α, and return ``u² - v²`` at λt = log α + `_SHIFTED`."""
    problem = small_problem(laboratory, LOSSES[loss])
    times = np.log(alpha) + _SHIFTED
    found = solve_ivp(
        partial(_rate, problem, lam),
        (0.0, times[-1]),
        np.full(2 * problem.d, np.log(alpha)),
        "LSODA",
        times,
        jac=partial(_jacobian, problem, lam),
        # At the first of `_SHIFTED` u² - v² is e² times what the logarithms are apart.
        rtol=1e-4 * _RTOL,
        atol=1e-4 * _RTOL,
    )
    return _squares_apart(found.y)


def _squares_apart(logs: np.ndarray) -> np.ndarray:
    """Return ``u² - v²`` of the logarithms of u and v."""
    u, v = np.split(np.exp(2 * logs), 2)
    return np.asarray(u - v)


def _rate(problem: Problem, lam: float, _: float, logs: np.ndarray) -> np.ndarray:
    """Return the rates of log u and log v in λt: ``-2 (∂L/∂w) / λ - 1`` and ``+2 (...) - 1``."""
    z = problem.inputs.to_array()
    q = z @ _squares_apart(logs)
    pull = expit(-q) if problem.is_classification else 2 * (problem.targets - q)
    growth = 2 * z.T @ pull / (problem.n * lam)
    return np.concatenate([growth - 1, -growth - 1])


def _jacobian(problem: Problem, lam: float, _: float, logs: np.ndarray) -> np.ndarray:
    z = problem.inputs.to_array()
    q = z @ _squares_apart(logs)
    bend = -expit(q) * expit(-q) if problem.is_classification else np.full(problem.n, -2.0)
    gram = 4 * (z.T * bend) @ z / (problem.n * lam)
    u, v = np.split(np.exp(2 * logs), 2)
    return np.block([[gram * u, -gram * v], [-gram * u, gram * v]])


def delay(alpha: float, larger: float) -> float:
    """Return by how much later in λt the weights from the larger scale are the same."""
    return float(np.log(larger) - np.log(alpha))


def _left_of_start(alpha: float, lam: float) -> float:
    """Return the order of what the start at this scale leaves behind."""
    return float(np.log(alpha**2 / lam) / alpha**2)


def check(
    laboratory: Laboratory, slope: float = 1.0, moved: float = 0.0, decay: float = 1.0
) -> Evidence:
    """Compare weights at equal λt - `slope` log α, times moved by `moved`, λ times `decay`."""
    parts = []
    for loss, lam in _CASES:
        flow = DiagonalFlow(lam=decay * lam, loss=LOSSES[loss], rtol=_RTOL)
        start = DiagonalStart(small_problem(laboratory, LOSSES[loss]), _LARGEST)
        distances = []
        for alpha in _ALPHAS:
            times = np.log(alpha) + _SHIFTED + slope * delay(alpha, _LARGEST) + moved
            reference = flow.run(start, times).weights
            off = np.linalg.norm(explicit_weights(laboratory, loss, lam, alpha) - reference, axis=0)
            distances.append(float((off / np.linalg.norm(reference, axis=0)).max()))
        for alpha, distance in zip(_ALPHAS[1:], distances[1:], strict=True):
            left = _left_of_start(alpha, lam) / _left_of_start(_ALPHAS[0], lam)
            allowed = distances[0] * left + 2 * _RTOL
            parts.append(Evidence(distance, allowed, DERIVATION, resolution=1e-3))
    return weakest(parts)


CLAIM = Claim(
    label="shift-law",
    statement="at equal λt - log α the weights agree up to what falls like α^-2 log α or faster",
    hypotheses=(
        "depth-2 diagonal net, six samples of 20 inputs",
        "logistic loss, λ = 1e-1 and 1e-3; square loss, λ = 1e-3",
        "α = 100, 1e3 and 1e4 against 1e100, from λt = log α - 1 on",
    ),
    source="grokflow: exact reduction w = 2β sinh(4 Xᵀν) with β = α² e^{-2λt}",
    kind=StatementKind.EQUALITY,
    error_rate=NO_CHANCE,
    scope=Scope((), "diagonal net", ("logistic", "square"), (2,)),
    expected=Verdict.SUPPORTED,
    check=check,
    formulas=(delay,),
    for_every=(
        ForEvery(small_problem, partial(strategies.separable, decades=0), (LOSSES["logistic"],)),
        ForEvery(small_problem, partial(strategies.interpolable, decades=0), (LOSSES["square"],)),
    ),
    broken=(
        Broken("at equal λt - 0.999 log α", partial(check, slope=0.999)),
        Broken("times moved by 1/50", partial(check, moved=0.02)),
        Broken("λ a tenth larger at one of the scales", partial(check, decay=1.1)),
    ),
)

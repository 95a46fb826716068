"""Where no weights fit the data the transition is at ``λt* = log α + C(data)``, without log m.

Nothing of C is simulated: it is where the norm ``‖w‖₁`` along the quasi-static path is half-way
between the predictors, ``C = -½ log β*``.

How it is measured: when the norm of the flow of u and v is half-way, at nine λ, extrapolated to
λ = 0 with corrections in λ and λ².
"""

from __future__ import annotations

from functools import partial

import numpy as np

from grokflow.proofs_check.claim import (
    Broken,
    Claim,
    Evidence,
    ForEvery,
    StatementKind,
    Verdict,
    weakest,
)
from grokflow.proofs_check.diagonal.regimes.experiments import (
    LAMS,
    START,
    STRATEGIES,
    TIMES,
    data,
    flow,
    held,
)
from grokflow.proofs_check.evidence.corrections import powers
from grokflow.proofs_check.evidence.error_rates import EXTRAPOLATED
from grokflow.proofs_check.evidence.extrapolation import extrapolate, extrapolated
from grokflow.proofs_check.laboratory import Laboratory
from grokflow.proofs_check.scope import Scope
from grokflow.theory.diagonal.path import trace
from grokflow.theory.linear.l1 import MinL1Norm
from grokflow.theory.losses import LOSSES
from grokflow.theory.transition.times import crossing, shifted_time

DERIVATION = (
    extrapolated("in λ")
    + ", plus twice the largest change of a crossing when every second point of a curve is dropped"
)


def check(laboratory: Laboratory, level: bool = False, constant: bool = True) -> Evidence:
    """Check the law for all losses; with `level`, the law of separable classes."""
    return weakest([_one(laboratory, loss, level, constant) for loss in LOSSES])


def _one(laboratory: Laboratory, loss: str, level: bool, constant: bool) -> Evidence:
    found = held(laboratory, loss)
    late = MinL1Norm().predict(found.problem)
    ends = float(np.abs(found.early.w).sum()), float(np.abs(late.w).sum())
    slow = TIMES - np.log(START)
    log_beta = -2 * slow
    path = trace(found.problem, log_beta, tolerance=1e-8)
    target, roughness = _half_way(shifted_time(log_beta), path.weights, ends)
    times = []
    for lam in LAMS:
        time, rough = _half_way(slow, flow(laboratory, loss, lam), ends)
        times.append(time + level * np.log(np.log(1 / lam)) / 2)
        roughness = max(roughness, rough)
    lams = np.array(LAMS)
    limit = extrapolate(np.array(times), powers(lams))
    allowed = limit.halfwidth + 2 * roughness
    return Evidence(abs(limit.value - target * constant), allowed, DERIVATION, resolution=0.3)


def _half_way(
    times: np.ndarray, weights: np.ndarray, ends: tuple[float, float]
) -> tuple[float, float]:
    """Return when the L1-norm is half-way, and by how much that moves with half of the points."""
    norms = np.abs(weights).sum(axis=0)
    full = crossing(times, norms, *ends).lambda_t
    return full, abs(full - crossing(times[::2], norms[::2], *ends).lambda_t)


CLAIM = Claim(
    label="least-loss-times",
    statement="where no weights fit the data, λt* - log α tends to C(data) as λ → 0, whatever λ",
    hypotheses=(
        "depth-2 diagonal net; square loss and noisy targets, or exponential and logistic loss "
        "and classes that overlap",
        "λt* the time at which ‖w‖₁ is half-way from the early to the late predictor",
    ),
    source="grokflow: the pulls of the loss balance at q*, so that no margin grows with 1/λ",
    kind=StatementKind.LIMIT,
    error_rate=EXTRAPOLATED,
    scope=Scope((), "diagonal net", ("square", "exponential", "logistic"), (2,)),
    expected=Verdict.SUPPORTED,
    check=check,
    formulas=(shifted_time,),
    for_every=tuple(
        ForEvery(data, partial(strategy, max_n=3), (loss,)) for loss, strategy in STRATEGIES.items()
    ),
    broken=(
        Broken("with the term in log m of separable classes", partial(check, level=True)),
        Broken("the leading order alone, C = 0", partial(check, constant=False)),
    ),
)

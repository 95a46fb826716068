"""Theorem 3.12: with enough entries the flow of matrix completion recovers the matrix.

The theorem states ``‖W - X*‖_F ≲ sqrt(λ‖X*‖_*) μ² log d``, up to a constant and to how the loss is
normalised. What is tested is the bound with constants that two steps give for the loss
``(1/N) Σ (W_ij - X*_ij)²``. A global minimiser has no larger objective than X*, so the residuals
over the N samples have norm ``δ ≤ sqrt(Nλ‖X*‖_*/2)`` and ``‖W‖_* ≤ ‖X*‖_*``; and then (Lemma F.5,
Candès and Plan 2010, Theorem 7) ``‖W - X*‖_F ≤ (4 sqrt((2+p) d/p) + 2) δ``, p = N/d². Together

    ‖W - X*‖_F ≤ (4 sqrt((2+p) d/p) + 2) sqrt(Nλ‖X*‖_*/2).

How it is measured: a rank-one matrix of signs (μ = 1, entries ±1) with
``N = d log² d`` entries, three draws, λ so small that the bound is below ``‖X*‖_F``; the flow from
U_ij, V_ij ~ N(α 1{i=j}, σ²) at λt = 60. The objective must meet the certified lower bound too.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from grokflow.proofs_check.claim import Broken, Claim, Evidence, StatementKind, Verdict
from grokflow.proofs_check.completion.experiments import sign_matrix
from grokflow.proofs_check.evidence.error_rates import NO_CHANCE
from grokflow.proofs_check.laboratory import Laboratory
from grokflow.proofs_check.scope import Scope
from grokflow.simulations.completion.flow import CompletionFlow
from grokflow.simulations.completion.start import CompletionStart
from grokflow.theory.completion.nuclear import NuclearPenalised
from grokflow.theory.completion.problem import CompletionProblem

_D, _ALPHA, _SIGMA, _RTOL = 32, 10.0, 0.01, 1e-5
_LAMS = (1e-5, 1e-6)
_END = 60.0

DERIVATION = (
    "in units of each allowance: the bound, plus the integrator's relative tolerance, for the "
    "error; for the objective its change λ√d ‖δW‖_F under the integrator's error, and the "
    "certified gap"
)


def _end(problem: CompletionProblem, lam: float, lambda_t: float, seed: int) -> np.ndarray:
    """Return W at `lambda_t`."""
    flow = CompletionFlow(lam=lam, rtol=_RTOL)
    rng = np.random.default_rng([seed, 314])
    return np.asarray(
        flow.run(
            CompletionStart(problem, _ALPHA, sigma=_SIGMA, rng=rng), np.array([lambda_t])
        ).matrices[0]
    )


def explicit_bound(problem: CompletionProblem, truth: np.ndarray, lam: float) -> float:
    """Return ``(4 sqrt((2+p) d/p) + 2) sqrt(Nλ‖X*‖_*/2)``."""
    d, n = problem.d, problem.n
    p = n / d**2
    residual = np.sqrt(n * lam * problem.space.nuclear_norm(truth) / 2)
    return float((4 * np.sqrt((2 + p) * d / p) + 2) * residual)


def check(
    laboratory: Laboratory, entries: float = float(np.log(_D) ** 2), lambda_t: float = _END
) -> Evidence:
    """Compare error and objective at `lambda_t` with their bounds, N = `entries` times d."""
    worst, vacuous = 0.0, False
    for draw in range(3):
        truth, problem = sign_matrix(laboratory.seed, _D, round(entries * _D), draw)
        size = float(np.linalg.norm(truth))
        for lam in _LAMS:
            w = laboratory.remember(
                ("thm 3.12", draw, problem.n, lam, lambda_t),
                partial(_end, problem, lam, lambda_t, laboratory.seed),
            )
            bound = explicit_bound(problem, truth, lam)
            vacuous |= bound >= size
            error = float(np.linalg.norm(w - truth)) / (bound + _RTOL * size)
            worst = max(worst, error, _objective(problem, w, lam))
    return Evidence(worst, 1.0, DERIVATION, resolution=1.0 if vacuous else np.inf)


def _objective(problem: CompletionProblem, w: np.ndarray, lam: float) -> float:
    """Return the objective's excess over the certified lower bound, in units of its allowance."""
    bounds = NuclearPenalised(lam, gap=1e-5).predict(problem).certificate
    value = problem.loss(w) + lam / 2 * problem.space.nuclear_norm(w)
    rounding = lam * np.sqrt(problem.d) * _RTOL * float(np.linalg.norm(w))
    return float((value - bounds.lower) / (rounding + bounds.upper - bounds.lower))


CLAIM = Claim(
    label="thm-3.12",
    statement="the flow ends at a global minimiser, and there "
    "‖W - X*‖_F ≤ (4 √((2+p)d/p) + 2) √(Nλ‖X*‖_*/2), p = N/d²",
    hypotheses=(
        "U_ij, V_ij ~ N(α 1{i=j}, σ²), α = 10, σ = 0.01",
        "d = 32, rank 1, μ = 1, N = d log² d entries",
        "λ = 1e-5 and 1e-6, λt = 60 for t → ∞",
    ),
    source="Lyu et al. 2024, Theorem 3.12 with the constants of Candès and Plan 2010, Theorem 7",
    kind=StatementKind.PROBABILITY,
    error_rate="the theorem itself fails with probability d^-3 a draw; beyond that " + NO_CHANCE,
    scope=Scope(("Theorem 3.12",), "matrix completion", ("square",), (2,)),
    expected=Verdict.SUPPORTED,
    check=check,
    broken=(
        Broken("at T_c^- instead of the end", partial(check, lambda_t=float(np.log(_ALPHA) / 2))),
        Broken("N = 2d entries", partial(check, entries=2.0)),
    ),
)

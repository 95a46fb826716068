"""Theorem 3.12: with enough entries the flow of matrix completion recovers the matrix.

The theorem prints ``‖W - X*‖_F ≲ sqrt(λ‖X*‖_*) μ² log d`` for the loss ``(1/N) Σ (W_ij - X*_ij)²``.
Its proof has two steps. A global minimiser has no larger objective than X*, so the residuals over
the N samples have norm ``δ ≤ sqrt(Nλ‖X*‖_*/2)`` and ``‖W‖_* ≤ ‖X*‖_*``; and then (Lemma F.5, Candès
and Plan 2010, Theorem 7) ``‖W - X*‖_F ≤ (4 sqrt((2+p) d/p) + 2) δ`` with p = N/d². Together

    ‖W - X*‖_F ≤ (4 sqrt((2+p) d/p) + 2) sqrt(Nλ‖X*‖_*/2),

which is of order ``d^{3/2} sqrt(λ‖X*‖_*)``: the two factors of d do not cancel into μ² log d.

How it is measured. Explicit bound: a rank-one matrix of signs (μ = 1, entries ±1) with
``N = d log² d`` entries, three draws, λ so small that the bound is below ``‖X*‖_F``; the flow from
U_ij, V_ij ~ N(α 1{i=j}, σ²) at λt = 60. The objective must meet the certified lower bound too.
Printed bound: all entries observed, λ = 2/d, where W is X* with its eigenvalue d halved; the
exponent of d with which the ratio of error and bound grows must not be positive.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from scipy.stats import linregress
from scipy.stats import t as student

from proofs_check.claim import Broken, Claim, Evidence, StatementKind, Verdict
from proofs_check.laboratory import Laboratory
from simulations.completion_flow import CompletionFlow
from theory.completion import CompletionProblem
from theory.completion_certificates import nuclear_norm
from theory.nuclear import NuclearPenalised

_D, _ALPHA, _SIGMA, _RTOL = 32, 10.0, 0.01, 1e-5
_LAMS = (1e-5, 1e-6)
_SIZES = (8, 12, 16, 24, 32)
_END = 60.0

DERIVATION = (
    "in units of each allowance: the bound, plus the integrator's relative tolerance, for the "
    "error; for the objective its change λ√d ‖δW‖_F under the integrator's error, and the "
    "certified gap"
)
GROWTH = "95 % interval of the slope of log(error / bound) in log d"


def _end(problem: CompletionProblem, lam: float, lambda_t: float, seed: int) -> np.ndarray:
    """Return W at `lambda_t`."""
    flow = CompletionFlow(alpha=_ALPHA, lam=lam, sigma=_SIGMA, rtol=_RTOL)
    rng = np.random.default_rng([seed, 314])
    return np.asarray(flow.run(problem, np.array([lambda_t]), rng=rng).matrices[0])


def explicit_bound(problem: CompletionProblem, truth: np.ndarray, lam: float) -> float:
    """Return ``(4 sqrt((2+p) d/p) + 2) sqrt(Nλ‖X*‖_*/2)``."""
    d, n = problem.d, problem.n
    p = n / d**2
    residual = np.sqrt(n * lam * nuclear_norm(truth) / 2)
    return float((4 * np.sqrt((2 + p) * d / p) + 2) * residual)


def check(
    laboratory: Laboratory, entries: float = float(np.log(_D) ** 2), lambda_t: float = _END
) -> Evidence:
    """Compare error and objective at `lambda_t` with their bounds, N = `entries` times d."""
    worst, vacuous = 0.0, False
    for draw in range(3):
        truth, problem = laboratory.sign_matrix(_D, round(entries * _D), draw)
        size = float(np.linalg.norm(truth))
        for lam in _LAMS:
            w = laboratory.remember(
                ("thm 3.12", draw, problem.n, lam, lambda_t),
                partial(_end, problem, lam, lambda_t, laboratory.seed + draw),
            )
            bound = explicit_bound(problem, truth, lam)
            vacuous |= bound >= size
            error = float(np.linalg.norm(w - truth)) / (bound + _RTOL * size)
            worst = max(worst, error, _objective(problem, w, lam))
    return Evidence(worst, 1.0, DERIVATION, resolution=1.0 if vacuous else np.inf)


def _objective(problem: CompletionProblem, w: np.ndarray, lam: float) -> float:
    """Return the objective's excess over the certified lower bound, in units of its allowance."""
    bounds = NuclearPenalised(lam, gap=1e-5).predict(problem).certificate
    value = problem.loss(w) + lam / 2 * nuclear_norm(w)
    moved = lam * np.sqrt(problem.d) * _RTOL * float(np.linalg.norm(w))
    return float((value - bounds.lower) / (moved + bounds.upper - bounds.lower))


def growth(laboratory: Laboratory, power: float = 1.0) -> Evidence:
    """Fit the exponent of d in error / (sqrt(λ‖X*‖_*) μ² (log d)^power), all entries observed."""
    ratios = []
    for d in _SIZES:
        truth, problem = laboratory.sign_matrix(d, d * d, 0)
        w = laboratory.remember(
            ("thm 3.12 printed", d), partial(_end, problem, 2 / d, _END, laboratory.seed)
        )
        bound = np.sqrt(2 / d * nuclear_norm(truth)) * np.log(d) ** power
        ratios.append(np.linalg.norm(w - truth) / bound)
    fit = linregress(np.log(_SIZES), np.log(ratios))
    halfwidth = float(student.ppf(0.975, len(_SIZES) - 2) * fit.stderr)
    return Evidence(max(0.0, float(fit.slope)), halfwidth, GROWTH, resolution=0.3)


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
    expected=Verdict.SUPPORTED,
    check=check,
    broken=(
        Broken("at T_c^- instead of the end", partial(check, lambda_t=float(np.log(_ALPHA) / 2))),
        Broken("N = 2d entries", partial(check, entries=2.0)),
    ),
)

PRINTED = Claim(
    label="thm-3.12-printed",
    statement="at the end of the flow ‖W - X*‖_F ≤ C √(λ‖X*‖_*) μ² log d with one C for all d",
    hypotheses=(
        "loss (1/N) Σ (W_ij - X*_ij)², all entries observed, λ = 2/d",
        "rank 1, entries ±1, μ = 1, d = 8 to 32",
    ),
    source="Lyu et al. 2024, Theorem 3.12 as printed (v2)",
    kind=StatementKind.INEQUALITY,
    expected=Verdict.REFUTED,
    check=growth,
    broken=(Broken("without the factor log d", partial(growth, power=0.0)),),
)

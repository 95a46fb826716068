"""Corollary 3.11 and Remark 3.13: at T_c^- completion has fitted what it sees, and zeros elsewhere.

How it is measured: the largest entry of W(T_c^-) minus the matrix that has the observed values at
the observed entries and their mirrors and zeros elsewhere, relative to the largest value, with
λ = α^-2c, extrapolated to α → ∞. There β = α^2c, the kernel regime holds up to ``(‖W‖/β)²`` and the
fit up to ``λN/β``, so the distance falls like α^-4c. Two sets of entries are tried: distinct
ones, and one in which half of them are sampled with their mirrors, where Assumption A3.8 fails; the
two values agree there, and the conclusion holds all the same. The distinct ones are tried at
c = ¼, ½ and ¾, the others and the perturbed starts at c = ½.

A perturbation ``U_ij, V_ij ~ N(α 1{i=j}, σ²)`` adds entries of size ασ to W at time 0, of which
``e^{-2λT_c^-} = 1/α`` is left at T_c^-: of size σ. So with σ = 1/α the distance falls like 1/α, and
with a fixed σ it does not fall. That power of α is measured too.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

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
from grokflow.proofs_check.completion.experiments import completion_entries, completion_window
from grokflow.proofs_check.evidence.corrections import powers
from grokflow.proofs_check.evidence.error_rates import EXTRAPOLATED
from grokflow.proofs_check.evidence.extrapolation import extrapolate, extrapolated, local_slopes
from grokflow.proofs_check.laboratory import Laboratory
from grokflow.proofs_check.scope import Scope
from grokflow.theory.completion.nuclear import MinNuclearNorm
from grokflow.theory.completion.problem import CompletionProblem

DERIVATION = extrapolated("in powers of 1/α") + ", plus the integrator's tolerance of 1e-6"
_RATE_DERIVATION = (
    extrapolated("of the slope in powers of 1/α")
    + ", plus the integrator's tolerance at both ends of an interval"
)
_RTOL = 1e-6
# A distance of fewer tolerances may be theirs, and says nothing of how it falls.
_SEEN = 20
# 1/λ = α^2c, which is α at c = ½.
_INVERSE_LAMS = np.geomspace(20.0, 1000.0, 8)


def zeros_elsewhere(problem: CompletionProblem) -> np.ndarray:
    """Return the observed values at their entries and the mirrors, and zeros elsewhere."""
    w, entries = np.zeros((problem.d, problem.d)), problem.measurements
    for mu, value in zip(np.eye(entries.size), problem.values, strict=True):
        w[entries.adjoint(mu) > 0] = value
    return w


def a_tenth_of_the_late(problem: CompletionProblem) -> np.ndarray:
    """Return it with a tenth of the late predictor, the least nuclear norm, mixed in."""
    return 0.9 * zeros_elsewhere(problem) + 0.1 * MinNuclearNorm().predict(problem).matrix


def distances(
    laboratory: Laboratory,
    mirrored: bool,
    c: float,
    sigma: Callable[[float], float],
    target: Callable[[CompletionProblem], np.ndarray],
    end: int,
) -> np.ndarray:
    """Return the distances at every λ, shape (8,)."""
    problem = completion_entries(laboratory, mirrored)
    wanted = target(problem)
    found = []
    for inverse_lam in map(float, _INVERSE_LAMS):
        alpha = inverse_lam ** (0.5 / c)
        flow = completion_window(laboratory, alpha, c, mirrored=mirrored, sigma=sigma(alpha))
        found.append(np.abs(flow.matrices[end] - wanted).max() / np.abs(problem.values).max())
    return np.array(found)


def none(alpha: float) -> float:
    """Return no perturbation."""
    return 0.0


def vanishing(alpha: float) -> float:
    """Return σ = 1/α."""
    return 1 / alpha


def fixed(alpha: float) -> float:
    """Return σ = 1/10, whatever α."""
    return 0.1


def slower(alpha: float) -> float:
    """Return σ = α^-0.9."""
    return float(alpha**-0.9)


def check(
    laboratory: Laboratory,
    sigma: Callable[[float], float] = none,
    target: Callable[[CompletionProblem], np.ndarray] = zeros_elsewhere,
    end: int = 0,
) -> Evidence:
    """Extrapolate the distance to `target` at T_c^- (end 0) or T_c^+ (end 1)."""
    cases, first = [(False, 0.5), (True, 0.5)], 1
    if sigma is none:
        cases, first = [*cases, (False, 0.25), (False, 0.75)], 2
    terms = powers(1 / _INVERSE_LAMS, first + 3)[:, first - 1 :]
    limits = [
        extrapolate(distances(laboratory, mirrored, c, sigma, target, end), terms)
        for mirrored, c in cases
    ]
    return weakest(
        [
            Evidence(abs(limit.value), limit.halfwidth + _RTOL, DERIVATION, resolution=0.01)
            for limit in limits
        ]
    )


def check_perturbed(
    laboratory: Laboratory, sigma: Callable[[float], float] = vanishing, end: int = 0
) -> Evidence:
    """Ask the same of perturbed starts, and that the distance fall at least like 1/α."""
    parts, log_alpha = [check(laboratory, sigma, end=end)], np.log(_INVERSE_LAMS)
    for mirrored in (False, True):
        found = distances(laboratory, mirrored, 0.5, sigma, zeros_elsewhere, end)
        if found.min() < _SEEN * _RTOL:
            continue
        slopes = local_slopes(log_alpha, np.log(found))
        limit = extrapolate(slopes.values, powers(np.exp(-slopes.at)))
        noise = 2 * _RTOL / float(found.min() * np.diff(log_alpha).min())
        allowed = limit.halfwidth + noise
        parts.append(Evidence(limit.value + 1, allowed, _RATE_DERIVATION, resolution=1.0))
    return weakest(parts)


_ENTRIES = "d = 12, 30 distinct entries, alone and with 15 mirrors"

_FOR_EVERY = tuple(
    ForEvery(completion_entries, strategies.entries, (mirrored,)) for mirrored in (False, True)
)

CLAIM = Claim(
    label="cor-3.11",
    statement="at T_c^- W has the observed values at the observed entries and their mirrors, and "
    "zeros elsewhere, also where both an entry and its mirror are sampled",
    hypotheses=(
        "matrix completion from U = V = α I",
        "λ = α^-2c, T_c^- = (1-c) log α / λ with c = ¼, ½ and ¾, with mirrors c = ½",
        _ENTRIES,
    ),
    source="Lyu et al. 2024, Corollary 3.11 (A3.8, which it asks for, fails for sampled mirrors)",
    kind=StatementKind.LIMIT,
    error_rate=EXTRAPOLATED,
    scope=Scope(("Corollary 3.11",), "matrix completion", ("square",), (2,)),
    expected=Verdict.SUPPORTED,
    check=check,
    no_formulas="the matrix that is claimed has the observed values and zeros: no number, sign or "
    "exponent is in it; a variant has another predictor mixed in",
    broken=(
        Broken("at T_c^+ instead of T_c^-", partial(check, end=1)),
        Broken(
            "a tenth of the least nuclear norm mixed in",
            partial(check, target=a_tenth_of_the_late),
        ),
    ),
    for_every=_FOR_EVERY,
)

PERTURBED = Claim(
    label="rem-3.13",
    statement="Corollary 3.11 survives a perturbation of the start that vanishes, σ = 1/α: the "
    "distance falls at least like σ",
    hypotheses=(
        "matrix completion from U_ij, V_ij ~ N(α 1{i=j}, σ²)",
        "λ = 1/α, T_c^- = (1-c) log α / λ with c = 1/2",
        _ENTRIES,
    ),
    source="Lyu et al. 2024, Remark 3.13; the rate is ours",
    kind=StatementKind.LIMIT,
    error_rate=EXTRAPOLATED,
    scope=Scope(("Remark 3.13",), "matrix completion", ("square",), (2,)),
    expected=Verdict.SUPPORTED,
    check=check_perturbed,
    formulas=(vanishing,),
    equivalent={
        f"vanishing: 1 / alpha becomes {other} / alpha": "a σ that vanishes like 1/α as well"
        for other in (1.15, 0.87)
    },
    broken=(
        Broken("a fixed σ = 1/10", partial(check_perturbed, sigma=fixed)),
        Broken("σ = α^-0.9", partial(check_perturbed, sigma=slower)),
        Broken("at T_c^+ instead of T_c^-", partial(check_perturbed, end=1)),
    ),
    for_every=_FOR_EVERY,
)

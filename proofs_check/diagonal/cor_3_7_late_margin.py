"""Corollary 3.7: after the transition the weights point along the max-L1-margin.

The corollary speaks of KKT points; the max-L1-margin is the global optimum of its problem, and the
flow of the depth-2 diagonal net reaches it. How it is measured: one minus the ratio of the
L1-margin of w(T_c^+) to the largest one, at nine α from 1e40 to 1e100, for c = ¼, ½ and ¾,
extrapolated, on the data of Corollary 3.6. At finite λ the
flow ends at the L1-penalised minimiser, whose margins differ by O(1) out of log 1/λ: a correction
in 1/A, A = log α = log 1/λ, whose factor bends where another sample has the least margin.
"""

from __future__ import annotations

from functools import partial
from itertools import product

import numpy as np

from grokflow.proofs_check.claim import (
    Broken,
    Claim,
    Evidence,
    StatementKind,
    Verdict,
    weakest,
)
from grokflow.proofs_check.diagonal.experiments import (
    FOR_EVERY_LIMIT,
    limit_alphas,
    limit_problems,
    window_weights,
)
from grokflow.proofs_check.evidence.corrections import bent_tails
from grokflow.proofs_check.evidence.error_rates import EXTRAPOLATED
from grokflow.proofs_check.evidence.extrapolation import extrapolate, extrapolated
from grokflow.proofs_check.laboratory import WINDOWS, Laboratory
from grokflow.proofs_check.scope import Scope
from grokflow.theory.linear.l1 import MaxL1Margin
from grokflow.theory.linear.l2 import MaxL2Margin
from grokflow.theory.linear.problem import Problem

Rival = MaxL1Margin | MaxL2Margin
_LATE = MaxL1Margin()

DERIVATION = extrapolated("(A = log α) in 1/A") + ", plus the certified gap of the margin"


def l1_margin(problem: Problem, w: np.ndarray) -> float:
    """Return the smallest margin of `w` divided by its L1 norm."""
    return float(problem.inputs.combine(w).min() / np.abs(w).sum())


def check(
    laboratory: Laboratory,
    rival: Rival = _LATE,
    factor: float = 1.0,
    windows: tuple[float, ...] = WINDOWS,
) -> Evidence:
    """Extrapolate the shortfall of the L1-margin at T_c^+, for every c of `windows` and both data.

    The shortfall is measured against `factor` times the L1-margin of `rival`.
    """
    terms = bent_tails(np.log(limit_alphas(laboratory)))
    parts = []
    for (data, problem), c in product(limit_problems(laboratory).items(), windows):
        target = rival.predict(problem)
        best = factor * l1_margin(problem, target.w)
        weights = window_weights(laboratory, data)[1 + c]
        limit = extrapolate(1 - np.array([l1_margin(problem, w) for w in weights]) / best, terms)
        allowed = limit.halfwidth + target.certificate.gap
        parts.append(Evidence(abs(limit.value), allowed, DERIVATION, resolution=0.05))
    return weakest(parts)


CLAIM = Claim(
    label="cor-3.7",
    statement="the normalised L1-margin of w(T_c^+) tends to the largest L1-margin",
    hypotheses=(
        "depth-2 diagonal net from u = v = α",
        "exponential loss, λ = 1/α, c = ¼, ½ and ¾",
        "separable data: 16 × 60 of signs, and 7 × 20 with one sample of twice the margin",
    ),
    source="Lyu et al. 2024, Corollary 3.7 (global optimality is observed, not proved there)",
    kind=StatementKind.LIMIT,
    error_rate=EXTRAPOLATED,
    scope=Scope(("Corollary 3.7",), "diagonal net", ("exponential",), (2,)),
    expected=Verdict.SUPPORTED,
    check=check,
    formulas=(MaxL1Margin,),
    broken=(
        Broken("a tenth more than the largest L1-margin", partial(check, factor=1.1)),
        Broken("the L1-margin of the max-L2-margin", partial(check, rival=MaxL2Margin())),
        Broken("c = -1/10: just before log α / λ", partial(check, windows=(-0.1,))),
    ),
    for_every=FOR_EVERY_LIMIT,
)

"""Corollary 3.7: after the transition the weights point along the max-L1-margin.

The corollary speaks of KKT points; the max-L1-margin is the global optimum of its problem, and the
flow of the depth-2 diagonal net reaches it. How it is measured: one minus the ratio of the
L1-margin of w(T_c^+) to the largest one, at α from 1e16 to 1e80, extrapolated. At finite λ the
flow ends at the L1-penalised minimiser, whose margins differ by O(1) out of log 1/λ: corrections
in 1/A and log A/A², A = log α = log 1/λ.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from grokflow.proofs_check.claim import Broken, Claim, Evidence, StatementKind, Verdict
from grokflow.proofs_check.diagonal.experiments import limit_alphas, limit_problem, window_ends
from grokflow.proofs_check.evidence.corrections import tails
from grokflow.proofs_check.evidence.error_rates import EXTRAPOLATED
from grokflow.proofs_check.evidence.extrapolation import extrapolate, extrapolated
from grokflow.proofs_check.laboratory import Laboratory
from grokflow.proofs_check.scope import Scope
from grokflow.theory.linear.l1 import MaxL1Margin
from grokflow.theory.linear.l2 import MaxL2Margin
from grokflow.theory.linear.problem import Problem

Rival = MaxL1Margin | MaxL2Margin
_LATE = MaxL1Margin()

DERIVATION = (
    extrapolated("(A = log α) in 1/A, log A/A², 1/A²") + ", plus the certified gap of the margin"
)


def l1_margin(problem: Problem, w: np.ndarray) -> float:
    """Return the smallest margin of `w` divided by its L1 norm."""
    return float(problem.inputs.combine(w).min() / np.abs(w).sum())


def check(laboratory: Laboratory, rival: Rival = _LATE, end: int = 1) -> Evidence:
    """Extrapolate the shortfall of the L1-margin at T_c^+ (end 1) or T_c^- (end 0).

    The shortfall is measured against the L1-margin of `rival`.
    """
    problem = limit_problem(laboratory)
    target = rival.predict(problem)
    alphas = limit_alphas(laboratory)
    a = np.log(alphas)
    weights = [target.w, *(window_ends(laboratory, x).weights[:, end] for x in alphas)]
    margins = [l1_margin(problem, w) for w in weights]
    shortfall = 1 - np.array(margins[1:]) / margins[0]
    terms = tails(a)
    limit = extrapolate(shortfall, terms)
    allowed = limit.halfwidth + target.certificate.gap
    return Evidence(abs(limit.value), allowed, DERIVATION, resolution=0.1)


CLAIM = Claim(
    label="cor-3.7",
    statement="the normalised L1-margin of w(T_c^+) tends to the largest L1-margin",
    hypotheses=(
        "depth-2 diagonal net from u = v = α",
        "exponential loss, λ = 1/α, c = 1/2",
        "separable data",
    ),
    source="Lyu et al. 2024, Corollary 3.7 (global optimality is observed, not proved there)",
    kind=StatementKind.LIMIT,
    error_rate=EXTRAPOLATED,
    scope=Scope(("Corollary 3.7",), "diagonal net", ("exponential",), (2,)),
    expected=Verdict.SUPPORTED,
    check=check,
    broken=(
        Broken("at T_c^-, before the transition", partial(check, end=0)),
        Broken("the L1-margin of the max-L2-margin instead", partial(check, rival=MaxL2Margin())),
    ),
)

"""Corollary 3.6: at T_c^- the weights of the diagonal net point along the max-L2-margin.

How it is measured: the sine of the angle between w(T_c^-) and the max-L2-margin direction at α
from 1e16 to 1e80, extrapolated. Margins are equal up to O(1) out of log α, so the angle falls
like 1/A with A = log α, with relative corrections in log A/A.
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
from grokflow.theory.linear.prediction import Prediction
from grokflow.theory.linear.problem import Problem

DERIVATION = extrapolated("(A = log α) in 1/A, log A/A², 1/A²")


Rival = MaxL1Margin | MaxL2Margin
_EARLY = MaxL2Margin()


def sine(w: np.ndarray, v: np.ndarray) -> float:
    """Return the sine of the angle between two vectors, without cancellation."""
    w, v = w / np.linalg.norm(w), v / np.linalg.norm(v)
    return float(np.linalg.norm(w - v) * np.linalg.norm(w + v) / 2)


def check(laboratory: Laboratory, predictor: Rival = _EARLY, end: int = 0) -> Evidence:
    """Extrapolate the angle to `predictor`'s direction at T_c^- (end 0) or T_c^+ (end 1)."""
    problem: Problem = limit_problem(laboratory)
    target: Prediction = predictor.predict(problem)
    alphas = limit_alphas(laboratory)
    a = np.log(alphas)
    angles = [sine(window_ends(laboratory, x).weights[:, end], target.w) for x in alphas]
    terms = tails(a)
    limit = extrapolate(np.array(angles), terms)
    return Evidence(abs(limit.value), limit.halfwidth, DERIVATION, resolution=0.1)


CLAIM = Claim(
    label="cor-3.6",
    statement="w(T_c^-) / ‖w(T_c^-)‖ tends to the max-L2-margin direction",
    hypotheses=(
        "depth-2 diagonal net from u = v = α",
        "exponential loss, λ = 1/α, c = 1/2",
        "separable data",
    ),
    source="Lyu et al. 2024, Corollary 3.6",
    kind=StatementKind.LIMIT,
    error_rate=EXTRAPOLATED,
    scope=Scope(("Corollary 3.6",), "diagonal net", ("exponential",), (2,)),
    expected=Verdict.SUPPORTED,
    check=check,
    broken=(
        Broken("the max-L1-margin direction instead", partial(check, predictor=MaxL1Margin())),
        Broken("at T_c^+ instead of T_c^-", partial(check, end=1)),
    ),
)

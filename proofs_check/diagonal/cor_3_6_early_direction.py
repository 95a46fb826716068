"""Corollary 3.6: at T_c^- the weights of the diagonal net point along the max-L2-margin.

How it is measured: the sine of the angle between w(T_c^-) and the max-L2-margin direction at nine α
from 1e40 to 1e100, for c = ¼, ½ and ¾, extrapolated. Margins are equal up to O(1) out of log α, so
the angle falls like 1/A with A = log α, by a factor that bends where another sample is the nearest.
Two sets of data: 16 samples of 60 signs, and six of 20 normal inputs with a seventh that is no
support vector, which tells the max-margin from the least weights that have equal margins.
"""

from __future__ import annotations

from collections.abc import Callable
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

DERIVATION = extrapolated("(A = log α) in 1/A")

Direction = Callable[[Problem], np.ndarray]


def sine(w: np.ndarray, v: np.ndarray) -> float:
    """Return the sine of the angle between two vectors, without cancellation."""
    w, v = w / np.linalg.norm(w), v / np.linalg.norm(v)
    return float(np.linalg.norm(w - v) * np.linalg.norm(w + v) / 2)


def max_l2_margin(problem: Problem) -> np.ndarray:
    """Return the direction that is claimed."""
    return MaxL2Margin().predict(problem).w


def with_a_tenth_of_l1(problem: Problem) -> np.ndarray:
    """Return it with a tenth of the max-L1-margin direction mixed in."""
    early, late = max_l2_margin(problem), MaxL1Margin().predict(problem).w
    mixed: np.ndarray = early / np.linalg.norm(early) + 0.1 * late / np.linalg.norm(late)
    return mixed


def equal_margins(problem: Problem) -> np.ndarray:
    """Return the least weights with the margin 1 at every sample, where the L2 margin asks ≥ 1."""
    return np.asarray(np.linalg.lstsq(problem.inputs.to_array(), problem.targets, rcond=None)[0])


def check(
    laboratory: Laboratory,
    direction: Direction = max_l2_margin,
    windows: tuple[float, ...] = WINDOWS,
) -> Evidence:
    """Extrapolate the angle to a direction at T_c^-, for every c of `windows` and both data."""
    terms = bent_tails(np.log(limit_alphas(laboratory)))
    parts = []
    for (data, problem), c in product(limit_problems(laboratory).items(), windows):
        target = direction(problem)
        angles = [sine(w, target) for w in window_weights(laboratory, data)[1 - c]]
        limit = extrapolate(np.array(angles), terms)
        parts.append(Evidence(abs(limit.value), limit.halfwidth, DERIVATION, resolution=0.05))
    return weakest(parts)


CLAIM = Claim(
    label="cor-3.6",
    statement="w(T_c^-) / ‖w(T_c^-)‖ tends to the max-L2-margin direction",
    hypotheses=(
        "depth-2 diagonal net from u = v = α",
        "exponential loss, λ = 1/α, c = ¼, ½ and ¾",
        "separable data: 16 × 60 of signs, and 7 × 20 with one sample that is no support vector",
    ),
    source="Lyu et al. 2024, Corollary 3.6",
    kind=StatementKind.LIMIT,
    error_rate=EXTRAPOLATED,
    scope=Scope(("Corollary 3.6",), "diagonal net", ("exponential",), (2,)),
    expected=Verdict.SUPPORTED,
    check=check,
    formulas=(MaxL2Margin,),
    broken=(
        Broken(
            "a tenth of the max-L1-margin direction mixed in",
            partial(check, direction=with_a_tenth_of_l1),
        ),
        Broken("equal margins at all samples", partial(check, direction=equal_margins)),
        Broken("c = -1/10: just after log α / λ", partial(check, windows=(-0.1,))),
    ),
    for_every=FOR_EVERY_LIMIT,
)

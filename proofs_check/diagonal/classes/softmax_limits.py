"""Both ends of the flow under cross-entropy: the hard margins of Crammer and Singer.

Cross-entropy has exponential tails in the margins ``q_ic = <w_{y_i} - w_c, x_i>``, so that
Corollaries 3.6 and 3.7 hold for the stacked problem of all margins. How it is measured: as for
them. Early: the sine of the angle between all weights at T_c^- and those of least L2 norm with
margins of at least 1. Late: one minus the ratio of the L1-margin at T_c^+ to the largest one. α is
1e16 to 1e80, λ = 1/α, extrapolated in 1/A and log A/A², A = log α.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from grokflow.proofs_check import strategies
from grokflow.proofs_check.claim import Broken, Claim, Evidence, ForEvery, StatementKind, Verdict
from grokflow.proofs_check.diagonal.classes.experiments import classes, softmax_window_ends
from grokflow.proofs_check.diagonal.cor_3_6_early_direction import sine
from grokflow.proofs_check.diagonal.cor_3_7_late_margin import l1_margin
from grokflow.proofs_check.diagonal.experiments import limit_alphas
from grokflow.proofs_check.evidence.corrections import tails
from grokflow.proofs_check.evidence.error_rates import EXTRAPOLATED
from grokflow.proofs_check.evidence.extrapolation import Limit, extrapolate, extrapolated
from grokflow.proofs_check.laboratory import Laboratory
from grokflow.proofs_check.scope import Scope
from grokflow.theory.linear.classes.problem import ClassesProblem
from grokflow.theory.linear.classes.softmax import stacked_problem
from grokflow.theory.linear.l1 import MaxL1Margin
from grokflow.theory.linear.l2 import MaxL2Margin

DERIVATION = (
    extrapolated("(A = log α) in 1/A, log A/A², 1/A²") + ", plus the certified gap of the margin"
)
Predictor = MaxL1Margin | MaxL2Margin
_L1, _L2 = MaxL1Margin(), MaxL2Margin()


def early(laboratory: Laboratory, predictor: Predictor = _L2, joint: bool = True) -> Evidence:
    """Extrapolate the angle at T_c^- to the weights of a predictor of all classes at once.

    Without `joint`, of the classes one against the rest.
    """
    target, gap = _weights(classes(laboratory), predictor, joint)
    angles = [
        sine(softmax_window_ends(laboratory, x)[:, 0], target) for x in limit_alphas(laboratory)
    ]
    limit = _limit(laboratory, np.array(angles))
    # A relative excess of ½‖w‖² turns the direction by at most the root of twice itself.
    return Evidence(
        abs(limit.value), limit.halfwidth + float(np.sqrt(2 * gap)), DERIVATION, resolution=0.1
    )


def late(laboratory: Laboratory, end: int = 1, joint: bool = True) -> Evidence:
    """Extrapolate the shortfall of the L1-margin at T_c^+ (end 1) or T_c^- (end 0).

    It is measured against the largest one, or without `joint` against that of the classes one
    against the rest.
    """
    problem = classes(laboratory)
    stacked = stacked_problem(problem)
    target, gap = _weights(problem, _L1, joint)
    best = l1_margin(stacked, target)
    ends = [softmax_window_ends(laboratory, x)[:, end] for x in limit_alphas(laboratory)]
    shortfall = 1 - np.array([l1_margin(stacked, w) for w in ends]) / best
    limit = _limit(laboratory, shortfall)
    return Evidence(abs(limit.value), limit.halfwidth + gap, DERIVATION, resolution=0.1)


def _weights(
    problem: ClassesProblem, predictor: Predictor, joint: bool
) -> tuple[np.ndarray, float]:
    """Return the weights of all classes, one after the other, and the gap of their certificate."""
    if joint:
        found = predictor.predict(stacked_problem(problem))
        return found.w, found.certificate.gap
    each = [predictor.predict(problem.against_rest(c)) for c in range(len(problem.classes))]
    return np.concatenate([item.w for item in each]), max(item.certificate.gap for item in each)


def _limit(laboratory: Laboratory, values: np.ndarray) -> Limit:
    a = np.log(limit_alphas(laboratory))
    return extrapolate(values, tails(a))


_HYPOTHESES = (
    "diagonal net u² - v² with an output for each class, from u = v = α",
    "cross-entropy, λ = 1/α, c = 1/2",
    "classes that linear outputs tell apart",
)

EARLY = Claim(
    label="softmax-early",
    statement="w(T_c^-) / ‖w(T_c^-)‖ tends to the hard margin of Crammer and Singer in the L2 norm",
    hypotheses=_HYPOTHESES,
    source="grokflow; Lyu et al. 2024, Corollary 3.6, for the margins of Crammer and Singer 2001",
    kind=StatementKind.LIMIT,
    error_rate=EXTRAPOLATED,
    scope=Scope((), "diagonal net with an output for each class", ("cross-entropy",), (2,)),
    expected=Verdict.SUPPORTED,
    check=early,
    formulas=(MaxL2Margin,),
    broken=(
        Broken(
            "the max-L2-margins of the classes one against the rest", partial(early, joint=False)
        ),
        Broken("the hard margin in the L1 norm", partial(early, predictor=_L1)),
    ),
    for_every=(ForEvery(classes, strategies.several_classes),),
)

LATE = Claim(
    label="softmax-late",
    statement="the L1-margin of w(T_c^+) over all q_ic tends to the largest one",
    hypotheses=_HYPOTHESES,
    source="grokflow; Lyu et al. 2024, Corollary 3.7, for the margins of Crammer and Singer 2001",
    kind=StatementKind.LIMIT,
    error_rate=EXTRAPOLATED,
    scope=Scope((), "diagonal net with an output for each class", ("cross-entropy",), (2,)),
    expected=Verdict.SUPPORTED,
    check=late,
    formulas=(MaxL1Margin,),
    broken=(
        Broken("the L1-margin of the classes one against the rest", partial(late, joint=False)),
        Broken("at T_c^-, before the transition", partial(late, end=0)),
    ),
    for_every=(ForEvery(classes, strategies.several_classes),),
)

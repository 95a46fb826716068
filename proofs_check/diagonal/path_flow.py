"""The flow with square loss stays within O(λ) of the quasi-static path.

How it is measured: the largest relative distance between simulated weights and the path over times
around the transition, at nine λ from 1e-2 to 1e-6. The local slope of its logarithm in log λ is
extrapolated to λ = 0, where it must be 1.

Path and flow differ in what moves them, but both take w from their dual unknowns by the same
mirror map, `grokflow.theory.diagonal.mirror`: an error in it would not show here. The claims
``shift-law`` and ``no-decay`` integrate u and v themselves.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from grokflow.proofs_check import strategies
from grokflow.proofs_check.claim import Broken, Claim, Evidence, ForEvery, StatementKind, Verdict
from grokflow.proofs_check.diagonal.experiments import (
    SLOW_LAMS,
    SLOW_TIMES,
    path_targets,
    slow_flow,
)
from grokflow.proofs_check.evidence.corrections import order_in_lam
from grokflow.proofs_check.evidence.error_rates import EXTRAPOLATED
from grokflow.proofs_check.evidence.extrapolation import extrapolated
from grokflow.proofs_check.evidence.orders import order_in
from grokflow.proofs_check.laboratory import SLOW_ALPHA, Laboratory
from grokflow.proofs_check.scope import Scope
from grokflow.theory.diagonal.path import trace
from grokflow.theory.transition.times import log_beta_at

DERIVATION = (
    extrapolated("of the slope in λ")
    + "; the flow is integrated to 1e-9, a hundredth of the smallest distance"
)


def check(
    laboratory: Laboratory,
    depth: int = 2,
    factor: float = 1.0,
    order: float = 1.0,
) -> Evidence:
    """Ask for `order` times the order in λ of the distance to the path at `factor` times β."""
    problem = path_targets(laboratory)
    log_beta = depth / 2 * log_beta_at(SLOW_TIMES, SLOW_ALPHA) + np.log(factor)
    reference = trace(problem, log_beta, depth=depth, tolerance=1e-10).weights
    size = np.linalg.norm(reference, axis=0)
    distances = [
        (np.linalg.norm(slow_flow(laboratory, lam).weights - reference, axis=0) / size).max()
        for lam in SLOW_LAMS
    ]
    limit = order_in(np.array(SLOW_LAMS), np.array(distances))
    return Evidence(
        abs(limit.value - order * order_in_lam()), limit.halfwidth, DERIVATION, resolution=0.1
    )


CLAIM = Claim(
    label="path-flow",
    statement="simulated weights are within O(λ) of the quasi-static path, uniformly in time",
    hypotheses=(
        "depth-2 diagonal net, square loss",
        "targets that can be interpolated",
        "λt from log α - 1 on, when the data are fitted",
    ),
    source="grokflow; Boursier, Pesme and Dragomir 2025 for λ → 0 on the zero-loss set",
    kind=StatementKind.LIMIT,
    error_rate=EXTRAPOLATED,
    scope=Scope((), "diagonal net", ("square",), (2,)),
    expected=Verdict.SUPPORTED,
    check=check,
    formulas=(log_beta_at, order_in_lam),
    broken=(
        Broken("the path at 1.1 times the β", partial(check, factor=1.1)),
        Broken("within O(λ^1.1)", partial(check, order=1.1)),
        Broken("the path of the net of depth 3", partial(check, depth=3)),
    ),
    for_every=(ForEvery(path_targets, partial(strategies.interpolable, decades=0)),),
)

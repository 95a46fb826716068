"""The flow of matrix completion stays within O(λ) of the quasi-static path.

How it is measured: as `path_flow`, in the Frobenius norm. The path is an integral that depends on
its history and not the minimiser of a potential, so this compares two different systems: one in W
without λ, one in (U, V) with it.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from grokflow.proofs_check import strategies
from grokflow.proofs_check.claim import Broken, Claim, Evidence, ForEvery, StatementKind, Verdict
from grokflow.proofs_check.completion.experiments import (
    SLOW_TIMES,
    completion_entries,
    completion_slow_flow,
)
from grokflow.proofs_check.evidence.corrections import order_in_lam
from grokflow.proofs_check.evidence.error_rates import EXTRAPOLATED
from grokflow.proofs_check.evidence.extrapolation import extrapolated
from grokflow.proofs_check.evidence.orders import order_in
from grokflow.proofs_check.laboratory import SLOW_ALPHA, Laboratory
from grokflow.proofs_check.scope import Scope
from grokflow.theory.completion.path import trace_completion
from grokflow.theory.transition.times import log_beta_at

DERIVATION = (
    extrapolated("of the slope in λ")
    + "; the flow is integrated to 1e-8 and the path to 1e-9, a hundredth of the smallest distance"
)
_LAMS = np.geomspace(1e-3, 1e-6, 9)


def check(laboratory: Laboratory, factor: float = 1.0, order: float = 1.0) -> Evidence:
    """Ask for `order` times the order in λ of the distance to the path at `factor` times β."""
    flow = partial(completion_slow_flow, laboratory)
    log_beta = log_beta_at(SLOW_TIMES, SLOW_ALPHA) + np.log(factor)
    reference = trace_completion(completion_entries(laboratory), log_beta, rtol=1e-9).matrices
    size = np.linalg.norm(reference, axis=(1, 2))
    # A mean square over times is smooth in λ where the largest distance changes its place.
    distances = [
        np.sqrt(np.mean((np.linalg.norm(flow(lam).matrices - reference, axis=(1, 2)) / size) ** 2))
        for lam in map(float, _LAMS)
    ]
    limit = order_in(_LAMS, np.array(distances))
    return Evidence(
        abs(limit.value - order * order_in_lam()), limit.halfwidth, DERIVATION, resolution=0.1
    )


CLAIM = Claim(
    label="completion-path-flow",
    statement="simulated matrices are within O(λ) of the quasi-static path, uniformly in time",
    hypotheses=(
        "matrix completion from U = V = α I",
        "d = 12, 30 distinct entries of an indefinite matrix",
        "λt from log α - 1 to log α + 3",
    ),
    source="grokflow; Boursier, Pesme and Dragomir 2025 for λ → 0 on the zero-loss set",
    kind=StatementKind.LIMIT,
    error_rate=EXTRAPOLATED,
    scope=Scope((), "matrix completion", ("square",), (2,)),
    expected=Verdict.SUPPORTED,
    check=check,
    formulas=(order_in_lam,),
    broken=(
        Broken("the path at 1.1 times the β", partial(check, factor=1.1)),
        Broken("within O(λ^1.1)", partial(check, order=1.1)),
    ),
    for_every=(ForEvery(completion_entries, strategies.entries),),
)

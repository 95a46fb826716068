"""Where the data determine the weights there is no transition: the flow stays next to one point.

How it is measured: the largest distance of the flow of u and v from the weights of least loss, at
seven λ from 1e-3 to 1e-5, on data whose rank is the number of inputs. The local slope of its
logarithm in log λ is extrapolated to λ = 0, where it must be 1.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from grokflow.proofs_check.claim import (
    Broken,
    Claim,
    Evidence,
    ForEvery,
    StatementKind,
    Verdict,
    weakest,
)
from grokflow.proofs_check.diagonal.regimes.experiments import (
    ACCURACY,
    RANK,
    STRATEGIES,
    data,
    flow,
)
from grokflow.proofs_check.evidence.corrections import order_in_lam
from grokflow.proofs_check.evidence.error_rates import EXTRAPOLATED
from grokflow.proofs_check.evidence.orders import DERIVATION, order_in
from grokflow.proofs_check.laboratory import Laboratory
from grokflow.proofs_check.scope import Scope
from grokflow.theory.linear.least_loss.predictor import MinLoss
from grokflow.theory.losses import LOSSES, ConcordantLoss, Square

# At λ = 1e-2 some data are not in the regime of small λ yet.
_LAMS = np.geomspace(1e-3, 1e-5, 7)


def check(laboratory: Laboratory, inputs: int = RANK, of: ConcordantLoss | None = None) -> Evidence:
    """Compare with the weights of least loss, or of the least loss `of` another kind."""
    return weakest(
        [_one(laboratory, loss, inputs, of) for loss in LOSSES if of is None or loss != of.name]
    )


def _one(laboratory: Laboratory, name: str, inputs: int, of: ConcordantLoss | None) -> Evidence:
    loss, problem = of or LOSSES[name], data(laboratory, name, inputs, RANK)
    assert isinstance(loss, ConcordantLoss)
    if inputs == RANK and not problem.row_space.fills_inputs:
        raise ValueError("data of smaller rank found, expected those that determine w: draw anew")
    point = MinLoss(loss).predict(problem).w[:, None]
    distances = [
        np.linalg.norm(flow(laboratory, name, lam, inputs, RANK) - point, axis=0).max()
        for lam in _LAMS.tolist()
    ]
    limit = order_in(_LAMS, np.array(distances), ACCURACY)
    return Evidence(abs(limit.value - order_in_lam()), limit.halfwidth, DERIVATION, resolution=0.2)


CLAIM = Claim(
    label="determined",
    statement="where the data determine the weights, w is within O(λ) of one point at all times",
    hypotheses=(
        "depth-2 diagonal net; square loss and noisy targets, or exponential and logistic loss "
        "and classes that overlap",
        "rank of the data = number of inputs",
        "λt from log α - ½ on, when the loss is at its least",
    ),
    source="grokflow: X w = q* has one solution",
    kind=StatementKind.LIMIT,
    error_rate=EXTRAPOLATED,
    scope=Scope((), "diagonal net", ("square", "exponential", "logistic"), (2,)),
    expected=Verdict.SUPPORTED,
    check=check,
    formulas=(order_in_lam,),
    for_every=tuple(
        ForEvery(data, partial(strategy, max_n=3, spare=0), (loss, RANK, RANK))
        for loss, strategy in STRATEGIES.items()
    ),
    broken=(
        Broken("one input more than the rank", partial(check, inputs=RANK + 1)),
        Broken("the weights of least squares, for the other losses", partial(check, of=Square())),
    ),
)

"""Figure 1: the same net groks on one problem and misgroks on another.

How it is measured: test accuracy on 10 000 points at the start of the rich phase against the end
of the record, at the paper's sizes. The early value is read where the training set has just been
fitted for the first time. The paper's curves go most of the way between chance and always right;
the claim asks for half of it, a quarter.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from grokflow.proofs_check.claim import Broken, Claim, Evidence, StatementKind, Verdict
from grokflow.proofs_check.diagonal.experiments import FLOW_A, FLOW_B, ScoredFlow, figure_1_flow
from grokflow.proofs_check.evidence.error_rates import SAMPLED
from grokflow.proofs_check.evidence.judging import FALSE_REFUTATIONS
from grokflow.proofs_check.laboratory import Experiment, Laboratory
from grokflow.proofs_check.ranges.reasons import FIGURE
from grokflow.proofs_check.scope import Scope

LEVEL = 0.25
DERIVATION = (
    f"the change must be at least {LEVEL}; a test point changes by -1, 0 or 1, so that Hoeffding's "
    "inequality bounds the error of the mean change over n test points by √(2 log(1/error)/n)"
)


def change(flow: ScoredFlow, sign: int) -> Evidence:
    """Compare test accuracy when the training set is first fitted with the end of the record."""
    accuracy = flow.scores.accuracy
    assert accuracy is not None
    fitted = int(np.argmax(flow.trajectory.train_error == 0))
    short = LEVEL - sign * float(accuracy[-1] - accuracy[fitted])
    allowed = float(np.sqrt(2 * np.log(1 / FALSE_REFUTATIONS) / flow.scores.size))
    # The level lies inside the interval: too few test points to tell.
    blunt = not short <= -allowed
    return Evidence(short, allowed, DERIVATION, allowed if blunt else np.inf)


def grokking(laboratory: Laboratory, panel: str = "a") -> Evidence:
    """Test accuracy rises in Figure 1a; with panel b the claim is that it does so there."""
    return change(figure_1_flow(laboratory, panel), 1)


def misgrokking(laboratory: Laboratory, sparsity: int = 0) -> Evidence:
    """Test accuracy falls in Figure 1b; `sparsity` replaces its dense direction."""
    return change(figure_1_flow(laboratory, "b", sparsity), -1)


_LEVEL_ONLY = (
    "no formula of the theory enters: what is claimed is a sign, and a level that we chose"
)

GROKKING = Claim(
    label="figure-1a",
    statement="grokking: test accuracy rises by a quarter at least after the training set is "
    "fitted",
    hypotheses=("n = 256, d = 100 000, 3-sparse ±1 labels", "λ = 1e-3, ‖θ(0)‖ = 128, logistic"),
    source="Lyu et al. 2024, Figure 1a",
    kind=StatementKind.INEQUALITY,
    error_rate=SAMPLED,
    scope=Scope(("Figure 1a",), "diagonal net", ("logistic",), (2,)),
    no_range=FIGURE,
    expected=Verdict.SUPPORTED,
    check=grokking,
    no_formulas=_LEVEL_ONLY,
    broken=(Broken("on the data of Figure 1b", partial(grokking, panel="b")),),
    experiments=(FLOW_A, FLOW_B),
)

MISGROKKING = Claim(
    label="figure-1b",
    statement="misgrokking: test accuracy falls by a quarter at least after the training set is "
    "fitted",
    hypotheses=(
        "n = 32, d = 100 000, Gaussian classes γ = 25 apart along a dense direction",
        "λ = 1e-3, ‖θ(0)‖ = 128, logistic",
    ),
    source="Lyu et al. 2024, Figure 1b",
    kind=StatementKind.INEQUALITY,
    error_rate=SAMPLED,
    scope=Scope(("Figure 1b",), "diagonal net", ("logistic",), (2,)),
    no_range=FIGURE,
    expected=Verdict.SUPPORTED,
    check=misgrokking,
    no_formulas=_LEVEL_ONLY,
    broken=(Broken("classes apart along one input only", partial(misgrokking, sparsity=1)),),
    experiments=(FLOW_B, Experiment(figure_1_flow, ("b", 1), seconds=16.0)),
)

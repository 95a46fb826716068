"""Theorem E.4: the max-L1-margin classifier of k-sparse ±1 data errs rarely, nearly whatever d.

How it is measured, and what error is allowed: see `grokflow.proofs_check.linear.margin_errors`.
"""

from __future__ import annotations

from functools import partial

from grokflow.proofs_check.claim import Broken, Claim, StatementKind, Verdict
from grokflow.proofs_check.linear.margin_errors import HYPOTHESES, K, check
from grokflow.theory.linear.bounds import max_l1_margin_error
from grokflow.theory.linear.l1 import MaxL1Margin

_check = partial(check, predictor=MaxL1Margin(), law=max_l1_margin_error)

CLAIM = Claim(
    label="thm-e.4",
    statement="with probability at least 1 - δ the max-L1-margin classifier errs at most "
    "4k √(2 log(2d)/n) + 3 √(log(2/δ)/2n)",
    hypotheses=(*HYPOTHESES, "n = 1200, where the bound is 0.95"),
    source="Lyu et al. 2024, Theorem E.4",
    kind=StatementKind.PROBABILITY,
    expected=Verdict.SUPPORTED,
    check=partial(_check, n=1200),
    broken=(
        Broken("labels by other inputs at test time", partial(_check, n=12_000, shift=K, draws=8)),
        Broken(
            "4 samples repeated 10 000 times, not independent",
            partial(_check, n=40_000, copies=10_000, draws=8),
        ),
    ),
)

"""Theorem E.4: the max-L1-margin classifier of k-sparse ±1 data errs rarely, nearly whatever d.

How it is measured, and what error is allowed: see `grokflow.proofs_check.linear.margin_errors`.
"""

from __future__ import annotations

from functools import partial

from grokflow.proofs_check.claim import Broken, Claim, StatementKind, Verdict
from grokflow.proofs_check.evidence.error_rates import SAMPLED
from grokflow.proofs_check.linear.margin_errors import (
    HYPOTHESES,
    IN_ITS_PARTS,
    check,
    check_rival,
    vacuous_in_print,
)
from grokflow.proofs_check.ranges.reasons import LAW
from grokflow.proofs_check.scope import Scope
from grokflow.theory.linear.bounds import max_l1_margin_error
from grokflow.theory.linear.l1 import MaxL1Margin

_N = 28_000
_check = partial(check, predictor=MaxL1Margin(), law=max_l1_margin_error, n=_N)
_rival = partial(check_rival, law=max_l1_margin_error, n=_N)

CLAIM = Claim(
    label="thm-e.4",
    statement="with probability at least 1 - δ the max-L1-margin classifier errs at most "
    "4k √(2 log(2d)/n) + 3 √(log(2/δ)/2n)",
    hypotheses=(
        *HYPOTHESES,
        f"n = {_N}, where the bound is 0.2",
        vacuous_in_print(max_l1_margin_error),
    ),
    source="Lyu et al. 2024, Theorem E.4",
    kind=StatementKind.PROBABILITY,
    error_rate=SAMPLED,
    scope=Scope(("Theorem E.4",), "linear classifier", (), ()),
    no_range=LAW,
    expected=Verdict.SUPPORTED,
    check=_check,
    no_formulas=IN_ITS_PARTS,
    broken=(
        Broken("one of the k inputs is another at test time", partial(_check, shift=1)),
        Broken("weights on one of the k inputs alone", partial(_rival, informed=1)),
        Broken("weights on two of the k inputs", partial(_rival, informed=2)),
        Broken("random weights", partial(_rival, informed=0)),
    ),
)

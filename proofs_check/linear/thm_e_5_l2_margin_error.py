"""Theorem E.5: the max-L2-margin classifier of k-sparse ±1 data errs rarely once n exceeds kd.

How it is measured, and what error is allowed: see `grokflow.proofs_check.linear.margin_errors`. The
dimension cannot be left out of the bound: at d = 10 000 the error, estimated on 4000 test points
and lowered by five standard errors, exceeds what remains without it.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from grokflow.proofs_check.claim import Broken, Claim, Evidence, StatementKind, Verdict
from grokflow.proofs_check.evidence.error_rates import SAMPLED
from grokflow.proofs_check.evidence.judging import judge_samples
from grokflow.proofs_check.evidence.replicates import rate_at_most
from grokflow.proofs_check.laboratory import Laboratory
from grokflow.proofs_check.linear.margin_errors import (
    DELTA,
    HYPOTHESES,
    IN_ITS_PARTS,
    check,
    check_rival,
    vacuous_in_print,
)
from grokflow.proofs_check.linear.margin_experiments import sparse_weights
from grokflow.proofs_check.ranges.reasons import LAW
from grokflow.proofs_check.scope import Scope
from grokflow.simulations.linear.presets import sparse
from grokflow.theory.linear.bounds import max_l2_margin_error
from grokflow.theory.linear.l2 import MaxL2Margin


def check_without_dimension(laboratory: Laboratory) -> Evidence:
    """Compare the error for n = 500, d = 10 000, k = 1 with the bound for d = 1."""
    n, d, k = 500, 10_000, 1
    bound = max_l2_margin_error(n=n, d=1, k=k, delta=DELTA).value
    weights = sparse_weights(laboratory, MaxL2Margin(), n=n, d=d, k=k, draws=6)
    # The label of every draw is the sign of the first input: one test set serves all of them.
    scores = sparse(n=1, d=d, k=k, seed=laboratory.seed, n_test=4000).score(np.array(weights).T)
    return judge_samples(rate_at_most(scores.error - 5 * scores.spread > bound, DELTA))


_N = 16_500
_check = partial(check, predictor=MaxL2Margin(), law=max_l2_margin_error, n=_N)
_rival = partial(check_rival, law=max_l2_margin_error, n=_N)

CLAIM = Claim(
    label="thm-e.5",
    statement="with probability at least 1 - δ the max-L2-margin classifier errs at most "
    "4 √(kd/n) + 3 √(log(2/δ)/2n)",
    hypotheses=(
        *HYPOTHESES,
        f"n = {_N}, where the bound is 0.2",
        vacuous_in_print(max_l2_margin_error),
    ),
    source="Lyu et al. 2024, Theorem E.5",
    kind=StatementKind.PROBABILITY,
    error_rate=SAMPLED,
    scope=Scope(("Theorem E.5",), "linear classifier", (), ()),
    no_range=LAW,
    expected=Verdict.SUPPORTED,
    check=_check,
    no_formulas=IN_ITS_PARTS,
    broken=(
        Broken("the dimension left out, 4 √(k/n)", check_without_dimension),
        Broken("one of the k inputs is another at test time", partial(_check, shift=1)),
        Broken("weights on one of the k inputs alone", partial(_rival, informed=1)),
        Broken("random weights", partial(_rival, informed=0)),
    ),
)

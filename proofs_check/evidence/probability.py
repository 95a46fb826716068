"""Statements that hold with probability at least 1 - δ, tested on independent draws."""

from __future__ import annotations

import numpy as np

from grokflow.proofs_check.claim import Evidence
from grokflow.theory.transition.intervals import clopper_pearson

DERIVATION = (
    "the failure probability δ, against the lower end of the 95 % Clopper-Pearson interval for the "
    "fraction of draws in which the bound fails; inconclusive while the interval holds δ"
)


def failure_rate(fails: np.ndarray, delta: float) -> Evidence:
    """Judge "fails with probability at most δ" from independent draws, a bool for each.

    Refuted when the interval lies above δ, supported when it lies below, and inconclusive when it
    holds δ: then there are too few draws to tell.
    """
    low, high = clopper_pearson(int(np.count_nonzero(fails)), len(fails))
    return Evidence(low, delta, DERIVATION, resolution=np.inf if high <= delta else delta)

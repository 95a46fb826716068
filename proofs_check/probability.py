"""Statements that hold with probability at least 1 - δ, tested on independent draws."""

from __future__ import annotations

import numpy as np
from scipy.stats import beta

from proofs_check.claim import Evidence

DERIVATION = (
    "the failure probability δ, against the lower end of the 95 % Clopper-Pearson interval for the "
    "fraction of draws in which the bound fails; inconclusive while the interval holds δ"
)


def clopper_pearson(count: int, draws: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the exact interval for a probability after `count` events in `draws` trials."""
    if not 0 <= count <= draws or draws < 1:
        raise ValueError(f"{count} of {draws} found, expected 0 ≤ count ≤ draws: count the events")
    tail = (1 - confidence) / 2
    low = beta.ppf(tail, count, draws - count + 1) if count else 0.0
    high = beta.ppf(1 - tail, count + 1, draws - count) if count < draws else 1.0
    return float(low), float(high)


def failure_rate(fails: np.ndarray, delta: float) -> Evidence:
    """Judge "fails with probability at most δ" from independent draws, a bool for each.

    Refuted when the interval lies above δ, supported when it lies below, and inconclusive when it
    holds δ: then there are too few draws to tell.
    """
    low, high = clopper_pearson(int(np.count_nonzero(fails)), len(fails))
    return Evidence(low, delta, DERIVATION, resolution=np.inf if high <= delta else delta)

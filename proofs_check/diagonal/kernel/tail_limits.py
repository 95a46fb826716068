"""Limits under the exponential loss, with the corrections of the Lambert function."""

from __future__ import annotations

import numpy as np

from grokflow.proofs_check.claim import Evidence
from grokflow.proofs_check.diagonal.kernel.uneven_nets import RTOL
from grokflow.proofs_check.evidence.corrections import lambert
from grokflow.proofs_check.evidence.extrapolation import extrapolate, local_slopes


def judge_slope(
    x: np.ndarray,
    y: np.ndarray,
    claimed: float,
    *,
    log_a: np.ndarray,
    derivation: str,
    resolution: float,
) -> Evidence:
    """Ask that the slope of y in x, as A grows, be at most what is claimed.

    The integrator errs at both ends of the shortest interval.
    """
    limit = extrapolate(local_slopes(x, y).values, lambert((log_a[1:] + log_a[:-1]) / 2))
    allowed = limit.halfwidth + 2 * RTOL / float(np.diff(x).min())
    return Evidence(limit.value - claimed, allowed, derivation, resolution)

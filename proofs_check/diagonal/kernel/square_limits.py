"""Limits at T_c^- under the square loss, with corrections in α^{-cL} and 1/A."""

from __future__ import annotations

import numpy as np

from grokflow.proofs_check.claim import Evidence
from grokflow.proofs_check.diagonal.kernel.uneven_nets import RTOL, Run
from grokflow.proofs_check.evidence.corrections import two_powers
from grokflow.proofs_check.evidence.extrapolation import extrapolate, extrapolated, local_slopes

# Of the claims about these limits.
HYPOTHESES = (
    "diagonal nets of degree L = 2, 3, 4 from uneven starts, square loss, independent features",
    "c = ¼, ½, ¾ at every degree, λ = α^-p with nine p from 0.3 to 2",
)

_DERIVATION = extrapolated("in α^{-cL}, 1/A and α^{-2cL}") + (
    ", plus what the integrator's tolerance changes in the measured values"
)


def judge_limit(
    values: np.ndarray, runs: tuple[Run, ...], claimed: float, *, record: int = -1, noise: float = 0
) -> Evidence:
    """Compare the limit of values of order one, at one record of each run, with the claim."""
    degree = runs[0].net.degree
    small = np.exp([-degree * run.log_scale[record] for run in runs])
    inverse = np.exp([-run.log_a[record] for run in runs])
    found = extrapolate(values, two_powers(small, inverse))
    allowed = found.halfwidth + 2 * RTOL + noise
    return Evidence(abs(found.value - claimed), allowed, _DERIVATION, resolution=0.1)


def judge_order(
    sizes: np.ndarray, runs: tuple[Run, ...], claimed: float, *, noise: float = 0
) -> Evidence:
    """Ask that the slope of log size in log α, at T_c^-, be at most what is claimed.

    A slope that is a tenth too large would show.
    """
    log_alpha = np.array([run.log_alpha for run in runs])
    log_scale = np.array([run.log_scale[-1] for run in runs])
    log_a = np.array([run.log_a[-1] for run in runs])
    slopes = local_slopes(log_alpha, np.log(sizes))
    small = np.exp(-runs[0].net.degree * (log_scale[1:] + log_scale[:-1]) / 2)
    terms = two_powers(small, np.exp(-(log_a[1:] + log_a[:-1]) / 2))
    found = extrapolate(slopes.values, terms)
    allowed = found.halfwidth + 2 * (2 * RTOL + noise) / float(np.diff(log_alpha).min())
    return Evidence(found.value - claimed, allowed, _DERIVATION, resolution=abs(claimed) / 10)

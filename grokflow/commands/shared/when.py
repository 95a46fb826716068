"""How well a predicted time is known, in words."""

from __future__ import annotations

import numpy as np

from grokflow.theory.transition.diagnosis import Diagnosis
from grokflow.theory.transition.intervals import Interval
from grokflow.theory.transition.scores import Kind

# Relative errors of a time below this are left out of sentences.
_EXACT = 0.01


def half_done(found: Diagnosis) -> str:
    """Say when half of the change is done, and how well that is known."""
    when = found.transition.lambda_t
    if not np.isfinite(when):
        return _untimed(found)
    return f"half of it by about λt = {when:.2f}{uncertainty(found)}"


def _untimed(found: Diagnosis) -> str:
    """Say why a change has no predicted time: no curve, or one that does not make half of it."""
    if np.isnan(found.end_quality):
        return "at a time that is not known"
    if found.stands_still or found.change.kind is Kind.SHRINKING:
        return (
            f"at a time that is not predicted: weight decay of λ = {found.lam:g} itself makes the "
            "change, and for λ → 0 there is no such change"
        )
    return (
        "at a time that is not predicted: the curve of the theory, which is that of λ → 0, does "
        "not make half of the change"
    )


def uncertainty(found: Diagnosis) -> str:
    """Say between which times half of the change is done, or the order of the error of that."""
    if found.interval.is_known:
        return within(found.interval, 2)
    return order_of_error(found)


def within(interval: Interval, decimals: int) -> str:
    """Say an interval of times, rounded outwards; an end that is not bounded is left open."""
    unit = 10.0**-decimals
    low, high = np.floor(interval.low / unit) * unit, np.ceil(interval.high / unit) * unit
    if not np.isfinite([low, high]).any():
        return " (nothing bounds the error of this time)"
    if not np.isfinite(low):
        return f" (not after {high:.{decimals}f}; nothing bounds how early it may be)"
    if not np.isfinite(high):
        return f" (not before {low:.{decimals}f}; nothing bounds how late it may be)"
    return f" (between {low:.{decimals}f} and {high:.{decimals}f})"


def order_of_error(found: Diagnosis) -> str:
    """Say the order of the relative error of predicted times, where it can be noticed."""
    if found.interval.is_known or found.time_error < _EXACT:
        return ""
    order = "1/log(1/λ)" if found.tailed else "λ"
    return (
        f" (to leading order in {order}, which is {found.time_error:.2g} here: no bound on the "
        "error, of the time or of the width)"
    )
